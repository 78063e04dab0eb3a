#' lmmbridge: Python fits of linear mixed models in R, and a second opinion on them
#'
#' Attach it after qtl2, and [est_herit()], [scan1()], [scan1coef()], [scan1blup()], [fit1()], [scan1perm()], [scan1max()],
#' [calc_kinship()], [scale_kinship()] and [decomp_kinship()] are done by Python; everything else stays qtl2's, and takes their
#' results as its own. [second_opinion()] runs one call in both and compares. [validate()] compares all implementations that are
#' there on a problem, [agreement_report()] makes a report of that. [doctor()] says what is missing.
#'
#' Some input that qtl2 takes is refused: names that occur twice, probabilities that are missing or do not sum to 1. Where the
#' numbers differ from qtl2's, qtl2's departs from the mathematics; in a shell, `lmmbridge divergences` lists the cases.
#' Messages (of class `lmmbridge_note`) tell what the fits have to say, such as who was left out; `suppressMessages()` hides them.
#' Progress is shown in an interactive R where work takes more than two seconds; `quiet = TRUE` hides it, `quiet = FALSE` shows it
#' in scripts, too.
#'
#' @references
#' Broman KW, Gatti DM, Simecek P, Furlotte NA, Prins P, Sen Ś, Yandell BS, Churchill GA (2019) R/qtl2: software for mapping
#' quantitative trait loci with high-dimensional data and multi-parent populations. Genetics 211:495-502.
#' \doi{10.1534/genetics.118.301595}
"_PACKAGE"
