"""Progress of long work: a bar on the terminal once two seconds have passed."""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError
from threading import Lock, Timer

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

#: Work that takes less (seconds) shows nothing.
PATIENCE = 2.0
#: Whether there are bars on the terminal at all; False where progress is shown elsewhere.
ON_TERMINAL = True
#: What is counted now, the innermost last: for those who show progress elsewhere than on the terminal.
RUNNING: list[Progress] = []


class Progress:
    """A bar on standard error that counts up to `total`; it appears after two seconds, and only on a terminal.

    Threads may share it. Once it is left by an error or Ctrl-C, threads that go on counting end with CancelledError.

    Parameters
    ----------
    description : str
    total : int
    quiet : bool, default False
        Show nothing.

    Attributes
    ----------
    description, total, done
    """

    def __init__(self, description: str, total: int, quiet: bool = False):
        self.description, self.total, self.done = description, total, 0
        self._console = Console(stderr=True) if ON_TERMINAL and not quiet else None
        self._bars: Bars | None = None
        self._timer: Timer | None = None
        self._lock = Lock()
        self._cancelled = False

    def __enter__(self) -> Progress:
        if self._console is not None and self._console.is_terminal:
            self._timer = Timer(PATIENCE, self._show)
            self._timer.daemon = True
            self._timer.start()
        RUNNING.append(self)
        return self

    def __exit__(self, kind, error, traceback) -> None:
        RUNNING.remove(self)
        if kind is not None:
            self.cancel()
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()      # after which no bar can appear
        if self._bars is not None:
            self._bars.stop()

    def cancel(self) -> None:
        """Let the next step that is counted raise CancelledError."""
        with self._lock:
            self._cancelled = True

    def advance(self, steps: int = 1) -> None:
        """Count `steps` more as done."""
        with self._lock:
            if self._cancelled:
                raise CancelledError
            self.done += steps
            if self._bars is not None:
                self._bars.update(self._task, completed=self.done)

    def _show(self) -> None:
        """From a thread of its own, since the first step may be all the work there is."""
        with self._lock:
            self._bars = Bars(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                              TimeRemainingColumn(), console=self._console, transient=True)
            self._task = self._bars.add_task(self.description, total=self.total, completed=self.done)
            self._bars.start()


def track(iterable: Iterable, description: str, total: int | None = None, quiet: bool = False) -> Iterator:
    """The items of `iterable` in order, with a `Progress` of their number."""
    with Progress(description, len(iterable) if total is None else total, quiet) as progress:
        for item in iterable:
            yield item
            progress.advance()
