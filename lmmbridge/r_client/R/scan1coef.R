#' QTL effects along a chromosome
#'
#' As qtl2's function of that name, the fits being done by Python. With kinship, weights and interactions the numbers are not
#' qtl2's, which weights an interaction twice.
#'
#' @inheritParams scan1
#' @param genoprobs Genotype probabilities of one chromosome, such as `probs[, "2"]`; of several the first is used, with a warning.
#' @param pheno One phenotype: a named vector, or a matrix or data frame of which the first column is used.
#' @param kinship A kinship matrix, or a list of one; or the output of [decomp_kinship()].
#' @param nullcovar Additional covariates of the null model under which the heritability is estimated.
#' @param contrasts Matrix of contrasts, genotypes x genotypes; its columns give the names.
#' @param zerosum Whether the genotypes' effects are deviations from their mean, which is then the coefficient "intercept".
#' @param se Whether to give standard errors.
#' @param hsq Heritability to use, a number. Default: estimate it under the null model.
#' @param model `"binary"` is done by qtl2 itself, which is said once.
#' @param ... `quiet`; `tol` is without effect, which is said.
#'
#' @return Matrix of coefficients, positions x coefficients, of class `c("scan1coef", "scan1", "matrix")`, with attributes
#'   `sample_size` and, with `se = TRUE`, `SE`.
#'
#' @examplesIf lmmbridge::python_available() && requireNamespace("qtl2", quietly = TRUE)
#' iron <- qtl2::read_cross2(system.file("extdata", "iron.zip", package = "qtl2"))
#' probs <- qtl2::calc_genoprob(iron, error_prob = 0.002)
#' kinship <- calc_kinship(probs, "loco")
#' scan1coef(probs[, "16"], iron$pheno[, "liver"], kinship["16"], se = TRUE)
#' @export
scan1coef <- function(genoprobs, pheno, kinship = NULL, addcovar = NULL, nullcovar = NULL, intcovar = NULL, weights = NULL,
                      contrasts = NULL, model = c("normal", "binary"), zerosum = TRUE, se = FALSE, hsq = NULL, reml = TRUE, ...) {
    call <- complete_call()
    model <- choice(model, c("normal", "binary"), "model", call)
    if (model == "binary") return(hand_to_qtl2("scan1coef", match.call(), "model = \"binary\"", parent.frame()))
    quiet <- check_dots(list(...), c("tol", "check_boundary"), call)
    genoprobs <- one_chromosome(genoprobs, call)
    arguments <- trait_arguments(names(genoprobs), pheno, kinship, addcovar, nullcovar, contrasts, reml, call)
    call_python("scan1coef", c(arguments, list(
        genoprobs = genoprobs_for_python(genoprobs), intcovar = covariates_for_python(intcovar, "intcovar", call),
        weights = weights_for_python(weights, call), zerosum = check_flag(zerosum, "zerosum", call),
        se = check_flag(se, "se", call),
        hsq = hsq_for_python(hsq, kinship, call))), call, quiet)
}

# The arguments that scan1coef, scan1blup and fit1 share.
trait_arguments <- function(chromosome, pheno, kinship, addcovar, nullcovar, contrasts, reml, call) {
    python(call)    # which may be missing: better said before the work than after it
    pheno <- first_phenotype(pheno, call)
    if (is.list(kinship) && !is.data.frame(kinship) && is.null(kinship$values) && length(kinship) != 1)
        refuse("kinship should concern just one chromosome: give its matrix, such as kinship[[\"",
               if (is.null(chromosome)) "1" else chromosome, "\"]]", call = call)
    if (is.list(kinship) && length(kinship) == 1) kinship <- kinship[[1]]
    kinship <- check_kinship(kinship, chromosome, call)
    if (!is.null(contrasts)) {
        contrasts <- as.matrix(contrasts)
        if (!is.numeric(contrasts)) refuse("contrasts is not numeric", call = call)
    }
    list(pheno = array_for_python(pheno), kinship = if (!is.null(kinship)) kinship_for_python(kinship),
         addcovar = covariates_for_python(addcovar, "addcovar", call),
         nullcovar = covariates_for_python(nullcovar, "nullcovar", call),
         contrasts = if (!is.null(contrasts)) array_for_python(contrasts), reml = check_flag(reml, "reml", call))
}
