"""Step 2: the eigenvectors of K are the coordinates in which V is diagonal."""
from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from lmmbridge.lmm.weight_basis import WeightBasis

if TYPE_CHECKING:
    from lmmbridge.lmm.tridiagonal import Tridiagonal


@dataclass(frozen=True)
class Eigen:
    """W½KW½ = U diag(values) U'.

    Attributes
    ----------
    values : ndarray, shape (n,)
        Eigenvalues, ascending; those that are zero to rounding are zero.
    vectors : ndarray, shape (n, n)
        U, a column per eigenvalue.
    weights : ndarray, shape (n,), or None
        The diagonal of W (1/variance); None where all are 1.
    """

    values: np.ndarray
    vectors: np.ndarray
    weights: np.ndarray | None = None

    @property
    def zero(self) -> float:
        """Eigenvalues up to this are zero to rounding: n·ε·λmax, n counting as 30 at least."""
        return zero_of(self.values)

    @property
    def rank(self) -> int:
        """Numerical rank of K."""
        return int(np.sum(self.values > self.zero))

    def turned(self, values: np.ndarray) -> np.ndarray:
        """U'W½ values, (n, m)."""
        return self.vectors.T @ (values if self.weights is None else np.sqrt(self.weights)[:, None] * values)

    def whitened(self, hsq: float, A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """D^−½A in these coordinates, and d = hλ + 1 − h, whose product is |V|; not all of it positive where V is no covariance."""
        d = hsq * self.values + (1.0 - hsq)
        with np.errstate(divide="ignore", invalid="ignore"):
            return A / np.sqrt(d)[:, None], d

    def slope(self, hsq: float, Z: np.ndarray) -> np.ndarray:
        """The derivative of V in h, whitened from both sides, times Z (n, m): diag(a) Z, a = (λ−1)/d."""
        return relative_slopes(self.values, hsq)[:, None] * Z

    def along(self, hsq: float, r: np.ndarray) -> float:
        """r'Ar, A being what `slope` multiplies by."""
        return float(relative_slopes(self.values, hsq) @ r**2)

    def trace_outside(self, hsq: float, basis: np.ndarray) -> float:
        """tr[(I − BB')A], for B (n, p) with orthonormal columns."""
        return float(np.sum(relative_slopes(self.values, hsq) * (1.0 - np.sum(basis**2, axis=1))))

    @cached_property
    def weight_basis(self) -> WeightBasis:
        """Of the weights at all h."""
        return WeightBasis(self.values)


@dataclass(frozen=True)
class Rotated:
    """One phenotype and its covariates in the eigenvectors' coordinates.

    Attributes
    ----------
    eigen : Eigen or Tridiagonal
        Whose coordinates these are.
    y : ndarray, shape (n,)
        U'W½y, or Q'W½y.
    X : ndarray, shape (n, p)
        The same of X.
    logdet_W, logdet_XtX : float
        log|W|, and log|X'X| of the unweighted X (the two constants of the likelihoods).
    """

    eigen: Eigen | Tridiagonal
    y: np.ndarray
    X: np.ndarray
    logdet_W: float
    logdet_XtX: float


def eigen_decomposition(kinship: np.ndarray, weights: np.ndarray | None = None) -> Eigen:
    """Eigen decomposition of W½KW½ (LAPACK's divide and conquer).

    Eigenvalues within `Eigen.zero` of zero are set to zero: near h = 1, where 1 − h is as small as they are, the
    likelihood would follow their rounding.

    Parameters
    ----------
    kinship : ndarray, shape (n, n)
        K, symmetric; the lower triangle is read.
    weights : ndarray, shape (n,), optional
        Positive, 1/variance. Default: all 1.
    """
    if weights is not None:
        root = np.sqrt(weights)
        kinship = root[:, None] * kinship * root
    values, vectors = np.linalg.eigh(kinship)       # lets other threads run, which scipy's does not
    return Eigen(zeros_to_rounding(values), vectors, weights)


def relative_slopes(values: np.ndarray, hsq: float) -> np.ndarray:
    """a = (λ−1)/(hλ + 1 − h), (n,): the derivatives of log d."""
    return (values - 1.0) / (hsq * values + (1.0 - hsq))


def zero_of(values: np.ndarray) -> float:
    """What ascending eigenvalues are zero to rounding up to: n·ε·λmax, n counting as 30 at least."""
    return max(len(values), 30) * np.finfo(float).eps * max(values[-1], 0.0)


def zeros_to_rounding(values: np.ndarray) -> np.ndarray:
    """Ascending eigenvalues, those that are zero to rounding being zero."""
    return np.where(np.abs(values) <= zero_of(values), 0.0, values)


def rotate(eigen: Eigen | Tridiagonal, Y: np.ndarray, X: np.ndarray) -> list[Rotated]:
    """Rotate phenotypes and covariates by U'W½, or Q'W½: one `Rotated` per column of Y.

    Parameters
    ----------
    eigen : Eigen or Tridiagonal
        Of the kinship matrix of the same n individuals.
    Y : ndarray, shape (n, m)
    X : ndarray, shape (n, p)
        Of full column rank, intercept included.
    """
    rotated_Y, rotated_X = eigen.turned(Y), eigen.turned(X)
    logdet_W = 0.0 if eigen.weights is None else float(np.sum(np.log(eigen.weights)))
    logdet_XtX = logdet_of_squares(X)
    return [Rotated(eigen, y, rotated_X, logdet_W, logdet_XtX) for y in rotated_Y.T.copy()]


def logdet_of_squares(X: np.ndarray) -> float:
    """log|X'X|."""
    return 2.0 * float(np.sum(np.log(np.abs(np.diag(np.linalg.qr(X, mode="r"))))))
