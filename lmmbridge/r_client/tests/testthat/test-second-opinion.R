# A call in R and in Python, compared.

opinion_on <- function(call, data) {
    call <- substitute(call)
    asked <- base::call("second_opinion", call)
    utils::capture.output(opinion <- suppressWarnings(suppressMessages(eval(asked, data, globalenv()))))
    opinion
}

expect_verdict <- function(opinion, verdict) {
    expect_s3_class(opinion, "lmmbridge_opinion")
    expect_identical(opinion$verdict, verdict)
    expect_identical(names(opinion$table), c("quantity", "verdict", "digits", "difference", "tolerance", "worst"))
    expect_gt(nrow(opinion$table), 0)
}

data_for_opinions <- function() {
    data <- iron_data()
    data$liver <- data$pheno[, "liver"]
    data$some <- data$probs[, c("2", "16")]
    data$one <- data$probs[, "16"]
    data
}

test_that("the two agree", {
    skip_without_python()
    skip_without_qtl2()
    data <- data_for_opinions()
    expect_verdict(opinion_on(qtl2::est_herit(pheno, kinship), data), "agree")
    expect_verdict(opinion_on(qtl2::est_herit(pheno, kinship, sex, weights = weights), data), "agree")
    expect_verdict(opinion_on(qtl2::scan1(some, pheno), data), "agree")
    expect_verdict(opinion_on(qtl2::scan1(some, pheno, loco[c("2", "16")], addcovar = sex), data), "agree")
    expect_verdict(opinion_on(qtl2::scan1max(some, pheno, kinship), data), "agree")
    expect_verdict(opinion_on(qtl2::scan1coef(one, liver, loco[["16"]], sex, se = TRUE), data), "agree")
    expect_verdict(opinion_on(qtl2::scan1blup(one, liver), data), "agree")
    expect_verdict(opinion_on(qtl2::fit1(position, liver), data), "agree")
    expect_verdict(opinion_on(qtl2::fit1(position, liver, kinship), data), "agree")
    expect_verdict(opinion_on(qtl2::calc_kinship(probs), data), "agree")
    expect_verdict(opinion_on(qtl2::calc_kinship(probs, "loco"), data), "agree")
    expect_verdict(opinion_on(qtl2::scale_kinship(kinship), data), "agree")
    expect_verdict(opinion_on(qtl2::decomp_kinship(kinship), data), "agree")
})

test_that("permutations are the same on both sides, and are drawn once", {
    skip_without_python()
    skip_without_qtl2()
    data <- data_for_opinions()
    set.seed(20260306)
    opinion <- opinion_on(qtl2::scan1perm(some, pheno, n_perm = 3), data)
    after <- stats::runif(1)
    expect_verdict(opinion, "agree")
    set.seed(20260306)
    expect_identical(opinion$theirs, qtl2::scan1perm(data$some, data$pheno, n_perm = 3))
    expect_identical(after, stats::runif(1))
    expect_verdict(opinion_on(qtl2::scan1perm(some, pheno, kinship, n_perm = 2), data), "agree")
})

test_that("where qtl2 departs from the mathematics the register names it", {
    skip_without_python()
    skip_without_qtl2()
    data <- data_for_opinions()
    opinion <- opinion_on(qtl2::fit1(position, liver, kinship, sex, intcovar = sex, weights = weights), data)
    expect_verdict(opinion, "known divergence")
    expect_match(opinion$reasons, "interaction is weighted twice", all = FALSE)
    opinion <- opinion_on(qtl2::scan1blup(one, liver, kinship, se = TRUE), data)
    expect_verdict(opinion, "known divergence")
    expect_match(opinion$reasons, "standard errors", all = FALSE)
})

test_that("calls without a package's name, and by either name of an argument, are understood", {
    skip_without_python()
    skip_without_qtl2()
    data <- data_for_opinions()
    data$scan1 <- qtl2::scan1
    expect_verdict(opinion_on(scan1(some, pheno), data), "agree")
    expect_verdict(opinion_on(qtl2::scan1(pheno = pheno, genoprobs = some, kinship = kinship), data), "agree")
    inside <- function(traits) {
        utils::capture.output(opinion <- second_opinion(qtl2::est_herit(traits, data$kinship)))
        opinion
    }
    expect_verdict(inside(data$pheno), "agree")
})

test_that("what is printed is the table and the verdict", {
    skip_without_python()
    skip_without_qtl2()
    data <- data_for_opinions()
    pheno <- data$pheno
    kinship <- data$kinship
    expect_output(opinion <- second_opinion(qtl2::est_herit(pheno, kinship)), "Verdict: agree")
    expect_output(print(opinion), "Second opinion on qtl2::est_herit\\(pheno, kinship\\)")
    expect_output(print(opinion), "quantity +verdict")
    expect_equal(opinion$theirs, qtl2::est_herit(pheno, kinship))
    expect_equal(opinion$ours, est_herit(pheno, kinship))
})

test_that("what cannot be done is refused in one sentence", {
    skip_without_python()
    skip_without_qtl2()
    data <- data_for_opinions()
    expect_error(opinion_on(qtl2::find_peaks(one, pheno), data), "no second opinion on find_peaks", class = "lmmbridge_error")
    expect_error(opinion_on(base::mean(liver), data), "no second opinion on mean", class = "lmmbridge_error")
    expect_error(opinion_on(qtl2::scan1(probs, pheno, model = "binary"), data), "binary", class = "lmmbridge_error")
    expect_error(opinion_on(liver, data), "wants the call itself", class = "lmmbridge_error")
    error <- expect_error(opinion_on(qtl2::scan1(NULL, pheno), data), "genoprobs is NULL")
    expect_identical(deparse(conditionCall(error)), "qtl2::scan1(genoprobs = genoprobs, pheno = pheno)")
})

test_that("lmmlite's four", {
    skip_without_python()
    skip_without_lmmlite()
    found <- new.env()
    utils::data("recla", package = "lmmlite", envir = found)
    data <- list(K = found$recla$kinship, y = found$recla$pheno[, 1], X = found$recla$covar)
    expect_verdict(opinion_on(lmmlite::eigen_rotation(K, y, X), data), "agree")
    data <- lmmlite::eigen_rotation(data$K, data$y, data$X)
    expect_verdict(opinion_on(lmmlite::getMLsoln(0.3, Kva, y, X), data), "agree")
    expect_verdict(opinion_on(lmmlite::calcLL(0.3, Kva, y, X), data), "agree")
    expect_verdict(opinion_on(lmmlite::calcLL(c(0.3, 0.6), Kva, y, X, reml = FALSE), data), "agree")
    expect_verdict(opinion_on(lmmlite::fitLMM(Kva, y, X, tol = 1e-12), data), "agree")
    opinion <- opinion_on(lmmlite::fitLMM(Kva, y, X), data)
    expect_verdict(opinion, "explained")
    expect_match(opinion$reasons, "a loose tolerance", all = FALSE)
})

test_that("a function of the user's own is not taken for qtl2's", {
    skip_without_python()
    skip_without_qtl2()
    data <- data_for_opinions()
    data$est_herit <- function(...) 1
    expect_error(opinion_on(est_herit(pheno, kinship), data), "neither qtl2's nor lmmbridge's")
    expect_error(opinion_on(stats::scan1(pheno, kinship), data), "neither qtl2's nor lmmbridge's")
    expect_error(second_opinion(), "wants the call itself")
    expect_error(second_opinion(3), "wants the call itself")
})

test_that("what lmmbridge refuses cannot be compared, and R's answer stays", {
    skip_without_python()
    skip_without_qtl2()
    data <- data_for_opinions()
    data$broken <- data$one
    data$broken[[1]][5, , 3] <- NA
    opinion <- opinion_on(qtl2::scan1(broken, pheno), data)
    expect_identical(opinion$verdict, "not comparable")
    expect_match(opinion$reasons, "lmmbridge refuses this: genoprobs: chromosome '16' has a value that is not a finite number")
    expect_s3_class(opinion$theirs, "scan1")
    expect_null(opinion$ours)
})

test_that("matrices without names are compared by place", {
    skip_without_python()
    skip_without_qtl2()
    data <- data_for_opinions()
    data$nameless <- unname(data$kinship)
    expect_verdict(opinion_on(qtl2::scale_kinship(nameless), data), "agree")
    expect_verdict(opinion_on(qtl2::decomp_kinship(nameless), data), "agree")
    expect_verdict(opinion_on(qtl2::scan1(one, pheno, list(loco[["16"]])), data), "agree")
    expect_verdict(opinion_on(qtl2::scan1(one, pheno, kinship, hsq = matrix(0.3, 1, 2)), data), "agree")
    expect_verdict(opinion_on(qtl2::fit1(pheno = liver), data), "agree")
})
