# Phenotypes, covariates and kinship matrices of a cross that comes with qtl2, ready for a mixed model.

cross_problem <- function(name) {
    cross <- qtl2::read_cross2(system.file("extdata", paste0(name, ".zip"), package = "qtl2"))
    probs <- qtl2::calc_genoprob(cross, error_prob = 0.002)
    loco <- qtl2::calc_kinship(probs, "loco")
    covar <- cross$covar
    if (!is.null(covar))   # iron: sex, and the direction of the cross
        covar <- vapply(covar, function(x) as.numeric(factor(x)) - 1, numeric(nrow(covar)))
    list(ids = rownames(cross$pheno), pheno = unname(cross$pheno), phenotypes = colnames(cross$pheno),
         covar = covar, covariates = colnames(covar), covar_ids = rownames(cross$covar),
         kinship_ids = rownames(loco[[1]]),
         kinship = c(list(overall = unname(qtl2::calc_kinship(probs, "overall"))),
                     stats::setNames(lapply(loco, function(K) { dimnames(K) <- NULL; attr(K, "n_pos") <- NULL; K }),
                                     paste0("loco", names(loco)))),
         version = as.character(utils::packageVersion("qtl2")))
}
