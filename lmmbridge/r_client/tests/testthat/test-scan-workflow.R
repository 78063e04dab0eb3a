# The user guide's way from a cross to peaks, with lmmbridge's functions where qtl2's are.

test_that("kinship, overall and leaving one chromosome out", {
    skip_without_python()
    skip_without_qtl2()
    data <- iron_data()
    expect_same(by_both(calc_kinship(probs), data), 1e-12)
    expect_same(by_both(calc_kinship(probs, "loco"), data), 1e-12)
    expect_same(by_both(calc_kinship(probs, "chr", omit_x = TRUE), data), 1e-12)
})

test_that("a scan with covariates: peaks and intervals are qtl2's", {
    skip_without_python()
    skip_without_qtl2()
    data <- iron_data()
    both <- by_both(scan1(probs, pheno, loco, addcovar = sex, Xcovar = Xcovar), data)
    expect_same(both, OWN_HSQ)
    data$hsq <- attr(both$theirs, "hsq")
    expect_same(by_both(scan1(probs, pheno, loco, addcovar = sex, Xcovar = Xcovar, hsq = hsq), data), EXACT)

    # LOD scores in tables differ in their last digits
    same_table <- function(f) {
        ours <- f(both$ours)
        theirs <- f(both$theirs)
        lod <- grep("^(lod|liver|spleen)$", names(theirs), value = TRUE)
        expect_equal(ours[lod], theirs[lod], tolerance = OWN_HSQ)
        expect_identical(ours[setdiff(names(ours), lod)], theirs[setdiff(names(theirs), lod)])
    }
    same_table(function(out) qtl2::find_peaks(out, data$map, threshold = 3, drop = 1.5))
    same_table(function(out) qtl2::find_peaks(out, data$map, threshold = 3, prob = 0.95))
    same_table(function(out) qtl2::max_scan1(out, data$map, lodcolumn = "spleen"))
    expect_identical(qtl2::lod_int(both$ours, data$map, chr = 16), qtl2::lod_int(both$theirs, data$map, chr = 16))
    expect_identical(qtl2::bayes_int(both$ours, data$map, chr = 16), qtl2::bayes_int(both$theirs, data$map, chr = 16))
})

test_that("results are put together, cut and summarised by qtl2's methods", {
    skip_without_python()
    skip_without_qtl2()
    data <- iron_data()
    with_kinship <- by_both(scan1(probs, pheno, loco), data)
    without <- by_both(scan1(probs, pheno), data)
    each <- function(f) list(ours = f(with_kinship$ours, without$ours), theirs = f(with_kinship$theirs, without$theirs))
    expect_same(each(function(one, other) cbind(one, one)), OWN_HSQ)
    expect_same(suppressWarnings(each(function(one, other) cbind(one, other))), OWN_HSQ)     # hsq is not in both, as qtl2 says
    expect_same(each(function(one, other) subset(one, data$map, chr = c("2", "X"))), OWN_HSQ)
    expect_same(each(function(one, other) subset(one, lodcolumn = "spleen")), OWN_HSQ)
    expect_same(each(function(one, other) rbind(subset(one, data$map, chr = "1"), subset(one, data$map, chr = "2"))), OWN_HSQ)
    expect_equal(summary(without$ours, data$map), summary(without$theirs, data$map), tolerance = EXACT)
})

test_that("permutations, and thresholds from them", {
    skip_without_python()
    skip_without_qtl2()
    data <- iron_data()
    set.seed(20260302)
    theirs <- qtl2::scan1perm(data$probs, data$pheno, Xcovar = data$Xcovar, n_perm = 20)
    set.seed(20260302)
    ours <- scan1perm(data$probs, data$pheno, Xcovar = data$Xcovar, n_perm = 20)
    thresholds <- list(ours = summary(ours, alpha = c(0.2, 0.05)), theirs = summary(theirs, alpha = c(0.2, 0.05)))
    expect_same(thresholds, EXACT)
    expect_same(list(ours = c(ours, ours), theirs = c(theirs, theirs)), EXACT)
    expect_same(list(ours = cbind(ours, 2 * ours), theirs = cbind(theirs, 2 * theirs)), EXACT)
})

test_that("effects, estimated and predicted", {
    skip_without_python()
    skip_without_qtl2()
    data <- iron_data()
    expect_same(by_both(scan1coef(probs[, "16"], pheno[, "liver"], loco[["16"]], sex), data), OWN_HSQ)
    expect_same(by_both(scan1blup(probs[, "16"], pheno[, "liver"], loco[["16"]], sex), data), OWN_HSQ)
})

test_that("plots are drawn of the results", {
    skip_without_python()
    skip_without_qtl2()
    data <- iron_data()
    out <- suppressMessages(scan1(data$probs, data$pheno, data$loco, Xcovar = data$Xcovar))
    effects <- scan1coef(data$probs[, "16"], data$pheno[, "liver"], data$loco[["16"]])
    predicted <- scan1blup(data$probs[, "16"], data$pheno[, "liver"], data$loco[["16"]])
    drawn <- function(draw) {
        file <- tempfile(fileext = ".pdf")
        grDevices::pdf(file)
        tryCatch(draw(), finally = grDevices::dev.off())
        file.size(file)
    }
    empty <- drawn(function() graphics::plot.new())
    expect_gt(drawn(function() plot(out, data$map, lodcolumn = 2)), empty)
    expect_gt(drawn(function() qtl2::plot_scan1(out, data$map, chr = c("2", "X"))), empty)
    expect_gt(drawn(function() qtl2::plot_coef(effects, data$map["16"], columns = 1:3)), empty)
    lod <- subset(out, data$map, chr = "16")
    expect_gt(drawn(function() qtl2::plot_coef(predicted, data$map["16"], columns = 1:3, scan1_output = lod)), empty)
})
