# qtl2's permutation tests together with the permutations that they draw; after scans.R, which loads the crosses.

SEED <- 20

# For each list of arguments of scan1perm (text stands for a part of the cross): the maxima, and the permutations of
# these individuals, counted from 1. chr: the chromosomes to scan
permute_each <- function(name, individuals, n_perm, chr, arguments)
    mapply(function(ids, these) {
        strata <- these$perm_strata
        if(is.null(strata)) strata <- qtl2::mat2strata(these$Xcovar)
        set.seed(SEED)
        maxima <- call_with_parts(qtl2::scan1perm, name, c(of_chromosomes(name, chr, these), n_perm=n_perm))
        set.seed(SEED)
        list(maxima=matrix(c(maxima), n_perm), permutations=qtl2:::gen_strat_perm(n_perm, ids, strata))
    }, individuals, arguments, SIMPLIFY=FALSE)

# Genotype probabilities of these chromosomes, and their kinship matrices where there is one for each
of_chromosomes <- function(name, chr, arguments) {
    arguments$genoprobs <- crosses[[name]]$probs[, chr]
    if(identical(arguments$kinship, "loco")) arguments$kinship <- crosses[[name]]$loco[chr]
    arguments
}

# scan1perm with separate permutations of the X chromosome, lengths from a map
permute_Xsp <- function(name, chr, map, arguments) {
    found <- call_with_parts(qtl2::scan1perm, name, c(of_chromosomes(name, chr, arguments), perm_Xsp=TRUE,
                                                      list(chr_lengths=qtl2::chr_lengths(map))))
    list(A=unclass(found$A), X=unclass(found$X), chr_lengths=c(attr(found, "chr_lengths")))
}

# scan1max for each list of arguments: maxima (chromosomes × phenotypes, or one row), hsq, sample size
maximum_each <- function(name, chr, arguments)
    lapply(arguments, function(these) {
        found <- call_with_parts(qtl2::scan1max, name, of_chromosomes(name, chr, these))
        if(is.character(found)) stop(found)
        list(lod=matrix(c(found), ncol=length(attr(found, "sample_size"))), hsq=attr(found, "hsq"),
             sample_size=attr(found, "sample_size"))
    })
