#' Coordinates in which the covariance matrix is diagonal
#'
#' Decomposes the kinship matrix and rotates phenotypes and covariates by its
#' eigenvectors. This is done once; everything after it is a function of
#' \eqn{h} alone.
#'
#' With \eqn{W^{1/2} K W^{1/2} = U \Lambda U'}{W^1/2 K W^1/2 = U Lambda U'},
#' \deqn{U' W^{1/2} V W^{1/2} U = h\Lambda + (1-h)I = \mathrm{diag}(d),
#'   \qquad d_i = h\lambda_i + 1 - h,}{U' W^1/2 V W^1/2 U = h Lambda + (1 - h) I = diag(d),  d_i = h lambda_i + 1 - h,}
#' so that \eqn{U'W^{1/2}y}{U' W^1/2 y} has independent entries, whatever
#' \eqn{h} is.
#'
#' Individuals are in the same order in all arguments; names are not looked at.
#' \code{X} is used as it is: if it is to contain an intercept, put one in.
#'
#' @param K Kinship matrix, \eqn{n \times n}{n x n}, symmetric.
#' @param y Phenotype: a vector of length \eqn{n}, or an
#'   \eqn{n \times m}{n x m} matrix with a phenotype in each column.
#' @param X Covariates: an \eqn{n \times p}{n x p} matrix of full column rank
#'   (or a vector, for one covariate). By default a column of ones.
#' @param weights Vector of \eqn{n} positive weights, the diagonal of \eqn{W},
#'   on the scale of 1/variance. By default all are 1.
#'
#' @return A list of class \code{"rotated"}:
#' \item{values}{the \eqn{n} eigenvalues \eqn{\lambda_i}{lambda_i}, ascending,
#'   as computed (rounding leaves those of a singular \eqn{K} a little off zero)}
#' \item{y}{\eqn{U'W^{1/2}y}{U' W^1/2 y}, \eqn{n \times m}{n x m}}
#' \item{X}{\eqn{U'W^{1/2}X}{U' W^1/2 X}, \eqn{n \times p}{n x p}}
#' \item{logdet_W}{\eqn{\log|W| = \sum \log w_i}{log|W| = sum log w_i}}
#' \item{logdet_XtX}{\eqn{\log|X'X|}{log|X'X|} of \code{X} as it was given,
#'   unweighted}
#'
#' @inherit lmmreference-package references
#' @seealso \code{\link{fit_lmm}}, which takes all steps at once.
#' @examples
#' n <- 30
#' G <- matrix(sin(seq_len(50 * n)^2), n)       # stands for genotypes
#' K <- tcrossprod(G) / ncol(G)
#' y <- cos(seq_len(n)^3)
#' rotated <- eigen_rotation(K, y, X = cbind(1, seq_len(n)))
#' range(rotated$values)
#' @export
eigen_rotation <- function(K, y, X = NULL, weights = NULL) {
    check_kinship(K)
    n <- nrow(K)
    y <- as_columns(y, "y", n)
    X <- if (is.null(X)) matrix(1, n, 1) else as_columns(X, "X", n)
    w <- if (is.null(weights)) rep(1, n) else c(weights)
    check_weights(w, n)
    check_covariates(X)
    check_residuals(y, X)

    K <- (K + t(K)) / 2
    eig <- eigen(sqrt(w) * t(sqrt(w) * K), symmetric = TRUE)    # W^1/2 K W^1/2 = U Lambda U'
    # Ascending: the rows with the smallest d, so the largest weights 1/d, come first,
    # which is the order in which Householder's QR keeps the small rows accurate.
    ascending <- rev(seq_len(n))
    U <- eig$vectors[, ascending, drop = FALSE]

    structure(list(values = eig$values[ascending],
                   y = crossprod(U, sqrt(w) * y),               # U' W^1/2 y
                   X = crossprod(U, sqrt(w) * X),               # U' W^1/2 X
                   logdet_W = sum(log(w)),                      # log|W|
                   logdet_XtX = logdet_crossprod(qr(X, tol = 0))), # log|X'X|
              class = "rotated")
}

# log|A'A| = 2 sum log|R_ii| from the QR decomposition A = QR
logdet_crossprod <- function(QR) 2 * sum(log(abs(diag(qr.R(QR)))))
