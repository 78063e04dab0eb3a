r"""Step 4: the log likelihood of h, profiled over β and σ², with every constant, and its two derivatives.

    ML*   = −½[ n (log 2π + log(Q/n) + 1) + log|V| ]
    REML* = −½[ (n−p) (log 2π + log(Q/(n−p)) + 1) + log|V| + log|X'V⁻¹X| − log|X'X| ]

(Patterson & Thompson 1971; Harville 1974 for the + ½log|X'X|, which frees REML* of the scale of X.)

With a = (λ−1)/d the derivative of log d, r the weighted residuals and H the hat matrix of D^−½X:

    Q' = −Σ a r²        (log|V|)' = Σ a     (log|X'V⁻¹X|)' = −tr(AH)
    Q'' = 2 (ar)'(I−H)(ar)                  (log|V| + log|X'V⁻¹X|)'' = −tr[(I−H)A(I−H)A]
"""
from __future__ import annotations

import numpy as np

from lmmbridge.lmm.least_squares import WeightedFit
from lmmbridge.lmm.rotation import Rotated

LOG_2PI = float(np.log(2.0 * np.pi))


def degrees_of_freedom(rotated: Rotated, reml: bool) -> int:
    """n − p under REML, n under ML: what Q is divided by to give σ²."""
    n, p = rotated.X.shape
    return n - p if reml else n


def loglik(rotated: Rotated, fit: WeightedFit, reml: bool) -> float:
    """REML* or ML* at the fit's hsq."""
    df = degrees_of_freedom(rotated, reml)
    logdet = float(np.sum(np.log(fit.d))) - rotated.logdet_W
    if reml:
        logdet += fit.logdet_XtViX - rotated.logdet_XtX
    return -0.5 * (df * (LOG_2PI + np.log(fit.rss / df) + 1.0) + logdet)


def score(rotated: Rotated, fit: WeightedFit, reml: bool) -> float:
    """First derivative of the log likelihood in hsq."""
    df = degrees_of_freedom(rotated, reml)
    a = (rotated.eigen.values - 1.0) / fit.d
    rss_1 = -float(a @ fit.residuals**2)
    logdet_1 = float(np.sum(a * _remaining(fit, reml)))
    return -0.5 * (df * rss_1 / fit.rss + logdet_1)


def curvature(rotated: Rotated, fit: WeightedFit, reml: bool) -> float:
    """Second derivative of the log likelihood in hsq."""
    df = degrees_of_freedom(rotated, reml)
    a = (rotated.eigen.values - 1.0) / fit.d
    ar = a * fit.residuals
    along = fit.basis.T @ ar
    rss_1 = -float(ar @ fit.residuals)
    rss_2 = 2.0 * float(ar @ ar - along @ along)
    logdet_2 = -float(a @ a)
    if reml:
        inside = fit.basis.T @ (a[:, None] * fit.basis)
        logdet_2 = -float(a**2 @ (2.0 * _remaining(fit, reml) - 1.0) + np.sum(inside**2))
    return -0.5 * (df * (rss_2 / fit.rss - (rss_1 / fit.rss) ** 2) + logdet_2)


def _remaining(fit: WeightedFit, reml: bool) -> np.ndarray:
    """The diagonal of I − H under REML, of I under ML."""
    return 1.0 - np.sum(fit.basis**2, axis=1) if reml else np.ones(len(fit.d))
