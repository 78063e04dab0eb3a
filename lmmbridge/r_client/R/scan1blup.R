#' QTL effects along a chromosome as random effects
#'
#' As qtl2's function of that name, the fits being done by Python. Standard errors are those of the mixed-model equations, and
#' `nullcovar` is rotated with the phenotype; qtl2's numbers are others there.
#'
#' @inheritParams scan1coef
#' @param tol Without effect, which is said where it is given.
#' @param cores Number of cores, 0 for all but one; or a cluster of the package parallel, whose size is taken.
#' @param quiet If `FALSE`, show progress, if `TRUE`, do not. Default: in an interactive R.
#'
#' @return As [scan1coef()]; coefficients: genotypes, "intercept", covariates.
#'
#' @examplesIf lmmbridge::python_available() && requireNamespace("qtl2", quietly = TRUE)
#' iron <- qtl2::read_cross2(system.file("extdata", "iron.zip", package = "qtl2"))
#' probs <- qtl2::calc_genoprob(iron, error_prob = 0.002)
#' kinship <- calc_kinship(probs, "loco")
#' scan1blup(probs[, "16"], iron$pheno[, "liver"], kinship[["16"]])
#' @export
scan1blup <- function(genoprobs, pheno, kinship = NULL, addcovar = NULL, nullcovar = NULL, contrasts = NULL, se = FALSE,
                      reml = TRUE, tol = 1e-12, cores = 1, quiet = TRUE) {
    call <- complete_call()
    check_dots(if (missing(tol)) list() else list(tol = tol), "tol", call)
    genoprobs <- one_chromosome(genoprobs, call)
    arguments <- trait_arguments(names(genoprobs), pheno, kinship, addcovar, nullcovar, contrasts, reml, call)
    call_python("scan1blup", c(arguments, list(
        genoprobs = genoprobs_for_python(genoprobs), se = check_flag(se, "se", call), cores = number_of_cores(cores, call))), call,
        if (!missing(quiet)) quiet)
}
