#' Permutation test of a genome scan
#'
#' As qtl2's function of that name, the fits being done by Python. The permutations are drawn with R's random numbers, in qtl2's
#' way: after the same `set.seed()` both make the same.
#'
#' @inheritParams scan1
#' @param n_perm Number of permutations.
#' @param perm_Xsp If `TRUE`, permute for the autosomes and for the X chromosome separately, the latter more often.
#' @param perm_strata Named vector with a stratum for each individual; individuals change places within strata. Default: by the rows
#'   of `Xcovar` where that is given.
#' @param chr_lengths Lengths of the chromosomes, as from `qtl2::chr_lengths()`; needed with `perm_Xsp`.
#' @param scan_func Another function to scan with; that is done by qtl2 itself, which is said once.
#' @param ... `quiet`; what else qtl2 takes there (tol, max_batch, check_boundary) is without effect, which is said. With
#'   `scan_func`, its further arguments.
#'
#' @return Matrix of maximum LOD scores, permutations x phenotypes, of class `c("scan1perm", "matrix")`; with `perm_Xsp` a list of
#'   two, `A` and `X`, with attribute `chr_lengths`.
#'
#' @examplesIf lmmbridge::python_available() && requireNamespace("qtl2", quietly = TRUE)
#' iron <- qtl2::read_cross2(system.file("extdata", "iron.zip", package = "qtl2"))
#' probs <- qtl2::calc_genoprob(iron, error_prob = 0.002)
#' set.seed(20260101)
#' perms <- scan1perm(probs, iron$pheno, n_perm = 100)
#' summary(perms, alpha = c(0.2, 0.05))
#' @export
scan1perm <- function(genoprobs, pheno, kinship = NULL, addcovar = NULL, Xcovar = NULL, intcovar = NULL, weights = NULL,
                      reml = TRUE, model = c("normal", "binary"), n_perm = 1, perm_Xsp = FALSE, perm_strata = NULL,
                      chr_lengths = NULL, cores = 1, scan_func = NULL, ...) {
    call <- complete_call()
    model <- choice(model, c("normal", "binary"), "model", call)
    if (model == "binary") return(hand_to_qtl2("scan1perm", match.call(), "model = \"binary\"", parent.frame()))
    if (!is.null(scan_func)) return(hand_to_qtl2("scan1perm", match.call(), "scan_func", parent.frame()))
    quiet <- check_dots(list(...), ALGORITHM, call)
    if (!is.numeric(n_perm) || length(n_perm) != 1 || is.na(n_perm) || n_perm < 1 || n_perm != floor(n_perm) ||
            n_perm > .Machine$integer.max)
        refuse("n_perm should be a single positive integer", call = call)
    if (check_flag(perm_Xsp, "perm_Xsp", call) && is.null(chr_lengths))
        refuse("Need to provide chr_lengths when perm_Xsp=TRUE", call = call)
    arguments <- scan_arguments(genoprobs, pheno, kinship, addcovar, Xcovar, intcovar, weights, reml, NULL, cores, call)
    arguments$hsq <- NULL
    arguments <- c(arguments, list(n_perm = as.integer(n_perm), perm_Xsp = perm_Xsp,
                                   perm_strata = strata_for_python(perm_strata, call),
                                   chr_lengths = if (perm_Xsp) lengths_for_python(chr_lengths, genoprobs, call)))
    call_python("scan1perm", arguments, call, quiet, callbacks = list(rng = uniforms))
}

# R's random numbers, for Python.
uniforms <- function(k) array(stats::runif(k), k)

# Strata as numbers.
strata_for_python <- function(strata, call) {
    if (is.null(strata)) return(NULL)
    if (is.null(names(strata))) refuse("perm_strata has no names: give the individuals' IDs as names", call = call)
    codes <- match(strata, unique(strata[!is.na(strata)]))
    vector_for_python(stats::setNames(codes, names(strata)))
}

# The lengths of all autosomes and of the X chromosome, found as qtl2 does it.
lengths_for_python <- function(lengths, genoprobs, call) {
    if (!is.numeric(lengths) || anyNA(lengths)) refuse("chr_lengths should be numbers, as from qtl2::chr_lengths", call = call)
    if (length(lengths) == 2 && (is.null(names(lengths)) || identical(names(lengths), c("A", "X"))))
        return(vector_for_python(stats::setNames(lengths, c("A", "X"))))
    is_x_chr <- attr(genoprobs, "is_x_chr")
    if (is.null(is_x_chr)) is_x_chr <- attr(lengths, "is_x_chr")
    if (length(is_x_chr) != length(lengths)) {
        if (is.null(names(lengths)) || !all(names(lengths) %in% names(is_x_chr)))
            refuse("chr_lengths is not of the chromosomes of genoprobs: give it as from qtl2::chr_lengths, or c(A = , X = )",
                   call = call)
        is_x_chr <- is_x_chr[names(lengths)]
    }
    vector_for_python(c(A = sum(lengths[!is_x_chr]), X = sum(lengths[is_x_chr])))
}
