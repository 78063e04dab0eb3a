"""Every ledger entry against multivariate normal densities written out, with nothing of the engines in the expectation."""
import numpy as np
import pytest
from scipy import linalg, stats

from lmmbridge.agreement.ledger import LEDGER
from lmmbridge.engines import ENGINES
from lmmbridge.inputs import Data

#: (engine, with weights) for those that take them.
CASES = [(name, weighted) for name in LEDGER for weighted in (False, True) if ENGINES[name].takes_weights or not weighted]
HSQ = np.array([[0.0], [0.3], [0.85]])


def problem(weighted: bool, seed: int = 5) -> Data:
    rng = np.random.default_rng(seed)
    n = 24
    G = rng.normal(size=(n, 40))
    X = np.column_stack([np.ones(n), np.arange(n) % 2, rng.normal(size=n)])
    y = X @ [3.0, 1.0, -2.0] + G @ rng.normal(size=40) / 9 + rng.normal(size=n)
    weights = rng.choice([0.25, 1.0, 4.0], size=n) if weighted else None
    K = G @ G.T / 40
    return Data(tuple(f"i{i}" for i in range(n)), ("y",), (0,), ("intercept", "group", "size"), y[:, None], X,
                (K + K.T) / 2, weights, ())


def covariance(data: Data, h: float) -> np.ndarray:
    noise = np.ones(len(data.ids)) if data.weights is None else 1 / data.weights
    return h * data.K + (1 - h) * np.diag(noise)


def brute_force(data: Data, h: float, reml: bool) -> tuple[float, float, np.ndarray]:
    """Log density of y (ML) or of n − p orthonormal error contrasts (REML) at the estimates; σ²; β."""
    y, X, V = data.Y[:, 0], data.X, covariance(data, h)
    n, p = X.shape
    Vi = np.linalg.inv(V)
    beta = np.linalg.solve(X.T @ Vi @ X, X.T @ Vi @ y)
    Q = (y - X @ beta) @ Vi @ (y - X @ beta)
    sigmasq = Q / (n - p if reml else n)
    if reml:
        A = linalg.null_space(X.T)
        return stats.multivariate_normal.logpdf(A.T @ y, cov=sigmasq * A.T @ V @ A), sigmasq, beta
    return stats.multivariate_normal.logpdf(y, mean=X @ beta, cov=sigmasq * V), sigmasq, beta


@pytest.mark.parametrize("reml", [True, False], ids=["REML", "ML"])
@pytest.mark.parametrize("name, weighted", CASES)
def test_translated_answers_are_the_densities(name, reml, weighted, live, tolerance):
    engine, convention, data = live(name), LEDGER[name], problem(weighted)
    native = engine.at_hsq(data, convention.to_native_hsq(HSQ), reml)
    answer = convention.translate_evaluation(native, HSQ, data, reml)
    for row, h in enumerate(HSQ[:, 0]):
        loglik, sigmasq, beta = brute_force(data, h, reml)
        np.testing.assert_allclose(answer.loglik[row, 0], loglik, rtol=tolerance("density"))
        if "sigmasq" in engine.computes:
            np.testing.assert_allclose(answer.sigmasq[row, 0], sigmasq, rtol=tolerance("density"))
        if "beta" in engine.computes:
            np.testing.assert_allclose(answer.beta[row, :, 0], beta, rtol=tolerance("density"))


@pytest.mark.parametrize("reml", [True, False], ids=["REML", "ML"])
@pytest.mark.parametrize("name, weighted", CASES)
def test_translated_optimum_is_the_density_there(name, reml, weighted, live, tolerance):
    engine, convention, data = live(name), LEDGER[name], problem(weighted)
    answer = convention.translate_optimum(engine.optimum(data, reml), data, reml)
    loglik, _, _ = brute_force(data, answer.hsq[0], convention.optimum_is_reml(reml))
    sigmasq = brute_force(data, answer.hsq[0], reml)[1]
    np.testing.assert_allclose(answer.loglik[0], loglik, rtol=tolerance("density"))
    np.testing.assert_allclose(answer.sigmasq[0], sigmasq, rtol=tolerance("density"))


@pytest.mark.parametrize("name", list(LEDGER))
def test_hsq_conversion_gives_the_same_covariance_up_to_scale(name, tolerance):
    data, convention = problem(False), LEDGER[name]
    for h in (0.0, 0.2, 0.9, 1.0):
        native = convention.to_native_hsq(np.array(h))
        V = covariance(data, h)
        W = native * convention.kinship_multiple * data.K + (1 - native) * np.eye(len(V))
        np.testing.assert_allclose(W / np.trace(W), V / np.trace(V), rtol=0, atol=tolerance("rounding"))
        np.testing.assert_allclose(convention.from_native_hsq(native), h, rtol=0, atol=tolerance("rounding"))
