"""What the strategies promise: each kind occurs, has the properties promised, is accepted, shrinks, and none is rejected."""
import doctest
import importlib
from collections import Counter
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st
from scipy import special

from lmmbridge import InputError, fit_lmm
from lmmbridge.engines.dense import gls
from lmmbridge.inputs import check_eigenvalues, prepare
from lmmbridge.lmm import eigen_decomposition, search_end
from lmmbridge.qtl2 import scan1
from lmmbridge.testing import strategies
from lmmbridge.testing.designs import COVARIATES
from lmmbridge.testing.genotypes import CROSSES
from lmmbridge.testing.kinships import KINDS
from lmmbridge.testing.models import FEWEST_BIMODAL
from lmmbridge.testing.scans import INDEPENDENT, SPARE

MODULES = ("bulk_numbers", "designs", "genotypes", "kinships", "models", "scans", "strategies")
#: Logit-spaced, and both ends.
GRID = np.concatenate([[0.0], special.expit(np.linspace(-12.0, 8.0, 121)), [1.0]])
QUIET = settings(database=None, deadline=None, derandomize=True)


@st.composite
def counted(draw, strategy, tally):
    tally["begun"] += 1
    value = draw(strategy)
    tally["made"] += 1
    return value


def sample(strategy, size):
    """So many examples."""
    drawn = []

    @settings(QUIET, max_examples=size, suppress_health_check=[HealthCheck.too_slow])
    @given(strategy)
    def keep(example):
        drawn.append(example)

    keep()
    return drawn


def smallest(strategy, condition):
    """The example that a failing case ends at."""
    return find(strategy, condition, settings=settings(QUIET, max_examples=2000, suppress_health_check=list(HealthCheck)),
                random=Random(1))


def whole(*arrays):
    return all(np.array_equal(array, np.round(array)) for array in arrays)


@pytest.fixture(scope="module")
def problems():
    return sample(strategies.lmm_problems(), 400)


@pytest.fixture(scope="module")
def scans():
    return sample(strategies.scan_problems(phenotypes=2), 200)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = importlib.import_module(f"lmmbridge.testing.{name}")
    assert doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE).failed == 0


@pytest.mark.parametrize("strategy", [
    strategies.lmm_problems(), strategies.lmm_problems(max_n=30, weights=True, phenotypes=3, negative=True),
    strategies.scan_problems(), strategies.scan_problems(missing=True, phenotypes=3, collinear=True)], ids=lambda s: None)
def test_nothing_is_rejected(strategy):
    tally = Counter()
    made = sample(counted(strategy, tally), 300)
    assert tally["begun"] == tally["made"] == len(made) == 300


# --- kinship ---------------------------------------------------------------------------------------------------------


def spectrum(K):
    """Eigenvalues relative to the largest, those that are zero to rounding being zero."""
    values = np.linalg.eigvalsh(K) / np.linalg.norm(K, 2)
    return np.where(np.abs(values) <= len(K) * np.finfo(float).eps, 0.0, values)


@given(n=st.integers(3, 60), data=st.data(), kind=st.sampled_from(KINDS))
def test_spectrum(n, data, kind, tolerance):
    made = data.draw(strategies.kinships(n, kind))
    K, rounding = made.K, tolerance("chosen_spectrum")
    values = np.linalg.eigvalsh(K)
    assert made.kind == kind and np.array_equal(K, K.T) and len(repr(made)) < 80
    assert np.min(values) >= -rounding * np.max(values)
    if kind == "full rank":
        assert np.all((values > 1.0 - rounding) & (values < 4.0 + rounding))
    elif kind == "low rank":
        assert 1 <= np.linalg.matrix_rank(K) < n
        assert np.all((values < rounding) | (values > 1.0 - rounding))
    elif kind == "repeated eigenvalues":
        assert len(np.unique(np.round(values, 6))) <= 3
    elif kind == "ill-conditioned":
        assert values[-1] == pytest.approx(1.0, abs=rounding) and values[0] < 0.1 + rounding
    elif kind == "identity":
        assert np.array_equal(K, K[0, 0] * np.eye(n))
    elif kind == "families":
        members = np.sum(K > 0.0, axis=0)
        assert whole(K) and np.all(np.linalg.matrix_power(K > 0.0, 2) == (K > 0.0)) and np.max(members) > 1
        assert np.max(values) == pytest.approx(np.max(members) + 1.0)
    elif kind == "clones":
        assert set(np.unique(K)) <= {0.0, 1.0} and len(np.unique(K, axis=0)) == np.linalg.matrix_rank(K) < n
    elif kind == "centred":
        assert np.linalg.norm(K @ np.ones(n)) < rounding * n and np.linalg.matrix_rank(K) == n - 1


@pytest.mark.parametrize("kind", KINDS)
@given(n=st.integers(2, 40), decades=st.sampled_from([0.0, 0.3, 0.5, 1.0, 3.0, 6.0, 12.0]), data=st.data())
def test_condition_is_bounded(kind, n, decades, data):
    values = spectrum(data.draw(strategies.kinships(n, kind, 10.0**decades)).K)
    error = n * np.finfo(float).eps
    assert np.min(values[values > 0.0]) >= 10.0**-decades * (1.0 - 1e-6) - 10.0 * error


def test_condition_reaches_its_bound():
    reached = [1.0 / np.min(spectrum(made.K)) for made in sample(strategies.kinships(20, "ill-conditioned"), 200)]
    decades = Counter(np.round(np.log10(reached)).astype(int))
    assert {1, 2, 4, 6, 8, 10, 12} <= set(decades) and max(decades) == 12


def test_rank_is_low_and_high():
    ranks = {np.linalg.matrix_rank(made.K) for made in sample(strategies.kinships(13, "low rank"), 200)}
    assert {1, 2, 6, 12} <= ranks


def test_kinds_of_eigenvectors():
    """Diagonal, blocks of two, and full K."""
    neighbours = Counter()
    for made in sample(strategies.kinships(8, "full rank"), 200):
        far = np.abs(made.K) > 1e-9
        neighbours["diagonal" if np.array_equal(far, np.eye(8, dtype=bool)) else
                   "blocks" if np.array_equal(far, far & (np.add.outer(np.arange(8) // 2, -(np.arange(8) // 2)) == 0))
                   else "full"] += 1
    assert min(neighbours[kind] for kind in ("diagonal", "blocks", "full")) >= 10


@given(n=st.integers(3, 40), data=st.data(), kind=st.sampled_from(KINDS))
def test_slightly_negative(n, data, kind, tolerance):
    K = data.draw(strategies.kinships(n, kind, negative=True)).K
    values = np.linalg.eigvalsh(K)
    assert -1.001e-7 < values[0] / values[-1] < -0.9e-11
    assert "slightly negative" in check_eigenvalues(values)[0]


@given(n=st.integers(3, 30), chromosomes=st.integers(1, 4), data=st.data())
def test_loco_kinships_share_their_spectrum(n, chromosomes, data, tolerance):
    matrices = data.draw(strategies.loco_kinships(n, chromosomes))
    assert len(matrices) == chromosomes
    for K in matrices:
        values = np.linalg.eigvalsh(K)
        rounding = tolerance("chosen_spectrum") * values[-1]
        assert values[0] >= -rounding
        for other in matrices:      # one of rank 1 added, one taken away: eigenvalues interlace
            others = np.linalg.eigvalsh(other)
            assert np.all(values[:-1] <= others[1:] + rounding)
            assert np.linalg.matrix_rank(K - other, tol=rounding) <= 2


# --- mixed-model problems --------------------------------------------------------------------------------------------


def test_every_kind_occurs(problems):
    kinds, beside = Counter(), Counter()
    for problem in problems:
        kinds.update(kind for kind in (*KINDS, "flat", "bimodal") if f"{kind} kinship" in problem.label)
        beside.update(kind for kind in COVARIATES if f"covariates {kind}" in problem.label)
        beside["none"] += problem.data.X.shape[1] == 1
    assert min(kinds[kind] for kind in (*KINDS, "flat", "bimodal")) >= len(problems) // 40, kinds
    assert min(beside[kind] for kind in COVARIATES) >= len(problems) // 40, beside
    hsq = np.array([problem.hsq for problem in problems])
    for some in (hsq == 0.0, (hsq > 0.0) & (hsq <= 1e-3), (hsq >= 0.01) & (hsq <= 0.99),
                 (hsq >= 0.999) & (hsq < 1.0), hsq == 1.0):
        assert np.sum(some) >= len(problems) // 40
    sizes = np.array([len(problem.data.ids) for problem in problems])
    assert np.min(sizes) == 3 and np.max(sizes) > 150 and 6 <= np.median(sizes) <= 18
    spread = np.array([1.0 if problem.data.weights is None else np.ptp(np.log10(problem.data.weights))
                       for problem in problems])
    assert np.max(spread) == 6.0 and np.sum(spread >= 3.0) >= 20
    units = np.array([next((int(part[12:]) for part in problem.label.split(", ") if part.startswith("unit of y")), 0)
                      for problem in problems])
    assert {-8, 8} <= set(units) <= set(range(-8, 9))
    sizes_of_y = np.array([np.log10(np.sqrt(np.mean(problem.data.Y**2))) for problem in problems])
    assert np.all((sizes_of_y > units - 1.5) & (sizes_of_y < units + 5.5))      # means are up to 2e4
    nearness = [np.linalg.cond(problem.data.X / np.linalg.norm(problem.data.X, axis=0)) for problem in problems]
    assert 1e5 < np.max(nearness) <= 1e6


@given(problem=strategies.lmm_problems(phenotypes=2))
def test_problems_pass_every_check(problem):
    data = problem.data
    assert np.array_equal(data.X[:, 0], np.ones(len(data.ids))) and len(repr(problem)) < 250
    prepared, = prepare(data.Y, data.K, None if data.X.shape[1] == 1 else data.X[:, 1:], data.weights)
    assert np.array_equal(prepared.X, data.X) and np.array_equal(prepared.Y, data.Y) and not prepared.notes
    assert not check_eigenvalues(np.linalg.eigvalsh(data.K))


@given(problem=strategies.lmm_problems())
def test_problems_can_be_fitted(problem):
    data = problem.data
    fit_lmm(data.Y, data.K, covar=data.X, weights=data.weights)


@given(problem=strategies.lmm_problems(negative=True, max_n=40))
def test_slightly_negative_problems_can_be_fitted(problem):
    data = problem.data
    fit = fit_lmm(data.Y[:, 0], data.K, covar=data.X, weights=data.weights)
    assert data.weights is not None or any("slightly negative" in note for note in fit.notes)
    assert "slightly negative" in problem.label


@given(problem=strategies.lmm_problems(min_n=5, max_n=9, weights=True, phenotypes=3, max_condition=1e3, scales=False))
def test_options(problem):
    data = problem.data
    values = spectrum(data.K)
    assert 5 <= len(data.ids) <= 9 and data.Y.shape[1] == 3 and data.weights is not None
    assert np.min(values[values > 0.0]) >= 0.999e-3 and np.max(data.weights) <= 1001.0 * np.min(data.weights)
    assert np.linalg.cond(data.X / np.linalg.norm(data.X, axis=0)) <= 1e3
    assert 1e-2 < np.sqrt(np.mean(data.Y**2)) < 1e4


@given(problem=strategies.lmm_problems(collinear=True, min_n=4, max_n=20))
def test_collinear_problems_are_refused(problem):
    data = problem.data
    X = data.X / np.linalg.norm(data.X, axis=0)
    assert np.linalg.svd(X, compute_uv=False)[-1] < 1e-12
    with pytest.raises(InputError, match="combination of the columns before it"):
        prepare(data.Y, data.K, data.X[:, 1:], data.weights)


@pytest.mark.parametrize("kind", ["flat", "identity"])
@given(data=st.data(), reml=st.booleans())
def test_flat(kind, data, reml, tolerance):
    problem = data.draw(strategies.lmm_problems(kinship=kind, max_n=30, weights=None if kind == "flat" else False)).data
    heights = [gls(problem, h, problem.Y, reml)[0][0] for h in (0.0, 1e-3, 0.2, 0.5, 0.9, 1.0)]
    assert np.ptp(heights) <= tolerance("flat_likelihood") * (1.0 + np.max(np.abs(heights)))


@pytest.mark.parametrize("n", [FEWEST_BIMODAL, 11, 12, 13, 14, 15, 17, 20, 26, 33, 50, 71, 100, 157, 200])
@pytest.mark.parametrize("reml", [False, True])
def test_bimodal(n, reml, tolerance):
    for problem in sample(strategies.lmm_problems(kinship="bimodal", min_n=n, max_n=n, scales=False), 3):
        heights = np.array([gls(problem.data, h, problem.data.Y, reml)[0][0] for h in GRID])
        padded = np.concatenate([[-np.inf], heights, [-np.inf]])
        tops = np.flatnonzero((heights > padded[:-2]) & (heights >= padded[2:]))
        first, second = sorted(tops[np.argsort(heights[tops])[-2:]])
        assert min(heights[first], heights[second]) - np.min(heights[first:second]) > tolerance("valley")


@pytest.mark.parametrize("kind", ["full rank", "low rank", "centred"])
@given(data=st.data())
def test_hsqs_of(kind, data):
    problem = data.draw(strategies.lmm_problems(max_n=30, kinship=kind))
    h = data.draw(strategies.hsqs_of(problem.data))
    assert 0.0 <= h <= search_end(eigen_decomposition(problem.data.K, problem.data.weights))
    gls(problem.data, h, problem.data.Y, True)      # raises where V is not positive definite


def test_problems_shrink_to_small_whole_numbers():
    found = smallest(strategies.lmm_problems(), lambda problem: True)
    assert len(found.data.ids) == 3 and found.data.X.shape[1] == 1 and found.hsq == 0.5 and found.data.weights is None
    assert whole(found.data.K, found.data.Y)

    def singular_weighted(problem):
        data = problem.data
        return np.linalg.matrix_rank(data.K) < len(data.K) and data.X.shape[1] > 1 and data.weights is not None

    data = smallest(strategies.lmm_problems(), singular_weighted).data
    assert len(data.ids) <= 5 and whole(data.K, data.X, data.Y) and np.array_equal(data.K, np.diag(np.diag(data.K)))
    related = smallest(strategies.lmm_problems(), lambda problem: np.max(np.abs(problem.data.K[0, 1:])) > 0.1).data
    assert len(related.ids) <= 5 and whole(related.Y)


# --- what stands beside ----------------------------------------------------------------------------------------------


@given(data=st.data(), n=st.integers(4, 30), m=st.integers(1, 6))
def test_missing_patterns(data, n, m):
    missing = data.draw(strategies.missing_patterns(n, m))
    assert missing.shape == (n, m) and set(missing.sum(axis=0)) <= {0, n // 4}
    assert len(np.unique(missing, axis=1).T) <= 3


def test_phenotypes_share_patterns():
    different = Counter(len(np.unique(missing, axis=1).T) for missing in sample(strategies.missing_patterns(12, 4), 100))
    assert min(different[number] for number in (1, 2, 3)) >= 5


@given(data=st.data(), n=st.integers(2, 40), decades=st.integers(0, 6))
def test_weights(data, n, decades):
    w = data.draw(strategies.weights(n, decades))
    assert w.shape == (n,) and np.all(w > 0.0) and np.max(w) <= 1.001 * 10.0**decades * np.min(w)


# --- genome scans ----------------------------------------------------------------------------------------------------


@given(data=st.data(), kind=st.sampled_from(list(CROSSES)), n=st.integers(8, 40))
def test_genotypes_are_independent(data, kind, n):
    probs = data.draw(strategies.genoprobs(kind, n))
    for chromosome, array in probs.items():
        k = 4 if probs.is_x_chr[chromosome] else array.sizes["genotype"]
        for i in range(array.sizes["position"]):
            assert np.linalg.matrix_rank(array.values[:, :, i]) == k


@given(data=st.data(), kind=st.sampled_from(list(CROSSES)), n=st.integers(8, 40))
def test_collinear_genotypes(data, kind, n):
    probs = data.draw(strategies.genoprobs(kind, n, collinear=True))
    for array in probs.values():
        assert np.all(array.values[:, -1, 0] == 0.0)
        if kind == "do8":
            assert np.array_equal(array.values[:, 1, 0], array.values[:, 2, 0])


def test_kinds_of_genotypes():
    drawn = sample(strategies.genoprobs(n=16), 200)
    crosses = Counter(probs.crosstype for probs in drawn)
    assert min(crosses[cross.crosstype] for cross in CROSSES.values()) >= 10
    on_x = [probs for probs in drawn if any(probs.is_x_chr.values())]
    assert len(on_x) >= 20 and {probs.crosstype for probs in on_x} == {"bc", "f2"}
    for probs in on_x:      # females and males differ in their genotypes
        male = probs["X"].values[:, -2:].sum(axis=1) > 0.0
        assert np.all(male.all(axis=1) | (~male).all(axis=1)) and 0 < male[:, 0].sum() < 16
    assert {len(probs) for probs in drawn} == {1, 2, 3} and max(len(probs.positions) for probs in drawn) >= 8
    certain = [all(np.isin(array.values, (0.0, 0.5, 1.0)).all() for array in probs.values()) for probs in drawn]
    assert 10 <= sum(certain) <= 190


def test_neighbours_are_linked():
    same = [np.mean(np.argmax(array.values[:, :, 0], axis=1) == np.argmax(array.values[:, :, 1], axis=1))
            for probs in sample(strategies.genoprobs("intercross", 40, x=False), 60)
            for array in probs.values() if array.sizes["position"] > 1]
    assert np.mean(same) > 0.6 and min(same) < 1.0


def test_every_kind_of_scan_occurs(scans):
    kinds = Counter()
    for data in scans:
        kinds["none" if data.kinship is None else "loco" if isinstance(data.kinship, dict) else "overall"] += 1
        kinds.update(name for name in ("addcovar", "Xcovar", "intcovar", "weights") if getattr(data, name) is not None)
        kinds[data.genoprobs.crosstype] += 1
        kinds["X"] += any(data.genoprobs.is_x_chr.values())
        assert len(data.notes[0]) < 250
    for name in ("none", "overall", "loco", "addcovar", "Xcovar", "intcovar", "weights", "bc", "f2", "riself", "do", "X"):
        assert kinds[name] >= len(scans) // 40, kinds
    sizes = np.array([len(data.pheno) for data in scans])
    assert np.min(sizes) == 4 and np.max(sizes) > 50 and np.median(sizes) < 24


def test_scans_are_accepted(scans):
    for data in scans:
        scan = scan1(**data.arguments, quiet=True)
        assert list(scan.lod.index) == list(data.genoprobs.positions) and not np.isinf(scan.lod.to_numpy()).any()
        missing = scan.lod.isna().to_numpy()
        assert not missing.any() or any("without bound" in note for note in scan.notes)
        assert not any("left out" in note or "depend" in note or "no more than" in note for note in scan.notes)


@given(data=strategies.scan_problems(missing=True, phenotypes=4, kinship="overall"))
def test_scans_with_missing_values_are_accepted(data):
    scan = scan1(**data.arguments, quiet=True)
    assert not any("too few" in note or "depend" in note for note in scan.notes)


@given(data=strategies.scan_problems(missing=True, phenotypes=3, intcovar=True))
def test_every_position_has_full_rank_and_leaves_something(data):
    Z = data.intcovar.to_numpy()
    add = Z if data.addcovar is None else data.addcovar.to_numpy()
    for name in data.pheno:
        seen = data.pheno[name].notna().to_numpy()
        y = data.pheno[name].to_numpy()[seen]
        for array in data.genoprobs.values():
            occurring = np.any(array.values > 0.0, axis=(0, 2))
            for i in range(array.sizes["position"]):
                G = array.values[seen][:, occurring, i][:, 1:]
                X = np.column_stack([np.ones(seen.sum()), add[seen], G, G * Z[seen]])
                X = X / np.linalg.norm(X, axis=0)
                assert np.linalg.matrix_rank(X) == X.shape[1] <= seen.sum() - SPARE
                left = np.linalg.norm(y - X @ np.linalg.lstsq(X, y, rcond=None)[0])
                assert left >= INDEPENDENT * np.linalg.norm(y)


@pytest.mark.parametrize("options", [
    {"kinship": "none", "weights": True, "addcovar": True}, {"kinship": "loco", "intcovar": True, "addcovar": False},
    {"kinship": "overall", "cross": "do8", "intcovar": True}, {"x": True, "addcovar": True, "intcovar": True},
    {"x": False, "weights": False, "min_n": 6, "max_n": 7}], ids=lambda options: "-".join(options))
def test_options_of_scans(options):
    for data in sample(strategies.scan_problems(**options), 20):
        kinship = "none" if data.kinship is None else "loco" if isinstance(data.kinship, dict) else "overall"
        assert kinship == options.get("kinship", kinship)
        for name in {"weights", "addcovar", "intcovar"} & set(options):
            assert (getattr(data, name) is not None) == options[name]
        assert any(data.genoprobs.is_x_chr.values()) == options.get("x", any(data.genoprobs.is_x_chr.values()))
        assert data.genoprobs.crosstype == ("do" if "cross" in options else data.genoprobs.crosstype)
        assert "max_n" not in options or 6 <= len(data.pheno) <= 7


def test_collinear_scans_have_genotypes_that_depend_on_each_other():
    for data in sample(strategies.scan_problems(collinear=True), 30):
        notes = scan1(**data.arguments, quiet=True).notes
        assert any("depend" in note for note in notes) or any(data.genoprobs.is_x_chr.values())


def test_scans_shrink_to_small_whole_numbers():
    found = smallest(strategies.scan_problems(), lambda data: True)
    assert len(found.pheno) == 4 and whole(found.pheno) and found.kinship is None and len(found.genoprobs.positions) == 1
    data = smallest(strategies.scan_problems(), lambda data: isinstance(data.kinship, dict) and len(data.kinship) > 1
                    and data.addcovar is not None and data.weights is not None)
    assert len(data.pheno) <= 5 and whole(data.pheno, data.addcovar, *data.kinship.values(),
                                          *(array.values for array in data.genoprobs.values()))
