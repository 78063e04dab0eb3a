points <- c(0, 1e-4, 0.3, 0.77, 0.999)

test_that("log likelihood, beta and sigmasq are those of the density written out", {
    for (p in 1:4) for (rank in c(24, 10)) for (weighted in c(FALSE, TRUE)) for (reml in c(TRUE, FALSE)) {
        data <- example_data(p = p, rank = rank, phase = p)
        w <- if (weighted) data$weights else rep(1, data$n)
        rotated <- eigen_rotation(data$K, data$y, data$X, if (weighted) w)
        for (h in c(points, if (rank == 24) 1)) {
            case <- sprintf("p = %d, rank %d, weighted %s, reml %s, hsq %g", p, rank, weighted, reml, h)
            expected <- brute_force(h, data$y, data$K, data$X, w, reml)
            found <- log_likelihood(h, rotated, reml)
            expect_equal(found$loglik, expected$loglik, tolerance = tolerances$loglik, info = case)
            expect_equal(unname(found$beta), unname(expected$beta), tolerance = tolerances$beta, info = case)
            expect_equal(found$sigmasq, expected$sigmasq, tolerance = tolerances$sigmasq, info = case)
        }
    }
})

test_that("log likelihood, beta and sigmasq are those of nlme::gls with V fixed", {
    skip_if_not_installed("nlme")
    for (p in c(1, 3)) for (weighted in c(FALSE, TRUE)) for (reml in c(TRUE, FALSE)) for (h in c(0.2, 0.8)) {
        data <- example_data(n = 15, p = p)
        w <- if (weighted) data$weights else rep(1, data$n)
        V <- covariance(h, data$K, w)
        R <- cov2cor(V)                                    # V = diag(sqrt(v)) R diag(sqrt(v))
        frame <- data.frame(y = data$y, v = diag(V))
        frame$X <- data$X
        gls <- nlme::gls(y ~ 0 + X, frame, method = if (reml) "REML" else "ML",
                         correlation = nlme::corSymm(R[lower.tri(R)], form = ~ 1, fixed = TRUE),
                         weights = nlme::varFixed(~ v))
        # gls leaves + 1/2 log|X'X| out of its REML value
        expected <- as.numeric(logLik(gls)) + if (reml) log(det(crossprod(data$X))) / 2 else 0

        found <- log_likelihood(h, eigen_rotation(data$K, data$y, data$X, w), reml)
        expect_equal(found$loglik, expected, tolerance = tolerances$gls)
        expect_equal(unname(found$beta), unname(coef(gls)), tolerance = tolerances$gls)
        expect_equal(found$sigmasq, gls$sigma^2, tolerance = tolerances$gls)
    }
})

test_that("at hsq = 0 the model is lm, with or without weights", {
    data <- example_data(p = 3)
    for (w in list(rep(1, data$n), data$weights)) {
        lm <- lm(data$y ~ 0 + data$X, weights = w)
        rotated <- eigen_rotation(data$K, data$y, data$X, w)
        found <- log_likelihood(0, rotated, reml = FALSE)
        expect_equal(found$loglik, as.numeric(logLik(lm)), tolerance = tolerances$loglik)
        expect_equal(unname(found$beta), unname(coef(lm)), tolerance = tolerances$beta)
        restricted <- as.numeric(logLik(lm, REML = TRUE)) + log(det(crossprod(data$X))) / 2
        expect_equal(log_likelihood(0, rotated)$loglik, restricted, tolerance = tolerances$loglik)
    }
})

test_that("least_squares gives the pieces of the likelihood", {
    data <- example_data(p = 3)
    w <- data$weights
    h <- 0.4
    V <- covariance(h, data$K, w)
    expected <- brute_force(h, data$y, data$K, data$X, w, reml = FALSE)
    fit <- least_squares(h, eigen_rotation(data$K, data$y, data$X, w))
    expect_named(fit, c("hsq", "d", "beta", "rss", "logdet_V", "logdet_XtViX"))
    expect_equal(fit$hsq, h)
    expect_length(fit$d, data$n)
    expect_equal(unname(fit$beta), unname(expected$beta), tolerance = tolerances$beta)
    expect_equal(fit$rss, expected$sigmasq * data$n, tolerance = tolerances$sigmasq)
    expect_equal(fit$logdet_V, as.numeric(determinant(V)$modulus), tolerance = tolerances$loglik)
    expect_equal(fit$logdet_XtViX, as.numeric(determinant(t(data$X) %*% solve(V, data$X))$modulus),
                 tolerance = tolerances$loglik)
})

test_that("the rotation keeps lengths and the quantities that are not rotated", {
    data <- example_data(p = 3, rank = 10)
    Y <- cbind(a = data$y, b = data$y^2)
    rotated <- eigen_rotation(data$K, Y, data$X, data$weights)
    expect_s3_class(rotated, "rotated")
    expect_named(rotated, c("values", "y", "X", "logdet_W", "logdet_XtX"))
    expect_false(is.unsorted(rotated$values))
    expect_equal(sum(rotated$values), sum(data$weights * diag(data$K)), tolerance = tolerances$loglik)
    expect_equal(crossprod(rotated$y), crossprod(sqrt(data$weights) * Y), tolerance = tolerances$loglik)
    expect_equal(crossprod(rotated$X, rotated$y), crossprod(data$X, data$weights * Y), tolerance = tolerances$loglik,
                 ignore_attr = TRUE)
    expect_equal(rotated$logdet_W, log(prod(data$weights)), tolerance = tolerances$loglik)
    expect_equal(rotated$logdet_XtX, log(det(crossprod(data$X))), tolerance = tolerances$loglik)
})

test_that("X is a column of ones by default, and unit weights are no weights", {
    data <- example_data(p = 1)
    expect_equal(eigen_rotation(data$K, data$y), eigen_rotation(data$K, data$y, data$X, rep(1, data$n)),
                 tolerance = tolerances$same)
})

test_that("REML does not depend on the scale or the basis of X", {
    data <- example_data(p = 3)
    other <- data$X %*% matrix(c(2, 1, 0, 0, -300, 1, 5, 0, 0.01), 3)
    for (h in points)
        expect_equal(log_likelihood(h, eigen_rotation(data$K, data$y, other))$loglik,
                     log_likelihood(h, eigen_rotation(data$K, data$y, data$X))$loglik, tolerance = tolerances$loglik)
})

test_that("multiplying weights by a constant, or K, changes hsq as the model says", {
    data <- example_data()
    a <- 2
    h <- 0.6
    h_a <- h / (h + a * (1 - h))
    one <- eigen_rotation(data$K, data$y, data$X, data$weights)
    scaled <- eigen_rotation(a * data$K, data$y, data$X, data$weights)
    # V under K is (h + a(1-h))/a times V under aK at h_a
    weights <- eigen_rotation(data$K, data$y, data$X, data$weights / a)
    for (reml in c(TRUE, FALSE)) {
        expected <- log_likelihood(h, one, reml)
        expect_equal(log_likelihood(h_a, scaled, reml)$loglik, expected$loglik, tolerance = tolerances$loglik)
        expect_equal(log_likelihood(h_a, scaled, reml)$sigmasq, expected$sigmasq * (h + a * (1 - h)) / a,
                     tolerance = tolerances$sigmasq)
        # K with weights w/a is a times (K/a with weights w)
        h_w <- h / (h + (1 - h) / a)
        expect_equal(log_likelihood(h_w, weights, reml)$loglik, expected$loglik, tolerance = tolerances$loglik)
    }
})

test_that("the score is the derivative of the brute-force likelihood", {
    data <- example_data(p = 3)
    rotated <- eigen_rotation(data$K, data$y, data$X, data$weights)
    step <- 1e-5
    for (reml in c(TRUE, FALSE)) for (h in c(0.1, 0.5, 0.9)) {
        at <- function(h) brute_force(h, data$y, data$K, data$X, data$weights, reml)$loglik
        expect_lt(abs(lmmreference:::score(h, rotated, reml, 1) - (at(h + step) - at(h - step)) / (2 * step)),
                  tolerances$slope)
    }
})
