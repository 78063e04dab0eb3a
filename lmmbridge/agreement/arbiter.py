"""The arbiter: ML*, REML*, σ², β and ĥ of small problems to 50 digits; V = hK + (1−h)W⁻¹ and its inverse written out.

Where engines differ by more than double precision should allow, it says who is right: nothing is rounded to doubles
before the end, and no line is shared with `lmmbridge.lmm` or the engine `dense`. The numbers of a problem are taken
exactly as the doubles they are.

    β̂      = (X'V⁻¹X)⁻¹X'V⁻¹y          Q = (y − Xβ̂)'V⁻¹(y − Xβ̂)
    ML*    = −½[ n (log 2π + log(Q/n) + 1) + log|V| ]
    REML*  = −½[ (n−p) (log 2π + log(Q/(n−p)) + 1) + log|V| + log|X'V⁻¹X| − log|X'X| ]

and, with V' = K − W⁻¹ the derivative of V in h and s = V⁻¹(y − Xβ̂), their derivatives from

    Q' = −s'V's      (log|V|)' = tr(V⁻¹V')      (log|X'V⁻¹X|)' = −tr((X'V⁻¹X)⁻¹ X'V⁻¹V'V⁻¹X)
"""
from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import mpmath
import numpy as np

from lmmbridge.engines import Evaluation
from lmmbridge.inputs import Data

#: Problems of at most so many individuals are arbitrated; one h then takes 0.03 s (with gmpy2; some 0.15 s without).
LARGEST = 40
#: Digits promised, and digits computed with: conditions of V, X and y that double precision lets pass cost up to 60.
DIGITS, WORKING = 50, 120
#: V is singular where a pivot is below this part of its diagonal element.
SINGULAR = 1e-50
#: Where K is singular to rounding the range of h ends where the smallest eigenvalue of W½VW½ is this, and so many times
#: the rounding of K.
SMALLEST_D, CLEAR = 1e-8, 10.0
#: Steps of log h/(1−h) in the table of the likelihood (an eigenvalue of V turns from 1 − h to hλ within some four of
#: them), and how far the table goes beyond −log of K's eigenvalues.
STEP, MARGIN = 1.0, 8.0
#: So many V are kept (a quarter of a megabyte each, for 40 individuals).
RECENT = 100
#: A likelihood that moves by less than this over all h is constant.
CONSTANT = 1e-40

#: Numbers of `WORKING` digits. A context of its own: what others set for mpmath.mp does not matter here.
mp = mpmath.mp.clone()
mp.dps = WORKING
#: One of them, an mpf; computing with it goes on in as many digits.
Number = Any


class NotPositiveDefinite(ValueError):
    """V is not positive definite at the h asked for."""


@dataclass(frozen=True)
class Ruling:
    """What is right for one phenotype at one h.

    Attributes
    ----------
    hsq, loglik, sigmasq : mpf
        h under K; ML* or REML*; Q/n or Q/(n−p).
    beta : tuple of mpf, length p
    score : mpf
        Derivative of the log likelihood in h.
    """

    hsq: Number
    loglik: Number
    sigmasq: Number
    beta: tuple[Number, ...]
    score: Number

    def rounded(self) -> Evaluation:
        """The nearest doubles, as an evaluation of one h and one phenotype."""
        return Evaluation(np.array([[float(self.loglik)]]), np.array([[float(self.sigmasq)]]),
                          np.array(self.beta, dtype=float)[None, :, None])


@dataclass(frozen=True)
class Summit:
    """Where the likelihood of one phenotype is highest.

    Attributes
    ----------
    maxima : tuple of Ruling
        All local maxima in 0 ≤ h ≤ `Arbiter.end`, the highest first; none where the likelihood is constant.
    boundary : str or None
        "0", "1" or "end" where the highest is at an end of the range.
    unbounded : bool
        The likelihood rises without bound as h → 1: there is no ĥ, and `maxima` are those before.
    relief : mpf
        Highest less lowest log likelihood on the table.
    """

    maxima: tuple[Ruling, ...]
    boundary: str | None
    unbounded: bool
    relief: Number

    @property
    def best(self) -> Ruling | None:
        """The ruling at ĥ; None where the likelihood is constant or unbounded."""
        return self.maxima[0] if self.maxima and not self.unbounded else None


class Arbiter:
    """The right answers to one problem.

    Parameters
    ----------
    data : Data
        Of at most `LARGEST` individuals.

    Raises
    ------
    ValueError
        For more.
    """

    def __init__(self, data: Data) -> None:
        n = len(data.ids)
        if n > LARGEST:
            raise ValueError(f"{n} individuals: the arbiter takes at most {LARGEST}")
        self.data = data
        self._summits: dict[tuple[bool, int], Summit] = {}
        self._K, self._X, self._Y = _exact(data.K), _exact(data.X), _exact(data.Y)
        self._noise = np.diag(_exact(np.ones(n)) if data.weights is None else 1 / _exact(data.weights))
        self._slope = self._K - self._noise
        self._logdet_XtX = _inverse(_product(self._X.T, self._X))[1]
        self._covariance = lru_cache(maxsize=RECENT)(self._new_covariance)

    @cached_property
    def end(self) -> float:
        """The upper end of the range of h.

        1 where K is positive definite by more than rounding: where its smallest eigenvalue (with weights, that of
        W½KW½) exceeds n·ε times the largest. Otherwise the doubles of K do not tell whether it is singular, and the
        range ends where the smallest eigenvalue of W½VW½ is `SMALLEST_D`, or earlier where that is not `CLEAR` times
        the rounding of K.
        """
        if self._eigenvalues[0] > self._rounding:
            return 1.0
        return float(min((1.0 - SMALLEST_D) / (1.0 - self._negative), self._edge))

    def at(self, hsq: Any, reml: bool, column: int = 0) -> Ruling:
        """What is right at one h.

        Parameters
        ----------
        hsq : float or mpf
            Under K, in 0 ≤ h ≤ 1; beyond `end`, too, if V is positive definite there.
        reml : bool
        column : int
            Which phenotype.

        Raises
        ------
        NotPositiveDefinite
        """
        return self._solve(self._covariance(mp.mpf(hsq)), reml, column)

    def summit(self, reml: bool, column: int = 0) -> Summit:
        """The global maximum over 0 ≤ h ≤ `end`, and every local one.

        The signs of the score on a table bracket each maximum; the root of the score is then found to `DIGITS` digits.

        Notes
        -----
        As h → s, where V turns singular (1 where K is; less where K has a negative eigenvalue), the log likelihood goes
        like c log(s−h), c a multiple of ½. It is taken to be unbounded where, at the last h at which K's rounding does
        not matter yet, it rises faster than with c = −¼.
        """
        if (reml, column) not in self._summits:
            self._summits[reml, column] = self._find_summit(reml, column)
        return self._summits[reml, column]

    def _find_summit(self, reml: bool, column: int) -> Summit:
        table = [self._solve(covariance, reml, column) for covariance in self._table]
        relief, last = max(point.loglik for point in table) - min(point.loglik for point in table), table[-1]
        if relief < CONSTANT:
            return Summit((), None, False, relief)
        maxima = [table[0]] if table[0].score <= 0 else []
        for low, high in zip(table, table[1:]):
            if low.score > 0 >= high.score:
                maxima.append(self._root(low.hsq, high.hsq, reml, column) if high.score < 0 else high)
        singular = 1 / (mp.one - self._negative)
        unbounded = self.end < 1.0 and (singular - self._edge) * self.at(self._edge, reml, column).score > 0.25
        if last.score > 0 and not unbounded:
            maxima.append(last)
        maxima.sort(key=lambda point: point.loglik, reverse=True)
        ends = {last.hsq: "1" if self.end == 1.0 else "end", mp.zero: "0"}
        return Summit(tuple(maxima), ends.get(maxima[0].hsq) if maxima else None, unbounded, relief)

    def _root(self, low: Number, high: Number, reml: bool, column: int) -> Ruling:
        hsq = mp.findroot(lambda h: self.at(h, reml, column).score, (low, high), solver="anderson",
                          tol=mp.mpf(10) ** -(DIGITS + 10), maxsteps=200)
        return self.at(hsq, reml, column)

    @cached_property
    def _eigenvalues(self) -> np.ndarray:
        """Of W½KW½, ascending; doubles, for they only place the range and the table."""
        root = np.ones(len(self.data.ids)) if self.data.weights is None else np.sqrt(self.data.weights)
        return np.linalg.eigvalsh(root[:, None] * self.data.K * root)

    @property
    def _rounding(self) -> float:
        """Eigenvalues of K up to this may be zero: n·ε·λmax, n counting as 30 at least."""
        return max(len(self._eigenvalues), 30) * np.finfo(float).eps * self._eigenvalues[-1]

    @property
    def _negative(self) -> float:
        """The smallest eigenvalue of K, if it is negative by more than rounding; otherwise 0."""
        return float(self._eigenvalues[0]) if self._eigenvalues[0] < -self._rounding else 0.0

    @property
    def _edge(self) -> Number:
        """The h at which the smallest eigenvalue of W½VW½ is `CLEAR` times the rounding of hK."""
        return 1 / (mp.one + CLEAR * self._rounding - self._negative)

    @cached_property
    def _table(self) -> list[_Covariance]:
        """V at 0, in steps of log h/(1−h) past −log of every eigenvalue of K, and at `end`.

        Further out V is W⁻¹, or K, up to a factor and a few parts in 10 000, and the likelihood hardly moves; where K
        is singular, though, it goes on to move as h → 1, and the steps go on to `end`.
        """
        seen = self._eigenvalues[self._eigenvalues > self._rounding]
        last = -np.log(seen[0]) + MARGIN if self.end == 1.0 else np.log(self.end / (1.0 - self.end))
        logits = np.arange(-np.log(seen[-1]) - MARGIN, last + STEP, STEP)
        inside = [1 / (1 + mp.exp(mp.mpf(-logit))) for logit in logits]
        return [self._covariance(h) for h in (mp.zero, *(h for h in inside if h < self.end), mp.mpf(self.end))]

    def _new_covariance(self, h: Number) -> _Covariance:
        try:
            V_inverse, logdet_V = _inverse(self._K * h + self._noise * (1 - h))
        except NotPositiveDefinite as error:
            raise NotPositiveDefinite(f"V is not positive definite at hsq = {mp.nstr(h, 17)}: {error}") from None
        ViX = _product(V_inverse, self._X)
        XtViX_inverse, logdet_XtViX = _inverse(_product(self._X.T, ViX))
        logdet_V_slope = mp.fdot(V_inverse.flat, self._slope.flat)
        logdet_XtViX_slope = -mp.fdot(XtViX_inverse.flat, _product(ViX.T, _product(self._slope, ViX)).flat)
        return _Covariance(h, V_inverse, ViX, XtViX_inverse, logdet_V, logdet_V + logdet_XtViX - self._logdet_XtX,
                           logdet_V_slope, logdet_V_slope + logdet_XtViX_slope)

    def _solve(self, at: _Covariance, reml: bool, column: int) -> Ruling:
        """Generalised least squares of one phenotype."""
        (n, p), y = self._X.shape, self._Y[:, [column]]
        beta = _product(at.XtViX_inverse, _product(at.ViX.T, y))
        residual = y - _product(self._X, beta)
        s = _product(at.V_inverse, residual)
        Q, Q_slope = mp.fdot(residual.flat, s.flat), -mp.fdot(s.flat, _product(self._slope, s).flat)
        df, logdet, slope = (n - p, at.logdet_reml, at.slope_reml) if reml else (n, at.logdet_ml, at.slope_ml)
        return Ruling(hsq=at.hsq, loglik=-(df * (mp.log(2 * mp.pi * Q / df) + 1) + logdet) / 2, sigmasq=Q / df,
                      beta=tuple(beta[:, 0]), score=-(df * Q_slope / Q + slope) / 2)


@dataclass(frozen=True, eq=False)
class _Covariance:
    """V at one h, and what does not depend on y: the log determinants of both criteria, and their derivatives in h."""

    hsq: Number
    V_inverse: np.ndarray
    ViX: np.ndarray
    XtViX_inverse: np.ndarray
    logdet_ml: Number
    logdet_reml: Number
    slope_ml: Number
    slope_reml: Number


def lod(y: np.ndarray, K: np.ndarray | None, weights: np.ndarray | None, h: float, X_null: np.ndarray, X: np.ndarray,
        dependent: float = 1e-11) -> Number:
    """LOD of X against X_null at fixed h: (n/2) log10(Q0/Q1).

    Parameters
    ----------
    y : ndarray, shape (n,)
    K : ndarray, shape (n, n), or None
        V = hK + (1−h)W⁻¹; without K, V = W⁻¹.
    weights : ndarray, shape (n,), or None
        The diagonal of W.
    h : float
    X_null, X : ndarray, n rows
    dependent : float
        A column of which at most this part of the length (in the metric of V⁻¹) is outside the span of those before it
        depends on them and is left out: that is the rounding of its doubles.

    Raises
    ------
    NotPositiveDefinite
    """
    n = len(y)
    noise = np.diag(_exact(np.ones(n)) if weights is None else 1 / _exact(weights))
    V = noise if K is None else _exact(K) * mp.mpf(h) + noise * (1 - mp.mpf(h))
    Z = _lower_inverse(_cholesky(V))

    def rss(columns: np.ndarray) -> Number:
        basis: list[np.ndarray] = []

        def outside(vector: np.ndarray) -> np.ndarray:
            for direction in basis:
                vector = vector - direction * mp.fdot(direction, vector)
            return vector

        for whole in _product(Z, _exact(columns)).T:
            left = outside(whole)
            if mp.norm(left) > dependent * mp.norm(whole):
                basis.append(left / mp.norm(left))
        left = outside(_product(Z, _exact(y[:, None]))[:, 0])
        return mp.fdot(left, left)

    return n * mp.log10(rss(X_null) / rss(X)) / 2


# Below and above, arrays stand in front of numbers in products: mpf's own multiplication first tries to read the array.

#: Doubles as numbers, exactly.
_exact = np.vectorize(lambda value: mp.mpf(float(value)), otypes=[object])


def _product(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """AB, every element rounded once."""
    columns = B.T.tolist()
    return np.array([[mp.fdot(row, column) for column in columns] for row in A.tolist()], dtype=object)


def _inverse(A: np.ndarray) -> tuple[np.ndarray, Number]:
    """A⁻¹ and log|A| of a symmetric positive definite A."""
    L = _cholesky(A)
    columns = _lower_inverse(L).T.tolist()
    inverse = np.empty_like(A)
    for i, column in enumerate(columns):
        for j, other in enumerate(columns[:i + 1]):
            inverse[i, j] = inverse[j, i] = mp.fdot(column[i:], other[i:])
    return inverse, 2 * mp.fsum(mp.log(pivot) for pivot in np.diag(L))


def _cholesky(A: np.ndarray) -> np.ndarray:
    """L with A = LL', L lower triangular."""
    rows = [[mp.zero] * len(A) for _ in A]
    for i, row in enumerate(rows):
        for j, other in enumerate(rows[:i]):
            row[j] = (A[i, j] - mp.fdot(row[:j], other[:j])) / other[j]
        pivot = A[i, i] - mp.fdot(row[:i], row[:i])
        if not pivot > SINGULAR * A[i, i]:
            raise NotPositiveDefinite(f"pivot {i + 1} is {mp.nstr(pivot, 3)}")
        row[i] = mp.sqrt(pivot)
    return np.array(rows, dtype=object)


def _lower_inverse(L: np.ndarray) -> np.ndarray:
    """L⁻¹, column by column."""
    n, rows = len(L), L.tolist()
    columns = []
    for j in range(n):
        column = [mp.zero] * n
        column[j] = 1 / rows[j][j]
        for i in range(j + 1, n):
            column[i] = -mp.fdot(rows[i][j:i], column[j:i]) / rows[i][i]
        columns.append(column)
    return np.array(columns, dtype=object).T
