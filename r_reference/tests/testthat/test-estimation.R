fine <- c(0, plogis(seq(-14, 14, length.out = 300)))

expect_highest <- function(fit, data, reml, weights = rep(1, data$n), grid = fine) {
    at <- function(h) brute_force(h, data$y, data$K, data$X, weights, reml)$loglik
    expect_gte(fit$loglik, max(vapply(grid, at, 0)) - tolerances$optimum)
    expect_equal(fit$loglik, at(fit$hsq), tolerance = tolerances$loglik)
}

test_that("the estimate beats a fine grid of the brute-force likelihood", {
    for (p in c(1, 3)) for (rank in c(24, 10)) for (weighted in c(FALSE, TRUE)) for (reml in c(TRUE, FALSE)) {
        data <- example_data(p = p, rank = rank, phase = p)
        w <- if (weighted) data$weights else rep(1, data$n)
        fit <- estimate_hsq(eigen_rotation(data$K, data$y, data$X, w), reml)
        expect_highest(fit, data, reml, w)
    }
})

test_that("the estimate in the interior is a root of the derivative of the brute-force likelihood", {
    data <- example_data(p = 2)
    step <- 1e-5
    for (reml in c(TRUE, FALSE)) {
        hsq <- fit_lmm(data$y, data$K, data$X, reml = reml)$hsq
        expect_gt(hsq, 0.01)
        expect_lt(hsq, 0.99)
        at <- function(h) brute_force(h, data$y, data$K, data$X, reml = reml)$loglik
        expect_lt(abs(at(hsq + step) - at(hsq - step)) / (2 * step), tolerances$slope)
    }
})

test_that("of two local maxima the higher is found, on whichever side it is", {
    # Balanced so that ML is highest on the right and REML on the left
    data <- list(n = 12, K = diag(rep(c(0.01, 1, 30), each = 4)), X = matrix(1, 12, 1),
                 y = c(0.01, -0.08, -0.19, 0.11, 1.36, -0.44, 0.14, 0.38, -0.23, -0.75, -0.67, 0.86))
    sides <- c()
    for (reml in c(TRUE, FALSE)) {
        at <- function(h) brute_force(h, data$y, data$K, data$X, reml = reml)$loglik
        height <- vapply(fine, at, 0)
        expect_equal(sum(diff(sign(diff(height))) == -2), 2)      # the likelihood does have two maxima
        fit <- fit_lmm(data$y, data$K, reml = reml)
        expect_highest(fit, data, reml)
        sides <- c(sides, fit$hsq)
    }
    expect_lt(sides[1], 0.1)
    expect_gt(sides[2], 0.9)
})

test_that("the boundaries 0 and 1 are found exactly", {
    n <- 20
    data <- list(n = n, K = diag(seq(0.2, 4, length.out = n)), X = matrix(1, n, 1))
    signs <- rep(c(-1, 1), n / 2)
    for (reml in c(TRUE, FALSE)) {
        data$y <- signs / diag(data$K)                      # the variance falls where K's rises
        fit <- fit_lmm(data$y, data$K, reml = reml)
        expect_identical(fit$hsq, 0)
        expect_highest(fit, data, reml, grid = c(fine, 1))
        data$y <- signs * diag(data$K)                      # and rises faster than K's
        fit <- fit_lmm(data$y, data$K, reml = reml)
        expect_identical(fit$hsq, 1)
        expect_identical(fit$sigmasq_e, 0)
        expect_highest(fit, data, reml, grid = c(fine, 1))
    }
})

test_that("hsq and the variances follow the scale of K", {
    data <- example_data()
    a <- 2
    for (reml in c(TRUE, FALSE)) {
        one <- fit_lmm(data$y, data$K, data$X, reml = reml)
        scaled <- fit_lmm(data$y, a * data$K, data$X, reml = reml)
        expect_equal(scaled$hsq, one$hsq / (one$hsq + a * (1 - one$hsq)), tolerance = tolerances$hsq)
        expect_equal(scaled$sigmasq_g, one$sigmasq_g / a, tolerance = tolerances$hsq)
        expect_equal(scaled$sigmasq_e, one$sigmasq_e, tolerance = tolerances$hsq)
        expect_equal(scaled$loglik, one$loglik, tolerance = tolerances$loglik)
    }
})

test_that("the fit does not depend on the order of the individuals", {
    data <- example_data(p = 3)
    order <- rev(seq_len(data$n))
    one <- fit_lmm(data$y, data$K, data$X, data$weights)
    other <- fit_lmm(data$y[order], data$K[order, order], data$X[order, ], data$weights[order])
    expect_equal(other$hsq, one$hsq, tolerance = tolerances$hsq)
    expect_equal(other$loglik, one$loglik, tolerance = tolerances$loglik)
})

test_that("many phenotypes are fitted as one at a time", {
    data <- example_data(p = 2)
    colnames(data$X) <- c("intercept", "wave")
    Y <- cbind(a = data$y, b = example_data(phase = 5)$y, c = rev(data$y))
    for (reml in c(TRUE, FALSE)) {
        together <- fit_lmm(Y, data$K, data$X, data$weights, reml)
        expect_equal(dim(together$beta), c(2, 3))
        expect_equal(dimnames(together$beta), list(c("intercept", "wave"), c("a", "b", "c")))
        for (j in colnames(Y)) {
            one <- fit_lmm(Y[, j], data$K, data$X, data$weights, reml)
            for (name in c("hsq", "sigmasq", "sigmasq_g", "sigmasq_e", "loglik"))
                expect_equal(together[[name]][[j]], one[[name]], tolerance = tolerances$hsq)
            expect_equal(together$beta[, j], one$beta, tolerance = tolerances$hsq)
        }
    }
})

test_that("the fit's numbers belong together", {
    data <- example_data(p = 2)
    for (reml in c(TRUE, FALSE)) {
        fit <- fit_lmm(data$y, data$K, data$X, data$weights, reml)
        expect_s3_class(fit, "lmm_fit")
        expect_identical(fit$reml, reml)
        expect_length(fit$beta, 2)
        expected <- brute_force(fit$hsq, data$y, data$K, data$X, data$weights, reml)
        expect_equal(fit$sigmasq, expected$sigmasq, tolerance = tolerances$sigmasq)
        expect_equal(unname(fit$beta), unname(expected$beta), tolerance = tolerances$beta)
        expect_equal(fit$sigmasq_g, fit$hsq * fit$sigmasq, tolerance = tolerances$same)
        expect_equal(fit$sigmasq_g + fit$sigmasq_e, fit$sigmasq, tolerance = tolerances$same)
    }
})

test_that("a fit prints its numbers, for one phenotype and for several", {
    data <- example_data(p = 2)
    expect_output(print(fit_lmm(data$y, data$K, data$X)), "REML.*hsq.*sigmasq_e.*beta\\[x2\\].*loglik")
    expect_output(print(fit_lmm(cbind(first = data$y, rev(data$y)), data$K, reml = FALSE)), "ML.*first.*hsq")
    expect_output(print(fit_lmm(unname(cbind(data$y, rev(data$y))), data$K)), "y1 +y2")
    fit <- fit_lmm(data$y, data$K)
    expect_output(expect_identical(print(fit), fit))
})
