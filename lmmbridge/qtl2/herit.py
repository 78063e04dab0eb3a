"""Heritability by a linear mixed model: R/qtl2's est_herit."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lmmbridge import __version__, lmm
from lmmbridge.errors import InputError
from lmmbridge.lmm.many import TOGETHER, summits_of
from lmmbridge.parallel import heavy_work, run_over
from lmmbridge.progress import Progress
from lmmbridge.qtl2.alignment import Batch, Kinship, align, rotation, truth, without_results
from lmmbridge.qtl2.kinship import DecomposedKinship
from lmmbridge.qtl2.scan_setup import without_bound


@dataclass(frozen=True, eq=False)
class Herit:
    """Heritabilities, by phenotype.

    Attributes
    ----------
    hsq : Series
        ĥ under *twice* the kinship matrix, as in R/qtl2; NaN with the reason in `notes`.
    sample_size : Series
    log10lik : Series
        log10 of the ML likelihood at ĥ without its constants, as R/qtl2 reports it also where ĥ is by REML:
        −½[n log Q + log|V|]/log 10.
    resid_sd : Series
        Square root of the *total* variance, Q/(n−p) under REML, Q/n under ML.
    criterion : str
        "REML" or "ML": what chose ĥ.
    notes : tuple of str
    engine, version : str
    """

    hsq: pd.Series
    sample_size: pd.Series
    log10lik: pd.Series
    resid_sd: pd.Series
    criterion: str
    notes: tuple[str, ...] = ()
    engine: str = "python"
    version: str = __version__

    def table(self) -> pd.DataFrame:
        """One row per phenotype."""
        return pd.DataFrame({"hsq": self.hsq, "log10lik": self.log10lik, "resid_sd": self.resid_sd,
                             "sample_size": self.sample_size}).rename_axis("phenotype")

    def __repr__(self) -> str:
        lines = [f"Heritability under twice the kinship matrix, by {self.criterion}", repr(self.table())]
        return "\n".join(lines + [f"note: {note}" for note in self.notes])


def est_herit(pheno: Any, kinship: Any, addcovar: Any = None, weights: Any = None, reml: bool = True, cores: int = 1,
              *, quiet: bool = False) -> Herit:
    """Estimate the heritability of each phenotype.

    Parameters
    ----------
    pheno : DataFrame or Series
        Phenotypes; index: IDs. Values that are not finite are missing.
    kinship : DataFrame
        One kinship matrix (of `calc_kinship`); the covariance is made of twice the matrix, so that ĥ is h/(2 − h) of the
        h that `lmmbridge.fit_lmm` gives.
    addcovar : DataFrame or Series, optional
        Covariates; an intercept is always there. Columns that depend on others are left out, and said.
    weights : Series, optional
        Positive, 1/variance of each individual's residual.
    reml : bool, default True
        REML; False for ML.
    cores : int, default 1
        Phenotypes with other patterns of missing values are spread over so many threads; 0 is all but one core.
    quiet : bool, default False
        Show no progress.

    Returns
    -------
    Herit

    Raises
    ------
    InputError

    Notes
    -----
    As in R/qtl2's est_herit: individuals are those with kinship, all covariates and some phenotype. R/qtl2 searches
    once over (0, 1); here every local maximum is tried.

    Examples
    --------
    >>> from lmmbridge.qtl2 import calc_genoprob, calc_kinship, est_herit, extdata, read_cross2
    >>> iron = read_cross2(extdata("iron.zip"))
    >>> kinship = calc_kinship(calc_genoprob(iron, error_prob=0.002))
    >>> est_herit(iron.pheno, kinship).hsq.round(4).to_dict()
    {'liver': 0.5958, 'spleen': 0.4909}
    """
    if isinstance(kinship, (Mapping, DecomposedKinship)):
        raise InputError("kinship must be one kinship matrix that is not decomposed: give the DataFrame of "
                         "calc_kinship(probs)")
    truth(reml, "reml")
    kinship = Kinship(kinship, ())
    aligned = align(kinship.ids, pheno, addcovar, weights=weights, first="kinship")
    names = aligned.pheno.columns
    sample_size = aligned.pheno.notna().sum()
    batches, without = aligned.batches()
    notes = [*aligned.notes, *without_results(without)]
    found = np.full((3, len(names)), np.nan)
    with heavy_work(), Progress("est_herit", len(names), quiet) as progress:
        for batch, (estimates, said) in run_over(lambda batch: (batch, _estimates(batch, kinship, reml, progress)), batches, cores):
            found[:, names.get_indexer(batch.phenotypes)] = estimates
            notes += said + batch.notes
    hsq, log10lik, resid_sd = (pd.Series(values, names) for values in found)
    notes += kinship.notes
    return Herit(hsq.rename("hsq"), sample_size, log10lik.rename("log10lik"), resid_sd.rename("resid_sd"),
                 "REML" if reml else "ML", tuple(dict.fromkeys(notes)))


def _estimates(batch: Batch, kinship: Kinship, reml: bool, progress: Progress) -> tuple[np.ndarray, list[str]]:
    """ĥ, log10lik and resid_sd of each phenotype of the batch, (3, m), and notes."""
    eigen = kinship.eigen("", batch.ids, batch.weights)
    n, p = batch.addcovar.shape
    Y, X = (rotation(eigen, batch.weights, values) for values in (batch.Y, batch.addcovar.to_numpy()))
    hsq, rss, notes = np.empty(Y.shape[1]), np.empty(Y.shape[1]), []
    for start in range(0, len(hsq), TOGETHER):
        some = slice(start, start + TOGETHER)
        found = summits_of(eigen, Y[:, some], X, reml)
        hsq[some], rss[some] = found.hsq, found.rss
        # Those that are not found together, or of which there is something to say.
        for i in np.flatnonzero(~found.certain | found.unbounded | ~np.isnan(found.second_hsq)):
            j = start + i
            if found.certain[i]:
                maximum = found.maximum(i)
            else:
                rotated, = lmm.rotate(eigen, batch.Y[:, [j]], batch.addcovar.to_numpy())
                maximum = lmm.estimate_hsq(rotated, reml)
                hsq[j] = (maximum.bounded or (np.nan, np.nan))[0]
                rss[j] = np.nan if np.isnan(hsq[j]) else lmm.least_squares(rotated, hsq[j]).rss
            notes += _said(batch.phenotypes[j], maximum, hsq[j])
        progress.advance(len(found.hsq))
    log10lik = -0.5 * (n * np.log(rss) + eigen.weight_basis.logdet(hsq)) / np.log(10.0)
    return np.array([hsq, log10lik, np.sqrt(rss / (n - p if reml else n))]), notes


def _said(name: str, maximum: lmm.Maximum, hsq: float) -> list[str]:
    said = [without_bound(name, hsq)] if maximum.unbounded else []
    if maximum.flat:
        said.append(f"pheno '{name}': the likelihood is flat in hsq; hsq = 0 stands for all")
    if maximum.second is not None and not maximum.unbounded:
        said.append(f"pheno '{name}': the likelihood has a second maximum at hsq = {maximum.second[0]:.6g}, lower by "
                    f"{maximum.loglik - maximum.second[1]:.3g}")
    return said
