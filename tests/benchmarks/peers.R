# The peers' fits of one phenotype, eigen decomposition included, timed inside R.

held <- new.env()

hold <- function(K, y, covar) {
    ids <- paste0("i", seq_along(y))
    held$K <- matrix(K, length(y), dimnames = list(ids, ids))
    held$y <- matrix(y, ncol = 1, dimnames = list(ids, "y"))
    held$covar <- matrix(covar, length(y), dimnames = list(ids, NULL))
    invisible(NULL)
}

time_qtl2 <- function() system.time(qtl2::est_herit(held$y, held$K, held$covar))[["elapsed"]]

time_lmmlite_cpp <- function() system.time({
    e <- lmmlite::eigen_rotation(held$K, held$y, cbind(1, held$covar), use_cpp = TRUE)
    lmmlite::fitLMM(e$Kva, e$y, e$X, tol = 1e-12, use_cpp = TRUE)
})[["elapsed"]]
