"""Many likelihoods maximised together, against each maximised alone."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lmm_problems import orthogonal, problems, simulated

from lmmbridge import lmm
from lmmbridge.lmm.many import estimate_hsq_of_many, summits_of, summits_of_few, summits_with_missing
from lmmbridge.lmm.tridiagonal import tridiagonal

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


def together(rotated, reml):
    return summits_of(rotated[0].eigen, np.column_stack([one.y for one in rotated]), rotated[0].X, reml)


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
    found = together(rotated[:256], reml)
    assert found.certain.mean() > 0.95
    assert_same_maxima(rotated, reml, tolerance)


def test_the_residual_sum_of_squares_is_that_of_the_fit(tolerance):
    rotated = rotated_phenotypes(simulated(n=80, p=2), 50, seed=3)
    found = together(rotated, True)
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


@CRITERIA
@pytest.mark.parametrize("weighted", [False, True])
def test_a_few_phenotypes_by_the_tridiagonal_form(reml, weighted, tolerance):
    problem = simulated(n=60, p=3, weighted=weighted)
    rng = np.random.default_rng(6)
    Y = np.column_stack([problem.y, rng.normal(size=(60, 4))])
    T = tridiagonal(problem.K, problem.weights)
    eigen = lmm.eigen_decomposition(problem.K, problem.weights)
    np.testing.assert_allclose(T.values, eigen.values, rtol=0.0, atol=tolerance("many_loglik") * eigen.values[-1])
    found = summits_of_few([T], Y, [problem.X], reml)
    assert found.certain.any()
    for j, one in enumerate(lmm.rotate(eigen, Y, problem.X)):
        alone = lmm.estimate_hsq(one, reml)
        if found.certain[j]:
            assert found.hsq[j] == pytest.approx(alone.hsq, rel=0.0, abs=tolerance("many_hsq"))
            assert found.loglik[j] == pytest.approx(alone.loglik, rel=tolerance("many_loglik"))


@CRITERIA
def test_under_several_kinship_matrices_at_once_as_under_each_alone(reml, tolerance):
    several = [simulated(n=30, p=2, seed=seed, weighted=seed == 2) for seed in (1, 2, 3)]
    Y = np.column_stack([several[0].y, np.random.default_rng(9).normal(size=(30, 3))])
    Ts, Xs = [tridiagonal(one.K, one.weights) for one in several], [one.X for one in several]
    together = summits_of_few(Ts, Y, Xs, reml)
    for i, (T, X) in enumerate(zip(Ts, Xs)):
        alone, here = summits_of_few([T], Y, [X], reml), slice(4 * i, 4 * i + 4)
        assert alone.certain.any()
        assert together.certain[here].tolist() == alone.certain.tolist()
        for name in ("hsq", "loglik", "rss"):
            np.testing.assert_allclose(getattr(together, name)[here], getattr(alone, name), rtol=tolerance("many_hsq"))


@CRITERIA
def test_a_singular_kinship_by_the_tridiagonal_form_where_the_likelihood_is_plainly_bounded(reml, tolerance):
    """Not where y has nothing in the null space, outside the covariates."""
    problem = simulated(n=40, p=2, rank=30)
    eigen = lmm.eigen_decomposition(problem.K)
    inside = eigen.vectors[:, 10:] @ np.random.default_rng(8).normal(size=30)
    Y = np.column_stack([problem.y, inside, inside + problem.X @ [1.0, 2.0]])
    found = summits_of_few([tridiagonal(problem.K)], Y, [problem.X], reml)
    assert found.certain.tolist() == [True, False, False]
    alone = lmm.estimate_hsq(lmm.rotate(eigen, Y[:, :1], problem.X)[0], reml)
    assert not alone.unbounded and found.hsq[0] == pytest.approx(alone.hsq, rel=0.0, abs=tolerance("many_hsq"))


@CRITERIA
@pytest.mark.parametrize("weighted", [False, True])
def test_missing_values_are_covariates(reml, weighted, tolerance):
    """hsq of those who have a value, from the decomposition of all."""
    problem = simulated(n=60, p=2, weighted=weighted)
    rng = np.random.default_rng(7)
    Y = np.column_stack([problem.y, *rng.normal(size=(5, 60))])
    lacking = np.array([rng.choice(60, 4, replace=False) for _ in range(6)])
    eigen = lmm.eigen_decomposition(problem.K, problem.weights)
    rotated = lmm.rotate(eigen, Y, problem.X)
    root = np.ones(60) if problem.weights is None else np.sqrt(problem.weights)
    missing = np.stack([(root[which][:, None] * eigen.vectors[which]).T for which in lacking])
    found = summits_with_missing(eigen, np.column_stack([one.y for one in rotated]), rotated[0].X, missing, reml)
    assert found.certain.all()
    for j, which in enumerate(lacking):
        keep = np.setdiff1d(np.arange(60), which)
        own = lmm.eigen_decomposition(problem.K[np.ix_(keep, keep)], None if problem.weights is None else problem.weights[keep])
        alone, = lmm.rotate(own, Y[keep][:, [j]], problem.X[keep])
        assert found.hsq[j] == pytest.approx(lmm.estimate_hsq(alone, reml).hsq, rel=0.0, abs=tolerance("many_hsq"))


@CRITERIA
def test_a_slightly_negative_eigenvalue(reml, tolerance):
    """V turns singular before h = 1: a pole of the weights, near which nothing is taken from series."""
    rng = np.random.default_rng(9)
    values = np.r_[np.full(6, -6e-6), np.linspace(0.01, 1.0, 54)]
    eigen = lmm.Eigen(values, np.eye(60))
    hsq = rng.choice([0.5, 0.99, 0.9999, 0.99999], size=300)
    Y = np.sqrt(np.outer(values, hsq) + 1.0 - hsq) * rng.normal(size=(60, 300))
    rotated = lmm.rotate(eigen, Y, np.ones((60, 1)))
    found = together(rotated, reml)
    assert found.certain.any()
    for j in np.flatnonzero(found.certain):
        alone = lmm.estimate_hsq(rotated[j], reml)
        fit = lmm.least_squares(rotated[j], found.hsq[j])
        assert lmm.loglik(rotated[j], fit, reml) == pytest.approx(alone.loglik, rel=tolerance("many_loglik"))
