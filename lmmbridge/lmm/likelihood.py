r"""Step 4: the log likelihood of h, profiled over β and σ², with every constant, and its two derivatives.

    ML*   = −½[ n (log 2π + log(Q/n) + 1) + log|V| ]
    REML* = −½[ (n−p) (log 2π + log(Q/(n−p)) + 1) + log|V| + log|X'V⁻¹X| − log|X'X| ]

(Patterson & Thompson 1971; Harville 1974 for the + ½log|X'X|, which frees REML* of the scale of X.)

With A the derivative of V, whitened from both sides (diag(a), a = (λ−1)/d, in the eigenvectors' coordinates), r the weighted
residuals, B an orthonormal basis of D^−½X and H = BB':

    Q' = −r'Ar          (log|V|)' = tr A = Σ a     (log|X'V⁻¹X|)' = −tr(AH)
    Q'' = 2 (Ar)'(I−H)(Ar)                         (log|V| + log|X'V⁻¹X|)'' = −tr[(I−H)A(I−H)A]
                                                                          = −Σ a² + 2|AB|² − |B'AB|²
"""
from __future__ import annotations

import numpy as np

from lmmbridge.lmm.least_squares import WeightedFit
from lmmbridge.lmm.rotation import Rotated, relative_slopes

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
    rss_1 = -rotated.eigen.along(fit.hsq, fit.residuals)
    logdet_1 = rotated.eigen.trace_outside(fit.hsq, fit.basis if reml else fit.basis[:, :0])
    return -0.5 * (df * rss_1 / fit.rss + logdet_1)


def curvature(rotated: Rotated, fit: WeightedFit, reml: bool) -> float:
    """Second derivative of the log likelihood in hsq."""
    df = degrees_of_freedom(rotated, reml)
    a = relative_slopes(rotated.eigen.values, fit.hsq)
    slope = rotated.eigen.slope(fit.hsq, np.column_stack([fit.residuals, fit.basis]))
    ar, aB = slope[:, 0], slope[:, 1:]
    along = fit.basis.T @ ar
    rss_1 = -float(ar @ fit.residuals)
    rss_2 = 2.0 * float(ar @ ar - along @ along)
    logdet_2 = -float(a @ a)
    if reml:
        logdet_2 += 2.0 * float(np.sum(aB**2)) - float(np.sum((fit.basis.T @ aB) ** 2))
    return -0.5 * (df * (rss_2 / fit.rss - (rss_1 / fit.rss) ** 2) + logdet_2)
