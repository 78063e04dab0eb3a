"""Best linear unbiased prediction: y = Xb + Zu + e, var(u) = σ²hI, var(e) = σ²(1−h)I, in the five steps with K = ZZ'.

With V = hZZ' + (1−h)I and the estimates of h, b and σ² under it,

    û = hZ'V⁻¹(y − Xb̂)        var(û − u) = σ²(hI − h²Z'V⁻¹Z + h²Z'V⁻¹X(X'V⁻¹X)⁻¹X'V⁻¹Z)

(Henderson 1975; Robinson 1991). The first two terms are Q diag(h(1−h)/d) Q' with Z = PSQ', d = hs² + 1 − h, which loses
no digits to cancellation and holds at h = 0, where u is 0 and known to be.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from lmmbridge.lmm.estimation import Maximum, estimate_hsq
from lmmbridge.lmm.least_squares import least_squares
from lmmbridge.lmm.likelihood import degrees_of_freedom
from lmmbridge.lmm.rotation import Eigen, rotate


@dataclass(frozen=True)
class Blup:
    """Random and fixed effects with their standard errors.

    Attributes
    ----------
    u, u_se : ndarray, shape (k,)
        Predicted random effects, and the standard deviations of û − u.
    beta, beta_se : ndarray, shape (p,)
    sigmasq : float
        σ²: Q/(n−p) under REML, Q/n under ML.
    maximum : Maximum
        Of the likelihood of h. Where it is unbounded the effects are NaN.
    """

    u: np.ndarray
    u_se: np.ndarray
    beta: np.ndarray
    beta_se: np.ndarray
    sigmasq: float
    maximum: Maximum


def blup(y: np.ndarray, X: np.ndarray, Z: np.ndarray, reml: bool = True) -> Blup:
    """Predict the random effects of the columns of Z at the h of highest likelihood.

    Parameters
    ----------
    y : ndarray, shape (n,)
    X : ndarray, shape (n, p)
        Of full column rank, intercept included.
    Z : ndarray, shape (n, k)
    """
    n, k = Z.shape
    P, s, Qt = linalg.svd(Z, full_matrices=True)
    values = np.zeros(n)
    values[:len(s)] = s**2
    eigen = Eigen(values[::-1], P[:, ::-1])
    eigen.values[eigen.values <= eigen.zero] = 0.0
    rotated, = rotate(eigen, y[:, None], X)
    maximum = estimate_hsq(rotated, reml)
    if maximum.unbounded:
        u, beta = np.full(k, np.nan), np.full(X.shape[1], np.nan)
        return Blup(u, u, beta, beta, np.nan, maximum)
    h = maximum.hsq
    fit = least_squares(rotated, h)
    sigmasq = fit.rss / degrees_of_freedom(rotated, reml)
    Z_scaled = (P.T @ Z)[::-1] / np.sqrt(fit.d)[:, None]
    u = h * Z_scaled.T @ fit.residuals
    squared = np.zeros(k)
    squared[:len(s)] = s**2
    known_b = np.sum(Qt.T**2 * (h * (1.0 - h) / (h * squared + 1.0 - h)), axis=1)
    unknown_b = h**2 * np.sum((Z_scaled.T @ fit.basis) ** 2, axis=1)
    u_se = np.sqrt(sigmasq * (known_b + unknown_b))
    beta_se = np.sqrt(sigmasq * np.diag(fit.XtViX_inverse))
    return Blup(u, u_se, fit.beta, beta_se, sigmasq, maximum)
