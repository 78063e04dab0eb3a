"""The kept reports are whole, are what their READMEs say, and come back from their commands."""
from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from lmmbridge.agreement.change import compare_results
from lmmbridge.agreement.register import REGISTER
from lmmbridge.agreement.results import read_results
from lmmbridge.report import summary

KEPT = Path(__file__).parents[1] / "validation_reports"
FOLDERS = sorted(path.parent.name for path in KEPT.glob("*/results.json.gz"))


def command(folder: str) -> str:
    """The command in a folder's README."""
    found, = re.findall(r"```sh\n(.*?)\n```", (KEPT / folder / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    return found


def test_the_kept_reports_are_those_of_the_readme():
    named = set(re.findall(r"\]\((\S+)/README\.md\)", (KEPT / "README.md").read_text(encoding="utf-8")))
    assert named == {path.name for path in KEPT.iterdir() if path.is_dir()}
    assert {"agreement", "without-r", "laws"} <= set(FOLDERS)


@pytest.mark.parametrize("folder", FOLDERS)
def test_results_page_and_readme_belong_together(folder):
    results = read_results(KEPT / folder / "results.json.gz")
    page = (KEPT / folder / "report.html").read_text(encoding="utf-8")
    assert summary.headline(results) in page and results["date"] in page
    assert results["status"] == 0 and results["provenance"]["git"]["modified"] is False
    assert results["command"] == command(folder)
    assert f"Made on {results['date'][:10]}" in (KEPT / folder / "README.md").read_text(encoding="utf-8")


def test_the_figures_that_are_kept_are_those_of_the_results():
    names = {path.stem for path in (KEPT / "agreement" / "figures").glob("*.svg")}
    page = (KEPT / "agreement" / "report.html").read_text(encoding="utf-8")
    assert names == set(re.findall(r'<figure id="figure-([\w-]+)"', page))


def test_the_register_that_is_kept_is_the_register():
    kept = json.loads((KEPT / "divergences" / "register.json").read_text(encoding="utf-8"))
    assert [entry["name"] for entry in kept] == [entry.name for entry in REGISTER]
    assert [entry["cause"] for entry in kept] == [entry.cause for entry in REGISTER]
    states = {case["finding"]["state"] for entry in kept for case in entry["cases"].values()}
    assert states == {"known"}
    page = (KEPT / "divergences" / "report.html").read_text(encoding="utf-8")
    assert all(f'id="{entry.name}"' in page for entry in REGISTER)


def test_the_laws_that_are_kept_were_held():
    rows = read_results(KEPT / "laws" / "results.json.gz")["laws"]
    assert {row["engine"] for row in rows} == {"python", "dense", "r-reference"} and {row["state"] for row in rows} == {"held"}
    examples = int(re.search(r"--laws (\d+)", command("laws"))[1])
    assert all(row["held"] + sum(row["untold"].values()) <= examples for row in rows)
    assert sum(row["held"] for row in rows) > examples * len(rows) / 2


def test_a_kept_report_comes_back_from_its_command(tmp_path):
    """On a machine without R, of which there is the recording; with the same verdict on every comparison."""
    words = shlex.split(command("without-r"))
    words[words.index("--out") + 1] = str(tmp_path / "again")
    env = os.environ | {"PATH": str(tmp_path), "R_HOME": ""}
    done = subprocess.run([sys.executable, "-m", *words], cwd=KEPT.parent, env=env, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    before, after = read_results(KEPT / "without-r" / "results.json.gz"), read_results(tmp_path / "again" / "results.json")
    change = compare_results(before, after)
    assert not change.worse and not change.verdicts and not change.inputs_changed
    assert before["verdicts"] == after["verdicts"]
    for one, other in zip(before["cases"], after["cases"]):
        assert (one["case"], one["content_hash"]) == (other["case"], other["content_hash"])
        for name in ("r-reference", "lmmlite-r", "lmmlite-cpp", "qtl2"):
            assert one["estimates"].get(name) == other["estimates"].get(name)      # recorded: to the bit
