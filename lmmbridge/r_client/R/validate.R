#' Do the implementations agree?
#'
#' Runs `lmmbridge validate`: all implementations of the mixed model that are there, on your data or on the built-in problems, with
#' a verdict on every comparison, and writes a report. It runs in a process of its own, and says how far it is; interrupted, it
#' goes on where it stopped when it is called again.
#'
#' @param out Folder for the report; it must not hold anything else. Your data are written to files beside it, in a folder of that
#'   name with `-data` behind.
#' @param pheno,kinship,covar,weights Your data: matrices with row names, weights a named vector of 1/variance. The kinship matrix
#'   is used as it is (qtl2's functions use twice theirs). Default: the built-in problems.
#' @param engines Names of the implementations to compare, such as `c("python", "qtl2")`. Default: all that are there.
#' @param quiet If `TRUE`, say nothing but the verdict.
#' @param problems Patterns of built-in problems, such as `"iron/overall/*"`. Default: all.
#'
#' @return Invisibly, an object of class `lmmbridge_validation`, which is printed: a list of `agree` (nothing unexplained, nothing
#'   failed), `verdicts` (a named vector of counts), `engines` (a data frame), `out` and `results` (the path of results.json).
#'
#' @seealso [agreement_report()]
#' @examplesIf lmmbridge::python_available()
#' set.seed(1)
#' G <- matrix(rnorm(20 * 30), 20, dimnames = list(paste0("i", 1:20), NULL))
#' pheno <- cbind(height = (G %*% rnorm(30) / 6 + rnorm(20))[, 1])
#' found <- validate(file.path(tempdir(), "validation"), pheno, tcrossprod(G) / 30,
#'                   engines = c("python", "dense"))
#' found$verdicts
#' @export
validate <- function(out, pheno = NULL, kinship = NULL, covar = NULL, weights = NULL, engines = NULL, problems = NULL,
                     quiet = FALSE) {
    call <- complete_call()
    own <- list(pheno = pheno, kinship = kinship, covar = covar, weights = weights)
    own <- own[!vapply(own, is.null, TRUE)]
    check_path(out, call)
    if (length(own) > 0 && (is.null(pheno) || is.null(kinship))) refuse("your own data need both pheno and kinship", call = call)
    quiet <- check_flag(quiet, "quiet", call)
    out <- path.expand(out)
    # Beside the report, whose command to reproduce it names these files.
    data <- paste0(sub("/+$", "", out), "-data")
    arguments <- c("--out", out)
    for (name in names(own)) {
        table <- by_individual(own[[name]], name, call)
        if (name == "kinship") check_matrix(table, name, call)
        if (is.null(colnames(table))) colnames(table) <- if (ncol(table) == 1) name else paste0(name, seq_len(ncol(table)))
        arguments <- c(arguments, paste0("--", name), write_table(table, data, name))
    }
    if (!is.null(engines)) arguments <- c(arguments, "--engines", paste(engines, collapse = ","))
    if (!is.null(problems)) arguments <- c(arguments, "--problems", paste(problems, collapse = ","))
    run_command("validate", arguments, out, call, quiet, allowed = c(0, 1))
    results <- file.path(out, "results.json")
    summary <- call_python("results_summary", list(path = results), call)
    engines <- data.frame(name = as.character(unlist(summary$names)), version = as.character(unlist(summary$versions)),
                          status = as.character(unlist(summary$statuses)))
    found <- structure(class = "lmmbridge_validation", list(
        agree = summary$status == 0, verdicts = unlist(summary$verdicts), engines = engines, out = out, results = results))
    print(found)
    invisible(found)
}

#' @rdname validate
#' @param x What `validate` gives.
#' @param ... Not used.
#' @export
print.lmmbridge_validation <- function(x, ...) {
    live <- x$engines$name[x$engines$status == "live"]
    bad <- x$verdicts[intersect(names(x$verdicts), c("unexplained", "engine failed"))]
    cat(if (x$agree) "The implementations agree"
        else if (length(live) < 2) "Only one implementation took part: there is nothing to compare; name at least two engines"
        else if (length(bad) > 0) paste0("The implementations do not all agree: ", paste(bad, names(bad), collapse = ", "))
        else "Not everything that was asked for could be compared; the report says what is missing",
        " (", paste(live, collapse = ", "), ")\n", sep = "")
    if (length(x$verdicts) > 0) cat(paste0("  ", format(names(x$verdicts)), "  ", x$verdicts, "\n"), sep = "")
    cat("See", file.path(x$out, "report.html"), "\n")
    invisible(x)
}

#' A report on agreement
#'
#' Runs `lmmbridge report`: makes files of what [validate()] found, for a paper, for CI, or to be read.
#'
#' @param validation What [validate()] gave, or the path of a results.json.
#' @param out Folder for the files; it must not hold anything else.
#' @param format Of `"html"`, `"latex"`, `"pdf"`, `"markdown"`, `"junit"`, `"csv"`; one or more.
#'
#' @return Invisibly, the paths of the files.
#'
#' @examplesIf lmmbridge::python_available()
#' set.seed(1)
#' G <- matrix(rnorm(20 * 30), 20, dimnames = list(paste0("i", 1:20), NULL))
#' pheno <- cbind(height = (G %*% rnorm(30) / 6 + rnorm(20))[, 1])
#' found <- validate(file.path(tempdir(), "to-report"), pheno, tcrossprod(G) / 30,
#'                   engines = c("python", "dense"))
#' agreement_report(found, file.path(tempdir(), "files"), c("html", "csv"))
#' @export
agreement_report <- function(validation, out, format = "html") {
    call <- complete_call()
    results <- if (inherits(validation, "lmmbridge_validation")) validation$results else validation
    if (!is.character(results) || length(results) != 1)
        refuse("validation should be what validate() gave, or the path of a results.json", call = call)
    formats <- c("html", "latex", "pdf", "markdown", "junit", "csv")
    if (!is.character(format) || length(format) == 0 || !all(format %in% formats))
        refuse("format should be of ", paste(formats, collapse = ", "), call = call)
    check_path(out, call)
    out <- path.expand(out)
    run_command("report", c(path.expand(results), rbind("--format", format), "--out", out), out, call, quiet = FALSE)
    invisible(list.files(out, full.names = TRUE, recursive = TRUE))
}

check_path <- function(out, call) {
    if (!is.character(out) || length(out) != 1 || is.na(out)) refuse("out should be the path of a folder", call = call)
}

# A command of Python's lmmbridge, in a process of its own. What it says comes as messages, its last sentence as the error.
run_command <- function(command, arguments, out, call, quiet, allowed = 0) {
    say <- function(line) {
        wrapped <- strwrap(in_r_words(line), 0.9 * getOption("width"), exdent = 2)
        if (!quiet) message(paste(wrapped, collapse = "\n"))
    }
    ended <- call_python("run_command", list(command = command, arguments = as.list(as.character(arguments)), out = out), call,
                         quiet = if (quiet) TRUE, callbacks = list(say = say))
    if (!ended$status %in% allowed)
        refuse(gsub("--([a-z]+)", "\\1", in_r_words(sub("^lmmbridge: ", "", ended$last))), call = call)
}

# Numbers with all their digits in a file of the folder, the individuals' IDs in column one; its path.
write_table <- function(table, folder, name) {
    dir.create(folder, showWarnings = FALSE, recursive = TRUE)
    file <- file.path(folder, paste0(name, ".csv"))
    text <- matrix(ifelse(is.finite(table), sprintf("%.17g", table), ""), nrow(table), dimnames = dimnames(table))
    header <- utils::tail(make.unique(c(colnames(table), "id")), 1)
    utils::write.csv(stats::setNames(data.frame(rownames(table), text), c(header, colnames(table))), file, row.names = FALSE)
    file
}
