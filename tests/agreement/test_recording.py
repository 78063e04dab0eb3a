"""Recorded answers: the very ones that were given, refused where they do not fit, and no more than they say."""
from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lmmbridge import InputError
from lmmbridge.agreement import simulation
from lmmbridge.agreement.ledger import LEDGER
from lmmbridge.agreement.points import GRID
from lmmbridge.agreement.problem_store import SMALL, ArrayStore, data_from_plain, data_to_plain
from lmmbridge.agreement.problems import Problem
from lmmbridge.agreement.recording import _digest, read_recording, record
from lmmbridge.agreement.run import Run, availability, criteria
from lmmbridge.agreement.scan_problems import scan_problems
from lmmbridge.engines import ENGINES, Availability, EngineFailure
from lmmbridge.engines.dense import DenseEngine
from lmmbridge.engines.recorded import NotRecorded
from lmmbridge.inputs import Data
from lmmbridge.qtl2 import extdata

NAMES = ("h0-n10-p1", "weights-n80-p2", "two-maxima", "ill-conditioned-n40-p2")
KEPT = Path(__file__).parents[2] / "validation_reports" / "recorded"


def simulated() -> list[Problem]:
    return [Problem(f"simulated/{name}", source, data, simulation.seed_of(name))
            for name, source, data in simulation.problems() if name in NAMES]


@pytest.fixture(scope="module")
def problems(live_engines):
    scans = [problem for problem in scan_problems("iron", extdata("iron.zip"))
             if problem.name in ("iron/scan-overall/covariates", "iron/scan-none/intercept")]
    return simulated() + scans


@pytest.fixture(scope="module")
def live_engines():
    """The engines in R that are here; skips where qtl2 is not, with whose data scans are made."""
    found = {name: engine.availability() for name, engine in ENGINES.items() if hasattr(engine, "package")}
    if found["qtl2"].version is None:
        pytest.skip(f"engine qtl2 is not available: {found['qtl2'].remedy}")
    return [name for name, state in found.items() if state.version is not None]


@pytest.fixture(scope="module")
def folder(problems, live_engines, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("recording") / "recorded"
    record(live_engines, [(problem, reml) for problem in problems for reml in criteria(problem)], out)
    return out


@pytest.fixture
def copy(folder, tmp_path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def change(file: Path, edit, seal: bool = True) -> None:
    """Edit a file, and, as one who forges would, the hashes that tell of it."""
    content = json.loads(file.read_text())
    edit(content)
    file.write_text(json.dumps(content))
    if seal:
        manifest = json.loads((file.parent / "recording.json").read_text())
        manifest.pop("digest")
        for name, engine in manifest["engines"].items():
            engine["sha256"] = hashlib.sha256((file.parent / f"{name}.json").read_bytes()).hexdigest()
        (file.parent / "recording.json").write_text(json.dumps(manifest | {"digest": _digest(manifest)}))


def test_inputs_come_back_to_the_bit(problems, tmp_path):
    by_chromosome = next(problem for problem in scan_problems("iron", extdata("iron.zip"))
                         if problem.name == "iron/scan-loco/interaction")
    store = ArrayStore(tmp_path / "arrays")
    for problem in [*problems, by_chromosome]:
        plain = json.loads(json.dumps(data_to_plain(problem.data, store), allow_nan=False))
        again = data_from_plain(plain, store)
        assert again.content_hash == problem.data.content_hash
        assert again.notes == problem.data.notes


def test_numbers_that_json_has_not_come_back_too(tmp_path):
    store = ArrayStore(tmp_path)
    for size in (4, SMALL + 1):
        array = np.resize([np.nan, np.inf, -np.inf, -0.0, 5e-324], size)
        again = store.get(json.loads(json.dumps(store.put(array), allow_nan=False)))
        assert again.tobytes() == array.tobytes()


def test_recorded_answers_are_those_of_the_live_engine(folder, problems, live_engines):
    recording = read_recording(folder)
    assert list(recording.engines) == live_engines
    grid = GRID[[0, 5, 10, 19]]
    for problem in recording.problems:
        for name, engine in recording.engines.items():
            if not isinstance(problem.data, Data) or (problem.data.weights is not None and not engine.takes_weights):
                continue
            hsq = LEDGER[name].to_native_hsq(np.repeat(grid[:, None], problem.data.Y.shape[1], axis=1))
            for reml in (True, False):
                assert engine.answerable(problem.data, hsq, reml).all()
                given, right = engine.at_hsq(problem.data, hsq, reml), ENGINES[name].at_hsq(problem.data, hsq, reml)
                assert np.array_equal(given.loglik, right.loglik, equal_nan=True)
                assert (given.beta is None) == (right.beta is None)
                assert given.beta is None or np.array_equal(given.beta, right.beta, equal_nan=True)
                own, live = engine.optimum(problem.data, reml), ENGINES[name].optimum(problem.data, reml)
                assert np.array_equal(own.hsq, live.hsq, equal_nan=True) and own.warnings == live.warnings


def test_recorded_scans_and_peaks_are_those_of_the_live_engine(folder):
    recording = read_recording(folder, ["qtl2"])
    for problem in recording.problems:
        if isinstance(problem.data, Data):
            continue
        given = recording.engines["qtl2"].scan(problem.data, False)
        right = ENGINES["qtl2"].scan(problem.data, False)
        assert given.lod.equals(right.lod) and (given.hsq is None or given.hsq.equals(right.hsq))
        peaks = recording.engines["qtl2"].peaks(problem.data, given, 3.0, drop=1.5)
        expected = ENGINES["qtl2"].peaks(problem.data, right, 3.0, drop=1.5)
        assert peaks.astype(str).to_dict("list") == expected.astype(str).to_dict("list")


def test_what_was_not_asked_is_not_answered(folder):
    recording = read_recording(folder, ["r-reference"])
    engine = recording.engines["r-reference"]
    first, second = recording.problems[:2]
    other = np.full((1, first.data.Y.shape[1]), 0.123456)
    assert not engine.answerable(first.data, other, True).any()
    assert np.isnan(engine.at_hsq(first.data, other, True).loglik).all()
    stranger = simulation.two_maxima()
    part = Data(stranger.ids, ("another name",), *(getattr(stranger, name) for name in
                                                   ("positions", "columns", "Y", "X", "K", "weights", "notes")))
    with pytest.raises(NotRecorded, match="was not asked this problem"):
        engine.optimum(part, True)
    assert second.data.content_hash not in {asked[0] for asked in engine.about(first.data).optima}


def test_a_run_with_recorded_engines_agrees_and_says_what_is_recorded(folder, live_engines, tmp_path):
    recording = read_recording(folder)
    available = availability(["python", "dense"]) | {name: engine.availability() for name, engine in recording.engines.items()}
    results = Run(tmp_path / "out", available, recording.problems, {}, "test", engines=recording.engines).execute()
    assert results["status"] == 0, results["failures"]
    status = {engine["name"]: engine["status"] for engine in results["engines"]}
    assert status == {"python": "live", "dense": "live"} | dict.fromkeys(live_engines, "recorded")
    assert all(engine["recorded"] for engine in results["engines"] if engine["status"] == "recorded")
    pairs = {(record["a"], record["b"]) for case in results["cases"] for record in case["comparisons"]
             if record["quantity"] == "loglik at fixed hsq" and record["counts"].get("agree")}
    assert len(pairs) == (len(live_engines) + 2) * (len(live_engines) + 1) // 2
    lod = [record for case in results["cases"] for record in case["comparisons"] if record["quantity"].startswith("LOD at")]
    assert lod and all(record["counts"] == {"agree": 2} for record in lod)
    assert not any("not both can be asked" in why for case in results["cases"] for record in case["comparisons"]
                   for reasons in record["reasons"].values() for why in reasons)


class Off(DenseEngine):
    """The dense engine, off by a little at fixed hsq and at its optimum."""

    name = "r-reference"

    def availability(self) -> Availability:
        return Availability("0")

    def at_hsq(self, data, hsq, reml):
        found = super().at_hsq(data, hsq, reml)
        return type(found)(found.loglik + 1e-5, found.sigmasq, found.beta)


def test_a_fault_that_was_recorded_is_found(tmp_path, monkeypatch):
    monkeypatch.setitem(ENGINES, "r-reference", Off())
    problems = simulated()[:1]
    record(["r-reference"], [(problem, reml) for problem in problems for reml in (True, False)], tmp_path / "recorded")
    recording = read_recording(tmp_path / "recorded")
    available = availability(["python"]) | {"r-reference": recording.engines["r-reference"].availability()}
    results = Run(tmp_path / "out", available, recording.problems, {}, "test", engines=recording.engines).execute()
    assert results["status"] == 1 and results["verdicts"]["unexplained"] > 0


def test_a_damaged_file_is_refused_though_its_engine_is_not_wanted(copy):
    (copy / "qtl2.json").write_text("[]")
    with pytest.raises(InputError, match=r"qtl2\.json is not what was recorded"):
        read_recording(copy, ["r-reference"])


def test_the_blas_of_a_recorded_engine_is_that_of_the_recording(copy, tmp_path):
    change(copy / "recording.json", lambda manifest: manifest["provenance"]["r"].update(blas="another BLAS"))
    recording = read_recording(copy, ["r-reference"])
    available = availability(["python"]) | {name: engine.availability() for name, engine in recording.engines.items()}
    results = Run(tmp_path / "out", available, recording.problems[:1], {}, "test", arbitrate=False, engines=recording.engines).execute()
    assert {engine["name"]: engine["blas"] for engine in results["engines"]}["r-reference"] == "another BLAS"


def test_changed_inputs_are_refused(copy):
    def edit(manifest):
        numbers = manifest["problems"][0]["data"]["Y"]["numbers"]
        numbers[0] = float(np.nextafter(numbers[0], np.inf))
    change(copy / "recording.json", edit)
    with pytest.raises(InputError, match="inputs of simulated/h0-n10-p1 are not those that were recorded"):
        read_recording(copy)


@pytest.mark.parametrize("name", ["recording.json", "qtl2.json"])
def test_any_change_of_a_file_is_refused(copy, name):
    def edit(content):
        if name == "recording.json":
            content["engines"]["qtl2"]["version"] = "99"
        else:
            content[0]["points"]["loglik"]["numbers"][0] += 1e-9
    change(copy / name, edit, seal=False)
    with pytest.raises(InputError, match=f"{name} is not what was recorded .its hash differs."):
        read_recording(copy)


def test_an_answer_that_does_not_fit_its_own_parameters_is_not_recorded(tmp_path, monkeypatch):
    class Wrong(DenseEngine):
        def optimum(self, data, reml):
            found = super().optimum(data, reml)
            return replace(found, loglik=found.loglik + 1e-3)
    monkeypatch.setitem(ENGINES, "r-reference", Wrong())
    with pytest.raises(InputError, match="r-reference is not recorded|dense is not recorded"):
        record(["r-reference"], [(simulated()[0], True)], tmp_path / "recorded")
    assert not (tmp_path / "recorded").exists()


def test_what_an_engine_said_when_it_failed_is_recorded(tmp_path, monkeypatch):
    class Failing(DenseEngine):
        name = "r-reference"

        def at_hsq(self, data, hsq, reml):
            raise EngineFailure("nothing at fixed hsq today")
    monkeypatch.setitem(ENGINES, "r-reference", Failing())
    problem = simulated()[0]
    record(["r-reference"], [(problem, True)], tmp_path / "recorded")
    engine = read_recording(tmp_path / "recorded").engines["r-reference"]
    with pytest.raises(EngineFailure, match="nothing at fixed hsq today"):
        engine.optimum(problem.data, True)


def test_changed_arrays_are_refused(copy):
    file = sorted((copy / "arrays").iterdir())[0]
    with np.load(file) as content:
        kept = dict(content)
    kept["numbers"] = kept["numbers"].copy()
    kept["numbers"].flat[0] += 1.0
    np.savez_compressed(file, **kept)
    with pytest.raises(InputError, match=f"{file.name} is not what was recorded"):
        read_recording(copy)
    file.unlink()
    with pytest.raises(InputError, match="the recording is not whole"):
        read_recording(copy)
    whole = sorted(path for path in (copy / "arrays").iterdir() if path != file)[0].read_bytes()
    for content in (b"no archive", b"", whole[:100], whole[:-40], whole[:60] + b"xx" + whole[62:]):
        file.write_bytes(content)
        with pytest.raises(InputError, match="is not what was recorded|cannot be read"):
            read_recording(copy)


@pytest.mark.parametrize("name", ["hsq", "loglik"])
def test_answers_whose_objective_does_not_fit_are_refused(copy, name):
    def edit(entries):
        entry = next(entry for entry in entries if "optimum" in entry)
        entry["optimum"][name]["numbers"][0] += 0.01
    change(copy / "r-reference.json", edit)
    with pytest.raises(InputError, match=r"r-reference\.json: the answer to simulated/h0-n10-p1 by .* does not fit"):
        read_recording(copy)


def test_scans_whose_objective_does_not_fit_are_refused(copy):
    def edit(entries):
        entry = next(entry for entry in entries if "scan" in entry)
        lod = entry["scan"]["lod"]["values"]["numbers"]
        lod[:] = [float(value) + 0.001 for value in lod]
    change(copy / "qtl2.json", edit)
    with pytest.raises(InputError, match=r"qtl2\.json: the answer to iron/scan-.* does not fit"):
        read_recording(copy)


@pytest.mark.parametrize(("edit", "words"), [
    (lambda folder: (folder / "recording.json").unlink(), "cannot be read"),
    (lambda folder: (folder / "recording.json").write_text("{"), "is not JSON"),
    (lambda folder: (folder / "recording.json").write_text("{}"), "is not a recording"),
    (lambda folder: (folder / "qtl2.json").unlink(), "cannot be read"),
    (lambda folder: (folder / "qtl2.json").write_text("[" * 100_000), "is not JSON"),
    (lambda folder: change(folder / "qtl2.json", lambda content: content[0].pop("criterion")), "is not what lmmbridge records"),
    (lambda folder: change(folder / "qtl2.json", lambda content: content.append(3)), "is not what lmmbridge records"),
    (lambda folder: change(folder / "recording.json", lambda content: content["problems"][0].pop("data")),
     "is not what lmmbridge records")])
def test_what_is_no_recording_is_refused_in_a_sentence(copy, edit, words):
    edit(copy)
    with pytest.raises(InputError, match=words):
        read_recording(copy)


def validate(*arguments, env=None) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "lmmbridge", "validate", *map(str, arguments)], capture_output=True, text=True,
                          timeout=600, env=env)


def test_without_r_the_kept_recording_gives_a_full_report(tmp_path):
    env = {**os.environ, "PATH": str(tmp_path), "R_HOME": ""}
    done = validate("--recorded", KEPT, "--out", tmp_path / "out", "--problems",
                    "simulated/two-maxima,simulated/weights*,iron/overall/*,iron/scan-overall/covariates", env=env)
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    status = {engine["name"]: engine["status"] for engine in results["engines"]}
    assert status == {"python": "live", "dense": "live"} | dict.fromkeys(
        ("r-reference", "lmmlite-r", "lmmlite-cpp", "qtl2"), "recorded")
    assert results["provenance"]["r"] is None
    assert {row["entry"] for row in results["divergences"]} >= {"single-search"}
    assert all(row["observed"] is not None and row["reprex"]["R"] for row in results["divergences"])
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Recorded, not run here:" in page and "<strong>qtl2</strong> 0.46 (recorded)" in page
    assert "(recorded)" in done.stderr


def test_the_command_records_and_refuses(live_engines, tmp_path):
    command = [sys.executable, "-m", "lmmbridge", "record", "--problems", "simulated/h0-n10-p1", "--engines", "r-reference",
               "--out", str(tmp_path / "recorded")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert [problem.name for problem in read_recording(tmp_path / "recorded").problems] == ["simulated/h0-n10-p1"]
    again = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert again.returncode == 2 and "is not empty" in again.stderr
    own = validate("--recorded", tmp_path / "recorded", "--pheno", "a.csv", "--kinship", "b.csv", "--out", tmp_path / "out")
    assert own.returncode == 2 and "--recorded brings its own problems" in own.stderr
    other = validate("--recorded", tmp_path / "recorded", "--problems", "iron", "--out", tmp_path / "out")
    assert other.returncode == 2 and "nothing is called 'iron'" in other.stderr
    assert not (tmp_path / "out").exists()
