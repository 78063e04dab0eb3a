"""The progress bar on a real terminal, shared by threads; and Ctrl-C in work on one and on several cores."""
import io
import os
import pty
import select
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from rich.console import Console

from lmmbridge import lmm, progress as module, qtl2
from lmmbridge.errors import InputError
from lmmbridge.parallel import number_of_cores, run_over
from lmmbridge.progress import Progress, track
from lmmbridge.qtl2.genoprobs import DIMS, Genoprobs

pytestmark = pytest.mark.alone

WORK = """
import sys, time
from lmmbridge.progress import Progress
print("begun", flush=True)
with Progress("scan1", 100, quiet=sys.argv[2] == "quiet") as progress:
    for _ in range(int(float(sys.argv[1]) / 0.05)):
        time.sleep(0.05)
        progress.advance()
"""


#: A first step that is long.
LONG_STEP = """
import sys, time
from lmmbridge.progress import Progress
print("begun", flush=True)
with Progress("est_herit", 1, quiet=sys.argv[2] == "quiet") as progress:
    time.sleep(float(sys.argv[1]))
    progress.advance()
"""


class OnATerminal:
    """A child process that works for so many seconds, its standard error being a terminal."""

    def __init__(self, seconds, quiet="", work=WORK):
        self.master, slave = pty.openpty()
        self.child = subprocess.Popen([sys.executable, "-c", work, str(seconds), quiet], stdout=subprocess.PIPE,
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
    no_terminal = subprocess.Popen([sys.executable, "-c", WORK, "2.6", ""], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
    seen = OnATerminal(3.0).written()
    text = "".join(text for _, text in seen)
    assert seen[0][0] > 1.9 and "scan1" in text and "/100" in text
    assert text.endswith("\x1b[?25h\r\x1b[1A\x1b[2K")        # the cursor shown again, one line up, the line cleared
    assert short.written() == [] and quiet.written() == []
    assert no_terminal.communicate() == (b"begun\n", b"")


def test_a_bar_during_the_first_step():
    """Whatever has been counted: the first step may be all the work there is."""
    short, quiet = OnATerminal(1.0, work=LONG_STEP), OnATerminal(2.6, "quiet", LONG_STEP)
    no_terminal = subprocess.Popen([sys.executable, "-c", LONG_STEP, "2.6", ""], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
    seen = OnATerminal(3.0, work=LONG_STEP).written()
    text = "".join(text for _, text in seen)
    assert 1.9 < seen[0][0] < 2.9 and "est_herit" in text and "0/1" in text
    assert text.endswith("\x1b[?25h\r\x1b[1A\x1b[2K")
    assert short.written() == [] and quiet.written() == []
    assert no_terminal.communicate() == (b"begun\n", b"")


@pytest.fixture
def shown(monkeypatch):
    """A console that takes itself for a terminal, and no patience."""
    console = Console(file=io.StringIO(), force_terminal=True)
    monkeypatch.setattr(module, "PATIENCE", 0.0)
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
                assert progress.done == 1600
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


def wait_until(true, seconds=10.0):
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    assert true()


def test_track_gives_the_items(shown):
    assert list(track("abc", "letters")) == ["a", "b", "c"]
    assert list(track(iter("abc"), "letters", total=3)) == ["a", "b", "c"]
    for _ in track("abc", "shown letters"):
        wait_until(lambda: "shown letters" in shown.file.getvalue())


def test_no_thread_is_left(monkeypatch, shown):
    """Neither of a bar that was shown, nor of one that was not, nor after an error."""
    before = set(threading.enumerate())     # a thread of an earlier test may still be ending

    def none_left():
        return set(threading.enumerate()) <= before

    with Progress("first", 1):
        wait_until(lambda: "first" in shown.file.getvalue())
    wait_until(none_left)       # rich's own thread ends a moment later
    monkeypatch.setattr(module, "PATIENCE", 60.0)
    with Progress("second", 1):
        pass
    with pytest.raises(InputError), Progress("third", 1):
        raise InputError("no")
    assert none_left()
    assert "second" not in shown.file.getvalue() and "third" not in shown.file.getvalue()
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    for _ in range(100):        # as the bar appears
        with Progress("fourth", 1):
            pass
    wait_until(none_left)


@pytest.mark.parametrize("work", ["scan1coef", "scan1blup", "decomp_kinship", "by chromosome"])
def test_work_that_has_a_bar(shown, monkeypatch, work):
    """It is there while the kinship matrix is decomposed; not where it is asked to be quiet."""
    rng, ids = np.random.default_rng(1), [f"i{i}" for i in range(20)]
    K = pd.DataFrame(np.corrcoef(rng.normal(size=(20, 50))), ids, ids)
    probs = Genoprobs({"1": xr.DataArray(rng.dirichlet(np.ones(2), size=(20, 3)).transpose(0, 2, 1), dims=DIMS, coords={
        "individual": ids, "genotype": ["A", "B"], "position": ["a", "b", "c"]})})
    name = "decomp_kinship" if work == "by chromosome" else work
    arguments = {"by chromosome": ({"1": K, "2": K},), "decomp_kinship": (K,)}.get(
        work, (probs, pd.Series(rng.normal(size=20), ids), K))

    def slow_eigh(*given, **options):
        if not quiet:
            wait_until(lambda: name in shown.file.getvalue())
        return eigh(*given, **options)

    eigh, quiet = np.linalg.eigh, True
    monkeypatch.setattr(np.linalg, "eigh", slow_eigh)
    getattr(qtl2, name)(*arguments, quiet=quiet)
    assert shown.file.getvalue() == ""
    quiet = False
    getattr(qtl2, name)(*arguments, quiet=quiet)


@pytest.mark.parametrize("decompose", [lmm.eigen_decomposition, qtl2.decomp_kinship])
def test_threads_go_on_during_a_decomposition(decompose):
    """The bar's, and those of other chromosomes."""
    n, ticks, ended = 1200, [], threading.Event()
    K = np.cov(np.random.default_rng(1).normal(size=(n, 2 * n)))
    K = K if decompose is lmm.eigen_decomposition else pd.DataFrame(K, [*range(n)], [*range(n)])

    def tick():
        while not ended.wait(0.002):
            ticks.append(time.monotonic())

    thread = threading.Thread(target=tick)
    thread.start()
    decompose(K)
    ended.set()
    thread.join()
    begin, *rest = ticks
    longest = max(later - earlier for earlier, later in zip(ticks, rest))
    assert longest < 0.5 * (ticks[-1] - begin)


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


def test_any_whole_number_of_cores():
    assert number_of_cores(np.int64(2)) == number_of_cores(2) == 2 and type(number_of_cores(np.int64(2))) is int


@pytest.mark.parametrize("cores", [-1, 1.5, True, np.bool_(True), "2", None])
def test_cores_are_a_number(cores):
    with pytest.raises(InputError, match="cores is .*: give how many to use, or 0 for all but one"):
        number_of_cores(cores)


SCAN = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)    # which a shell's background jobs ignore
import numpy as np, pandas as pd, xarray as xr
from lmmbridge.qtl2.genoprobs import DIMS, Genoprobs
from lmmbridge.qtl2.scan1 import scan1
n, positions, cores = 200, 500, int(sys.argv[1])
rng, ids, arrays, K = np.random.default_rng(1), [f"i{i}" for i in range(n)], {}, {}
for chromosome in "1234":
    values = rng.dirichlet(np.ones(8), size=(n, positions)).transpose(0, 2, 1)
    arrays[chromosome] = xr.DataArray(values, dims=DIMS, coords={
        "individual": ids, "genotype": list("ABCDEFGH"), "position": [f"c{chromosome}.{i}" for i in range(positions)]})
    K[chromosome] = pd.DataFrame(np.corrcoef(rng.normal(size=(n, 500))), ids, ids)
pheno = pd.DataFrame(rng.normal(size=(n, 20_000)), ids, [f"y{i}" for i in range(20_000)])
print("begun", flush=True)
scan1(Genoprobs(arrays), pheno, K if sys.argv[2] == "loco" else K["1"], hsq=np.full(
    (4, 20_000), 0.5) if sys.argv[3] == "given" else None, cores=cores)
print("ended", flush=True)
"""


@pytest.mark.parametrize("cores, kinship, hsq", [(1, "overall", "own"), (2, "loco", "own"), (2, "loco", "given")])
def test_ctrl_c(cores, kinship, hsq, tolerance):
    """A scan of minutes ends at once, with KeyboardInterrupt: in estimating hsq, and in going over positions."""
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
