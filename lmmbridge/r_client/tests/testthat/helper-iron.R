# qtl2's example data: made once, when a test first asks for them.

shared <- new.env()

once <- function(name, make) {
    if (is.null(shared[[name]])) shared[[name]] <- make()
    shared[[name]]
}

# The intercross iron as the objects that the user guide makes of it.
iron_data <- function() once("iron", function() {
    iron <- qtl2::read_cross2(system.file("extdata", "iron.zip", package = "qtl2"))
    map <- qtl2::insert_pseudomarkers(iron$gmap, step = 10)
    probs <- qtl2::calc_genoprob(iron, map, error_prob = 0.002)
    sex <- stats::setNames((iron$covar$sex == "m") * 1, rownames(iron$covar))
    ids <- rownames(iron$pheno)
    weights <- stats::setNames(0.5 + (seq_along(ids) %% 7) / 4, ids)
    list(iron = iron, map = map, probs = probs, pheno = iron$pheno, kinship = qtl2::calc_kinship(probs),
         loco = qtl2::calc_kinship(probs, "loco"), sex = sex, Xcovar = qtl2::get_x_covar(iron), weights = weights,
         position = probs[["16"]][, , 3])
})

# Individuals of eight founders' descent on one chromosome, and SNPs there.
founders_data <- function() once("founders", function() {
    set.seed(20260301)
    ids <- paste0("mouse", 1:80)
    positions <- seq(0, 20, by = 2)
    one <- vapply(positions, function(position) {
        p <- matrix(stats::rgamma(80 * 8, 0.2), 80)
        p / rowSums(p)
    }, matrix(0, 80, 8))
    dimnames(one) <- list(ids, LETTERS[1:8], paste0("marker", seq_along(positions)))
    probs <- structure(list("3" = one), crosstype = "do", is_x_chr = c("3" = FALSE), alleles = LETTERS[1:8], alleleprobs = TRUE,
                       class = c("calc_genoprob", "list"))
    map <- list("3" = stats::setNames(positions, dimnames(one)[[3]]))
    snpinfo <- data.frame(chr = "3", pos = sort(stats::runif(120, 0, 20)), snp_id = paste0("snp", 1:120),
                          sdp = sample(1:254, 120, replace = TRUE), stringsAsFactors = FALSE)
    pheno <- cbind(weight = stats::rnorm(80) + 2 * rowSums(one[, c("A", "C"), 6]))
    rownames(pheno) <- ids
    list(probs = probs, map = map, snpinfo = qtl2::index_snps(map, snpinfo), pheno = pheno)
})
