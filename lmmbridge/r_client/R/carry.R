# R objects to Python and back: numbers as they lie in memory, names and attributes beside them.

# A matrix or array of numbers; reticulate hands over R's memory itself where it holds doubles.
array_for_python <- function(x, attributes = list()) {
    if (storage.mode(x) != "double") storage.mode(x) <- "double"
    names <- dimnames(x)
    if (is.null(names)) names <- vector("list", length(dim(x)))
    python()$array(x, lapply(unname(names), listed), reticulate::dict(attributes))
}

# A named vector of numbers.
vector_for_python <- function(x) python()$vector(array(as.double(x), length(x)), listed(names(x)))

# A named list of what the other functions give.
list_for_python <- function(x, attributes = list()) {
    python()$list_of(unname(x), listed(names(x)), reticulate::dict(attributes))
}

# Text as a list, so that one string is no scalar in Python.
listed <- function(text) if (!is.null(text)) as.list(as.character(text))

genoprobs_for_python <- function(genoprobs) {
    arrays <- lapply(seq_along(genoprobs), function(i) array_for_python(genoprobs[[i]]))
    names(arrays) <- names(genoprobs)
    attributes <- attributes(genoprobs)[c("crosstype", "is_x_chr", "alleles", "alleleprobs")]
    attributes <- attributes[!vapply(attributes, is.null, TRUE)]
    if (!is.null(attributes$alleles)) attributes$alleles <- listed(attributes$alleles)
    if (!is.null(attributes$is_x_chr)) attributes$is_x_chr <- as.list(unname(attributes$is_x_chr))
    list_for_python(arrays, c(attributes, list(class = listed(c("calc_genoprob", "list")))))
}

kinship_for_python <- function(kinship) {
    if (is.matrix(kinship)) return(array_for_python(kinship, number_of_positions(kinship)))
    if (is_decomposed(kinship) && !is.null(kinship$values))
        return(list_for_python(list(values = array(kinship$values, length(kinship$values)),
                                    vectors = array_for_python(kinship$vectors)), list(eigen_decomp = TRUE)))
    list_for_python(lapply(kinship, kinship_for_python), if (is_decomposed(kinship)) list(eigen_decomp = TRUE) else list())
}

number_of_positions <- function(kinship) {
    n_pos <- attr(kinship, "n_pos")
    if (is.null(n_pos)) list() else list(n_pos = n_pos)
}

is_decomposed <- function(kinship) isTRUE(attr(kinship, "eigen_decomp"))

# The R object for what Python's `plain` gives.
from_plain <- function(x) {
    if (!is.list(x)) return(x)
    if (!is.null(x$elements) || identical(names(x), c("elements", "names", "attributes"))) {
        value <- lapply(x$elements, from_plain)
        if (!is.null(x$names)) names(value) <- as.character(unlist(x$names))
    } else {
        value <- x$values
        if (length(dim(value)) == 1) dim(value) <- NULL
        if (!is.null(x$names)) names(value) <- as.character(unlist(x$names))
        if (!is.null(x$dimnames)) dimnames(value) <- lapply(x$dimnames, function(one) if (!is.null(one)) as.character(unlist(one)))
    }
    for (name in names(x$attributes)) attr(value, name) <- from_plain(x$attributes[[name]])
    value
}
