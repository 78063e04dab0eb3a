#' Fit the linear mixed model
#'
#' Estimates \eqn{h}, \eqn{\sigma^2}{sigma^2} and \eqn{\beta}{beta} by REML or
#' ML, for one phenotype or for each of several, one at a time.
#'
#' The model is
#' \deqn{y = X\beta + e, \qquad \mathrm{var}(e) = \sigma^2\left[hK + (1-h)W^{-1}\right].}{%
#'   y = X beta + e,  var(e) = sigma^2 [h K + (1 - h) W^-1].}
#' The likelihoods are those of \code{\link{log_likelihood}}; how the maximum is
#' found, and when there is none, is described at \code{\link{estimate_hsq}}.
#'
#' @inheritParams eigen_rotation
#' @inheritParams log_likelihood
#'
#' @return A list of class \code{"lmm_fit"}. For a phenotype matrix with
#'   \eqn{m > 1} columns \code{beta} is a \eqn{p \times m}{p x m} matrix, and all
#'   other numbers are vectors of length \eqn{m}.
#' \item{hsq}{\eqn{\hat h}{h}, under \code{K} as it was given}
#' \item{sigmasq}{total variance \eqn{\hat\sigma^2}{sigma^2}: \eqn{Q/(n-p)} under REML,
#'   \eqn{Q/n} under ML}
#' \item{sigmasq_g}{\eqn{\hat h\hat\sigma^2}{h sigma^2}, the coefficient of \eqn{K}}
#' \item{sigmasq_e}{\eqn{(1-\hat h)\hat\sigma^2}{(1 - h) sigma^2}, the coefficient of
#'   \eqn{W^{-1}}{W^-1}}
#' \item{beta}{\eqn{\hat\beta}{beta}, \eqn{p} numbers}
#' \item{loglik}{the maximum of the log likelihood}
#' \item{reml}{\code{TRUE} if \code{loglik} and the estimates are those of REML}
#' Where the likelihood is unbounded there is no estimate: \code{NA}, with a warning.
#'
#' @inherit lmmreference-package references
#' @examples
#' n <- 30
#' G <- matrix(sin(seq_len(50 * n)^2), n)
#' K <- tcrossprod(G) / ncol(G)
#' y <- drop(G %*% cos(1:50)) / 5 + 2 * cos(seq_len(n)^3)
#' fit_lmm(y, K)
#'
#' # Means of different numbers of measurements: weights are 1/variance
#' fit_lmm(y, K, weights = rep(1:3, 10))
#'
#' # Several phenotypes, one at a time
#' fit_lmm(cbind(first = y, second = y^2), K)$hsq
#' @importFrom stats setNames
#' @export
fit_lmm <- function(y, K, X = NULL, weights = NULL, reml = TRUE) {
    check_flag(reml)
    rotated <- eigen_rotation(K, y, X, weights)
    phenotypes <- seq_len(ncol(rotated$y))
    fits <- lapply(phenotypes, function(j) estimate_hsq(rotated, reml, j))
    each <- function(name) vapply(fits, function(fit) fit[[name]], 0)

    hsq <- each("hsq")
    sigmasq <- each("sigmasq")
    loglik <- each("loglik")
    beta <- matrix(unlist(lapply(fits, function(fit) fit$beta)), ncol(rotated$X))
    rownames(beta) <- colnames(rotated$X)
    colnames(beta) <- names(hsq) <- names(sigmasq) <- names(loglik) <- colnames(rotated$y)
    if (length(phenotypes) == 1) beta <- setNames(beta[, 1], rownames(beta))

    structure(list(hsq = hsq, sigmasq = sigmasq, sigmasq_g = hsq * sigmasq, sigmasq_e = (1 - hsq) * sigmasq,
                   beta = beta, loglik = loglik, reml = reml),
              class = "lmm_fit")
}

#' @rdname fit_lmm
#' @param x A fit to print.
#' @param digits Number of significant digits.
#' @param ... Not used.
#' @export
print.lmm_fit <- function(x, digits = max(4L, getOption("digits") - 2L), ...) {
    cat("Linear mixed model, ", if (x$reml) "REML" else "ML", "\n", sep = "")
    beta <- as.matrix(x$beta)
    if (is.null(rownames(beta))) rownames(beta) <- paste0("x", seq_len(nrow(beta)))
    rownames(beta) <- paste0("beta[", rownames(beta), "]")
    m <- ncol(beta)
    numbers <- rbind(hsq = x$hsq, sigmasq = x$sigmasq, sigmasq_g = x$sigmasq_g, sigmasq_e = x$sigmasq_e,
                     beta, loglik = x$loglik)
    if (m == 1) colnames(numbers) <- ""
    else if (is.null(colnames(beta))) colnames(numbers) <- paste0("y", seq_len(m))
    shown <- apply(numbers, c(1, 2), format, digits = digits)
    print(shown, quote = FALSE, right = TRUE)
    invisible(x)
}
