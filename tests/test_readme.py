"""What the README tells people to run, runs."""
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lmmbridge.agreement.verdicts import MEANING
from lmmbridge.engines import ENGINES
from lmmbridge.qtl2.extdata import extdata
from lmmbridge.rlink.library import project_library

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.S)


COMMANDS = [line for block in blocks("sh") for line in block.splitlines()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("readme")
    rng = np.random.default_rng(4)
    ids = [f"m{i}" for i in range(40)]
    G = rng.normal(size=(40, 90))
    pd.DataFrame(G @ G.T / 90, ids, ids).to_csv(tmp_path / "kinship.csv")
    pd.DataFrame(rng.normal(size=(40, 2)), ids, ["weight", "length"]).to_csv(tmp_path / "pheno.csv")
    pd.DataFrame({"sex": np.arange(40) % 2}, ids).to_csv(tmp_path / "covar.csv")
    (tmp_path / "R").mkdir()        # where R packages are installed into
    if ENGINES["qtl2"].availability().version is not None:
        shutil.copy(extdata("iron.zip"), tmp_path)
    return tmp_path


def with_project_library(first: Path) -> str:
    """R_LIBS: this library, and the project's."""
    return os.pathsep.join(str(one) for one in (first, project_library()) if one is not None)


@pytest.mark.parametrize("command", [line for line in COMMANDS if line.startswith("make")])
def test_make_targets_exist(command):
    done = subprocess.run([*command.split(), "--dry-run"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def run(folder):
    """run(command): what came of it; first, what it needs from the commands before it. Each is run once."""
    done: dict[str, subprocess.CompletedProcess] = {}

    def run_once(command):
        if command not in done:
            for before in COMMANDS[:COMMANDS.index(command)]:
                made = re.search(r"--out (\S+)", before)
                if made and re.search(rf"(?<!--out ){re.escape(made[1])}\b", command):
                    run_once(before)
            done[command] = subprocess.run(f"{sys.executable} -m {command}", shell=True, cwd=folder, capture_output=True, text=True,
                                           timeout=600, env=os.environ | {"R_LIBS": with_project_library(folder / "R")})
        return done[command]
    return run_once


@pytest.mark.parametrize("command", [line for line in COMMANDS if line.startswith("lmmbridge")])
def test_lmmbridge_commands(command, run, folder):
    if "install-r" in command and subprocess.run(
            ["Rscript", "-e", 'quit(status = !requireNamespace("reticulate", quietly = TRUE))'], capture_output=True,
            env=os.environ | {"R_LIBS": with_project_library(folder)}).returncode:
        pytest.skip("the R package reticulate is in none of R's libraries: run make setup")
    if re.search("qtl2|iron|r-reference|my-recording", command) and ENGINES["qtl2"].availability().version is None:
        pytest.skip(f"engine qtl2 is not available: {ENGINES['qtl2'].availability().remedy}")
    done = run(command)
    assert done.returncode == 0, done.stderr + done.stdout


def test_every_shell_command_is_tested():
    assert all(line.startswith(("make", "lmmbridge")) for line in COMMANDS)


def test_python_blocks():
    session: dict = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), session)
    assert 0.0 <= session["fit"].hsq <= 1.0
    assert list(session["answer"].value.index) == ["10%", "90%"]


def test_r_blocks(run, folder):
    """But for the one that installs lmmlite from GitHub."""
    if ENGINES["qtl2"].availability().version is None:
        pytest.skip(f"engine qtl2 is not available: {ENGINES['qtl2'].availability().remedy}")
    code = "\n".join(block for block in blocks("r") if "install_github" not in block)
    assert run("lmmbridge install-r").returncode == 0
    done = subprocess.run(["Rscript", "-e", code], cwd=folder, capture_output=True, text=True, timeout=300,
                          env=os.environ | {"R_LIBS": with_project_library(folder / "R")})
    assert done.returncode == 0, done.stderr
    assert "Verdict: agree" in done.stdout and "lodcolumn" in done.stdout


def test_verdicts_and_engines_are_all_there():
    for name in (*MEANING, *(f"`{engine}`" for engine in ENGINES)):
        assert name in README


def test_pictures_are_there():
    for path in re.findall(r"!\[[^]]*\]\(([^)]+)\)", README):
        assert (ROOT / path).stat().st_size > 0
