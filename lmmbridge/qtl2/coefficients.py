"""QTL effects along a chromosome: R/qtl2's scan1coef."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from lmmbridge import __version__
from lmmbridge.lmm.effects import Effects, effects
from lmmbridge.progress import Progress
from lmmbridge.qtl2.genoprobs import Genoprobs
from lmmbridge.qtl2.scan_setup import refuse_binary
from lmmbridge.qtl2.scanner import BLOCK
from lmmbridge.qtl2.single_trait import SingleTrait, contrast_matrix, one_chromosome, single_trait


@dataclass(frozen=True, eq=False)
class Scan1Coef:
    """Effects along a chromosome.

    Attributes
    ----------
    coef : DataFrame
        Positions × coefficients; NaN for columns that were left out as they depend on others.
    se : DataFrame or None
        Their standard errors, where asked for.
    sample_size : int
    hsq : float or None
        The hsq used, under *twice* the kinship matrix. None without kinship.
    criterion : str or None
        What chose hsq: "REML", "ML", or "given"; None without kinship.
    notes : tuple of str
        What a reader should know, in words.
    engine, version : str
    """

    coef: pd.DataFrame
    se: pd.DataFrame | None
    sample_size: int
    hsq: float | None
    criterion: str | None = None
    notes: tuple[str, ...] = ()
    engine: str = "python"
    version: str = __version__

    def __repr__(self) -> str:
        used = "" if self.hsq is None else f", hsq = {self.hsq:.6g} by {self.criterion}"
        lines = [f"Scan1Coef of {self.coef.shape[0]} positions × {self.coef.shape[1]} coefficients, "
                 f"{self.sample_size} individuals{used}", repr(self.coef)]
        return "\n".join(lines + [f"note: {note}" for note in self.notes])


def scan1coef(genoprobs: Genoprobs, pheno: Any, kinship: Any = None, addcovar: Any = None, nullcovar: Any = None,
              intcovar: Any = None, weights: Any = None, contrasts: Any = None, model: str = "normal",
              zerosum: bool = True, se: bool = False, hsq: float | None = None, reml: bool = True, *,
              quiet: bool = False) -> Scan1Coef:
    """QTL effects along one chromosome, by a linear mixed model or Haley–Knott regression.

    Parameters
    ----------
    genoprobs : Genoprobs
        Genotype or allele probabilities; of several chromosomes the first is used, with a warning.
    pheno : DataFrame or Series
        One phenotype (the first of several, with a warning); index: IDs. Values that are not finite are missing.
    kinship : DataFrame or DecomposedKinship, or mapping of chromosome to one of these, optional
        One kinship matrix, or one for each chromosome, of which that of the chromosome is taken. The covariance is made
        of twice the matrix. Default: no polygenic effect.
    addcovar : DataFrame or Series, optional
        Additive covariates. Columns that depend on others and the intercept are left out, and said.
    nullcovar : DataFrame or Series, optional
        Additional covariates of the null model under which hsq is estimated, such as sex for the X chromosome, where it
        depends on the genotypes. Without kinship not used.
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
    se : bool, default False
        Give standard errors.
    hsq : float, optional
        Value to use, between 0 and 1, under twice the kinship matrix. Default: estimate it under the null model.
    reml : bool, default True
        Estimate hsq by REML; False for ML.
    quiet : bool, default False
        Show no progress.

    Returns
    -------
    Scan1Coef
        Coefficients: genotypes, covariates, interactions (of the genotypes but the first) and, with `zerosum`,
        "intercept".

    Raises
    ------
    InputError
        Names the argument, the individual, column or chromosome, and what to do.

    See Also
    --------
    lmmbridge.qtl2.fit1.fit1 : one position, with proper standard errors for `zerosum`.

    Notes
    -----
    As R/qtl2's scan1coef. With `zerosum` the standard errors of the genotypes are those of the effects before their
    mean is subtracted, and that of "intercept" is the root of their mean square, as in R/qtl2, whose manual says that
    they are not quite right.

    Where columns depend on each other (on the X chromosome, or with a covariate that the genotypes determine) the one
    that QR decomposition with column pivoting puts last has no coefficient, as in R/qtl2. Columns that are a sum of
    others tie there; R/qtl2 lets rounding decide, here the later column is left out. The fitted model is the same.

    An interaction is weighted once, where R/qtl2 with kinship and weights does so twice.

    Examples
    --------
    >>> from lmmbridge.qtl2.cross2 import read_cross2
    >>> from lmmbridge.qtl2.extdata import extdata
    >>> from lmmbridge.qtl2.kinship import calc_kinship
    >>> from lmmbridge.qtl2.through_r import calc_genoprob
    >>> iron = read_cross2(extdata("iron.zip"))
    >>> probs = calc_genoprob(iron, error_prob=0.002)
    >>> kinship = calc_kinship(probs, "loco")["16"]
    >>> found = scan1coef(probs.subset(chr=["16"]), iron.pheno["liver"], kinship)
    >>> found.coef.round(2)
                  SS    SB     BB  intercept
    D16Mit131  13.24 -3.34  -9.91      95.09
    D16Mit4     9.36  5.50 -14.86      93.34
    D16Mit30    9.35  5.29 -14.64      93.32
    D16Mit19    6.71  2.07  -8.78      94.11
    D16Mit70    5.92  2.11  -8.03      93.96
    """
    refuse_binary(model, kinship)
    chromosome, array = one_chromosome(genoprobs)
    genotypes = list(array.coords["genotype"].values)
    A, genotypes = contrast_matrix(contrasts, genotypes, unnamed=genotypes)
    positions = list(array.coords["position"].values)
    with Progress("scan1coef", len(positions), quiet) as progress:
        trait = single_trait(genoprobs.individuals, chromosome, pheno, kinship, addcovar,
                             None if kinship is None else nullcovar, intcovar, weights, hsq, reml)
        names = trait.coefficient_names(genotypes)
        coef, errors, reduced = [], [], 0
        for found in effects_along(array, trait, A):
            coef.append(found.beta)
            errors.append(found.se)
            reduced += int(np.sum(found.rank < len(names)))
            progress.advance(len(found.rank))
    coef = pd.DataFrame(np.concatenate(coef), positions, names)
    errors = pd.DataFrame(np.concatenate(errors), positions, names)
    if zerosum and contrasts is None:
        coef, errors = zero_sum(coef, errors, len(genotypes))
    notes = trait.notes
    if reduced:
        notes = notes + [f"at {reduced} of {len(positions)} positions columns depend on each other; of those that were "
                         "left out the coefficients are NaN"]
    return Scan1Coef(coef, errors if se else None, len(trait.batch.ids), trait.hsq, trait.criterion, tuple(notes))


def effects_along(array: xr.DataArray, trait: SingleTrait, A: np.ndarray) -> Iterator[Effects]:
    """The effects along a chromosome, some positions at a time; A: genotypes × columns of the model."""
    rows = pd.Index(array.coords["individual"].values).get_indexer(trait.batch.ids)
    size = max(1, BLOCK // (len(rows) * len(trait.coefficient_names([""] * A.shape[1]))))
    for start in range(0, array.sizes["position"], size):
        X = trait.design(np.einsum("igj,gc->icj", array.values[rows, :, start:start + size], A))
        yield effects(trait.y, np.moveaxis(trait.whitened(X), 2, 0), np.moveaxis(X, 2, 0))


def zero_sum(coef: pd.DataFrame, errors: pd.DataFrame, k: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The first k coefficients as deviations from their mean, and the mean in a new last column."""
    mean = coef.iloc[:, :k].mean(axis=1)
    centred = pd.concat([coef.iloc[:, :k].sub(mean, axis=0), coef.iloc[:, k:], mean.rename("intercept")], axis=1)
    mean_square = (errors.iloc[:, :k] ** 2).mean(axis=1)
    return centred, pd.concat([errors, np.sqrt(mean_square).rename("intercept")], axis=1)
