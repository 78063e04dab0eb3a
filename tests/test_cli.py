"""The command line: one clear sentence and status 2 for bad input, nothing half-written, own data end to end."""
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest


def lmmbridge(*arguments, cwd=None) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "lmmbridge", *map(str, arguments)], capture_output=True, text=True,
                          timeout=600, cwd=cwd)


@pytest.fixture
def files(tmp_path) -> Path:
    """Three phenotypes with missing values, kinship with two more individuals, covariates, weights."""
    rng = np.random.default_rng(3)
    ids = [f"m{i}" for i in range(30)]
    G = rng.normal(size=(32, 60))
    K = pd.DataFrame(G @ G.T / 60, [*ids, "x1", "x2"], [*ids, "x1", "x2"])
    pheno = pd.DataFrame(rng.normal(size=(30, 3)) + G[:30, :3], ids, ["weight", "length", "fat"])
    pheno.iloc[[2, 5], 1] = np.nan
    pheno.to_csv(tmp_path / "pheno.csv", index_label="id")
    K.to_csv(tmp_path / "kinship.csv", index_label="id")
    pd.DataFrame({"sex": np.arange(30) % 2, "age": rng.normal(size=30)}, ids).to_csv(tmp_path / "covar.csv",
                                                                                    index_label="id")
    pd.DataFrame({"weights": rng.choice([0.5, 2.0], 30)}, ids).to_csv(tmp_path / "weights.csv", index_label="id")
    return tmp_path


def own(files: Path, *more) -> list:
    return ["validate", "--out", files / "out", "--engines", "python,dense", "--pheno", files / "pheno.csv", "--kinship",
            files / "kinship.csv", *more]


def test_own_data_with_missing_values_weights_and_covariates(files):
    done = lmmbridge(*own(files, "--covar", files / "covar.csv", "--weights", files / "weights.csv"))
    assert done.returncode == 0, done.stderr
    assert "2 individuals of kinship not in every input, left out (x1, x2)" in done.stderr
    assert "2 individuals with a missing value of length, left out (m2, m5)" in done.stderr
    results = json.loads((files / "out" / "results.json").read_text())
    assert {(case["problem"], case["n"]) for case in results["cases"]} == {("own/pattern1", 30), ("own/pattern2", 28)}
    assert [engine["status"] for engine in results["engines"]] == ["live", "live"]


BAD = {
    "asymmetric kinship": ("kinship.csv", lambda t: t.iloc.__setitem__((3, 4), 9.0), "kinship is not symmetric"),
    "NaN in kinship": ("kinship.csv", lambda t: t.iloc.__setitem__((3, 4), np.nan), "individual 'm3', column 'm4'"),
    "negative eigenvalue": ("kinship.csv", lambda t: t.iloc.__setitem__((3, 3), -50.0), "has the eigenvalue"),
    "infinite phenotype": ("pheno.csv", lambda t: t.iloc.__setitem__((1, 2), np.inf), "individual 'm1', column 'fat'"),
    "constant phenotype": ("pheno.csv", lambda t: t.__setitem__("fat", 2.0), "pheno 'fat' has zero variance"),
    "text in covariates": ("covar.csv", lambda t: t.__setitem__("sex", list("fm") * 15), "column 'sex' holds text ('f'"),
    "missing covariate": ("covar.csv", lambda t: t.iloc.__setitem__((7, 1), np.nan), "individual 'm7', column 'age'"),
    "dependent covariate": ("covar.csv", lambda t: t.__setitem__("again", 2 * t["sex"]), "column 'again'"),
    "weight of zero": ("weights.csv", lambda t: t.iloc.__setitem__((4, 0), 0.0), "individual 'm4'"),
    "negative weight": ("weights.csv", lambda t: t.iloc.__setitem__((4, 0), -1.0), "individual 'm4'"),
}


def refused(done: subprocess.CompletedProcess, files: Path, sentence: str) -> None:
    assert done.returncode == 2, done.stderr
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert not (files / "out").exists()


@pytest.mark.parametrize("fault", list(BAD))
def test_bad_numbers(files, fault):
    name, spoil, sentence = BAD[fault]
    table = pd.read_csv(files / name, index_col=0)
    spoil(table)
    table.to_csv(files / name, index_label="id")
    refused(lmmbridge(*own(files, "--covar", files / "covar.csv", "--weights", files / "weights.csv")), files, sentence)


def test_a_rounded_kinship_of_low_rank_is_mended_for_all_and_said(files):
    rng = np.random.default_rng(8)
    ids = [f"m{i}" for i in range(30)]
    G = rng.normal(size=(30, 8))
    pd.DataFrame(np.round(G @ G.T / 8, 5), ids, ids).to_csv(files / "kinship.csv", index_label="id")
    done = lmmbridge(*own(files))
    assert done.returncode == 0, done.stderr
    assert "all engines get it with these set to zero" in done.stderr


def test_bad_files(files):
    text = (files / "pheno.csv").read_text().splitlines()
    (files / "twice.csv").write_text("\n".join([*text, text[1]]))
    (files / "empty.csv").write_text("")
    (files / "header.csv").write_text("id,weight\n")
    (files / "ragged.csv").write_text("id,weight\na,1\nb,2,3,4\n")
    (files / "semicolons.csv").write_text("id;weight\na;1,5\nb;2,5\n")
    (files / "columns.csv").write_text("id,weight,weight\nm0,1,2\nm1,2,3\n")
    (files / "binary.csv").write_bytes(bytes(range(128, 256)))
    (files / "folder.csv").mkdir()
    for name, sentence in {"twice.csv": "individual 'm0' occurs more than once", "empty.csv": "empty.csv is empty",
                           "header.csv": "has 0 rows", "ragged.csv": "line 3: 4 cells where the header has 2",
                           "binary.csv": "cannot be read as CSV",
                           "semicolons.csv": "is separated by ';'", "columns.csv": "column 'weight' occurs more than once", "folder.csv": "cannot be read as CSV",
                           "absent.csv": "absent.csv does not exist"}.items():
        done = lmmbridge("validate", "--out", files / "out", "--engines", "python,dense", "--pheno", files / name,
                         "--kinship", files / "kinship.csv")
        refused(done, files, sentence)


@pytest.mark.parametrize("arguments, sentence", [
    (["--engines", "pyhton"], "no engine is called 'pyhton'"),
    (["--engines", ","], "empty list"),
    (["--problems", "irn"], "nothing is called 'irn'"),
    (["--pheno", "x.csv"], "need both --pheno and --kinship"),
    (["--weights", "x.csv"], "need both --pheno and --kinship"),
    (["--pheno", "x.csv", "--kinship", "y.csv", "--problems", "iron"], "leave it out"),
])
def test_bad_usage(tmp_path, arguments, sentence):
    refused(lmmbridge("validate", "--out", tmp_path / "out", *arguments), tmp_path, sentence)


def test_an_engine_asked_for_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setenv("LMMBRIDGE_R_LIBRARY", str(tmp_path))
    monkeypatch.setenv("R_LIBS_USER", str(tmp_path))
    done = lmmbridge("validate", "--out", tmp_path / "out", "--engines", "python,r-reference", "--problems", "simulated")
    refused(done, tmp_path, "r-reference is not here: the R package lmmreference is in none of R's libraries; run make "
                            "setup")


def test_without_qtl2_the_simulated_problems_still_run(tmp_path, monkeypatch):
    monkeypatch.setenv("LMMBRIDGE_R_LIBRARY", str(tmp_path))
    monkeypatch.setenv("R_LIBS_USER", str(tmp_path))
    done = lmmbridge("validate", "--out", tmp_path / "out", "--problems", "iron,simulated/h1-n20*")
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert done.returncode == 0, done.stderr
    assert {engine["name"] for engine in results["engines"] if engine["status"] == "not available"} >= {"qtl2"}
    assert "run make setup" in results["unavailable_problems"]["iron"]
    assert results["verdicts"]["not available"] >= 2
    page = (tmp_path / "out" / "report.html").read_text()
    assert "not available" in page and "run make setup" in page


def test_doctor_in_words_and_as_json():
    done = lmmbridge("doctor", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["python"]["version"] and found["r"] and found["python"]["blas"]
    assert set(found["engines"]) == {"python", "dense", "r-reference", "lmmlite-r", "lmmlite-cpp", "qtl2"}
    words = lmmbridge("doctor")
    assert words.returncode == 0 and found["python"]["version"] in words.stdout


def test_doctor_without_r_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    done = lmmbridge("doctor", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert "Install R" in found["r"]["problem"]
    assert found["engines"]["python"]["status"] == "live" and found["engines"]["qtl2"]["status"] == "not available"


def test_names_that_look_like_markup_do_no_harm(files):
    pheno = pd.read_csv(files / "pheno.csv", index_col=0)
    pheno.columns = ["w[/g]", "$\\frac{a$", "#1 [bold]"]
    pheno.to_csv(files / "pheno.csv", index_label="id")
    done = lmmbridge(*own(files))
    assert done.returncode == 0, done.stderr
    results = json.loads((files / "out" / "results.json").read_text())
    assert {name for case in results["cases"] for name in case["phenotypes"]} == {"w[/g]", "$\\frac{a$", "#1 [bold]"}
    assert "w[/g]" in (files / "out" / "report.html").read_text()


def test_divergences_are_listed():
    done = lmmbridge("divergences")
    assert done.returncode == 0
    assert "lmmlite-boundary" in done.stdout and "qtl2-constant-covariate" in done.stdout


@pytest.mark.parametrize("command", ["validate", "doctor", "divergences"])
def test_help_has_an_example(command):
    done = lmmbridge(command, "--help")
    assert done.returncode == 0 and "Example: lmmbridge" in done.stdout


@pytest.mark.alone
def test_ctrl_c_says_how_to_go_on_and_leaves_no_process(tmp_path):
    # Where the tests run in the background, Ctrl-C may be ignored by inheritance.
    code = ("import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
            "from lmmbridge.cli import main; main()")
    process = subprocess.Popen([sys.executable, "-c", code, "validate", "--out", str(tmp_path / "out"), "--problems",
                                "simulated", "--engines", "python,dense"], stderr=subprocess.PIPE, text=True,
                               start_new_session=True)
    while not list((tmp_path / "out" / "cases").glob("*.json")):
        assert process.poll() is None
        time.sleep(0.02)
    family = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on from there" in said
    assert "Traceback" not in said and "resource_tracker" not in said
    assert not psutil.wait_procs(family, timeout=20)[1]
