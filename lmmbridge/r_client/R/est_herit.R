#' Heritability by a linear mixed model
#'
#' As qtl2's function of that name, the fits being done by Python. qtl2 climbs one maximum of the likelihood, here every local
#' maximum and both boundaries are tried.
#'
#' @param pheno Phenotypes: a matrix, data frame or named vector; row names (or names) are the individuals' IDs. What is not finite
#'   is missing.
#' @param kinship One kinship matrix, with IDs as row and column names. The covariance is made of twice the matrix.
#' @param addcovar Additive covariates, numeric; an intercept is always there.
#' @param weights Named vector, 1/variance of each individual's residual.
#' @param reml Whether to use REML (default) or ML.
#' @param cores Number of cores, 0 for all but one; or a cluster of the package parallel, whose size is taken.
#' @param ... `quiet`; what else qtl2 takes there (tol, max_batch, check_boundary) is without effect, which is said.
#'
#' @return Named vector of estimated heritabilities, with attributes `sample_size`, `log10lik` and `resid_sd`.
#'
#' @examplesIf lmmbridge::python_available() && requireNamespace("qtl2", quietly = TRUE)
#' iron <- qtl2::read_cross2(system.file("extdata", "iron.zip", package = "qtl2"))
#' probs <- qtl2::calc_genoprob(iron, error_prob = 0.002)
#' kinship <- calc_kinship(probs)
#' est_herit(iron$pheno, kinship)
#' @export
est_herit <- function(pheno, kinship, addcovar = NULL, weights = NULL, reml = TRUE, cores = 1, ...) {
    call <- complete_call()
    quiet <- check_dots(list(...), c("tol", "max_batch", "check_boundary"), call)
    named <- !is.matrix(pheno) || !is.null(colnames(pheno))
    vector <- is.null(dim(pheno))
    pheno <- phenotypes(pheno, call)
    check_matrix(kinship, "kinship", call)
    hsq <- call_python("est_herit", list(
        pheno = array_for_python(pheno), kinship = kinship_for_python(kinship),
        addcovar = covariates_for_python(addcovar, "addcovar", call), weights = weights_for_python(weights, call),
        reml = check_flag(reml, "reml", call), cores = number_of_cores(cores, call)), call, quiet)
    if (vector || !named) hsq <- without_names(hsq)
    hsq[is.nan(hsq)] <- NA      # as qtl2 marks what has no estimate
    for (part in c("log10lik", "resid_sd")) attr(hsq, part)[is.nan(attr(hsq, part))] <- NA
    hsq
}

# qtl2 gives no names where the phenotypes have none.
without_names <- function(hsq) {
    names(hsq) <- NULL
    for (part in c("sample_size", "log10lik", "resid_sd")) attr(hsq, part) <- unname(attr(hsq, part))
    hsq
}
