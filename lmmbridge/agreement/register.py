"""The register of known divergences: where an implementation departs from the mathematics, as executable cases.

The entries stand in divergences/*.yaml, text beside code, grouped by whom they concern; `Divergence` and `Case` tell the
fields. To add one, write it there: nothing else has to change, but where it is to explain differences met in a run, the
fault as a function in `faults`. An entry explains a difference only if its fault, computed by us, reproduces the observed number.
`check` runs the case of an entry on an installed engine, and so notices when upstream has mended it.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
import xarray as xr
import yaml

from lmmbridge.agreement import direct, faults
from lmmbridge.agreement.observations import LodOff, Observation, OptimumOff, ValueOff, one_phenotype
from lmmbridge.engines import ENGINES
from lmmbridge.rlink import RLinkError, shared_session

__all__ = ["REGISTER", "Case", "Divergence", "Finding", "LodOff", "OptimumOff", "ValueOff", "check", "explanation",
           "occurrences", "one_phenotype", "verdict_on"]

#: A number of an implementation that is nearer than this to the right one, relative to 1 + |right|, is right.
MENDED = 1e-7


@dataclass(frozen=True)
class Case:
    """How an entry shows in one engine.

    Attributes
    ----------
    engine : str
    package : str
        The R package behind it.
    data : str
        R code that makes the inputs.
    inputs : tuple of str
        Names of what the data consist of: matrices with names, named vectors, genotype probabilities.
    call : str
        R code that gets the number, `observed`, from the package, with nothing but the inputs.
    direct : str
        Python code that gets the right number, `expected`, from the inputs with the functions of `direct`.
    expected : float
        The right number, as recorded.
    seen : dict
        Versions of the package that were seen to diverge, and the number each gave (NaN: none).
    """

    engine: str
    package: str
    data: str
    inputs: tuple[str, ...]
    call: str
    direct: str
    expected: float
    seen: dict[str, float]

    def right(self, inputs: dict[str, Any]) -> float:
        """The right number: what the code `direct` makes of inputs, as `values_in_r` gives them."""
        names = vars(direct) | {name: _plain(value) for name, value in inputs.items()}
        exec(self.direct, names)
        return float(names["expected"])

    def values_in_r(self) -> tuple[float, dict[str, Any]]:
        """Run data and call in the live R: the number observed, and the inputs."""
        inputs = ", ".join(f"{name} = {name}" for name in self.inputs)
        found = f"list(observed = as.numeric(observed)[1], inputs = list({inputs}))"
        value = shared_session().eval(f"local({{\n{self.data}\n{self.call}\n{found}\n}})").value
        return float(value["observed"]), value["inputs"]


@dataclass(frozen=True)
class Divergence:
    """An entry of the register.

    Attributes
    ----------
    name : str
    statement : str
        In one sentence.
    quantity : str
        The number that its cases show.
    cause : str
        What the implementation does, and why that departs from the mathematics.
    title, happens, expectation : str
        A report to the authors: its title; what happens; what is expected, and why.
    noise : bool
        Whether the number is rounding noise, another one on every machine.
    cases : dict of Case
        By engine.
    gives_optimum, gives_value, gives_lod : function or None
        Whether the stated fault gives the observed ĥ, value at fixed h, or LOD score. None for what it does not touch,
        and where the ledger already translates the difference.
    """

    name: str
    statement: str
    quantity: str
    cause: str
    title: str
    happens: str
    expectation: str
    cases: dict[str, Case]
    noise: bool = False
    gives_optimum: Callable[[OptimumOff], bool] | None = None
    gives_value: Callable[[ValueOff], bool] | None = None
    gives_lod: Callable[[LodOff], bool] | None = None

    @property
    def engines(self) -> tuple[str, ...]:
        """Whom it concerns."""
        return tuple(self.cases)

    @property
    def seen_in(self) -> str:
        """Packages and versions in which it was seen."""
        return ", ".join(dict.fromkeys(f"{case.package} {version}" for case in self.cases.values()
                                       for version in case.seen))

    def __str__(self) -> str:
        return f"{self.name} (seen in {self.seen_in}): {self.statement}"

    def plain(self) -> dict[str, Any]:
        """The entry as plain data, ready for JSON."""
        cases = {engine: {"package": case.package, "expected": case.expected,
                          "seen": {version: None if np.isnan(number) else number for version, number in case.seen.items()},
                          "report": self.report(engine)} for engine, case in self.cases.items()}
        texts = {name: getattr(self, name) for name in ("name", "statement", "quantity", "cause", "noise")}
        return texts | {"cases": cases}

    def explains(self, observed: Observation) -> bool:
        """Whether the stated fault gives what was observed."""
        gives = {OptimumOff: self.gives_optimum, ValueOff: self.gives_value, LodOff: self.gives_lod}[type(observed)]
        return observed.engine in self.cases and gives is not None and gives(observed)

    def report(self, engine: str) -> str:
        """A report to the authors of the engine's package, in Markdown, with a complete example."""
        case = self.cases[engine]
        version, number = list(case.seen.items())[-1]
        got = "no number" if np.isnan(number) else f"{number:.7g}"
        example = f"{case.data}\n{case.call}print(observed)    # {got}; {case.expected:.7g} is right"
        noise = " (rounding noise: another number on every machine)" if self.noise else ""
        parts = [f"# {self.title}", f"{self.happens} Seen in {case.package} {version}.", f"```r\n{example}\n```",
                 f"This gives {got}{noise} for the {self.quantity}. The right number is {case.expected:.7g}.",
                 f"**Expected.** {self.expectation}", f"**Cause.** {self.cause}"]
        return "\n\n".join(parts) + "\n"


@dataclass(frozen=True)
class Finding:
    """What the case of an entry found on the installed version of an engine.

    Attributes
    ----------
    state : str
        "known": the version is on the register and shows it. "another number": it gives a number that is neither right nor
        the one on the register (unless that is rounding noise). "known, in another version": a version that is not on the
        register shows it. "known, but fixed": such a version does not show it. "not shown": a version that is on the register
        does not show it here. "failed": the case does not run. "not available": the engine is not here.
    version : str or None
        Installed.
    observed, right : float
        What the implementation gives, and what the mathematics gives; NaN where there is no number.
    message : str
        R's words where the case failed, and the remedy where the engine is not here.
    """

    state: str
    version: str | None
    observed: float = np.nan
    right: float = np.nan
    message: str = ""

    @property
    def shown(self) -> bool:
        """Whether the installed version shows the divergence."""
        return self.state in ("known", "known, in another version")

    @property
    def outdated(self) -> bool:
        """Whether the register no longer says what is."""
        return not self.shown and self.state != "not available"


def _read_register() -> tuple[Divergence, ...]:
    """The entries of divergences/*.yaml."""
    found = []
    files = resources.files(__package__).joinpath("divergences").iterdir()
    for file in sorted((file for file in files if file.name.endswith(".yaml")), key=lambda file: file.name):
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        for name, entry in content["entries"].items():
            cases = {engine: Case(engine, ENGINES[engine].package, content["data"][entry["data"]], tuple(entry["inputs"]),
                                  case["call"], case.get("direct", entry.get("direct")), case["expected"], case["seen"])
                     for engine, case in entry["cases"].items()}
            texts = {key: entry[key] for key in ("statement", "quantity", "cause", "title", "happens", "expectation")}
            gives = {key: getattr(faults, entry[key]) for key in ("gives_optimum", "gives_value", "gives_lod")
                     if key in entry}
            found.append(Divergence(name, **texts, cases=cases, noise=entry.get("noise", False), **gives))
    return tuple(found)


#: The entries, in the order in which they are asked for an explanation.
REGISTER: tuple[Divergence, ...] = _read_register()


def check(entry: Divergence, engine: str) -> Finding:
    """Run the case of an entry on the installed version of an engine."""
    available, case = ENGINES[engine].availability(), entry.cases[engine]
    version = available.version
    if version is None:
        return Finding("not available", None, message=str(available.remedy))
    try:
        observed, inputs = case.values_in_r()
    except RLinkError as error:
        return Finding("failed", version, message=str(error))
    right, on_register = case.right(inputs), version in case.seen
    if departs(observed, right):
        as_seen = entry.noise or not on_register or not departs(observed, case.seen[version])
        state = "known, in another version" if not on_register else "known" if as_seen else "another number"
    else:
        state = "not shown" if on_register else "known, but fixed"
    return Finding(state, version, observed, right)


def departs(observed: float, right: float) -> bool:
    """Whether a number, or the lack of one, departs from the right one."""
    if np.isnan(observed) and np.isnan(right):
        return False
    return not abs(observed - right) <= MENDED * (1.0 + abs(right))


def explanation(observed: Observation) -> Divergence | None:
    """The entry whose fault reproduces what was observed, if there is one."""
    return next((entry for entry in REGISTER if entry.explains(observed)), None)


def verdict_on(off: list[Observation], right: str = "the dense value",
               explain: Callable[[Observation], Divergence | None] = explanation) -> tuple[str, list[str]]:
    """The verdict on a difference beyond tolerance: known only if every engine that is off `right` is accounted for."""
    entries = {observed: explain(observed) for observed in off}
    unaccounted = dict.fromkeys(observed.engine for observed, entry in entries.items() if entry is None)
    if unaccounted or not entries:
        return "unexplained", [f"off {right}: {', '.join(unaccounted)}" if unaccounted
                               else f"each is within the tolerance of {right}, but not of the other"]
    reasons = dict.fromkeys(_reason(entry, observed.engine) for observed, entry in entries.items())
    return "known divergence", list(reasons)


def _reason(entry: Divergence, engine: str) -> str:
    """What a comparison that an entry explains says of one engine."""
    case = entry.cases[engine]
    return f"{entry.name} ({engine}; seen in {case.package} {', '.join(case.seen)}): {entry.statement}"


def occurrences(cases: list[dict[str, Any]], versions: dict[str, str]) -> list[dict[str, Any]]:
    """Which entries were met in the cases of a run, by engine, the most frequent first.

    Parameters
    ----------
    cases : list of dict
        As `run_case` gives them.
    versions : dict of str
        Engine → the version that ran.

    Returns
    -------
    list of dict
        entry, engine, statement, seen (versions on the register), version (that ran), state ("known", or "seen in another
        version"), comparisons (how many phenotypes of how many pairs of engines).
    """
    counts: Counter = Counter()
    for case in cases:
        for comparison in case["comparisons"]:
            counts.update(comparison["reasons"].get("known divergence", {}))
    rows = []
    for entry in REGISTER:
        for engine, case in entry.cases.items():
            count = counts[_reason(entry, engine)]
            if count:
                known = versions.get(engine) in case.seen
                rows.append({"entry": entry.name, "engine": engine, "statement": entry.statement, "seen": list(case.seen),
                             "version": versions.get(engine), "state": "known" if known else "seen in another version",
                             "comparisons": count})
    return sorted(rows, key=lambda row: -row["comparisons"])


def _plain(value: Any) -> Any:
    """Values from R as plain arrays."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return value.values if isinstance(value, xr.DataArray) else np.asarray(value)
