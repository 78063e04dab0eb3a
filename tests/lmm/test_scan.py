"""The scan at fixed h against exact arithmetic (60 digits): columns independent, nearly so, and not at all."""
import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lmm_problems import problems, simulated

from lmmbridge import lmm
from lmmbridge.lmm.scan import NEGLIGIBLE, residual_sums_of_squares

DIGITS = 60
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


@pytest.mark.parametrize("factor, counts", [(10.0, True), (0.1, False)])
def test_pivots_are_compared_with_the_largest(factor, counts, tolerance):
    """R/qtl2's rule: what is left of a column must exceed 1e-12 of the largest; alone it is the largest."""
    problem = simulated(n=20, p=2).but(hsq=0.0)     # V = I: lengths are those of the columns
    rng = np.random.default_rng(7)
    basis = np.linalg.qr(np.column_stack([problem.X, rng.normal(size=(20, 2))]))[0]
    large, small = 3.0 * basis[:, 2], 3.0 * NEGLIGIBLE * factor * basis[:, 3]
    kept = exact_rss(problem, np.column_stack([large, small] if counts else [large]))
    for columns in ([large, small], [small, large]):
        (rss,), rank, _ = scan(problem, np.column_stack(columns)[None])
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
