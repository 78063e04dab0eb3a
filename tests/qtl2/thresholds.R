# What qtl2 makes of the results of permutations, for comparison.

summarised <- function(object, alpha, printed) {
    class(object) <- c("scan1perm", if(is.matrix(object)) "matrix" else "list")
    result <- qtl2::summary_scan1perm(object, alpha)
    tables <- if(is.list(result)) unclass(result) else list(A=unclass(result))
    list(thresholds=lapply(tables, function(table) as.data.frame(table[, , drop=FALSE])),
         n_perm=as.data.frame(attr(result, "n_perm")),
         printed=if(printed) I(capture.output(print(result))))
}

# X and chr_lengths may be NULL
thresholds <- function(A, X, chr_lengths, alpha, printed) {
    if(is.null(X)) return(summarised(A, alpha, printed))
    summarised(structure(list(A=A, X=X), chr_lengths=chr_lengths), alpha, printed)
}

# Permutations of iron
permutations <- function(n_perm, X_specific) {
    iron <- qtl2::read_cross2(system.file("extdata", "iron.zip", package="qtl2"))
    probs <- qtl2::calc_genoprob(iron, iron$gmap, error_prob=0.002)
    set.seed(20)
    object <- qtl2::scan1perm(probs, iron$pheno, Xcovar=qtl2::get_x_covar(iron), n_perm=n_perm, perm_Xsp=X_specific,
                              chr_lengths=qtl2::chr_lengths(iron$gmap))
    if(!X_specific) return(list(A=unclass(object)[, , drop=FALSE]))
    lengths <- attr(object, "chr_lengths")
    list(A=object$A, X=object$X, chr_lengths=c(A=lengths[["A"]], X=lengths[["X"]]))
}
