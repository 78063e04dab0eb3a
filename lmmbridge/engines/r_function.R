# An R function of the user's, given as code. It is defined once and kept.

define_function <- function(code) {
    found <- eval(parse(text = code), new.env(parent = globalenv()))
    if (!is.function(found)) stop("it gives an object of class ", class(found)[1])
    lmmbridge$functions[[code]] <- found
    names(formals(args(found)))
}

ask_function <- function(code, column, reml, hsq) {
    if (is.null(lmmbridge$functions[[code]])) define_function(code)
    problem <- lmmbridge$problem
    arguments <- list(problem$Y[, column], problem$X, problem$K, reml)
    if (!is.null(hsq)) arguments$hsq <- hsq
    if (!is.null(problem$weights)) arguments$weights <- problem$weights
    as.list(do.call(lmmbridge$functions[[code]], arguments))
}
