"""The benchmark works: all its cases at tiny sizes beside the peers that are here, and without any of them."""
import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.alone

RUN = Path(__file__).with_name("benchmarks") / "run.py"


def benchmark(out, *arguments, **environment):
    """Its output and results."""
    done = subprocess.run([sys.executable, str(RUN), "--quick", "--out", str(out), *arguments], env=os.environ | environment,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((out / "results.json").read_text(encoding="utf-8"))


def test_every_case_has_a_ratio_or_a_reason(live, tmp_path, tolerance):
    live("qtl2")
    results = benchmark(tmp_path / "out")
    rows = results["rows"]
    for row in rows:
        assert row["ratio"] is not None or row["reason"], row
        assert not row["reason"].startswith("failed")
        if row["peer"] == "qtl2":
            assert row["ratio"] > 0.0 and row["agreement"], row
            assert row["agreement"].get("lod", 0.0) <= tolerance("benchmark_lod"), row
    assert {row["peer"] for row in rows} >= {"qtl2", "gemma -lmm 1", "gemma -lmm 2", "lmmlite C++", "lmmlite R", "lme4", None}
    memory = rows[0]["ours_memory"], rows[0]["peer_memory"]
    assert all(1e7 < side["before"] <= side["peak"] < 1e10 for side in memory)

    page = (tmp_path / "out/README.md").read_text(encoding="utf-8")
    assert all(f"`{row['case']}`" in page for row in rows) and "not finished" not in page
    assert "GFLOP/s" in page and "Plain R, C++ and Python" in page and "OPENBLAS_NUM_THREADS=1" in page
    for name, start in (("growth.png", b"\x89PNG"), ("growth.svg", b"<?xml")):
        assert (tmp_path / "out" / name).read_bytes().startswith(start)
    assert set(results["growth"]) == {"n", "m", "p"}
    with (tmp_path / "out/results.csv").open(encoding="utf-8") as file:
        assert [line["case"] for line in csv.DictReader(file)] == [row["case"] for row in rows]


def test_without_peers_the_rows_say_how_to_get_them(tmp_path):
    rows = benchmark(tmp_path / "out", "--only", "scan1-p1,perm-p1,each-ml-compute,iron", PATH=str(tmp_path), R_HOME="")["rows"]
    reasons = {row["case"]: row["reason"] for row in rows}
    assert all(row["ratio"] is None for row in rows) and all(row["ours_seconds"] for row in rows if row["case"] != "iron")
    assert "not on the PATH; apt-get install gemma" in reasons["each-ml-compute"]
    for case in ("scan1-p1", "perm-p1", "iron"):
        assert reasons[case].startswith("not ") and " R" in reasons[case]


def test_an_unknown_case_is_refused(tmp_path):
    done = subprocess.run([sys.executable, str(RUN), "--only", "nothing", "--out", str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 2 and "there is no case 'nothing'; there are scan1-p1" in done.stderr
