"""A scan at fixed h: the residual sum of squares when genotype columns join the covariates, position by position."""
from __future__ import annotations

import numpy as np
from scipy import linalg

#: A column whose part outside the covariates and the columns before it is smaller than this, relative to the column,
#: goes to the QR decomposition with pivoting, which decides about rank.
WELL_CONDITIONED = 1e-5
#: So does a position where that part of some column may be smaller than this, relative to the longest column.
WELL_SCALED = 1e-8
#: Pivots below this, relative to the largest, do not count (R/qtl2's tolerance).
NEGLIGIBLE = 1e-12


def residual_sums_of_squares(root: np.ndarray, basis: np.ndarray, residuals: np.ndarray, G: np.ndarray,
                             longest: float | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Q of the model with covariates and the genotype columns of each position.

    Parameters
    ----------
    root : ndarray, shape (n,)
        D^½ of the rotated V.
    basis : ndarray, shape (n, p)
        Orthonormal basis of D^−½X (`WeightedFit.basis`).
    residuals : ndarray, shape (n, m)
        D^−½(y − Xβ) of m phenotypes (`WeightedFit.residuals`).
    G : ndarray, shape (b, n, k)
        Rotated genotype columns of b positions, not divided by `root`.
    longest : float, optional
        Pivots must not be negligible beside this length and those of D^−½G. Default: beside the largest pivot.

    Returns
    -------
    rss : ndarray, shape (b, m)
    rank : ndarray of int, shape (b,)
        How many of the k columns count.
    """
    b, n, k = G.shape
    if k == 0:
        return np.tile(np.sum(residuals**2, axis=0), (b, 1)), np.zeros(b, dtype=int)
    G = G / root[:, None]
    lengths = np.linalg.norm(G, axis=1)
    scaled = G / np.where(lengths > 0.0, lengths, 1.0)[:, None, :]
    outside = scaled - basis @ (basis.T @ scaled)
    well = np.zeros(b, dtype=bool)
    if k < n:
        Q, R = np.linalg.qr(outside)
        sines = np.min(np.abs(np.diagonal(R, axis1=1, axis2=2)), axis=1)
        well = sines >= WELL_CONDITIONED
        well &= sines * np.min(lengths, axis=1) > WELL_SCALED * np.maximum(np.max(lengths, axis=1), longest or 0.0)
    rss, rank = np.empty((b, residuals.shape[1])), np.full(b, k)
    if well.any():
        left = residuals - Q[well] @ (np.swapaxes(Q[well], 1, 2) @ residuals)
        rss[well] = np.sum(left**2, axis=1)
    # Rounding of the rotation, enlarged where V is ill-conditioned: what is smaller is no part of the column.
    noise = n * np.finfo(float).eps * np.max(root) / np.min(root)
    for i in np.flatnonzero(~well):
        real = np.linalg.norm(outside[i], axis=0) > noise
        Q_i = _basis(outside[i][:, real], lengths[i, real], noise,
                     None if longest is None else max(longest, np.max(lengths[i])))
        rank[i] = Q_i.shape[1]
        rss[i] = np.sum((residuals - Q_i @ (Q_i.T @ residuals)) ** 2, axis=0)
    return rss, rank


def _basis(outside: np.ndarray, lengths: np.ndarray, noise: float, longest: float | None) -> np.ndarray:
    """Orthonormal basis of `outside` (n, k), by QR decomposition with pivoting of the columns at their own lengths."""
    if outside.shape[1] == 0:
        return outside
    Q, R, order = linalg.qr(outside * lengths, mode="economic", pivoting=True)
    pivots = np.abs(np.diag(R))
    counts = pivots > NEGLIGIBLE * (pivots[0] if longest is None else longest)
    counts &= pivots > noise * lengths[order[:len(pivots)]]
    return Q[:, counts]
