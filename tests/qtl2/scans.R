# qtl2's genome scans and heritabilities, for comparison.

# Crosses that were loaded, by name
crosses <- new.env()

# Everything that a scan of a cross needs. It stays here under the name given, and goes to Python.
# ind, chr: which individuals (numbers) and chromosomes; NULL for all
load_cross <- function(name, file, ind=NULL, chr=NULL) {
    if(!file.exists(file)) file <- system.file("extdata", file, package="qtl2", mustWork=TRUE)
    cross <- qtl2::read_cross2(file)
    if(!is.null(chr)) cross <- cross[, chr]
    if(!is.null(ind)) cross <- cross[ind, ]
    Xcovar <- qtl2::get_x_covar(cross)
    if(!is.null(Xcovar)) storage.mode(Xcovar) <- "double"
    keep_cross(name, qtl2::calc_genoprob(cross, error_prob=0.002),
               list(pheno=cross$pheno, Xcovar=Xcovar, covar=cross$covar))
}

# The same cross with allele probabilities
load_alleles <- function(name, of)
    keep_cross(name, qtl2::genoprob_to_alleleprob(crosses[[of]]$probs), crosses[[of]][c("pheno", "Xcovar", "covar")])

# Some individuals (numbers) and chromosomes of a cross that was loaded
load_part <- function(name, of, ind, chr)
    keep_cross(name, crosses[[of]]$probs[ind, chr], crosses[[of]][c("pheno", "Xcovar", "covar")])

keep_cross <- function(name, probs, data) {
    loaded <- c(list(probs=probs, overall=qtl2::calc_kinship(probs)), data)
    if(length(probs) > 1) loaded$loco <- qtl2::calc_kinship(probs, "loco")
    assign(name, loaded, crosses)
    loaded
}

# A scan of a cross for each list of arguments; those that are text are parts of the cross. Where qtl2 stops: its message
scan_each <- function(name, arguments)
    lapply(arguments, function(these) call_with_parts(qtl2::scan1, name, these))

# est_herit, likewise, as a data frame
herit_each <- function(name, arguments)
    lapply(arguments, function(these) {
        found <- call_with_parts(qtl2::est_herit, name, these)
        if(is.character(found)) return(found)
        data.frame(hsq=c(found), sample_size=attr(found, "sample_size"), log10lik=attr(found, "log10lik"),
                   resid_sd=attr(found, "resid_sd"), row.names=names(found))
    })

call_with_parts <- function(f, name, arguments) {
    arguments <- lapply(arguments, function(x) if(is.character(x)) crosses[[name]][[x]] else x)
    tryCatch(do.call(f, arguments), error=conditionMessage)
}
