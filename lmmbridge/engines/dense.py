"""`dense`: the covariance matrix written out, V = hK + (1−h)W⁻¹, no rotation and no shortcut.

An oracle: nothing here is shared with `lmmbridge.lmm`, so that a fault in either moves only that one.
"""
from __future__ import annotations

import numpy as np
from scipy import linalg, optimize, special

from lmmbridge import __version__
from lmmbridge.engines.base import Availability, Engine, EngineFailure, Evaluation, Optimum
from lmmbridge.inputs import Data

#: Values of h on which the likelihood is tabulated before Brent climbs the highest: even steps of log h/(1−h).
TABLE = np.concatenate([[0.0], special.expit(np.linspace(-16.0, 16.0, 81))])
#: log h/(1−h) next to the ends: beyond, h or 1 − h is rounding.
ENDS = (-37.0, 36.0)
#: Columns are told apart down to this part of their length.
DEPENDENT = 1e-11


class DenseEngine(Engine):
    name = "dense"
    description = "V written out, Cholesky factor, generalised least squares; no rotation"
    linear_algebra = "Python's BLAS"
    search = "Brent (scipy, bounded) in log h/(1−h) around the highest point of a table; both ends tried"

    def availability(self) -> Availability:
        return Availability(__version__)

    def at_hsq(self, data: Data, hsq: np.ndarray, reml: bool) -> Evaluation:
        g, m = hsq.shape
        loglik, sigmasq = np.empty((g, m)), np.empty((g, m))
        beta = np.empty((g, data.X.shape[1], m))
        for i in range(g):
            for h in np.unique(hsq[i]):
                these = np.flatnonzero(hsq[i] == h)
                loglik[i, these], sigmasq[i, these], beta[i][:, these] = gls(data, h, data.Y[:, these], reml)
        return Evaluation(loglik, sigmasq, beta)

    def optimum(self, data: Data, reml: bool) -> Optimum:
        end = _last_hsq(data)
        table_h = np.append(TABLE[TABLE < end], end)
        table = np.array([gls(data, h, data.Y, reml)[0] for h in table_h])
        best = [self._search(data, data.Y[:, [j]], reml, table_h, table[:, j]) for j in range(data.Y.shape[1])]
        answers = [gls(data, h, data.Y[:, [j]], reml) for j, h in enumerate(best)]
        return Optimum(np.array(best), np.array([a[0][0] for a in answers]), np.array([a[1][0] for a in answers]),
                       np.column_stack([a[2][:, 0] for a in answers]))

    def _search(self, data: Data, y: np.ndarray, reml: bool, table_h: np.ndarray, table: np.ndarray) -> float:
        top = int(np.argmax(table))
        low, high = table_h[max(top - 1, 0)], table_h[min(top + 1, len(table_h) - 1)]
        with np.errstate(divide="ignore"):
            bounds = np.clip(special.logit([low, high]), *ENDS)
        found = optimize.minimize_scalar(lambda x: -gls(data, float(special.expit(x)), y, reml)[0][0], bounds=bounds,
                                         method="bounded", options={"xatol": 1e-10})
        return float(special.expit(found.x)) if -found.fun > table[top] else float(table_h[top])


def gls(data: Data, h: float, Y: np.ndarray, reml: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log likelihood (m,), σ² (m,) and β (p, m) of the columns of Y at fixed h.

    ML* is the multivariate normal log density of y at β̂ and σ̂² = Q/n. REML* is that of the n − p orthonormal error
    contrasts at σ̂² = Q/(n−p); its determinant is |A'VA| = |V| |X'V⁻¹X| / |X'X|.
    """
    n, p = data.X.shape
    noise = np.ones(n) if data.weights is None else 1.0 / data.weights
    V = h * data.K + (1.0 - h) * np.diag(noise)
    try:
        L = linalg.cholesky(V, lower=True)
    except linalg.LinAlgError as error:
        raise EngineFailure(f"V is not positive definite at hsq = {h:.17g}: {error}") from None
    LX = linalg.solve_triangular(L, data.X, lower=True)
    LY = linalg.solve_triangular(L, Y, lower=True)
    lengths = np.linalg.norm(LX, axis=0)
    beta = np.linalg.lstsq(LX / lengths, LY, rcond=np.finfo(float).eps)[0] / lengths[:, None]
    Q = np.sum((LY - LX @ beta) ** 2, axis=0)
    sigmasq = Q / (n - p if reml else n)
    logdet_V = 2.0 * np.sum(np.log(np.diag(L)))
    if reml:
        contrasts_logdet = logdet_V + _logdet_crossproduct(LX) - _logdet_crossproduct(data.X)
        return -0.5 * ((n - p) * np.log(2 * np.pi * sigmasq) + contrasts_logdet + Q / sigmasq), sigmasq, beta
    return -0.5 * (n * np.log(2 * np.pi * sigmasq) + logdet_V + Q / sigmasq), sigmasq, beta


def _logdet_crossproduct(A: np.ndarray) -> float:
    """log|A'A| without forming A'A, which would square the condition number: by singular values of scaled columns."""
    lengths = np.linalg.norm(A, axis=0)
    return 2.0 * float(np.sum(np.log(lengths)) + np.sum(np.log(np.linalg.svd(A / lengths, compute_uv=False))))


def _last_hsq(data: Data) -> float:
    """1 where V is positive definite there, otherwise the h at which V comes within 1e-8 of being singular."""
    root = np.ones(len(data.ids)) if data.weights is None else np.sqrt(data.weights)
    values = np.linalg.eigvalsh(root[:, None] * data.K * root)
    if values[0] > max(len(root), 30) * np.finfo(float).eps * values[-1]:
        return 1.0
    return (1.0 - 1e-8) / (1.0 - min(values[0], 0.0))


def lod(y: np.ndarray, K: np.ndarray | None, weights: np.ndarray | None, h: float, X_null: np.ndarray,
        X: np.ndarray) -> float:
    """LOD of X against X_null at fixed h by dense generalised least squares: (n/2) log10(Q0/Q1).

    Parameters
    ----------
    y : ndarray, shape (n,)
    K : ndarray, shape (n, n), or None
        V = hK + (1−h)W⁻¹; without K, V = W⁻¹.
    weights : ndarray, shape (n,), or None
        The diagonal of W.
    h : float
    X_null, X : ndarray, n rows
        Columns may depend on each other: see `DEPENDENT`.
    """
    n = len(y)
    noise = np.ones(n) if weights is None else 1.0 / weights
    V = np.diag(noise) if K is None else h * K + (1.0 - h) * np.diag(noise)
    L = linalg.cholesky(V, lower=True)

    def rss(columns: np.ndarray) -> float:
        columns = columns[:, np.any(columns != 0.0, axis=0)]
        LX = linalg.solve_triangular(L, columns, lower=True)
        LX /= np.linalg.norm(LX, axis=0)
        Ly = linalg.solve_triangular(L, y, lower=True)
        return float(np.sum((Ly - LX @ np.linalg.lstsq(LX, Ly, rcond=DEPENDENT)[0]) ** 2))

    return 0.5 * n * np.log10(rss(X_null) / rss(X))
