"""The results as JUnit XML, which CI systems show as tests.

A test suite for each family of problems, in which each case has a test for every engine (did it answer; with its time) and one
for every pair of engines (do they agree), and a suite for the run itself: engines and problems that are not available, laws,
and the run's status.
"""
from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any
from xml.etree import ElementTree

from lmmbridge.agreement.verdicts import worst
from lmmbridge.report import summary

#: Characters that XML 1.0 forbids.
FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
#: What becomes of a verdict; the others pass.
OUTCOMES = {"unexplained": "failure", "engine failed": "error", "not available": "skipped", "not comparable": "skipped"}
#: Verdicts that pass and are told.
TOLD = ("known divergence", "explained", "not comparable", "not available")


@dataclass(frozen=True)
class _Test:
    """One test: `outcome` is "" where it passed; `out` is what is told all the same."""

    classname: str
    name: str
    outcome: str = ""
    kind: str = ""
    message: str = ""
    details: str = ""
    out: str = ""
    seconds: float = 0.0


def render(results: dict[str, Any]) -> bytes:
    """The content of a file for CI systems: UTF-8, with a declaration.

    Parameters
    ----------
    results : dict
        The content of results.json.
    """
    recorded = _recorded(results)
    families: dict[str, list[_Test]] = {}
    for case in results["cases"]:
        families.setdefault(case["problem"].split("/")[0], []).extend(_of_case(case, recorded))
    suites = ElementTree.Element("testsuites", {"name": "lmmbridge"})
    timestamp = _timestamp(results["date"])
    run = _suite(suites, "lmmbridge", _of_run(results), timestamp)
    _properties(run, results)
    for family, tests in families.items():
        _suite(suites, family, tests, timestamp)
    _count(suites, [test for tests in (_of_run(results), *families.values()) for test in tests])
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True) + b"\n"


def _recorded(results: dict[str, Any]) -> dict[str, str]:
    """What is told of each engine that did not run here."""
    return {engine["name"]: f"{engine['name']}: recorded, not run here ({when})"
            for when, engines in summary.recorded(results).items() for engine in engines}


def _of_run(results: dict[str, Any]) -> list[_Test]:
    """Tests that concern no case."""
    failures, recorded = results["failures"], _recorded(results)
    tests = [_Test("run", "status", "failure" if results["status"] else "", "status", "; ".join(failures), "\n".join(failures))]
    for engine in results["engines"]:
        outcome = {"not available": "skipped", "failed": "error"}.get(engine["status"], "")
        message = f"{engine['status']}: {engine['remedy']}" if engine["remedy"] else engine["status"]
        tests.append(_Test("engines", engine["name"], outcome, engine["status"], message, out=recorded.get(engine["name"], "")))
    tests += [_Test("problems", family, "skipped", "not available", f"not available: {why}")
              for family, why in results["unavailable_problems"].items()]
    for law in results["laws"]:
        outcome = {"broken": "failure", "not applied": "skipped"}.get(law["state"], "")
        why = law["breach"] or "; ".join(law["untold"])
        tests.append(_Test(f"laws/{law['engine']}", law["law"], outcome, f"law {law['state']}", why, f"{law['statement']}\n{why}"))
    return tests


def _of_case(case: dict[str, Any], recorded: dict[str, str]) -> list[_Test]:
    """A test for every engine and for every pair; `recorded` says what is told of engines that did not run here."""
    alone: dict[str, list[dict[str, Any]]] = {engine: [] for engine in case["engines"]}
    pairs: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for record in case["comparisons"]:
        if record["b"] is None:
            alone.setdefault(record["a"], []).append(record)
        else:
            pairs.setdefault((record["a"], record["b"]), []).append(record)
    tests = [(_of_engine(case, engine, records), [engine]) for engine, records in alone.items()]
    tests += [(_of_pair(case, pair, records), pair) for pair, records in pairs.items()]
    return [_told(test, [recorded[engine] for engine in engines if engine in recorded]) for test, engines in tests]


def _told(test: _Test, recorded: list[str]) -> _Test:
    """The same that tells, first, of engines whose answers are recorded; no time is one that they took."""
    return replace(test, out="\n".join([*recorded, test.out]).strip(), seconds=0.0) if recorded else test


def _of_engine(case: dict[str, Any], engine: str, records: list[dict[str, Any]]) -> _Test:
    """Whether an engine answered."""
    answer = case["engines"].get(engine, {"status": "not available", "message": "", "seconds": {}})
    seconds = sum(answer["seconds"].values())
    lines = [_line(record, verdict, len(case["phenotypes"])) for record in records for verdict in record["counts"]]
    outcome = OUTCOMES.get(answer["status"], "")
    if any("engine failed" in record["counts"] for record in records):
        outcome = "error"
    if not outcome:
        return _Test(case["case"], engine, out="\n".join(lines), seconds=seconds)
    kind = "engine failed" if outcome == "error" else answer["status"]
    return _Test(case["case"], engine, outcome, kind, answer["message"] or "; ".join(lines), "\n".join(lines), seconds=seconds)


def _of_pair(case: dict[str, Any], pair: tuple[str, str], records: list[dict[str, Any]]) -> _Test:
    """Whether two engines agree in all quantities; a test is skipped where none could be compared."""
    counts = sum((Counter(record["counts"]) for record in records), Counter())
    name, verdict = " – ".join(pair), worst(counts)
    outcome = OUTCOMES.get(verdict, "")
    if outcome == "skipped" and any(one not in OUTCOMES for one in counts):
        outcome = ""
    lines = {one: [_line(record, one, len(case["phenotypes"])) for record in records if record["counts"].get(one)]
             for one in counts if one != "agree"}
    told = [f"{record['quantity']}: compared {summary.extent(record)}" for record in records if summary.is_partial(record)]
    told += [line for one in TOLD for line in lines.get(one, [])]
    if not outcome:
        return _Test(case["case"], name, out="\n".join(told))
    wrong = [line for one in ("unexplained", "engine failed") for line in lines.get(one, [])]
    folders = [f"Data and scripts: {case['reprex'][engine]['folder']}" for engine in pair if engine in case["reprex"]]
    details = wrong + folders if outcome != "skipped" else lines[verdict]
    return _Test(case["case"], name, outcome, verdict, lines[verdict][0], "\n".join(details),
                 "\n".join(told) if outcome != "skipped" else "")


def _line(record: dict[str, Any], verdict: str, phenotypes: int) -> str:
    """What a record says of one verdict; where that is the worst, how large the worst difference is."""
    line = f"{record['quantity']}: {verdict}"
    if record["b"] is not None:
        line += f" ({record['counts'][verdict]} of {phenotypes} phenotypes)"
    if record["b"] is not None and verdict == worst(record["counts"]) and record["difference"] is not None:
        at = f" at hsq = {record['hsq']:.6g}" if record["hsq"] is not None else f" at {record['position']}" \
            if "position" in record else ""
        line += f", {record['phenotype']}{at}: {record['difference']:.3g} (tolerance {record['tolerance']:.2g})"
    reasons = "; ".join(record["reasons"].get(verdict, {}))
    return f"{line}: {reasons}" if reasons else line


def _suite(parent: ElementTree.Element, name: str, tests: list[_Test], timestamp: str | None) -> ElementTree.Element:
    suite = ElementTree.SubElement(parent, "testsuite", {"name": _legal(name) or "(no name)"})
    if timestamp is not None:
        suite.set("timestamp", timestamp)
    _count(suite, tests)
    for test in tests:
        element = ElementTree.SubElement(suite, "testcase", {"classname": _legal(test.classname), "name": _legal(test.name),
                                                             "time": f"{test.seconds:.6f}"})
        if test.outcome == "skipped":
            ElementTree.SubElement(element, "skipped", {"message": _legal(test.message)})
        elif test.outcome:
            attributes = {"type": test.kind, "message": _legal(test.message)}
            ElementTree.SubElement(element, test.outcome, attributes).text = _legal(test.details)
        if test.out:
            ElementTree.SubElement(element, "system-out").text = _legal(test.out)
    return suite


def _count(element: ElementTree.Element, tests: Iterable[_Test]) -> None:
    """The attributes that say how many tests there are, how they ended, and how long they took."""
    tests = list(tests)
    outcomes = Counter(test.outcome for test in tests)
    for attribute, number in (("tests", len(tests)), ("failures", outcomes["failure"]), ("errors", outcomes["error"]),
                              ("skipped", outcomes["skipped"])):
        element.set(attribute, str(number))
    element.set("time", f"{sum(test.seconds for test in tests):.6f}")


def _properties(suite: ElementTree.Element, results: dict[str, Any]) -> None:
    """Versions and the command, before the tests."""
    properties = ElementTree.Element("properties")
    values = {"lmmbridge": results["lmmbridge"], "command": results["command"],
              **{f"engine {engine['name']}": summary.version(engine) for engine in results["engines"]}}
    for name, value in values.items():
        ElementTree.SubElement(properties, "property", {"name": _legal(name), "value": _legal(value)})
    suite.insert(0, properties)


def _timestamp(date: str | None) -> str | None:
    """The date without an offset, as the readers of JUnit files expect it: UTC."""
    if date is None:
        return None
    try:
        return datetime.fromisoformat(date).astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    except ValueError:      # a date that was not written by lmmbridge
        return None


def _legal(text: str) -> str:
    """The same with � for what XML cannot hold."""
    return FORBIDDEN.sub("\ufffd", text)
