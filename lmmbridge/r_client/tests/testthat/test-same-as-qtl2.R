# Numbers, classes, names, dimnames and attributes are qtl2's, for all the ways in which data can be given.

# Only the tests below use this: data in further forms.
data_in_all_forms <- function() {
    data <- iron_data()
    data$missing <- data$pheno
    data$missing[c(3, 50, 120), "liver"] <- NA
    data$few <- data$pheno[c(FALSE, FALSE, TRUE), ]
    data$missing <- as.data.frame(data$missing)
    data$frame <- as.data.frame(data$pheno)
    data$covariates <- data.frame(sex = data$sex, age = (seq_along(data$sex) * 7) %% 13, row.names = names(data$sex))
    data$alleles <- qtl2::genoprob_to_alleleprob(data$probs, quiet = TRUE)
    data$direction <- data$Xcovar[, "direction", drop = FALSE]
    data$nameless <- unname(data$kinship)
    data$no_columns <- data$pheno
    colnames(data$no_columns) <- NULL
    data$decomposed <- qtl2::decomp_kinship(data$kinship)
    data$decomposed_loco <- qtl2::decomp_kinship(data$loco)
    data$some <- data$probs[, c("2", "16", "X")]
    data
}

test_that("scan1 without kinship", {
    skip_without_python()
    skip_without_qtl2()
    data <- data_in_all_forms()
    expect_same(by_both(scan1(probs, pheno), data), EXACT)
    expect_same(by_both(scan1(probs, pheno[, "liver"]), data), EXACT)
    expect_same(by_both(scan1(probs, frame), data), EXACT)
    expect_same(by_both(scan1(probs, missing), data), EXACT)
    expect_same(by_both(scan1(probs, few, addcovar = covariates), data), EXACT)
    expect_same(by_both(scan1(probs, pheno, weights = weights), data), EXACT)
    expect_same(by_both(scan1(probs, pheno, addcovar = sex, intcovar = sex, Xcovar = Xcovar), data), EXACT)
    expect_same(by_both(scan1(probs[, "X"], pheno, Xcovar = Xcovar), data), EXACT)
    expect_same(by_both(scan1(probs[, "16"], pheno), data), EXACT)
    expect_same(by_both(scan1(alleles, pheno), data), EXACT)
})

test_that("a plain list of probabilities, and phenotypes without column names", {
    skip_without_python()
    skip_without_qtl2()
    data <- data_in_all_forms()
    expect_identical(scan1(unclass(data$probs), data$pheno), scan1(data$probs, data$pheno))
    expect_same(by_both(scan1(probs[, "16"], no_columns), data), EXACT)
    expect_same(by_both(scan1(probs[, "16"], no_columns, kinship), data), OWN_HSQ)
})

test_that("scan1 with kinship, at its own heritability", {
    skip_without_python()
    skip_without_qtl2()
    data <- data_in_all_forms()
    expect_same(by_both(scan1(some, pheno, kinship), data), OWN_HSQ)
    expect_same(by_both(scan1(some, pheno[, "liver"], kinship), data), OWN_HSQ)
    expect_same(by_both(scan1(some, frame, kinship, covariates), data), OWN_HSQ)
    expect_same(by_both(scan1(some, missing, kinship), data), OWN_HSQ)
    expect_same(by_both(scan1(some, few, kinship), data), OWN_HSQ)
    expect_same(by_both(scan1(some, pheno, kinship, weights = weights), data), OWN_HSQ)
    expect_same(by_both(scan1(some, pheno, kinship, sex, intcovar = sex, Xcovar = Xcovar), data), OWN_HSQ)
    expect_same(by_both(scan1(some, pheno, kinship, reml = FALSE), data), OWN_HSQ)
    expect_same(by_both(scan1(some, pheno, decomposed), data), OWN_HSQ)
    expect_same(by_both(scan1(probs, pheno, decomposed_loco), data), OWN_HSQ)
    expect_same(by_both(scan1(some, pheno, loco[c("2", "16", "X")]), data), OWN_HSQ)
    expect_same(by_both(scan1(probs[, "X"], pheno, loco["X"], Xcovar = Xcovar), data), OWN_HSQ)
    expect_same(by_both(scan1(probs[, "16"], pheno, loco[["16"]]), data), OWN_HSQ)
    expect_same(by_both(scan1(alleles, pheno, loco), data), OWN_HSQ)
})

test_that("scan1 with kinship, at qtl2's heritability", {
    skip_without_python()
    skip_without_qtl2()
    data <- data_in_all_forms()
    data$hsq <- attr(qtl2::scan1(data$some, data$pheno, data$kinship, data$sex, weights = data$weights), "hsq")
    expect_same(by_both(scan1(some, pheno, kinship, sex, weights = weights, hsq = hsq), data), EXACT, of = "hsq")
    data$hsq <- attr(qtl2::scan1(data$probs, data$pheno, data$loco), "hsq")
    expect_same(by_both(scan1(probs, pheno, loco, hsq = hsq), data), EXACT, of = "hsq")
    expect_same(by_both(scan1(alleles, missing, loco, intcovar = sex, addcovar = sex, hsq = hsq), data), EXACT, of = "hsq")
})

test_that("est_herit", {
    skip_without_python()
    skip_without_qtl2()
    data <- data_in_all_forms()
    of <- c("log10lik", "resid_sd")
    expect_same(by_both(est_herit(pheno, kinship), data), OWN_HSQ, of)
    expect_same(by_both(est_herit(pheno[, "liver"], kinship, sex), data), OWN_HSQ, of)
    expect_same(by_both(est_herit(frame, kinship, covariates), data), OWN_HSQ, of)
    expect_same(by_both(est_herit(missing, kinship, weights = weights), data), OWN_HSQ, of)
    expect_same(by_both(est_herit(few, kinship, reml = FALSE), data), OWN_HSQ, of)
    expect_same(by_both(est_herit(no_columns, kinship), data), OWN_HSQ, of)
})

test_that("scan1coef", {
    skip_without_python()
    skip_without_qtl2()
    data <- data_in_all_forms()
    data$one <- data$probs[, "16"]
    data$contrasts <- cbind(mean = 1, a = c(-1, 0, 1), d = c(0, 1, 0))
    expect_same(by_both(scan1coef(one, pheno[, "liver"], se = TRUE), data), EXACT, "SE")
    expect_same(by_both(scan1coef(one, missing["liver"], addcovar = sex, weights = weights, se = TRUE), data), EXACT, "SE")
    expect_same(by_both(scan1coef(one, pheno[, "liver"], addcovar = covariates, intcovar = sex, se = TRUE), data), EXACT, "SE")
    expect_same(by_both(scan1coef(one, pheno[, "liver"], contrasts = contrasts), data), EXACT)
    expect_same(by_both(scan1coef(one, pheno[, "liver"], kinship, hsq = 0.4, se = TRUE), data), EXACT, "SE")
    expect_same(by_both(scan1coef(one, pheno[, "liver"], loco["16"], sex, nullcovar = direction, se = TRUE), data), OWN_HSQ, "SE")
    expect_same(by_both(scan1coef(one, pheno[, "liver"], decomposed, zerosum = FALSE), data), OWN_HSQ)
    expect_same(by_both(scan1coef(probs[, "X"], pheno[, "liver"], loco[["X"]], sex), data), OWN_HSQ)
    expect_same(by_both(scan1coef(alleles[, "16"], frame["liver"], kinship), data), OWN_HSQ)
})

test_that("scan1blup", {
    skip_without_python()
    skip_without_qtl2()
    data <- data_in_all_forms()
    data$one <- data$probs[, "16"]
    expect_same(by_both(scan1blup(one, pheno[, "liver"]), data), OWN_HSQ)
    expect_same(by_both(scan1blup(one, missing["liver"], addcovar = sex), data), OWN_HSQ)
    expect_same(by_both(scan1blup(one, frame["spleen"], loco["16"], covariates), data), OWN_HSQ)
    expect_same(by_both(scan1blup(alleles[, "16"], pheno[, "liver"], decomposed), data), OWN_HSQ)
    expect_same(by_both(scan1blup(one, pheno[, "liver"], se = TRUE), data), OWN_HSQ)        # qtl2's standard errors are others
})

test_that("fit1", {
    skip_without_python()
    skip_without_qtl2()
    data <- data_in_all_forms()
    expect_same(by_both(fit1(position, pheno[, "liver"]), data), EXACT)
    expect_same(by_both(fit1(position, missing["liver"], addcovar = sex, weights = weights, var = TRUE), data), EXACT)
    expect_same(by_both(fit1(position, pheno[, "liver"], addcovar = sex, intcovar = sex, zerosum = FALSE), data), EXACT)
    expect_same(by_both(fit1(position, pheno[, "liver"], kinship, sex, hsq = 0.4), data), EXACT)
    expect_same(by_both(fit1(position, pheno[, "liver"], kinship, se = FALSE), data), OWN_HSQ)
    expect_same(by_both(fit1(position, frame["liver"], loco["16"], covariates, nullcovar = direction), data), OWN_HSQ)
    expect_same(by_both(fit1(pheno = pheno[, "liver", drop = FALSE], kinship = kinship), data), OWN_HSQ)
    expect_same(by_both(fit1(position, pheno[, "liver"], blup = TRUE, se = FALSE), data), OWN_HSQ)
})

test_that("scan1max", {
    skip_without_python()
    skip_without_qtl2()
    data <- data_in_all_forms()
    expect_same(by_both(scan1max(probs, pheno), data), EXACT)
    expect_same(by_both(scan1max(probs, pheno[, "liver"], by_chr = TRUE), data), EXACT)
    expect_same(by_both(scan1max(probs, missing, loco, sex, Xcovar = Xcovar), data), OWN_HSQ)
    expect_same(by_both(scan1max(some, frame, kinship, by_chr = TRUE), data), OWN_HSQ)
})

test_that("kinship is scaled and decomposed", {
    skip_without_python()
    skip_without_qtl2()
    data <- data_in_all_forms()
    expect_same(by_both(calc_kinship(alleles), data), 1e-12)
    expect_same(by_both(calc_kinship(probs, use_allele_probs = FALSE), data), 1e-12)
    expect_same(by_both(scale_kinship(kinship), data), 1e-12)
    expect_same(by_both(scale_kinship(loco), data), 1e-12)
    expect_same(by_both(scale_kinship(nameless), data), 1e-12)
    for (both in list(by_both(decomp_kinship(kinship), data), by_both(decomp_kinship(nameless), data))) {
        expect_same_form(both$ours, both$theirs)
        expect_same_numbers(both$ours$values, both$theirs$values, EXACT)
        back <- crossprod(both$ours$vectors, both$ours$values * both$ours$vectors)      # signs are free
        expect_same_numbers(back, data$kinship, EXACT)
    }
    both <- by_both(decomp_kinship(loco[c("1", "X")]), data)
    expect_same_form(both$ours, both$theirs)
})
