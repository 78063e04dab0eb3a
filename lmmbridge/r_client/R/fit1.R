#' A single-QTL model at one position
#'
#' As qtl2's function of that name, the fits being done by Python. With kinship and weights some numbers are not qtl2's, which then
#' weights an interaction twice and keeps a covariate that is constant.
#'
#' @inheritParams scan1coef
#' @param genoprobs Genotype probabilities at the position, individuals x genotypes, such as `probs[["2"]][, , 3]`. Missing or
#'   `NULL`: a model without QTL.
#' @param blup Whether the genotypes' effects are random, see [scan1blup()]: coefficients and standard errors only.
#' @param var Whether to give the covariance matrix of the coefficients; it is given with `zerosum` and `se`, too.
#' @param ... `tol` is without effect, which is said.
#'
#' @return List of `lod`, `ind_lod` (without kinship), `coef`, `SE`, `var`, `fitted` and `resid`.
#'
#' @examplesIf lmmbridge::python_available() && requireNamespace("qtl2", quietly = TRUE)
#' iron <- qtl2::read_cross2(system.file("extdata", "iron.zip", package = "qtl2"))
#' probs <- qtl2::calc_genoprob(iron, error_prob = 0.002)
#' fit1(probs[["16"]][, , "D16Mit30"], iron$pheno[, "liver"], calc_kinship(probs, "loco")[["16"]])$coef
#' @export
fit1 <- function(genoprobs, pheno, kinship = NULL, addcovar = NULL, nullcovar = NULL, intcovar = NULL, weights = NULL,
                 contrasts = NULL, model = c("normal", "binary"), zerosum = TRUE, se = TRUE, hsq = NULL, reml = TRUE, blup = FALSE,
                 var = FALSE, ...) {
    call <- complete_call("genoprobs")
    model <- choice(model, c("normal", "binary"), "model", call)
    if (model == "binary") return(hand_to_qtl2("fit1", match.call(), "model = \"binary\"", parent.frame()))
    check_dots(list(...), c("tol", "check_boundary"), call)
    if (missing(genoprobs)) genoprobs <- NULL
    if (!is.null(genoprobs)) {
        if (!is.matrix(genoprobs) || !is.numeric(genoprobs))
            refuse("genoprobs should be a matrix, individuals x genotypes", call = call)
        if (is.null(rownames(genoprobs))) refuse("genoprobs has no rownames: give the individuals' IDs as row names", call = call)
    }
    zerosum <- check_flag(zerosum, "zerosum", call)
    var <- check_flag(var, "var", call)
    if (check_flag(blup, "blup", call)) {
        ignored <- c("If blup==TRUE, intcovar ignored" = !is.null(intcovar), "If blup==TRUE, weights ignored" = !is.null(weights),
                     "If blup==TRUE, hsq ignored" = !is.null(hsq), "For now, if blup==TRUE, var ignored" = var || (zerosum && se))
        for (sentence in names(ignored)[ignored]) warning(warningCondition(sentence, call = call))
        intcovar <- weights <- hsq <- NULL
        var <- FALSE
    }
    call_python("fit1", c(trait_arguments(NULL, pheno, kinship, addcovar, nullcovar, contrasts, reml, call), list(
        genoprobs = if (!is.null(genoprobs)) array_for_python(genoprobs),
        intcovar = covariates_for_python(intcovar, "intcovar", call),
        weights = weights_for_python(weights, call), zerosum = zerosum, se = check_flag(se, "se", call),
        hsq = hsq_for_python(hsq, kinship, call), blup = blup, var = var)), call)
}
