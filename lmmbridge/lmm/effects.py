"""Effects at fixed h, position by position: β, (X'V⁻¹X)⁻¹ and Q of designs of which some may lack full rank."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from lmmbridge.lmm.scan import WELL_CONDITIONED, WELL_SCALED

#: Pivots below this, relative to the largest, do not count (R/qtl2's tolerance).
TOLERANCE = 1e-12
#: Lengths that agree to this, relative to the longest, are equal but for rounding.
TIE = 1e-8


@dataclass(frozen=True)
class Effects:
    """Least squares at each of b positions, y and the p columns being scaled by V^−½.

    Attributes
    ----------
    beta : ndarray, shape (b, p)
        NaN for the columns that were left out.
    covariance : ndarray, shape (b, p, p)
        (X'V⁻¹X)⁻¹ of the columns that count, in units of σ²; NaN in the rows and columns of the others.
    rss : ndarray, shape (b,)
        Q.
    rank : ndarray of int, shape (b,)
    sigmasq : ndarray, shape (b,)
        σ²: Q/(n − rank); NaN where no degree of freedom is left.
    """

    beta: np.ndarray
    covariance: np.ndarray
    rss: np.ndarray
    rank: np.ndarray
    sigmasq: np.ndarray

    @property
    def se(self) -> np.ndarray:
        """Standard errors, shape (b, p)."""
        return np.sqrt(self.sigmasq[:, None] * np.diagonal(self.covariance, axis1=1, axis2=2))


def effects(y: np.ndarray, X: np.ndarray, design: np.ndarray) -> Effects:
    """Effects of the columns of X on y.

    Parameters
    ----------
    y : ndarray, shape (n,)
        V^−½y.
    X : ndarray, shape (b, n, p)
        V^−½ times the design matrix of each position.
    design : ndarray, shape (b, n, p)
        The design matrices themselves. V takes nothing from their rank, but its rounding may hide it; so the rank is
        theirs.

    Notes
    -----
    Which of several columns that depend on each other is left out: the one that QR decomposition with column pivoting
    puts last, where of columns equally long but for rounding the first comes first.
    """
    b, n, p = X.shape
    beta, covariance = np.full((b, p), np.nan), np.full((b, p, p), np.nan)
    rss, rank = np.empty(b), np.full(b, p)
    lengths = np.linalg.norm(X, axis=1)
    well = np.zeros(b, dtype=bool)
    if n >= p:
        Q, R = np.linalg.qr(X / np.where(lengths > 0.0, lengths, 1.0)[:, None, :])
        sines = np.min(np.abs(np.diagonal(R, axis1=1, axis2=2)), axis=1)
        well = sines >= WELL_CONDITIONED
        well &= sines * np.min(lengths, axis=1) > WELL_SCALED * np.max(lengths, axis=1)
        beta[well], covariance[well], rss[well] = _solve(y, Q[well], R[well], lengths[well])
    for i in np.flatnonzero(~well):
        rank[i] = column_rank(design[i])
        kept = leading_columns(X[i], rank[i])
        Q_i, R_i = np.linalg.qr(X[i][:, kept] / lengths[i, kept])
        beta[i, kept], covariance[i][np.ix_(kept, kept)], rss[i] = (
            part[0] for part in _solve(y, Q_i[None], R_i[None], lengths[i, kept][None]))
    sigmasq = np.where(rank < n, rss / np.maximum(n - rank, 1), np.nan)
    return Effects(beta, covariance, rss, rank, sigmasq)


def _solve(y: np.ndarray, Q: np.ndarray, R: np.ndarray,
           lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(β, (X'V⁻¹X)⁻¹, Q) from the QR decompositions of the columns divided by their lengths."""
    coordinates = y @ Q
    left = y - np.squeeze(Q @ coordinates[:, :, None], 2)
    R_inverse = np.linalg.solve(R, np.broadcast_to(np.eye(R.shape[2]), R.shape)) / lengths[:, :, None]
    beta = np.linalg.solve(R, coordinates[:, :, None])[:, :, 0] / lengths
    return beta, R_inverse @ np.swapaxes(R_inverse, 1, 2), np.sum(left**2, axis=1)


def column_rank(X: np.ndarray) -> int:
    """Rank by QR decomposition with column pivoting, as R/qtl2 has it."""
    sizes = np.abs(np.diag(linalg.qr(X, mode="r", pivoting=True)[0]))
    return int(np.sum(sizes > TOLERANCE * sizes[0]))


def leading_columns(X: np.ndarray, rank: int) -> np.ndarray:
    """The columns that QR decomposition with column pivoting takes first, in their order in X.

    Of columns equally long but for rounding the first is taken, so that the choice does not depend on the rounding.
    """
    outside, chosen = X.copy(), []
    for _ in range(rank):
        lengths = np.linalg.norm(outside, axis=0)
        lengths[chosen] = 0.0
        column = int(np.argmax(lengths >= (1.0 - TIE) * np.max(lengths)))
        chosen.append(column)
        direction = outside[:, column] / lengths[column]
        outside -= np.outer(direction, direction @ outside)
    return np.array(sorted(chosen))
