"""The mixed models by dense matrices and normal equations: nothing rotated, no line shared with lmmbridge.lmm."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize


@dataclass(frozen=True)
class Gls:
    """β, (X'V⁻¹X)⁻¹, Q = (y − Xβ)'V⁻¹(y − Xβ), σ² = Q/(n − p), standard errors."""

    beta: np.ndarray
    inverse: np.ndarray
    rss: float
    sigmasq: float

    @property
    def se(self) -> np.ndarray:
        return np.sqrt(self.sigmasq * np.diag(self.inverse))


def covariance(kinship: np.ndarray, hsq: float, weights: np.ndarray | None = None) -> np.ndarray:
    """V = h2K + (1 − h)W⁻¹."""
    weights = np.ones(len(kinship)) if weights is None else weights
    return 2.0 * hsq * kinship + (1.0 - hsq) * np.diag(1.0 / weights)


def gls(y: np.ndarray, X: np.ndarray, V: np.ndarray) -> Gls:
    """Generalised least squares."""
    ViX = np.linalg.solve(V, X)
    beta = np.linalg.solve(X.T @ ViX, ViX.T @ y)
    residuals = y - X @ beta
    rss = float(residuals @ np.linalg.solve(V, residuals))
    return Gls(beta, np.linalg.inv(X.T @ ViX), rss, rss / (X.shape[0] - X.shape[1]))


def lod(y: np.ndarray, X_null: np.ndarray, X: np.ndarray, V: np.ndarray) -> float:
    """(n/2) log10(Q0/Q1)."""
    return 0.5 * len(y) * np.log10(gls(y, X_null, V).rss / gls(y, X, V).rss)


def reml(y: np.ndarray, X: np.ndarray, V: np.ndarray) -> float:
    """The REML log likelihood profiled over σ², without its constants."""
    df = X.shape[0] - X.shape[1]
    return -0.5 * (df * np.log(gls(y, X, V).rss) + np.linalg.slogdet(V)[1]
                   + np.linalg.slogdet(X.T @ np.linalg.solve(V, X))[1])


def highest(loglik, points: int = 20) -> float:
    """The h in (0, 1) where loglik is highest: a grid, then Brent between the neighbours of its best point."""
    grid = np.linspace(0.0, 1.0, points + 1)[1:-1]
    best = int(np.argmax([loglik(h) for h in grid]))
    low, high = (grid[best - 1] if best else 0.0), (grid[best + 1] if best < len(grid) - 1 else 1.0)
    return float(optimize.minimize_scalar(lambda h: -loglik(h), bounds=(low, high), method="bounded",
                                          options={"xatol": 1e-10}).x)


@dataclass(frozen=True)
class Predicted:
    """û and b̂ one after the other, and their standard errors."""

    effects: np.ndarray
    se: np.ndarray


def henderson(y: np.ndarray, X: np.ndarray, Z: np.ndarray, sigmasq_u: float, R: np.ndarray) -> Predicted:
    """Henderson's mixed model equations for y = Xb + Zu + e, var(u) = σ_u²I, var(e) = R."""
    k = Z.shape[1]
    W = np.column_stack([Z, X])
    C = W.T @ np.linalg.solve(R, W)
    C[:k, :k] += np.eye(k) / sigmasq_u
    return Predicted(np.linalg.solve(C, W.T @ np.linalg.solve(R, y)), np.sqrt(np.diag(np.linalg.inv(C))))


def marginal(y: np.ndarray, X: np.ndarray, Z: np.ndarray, sigmasq_u: float, R: np.ndarray) -> np.ndarray:
    """û = σ_u²Z'V⁻¹(y − Xb̂) and b̂ with V = σ_u²ZZ' + R."""
    V = sigmasq_u * Z @ Z.T + R
    beta = gls(y, X, V).beta
    return np.concatenate([sigmasq_u * Z.T @ np.linalg.solve(V, y - X @ beta), beta])
