# One call by qtl2 (or another package) and by lmmbridge, and what is compared of the two.

# A call, given as an expression, by the package's function of that name; its arguments are sought in `data`.
by_package <- function(call, package, data) {
    call[[1]] <- base::call("::", as.name(package), call[[1]])
    eval(call, data, globalenv())
}

# What is written down in `data` is found first.
by_both <- function(call, data, package = "qtl2") {
    call <- substitute(call)
    list(theirs = by_package(call, package, data), ours = suppressMessages(by_package(call, "lmmbridge", data)))
}

# What an object is without its numbers: type, size, names, class, attributes, of all its parts.
form <- function(x) {
    attributes <- attributes(x)
    of_names <- intersect(names(attributes), c("dim", "dimnames", "names", "class"))
    others <- sort(setdiff(names(attributes), of_names))
    list(type = typeof(x), length = length(x), attributes[sort(of_names)], class = class(x),
         attributes = lapply(stats::setNames(others, others), function(name) form(attributes[[name]])),
         parts = if (is.list(x)) lapply(unclass(x), form))
}

expect_same_form <- function(ours, theirs) expect_identical(form(ours), form(theirs))

# Largest difference: LOD scores, relative where they are larger than one; coefficients and the like by the largest of them.
difference <- function(ours, theirs) {
    if (is.list(theirs)) return(max(0, unlist(Map(difference, unclass(ours), unclass(theirs)))))
    size <- if (inherits(theirs, "scan1") && !inherits(theirs, "scan1coef")) pmax(1, abs(as.numeric(theirs))) else
        max(1, abs(theirs), na.rm = TRUE)
    ours <- as.numeric(ours)
    theirs <- as.numeric(theirs)
    stopifnot(identical(is.na(ours), is.na(theirs)))
    max(0, abs(ours - theirs) / size, na.rm = TRUE)
}

expect_same_numbers <- function(ours, theirs, tolerance) expect_lte(difference(ours, theirs), tolerance)

# Same form, and numbers within the tolerance; `of` are names of further numbers in attributes.
expect_same <- function(both, tolerance, of = character()) {
    expect_same_form(both$ours, both$theirs)
    expect_same_numbers(both$ours, both$theirs, tolerance)
    for (name in of) expect_same_numbers(attr(both$ours, name), attr(both$theirs, name), tolerance)
}

EXACT <- 1e-9       # at the same hsq
OWN_HSQ <- 1e-5     # qtl2 finds hsq to its own tolerance
