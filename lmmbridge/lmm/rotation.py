"""Step 2: the eigenvectors of K are the coordinates in which V is diagonal."""
from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lmmbridge.lmm.weight_basis import WeightBasis


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

    @cached_property
    def weight_basis(self) -> WeightBasis:
        """Of the weights at all h."""
        return WeightBasis(self.values)


@dataclass(frozen=True)
class Rotated:
    """One phenotype and its covariates in the eigenvectors' coordinates.

    Attributes
    ----------
    eigen : Eigen
    y : ndarray, shape (n,)
        U'W½y.
    X : ndarray, shape (n, p)
        U'W½X.
    logdet_W, logdet_XtX : float
        log|W|, and log|X'X| of the unweighted X (the two constants of the likelihoods).
    """

    eigen: Eigen
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


def zero_of(values: np.ndarray) -> float:
    """What ascending eigenvalues are zero to rounding up to: n·ε·λmax, n counting as 30 at least."""
    return max(len(values), 30) * np.finfo(float).eps * max(values[-1], 0.0)


def zeros_to_rounding(values: np.ndarray) -> np.ndarray:
    """Ascending eigenvalues, those that are zero to rounding being zero."""
    return np.where(np.abs(values) <= zero_of(values), 0.0, values)


def rotate(eigen: Eigen, Y: np.ndarray, X: np.ndarray) -> list[Rotated]:
    """Rotate phenotypes and covariates by U'W½: one `Rotated` per column of Y.

    Parameters
    ----------
    eigen : Eigen
        Of the kinship matrix of the same n individuals.
    Y : ndarray, shape (n, m)
    X : ndarray, shape (n, p)
        Of full column rank, intercept included.
    """
    root = 1.0 if eigen.weights is None else np.sqrt(eigen.weights)[:, None]
    rotated_Y = eigen.vectors.T @ (root * Y)
    rotated_X = eigen.vectors.T @ (root * X)
    logdet_W = 0.0 if eigen.weights is None else float(np.sum(np.log(eigen.weights)))
    logdet_XtX = logdet_of_squares(X)
    return [Rotated(eigen, y, rotated_X, logdet_W, logdet_XtX) for y in rotated_Y.T.copy()]


def logdet_of_squares(X: np.ndarray) -> float:
    """log|X'X|."""
    return 2.0 * float(np.sum(np.log(np.abs(np.diag(np.linalg.qr(X, mode="r"))))))
