# Evaluates requests and returns what happened as a list, so that no R condition has to cross into C.
# The file is evaluated in an environment of its own; nothing of it is visible in the global environment.

sourced <- new.env(parent = globalenv())

longest_call <- 300L

deparse_call <- function(call) {
    # the evaluation of a whole text has no call worth telling
    if (is.null(call) || (identical(call[[1L]], quote(eval)) && identical(call[[2L]], quote(..request..)))) {
        return("")
    }
    # nlines keeps a call that carries a large matrix from being written out in full
    text <- paste(trimws(deparse(call, width.cutoff = 500L, nlines = 5L)), collapse = " ")
    if (nchar(text) > longest_call) paste0(substr(text, 1L, longest_call), "...") else text
}

evaluate <- function(..request.., envir) {
    warnings <- character()
    failure <- NULL
    started <- proc.time()[["elapsed"]]
    value <- tryCatch(
        withCallingHandlers(
            eval(..request.., envir = envir),
            warning = function(w) {
                warnings <<- c(warnings, conditionMessage(w))
                tryInvokeRestart("muffleWarning")
            }
        ),
        error = function(e) {
            failure <<- c(paste(conditionMessage(e), collapse = "\n"), deparse_call(conditionCall(e)))
            NULL
        }
    )
    list(value, warnings, failure, proc.time()[["elapsed"]] - started)
}

function_name <- function(name) {
    parts <- regmatches(name, regexec("^([A-Za-z.][A-Za-z0-9._]*)(:::?)(.+)$", name))[[1L]]
    if (length(parts)) call(parts[3L], as.name(parts[2L]), as.name(parts[4L])) else as.name(name)
}

evaluate_call <- function(name, arguments) {
    # Arguments are bound to symbols: a value inside the call would be written out in full by every
    # function that deparses its call, and by every error message.
    given <- names(arguments)
    if (is.null(given)) given <- character(length(arguments))
    symbols <- given
    symbols[!nzchar(given)] <- paste0("argument", which(!nzchar(given)))
    symbols <- make.unique(symbols)
    envir <- new.env(parent = sourced)
    for (i in seq_along(arguments)) assign(symbols[i], arguments[[i]], envir = envir)
    evaluate(as.call(c(function_name(name), stats::setNames(lapply(symbols, as.name), given))), envir)
}

evaluate_text <- function(text) {
    parsed <- evaluate(quote(parse(text = text, keep.source = FALSE, encoding = "UTF-8")), environment())
    if (!is.null(parsed[[3L]])) return(parsed)
    answer <- evaluate(parsed[[1L]], globalenv())
    # as at R's prompt; defining a function must not fail for want of a counterpart of functions
    if (is_assignment(parsed[[1L]])) answer[1L] <- list(NULL)
    answer
}

is_assignment <- function(expressions) {
    last <- if (length(expressions)) expressions[[length(expressions)]]
    is.call(last) && is.name(last[[1L]]) && as.character(last[[1L]]) %in% c("<-", "<<-", "=")
}

evaluate_file <- function(path) {
    evaluate(quote({
        sys.source(path, envir = sourced, keep.source = FALSE)
        NULL
    }), environment())
}
