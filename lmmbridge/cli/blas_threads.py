"""How many threads the linear algebra of a command uses."""
from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

from lmmbridge import InputError

#: The environment variable that tells OpenBLAS how many threads to use.
THREADS = "OPENBLAS_NUM_THREADS"


@contextmanager
def few_blas_threads() -> Iterator[None]:
    """As many BLAS threads as OPENBLAS_NUM_THREADS says, one where it says nothing, here and in processes that are started.

    Small matrices gain nothing from more, and a run can be repeated to the bit.
    """
    said = os.environ.get(THREADS)
    if said is not None and not (said.isdecimal() and int(said) > 0):
        raise InputError(f"the environment variable {THREADS} is '{said}': make it a number of threads, or unset it")
    os.environ[THREADS] = said or "1"
    try:
        with threadpool_limits(int(said or 1)):
            yield
    finally:
        if said is None:
            del os.environ[THREADS]
