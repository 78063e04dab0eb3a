"""Step 3: at fixed h, generalised least squares is weighted least squares with weights 1/d, d = hλ + 1 − h.

In the coordinates in which K is tridiagonal V = LDL' takes the place of the diagonal of d.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from lmmbridge.lmm.rotation import Rotated


@dataclass(frozen=True)
class WeightedFit:
    """The least squares fit at one h, in the eigenvectors' coordinates scaled by d^−½ (or D^−½L⁻¹, see `Tridiagonal`).

    Attributes
    ----------
    hsq : float
    d : ndarray, shape (n,)
        The diagonal of the rotated V (or D).
    beta : ndarray, shape (p,)
    rss : float
        Q = (y − Xβ)'V⁻¹(y − Xβ).
    residuals : ndarray, shape (n,)
        D^−½(y − Xβ); their squares sum to Q.
    basis : ndarray, shape (n, p)
        Orthonormal basis of the columns of D^−½X.
    R : ndarray, shape (p, p)
        Its triangular factor: D^−½X = basis R, X'V⁻¹X = R'R.
    """

    hsq: float
    d: np.ndarray
    beta: np.ndarray
    rss: float
    residuals: np.ndarray
    basis: np.ndarray
    R: np.ndarray

    @property
    def logdet_XtViX(self) -> float:
        """log|X'V⁻¹X|."""
        return 2.0 * float(np.sum(np.log(np.abs(np.diag(self.R)))))

    @property
    def XtViX_inverse(self) -> np.ndarray:
        """(X'V⁻¹X)⁻¹, shape (p, p): the covariance of β in units of σ²."""
        R_inverse = linalg.solve_triangular(self.R, np.eye(len(self.beta)), check_finite=False)
        return R_inverse @ R_inverse.T


def least_squares(rotated: Rotated, hsq: float) -> WeightedFit:
    """Weighted least squares at fixed hsq, by QR.

    Raises
    ------
    ValueError
        If V is not positive definite at this hsq (some d ≤ 0).
    """
    scaled_X, d = rotated.eigen.whitened(hsq, rotated.X)
    if not np.min(d) > 0.0:
        raise ValueError(f"at hsq = {hsq!r} the covariance matrix is not positive definite "
                         f"(smallest eigenvalue {hsq * rotated.eigen.values[0] + 1.0 - hsq:.3g})")
    scaled_y = rotated.eigen.whitened(hsq, rotated.y[:, None])[0][:, 0]
    basis, R = np.linalg.qr(scaled_X)
    coordinates = basis.T @ scaled_y
    residuals = scaled_y - basis @ coordinates
    beta = linalg.solve_triangular(R, coordinates, check_finite=False)
    return WeightedFit(hsq, d, beta, float(residuals @ residuals), residuals, basis, R)
