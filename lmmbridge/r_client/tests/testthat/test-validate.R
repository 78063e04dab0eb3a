# Reports of agreement, on a small problem of one's own.

small_own_data <- function() {
    set.seed(20260307)
    ids <- paste0("i", 1:24)
    G <- matrix(stats::rnorm(24 * 40), 24, dimnames = list(ids, NULL))
    list(pheno = cbind(height = (G %*% stats::rnorm(40) / 6 + stats::rnorm(24))[, 1]), kinship = tcrossprod(G) / 40,
         covar = stats::setNames(rep(0:1, 12), ids), weights = stats::setNames(rep(c(1, 2, 0.5), 8), ids))
}

test_that("validate and agreement_report", {
    skip_without_python()
    data <- small_own_data()
    out <- file.path(tempfile(), "validation")
    dir.create(dirname(out))
    found <- suppressMessages(validate(out, data$pheno, data$kinship, data$covar, data$weights, engines = c("python", "dense")))
    expect_s3_class(found, "lmmbridge_validation")
    expect_named(found, c("agree", "verdicts", "engines", "out", "results"))
    expect_true(found$agree)
    expect_gt(found$verdicts[["agree"]], 0)
    expect_setequal(found$engines$name, c("python", "dense"))
    expect_identical(names(found$engines), c("name", "version", "status"))
    expect_true(all(file.exists(found$results, file.path(out, "report.html"))))
    expect_output(print(found), "implementations agree \\(python, dense\\)")

    files <- agreement_report(found, file.path(dirname(out), "files"), c("html", "csv", "markdown"))
    expect_true(all(file.exists(files)))
    expect_true(all(c("html", "csv", "md") %in% tools::file_ext(files)))
    again <- agreement_report(found$results, file.path(dirname(out), "junit"), "junit")
    expect_true(any(tools::file_ext(again) == "xml"))
})

test_that("bad input is one R error", {
    skip_without_python()
    data <- small_own_data()
    refused <- function(expression, what) {
        error <- expect_error(expression, what, class = "lmmbridge_error")
        expect_no_match(conditionMessage(error), "Traceback")
    }
    refused(validate(tempfile(), unname(data$pheno), data$kinship), "no rownames")
    refused(validate(tempfile(), data$pheno, data$kinship[, 1:3]), "square")
    refused(validate(tempfile(), data$pheno, data$kinship, covar = letters[1:24]), "no names")
    refused(validate(tempfile(), data$pheno), "both pheno and kinship")
    refused(validate(3), "out should be")
    refused(agreement_report(3, tempfile()), "results.json")
    refused(agreement_report(tempfile(), tempfile(), "docx"), "format should be of")
    refused(utils::capture.output(validate(tempfile(), data$pheno, data$kinship, engines = "nobody"), type = "message"),
            "^engines: no engine is called 'nobody'")
    refused(utils::capture.output(agreement_report(tempfile(), tempfile()), type = "message"), "no file|not there|cannot")
})
