# R code in a fresh R, with the same libraries as here.

script_for <- function(lines, file = tempfile(fileext = ".R")) {
    writeLines(c(paste0(".libPaths(", paste(deparse(.libPaths()), collapse = ""), ")"), lines), file)
    file
}

# Runs it, with these environment variables; gives what it saved by `saveRDS(found, result)`.
in_fresh_r <- function(lines, env = character()) {
    result <- tempfile(fileext = ".rds")
    script <- script_for(c(paste0("result <- ", deparse(result)), lines))
    said <- suppressWarnings(system2(file.path(R.home("bin"), "Rscript"), c("--vanilla", shQuote(script)), stdout = TRUE,
                                     stderr = TRUE, env = c("R_TESTS=", env)))
    if (!file.exists(result)) stop("the script failed: ", paste(said, collapse = "\n"))
    c(readRDS(result), list(said = said))
}
