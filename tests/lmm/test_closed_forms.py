"""Fits at given h against the formulas of `lmmbridge.lmm.likelihood`, written out in 40 digits for six individuals."""
import mpmath
import numpy as np
import pytest
from lmm_problems import Problem
from mpmath import mp

from lmmbridge import lmm

DIGITS = 40
KINSHIP = np.array([[4, 1, 0, 2, 0, 1], [1, 3, 1, 0, 0, 0], [0, 1, 5, 1, 2, 0], [2, 0, 1, 2, 0, 0], [0, 0, 2, 0, 6, 1],
                    [1, 0, 0, 0, 1, 1]])
PROBLEM = Problem(np.array([3.0, -1.0, 4.0, 1.0, -5.0, 9.0]),
                  np.array([[1, 0], [1, 2], [1, -3], [1, 1], [1, 0], [1, 5]]), KINSHIP)
PROBLEMS = pytest.mark.parametrize("problem", [
    pytest.param(PROBLEM, id="plain"),
    pytest.param(PROBLEM.but(weights=np.array([2.0, 1.0, 0.5, 3.0, 4.0, 0.25])), id="weights"),
    pytest.param(PROBLEM.but(X=PROBLEM.X[:, :1]), id="a constant only"),
    pytest.param(PROBLEM.but(K=np.diag([3.0, 0.5, 2.0, 7.0, 1.0, 0.25])), id="diagonal"),
    pytest.param(PROBLEM.but(K=np.eye(6)), id="identity"),
    pytest.param(PROBLEM.but(K=np.eye(6), weights=np.arange(1.0, 7.0)), id="identity, weights"),
])
HSQ = pytest.mark.parametrize("hsq", [0.0, 0.25, 0.875, 1.0])
CRITERIA = pytest.mark.parametrize("reml", [True, False], ids=["REML", "ML"])


def exact_fit(problem, hsq):
    """β, Q, (X'V⁻¹X)⁻¹, V in exact arithmetic of DIGITS digits."""
    X, y = mp.matrix(problem.X.tolist()), mp.matrix(problem.y.tolist())
    weights = np.ones(len(problem.y)) if problem.weights is None else problem.weights
    V = hsq * mp.matrix(problem.K.tolist()) + (1 - hsq) * mp.diag([1 / mp.mpf(w) for w in weights])
    inverse = (X.T * V**-1 * X) ** -1
    beta = inverse * X.T * V**-1 * y
    residual = y - X * beta
    return beta, (residual.T * V**-1 * residual)[0], inverse, V


def exact_loglik(problem, hsq, reml):
    n, p = problem.X.shape
    _, rss, inverse, V = exact_fit(problem, hsq)
    X = mp.matrix(problem.X.tolist())
    df = n - p if reml else n
    twice = df * (mp.log(2 * mp.pi) + mp.log(rss / df) + 1) + mp.log(mp.det(V))
    if reml:
        twice += -mp.log(mp.det(inverse)) - mp.log(mp.det(X.T * X))
    return -twice / 2


def fitted(problem, hsq):
    rotated = problem.rotated()
    return rotated, lmm.least_squares(rotated, hsq)


@PROBLEMS
@HSQ
def test_least_squares(problem, hsq, tolerance):
    rotated, fit = fitted(problem, hsq)
    with mpmath.workdps(DIGITS):
        beta, rss, inverse, V = exact_fit(problem, mp.mpf(hsq))
        logdet = float(mp.log(mp.det(V)))
    close = {"rtol": tolerance("closed_form"), "atol": tolerance("closed_form")}
    np.testing.assert_allclose(fit.beta, [float(b) for b in beta], **close)
    np.testing.assert_allclose(fit.rss, float(rss), **close)
    np.testing.assert_allclose(fit.XtViX_inverse, np.array(inverse.tolist(), dtype=float), **close)
    np.testing.assert_allclose(np.sum(np.log(fit.d)) - rotated.logdet_W, logdet, **close)
    np.testing.assert_allclose(fit.basis @ fit.R, rotated.X / np.sqrt(fit.d)[:, None], **close)
    np.testing.assert_allclose(fit.basis.T @ fit.residuals, 0.0, **close)
    assert fit.hsq == hsq


@PROBLEMS
@HSQ
@CRITERIA
def test_likelihood_and_its_derivatives(problem, hsq, reml, tolerance):
    rotated, fit = fitted(problem, hsq)
    with mpmath.workdps(DIGITS):
        exact = [float(mp.diff(lambda h: exact_loglik(problem, h, reml), mp.mpf(hsq), order)) for order in (0, 1, 2)]
    found = [function(rotated, fit, reml) for function in (lmm.loglik, lmm.score, lmm.curvature)]
    np.testing.assert_allclose(found, exact, rtol=tolerance("closed_form"), atol=tolerance("closed_form"))


@CRITERIA
def test_K_in_the_span_of_identity_is_ordinary_least_squares(reml, tolerance):
    """V = (2h + 1 − h)I: REML* and ML* are those of the linear model, whatever h."""
    n, p = PROBLEM.X.shape
    beta, (rss,), *_ = np.linalg.lstsq(PROBLEM.X, PROBLEM.y, rcond=None)
    df = n - p if reml else n
    for hsq in (0.0, 0.5, 1.0):
        rotated, fit = fitted(PROBLEM.but(K=2.0 * np.eye(n)), hsq)
        np.testing.assert_allclose(fit.beta, beta, rtol=tolerance("closed_form"))
        np.testing.assert_allclose(lmm.loglik(rotated, fit, reml), -0.5 * df * (np.log(2.0 * np.pi * rss / df) + 1.0),
                                   rtol=tolerance("closed_form"))


def test_phenotypes_are_columns(tolerance):
    eigen = lmm.eigen_decomposition(PROBLEM.K)
    Y = np.column_stack([PROBLEM.y, PROBLEM.y**2, -PROBLEM.y])
    together = lmm.rotate(eigen, Y, PROBLEM.X)
    assert len(together) == 3
    for y, rotated in zip(Y.T, together):
        np.testing.assert_allclose(eigen.vectors @ rotated.y, y, atol=tolerance("closed_form"))


def test_eigenvalues_that_are_zero_to_rounding():
    """Up to n·ε·λmax an eigenvalue counts as zero, n counting as 30 at least; negative ones beyond that stay."""
    largest = 4.0
    zero = 30 * np.finfo(float).eps * largest
    assert lmm.Eigen(np.full(31, largest), np.eye(31)).zero == 31 * np.finfo(float).eps * largest
    for value, kept in ((1.5 * zero, True), (zero, False), (0.75 * zero, False), (-zero, False), (-1.5 * zero, True)):
        eigen = lmm.eigen_decomposition(np.diag([1.0, value, largest, 2.0]))
        assert eigen.zero == zero
        assert sorted(eigen.values) == sorted([1.0, value if kept else 0.0, largest, 2.0])
        assert eigen.rank == (4 if value > zero else 3)
    assert lmm.Eigen(np.array([zero, largest, largest, largest]), np.eye(4)).rank == 3


def test_K_of_zeros_has_rank_zero():
    eigen = lmm.eigen_decomposition(np.zeros((3, 3)))
    assert eigen.zero == 0.0
    assert eigen.rank == 0


def test_no_positive_eigenvalue():
    eigen = lmm.Eigen(np.array([-2.0, -0.5]), np.eye(2))
    assert eigen.zero == 0.0
    assert eigen.rank == 0
