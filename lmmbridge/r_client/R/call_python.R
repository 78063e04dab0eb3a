# One call of a Python function: progress, Ctrl-C, messages, warnings and errors in R's own ways.

# The value, as an R object. `callbacks` are R functions that the Python function may call.
call_python <- function(name, arguments, call, quiet = NULL, callbacks = NULL) {
    module <- python(call)
    bar <- if (is.null(quiet)) interactive() else !check_flag(quiet, "quiet", call)
    bar <- if (bar) progress_bar()
    if (!is.null(bar)) on.exit(bar$close())
    outcome <- reticulate::py_to_r(module$call(name, reticulate::dict(arguments),
                                               reticulate::dict(lapply(callbacks, uninterrupted)),
                                               if (!is.null(bar)) uninterrupted(bar$show)))
    if (outcome$interrupted) interrupt()
    for (sentence in outcome$warnings) warning(warningCondition(in_r_words(sentence), call = call))
    if (!is.null(outcome$error)) refuse(in_r_words(outcome$error), call = call)
    for (sentence in outcome$notes)
        message(structure(class = c("lmmbridge_note", "message", "condition"),
                          list(message = paste0(in_r_words(sentence), "\n"), call = call)))
    from_plain(outcome$value)
}

refuse <- function(..., call) stop(errorCondition(paste0(...), class = "lmmbridge_error", call = call))

# What Ctrl-C does: handlers are told, then R goes back to its prompt.
interrupt <- function() {
    signalCondition(structure(class = c("interrupt", "condition"), list(message = "", call = NULL)))
    invokeRestart("abort")
}

# A function for Python to call: R values in, and Ctrl-C waits until it is done (Python hears of it then).
uninterrupted <- function(f) {
    force(f)
    function(...) suspendInterrupts(do.call(f, lapply(list(...), reticulate::py_to_r)))
}

# A bar in R's console, once two seconds have passed.
progress_bar <- function() {
    started <- Sys.time()
    bar <- NULL
    shown <- ""
    close_bar <- function() {
        if (!is.null(bar)) close(bar)
        bar <<- NULL
    }
    list(show = function(description, done, total) {
        if (difftime(Sys.time(), started, units = "secs") < 2 || total < 1) return(invisible(NULL))
        if (description != shown) {
            close_bar()
            base::message(description)
            bar <<- utils::txtProgressBar(max = total, style = 3, file = stderr())
            shown <<- description
        }
        utils::setTxtProgressBar(bar, done)
        invisible(NULL)
    }, close = close_bar)
}

# Python's words for R's: True, False, None, and how an argument is given.
in_r_words <- function(sentence) {
    words <- c("\\bTrue\\b" = "TRUE", "\\bFalse\\b" = "FALSE", "\\bNone\\b" = "NULL", "\\bnan\\b" = "NaN",
               "a DataFrame" = "a matrix")
    # What stands between quotes is the user's.
    parts <- strsplit(paste0(sentence, " "), "'", fixed = TRUE)[[1]]
    outside <- seq(1, length(parts), by = 2)
    for (python in names(words)) parts[outside] <- gsub(python, words[[python]], parts[outside])
    parts[outside] <- gsub("\\(([0-9]+), ([0-9]+)\\)", "\\1 x \\2", parts[outside])
    sub(" $", "", paste(parts, collapse = "'"))
}
