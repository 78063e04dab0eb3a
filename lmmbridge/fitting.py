"""`fit_lmm`, the door for people: labelled or plain data in, fitted models out."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from lmmbridge import __version__, lmm
from lmmbridge.errors import InputError
from lmmbridge.inputs import Data, check_eigenvalues, prepare
from lmmbridge.lmm.weight_basis import WORST_CONDITION, condition


class LmmFits(Mapping):
    """Fits of many phenotypes, by name: a mapping from phenotype to `LmmFit`, in the order given."""

    def __init__(self, fits: dict[str, lmm.LmmFit]):
        self._fits = dict(fits)

    def __getitem__(self, phenotype: str) -> lmm.LmmFit:
        return self._fits[phenotype]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fits)

    def __len__(self) -> int:
        return len(self._fits)

    def table(self) -> pd.DataFrame:
        """One row per phenotype: estimates, log likelihood, interval, notes."""
        rows = {name: {"hsq": fit.hsq, "hsq_se": fit.hsq_se, "hsq_low": fit.hsq_interval[0],
                       "hsq_high": fit.hsq_interval[1], "sigmasq": fit.sigmasq, "sigmasq_g": fit.sigmasq_g,
                       "sigmasq_e": fit.sigmasq_e, "loglik": fit.loglik, "criterion": fit.criterion, "n": fit.n,
                       "notes": "; ".join(fit.notes)} for name, fit in self.items()}
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("phenotype")

    def __repr__(self) -> str:
        return f"LmmFits of {len(self)} phenotypes\n{self.table().drop(columns='notes')}"


def fit_lmm(pheno: Any, kinship: Any, covar: Any = None, *, reml: bool = True, weights: Any = None):
    """Fit a linear mixed model with one kinship matrix to one or many phenotypes.

    Parameters
    ----------
    pheno : array or Series of length n, or array or DataFrame of shape (n, m)
        Phenotypes; NaN is missing, and individuals without a value are left out (per phenotype) and counted.
    kinship : array or DataFrame, shape (n, n)
        K as given, not doubled: R/qtl2's functions use twice their argument, so that their ĥ is ĥ/(2 − ĥ) of this one.
    covar : array, Series or DataFrame with n rows, optional
        Fixed effects. An intercept is put in front unless `covar` already spans the constant.
    reml : bool, default True
        Estimate by REML; False for ML.
    weights : array or Series of length n, optional
        Positive, 1/variance of each individual's residual: var(e) = σ²[hK + (1−h)W⁻¹].

    Returns
    -------
    LmmFit, or LmmFits (a mapping from phenotype to LmmFit) where `pheno` has two dimensions

    Raises
    ------
    lmmbridge.InputError
        Names the argument, the individual or column, and what to do. pandas objects are aligned by their index;
        arrays are taken to be in the order of the first pandas object (of pheno, kinship, covar, weights).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> G = rng.normal(size=(50, 80))
    >>> K = G @ G.T / 80
    >>> y = G @ rng.normal(size=80) / 9 + rng.normal(size=50)
    >>> fit = fit_lmm(y, K)
    >>> fit.criterion, fit.n, fit.p
    ('REML', 50, 1)
    >>> round(fit.sigmasq_g + fit.sigmasq_e - fit.sigmasq, 12)
    0.0
    """
    if not isinstance(reml, (bool, np.bool_)):
        raise InputError(f"reml is {reml!r}: give True for REML or False for ML")
    fits: dict[int, tuple[str, lmm.LmmFit]] = {}
    for data in prepare(pheno, kinship, covar, weights):
        eigen = _decomposed(data)
        notes = data.notes + check_eigenvalues(eigen.values)
        for position, name, rotated in zip(data.positions, data.phenotypes, lmm.rotate(eigen, data.Y, data.X)):
            fit = lmm.fit(rotated, reml, columns=data.columns, notes=notes, version=__version__)
            fits[position] = (name, fit)
    if np.ndim(pheno) == 1:
        return fits[0][1]
    return LmmFits(dict(fits[position] for position in sorted(fits)))


def _decomposed(data: Data) -> lmm.Eigen | lmm.Tridiagonal:
    """K in tridiagonal form for a single phenotype, otherwise its eigenvectors; these, too, where some h makes V badly conditioned."""
    if len(data.phenotypes) == 1:
        T = lmm.tridiagonal(data.K, data.weights)
        if condition(T.values, np.ones(1))[0] <= WORST_CONDITION:
            return T
    return lmm.eigen_decomposition(data.K, data.weights)
