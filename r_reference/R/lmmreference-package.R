#' The linear mixed model with one kinship matrix, written as its formulas
#'
#' The model of a phenotype \eqn{y} of \eqn{n} individuals, with \eqn{p}
#' covariates in the columns of \eqn{X} and the kinship matrix \eqn{K}, is
#' \deqn{y = X\beta + e, \qquad \mathrm{var}(e) = \sigma^2 V, \qquad
#'   V = hK + (1-h)W^{-1},}{y = X beta + e,  var(e) = sigma^2 V,  V = h K + (1 - h) W^-1,}
#' where \eqn{W} is diagonal with the weights (on the scale of 1/variance; the
#' identity if there are none), \eqn{\sigma^2}{sigma^2} is the total variance
#' and \eqn{h}, called \code{hsq} in the code, the share of \eqn{K} in it.
#'
#' The package follows the mathematics in four steps, a function each:
#' \tabular{ll}{
#'   \code{\link{eigen_rotation}} \tab coordinates in which \eqn{V} is diagonal,
#'     whatever \eqn{h} is\cr
#'   \code{\link{least_squares}} \tab \eqn{\beta}{beta} at a given \eqn{h}, by
#'     weighted least squares\cr
#'   \code{\link{log_likelihood}} \tab the likelihood of \eqn{h}, with
#'     \eqn{\beta}{beta} and \eqn{\sigma^2}{sigma^2} at their best\cr
#'   \code{\link{estimate_hsq}} \tab the \eqn{h} of highest likelihood
#' }
#' \code{\link{fit_lmm}} takes all four.
#'
#' \eqn{K} is used as it is given. With \eqn{aK} in its place the same model
#' has \eqn{h_a = h / (h + a(1-h))}{h_a = h / (h + a (1 - h))}.
#'
#' @references
#' Kang HM, Zaitlen NA, Wade CM, Kirby A, Heckerman D, Daly MJ, Eskin E (2008)
#' Efficient control of population structure in model organism association
#' mapping. \emph{Genetics} \bold{178}, 1709--1723.
#' \doi{10.1534/genetics.107.080101}
#'
#' Lippert C, Listgarten J, Liu Y, Kadie CM, Davidson RI, Heckerman D (2011)
#' FaST linear mixed models for genome-wide association studies.
#' \emph{Nature Methods} \bold{8}, 833--835. \doi{10.1038/nmeth.1681}
#'
#' Patterson HD, Thompson R (1971) Recovery of inter-block information when
#' block sizes are unequal. \emph{Biometrika} \bold{58}, 545--554.
#' \doi{10.1093/biomet/58.3.545}
#' @keywords internal
"_PACKAGE"
