"""A scan's chromosomes spread over threads, or over an executor's workers in other processes."""
from __future__ import annotations

from collections.abc import Callable, Iterator
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
    """The scan of a stretch of chromosomes, with all that it needs and nothing of the others: what is sent to another process.

    Attributes
    ----------
    setup : Setup
        Of these chromosomes alone; with the hsq that the whole scan has estimated already.
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
                     into: np.ndarray | None = None) -> Iterator[Found]:
    """What is found on each chromosome, in order.

    Parameters
    ----------
    scanner : Scanner
        Small chromosomes are scanned together.
    cores : int or concurrent.futures.Executor
    summary : callable, optional
        Of a module; done where the chromosome is scanned, so that no more than its result is kept.
    into : ndarray, shape (positions, m), optional
        Where threads may write LOD scores: they are then those in `Found`.
    """
    stretches, probs = scanner.stretches(), scanner.setup.genoprobs
    lengths = [sum(probs[chromosome].sizes["position"] for chromosome in stretch) for stretch in stretches]
    if not elsewhere(cores):
        places = [None] * len(stretches) if into is None else np.split(into, np.cumsum(lengths)[:-1])
        for found in run_over(partial(_scan_here, scanner, summary), list(zip(stretches, places)), cores):
            yield from found
        return
    tasks = (_task(scanner, stretch) for stretch in stretches)
    for length, (found, said) in zip(lengths, run_tasks(partial(scan_there, summary), tasks, cores)):
        if scanner.setup.kinship is not None:
            scanner.setup.kinship.say(said)
        scanner.progress.advance(length * len(scanner.batch.phenotypes))
        yield from found


def _scan_here(scanner: Scanner, summary: Callable[[Found], Found] | None,
               stretch_and_place: tuple[list[str], np.ndarray | None]) -> list[Found]:
    found = scanner.scan(*stretch_and_place)
    return found if summary is None else [summary(one) for one in found]


def _task(scanner: Scanner, stretch: list[str]) -> Task:
    setup = scanner.setup.restricted(stretch)
    known = scanner.known(stretch[0])
    if known is None:
        return Task(setup, scanner.batch, None, [])
    decomposed, hsq, notes = known
    return Task(setup.with_hsq(hsq, scanner.batch.phenotypes), scanner.batch, None if setup.kinship.loco else decomposed, notes)


def scan_there(summary: Callable[[Found], Found] | None, task: Task) -> tuple[list[Found], list[str]]:
    """What is found on a task's chromosomes, and what the kinship's decompositions have shown."""
    with heavy_work():
        scanner = Scanner(task.setup, task.batch, Progress("", 0, quiet=True), shared=task.decomposed)
        found = [replace(one, notes=task.notes + one.notes)
                 for one in _scan_here(scanner, summary, (list(task.setup.genoprobs), None))]
        return found, [] if task.setup.kinship is None else task.setup.kinship.notes
