"""The workers of a Dask cluster, as an executor; `distributed` is needed for this alone."""
from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager

from lmmbridge.errors import InputError

#: Seconds in which a scheduler answers, and has a worker.
PATIENCE = 5


@contextmanager
def dask_executor(address: str) -> Iterator[Executor]:
    """An executor of the cluster whose scheduler listens there; left, nothing that it has not begun is done.

    Parameters
    ----------
    address : str
        As the scheduler writes it when it starts, such as "tcp://127.0.0.1:8786".

    Raises
    ------
    InputError
        If `distributed` is not installed, no scheduler answers, or it has no workers.
    """
    try:
        from distributed import Client
        from distributed.comm import get_address_host_port
    except ImportError:
        raise InputError("--dask needs the Python package distributed, which is not installed; on Debian: apt-get install "
                         "python3-distributed, elsewhere: pip install 'lmmbridge[dask]'") from None
    try:
        get_address_host_port(address)      # a client that is made of no address takes long to go away
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:      # OSError: no answer; ValueError: no address
        raise InputError(f"--dask: no scheduler answers at '{address}' ({error}); give the address that dask-scheduler writes "
                         "when it starts, such as tcp://127.0.0.1:8786") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except OSError:
            raise InputError(f"--dask: the scheduler at '{address}' has no workers; start some: dask-worker {address}") from None
        executor = client.get_executor()
        try:
            yield executor
        finally:
            executor.shutdown(wait=False)
