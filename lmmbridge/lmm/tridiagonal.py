"""K = QTQ' with T tridiagonal: a seventh of an eigen decomposition's time, and enough to estimate h for a few phenotypes.

V is tridiagonal in Q's coordinates, so that V⁻¹ times a vector takes some operations for each of the n individuals and no more.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg, special
from scipy.linalg import blas, lapack

from lmmbridge.lmm.rotation import zero_of, zeros_to_rounding
from lmmbridge.lmm.weight_basis import weights_at


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
            return np.full(A.shape, np.nan), hsq * self.values + (1.0 - hsq)
        lower = np.stack([np.ones(len(d)), np.append(below, 0.0)])
        return linalg.solve_banded((1, 0), lower, A, check_finite=False) / np.sqrt(d)[:, None], d

    def slope(self, hsq: float, Z: np.ndarray) -> np.ndarray:
        """D^−½L⁻¹(T − I)L⁻'D^−½ Z; see `Eigen.slope`."""
        d, below, _ = self._factors(hsq)
        upper = np.stack([np.insert(below, 0, 0.0), np.ones(len(d))])
        back = linalg.solve_banded((0, 1), upper, Z / np.sqrt(d)[:, None], check_finite=False)
        return self.whitened(hsq, self.times_change(back))[0]

    def times_change(self, A: np.ndarray) -> np.ndarray:
        """(T − I)A, T − I being the derivative of V in h, for A (..., n, m)."""
        product = (self.diagonal - 1.0)[:, None] * A
        product[..., :-1, :] += self.beside[:, None] * A[..., 1:, :]
        product[..., 1:, :] += self.beside[:, None] * A[..., :-1, :]
        return product

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
    """
    if weights is not None:
        root = np.sqrt(weights)
        kinship = root[:, None] * kinship * root
    reflectors, diagonal, beside, tau, _ = lapack.dsytrd(kinship, lower=1, lwork=64 * len(kinship))
    values, failed = lapack.dsterf(diagonal, beside)
    if failed:
        raise np.linalg.LinAlgError("the eigenvalues of the tridiagonal matrix were not found")
    return Tridiagonal(kinship, weights, zeros_to_rounding(values), diagonal, beside, reflectors, tau)


def solve_lower(L: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """L⁻¹ of each row, (m, n), L being lower triangular (BLAS's dtrsm)."""
    return blas.dtrsm(1.0, L.T, rows.T, lower=0, trans_a=1).T


@dataclass(frozen=True, eq=False)
class TridiagonalProducts:
    """Cross products A'V⁻¹A of the columns of A = [X y], for N phenotypes y, in Q's coordinates.

    Attributes
    ----------
    T : Tridiagonal
    X : ndarray, shape (n, p)
    Y : ndarray, shape (n, N)
    grid : ndarray, shape (g,)
        Values of h.
    """

    T: Tridiagonal
    X: np.ndarray
    Y: np.ndarray
    grid: np.ndarray

    def on_grid(self) -> list[list[np.ndarray]]:
        """As `CrossProducts.on_grid`."""
        return self.on(self.grid)

    def on(self, grid: np.ndarray) -> list[list[np.ndarray]]:
        """At these values of h."""
        p, A = self.X.shape[1], np.hstack([self.X, self.Y])
        M = np.moveaxis(A.T @ self._solved(grid, np.broadcast_to(A, (len(grid), *A.shape))), 0, 2)
        y = np.arange(p, A.shape[1])
        return [[M[[i], j] for j in range(i, p)] + [M[i, p:]] for i in range(p)] + [[M[y, y]]]

    def at(self, which: np.ndarray, hsq: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `CrossProducts.at`."""
        n, p = self.X.shape
        A = np.concatenate([np.broadcast_to(self.X, (len(which), n, p)), self.Y.T[which][:, :, None]], axis=2)
        solved = self._solved(hsq, A)
        changed = self.T.times_change(solved)
        M = np.moveaxis(np.stack([
            A.swapaxes(1, 2) @ solved, -(solved.swapaxes(1, 2) @ changed),
            2.0 * (changed.swapaxes(1, 2) @ self._solved(hsq, changed))]), 1, 3)
        w = weights_at(self.T.values, hsq)
        a = (self.T.values[:, None] - 1.0) * w
        return M, np.array([-np.sum(np.log(w), axis=0), np.sum(a, axis=0), -np.sum(a**2, axis=0)])

    def along(self, which: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `CrossProducts.along`."""
        return tuple(derivatives_in_x(found, special.expit(x)) for found in self.at(which, special.expit(x)))

    def _solved(self, hsq: np.ndarray, A: np.ndarray) -> np.ndarray:
        """V⁻¹A at each h, (m, n, q): one tridiagonal system, whose blocks have nothing between them."""
        m, n, q = A.shape
        diagonal = np.outer(hsq, self.T.diagonal) + (1.0 - hsq)[:, None]
        beside = np.zeros((m, n))
        np.multiply.outer(hsq, self.T.beside, out=beside[:, :-1])
        *_, solved, failed = lapack.dptsv(diagonal.ravel(), beside.ravel()[:-1], A.reshape(m * n, q))
        return np.full(A.shape, np.nan) if failed else solved.reshape(A.shape)


def derivatives_in_x(values: np.ndarray, hsq: np.ndarray) -> np.ndarray:
    """A function and its first two derivatives in x = log h/(1−h), from those in h: shape (3, ..., m)."""
    slope = hsq * (1.0 - hsq)
    return np.stack([values[0], values[1] * slope, values[2] * slope**2 + values[1] * slope * (1.0 - 2.0 * hsq)])
