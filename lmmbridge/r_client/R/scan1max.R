#' Maximum LOD scores of a genome scan
#'
#' As qtl2's function of that name, the fits being done by Python: the maxima of [scan1()], of which no more than a chromosome is
#' held at a time.
#'
#' @inheritParams scan1
#' @param by_chr If `TRUE`, the maximum on each chromosome.
#'
#' @return Named vector of genome-wide maxima; with `by_chr = TRUE` a matrix, chromosomes x phenotypes. Attributes as those of
#'   [scan1()].
#'
#' @examplesIf lmmbridge::python_available() && requireNamespace("qtl2", quietly = TRUE)
#' iron <- qtl2::read_cross2(system.file("extdata", "iron.zip", package = "qtl2"))
#' probs <- qtl2::calc_genoprob(iron, error_prob = 0.002)
#' scan1max(probs, iron$pheno)
#' @export
scan1max <- function(genoprobs, pheno, kinship = NULL, addcovar = NULL, Xcovar = NULL, intcovar = NULL, weights = NULL, reml = TRUE,
                     model = c("normal", "binary"), hsq = NULL, by_chr = FALSE, cores = 1, ...) {
    call <- complete_call()
    model <- choice(model, c("normal", "binary"), "model", call)
    if (model == "binary") return(hand_to_qtl2("scan1max", match.call(), "model = \"binary\"", parent.frame()))
    quiet <- check_dots(list(...), ALGORITHM, call)
    arguments <- scan_arguments(genoprobs, pheno, kinship, addcovar, Xcovar, intcovar, weights, reml, hsq, cores, call)
    call_python("scan1max", c(arguments, by_chr = check_flag(by_chr, "by_chr", call)), call, quiet)
}
