#' What is there, and what is missing
#'
#' Looks for all that this package needs, and says what to do where something is missing. Python is asked in a process of its own;
#' nothing is started in this R.
#'
#' @return Invisibly, a data frame with a row for each thing: `what`, `found` (version or place, `NA` where it is missing), and
#'   `remedy`. It is printed.
#'
#' @examples
#' doctor()
#' @export
doctor <- function() {
    chosen <- chosen_python()
    problem <- python_problem(chosen)
    place <- if (is.null(chosen) || !file.exists(chosen$path)) NA else paste0(chosen$path, " (named by ", chosen$by, ")")
    package <- function(name, remedy) {
        there <- requireNamespace(name, quietly = TRUE)
        data.frame(what = paste("R package", name), found = if (there) as.character(utils::packageVersion(name)) else NA,
                   remedy = if (there) "" else remedy)
    }
    running <- if (reticulate::py_available()) reticulate::py_config()$python
    elsewhere <- !is.null(running) && is.null(session$module) && !is.null(chosen) &&
        normalizePath(running, mustWork = FALSE) != normalizePath(chosen$path, mustWork = FALSE)
    table <- rbind(
        data.frame(what = "R", found = as.character(getRversion()), remedy = ""),
        package("lmmbridge", ""), package("reticulate", "install.packages(\"reticulate\")"),
        data.frame(what = "Python", remedy = if (is.null(problem)) "" else problem, found = place),
        data.frame(what = "Python package lmmbridge", remedy = if (is.null(problem)) "" else "see Python",
                   found = if (is.null(problem)) session$asked[[chosen$path]]$said else NA),
        data.frame(what = "Python in this R", found = if (is.null(running)) "not started" else running,
                   remedy = if (elsewhere) "restart R and call lmmbridge before whatever starts this Python" else ""),
        package("qtl2", "install.packages(\"qtl2\")"),
        package("lmmlite", "remotes::install_github(\"kbroman/lmmlite\"); needed for second opinions on its functions only"))
    if (masked_by_qtl2())
        table <- rbind(table, data.frame(what = "library(qtl2)", found = "attached after lmmbridge", remedy = MASKED))
    for (i in seq_len(nrow(table))) {
        cat(sprintf("%-26s  %s\n", table$what[i], if (is.na(table$found[i])) "missing" else table$found[i]))
        if (nzchar(table$remedy[i])) cat(strwrap(table$remedy[i], width = 0.9 * getOption("width"), prefix = "    "), sep = "\n")
    }
    invisible(table)
}
