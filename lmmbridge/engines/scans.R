# The R side of scans: one problem is loaded at a time.

scans <- new.env()

load_scan <- function(arguments, map) {
    scans$hash <- NULL
    scans$arguments <- arguments
    scans$map <- map
    invisible(NULL)
}

accept_scan <- function(hash) scans$hash <- hash

loaded_scan <- function() scans$hash

# What R holds, so that the other side can compare it with what was sent.
read_back_scan <- function() c(scans$arguments, list(map = scans$map))

# hsq is always a matrix: scan1 takes no vector for two phenotypes or more (see the register of known divergences).
run_scan <- function(hsq, reml) do.call(qtl2::scan1, c(scans$arguments, list(hsq = hsq, reml = reml)))

scan_peaks <- function(scan, threshold, drop, prob)
    qtl2::find_peaks(scan, scans$map, threshold = threshold, drop = drop, prob = prob)
