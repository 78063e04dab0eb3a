"""Independent pieces of work on several cores: threads, since numpy's linear algebra runs outside Python's lock."""
from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from numbers import Integral
from typing import Any

from lmmbridge.errors import InputError


def number_of_cores(cores: int) -> int:
    """How many cores `cores` stands for: 0 is all but one, as in R/qtl2."""
    if isinstance(cores, bool) or not isinstance(cores, Integral) or cores < 0:
        raise InputError(f"cores is {cores!r}: give how many to use, or 0 for all but one")
    return int(cores) or max((os.cpu_count() or 1) - 1, 1)


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
