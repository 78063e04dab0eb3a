"""The process of R, seen from the process that started it."""

import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from multiprocessing.connection import Connection

from lmmbridge.rlink.errors import RDied, RTimeout, RUnavailable
from lmmbridge.rlink.library import PACKAGE_PARENT

_START_SECONDS = 120.0
# How soon a death is noticed whose socket a forked child of R still holds open.
_DEATH_CHECK_SECONDS = 0.2


class RProcess:
    """A started R; after an error of `exchange` or `wait_until_ready` only `stop` may follow."""

    def __init__(self):
        ours, theirs = socket.socketpair()
        environment = dict(os.environ)
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(PACKAGE_PARENT), environment.get("PYTHONPATH")]))
        # compiled code and child processes write here what does not pass R's console
        self._stray = tempfile.TemporaryFile("a+b")
        self._connection = Connection(ours.detach())
        self._temporary = None
        self._owner = os.getpid()
        with theirs:
            # -P: modules in the user's current folder must not shadow those of the worker
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "lmmbridge.rlink.worker", str(theirs.fileno())],
                pass_fds=[theirs.fileno()], start_new_session=True, env=environment,
                stdin=subprocess.DEVNULL, stdout=self._stray, stderr=self._stray,
            )

    def wait_until_ready(self):
        """Wait for R to have started; raise RUnavailable if it does not."""
        try:
            what, detail = self._receive(_START_SECONDS)
        except (RDied, RTimeout) as error:
            what, detail = "unavailable", str(error)
        if what == "unavailable":
            raise RUnavailable(
                f"R cannot be started: {detail}. Install R (4.2 or later) and the Python package rpy2 "
                f"for {sys.executable}, such that 'R --version' and 'python -m rpy2.situation' work."
            )
        self._temporary = detail
        self.take_stray()

    def belongs_to_this_process(self):
        """False in a fork of the process that started R."""
        return self._owner == os.getpid()

    def exchange(self, message, timeout):
        """Send pickled bytes and return the answer, a tuple; raise RTimeout or RDied if there is none."""
        try:
            self._connection.send_bytes(message)
        except OSError:
            raise self._death() from None
        return self._receive(timeout)

    def take_stray(self):
        """Text that went past R's console since the last time."""
        self._stray.seek(0)
        text = self._stray.read().decode("utf-8", errors="replace")
        if text:
            self._stray.truncate(0)
        return text

    def stop(self):
        """Kill R and its children; in a fork only forget them.  May be called again."""
        if self._process is None:
            return
        process = self._process
        if self.belongs_to_this_process():
            try:
                # also when the worker itself is gone: R may have forked children
                os.killpg(process.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
            process.wait()
            if self._temporary is not None:
                shutil.rmtree(self._temporary, ignore_errors=True)
        else:
            # keeps Popen from warning that it still runs
            process.returncode = 0
        self._connection.close()
        self._stray.close()
        # last, so that a stop that Ctrl-C broke off can be repeated
        self._process = None

    def _receive(self, timeout):
        """Wait for a message, watching the clock and the life of R."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            wait = _DEATH_CHECK_SECONDS
            if deadline is not None:
                wait = max(0.0, min(wait, deadline - time.monotonic()))
            ended = self._process.poll() is not None
            try:
                if self._connection.poll(wait):
                    return pickle.loads(self._connection.recv_bytes())
            except (EOFError, OSError):
                raise self._death() from None
            if ended:
                raise self._death()
            if deadline is not None and time.monotonic() >= deadline:
                raise RTimeout(f"R did not answer within {timeout:g} seconds and was killed")

    def _death(self):
        code = self._process.wait()
        if code < 0:
            how = f"R was killed by signal {-code} ({signal.Signals(-code).name})"
        else:
            how = f"R ended with exit status {code}"
        last = self.take_stray().strip()[-2000:]
        return RDied(f"{how}; its last words: {last}" if last else how, code)
