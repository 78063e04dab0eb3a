"""A command of `lmmbridge` in a process of its own, for those who call it from elsewhere than a shell."""
from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

from lmmbridge.progress import Progress

#: How often (seconds) the process is looked after.
TICK = 0.2
#: How long (seconds) a process that was interrupted may take to end.
GRACE = 10.0


def run_command(command: str, arguments: list[str], out: str, say: Callable[[str], None]) -> dict[str, int | str]:
    """Run ``lmmbridge command arguments`` and wait for it.

    Parameters
    ----------
    command : str
    arguments : list of str
    out : str
        The folder in which finished cases are counted.
    say : callable
        Told each line on standard error that is neither a table nor a bar.

    Returns
    -------
    dict
        ``status``, the exit status; ``last``, the last line that was told.
    """
    process = subprocess.Popen([sys.executable, "-m", "lmmbridge", command, *arguments], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace",
                               start_new_session=True)      # Ctrl-C is the caller's, who hands it on
    lines: Queue = Queue()
    Thread(target=_read, args=(process, lines), daemon=True).start()
    total, last = 0, ""
    try:
        with Progress(f"lmmbridge {command}", 0) as progress:
            while (line := _next(lines)) is not None:
                progress.total = total
                progress.done = len(list((Path(out) / "cases").glob("*.json"))) if total else 0
                progress.advance(0)
                if counted := re.fullmatch(r"(\d+) cases", line):
                    total = int(counted[1])
                elif line and not re.match(r"\s*[\u2500-\u257f]|.*[\u2500-\u257f]{3}|Engines$", line):
                    last = line
                    say(line)
        return {"status": process.wait(), "last": last}
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                process.kill()


def _read(process: subprocess.Popen, lines: Queue) -> None:
    with process.stderr:
        for line in process.stderr:
            lines.put(line.rstrip())
    lines.put(None)


def _next(lines: Queue) -> str | None:
    """The next line; "" where there is none yet, None at the end."""
    try:
        return lines.get(timeout=TICK)
    except Empty:
        return ""
