"""Independent pieces of work on several cores: threads, since numpy's linear algebra runs outside Python's lock."""
from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from numbers import Integral
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from lmmbridge.errors import InputError

#: Bytes that glibc's malloc takes from the system and gives back at most once in a while; a little less than its limit of 32 MiB.
KEPT = 2**25 - 2**13


def number_of_cores(cores: int) -> int:
    """How many cores `cores` stands for: 0 is all but one, as in R/qtl2."""
    if isinstance(cores, bool) or not isinstance(cores, Integral) or cores < 0:
        raise InputError(f"cores is {cores!r}: give how many to use, or 0 for all but one")
    return int(cores) or max((os.cpu_count() or 1) - 1, 1)


@contextmanager
def heavy_work() -> Iterator[None]:
    """One BLAS thread for each thread of ours, and freed memory kept for the next block.

    A second BLAS thread makes work in threads slower, and the last bits depend on how many there are.
    """
    _keep_freed_memory()
    with _threadpools().limit(limits=1, user_api="blas"):
        yield


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


def run_over(function: Callable[[Any], Any], items: Iterable, cores: int = 1) -> Iterator:
    """The function's results for each item, in order, computed on that many cores.

    After an error or Ctrl-C no further item is begun, and those that were begun are not waited for.
    """
    cores = number_of_cores(cores)
    if cores == 1:
        yield from map(function, items)
        return
    pool = ThreadPoolExecutor(cores)
    futures = deque(pool.submit(function, item) for item in items)
    try:
        while futures:
            yield futures.popleft().result()
    finally:
        # Where all is done the threads are waited for: one that is still ending would be in the way of a process that forks.
        pool.shutdown(wait=all(future.done() for future in futures), cancel_futures=True)
