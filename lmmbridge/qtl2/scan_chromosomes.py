"""A scan's chromosomes spread over threads, or over an executor's workers in other processes."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from lmmbridge.parallel import elsewhere, heavy_work, run_over, run_tasks
from lmmbridge.progress import Progress
from lmmbridge.qtl2.alignment import Batch
from lmmbridge.qtl2.null_fits import Decomposed
from lmmbridge.qtl2.scan_setup import Setup
from lmmbridge.qtl2.scanner import Found, Scanner


@dataclass(frozen=True, eq=False)
class Task:
    """The scan of one chromosome, with all that it needs and nothing of the others: what is sent to another process.

    Attributes
    ----------
    setup : Setup
        Of this chromosome alone. Where all chromosomes have one kinship matrix its hsq is that of the whole scan.
    batch : Batch
    decomposed : Decomposed or None
        Of the one kinship matrix: how far it is decomposed depends on the whole scan.
    notes : list of str
        About the hsq that the setup has.
    """

    setup: Setup
    batch: Batch
    decomposed: Decomposed | None
    notes: list[str]


def scan_chromosomes(scanner: Scanner, cores: int | Executor, summary: Callable[[Found], Found] | None = None,
                     into: Mapping[str, np.ndarray] | None = None) -> Iterator[Found]:
    """What is found on each chromosome, in order.

    Parameters
    ----------
    scanner : Scanner
    cores : int or concurrent.futures.Executor
    summary : callable, optional
        Of a module; done where the chromosome is scanned, so that no more than its result is kept.
    into : mapping of str to ndarray, optional
        Where threads may write a chromosome's LOD scores: they are then those in `Found`.
    """
    chromosomes = list(scanner.setup.genoprobs)
    if not elsewhere(cores):
        yield from run_over(partial(_scan_here, scanner, summary, into or {}), chromosomes, cores)
        return
    tasks = (_task(scanner, chromosome) for chromosome in chromosomes)
    for chromosome, (found, said) in zip(chromosomes, run_tasks(partial(scan_there, summary), tasks, cores)):
        if scanner.setup.kinship is not None:
            scanner.setup.kinship.say(said)
        scanner.progress.advance(scanner.setup.genoprobs[chromosome].sizes["position"] * len(scanner.batch.phenotypes))
        yield found


def _scan_here(scanner: Scanner, summary: Callable[[Found], Found] | None, into: Mapping[str, np.ndarray],
               chromosome: str) -> Found:
    found = scanner.chromosome(chromosome, into.get(chromosome))
    return found if summary is None else summary(found)


def _task(scanner: Scanner, chromosome: str) -> Task:
    setup = scanner.setup.restricted(chromosome)
    if setup.kinship is None or setup.kinship.loco:
        return Task(setup, scanner.batch, None, [])
    decomposed, hsq, notes, _ = scanner.null(chromosome)
    return Task(setup.with_hsq(hsq, scanner.batch.phenotypes), scanner.batch, decomposed, notes)


def scan_there(summary: Callable[[Found], Found] | None, task: Task) -> tuple[Found, list[str]]:
    """What is found on a task's chromosome, and what the kinship's decompositions have shown."""
    with heavy_work():
        scanner = Scanner(task.setup, task.batch, Progress("", 0, quiet=True), shared=task.decomposed)
        chromosome, = task.setup.genoprobs
        found = _scan_here(scanner, summary, {}, chromosome)
        return replace(found, notes=task.notes + found.notes), [] if task.setup.kinship is None else task.setup.kinship.notes
