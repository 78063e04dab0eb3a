"""Reprex folders: another machine's plain R and plain Python print the recorded numbers from the files alone."""
import dataclasses
import errno
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from lmmbridge import InputError
from lmmbridge.agreement import comparison_reprex, reprex, reprex_data, simulation
from lmmbridge.agreement.engine_calls import CALLS, value_call
from lmmbridge.agreement.ledger import LEDGER
from lmmbridge.agreement.observations import one_phenotype
from lmmbridge.agreement.problems import Problem
from lmmbridge.agreement.register import REGISTER
from lmmbridge.agreement.reprex import Reprex, csv_text, of_divergence, safe_name, scripts, write_reprex
from lmmbridge.agreement.run import Run, availability
from lmmbridge.engines import ENGINES
from lmmbridge.engines.function import RFunctionEngine, python_function
from lmmbridge.qtl2 import Genoprobs, from_r
from lmmbridge.qtl2.maps import Map
from lmmbridge.qtl2.scan_data import ScanData
from lmmbridge.rlink import project_library, shared_session

ENTRIES = {entry.name: entry for entry in REGISTER}
CASES = [(entry.name, engine) for entry in REGISTER for engine in entry.engines]


def bare_python() -> str:
    """A Python that has numpy and not lmmbridge, where there is one."""
    for python in ("/usr/bin/python3", sys.executable):
        if os.path.exists(python) and not subprocess.run([python, "-I", "-c", "import numpy"], capture_output=True).returncode:
            return python
    raise AssertionError("no Python has numpy")


def r_libraries() -> dict[str, str]:
    """R finds the packages that the project's R finds."""
    paths = shared_session().eval(".libPaths()").value
    return os.environ | {"R_LIBS": ":".join([str(project_library() or ""), *np.atleast_1d(paths)])}


def printed(command, nowhere, **named) -> dict[str, float]:
    """The numbers that a script prints, run in an empty folder."""
    nowhere.mkdir(exist_ok=True)
    done = subprocess.run(command, cwd=nowhere, capture_output=True, text=True, **named)
    assert done.returncode == 0, done.stderr
    assert not list(nowhere.iterdir())
    return {name: float(number) for name, number in re.findall(r"^(observed|expected|difference) (\S+)$", done.stdout, re.M)}


def by_r(folder, nowhere):
    return printed(["Rscript", "--vanilla", folder / "case.R"], nowhere, env=r_libraries())


def by_python(folder, nowhere):
    return printed([bare_python(), "-I", folder / "case.py"], nowhere)


def number(value):
    return np.nan if value is None else value


# --- the register -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name, engine", CASES)
def test_bare_r_and_bare_python_print_the_recorded_numbers(name, engine, live, tmp_path, tolerance):
    live(engine)
    folder = tmp_path / "a folder" / name
    write_reprex(folder, of_divergence(ENTRIES[name], engine))
    content = json.loads((folder / "expected.json").read_text())
    observed, expected = number(content["observed"]), content["expected"]
    rel = tolerance("reprex")
    r, python = by_r(folder, tmp_path / "nowhere"), by_python(folder, tmp_path / "nowhere")
    assert r["observed"] == pytest.approx(observed, rel=rel, nan_ok=True)
    assert python["expected"] == pytest.approx(expected, rel=rel, abs=rel)
    assert (r["expected"], python["observed"]) == (expected, pytest.approx(observed, nan_ok=True, rel=0, abs=0))
    assert python["difference"] == pytest.approx(number(content["difference"]), nan_ok=True, rel=rel, abs=rel)
    assert content["version"] == ENGINES[engine].availability().version
    assert f"{content['package']}_{content['version']}" in content["provenance"]["r"]["session"]
    words = re.sub(r"\s+", " ", (folder / "README.txt").read_text())
    assert ENTRIES[name].happens in words and "Rscript case.R" in words


@pytest.mark.parametrize("name, engine", CASES)
def test_the_scripts_that_hold_their_data_print_the_same_numbers(name, engine, live, tmp_path, tolerance):
    live(engine)
    made = of_divergence(ENTRIES[name], engine)
    folder = tmp_path / "scripts"
    folder.mkdir()
    texts = scripts(made)
    (folder / "case.R").write_text(texts["R"], encoding="utf-8")
    (folder / "case.py").write_text(texts["python"], encoding="utf-8")
    r, python = by_r(folder, tmp_path / "nowhere"), by_python(folder, tmp_path / "nowhere")
    rel = tolerance("reprex")
    assert r["observed"] == pytest.approx(made.observed, rel=rel, nan_ok=True)
    assert python["expected"] == pytest.approx(made.expected, rel=rel, abs=rel)


@pytest.mark.parametrize("name", list(ENTRIES))
def test_the_example_of_a_report_runs_by_itself(name, live, tmp_path, tolerance):
    for engine, case in ENTRIES[name].cases.items():
        live(engine)
        [example] = re.findall(r"```r\n(.*?)```", ENTRIES[name].report(engine), re.S)
        done = subprocess.run(["Rscript", "--vanilla", "-e", example], cwd=tmp_path, capture_output=True, text=True,
                              env=r_libraries())
        assert done.returncode == 0, done.stderr
        gives = float(re.findall(r"\S+", done.stdout)[-1])
        recorded = list(case.seen.values())[-1]
        assert gives == pytest.approx(recorded, nan_ok=True, rel=0.5 if ENTRIES[name].noise else tolerance("recorded"))


# --- the files ------------------------------------------------------------------------------------------------------------

#: Names that CSV, R or Python might stumble over.
NAMES = ["plain", "comma, quote \" and 'apostrophe'", " spaces ", "NA", "1e3", "ß ü ✓", "#hash", "back\\slash"]


def hard_numbers(rng, shape):
    """Doubles of all sizes with random last bits, and those at the edges."""
    bits = rng.integers(0, 2**63, size=shape, dtype=np.uint64) | (rng.integers(0, 2, size=shape).astype(np.uint64) << 63)
    values = bits.view(float)
    values = np.where(np.isfinite(values), values, 0.1)
    values.flat[:8] = [-0.0, np.finfo(float).tiny, np.nextafter(1.0, 2.0), np.pi, 0.1, -np.finfo(float).max, 2.0**53 + 2, 1e22]
    return values


@pytest.fixture
def hard_data():
    rng = np.random.default_rng(1)
    matrix = pd.DataFrame(hard_numbers(rng, (len(NAMES), len(NAMES))), NAMES, NAMES[::-1])
    vector = pd.Series(hard_numbers(rng, len(NAMES)), NAMES)
    arrays = {}
    for chromosome, k in (("1", 3), ("X", 2)):
        p = rng.dirichlet(np.ones(3), size=(len(NAMES), k)).transpose(0, 2, 1)
        arrays[chromosome] = xr.DataArray(p, dims=("individual", "genotype", "position"), coords={
            "individual": NAMES, "genotype": ["AA", "A,B", "BB"], "position": [f"{chromosome} m{j}" for j in range(k)]})
    return {"M": matrix, "v": vector, "probs": Genoprobs(arrays, {"X": True})}


def test_python_reads_every_bit_back(hard_data, tmp_path, monkeypatch):
    for name, value in hard_data.items():
        (tmp_path / f"{name}.csv").write_text(csv_text(value), encoding="utf-8", newline="")
    monkeypatch.setattr(reprex_data, "__file__", str(tmp_path / "case.py"))
    assert reprex_data.read_matrix("M").tobytes() == hard_data["M"].to_numpy().tobytes()
    assert reprex_data.read_vector("v").tobytes() == hard_data["v"].to_numpy().tobytes()
    probs = reprex_data.read_genoprobs("probs")
    assert list(probs) == ["1", "X"]
    for chromosome, array in hard_data["probs"].items():
        assert np.ascontiguousarray(probs[chromosome]).tobytes() == np.ascontiguousarray(array.values).tobytes()
    assert [row[0] for row in reprex_data.read_table("M")[1]] == NAMES


@pytest.mark.parametrize("alone", [False, True])
def test_r_reads_every_bit_and_every_name_back(hard_data, tmp_path, live, alone):
    """From files beside the script, and from the script itself."""
    live("r-reference")
    for name, value in hard_data.items():
        (tmp_path / f"{name}.csv").write_text(csv_text(value), encoding="utf-8", newline="")
    code = (tmp_path / "read.R")
    parts = [reprex.resources.files(reprex.__package__).joinpath(name).read_text(encoding="utf-8")
             for name in ("reprex_files.R", "reprex_data.R")]
    if alone:
        made = Reprex("title", (), "qtl2", "0", "mean", hard_data, "observed <- 1", "expected = 1.0\n", 1.0, 1.0)
        parts[0] = reprex._files_in_r(made)
    code.write_text("\n".join(parts), encoding="utf-8")
    session = shared_session()
    session.eval(f'hard <- new.env(); options(warn = 1); sys.source("{code}", hard); hard$here <- "{tmp_path}"')
    M = session.eval('hard$read_matrix("M")').value
    v = session.eval('hard$read_vector("v")').value
    probs = from_r(session.eval('hard$read_genoprobs("probs")').value)
    assert np.ascontiguousarray(M.values).tobytes() == hard_data["M"].to_numpy().tobytes()
    assert [list(M.coords[dim].values) for dim in M.dims] == [NAMES, NAMES[::-1]]
    assert v.to_numpy().tobytes() == hard_data["v"].to_numpy().tobytes() and list(v.index) == NAMES
    assert probs.individuals == tuple(NAMES) and probs.is_x_chr == {"1": False, "X": True}
    for chromosome, array in hard_data["probs"].items():
        assert np.ascontiguousarray(probs[chromosome].values).tobytes() == np.ascontiguousarray(array.values).tobytes()
        assert (probs[chromosome].coords["genotype"].values == array.coords["genotype"].values).all()


def test_what_is_missing_is_na():
    assert csv_text(pd.Series([1.5, np.nan], ["a", "b"])) == "id,value\na,1.5\nb,NA\n"


@pytest.fixture
def small():
    y = pd.DataFrame({"y": [1.0, 2.0, 4.0]}, ["a", "b", "c"])
    return Reprex('A "title" with \\ and """', ("What happens.",), "python", "0", "mean", {"y": y}, None,
                  "expected = float(np.mean(y))\n", 2.0, 7.0 / 3.0)


def test_nothing_is_left_when_a_file_cannot_be_written(small, tmp_path, monkeypatch):
    def full(reprex):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(reprex, "_readme", full)
    with pytest.raises(InputError, match="cannot be written .No space left on device."):
        write_reprex(tmp_path / "case", small)
    assert not list(tmp_path.iterdir())
    monkeypatch.undo()
    write_reprex(tmp_path / "case", small)
    monkeypatch.setattr(reprex, "_readme", full)
    with pytest.raises(InputError):
        write_reprex(tmp_path / "case", small, replace=True)
    assert [path.name for path in tmp_path.iterdir()] == ["case"]
    assert {path.name for path in (tmp_path / "case").iterdir()} == {"y.csv", "case.py", "expected.json", "README.txt"}


def test_an_interrupt_leaves_nothing_either(small, tmp_path, monkeypatch):
    monkeypatch.setattr(reprex, "_readme", mock.Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write_reprex(tmp_path / "case", small)
    assert not list(tmp_path.iterdir())


def test_a_folder_is_replaced_only_when_asked(small, tmp_path):
    write_reprex(tmp_path / "case", small)
    (tmp_path / "case" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        write_reprex(tmp_path / "case", small)
    assert (tmp_path / "case" / "mine.txt").exists()
    write_reprex(tmp_path / "case", small, replace=True)
    assert not (tmp_path / "case" / "mine.txt").exists() and (tmp_path / "case" / "case.py").exists()


def test_an_engine_in_python_has_no_r_script_and_odd_titles_are_no_code(small, tmp_path):
    write_reprex(tmp_path / "case", small)
    assert not (tmp_path / "case" / "case.R").exists()
    assert by_python(tmp_path / "case", tmp_path / "nowhere") == {
        "expected": 7.0 / 3.0, "observed": 2.0, "difference": pytest.approx(-1.0 / 3.0)}


def test_names_are_safe_and_differ(tmp_path):
    names = ["iron/overall/REML", "a:b", "a?b", "a*b", "..", ".hidden", "ß", "ü", "x" * 300, "x" * 301, "nul\0", "tab\t", "", "a b"]
    safe = [safe_name(name) for name in names]
    assert len(set(safe)) == len(safe)
    assert safe[0] == "iron--overall--REML"
    for name in safe:
        assert re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,120}", name)
        (tmp_path / name).mkdir()


# --- how engines are asked ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("engine, problem", [(engine, problem) for engine in CALLS for problem in (
    ["h0.3-n30-p3", "weights-n80-p2"] if ENGINES[engine].takes_weights else ["h0.3-n30-p3"])])
def test_plain_r_code_gives_the_number_of_the_engine(engine, problem, live, tolerance):
    live(engine)
    data = one_phenotype({label: data for label, _, data in simulation.problems()}[problem], 1)
    session = shared_session()
    values = {"y": xr.DataArray(data.Y, dims=("dim_0", "dim_1"), coords={"dim_0": list(data.ids), "dim_1": ["y"]}),
              "X": xr.DataArray(data.X, dims=("dim_0", "dim_1"), coords={"dim_0": list(data.ids), "dim_1": list(data.columns)}),
              "K": xr.DataArray(data.K, dims=("dim_0", "dim_1"), coords={"dim_0": list(data.ids), "dim_1": list(data.ids)}),
              "weights": None if data.weights is None else pd.Series(data.weights, list(data.ids))}

    def ask(quantity, reml, hsq, k=0):
        code = value_call(engine, quantity, reml, data.weights is not None, hsq, k)
        session.eval(f"asked_of_engine <- function(y, X, K, weights) {{\n{code}\nfound\n}}")
        return session.call("asked_of_engine", **values).value

    for reml in (True, False):
        optimum = ENGINES[engine].optimum(data, reml)
        for quantity in CALLS[engine].optimum_parts:
            expected = getattr(optimum, quantity)
            expected = expected[1, 0] if quantity == "beta" else expected[0]
            assert ask(quantity, reml, None, 1) == pytest.approx(expected, rel=tolerance("reprex"))
        at = ENGINES[engine].at_hsq(data, np.array([[0.25]]), reml)
        for quantity in CALLS[engine].at_hsq_parts:
            expected = getattr(at, quantity)[0]
            expected = expected[1, 0] if quantity == "beta" else expected[0]
            assert ask(quantity, reml, 0.25, 1) == pytest.approx(expected, rel=tolerance("reprex"))


# --- in a run -------------------------------------------------------------------------------------------------------------

def problems(*names):
    """Simulated problems with one of their phenotypes."""
    return [Problem(f"simulated/{name}", source, one_phenotype(data, 0)) for name, source, data in simulation.problems()
            if name in names]


def run(out, engines, chosen, ledger=None):
    return Run(out, availability(engines), chosen, {}, "test", ledger, arbitrate=False).execute()


def wrong_ledger(name, **replacement):
    return LEDGER | {name: dataclasses.replace(LEDGER[name], **replacement)}


def test_a_run_without_anything_unexplained_writes_no_folder(tmp_path, live):
    live("r-reference")
    results = run(tmp_path / "out", ["python", "dense", "r-reference"], problems("h0-n10-p1"))
    assert results["status"] == 0
    assert not (tmp_path / "out" / "reprex").exists()
    assert all(case["reprex"] == {} for case in results["cases"])


@pytest.mark.parametrize("engine", ["r-reference", "lmmlite-cpp", "qtl2"])
def test_an_unexplained_comparison_gets_a_folder_that_shows_it(engine, tmp_path, live, tolerance):
    """The fault: a constant that the ledger gets wrong, as far as ML goes. Folders say what is translated, and how."""
    live(engine)
    convention = LEDGER[engine]
    ledger = wrong_ledger(engine, to_ml=lambda size: convention.to_ml(size) + 0.25)
    results = run(tmp_path / "out", ["python", "dense", engine], problems("h0-n10-p1"), ledger)
    [case] = [case for case in results["cases"] if case["criterion"] == "ML"]
    assert list(case["reprex"]) == [engine]
    folder = tmp_path / "out" / case["reprex"][engine]["folder"]
    assert folder == tmp_path / "out" / "reprex" / "simulated--h0-n10-p1--ML" / engine
    r, python = by_r(folder, tmp_path / "nowhere"), by_python(folder, tmp_path / "nowhere")
    for one in (r, python):
        assert one["difference"] == pytest.approx(0.25, abs=tolerance("nine_digits"))
    assert r["observed"] == pytest.approx(python["observed"], rel=tolerance("reprex"))
    assert not list((tmp_path / "out").rglob("*.part"))


def moved(engine, monkeypatch, factor):
    """All numbers of an engine times a factor, on their way here: R alone gives the right ones."""
    kind = type(ENGINES[engine])
    optimum, at_hsq = kind.optimum, kind.at_hsq

    def scaled(answer):
        return dataclasses.replace(answer, **{name: getattr(answer, name) * factor for name in (
            "hsq", "loglik", "sigmasq", "beta") if getattr(answer, name, None) is not None})

    monkeypatch.setattr(kind, "optimum", lambda self, data, reml: scaled(optimum(self, data, reml)))
    monkeypatch.setattr(kind, "at_hsq", lambda self, data, hsq, reml: scaled(at_hsq(self, data, hsq, reml)))


@pytest.mark.parametrize("engine, quantity, words", [
    ("lmmlite-cpp", "optimum", "heritability under K, by ML"),
    ("qtl2", "optimum", "heritability under K, by ML"),
    ("lmmlite-cpp", "beta at fixed hsq", "coefficient of intercept by ML at hsq = 0.25"),
    ("r-reference", "sigmasq at fixed hsq", "σ² by ML at hsq = 0.25"),
    ("qtl2", "loglik at fixed hsq", "log likelihood by ML at hsq = 0.25"),
    ("qtl2", "reported sigmasq", "σ² by ML at its own estimate"),
    ("lmmlite-r", "reported loglik", "log likelihood by ML at its own estimate"),
])
def test_every_quantity_has_its_folder(engine, quantity, words, tmp_path, live, monkeypatch, tolerance):
    live(engine)
    [problem] = problems("h0.3-n30-p3")
    version = ENGINES[engine].availability().version
    moved(engine, monkeypatch, 0.75)
    own = float(LEDGER[engine].translate_optimum(ENGINES[engine].optimum(problem.data, False), problem.data, False).hsq[0])
    hsq = own if quantity.startswith("reported") else 0.25
    comparison = {"a": "python", "b": engine, "quantity": quantity, "counts": {"unexplained": 1}, "tolerance": 1e-9,
                  "phenotype": problem.data.phenotypes[0], "hsq": hsq, "difference": 1.0}
    found = comparison_reprex.of_case(problem, False, {"comparisons": [comparison]}, {"python": "0", engine: version}, LEDGER)
    assert list(found) == [engine] and found[engine].quantity.startswith(words)
    write_reprex(tmp_path / "case", found[engine])
    python = by_python(tmp_path / "case", tmp_path / "nowhere")
    assert python["expected"] == pytest.approx(found[engine].expected, rel=tolerance("reprex"))
    assert abs(python["difference"]) > 0.01
    if not quantity.startswith("reported"):     # the estimate of a number moved is moved, too
        r = by_r(tmp_path / "case", tmp_path / "nowhere")
        assert r["observed"] == pytest.approx(python["expected"], rel=tolerance("recorded"))


def test_an_engine_that_fails_gets_a_folder(tmp_path, live):
    live("lmmlite-cpp")
    engine = type(ENGINES["lmmlite-cpp"])
    with mock.patch.object(engine, "optimum", side_effect=comparison_reprex.EngineFailure("no fit today")):
        results = run(tmp_path / "out", ["python", "dense", "lmmlite-cpp"], problems("h0-n10-p1"))
    folder = tmp_path / "out" / results["cases"][0]["reprex"]["lmmlite-cpp"]["folder"]
    assert json.loads((folder / "expected.json").read_text())["observed"] is None
    assert "gives no heritability" in (folder / "README.txt").read_text()
    r, python = by_r(folder, tmp_path / "nowhere"), by_python(folder, tmp_path / "nowhere")
    assert r["observed"] == pytest.approx(python["expected"], abs=1e-7)     # the real function does fit


#: Functions of a user's with a flaw: σ² under ML is Q/(n−1), or there is no answer.
FLAWED = """\
from lmmbridge.fitting import fit_lmm

def fit(y, X, K, reml):
    found = fit_lmm(y, K, X, reml=reml)
    return {"hsq": found.hsq, "loglik": found.loglik, "sigmasq": found.sigmasq*(1 if reml else len(y)/(len(y) - 1))}

def fail(y, X, K, reml):
    raise ArithmeticError("no fit today")
"""
FLAWED_IN_R = """\
function(y, X, K, reml) {   # Q/(n - 1)
    found <- lmmreference::fit_lmm(cbind(y), K, X, NULL, reml)
    list(hsq = found$hsq, loglik = found$loglik, sigmasq = found$sigmasq*if (reml) 1 else length(y)/(length(y) - 1))
}"""


def run_function(engine, out):
    return Run(out, availability(["python", "dense"]) | {engine.name: engine.availability()}, problems("h0-n10-p1"), {}, "test",
               LEDGER | {engine.name: LEDGER["python"]}, arbitrate=False, engines={engine.name: engine}).execute()


@pytest.fixture
def flawed(tmp_path, monkeypatch):
    (tmp_path / "flawed_model.py").write_text(FLAWED, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "flawed_model", raising=False)
    return lambda name: python_function(f"flawed_model:{name}")


def test_a_python_function_that_is_off_gets_a_folder_that_asks_it_again(flawed, tmp_path, tolerance):
    results = run_function(flawed("fit"), tmp_path / "out")
    reml, ml = (case["reprex"] for case in results["cases"])
    assert reml == {} and list(ml) == ["flawed_model:fit"]
    folder = tmp_path / "out" / ml["flawed_model:fit"]["folder"]
    assert {path.name for path in folder.iterdir()} == {"y.csv", "X.csv", "K.csv", "case.py", "expected.json", "README.txt"}
    python = by_python(folder, tmp_path / "nowhere")
    assert python["observed"] / python["expected"] == pytest.approx(10 / 9, rel=tolerance("nine_digits"))
    assert json.loads((folder / "expected.json").read_text())["observed"] == python["observed"]
    words = (folder / "README.txt").read_text()
    assert "flawed_model:fit" in words and "unknown" not in words and "part of lmmbridge" not in words
    text = tmp_path / "alone.py"
    text.write_text(ml["flawed_model:fit"]["python"], encoding="utf-8")
    for script in (folder / "case.py", text):
        done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=os.environ | {
            "PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(reprex.__file__).parents[2])])})
        again = float(re.search(r"^again (\S+)$", done.stdout, re.M)[1])
        assert again == pytest.approx(python["observed"], rel=tolerance("reprex"))


def test_a_python_function_that_fails_gets_a_folder_with_its_words(flawed, tmp_path):
    results = run_function(flawed("fail"), tmp_path / "out")
    folder = tmp_path / "out" / results["cases"][0]["reprex"]["flawed_model:fail"]["folder"]
    words = (folder / "README.txt").read_text()
    assert "flawed_model:fail gives no heritability: ArithmeticError: no fit today" in re.sub(r"\s+", " ", words)
    assert np.isnan(by_python(folder, tmp_path / "nowhere")["observed"])


def test_an_r_function_that_is_off_gets_a_folder_that_asks_it_again(tmp_path, live, tolerance):
    live("r-reference")
    results = run_function(RFunctionEngine(FLAWED_IN_R), tmp_path / "out")
    reml, ml = (case["reprex"] for case in results["cases"])
    assert reml == {} and list(ml) == ["r-function"]
    folder = tmp_path / "out" / ml["r-function"]["folder"]
    r, python = by_r(folder, tmp_path / "nowhere"), by_python(folder, tmp_path / "nowhere")
    assert python["observed"] / python["expected"] == pytest.approx(10 / 9, rel=tolerance("nine_digits"))
    assert r["observed"] == pytest.approx(python["observed"], rel=tolerance("reprex"))


def test_an_interrupted_run_writes_its_folders_again(tmp_path, live):
    live("r-reference")
    ledger = wrong_ledger("r-reference", to_ml=lambda size: 0.25)
    arguments = (tmp_path / "out", ["python", "dense", "r-reference"], problems("h0-n10-p1"), ledger)
    first = run(*arguments)
    (tmp_path / "out" / "cases" / "simulated--h0-n10-p1--ML.json").unlink()
    left = tmp_path / "out" / "reprex" / "simulated--h0-n10-p1--ML" / ".abc.part"
    left.mkdir()
    (left / "y.csv").write_text("half")
    again = run(*arguments)
    assert [case["reprex"] for case in again["cases"]] == [case["reprex"] for case in first["cases"]]
    assert not left.exists()


@pytest.fixture
def scan(live):
    """A scan with missing phenotypes, of an autosome and an X chromosome."""
    live("qtl2")
    rng = np.random.default_rng(5)
    n = 24
    ids = [f"i{i}" for i in range(n)]
    arrays = {chromosome: xr.DataArray(rng.dirichlet(np.ones(3), size=(n, 2)).transpose(0, 2, 1), dims=(
        "individual", "genotype", "position"), coords={"individual": ids, "genotype": ["AA", "AB", "BB"],
                                                       "position": [f"{chromosome}m{k}" for k in range(2)]})
        for chromosome in ("1", "X")}
    G = rng.normal(size=(n, 60))
    K = pd.DataFrame(G @ G.T / 60, ids, ids)
    pheno = pd.DataFrame(rng.normal(size=(n, 1)), ids, ["y"])
    pheno.iloc[3, 0] = np.nan
    sex = pd.DataFrame({"sex": np.arange(n) % 2.0}, ids)
    positions = {chromosome: pd.Series(np.arange(2.0), array.coords["position"].values)
                 for chromosome, array in arrays.items()}
    return ScanData(Genoprobs(arrays, {"X": True}), Map(positions, {"X": True}), pheno, (K + K.T) / 2.0, sex, None, sex,
                    pd.Series(rng.choice([0.5, 1.0, 2.0], size=n), ids))


@pytest.mark.parametrize("kinship", [True, False])
def test_a_lod_score_that_is_off_gets_a_folder_of_one_position(scan, kinship, tmp_path, tolerance):
    """The fault: qtl2's scores are raised by 1/4 on their way here, so that R alone gives the right ones."""
    data = scan if kinship else dataclasses.replace(scan, kinship=None)
    engine = type(ENGINES["qtl2"])
    right = engine.scan

    def faulty(self, data, reml, hsq=None):
        found = right(self, data, reml, hsq)
        return dataclasses.replace(found, lod=found.lod + 0.25)

    with mock.patch.object(engine, "scan", faulty):
        results = run(tmp_path / "out", ["python", "qtl2"], [Problem("made/scan", "made", data)])
    for case in results["cases"]:
        assert list(case["reprex"]) == ["qtl2"]
        folder = tmp_path / "out" / case["reprex"]["qtl2"]["folder"]
        r, python = by_r(folder, tmp_path / "nowhere"), by_python(folder, tmp_path / "nowhere")
        assert python["difference"] == pytest.approx(0.25, abs=tolerance("reprex_lod"))
        assert r["observed"] == pytest.approx(python["expected"], abs=tolerance("reprex_lod"))
        assert len(reprex_data_rows(folder / "genoprobs.csv")) == 3


def reprex_data_rows(path):
    return path.read_text(encoding="utf-8").splitlines()[1:]


def test_the_command_writes_folders_and_refuses_to_write_over_them(tmp_path, live):
    from click.testing import CliRunner

    from lmmbridge.cli.inventory import divergences
    live("lmmlite-r"), live("lmmlite-cpp")
    arguments = ["lmmlite-ml-variance", "--reprex", str(tmp_path / "cases")]
    done = CliRunner().invoke(divergences, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    for engine in ("lmmlite-r", "lmmlite-cpp"):
        folder = tmp_path / "cases" / "lmmlite-ml-variance" / engine
        assert str(folder) in done.output and {path.name for path in folder.iterdir()} == {
            "y.csv", "X.csv", "K.csv", "case.R", "case.py", "expected.json", "README.txt", "report.md"}
    with pytest.raises(InputError, match="exists already"):
        CliRunner().invoke(divergences, arguments, catch_exceptions=False)
    shutil.rmtree(tmp_path / "cases")
