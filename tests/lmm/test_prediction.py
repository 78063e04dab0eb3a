"""BLUPs against Henderson's mixed-model equations, dense: no rotation, no V, no line shared with lmmbridge.lmm."""
import numpy as np
import pytest

from lmmbridge import lmm
from lmmbridge.lmm.blup import blup

CRITERIA = pytest.mark.parametrize("reml", [True, False], ids=["REML", "ML"])


def drawn(n=24, k=5, p=2, rank=None, effects=1.0, seed=1):
    """y, X, Z with effects of that standard deviation; the columns of Z depend on each other beyond `rank`."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(n), rng.normal(size=(n, p - 1))])
    Z = rng.uniform(0.0, 2.0, size=(n, k)) * np.arange(1, k + 1)
    if rank is not None:
        Z = Z[:, :rank] @ rng.normal(size=(rank, k))
    return X @ np.arange(1.0, p + 1.0) + effects * Z @ rng.normal(size=k) + rng.normal(size=n), X, Z


def mixed_model_equations(y, X, Z, h, reml):
    """[X'X X'Z; Z'X Z'Z + (1−h)/h I] (b, u) = (X'y, Z'y); its inverse times (1−h)σ² is var(b̂, û − u)."""
    n, p = X.shape
    both = np.column_stack([X, Z])
    C = both.T @ both
    C[p:, p:] += (1.0 - h) / h * np.eye(Z.shape[1])
    C = np.linalg.inv(C)
    found = C @ both.T @ y
    # y'V⁻¹(y − Xb̂), with V⁻¹(y − Xb̂) = (y − Xb̂ − Zû)/(1−h).
    sigmasq = y @ (y - both @ found) / (1.0 - h) / (n - p if reml else n)
    se = np.sqrt((1.0 - h) * sigmasq * np.diag(C))
    return found[:p], se[:p], found[p:], se[p:], sigmasq


@CRITERIA
@pytest.mark.parametrize("case", [
    pytest.param({}, id="more individuals than columns"),
    pytest.param({"k": 40, "effects": 0.05}, id="more columns than individuals"),
    pytest.param({"k": 24, "effects": 0.02, "seed": 4}, id="as many"),
    pytest.param({"k": 6, "rank": 2}, id="dependent columns"),
    pytest.param({"k": 1, "p": 1}, id="one column"),
    pytest.param({"p": 4, "effects": 0.1}, id="more covariates"),
])
def test_as_the_mixed_model_equations(case, reml, tolerance):
    y, X, Z = drawn(**case)
    found = blup(y, X, Z, reml)
    h = found.maximum.hsq
    assert 0.0 < h < 1.0
    rotated = lmm.rotate(lmm.eigen_decomposition(Z @ Z.T), y[:, None], X)[0]
    assert h == pytest.approx(lmm.estimate_hsq(rotated, reml).hsq, rel=tolerance("blup_two_decompositions"))
    beta, beta_se, u, u_se, sigmasq = mixed_model_equations(y, X, Z, h, reml)
    close = {"rtol": tolerance("mixed_model_equations"), "atol": tolerance("mixed_model_equations")}
    np.testing.assert_allclose(found.beta, beta, **close)
    np.testing.assert_allclose(found.beta_se, beta_se, **close)
    np.testing.assert_allclose(found.u, u, **close)
    np.testing.assert_allclose(found.u_se, u_se, **close)
    assert found.sigmasq == pytest.approx(sigmasq, rel=tolerance("mixed_model_equations"))


def test_REML_is_the_default():
    y, X, Z = drawn()
    assert blup(y, X, Z).maximum == blup(y, X, Z, True).maximum != blup(y, X, Z, False).maximum


def test_no_effects_where_their_variance_is_estimated_as_0(tolerance):
    """û = 0, known to be; b̂ and its standard errors are those of ordinary least squares."""
    y, X, Z = drawn(effects=0.0)
    both = np.column_stack([X, Z])
    y = X @ [1.0, 2.0] + y - both @ np.linalg.lstsq(both, y, rcond=None)[0]
    found = blup(y, X, Z)
    assert found.maximum.hsq == 0.0 and found.maximum.boundary == "0"
    assert np.all(found.u == 0.0) and np.all(found.u_se == 0.0)
    beta, (rss,), *_ = np.linalg.lstsq(X, y, rcond=None)
    sigmasq = rss / (len(y) - X.shape[1])
    np.testing.assert_allclose(found.beta, beta, rtol=tolerance("mixed_model_equations"))
    np.testing.assert_allclose(found.beta_se, np.sqrt(sigmasq * np.diag(np.linalg.inv(X.T @ X))),
                               rtol=tolerance("mixed_model_equations"))


def test_effects_that_explain_all_where_the_residual_variance_is_estimated_as_0(tolerance):
    y, X, Z = drawn(k=24, effects=0.1)
    found = blup(y, X, Z, reml=False)
    assert found.maximum.hsq == 1.0 and found.maximum.boundary == "1"
    np.testing.assert_allclose(X @ found.beta + Z @ found.u, y, rtol=tolerance("mixed_model_equations"))


@CRITERIA
def test_no_predictors_where_the_likelihood_is_unbounded(reml):
    """A phenotype that Z explains to the last digit."""
    _, X, Z = drawn(k=5)
    found = blup(Z @ np.arange(1.0, 6.0) + X @ [1.0, 2.0], X, Z, reml)
    assert found.maximum.unbounded
    for values, size in ((found.u, 5), (found.u_se, 5), (found.beta, 2), (found.beta_se, 2)):
        assert values.shape == (size,) and np.all(np.isnan(values))
    assert np.isnan(found.sigmasq)


@pytest.mark.parametrize("factor, counts", [(1.5, True), (1.0, False), (0.75, False)])
def test_directions_of_Z_that_are_rounding_do_not_count(factor, counts, tolerance):
    """Squared singular values up to n·ε of the largest are zero; here that moves ĥ."""
    n, largest = 64, 2.0**20
    small = np.sqrt(factor * n * np.finfo(float).eps) * largest     # with factor 1 a power of 2
    y = np.random.default_rng(5).normal(size=n) * np.repeat([1e6, 0.1], [6, 58])
    found, without = (blup(y, np.ones((n, 1)), np.diag(np.repeat([largest, rest], [6, 58]))) for rest in (small, 0.0))
    assert without.maximum.boundary is None
    same = found.maximum.hsq == pytest.approx(without.maximum.hsq, rel=tolerance("mixed_model_equations"))
    assert same is not counts
