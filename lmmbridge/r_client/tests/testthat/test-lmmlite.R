# lmmlite's four functions: by formulas written out here, and beside lmmlite where that is installed.

# Correlated phenotypes of 30 individuals; Z'Z of more markers than individuals, so that K has full rank.
small_problem <- function() once("small problem", function() {
    set.seed(20260305)
    G <- matrix(stats::rnorm(30 * 50), 30)
    list(K = tcrossprod(G) / 50, y = (G %*% stats::rnorm(50) / 6 + stats::rnorm(30))[, 1], X = cbind(1, stats::rnorm(30)))
})

# Log likelihood as lmmlite defines it (without n log(2 pi)/2 and the like), from the dense covariance matrix.
dense <- function(hsq, K, y, X, reml) {
    n <- length(y)
    p <- ncol(X)
    S <- hsq * K + (1 - hsq) * diag(n)
    XSX <- crossprod(X, solve(S, X))
    beta <- solve(XSX, crossprod(X, solve(S, y)))[, 1]
    rss <- sum((y - X %*% beta) * solve(S, y - X %*% beta))
    loglik <- -0.5 * (n * log(rss) + determinant(S)$modulus)
    if (reml) loglik <- loglik + 0.5 * (p * log(2 * pi * rss / (n - p)) + determinant(crossprod(X))$modulus -
                                            determinant(XSX)$modulus)
    list(loglik = as.numeric(loglik), beta = beta, sigmasq = rss / (n - p), rss = rss)
}

test_that("the rotation is one, and keeps what it should", {
    skip_without_python()
    problem <- small_problem()
    e <- eigen_rotation(problem$K, problem$y, problem$X)
    expect_named(e, c("Kva", "Kve_t", "y", "X"))
    expect_equal(tcrossprod(e$Kve_t), diag(30), tolerance = 1e-10)
    expect_equal(crossprod(e$Kve_t, e$Kva * e$Kve_t), problem$K, tolerance = 1e-10)
    expect_equal(crossprod(e$Kve_t, e$y)[, 1], problem$y, tolerance = 1e-10)
    expect_equal(unname(crossprod(e$Kve_t, e$X)), problem$X, tolerance = 1e-10, ignore_attr = TRUE)
    expect_equal(attr(e$X, "logdetXpX"), as.numeric(determinant(crossprod(problem$X))$modulus), tolerance = 1e-10)
    intercept <- eigen_rotation(problem$K, problem$y)
    expect_equal(crossprod(intercept$Kve_t, intercept$X)[, 1], rep(1, 30), tolerance = 1e-10)
})

test_that("coefficients, variance and log likelihood are those of the dense formula", {
    skip_without_python()
    problem <- small_problem()
    e <- eigen_rotation(problem$K, problem$y, problem$X)
    grid <- c(0, 0.2, 0.65, 0.99)
    for (reml in c(TRUE, FALSE)) {
        for (hsq in grid) {
            expected <- dense(hsq, problem$K, problem$y, problem$X, reml)
            solution <- getMLsoln(hsq, e$Kva, e$y, e$X, reml)
            expect_equal(as.numeric(solution$beta), expected$beta, tolerance = 1e-9)
            expect_equal(as.numeric(solution$sigmasq), expected$sigmasq, tolerance = 1e-9)
            expect_equal(attr(solution, "rss"), expected$rss, tolerance = 1e-9)
            expect_identical(is.null(attr(solution, "logdetXSX")), !reml)
            loglik <- calcLL(hsq, e$Kva, e$y, e$X, reml)
            expect_equal(as.numeric(loglik), expected$loglik, tolerance = 1e-9)
            expect_equal(as.numeric(attr(loglik, "beta")), expected$beta, tolerance = 1e-9)
        }
        several <- calcLL(grid, e$Kva, e$y, e$X, reml)
        expect_equal(several, vapply(grid, function(hsq) as.numeric(calcLL(hsq, e$Kva, e$y, e$X, reml)), 0), tolerance = 1e-12)
    }
})

test_that("without relatives (K = I) the likelihood is flat and the variance is least squares'", {
    skip_without_python()
    problem <- small_problem()
    e <- eigen_rotation(diag(30), problem$y, problem$X)
    loglik <- calcLL(c(0, 0.3, 0.9), e$Kva, e$y, e$X)
    expect_equal(loglik, rep(loglik[1], 3), tolerance = 1e-10)
    least_squares <- stats::lm(problem$y ~ problem$X - 1)
    solution <- getMLsoln(0.4, e$Kva, e$y, e$X)
    expect_equal(as.numeric(solution$beta), unname(stats::coef(least_squares)), tolerance = 1e-9)
    expect_equal(as.numeric(solution$sigmasq), stats::sigma(least_squares)^2, tolerance = 1e-9)
})

test_that("the fit is the maximum", {
    skip_without_python()
    problem <- small_problem()
    e <- eigen_rotation(problem$K, problem$y, problem$X)
    for (reml in c(TRUE, FALSE)) {
        fit <- fitLMM(e$Kva, e$y, e$X, reml)
        loglik <- function(hsq) dense(hsq, problem$K, problem$y, problem$X, reml)$loglik
        best <- stats::optimize(loglik, c(0, 1), maximum = TRUE, tol = 1e-9)
        expect_named(fit, c("beta", "sigmasq", "hsq", "sigmasq_g", "sigmasq_e", "loglik"), ignore.order = TRUE)
        expect_gte(fit$loglik, best$objective - 1e-9)
        expect_equal(fit$hsq, best$maximum, tolerance = 1e-5)
        expect_equal(fit$sigmasq_g + fit$sigmasq_e, fit$sigmasq, tolerance = 1e-12)
        expect_equal(fit$sigmasq_g, fit$hsq * fit$sigmasq, tolerance = 1e-12)
    }
    expect_true("hsq_se" %in% names(fitLMM(e$Kva, e$y, e$X, compute_se = TRUE)))
    expect_identical(fitLMM(e$Kva, e$y, e$X, tol = 0.1), fitLMM(e$Kva, e$y, e$X))
    expect_warning(fitLMM(e$Kva, cbind(e$y, 1), e$X), "only the first phenotype")
})

test_that("what does not fit together is refused", {
    skip_without_python()
    problem <- small_problem()
    e <- eigen_rotation(problem$K, problem$y, problem$X)
    refused <- expression(
        eigen_rotation(K[1:10, ], y), eigen_rotation(K[1:10, 1:10], y), eigen_rotation(K, y, X[1:10, ]), eigen_rotation("K", y),
        eigen_rotation(K, c(NA, y[-1])), calcLL(0.5, Kva[1:10], y, X), calcLL(0.5, Kva, y[1:10], X), calcLL(0.5, Kva, y, X[1:10, ]),
        calcLL(numeric(), Kva, y, X), calcLL("half", Kva, y, X), getMLsoln(c(0.1, 0.2), Kva, y, X), getMLsoln(0.5, Kva[1:10], y, X),
        fitLMM(Kva[1:10], y, X), fitLMM(Kva, y[1:10], X), fitLMM(Kva, y, X, reml = NA), fitLMM(Kva, y, "X"))
    data <- c(problem["K"], e)
    for (call in as.list(refused)) {
        error <- tryCatch(by_package(call, "lmmbridge", data), error = identity)
        what <- paste(deparse(call), collapse = "")
        expect(inherits(error, "lmmbridge_error"), paste("not refused:", what))
        if (!inherits(error, "error")) next
        expect_no_match(conditionMessage(error), "Traceback|^Error|ndarray|None|Python side failed")
        expect_identical(deparse(conditionCall(error)[[1]]), paste0("lmmbridge::", deparse(call[[1]])))
    }
})

test_that("lmmlite's numbers and forms", {
    skip_without_python()
    skip_without_lmmlite()
    problem <- small_problem()
    rotation <- by_both(eigen_rotation(K, y, X), problem, "lmmlite")
    expect_same_form(rotation$ours, rotation$theirs)
    expect_equal(rotation$ours$Kva, rotation$theirs$Kva, tolerance = EXACT)
    data <- rotation$theirs
    for (reml in c(TRUE, FALSE)) {
        data$reml <- reml
        expect_same(by_both(getMLsoln(0.4, Kva, y, X, reml), data, "lmmlite"), EXACT, c("rss", if (reml) "logdetXSX"))
        expect_same(by_both(calcLL(0.4, Kva, y, X, reml), data, "lmmlite"), EXACT, c("beta", "sigmasq"))
        expect_same(by_both(calcLL(c(0, 0.4, 0.8), Kva, y, X, reml), data, "lmmlite"), EXACT)
        expect_same(by_both(fitLMM(Kva, y, X, reml, tol = 1e-12), data, "lmmlite"), 1e-6)
    }
    known <- c(problem[c("y", "X")], data[c("Kva", "Kve_t")])
    expect_same(by_both(eigen_rotation(NULL, y, X, Kva, Kve_t, use_cpp = FALSE), known, "lmmlite"), EXACT)
})
