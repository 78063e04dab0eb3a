library(testthat)
library(lmmreference)

test_check("lmmreference")
