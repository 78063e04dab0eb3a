# What can be wrong with the arguments, a sentence each.

fault <- function(...) stop(..., call. = FALSE)

check_kinship <- function(K) {
    if (!is.matrix(K) || !is.numeric(K)) fault("K must be a numeric matrix.")
    if (nrow(K) != ncol(K)) fault("K must be square, and it has ", nrow(K), " rows and ", ncol(K), " columns.")
    if (nrow(K) == 0) fault("K must have at least one row.")
    if (!all(is.finite(K))) fault("K must be finite: it has missing or infinite entries.")
    # Rounding, as by writing to a file and reading back, is let pass; the mean of K and K' is used.
    if (max(abs(K - t(K))) > 1e-8 * max(abs(K))) fault("K must be symmetric.")
}

# A vector or a matrix as a matrix with n rows
as_columns <- function(A, name, n) {
    if (is.data.frame(A)) A <- as.matrix(A)
    if (!is.numeric(A) || length(dim(A)) > 2) fault(name, " must be a numeric vector or matrix.")
    A <- as.matrix(A)
    if (nrow(A) != n) fault(name, " must have as many rows as K, ", n, ", and it has ", nrow(A), ".")
    if (ncol(A) == 0) fault(name, " must have at least one column.")
    if (!all(is.finite(A))) fault(name, " must be finite: it has missing or infinite entries.")
    A
}

check_weights <- function(w, n) {
    if (!is.numeric(w)) fault("weights must be numeric.")
    if (length(w) != n) fault("weights must be as many as K has rows, ", n, ", and they are ", length(w), ".")
    if (!all(is.finite(w))) fault("weights must be finite: some are missing or infinite.")
    if (any(w <= 0)) fault("weights must be positive: they are 1/variance.")
}

# A column is a combination of others if no more than this part of it is outside their span.
OUTSIDE <- 1e-10

check_covariates <- function(X) {
    n <- nrow(X)
    p <- ncol(X)
    if (n <= p) fault("There must be more individuals than columns of X, and there are ", n, " and ", p, ".")
    if (qr(X, tol = OUTSIDE)$rank < p) fault("X must have full column rank: a column is zero or a combination of the others.")
}

check_residuals <- function(y, X) {
    n <- nrow(X)
    none <- colSums(qr.resid(qr(X, tol = 0), y)^2) <= (10 * n * .Machine$double.eps)^2 * colSums(y^2)
    if (any(none)) fault("Phenotype ", which(none)[1], " is fitted exactly by X: nothing is left to estimate from.")
}

check_point <- function(hsq, rotated, column) {
    if (!inherits(rotated, "rotated")) fault("rotated must be a result of eigen_rotation().")
    if (!is.numeric(hsq) || length(hsq) != 1 || is.na(hsq) || hsq < 0 || hsq > 1)
        fault("hsq must be one number from 0 to 1.")
    if (!is.numeric(column) || length(column) != 1 || !(column %in% seq_len(ncol(rotated$y))))
        fault("column must be the number of a phenotype, from 1 to ", ncol(rotated$y), ".")
}

check_positive <- function(d, hsq) {
    if (any(d <= 0)) fault("V is not positive definite at hsq = ", format(hsq, digits = 17), ".")
}

check_flag <- function(reml) {
    if (!is.logical(reml) || length(reml) != 1 || is.na(reml)) fault("reml must be TRUE or FALSE.")
}

check_tolerance <- function(tol) {
    if (!is.numeric(tol) || length(tol) != 1 || is.na(tol) || tol <= 0) fault("tol must be one positive number.")
}
