"""The progress bar on a real terminal, shared by threads; and Ctrl-C in work on one and on several cores."""
import io
import os
import pty
import select
import signal
import subprocess
import sys
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest
from rich.console import Console

from lmmbridge import progress as module
from lmmbridge.errors import InputError
from lmmbridge.parallel import number_of_cores, run_over
from lmmbridge.progress import Progress, track

WORK = """
import sys, time
from lmmbridge.progress import Progress
print("begun", flush=True)
with Progress("scan1", 100, quiet=sys.argv[2] == "quiet") as progress:
    for _ in range(int(float(sys.argv[1]) / 0.05)):
        time.sleep(0.05)
        progress.advance()
"""


class OnATerminal:
    """A child process that works for so many seconds, its standard error being a terminal."""

    def __init__(self, seconds, quiet=""):
        self.master, slave = pty.openpty()
        self.child = subprocess.Popen([sys.executable, "-c", WORK, str(seconds), quiet], stdout=subprocess.PIPE,
                                      stderr=slave, env=os.environ | {"TERM": "xterm"})
        os.close(slave)

    def written(self):
        """(seconds since the work began, text) of all that it wrote there."""
        self.child.stdout.readline()
        begun, seen = time.monotonic(), []
        while True:
            ready, _, _ = select.select([self.master], [], [], 0.05)
            try:
                text = os.read(self.master, 65536).decode() if ready else ""
            except OSError:         # the other end is closed
                break
            if text:
                seen.append((time.monotonic() - begun, text))
            elif self.child.poll() is not None:
                break
        os.close(self.master)
        self.child.stdout.close()
        assert self.child.wait() == 0
        return seen


def test_a_bar_after_two_seconds_on_a_terminal():
    """Not before, not when quiet, and not where standard error is no terminal; at the end it is taken away."""
    short, quiet = OnATerminal(1.0), OnATerminal(2.6, "quiet")
    no_terminal = subprocess.Popen([sys.executable, "-c", WORK, "2.6", ""], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    seen = OnATerminal(3.0).written()
    text = "".join(text for _, text in seen)
    assert seen[0][0] > 1.9 and "scan1" in text and "/100" in text
    assert text.endswith("\x1b[?25h\r\x1b[1A\x1b[2K")        # the cursor shown again, one line up, the line cleared
    assert short.written() == [] and quiet.written() == []
    assert no_terminal.communicate() == (b"begun\n", b"")


@pytest.fixture
def shown(monkeypatch):
    """A console that takes itself for a terminal, and no patience."""
    console = Console(file=io.StringIO(), force_terminal=True)
    monkeypatch.setattr(module, "PATIENCE", -1.0)
    monkeypatch.setattr(module, "Console", lambda stderr: console)
    return console


def test_threads_share_a_bar(shown):
    """One bar, every step counted, however many threads begin at once."""
    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(20):
            with Progress("scan1", 1600) as progress, ThreadPoolExecutor(8) as pool:
                list(pool.map(lambda _: [progress.advance() for _ in range(200)], range(8)))
                assert progress._done == 1600
    finally:
        sys.setswitchinterval(switch)


def test_an_error_ends_the_work_in_threads():
    progress = Progress("scan1", 10, quiet=True)
    with pytest.raises(KeyboardInterrupt), progress:
        progress.advance()
        raise KeyboardInterrupt
    with pytest.raises(CancelledError):
        progress.advance()
    with Progress("scan1", 10, quiet=True) as progress:
        progress.advance()
    progress.advance()


def test_track_gives_the_items(shown):
    assert list(track("abc", "letters")) == ["a", "b", "c"]
    assert list(track(iter("abc"), "letters", total=3)) == ["a", "b", "c"]
    assert "letters" in shown.file.getvalue()


def test_results_come_in_order():
    def slow_first(i):
        time.sleep(0.02 * (3 - i))
        return i

    for cores in (1, 2, 0, 5):
        assert list(run_over(slow_first, range(4), cores)) == [0, 1, 2, 3]


@pytest.mark.parametrize("cores", [1, 2])
def test_after_an_error_nothing_is_begun(cores):
    begun = []

    def fail_at_one(i):
        begun.append(i)
        time.sleep(0.05)
        if i == 1:
            raise InputError("one")

    with pytest.raises(InputError, match="one"):
        list(run_over(fail_at_one, range(50), cores))
    time.sleep(0.2)
    assert len(begun) < 8


@pytest.mark.parametrize("cores", [-1, 1.5, True, "2", None])
def test_cores_are_a_number(cores):
    with pytest.raises(InputError, match="cores is .*: give how many to use, or 0 for all but one"):
        number_of_cores(cores)


SCAN = """
import sys
import numpy as np, pandas as pd, xarray as xr
from lmmbridge.qtl2.genoprobs import DIMS, Genoprobs
from lmmbridge.qtl2.scan1 import scan1
n, positions, cores = 100, 500, int(sys.argv[1])
rng, ids, arrays, K = np.random.default_rng(1), [f"i{i}" for i in range(n)], {}, {}
for chromosome in "1234":
    values = rng.dirichlet(np.ones(8), size=(n, positions)).transpose(0, 2, 1)
    arrays[chromosome] = xr.DataArray(values, dims=DIMS, coords={
        "individual": ids, "genotype": list("ABCDEFGH"), "position": [f"c{chromosome}.{i}" for i in range(positions)]})
    K[chromosome] = pd.DataFrame(np.corrcoef(rng.normal(size=(n, 500))), ids, ids)
pheno = pd.DataFrame(rng.normal(size=(n, 5000)), ids, [f"y{i}" for i in range(5000)])
print("begun", flush=True)
scan1(Genoprobs(arrays), pheno, K if sys.argv[2] == "loco" else K["1"], hsq=np.full(
    (4, 5000), 0.5) if sys.argv[3] == "given" else None, cores=cores)
print("ended", flush=True)
"""


@pytest.mark.parametrize("cores, kinship, hsq", [(1, "overall", "own"), (2, "loco", "own"), (2, "loco", "given")])
def test_ctrl_c(cores, kinship, hsq, tolerance):
    """A scan of minutes ends at once, with KeyboardInterrupt: while it estimates hsq, and while it goes over positions."""
    child = subprocess.Popen([sys.executable, "-c", SCAN, str(cores), kinship, hsq], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, env=os.environ | {"OPENBLAS_NUM_THREADS": "1"})
    assert child.stdout.readline() == "begun\n"
    time.sleep(1.5)
    child.send_signal(signal.SIGINT)
    asked = time.monotonic()
    try:
        output, errors = child.communicate(timeout=30.0)
    finally:
        child.kill()
    assert time.monotonic() - asked < tolerance("seconds_to_end")
    assert output == "" and errors.rstrip().endswith("KeyboardInterrupt")
    assert child.returncode == -signal.SIGINT
