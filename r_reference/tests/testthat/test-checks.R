data <- example_data(n = 12)
K <- data$K
y <- data$y
X <- data$X

test_that("K is checked", {
    expect_error(fit_lmm(y, as.data.frame(K)), "K must be a numeric matrix.", fixed = TRUE)
    expect_error(fit_lmm(y, K > 0), "K must be a numeric matrix.", fixed = TRUE)
    expect_error(fit_lmm(y, K[, -1]), "K must be square, and it has 12 rows and 11 columns.", fixed = TRUE)
    expect_error(fit_lmm(numeric(0), matrix(0, 0, 0)), "K must have at least one row.", fixed = TRUE)
    for (bad in c(NA, NaN, Inf)) {
        broken <- replace(K, 5, bad)
        expect_error(fit_lmm(y, broken), "K must be finite: it has missing or infinite entries.", fixed = TRUE)
    }
    expect_error(fit_lmm(y, replace(K, 2, K[2] + 0.1)), "K must be symmetric.", fixed = TRUE)
})

test_that("asymmetry by rounding is let pass, and the triangle does not matter", {
    upper <- replace(K, upper.tri(K), K[upper.tri(K)] + 1e-9 * max(K))
    expect_identical(fit_lmm(y, upper), fit_lmm(y, t(upper)))
})

test_that("y is checked", {
    expect_error(fit_lmm(y[-1], K), "y must have as many rows as K, 12, and it has 11.", fixed = TRUE)
    expect_error(fit_lmm(as.character(y), K), "y must be a numeric vector or matrix.", fixed = TRUE)
    expect_error(fit_lmm(matrix(0, 12, 0), K), "y must have at least one column.", fixed = TRUE)
    expect_error(fit_lmm(replace(y, 3, NA), K), "y must be finite: it has missing or infinite entries.", fixed = TRUE)
    expect_error(fit_lmm(X[, 2] * 3 + 1, K, X), "Phenotype 1 is fitted exactly by X", fixed = TRUE)
    expect_error(fit_lmm(cbind(y, 7), K), "Phenotype 2 is fitted exactly by X", fixed = TRUE)
    expect_error(fit_lmm(rep(0, 12), K), "Phenotype 1 is fitted exactly by X", fixed = TRUE)
})

test_that("X is checked", {
    expect_error(fit_lmm(y, K, X[-1, ]), "X must have as many rows as K, 12, and it has 11.", fixed = TRUE)
    expect_error(fit_lmm(y, K, X == 1), "X must be a numeric vector or matrix.", fixed = TRUE)
    expect_error(fit_lmm(y, K, replace(X, 4, Inf)), "X must be finite: it has missing or infinite entries.", fixed = TRUE)
    for (twin in list(0, X[, 2], X[, 1] - 2 * X[, 2]))
        expect_error(fit_lmm(y, K, cbind(X, twin)), "X must have full column rank", fixed = TRUE)
    expect_silent(fit_lmm(y, K, cbind(X, X[, 2] + 1e-8 * cos(1:12))))       # nearly dependent is not dependent
    expect_error(fit_lmm(y, K, cbind(X, X[, 2] + 1e-12 * cos(1:12))), "X must have full column rank", fixed = TRUE)
    expect_error(fit_lmm(y, K, diag(12)), "There must be more individuals than columns of X, and there are 12 and 12.",
                 fixed = TRUE)
})

test_that("weights are checked", {
    w <- data$weights
    expect_error(fit_lmm(y, K, X, letters[1:12]), "weights must be numeric.", fixed = TRUE)
    expect_error(fit_lmm(y, K, X, w[-1]), "weights must be as many as K has rows, 12, and they are 11.", fixed = TRUE)
    expect_error(fit_lmm(y, K, X, replace(w, 2, NA)), "weights must be finite: some are missing or infinite.",
                 fixed = TRUE)
    for (bad in c(0, -1))
        expect_error(fit_lmm(y, K, X, replace(w, 2, bad)), "weights must be positive: they are 1/variance.", fixed = TRUE)
    expect_equal(fit_lmm(y, K, X, as.matrix(w)), fit_lmm(y, K, X, w), tolerance = tolerances$same)
})

test_that("the other arguments are checked", {
    rotated <- eigen_rotation(K, y, X)
    expect_error(fit_lmm(y, K, reml = NA), "reml must be TRUE or FALSE.", fixed = TRUE)
    expect_error(log_likelihood(0.5, rotated, reml = "no"), "reml must be TRUE or FALSE.", fixed = TRUE)
    expect_error(estimate_hsq(rotated, reml = 1), "reml must be TRUE or FALSE.", fixed = TRUE)
    expect_error(least_squares(0.5, list()), "rotated must be a result of eigen_rotation().", fixed = TRUE)
    for (bad in list(-0.1, 1.1, NA_real_, c(0.1, 0.2), "a"))
        expect_error(least_squares(bad, rotated), "hsq must be one number from 0 to 1.", fixed = TRUE)
    for (bad in list(0, 2, 1.5, NA_real_, 1:2, "a"))
        expect_error(log_likelihood(0.5, rotated, column = bad), "column must be the number of a phenotype, from 1 to 1.",
                     fixed = TRUE)
    expect_error(estimate_hsq(rotated, tol = 0), "tol must be one positive number.", fixed = TRUE)
})

test_that("a data frame or an integer matrix may be given", {
    expect_equal(fit_lmm(data.frame(y), K, as.data.frame(X)), fit_lmm(y, K, X), tolerance = tolerances$same,
                 ignore_attr = "names")
    expect_silent(fit_lmm(seq_len(12)^2L, K, seq_len(12)))
})
