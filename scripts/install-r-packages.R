# Install from CRAN what is in none of R's libraries. qtl2 is wanted, not required: without it set-up goes on.
target <- commandArgs(trailingOnly = TRUE)[1]
.libPaths(c(target, .libPaths()))
say <- function(...) cat("[set-up] ", ..., "\n", sep = "")

if (identical(unname(getOption("repos")["CRAN"]), "@CRAN@"))
    utils::chooseCRANmirror(graphics = FALSE, ind = 1, local.only = TRUE)
cores <- max(1L, parallel::detectCores(), na.rm = TRUE)
Sys.setenv(MAKEFLAGS = paste0("-j", cores))

missing <- Filter(function(package) !requireNamespace(package, quietly = TRUE), c("testthat", "nlme", "qtl2"))
for (package in missing) {
    log <- file.path(target, paste0(package, "-install.log"))
    say("installing the R package ", package, " from CRAN into ", target, " with ", cores, " core(s)",
        if (package == "qtl2") paste0(" (about ", ceiling(8 / cores), " minutes)"), "; log: ", log)
    output <- file(log, open = "wt")
    sink(output, type = "output"); sink(output, type = "message")
    try(utils::install.packages(package, lib = target, quiet = FALSE, keep_outputs = FALSE,
                                INSTALL_opts = "--no-test-load"), silent = TRUE)
    sink(type = "message"); sink(type = "output")
    close(output)
    if (!requireNamespace(package, quietly = TRUE)) {
        say(package, " could not be installed; going on without it. What needs it will be reported as ",
            "\"not available\".")
        say("To try again, with a network connection: make setup")
    }
}
