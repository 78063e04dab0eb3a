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

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property, partial
from typing import Protocol

import numpy as np
from scipy import linalg, special

from lmmbridge.lmm.elimination import eliminate, sweep
from lmmbridge.lmm.estimation import INDISTINGUISHABLE, Maximum, estimate_hsq, search_grid, unbounded_of_many
from lmmbridge.lmm.likelihood import LOG_2PI
from lmmbridge.lmm.rotation import Eigen, Rotated, logdet_of_squares
from lmmbridge.lmm.tridiagonal import Tridiagonal, TridiagonalProducts
from lmmbridge.lmm.weight_basis import WORST_CONDITION, condition, weights_at

#: Likelihoods that are maximised at a time: their weights should stay in cache.
TOGETHER = 1024
#: Where V's condition number is larger, sums on the grid are those against the weights themselves, not their basis.
WELL_CONDITIONED = 1e3
#: A Newton step in log h/(1−h) below this is the last: the error after it is of the order of its square.
LAST_STEP = 1e-7
MOST_STEPS = 15
#: 1 − h at which the null space of K shows, and the part of y'y there that is no rounding.
NEARLY_SINGULAR, CLEARLY = 1e-6, 1e-3
#: Grid points of the polynomial whose maximum Newton's method starts from; its slope at `STEPS` from the one in the middle is the
#: values' product with `SLOPES`, (STENCIL, steps).
STENCIL = 11
STEPS = np.linspace(-1.0, 1.0, 65)
SLOPES = np.linalg.solve(np.vander(np.arange(STENCIL) - STENCIL // 2, increasing=True).T,
                         np.stack([j * STEPS ** max(j - 1, 0) for j in range(STENCIL)]))


class CrossProducts(Protocol):
    """A'V⁻¹A of N likelihoods, A = [X y] of q columns.

    Attributes
    ----------
    grid : ndarray, shape (g,)
        `search_grid`.
    conditions, logdets : ndarray, shape (1, g) where all likelihoods have one V, or (N, g)
        V's condition number, and log|V|, on the grid.
    """

    grid: np.ndarray
    conditions: np.ndarray
    logdets: np.ndarray

    def on_grid(self) -> list[list[np.ndarray]]:
        """On the grid: element (i, j) ≥ i of the matrix in `[i][j − i]`, (1, g) where all likelihoods share it or (N, g)."""

    def at(self, which: np.ndarray, hsq: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of likelihoods `which` (m,) at their own h: the matrix with its first two derivatives in h, (3, q, q, m), and log|V|
        with its, (3, m).
        """

    def along(self, which: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same at x = log h/(1−h), derivatives being in x."""


class WeightedProducts:
    """`CrossProducts` where V is diagonal: sums over n of the products of two columns times weights.

    Parameters
    ----------
    eigen : Eigen
    against : callable
        against(vectors (n, s)): sums over n of products of columns i ≤ j of A times each vector, in `[i][j − i]`: shape (1, s)
        where all likelihoods share both columns, or (N, s).
    """

    def __init__(self, eigen: Eigen, against: Callable[[np.ndarray], list[list[np.ndarray]]]):
        self.values, self._basis = eigen.values, eigen.weight_basis
        self.grid = search_grid(eigen)
        weights = weights_at(self.values, self.grid)
        self.conditions, self.logdets = condition(self.values, self.grid)[None], -np.sum(np.log(weights), axis=0)[None]
        self._well = self.conditions[0] <= WELL_CONDITIONED
        self._on_well = self._basis.coefficients(weights[:, self._well])
        # On the grid, where V is badly conditioned, sums against the weights themselves.
        sums = against(np.hstack([self._basis.vectors, weights[:, ~self._well]]))
        r = self._basis.vectors.shape[1]
        self._moments = [[of_both[:, :r] for of_both in row] for row in sums]
        self._badly = [[of_both[:, r:] for of_both in row] for row in sums]

    def on_grid(self) -> list[list[np.ndarray]]:
        return [list(row) for row in self._all_on_grid]

    @cached_property
    def _all_on_grid(self) -> list[list[np.ndarray]]:
        found = []
        for moments_row, badly_row in zip(self._moments, self._badly):
            found.append([])
            for moments, badly in zip(moments_row, badly_row):
                values = np.empty((len(moments), len(self.grid)))
                values[:, self._well], values[:, ~self._well] = moments @ self._on_well, badly
                found[-1].append(values)
        return found

    def at(self, which: np.ndarray, hsq: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        w = weights_at(self.values, hsq)
        a = (self.values[:, None] - 1.0) * w
        coefficients = np.stack([self._basis.coefficients(weights).T for weights in (w, -a * w, 2.0 * a**2 * w)])
        return self._against(which, coefficients), np.array([-np.sum(np.log(w), axis=0), np.sum(a, axis=0),
                                                             -np.sum(a**2, axis=0)])

    def along(self, which: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        curves = self._basis.along(x)
        return self._against(which, curves[:, :, :-1]), curves[:, :, -1]

    def value(self, which: np.ndarray, hsq: np.ndarray) -> np.ndarray:
        """The matrix alone, (q, q, m), at maxima that were found."""
        coefficients = np.empty((len(which), self._basis.vectors.shape[1]))
        inside = (hsq > 0.0) & (hsq < 1.0)
        coefficients[inside] = self._basis.along(special.logit(hsq[inside]), 1)[0, :, :-1]
        coefficients[~inside] = self._basis.coefficients(weights_at(self.values, hsq[~inside])).T
        return self._against(which, coefficients[None])[0]

    def _against(self, which: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
        """(d, q, q, m), for d kinds of weights with coefficients (d, m, r)."""
        q = len(self._moments)
        M = np.empty((len(coefficients), q, q, len(which)))
        for i, row in enumerate(self._moments):
            for j, moments in enumerate(row, start=i):
                M[:, i, j] = M[:, j, i] = coefficients @ moments[0] if len(moments) == 1 else np.einsum(
                    "mr,dmr->dm", moments[which], coefficients)
        return M


@dataclass(frozen=True, eq=False)
class Summits:
    """The highest maxima of N likelihoods, each array of shape (N,).

    Attributes
    ----------
    hsq, loglik, rss : ndarray
        NaN where there is none before the likelihood grows without bound.
    second_hsq, second_loglik : ndarray
        Of the next highest local maximum, NaN where there is none.
    unbounded : ndarray of bool
        Whether the likelihood grows without bound.
    certain : ndarray of bool
        Whether all this was found; where not, ask `estimate_hsq`.
    """

    hsq: np.ndarray
    loglik: np.ndarray
    rss: np.ndarray
    second_hsq: np.ndarray
    second_loglik: np.ndarray
    unbounded: np.ndarray
    certain: np.ndarray

    def maximum(self, j: int) -> Maximum:
        """Of the j-th likelihood, which must be certain, as `estimate_hsq` gives it."""
        first, second = ((float(hsq[j]), float(loglik[j])) if not np.isnan(hsq[j]) else None for hsq, loglik in (
            (self.hsq, self.loglik), (self.second_hsq, self.second_loglik)))
        if self.unbounded[j]:
            return Maximum(np.nan, np.inf, None, False, False, True, first)
        return Maximum(*first, {0.0: "0", 1.0: "1"}.get(first[0]), True, False, False, second)


def summits(products: CrossProducts, df: int, determinants: int, constant: float | np.ndarray,
            rounding: np.ndarray, unbounded: np.ndarray) -> Summits:
    """The maxima of N likelihoods −½[df(log 2π + log(Q/df) + 1) + log|V| + log|N| + constant] over 0 ≤ h ≤ 1.

    Parameters
    ----------
    products : CrossProducts
        Of A = [X y]. Best with X orthonormal and y orthogonal to it, which changes no likelihood but by a constant.
    df : int
    determinants : int
        N is that of this many first columns of X: all under REML, none under ML.
    constant : float or ndarray, shape (N,)
    rounding : ndarray, shape (N,)
        What rounding moves the log likelihoods by.
    unbounded : ndarray of bool, shape (N,)
        Likelihoods that grow without bound as h → 1: their maxima before that are looked for.
    """
    grid = products.grid
    table = _table(products, df, determinants) - 0.5 * np.reshape(constant, (-1, 1))
    which, peak, certain = _peaks(table, rounding)
    before = ~(unbounded[which] & (peak == len(grid) - 1))
    which, peak = which[before], peak[before]
    conditioned = np.broadcast_to(products.conditions <= WORST_CONDITION, table.shape)
    hsq, loglik, rss = (np.full(len(which), np.nan) for _ in range(3))
    last = len(grid) - 1
    tried = certain[which] & conditioned[which, np.minimum(peak + 1, last)]
    likelihoods = _Likelihoods(products, df, determinants)
    ends = np.flatnonzero(tried & ((peak == 0) | (peak == last) & (grid[last] == 1.0)))
    if len(ends):
        at = likelihoods.derived(*products.at(which[ends], grid[peak[ends]]))
        outwards = np.where(peak[ends] == 0, at.score <= 0.0, at.score >= 0.0)
        ends, at = ends[outwards], at[outwards]
        hsq[ends], loglik[ends], rss[ends] = grid[peak[ends]], at.loglik, at.rss
    inside = np.flatnonzero(tried & (peak > 1) & (peak < last - 1))
    for start in range(0, len(inside), TOGETHER):
        items = inside[start:start + TOGETHER]
        hsq[items], loglik[items], rss[items] = _climb(likelihoods, which[items], grid, table[which[items]], peak[items])
    loglik -= 0.5 * (constant if np.ndim(constant) == 0 else constant[which])
    return _ranked(which, hsq, loglik, rss, unbounded, certain)


def _peaks(values: np.ndarray, rounding: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Local maxima of each row: its number and their columns, in order, and for which rows these are beyond doubt, (N,)."""
    padded = np.full((len(values), values.shape[1] + 2), -np.inf)
    padded[:, 1:-1] = values
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


def _ranked(which: np.ndarray, hsq: np.ndarray, loglik: np.ndarray, rss: np.ndarray, unbounded: np.ndarray,
            certain: np.ndarray) -> Summits:
    """Of the maxima of each likelihood the highest two."""
    certain = certain.copy()
    certain[which[~np.isfinite(hsq + loglik + rss)]] = False
    order = np.lexsort((-loglik, which))
    rank = np.arange(len(order)) - np.searchsorted(which[order], which[order])
    columns = []
    for place in (0, 1):
        there = order[rank == place]
        for source in (hsq, loglik, rss):
            column = np.full(len(certain), np.nan)
            column[which[there]] = source[there]
            columns.append(column)
    return Summits(*columns[:5], unbounded, certain)


def _table(products: CrossProducts, df: int, determinants: int) -> np.ndarray:
    """Log likelihoods without their constant, (N, g)."""
    logdet = products.logdets
    rows = products.on_grid()
    with np.errstate(invalid="ignore", divide="ignore"):
        pivots = eliminate(rows, len(rows) - 1)
        for pivot in pivots[:determinants]:
            logdet = logdet + np.log(pivot)
        return -0.5 * (df * (LOG_2PI + np.log(rows[-1][0] / df) + 1.0) + logdet)


@dataclass(frozen=True, eq=False)
class _At:
    """Values and derivatives, each of shape (m,)."""

    loglik: np.ndarray
    rss: np.ndarray
    rss_1: np.ndarray
    score: np.ndarray
    curvature: np.ndarray

    def __getitem__(self, which: np.ndarray) -> _At:
        return _At(*(getattr(self, field.name)[which] for field in fields(self)))


@dataclass(frozen=True, eq=False)
class _Likelihoods:
    """N likelihoods, without their constants."""

    products: CrossProducts
    df: int
    determinants: int

    def derived(self, M: np.ndarray, logdet: np.ndarray) -> _At:
        """Likelihoods and their derivatives, from what `CrossProducts` gives: in h or in x, as those are."""
        p, r = M.shape[1] - 1, self.determinants
        swept, M_1, M_2 = M[0].copy(), M[1], M[2]
        if r:
            logdet_N = sweep(swept, range(r))
            inverse = swept[:r, :r]
            turned = np.einsum("ijm,jkm->ikm", inverse, M_1[:r, :r])
            logdet = logdet + [logdet_N, np.einsum("iim->m", turned),
                               np.einsum("ijm,jim->m", inverse, M_2[:r, :r]) - np.einsum("ijm,jim->m", turned, turned)]
        sweep(swept, range(r, p))
        rss = swept[p, p]
        z = np.concatenate([-swept[:p, p], np.ones((1, len(rss)))])
        M_1z = np.einsum("ijm,jm->im", M_1, z)
        rss_1 = np.einsum("im,im->m", z, M_1z)
        rss_2 = np.einsum("im,ijm,jm->m", z, M_2, z) - 2.0 * np.einsum("im,ijm,jm->m", M_1z[:p], swept[:p, :p], M_1z[:p])
        ratio = rss_1 / rss
        return _At(-0.5 * (self.df * (LOG_2PI + np.log(rss / self.df) + 1.0) + logdet[0]), rss, rss_1,
                   -0.5 * (self.df * ratio + logdet[1]), -0.5 * (self.df * (rss_2 / rss - ratio**2) + logdet[2]))


def _climb(likelihoods: _Likelihoods, which: np.ndarray, grid: np.ndarray, values: np.ndarray,
           peak: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Newton's method in x = log h/(1−h), between the grid points beside each peak: hsq, loglik, rss; NaN where it fails."""
    x_grid = special.logit(grid[1:-1])
    centre = peak - 1
    low, high = x_grid[centre - 1].copy(), x_grid[centre + 1].copy()
    x = np.clip(_polynomial_maximum(values[:, 1:-1], centre, x_grid), low, high)
    hsq, loglik, rss = (np.full(len(which), np.nan) for _ in range(3))
    left = np.arange(len(which))
    for _ in range(MOST_STEPS):
        at = likelihoods.derived(*likelihoods.products.along(which[left], x))
        low, high = np.where(at.score > 0.0, x, low), np.where(at.score > 0.0, high, x)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = -at.score / at.curvature
        last = (at.curvature < 0.0) & (np.abs(step) <= LAST_STEP)
        done = left[last]
        hsq[done] = special.expit(x[last] + step[last])
        loglik[done] = at.loglik[last] + 0.5 * at.score[last] * step[last]
        rss[done] = at.rss[last] + at.rss_1[last] * step[last]
        within = (at.curvature < 0.0) & (x + step > low) & (x + step < high)
        x = np.where(within, x + step, 0.5 * (low + high))
        left, x, low, high = left[~last], x[~last], low[~last], high[~last]
        if not len(left):
            break
    return hsq, loglik, rss


def _polynomial_maximum(values: np.ndarray, centre: np.ndarray, x_grid: np.ndarray) -> np.ndarray:
    """Where a polynomial through the grid points around `centre` is highest, (m,), for values (m, g); `centre` near the ends."""
    if len(x_grid) < STENCIL:
        return x_grid[centre]
    half = STENCIL // 2
    inside = (centre >= half) & (centre < len(x_grid) - half)
    first = np.where(inside, centre - half, 0)
    local = np.take_along_axis(values, first[:, None] + np.arange(STENCIL), axis=1)
    slope = local @ SLOPES
    last_rising = np.clip(np.sum(slope > 0.0, axis=1) - 1, 0, len(STEPS) - 2)
    before, after = (np.take_along_axis(slope, (last_rising + i)[:, None], axis=1)[:, 0] for i in (0, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        between = before / (before - after)
    steps = STEPS[last_rising] + (STEPS[1] - STEPS[0]) * np.where((between > 0.0) & (between < 1.0), between, 0.5)
    return x_grid[centre] + np.where(inside, steps, 0.0) * (x_grid[1] - x_grid[0])


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
        found = summits_of(some[0].eigen, np.column_stack([one.y for one in some]), some[0].X, reml, some[0].logdet_W,
                           some[0].logdet_XtX)
        maxima += [found.maximum(j) if found.certain[j] else estimate_hsq(one, reml) for j, one in enumerate(some)]
    return maxima


def summits_of(eigen: Eigen, Y: np.ndarray, X: np.ndarray, reml: bool, logdet_W: float = 0.0,
               logdet_XtX: float = 0.0) -> Summits:
    """The maxima of phenotypes Y (n, N) that share their covariates X (n, p), all rotated; see `Rotated` for the constants."""
    n, p = X.shape
    basis, left, constant, rounding = _reduced(Y, X, logdet_W, logdet_XtX, reml)
    return summits(WeightedProducts(eigen, partial(_sums_against, basis, left)), n - p if reml else n, p if reml else 0,
                   constant, rounding, unbounded_of_many(eigen, left, X, reml))


def _sums_against(X: np.ndarray, Y: np.ndarray, vectors: np.ndarray) -> list[list[np.ndarray]]:
    """What `WeightedProducts` asks for, of phenotypes Y (n, N) that share X (n, p)."""
    weighted = X.T[:, :, None] * vectors        # (p, n, s)
    return [[(X[:, j] @ weighted[i])[None] for j in range(i, len(weighted))] + [Y.T @ weighted[i]]
            for i in range(len(weighted))] + [[(Y * Y).T @ vectors]]


def summits_with_missing(eigen: Eigen, Y: np.ndarray, X: np.ndarray, missing: np.ndarray, reml: bool) -> Summits:
    """The maxima of phenotypes that lack the values of some individuals, by the decomposition of all.

    A missing value is a covariate that is 1 for this individual alone: REML is the same but for a constant, and so is ML
    with n less the missing values for n and log|V| that of the others, which is log|V| + log|E'V⁻¹E|, E being these
    covariates.

    Parameters
    ----------
    eigen : Eigen
        Of all n individuals.
    Y : ndarray, shape (n, m)
        Rotated; any finite numbers where values are missing.
    X : ndarray, shape (n, p)
        Rotated covariates.
    missing : ndarray, shape (m, n, u)
        E of each phenotype, rotated.
    reml : bool

    Returns
    -------
    Summits
        Log likelihoods without their constant.
    """
    m, n, u = missing.shape
    p = X.shape[1]
    basis, R = np.linalg.qr(np.concatenate([missing, np.broadcast_to(X, (m, *X.shape))], axis=2))
    along = np.swapaxes(basis, 1, 2) @ Y.T[:, :, None]
    left = Y - (basis @ along)[:, :, 0].T
    cancels = np.linalg.norm(Y, axis=0) + np.sum(np.linalg.norm(R, axis=1) * np.abs(np.linalg.solve(R, along)[:, :, 0]), axis=1)
    rounding = n * np.finfo(float).eps * cancels / np.linalg.norm(left, axis=0)
    columns = [*np.moveaxis(basis, 0, 2).swapaxes(0, 1), left]

    def sums_against(vectors: np.ndarray) -> list[list[np.ndarray]]:
        return [[(one * other).T @ vectors for other in columns[i:]] for i, one in enumerate(columns)]

    found = summits(WeightedProducts(eigen, sums_against), n - u - (p if reml else 0), u + (p if reml else 0), 0.0,
                    rounding, np.zeros(m, dtype=bool))
    if eigen.values[0] <= eigen.zero:
        found.certain[:] = False        # whether there is a highest point is a matter of the others' kinship
    return found


def summits_of_few(Ts: list[Tridiagonal], Y: np.ndarray, Xs: list[np.ndarray], reml: bool) -> Summits:
    """The maxima of a few phenotypes Y (n, m) under one kinship matrix, or under each of several.

    Parameters
    ----------
    Ts : list of Tridiagonal
        All with the same end of the search, see `search_end`.
    Y : ndarray, shape (n, m)
        Not rotated.
    Xs : list of ndarray, shape (n, p)
        Covariates under each matrix, not rotated.
    reml : bool

    Returns
    -------
    Summits
        Of all phenotypes under the first matrix, then under the next.
    """
    (n, p), m = Xs[0].shape, Y.shape[1]
    reduced = []
    for T, X in zip(Ts, Xs):
        logdet_W = 0.0 if T.weights is None else float(np.sum(np.log(T.weights)))
        reduced.append(_reduced(T.turned(Y), T.turned(X), logdet_W, logdet_of_squares(X), reml))
    bases, lefts, constants, rounding = zip(*reduced)
    products = TridiagonalProducts(Ts, np.stack(bases), np.stack(lefts), search_grid(Ts[0]))
    found = summits(products, n - p if reml else n, p if reml else 0, np.repeat(constants, m), np.concatenate(rounding),
                    np.zeros(len(Ts) * m, dtype=bool))
    if any(T.values[0] <= T.zero for T in Ts):
        # As h → 1, (1 − h)A'V⁻¹A goes to the products of the parts of A in null(K). Plainly something of y is left there,
        # outside X, and the likelihood is bounded (see `unbounded`); or eigenvectors are needed.
        rows = products.on(np.array([1.0 - NEARLY_SINGULAR]))
        eliminate(rows, p)
        found.certain[:] &= NEARLY_SINGULAR * rows[-1][0][:, 0] > CLEARLY * np.concatenate([np.sum(Y**2, axis=0) for Y in lefts])
    return found


def _reduced(Y: np.ndarray, X: np.ndarray, logdet_W: float, logdet_XtX: float,
             reml: bool) -> tuple[np.ndarray, np.ndarray, float, np.ndarray]:
    """An orthonormal basis of X, what it leaves of Y, the constant that belongs to it, and rounding (m,); see `summits`."""
    basis, R = np.linalg.qr(X)
    along = basis.T @ Y
    cancels = np.linalg.norm(Y, axis=0) + np.linalg.norm(X, axis=0) @ np.abs(linalg.solve_triangular(R, along))
    left = Y - basis @ along
    rounding = len(X) * np.finfo(float).eps * cancels / np.linalg.norm(left, axis=0)
    return basis, left, -logdet_W + (2.0 * np.sum(np.log(np.abs(np.diag(R)))) - logdet_XtX if reml else 0.0), rounding
