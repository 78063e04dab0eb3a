# The whole suite runs anywhere: what needs Python, qtl2 or lmmlite is skipped where they are missing.

skip_without_python <- function() skip_if_not(python_available(), "the Python side of lmmbridge is not there, see doctor(): Python")

skip_without_qtl2 <- function() skip_if_not_installed("qtl2")

skip_without_lmmlite <- function() skip_if_not_installed("lmmlite")
