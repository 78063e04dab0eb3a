# In a fresh R to which a Python is named that is not there.

nowhere <- "LMMBRIDGE_PYTHON=/nowhere/python"

test_that("nothing is started at load, and what needs no Python works", {
    found <- in_fresh_r(c(
        "library(lmmbridge)",
        "loaded <- reticulate::py_available()",
        "available <- python_available()",
        "printed <- capture.output(table <- doctor())",
        "asked <- reticulate::py_available()",
        "saveRDS(list(loaded = loaded, available = available, printed = printed, table = table, asked = asked), result)"), nowhere)
    expect_false(found$loaded)
    expect_false(found$available)
    expect_false(found$asked)
    expect_match(found$printed, "/nowhere/python", fixed = TRUE, all = FALSE)
    expect_identical(names(found$table), c("what", "found", "remedy"))
    expect_true(is.na(found$table$found[found$table$what == "Python"]))
    expect_match(found$table$remedy[found$table$what == "Python"], "is not there")
})

test_that("each function that needs Python says so, what to do, and that doctor() tells more", {
    calls <- expression(
        agreement_report(tempfile(), tempfile()),
        calcLL(0.5, c(1, 2, 3), c(1, 2, 4), c(1, 1, 1)),
        calc_kinship(probs, use_allele_probs = FALSE),
        decomp_kinship(K),
        eigen_rotation(K, pheno),
        est_herit(pheno, K),
        fit1(probs[[1]][, , 1], pheno),
        fitLMM(c(1, 2, 3), c(1, 2, 4), c(1, 1, 1)),
        getMLsoln(0.5, c(1, 2, 3), c(1, 2, 4), c(1, 1, 1)),
        scale_kinship(K),
        scan1(probs, pheno),
        scan1blup(probs, pheno),
        scan1coef(probs, pheno),
        scan1max(probs, pheno),
        scan1perm(probs, pheno),
        validate(tempfile(), pheno, K))
    if (requireNamespace("qtl2", quietly = TRUE)) calls <- c(calls, expression(second_opinion(qtl2::scan1(probs, pheno))))
    needing <- vapply(as.list(calls), function(call) as.character(call[[1]]), "")
    expect_setequal(c(needing, "second_opinion", "doctor", "python_available"), getNamespaceExports("lmmbridge"))

    file <- tempfile(fileext = ".rds")
    saveRDS(calls, file)
    found <- in_fresh_r(c(
        "library(lmmbridge)",
        "ids <- paste0(\"i\", 1:6)",
        "pheno <- matrix(c(1, 2, 4, 3, 5, 2), dimnames = list(ids, \"y\"))",
        "K <- diag(6); dimnames(K) <- list(ids, ids)",
        "p <- array(0.5, c(6, 2, 1), list(ids, c(\"A\", \"B\"), \"m\"))",
        "probs <- structure(list(\"1\" = p), class = c(\"calc_genoprob\", \"list\"), is_x_chr = c(\"1\" = FALSE))",
        "attr(probs, \"alleles\") <- c(\"A\", \"B\")",
        paste0("calls <- readRDS(", deparse(file), ")"),
        "errors <- lapply(as.list(calls), function(call) tryCatch({eval(call); NULL}, error = identity))",
        "named <- lapply(errors, function(e) deparse(conditionCall(e)[[1]]))",
        "saveRDS(list(messages = lapply(errors, conditionMessage), classes = lapply(errors, class), named = named,",
        "             started = reticulate::py_available()), result)"),
        nowhere)
    expect_false(found$started)
    for (i in seq_along(calls)) {
        expect_true("lmmbridge_no_python" %in% found$classes[[i]], label = needing[i])
        expect_match(found$messages[[i]], "/nowhere/python", fixed = TRUE)
        expect_match(found$messages[[i]], "options(lmmbridge.python =", fixed = TRUE)
        expect_match(found$messages[[i]], "lmmbridge::doctor()", fixed = TRUE)
        expect_identical(found$named[[i]], if (needing[i] == "second_opinion") "qtl2::scan1" else needing[i])
    }
})

test_that("a Python without lmmbridge is told from one that is not there", {
    skip_on_os("windows")
    fake <- tempfile()
    writeLines(c("#!/bin/sh", "echo \"ModuleNotFoundError: No module named 'lmmbridge'\" >&2", "exit 1"), fake)
    Sys.chmod(fake, "755")
    found <- in_fresh_r(c(
        paste0("options(lmmbridge.python = ", deparse(fake), ")"),
        "error <- tryCatch(lmmbridge::scale_kinship(diag(2)), error = identity)",
        "found <- list(message = conditionMessage(error), class = class(error), available = lmmbridge::python_available())",
        "saveRDS(found, result)"), nowhere)
    expect_true("lmmbridge_no_python" %in% found$class)
    expect_false(found$available)
    expect_match(found$message, "is not one that can import lmmbridge", fixed = TRUE)
    expect_match(found$message, "No module named 'lmmbridge'", fixed = TRUE)
})

test_that("where Python is there, it is started by the first call only", {
    skip_without_python()
    found <- in_fresh_r(c(
        "library(lmmbridge)",
        "available <- python_available()",
        "before <- reticulate::py_available()",
        "value <- scale_kinship(matrix(c(4, 2, 2, 4), 2))",
        "saveRDS(list(available = available, before = before, after = reticulate::py_available(), value = value), result)"))
    expect_true(found$available)
    expect_false(found$before)
    expect_true(found$after)
    expect_equal(found$value, matrix(c(1, 0.5, 0.5, 1), 2))
})
