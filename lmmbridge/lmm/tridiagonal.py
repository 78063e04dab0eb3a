"""K = QTQ' with T tridiagonal: a fourth of an eigen decomposition's time (of 2000 individuals), and enough for a few phenotypes.

V is tridiagonal in Q's coordinates, so that V⁻¹ times a vector takes some operations for each of the n individuals and no more.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg, special
from scipy.linalg import blas, lapack

from lmmbridge.lmm.rotation import relative_slopes, zero_of, zeros_to_rounding
from lmmbridge.lmm.weight_basis import condition


@dataclass(frozen=True, eq=False)
class Tridiagonal:
    """W½KW½ = QTQ'.

    Attributes
    ----------
    kinship : ndarray, shape (n, n)
        W½KW½.
    weights : ndarray, shape (n,), or None
        The diagonal of W (1/variance); None where all are 1.
    values : ndarray, shape (n,)
        Eigenvalues, as in `Eigen`.
    diagonal, beside : ndarray, shape (n,) and (n − 1,)
        T.
    reflectors, tau : ndarray
        Q, as LAPACK's dsytrd leaves it.
    """

    kinship: np.ndarray
    weights: np.ndarray | None
    values: np.ndarray
    diagonal: np.ndarray
    beside: np.ndarray
    reflectors: np.ndarray
    tau: np.ndarray

    @property
    def zero(self) -> float:
        """As of `Eigen`."""
        return zero_of(self.values)

    @property
    def rank(self) -> int:
        """As of `Eigen`."""
        return int(np.sum(self.values > self.zero))

    def turned(self, values: np.ndarray) -> np.ndarray:
        """Q'W½ values, (n, m)."""
        turned = np.array(values if self.weights is None else np.sqrt(self.weights)[:, None] * values, order="F")
        # dsytrd's reflectors leave the first coordinate alone; the others' are those of a QR decomposition.
        turned[1:] = lapack.dormqr("L", "T", self.reflectors[1:, :-1], self.tau, turned[1:], lwork=64 * values.shape[1])[0]
        return turned

    def whitened(self, hsq: float, A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """D^−½L⁻¹A with LDL' = hT + (1−h)I, and D's diagonal; see `Eigen.whitened`."""
        d, below, failed = self._factors(hsq)
        if failed:
            return np.full(A.shape, np.nan), np.full(len(self.values), np.nan)
        lower = np.stack([np.ones(len(d)), np.append(below, 0.0)])
        return linalg.solve_banded((1, 0), lower, A, check_finite=False) / np.sqrt(d)[:, None], d

    def slope(self, hsq: float, Z: np.ndarray) -> np.ndarray:
        """D^−½L⁻¹(T − I)L⁻'D^−½ Z; see `Eigen.slope`."""
        d, below, _ = self._factors(hsq)
        upper = np.stack([np.insert(below, 0, 0.0), np.ones(len(d))])
        back = linalg.solve_banded((0, 1), upper, Z / np.sqrt(d)[:, None], check_finite=False)
        return self.whitened(hsq, _times_change(self.diagonal, self.beside, back))[0]

    def along(self, hsq: float, r: np.ndarray) -> float:
        """As of `Eigen`."""
        return float(r @ self.slope(hsq, r[:, None])[:, 0])

    def trace_outside(self, hsq: float, basis: np.ndarray) -> float:
        """As of `Eigen`."""
        return float(np.sum(relative_slopes(self.values, hsq)) - np.sum(basis * self.slope(hsq, basis)))

    def _factors(self, hsq: float) -> tuple[np.ndarray, np.ndarray, int]:
        return lapack.dpttrf(hsq * self.diagonal + (1.0 - hsq), hsq * self.beside)


def tridiagonal(kinship: np.ndarray, weights: np.ndarray | None = None) -> Tridiagonal:
    """Reduce W½KW½ to tridiagonal form (LAPACK's dsytrd; eigenvalues by dsterf).

    Parameters
    ----------
    kinship : ndarray, shape (n, n)
        K, symmetric.
    weights : ndarray, shape (n,), optional
        Positive, 1/variance. Default: all 1.

    Returns
    -------
    Tridiagonal
        Takes the place of an `Eigen` in `rotate` and all that follows; but where K is singular its null space matters, which shows
        in eigenvectors only, so that `estimate_hsq` and `fit` refuse it.
    """
    if weights is not None:
        root = np.sqrt(weights)
        kinship = root[:, None] * kinship * root
    reflectors, diagonal, beside, tau, _ = lapack.dsytrd(kinship.T, lower=1, lwork=16 * len(kinship))
    values, failed = lapack.dsterf(diagonal, beside)
    if failed:
        raise np.linalg.LinAlgError("the eigenvalues of the tridiagonal matrix were not found")
    return Tridiagonal(kinship, weights, zeros_to_rounding(values), diagonal, beside, reflectors, tau)


def solve_lower(L: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """L⁻¹ of each row, (m, n), L being lower triangular (BLAS's dtrsm)."""
    return blas.dtrsm(1.0, L.T, rows.T, lower=0, trans_a=1).T


def _times_change(diagonal: np.ndarray, beside: np.ndarray, A: np.ndarray) -> np.ndarray:
    """(T − I)A, T − I being the derivative of V in h: A (..., n, q), T's diagonal (..., n) and the numbers beside it."""
    product = (diagonal - 1.0)[..., None] * A
    product[..., :-1, :] += beside[..., None] * A[..., 1:, :]
    product[..., 1:, :] += beside[..., None] * A[..., :-1, :]
    return product


class TridiagonalProducts:
    """Cross products A'V⁻¹A of the columns of A = [X y], for m phenotypes y under each of t kinship matrices, in Q's coordinates.

    Likelihood i·m + j is that of phenotype j under matrix i.

    Parameters
    ----------
    Ts : list of Tridiagonal
    X : ndarray, shape (t, n, p)
    Y : ndarray, shape (t, n, m)
    grid : ndarray, shape (g,)
        Values of h.
    """

    def __init__(self, Ts: list[Tridiagonal], X: np.ndarray, Y: np.ndarray, grid: np.ndarray):
        self.grid, self._X, self._Y = grid, X, Y
        self._diagonal, self._beside, self._values = (np.stack([getattr(T, name) for T in Ts])
                                                      for name in ("diagonal", "beside", "values"))
        self.conditions = self._each_phenotype(np.stack([condition(T.values, grid) for T in Ts]))
        d = self._values[:, :, None] * grid + (1.0 - grid)
        self.logdets = self._each_phenotype(np.sum(np.log(d), axis=1))

    def _each_phenotype(self, of_matrices: np.ndarray) -> np.ndarray:
        """What all phenotypes share, (t, g), by likelihood; (1, g) where there is one matrix."""
        t, _, m = self._Y.shape
        return of_matrices if 1 in (t, m) else np.repeat(of_matrices, m, axis=0)

    def on_grid(self) -> list[list[np.ndarray]]:
        """As `CrossProducts.on_grid`."""
        return self.on(self.grid)

    def on(self, grid: np.ndarray) -> list[list[np.ndarray]]:
        """At these values of h."""
        A, p, g = np.concatenate([self._X, self._Y], axis=2), self._X.shape[2], len(grid)
        t, n, q = A.shape
        solved = self._solved(np.repeat(np.arange(t), g), np.tile(grid, t), np.repeat(A, g, axis=0)).reshape(t, g, n, q)
        with_X = self._X.swapaxes(1, 2)[:, None] @ solved       # (t, g, p, q)
        squares = np.einsum("tnm,tgnm->tmg", self._Y, solved[..., p:])

        def of_phenotypes(values: np.ndarray) -> np.ndarray:
            return values.swapaxes(1, 2).reshape(-1, g)

        return [[self._each_phenotype(with_X[:, :, i, j]) for j in range(i, p)] + [of_phenotypes(with_X[:, :, i, p:])]
                for i in range(p)] + [[squares.reshape(-1, g)]]

    def at(self, which: np.ndarray, hsq: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `CrossProducts.at`."""
        of, phenotype = np.divmod(which, self._Y.shape[2])
        A = np.concatenate([self._X[of], self._Y[of, :, phenotype][:, :, None]], axis=2)
        solved = self._solved(of, hsq, A)
        changed = _times_change(self._diagonal[of], self._beside[of], solved)
        M = np.moveaxis(np.stack([
            A.swapaxes(1, 2) @ solved, -(solved.swapaxes(1, 2) @ changed),
            2.0 * (changed.swapaxes(1, 2) @ self._solved(of, hsq, changed))]), 1, 3)
        values = self._values[of]
        d = hsq[:, None] * values + (1.0 - hsq)[:, None]
        a = (values - 1.0) / d
        return M, np.array([np.sum(np.log(d), axis=1), np.sum(a, axis=1), -np.sum(a**2, axis=1)])

    def along(self, which: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `CrossProducts.along`."""
        return tuple(derivatives_in_x(found, special.expit(x)) for found in self.at(which, special.expit(x)))

    def _solved(self, of: np.ndarray, hsq: np.ndarray, A: np.ndarray) -> np.ndarray:
        """V⁻¹A under matrices `of` at each one's h, (s, n, q): one tridiagonal system, whose blocks have nothing between them."""
        s, n, q = A.shape
        diagonal = hsq[:, None] * self._diagonal[of] + (1.0 - hsq)[:, None]
        beside = np.zeros((s, n))
        np.multiply(hsq[:, None], self._beside[of], out=beside[:, :-1])
        *_, solved, failed = lapack.dptsv(diagonal.ravel(), beside.ravel()[:-1], A.reshape(s * n, q))
        return np.full(A.shape, np.nan) if failed else solved.reshape(A.shape)


def derivatives_in_x(values: np.ndarray, hsq: np.ndarray) -> np.ndarray:
    """A function and its first two derivatives in x = log h/(1−h), from those in h: shape (3, ..., m)."""
    slope = hsq * (1.0 - hsq)
    return np.stack([values[0], values[1] * slope, values[2] * slope**2 + values[1] * slope * (1.0 - 2.0 * hsq)])
