"""QTL effects as deviations from their mean, with the standard errors of these deviations."""
from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lmmbridge.errors import InputError
from lmmbridge.qtl2.coefficients import scan1coef
from lmmbridge.qtl2.genoprobs import Genoprobs
from lmmbridge.qtl2.scan1 import ABSENT_ON_X


def centred_effects(genoprobs: Genoprobs, pheno: Any, **arguments
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
        NaN for genotypes that do not occur, such as some on the X chromosome.
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
    probs = Genoprobs({chromosome: array.isel(genotype=np.flatnonzero(occur))}, genoprobs.is_x_chr, genoprobs.crosstype,
                      genoprobs.alleles, genoprobs.alleleprobs)
    # β_j = mean + d_j and Σd = 0: all deviations but the one of a genotype left out are coefficients of the model.
    fits = [scan1coef(probs, pheno, contrasts=_mean_and_deviations(present, out), se=True, **arguments)
            for out in (present[-1], present[0])]
    effects, errors = (pd.concat([first[present[:-1]], second[present[-1:]]], axis=1).reindex(columns=genotypes)
                       for first, second in zip(*((fit.coef, fit.se) for fit in fits)))
    return effects, errors, fits[0].notes


def _mean_and_deviations(genotypes: list[str], out: str) -> pd.DataFrame:
    """Contrasts: the mean first, which the interactions leave out, then the deviations of all genotypes but one."""
    eye = pd.DataFrame(np.eye(len(genotypes)), genotypes, genotypes)
    deviations = eye.drop(columns=out).sub(eye[out], axis=0)
    return pd.concat([pd.Series(1.0, genotypes, name="mean"), deviations], axis=1)
