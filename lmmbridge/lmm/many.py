r"""Step 5 for many likelihoods at a time: phenotypes with the same covariates, or positions with their own.

A likelihood needs no more of the data than the cross products A'D⁻¹A of A = [X y]. On the grid of `estimate_hsq` they are matrix
products for all likelihoods together. At an h of each one's own they follow from sums against a basis of the weights
(`weight_basis`), and with them the score and the curvature for Newton's method; with N = X'D⁻¹X, z = [−β; 1] and ' for d/dh:

    Q' = z'(A'D⁻¹A)'z      Q'' = z'(A'D⁻¹A)''z − 2v'N⁻¹v,  v = X'(D⁻¹)'(y − Xβ)
    (log|N|)' = tr N⁻¹N'   (log|N|)'' = tr N⁻¹N'' − tr N⁻¹N'N⁻¹N'

What is not plainly one maximum is left to `estimate_hsq`: more than one on the grid, flat or unbounded likelihoods, a V that is
badly conditioned.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from scipy import linalg, special

from lmmbridge.lmm.elimination import eliminate, sweep
from lmmbridge.lmm.estimation import GRID, INDISTINGUISHABLE, Maximum, estimate_hsq, search_end, unbounded_of_many
from lmmbridge.lmm.likelihood import LOG_2PI
from lmmbridge.lmm.rotation import Eigen, Rotated
from lmmbridge.lmm.weight_basis import WeightBasis, weight_basis, weights_at

#: Likelihoods that are maximised at a time: their weights should stay in cache.
TOGETHER = 256
#: Cross products lose as many digits as the largest d exceeds the smallest; beyond this it is QR's turn.
WORST_CONDITION = 1e5
#: A Newton step in log h/(1−h) below this is the last: the error after it is of the order of its square.
LAST_STEP = 1e-7
MOST_STEPS = 15
#: Grid points of the polynomial whose maximum Newton's method starts from.
STENCIL = 7


@dataclass(frozen=True, eq=False)
class Products:
    """Products of the columns of A = [X y], element by element, for N likelihoods.

    Attributes
    ----------
    columns : list of list of ndarray
        `columns[i][j − i]` is of columns i ≤ j of A: shape (n, 1) where all likelihoods share both, or (n, N).
    """

    columns: list[list[np.ndarray]]

    def against(self, weights: np.ndarray) -> list[list[np.ndarray]]:
        """Sums over n of products times weights (n, g): arrays (1, g) or (N, g)."""
        return [[products.T @ weights for products in row] for row in self.columns]


@dataclass(frozen=True, eq=False)
class Summits:
    """The highest maxima of N likelihoods, each array of shape (N,).

    Attributes
    ----------
    hsq, loglik, rss : ndarray
    second_hsq, second_loglik : ndarray
        Of the next highest local maximum, NaN where there is none.
    certain : ndarray of bool
        Whether all this was found; where not, ask `estimate_hsq`.
    """

    hsq: np.ndarray
    loglik: np.ndarray
    rss: np.ndarray
    second_hsq: np.ndarray
    second_loglik: np.ndarray
    certain: np.ndarray


def summits(eigen: Eigen, products: Products, df: int, reml: bool, constant: float | np.ndarray,
            rounding: np.ndarray, exclude: np.ndarray) -> Summits:
    """The maxima of N likelihoods over 0 ≤ h ≤ 1.

    Parameters
    ----------
    eigen : Eigen
    products : Products
        Of A = [X y], rotated. Best with X orthonormal and y orthogonal to it, which changes no likelihood but by a constant.
    df : int
        n − p under REML, n under ML.
    reml : bool
    constant : float or ndarray, shape (N,)
        What is to be added to log|V| + log|X'D⁻¹X| (the latter under REML).
    rounding : ndarray, shape (N,)
        What rounding moves the log likelihoods by.
    exclude : ndarray of bool, shape (N,)
        Likelihoods that are not to be maximised here.
    """
    grid, values = _table(eigen, products, df, reml)
    values = values - 0.5 * np.reshape(constant, (-1, 1))
    which, peak, certain = _peaks(values, rounding)
    certain &= ~exclude
    conditioned = _condition(eigen, grid) <= WORST_CONDITION
    hsq, loglik, rss = (np.full(len(which), np.nan) for _ in range(3))
    last = len(grid) - 1
    tried = certain[which] & conditioned[np.minimum(peak + 1, last)]
    if tried.any():
        basis = weight_basis(eigen.values, np.append(grid[conditioned], 0.0))
        likelihoods = Likelihoods(eigen.values, products, basis, df, reml)
        ends = np.flatnonzero(tried & ((peak == 0) | (peak == last) & (grid[last] == 1.0)))
        if len(ends):
            at = likelihoods.at(which[ends], grid[peak[ends]])
            outwards = np.where(peak[ends] == 0, at.score <= 0.0, at.score >= 0.0)
            ends, at = ends[outwards], at[outwards]
            hsq[ends], loglik[ends], rss[ends] = grid[peak[ends]], at.loglik, at.rss
        inside = np.flatnonzero(tried & (peak > 1) & (peak < last - 1))
        for start in range(0, len(inside), TOGETHER):
            items = inside[start:start + TOGETHER]
            hsq[items], loglik[items], rss[items] = _climb(likelihoods, which[items], grid, values[which[items]], peak[items])
    loglik -= 0.5 * (constant if np.ndim(constant) == 0 else constant[which])
    return _ranked(which, hsq, loglik, rss, certain)


def _peaks(values: np.ndarray, rounding: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Local maxima of each row: its number and their columns, in order, and for which rows these are beyond doubt, (N,)."""
    padded = np.pad(values, ((0, 0), (1, 1)), constant_values=-np.inf)
    with np.errstate(invalid="ignore"):
        differences = np.diff(padded, axis=1)
    which, peak = np.nonzero((differences[:, :-1] > 0.0) & (differences[:, 1:] < 0.0))
    resolution = 10.0 * INDISTINGUISHABLE * (1.0 + np.max(np.abs(values), axis=1)) + 10.0 * rounding
    certain = np.all(np.isfinite(values), axis=1) & np.all(differences != 0.0, axis=1) & (np.ptp(values, axis=1) > resolution)
    # Between two maxima the likelihood must fall by more than what cannot be told apart.
    neighbours = np.flatnonzero(which[1:] == which[:-1])
    if len(neighbours):
        width, rows = values.shape[1], which[neighbours]
        ends = np.column_stack([rows * width + peak[neighbours], rows * width + peak[neighbours + 1]])
        valley = np.minimum.reduceat(values.ravel(), ends.ravel())[::2]
        lower = np.minimum(values[rows, peak[neighbours]], values[rows, peak[neighbours + 1]])
        certain[rows[~(lower - valley > resolution[rows])]] = False
    return which, peak, certain


def _ranked(which: np.ndarray, hsq: np.ndarray, loglik: np.ndarray, rss: np.ndarray, certain: np.ndarray) -> Summits:
    """Of the maxima of each likelihood the highest two."""
    certain = certain.copy()
    certain[which[np.isnan(hsq)]] = False
    order = np.lexsort((-loglik, which))
    rank = np.arange(len(order)) - np.searchsorted(which[order], which[order])
    columns = []
    for place in (0, 1):
        there = order[rank == place]
        for source in (hsq, loglik, rss):
            column = np.full(len(certain), np.nan)
            column[which[there]] = source[there]
            columns.append(column)
    return Summits(*columns[:5], certain)


def _condition(eigen: Eigen, hsq: np.ndarray) -> np.ndarray:
    smallest, largest = (hsq * value + (1.0 - hsq) for value in (eigen.values[0], eigen.values[-1]))
    with np.errstate(divide="ignore"):
        return np.where(smallest > 0.0, np.maximum(largest, smallest) / smallest, np.inf)


def _table(eigen: Eigen, products: Products, df: int, reml: bool) -> tuple[np.ndarray, np.ndarray]:
    """The grid of `estimate_hsq`, and the log likelihoods there without their constant, (N, g)."""
    end = search_end(eigen)
    grid = np.concatenate([[0.0], GRID[GRID < end], [end]])
    weights = weights_at(eigen.values, grid)
    logdet = -np.sum(np.log(weights), axis=0)
    rows = products.against(weights)
    pivots = eliminate(rows, len(rows) - 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        if reml:
            logdet = logdet + np.log(np.prod(pivots, axis=0) if len({pivot.shape for pivot in pivots}) == 1 else
                                     np.prod(np.broadcast_arrays(*pivots), axis=0))
        return grid, -0.5 * (df * (LOG_2PI + np.log(rows[-1][0] / df) + 1.0) + logdet)


@dataclass(frozen=True, eq=False)
class _At:
    loglik: np.ndarray
    rss: np.ndarray
    rss_1: np.ndarray
    score: np.ndarray
    curvature: np.ndarray

    def __getitem__(self, which: np.ndarray) -> _At:
        return _At(*(getattr(self, field.name)[which] for field in fields(self)))


class Likelihoods:
    """N likelihoods, each at its own h."""

    def __init__(self, values: np.ndarray, products: Products, basis: WeightBasis, df: int, reml: bool):
        self.values, self.basis, self.df, self.reml = values, basis, df, reml
        self.q = len(products.columns)
        self.moments = [[basis.coefficients(column) for column in row] for row in products.columns]

    def _cross_products(self, which: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """A'WA of likelihoods `which` at weights (n, m): shape (q, q, m)."""
        coefficients = self.basis.coefficients(weights)
        M = np.empty((self.q, self.q, len(which)))
        for i, row in enumerate(self.moments):
            for j, moments in enumerate(row, start=i):
                M[i, j] = M[j, i] = moments[:, 0] @ coefficients if moments.shape[1] == 1 else np.einsum(
                    "rm,rm->m", moments[:, which], coefficients)
        return M

    def at(self, which: np.ndarray, hsq: np.ndarray) -> _At:
        """Log likelihoods (without their constant), residual sums of squares, and derivatives in h."""
        a = self.values - 1.0
        w = weights_at(self.values, hsq)
        w_1 = w * w
        w_1 *= -a[:, None]
        w_2 = w_1 * w
        w_2 *= -2.0 * a[:, None]
        M_1, M_2 = self._cross_products(which, w_1), self._cross_products(which, w_2)
        p = self.q - 1
        M = self._cross_products(which, w)
        swept = sweep(M, p)
        inverse, rss = swept[:p, :p], swept[p, p]
        z = np.concatenate([-swept[:p, p], np.ones((1, len(which)))])
        M_1z = np.einsum("ijm,jm->im", M_1, z)
        v = M_1z[:p]
        rss_1 = np.einsum("im,im->m", z, M_1z)
        rss_2 = np.einsum("im,ijm,jm->m", z, M_2, z) - 2.0 * np.einsum("im,ijm,jm->m", v, inverse, v)
        logdet, logdet_1, logdet_2 = -np.sum(np.log(w), axis=0), a @ w, a @ w_1
        if self.reml:
            turned = np.einsum("ijm,jkm->ikm", inverse, M_1[:p, :p])
            logdet -= np.linalg.slogdet(np.moveaxis(inverse, 2, 0))[1]
            logdet_1 = logdet_1 + np.einsum("iim->m", turned)
            logdet_2 = logdet_2 + np.einsum("ijm,jim->m", inverse, M_2[:p, :p]) - np.einsum("ijm,jim->m", turned, turned)
        ratio = rss_1 / rss
        return _At(-0.5 * (self.df * (LOG_2PI + np.log(rss / self.df) + 1.0) + logdet), rss, rss_1,
                   -0.5 * (self.df * ratio + logdet_1), -0.5 * (self.df * (rss_2 / rss - ratio**2) + logdet_2))


def _climb(likelihoods: Likelihoods, which: np.ndarray, grid: np.ndarray, values: np.ndarray,
           peak: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Newton's method in x = log h/(1−h), between the grid points beside each peak: hsq, loglik, rss; NaN where it fails."""
    x_grid = special.logit(grid[1:-1])
    centre = peak - 1
    low, high = x_grid[centre - 1].copy(), x_grid[centre + 1].copy()
    x = np.clip(_polynomial_maximum(values[:, 1:-1], centre, x_grid), low, high)
    hsq, loglik, rss = (np.full(len(which), np.nan) for _ in range(3))
    left = np.arange(len(which))
    for _ in range(MOST_STEPS):
        here = special.expit(x)
        at = likelihoods.at(which[left], here)
        slope = here * (1.0 - here)
        score = at.score * slope
        curvature = at.curvature * slope**2 + score * (1.0 - 2.0 * here)
        low, high = np.where(score > 0.0, x, low), np.where(score > 0.0, high, x)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = -score / curvature
        last = (curvature < 0.0) & (np.abs(step) <= LAST_STEP)
        done = left[last]
        hsq[done] = special.expit(x + step)[last]
        change = hsq[done] - here[last]
        loglik[done] = at.loglik[last] + 0.5 * at.score[last] * change
        rss[done] = at.rss[last] + at.rss_1[last] * change
        within = (curvature < 0.0) & (x + step > low) & (x + step < high)
        x = np.where(within, x + step, 0.5 * (low + high))
        left, x, low, high = left[~last], x[~last], low[~last], high[~last]
        if not len(left):
            break
    return hsq, loglik, rss


def _polynomial_maximum(values: np.ndarray, centre: np.ndarray, x_grid: np.ndarray) -> np.ndarray:
    """Where a polynomial through the grid points around `centre` is highest, (m,), for values (m, g)."""
    size = min(STENCIL, len(x_grid))
    first = np.clip(centre - size // 2, 0, len(x_grid) - size)
    nodes = np.arange(size) - (size - 1) / 2.0
    columns = first[:, None] + np.arange(size)
    local = np.take_along_axis(values, columns, axis=1)
    coefficients = np.linalg.solve(np.vander(nodes, increasing=True), (local - local[:, :1]).T)
    derivative = coefficients[1:] * np.arange(1, size)[:, None]
    second = derivative[1:] * np.arange(1, size - 1)[:, None]
    t = (centre - first) - (size - 1) / 2.0
    middle = t.copy()
    for _ in range(6):
        with np.errstate(divide="ignore", invalid="ignore"):
            step = -np.polynomial.polynomial.polyval(t, derivative, tensor=False) / np.polynomial.polynomial.polyval(
                t, second, tensor=False)
        t = np.clip(np.where(np.isfinite(step), t + step, t), middle - 1.0, middle + 1.0)
    return x_grid[first] + (t + (size - 1) / 2.0) * (x_grid[1] - x_grid[0])


def estimate_hsq_of_many(rotated: Sequence[Rotated], reml: bool = True) -> list[Maximum]:
    """`estimate_hsq` of phenotypes that share their covariates.

    Parameters
    ----------
    rotated : sequence of Rotated
        As from one call of `rotate`.
    reml : bool, default True

    Returns
    -------
    list of Maximum
    """
    maxima: list[Maximum] = []
    for start in range(0, len(rotated), TOGETHER):
        some = rotated[start:start + TOGETHER]
        found = summits_of(some, reml)
        for j, one in enumerate(some):
            if not found.certain[j]:
                maxima.append(estimate_hsq(one, reml))
                continue
            hsq, second = float(found.hsq[j]), (float(found.second_hsq[j]), float(found.second_loglik[j]))
            maxima.append(Maximum(hsq, float(found.loglik[j]), {0.0: "0", 1.0: "1"}.get(hsq), True, False, False,
                                  None if np.isnan(second[0]) else second))
    return maxima


def summits_of(rotated: Sequence[Rotated], reml: bool) -> Summits:
    eigen, X = rotated[0].eigen, rotated[0].X
    n, p = X.shape
    basis, R = np.linalg.qr(X)
    Y = np.column_stack([one.y for one in rotated])
    exclude = unbounded_of_many(eigen, Y, X, reml)
    along = basis.T @ Y
    cancels = np.linalg.norm(Y, axis=0) + np.linalg.norm(X, axis=0) @ np.abs(linalg.solve_triangular(R, along))
    Y -= basis @ along
    rounding = n * np.finfo(float).eps * cancels / np.linalg.norm(Y, axis=0)
    products = Products([[(basis[:, i] * basis[:, j])[:, None] for j in range(i, p)] + [basis[:, [i]] * Y] for i in range(p)]
                        + [[Y * Y]])
    constant = -rotated[0].logdet_W
    if reml:
        constant += 2.0 * float(np.sum(np.log(np.abs(np.diag(R))))) - rotated[0].logdet_XtX
    return summits(eigen, products, n - p if reml else n, reml, constant, rounding, exclude)
