"""The profile likelihood of the heritability, and its interval."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lmmbridge import lmm
from lmmbridge.lmm.inference import no_inference
from lmmbridge.parallel import run_over
from lmmbridge.qtl2.alignment import Batch, Kinship, align

#: Values of hsq at which the likelihood is told.
NODES = 201


@dataclass(frozen=True, eq=False)
class HsqProfile:
    """How the likelihood of one phenotype depends on hsq, under *twice* the kinship matrix.

    Attributes
    ----------
    loglik : Series
        log likelihood less its maximum; index: hsq, up to where the covariance matrix is positive definite.
    hsq : float
        Where the maximum is; NaN where the likelihood is unbounded (`loglik` is then relative to the largest told).
    interval : tuple of float
        95% profile likelihood interval; (NaN, NaN) for the reason in `without`.
    without : str or None
        Why there is no interval.
    """

    loglik: pd.Series
    hsq: float
    interval: tuple[float, float]
    without: str | None


def hsq_profiles(pheno: Any, kinship: Any, addcovar: Any = None, weights: Any = None, reml: bool = True,
                 cores: int = 1) -> dict[str, HsqProfile]:
    """The profile likelihood of hsq of each phenotype, for the model that `est_herit` fits.

    Parameters
    ----------
    pheno, kinship, addcovar, weights, reml, cores
        As for `lmmbridge.qtl2.herit.est_herit`.

    Returns
    -------
    dict of phenotype to HsqProfile
        Without the phenotypes that have too few individuals.

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
    >>> kinship = calc_kinship(calc_genoprob(iron, error_prob=0.002))
    >>> profile = hsq_profiles(iron.pheno, kinship)["liver"]
    >>> round(profile.hsq, 3), [round(end, 3) for end in profile.interval]
    (0.596, [0.44, 0.73])
    """
    kinship = Kinship(kinship, ())
    aligned = align(kinship.ids, pheno, addcovar, weights=weights, first="kinship")
    found: dict[str, HsqProfile] = {}
    for profiles in run_over(lambda batch: _profiles(batch, kinship, reml), aligned.batches()[0], cores):
        found |= profiles
    return {name: found[name] for name in aligned.pheno.columns if name in found}


def _profiles(batch: Batch, kinship: Kinship, reml: bool) -> dict[str, HsqProfile]:
    eigen = kinship.eigen("", batch.ids, batch.weights)
    grid = np.linspace(0.0, lmm.search_end(eigen), NODES)
    profiles = {}
    for name, rotated in zip(batch.phenotypes, lmm.rotate(eigen, batch.Y, batch.addcovar.to_numpy())):
        maximum = lmm.estimate_hsq(rotated, reml)
        hsq = grid if maximum.unbounded else np.union1d(grid, [maximum.hsq])
        loglik = np.array([lmm.loglik(rotated, lmm.least_squares(rotated, h), reml) for h in hsq])
        loglik -= loglik.max() if maximum.unbounded else maximum.loglik
        profiles[name] = HsqProfile(pd.Series(loglik, hsq), maximum.hsq, lmm.profile_interval(rotated, maximum, reml),
                                    no_inference(maximum))
    return profiles
