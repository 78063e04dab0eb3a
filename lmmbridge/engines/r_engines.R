# The R side of the engines: one problem is loaded at a time, each engine prepares it once.
# `hsq` is a matrix, values x phenotypes, on the engine's own scale of the kinship matrix.

lmmbridge <- new.env()

load_problem <- function(hash, K, Y, X, weights, ids) {
    lmmbridge$hash <- hash
    dimnames(K) <- list(ids, ids)
    rownames(Y) <- rownames(X) <- ids
    colnames(Y) <- paste0("y", seq_len(ncol(Y)))
    if (!is.null(weights)) names(weights) <- ids
    lmmbridge$problem <- list(K = K, Y = Y, X = X, weights = weights)
    lmmbridge$prepared <- list()
    invisible(NULL)
}

loaded_problem <- function() lmmbridge$hash

# What R holds, so that the other side can compare it with what was sent.
read_back <- function() c(lapply(lmmbridge$problem, unname), list(ids = rownames(lmmbridge$problem$K)))

prepared <- function(engine, prepare) {
    if (is.null(lmmbridge$prepared[[engine]])) lmmbridge$prepared[[engine]] <- prepare(lmmbridge$problem)
    lmmbridge$prepared[[engine]]
}

# Fill values x phenotypes (and values x coefficients x phenotypes) from a function of (h, phenotype).
tabulate_hsq <- function(hsq, p, one) {
    loglik <- sigmasq <- matrix(NA_real_, nrow(hsq), ncol(hsq))
    beta <- array(NA_real_, c(nrow(hsq), p, ncol(hsq)))
    for (j in seq_len(ncol(hsq))) for (i in seq_len(nrow(hsq))) {
        answer <- one(hsq[i, j], j)
        loglik[i, j] <- answer$loglik
        sigmasq[i, j] <- answer$sigmasq
        beta[i, , j] <- answer$beta
    }
    list(loglik = loglik, sigmasq = sigmasq, beta = beta)
}

# Bind the answers of one function per phenotype.
each_phenotype <- function(m, one) {
    answers <- lapply(seq_len(m), one)
    number <- function(name) vapply(answers, function(answer) as.numeric(answer[[name]]), 0)
    list(hsq = number("hsq"), loglik = number("loglik"), sigmasq = number("sigmasq"),
         beta = do.call(cbind, lapply(answers, function(answer) as.numeric(answer$beta))))
}

# --- lmmreference: the model in plain R -----------------------------------------------------------------------------

reference_rotated <- function() prepared("r-reference", function(problem)
    lmmreference::eigen_rotation(problem$K, problem$Y, problem$X, problem$weights))

reference_at_hsq <- function(hsq, reml) {
    rotated <- reference_rotated()
    tabulate_hsq(hsq, ncol(rotated$X), function(h, j) lmmreference::log_likelihood(h, rotated, reml, j))
}

reference_optimum <- function(reml) {
    problem <- lmmbridge$problem
    fit <- lmmreference::fit_lmm(problem$Y, problem$K, problem$X, problem$weights, reml)
    list(hsq = as.numeric(fit$hsq), loglik = as.numeric(fit$loglik), sigmasq = as.numeric(fit$sigmasq),
         beta = matrix(fit$beta, ncol(problem$X)))
}

# --- lmmlite: its R code and its C++ code ---------------------------------------------------------------------------

lmmlite_rotated <- function(use_cpp) prepared(paste("lmmlite", use_cpp), function(problem)
    lmmlite::eigen_rotation(unname(problem$K), unname(problem$Y), unname(problem$X), use_cpp = use_cpp))

lmmlite_at_hsq <- function(hsq, reml, use_cpp) {
    e <- lmmlite_rotated(use_cpp)
    tabulate_hsq(hsq, ncol(e$X), function(h, j) {
        loglik <- lmmlite::calcLL(h, e$Kva, e$y[, j], e$X, reml = reml, use_cpp = use_cpp)
        list(loglik = as.numeric(loglik), sigmasq = attr(loglik, "sigmasq"), beta = attr(loglik, "beta"))
    })
}

lmmlite_optimum <- function(reml, tol, use_cpp) {
    e <- lmmlite_rotated(use_cpp)
    each_phenotype(ncol(e$y), function(j)
        lmmlite::fitLMM(e$Kva, e$y[, j], e$X, reml = reml, check_boundary = TRUE, tol = tol, use_cpp = use_cpp))
}

# --- qtl2: est_herit, and the likelihood it maximises, at fixed hsq ---------------------------------------------------

# qtl2 multiplies by the root of the weights (1/variance), as est_herit does before its own decomposition.
qtl2_rotated <- function() prepared("qtl2", function(problem) {
    root <- qtl2:::sqrt_weights(problem$weights)
    K <- qtl2:::weight_kinship(qtl2:::double_kinship(problem$K), root)
    Ke <- qtl2::decomp_kinship(K)
    list(values = Ke$values, y = Ke$vectors %*% qtl2:::weight_matrix(problem$Y, root),
         X = Ke$vectors %*% qtl2:::weight_matrix(problem$X, root))
})

qtl2_at_hsq <- function(hsq, reml) {
    e <- qtl2_rotated()
    loglik <- hsq
    for (i in seq_len(nrow(hsq)))
        loglik[i, ] <- qtl2:::Rcpp_calcLL_mat(hsq[i, ], e$values, e$y, e$X, reml)
    list(loglik = loglik)
}

# est_herit puts an intercept in front. It must not be given the constant again: its removal of dependent columns would
# then drop another covariate (see the register of known divergences). So one column that the constant replaces is left
# out: the intercept itself, or the one with the largest part in the combination of columns that is constant.
qtl2_addcovar <- function(X) {
    part <- qr.coef(qr(X), rep(1, nrow(X))) * sqrt(colSums(X^2))
    addcovar <- X[, -which.max(abs(part)), drop = FALSE]
    if (ncol(addcovar) > 0) addcovar
}

qtl2_optimum <- function(reml, tol, addcovar = qtl2_addcovar(lmmbridge$problem$X)) {
    problem <- lmmbridge$problem
    answer <- qtl2::est_herit(problem$Y, problem$K, addcovar, weights = problem$weights, reml = reml, tol = tol)
    if (any(attr(answer, "sample_size") != nrow(problem$K)))
        stop("est_herit used ", attr(answer, "sample_size")[1], " individuals of ", nrow(problem$K))
    list(hsq = as.numeric(answer), loglik = as.numeric(attr(answer, "log10lik")),
         sigmasq = as.numeric(attr(answer, "resid_sd"))^2)
}

# For the register: est_herit given a column of ones among the covariates.
qtl2_optimum_with_constant <- function(reml, tol) qtl2_optimum(reml, tol, lmmbridge$problem$X)
