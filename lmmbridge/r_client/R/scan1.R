#' Genome scan with a single-QTL model
#'
#' As qtl2's function of that name, the fits being done by Python: a linear mixed model where kinship is given, Haley-Knott
#' regression where it is not. The result is qtl2's, for `find_peaks`, `plot`, `lod_int`, `summary` and the others.
#'
#' @param genoprobs Genotype probabilities, as from `qtl2::calc_genoprob()`.
#' @inheritParams est_herit
#' @param kinship A kinship matrix, or a list of them, one for each chromosome (`calc_kinship(probs, "loco")`); or the output of
#'   [decomp_kinship()]. A list is matched to the chromosomes by place. Default: no polygenic effect.
#' @param Xcovar Additional covariates for the null model of the X chromosome.
#' @param intcovar Covariates that interact with the QTL; they are additive covariates as well.
#' @param model `"binary"` is done by qtl2 itself, which is said once.
#' @param hsq Heritabilities to use, a matrix, null chromosomes x phenotypes (as the attribute `hsq` of the result). Default:
#'   estimate them under the null model.
#' @param ... `quiet`; what else qtl2 takes there (tol, max_batch, intcovar_method, check_boundary) is without effect, which is
#'   said.
#'
#' @return Matrix of LOD scores, positions x phenotypes, of class `c("scan1", "matrix")`, with the attributes `sample_size` and,
#'   with kinship, `hsq`.
#'
#' @examplesIf lmmbridge::python_available() && requireNamespace("qtl2", quietly = TRUE)
#' iron <- qtl2::read_cross2(system.file("extdata", "iron.zip", package = "qtl2"))
#' map <- qtl2::insert_pseudomarkers(iron$gmap, step = 5)
#' probs <- qtl2::calc_genoprob(iron, map, error_prob = 0.002)
#' out <- scan1(probs, iron$pheno, calc_kinship(probs, "loco"), Xcovar = qtl2::get_x_covar(iron))
#' qtl2::find_peaks(out, map, threshold = 5, drop = 1.5)
#' @export
scan1 <- function(genoprobs, pheno, kinship = NULL, addcovar = NULL, Xcovar = NULL, intcovar = NULL, weights = NULL, reml = TRUE,
                  model = c("normal", "binary"), hsq = NULL, cores = 1, ...) {
    call <- complete_call()
    model <- choice(model, c("normal", "binary"), "model", call)
    if (model == "binary") return(hand_to_qtl2("scan1", match.call(), "model = \"binary\"", parent.frame()))
    quiet <- check_dots(list(...), ALGORITHM, call)
    arguments <- scan_arguments(genoprobs, pheno, kinship, addcovar, Xcovar, intcovar, weights, reml, hsq, cores, call)
    call_python("scan1", arguments, call, quiet)
}

# What qtl2's scans take by dots, about how they are done.
ALGORITHM <- c("tol", "max_batch", "intcovar_method", "check_boundary")

# The arguments that scan1, scan1max and scan1perm share.
scan_arguments <- function(genoprobs, pheno, kinship, addcovar, Xcovar, intcovar, weights, reml, hsq, cores, call) {
    python(call)    # which may be missing: better said before the work than after it
    check_genoprobs(genoprobs, call)
    pheno <- phenotypes(pheno, call)
    kinship <- check_kinship(kinship, names(genoprobs), call)
    list(genoprobs = genoprobs_for_python(genoprobs), pheno = array_for_python(pheno),
         kinship = if (!is.null(kinship)) kinship_for_python(kinship),
         addcovar = covariates_for_python(addcovar, "addcovar", call), Xcovar = covariates_for_python(Xcovar, "Xcovar", call),
         intcovar = covariates_for_python(intcovar, "intcovar", call), weights = weights_for_python(weights, call),
         reml = check_flag(reml, "reml", call), hsq = hsq_for_python(hsq, kinship, call), cores = number_of_cores(cores, call))
}
