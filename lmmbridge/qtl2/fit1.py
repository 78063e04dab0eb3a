"""A single-QTL model at one position: R/qtl2's fit1."""
from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from lmmbridge import __version__
from lmmbridge.errors import InputError
from lmmbridge.lmm.effects import effects
from lmmbridge.qtl2.alignment import labelled
from lmmbridge.qtl2.blup import blups
from lmmbridge.qtl2.scan_setup import refuse_binary
from lmmbridge.qtl2.single_trait import SingleTrait, contrast_matrix, single_trait


@dataclass(frozen=True, eq=False)
class Fit1:
    """A single-QTL model fitted at one position.

    Attributes
    ----------
    lod : float or None
        (n/2) log10(Q0/Q1), as in `lmmbridge.qtl2.scan1.scan1`; None for predictors (blup).
    ind_lod : Series or None
        Each individual's contribution to `lod`; None with kinship.
    coef : Series
        By coefficient; NaN for columns that were left out as they depend on others.
    SE : Series or None
        Their standard errors.
    var : DataFrame or None
        Their covariance matrix, where asked for and no column was left out.
    fitted, resid : Series or None
        Fitted values Xb and residuals y − Xb, by individual; with weights both times √weight, as in R/qtl2. None for
        predictors.
    sample_size : int
    hsq : float or None
        The hsq used, under *twice* the kinship matrix. None without kinship.
    criterion : str or None
        What chose hsq: "REML", "ML", or "given"; None without kinship.
    notes : tuple of str
        What a reader should know, in words.
    engine, version : str
    """

    lod: float | None
    ind_lod: pd.Series | None
    coef: pd.Series
    SE: pd.Series | None
    var: pd.DataFrame | None
    fitted: pd.Series | None
    resid: pd.Series | None
    sample_size: int
    hsq: float | None
    criterion: str | None = None
    notes: tuple[str, ...] = ()
    engine: str = "python"
    version: str = __version__

    def __repr__(self) -> str:
        parts = ["Fit1"] + ([] if self.lod is None else [f"LOD {self.lod:.6g}"]) + [f"{self.sample_size} individuals"]
        parts += [] if self.hsq is None else [f"hsq = {self.hsq:.6g} by {self.criterion}"]
        table = self.coef.to_frame("coef") if self.SE is None else pd.DataFrame({"coef": self.coef, "SE": self.SE})
        return "\n".join([", ".join(parts), repr(table)] + [f"note: {note}" for note in self.notes])


def fit1(genoprobs: Any, pheno: Any, kinship: Any = None, addcovar: Any = None, nullcovar: Any = None,
         intcovar: Any = None, weights: Any = None, contrasts: Any = None, model: str = "normal", zerosum: bool = True,
         se: bool = True, hsq: float | None = None, reml: bool = True, blup: bool = False, var: bool = False) -> Fit1:
    """Fit a single-QTL model at one position, by a linear mixed model or Haley–Knott regression.

    Parameters
    ----------
    genoprobs : DataFrame, individuals × genotypes, or DataArray of one position, or None
        Genotype or allele probabilities, such as ``probs["16"].sel(position="D16Mit30")``. None: a model without QTL.
    pheno : DataFrame or Series
        One phenotype (the first of several, with a warning); index: IDs. Values that are not finite are missing.
    kinship : DataFrame or DecomposedKinship, or mapping of one chromosome to such, optional
        One kinship matrix; the covariance is made of twice the matrix. Default: no polygenic effect.
    addcovar : DataFrame or Series, optional
        Additive covariates. Columns that depend on others and the intercept are left out, and said.
    nullcovar : DataFrame or Series, optional
        Additional covariates of the null model.
    intcovar : DataFrame or Series, optional
        Covariates that interact with the QTL; they are additive covariates as well.
    weights : Series, optional
        Positive, 1/variance of each individual's residual.
    contrasts : DataFrame or array, genotypes × genotypes, optional
        The genotype columns are multiplied by it; its columns give the names.
    model : str, default "normal"
        "binary" is refused.
    zerosum : bool, default True
        Give the genotypes' effects as deviations from their mean, and the mean as a further coefficient "intercept".
        Without effect where `contrasts` is given.
    se : bool, default True
        Give standard errors.
    hsq : float, optional
        Value to use, between 0 and 1, under twice the kinship matrix. Default: estimate it under the null model.
    reml : bool, default True
        Estimate variances by REML; False for ML.
    blup : bool, default False
        Treat the genotypes' effects as random, see `lmmbridge.qtl2.blup.scan1blup`: coefficients and standard errors
        only. `intcovar`, `weights`, `hsq` and `var` are then not used, with a warning; nor is `zerosum`.
    var : bool, default False
        Give the covariance matrix of the coefficients; it is given with `zerosum` and `se`, too.

    Returns
    -------
    Fit1

    Raises
    ------
    InputError
        Names the argument, the individual or column, and what to do.

    Notes
    -----
    As R/qtl2's fit1, but for three faults of it with kinship: with weights, an interaction is weighted once here, and the
    columns of `addcovar` that depend on others are found before they are weighted; without, columns of `intcovar` that
    depend on those of `addcovar` are left out here, too, as in R/qtl2's scan1.

    Where columns depend on each other, see the notes of `lmmbridge.qtl2.coefficients.scan1coef`; with `zerosum` no
    coefficient is given then, as in R/qtl2, and no standard error (R/qtl2 gives those of ``zerosum=False``).

    Examples
    --------
    >>> from lmmbridge.qtl2.cross2 import read_cross2
    >>> from lmmbridge.qtl2.extdata import extdata
    >>> from lmmbridge.qtl2.kinship import calc_kinship
    >>> from lmmbridge.qtl2.through_r import calc_genoprob
    >>> iron = read_cross2(extdata("iron.zip"))
    >>> probs = calc_genoprob(iron, error_prob=0.002)
    >>> kinship = calc_kinship(probs, "loco")["16"]
    >>> fit = fit1(probs["16"].sel(position="D16Mit30"), iron.pheno["liver"], kinship)
    >>> round(fit.lod, 2)
    5.62
    >>> fit.coef.round(2).to_dict()
    {'SS': 9.35, 'SB': 5.29, 'BB': -14.64, 'intercept': 93.32}
    """
    refuse_binary(model, kinship)
    frame = _genotypes(genoprobs, pheno)
    zerosum = zerosum and genoprobs is not None
    if blup:
        unused = {"intcovar": intcovar, "weights": weights, "hsq": hsq, "var": var or None}
        for name in (name for name, value in unused.items() if value is not None):
            warnings.warn(f"{name} is not used where blup=True", stacklevel=2)
        intcovar = weights = hsq = None
        nullcovar = None if kinship is None else nullcovar
    genotypes = list(frame.columns)
    A, genotypes = contrast_matrix(contrasts, genotypes, unnamed=genotypes if blup else [
        f"qtleff{j + 1}" for j in range(len(genotypes))])
    trait = single_trait(frame.index, None, pheno, kinship, addcovar, nullcovar, intcovar, weights, hsq, reml)
    G = frame.loc[trait.batch.ids].to_numpy() @ A
    if blup:
        coef, errors, notes = blups(trait, lambda _: G, [None], genotypes, reml)
        return Fit1(lod=None, ind_lod=None, coef=coef.iloc[0].rename("coef"),
                    SE=errors.iloc[0].rename("SE") if se else None, var=None, fitted=None, resid=None,
                    sample_size=len(G), hsq=trait.hsq, criterion=trait.criterion, notes=tuple(trait.notes + notes))
    return fixed_effects(trait, G, genotypes, zerosum and contrasts is None, se, var or (zerosum and se))


def fixed_effects(trait: SingleTrait, G: np.ndarray, genotypes: list[str], centre: bool, se: bool, var: bool) -> Fit1:
    """The fit with fixed effects of the genotype columns G."""
    ids, names = trait.batch.ids, trait.coefficient_names(genotypes)
    n, y = len(ids), trait.y
    X = trait.design(G[:, :, None])[:, :, 0]
    whitened = trait.whitened(X)
    found = effects(y, whitened[None], X[None])
    beta, covariance, rss = found.beta[0], found.sigmasq[0] * found.covariance[0], found.rss[0]
    used = np.nan_to_num(beta, nan=0.0)
    basis = np.linalg.qr(trait.whitened(trait.X_null))[0]
    null_residuals = y - basis @ (basis.T @ y)
    null_rss = null_residuals @ null_residuals

    notes = list(trait.notes)
    full_rank = found.rank[0] == len(names)
    if not full_rank:
        notes.append(f"{len(names) - found.rank[0]} of {len(names)} columns depend on others: "
                     + ("effects that sum to zero cannot be estimated; zerosum=False leaves columns out" if centre else
                        "their coefficients are NaN"))
    saturated = found.rank[0] >= n
    if saturated:
        notes.append(f"{n} individuals are no more than the model has coefficients: no LOD score, no standard errors")
    lod = np.nan if saturated else 0.5 * n * np.log10(null_rss / rss)
    ind_lod = None
    if trait.eigen is None:
        residuals = y - whitened @ used
        ind_lod = np.full(n, np.nan) if saturated else 0.5 * (
            null_residuals**2 / (null_rss / n) - residuals**2 / (rss / n) + np.log(null_rss / rss)) / np.log(10.0)
        ind_lod = pd.Series(ind_lod, ids, name="ind_lod")
    if centre:
        k, p = len(genotypes), len(names)
        T = np.vstack([np.eye(p), np.zeros(p)])
        T[:k, :k] -= 1.0 / k
        T[p, :k] = 1.0 / k
        beta, covariance, names = T @ beta, T @ covariance @ T.T, [*names, "intercept"]
    scale = 1.0 if trait.batch.weights is None else np.sqrt(trait.batch.weights)
    fitted = pd.Series(scale * (X @ used), ids, name="fitted")
    var = var and full_rank
    return Fit1(lod=float(lod), ind_lod=ind_lod, coef=pd.Series(beta, names, name="coef"),
                SE=pd.Series(np.sqrt(np.diag(covariance)), names, name="SE") if se or var else None,
                var=pd.DataFrame(covariance, names, names) if var else None,
                fitted=fitted, resid=(scale * trait.batch.Y[:, 0] - fitted).rename("resid"),
                sample_size=n, hsq=trait.hsq, criterion=trait.criterion, notes=tuple(notes))


def _genotypes(genoprobs: Any, pheno: Any) -> pd.DataFrame:
    """Genotype probabilities as individuals × genotypes, of the individuals that have them."""
    if genoprobs is None:
        phenotyped = labelled(pheno, "pheno")
        if phenotyped is None:
            raise InputError("pheno is None: give the phenotype, a Series with the individuals' IDs as index")
        return pd.DataFrame({"intercept": 1.0}, phenotyped.index)
    if isinstance(genoprobs, xr.DataArray):
        if genoprobs.dims != ("individual", "genotype"):
            raise InputError(f"genoprobs has the dims {genoprobs.dims}: give one position, as "
                             "probs['1'].sel(position='D1Mit18')")
        genoprobs = pd.DataFrame(genoprobs.values, genoprobs.coords["individual"].values,
                                 genoprobs.coords["genotype"].values)
    if not isinstance(genoprobs, pd.DataFrame):
        raise InputError(f"genoprobs is a {type(genoprobs).__name__}: give a DataFrame of individuals × genotypes, or "
                         "the DataArray of one position")
    return labelled(genoprobs, "genoprobs").dropna()
