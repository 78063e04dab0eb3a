"""The scan at fixed h against exact arithmetic (60 digits): columns independent, nearly so, and not at all."""
import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lmm_problems import problems, simulated

from lmmbridge import lmm
from lmmbridge.lmm import scan as scanning
from lmmbridge.lmm.scan import residual_sums_of_squares

DIGITS = 60
# The rules, written out: were they imported, a change would not be seen.
NEGLIGIBLE = 1e-12          # of the largest pivot, R/qtl2's
WELL_CONDITIONED = 1e-5     # of a column, its own part
WELL_SCALED = 1e-8          # of the longest column, the own part of any
EPSILON = np.finfo(float).eps


def scan(problem, G, longest=None):
    """Q (b,) and rank (b,) at the positions of G (b, n, k), with the problem's h; and Q without genotype columns."""
    rotated = problem.rotated()
    fit = lmm.least_squares(rotated, problem.hsq)
    root_weights = 1.0 if problem.weights is None else np.sqrt(problem.weights)[:, None]
    turned = np.einsum("ij,bik->bjk", rotated.eigen.vectors, root_weights * G)
    rss, rank = residual_sums_of_squares(np.sqrt(fit.d), fit.basis, fit.residuals[:, None], turned, longest)
    return rss[:, 0], rank, np.sum(fit.residuals[:, None] ** 2, axis=0)[0]


def exact_rss(problem, columns):
    """(y − Xb)'V⁻¹(y − Xb) with those columns beside the covariates, in 60 digits; each column must count."""
    with mpmath.workdps(DIGITS):
        h = mpmath.mpf(problem.hsq)
        V = h * mpmath.matrix(problem.K.tolist())
        for i in range(len(problem.y)):
            V[i, i] += (1 - h) / (1 if problem.weights is None else mpmath.mpf(problem.weights[i]))
        L = mpmath.cholesky(V)
        y, *design = (solve_lower(L, column) for column in [problem.y, *problem.X.T, *columns.T])
        basis = []
        for column in [*design, y]:
            for _ in range(2):
                for direction in basis:
                    column = column - direction * mpmath.fdot(direction, column)
            basis.append(column / mpmath.norm(column))
        return float(mpmath.norm(column) ** 2)


def solve_lower(L, b):
    """L⁻¹b by forward substitution."""
    x = mpmath.matrix(len(b), 1)
    for i in range(len(b)):
        x[i] = (mpmath.mpf(b[i]) - mpmath.fsum(L[i, j] * x[j] for j in range(i))) / L[i, i]
    return x


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("k", [1, 2, 7])
def test_as_exact_arithmetic(k, weighted, tolerance):
    problem = simulated(n=20, p=3, weighted=weighted)
    G = np.random.default_rng(k).uniform(0.0, 1.0, size=(3, 20, k))
    rss, rank, _ = scan(problem, G)
    assert np.array_equal(rank, [k] * 3)
    np.testing.assert_allclose(rss, [exact_rss(problem, g) for g in G], rtol=tolerance("scan_rss"))


@given(problem=problems(), k=st.integers(1, 6), seed=st.integers(0, 99), log_scale=st.integers(-8, 8))
def test_the_scale_does_not_matter(problem, k, seed, log_scale, tolerance):
    """Q ≤ Q without the columns; the same when all columns are taken 10^s times."""
    G = np.random.default_rng(seed).uniform(0.0, 1.0, size=(2, len(problem.y), k))
    rss, rank, null = scan(problem, G)
    assert np.all(rss <= null * (1.0 + tolerance("scan_rss")))
    again, again_rank, _ = scan(problem, G * 10.0**log_scale)
    assert np.array_equal(rank, again_rank)
    np.testing.assert_allclose(again, rss, rtol=0.0, atol=tolerance("scan_rss") * null)


@pytest.mark.parametrize("noise", [1e-12, 1e-10, 1e-8, 1e-6, 1e-4])
@pytest.mark.parametrize("near", ["a covariate", "a combination of covariates", "another genotype"])
def test_nearly_dependent_columns_count(near, noise, tolerance):
    """As exact as their rounding allows: ε times the lengths over the part that is their own."""
    n = 20
    problem = simulated(n=n, p=3)
    rng = np.random.default_rng(4)
    other = rng.uniform(size=n)
    dependent = {"a covariate": problem.X[:, 1], "a combination of covariates": problem.X @ [0.2, 1.0, -3.0],
                 "another genotype": other}[near]
    columns = np.column_stack([other, dependent + noise * np.linalg.norm(dependent) * rng.normal(size=n) / np.sqrt(n)])
    (rss,), rank, null = scan(problem, columns[None])
    assert rank == 2
    spread = np.sqrt(np.linalg.cond(problem.V))
    exact = exact_rss(problem, columns)
    assert abs(rss - exact) <= tolerance("scan_nearly_dependent") * n * EPSILON * spread / noise * null
    assert exact_rss(problem, columns[:, :1]) - exact > 1e-3 * null      # there is something to be lost


@pytest.mark.parametrize("h", [0.0, 0.5, 0.9999])
def test_dependent_columns_do_not_count(h, tolerance):
    problem = simulated(n=20, p=3).but(hsq=h)
    own, zero = np.random.default_rng(5).uniform(size=20), np.zeros(20)
    without = exact_rss(problem, own[:, None])
    for dependent in [*problem.X.T, np.full(20, 0.25), problem.X @ [0.1, 0.7, -0.3], zero]:
        (rss,), rank, null = scan(problem, dependent[None, :, None])
        assert rank == 0 and rss == null
        (rss,), rank, null = scan(problem, np.column_stack([dependent, own])[None])
        assert rank == 1
        np.testing.assert_allclose(rss, without, rtol=tolerance("scan_rss"))
        (rss,), rank, null = scan(problem, np.column_stack([dependent,
                                                            1e-20 * own])[None])     # not beside rounding either
        assert rank == 1
        np.testing.assert_allclose(rss, without, rtol=tolerance("scan_rss"))
    (rss,), rank, _ = scan(problem, np.column_stack([own, own, 0.5 - own / 2.0, zero])[None])
    assert rank == 1
    np.testing.assert_allclose(rss, without, rtol=tolerance("scan_rss"))


def test_dependent_columns_do_not_count_where_v_is_nearly_singular():
    """Near h = 1 the rounding of the rotation is enlarged, here 10⁴ times, beyond R/qtl2's tolerance."""
    problem = simulated(n=60, p=2, rank=30).but(hsq=1.0 - 1e-8)
    for own, other in np.random.default_rng(14).normal(size=(10, 2,
                                                             60)) @ problem.K:       # outside the null space of K
        _, rank, _ = scan(problem, np.column_stack([own, other, own / 3.0 + other / 7.0])[None])
        assert rank == 2


def test_tiny_columns_count(tolerance):
    problem = simulated(n=20, p=2)
    rng = np.random.default_rng(6)
    columns = np.column_stack([rng.uniform(size=20), rng.uniform(0.0, 1e-10, size=20)])
    (rss,), rank, _ = scan(problem, columns[None])
    assert rank == 2
    np.testing.assert_allclose(rss, exact_rss(problem, columns), rtol=tolerance("scan_rss"))


@pytest.mark.parametrize("factor, counts", [(1.5, True), (0.75, False)])
def test_pivots_are_compared_with_the_largest(factor, counts, tolerance):
    """R/qtl2's rule: what is left of a column must exceed 1e-12 of the largest; alone it is the largest."""
    problem = simulated(n=20, p=2).but(hsq=0.0)     # V = I: lengths are those of the columns
    rng = np.random.default_rng(7)
    basis = np.linalg.qr(np.column_stack([problem.X, rng.normal(size=(20, 2))]))[0]
    large, small = 3.0 * basis[:, 2], 3.0 * NEGLIGIBLE * factor * basis[:, 3]
    kept = exact_rss(problem, np.column_stack([large, small] if counts else [large]))
    for columns, longest in (([large, small], None), ([small, large], None), ([large, small], 1e-6)):
        (rss,), rank, _ = scan(problem, np.column_stack(columns)[None], longest)
        assert rank == 1 + counts
        np.testing.assert_allclose(rss, kept, rtol=tolerance("scan_rss"))
    (rss,), rank, _ = scan(problem, small[None, :, None])
    assert rank == 1
    np.testing.assert_allclose(rss, exact_rss(problem, small[:, None]), rtol=tolerance("scan_rss"))
    (rss,), rank, null = scan(problem, small[None, :, None], longest=3.0)
    assert rank == counts and (counts or rss == null)


def test_independent_part_not_the_column_is_compared(tolerance):
    """Two nearly parallel columns: what the second has of its own is 1e-10, or 1e-14, of the first."""
    problem = simulated(n=20, p=2).but(hsq=0.0)
    basis = np.linalg.qr(np.column_stack([problem.X, np.random.default_rng(8).normal(size=(20, 3))]))[0]
    first = basis[:, 2]
    for own, rank_expected in ((1e-10, 2), (1e-14, 1)):
        columns = np.column_stack([first, 1e-3 * (first + 1e3 * own * basis[:, 3])])
        (rss,), rank, null = scan(problem, columns[None])
        assert rank == rank_expected
        np.testing.assert_allclose(rss, exact_rss(problem, columns[:, :rank_expected]), rtol=0.0,
                                   atol=tolerance("scan_nearly_dependent") * 20 * EPSILON / 1e-10 * null)


@pytest.mark.parametrize("k", [0, 27, 28, 40])
def test_any_number_of_columns(k, tolerance):
    """No columns; as many as leave no individual over; more than individuals."""
    problem = simulated(n=30, p=2)
    G = np.random.default_rng(9).uniform(size=(2, 30, k))
    rss, rank, null = scan(problem, G)
    assert np.array_equal(rank, [min(k, 28)] * 2)
    if k == 0:
        assert np.array_equal(rss, [null] * 2)
    if k >= 28:
        assert np.all(rss <= tolerance("scan_rss") * null)


@pytest.mark.parametrize("own, length, longest, pivoting", [
    (1.5 * WELL_CONDITIONED, 1.0, None, False), (0.75 * WELL_CONDITIONED, 1.0, None, True),
    (1.0, 1.5 * WELL_SCALED, None, False), (1.0, 0.75 * WELL_SCALED, None, True),
    (1e-3, 1.5e3 * WELL_SCALED, None, False), (1e-3, 0.75e3 * WELL_SCALED, None, True),
    (1e-3, 1.0, 1.5e-3 / WELL_SCALED, True), (1e-3, 1.0, 0.75e-3 / WELL_SCALED, False), (1e-3, 1.0, 0.1, False),
    (1.0, 0.0, None, True),
])
@pytest.mark.parametrize("scale", [1.0, -1.0])
@pytest.mark.parametrize("beside", ["a genotype", "a covariate"])
def test_pivoting_where_a_column_has_little_of_its_own(own, length, longest, pivoting, scale, beside, monkeypatch):
    """`own`: the part of a column outside the others, `length`: of the column. Only that position goes to pivoting."""
    pivoted = watched(monkeypatch)
    problem = simulated(n=20, p=2).but(hsq=0.0)
    basis = np.linalg.qr(np.column_stack([problem.X, np.random.default_rng(15).normal(size=(20, 4))]))[0]
    other = basis[:, 2] if beside == "a genotype" else basis[:, 0]
    column = length * (np.sqrt(1.0 - own**2) * other + own * basis[:, 3])
    G = np.array([basis[:, 4:], scale * np.column_stack([basis[:, 2], column]), 0.9 * basis[:, [5, 4]]])
    _, rank, _ = scan(problem, G, longest)
    assert len(pivoted) == pivoting
    assert list(rank) == [2, 2 if length else 1, 2]


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_positions_are_judged_by_themselves(scale, monkeypatch):
    """Long columns at one position make nothing small at another."""
    pivoted = watched(monkeypatch)
    G = np.random.default_rng(18).normal(size=(3, 20, 2))
    G[1] *= scale
    _, rank, _ = scan(simulated(n=20, p=2), G)
    assert list(rank) == [2, 2, 2]
    assert not pivoted


def watched(monkeypatch):
    """A list that grows with each position that goes to the decomposition with pivoting."""
    pivoted, basis = [], scanning._basis
    monkeypatch.setattr(scanning, "_basis", lambda *arguments: pivoted.append(arguments) or basis(*arguments))
    return pivoted


@pytest.mark.parametrize("factor, counts", [(1.5, True), (1.0, False), (0.75, False)])
def test_rounding_of_the_rotation_does_not_count(factor, counts, tolerance):
    """What is left of a column of length 1 must exceed n·ε·√cond(V), beside covariates and beside other genotypes."""
    n = 16
    e, root = np.eye(n), np.full(n, 0.25)
    root[:2] = 32.0, 1.0 / 32.0
    noise = n * EPSILON * 1024.0            # a power of 2, as all these numbers: nothing is rounded
    residuals = np.arange(1.0, n + 1.0)[:, None]
    residuals[0] = 0.0
    left = np.sum(residuals**2)
    near_covariate = e[0] + factor * noise * e[3]
    near_genotype = 0.5 * (e[2] + factor * noise * e[3])
    for columns, rank_before in (([near_covariate], 0), ([e[2], near_genotype], 1), ([e[4], near_covariate], 1)):
        G = np.column_stack(columns) * root[:, None]
        (rss,), rank = residual_sums_of_squares(root, e[:, :1], residuals, G[None])
        assert rank == rank_before + counts
        used = residuals[3, 0] ** 2 * counts + (np.sum((columns[0] @ residuals) ** 2) if rank_before else 0.0)
        np.testing.assert_allclose(rss, left - used, rtol=tolerance("scan_rss"))


@pytest.mark.parametrize("k", [3, 4, 6])
def test_more_columns_than_individuals_and_no_covariates(k, tolerance):
    G = np.random.default_rng(17).uniform(size=(2, 4, k))
    rss, rank = residual_sums_of_squares(np.ones(4), np.empty((4, 0)), np.arange(1.0, 5.0)[:, None], G)
    assert list(rank) == [min(k, 4)] * 2
    assert np.all((rss <= tolerance("scan_rss") * 30.0) == (k >= 4))        # 1 + 4 + 9 + 16


def test_a_pivot_at_the_limit_does_not_count():
    e = np.eye(8)
    _, rank = residual_sums_of_squares(np.ones(8), e[:, :1], np.ones((8, 1)),
                                       np.array([np.column_stack([e[1], size * e[2]]) for size in (1e-12, 1.001e-12)]))
    assert list(rank) == [1, 2]


def test_no_columns_and_several_phenotypes():
    problem = simulated(n=20, p=2)
    fit = lmm.least_squares(problem.rotated(), 0.5)
    residuals = np.random.default_rng(16).normal(size=(20, 3))
    rss, rank = residual_sums_of_squares(np.sqrt(fit.d), fit.basis, residuals, np.empty((4, 20, 0)))
    assert np.array_equal(rss, [np.sum(residuals**2, axis=0)] * 4)
    assert np.array_equal(rank, [0] * 4) and rank.dtype == int


def test_phenotypes_do_not_mix():
    problem = simulated(n=25, p=2)
    rng = np.random.default_rng(10)
    fit = lmm.least_squares(problem.rotated(), 0.5)
    residuals = rng.normal(size=(25, 4))
    residuals -= fit.basis @ (fit.basis.T @ residuals)
    G = rng.uniform(size=(5, 25, 2))
    G[3, :, 1] = G[3, :, 0]
    together, _ = residual_sums_of_squares(np.sqrt(fit.d), fit.basis, residuals, G)
    alone = [residual_sums_of_squares(np.sqrt(fit.d), fit.basis, residuals[:, [j]], G)[0][:, 0] for j in range(4)]
    np.testing.assert_allclose(together, np.transpose(alone), rtol=1e-13)
