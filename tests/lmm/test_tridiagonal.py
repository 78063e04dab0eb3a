"""The coordinates in which K is tridiagonal, against those of the eigenvectors."""
import numpy as np
import pytest
from hypothesis import assume, given
from lmm_problems import problems, simulated

from lmmbridge import lmm
from lmmbridge.lmm.weight_basis import WORST_CONDITION, condition


def both(problem):
    """The problem in the coordinates of the eigenvectors, and in those in which K is tridiagonal."""
    return [lmm.rotate(decompose(problem.K, problem.weights), problem.y[:, None], problem.X)[0]
            for decompose in (lmm.eigen_decomposition, lmm.tridiagonal)]


@pytest.mark.parametrize("reml", [True, False], ids=["REML", "ML"])
@given(problem=problems())
def test_a_likelihood_and_its_derivatives_are_the_same(problem, reml, tolerance):
    one, other = both(problem)
    assume(condition(one.eigen.values, np.array([problem.hsq]))[0] <= WORST_CONDITION)
    theirs, ours = (lmm.least_squares(rotated, problem.hsq) for rotated in (one, other))
    n, limit = len(problem.y), tolerance("tridiagonal")
    assert ours.rss == pytest.approx(theirs.rss, rel=limit)
    errors = np.sqrt(np.diag(theirs.XtViX_inverse) * theirs.rss)
    assert np.all(np.abs(ours.beta - theirs.beta) <= limit * np.maximum(errors, np.abs(theirs.beta)))
    np.testing.assert_allclose(ours.XtViX_inverse, theirs.XtViX_inverse, rtol=0.0, atol=limit * np.max(
        np.sqrt(np.outer(*[np.diag(theirs.XtViX_inverse)] * 2))))
    a = np.abs((one.eigen.values - 1.0) / theirs.d)
    assert abs(lmm.loglik(other, ours, reml) - lmm.loglik(one, theirs, reml)) <= limit * (n + abs(lmm.loglik(one, theirs, reml)))
    assert abs(lmm.score(other, ours, reml) - lmm.score(one, theirs, reml)) <= limit * n * np.max(a)
    assert abs(lmm.curvature(other, ours, reml) - lmm.curvature(one, theirs, reml)) <= limit * n * np.max(a) ** 2


@pytest.mark.parametrize("reml", [True, False], ids=["REML", "ML"])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_fit_is_the_same(weighted, reml, tolerance):
    one, other = (lmm.fit(rotated, reml) for rotated in both(simulated(n=60, p=3, weighted=weighted)))
    for name in ("hsq", "sigmasq", "beta", "beta_se", "beta_cov", "loglik", "hsq_se", "hsq_interval", "cond_V"):
        np.testing.assert_allclose(getattr(other, name), getattr(one, name), rtol=tolerance("same_fit"), err_msg=name)
    assert (one.notes, one.boundary, one.converged, one.rank_K) == (other.notes, other.boundary, other.converged, other.rank_K)


def test_where_v_is_no_covariance_it_is_said():
    problem = simulated(n=20, p=1)
    K = problem.K - 2.0 * np.max(np.linalg.eigvalsh(problem.K)) * np.outer(*[np.eye(20)[0]] * 2)
    for rotated in both(problem.but(K=K)):
        with pytest.raises(ValueError, match="at hsq = 0.99 the covariance matrix is not positive definite"):
            lmm.least_squares(rotated, 0.99)


def test_a_singular_kinship_is_refused_where_its_null_space_matters():
    problem = simulated(n=20, p=1, rank=15)
    rotated, = lmm.rotate(lmm.tridiagonal(problem.K), problem.y[:, None], problem.X)
    with pytest.raises(ValueError, match="K is singular: .* take eigen_decomposition"):
        lmm.fit(rotated)
