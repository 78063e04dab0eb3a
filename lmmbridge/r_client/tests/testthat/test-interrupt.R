# Ctrl-C during long work: R hears it within a few seconds, and goes on working.

test_that("an interrupted scan1perm ends, and the next call is right", {
    skip_on_os("windows")
    skip_without_python()
    skip_without_qtl2()
    result <- tempfile(fileext = ".rds")
    data <- iron_data()
    objects <- tempfile(fileext = ".rds")
    saveRDS(data[c("probs", "pheno", "kinship", "loco")], objects)
    script <- script_for(c(
        "library(lmmbridge)",
        paste0("data <- readRDS(", deparse(objects), ")"),
        "invisible(scale_kinship(diag(2)))",        # Python is started
        "cat(Sys.getpid(), \"\\n\"); flush(stdout())",
        "outcome <- tryCatch({",
        "    scan1perm(data$probs, data$pheno, data$loco, n_perm = 100000)",
        "    \"finished\"",
        "}, interrupt = function(condition) \"interrupted\")",
        "ended <- as.numeric(Sys.time())",
        "herit <- est_herit(data$pheno, data$kinship)",
        paste0("saveRDS(list(outcome = outcome, ended = ended, herit = herit), ", deparse(result), ")")))
    running <- pipe(paste("R_TESTS=", shQuote(file.path(R.home("bin"), "Rscript")), "--vanilla", shQuote(script), "2>&1"), "r")
    on.exit(close(running))
    pid <- as.integer(readLines(running, 1))
    Sys.sleep(4)
    sent <- as.numeric(Sys.time())
    expect_true(tools::pskill(pid, tools::SIGINT))
    said <- readLines(running)
    expect(file.exists(result), paste("nothing was saved:", paste(said, collapse = "\n")))
    found <- readRDS(result)
    expect_identical(found$outcome, "interrupted")
    expect_lt(found$ended - sent, 20)       # half a second on a machine that does nothing else; the work itself takes many minutes
    expect_equal(found$herit, est_herit(data$pheno, data$kinship), tolerance = 1e-12)
})
