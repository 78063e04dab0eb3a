#' Eigen decomposition and rotation
#'
#' As lmmlite's function of that name (its C++ path), computed by Python. Eigenvalues within rounding of zero are zero.
#'
#' @param K Kinship matrix.
#' @param y Phenotypes: a vector or matrix without missing values.
#' @param X Matrix of covariates, the intercept among them. Default: the intercept alone.
#' @param Kva,Kve_t Eigenvalues and transposed eigenvectors of K, where they are known; used with `use_cpp = FALSE` only, as in
#'   lmmlite.
#' @param use_cpp Without effect otherwise: Python does the work.
#'
#' @return List of `Kva`, `Kve_t` and the rotated `y` and `X`; X has the attribute `logdetXpX`.
#'
#' @references Broman KW, R/lmmlite. <https://kbroman.org/lmmlite/>
#' @examplesIf lmmbridge::python_available()
#' K <- crossprod(matrix(c(1, 2, 0, 1, 1, 1, 2, 0, 0), 3)) / 3
#' e <- eigen_rotation(K, c(1.5, 2, 0.3))
#' e$Kva
#' @export
eigen_rotation <- function(K, y, X = NULL, Kva = NULL, Kve_t = NULL, use_cpp = TRUE) {
    call <- complete_call("K")
    if (!use_cpp && !is.null(Kva) && !is.null(Kve_t)) {
        X <- if (is.null(X)) matrix(1, nrow(Kve_t)) else as.matrix(X)
        y <- as.matrix(y)
        if (nrow(X) != ncol(Kve_t) || nrow(y) != ncol(Kve_t) || length(Kva) != nrow(Kve_t))
            refuse("Kva, Kve_t, y and X are not of as many individuals", call = call)
        return(list(Kva = Kva, Kve_t = Kve_t, y = Kve_t %*% y, X = Kve_t %*% X))
    }
    if (missing(K)) refuse("argument K is missing: give the kinship matrix", call = call)
    found <- call_python("eigen_rotation", list(K = numbers(K, "K", call), y = numbers(y, "y", call),
                                                X = if (!is.null(X)) numbers(X, "X", call)), call)
    attr(found$X, "logdetXpX") <- found$logdetXpX
    found[c("Kva", "Kve_t", "y", "X")]
}

#' Coefficients and variance at fixed heritability
#'
#' As lmmlite's function of that name (its C++ path), computed by Python: `sigmasq` is the total variance, Q/(n-p) also under ML.
#'
#' @param hsq Heritability.
#' @param Kva Eigenvalues of the kinship matrix, of [eigen_rotation()].
#' @param y,X Rotated phenotype and covariates, of [eigen_rotation()].
#' @param reml Whether REML (default) or ML.
#' @param use_cpp Without effect: Python does the work.
#'
#' @return List of `beta` and `sigmasq`, with attributes `rss` and, under REML, `logdetXSX`.
#'
#' @inherit eigen_rotation references
#' @examplesIf lmmbridge::python_available()
#' K <- crossprod(matrix(c(1, 2, 0, 1, 1, 1, 2, 0, 0), 3)) / 3
#' e <- eigen_rotation(K, c(1.5, 2, 0.3))
#' getMLsoln(0.5, e$Kva, e$y, e$X)$sigmasq
#' @export
getMLsoln <- function(hsq, Kva, y, X, reml = TRUE, use_cpp = TRUE) {
    call <- complete_call()
    if (!is.numeric(hsq) || length(hsq) != 1) refuse("hsq should be a single number", call = call)
    found <- call_python("getMLsoln", c(list(hsq = hsq), rotated_arguments(Kva, y, X, reml, call)), call)
    value <- found[c("beta", "sigmasq")]
    attr(value, "rss") <- found$rss
    if (reml) attr(value, "logdetXSX") <- found$logdetXSX
    value
}

#' Log likelihood at fixed heritability
#'
#' As lmmlite's function of that name (its C++ path), computed by Python, and without the same constants as there.
#'
#' @inheritParams getMLsoln
#' @param hsq Heritability, or several.
#'
#' @return The log likelihood, with attributes `beta` and `sigmasq`; of several heritabilities a vector. `NaN` where the covariance
#'   matrix is not positive definite.
#'
#' @inherit eigen_rotation references
#' @examplesIf lmmbridge::python_available()
#' K <- crossprod(matrix(c(1, 2, 0, 1, 1, 1, 2, 0, 0), 3)) / 3
#' e <- eigen_rotation(K, c(1.5, 2, 0.3))
#' calcLL(c(0, 0.25, 0.5), e$Kva, e$y, e$X)
#' @export
calcLL <- function(hsq, Kva, y, X, reml = TRUE, use_cpp = TRUE) {
    call <- complete_call()
    if (!is.numeric(hsq) || length(hsq) == 0) refuse("hsq should be a number, or several", call = call)
    found <- call_python("calcLL", c(list(hsq = array(as.double(hsq), length(hsq))), rotated_arguments(Kva, y, X, reml, call)),
                         call)
    value <- found$loglik
    if (length(hsq) == 1) {
        attr(value, "beta") <- found$beta
        attr(value, "sigmasq") <- found$sigmasq
    }
    value
}

#' Fit a linear mixed model
#'
#' As lmmlite's function of that name (its C++ path), computed by Python: every local maximum and both boundaries are tried, and the
#' heritability is found to rounding, whatever `tol`.
#'
#' @inheritParams getMLsoln
#' @param check_boundary,tol Without effect.
#' @param compute_se Whether to give the standard error of the heritability, `hsq_se`; `NaN` at a boundary.
#'
#' @return List of `beta`, `sigmasq`, `hsq`, `sigmasq_g`, `sigmasq_e`, `loglik` and, with `compute_se`, `hsq_se`.
#'
#' @inherit eigen_rotation references
#' @examplesIf lmmbridge::python_available()
#' set.seed(1)
#' G <- matrix(rnorm(40 * 60), 40)
#' e <- eigen_rotation(tcrossprod(G) / 60, G %*% rnorm(60) / 8 + rnorm(40))
#' fitLMM(e$Kva, e$y, e$X)$hsq
#' @export
fitLMM <- function(Kva, y, X, reml = TRUE, check_boundary = TRUE, tol = 1e-4, use_cpp = TRUE, compute_se = FALSE) {
    call <- complete_call()
    if (is.matrix(y) && ncol(y) > 1) {
        warning(warningCondition("Considering only the first phenotype.", call = call))
        y <- y[, 1]
    }
    found <- call_python("fitLMM", rotated_arguments(Kva, y, X, reml, call), call)
    if (!check_flag(compute_se, "compute_se", call)) found$hsq_se <- NULL
    found
}

rotated_arguments <- function(Kva, y, X, reml, call) {
    list(Kva = numbers(Kva, "Kva", call), y = numbers(y, "y", call), X = numbers(X, "X", call),
         reml = check_flag(reml, "reml", call))
}

# A vector or matrix of numbers, without names.
numbers <- function(x, name, call) {
    if (is.data.frame(x)) x <- as.matrix(x)
    if (!is.numeric(x) && !is.logical(x)) refuse(name, " is not numeric", call = call)
    if (is.null(dim(x))) array(as.double(x), length(x)) else matrix(as.double(x), nrow(x))
}
