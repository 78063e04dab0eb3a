# qtl2's warnings are given where qtl2 gives them; what qtl2 has to do is said once.

warnings_of <- function(call, package, data) {
    said <- character()
    withCallingHandlers(suppressMessages(by_package(call, package, data)), warning = function(w) {
        said <<- c(said, conditionMessage(w))
        invokeRestart("muffleWarning")
    })
    sort(unique(said))
}

with_warnings <- expression(
    scan1(probs, pheno, foo = 1), scan1(probs, pheno, kinship, foo = 1, bar = 2), scan1max(probs, pheno, foo = 1),
    scan1perm(few, pheno, n_perm = 1, foo = 1), scan1perm(few, pheno, kinship, n_perm = 1, foo = 1),
    est_herit(pheno, kinship, foo = 1),
    scan1coef(one, liver, foo = 1), scan1coef(one, liver, kinship, foo = 1), fit1(position, liver, foo = 1),
    fit1(position, liver, kinship, foo = 1),
    scan1coef(few, liver), scan1coef(few, liver, kinship), scan1blup(few, liver), scan1coef(one, pheno), scan1blup(one, pheno),
    fit1(position, pheno), fit1(position, pheno, kinship),
    fit1(position, liver, blup = TRUE), fit1(position, liver, blup = TRUE, intcovar = sex),
    fit1(position, liver, blup = TRUE, weights = weights),
    fit1(position, liver, kinship, hsq = 0.3, blup = TRUE), fit1(position, liver, blup = TRUE, se = FALSE, var = TRUE))

without_warnings <- expression(
    scan1(probs, pheno), scan1(probs, pheno, kinship), scan1(probs, pheno, tol = 1e-10),
    est_herit(pheno, kinship, check_boundary = FALSE),
    scan1coef(one, liver), fit1(position, liver), fit1(position, liver, blup = TRUE, se = FALSE), scan1blup(one, liver))

data_for_warnings <- function() {
    data <- iron_data()
    data$one <- data$probs[, "16"]
    data$few <- data$probs[, c("16", "17")]
    data$liver <- data$pheno[, "liver"]
    data
}

test_that("warnings are qtl2's", {
    skip_without_python()
    skip_without_qtl2()
    data <- data_for_warnings()
    for (call in as.list(with_warnings)) {
        ours <- warnings_of(call, "lmmbridge", data)
        expect_identical(ours, warnings_of(call, "qtl2", data), label = paste(deparse(call), collapse = ""))
        expect_gt(length(ours), 0)
    }
    for (call in as.list(without_warnings)) expect_identical(warnings_of(call, "lmmbridge", data), character())
})

test_that("model = \"binary\" and scan_func are done by qtl2, which is said once", {
    skip_without_python()
    skip_without_qtl2()
    session <- getFromNamespace("session", "lmmbridge")
    said <- session$said
    on.exit(session$said <- said)
    session$said <- NULL
    data <- data_for_warnings()
    data$binary <- (data$pheno[, "liver", drop = FALSE] > 100) * 1
    data$scan <- function(genoprobs, pheno, ...) qtl2::scan1(genoprobs, pheno + 0, ...)
    expect_message(binary <- scan1(data$few, data$binary, model = "binary"), "qtl2::scan1")
    expect_identical(binary, qtl2::scan1(data$few, data$binary, model = "binary"))
    expect_silent(scan1(data$few, data$binary, model = "binary"))
    same <- function(call) {
        call <- substitute(call)
        results <- lapply(c("qtl2", "lmmbridge"), function(package) {
            set.seed(20260304)
            suppressMessages(by_package(call, package, data))
        })
        expect_identical(results[[2]], results[[1]])
    }
    same(scan1coef(one, binary, model = "binary"))
    same(fit1(position, binary, model = "binary"))
    same(scan1max(few, binary, model = "binary"))
    same(scan1perm(few, binary, model = "binary", n_perm = 2))
    expect_message(scan1perm(data$few, data$pheno, n_perm = 1, scan_func = data$scan), "scan_func is done by qtl2")
    same(scan1perm(few, pheno, n_perm = 2, scan_func = scan))

    # called by do.call, lapply, or within a function with dots
    expect_identical(do.call(lmmbridge::scan1, list(data$few, data$binary, model = "binary")), binary)
    expect_identical(lapply(list(data$binary), scan1, genoprobs = data$few, model = "binary")[[1]], binary)
    with_dots <- function(...) scan1(data$few, data$binary, ...)
    expect_identical(with_dots(model = "binary"), binary)
})

test_that("arguments of qtl2's algorithms are without effect, which is said once", {
    skip_without_python()
    skip_without_qtl2()
    session <- getFromNamespace("session", "lmmbridge")
    said <- session$said
    on.exit(session$said <- said)
    session$said <- NULL
    data <- data_for_warnings()
    expect_message(found <- est_herit(data$pheno, data$kinship, tol = 1e-3), "lmmbridge does without tol")
    expect_silent(again <- est_herit(data$pheno, data$kinship, tol = 1e-3))
    expect_identical(found, est_herit(data$pheno, data$kinship))
    expect_identical(again, found)
})

test_that("what the fits have to say comes as messages of their own class", {
    skip_without_python()
    skip_without_qtl2()
    data <- data_for_warnings()
    expect_message(scan1(data$few, data$pheno[-(1:4), ]), "4 individuals", class = "lmmbridge_note")
})

test_that("kinship is matched by place, as in qtl2, with a warning where its names say otherwise", {
    skip_without_python()
    skip_without_qtl2()
    data <- iron_data()
    probs <- data$probs[, c("1", "2", "X")]
    turned <- data$loco[c("2", "1", "X")]
    expect_warning(ours <- scan1(probs, data$pheno, turned), "matched to the chromosomes by place")
    theirs <- qtl2::scan1(probs, data$pheno, turned)
    expect_equal(as.numeric(ours), as.numeric(theirs), tolerance = OWN_HSQ)
    expect_equal(as.numeric(attr(ours, "hsq")), as.numeric(attr(theirs, "hsq")), tolerance = OWN_HSQ)
    expect_silent(suppressMessages(scan1(probs, data$pheno, unname(turned))))
})
