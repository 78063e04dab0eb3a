"""Commands in a process of their own: what they say, how they end, and that none outlives the one who gave it up."""
from concurrent.futures import CancelledError
from threading import Thread
from time import monotonic, sleep

import psutil
import pytest

from lmmbridge.command_runner import run_command
from lmmbridge.progress import RUNNING

pytestmark = pytest.mark.alone


def test_a_command_runs_and_its_tables_are_not_told(tmp_path):
    out, said = str(tmp_path / "out"), []
    ended = run_command("validate", ["--out", out, "--engines", "python,dense", "--problems", "simulated/h0-n10-p1"], out, said.append)
    assert ended["status"] == 0 and (tmp_path / "out" / "results.json").exists()
    assert not any(character in line for line in said for character in "─│┃━")
    assert not any("cases" in line or "Engines" in line for line in said)


def test_the_last_line_of_a_refusal_is_its_sentence(tmp_path):
    said = []
    ended = run_command("validate", ["--out", str(tmp_path / "out"), "--engines", "nobody"], str(tmp_path / "out"), said.append)
    assert ended["status"] == 2 and ended["last"].startswith("lmmbridge: --engines: no engine is called 'nobody'")
    assert said == [ended["last"]]


def test_a_command_that_is_given_up_ends(tmp_path, tolerance):
    out, caught = str(tmp_path / "out"), []

    def work():
        try:
            run_command("validate", ["--out", out, "--engines", "python,dense", "--problems", "simulated/*"], out, lambda line: None)
        except CancelledError as error:
            caught.append(error)
    worker = Thread(target=work)
    worker.start()
    while not (RUNNING and RUNNING[-1].done > 0):      # cases are finished, and others are not
        assert worker.is_alive()
        sleep(0.05)
    RUNNING[-1].cancel()
    started = monotonic()
    worker.join()
    assert len(caught) == 1 and monotonic() - started < tolerance("command_to_end")
    assert not any("validate" in " ".join(child.cmdline()) for child in psutil.Process().children(recursive=True))
    assert (tmp_path / "out" / "run.json").exists() and not (tmp_path / "out" / "results.json").exists()
