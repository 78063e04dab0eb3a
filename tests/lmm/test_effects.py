"""Effects position by position against normal equations; which columns count, and which are left out."""
import numpy as np
import pytest

from lmmbridge.lmm.effects import column_rank, effects, leading_columns

N = 12
# The rules, written out: were they imported, a change would not be seen.
TOLERANCE = 1e-12           # of the largest pivot, R/qtl2's
TIE = 1e-8                  # of the longest column
WELL_CONDITIONED = 1e-5     # of a column, its own part
WELL_SCALED = 1e-8          # of the longest column, the own part of any


def orthonormal(k, n=N, seed=1):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(n, k)))[0]


def drawn(b=3, n=N, p=3, seed=2):
    rng = np.random.default_rng(seed)
    return rng.normal(size=n), rng.normal(size=(b, n, p)) + np.arange(1.0, p + 1.0)


def assert_least_squares(found, i, y, X, kept, tolerance):
    """Position i has the normal equations' answer for the columns `kept` of X, and NaN for the others."""
    n, p = X.shape
    used = X[:, kept]
    inverse = np.linalg.inv(used.T @ used)
    beta = inverse @ used.T @ y
    rss = np.sum((y - used @ beta) ** 2)
    scale = np.sqrt(np.diag(inverse))
    left_out = np.setdiff1d(np.arange(p), kept)
    assert found.rank[i] == len(kept)
    assert np.all(np.abs(found.beta[i, kept] - beta) <= tolerance("normal_equations") * np.linalg.norm(y) * scale)
    assert np.all(np.abs(found.covariance[i][np.ix_(kept, kept)] - inverse)
                  <= tolerance("normal_equations") * np.outer(scale, scale))
    assert found.rss[i] == pytest.approx(rss, abs=tolerance("normal_equations") * (y @ y))
    assert np.all(np.isnan(found.beta[i, left_out])) and np.all(np.isnan(found.se[i, left_out]))
    assert np.all(np.isnan(found.covariance[i][left_out])) and np.all(np.isnan(found.covariance[i][:, left_out]))
    if len(kept) < n:
        sigmasq = found.rss[i] / (n - len(kept))
        assert found.sigmasq[i] == sigmasq
        np.testing.assert_allclose(found.se[i, kept], np.sqrt(sigmasq) * scale, rtol=tolerance("normal_equations"))
    else:
        assert np.isnan(found.sigmasq[i]) and np.all(np.isnan(found.se[i]))


@pytest.mark.parametrize("p", [1, 2, 5, N - 1, N])
def test_independent_columns(p, tolerance):
    y, X = drawn(b=4, p=p)
    found = effects(y, X, X)
    for i in range(4):
        assert_least_squares(found, i, y, X[i], np.arange(p), tolerance)


def test_positions_do_not_mix(tolerance):
    """Some of full rank, one with a column twice, one with a column of zeros."""
    y, X = drawn(b=5, p=3)
    X[1, :, 2] = X[1, :, 0]
    X[3, :, 1] = 0.0
    found = effects(y, X, X)
    for i, kept in enumerate(([0, 1, 2], [0, 1], [0, 1, 2], [0, 2], [0, 1, 2])):
        if i == 1 and np.linalg.norm(X[1, :, 1]) < np.linalg.norm(X[1, :, 0]):
            kept = [0, 1]
        assert_least_squares(found, i, y, X[i], np.array(kept), tolerance)


def test_more_columns_than_individuals(tolerance):
    y, X = drawn(b=2, n=4, p=6)
    found = effects(y, X, X)
    for i in range(2):
        kept = leading_columns(X[i], 4)
        assert_least_squares(found, i, y, X[i], kept, tolerance)
        assert found.rss[i] <= tolerance("normal_equations") * (y @ y)


@pytest.mark.parametrize("sine, length, full", [
    (1.5 * WELL_CONDITIONED, 1.0, True), (0.75 * WELL_CONDITIONED, 1.0, False),
    (1.0, 1.5 * WELL_SCALED, True), (1.0, 0.75 * WELL_SCALED, False),
    (1e-3, 1.5e3 * WELL_SCALED, True), (1e-3, 0.75e3 * WELL_SCALED, False),
    (0.0, 1.0, False), (1.0, 0.0, False),
])
@pytest.mark.parametrize("scale", [1.0, -1.0, 1e-12, 1e12])
@pytest.mark.parametrize("first", [True, False])
def test_the_rank_is_that_of_the_design_where_scaling_may_hide_it(sine, length, full, scale, first, tolerance):
    """Scaling by V^−½ rounds: what it leaves of a dependent column may look like a small part of its own.

    So the rank is the design's, here 1, wherever that part is small; other positions do not matter.
    """
    e = orthonormal(2).T
    X = scale * np.column_stack([e[0], length * (np.sqrt(1.0 - sine**2) * e[0] + sine * e[1])])
    X = X if first else X[:, ::-1]
    plain = orthonormal(2, seed=6)
    y = np.arange(N) - 3.0
    found = effects(y, np.array([plain, X, plain]), np.ones((3, N, 2)))
    assert list(found.rank) == [2, 2 if full else 1, 2]
    assert_least_squares(found, 0, y, plain, np.array([0, 1]), tolerance)


def test_as_many_columns_as_individuals_are_well_conditioned_too():
    Q = orthonormal(4, n=4)
    assert effects(np.ones(4), Q[None], np.ones((1, 4, 4))).rank == [4]


@pytest.mark.parametrize("own", [0.5 * WELL_CONDITIONED, 2.0 * WELL_CONDITIONED, 1e-3])
def test_nearly_dependent_columns(own, tolerance):
    """Two columns at a small angle: the second's effect is what of y lies along its own part, over that part."""
    e = orthonormal(3).T
    y = 2.0 * e[0] + 3.0 * e[1] + 5.0 * e[2]
    X = np.column_stack([e[0], e[0] + own * e[1]])[None]
    found = effects(y, X, X)
    assert found.rank == [2]
    relative = tolerance("near_dependence") / own
    np.testing.assert_allclose(found.beta[0], [2.0 - 3.0 / own, 3.0 / own], rtol=relative)
    np.testing.assert_allclose(found.covariance[0], [[1.0 + own**-2, -own**-2], [-own**-2, own**-2]], rtol=relative)
    np.testing.assert_allclose(found.rss, [25.0], rtol=tolerance("normal_equations"))


@pytest.mark.parametrize("length", [0.5 * WELL_SCALED, 2.0 * WELL_SCALED, 0.5, 1e3])
def test_columns_of_any_length(length, tolerance):
    e = orthonormal(3).T
    y = 2.0 * e[0] + 3.0 * e[1] + 5.0 * e[2]
    for X, beta in ((np.column_stack([e[0], length * e[1]]), [2.0, 3.0 / length]),
                    (np.column_stack([length * e[1], e[0]]), [3.0 / length, 2.0])):
        found = effects(y, X[None], X[None])
        np.testing.assert_allclose(found.beta[0], beta, rtol=tolerance("normal_equations"))
        np.testing.assert_allclose(np.sqrt(np.diag(found.covariance[0])), np.array(beta) / np.where(
            np.array(beta) == 2.0, 2.0, 3.0), rtol=tolerance("normal_equations"))


# ------------------------------------------------------------------ rank, and which columns

@pytest.mark.parametrize("factor, rank", [(1.5, 3), (0.75, 2), (0.0, 2)])
@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e6])
def test_pivots_are_compared_with_the_largest(factor, rank, scale):
    """R/qtl2's rule: a pivot counts above 1e-12 of the largest."""
    X = scale * orthonormal(3) * [1.0, factor * TOLERANCE, 0.5]
    assert column_rank(X) == rank
    assert column_rank(X[:, ::-1]) == rank


def test_rank_without_any_column_that_counts():
    assert column_rank(np.zeros((4, 2))) == 0
    assert column_rank(np.ones((4, 2))) == 1
    assert column_rank(np.arange(1.0, 13.0).reshape(3, 4)) == 2      # fewer individuals than columns


@pytest.mark.parametrize("factor, first", [(0.75, 0), (1.5, 1)])
def test_columns_equally_long_but_for_rounding(factor, first):
    """The second column is longer by a part of TIE, or by more: then it comes first."""
    X = orthonormal(2) * [1.0, 1.0 + factor * TIE]
    assert list(leading_columns(X, 1)) == [first]


def test_leading_columns_are_taken_by_what_is_left_of_them():
    """The longest first; then a short one of its own before a long one that has little beside the first."""
    e = orthonormal(4).T
    X = np.column_stack([0.5 * e[1], 3.0 * e[0], 2.9 * e[0] + 0.4 * e[2], 0.1 * e[3]])
    assert [list(leading_columns(X, rank)) for rank in (0, 1, 2, 3, 4)] == [[], [1], [0, 1], [0, 1, 2], [0, 1, 2, 3]]


def test_leading_columns_leaves_its_argument_alone():
    X = orthonormal(3)
    before = X.copy()
    leading_columns(X, 3)
    assert np.array_equal(X, before)


@pytest.mark.parametrize("seed", range(5))
def test_what_rounding_leaves_of_a_column_is_not_taken_again(seed):
    """It may be longer than the next column."""
    e = orthonormal(2, seed=seed).T
    assert list(leading_columns(np.column_stack([1e20 * e[0], e[1]]), 2)) == [0, 1]
