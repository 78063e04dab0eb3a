"""Every law of genome scans sees a fault that is planted in lmmbridge.qtl2, and none where there is none."""
from contextlib import nullcontext
from dataclasses import replace
from importlib import import_module
from unittest import mock

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from lmmbridge import lmm, qtl2
from lmmbridge.testing.conformance import outcome
from lmmbridge.testing.scan_laws import SCAN_LAWS

# modules, of which some are called like their function
alignment, blup, coefficients, fit1, herit, intervals, null_fits, peaks, permutations, scan1, scan_chromosomes, scan_setup, \
        scanner, single_trait = (
    import_module(f"lmmbridge.qtl2.{name}") for name in (
        "alignment", "blup", "coefficients", "fit1", "herit", "intervals", "null_fits", "peaks", "permutations", "scan1",
        "scan_chromosomes", "scan_setup", "scanner", "single_trait"))
LAWS = {law.name: law for law in SCAN_LAWS}
#: Examples in which a fault must show.
EXAMPLES = 60


class Caught(Exception):
    """The law is broken."""


def examples_until_broken(law, examples):
    """How many examples lmmbridge.qtl2, as it is now, takes to break the law; None if it holds. Always the same."""
    seen = []

    @seed(5)
    @settings(max_examples=examples, database=None, deadline=None, phases=[Phase.generate], report_multiple_bugs=False,
              derandomize=False, suppress_health_check=list(HealthCheck))
    @given(case=law.cases)
    def look(case):
        seen.append(case)
        if outcome(law, qtl2, case)[0] == "breach":
            raise Caught
    try:
        look()
    except Caught:
        return len(seen)
    return None


# --- faults: each takes what it replaces -----------------------------------------------------------------------------


def ids_ignored(align):
    """Phenotypes are taken in the order in which they come."""
    def faulty(order, pheno, *rest, **named):
        found = align(order, pheno, *rest, **named)
        values = alignment.labelled(pheno, "pheno").to_numpy()[:len(found.pheno)]
        return replace(found, pheno=found.pheno.mask(found.pheno.notna(), values))
    return faulty


def missing_is_zero(labelled):
    def faulty(values, name):
        found = labelled(values, name)
        return found.fillna(0.0) if name in ("pheno", "addcovar") and found is not None else found
    return faulty


def jitter(eigen):
    """A little is put on the diagonal of the kinship matrix."""
    def faulty(self, *arguments):
        found = eigen(self, *arguments)
        return lmm.Eigen(found.values + 0.1, found.vectors, found.weights)
    return faulty


def kinship_without_weights(eigen):
    def faulty(self, chromosome, ids, weights):
        return lmm.Eigen(*vars(eigen(self, chromosome, ids, None)).values())
    return faulty


def loco_without_weights(eigen):
    def faulty(self, chromosome, ids, weights):
        return eigen(self, chromosome, ids, None if self.loco else weights)
    return faulty


def uneven(eigen):
    """Eigenvalues of another matrix."""
    def faulty(self, *arguments):
        found = eigen(self, *arguments)
        return lmm.Eigen(found.values * (1.0 + 0.1 * np.arange(len(found.values))), found.vectors, found.weights)
    return faulty


def not_orthogonal(eigen):
    def faulty(self, *arguments):
        found = eigen(self, *arguments)
        return lmm.Eigen(found.values, found.vectors * (1.0 + 0.1 * np.arange(len(found.values))), found.weights)
    return faulty


def tridiagonal_without_weights(tridiagonal):
    return lambda self, chromosome, ids, weights: tridiagonal(self, chromosome, ids, None)


def another_matrix_whitens(tridiagonal):
    """V of each phenotype has more on its diagonal than the one that hsq is estimated with."""
    def faulty(self, *arguments):
        found = tridiagonal(self, *arguments)
        return replace(found, kinship=found.kinship + 0.1 * np.eye(len(found.kinship)))
    return faulty


def not_rotated(rotation):
    return lambda eigen, weights, values: rotation(None, weights, values)


def genotypes_not_rotated(rotated):
    def faulty(*arguments):
        return replace(rotated(*arguments), turned=lambda G: G)
    return faulty


def null_without_intercept(trait):
    def faulty(*arguments):
        found = trait(*arguments)
        return replace(found, X_null=np.arange(1.0, len(found.X_null) + 1.0)[:, None])
    return faulty


def another_null_design(design):
    return lambda self, chromosome: np.arange(1.0, len(design(self, chromosome)) + 1.0)[:, None]


def x_covariates_everywhere(design):
    return lambda self, chromosome: design(self, list(self.setup.genoprobs)[-1])


def divided_by_n(effects):
    def faulty(y, X, design):
        found = effects(y, X, design)
        return replace(found, sigmasq=found.rss / len(y))
    return faulty


def variance_too_large(effects):
    def faulty(y, X, design):
        found = effects(y, X, design)
        return replace(found, sigmasq=found.sigmasq + 0.1)
    return faulty


def errors_of_the_first(predict):
    """Standard errors have something of the first individual."""
    def faulty(y, X, Z, reml):
        found = predict(y, X, Z, reml)
        return replace(found, u_se=np.sqrt(found.u_se**2 + 0.1 * Z[0] ** 2))
    return faulty


def effects_shifted(predict):
    def faulty(y, X, Z, reml):
        found = predict(y, X, Z, reml)
        return replace(found, u=found.u + 0.01)
    return faulty


def first_covariate_lost(independent):
    return lambda X: [j for j in independent(X) if j != 1]


def none_dependent(independent):
    return lambda X: list(range(X.shape[1]))


def counted_in_the_reduced_matrix(independent):
    """The right number of columns, but the first ones."""
    return lambda X: list(range(len(independent(X))))


def two_genotypes_out(columns):
    return lambda genoprobs, chromosome: columns(genoprobs, chromosome)[1:]


def last_genotype_doubled(contrasts):
    def faulty(*arguments, **named):
        A, names = contrasts(*arguments, **named)
        return A * np.where(np.arange(len(A)) == len(A) - 1, 2.0, 1.0), names
    return faulty


def mean_of_too_few(zero_sum):
    """The mean of all but the last genotype is taken off."""
    return lambda coef, errors, k: zero_sum(coef.assign(**{coef.columns[k - 1]: 0.0}), errors, k)


def last_column_lost(explained):
    return lambda null, G, *rest: explained(null, G[:-1], *rest)


def first_column_alone(explained):
    return lambda null, G, *rest: explained(null, G[:1], *rest)


def covariates_forgotten(rss):
    """By QR decomposition, which a QTL that explains all but everything is left to."""
    return lambda root, basis, residuals, G, *rest: rss(root, basis[:, :1], residuals, G, *rest)


def too_little(explained):
    def faulty(*arguments):
        for which, gain, well in explained(*arguments):
            yield which, gain - 0.5, well
    return faulty


def positions_shifted(along):
    def faulty(array, trait, A):
        return along(array.roll(position=1, roll_coords=False), trait, A)
    return faulty


def threads_mixed(run_over):
    """The pieces come in another order where there are threads."""
    def faulty(function, items, cores):
        found = list(run_over(function, items, cores))
        return found if cores == 1 else _turned(found)
    return faulty


def pieces_mixed(run_over):
    return lambda function, items, cores: list(run_over(function, items, cores))[::-1]


def _turned(found):
    """What was found in the first piece in the place of that of others of the same size."""
    def size(piece):
        return [one.lod.shape for one in piece] if isinstance(piece, list) else getattr(piece, "shape", None)
    return [found[0] if size(piece) == size(found[0]) else piece for piece in found]


def other_criterion(estimates):
    return lambda batch, kinship, reml, progress: estimates(batch, kinship, not reml, progress)


def moved_by_one(draw):
    return lambda *arguments: np.roll(draw(*arguments), 1, axis=1)


def hsq_lowered(given):
    return lambda *arguments: 0.9 * given(*arguments)


def complete_alone(batches):
    """Only individuals with all phenotypes."""
    return lambda self, *part: batches(replace(self, pheno=self.pheno.where(self.pheno.notna().all(axis=1), axis=0)), *part)


def interactions_alone(blocks):
    def faulty(genoprobs, stretch, batch, rows):
        k = len(scanner.genotype_columns(genoprobs, stretch[0]))
        for G in blocks(genoprobs, stretch, batch, rows):
            yield G if batch.intcovar is None else G[k:]
    return faulty


def begins_too_late(of):
    return lambda lods, *rest: [(min(lo + 1, len(lods) - 1), hi, tied) for lo, hi, tied in of(lods, *rest)]


def ends_too_late(of):
    return lambda lods, *rest: [(lo, min(hi + 1, len(lods) - 1), tied) for lo, hi, tied in of(lods, *rest)]


def begins_behind_the_peak(of):
    return lambda lods, *rest: [(min(tied[-1] + 1, len(lods) - 1), max(hi, min(tied[-1] + 1, len(lods) - 1)), tied)
                                for lo, hi, tied in of(lods, *rest)]


def larger_is_smaller(of):
    return lambda lods, threshold, peakdrop, drop: of(lods, threshold, peakdrop, 4.0 - drop)


def half_the_probability(of):
    return lambda *given: of(*given[:4], given[4] / 2.0, given[5])


def threshold_reached(of):
    return lambda lods, threshold, peakdrop, *rest: of(lods, threshold - 1.0, peakdrop, *rest)


def pseudomarkers_are_markers(ends):
    return lambda lo, hi, positions, expand2markers: ends(lo, hi, positions, False)


ALL = ("scan1", "scan1coef", "fit1", "scan1blup")
SINGLE = ALL[1:]
#: Where a fault is planted, which, and the laws that must see it.
MUTANTS = [
    (scan_setup, "align", ids_ignored, ["order-scan1"]),
    (single_trait, "align", ids_ignored, [f"order-{name}" for name in SINGLE]),
    (alignment, "labelled", missing_is_zero, [f"missing-{name}" for name in ALL]),
    (alignment.Kinship, "eigen", jitter, [f"kinship-scale-{name}" for name in ALL]),
    (alignment.Kinship, "eigen", kinship_without_weights, [f"weights-scale-{name}" for name in ALL[:3]]),
    (alignment.Kinship, "tridiagonal", tridiagonal_without_weights, ["weights-scale-scan1"]),
    (alignment.Kinship, "tridiagonal", another_matrix_whitens, ["kinship-scale-scan1"]),
    (scanner.Scanner, "_null_design", another_null_design, ["phenotype-scan1"]),
    (coefficients, "effects", variance_too_large, ["phenotype-scan1coef"]),
    (fit1, "single_trait", null_without_intercept, ["phenotype-fit1"]),
    (blup, "blup", effects_shifted, ["phenotype-scan1blup"]),
    (blup, "blup", errors_of_the_first, ["order-scan1blup-se", "phenotype-scan1blup-se", "rotation-scan1blup-se"]),
    (alignment, "which_independent", first_covariate_lost, [f"covariates-{name}" for name in ALL]),
    (alignment, "which_independent", none_dependent, [f"dependent-last-{name}" for name in ALL]),
    (alignment, "which_independent", counted_in_the_reduced_matrix, [f"dependent-first-{name}" for name in ALL]),
    (scanner, "genotype_columns", two_genotypes_out, ["genotype-order-scan1"]),
    (fit1, "contrast_matrix", last_genotype_doubled, ["genotype-order-fit1"]),
    (blup, "contrast_matrix", last_genotype_doubled, ["genotype-order-scan1blup"]),
    (coefficients, "zero_sum", mean_of_too_few, ["genotype-order-scan1coef"]),
    (null_fits, "_rotated", genotypes_not_rotated, ["rotation-scan1", "no-kinship-scan1"]),
    (single_trait, "rotation", not_rotated, [f"rotation-{name}" for name in SINGLE]),
    (alignment.Kinship, "eigen", uneven, [f"no-structure-{name}" for name in (*ALL, "scan1blup-se")]),
    (alignment.Kinship, "eigen", not_orthogonal, ["no-kinship-scan1coef", "no-kinship-fit1"]),
    (null_fits, "explained", too_little, ["copies-scan1", "not-negative"]),
    (coefficients, "effects", divided_by_n, ["copies-scan1coef"]),
    (fit1, "effects", divided_by_n, ["copies-fit1"]),
    (null_fits, "explained", last_column_lost, ["scan1-fit1"]),
    (coefficients, "effects_along", positions_shifted, ["scan1coef-fit1"]),
    (blup, "run_over", pieces_mixed, ["scan1blup-fit1"]),
    (herit, "_estimates", other_criterion, ["est_herit-scan1"]),
    (permutations, "draw_permutations", moved_by_one, ["permutation"]),
    (scan_setup, "given_hsq", hsq_lowered, ["own-hsq"]),
    (alignment.Aligned, "batches", complete_alone, ["one-at-a-time"]),
    (scan_chromosomes, "run_over", threads_mixed, ["threads-scan1"]),
    (blup, "run_over", threads_mixed, ["threads-scan1blup"]),
    (alignment.Kinship, "eigen", loco_without_weights, ["equal-loco"]),
    (scanner.Scanner, "_null_design", x_covariates_everywhere, ["chromosome-alone"]),
    (null_fits, "residual_sums_of_squares", covariates_forgotten, ["known-qtl"]),
    (null_fits, "explained", first_column_alone, ["merged-genotypes"]),
    (scanner, "genotype_blocks", interactions_alone, ["interaction"]),
    (intervals, "lod_intervals", begins_behind_the_peak, ["interval-contains-peak"]),
    (intervals, "lod_intervals", larger_is_smaller, ["intervals-nest"]),
    (intervals, "lod_intervals", begins_too_late, ["lod-support"]),
    (intervals, "bayes_intervals", half_the_probability, ["bayes-probability"]),
    (intervals, "bayes_intervals", ends_too_late, ["intervals-mirrored"]),
    (peaks, "lod_intervals", threshold_reached, ["peaks-above-threshold"]),
    (intervals, "interval_ends", pseudomarkers_are_markers, ["ends-at-markers"]),
]
PAIRS = [(where, what, fault, law) for where, what, fault, laws in MUTANTS for law in laws]


@pytest.mark.parametrize("where, what, fault, law", PAIRS,
                         ids=[f"{fault.__name__}:{law}" for _, _, fault, law in PAIRS])
def test_a_planted_fault_is_seen_and_nothing_without_it(where, what, fault, law):
    # Decompositions are planted where they are used: phenotypes are few here, and a scan would do without eigenvectors.
    without = {"tridiagonal": lambda *_: None} if what in ("eigen", "_rotated") else {}
    with mock.patch.multiple(alignment.Kinship, **without) if without else nullcontext(), \
            mock.patch.object(where, what, fault(getattr(where, what))):
        needed = examples_until_broken(LAWS[law], EXAMPLES)
    assert needed is not None
    assert examples_until_broken(LAWS[law], needed) is None


def test_every_law_has_a_fault_to_see():
    assert {law for _, _, _, law in PAIRS} == set(LAWS)
