"""The weights 1/d, d = hλ + 1 − h, of all h lie very nearly in a space of few dimensions.

So sums over n individuals, Σ w(h) x, need the few sums Σ b x over a basis b of that space once, and cost nothing that depends on
n after that.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

#: A weight vector may miss its combination of the basis by this, relative to its length: less is rounding.
PRECISION = 4.0 * np.finfo(float).eps
#: The basis is made from this many weight vectors at most, spread evenly over those that it is to serve.
SAMPLES = 200


@dataclass(frozen=True)
class WeightBasis:
    """Orthonormal vectors B, shape (n, r), and the eigenvalues λ, shape (n,), of the weights that they span."""

    values: np.ndarray
    vectors: np.ndarray

    def coefficients(self, weights: np.ndarray) -> np.ndarray:
        """B'w of weight vectors (n, m), or of their derivatives in h: shape (r, m)."""
        return self.vectors.T @ weights


def weights_at(values: np.ndarray, hsq: np.ndarray) -> np.ndarray:
    """1/(hλ + 1 − h), shape (n, m), for m values of h."""
    return 1.0 / (np.outer(values - 1.0, hsq) + 1.0)


def weight_basis(values: np.ndarray, hsq: np.ndarray) -> WeightBasis:
    """A basis of the weights at these h and, by interpolation, between them.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Eigenvalues.
    hsq : ndarray, shape (m,)
        Where d must be positive.
    """
    hsq = np.unique(hsq)
    if len(hsq) > SAMPLES:
        hsq = hsq[np.linspace(0, len(hsq) - 1, SAMPLES).round().astype(int)]
    weights = weights_at(values, hsq)
    weights /= np.max(weights, axis=0)
    Q, R, _ = linalg.qr(weights, mode="economic", pivoting=True, check_finite=False)
    # What is left of every vector after r columns is no longer than the last pivots together.
    sizes = np.abs(np.diag(R))
    return WeightBasis(values, Q[:, :max(1, int(np.sum(sizes > PRECISION * sizes[0])))])
