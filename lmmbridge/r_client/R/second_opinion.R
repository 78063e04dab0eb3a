#' A second opinion on a call
#'
#' Runs a call of qtl2 or lmmlite in R, and the same call in Python, and compares the answers number by number: in natural units of
#' the model, at each side's own heritability and, where R's function can be told one, at one given heritability. Where they differ,
#' the register of known divergences is asked, and for estimates the explainer, which looks for the smallest set of known causes
#' that turns one number into the other.
#'
#' @param call A call of one of qtl2's functions `est_herit`, `scan1`, `scan1coef`, `scan1blup`, `fit1`, `scan1perm`, `scan1max`,
#'   `calc_kinship`, `scale_kinship`, `decomp_kinship`, or of lmmlite's `eigen_rotation`, `getMLsoln`, `calcLL`, `fitLMM`; with or
#'   without `qtl2::` or `lmmlite::` before it.
#'
#' @return Invisibly, an object of class `lmmbridge_opinion`, which is printed: a list of `verdict` ("agree", "explained", "known
#'   divergence", "not comparable" or "unexplained"), `table` (a row for each quantity that was compared: its verdict, difference,
#'   tolerance and digits of agreement), `reasons`, the two answers `theirs` and `ours`, and `call`, `package` and `version`.
#'
#' @details Both sides start from the same random numbers, so that [scan1perm()] makes the same permutations.
#'
#' @examplesIf lmmbridge::python_available() && requireNamespace("qtl2", quietly = TRUE)
#' iron <- qtl2::read_cross2(system.file("extdata", "iron.zip", package = "qtl2"))
#' probs <- qtl2::calc_genoprob(iron, error_prob = 0.002)
#' kinship <- calc_kinship(probs)
#' second_opinion(qtl2::est_herit(iron$pheno, kinship))
#' @export
second_opinion <- function(call) {
    call <- if (!missing(call)) substitute(call)
    frame <- parent.frame()
    asked <- resolve_call(call, frame)
    python(call)
    seed <- random_state()
    theirs <- run_by(asked$package, asked$name, asked$arguments)
    after <- random_state()
    set_random_state(seed)
    ours <- tryCatch(suppressWarnings(run_by("lmmbridge", asked$name, asked$arguments)), lmmbridge_error = identity)
    if (inherits(ours, "lmmbridge_error")) {
        set_random_state(after)
        reason <- paste("lmmbridge refuses this:", conditionMessage(ours))
        return(show_opinion("not comparable", list(), reason, theirs, NULL, call, asked))
    }
    again <- function(...) run_by(asked$package, asked$name, utils::modifyList(asked$arguments, list(...)))
    set_random_state(seed)
    opinion <- call_python("second_opinion", c(list(
        name = asked$name, arguments = plain_dict(arguments_for_python(asked, call)), theirs = answer_for_python(theirs, asked),
        package = asked$package, version = asked$version)), call,
        callbacks = list(ask = ask_again(again, asked), rng = uniforms))
    set_random_state(after)
    show_opinion(opinion$verdict, opinion$rows, as.character(unlist(opinion$reasons)), theirs, ours, call, asked)
}

show_opinion <- function(verdict, rows, reasons, theirs, ours, call, asked) {
    result <- structure(class = "lmmbridge_opinion", list(
        verdict = verdict, table = rows_table(rows), reasons = reasons, theirs = theirs, ours = ours, call = call,
        package = asked$package, version = asked$version, python_version = reticulate::py_to_r(python()$version())))
    print(result)
    invisible(result)
}

#' @rdname second_opinion
#' @param x What `second_opinion` gives.
#' @param ... Not used.
#' @export
print.lmmbridge_opinion <- function(x, ...) {
    cat("Second opinion on ", first_line(paste(deparse(x$call, width.cutoff = 500L), collapse = " ")), "\n",
        x$package, " ", x$version, " in R beside lmmbridge ", x$python_version, " in Python\n\n", sep = "")
    shown <- x$table
    if (nrow(shown) > 0) {
        shown$difference <- formatC(shown$difference, digits = 2, format = "g")
        shown$tolerance <- formatC(shown$tolerance, digits = 2, format = "g")
        untold <- is.na(shown$digits) | shown$verdict == "not comparable"
        shown$digits <- ifelse(untold, "", formatC(shown$digits, digits = 1, format = "f"))
        if (all(shown$worst == "")) shown$worst <- NULL
        print(shown, row.names = FALSE, right = FALSE)
        cat("\n")
    }
    cat("Verdict: ", x$verdict, "\n", sep = "")
    for (reason in x$reasons) cat(strwrap(reason, width = 0.9 * getOption("width"), prefix = "  ", initial = "- "), sep = "\n")
    invisible(x)
}

SECOND_OPINIONS <- list(
    qtl2 = c("est_herit", "scan1", "scan1coef", "scan1blup", "fit1", "scan1perm", "scan1max", "calc_kinship", "scale_kinship",
             "decomp_kinship"),
    lmmlite = c("eigen_rotation", "getMLsoln", "calcLL", "fitLMM"))

# Which package's function is called, its arguments evaluated, and ours of the same name.
resolve_call <- function(call, frame) {
    name <- if (is.call(call)) as.character(call[[1]]) else ""
    prefix <- if (length(name) == 3) name[2]
    name <- name[length(name)]
    if (!is.call(call) || name %in% c("::", ":::", "<-", "=", "{", "("))
        refuse("second_opinion wants the call itself, such as second_opinion(qtl2::scan1(probs, pheno, kinship)); a call in a ",
               "variable goes by do.call(second_opinion, list(call))", call = call)
    package <- names(SECOND_OPINIONS)[vapply(SECOND_OPINIONS, function(names) name %in% names, TRUE)]
    if (length(package) == 0)
        refuse("there is no second opinion on ", name, "(); there is on ",
               paste(vapply(names(SECOND_OPINIONS),
                            function(one) paste0(one, "'s ", paste(SECOND_OPINIONS[[one]], collapse = ", ")), ""),
                     collapse = ", and on "), call = call)
    if (!requireNamespace(package, quietly = TRUE))
        refuse("a second opinion on ", name, "() needs the R package ", package, ", which is not installed. ",
               "See lmmbridge::doctor()",
               call = call)
    fun <- getExportedValue(package, name)
    found <- if (is.null(prefix)) get0(name, envir = frame, mode = "function")
    if (!is.null(prefix) && !prefix %in% c(package, "lmmbridge") || !is.null(found) && !identical(found, fun) &&
            !identical(found, getExportedValue("lmmbridge", name)))
        refuse("this ", name, "() is neither ", package, "'s nor lmmbridge's: give ", package, "::", name,
               "() for a second opinion on it", call = call)
    arguments <- lapply(as.list(match.call(fun, call, envir = frame))[-1], eval, frame)
    if (identical(arguments$model, "binary"))
        refuse("Python does not fit model = \"binary\": there is no second opinion on it", call = call)
    list(package = package, name = name, fun = fun, ours = getExportedValue("lmmbridge", name), arguments = arguments,
         version = as.character(utils::packageVersion(package)))
}

# The package's function with these arguments, called by their names: errors show no numbers.
run_by <- function(package, name, arguments) {
    symbols <- ifelse(nzchar(names(arguments)), names(arguments), paste0("argument", seq_along(arguments)))
    call <- as.call(c(call("::", as.name(package), as.name(name)), stats::setNames(lapply(symbols, as.name), names(arguments))))
    eval(call, list2env(stats::setNames(arguments, symbols), parent = baseenv()))
}

# The arguments as Python takes them.
arguments_for_python <- function(asked, call) {
    given <- asked$arguments
    if (asked$package == "lmmlite") {
        matrices <- intersect(names(given), c("K", "y", "X", "Kva"))
        given[matrices] <- lapply(matrices, function(one) if (!is.null(given[[one]])) numbers(given[[one]], one, call))
        if (!is.null(given$hsq)) given$hsq <- array(as.double(given$hsq), length(given$hsq))
        return(given[intersect(names(given), c("K", "y", "X", "Kva", "hsq", "reml"))])
    }
    single <- asked$name %in% c("scan1coef", "scan1blup", "fit1")
    probs <- intersect(names(given), c("genoprobs", "probs"))
    if (length(probs) == 1 && !is.null(given[[probs]])) {
        if (single && is.list(given[[probs]])) given[[probs]] <- first_chromosome(given[[probs]])
        if (asked$name == "calc_kinship" && !isFALSE(given$use_allele_probs) && !isTRUE(attr(given[[probs]], "alleleprobs")))
            given[[probs]] <- qtl2::genoprob_to_alleleprob(given[[probs]])
        given[[probs]] <- if (is.list(given[[probs]])) genoprobs_for_python(given[[probs]]) else array_for_python(given[[probs]])
    }
    if (!is.null(given$pheno)) {
        pheno <- phenotypes(given$pheno, call)
        given$pheno <- array_for_python(if (single) pheno[, 1, drop = FALSE] else pheno)
    }
    if (single && is.list(given$kinship) && length(given$kinship) == 1) given$kinship <- given$kinship[[1]]
    if (asked$name %in% NEEDS_NO_NAMES) given$kinship <- with_lent_names(given$kinship)
    else if (!is.null(given$kinship) && asked$name != "est_herit")
        given$kinship <- check_kinship(given$kinship, names(asked$arguments$genoprobs), call, warn = FALSE)
    if (!is.null(given$kinship)) given$kinship <- kinship_for_python(given$kinship)
    for (one in intersect(names(given), c("addcovar", "Xcovar", "intcovar", "nullcovar")))
        given[one] <- list(covariates_for_python(given[[one]], one, call))
    if (!is.null(given$weights)) given$weights <- weights_for_python(given$weights, call)
    if (!is.null(given$contrasts)) given$contrasts <- array_for_python(as.matrix(given$contrasts))
    if (!is.null(given$hsq)) given$hsq <- unname(as.matrix(given$hsq) + 0)
    if (!is.null(given$perm_strata)) given$perm_strata <- strata_for_python(given$perm_strata, call)
    if (!is.null(given$chr_lengths)) given$chr_lengths <- lengths_for_python(given$chr_lengths, asked$arguments$genoprobs, call)
    if (!is.null(given$n_perm)) given$n_perm <- as.integer(given$n_perm)
    given$cores <- NULL
    taken <- setdiff(names(formals(asked$ours)), c("...", "tol", "quiet", "scan_func"))
    given[intersect(names(given), taken)]
}

# Functions that take a kinship matrix without names.
NEEDS_NO_NAMES <- c("scale_kinship", "decomp_kinship")

with_lent_names <- function(kinship) {
    if (is.list(kinship) && !is.null(kinship$values)) return(replace(kinship, "vectors", list(with_lent_names(kinship$vectors))))
    if (is.list(kinship)) {
        if (is.null(names(kinship))) names(kinship) <- seq_along(kinship)
        return(lapply(kinship, with_lent_names))
    }
    if (is.null(dimnames(kinship))) dimnames(kinship) <- rep(list(as.character(seq_len(nrow(kinship)))), 2)
    kinship
}

# R's answer as Python takes it.
answer_for_python <- function(answer, asked) {
    if (asked$name %in% NEEDS_NO_NAMES) {
        eigen_decomp <- attr(answer, "eigen_decomp")
        answer <- with_lent_names(answer)
        attr(answer, "eigen_decomp") <- eigen_decomp
        if (!is.null(eigen_decomp) && is.null(answer$values)) answer[] <- lapply(answer, structure, eigen_decomp = TRUE)
        else if (!is.null(eigen_decomp)) attr(answer, "eigen_decomp") <- TRUE
    }
    if (asked$package == "lmmlite") return(plain_dict(lapply(flat_answer(answer), function(part)
        if (is.null(dim(part))) array(as.double(part), length(part)) else matrix(as.double(part), nrow(part)))))
    switch(asked$name,
           scan1 = scan_for_python(answer, "hsq"), scan1coef = , scan1blup = scan_for_python(answer, "SE"),
           est_herit = herit_for_python(answer),
           fit1 = plain_dict(lapply(answer, function(part) {
               if (is.matrix(part)) array_for_python(part) else if (is.null(names(part))) bare(part) else vector_for_python(part)
           })),
           scan1max = if (is.matrix(answer)) array_for_python(strip(answer)) else bare(answer),
           scan1perm = if (is.list(answer)) plain_dict(lapply(unclass(answer), bare)) else bare(answer),
           kinship_for_python(answer))
}

# lmmlite puts some of its numbers into attributes.
flat_answer <- function(answer) {
    parts <- if (is.list(answer)) answer else list(loglik = as.numeric(answer))
    extra <- attributes(answer)[setdiff(names(attributes(answer)), c("names", "dim"))]
    parts <- c(parts, extra)
    if (!is.null(attr(parts$X, "logdetXpX"))) parts$logdetXpX <- attr(parts$X, "logdetXpX")
    parts
}

# Numbers alone, of the same shape; and with their dimnames.
bare <- function(x) array(as.double(x), if (is.null(dim(x))) length(x) else dim(x))

strip <- function(x) array(as.double(x), dim(x), dimnames(x))

scan_for_python <- function(scan, matrix) {
    attributes <- list(sample_size = if (length(attr(scan, "sample_size")) > 1 || !is.null(names(attr(scan, "sample_size"))))
        vector_for_python(attr(scan, "sample_size")) else attr(scan, "sample_size"))
    if (!is.null(attr(scan, matrix))) attributes[[matrix]] <- array_for_python(attr(scan, matrix))
    attributes$class <- listed(class(scan))
    array_for_python(strip(scan), attributes)
}

herit_for_python <- function(hsq) {
    if (is.null(names(hsq))) names(hsq) <- paste0("pheno", seq_along(hsq))
    parts <- lapply(c(resid_sd = "resid_sd", log10lik = "log10lik"), function(part) array(as.double(attr(hsq, part)), length(hsq)))
    python()$vector_with(array(as.double(hsq), length(hsq)), listed(names(hsq)), reticulate::dict(parts))
}

plain_dict <- function(x) reticulate::dict(x)

# R's function once more, at an hsq that Python names.
ask_again <- function(again, asked) function(hsq) {
    if (asked$name == "fitLMM") {
        given <- asked$arguments
        found <- lapply(as.numeric(hsq), lmmlite_at, given, asked)
        part <- function(name) vapply(found, function(one) as.numeric(one[[name]]), numeric(length(found[[1]][[name]])))
        return(plain_dict(list(loglik = array(part("loglik"), length(hsq)), sigmasq = array(part("sigmasq"), length(hsq)),
                               beta = matrix(part("beta"), ncol = length(hsq)))))
    }
    answer_for_python(suppressWarnings(again(hsq = if (is.null(dim(hsq))) as.numeric(hsq) else unclass(hsq))), asked)
}

lmmlite_at <- function(hsq, given, asked) {
    calcLL <- getExportedValue("lmmlite", "calcLL")
    loglik <- calcLL(hsq, given$Kva, as.matrix(given$y)[, 1, drop = FALSE], as.matrix(given$X), reml = !isFALSE(given$reml),
                     use_cpp = !isFALSE(given$use_cpp))
    list(loglik = as.numeric(loglik), sigmasq = attr(loglik, "sigmasq"), beta = as.numeric(attr(loglik, "beta")))
}

rows_table <- function(rows) {
    column <- function(name, none) vapply(rows,
                                          function(row) if (is.null(row[[name]])) none else as.vector(row[[name]], typeof(none)),
                                          none)
    data.frame(quantity = column("quantity", ""), verdict = column("verdict", ""), digits = column("digits", NA_real_),
               difference = column("difference", NA_real_), tolerance = column("tolerance", NA_real_), worst = column("place", ""))
}

random_state <- function() get0(".Random.seed", envir = globalenv(), inherits = FALSE)

set_random_state <- function(state) {
    if (!is.null(state)) assign(".Random.seed", state, envir = globalenv())
}
