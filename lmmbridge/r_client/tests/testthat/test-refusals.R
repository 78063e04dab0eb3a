# What qtl2 refuses is refused, by an R error that says what is wrong and names the function that was called.

refused_by_qtl2 <- expression(
    # names of individuals
    scan1(probs, nameless_pheno), scan1(probs, nameless_vector), scan1(probs, pheno[c(1, 1, 2, 3), ]), scan1(probs, pheno[1:2, ]),
    scan1(probs, pheno, addcovar = c(a = 1)), scan1(probs, pheno, addcovar = sex, intcovar = unname(sex)),
    scan1(probs, pheno, addcovar = unname(sex)), scan1(probs, other_mice), est_herit(nameless_pheno, kinship),
    est_herit(pheno[1:2, ], kinship), est_herit(other_mice, kinship), scan1coef(one, nameless_vector),
    scan1blup(one, nameless_vector),
    fit1(position, nameless_vector), fit1(unname(position), pheno[, "liver"]), scan1perm(probs, nameless_pheno),
    scan1max(probs, nameless_pheno), scan1perm(probs, pheno, perm_strata = seq_along(sex)),
    scan1(probs, row_numbers), est_herit(row_numbers, kinship), scan1(probs, pheno, addcovar = row_numbers),
    # kinship
    scan1(probs, pheno, nameless_kinship), scan1(probs, pheno, kinship[, 1:10]), scan1(probs, pheno, loco[1:3]),
    scan1(probs, pheno, kinship[rev(seq_along(sex)), ]), scan1(probs, pheno, as.data.frame(kinship)),
    scan1(probs, pheno[1:50, ], decomposed), scan1max(probs, pheno, loco[1:3]), scan1perm(probs, pheno, loco[1:3]),
    est_herit(pheno, loco), est_herit(pheno, decomposed), est_herit(pheno, nameless_kinship),
    est_herit(pheno, kinship[, rev(seq_along(sex))]), scan1coef(one, pheno[, "liver"], loco),
    scan1blup(one, pheno[, "liver"], loco),
    fit1(position, pheno[, "liver"], loco), decomp_kinship(kinship[, 1:3]), decomp_kinship(NULL), scale_kinship(-kinship),
    scale_kinship(decomposed),
    # heritability given
    scan1(probs, pheno, kinship, hsq = c(0.1, 0.2, 0.3)), scan1(probs, pheno, kinship, hsq = matrix(c(0.1, 0.2, 0.3), 3)),
    scan1(probs, pheno, kinship, hsq = matrix(1.4, 1, 2)), scan1(probs, pheno, loco, hsq = matrix(0.4, 3, 2)),
    # what is no number
    scan1(probs, pheno, addcovar = words), scan1(probs, pheno, Xcovar = words), scan1(probs, words), est_herit(words, kinship),
    scan1(probs, pheno, weights = -1 - sex), scan1(probs, pheno, kinship, weights = 0 * sex),
    # probabilities
    scan1(NULL, pheno), scan1(cross, pheno), calc_kinship(cross), calc_kinship(NULL), scan1coef(NULL, pheno[, "liver"]),
    scan1coef(cross, pheno[, "liver"]), scan1blup(NULL, pheno[, "liver"]), fit1(probs, pheno[, "liver"]), scan1perm(NULL, pheno),
    scan1max(NULL, pheno),
    # other arguments
    scan1(probs), est_herit(pheno), scan1coef(one), scan1blup(one), fit1(position), scan1perm(probs), scan1max(probs),
    calc_kinship(),
    scan1(probs, pheno[, 0]), scan1(probs, NULL), est_herit(NULL, kinship), scan1coef(one, NULL), scan1perm(probs, NULL),
    scan1(probs, pheno, model = "poisson"),
    scan1coef(one, pheno, model = "poisson"), fit1(position, pheno, model = "poisson"), calc_kinship(probs, "foo"),
    scan1(probs, pheno, n_perm = 3), scan1perm(probs, pheno, n_perm = 0), scan1perm(probs, pheno, n_perm = -1),
    scan1perm(probs, pheno, n_perm = c(3, 4)), scan1perm(probs, pheno, perm_Xsp = TRUE),
    scan1perm(probs, pheno, perm_Xsp = TRUE, chr_lengths = c("a", "b")),
    scan1coef(one, pheno[, "liver"], contrasts = diag(2)), fit1(position, pheno[, "liver"], contrasts = diag(2)),
    scan1(probs, pheno, kinship, tol = -1), scan1(probs, pheno, kinship, cores = -1), scan1coef(one, pheno[, "liver"], tol = -1))

# qtl2 lets these pass, or goes on to a number without sense.
refused_by_lmmbridge <- expression(
    scan1(probs, pheno, reml = "a"), scan1(probs, pheno, kinship, reml = NA), scan1perm(probs, pheno, n_perm = 1.5),
    scan1coef(one, pheno[, "liver"], kinship, hsq = 2), scan1(probs, pheno, kinship * NA),
    scan1(probs, pheno, kinship, cores = 1.5),
    scan1(probs, pheno, kinship_without_a_name), scan1(probs, pheno, quiet = NA),
    scan1perm(probs, pheno, perm_Xsp = TRUE, chr_lengths = 1:4), scan1perm(probs, pheno, n_perm = 1e10),
    scan1coef(one, pheno[, "liver"], se = "yes"), calc_kinship(probs, omit_x = "yes"))

data_for_refusals <- function() {
    data <- iron_data()
    data$cross <- data$iron
    data$one <- data$probs[, "16"]
    data$nameless_pheno <- unname(data$pheno)
    data$nameless_vector <- unname(data$pheno[, "liver"])
    data$nameless_kinship <- unname(data$kinship)
    data$decomposed <- qtl2::decomp_kinship(data$kinship)
    data$other_mice <- data$pheno
    rownames(data$other_mice) <- paste0("other", rownames(data$pheno))
    data$row_numbers <- data.frame(a = unname(data$pheno[, "liver"]))
    data$kinship_without_a_name <- data$kinship
    dimnames(data$kinship_without_a_name) <- lapply(dimnames(data$kinship), replace, 3, NA)
    data$words <- data.frame(a = rep(c("x", "y"), length.out = length(data$sex)), row.names = names(data$sex))
    data
}

error_of <- function(call, package, data) tryCatch({
    suppressWarnings(suppressMessages(by_package(call, package, data)))
    NULL
}, error = identity)

expect_refusal_in_r_words <- function(call, data) {
    what <- paste(deparse(call), collapse = "")
    error <- error_of(call, "lmmbridge", data)
    expect(!is.null(error), paste("not refused by lmmbridge:", what))
    if (is.null(error)) return()
    message <- conditionMessage(error)
    python_words <- "Traceback|^Error|pandas|DataFrame|Series|array\\(|\\bNone\\b|\\bTrue\\b|\\bFalse\\b|Python side failed|\n"
    expect(!grepl(python_words, message), paste0(what, ": ", message))
    expect(nchar(message) > 15, paste0(what, ": ", message))
    expect_s3_class(error, "lmmbridge_error")
    named <- deparse(conditionCall(error)[[1]])
    expect(named == paste0("lmmbridge::", deparse(call[[1]])), paste0(what, ": the error names ", named))
}

test_that("what qtl2 refuses is refused", {
    skip_without_python()
    skip_without_qtl2()
    data <- data_for_refusals()
    for (call in as.list(refused_by_qtl2)) {
        expect(!is.null(error_of(call, "qtl2", data)), paste("not refused by qtl2:", paste(deparse(call), collapse = "")))
        expect_refusal_in_r_words(call, data)
    }
})

test_that("what has no sense is refused", {
    skip_without_python()
    skip_without_qtl2()
    data <- data_for_refusals()
    for (call in as.list(refused_by_lmmbridge)) expect_refusal_in_r_words(call, data)
})

test_that("after a refusal the next call works", {
    skip_without_python()
    skip_without_qtl2()
    data <- data_for_refusals()
    expect_error(est_herit(data$pheno[1:2, ], data$kinship), class = "lmmbridge_error")
    expect_same(by_both(est_herit(pheno, kinship), data), OWN_HSQ)
})
