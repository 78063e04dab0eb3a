"""Independent pieces of work on several cores: threads, since numpy's linear algebra runs outside Python's lock; or whatever
stands behind an executor of `concurrent.futures`: threads, other processes, a cluster.
"""
from __future__ import annotations

import os
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from numbers import Integral
from threading import Lock
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from lmmbridge.errors import InputError

#: Bytes that glibc's malloc takes from the system and gives back at most once in a while; a little less than its limit of 32 MiB.
KEPT = 2**25 - 2**13
#: Times the number of workers: pieces of work that are made, under way, or finished and not yet taken.
AHEAD = 2


@contextmanager
def heavy_work() -> Iterator[None]:
    """One BLAS thread for each thread of ours, and freed memory kept for the next block.

    A second BLAS thread makes work in threads slower, and the last bits depend on how many there are. Threads may be in it at
    the same time: the first to come sets the limit, the last to go takes it back.
    """
    _keep_freed_memory()
    _ONE_BLAS_THREAD.enter()
    try:
        yield
    finally:
        _ONE_BLAS_THREAD.leave()


class _OneBlasThread:
    """The limit of one BLAS thread, and how many need it."""

    def __init__(self):
        self._lock, self._inside, self._limit = Lock(), 0, None

    def enter(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._limit = _threadpools().limit(limits=1, user_api="blas")
            self._inside += 1

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._limit.restore_original_limits()


_ONE_BLAS_THREAD = _OneBlasThread()


@lru_cache(maxsize=1)
def _keep_freed_memory() -> None:
    """glibc gives freed arrays back to the system and takes others from it, page by page, which may take longer than the work
    on them; having freed an array once it keeps what is smaller.
    """
    np.empty(KEPT, dtype=np.uint8)


@lru_cache(maxsize=1)
def _threadpools() -> ThreadpoolController:
    """Looked for once: it takes longer than a small scan."""
    return ThreadpoolController()


def number_of_cores(cores: int) -> int:
    """How many cores `cores` stands for: 0 is all but one, as in R/qtl2."""
    if isinstance(cores, bool) or not isinstance(cores, Integral) or cores < 0:
        raise InputError(f"cores is {cores!r}: give how many to use, or 0 for all but one")
    return int(cores) or max((os.cpu_count() or 1) - 1, 1)


def elsewhere(cores: int | Executor) -> bool:
    """Whether work may be done in other processes, to which functions and data have to be sent."""
    return isinstance(cores, Executor) and not isinstance(cores, ThreadPoolExecutor)


def run_over(function: Callable[[Any], Any], items: Iterable, cores: int | ThreadPoolExecutor = 1) -> Iterator:
    """The function's results for each item, in order, computed on that many cores, or in the threads of that pool.

    After an error or Ctrl-C no further item is begun, and those that were begun are not waited for.
    """
    if isinstance(cores, ThreadPoolExecutor):
        yield from run_tasks(function, items, cores)
        return
    cores = number_of_cores(cores)
    if cores == 1:
        yield from map(function, items)
        return
    pool, under_way = ThreadPoolExecutor(cores), deque()
    try:
        yield from _in_order(under_way, (pool.submit(function, item) for item in items), AHEAD * cores)
    finally:
        # Where all is done the threads are waited for: one that is still ending would be in the way of a process that forks.
        pool.shutdown(wait=all(future.done() for future in under_way), cancel_futures=True)


def run_tasks(function: Callable[[Any], Any], tasks: Iterable, executor: Executor) -> Iterator:
    """The function's results for each task, in order, computed by an executor.

    After an error or Ctrl-C no further task is begun, but for those that a pool of processes has already handed to its workers.

    Parameters
    ----------
    function : callable
        Of a module, so that other processes find it by its name.
    tasks : iterable
        Each is sent to where it is done.
    executor : concurrent.futures.Executor
    """
    under_way: deque[Future] = deque()
    try:
        yield from _in_order(under_way, (_submit(executor, function, task) for task in tasks),
                             AHEAD * number_of_workers(executor))
    finally:
        for future in under_way:
            future.cancel()


def _in_order(under_way: deque[Future], futures: Iterator[Future], most: int) -> Iterator:
    """The results of futures, of which at most so many are made and not yet taken from here; these are in `under_way`."""
    under_way.extend(islice(futures, most))
    while under_way:
        result = under_way[0].result()
        under_way.popleft()
        under_way.extend(islice(futures, 1))
        yield result


def number_of_workers(executor: Executor) -> int:
    """How many tasks an executor runs at a time, at least 1; the number of this machine's cores where it does not tell."""
    client = getattr(executor, "_client", None)     # of Dask's
    known = getattr(executor, "_max_workers", None) if client is None else sum(client.ncores().values())
    return max(known or 0, 1) if known is not None else os.cpu_count() or 1


def _submit(executor: Executor, function: Callable[[Any], Any], task: Any) -> Future:
    with warnings.catch_warnings():     # Dask would have large tasks sent to all workers beforehand; each is for one alone
        warnings.filterwarnings("ignore", "(?s)(Large object|Sending large graph) of size")
        return executor.submit(function, task)
