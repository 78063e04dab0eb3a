"""Recorded evidence: the answers of engines with their inputs, for where the engines cannot be had.

A recording is a folder: recording.json (versions, R's session, date; every problem with its inputs and hash; the hashes of the
other files), a file of answers for each engine, and the large arrays. It is read whole, and refused unless every file has the
hash that it had, so have the inputs, and the objective, computed again by this project's core at the recorded parameters, is
what was recorded. Whoever means to forge one can: hashes keep from accidents.
"""
from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lmmbridge import __version__, lmm
from lmmbridge.agreement.comparison import compare
from lmmbridge.agreement.ledger import LEDGER
from lmmbridge.agreement.points import points_at
from lmmbridge.agreement.problem_store import (ArrayStore, data_from_plain, data_to_plain, frame_from_plain,
                                               frame_to_plain)
from lmmbridge.agreement.problems import Problem
from lmmbridge.agreement.provenance import provenance
from lmmbridge.agreement.scan_comparison import compare_scans
from lmmbridge.agreement.scan_models import Place
from lmmbridge.agreement.tolerances import tolerances
from lmmbridge.agreement.truth import right_lod
from lmmbridge.engines import ENGINES, Engine, Evaluation, Optimum, words_of
from lmmbridge.engines.recorded import Asked, RecordedEngine
from lmmbridge.errors import InputError
from lmmbridge.files import new_folder, write_atomically
from lmmbridge.inputs import Data
from lmmbridge.progress import track
from lmmbridge.qtl2.scan1 import Scan1
from lmmbridge.qtl2.scan_data import ScanData

FORMAT = "lmmbridge recording 1.0"
#: The engine that runs beside those that are recorded, so that its ĥ are among the points.
BESIDE = "python"


class Recorder(RecordedEngine):
    """A live engine that keeps every answer it gives."""

    def __init__(self, engine: Engine) -> None:
        found = engine.availability()
        super().__init__(engine, str(found.version), found.build, "", {})
        self.engine = engine

    def answerable(self, data: Data, hsq: np.ndarray, reml: bool) -> np.ndarray:
        return self.engine.answerable(data, hsq, reml)

    def at_hsq(self, data: Data, hsq: np.ndarray, reml: bool) -> Evaluation:
        asked = data.content_hash, reml
        answer = self._told(asked, lambda: self.engine.at_hsq(data, hsq, reml))
        if asked in self.points:
            before, answers = self.points[asked]
            both = (None if one is None else np.concatenate([one, other]) for one, other in
                    zip(_parts(answers), _parts(answer)))
            self.points[asked] = np.concatenate([before, hsq]), Evaluation(*both)
        else:
            self.points[asked] = hsq, answer
        return answer

    def optimum(self, data: Data, reml: bool) -> Optimum:
        return self._kept(self.optima, (data.content_hash, reml), lambda: self.engine.optimum(data, reml))

    def scan(self, data: ScanData, reml: bool, hsq: pd.DataFrame | None = None) -> Scan1:
        asked = data.content_hash, reml
        if hsq is None:
            return self._kept(self.own_scans, asked, lambda: self.engine.scan(data, reml))
        found, own = self.engine.scan(data, reml, hsq), self.own_scans[asked]
        if hsq.equals(own.hsq) and not found.lod.equals(own.lod):
            self.at_own_hsq[asked] = found
        return found

    def peaks(self, data: ScanData, scan: Scan1, threshold: float, drop: float | None = None,
              prob: float | None = None) -> pd.DataFrame:
        found = self.engine.peaks(data, scan, threshold, drop, prob)
        for asked, own in self.own_scans.items():
            if own is scan:
                self.own_peaks[asked, (threshold, drop, prob)] = found
        return found

    def _kept(self, answers: dict[Asked, Any], asked: Asked, ask: Callable[[], Any]) -> Any:
        answers[asked] = self._told(asked, ask)
        return answers[asked]

    def _told(self, asked: Asked, ask: Callable[[], Any]) -> Any:
        """The answer; where there is none, the engine's words are kept."""
        try:
            return ask()
        except Exception as failure:
            self.failures[asked] = words_of(failure)
            raise


def record(names: list[str], cases: list[tuple[Problem, bool]], out: Path) -> None:
    """Run engines and write a recording; with a bar of progress.

    Parameters
    ----------
    names : list of str
        Live engines.
    cases : list of (Problem, bool)
        Problems, each by REML (True) or ML.
    out : Path
        A new folder.
    """
    recorders = {name: Recorder(ENGINES[name]) for name in dict.fromkeys([*names, BESIDE])}
    for problem, reml in track(cases, "cases"):
        if isinstance(problem.data, ScanData):
            compare_scans(problem, reml, recorders)
        else:
            compare(problem, reml, recorders, LEDGER, arbitrate=False)
    packages = [ENGINES[name].package for name in names if hasattr(ENGINES[name], "package")]
    for problem, reml in cases:
        for name in names:
            off, where = _off(recorders[name], problem, reml)
            if not off <= tolerances()["recorded"]["limit"]:
                raise InputError(f"{name} is not recorded: its answer to {_case(problem, reml)} does not fit its own parameters; the "
                                 f"objective there is off by {off:.3g} ({where}). lmmbridge validate says more; leave this engine or "
                                 "this problem out")
    with new_folder(out) as folder:
        store = ArrayStore(folder / "arrays")
        problems = {problem.name: problem for problem, _ in cases}
        manifest = {
            "format": FORMAT, "lmmbridge": __version__, "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "provenance": provenance(list(dict.fromkeys(packages))),
            "engines": {name: {"version": recorders[name].availability().version, "build": recorders[name].availability().build}
                        for name in names},
            "problems": [{"name": name, "source": problem.source, "seed": problem.seed,
                          "content_hash": problem.data.content_hash, "data": data_to_plain(problem.data, store)}
                         for name, problem in problems.items()]}
        for name in names:
            text = json.dumps(_answers_to_plain(recorders[name], store), allow_nan=False)
            write_atomically(folder / f"{name}.json", text)
            manifest["engines"][name]["sha256"] = hashlib.sha256(text.encode()).hexdigest()
        write_atomically(folder / "recording.json", json.dumps(manifest | {"digest": _digest(manifest)}, allow_nan=False))


@dataclass(frozen=True, eq=False)
class Recording:
    """What a recording holds.

    Attributes
    ----------
    engines : dict of RecordedEngine
    problems : list of Problem
    """

    engines: dict[str, RecordedEngine]
    problems: list[Problem]


def read_recording(folder: Path, names: Iterable[str] | None = None) -> Recording:
    """Read a recording, and refuse it unless inputs and answers are what they were and fit each other.

    Parameters
    ----------
    folder : Path
    names : iterable of str, optional
        Of the engines that are wanted. Default: all.

    Raises
    ------
    InputError
        Where it is no recording, not whole, changed, or where its numbers do not fit each other.
    """
    manifest = _json(folder / "recording.json")
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise InputError(f"--recorded: {folder / 'recording.json'} is not a recording that this lmmbridge reads ({FORMAT})")
    if manifest.pop("digest", None) != _digest(manifest):
        raise InputError(f"--recorded: {folder / 'recording.json'} is not what was recorded (its hash differs); get the recording again")
    store = ArrayStore(folder / "arrays")
    try:
        problems = [_problem(entry, store, folder) for entry in manifest["problems"]]
        origin, r = manifest["provenance"], manifest["provenance"]["r"]
        blas = {"Python's BLAS": origin["blas"], "R's BLAS": None if r is None else r["blas"]}
        when = manifest["date"][:10] + ("" if r is None else f", {r['version']}")
        engines = {}
        for name, entry in manifest["engines"].items():
            answers = _json(folder / f"{name}.json", entry["sha256"])
            if names is None or name in names:
                engine = RecordedEngine(ENGINES[name], entry["version"], entry["build"], when, blas, entry["sha256"])
                _answers_from_plain(engine, answers, store)
                engines[name] = engine
        for problem in problems:
            for engine in engines.values():
                for reml in (True, False):
                    _refuse_what_does_not_fit(folder, engine, problem, reml)
    except InputError:
        raise
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise InputError(f"--recorded: {folder} is not what lmmbridge records ({type(error).__name__} at {error})") from None
    return Recording(engines, problems)


def _json(path: Path, sha256: str | None = None) -> Any:
    """The content of a file, which is refused where it has not the hash that it had."""
    try:
        content = path.read_bytes()
        found = json.loads(content)
    except OSError as error:
        raise InputError(f"--recorded: {path} cannot be read ({error.strerror}); name a folder that lmmbridge record wrote") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"--recorded: {path} is not JSON ({error})") from None
    if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
        raise InputError(f"--recorded: {path} is not what was recorded (its hash differs); get the recording again")
    return found


def _digest(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _case(problem: Problem, reml: bool) -> str:
    return f"{problem.name} by {'REML' if reml else 'ML'}"


def _problem(entry: dict[str, Any], store: ArrayStore, folder: Path) -> Problem:
    data = data_from_plain(entry["data"], store)
    if data.content_hash != entry["content_hash"]:
        raise InputError(f"--recorded: {folder}: the inputs of {entry['name']} are not those that were recorded (their hash "
                         "differs); get the recording again")
    return Problem(entry["name"], f"{entry['source']}; recorded", data, entry["seed"])


# --- whether the numbers fit ----------------------------------------------------------------------------------------------

def _refuse_what_does_not_fit(folder: Path, engine: RecordedEngine, problem: Problem, reml: bool) -> None:
    """Compute the objective at the recorded parameters, and refuse another one."""
    off, where = _off(engine, problem, reml)
    if not off <= tolerances()["recorded"]["limit"]:
        raise InputError(f"--recorded: {folder / (engine.name + '.json')}: the answer to {_case(problem, reml)} does not fit: at the "
                         f"recorded parameters the objective is off by {off:.3g} ({where}); get the recording again")


def _off(engine: RecordedEngine, problem: Problem, reml: bool) -> tuple[float, str]:
    """How far the recorded objective is off at the recorded parameters, and where; 0 without an answer."""
    asked = problem.data.content_hash, reml
    if asked in engine.optima:
        return _optimum_off(engine, problem.data, reml)
    if asked in engine.own_scans:
        return _scan_off(engine.own_scans[asked], problem.data)
    return 0.0, ""


def _optimum_off(engine: RecordedEngine, data: Data, reml: bool) -> tuple[float, str]:
    """How far the recorded log likelihood is off that of the core at the recorded ĥ, relative to 1 + |its size|."""
    convention = LEDGER[engine.name]
    optimum = convention.translate_optimum(engine.optima[data.content_hash, reml], data, reml)
    eigen = lmm.eigen_decomposition(data.K, data.weights)
    rotated = lmm.rotate(eigen, data.Y, data.X)
    usable = np.isfinite(optimum.hsq) & (np.nan_to_num(optimum.hsq, nan=2.0) <= lmm.search_end(eigen))
    comparable = points_at(data, eigen, np.where(usable, optimum.hsq, 0.0)[None]).comparable("loglik")[0]
    worst = (0.0, "")
    for j in np.flatnonzero(usable & comparable):
        fit = lmm.least_squares(rotated[j], float(optimum.hsq[j]))
        again = lmm.loglik(rotated[j], fit, convention.optimum_is_reml(reml))
        off = abs(again - optimum.loglik[j]) / (1.0 + abs(again))
        worst = max(worst, (np.inf if np.isnan(off) else float(off), data.phenotypes[j]), key=lambda one: one[0])
    return worst


def _scan_off(scan: Scan1, data: ScanData) -> tuple[float, str]:
    """How far each phenotype's highest LOD is off the one by covariance matrices at the recorded hsq."""
    worst = (0.0, "")
    for phenotype in scan.lod:
        lod = scan.lod[phenotype]
        if lod.isna().all():
            continue
        place = Place(data, lod.idxmax(), phenotype)
        hsq = None if scan.hsq is None else float(scan.hsq.loc[place.null_chromosome(scan.hsq.index), phenotype])
        off = abs(right_lod(place, hsq)[1] - float(lod.max()))
        worst = max(worst, (np.inf if np.isnan(off) else off, f"{phenotype} at {place.position}"), key=lambda one: one[0])
    return worst


# --- answers as plain data ------------------------------------------------------------------------------------------------

def _parts(evaluation: Evaluation) -> tuple[np.ndarray | None, ...]:
    return evaluation.loglik, evaluation.sigmasq, evaluation.beta


def _answers_to_plain(engine: RecordedEngine, store: ArrayStore) -> list[dict[str, Any]]:
    """An entry for each problem and criterion."""
    def put(array: np.ndarray | None) -> dict[str, Any] | None:
        return None if array is None else store.put(array)

    plain = []
    for asked in dict.fromkeys([*engine.points, *engine.optima, *engine.own_scans, *engine.failures]):
        entry: dict[str, Any] = {"content_hash": asked[0], "criterion": "REML" if asked[1] else "ML"}
        if asked in engine.failures:
            entry["failure"] = engine.failures[asked]
        if asked in engine.points:
            hsq, answers = engine.points[asked]
            entry["points"] = {"hsq": put(hsq)} | dict(zip(("loglik", "sigmasq", "beta"), map(put, _parts(answers))))
        if asked in engine.optima:
            found = engine.optima[asked]
            entry["optimum"] = {name: put(getattr(found, name)) for name in ("hsq", "loglik", "sigmasq", "beta")}
            entry["optimum"]["warnings"] = list(found.warnings)
        if asked in engine.own_scans:
            entry["scan"] = _scan_to_plain(engine.own_scans[asked], store)
            if asked in engine.at_own_hsq:
                entry["scan_at_own_hsq"] = _scan_to_plain(engine.at_own_hsq[asked], store)
            entry["peaks"] = [{"asked": list(how), "table": found.astype({"chr": str}).to_dict("list")}
                              for (what, how), found in engine.own_peaks.items() if what == asked]
        plain.append(entry)
    return plain


def _answers_from_plain(engine: RecordedEngine, plain: list[dict[str, Any]], store: ArrayStore) -> None:
    """The reverse of `_answers_to_plain`."""
    def get(entry: dict[str, Any] | None) -> np.ndarray | None:
        return None if entry is None else store.get(entry)

    for entry in plain:
        asked = entry["content_hash"], entry["criterion"] == "REML"
        if "failure" in entry:
            engine.failures[asked] = entry["failure"]
        if "points" in entry:
            points = {name: get(one) for name, one in entry["points"].items()}
            engine.points[asked] = points.pop("hsq"), Evaluation(**points)
        if "optimum" in entry:
            found = {name: get(entry["optimum"][name]) for name in ("hsq", "loglik", "sigmasq", "beta")}
            engine.optima[asked] = Optimum(**found, warnings=tuple(entry["optimum"]["warnings"]))
        if "scan" in entry:
            engine.own_scans[asked] = _scan_from_plain(entry["scan"], store)
            if "scan_at_own_hsq" in entry:
                engine.at_own_hsq[asked] = _scan_from_plain(entry["scan_at_own_hsq"], store)
            for one in entry["peaks"]:
                engine.own_peaks[asked, tuple(one["asked"])] = pd.DataFrame(one["table"])


def _scan_to_plain(scan: Scan1, store: ArrayStore) -> dict[str, Any]:
    return {"lod": frame_to_plain(scan.lod, store), "hsq": None if scan.hsq is None else frame_to_plain(scan.hsq, store),
            "sample_size": frame_to_plain(scan.sample_size, store), "criterion": scan.criterion, "notes": list(scan.notes),
            "engine": scan.engine, "version": scan.version}


def _scan_from_plain(plain: dict[str, Any], store: ArrayStore) -> Scan1:
    hsq = plain["hsq"]
    return Scan1(frame_from_plain(plain["lod"], store), None if hsq is None else frame_from_plain(hsq, store),
                 frame_from_plain(plain["sample_size"], store).astype(int), plain["criterion"], tuple(plain["notes"]),
                 plain["engine"], plain["version"])
