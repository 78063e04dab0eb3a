"""Maximum LOD scores of a genome scan, without the LOD curves: R/qtl2's scan1max."""
from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from lmmbridge import __version__
from lmmbridge.errors import InputError
from lmmbridge.parallel import heavy_work
from lmmbridge.progress import Progress
from lmmbridge.qtl2.alignment import without_results
from lmmbridge.qtl2.genoprobs import Genoprobs
from lmmbridge.qtl2.scan_chromosomes import scan_chromosomes
from lmmbridge.qtl2.scan_setup import set_up
from lmmbridge.qtl2.scanner import Found, Scanner


@dataclass(frozen=True, eq=False)
class Scan1Max:
    """Maximum LOD scores.

    Attributes
    ----------
    lod : Series, or DataFrame
        Genome-wide maxima by phenotype; or maxima by chromosome, chromosomes × phenotypes.
    hsq : DataFrame or None
        The hsq used, under *twice* the kinship matrix: null chromosomes × phenotypes, as `Scan1.hsq`.
    sample_size : Series
        Individuals by phenotype.
    criterion : str or None
        What chose hsq: "REML", "ML", or "given"; None without kinship.
    notes : tuple of str
        What a reader should know, in words.
    engine, version : str
    """

    lod: pd.Series | pd.DataFrame
    hsq: pd.DataFrame | None
    sample_size: pd.Series
    criterion: str | None = None
    notes: tuple[str, ...] = ()
    engine: str = "python"
    version: str = __version__


def scan1max(genoprobs: Genoprobs, pheno: Any, kinship: Any = None, addcovar: Any = None, Xcovar: Any = None,
             intcovar: Any = None, weights: Any = None, reml: bool = True, model: str = "normal", hsq: Any = None,
             by_chr: bool = False, cores: int | Executor = 1, *, quiet: bool = False) -> Scan1Max:
    """Maximum LOD scores of a genome scan: those of `scan1`, of which no more than a chromosome is held at a time.

    Parameters
    ----------
    genoprobs, pheno, kinship, addcovar, Xcovar, intcovar, weights, reml, model, hsq, cores, quiet
        As for `scan1`; hsq="each" is not offered.
    by_chr : bool, default False
        The maximum on each chromosome, in place of that over the genome.

    Returns
    -------
    Scan1Max

    Raises
    ------
    InputError
        As `scan1`.

    Examples
    --------
    >>> from lmmbridge.qtl2.cross2 import read_cross2
    >>> from lmmbridge.qtl2.extdata import extdata
    >>> from lmmbridge.qtl2.kinship import calc_kinship
    >>> from lmmbridge.qtl2.through_r import calc_genoprob
    >>> iron = read_cross2(extdata("iron.zip"))
    >>> probs = calc_genoprob(iron, error_prob=0.002)
    >>> sex = (iron.covar["sex"] == "m").astype(float)
    >>> scan1max(probs, iron.pheno, calc_kinship(probs, "loco"), sex).lod.round(2).to_dict()
    {'liver': 7.15, 'spleen': 12.02}
    >>> scan1max(probs, iron.pheno, addcovar=sex, by_chr=True).lod.loc[["9", "16"]].round(2)
        liver  spleen
    9    0.87   11.19
    16   5.86    0.53
    """
    if isinstance(hsq, str):
        raise InputError(f"hsq is {hsq!r}: give numbers; maxima with hsq estimated at each position are those of "
                         "scan1(hsq='each')")
    setup = set_up(genoprobs, pheno, kinship, addcovar, Xcovar, intcovar, weights, reml, model, hsq)
    batches, without = setup.batches()
    notes = [*setup.aligned.notes, *without_results(without)]
    phenotypes = setup.aligned.pheno.columns
    maxima = np.full((len(genoprobs), len(phenotypes)), np.nan)
    used = np.full((len(setup.null_chromosomes), len(phenotypes)), np.nan)
    total = len(genoprobs.positions) * sum(len(batch.phenotypes) for batch in batches)
    with heavy_work(), Progress("scan1max", total, quiet) as progress:
        for batch in batches:
            columns = phenotypes.get_indexer(batch.phenotypes)
            scanner = Scanner(setup, batch, progress)
            for i, (chromosome, found) in enumerate(zip(genoprobs, scan_chromosomes(scanner, cores, _highest))):
                maxima[i, columns] = found.lod
                if found.hsq is not None:
                    used[setup.null_chromosomes.index(setup.nulls[chromosome]), columns] = found.hsq
                notes += found.notes
            notes += batch.notes
    maxima = pd.DataFrame(maxima, list(genoprobs), list(phenotypes))
    used = None if setup.kinship is None else pd.DataFrame(used, setup.null_chromosomes, list(phenotypes))
    notes += [] if setup.kinship is None else setup.kinship.notes
    return Scan1Max(maxima if by_chr else maxima.max(), used, setup.aligned.pheno.notna().sum(), setup.criterion,
                    tuple(dict.fromkeys(notes)))


def _highest(found: Found) -> Found:
    """Of a chromosome, the highest LOD scores for its curves."""
    return replace(found, lod=np.fmax.reduce(found.lod, axis=0, initial=np.nan))
