"""Genome scan by a single-QTL model: R/qtl2's scan1."""
from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lmmbridge import __version__
from lmmbridge.parallel import heavy_work
from lmmbridge.progress import Progress
from lmmbridge.qtl2.alignment import without_results
from lmmbridge.qtl2.genoprobs import Genoprobs
from lmmbridge.qtl2.scan_chromosomes import scan_chromosomes
from lmmbridge.qtl2.scan_setup import Setup, set_up
from lmmbridge.qtl2.scanner import Scanner

#: A LOD score below minus this is negative; nearer to 0 it is rounding.
NEGATIVE = 1e-9


@dataclass(frozen=True, eq=False)
class Scan1:
    """LOD curves.

    Attributes
    ----------
    lod : DataFrame
        LOD scores, positions × phenotypes. A LOD is (n/2) log10(Q0/Q1) with the residual sums of squares of the null
        model and of the model with the QTL; also when hsq was estimated by REML.
    hsq : DataFrame or None
        The hsq used, under *twice* the kinship matrix: null chromosomes × phenotypes (one row for a single kinship
        matrix; an autosome's and the X chromosome's where Xcovar is given; a row per chromosome for a kinship per
        chromosome), or positions × phenotypes where each position has its own. None without kinship.
    sample_size : Series
        Individuals by phenotype.
    criterion : str or None
        What chose hsq: "REML", "ML", or "given"; None without kinship.
    notes : tuple of str
        What a reader should know, in words.
    engine, version : str
    """

    lod: pd.DataFrame
    hsq: pd.DataFrame | None
    sample_size: pd.Series
    criterion: str | None = None
    notes: tuple[str, ...] = ()
    engine: str = "python"
    version: str = __version__

    def __repr__(self) -> str:
        lines = [f"Scan1 of {self.lod.shape[0]} positions × {self.lod.shape[1]} phenotypes"
                 + (f", hsq by {self.criterion}" if self.criterion else ""), repr(self.lod)]
        return "\n".join(lines + [f"note: {note}" for note in self.notes])


def scan1(genoprobs: Genoprobs, pheno: Any, kinship: Any = None, addcovar: Any = None, Xcovar: Any = None,
          intcovar: Any = None, weights: Any = None, reml: bool = True, model: str = "normal", hsq: Any = None,
          cores: int | Executor = 1, *, quiet: bool = False) -> Scan1:
    """Genome scan with a single-QTL model, by a linear mixed model or Haley–Knott regression.

    Parameters
    ----------
    genoprobs : Genoprobs
        Genotype or allele probabilities.
    pheno : DataFrame or Series
        Phenotypes; index: IDs. Values that are not finite are missing.
    kinship : DataFrame or DecomposedKinship, or mapping of chromosome to one of these, optional
        One kinship matrix, or one for each chromosome (as `calc_kinship(probs, "loco")`). The covariance is made of
        twice the matrix. Default: no polygenic effect (Haley–Knott regression).
    addcovar : DataFrame or Series, optional
        Additive covariates; an intercept is always there. Columns that depend on others are left out, and said.
    Xcovar : DataFrame or Series, optional
        Additional covariates for the null model of the X chromosome.
    intcovar : DataFrame or Series, optional
        Covariates that interact with the QTL; they are additive covariates as well.
    weights : Series, optional
        Positive, 1/variance of each individual's residual.
    reml : bool, default True
        Estimate hsq by REML; False for ML. LOD scores are differences of ML in both cases.
    model : str, default "normal"
        "binary" is refused.
    hsq : float, sequence, DataFrame or "each", optional
        Values to use, between 0 and 1, under twice the kinship matrix; null chromosomes × phenotypes (see
        `Scan1.hsq`), where a single row or column may be a sequence; one
        value stands for all. "each": estimate hsq again at each position by
        ML, so that LOD is the likelihood ratio of both models, each at its own maximum (as GEMMA's -lmm 2); needs
        reml=False. Default: estimate it under the null model.
    cores : int or concurrent.futures.Executor, default 1
        Chromosomes are spread over so many threads (0 is all but one core; one phenotype or a few gain little by them, since
        LAPACK's triangular solver keeps Python's lock), or over the workers of an executor: a
        `ThreadPoolExecutor`, a `ProcessPoolExecutor` (made with ``multiprocessing.get_context("spawn")``), or that of a Dask
        cluster, ``client.get_executor()``. The results are the same to the last bit.
    quiet : bool, default False
        Show no progress.

    Returns
    -------
    Scan1

    Raises
    ------
    InputError
        Names the argument, the individual, column or chromosome, and what to do.

    Notes
    -----
    As in R/qtl2's scan1: individuals are those with genotypes, kinship, all covariates and some phenotype, in the
    order of genoprobs; phenotypes are taken together by pattern of missing values; the first genotype column, and on
    the X chromosome those that do not occur, are left out. Where genotype columns depend on the covariates, LOD is that
    of the columns that remain (R/qtl2 keeps the rounding noise of such columns).

    Examples
    --------
    >>> from lmmbridge.qtl2 import calc_genoprob, calc_kinship, extdata, get_x_covar, read_cross2, scan1
    >>> iron = read_cross2(extdata("iron.zip"))
    >>> probs = calc_genoprob(iron, error_prob=0.002)
    >>> scan = scan1(probs, iron.pheno, calc_kinship(probs, "loco"), Xcovar=get_x_covar(iron))
    >>> scan.lod.idxmax().to_dict(), scan.lod.max().round(3).to_dict()
    ({'liver': 'D2Mit17', 'spleen': 'D9Mit182'}, {'liver': 6.623, 'spleen': 11.27})
    >>> scan.hsq.loc["16"].round(4).to_dict()
    {'liver': 0.5736, 'spleen': 0.4899}
    """
    setup = set_up(genoprobs, pheno, kinship, addcovar, Xcovar, intcovar, weights, reml, model, hsq)
    batches, without = setup.batches()
    notes = [*setup.aligned.notes, *without_results(without)]
    phenotypes = setup.aligned.pheno.columns
    places, start = {}, 0
    for chromosome, array in genoprobs.items():
        places[chromosome] = slice(start, start := start + array.sizes["position"])
    # Where all phenotypes are scanned together their LOD scores are written where they stay.
    whole = len(batches) == 1 and batches[0].phenotypes == list(phenotypes) and not setup.each
    lod = np.empty((len(phenotypes), start)).T      # each curve in one piece
    if not whole:
        lod[:] = np.nan
    used = np.full(lod.shape if setup.each else (len(setup.null_chromosomes), len(phenotypes)), np.nan)
    total = len(lod) * sum(len(batch.phenotypes) for batch in batches)
    with heavy_work(), Progress("scan1", total, quiet) as progress:
        for batch in batches:
            columns = phenotypes.get_indexer(batch.phenotypes)
            scanner = Scanner(setup, batch, progress)
            for chromosome, found in zip(genoprobs, scan_chromosomes(scanner, cores, into=lod if whole else None)):
                here = lod[places[chromosome]]
                if not np.shares_memory(here, found.lod):
                    here[:, columns] = found.lod
                if found.hsq is not None:
                    rows = places[chromosome] if setup.each else setup.null_chromosomes.index(setup.nulls[chromosome])
                    used[rows, columns] = found.hsq
                notes += found.notes
            notes += batch.notes
    lod = pd.DataFrame(lod, list(genoprobs.positions), list(phenotypes), copy=False)
    hsq = None if setup.kinship is None else pd.DataFrame(
        used, lod.index if setup.each else setup.null_chromosomes, lod.columns)
    notes += said_of_negative(_below_zero(lod, genoprobs), setup)
    notes += [] if setup.kinship is None else setup.kinship.notes
    sizes = pd.Series(np.sum(~np.isnan(setup.aligned.pheno.to_numpy()), axis=0), phenotypes)
    return Scan1(lod, hsq, sizes, setup.criterion, tuple(dict.fromkeys(notes)))


def _below_zero(lod: pd.DataFrame, genoprobs: Genoprobs) -> int:
    """How many LOD scores of the X chromosome are negative."""
    on_x = [name for chromosome, array in genoprobs.items() if genoprobs.is_x_chr[chromosome]
            for name in array.coords["position"].values]
    return int(np.sum(lod.loc[on_x].to_numpy() < -NEGATIVE)) if on_x else 0


def said_of_negative(below: int, setup: Setup) -> list[str]:
    """A note where the null model of the X chromosome explains what the model with the QTL cannot."""
    return [f"X chromosome: {below} LOD scores are below 0, since the null model there has covariates (Xcovar) that neither "
            "the genotypes nor addcovar hold; give them as addcovar, too"] if below and setup.aligned.Xcovar is not None else []
