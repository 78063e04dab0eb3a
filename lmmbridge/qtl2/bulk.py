"""Genome scans of very many phenotypes, written to a folder as they are made."""
from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Executor
from functools import partial
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from lmmbridge.errors import InputError
from lmmbridge.parallel import elsewhere, heavy_work, run_over, run_tasks
from lmmbridge.progress import Progress
from lmmbridge.qtl2.bulk_chunks import Chunk, Task, chunks_of, job_in_file, kept_of, scan_chunk, scan_chunk_there
from lmmbridge.qtl2.bulk_folder import BulkFolder
from lmmbridge.qtl2.genoprobs import Genoprobs
from lmmbridge.qtl2.scan_setup import set_up


def scan1_bulk(genoprobs: Genoprobs, pheno: Any, kinship: Any = None, addcovar: Any = None, Xcovar: Any = None,
               intcovar: Any = None, weights: Any = None, reml: bool = True, *, out: str | os.PathLike, keep: str = "lod",
               threshold: float | None = None, top: int | None = None, memory: float = 256.0, cores: int | Executor = 1,
               quiet: bool = False) -> tuple[str, ...]:
    """Genome scan of 10⁴ to 10⁵ phenotypes, as `scan1`, some of them at a time; what is kept goes to a folder at once.

    A scan that was interrupted goes on where it stopped when it is called again with the same inputs and options.

    Parameters
    ----------
    genoprobs, pheno, kinship, addcovar, Xcovar, intcovar, weights, reml, quiet
        As for `scan1`.
    out : path
        The folder: new, empty, or that of the same scan.
    keep : {"lod", "max", "above", "peaks"}, default "lod"
        All LOD scores; the highest of each phenotype; those from `threshold` on; or the `top` highest of each phenotype, one for
        each chromosome at most.
    threshold : float, optional
        With keep="above": the least LOD score that is kept.
    top : int, optional
        With keep="peaks": how many peaks.
    memory : float, default 256
        Phenotypes that are scanned together, 2048 at most, take about so many MB; as many such chunks are under way as there
        are `cores`. Results are the same to rounding whatever it is, and to the last bit whatever `cores` is.
    cores : int or concurrent.futures.Executor, default 1
        Chunks of phenotypes are spread over so many threads (0 is all but one core), or over the workers of an executor, as in
        `scan1`. Workers in other processes read the genotypes once, from a file in `out`, and write LOD scores there: they must see
        the folder under its path.

    Returns
    -------
    tuple of str
        What a reader should know, in words; it is in scan.json as well.

    Raises
    ------
    InputError
        As `scan1`; also if `out` holds anything but this scan, or cannot be written.

    See Also
    --------
    read_scan1_bulk : the LOD scores of the folder, without reading them all.

    Notes
    -----
    The folder has

    ===============  =========================================================================================================
    scan.json        what was done, and notes
    phenotypes.csv   by phenotype: name, individuals, and with kinship hsq (under *twice* the kinship matrix; hsq_CHR for each
                     null chromosome, where there are several: see `Scan1.hsq`)
    positions.csv    chr and marker of each position
    lod.npy          keep="lod": LOD scores, phenotypes × positions, float64, which numpy.load(…, mmap_mode="r") opens
    max.csv, …       otherwise (max.csv, above.csv or peaks.csv): phenotype, chr, marker, lod; by phenotype, and then by
                     position (above) or from the highest down (peaks). Phenotypes without LOD scores have no row
    ===============  =========================================================================================================

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> from lmmbridge.qtl2 import calc_genoprob, calc_kinship, extdata, get_x_covar, read_cross2, scan1_bulk
    >>> iron = read_cross2(extdata("iron.zip"))
    >>> probs = calc_genoprob(iron, error_prob=0.002)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     notes = scan1_bulk(probs, iron.pheno, calc_kinship(probs, "loco"), Xcovar=get_x_covar(iron), out=folder,
    ...                        keep="peaks", top=2)
    ...     print(pd.read_csv(f"{folder}/peaks.csv").round(2))
      phenotype  chr    marker    lod
    0     liver    2   D2Mit17   6.62
    1     liver   16   D16Mit4   5.80
    2    spleen    9  D9Mit182  11.27
    3    spleen    8    D8Mit4   4.29
    """
    kept = kept_of(keep, threshold, top)
    if isinstance(memory, bool) or not isinstance(memory, Real) or not 0.0 < memory < np.inf:
        raise InputError(f"memory is {memory!r}: give the MB that phenotypes scanned together may take, a positive number")
    setup = set_up(genoprobs, pheno, kinship, addcovar, Xcovar, intcovar, weights, reml, "normal")
    if setup.kinship is not None:
        setup.kinship.remember(list(setup.aligned.pheno.index))
    folder = BulkFolder(Path(out), setup, kept, chunks_of(setup, kept, memory))
    if not folder.complete:
        _scan(folder, cores, quiet)
    return folder.notes


def _scan(folder: BulkFolder, cores: int | Executor, quiet: bool) -> None:
    """Scan the chunks that are missing, and finish the folder."""
    missing, total = folder.missing(), folder.setup.aligned.pheno.shape[1]
    with heavy_work(), Progress("scan1_bulk", total, quiet) as progress:
        progress.advance(total - sum(map(len, missing)))
        for chunk, found in zip(missing, _scanned(folder, missing, cores)):
            folder.write(found)
            progress.advance(len(chunk))
    folder.finish()


def _scanned(folder: BulkFolder, chunks: list[range], cores: int | Executor) -> Iterator[Chunk]:
    """The chunks, scanned."""
    if elsewhere(cores):
        with job_in_file(folder.job_file, folder.job):
            yield from run_tasks(scan_chunk_there, (Task(str(folder.job_file), folder.digest, chunk) for chunk in chunks), cores)
        return
    counted = Progress("", 0, quiet=True)       # by which threads hear of an error or Ctrl-C
    try:
        yield from run_over(partial(scan_chunk, folder.job, counted), chunks, cores)
    finally:
        counted.cancel()
