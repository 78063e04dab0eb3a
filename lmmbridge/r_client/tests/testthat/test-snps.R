# Association: SNP probabilities of qtl2, scanned by lmmbridge.

test_that("a scan of SNPs, its top SNPs and its plot", {
    skip_without_python()
    skip_without_qtl2()
    data <- founders_data()
    data$snps <- qtl2::genoprob_to_snpprob(data$probs, data$snpinfo)
    both <- by_both(scan1(snps, pheno), data)
    expect_same(both, EXACT)
    expect_equal(qtl2::top_snps(both$ours, data$snpinfo), qtl2::top_snps(both$theirs, data$snpinfo), tolerance = EXACT)
    file <- tempfile(fileext = ".pdf")
    grDevices::pdf(file)
    qtl2::plot_snpasso(both$ours, data$snpinfo)
    grDevices::dev.off()
    expect_gt(file.size(file), 4000)
})

test_that("the same with kinship from allele probabilities", {
    skip_without_python()
    skip_without_qtl2()
    data <- founders_data()
    data$snps <- qtl2::genoprob_to_snpprob(data$probs, data$snpinfo)
    kinship <- by_both(calc_kinship(probs), data)
    expect_same(kinship, 1e-12)
    data$kinship <- kinship$theirs
    expect_same(by_both(scan1(snps, pheno, kinship), data), OWN_HSQ)
    expect_same(by_both(scan1(probs, pheno, kinship), data), OWN_HSQ)
    expect_same(by_both(scan1coef(probs, pheno, kinship, se = TRUE), data), OWN_HSQ, "SE")
    expect_same(by_both(scan1blup(probs, pheno, kinship), data), OWN_HSQ)
})
