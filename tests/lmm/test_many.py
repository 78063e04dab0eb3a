"""Many likelihoods maximised together, against each maximised alone."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lmm_problems import orthogonal, problems, simulated

from lmmbridge import lmm
from lmmbridge.lmm.many import estimate_hsq_of_many, summits_of

CRITERIA = pytest.mark.parametrize("reml", [True, False], ids=["REML", "ML"])


def rotated_phenotypes(problem, m, seed):
    """The problem's phenotype and m − 1 others drawn from its model at several h."""
    rng = np.random.default_rng(seed)
    eigen = lmm.eigen_decomposition(problem.K, problem.weights)
    n = len(problem.y)
    hsq = rng.uniform(size=m - 1)
    d = np.maximum(np.outer(eigen.values, hsq) + 1.0 - hsq, 0.0)
    Y = eigen.vectors @ (np.sqrt(d) * rng.normal(size=(n, m - 1))) * np.std(problem.y)
    if problem.weights is not None:
        Y /= np.sqrt(problem.weights)[:, None]
    return lmm.rotate(eigen, np.column_stack([problem.y, Y]), problem.X)


def assert_same_maxima(rotated, reml, tolerance):
    together = estimate_hsq_of_many(rotated, reml)
    for one, found in zip(rotated, together, strict=True):
        alone = lmm.estimate_hsq(one, reml)
        assert (found.boundary, found.converged, found.flat, found.unbounded, found.second is None) == (
            alone.boundary, alone.converged, alone.flat, alone.unbounded, alone.second is None)
        assert np.isnan(alone.hsq) == np.isnan(found.hsq)
        for mine, its in [((found.hsq, found.loglik), (alone.hsq, alone.loglik)), (found.second, alone.second)]:
            if mine is None or np.isnan(mine[0]):
                continue
            assert mine[1] == pytest.approx(its[1], rel=tolerance("many_loglik"), abs=tolerance("many_loglik"))
            score = lmm.score(one, lmm.least_squares(one, mine[0]), reml)
            other = lmm.score(one, lmm.least_squares(one, its[0]), reml)
            # ĥ is where the score vanishes: to the rounding of the score, for both.
            curvature = abs(lmm.curvature(one, lmm.least_squares(one, its[0]), reml))
            assert abs(mine[0] - its[0]) <= tolerance("many_hsq") + 2.0 * max(abs(score), abs(other)) / max(curvature, 1e-300) \
                * (mine[0] not in (0.0, 1.0))


@CRITERIA
@given(problem=problems(), seed=st.integers(0, 10**6))
def test_together_as_alone_whatever_the_problem(problem, seed, reml, tolerance):
    assert_same_maxima(rotated_phenotypes(problem, 6, seed), reml, tolerance)


@CRITERIA
@pytest.mark.parametrize("weighted", [False, True])
def test_hundreds_of_well_posed_phenotypes_are_all_found_together(reml, weighted, tolerance):
    rotated = rotated_phenotypes(simulated(n=60, p=3, weighted=weighted), 600, seed=2)
    found = summits_of(rotated[:256], reml)
    assert found.certain.mean() > 0.95
    assert_same_maxima(rotated, reml, tolerance)


def test_the_residual_sum_of_squares_is_that_of_the_fit(tolerance):
    rotated = rotated_phenotypes(simulated(n=80, p=2), 50, seed=3)
    found = summits_of(rotated, True)
    for one, hsq, rss, certain in zip(rotated, found.hsq, found.rss, found.certain, strict=True):
        if certain:
            assert rss == pytest.approx(lmm.least_squares(one, hsq).rss, rel=tolerance("many_loglik"))


def test_two_maxima_are_both_found(tolerance):
    """A covariate along an eigenvector of a large eigenvalue gives ML a second maximum at 0."""
    rng = np.random.default_rng(4)
    U = orthogonal(60, rng)
    values = np.r_[np.linspace(0.2, 2.0, 59), 100.0]
    K = (U * values) @ U.T
    eigen = lmm.eigen_decomposition((K + K.T) / 2.0)
    Y = U @ (np.sqrt(0.6 * values + 0.4)[:, None] * rng.normal(size=(60, 40)))
    rotated = lmm.rotate(eigen, Y, U[:, -1:])
    assert sum(one.second is not None for one in estimate_hsq_of_many(rotated, False)) > 10
    assert_same_maxima(rotated, False, tolerance)
