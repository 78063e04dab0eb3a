#' Kinship matrix from genotype probabilities
#'
#' As qtl2's function of that name, computed by Python.
#'
#' @param probs Genotype probabilities, as from `qtl2::calc_genoprob()`.
#' @param type `"overall"`: from all chromosomes; `"loco"`: leaving one chromosome out, for each; `"chr"`: from each alone.
#' @param omit_x If `TRUE`, take autosomes only; without effect for type `"chr"`.
#' @param use_allele_probs Whether to turn genotype into allele probabilities first (by `qtl2::genoprob_to_alleleprob()`).
#' @param quiet If `FALSE`, show progress, if `TRUE`, do not. Default: in an interactive R.
#' @param cores Number of cores, 0 for all but one; or a cluster of the package parallel, whose size is taken.
#'
#' @return Matrix, individuals x individuals, with the number of positions as attribute `n_pos`; a list of these, one for each
#'   chromosome, for `"loco"` and `"chr"`.
#'
#' @examplesIf lmmbridge::python_available() && requireNamespace("qtl2", quietly = TRUE)
#' iron <- qtl2::read_cross2(system.file("extdata", "iron.zip", package = "qtl2"))
#' probs <- qtl2::calc_genoprob(iron, error_prob = 0.002)
#' calc_kinship(probs)[1:3, 1:3]
#' @export
calc_kinship <- function(probs, type = c("overall", "loco", "chr"), omit_x = FALSE, use_allele_probs = TRUE, quiet = TRUE,
                         cores = 1) {
    call <- complete_call()
    type <- choice(type, c("overall", "loco", "chr"), "type", call)
    check_genoprobs(probs, call, "probs")
    omit_x <- check_flag(omit_x, "omit_x", call)
    cores <- number_of_cores(cores, call)
    if (check_flag(use_allele_probs, "use_allele_probs", call) && !isTRUE(attr(probs, "alleleprobs"))) {
        need_qtl2("calc_kinship(use_allele_probs = TRUE)", call)
        python(call)        # which may be missing: better said before the work than after it
        probs <- qtl2::genoprob_to_alleleprob(probs, quiet = TRUE, cores = cores)
    }
    kinship <- call_python("calc_kinship", list(probs = genoprobs_for_python(probs), type = type, omit_x = omit_x,
                                                use_allele_probs = FALSE, cores = cores), call, if (!missing(quiet)) quiet)
    if (type == "overall") attr(kinship, "n_pos") <- as.numeric(attr(kinship, "n_pos"))     # which is integer in a list only
    kinship
}

#' Scale kinship to be like a correlation matrix
#'
#' As qtl2's function of that name, computed by Python: \eqn{k_{ij}/\sqrt{k_{ii} k_{jj}}}.
#'
#' @param kinship A kinship matrix, or a list of them.
#' @return The same, scaled; attributes stay.
#' @examplesIf lmmbridge::python_available()
#' scale_kinship(matrix(c(0.5, 0.25, 0.25, 0.5), 2))
#' @export
scale_kinship <- function(kinship) {
    call <- complete_call()
    if (is_decomposed(kinship)) refuse("scale_kinship cannot be applied, because kinship has been decomposed", call = call)
    each_matrix(kinship, call, function(one) call_python("scale_kinship", list(kinship = kinship_for_python(one)), call))
}

#' Eigen decomposition of kinship
#'
#' As qtl2's function of that name, computed by Python: once for many fits. Eigenvectors may differ from qtl2's in sign, and within
#' an eigenspace.
#'
#' @param kinship A kinship matrix, or a list of them.
#' @param cores Number of cores, 0 for all but one; or a cluster of the package parallel, whose size is taken.
#' @return List of `values`, ascending, and `vectors`, transposed; or a list of these. The attribute `eigen_decomp` is `TRUE`.
#' @examplesIf lmmbridge::python_available()
#' decomp_kinship(matrix(c(0.5, 0.25, 0.25, 0.5), 2))$values
#' @export
decomp_kinship <- function(kinship, cores = 1) {
    if (is_decomposed(kinship)) return(kinship)
    call <- complete_call()
    if (!is.matrix(kinship) && !is.list(kinship))
        refuse("kinship should be either a square matrix or a list of square matrices", call = call)
    cores <- number_of_cores(cores, call)
    if (is.matrix(kinship))
        return(each_matrix(kinship, call, function(one) call_python("decomp_kinship", list(
            kinship = kinship_for_python(one), cores = cores), call)))
    structure(each_matrix(kinship, call, function(one) call_python("decomp_kinship", list(
        kinship = kinship_for_python(one), cores = cores), call)), eigen_decomp = TRUE)
}

# Apply to a matrix, or to each of a list. Matrices without names are lent some meanwhile, as qtl2 wants none here.
each_matrix <- function(kinship, call, compute) {
    if (is.list(kinship) && !is.data.frame(kinship)) return(lapply(kinship, each_matrix, call, compute))
    if (!is.matrix(kinship) || !is.numeric(kinship)) refuse("kinship should be a square matrix or a list of them", call = call)
    if (nrow(kinship) != ncol(kinship)) refuse("kinship: matrix must be square", call = call)
    if (ncol(kinship) == 0) refuse("kinship: matrix has dimension (0,0)", call = call)
    if (!is.null(dimnames(kinship))) {
        check_matrix(kinship, "kinship", call)
        return(compute(kinship))
    }
    lent <- as.character(seq_len(nrow(kinship)))
    dimnames(kinship) <- list(lent, lent)
    value <- compute(kinship)
    if (is.list(value)) dimnames(value$vectors) <- NULL else dimnames(value) <- NULL
    value
}
