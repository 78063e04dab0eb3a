r"""The weights 1/d, d = hλ + 1 − h, of all h lie very nearly in a space of few dimensions.

So sums over n individuals, Σ w(h) x, need the few sums Σ b x over a basis b of that space once, and cost nothing that depends on
n after that. In x = log h/(1−h) the weights are (1 + eˣ)/(1 + λeˣ), analytic but for poles at a distance of π from the real line
(if no λ is negative), so that short Chebyshev series give the coefficients of w in the basis, and log|V|, at every h.
"""
from __future__ import annotations

import numpy as np
from numpy.polynomial import chebyshev
from scipy import linalg, special

#: A weight vector may miss its combination of the basis by this, relative to its length: less is rounding.
PRECISION = 4.0 * np.finfo(float).eps
#: Sums of products lose as many digits as the largest d exceeds the smallest; beyond this it is QR decomposition's turn.
WORST_CONDITION = 1e5
#: A basis of the weights at all h of a range is made from this many, evenly spread in x: those between them lie in it to
#: rounding (seen: 4e-15 of their length, with 28 of 95 eigenvalues zero).
SAMPLES = 137
#: Before this x, h is 0 as far as a basis is concerned; after the other V is singular where K is (see `search_end`), or h is 1.
FIRST, LAST = -15.0, 19.0
#: A negative eigenvalue, of files with few digits, is a pole on the real line; nearer to it there are no series.
FROM_POLE = 3.0
#: A Chebyshev series serves an interval of this length in x, and has so many terms: the error is (π + √(π² + 1))⁻²⁰ = 7e-17.
INTERVAL, TERMS = 2.0, 20


def weights_at(values: np.ndarray, hsq: np.ndarray, rest: np.ndarray | None = None) -> np.ndarray:
    """1/(hλ + 1 − h), shape (n, m), for m values of h; `rest` is 1 − h where it is known better than by subtraction."""
    return 1.0 / (np.outer(values, hsq) + (1.0 - hsq if rest is None else rest))


def condition(values: np.ndarray, hsq: np.ndarray) -> np.ndarray:
    """The condition number of V at each h; inf where V is not positive definite."""
    smallest, largest = (hsq * value + (1.0 - hsq) for value in (values[0], values[-1]))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(smallest > 0.0, np.maximum(largest, smallest) / smallest, np.inf)


class WeightBasis:
    """An orthonormal basis of the weights at these h and, by interpolation, between them.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Eigenvalues λ.
    hsq : ndarray, shape (m,), optional
        Those h, and if they are many those between them, too. V must be positive definite there. Default: all h where its
        condition number is at most `WORST_CONDITION`.

    Attributes
    ----------
    vectors : ndarray, shape (n, r)
    """

    def __init__(self, values: np.ndarray, hsq: np.ndarray | None = None):
        self.values = values
        self._known: dict[int, np.ndarray] = {}
        if hsq is None:
            hsq = special.expit(np.linspace(FIRST, LAST, SAMPLES))
            # Somewhat beyond the end, since between its vectors a basis is better than outside them.
            hsq = np.append(0.0, hsq[condition(values, hsq) <= 10.0 * WORST_CONDITION])
        elif len(hsq := np.unique(hsq)) > SAMPLES:
            ends = np.clip(special.logit(hsq[[0, -1]]), FIRST, LAST)
            hsq = np.concatenate([hsq[[0, -1]], special.expit(np.linspace(*ends, SAMPLES))])
        weights = weights_at(values, hsq)
        weights /= np.max(weights, axis=0)
        Q, R, _ = linalg.qr(weights, mode="economic", pivoting=True, check_finite=False)
        # What is left of every vector after r columns is no longer than the last pivots together.
        sizes = np.abs(np.diag(R))
        self.vectors = Q[:, :max(1, int(np.sum(sizes > PRECISION * sizes[0])))]

    def coefficients(self, weights: np.ndarray) -> np.ndarray:
        """Of weight vectors (n, m): shape (r, m). Of any other vectors, their sums against the basis."""
        return self.vectors.T @ weights

    def along(self, x: np.ndarray, orders: int = 3) -> np.ndarray:
        """Coefficients of the weights and log|V| at x = log h/(1−h), and their first two derivatives in x: (3, m, r + 1).

        `orders`: 1 for the values alone.

        NaN near the h at which V turns singular because K has a negative eigenvalue.
        """
        place = np.floor(x / INTERVAL).astype(int)
        found = np.empty((orders, len(x), self.vectors.shape[1] + 1))
        for interval in np.unique(place):
            here = place == interval
            polynomials = chebyshev.chebvander(2.0 * (x[here] / INTERVAL - interval) - 1.0, TERMS - 1)
            found[:, here] = polynomials @ self._series(int(interval))[:orders]
        return found

    def logdet(self, hsq: np.ndarray) -> np.ndarray:
        """log|V| at each h, (m,)."""
        found = np.full(len(hsq), np.nan)
        inside = (hsq > 0.0) & (hsq < 1.0)
        found[inside] = self.along(special.logit(hsq[inside]), 1)[0, :, -1]
        left = np.isnan(found)      # the ends, and near a pole
        found[left] = -np.sum(np.log(weights_at(self.values, hsq[left])), axis=0)
        return found

    def _series(self, interval: int) -> np.ndarray:
        """Chebyshev series of what `along` gives, on one interval: (3, TERMS, r + 1)."""
        if self.values[0] < 0.0 and (interval + 1) * INTERVAL > np.log(-1.0 / self.values[0]) - FROM_POLE:
            return np.full((3, TERMS, self.vectors.shape[1] + 1), np.nan)
        if interval not in self._known:
            x = (interval + 0.5 * (chebyshev.chebpts1(TERMS) + 1.0)) * INTERVAL
            hsq, rest = special.expit(x), special.expit(-x)
            w = weights_at(self.values, hsq, rest)
            a = (self.values[:, None] - 1.0) * w * hsq * rest       # the derivative of log d in x
            b = a * (rest - hsq) - a**2                             # the second one
            rows = [np.vstack([self.coefficients(weights), logdet]) for weights, logdet in (
                (w, -np.sum(np.log(w), axis=0)), (-a * w, np.sum(a, axis=0)), ((a**2 - b) * w, np.sum(b, axis=0)))]
            series = chebyshev.chebfit(chebyshev.chebpts1(TERMS), np.vstack(rows).T, TERMS - 1)
            self._known[interval] = np.stack(np.split(series, 3, axis=1))
        return self._known[interval]
