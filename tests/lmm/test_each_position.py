"""h at each position, all together, against each position's own fit."""
import doctest
import importlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lmm_problems import orthogonal, problems, simulated

from lmmbridge import lmm

CRITERIA = pytest.mark.parametrize("reml", [True, False], ids=["REML", "ML"])


def assert_as_alone(problem, G, reml, tolerance, at_least):
    """G (k, b, n), not rotated."""
    k, b, n = G.shape
    eigen = lmm.eigen_decomposition(problem.K, problem.weights)
    rotated, = lmm.rotate(eigen, problem.y[:, None], problem.X)
    designs = [np.column_stack([problem.X, *G[:, i]]) for i in range(b)]
    root = 1.0 if problem.weights is None else np.sqrt(problem.weights)
    given = None if problem.weights is None else np.array([np.linalg.slogdet(X.T @ X)[1] for X in designs])
    found = lmm.each_position(eigen, rotated.y, rotated.X, (G * root) @ eigen.vectors, reml, given)
    assert np.mean(found.certain) >= at_least
    assert np.isnan(found.beta[:, ~found.certain]).all()
    for i in np.flatnonzero(found.certain):
        alone, = lmm.rotate(eigen, problem.y[:, None], designs[i])
        maximum = lmm.estimate_hsq(alone, reml)
        assert maximum.unbounded == found.unbounded[i]
        hsq, loglik = maximum.bounded
        assert found.loglik[i] == pytest.approx(loglik, rel=tolerance("each_position"), abs=tolerance("each_position"))
        fit = lmm.least_squares(alone, found.hsq[i])
        assert found.rss[i] == pytest.approx(fit.rss, rel=tolerance("each_position"))
        errors = np.sqrt(np.diag(fit.XtViX_inverse)[-k:] * fit.rss / (n - len(fit.beta)))
        assert np.all(np.abs(found.beta[:, i] - fit.beta[-k:]) <= tolerance("each_position") * np.maximum(
            errors, np.abs(fit.beta[-k:])))
        np.testing.assert_allclose(found.standard_error[:, i], errors, rtol=tolerance("each_position"))


@CRITERIA
@given(problem=problems(), k=st.integers(1, 3), seed=st.integers(0, 10**6))
def test_each_as_alone_whatever_the_problem(problem, k, seed, reml, tolerance):
    G = np.random.default_rng(seed).normal(size=(k, 4, len(problem.y)))
    assert_as_alone(problem, G, reml, tolerance, 0.0)


@CRITERIA
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("k", [1, 3])
def test_well_posed_positions_are_all_found(k, weighted, reml, tolerance):
    problem = simulated(n=60, p=2, weighted=weighted)
    assert_as_alone(problem, np.random.default_rng(2).binomial(2, 0.4, size=(k, 60, 60)).astype(float), reml, tolerance, 0.95)


def test_the_example_in_the_docstring():
    module = importlib.import_module("lmmbridge.lmm.each_position")     # lmm.each_position is the function
    found = doctest.testmod(module)
    assert found.attempted > 0 and found.failed == 0


@pytest.mark.parametrize("shape", [(4, 30), (30, 4, 2), (1, 30, 4)])
def test_axes_in_another_order_are_refused(shape):
    rotated = simulated(n=30, p=2).rotated()
    with pytest.raises(ValueError, match="give k genotype columns of b positions for 30 individuals"):
        lmm.each_position(rotated.eigen, rotated.y, rotated.X, np.ones(shape))


@CRITERIA
def test_centred_kinship(reml, tolerance):
    """Its null space is that of the intercept: ML grows without bound, and its maximum before that is found."""
    rng = np.random.default_rng(3)
    problem = simulated(n=50, p=1)
    centring = np.eye(50) - 1.0 / 50
    K = centring @ problem.K @ centring
    problem = problem.but(K=(K + K.T) / 2.0, y=problem.y + np.linalg.cholesky(problem.K) @ rng.normal(size=50))
    assert_as_alone(problem, rng.binomial(2, 0.4, size=(1, 30, 50)).astype(float), reml, tolerance, 0.9 if reml else 0.7)


def test_dependent_columns_are_left_to_others():
    problem = simulated(n=40, p=2)
    eigen = lmm.eigen_decomposition(problem.K)
    rotated, = lmm.rotate(eigen, problem.y[:, None], problem.X)
    free = np.random.default_rng(4).normal(size=40)
    G = np.stack([free, problem.X[:, 1], np.ones(40), np.zeros(40), free + 1e-12])[None] @ eigen.vectors
    found = lmm.each_position(eigen, rotated.y, rotated.X, G)
    assert found.certain.tolist() == [True, False, False, False, True]
    assert np.isnan(found.hsq[1:4]).all()
    none = lmm.each_position(eigen, rotated.y, rotated.X, G[:, 1:4])
    assert not none.certain.any() and np.isnan(none.loglik).all()


def test_no_individual_left_over():
    eigen = lmm.eigen_decomposition(np.eye(4) + 0.1 * orthogonal(4, np.random.default_rng(5)) ** 2)
    found = lmm.each_position(eigen, np.arange(4.0), np.ones((4, 1)), np.random.default_rng(6).normal(size=(3, 2, 4)))
    assert not found.certain.any()


def test_weights_need_the_constant_of_reml():
    problem = simulated(n=20, p=1, weighted=True)
    eigen = lmm.eigen_decomposition(problem.K, problem.weights)
    rotated, = lmm.rotate(eigen, problem.y[:, None], problem.X)
    G = np.random.default_rng(7).normal(size=(1, 2, 20))
    with pytest.raises(ValueError, match="with weights REML needs logdet_XtX"):
        lmm.each_position(eigen, rotated.y, rotated.X, G)
    assert lmm.each_position(eigen, rotated.y, rotated.X, G, reml=False).certain.shape == (2,)
