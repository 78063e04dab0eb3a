#' Log likelihood of hsq
#'
#' The log likelihood (ML) or restricted log likelihood (REML) of \eqn{h}, with
#' \eqn{\beta}{beta} and \eqn{\sigma^2}{sigma^2} at their best for that
#' \eqn{h}, and with every constant.
#'
#' With \eqn{Q = (y - X\hat\beta)'V^{-1}(y - X\hat\beta)}{Q = (y - X beta)' V^-1 (y - X beta)},
#' \deqn{\mathrm{ML} = -\frac12\left[ n\log 2\pi + n\log\frac{Q}{n} + \log|V| + n \right]}{%
#'   ML = -1/2 [ n log(2 pi) + n log(Q/n) + log|V| + n ]}
#' \deqn{\mathrm{REML} = -\frac12\left[ (n-p)\left(\log 2\pi + \log\frac{Q}{n-p} + 1\right)
#'   + \log|V| + \log|X'V^{-1}X| - \log|X'X| \right]}{%
#'   REML = -1/2 [ (n-p) (log(2 pi) + log(Q/(n-p)) + 1) + log|V| + log|X' V^-1 X| - log|X'X| ]}
#' ML is the density of \eqn{y}. REML is the density of \eqn{A'y}, where the
#' \eqn{n-p} columns of \eqn{A} are orthonormal and orthogonal to those of
#' \eqn{X}; the term \eqn{\log|X'X|}{log|X'X|} (of the unweighted \eqn{X}),
#' which some programs leave out, makes it free of the scale of \eqn{X}.
#'
#' @inheritParams least_squares
#' @param reml \code{TRUE} for REML, \code{FALSE} for ML.
#'
#' @return A list:
#' \item{loglik}{the log likelihood}
#' \item{beta}{\eqn{\hat\beta}{beta} at this \eqn{h}, \eqn{p} numbers}
#' \item{sigmasq}{the total variance \eqn{\hat\sigma^2}{sigma^2} at this
#'   \eqn{h}: \eqn{Q/(n-p)} under REML, \eqn{Q/n} under ML}
#'
#' @inherit lmmreference-package references
#' @examples
#' n <- 30
#' G <- matrix(sin(seq_len(50 * n)^2), n)
#' K <- tcrossprod(G) / ncol(G)
#' y <- cos(seq_len(n)^3)
#' rotated <- eigen_rotation(K, y)
#' log_likelihood(0.5, rotated)$loglik
#'
#' # At hsq = 0 ML is the likelihood of the linear model
#' log_likelihood(0, rotated, reml = FALSE)$loglik - as.numeric(logLik(lm(y ~ 1)))
#' @export
log_likelihood <- function(hsq, rotated, reml = TRUE, column = 1) {
    check_flag(reml)
    fit <- least_squares(hsq, rotated, column)
    n <- nrow(rotated$X)
    p <- ncol(rotated$X)
    Q <- fit$rss

    if (reml) {
        sigmasq <- Q / (n - p)
        loglik <- -1/2 * ((n - p) * (log(2 * pi) + log(sigmasq) + 1) +
                          fit$logdet_V + fit$logdet_XtViX - rotated$logdet_XtX)
    } else {
        sigmasq <- Q / n
        loglik <- -1/2 * (n * log(2 * pi) + n * log(sigmasq) + fit$logdet_V + n)
    }
    list(loglik = loglik, beta = fit$beta, sigmasq = sigmasq)
}

# The derivative of log_likelihood with respect to h. With r the weighted residuals, lev the
# diagonal of the hat matrix of D^-1/2 X and a = (lambda - 1)/d = d'/d,
#   Q' = -sum(a r^2),   (log|V|)' = sum(a),   (log|X' V^-1 X|)' = -sum(a lev).
score <- function(hsq, rotated, reml, column) {
    lambda <- rotated$values
    y <- rotated$y[, column]
    X <- rotated$X
    n <- nrow(X)
    p <- ncol(X)

    d <- hsq * lambda + (1 - hsq)
    a <- (lambda - 1) / d
    QR <- qr(X / sqrt(d), tol = 0)
    r <- qr.resid(QR, y / sqrt(d))
    Q <- sum(r^2)
    lev <- rowSums(qr.Q(QR)^2)

    if (reml) -1/2 * (-(n - p) * sum(a * r^2) / Q + sum(a * (1 - lev)))
    else      -1/2 * (-n * sum(a * r^2) / Q + sum(a))
}
