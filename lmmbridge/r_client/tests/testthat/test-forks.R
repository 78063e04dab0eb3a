# R may fork after Python's threads have worked: no child waits for a thread that it does not have.

test_that("parallel::mclapply goes on after work on two cores", {
    skip_on_os("windows")
    skip_without_python()
    skip_without_qtl2()
    objects <- tempfile(fileext = ".rds")
    saveRDS(iron_data()[c("probs", "pheno", "kinship")], objects)
    found <- in_fresh_r(c(
        "library(lmmbridge)",
        paste0("data <- readRDS(", deparse(objects), ")"),
        "setTimeLimit(elapsed = 120)",
        "lods <- lapply(1:4, function(i) {",
        "    scan1(data$probs, data$pheno, data$kinship, cores = 2)",
        "    unlist(parallel::mclapply(1:2, function(j) max(scan1(data$probs, data$pheno[, j, drop = FALSE], data$kinship)),",
        "                              mc.cores = 2))",
        "})",
        "saveRDS(list(lods = lods), result)"))
    for (lods in found$lods) expect_equal(lods, found$lods[[1]])
    expect_length(found$lods[[1]], 2)
})
