# What R/qtl2 refuses is refused here in R's words; what only the numbers can show, Python finds.

# The user's call of the function in which this is called; refused where an argument without default is missing.
complete_call <- function(optional = character()) {
    frame <- parent.frame()
    call <- sys.call(-1)
    needed <- names(Filter(function(default) identical(default, quote(expr = )), formals(sys.function(-1))))
    for (name in setdiff(needed, c("...", optional)))
        if (eval(base::call("missing", as.name(name)), frame)) refuse("argument ", name, " is missing: give it", call = call)
    call
}

# Numbers by individual as a matrix of doubles with row names: a matrix, a data frame or a named vector.
by_individual <- function(x, name, call) {
    if (is.null(x)) return(NULL)
    if (NROW(x) == 0) refuse(name, " has no individuals", call = call)
    names <- if (is.null(dim(x))) "names" else "rownames"
    x <- as.matrix(x)       # which drops the row names of a data frame that are but numbers of rows
    if (is.null(rownames(x)))
        refuse(name, " has no ", names, ": give the individuals' IDs as ", sub("rown", "row n", names), call = call)
    if (!is.numeric(x) && !is.logical(x))
        refuse(name, " is not numeric: give numbers, for example 0 and 1 for two groups", call = call)
    x
}

# Phenotypes; without column names they are called pheno1, pheno2, ...
phenotypes <- function(pheno, call) {
    if (is.null(pheno)) refuse("pheno is NULL: give a matrix, a data frame or a named vector", call = call)
    pheno <- by_individual(pheno, "pheno", call)
    if (ncol(pheno) == 0) refuse("pheno has no columns: give a phenotype", call = call)
    if (is.null(colnames(pheno))) colnames(pheno) <- paste0("pheno", seq_len(ncol(pheno)))
    pheno
}

# The first phenotype, as a matrix of one column.
first_phenotype <- function(pheno, call) {
    pheno <- phenotypes(pheno, call)
    if (ncol(pheno) > 1) warning(warningCondition("Considering only the first phenotype.", call = call))
    pheno[, 1, drop = FALSE]
}

covariates_for_python <- function(x, name, call) {
    x <- by_individual(x, name, call)
    if (!is.null(x) && ncol(x) > 0) array_for_python(x)
}

weights_for_python <- function(weights, call) {
    weights <- by_individual(weights, "weights", call)
    if (is.null(weights)) return(NULL)
    if (ncol(weights) > 1) refuse("weights has ", ncol(weights), " columns: give one, 1/variance of each individual", call = call)
    vector_for_python(stats::setNames(weights[, 1], rownames(weights)))
}

# hsq as qtl2 takes it: a matrix, null chromosomes x phenotypes.
hsq_for_python <- function(hsq, kinship, call) {
    if (is.null(hsq)) return(NULL)
    if (!is.numeric(hsq)) refuse("hsq is not numeric", call = call)
    if (!is.null(kinship)) unname(as.matrix(hsq) + 0)
}

check_genoprobs <- function(genoprobs, call, name = "genoprobs") {
    if (is.null(genoprobs)) refuse(name, " is NULL: give genotype probabilities, as from calc_genoprob", call = call)
    if (inherits(genoprobs, "cross2"))
        refuse(name, " is a \"cross2\" object but should be genotype probabilities, as from calc_genoprob", call = call)
    if (!is.list(genoprobs) || length(genoprobs) == 0 || is.null(names(genoprobs)))
        refuse(name, " should be genotype probabilities, as from calc_genoprob: a list of chromosomes, with names", call = call)
    for (chr in names(genoprobs)) {
        array <- genoprobs[[chr]]
        if (length(dim(array)) != 3 || !is.numeric(array))
            refuse(name, ": chromosome ", chr, " is not an array of individuals x genotypes x positions", call = call)
        if (any(vapply(dimnames(array), is.null, TRUE)) || is.null(dimnames(array)))
            refuse(name, ": chromosome ", chr, " has no names of individuals, genotypes or positions; give it those", call = call)
    }
    invisible(genoprobs)
}

# Genotype probabilities of one chromosome: the first, with a warning where there are others.
one_chromosome <- function(genoprobs, call) {
    check_genoprobs(genoprobs, call)
    if (length(genoprobs) > 1)
        warning(warningCondition(paste0("Using only the first chromosome, ", names(genoprobs)[1]), call = call))
    first_chromosome(genoprobs)
}

# `[` of genotype probabilities takes individuals.
first_chromosome <- function(genoprobs) {
    structure(stats::setNames(list(genoprobs[[1]]), names(genoprobs)[1]), is_x_chr = attr(genoprobs, "is_x_chr")[1],
              crosstype = attr(genoprobs, "crosstype"), alleles = attr(genoprobs, "alleles"),
              alleleprobs = attr(genoprobs, "alleleprobs"))
}

check_matrix <- function(kinship, name, call) {
    if (!is.matrix(kinship) || !is.numeric(kinship))
        refuse(name, " should be a square matrix with common row and column names", call = call)
    if (nrow(kinship) != ncol(kinship))
        refuse(name, " has ", nrow(kinship), " rows and ", ncol(kinship), " columns: it must be square", call = call)
    if (is.null(rownames(kinship)) || is.null(colnames(kinship)))
        refuse(name, " has no rownames or no column names: give the individuals' IDs as both", call = call)
    if (anyNA(rownames(kinship))) refuse(name, " has row names that are missing (NA)", call = call)
    if (!identical(rownames(kinship), colnames(kinship)))
        refuse(name, " has other row names than column names: it should be a square matrix with common ones", call = call)
}

# Kinship for these chromosomes: one matrix, or a list with one for each, decomposed or not.
check_kinship <- function(kinship, chromosomes, call, warn = TRUE) {
    if (is.null(kinship)) return(NULL)
    if (is.matrix(kinship)) {
        check_matrix(kinship, "kinship", call)
        return(kinship)
    }
    if (!is.list(kinship) || is.data.frame(kinship))
        refuse("kinship should be a matrix, or a list of matrices, one for each chromosome", call = call)
    if (is_decomposed(kinship) && !is.null(kinship$values)) {
        check_decomposed(kinship, "kinship", call)
        return(kinship)
    }
    if (length(kinship) != length(chromosomes))
        refuse("kinship is a list of ", length(kinship), " matrices and there are ", length(chromosomes), " chromosomes (",
               paste(utils::head(chromosomes, 5), collapse = ", "), if (length(chromosomes) > 5) ", ...",
               "): give one matrix for each, or one matrix for all", call = call)
    # By place, as in qtl2, whatever the names.
    if (warn && !is.null(names(kinship)) && !identical(as.character(names(kinship)), as.character(chromosomes)))
        warning(warningCondition(paste0(
            "kinship is matched to the chromosomes by place, as in qtl2, and its names (", paste(utils::head(names(kinship), 5),
            collapse = ", "), if (length(kinship) > 5) ", ...", ") are not theirs: give it as kinship[names(genoprobs)]"),
            call = call))
    names(kinship) <- chromosomes
    for (chr in names(kinship)) {
        check <- if (is_decomposed(kinship)) check_decomposed else check_matrix
        check(kinship[[chr]], paste("kinship of chromosome", chr), call)
    }
    kinship
}

check_decomposed <- function(kinship, name, call) {
    if (!is.list(kinship) || is.null(kinship$values) || is.null(kinship$vectors))
        refuse(name, " is not of decomp_kinship: it has no values and vectors", call = call)
    check_matrix(kinship$vectors, name, call)
}

# A flag: TRUE or FALSE.
check_flag <- function(x, name, call) {
    if (!is.logical(x) || length(x) != 1 || is.na(x)) refuse(name, " should be TRUE or FALSE", call = call)
    x
}

# One of several words, which may be cut short, as match.arg does it; the first where all are given.
choice <- function(x, choices, name, call) {
    if (identical(x, choices)) return(choices[1])
    found <- if (is.character(x) && length(x) == 1) pmatch(x, choices, 0) else 0
    if (found == 0) refuse(name, " should be one of ", paste0("\"", choices, "\"", collapse = ", "), call = call)
    choices[found]
}

# How many cores: a number, or a cluster of the package parallel, whose size is taken.
number_of_cores <- function(cores, call) {
    if (inherits(cores, "cluster")) return(length(cores))
    if (!is.numeric(cores) || length(cores) != 1 || is.na(cores) || cores < 0 || cores != floor(cores))
        refuse("cores should be a whole number, 0 for all but one", call = call)
    as.integer(cores)
}

# qtl2's arguments by dots: `quiet` is used; those of its algorithms have no counterpart, which is said once; others are ignored
# with qtl2's warning. Gives quiet, NULL where it was not given.
check_dots <- function(dots, known, call) {
    if ("n_perm" %in% names(dots))
        refuse("You included n_perm as an argument; you probably want to run scan1perm not scan1.", call = call)
    if (!is.null(dots$tol) && !(is.numeric(dots$tol) && length(dots$tol) == 1 && dots$tol > 0))
        refuse("tol should be a single positive number", call = call)
    extra <- setdiff(names(dots), c("quiet", known))
    if (length(extra) > 0)
        warning(warningCondition(paste0("Extra argument", if (length(extra) > 1) "s", " ignored: ", paste(extra, collapse = " ")),
                                 call = call))
    unused <- intersect(names(dots), known)
    if (length(unused) > 0)
        say_once(paste("unused", unused),
                 "lmmbridge does without ", paste(unused, collapse = ", "), ": estimates are exact to rounding, and both ",
                 "boundaries of hsq are always tried")
    dots$quiet
}

say_once <- function(what, ...) {
    if (all(what %in% session$said)) return(invisible(NULL))
    session$said <- c(session$said, what)
    message(...)
}
