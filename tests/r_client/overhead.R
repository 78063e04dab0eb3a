# How long a call of scan1 takes in R, and how long the function takes in Python, of which the last is part of the first.

suppressMessages(library(lmmbridge))
set.seed(1)
n <- 500; founders <- 8; positions <- 2000; traits <- 300
ids <- paste0("i", seq_len(n))
probs <- lapply(stats::setNames(nm = as.character(1:20)), function(chr) {
    draws <- array(rexp(n * founders * positions / 20), c(n, founders, positions / 20))
    total <- apply(draws, c(1, 3), sum)
    for (j in seq_len(founders)) draws[, j, ] <- draws[, j, ] / total
    dimnames(draws) <- list(ids, LETTERS[seq_len(founders)], paste0("c", chr, "m", seq_len(positions / 20)))
    draws
})
probs <- structure(probs, class = c("calc_genoprob", "list"), crosstype = "do", is_x_chr = vapply(probs, function(x) FALSE, TRUE),
                   alleles = LETTERS[seq_len(founders)], alleleprobs = TRUE)
pheno <- matrix(rnorm(n * traits), n, traits, dimnames = list(ids, paste0("y", seq_len(traits))))
kinship <- calc_kinship(probs)
reticulate::py_run_string("
import time
from lmmbridge import called_from_r
seconds, scan1 = [], called_from_r.FUNCTIONS['scan1']
def timed(**arguments):
    started = time.perf_counter()
    found = scan1(**arguments)
    seconds.append(time.perf_counter() - started)
    return found
called_from_r.FUNCTIONS['scan1'] = timed
")
scan1(probs, pheno, kinship) -> first
called <- vapply(1:5, function(i) system.time(scan1(probs, pheno, kinship))[["elapsed"]], 0)
within <- reticulate::py_eval("seconds[1:]")
# The least of each is the least disturbed.
cat(sprintf("%.4f %.4f\n", min(called - within), min(within)))
