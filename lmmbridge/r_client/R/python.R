# The Python side: found and started when it is first needed, never at load.

session <- new.env(parent = emptyenv())

# Where a Python with lmmbridge may be, in the order in which they are tried.
python_candidates <- function() {
    bound <- system.file("python", package = "lmmbridge")
    c("options(lmmbridge.python=)" = getOption("lmmbridge.python", ""),
      "the environment variable LMMBRIDGE_PYTHON" = Sys.getenv("LMMBRIDGE_PYTHON"),
      "lmmbridge install-r" = if (nzchar(bound)) readLines(bound, n = 1, encoding = "UTF-8") else "",
      "the environment variable RETICULATE_PYTHON" = Sys.getenv("RETICULATE_PYTHON"))
}

# The first that is named: list(path, by), or NULL.
chosen_python <- function() {
    named <- python_candidates()
    named <- named[nzchar(named)]
    if (length(named) > 0) {
        path <- path.expand(named[[1]])
        if (!grepl("/", path, fixed = TRUE) && nzchar(Sys.which(path))) path <- Sys.which(path)[[1]]
        list(path = path, by = names(named)[1])
    }
}

#' Is the Python side there?
#'
#' Whether a Python with the package 'lmmbridge' can be used; it is not started. [doctor()] says what is missing.
#'
#' @return `TRUE` or `FALSE`.
#' @examples
#' python_available()
#' @export
python_available <- function() {
    !is.null(session$module) || is.null(python_problem(chosen_python()))
}

# Why this Python cannot be used, in a sentence with the remedy; NULL where it can. Each is asked once, in a process of its own.
python_problem <- function(chosen) {
    if (is.null(chosen))
        return(paste0("no Python is named. Install the Python package lmmbridge and run, in a shell: lmmbridge install-r; or name ",
                      "the Python that has it: options(lmmbridge.python = \"/path/to/python\")"))
    whose <- paste0("the Python ", chosen$path, " (named by ", chosen$by, ")")
    if (!file.exists(chosen$path))
        return(paste0(whose, " is not there. Name another: options(lmmbridge.python = \"/path/to/python\")"))
    if (dir.exists(chosen$path))
        return(paste0(whose, " is a folder. Name the program in it: options(lmmbridge.python = \"",
                      file.path(chosen$path, "bin", "python"), "\")"))
    known <- session$asked[[chosen$path]]
    if (is.null(known)) {
        code <- "import lmmbridge, os; print(os.path.dirname(lmmbridge.__path__[0])); print(lmmbridge.__version__)"
        said <- suppressWarnings(system2(chosen$path, c("-c", shQuote(code)), stdout = TRUE, stderr = TRUE))
        status <- attr(said, "status")
        works <- (is.null(status) || status == 0) && length(said) > 1
        known <- list(works = works, said = if (length(said)) said[length(said)] else "no answer",
                      folder = if (length(said) > 1) said[length(said) - 1])
        session$asked[[chosen$path]] <- known
    }
    if (!known$works)
        return(paste0(whose, " is not one that can import lmmbridge (", known$said, "). Run lmmbridge install-r where lmmbridge ",
                      "is installed, or name that Python: options(lmmbridge.python = \"/path/to/python\")"))
    NULL
}

# The module that answers, started where it is not yet; an error of class "lmmbridge_no_python" where it cannot be had.
python <- function(call = NULL) {
    if (!is.null(session$module)) return(session$module)
    refuse <- function(...) stop(errorCondition(paste0(..., ". See lmmbridge::doctor()"), class = "lmmbridge_no_python",
                                                call = call))
    chosen <- chosen_python()
    problem <- python_problem(chosen)
    if (!is.null(problem)) refuse("The Python side of lmmbridge cannot be used: ", problem)
    other <- if (reticulate::py_available()) reticulate::py_config()$python
    if (is.null(other)) {
        # Named so, reticulate looks for no other Python (and tells nothing of those it would find).
        # What reticulate sets on the way is put back, so that a user's own system("python") stays what it was.
        changed <- c("RETICULATE_PYTHON", "PATH", "VIRTUAL_ENV", "PYTHONPATH", "KMP_DUPLICATE_LIB_OK")
        before <- Sys.getenv(changed, NA, names = TRUE)
        Sys.setenv(RETICULATE_PYTHON = chosen$path)
        on.exit({
            Sys.unsetenv(changed[is.na(before)])
            do.call(Sys.setenv, as.list(before[!is.na(before)]))
        })
    }
    # A Python within R does not read .pth files, by which an editable install is found.
    folder <- session$asked[[chosen$path]]$folder
    same <- is.null(other) || normalizePath(other, mustWork = FALSE) == normalizePath(chosen$path, mustWork = FALSE)
    if (same && !is.null(folder)) reticulate::import("sys", convert = FALSE)$path$append(folder)
    module <- tryCatch(reticulate::import("lmmbridge.called_from_r", convert = FALSE), error = identity)
    if (inherits(module, "error")) {
        if (!is.null(other))
            refuse("This R session already runs another Python (", other, "), which has no lmmbridge. Restart R and call ",
                   "lmmbridge before whatever starts that Python")
        refuse("Python's lmmbridge does not start (", first_line(conditionMessage(module)), "). Install it anew")
    }
    theirs <- reticulate::py_to_r(module$version())
    ours <- as.character(utils::packageVersion("lmmbridge"))
    if (theirs != ours)
        warning("lmmbridge is of version ", ours, " in R and ", theirs, " in Python; run in a shell: lmmbridge install-r",
                call. = FALSE)
    session$module <- module
    module
}

first_line <- function(text) strsplit(text, "\n", fixed = TRUE)[[1]][1]
