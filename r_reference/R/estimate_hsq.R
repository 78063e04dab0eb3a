#' The hsq of highest likelihood
#'
#' Maximises \code{\link{log_likelihood}} over \eqn{0 \le h \le 1}{0 <= h <= 1}.
#'
#' The likelihood may have more than one local maximum. It is computed on a
#' grid, evenly spaced in \eqn{\log(h/(1-h))}{log(h/(1 - h))} with both ends
#' added, and every local maximum of the grid is climbed: first by
#' \code{\link[stats]{optimize}}, which rounding stops at a distance of about
#' the square root of the machine precision, then by
#' \code{\link[stats]{uniroot}} on the derivative,
#' \deqn{\mathrm{ML}' = -\frac12\left[ -\frac{n \sum a_i r_i^2}{Q} + \sum a_i \right]}{%
#'   ML' = -1/2 [ -n sum(a_i r_i^2)/Q + sum(a_i) ]}
#' \deqn{\mathrm{REML}' = -\frac12\left[ -\frac{(n-p) \sum a_i r_i^2}{Q} + \sum a_i (1 - l_i) \right]}{%
#'   REML' = -1/2 [ -(n-p) sum(a_i r_i^2)/Q + sum(a_i (1 - l_i)) ]}
#' with the weighted residuals \eqn{r = D^{-1/2}(y - X\hat\beta)}{r = D^-1/2 (y - X beta)},
#' \eqn{a_i = (\lambda_i - 1)/d_i}{a_i = (lambda_i - 1)/d_i} and \eqn{l_i} the
#' diagonal of the hat matrix of \eqn{D^{-1/2}X}{D^-1/2 X}. The highest of the
#' maxima and of the two ends is returned.
#'
#' \strong{The end h = 1.} The range of \eqn{h} ends at 1 if \eqn{V = K} is
#' positive definite there, that is, if the smallest eigenvalue exceeds
#' \eqn{n\epsilon\lambda_{\max}}{n eps lambda_max}. Otherwise it ends just before
#' \eqn{V} turns singular, at
#' \eqn{h = (1 - 10^{-8}) / (1 - \min(\lambda_{\min}, 0))}{h = (1 - 1e-8) / (1 - min(lambda_min, 0))}.
#'
#' \strong{Unbounded likelihood.} Let the columns of \eqn{U_0} be the eigenvectors
#' of the \eqn{u} eigenvalues that are numerically zero. As \eqn{h \to 1}{h -> 1},
#' \eqn{\log|V|}{log|V|} falls like \eqn{u\log(1-h)}{u log(1 - h)}. If
#' \eqn{U_0'y}{U0'y} has a residual on \eqn{U_0'X}{U0'X}, \eqn{Q} grows like
#' \eqn{1/(1-h)}{1/(1 - h)} and the likelihood falls to \eqn{-\infty}{-Inf}. If it has
#' none (the null space of \eqn{K} is in the span of \eqn{X}, as that of a centred
#' \eqn{K} is if there is an intercept), ML grows without bound, and REML does if also
#' \eqn{u > \mathrm{rank}(U_0'X)}{u > rank(U0'X)}. There is no estimate
#' then: all values are \code{NA}, with a warning.
#'
#' \strong{Flat likelihood.} If the data cannot tell any \eqn{h} from another
#' (\eqn{K = W^{-1}}{K = W^-1}, for example), 0 is returned, with a warning.
#'
#' @inheritParams log_likelihood
#' @param tol Tolerance of \code{optimize} and \code{uniroot}, relative to the
#'   width of the interval between grid points on either side of the maximum.
#'
#' @return A list:
#' \item{hsq}{\eqn{\hat h}{h}, the estimate, under \code{K} as it was given}
#' \item{loglik, beta, sigmasq}{as from \code{\link{log_likelihood}} at this \code{hsq}}
#'
#' @inherit lmmreference-package references
#' @examples
#' n <- 30
#' G <- matrix(sin(seq_len(50 * n)^2), n)
#' K <- tcrossprod(G) / ncol(G)
#' y <- drop(G %*% cos(1:50)) / 5 + 2 * cos(seq_len(n)^3)
#' rotated <- eigen_rotation(K, y)
#' estimate_hsq(rotated)$hsq
#' estimate_hsq(rotated, reml = FALSE)$hsq
#' @importFrom stats optimize plogis uniroot
#' @export
estimate_hsq <- function(rotated, reml = TRUE, column = 1, tol = 1e-10) {
    check_point(0, rotated, column)
    check_flag(reml)
    check_tolerance(tol)
    if (is_unbounded(rotated, reml, column)) {
        warning("The ", if (reml) "REML" else "ML", " likelihood of phenotype ", column,
                " grows without bound as hsq goes to 1 (K is singular, and its null space has no part in the ",
                "residual): there is no estimate.", call. = FALSE)
        return(list(hsq = NA_real_, loglik = NA_real_, beta = NA_real_ * rotated$X[1, ], sigmasq = NA_real_))
    }
    loglik <- function(h) log_likelihood(h, rotated, reml, column)$loglik
    slope <- function(h) score(h, rotated, reml, column)

    end <- last_hsq(rotated$values)
    grid <- c(0, end * plogis(seq(-18, 18, by = 0.25)), end)
    height <- vapply(grid, loglik, 0)
    if (diff(range(height)) <= 1e-9 * (1 + abs(height[1]))) {
        warning("The ", if (reml) "REML" else "ML", " likelihood of phenotype ", column,
                " is flat: the data cannot tell any hsq from another; hsq = 0 stands for all.", call. = FALSE)
        return(c(list(hsq = 0), log_likelihood(0, rotated, reml, column)[c("loglik", "beta", "sigmasq")]))
    }
    last <- length(grid)
    peaks <- which(height >= c(-Inf, height[-last]) & height >= c(height[-1], -Inf))
    maxima <- vapply(peaks, function(k) climb(loglik, slope, grid[max(k - 1, 1)], grid[min(k + 1, last)], tol), 0)

    candidates <- c(0, end, maxima)
    hsq <- candidates[which.max(vapply(candidates, loglik, 0))]
    c(list(hsq = hsq), log_likelihood(hsq, rotated, reml, column)[c("loglik", "beta", "sigmasq")])
}

# The local maximum between lower and upper: optimize comes near it, the root of the slope is it.
climb <- function(loglik, slope, lower, upper, tol) {
    width <- upper - lower
    h <- optimize(loglik, c(lower, upper), maximum = TRUE, tol = tol * width)$maximum
    for (reach in c(1e-3, 1e-1, 1) * width) {
        near <- c(max(h - reach, lower), min(h + reach, upper))
        s <- c(slope(near[1]), slope(near[2]))
        if (s[1] > 0 && s[2] < 0)
            return(uniroot(slope, near, f.lower = s[1], f.upper = s[2], tol = tol * width)$root)
    }
    # No change of sign from lower to upper: the maximum is at an end.
    if (all(s <= 0)) lower else if (all(s >= 0)) upper else h
}

# Eigenvalues up to this, in absolute value, are zero to rounding.
zero_to_rounding <- function(lambda) max(length(lambda), 30) * .Machine$double.eps * max(abs(lambda))

# The upper end of the range of h: 1 if V is positive definite there, otherwise where the smallest d is 1e-8.
last_hsq <- function(lambda)
    if (min(lambda) > zero_to_rounding(lambda)) 1 else (1 - 1e-8) / (1 - min(lambda, 0))

# Whether the likelihood grows without bound towards the h at which V turns singular. Rows of U'X are
# replaced by those of an orthonormal basis B of its span, so that singular values of U0'B are cosines.
is_unbounded <- function(rotated, reml, column) {
    lambda <- rotated$values
    zero <- zero_to_rounding(lambda)
    # V turns singular first in the directions of the smallest eigenvalue, if that is below zero.
    singular <- lambda <= (if (min(lambda) < -zero) min(lambda) else 0) + zero
    u <- sum(singular)
    if (u == 0) return(FALSE)

    QR <- qr(rotated$X, tol = 0)
    e <- qr.resid(QR, rotated$y[, column])              # least squares residual, in the coordinates U
    U0B <- qr.Q(QR)[singular, , drop = FALSE]
    U0e <- e[singular]                                  # differs from U0'y by a combination of U0'X

    cosines <- svd(U0B, nu = min(dim(U0B)), nv = 0)
    seen <- cosines$d > sqrt(.Machine$double.eps)
    L <- cosines$u[, seen, drop = FALSE]                # orthonormal basis of the span of U0'X
    residual <- U0e - L %*% crossprod(L, U0e)

    sum(residual^2) <= .Machine$double.eps * sum(e^2) && (!reml || u > sum(seen))
}
