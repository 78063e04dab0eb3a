"""A run: which engines and problems, case after case, each written at once, and a result model at the end.

An output folder holds run.json (what was asked for, written first), cases/ (a file per finished case), reprex/ (folders
that show what could not be explained to people without lmmbridge) and, when all are done, results.json, cases.csv and,
where there are scans, peaks.csv. The same request goes on from the finished cases.
"""
from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, as_completed
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lmmbridge import __version__
from lmmbridge.agreement import comparison_reprex, register
from lmmbridge.agreement.comparison import compare
from lmmbridge.agreement.ledger import LEDGER, Convention
from lmmbridge.agreement.problems import Problem, ProblemsUnavailable
from lmmbridge.agreement.provenance import provenance
from lmmbridge.agreement.reprex import of_divergence, safe_name, scripts, write_reprex
from lmmbridge.agreement.results import SCHEMA_VERSION
from lmmbridge.agreement.scan_comparison import compare_scans
from lmmbridge.agreement.tolerances import tolerances
from lmmbridge.agreement.verdicts import COMPARED_OR_FAILED, FAILING, ORDER
from lmmbridge.engines import ENGINES, Availability, Engine
from lmmbridge.engines.function import FunctionEngine
from lmmbridge.engines.recorded import RecordedEngine
from lmmbridge.errors import InputError
from lmmbridge.files import write_atomically
from lmmbridge.qtl2.scan_data import ScanData
from lmmbridge.rlink import RLinkError

#: Two engines of whose log likelihoods (or LOD scores) this share is the same to the bit are one implementation called twice,
#: where there are so many: independent ones share a third, and a copy behind other conventions may lose some to translation.
TWIN, ENOUGH_TO_TELL = 0.9, 20
#: Scripts with the data of a case in them are part of the results up to this number of characters.
LONGEST_SCRIPT = 50_000
#: Of rows in CSV files: with another, a carriage return within a name would not be quoted.
LINE_END = "\r\n"


def availability(names: list[str]) -> dict[str, Availability]:
    """Which of the named engines are here.

    Raises
    ------
    InputError
        For a name that no engine has.
    """
    for name in names:
        if name not in ENGINES:
            raise InputError(f"--engines: no engine is called '{name}'; there are {', '.join(ENGINES)}")
    return {name: ENGINES[name].availability() for name in names}


class Run:
    """One request, and the folder that holds its answers.

    Parameters
    ----------
    out : Path
    available : dict of Availability
        The engines asked for.
    problems : list of Problem
    unavailable : dict
        Family of problems → why it cannot be had.
    command : str
        What the user typed, for the report.
    ledger : dict of Convention, optional
        Default: `LEDGER`.
    arbitrate : bool, default True
        Whether all answers to small problems are held against the arbiter, and not only those that differ.
    engines : dict of Engine, optional
        Engines in place of those of `ENGINES`, or beside them, by name.
    laws : int, optional
        On how many problems engines are held to each law, where that was asked for.
    named : sequence of str
        Engines that were asked for by name: each must be compared somewhere.

    Raises
    ------
    InputError
        Where `out` is a file or holds something other than an earlier part of this very run.
    """

    def __init__(self, out: Path, available: dict[str, Availability], problems: list[Problem],
                 unavailable: dict[str, ProblemsUnavailable], command: str,
                 ledger: dict[str, Convention] | None = None, arbitrate: bool = True,
                 engines: dict[str, Engine] | None = None, laws: int | None = None, named: Sequence[str] = ()) -> None:
        self.out, self.available, self.problems, self.unavailable = out, available, problems, unavailable
        self.ledger = LEDGER if ledger is None else ledger
        self.arbitrate, self.laws = arbitrate, laws
        self.command = command
        self.others = engines or {}
        self.live = [name for name, found in available.items() if found.version is not None]
        self.named = frozenset(named)
        self.origin = provenance(list(dict.fromkeys(engine.package for engine in map(self._engine, self.live)
                                                    if hasattr(engine, "package"))))
        self.cases = [(problem, reml) for problem in problems for reml in criteria(problem)]
        self._open_folder()

    @property
    def fingerprint(self) -> str:
        """Hash of everything that the results depend on."""
        asked = {"code": _code_hash(), "schema": SCHEMA_VERSION,
                 "engines": {name: (found.version, found.build, found.recorded) for name, found in self.available.items()},
                 "recordings": {name: engine.digest for name, engine in self.others.items() if isinstance(engine, RecordedEngine)},
                 "laws": self.laws, "conventions": {name: self.ledger[name].words for name in self.live},
                 "problems": [(problem.name, problem.data.content_hash) for problem in self.problems],
                 "unavailable": sorted(self.unavailable), "origin": _what_moves_numbers(self.origin)}
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()

    def finished(self) -> int:
        """Number of cases that need not be run again."""
        return sum(self._path(problem, reml).exists() for problem, reml in self.cases)

    def execute(self, executor: Executor | None = None, advance: Callable[[str], None] = lambda name: None,
                laws: Sequence[dict[str, Any]] = ()) -> dict:
        """Run what is not finished, here or through an executor; write and return the results.

        Parameters
        ----------
        executor : concurrent.futures.Executor, optional
            Default: run in this process.
        advance : function
            Called with the name of each case when it is done.
        laws : sequence of dict
            What came of holding engines to laws (`lmmbridge.testing.conformance.hold_to_laws`).
        """
        waiting = [(problem, reml) for problem, reml in self.cases if not self._path(problem, reml).exists()]
        if executor is None:
            for problem, reml in waiting:
                self._keep(problem, reml, run_case(*self._asked(problem, reml)))
                advance(problem.name)
        else:
            futures = {executor.submit(run_case, *self._asked(problem, reml)): (problem, reml) for problem, reml in waiting}
            try:
                for future in as_completed(futures):
                    self._keep(*futures[future], future.result())
                    advance(futures[future][0].name)
            except BaseException:
                for future in futures:
                    future.cancel()
                raise
        return self._finish(list(laws))

    def _asked(self, problem: Problem, reml: bool) -> tuple:
        """The arguments of `run_case`."""
        others = {name: engine.about(problem.data) for name, engine in self.others.items()}
        return problem, reml, self.live, others, self.ledger, self.arbitrate

    def _engine(self, name: str) -> Engine:
        return self.others.get(name) or ENGINES[name]

    def _open_folder(self) -> None:
        request = self.out / "run.json"
        mine = {"fingerprint": self.fingerprint, "command": self.command,
                "date": datetime.now(timezone.utc).isoformat(timespec="seconds"), "provenance": self.origin}
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            occupied = any(not path.name.endswith(".part") for path in self.out.iterdir())
        except (FileExistsError, NotADirectoryError):
            raise InputError(f"--out: {self.out} is a file; name a folder that does not exist yet") from None
        except OSError as error:
            raise InputError(f"--out: {self.out} cannot be used ({error.strerror}); name another folder") from None
        if not occupied:
            self._write(request, json.dumps(mine, indent=1))
        elif not request.is_file():
            raise InputError(f"--out: {self.out} holds something else; name an empty or a new folder")
        else:
            try:
                asked = json.loads(request.read_text(encoding="utf-8"))
                theirs, self.origin = asked["fingerprint"], asked["provenance"]
            except (ValueError, KeyError, TypeError):
                raise InputError(f"--out: {request} was not written by lmmbridge; name an empty or a new "
                                 "folder") from None
            if theirs != mine["fingerprint"]:
                raise InputError(f"--out: {self.out} holds a run of other inputs, engines, versions or options; name "
                                 "an empty or a new folder")
        try:
            (self.out / "cases").mkdir(exist_ok=True)
            for part in [*self.out.rglob(".*.part")]:      # left by a run that was killed while it wrote
                shutil.rmtree(part) if part.is_dir() else part.unlink()
        except OSError as error:
            raise InputError(f"--out: {self.out} cannot be written ({error.strerror}); name another folder") from None

    def _write(self, path: Path, text: str) -> None:
        try:
            write_atomically(path, text)
        except OSError as error:
            raise InputError(f"--out: {path} cannot be written ({error.strerror}); what is finished is kept") from None

    def _path(self, problem: Problem, reml: bool) -> Path:
        name = f"{problem.name}/{'REML' if reml else 'ML'}".replace("/", "--")
        return self.out / "cases" / f"{name}.json"

    def _keep(self, problem: Problem, reml: bool, case: dict[str, Any]) -> None:
        case["reprex"] = {}
        if any(case["verdicts"].get(verdict) for verdict in FAILING):
            functions = {name: engine for name, engine in self.others.items() if isinstance(engine, FunctionEngine)}
            versions = {name: self.available[name].version for name in self.live if name in functions or name not in self.others}
            for engine, reprex in comparison_reprex.of_case(problem, reml, case, versions, self.ledger, functions).items():
                folder = Path("reprex") / safe_name(case["case"]) / safe_name(engine)
                write_reprex(self.out / folder, reprex, replace=True)
                texts = scripts(reprex)
                short = all(len(text) <= LONGEST_SCRIPT for text in texts.values() if text is not None)
                case["reprex"][engine] = {"folder": folder.as_posix(), **(texts if short else dict.fromkeys(texts))}
        self._write(self._path(problem, reml), json.dumps(without_nan(case), allow_nan=False))

    def _finish(self, laws: list[dict[str, Any]]) -> dict[str, Any]:
        cases = [json.loads(self._path(problem, reml).read_text(encoding="utf-8")) for problem, reml in self.cases]
        verdicts: Counter = Counter()
        for case in cases:
            verdicts.update(case["verdicts"])
        verdicts["not available"] += (sum(found.version is None for found in self.available.values())
                                      + len(self.unavailable))
        failures = self._failures(cases, verdicts, laws)
        versions = {name: found.version for name, found in self.available.items() if found.version is not None}
        asked = json.loads((self.out / "run.json").read_text(encoding="utf-8"))
        results = {
            "schema_version": SCHEMA_VERSION, "lmmbridge": __version__, "command": asked["command"], "date": asked["date"],
            "status": 1 if failures else 0, "failures": failures,
            "engines": [self._told(name, cases) for name in self.available],
            "verdicts": {verdict: verdicts[verdict] for verdict in ORDER if verdicts[verdict]},
            "divergences": [_with_case(row) for row in register.occurrences(cases, versions)],
            "unavailable_problems": {family: str(reason) for family, reason in self.unavailable.items()},
            "laws": laws, "tolerances": tolerances(), "provenance": self.origin, "cases": cases,
        }
        status = engine_status(results)
        self._write(self.out / "cases.csv", estimates_table(cases, status).to_csv(index=False, lineterminator=LINE_END))
        if any(case.get("scan") is not None for case in cases):
            self._write(self.out / "peaks.csv", peaks_table(cases, status).to_csv(index=False, lineterminator=LINE_END))
        self._write(self.out / "results.json", json.dumps(results, allow_nan=False))
        return results

    def _told(self, name: str, cases: list[dict[str, Any]]) -> dict[str, Any]:
        """What a reader wants to know of an engine."""
        engine, found = self._engine(name), self.available[name]
        failed = found.version is not None and cases and all(
            case["engines"].get(name, {}).get("status") == "engine failed" for case in cases)
        blas = {"Python's BLAS": self.origin["blas"], "R's BLAS": self.origin["r"] and self.origin["r"]["blas"]}
        return {"name": name, "version": found.version, "status": "failed" if failed else found.status,
                "remedy": found.remedy, "recorded": found.recorded, "build": found.build, "blas": blas.get(engine.linear_algebra, engine.linear_algebra),
                "description": engine.description, "search": engine.search, "computes": list(engine.computes),
                "optimum_criterion": self.ledger[name].optimum_criterion,
                "conventions": list(self.ledger[name].words)}

    def _failures(self, cases: list[dict[str, Any]], verdicts: Counter, laws: list[dict[str, Any]]) -> list[str]:
        """Why the run's status is 1; empty where it is 0."""
        failures = []
        if len(self.live) < 2:
            failures.append(f"{len(self.live)} engine(s) could run: a comparison needs two")
        if not cases:
            failures.append("no problem could be run")
        failures += [f"{verdicts[verdict]} comparisons ended in '{verdict}'" for verdict in FAILING
                     if verdicts[verdict]]
        made = {engine for case in cases for record in case["comparisons"] if record["counts"].keys() & COMPARED_OR_FAILED
                for engine in (record["a"], record["b"])}
        if cases and not made:
            failures.append("nothing could be compared; the reasons stand with 'not comparable'")
        failures += [f"{name}: none of its answers could be compared" for name in self.live
                     if made and name not in made and (name in self.named or isinstance(self._engine(name), FunctionEngine))]
        failures += [f"{row['engine']} breaks the law '{row['law']}': {row['statement']}" for row in laws
                     if row["state"] == "broken"]
        same: dict[tuple[str, str], list[int]] = {}
        for case in cases:
            what = "log likelihoods" if case["scan"] is None else "LOD scores"
            for pair, counts in case["identical"].items():
                same[pair, what] = [sum(both) for both in zip(same.get((pair, what), [0, 0]), counts)]
        failures += [f"{pair}: {equal} of {total} {what} are the same to the bit; these engines are one implementation called twice"
                     for (pair, what), (equal, total) in same.items() if total >= ENOUGH_TO_TELL and equal >= TWIN * total]
        return failures


def _what_moves_numbers(origin: dict[str, Any]) -> dict[str, Any]:
    """Of where numbers come from: all but the commit, and what else R has loaded."""
    return {name: value for name, value in origin.items() if name not in ("git", "r")} | {
        "r": origin["r"] and {name: value for name, value in origin["r"].items() if name != "session"}}


def _with_case(row: dict[str, Any]) -> dict[str, Any]:
    """What a run says of an entry of the register, with the entry's cause and its smallest case, run here."""
    entry = next(entry for entry in register.REGISTER if entry.name == row["entry"])
    told = {"cause": entry.cause, "quantity": entry.quantity}
    try:
        reprex = of_divergence(entry, row["engine"])
    except (InputError, RLinkError):        # the engine is not here: what is on the register
        case = entry.cases[row["engine"]]
        script = f"{case.data}\n{case.call}print(observed)    # right is {case.expected:.12g}\n"
        return row | told | without_nan({"observed": case.seen.get(row["version"]), "right": case.expected,
                                         "reprex": {"R": script, "python": None}})
    return row | told | without_nan({"observed": reprex.observed, "right": reprex.expected, "reprex": scripts(reprex)})


def run_case(problem: Problem, reml: bool, names: list[str], others: dict[str, Engine], ledger: dict[str, Convention],
             arbitrate: bool) -> dict[str, Any]:
    """One case with the named engines: `others` where they have the name, else this process's own."""
    engines = {name: others.get(name) or ENGINES[name] for name in names}
    if isinstance(problem.data, ScanData):
        return compare_scans(problem, reml, engines)
    return compare(problem, reml, engines, ledger, arbitrate)


def criteria(problem: Problem) -> tuple[bool, ...]:
    """REML and ML; a scan without kinship is least squares, which is ML."""
    without = isinstance(problem.data, ScanData) and problem.data.kinship is None
    return (False,) if without else (True, False)


def engine_status(results: dict[str, Any]) -> dict[str, str]:
    """Engine → live, recorded, not available or failed."""
    return {engine["name"]: engine["status"] for engine in results["engines"]}


def estimates_table(cases: list[dict[str, Any]], status: dict[str, str]) -> pd.DataFrame:
    """One row per case, phenotype and engine: its status (live or recorded), native and translated estimates, worst verdict."""
    rows = []
    for case in cases:
        for engine, estimates in case["estimates"].items():
            native, translated = estimates["native"], estimates["translated"]
            for j, phenotype in enumerate(case["phenotypes"]):
                rows.append({"case": case["case"], "problem": case["problem"], "criterion": case["criterion"],
                             "phenotype": phenotype, "n": case["n"], "p": case["p"], "engine": engine,
                             "status": status.get(engine), "verdict": estimates["verdict"][j]}
                            | {name: translated[name][j] for name in ("hsq", "sigmasq", "loglik")}
                            | {f"native_{name}": native[name][j] for name in ("hsq", "sigmasq", "loglik")})
    return pd.DataFrame(rows, columns=["case", "problem", "criterion", "phenotype", "n", "p", "engine", "status", "verdict",
                                       "hsq", "sigmasq", "loglik", "native_hsq", "native_sigmasq", "native_loglik"])


def peaks_table(cases: list[dict[str, Any]], status: dict[str, str]) -> pd.DataFrame:
    """The peaks of scans, with LOD support intervals: a row per case, engine (with its status) and peak."""
    rows = [{"case": case["case"], "engine": engine, "status": status.get(engine)} | peak for case in cases if case.get("scan") is not None
            for engine, peaks in case["scan"]["peaks"].items() for peak in peaks]
    return pd.DataFrame(rows, columns=["case", "engine", "status", "lodindex", "lodcolumn", "chr", "pos", "lod", "ci_lo",
                                       "ci_hi"])


def _code_hash() -> str:
    """Hash of this package's files: results of edited code do not mix with earlier ones."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parents[1].rglob("*")):
        if path.suffix in (".py", ".R", ".yaml"):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def without_nan(value: Any) -> Any:
    """The same with None where JSON has no number (NaN, infinities)."""
    if isinstance(value, dict):
        return {key: without_nan(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(one) for one in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
