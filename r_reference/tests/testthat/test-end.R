# A centred K: its null space is the constant, which an intercept takes out of the residual.
centred <- function(K) {
    P <- diag(nrow(K)) - 1 / nrow(K)
    P %*% K %*% P
}

test_that("ML is reported unbounded where null(K) is in the span of X, and REML is not", {
    data <- example_data(p = 2)
    K <- centred(data$K)
    expect_warning(fit <- fit_lmm(data$y, K, data$X, reml = FALSE), "ML likelihood of phenotype 1 grows without bound")
    expect_true(all(is.na(c(fit$hsq, fit$sigmasq, fit$sigmasq_g, fit$sigmasq_e, fit$loglik, fit$beta))))
    expect_length(fit$beta, 2)
    expect_output(print(fit), "NA")
    # and it does grow
    near <- function(h) brute_force(h, data$y, K, data$X, reml = FALSE)$loglik
    expect_gt(near(1 - 1e-10), near(1 - 1e-8) + 2)

    expect_silent(fit <- fit_lmm(data$y, K, data$X))
    expect_highest <- vapply(c(0, plogis(seq(-12, 12, 0.1))), function(h)
        brute_force(h, data$y, K, data$X, reml = TRUE)$loglik, 0)
    expect_gte(fit$loglik, max(expect_highest) - tolerances$optimum)
})

test_that("ML is unbounded with weights too", {
    data <- example_data(p = 2)
    expect_warning(fit <- fit_lmm(data$y, centred(data$K), data$X, data$weights, reml = FALSE), "without bound")
    expect_true(is.na(fit$hsq))
})

test_that("REML is unbounded where null(K) has more dimensions than X has there and none in the residual", {
    n <- 12
    K <- diag(c(0, 0, 0, seq_len(n - 3)))
    X <- cbind(c(1, 1, 1, rep(0, n - 3)), c(0, 0, 0, rep(1, n - 3)))
    y <- c(2, 2, 2, cos(seq_len(n - 3)))              # constant where K is zero
    for (reml in c(TRUE, FALSE)) {
        expect_warning(fit <- fit_lmm(y, K, X, reml = reml), "without bound")
        expect_true(is.na(fit$loglik))
    }
    y[1] <- 3                                         # not constant: the likelihood falls to -Inf
    for (reml in c(TRUE, FALSE)) expect_true(is.finite(expect_silent(fit_lmm(y, K, X, reml = reml))$hsq))
})

test_that("only the phenotypes that have no estimate lose it", {
    n <- 12
    K <- diag(c(0, 0, 0, seq_len(n - 3)))
    X <- cbind(c(1, 1, 1, rep(0, n - 3)), c(0, 0, 0, rep(1, n - 3)))
    Y <- cbind(sin(1:n), c(2, 2, 2, cos(seq_len(n - 3))))
    expect_warning(fit <- fit_lmm(Y, K, X), "phenotype 2")
    expect_identical(is.na(fit$hsq), c(FALSE, TRUE))
    expect_identical(is.na(fit$beta), cbind(c(FALSE, FALSE), c(TRUE, TRUE)))
})

test_that("a rank-deficient K with a null space outside the span of X has a finite estimate", {
    data <- example_data(rank = 10)
    for (reml in c(TRUE, FALSE)) {
        fit <- expect_silent(fit_lmm(data$y, data$K, data$X, reml = reml))
        expect_lt(fit$hsq, 1)
    }
    # The same, all variance from K but for a trace: the maximum is close to 1, not at it
    data$y <- drop(data$K %*% cos(seq_len(data$n))) + 1e-3 * sin(seq_len(data$n))
    fit <- expect_silent(fit_lmm(data$y, data$K))
    expect_gt(fit$hsq, 0.999)
    expect_lt(fit$hsq, 1)
})

test_that("a null space orthogonal to X, up to rounding, does not count as inside its span", {
    data <- example_data()
    v <- rep(c(-1, 1, 1, -1), data$n / 4)                   # orthogonal to the constant
    P <- diag(data$n) - tcrossprod(v) / data$n
    for (reml in c(TRUE, FALSE)) {
        fit <- expect_silent(fit_lmm(data$y, P %*% data$K %*% P, reml = reml))
        expect_true(is.finite(fit$loglik))
    }
})

test_that("a K that is not positive semidefinite ends the range of hsq before 1", {
    n <- 12
    lambda <- c(-0.5, 0.5 * seq_len(n - 1))
    y <- c(0.3, rep(c(-1, 1), length.out = n - 1) * lambda[-1])
    rotated <- eigen_rotation(diag(lambda), y)
    fit <- estimate_hsq(rotated)
    expect_lt(fit$hsq, 1 / 1.5)
    expect_error(least_squares(0.9, rotated), "V is not positive definite at hsq = 0.9", fixed = TRUE)
})

test_that("a flat likelihood is reported", {
    data <- example_data()
    for (reml in c(TRUE, FALSE)) {
        expect_warning(fit <- fit_lmm(data$y, diag(data$n), data$X, reml = reml), "is flat")
        expect_identical(fit$hsq, 0)
        expect_warning(fit <- fit_lmm(data$y, diag(1 / data$weights), data$X, data$weights, reml), "is flat")
    }
})
