import numpy as np
import pytest
from hypothesis import given
from lmm_problems import Problem, loglik_at, problems, simulated, with_eigenvalues
from scipy import linalg, stats

from lmmbridge import lmm


def gls(problem):
    """β̂, Q and (X'V⁻¹X)⁻¹ from the dense V."""
    V_inverse_X = np.linalg.solve(problem.V, problem.X)
    inverse = np.linalg.inv(problem.X.T @ V_inverse_X)
    beta = inverse @ (V_inverse_X.T @ problem.y)
    residual = problem.y - problem.X @ beta
    return beta, residual @ np.linalg.solve(problem.V, residual), inverse


def positive_definite_range(values):
    """The h, beyond [0, 1] too, between which hλ + 1 − h is positive for all λ."""
    poles = 1.0 / (1.0 - values[values != 1.0])
    return max(poles[poles < 0.0], default=-1.0), min(poles[poles > 0.0], default=2.0)


def derivatives(function, at, step):
    """First and second derivative by central differences of order 8."""
    ahead = np.array([function(at + k * step) for k in (1, 2, 3, 4)])
    behind = np.array([function(at - k * step) for k in (1, 2, 3, 4)])
    first = np.array([4 / 5, -1 / 5, 4 / 105, -1 / 280]) @ (ahead - behind) / step
    second = np.array([8 / 5, -1 / 5, 8 / 315, -1 / 560]) @ (ahead + behind - 2.0 * function(at)) / step**2
    return first, second


@given(problem=problems())
def test_ML_is_the_density_at_the_gls_estimates(problem, tolerance):
    n = len(problem.y)
    beta, rss, _ = gls(problem)
    density = stats.multivariate_normal.logpdf(problem.y, problem.X @ beta, rss / n * problem.V)
    assert loglik_at(problem.rotated(), problem.hsq, False) == pytest.approx(
        density, rel=tolerance("density"), abs=tolerance("density"))


@given(problem=problems())
def test_REML_is_the_density_of_the_error_contrasts(problem, tolerance):
    n, p = problem.X.shape
    _, rss, _ = gls(problem)
    A = linalg.null_space(problem.X.T / np.linalg.norm(problem.X, axis=0)[:, None])
    assert A.shape == (n, n - p)
    density = stats.multivariate_normal.logpdf(A.T @ problem.y, np.zeros(n - p), rss / (n - p) * A.T @ problem.V @ A)
    assert loglik_at(problem.rotated(), problem.hsq, True) == pytest.approx(
        density, rel=tolerance("density"), abs=tolerance("density"))


@given(problem=problems())
def test_least_squares_is_gls(problem, tolerance):
    beta, rss, inverse = gls(problem)
    fit = lmm.least_squares(problem.rotated(), problem.hsq)
    # |βⱼ| is at most √(y'V⁻¹y · (X'V⁻¹X)⁻¹ⱼⱼ) (Cauchy-Schwarz): errors are judged on this scale.
    y_norm = np.sqrt(problem.y @ np.linalg.solve(problem.V, problem.y))
    beta_scale = np.sqrt(np.diag(inverse))
    assert np.all(np.abs(fit.beta - beta) <= tolerance("gls") * y_norm * beta_scale)
    assert fit.rss == pytest.approx(rss, rel=tolerance("gls"))
    assert fit.residuals @ fit.residuals == fit.rss
    assert np.all(np.abs(fit.XtViX_inverse - inverse) <= tolerance("gls") * np.outer(beta_scale, beta_scale))
    assert fit.logdet_XtViX == pytest.approx(-np.linalg.slogdet(inverse)[1], abs=tolerance("gls"))


@pytest.mark.parametrize("reml", [True, False])
@given(problem=problems())
def test_score_and_curvature_are_the_derivatives_of_loglik(problem, reml, tolerance):
    rotated = problem.rotated()
    low, high = positive_definite_range(rotated.eigen.values)
    room = min(problem.hsq - low, high - problem.hsq)
    first, second = derivatives(lambda hsq: loglik_at(rotated, hsq, reml), problem.hsq, 0.02 * room)
    fit = lmm.least_squares(rotated, problem.hsq)
    # The kth derivative of a log likelihood whose nearest singularity is `room` away is of order n/roomᵏ.
    n = len(problem.y)
    assert abs(lmm.score(rotated, fit, reml) - first) * room / n <= tolerance("score")
    assert abs(lmm.curvature(rotated, fit, reml) - second) * room**2 / n <= tolerance("curvature")


def test_degrees_of_freedom():
    rotated = simulated(n=40, p=3).rotated()
    assert lmm.degrees_of_freedom(rotated, True) == 37
    assert lmm.degrees_of_freedom(rotated, False) == 40


def test_weights_of_one_are_no_weights(tolerance):
    problem = simulated()
    weighted = problem.but(weights=np.ones(len(problem.y)))
    for reml in (True, False):
        assert loglik_at(weighted.rotated(), 0.3, reml) == pytest.approx(
            loglik_at(problem.rotated(), 0.3, reml), rel=tolerance("density"))


@pytest.mark.parametrize("smallest, hsq", [(0.0, 1.0), (-0.5, 0.8), (-0.5, 1.0)])
def test_least_squares_refuses_a_V_that_is_not_positive_definite(smallest, hsq):
    rng = np.random.default_rng(3)
    K = with_eigenvalues([smallest, 1.0, 2.0, 3.0, 4.0], rng)
    rotated = Problem(rng.normal(size=5), np.ones((5, 1)), K).rotated()
    with pytest.raises(ValueError, match="not positive definite"):
        lmm.least_squares(rotated, hsq)


def test_eigenvalues_that_are_zero_to_rounding_are_zero():
    G = np.random.default_rng(4).normal(size=(30, 7))
    eigen = lmm.eigen_decomposition(G @ G.T)
    assert np.all(eigen.values[:23] == 0.0)
    assert eigen.rank == 7


def test_eigenvectors_diagonalise_the_weighted_kinship(tolerance):
    problem = simulated(weighted=True)
    eigen = lmm.eigen_decomposition(problem.K, problem.weights)
    root = np.sqrt(problem.weights)
    again = eigen.vectors @ (eigen.values[:, None] * eigen.vectors.T)
    np.testing.assert_allclose(again, root[:, None] * problem.K * root, atol=tolerance("gls"))
    assert np.all(np.diff(eigen.values) >= 0.0)
