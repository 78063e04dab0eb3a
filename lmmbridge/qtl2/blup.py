"""QTL effects along a chromosome as random effects: R/qtl2's scan1blup."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from lmmbridge.lmm.blup import blup
from lmmbridge.parallel import run_over
from lmmbridge.progress import Progress
from lmmbridge.qtl2.coefficients import Scan1Coef
from lmmbridge.qtl2.genoprobs import Genoprobs
from lmmbridge.qtl2.single_trait import SingleTrait, contrast_matrix, one_chromosome, single_trait


def scan1blup(genoprobs: Genoprobs, pheno: Any, kinship: Any = None, addcovar: Any = None, nullcovar: Any = None,
              contrasts: Any = None, se: bool = False, reml: bool = True, cores: int = 1,
              quiet: bool = False) -> Scan1Coef:
    """Best linear unbiased predictors of QTL effects along one chromosome.

    The model at each position is y = Xb + Zu + g + e, with Z the genotype probabilities, var(u) = σ_u²I, and, with
    kinship, a polygenic effect g. The share of σ_u² is estimated at each position; that of g under the null model,
    after which it is taken as known.

    Parameters
    ----------
    genoprobs : Genoprobs
        Genotype or, better, allele probabilities; of several chromosomes the first is used, with a warning.
    pheno : DataFrame or Series
        One phenotype (the first of several, with a warning); index: IDs. Values that are not finite are missing.
    kinship : DataFrame or DecomposedKinship, or mapping of chromosome to one of these, optional
        One kinship matrix, or one for each chromosome, of which that of the chromosome is taken. The covariance is made
        of twice the matrix. Default: no polygenic effect.
    addcovar : DataFrame or Series, optional
        Additive covariates, with fixed effects. Columns that depend on others and the intercept are left out, and said.
    nullcovar : DataFrame or Series, optional
        Additional covariates of the null model under which hsq is estimated. Without kinship not used.
    contrasts : DataFrame or array, genotypes × genotypes, optional
        The genotype columns are multiplied by it; its columns give the names.
    se : bool, default False
        Give standard errors: of the predictors û those of û − u.
    reml : bool, default True
        Estimate variances by REML; False for ML.
    cores : int, default 1
        Positions are spread over so many threads; 0 is all but one core.
    quiet : bool, default False
        Show no progress.

    Returns
    -------
    Scan1Coef
        Coefficients: genotypes, "intercept", covariates. Where the estimate of σ_u² is 0 so are the genotypes' effects
        and their standard errors.

    Raises
    ------
    InputError
        Names the argument, the individual, column or chromosome, and what to do.

    Notes
    -----
    As R/qtl2's scan1blup, but for two things. Standard errors are those of Henderson's mixed model equations; R/qtl2
    puts genotype columns that are rotated beside covariates that are not, and its standard errors are wrong, with
    kinship and without. With kinship, R/qtl2 does not rotate `nullcovar` with the phenotype either, so that its hsq is
    that of another model.

    References
    ----------
    Robinson GK (1991) That BLUP is a good thing: the estimation of random effects. Statistical Science 6:15–32.

    Examples
    --------
    >>> from lmmbridge.qtl2.cross2 import read_cross2
    >>> from lmmbridge.qtl2.extdata import extdata
    >>> from lmmbridge.qtl2.kinship import calc_kinship
    >>> from lmmbridge.qtl2.through_r import calc_genoprob
    >>> iron = read_cross2(extdata("iron.zip"))
    >>> probs = calc_genoprob(iron, error_prob=0.002)
    >>> kinship = calc_kinship(probs, "loco")["16"]
    >>> scan1blup(probs.subset(chr=["16"]), iron.pheno["liver"], kinship).coef.round(2)
                  SS    SB     BB  intercept
    D16Mit131  11.87 -3.07  -8.81      95.01
    D16Mit4     8.61  5.17 -13.78      93.38
    D16Mit30    8.58  4.97 -13.55      93.37
    D16Mit19    5.16  1.78  -6.94      94.09
    D16Mit70    4.22  1.71  -5.93      93.97
    """
    chromosome, array = one_chromosome(genoprobs)
    genotypes = list(array.coords["genotype"].values)
    A, genotypes = contrast_matrix(contrasts, genotypes, unnamed=genotypes)
    positions = list(array.coords["position"].values)
    with Progress("scan1blup", len(positions), quiet) as progress:
        trait = single_trait(genoprobs.individuals, chromosome, pheno, kinship, addcovar,
                             None if kinship is None else nullcovar, None, None, None, reml)
        rows = pd.Index(genoprobs.individuals).get_indexer(trait.batch.ids)
        coef, errors, notes = blups(trait, lambda j: array.values[rows, :, j] @ A, positions, genotypes, reml, cores,
                                    progress)
    return Scan1Coef(coef, errors if se else None, len(rows), trait.hsq, trait.criterion, tuple(trait.notes + notes))


def blups(trait: SingleTrait, columns_at: Callable[[int], np.ndarray], positions: list[str | None],
          genotypes: list[str], reml: bool, cores: int = 1,
          progress: Progress | None = None) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Predictors, their standard errors (positions × coefficients), and notes.

    Parameters
    ----------
    trait : SingleTrait
        Of n individuals.
    columns_at : callable
        Genotype columns of the position of that number, (n, k); called where they are needed, so that no more are held.
    progress : Progress, optional
        Counts positions.
    """
    y, X = trait.y, trait.whitened(trait.batch.addcovar.to_numpy())
    found = []
    for one in run_over(lambda j: blup(y, X, trait.whitened(columns_at(j)), reml), range(len(positions)), cores):
        found.append(one)
        if progress is not None:
            progress.advance()
    names = [*genotypes, *trait.batch.addcovar.columns]
    coef = pd.DataFrame([np.concatenate([one.u, one.beta]) for one in found], positions, names)
    errors = pd.DataFrame([np.concatenate([one.u_se, one.beta_se]) for one in found], positions, names)
    notes = [("" if position is None else f"position '{position}': ")
             + "the likelihood of the effects' variance grows without bound; no predictors"
             for position, one in zip(positions, found) if one.maximum.unbounded]
    return coef, errors, notes
