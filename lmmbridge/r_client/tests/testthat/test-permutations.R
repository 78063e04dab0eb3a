# After the same set.seed() the permutations are qtl2's, and so are the random numbers that follow.

expect_same_permutations <- function(call, data, tolerance) {
    call <- substitute(call)
    both <- lapply(c(theirs = "qtl2", ours = "lmmbridge"), function(package) {
        set.seed(20260303)
        list(value = by_package(call, package, data), state = get(".Random.seed", envir = globalenv()))
    })
    expect_same(list(ours = both$ours$value, theirs = both$theirs$value), tolerance)
    expect_identical(both$ours$state, both$theirs$state)
}

test_that("permutations are qtl2's", {
    skip_without_python()
    skip_without_qtl2()
    data <- iron_data()
    data$few <- data$probs[, c("2", "16", "X")]
    data$missing <- data$pheno
    data$missing[c(3, 50, 120), "liver"] <- NA
    data$strata <- stats::setNames(rep(c("a", "b"), length.out = length(data$sex)), names(data$sex))
    data$lengths <- qtl2::chr_lengths(data$map)[c("2", "16", "X")]
    expect_same_permutations(scan1perm(few, pheno, n_perm = 5), data, EXACT)
    expect_same_permutations(scan1perm(few, pheno[, "liver"], n_perm = 3), data, EXACT)
    expect_same_permutations(scan1perm(few, missing, addcovar = sex, intcovar = sex, n_perm = 5), data, EXACT)
    expect_same_permutations(scan1perm(few, pheno, weights = weights, n_perm = 5), data, EXACT)
    expect_same_permutations(scan1perm(few, pheno, Xcovar = Xcovar, n_perm = 5), data, EXACT)
    expect_same_permutations(scan1perm(few, pheno, perm_strata = strata, n_perm = 5), data, EXACT)
    expect_same_permutations(scan1perm(few, pheno, kinship, n_perm = 5), data, OWN_HSQ)
    expect_same_permutations(scan1perm(probs, pheno, loco, sex, Xcovar = Xcovar, n_perm = 2), data, OWN_HSQ)
    expect_same_permutations(scan1perm(few, pheno, n_perm = 2, perm_Xsp = TRUE, chr_lengths = lengths), data, EXACT)
    expect_same_permutations(scan1perm(few, pheno, n_perm = 2, perm_Xsp = TRUE, chr_lengths = c(20, 5)), data, EXACT)
    expect_same_permutations(scan1perm(few, pheno, n_perm = 2, perm_Xsp = TRUE, chr_lengths = c(A = 20, X = 5)), data, EXACT)
    expect_same_permutations(scan1perm(few, pheno, kinship, n_perm = 2, perm_Xsp = TRUE, chr_lengths = lengths,
                                       perm_strata = strata), data, OWN_HSQ)
})

test_that("another generator of random numbers is used as well", {
    skip_without_python()
    skip_without_qtl2()
    data <- iron_data()
    before <- RNGkind("Wichmann-Hill")
    on.exit(RNGkind(before[1], before[2], before[3]))
    expect_same_permutations(scan1perm(probs[, "X"], pheno, n_perm = 3), data, EXACT)
})

test_that("nothing but scan1perm and second_opinion draws random numbers", {
    skip_without_python()
    skip_without_qtl2()
    data <- iron_data()
    set.seed(1)
    before <- get(".Random.seed", envir = globalenv())
    est_herit(data$pheno, data$kinship)
    suppressMessages(scan1(data$probs, data$pheno, data$loco))
    expect_identical(get(".Random.seed", envir = globalenv()), before)
})
