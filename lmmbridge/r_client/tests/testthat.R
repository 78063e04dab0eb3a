library(testthat)
library(lmmbridge)

test_check("lmmbridge")
