"""A scan at fixed h: the residual sum of squares when genotype columns join the covariates, position by position."""
from __future__ import annotations

import numpy as np
from scipy import linalg

#: A column whose part outside the covariates and the columns before it is smaller than this, relative to the column,
#: goes to the QR decomposition with pivoting, which decides about rank.
WELL_CONDITIONED = 1e-5
#: Genotype columns below this, relative to the largest at their position, are no columns at all (R/qtl2's tolerance).
NEGLIGIBLE = 1e-12


def residual_sums_of_squares(root: np.ndarray, basis: np.ndarray, residuals: np.ndarray,
                             G: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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

    Returns
    -------
    rss : ndarray, shape (b, m)
    rank : ndarray of int, shape (b,)
        How many of the k columns count.
    """
    if G.shape[2] == 0:
        return np.tile(np.sum(residuals**2, axis=0), (len(G), 1)), np.zeros(len(G), dtype=int)
    G = G / root[:, None]
    lengths = np.linalg.norm(G, axis=1)
    scaled = G / np.where(lengths > 0.0, lengths, 1.0)[:, None, :]
    outside = scaled - basis @ (basis.T @ scaled)
    outside -= basis @ (basis.T @ outside)      # once more: what is left may be small
    b, n, k = G.shape
    if k >= n:
        well = np.zeros(b, dtype=bool)
    else:
        Q, R = np.linalg.qr(outside)
        sines = np.abs(np.diagonal(R, axis1=1, axis2=2))
        well = np.min(sines, axis=1, initial=1.0) >= WELL_CONDITIONED
        well &= np.min(lengths, axis=1, initial=np.inf) > NEGLIGIBLE * np.max(lengths, axis=1, initial=0.0)
    rss, rank = np.empty((b, residuals.shape[1])), np.full(b, k)
    if well.any():
        left = residuals - Q[well] @ (np.swapaxes(Q[well], 1, 2) @ residuals)
        rss[well] = np.sum(left**2, axis=1)
    # Rounding of the rotation, enlarged where V is ill-conditioned: what is smaller is no part of the column.
    noise = n * np.finfo(float).eps * np.max(root) / np.min(root)
    for i in np.flatnonzero(~well):
        kept = outside[i][:, lengths[i] > NEGLIGIBLE * np.max(lengths[i], initial=0.0)]
        Q_i, R_i, _ = linalg.qr(kept, mode="economic", pivoting=True)
        rank[i] = np.sum(np.abs(np.diag(R_i)) > noise)
        Q_i = Q_i[:, :rank[i]]
        rss[i] = np.sum((residuals - Q_i @ (Q_i.T @ residuals)) ** 2, axis=0)
    return rss, rank
