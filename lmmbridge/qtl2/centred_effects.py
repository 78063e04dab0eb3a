"""QTL effects as deviations from their mean, with the standard errors of these deviations."""
from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lmmbridge.errors import InputError
from lmmbridge.qtl2.coefficients import effects_along
from lmmbridge.qtl2.genoprobs import Genoprobs
from lmmbridge.qtl2.scanner import ABSENT_ON_X
from lmmbridge.qtl2.single_trait import single_trait


#: What is said where a genotype has no coefficient.
DEPENDENT = ("genotype columns depend on each other or on the covariates: those left out have no effect, and the others are "
             "deviations from the mean of those that have one")


def centred_effects(genoprobs: Genoprobs, pheno: Any, kinship: Any = None, addcovar: Any = None, nullcovar: Any = None,
                    intcovar: Any = None, weights: Any = None, hsq: Any = None, reml: bool = True
                    ) -> tuple[pd.DataFrame, pd.DataFrame, tuple[str, ...]]:
    """Effects of the genotypes along one chromosome, less their mean, and their standard errors.

    The effects are those of ``scan1coef(…, zerosum=True)``; its standard errors are those of the effects before their
    mean is taken off, which hold the uncertainty of the mean, too. Here they are of the deviations, as in `fit1`.

    Parameters
    ----------
    genoprobs : Genoprobs
        Of one chromosome.
    pheno, kinship, addcovar, nullcovar, intcovar, weights, hsq, reml
        As for `lmmbridge.qtl2.coefficients.scan1coef`. With intcovar the effects are those where it is 0.

    Returns
    -------
    effects, errors : DataFrame, positions × genotypes
        NaN for genotypes that do not occur, such as some on the X chromosome, and for those that have no coefficient
        beside the others and the covariates; the effects of the others sum to 0.
    notes : tuple of str

    Raises
    ------
    InputError

    Examples
    --------
    >>> from lmmbridge.qtl2.cross2 import read_cross2
    >>> from lmmbridge.qtl2.extdata import extdata
    >>> from lmmbridge.qtl2.kinship import calc_kinship
    >>> from lmmbridge.qtl2.through_r import calc_genoprob
    >>> iron = read_cross2(extdata("iron.zip"))
    >>> probs = calc_genoprob(iron, error_prob=0.002)
    >>> kinship = calc_kinship(probs, "loco")["16"]
    >>> effects, errors, _ = centred_effects(probs.subset(chr=["16"]), iron.pheno["liver"], kinship=kinship)
    >>> effects.loc["D16Mit30"].round(2).to_dict(), errors.loc["D16Mit30"].round(2).to_dict()
    ({'SS': 9.35, 'SB': 5.29, 'BB': -14.64}, {'SS': 2.84, 'SB': 2.55, 'BB': 2.83})
    """
    chromosome, array = next(iter(genoprobs.items()))
    genotypes = array.coords["genotype"].values
    occur = array.values.mean(axis=(0, 2)) >= ABSENT_ON_X
    present = list(genotypes[occur])
    if len(present) < 2:
        raise InputError(f"genoprobs: chromosome '{chromosome}' has only one genotype: there are no effects to "
                         "estimate")
    trait = single_trait(genoprobs.individuals, chromosome, pheno, kinship, addcovar, nullcovar, intcovar, weights, hsq,
                         reml)
    k, notes, centred = len(present), list(trait.notes), []
    for found in effects_along(array.isel(genotype=np.flatnonzero(occur)), trait, np.eye(k)):
        notes += [DEPENDENT] if np.isnan(found.beta).any() else []
        centred += [_deviations(beta[:k], sigmasq * covariance[:k, :k])
                    for beta, covariance, sigmasq in zip(found.beta, found.covariance, found.sigmasq)]
    positions = array.coords["position"].values
    effects, errors = (pd.DataFrame(values, positions, present).reindex(columns=genotypes) for values in zip(*centred))
    return effects, errors, tuple(dict.fromkeys(notes))


def _deviations(beta: np.ndarray, covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Effects less the mean of those that there are (not NaN), and their standard errors."""
    kept = ~np.isnan(beta)
    T = np.eye(kept.sum()) - 1.0 / max(kept.sum(), 1)
    effects, errors = np.full((2, len(beta)), np.nan)
    effects[kept] = T @ beta[kept]
    errors[kept] = np.sqrt(np.diag(T @ covariance[np.ix_(kept, kept)] @ T.T))
    return effects, errors
