"""No R outlives the Python that started it."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from lmmbridge.rlink.library import PACKAGE_PARENT

pytestmark = pytest.mark.alone

# Where the tests run in the background, Ctrl-C may be ignored by inheritance.
SCRIPT = """
import os, signal, sys
from lmmbridge.rlink import RSession
signal.signal(signal.SIGINT, signal.default_int_handler)
r = RSession()
pid = r.eval("Sys.getpid()").value
print(pid, flush=True)
{before}
try:
    r.eval({code!r})
except KeyboardInterrupt:
    print("interrupted", r.eval("1 + 1").value, flush=True)
    r.close()
    raise
"""

ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join(filter(None, [str(PACKAGE_PARENT), os.environ.get("PYTHONPATH")])),
}

LONG = {
    "sleep": "Sys.sleep(1000)",
    "loop": "for (i in 1:1e10) {}",
    "blas": "x <- matrix(rnorm(4e6), 2000); repeat x %*% x",
    "forks": "parallel::mclapply(1:2, function(i) Sys.sleep(1000), mc.cores = 2)",
}


@pytest.fixture
def start():
    """start(code): a Python that makes a long R call, and the processes below it; killed with the test, if need be."""
    begun = []

    def begin(code, before=""):
        child, processes = _start(code, before)
        begun.extend([psutil.Process(child.pid), *processes] if child.poll() is None else processes)
        return child, processes
    yield begin
    for process in begun:
        if process.is_running():
            process.kill()


def _start(code, before):
    child = subprocess.Popen([sys.executable, "-c", SCRIPT.format(code=code, before=before)], env=ENVIRONMENT,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    worker = psutil.Process(int(child.stdout.readline()))
    time.sleep(1)
    children = worker.children(recursive=True)
    assert len(children) == (2 if "mclapply" in code else 0)
    return child, [worker, *children]


@pytest.mark.parametrize("code", LONG.values(), ids=LONG)
def test_interrupt(r_available, start, code):
    child, processes = start(code)
    # like a terminal, which signals every process of the foreground group
    os.killpg(child.pid, signal.SIGINT)
    output, errors = child.communicate(timeout=20)
    assert output == "interrupted 2.0\n"
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert not psutil.wait_procs(processes, timeout=5)[1]


@pytest.mark.parametrize("code", LONG.values(), ids=LONG)
def test_kill_of_the_parent(r_available, start, code):
    child, processes = start(code)
    child.kill()
    child.communicate(timeout=20)
    assert not psutil.wait_procs(processes, timeout=5)[1]


def test_kill_of_a_parent_that_has_forks(r_available, start):
    before = "if os.fork() == 0:\n    import time; os.close(1); os.close(2); time.sleep(30); os._exit(0)"
    child, processes = start(LONG["loop"], before)
    child.kill()
    child.communicate(timeout=20)
    assert not psutil.wait_procs(processes, timeout=8)[1]
    os.killpg(child.pid, signal.SIGKILL)


def test_end_of_the_parent_without_close(r_available):
    code = "from lmmbridge.rlink import RSession; r = RSession(); print(r.eval('Sys.getpid()').value)"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], env=ENVIRONMENT, capture_output=True, text=True)
    assert done.stderr == ""
    deadline = time.monotonic() + 5
    while psutil.pid_exists(int(done.stdout)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not psutil.pid_exists(int(done.stdout))


def test_fork_of_the_parent_gets_an_r_of_its_own(r_available):
    code = """
import os, sys
from lmmbridge.rlink import RSession
with RSession() as r:
    mine = r.eval("Sys.getpid()").value
    child = os.fork()
    if child == 0:
        with r:
            theirs = r.eval("Sys.getpid()").value
        os._exit(0 if theirs != mine else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert r.eval("Sys.getpid()").value == mine
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], env=ENVIRONMENT, check=True, timeout=60)
