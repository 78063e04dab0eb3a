"""The run: resumes, refuses folders that are not its own, writes whole files, and its parts fit together."""
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

LMMBRIDGE = [sys.executable, "-m", "lmmbridge"]
QUICK = ["--engines", "python,dense", "--problems", "simulated/h0*,simulated/singular*,simulated/h1-n20*"]


def validate(out: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([*LMMBRIDGE, "validate", "--out", str(out), *(arguments or QUICK)], capture_output=True,
                          text=True, timeout=600)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("run") / "whole"
    done = validate(out)
    assert done.returncode == 0, done.stderr
    return out


def results(out: Path) -> dict:
    """The results without what no two runs share: the name of the folder, the date, and the time that engines took."""
    found = json.loads((out / "results.json").read_text())
    found["command"] = found["command"].replace(str(out), "OUT")
    assert found.pop("date") == json.loads((out / "run.json").read_text())["date"]
    for case in found["cases"]:
        for answer in case["engines"].values():
            assert answer.pop("seconds")
    return found


def test_results_hold_what_others_rely_on(uninterrupted):
    found = results(uninterrupted)
    assert {"schema_version", "engines", "verdicts", "cases"} <= set(found)
    assert [(engine["name"], engine["status"]) for engine in found["engines"]] == [("python", "live"), ("dense", "live")]
    assert found["verdicts"]["agree"] > 0
    assert sum(found["verdicts"].values()) == sum(
        count for case in found["cases"] for one in case["comparisons"] for count in one["counts"].values())
    assert (uninterrupted / "report.html").stat().st_size > 0
    table = pd.read_csv(uninterrupted / "cases.csv")
    assert set(table["status"]) == {"live"}
    assert len(table) == sum(len(case["phenotypes"]) * len(case["estimates"]) for case in found["cases"])


@pytest.mark.alone
@pytest.mark.parametrize("cases_before", [0, 1, 4])
def test_kill_minus_nine_loses_no_finished_case(uninterrupted, tmp_path, cases_before):
    out = tmp_path / "killed"
    process = subprocess.Popen([*LMMBRIDGE, "validate", "--out", str(out), *QUICK], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    cases = out / "cases"
    deadline = time.monotonic() + 300
    while process.poll() is None and time.monotonic() < deadline:
        if cases.is_dir() and len(list(cases.glob("*.json"))) >= cases_before:
            break
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    finished = {path: path.stat().st_mtime_ns for path in cases.glob("*.json")}
    for path in finished:
        json.loads(path.read_text())     # whole, whenever the kill came
    assert not (out / "results.json").exists() or len(finished) == len(results(uninterrupted)["cases"])
    again = validate(out)
    assert again.returncode == 0, again.stderr
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    assert results(out) == results(uninterrupted)
    assert (out / "cases.csv").read_text() == (uninterrupted / "cases.csv").read_text()
    assert not list(out.rglob("*.part"))


def test_a_run_does_not_go_on_with_another_number_of_threads(uninterrupted, tmp_path):
    """What results say of the machine holds for all their cases."""
    out = shutil.copytree(uninterrupted, tmp_path / "out")
    before = (out / "results.json").read_bytes()
    done = subprocess.run([*LMMBRIDGE, "validate", "--out", str(out), *QUICK], capture_output=True, text=True, timeout=600,
                          env=os.environ | {"OPENBLAS_NUM_THREADS": "2"})
    assert done.returncode == 2 and "holds a run of other inputs, engines, versions or options" in done.stderr
    assert (out / "results.json").read_bytes() == before


def test_an_engine_asked_for_by_name_that_is_compared_nowhere_fails_the_run(live, tmp_path):
    live("lmmlite-cpp")     # which takes no weights
    weighted = ["--problems", "simulated/weights-n80*"]
    done = validate(tmp_path / "named", "--engines", "python,dense,lmmlite-cpp", *weighted)
    assert done.returncode == 1
    assert json.loads((tmp_path / "named" / "results.json").read_text())["failures"] == [
        "lmmlite-cpp: none of its answers could be compared"]
    assert validate(tmp_path / "all", *weighted).returncode == 0


def test_a_folder_that_holds_something_else_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    done = validate(tmp_path)
    assert done.returncode == 2
    assert "holds something else" in done.stderr and "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_run_of_other_options_is_refused(uninterrupted):
    before = sorted(path.name for path in uninterrupted.iterdir())
    done = validate(uninterrupted, "--engines", "python,dense", "--problems", "simulated/h1-n20*")
    assert done.returncode == 2
    assert "other inputs, engines, versions or options" in done.stderr
    assert sorted(path.name for path in uninterrupted.iterdir()) == before


def test_a_file_as_output_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    done = validate(tmp_path / "file")
    assert done.returncode == 2 and "is a file" in done.stderr


def test_a_foreign_run_json_is_refused(tmp_path):
    (tmp_path / "run.json").write_text("[1, 2]")
    done = validate(tmp_path)
    assert done.returncode == 2 and "was not written by lmmbridge" in done.stderr
