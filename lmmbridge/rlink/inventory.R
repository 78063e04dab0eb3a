# What there is of R, for lmmbridge.rlink.inventory.

inventory_r <- function(packages) {
    describe <- function(package) {
        found <- find.package(package, lib.loc = .libPaths(), quiet = TRUE)
        if (!length(found)) return(NULL)
        library <- dirname(found[1L])
        list(version = utils::packageDescription(package, library, fields = "Version"), library = library)
    }
    list(
        version = R.version.string,
        home = R.home(),
        library_paths = as.list(.libPaths()),
        blas = extSoftVersion()[["BLAS"]],
        lapack = La_library(),
        packages = lapply(stats::setNames(nm = unlist(packages)), describe)
    )
}
