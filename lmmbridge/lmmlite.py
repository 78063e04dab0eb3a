"""R/lmmlite's four functions, by its names and in its conventions; the fits are this project's.

The conventions (https://kbroman.org/lmmlite): K as given; ``sigmasq`` is the total variance Q/(n−p), also under ML; the log
likelihoods lack constants,

    ML    −½[ n log Q + Σ log d ]
    REML  ML + ½[ p log(2π sigmasq) + log|X'X| − log|X'V⁻¹X| ].

y and X of all but `eigen_rotation` are rotated, as that gives them.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from lmmbridge import lmm
from lmmbridge.errors import InputError
from lmmbridge.inputs import DEPENDENT, check_eigenvalues, symmetric


def eigen_rotation(K: np.ndarray, y: np.ndarray, X: np.ndarray | None = None) -> dict[str, Any]:
    """Eigen decomposition of K, and the rotation of phenotypes and covariates: lmmlite's eigen_rotation.

    Parameters
    ----------
    K : array, shape (n, n)
        Symmetric to rounding.
    y : array, shape (n,) or (n, m)
    X : array, shape (n, p), optional
        Covariates, the intercept among them. Default: the intercept alone.

    Returns
    -------
    dict
        ``Kva`` (n,), eigenvalues, ascending, those within rounding of zero being zero; ``Kve_t`` (n, n), U', a row per
        eigenvalue; ``y`` (n, m) and ``X`` (n, p), rotated; ``logdetXpX``, log|X'X|, NaN where columns depend on each other.

    Raises
    ------
    InputError
    """
    K, y = _finite(K, "K"), _finite(y, "y")
    n = len(K)
    if K.shape != (n, n) or n == 0:
        raise InputError(f"K has the shape {K.shape}: give a square matrix")
    X = np.ones((n, 1)) if X is None else _finite(X, "X")
    for name, values in (("y", y), ("X", X)):
        if len(values) != n:
            raise InputError(f"{name} has {len(values)} rows and K has {n}: give one for each individual")
    eigen = lmm.eigen_decomposition(symmetric(K, [str(i + 1) for i in range(n)], "K"))
    check_eigenvalues(eigen.values, "K")
    U = eigen.vectors
    return {"Kva": eigen.values, "Kve_t": np.ascontiguousarray(U.T), "y": U.T @ y, "X": U.T @ X,
            "logdetXpX": _logdet_crossproduct(X)}


def getMLsoln(hsq: float, Kva: np.ndarray, y: np.ndarray, X: np.ndarray, reml: bool = True) -> dict[str, Any]:
    """Coefficients and variance at fixed hsq: lmmlite's getMLsoln.

    Parameters
    ----------
    hsq : float
    Kva : array, shape (n,)
        Eigenvalues of K, in any order.
    y : array, shape (n,)
    X : array, shape (n, p)
    reml : bool, default True
        Give ``logdetXSX``, too.

    Returns
    -------
    dict
        ``beta`` (p,), ``sigmasq``, ``rss`` (Q), and under REML ``logdetXSX``, log|X'V⁻¹X|.

    Raises
    ------
    InputError
        If V is not positive definite at this hsq, or columns of X depend on each other.
    """
    rotated = _rotated(Kva, y, X)
    try:
        fit = lmm.least_squares(rotated, float(_finite(hsq, "hsq")[0, 0]))
    except ValueError as error:
        raise InputError(f"{error}; give another hsq") from None
    n, p = rotated.X.shape
    found = {"beta": fit.beta, "sigmasq": fit.rss / (n - p), "rss": fit.rss}
    return found | ({"logdetXSX": fit.logdet_XtViX} if reml else {})


def calcLL(hsq: float | np.ndarray, Kva: np.ndarray, y: np.ndarray, X: np.ndarray, reml: bool = True) -> dict[str, Any]:
    """Log likelihood at fixed hsq: lmmlite's calcLL.

    Parameters
    ----------
    hsq : float or array, shape (k,)
    Kva, y, X, reml
        As for `getMLsoln`.

    Returns
    -------
    dict
        ``loglik`` (k,), NaN where V is not positive definite; and of a single hsq ``beta`` (p,) and ``sigmasq``.
    """
    rotated = _rotated(Kva, y, X)
    n, p = rotated.X.shape
    values = _finite(hsq, "hsq")[:, 0]
    logliks = np.full(len(values), np.nan)
    found = {"loglik": logliks, "beta": np.full(p, np.nan), "sigmasq": np.nan}
    for i, h in enumerate(values):
        if np.min(h * rotated.eigen.values + (1.0 - h)) > 0.0:
            fit = lmm.least_squares(rotated, h)
            logliks[i] = _loglik(rotated, fit, reml)
            found |= {"beta": fit.beta, "sigmasq": fit.rss / (n - p)}
    return found if len(values) == 1 else {"loglik": logliks}


def fitLMM(Kva: np.ndarray, y: np.ndarray, X: np.ndarray, reml: bool = True) -> dict[str, Any]:
    """Fit the model by REML or ML: lmmlite's fitLMM.

    Every local maximum is tried, and both boundaries; ĥ is found to rounding.

    Parameters
    ----------
    Kva, y, X, reml
        As for `getMLsoln`.

    Returns
    -------
    dict
        ``beta`` (p,), ``sigmasq``, ``hsq``, ``sigmasq_g``, ``sigmasq_e``, ``loglik``, and ``hsq_se`` (of the observed
        information of the profile likelihood; NaN at a boundary).

    Raises
    ------
    InputError
        If the likelihood grows without bound, so that there is no estimate.
    """
    rotated = _rotated(Kva, y, X)
    maximum = lmm.estimate_hsq(rotated, reml)
    if maximum.unbounded:
        raise InputError(f"the {'REML' if reml else 'ML'} likelihood grows without bound as hsq goes to 1: there is no "
                         "estimate" + ("" if reml else "; use REML, or a kinship matrix that is not centred"))
    fit = lmm.least_squares(rotated, maximum.hsq)
    n, p = rotated.X.shape
    sigmasq = fit.rss / (n - p)
    return {"beta": fit.beta, "sigmasq": sigmasq, "hsq": maximum.hsq, "sigmasq_g": maximum.hsq * sigmasq,
            "sigmasq_e": (1.0 - maximum.hsq) * sigmasq, "loglik": _loglik(rotated, fit, reml),
            "hsq_se": lmm.standard_error(rotated, maximum, reml)}


def _loglik(rotated: lmm.Rotated, fit: lmm.WeightedFit, reml: bool) -> float:
    n, p = rotated.X.shape
    value = -0.5 * (n * np.log(fit.rss) + np.sum(np.log(fit.d)))
    if reml:
        value += 0.5 * (p * np.log(2.0 * np.pi * fit.rss / (n - p)) + rotated.logdet_XtX - fit.logdet_XtViX)
    return float(value)


def _rotated(Kva: np.ndarray, y: np.ndarray, X: np.ndarray) -> lmm.Rotated:
    """The model's parts, eigenvalues ascending."""
    Kva, y, X = _finite(Kva, "Kva")[:, 0], _finite(y, "y"), _finite(X, "X")
    n = len(Kva)
    for name, values in (("y", y), ("X", X)):
        if len(values) != n:
            raise InputError(f"{name} has {len(values)} rows and there are {n} eigenvalues: give those of one rotation")
    if y.shape[1] != 1:
        raise InputError(f"y has {y.shape[1]} columns: give one phenotype")
    if X.shape[1] >= n:
        raise InputError(f"X has {X.shape[1]} columns for {n} individuals: more individuals than coefficients are needed")
    order = np.argsort(Kva, kind="stable")
    eigen = lmm.Eigen(Kva[order], np.empty((0, 0)))
    eigen.values[np.abs(eigen.values) <= eigen.zero] = 0.0
    check_eigenvalues(eigen.values, "K")
    logdet = _logdet_crossproduct(X)
    if np.isnan(logdet):
        raise InputError("X: its columns depend on each other; leave out those that are combinations of others")
    basis = np.linalg.qr(X)[0]
    if np.linalg.norm(y - basis @ (basis.T @ y)) <= DEPENDENT * np.linalg.norm(y):
        raise InputError("y is fitted exactly by X: nothing is left to explain")
    return lmm.Rotated(eigen, y[order, 0], X[order], 0.0, logdet)


def _logdet_crossproduct(X: np.ndarray) -> float:
    """log|X'X|; NaN where a column is a combination of those before it."""
    pivots = np.abs(np.diag(np.linalg.qr(X, mode="r")))
    if len(pivots) < X.shape[1] or np.any(pivots <= DEPENDENT * np.linalg.norm(X, axis=0)):
        return np.nan
    return 2.0 * float(np.sum(np.log(pivots)))


def _finite(values: Any, name: str) -> np.ndarray:
    """A matrix of finite numbers; a vector is its one column."""
    values = np.atleast_1d(np.asarray(values, dtype=float))
    values = values[:, None] if values.ndim == 1 else values
    if not np.isfinite(values).all():
        row, column = np.argwhere(~np.isfinite(values))[0]
        raise InputError(f"{name}: row {row + 1}, column {column + 1} is {values[row, column]:g}; " + (
            "give a number" if name == "hsq" else "leave that individual out of all of K, y and X"))
    return values
