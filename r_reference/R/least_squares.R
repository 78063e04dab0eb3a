#' Weighted least squares at a given hsq
#'
#' In the coordinates of \code{\link{eigen_rotation}} generalised least squares
#' is least squares with the weights \eqn{1/d_i}; it is solved by the QR
#' decomposition of \eqn{D^{-1/2}X}{D^-1/2 X}, \eqn{D = \mathrm{diag}(d)}{D = diag(d)}.
#'
#' @param hsq The value of \eqn{h}: one number from 0 to 1 at which \eqn{V} is
#'   positive definite.
#' @param rotated The result of \code{\link{eigen_rotation}}.
#' @param column Which phenotype: the column of \code{rotated$y}, as a number.
#'
#' @return A list:
#' \item{hsq}{\eqn{h}}
#' \item{d}{\eqn{d_i = h\lambda_i + 1 - h}{d_i = h lambda_i + 1 - h}, \eqn{n} numbers}
#' \item{beta}{\eqn{\hat\beta = (X'V^{-1}X)^{-1}X'V^{-1}y}{beta = (X' V^-1 X)^-1 X' V^-1 y},
#'   \eqn{p} numbers}
#' \item{rss}{\eqn{Q = (y - X\hat\beta)'V^{-1}(y - X\hat\beta)}{Q = (y - X beta)' V^-1 (y - X beta)}}
#' \item{logdet_V}{\eqn{\log|V| = \sum \log d_i - \sum \log w_i}{log|V| = sum log d_i - sum log w_i}}
#' \item{logdet_XtViX}{\eqn{\log|X'V^{-1}X|}{log|X' V^-1 X|}}
#'
#' @inherit lmmreference-package references
#' @examples
#' n <- 30
#' G <- matrix(sin(seq_len(50 * n)^2), n)
#' K <- tcrossprod(G) / ncol(G)
#' y <- cos(seq_len(n)^3)
#' rotated <- eigen_rotation(K, y)
#' least_squares(0.5, rotated)$beta
#' least_squares(0, rotated)$beta - mean(y)     # 0: ordinary least squares
#' @export
least_squares <- function(hsq, rotated, column = 1) {
    check_point(hsq, rotated, column)
    lambda <- rotated$values
    y <- rotated$y[, column]
    X <- rotated$X

    d <- hsq * lambda + (1 - hsq)
    check_positive(d, hsq)
    QR <- qr(X / sqrt(d), tol = 0)          # tol = 0: X has full rank, whatever the weights
    beta <- qr.coef(QR, y / sqrt(d))
    r <- qr.resid(QR, y / sqrt(d))          # D^-1/2 (y - X beta)

    list(hsq = hsq,
         d = d,
         beta = beta,
         rss = sum(r^2),                                # Q
         logdet_V = sum(log(d)) - rotated$logdet_W,     # log|V|
         logdet_XtViX = logdet_crossprod(QR))           # log|X' V^-1 X|
}
