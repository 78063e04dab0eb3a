# What qtl2 makes of LOD curves, for comparison.

# scan1_output, of class scan1 again (or scan1coef, given as class)
as_scan1 <- function(scan1_output, class="scan1") {
    class(scan1_output) <- c(class, "scan1", "matrix")
    scan1_output
}

# A function of qtl2 called once with each list of arguments: its results, and where it stops its message
call_each <- function(name, scan1_output, map, arguments, class="scan1") {
    f <- getExportedValue("qtl2", name)
    lapply(arguments, function(these) {
        result <- tryCatch(do.call(f, c(list(as_scan1(scan1_output, class), map), these)),
                           error=conditionMessage)
        # rows of the matrices of intervals have names "1", "2", ...; those of a data frame are numbers
        if(is.matrix(result)) data.frame(unname(result)[, , drop=FALSE]) |> setNames(colnames(result)) else result
    })
}

# Genome scan of one of qtl2's own crosses
scan_cross <- function(name, step) {
    cross <- qtl2::read_cross2(system.file("extdata", paste0(name, ".zip"), package="qtl2"))
    map <- qtl2::insert_pseudomarkers(cross$gmap, step=step)
    probs <- qtl2::calc_genoprob(cross, map, error_prob=0.002)
    Xcovar <- qtl2::get_x_covar(cross)
    out <- qtl2::scan1(probs, cross$pheno, Xcovar=Xcovar)
    list(lod=unclass(out)[, , drop=FALSE], map=lapply(map, c), is_x_chr=attr(map, "is_x_chr"),
         sample_size=attr(out, "sample_size"))
}

# QTL effects along a chromosome of iron, and the map
effects <- function(chr, phenotype) {
    iron <- qtl2::read_cross2(system.file("extdata", "iron.zip", package="qtl2"))[, chr]
    map <- qtl2::insert_pseudomarkers(iron$gmap, step=1)
    coef <- qtl2::scan1coef(qtl2::calc_genoprob(iron, map, error_prob=0.002), iron$pheno[, phenotype])
    list(coef=unclass(coef)[, , drop=FALSE], map=lapply(map, c))
}
