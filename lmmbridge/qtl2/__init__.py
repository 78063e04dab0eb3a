'''R/qtl2's data and mixed-model functions in Python: its names, its argument order, its rules, its numbers.

>>> from lmmbridge.qtl2 import calc_genoprob, calc_kinship, extdata, find_peaks, get_x_covar, read_cross2, scan1
>>> iron = read_cross2(extdata("iron.zip"))
>>> probs = calc_genoprob(iron, error_prob=0.002)
>>> scan = scan1(probs, iron.pheno, calc_kinship(probs, "loco"), Xcovar=get_x_covar(iron))
>>> find_peaks(scan, iron.gmap, threshold=6, drop=1.5).round(2)
   lodindex lodcolumn chr   pos    lod  ci_lo  ci_hi
1         1     liver   2  56.8   6.62   48.1   73.2
2         2    spleen   9  53.6  11.27   43.7   61.2

Data
----
IDs, marker names and chromosomes are text. Phenotypes and covariates are DataFrames (a Series for one column), weights a
Series, with the IDs as index. NaN is a missing value. Kinship is a DataFrame, one for each chromosome a dict of them.

========================  =============================  ============================================================
R/qtl2                    Python                         what differs
========================  =============================  ============================================================
cross2 object             `Cross2`                       fields are attributes; tables are DataFrames
calc_genoprob object      `Genoprobs`                    a mapping from chromosome to xarray.DataArray, with the same
                                                         three axes; checked: finite, sums of 1, unique names
map (list of vectors)     `Map`                          a mapping from chromosome to Series; checked: order, names
kinship matrix            DataFrame                      `n_pos` is in ``.attrs``
decomp_kinship output     `DecomposedKinship`            ``.values`` ascending, ``.vectors`` transposed, as in R
scan1 output              `Scan1`                        ``.lod``, ``.hsq``, ``.sample_size`` and notes in words
scan1coef output          `Scan1Coef`                    ``.coef``, ``.se``, and the hsq that was used
scan1perm output          `Scan1Perm`                    ``.A``, ``.X``, ``.chr_lengths``
========================  =============================  ============================================================

Functions
---------
All take their arguments in R/qtl2's order; ``NULL`` is None. ``cores`` is a number of threads; for scan1, scan1max and
scan1_bulk also an executor of `concurrent.futures`, such as one of a Dask cluster. ``quiet=True`` hides the progress bar of
those that have one (which R/qtl2 hides unless told otherwise).
R/qtl2's further arguments by dots (tol, max_batch, check_boundary, intcovar_method, eta_max, maxit, bintol) are not there:
tolerances are fixed, boundaries always tried. "equal" means: to the digits that rounding leaves, shown by tests that run
both.

==========================  ==========================  =============================================================
R/qtl2                      Python                      what differs
==========================  ==========================  =============================================================
read_cross2                 `read_cross2`               equal field by field; also takes a folder; says more about
                                                        faults; no web addresses
check_cross2                `check_cross2`              gives the sentences, rather than TRUE or FALSE
zip_datafiles               `zip_datafiles`             refuses files outside the control file's folder
(none)                      `write_cross2`              writes a cross that both read back as it was
calc_genoprob               `calc_genoprob`             runs in R
insert_pseudomarkers        `insert_pseudomarkers`      runs in R
genoprob_to_alleleprob      `genoprob_to_alleleprob`    runs in R
get_x_covar                 `get_x_covar`               nothing: equal
chr_lengths                 `chr_lengths`               nothing: equal
mat2strata                  `mat2strata`                nothing: equal
calc_kinship                `calc_kinship`              equal; allele probabilities, where those of genotypes are
                                                        given, are computed in R
scale_kinship               `scale_kinship`             nothing: equal
decomp_kinship              `decomp_kinship`            another algorithm: eigenvectors may differ in sign, and within
                                                        an eigenspace
est_herit                   `est_herit`                 every local maximum is tried, R/qtl2 climbs one; a constant
                                                        covariate does not cost another (R/qtl2 drops the wrong one)
scan1                       `scan1`                     model="binary" is refused; hsq may be a vector where that is
                                                        clear, or "each" for an hsq of its own at every position; a
                                                        kinship per chromosome is matched by name, not by place;
                                                        genotype columns that depend on the covariates count for
                                                        nothing (R/qtl2 keeps their rounding noise)
scan1max                    `scan1max`                  as scan1
(none)                      `scan1_bulk`                scan1 of very many phenotypes, written to a folder as it is made
(none)                      `read_scan1_bulk`           its LOD scores, without reading them all
scan1perm                   `scan1perm`                 the same scheme with numpy's random numbers (``rng``), or R's;
                                                        scan_func and model="binary" are not there; with kinship and
                                                        weights an interaction is weighted once (R/qtl2: twice)
(none)                      `scan1perm_rotated_residuals`  permutes rotated residuals (Abney 2015) in place of
                                                        genotypes: another null distribution, far faster
summary_scan1perm           `summary_scan1perm`         nothing: equal
scan1coef                   `scan1coef`                 model="binary" is refused; with kinship and weights an
                                                        interaction is weighted once (R/qtl2: twice); of dependent
                                                        columns the later one is NaN (R/qtl2 lets rounding choose)
fit1                        `fit1`                      as scan1coef; a covariate that is constant is found before
                                                        weighting (R/qtl2 finds it after, and keeps it); where centred
                                                        effects have no standard error it is NaN
scan1blup                   `scan1blup`                 standard errors, and with kinship nullcovar, are right (R/qtl2
                                                        does not rotate the covariates for the first, nor nullcovar)
find_peaks                  `find_peaks`                identical (see bayes_int for prob); ``cores`` is without
                                                        effect; positions that the map lacks are left out with a warning
lod_int                     `lod_int`                   identical
bayes_int                   `bayes_int`                 identical but where more than 16 positions lie between two
                                                        valleys and several tie at the cut: from left to right here,
                                                        R/qtl2 follows an unstable sort
max_scan1                   `max_scan1`                 identical; a chromosome that the map lacks is refused
==========================  ==========================  =============================================================

``lmmbridge divergences --check`` runs a case of each fault of R/qtl2 named here and shows both numbers.

Files for both languages
------------------------
`write_genoprobs`, `read_genoprobs`, `write_kinship`, `read_kinship` keep probabilities and kinship in netCDF files (classic
format), which R reads with the package ncdf4 and the functions in ``storage.R`` beside this file; neither language needs the
other. `to_r` and `from_r` carry the objects to a live R (`lmmbridge.rlink`) and back. `extdata` finds the crosses that come
with the R package.
'''
from lmmbridge.qtl2.blup import scan1blup
from lmmbridge.qtl2.bulk import scan1_bulk
from lmmbridge.qtl2.bulk_folder import read_scan1_bulk
from lmmbridge.qtl2.check_cross2 import check_cross2
from lmmbridge.qtl2.coefficients import Scan1Coef, scan1coef
from lmmbridge.qtl2.cross2 import Cross2, Cross2Warning, read_cross2
from lmmbridge.qtl2.extdata import extdata
from lmmbridge.qtl2.fit1 import Fit1, fit1
from lmmbridge.qtl2.genoprobs import Genoprobs
from lmmbridge.qtl2.herit import Herit, est_herit
from lmmbridge.qtl2.intervals import bayes_int, lod_int
from lmmbridge.qtl2.kinship import DecomposedKinship, calc_kinship, decomp_kinship, scale_kinship
from lmmbridge.qtl2.maps import Map
from lmmbridge.qtl2.peaks import find_peaks, max_scan1
from lmmbridge.qtl2.permutations import chr_lengths, mat2strata, scan1perm
from lmmbridge.qtl2.r_objects import from_r, to_r
from lmmbridge.qtl2.rotated_residuals import scan1perm_rotated_residuals
from lmmbridge.qtl2.scan1 import Scan1, scan1
from lmmbridge.qtl2.scan1max import Scan1Max, scan1max
from lmmbridge.qtl2.storage import read_genoprobs, read_kinship, write_genoprobs, write_kinship
from lmmbridge.qtl2.thresholds import Scan1Perm, Scan1PermSummary, summary_scan1perm
from lmmbridge.qtl2.through_r import calc_genoprob, genoprob_to_alleleprob, insert_pseudomarkers
from lmmbridge.qtl2.write_cross2 import write_cross2, zip_datafiles
from lmmbridge.qtl2.x_covar import get_x_covar

__all__ = [
    "Cross2", "Cross2Warning", "DecomposedKinship", "Fit1", "Genoprobs", "Herit", "Map", "Scan1", "Scan1Coef",
    "Scan1Max", "Scan1Perm", "Scan1PermSummary", "bayes_int", "calc_genoprob", "calc_kinship", "check_cross2",
    "chr_lengths", "decomp_kinship", "est_herit", "extdata", "find_peaks", "fit1", "from_r",
    "genoprob_to_alleleprob", "get_x_covar", "insert_pseudomarkers", "lod_int", "mat2strata", "max_scan1",
    "read_cross2", "read_genoprobs", "read_kinship", "read_scan1_bulk", "scale_kinship", "scan1", "scan1_bulk", "scan1blup",
    "scan1coef", "scan1max", "scan1perm", "scan1perm_rotated_residuals", "summary_scan1perm",
    "to_r", "write_cross2", "write_genoprobs", "write_kinship", "zip_datafiles",
]
