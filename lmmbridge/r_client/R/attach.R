# qtl2, attached after this package, would take its functions back without a word.

MASKED <- paste("qtl2 was attached after lmmbridge, so that scan1() and the others are qtl2's: attach lmmbridge last, or write",
                "lmmbridge::scan1()")

masked_by_qtl2 <- function() {
    at <- match(c("package:qtl2", "package:lmmbridge"), search())
    !anyNA(at) && at[1] < at[2]
}

.onAttach <- function(libname, pkgname) {
    setHook(packageEvent("qtl2", "attach"), function(...) if (masked_by_qtl2()) packageStartupMessage(MASKED))
}
