"""Chunks of phenotypes of a bulk scan: how large they are, and what is kept of each."""
from __future__ import annotations

import os
import pickle
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from numbers import Integral, Real
from pathlib import Path
from threading import Lock

import numpy as np

from lmmbridge.errors import InputError
from lmmbridge.files import write_atomically
from lmmbridge.parallel import heavy_work
from lmmbridge.progress import Progress
from lmmbridge.qtl2.alignment import without_results
from lmmbridge.qtl2.scan1 import NEGATIVE
from lmmbridge.qtl2.scan_setup import Setup
from lmmbridge.qtl2.scanner import SMALL, Scanner

#: What can be kept of a scan.
KEEP = ("lod", "max", "above", "peaks")
#: More phenotypes than this together do not make a scan faster.
MOST_TOGETHER = 2048
#: Numbers that the work takes for each position of the longest chromosome, and for each individual, per phenotype.
PER_POSITION, PER_INDIVIDUAL = 5, 4


@dataclass(frozen=True)
class Kept:
    """What is kept: LOD scores from `threshold` on with keep="above", `top` peaks with "peaks"."""

    keep: str
    threshold: float | None
    top: int


def kept_of(keep: str, threshold: float | None, top: int | None) -> Kept:
    """What the arguments of scan1_bulk say is to be kept.

    Raises
    ------
    InputError
        If they do not fit together.
    """
    if keep not in KEEP:
        raise InputError(f"keep is {keep!r}: give one of {', '.join(KEEP)}")
    for name, value, needs in (("threshold", threshold, "above"), ("top", top, "peaks")):
        if (value is None) == (keep == needs):
            raise InputError(f"keep='{keep}' needs {name}; give it" if value is None else
                             f"{name} goes with keep='{needs}'; leave it out of keep='{keep}'")
    if threshold is not None and (isinstance(threshold, bool) or not isinstance(threshold, Real) or np.isnan(threshold)):
        raise InputError(f"threshold is {threshold!r}: give a LOD score")
    if top is not None and (isinstance(top, bool) or not isinstance(top, Integral) or top < 1):
        raise InputError(f"top is {top!r}: give how many peaks, a whole number from 1")
    return Kept(keep, None if threshold is None else float(threshold), 1 if top is None else int(top))


@dataclass(frozen=True, eq=False)
class Job:
    """A scan, what is kept of it, and the file that takes all LOD scores where they are."""

    setup: Setup
    kept: Kept
    lod_file: str


@dataclass(frozen=True, eq=False)
class Chunk:
    """What is kept of phenotypes that were scanned together, beside the file of all LOD scores.

    Attributes
    ----------
    first : int
        The first of the m phenotypes, among all.
    hsq : ndarray, shape (null chromosomes, m)
    phenotype, position, score : ndarray, shape (rows,)
        LOD scores that are kept one by one, with their places among all phenotypes and positions.
    below_zero : int
        LOD scores on the X chromosome that are negative.
    notes : list of str
    """

    first: int
    hsq: np.ndarray
    phenotype: np.ndarray
    position: np.ndarray
    score: np.ndarray
    below_zero: int
    notes: list[str]


def chunks_of(setup: Setup, kept: Kept, memory: float) -> list[range]:
    """Phenotypes that are scanned together; by what is scanned alone, so that no number depends on where it is done.

    Parameters
    ----------
    setup, kept
    memory : float
        MB that a chunk may take.
    """
    individuals, phenotypes = setup.aligned.pheno.shape
    lengths = [array.sizes["position"] for array in setup.genoprobs.values()]
    lacking = setup.aligned.pheno.isna().to_numpy().mean() * individuals
    at_once = max(*lengths, min(sum(lengths), SMALL // individuals))      # positions
    numbers = (sum(lengths) if kept.keep == "lod" else 0) + PER_POSITION * at_once + (PER_INDIVIDUAL + lacking) * individuals
    together = int(np.clip(1e6 * memory / (8 * numbers), 1, MOST_TOGETHER))
    bounds = np.linspace(0, phenotypes, -(-phenotypes // together) + 1).astype(int).tolist()
    return [range(first, end) for first, end in zip(bounds, bounds[1:])]


def scan_chunk(job: Job, progress: Progress, chunk: range) -> Chunk:
    """Scan the phenotypes of a chunk."""
    setup = job.setup.of_phenotypes(slice(chunk.start, chunk.stop))
    batches, without = setup.aligned.batches(part=True)
    notes = without_results(without)
    phenotypes, lengths = setup.aligned.pheno.columns, [array.sizes["position"] for array in setup.genoprobs.values()]
    hsq = np.full((len(setup.null_chromosomes), len(phenotypes)), np.nan)
    collected = {"lod": _Whole, "above": _Above}.get(job.kept.keep, _Peaks)(job, chunk, lengths)
    below_zero = 0
    for batch in setup.joined(batches):
        columns = phenotypes.get_indexer(batch.phenotypes)
        scanner = Scanner(setup, batch, progress)
        along = ((chromosome, found) for stretch in scanner.stretches() for chromosome, found in zip(stretch, scanner.scan(stretch)))
        for i, (chromosome, found) in enumerate(along):
            collected.add(i, columns, found.lod)
            if found.hsq is not None:
                hsq[setup.null_chromosomes.index(setup.nulls[chromosome]), columns] = found.hsq
            if setup.genoprobs.is_x_chr[chromosome]:
                below_zero += int((found.lod < -NEGATIVE).sum())
            notes += found.notes
        notes += batch.notes
    notes += [] if setup.kinship is None else setup.kinship.notes
    phenotype, position, score = collected.kept()
    return Chunk(chunk.start, hsq, phenotype + chunk.start, position, score, below_zero, list(dict.fromkeys(notes)))


#: No LOD scores.
NOTHING = np.empty(0, dtype=int), np.empty(0, dtype=int), np.empty(0)


class _Whole:
    """All LOD scores, in a file."""

    def __init__(self, job: Job, chunk: range, lengths: list[int]):
        self._file, self._first, self._starts = job.lod_file, chunk.start, np.cumsum([0, *lengths])
        self._lod = np.full((len(chunk), self._starts[-1]), np.nan)

    def add(self, chromosome: int, columns: np.ndarray, lod: np.ndarray) -> None:
        """Take in the LOD scores of a chromosome, positions × some of the phenotypes."""
        self._lod[columns, self._starts[chromosome]:self._starts[chromosome + 1]] = lod.T

    def kept(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What is kept one by one: `phenotype` (from 0), `position` and `score`."""
        _write_rows(self._file, self._first, self._lod)
        return NOTHING


class _Above:
    """LOD scores from a threshold on."""

    def __init__(self, job: Job, chunk: range, lengths: list[int]):
        self._threshold, self._starts, self._found = job.kept.threshold, np.cumsum([0, *lengths]), [NOTHING]

    def add(self, chromosome: int, columns: np.ndarray, lod: np.ndarray) -> None:
        """As `_Whole.add`."""
        position, column = np.nonzero(lod >= self._threshold)
        self._found.append((columns[column], position + self._starts[chromosome], lod[position, column]))

    def kept(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As `_Whole.kept`."""
        phenotype, position, score = (np.concatenate(parts) for parts in zip(*self._found))
        order = np.lexsort((position, phenotype))
        return phenotype[order], position[order], score[order]


class _Peaks:
    """The highest LOD scores of each phenotype, one for each chromosome."""

    def __init__(self, job: Job, chunk: range, lengths: list[int]):
        self._top, self._starts = job.kept.top, np.cumsum([0, *lengths])
        self._highest = np.full((len(lengths), len(chunk)), -np.inf)
        self._where = np.zeros(self._highest.shape, dtype=int)

    def add(self, chromosome: int, columns: np.ndarray, lod: np.ndarray) -> None:
        """As `_Whole.add`."""
        if not len(lod):
            return
        lod = np.where(np.isnan(lod), -np.inf, lod)
        where = np.argmax(lod, axis=0)
        self._where[chromosome, columns] = where + self._starts[chromosome]
        self._highest[chromosome, columns] = lod[where, np.arange(lod.shape[1])]

    def kept(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As `_Whole.kept`."""
        order = np.argsort(-self._highest, axis=0, kind="stable")[:self._top]
        score = np.take_along_axis(self._highest, order, axis=0).T
        position = np.take_along_axis(self._where, order, axis=0).T
        phenotype, rank = np.nonzero(score > -np.inf)
        return phenotype, position[phenotype, rank], score[phenotype, rank]


def _write_rows(file: str, first: int, rows: np.ndarray) -> None:
    """Some rows of an array in a .npy file; written, since copying them into a memory map takes several times as long."""
    try:
        with open(file, "r+b", buffering=0) as stream:
            np.lib.format.read_magic(stream)
            np.lib.format.read_array_header_1_0(stream)
            stream.seek(first * rows.shape[1] * rows.itemsize, os.SEEK_CUR)
            rows.tofile(stream)
            getattr(os, "fdatasync", os.fsync)(stream.fileno())
    except OSError as error:
        raise InputError(f"out: {file} cannot be written on {platform.node()} ({error.strerror or error}); what is finished is "
                         "kept, the same call goes on from there") from None


@dataclass(frozen=True)
class Task:
    """A chunk for another process, which finds the job in a file."""

    job_file: str
    digest: str
    chunk: range


@contextmanager
def job_in_file(file: Path, job: Job) -> Iterator[None]:
    """A file with the job, as long as tasks need it."""
    write_atomically(file, pickle.dumps(job, protocol=5))
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def scan_chunk_there(task: Task) -> Chunk:
    """`scan_chunk`, in another process."""
    with _READING:      # once for all threads of the process
        job = _job(task.job_file, task.digest)
    with heavy_work():
        return scan_chunk(job, Progress("", 0, quiet=True), task.chunk)


_READING = Lock()


@lru_cache(maxsize=1)
def _job(file: str, digest: str) -> Job:
    try:
        with open(file, "rb") as stream:
            return pickle.load(stream)
    except OSError as error:
        raise InputError(f"out: the worker on {platform.node()} cannot read {file} ({error.strerror}); name a folder that all "
                         "workers see under the same path") from None
