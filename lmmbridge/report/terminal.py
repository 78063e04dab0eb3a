"""Tables for the terminal."""
from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from lmmbridge.agreement.arbiter import LARGEST
from lmmbridge.agreement.register import Divergence, Finding
from lmmbridge.agreement.verdicts import FAILING, MEANING
from lmmbridge.engines import ENGINES, Availability
from lmmbridge.report import summary
from lmmbridge.report.names import printable, shown
from lmmbridge.report.summary import DECISIONS

#: Longer names of engines are cut in tables of 80 columns.
LONGEST_ENGINE = 20
STYLE = {"agree": "green", "known divergence": "yellow", "explained": "yellow", "not comparable": "dim",
         "not available": "dim", "engine failed": "bold red", "unexplained": "bold red"}


def print_engines(console: Console, available: dict[str, Availability], descriptions: dict[str, str]) -> None:
    """The engines of a run, and how to get those that are missing."""
    table = Table("engine", "version", "what runs", title="Engines", title_justify="left")
    for name, found in available.items():
        version = "not available" if found.version is None else found.version + (" (recorded)" if found.recorded else "")
        table.add_row(escape(shown(name)), _text(version), _text(found.remedy or descriptions[name]))
    console.print(table)


def print_results(console: Console, results: dict[str, Any], out: Path) -> None:
    """Verdicts, digits of agreement by pair of engines, and what a reader must look at."""
    if recorded := summary.recorded_sentence(results):
        console.print(_text(recorded), highlight=False, soft_wrap=True)
    table = Table("verdict", "comparisons", "meaning", title="Verdicts", title_justify="left")
    for verdict, count in results["verdicts"].items():
        table.add_row(f"[{STYLE[verdict]}]{verdict}[/]", f"{count:,}", MEANING[verdict])
    console.print(table)

    families = summary.by_family(results)
    verdicts = list(results["verdicts"])
    table = Table("problems", "cases", "phenotypes", *verdicts, title="By problem", title_justify="left")
    for family, row in families.items():
        table.add_row(_name(family), str(row["cases"]), str(row["phenotypes"]),
                      *(f"{row['verdicts'].get(verdict, 0):,}" for verdict in verdicts))
    console.print(table)

    _print_digits(console, results)
    _print_who_is_right(console, results)
    _print_scans(console, results)
    found = summary.disagreements(results)
    _print_known(console, results)
    _print_laws(console, results)
    for verdict in FAILING:
        rows = found.get(verdict, [])
        if rows:
            console.print(f"[{STYLE[verdict]}]{verdict}[/]: {len(rows)} comparison records; the largest:")
        for row in rows[:5]:
            line = f"{row['case']}: {row['engines']}, {row['quantity']}: {row['size']}{row['why']}"
            console.print(f"  {printable(line)}", highlight=False, markup=False, soft_wrap=True)
    folders = [reprex["folder"] for case in results["cases"] for reprex in case["reprex"].values()]
    if folders:
        console.print(f"For people without lmmbridge: {len(folders)} folders with data and scripts in {_text(str(out / 'reprex'))}",
                      highlight=False, soft_wrap=True)
    for failure in results["failures"]:
        console.print(f"[bold red]failed[/]: {_text(failure)}", soft_wrap=True)
    files = "results.json, cases.csv" + (", peaks.csv" if any(map(summary.is_scan, results["cases"])) else "")
    console.print(f"Report: {_text(str(out / 'report.html'))}  (also {files}); status {results['status']}",
                  soft_wrap=True)


def _print_known(console: Console, results: dict[str, Any]) -> None:
    """The entries of the register that were met, and how much is new."""
    new = results["verdicts"].get("unexplained", 0)
    if not results["divergences"] and not new:
        return
    table = Table("divergence", "engine", "version", "comparisons", title="Divergences", title_justify="left")
    for row in results["divergences"]:
        version = row["version"] if row["state"] == "known" else f"{row['version']}, seen in {', '.join(row['seen'])}"
        table.add_row(f"[{STYLE['known divergence']}]known: {_text(row['entry'])}[/]", _name(row["engine"]), _text(version),
                      f"{row['comparisons']:,}")
    if new:
        table.add_row(f"[{STYLE['unexplained']}]new: on no register[/]", "", "", f"{new:,}")
    console.print(table)


def _print_laws(console: Console, results: dict[str, Any]) -> None:
    """What came of holding the user's engines to laws; of those that are broken, how."""
    if not results["laws"]:
        return
    table = Table("engine", "held", "broken", "not applied", title="Laws", title_justify="left")
    for engine in dict.fromkeys(row["engine"] for row in results["laws"]):
        states = Counter(row["state"] for row in results["laws"] if row["engine"] == engine)
        table.add_row(_name(engine), *(str(states[state]) for state in ("held", "broken", "not applied")))
    console.print(table)
    for row in results["laws"]:
        if row["state"] == "broken":
            console.print(f"{printable(row['breach'])}\n  The law: {row['statement']}\n  The reason: {row['reason']}", markup=False,
                          highlight=False, soft_wrap=True)


def _print_digits(console: Console, results: dict[str, Any]) -> None:
    """Digits of agreement by pair of engines and quantity."""
    quantities, rows = _digits(results, scans=False)
    if not rows:
        return
    short = [f"{quantity.split()[0]}\nat hsq" if "fixed" in quantity else quantity.replace("reported ", "own\n")
             for quantity in quantities]
    table = Table("engines", *short, title="Digits of agreement, the worst of all cases that agree",
                  title_justify="left", padding=(0, 0), box=box.SIMPLE_HEAD)
    table.columns[0].no_wrap = True
    for pair, digits in rows.items():
        table.add_row(_pair(pair), *digits)
    console.print(table)
    if partly := summary.partly(results):
        console.print(f"*: {partly}", highlight=False, soft_wrap=True)


def _digits(results: dict[str, Any], scans: bool) -> tuple[list[str], dict[str, list[str]]]:
    """Quantities of likelihoods, or of LOD scores, for which something agrees; by pair of engines what tables show of each."""
    quantities, rows = summary.heat(results)
    digits = {pair: {name: cell["shown"] + ("*" if cell["partly"] else "") for name, cell in cells.items()
                     if cell["digits"] is not None and summary.of_scans(name) == scans} for pair, cells in rows.items()}
    names = [name for name in quantities if any(name in found for found in digits.values())]
    return names, {pair: [found.get(name, "–") for name in names] for pair, found in digits.items() if found}


def _pair(pair: str) -> str:
    """Two engines in a narrow column."""
    return "–".join(map(_name, pair.split(" – ")))


def _name(name: str) -> str:
    """A name in a cell of a table."""
    return escape(shown(name, LONGEST_ENGINE))


def _text(text: str) -> str:
    """What others said, in a cell or a line."""
    return escape(printable(text))


def _print_who_is_right(console: Console, results: dict[str, Any]) -> None:
    """Digits to which each engine is right, by the arbiter."""
    right = summary.who_is_right(results)
    if right is None:
        return
    table = Table("engine", *(f"{name}\n{'own' if name == 'hsq' else 'at hsq'}" for name in right["quantities"]),
                  title=f"Who is right: digits, least and median (cases of n ≤ {LARGEST}: {right['cases']})",
                  title_justify="left", padding=(0, 1), box=box.SIMPLE_HEAD)
    for engine, found in right["engines"].items():
        table.add_row(_name(engine), *("–" if name not in found else "{:4.1f} {:4.1f}".format(*found[name])
                                for name in right["quantities"]))
    console.print(table)


def _print_scans(console: Console, results: dict[str, Any]) -> None:
    """Digits of agreement of LOD scores, and how many decisions are the same, by pair of engines."""
    quantities, rows = _digits(results, scans=True)
    decided = summary.decisions(results)
    pairs = list(dict.fromkeys([*rows, *decided]))
    if not pairs:
        return
    table = Table("engines", *(name.replace(" at", "\nat") for name in quantities),
                  *(name.replace(" ", "\n") for name in DECISIONS), title_justify="left", padding=(0, 0),
                  box=box.SIMPLE_HEAD, title="Scans: digits of agreement of LOD scores; decisions that are the same")
    table.columns[0].no_wrap = True
    for pair in pairs:
        counts = [decided.get(pair, {}).get(name, {}) for name in DECISIONS]
        table.add_row(_pair(pair), *rows.get(pair, ["–"] * len(quantities)),
                      *(f"{one.get('agree', 0):,}/{sum(one.values()):,}" if one else "–" for one in counts))
    console.print(table)


def print_inventory(console: Console, found: dict[str, Any]) -> None:
    """What `lmmbridge doctor` found, and the remedies."""
    table = Table("what", "found", title="R", title_justify="left")
    r = found["r"]
    if "problem" in r:
        table.add_row("R", f"[red]{escape(r['problem'])}[/]")
    else:
        table.add_row("version", f"{r['version']} in {r['home']}")
        table.add_row("library paths", "\n".join(r["library_paths"]))
        table.add_row("BLAS, LAPACK", f"{r['blas']}\n{r['lapack']}")
        for package, state in r["packages"].items():
            table.add_row(package, "[yellow]not installed[/]" if state is None else
                          f"{state['version']} in {state['library']}")
    console.print(table)
    table = Table("what", "found", title="Python", title_justify="left")
    python = found["python"]
    table.add_row("version", f"{python['version']} ({python['executable']})")
    for package, version in python["packages"].items():
        table.add_row(package, version or "[yellow]not installed[/]")
    for library in python["blas"]:
        table.add_row(library["user_api"], f"{library['internal_api']} {library['version']}, {library['num_threads']} "
                                           f"thread(s), {library['filepath']}")
    for name, value in found["environment"].items():
        table.add_row(name, value or "not set")
    console.print(table)
    print_engines(console, {name: Availability(state["version"], state["remedy"]) for name, state in found["engines"].items()},
                  {name: engine.description for name, engine in ENGINES.items()})


def print_divergences(console: Console, entries: Sequence[Divergence]) -> None:
    """The register, an entry after the other."""
    for entry in entries:
        console.print(f"[bold]{entry.name}[/] ({', '.join(entry.engines)}; seen in {entry.seen_in})", highlight=False)
        console.print(Padding(escape(entry.statement), (0, 0, 0, 2)))
    console.print("\nAll about one: lmmbridge divergences NAME; on the installed versions: lmmbridge divergences --check",
                  highlight=False)


def print_divergence(console: Console, entry: Divergence) -> None:
    """One entry: its cause, its numbers, and the draft of a report to each package's authors."""
    console.print(f"[bold]{entry.name}[/] (seen in {entry.seen_in})", highlight=False)
    for title, text in (("What", entry.statement), ("Cause", entry.cause), ("The number", entry.quantity)):
        console.print(f"\n[bold]{title}[/]")
        console.print(Padding(escape(text), (0, 0, 0, 2)), highlight=False)
    table = Table("engine", "package", "gives", "right", box=box.SIMPLE_HEAD)
    for engine, case in entry.cases.items():
        for version, number in case.seen.items():
            table.add_row(engine, f"{case.package} {version}", _number(number), _number(case.expected))
    console.print(table)
    for engine in entry.engines:
        console.print(f"[bold]Draft of a report to the authors of {entry.cases[engine].package}[/] ({engine})\n")
        for i, part in enumerate(entry.report(engine).split("```")):     # code keeps its lines, text is filled
            console.print(f"```{part}```" if i % 2 else part, markup=False, highlight=False, soft_wrap=bool(i % 2))


def print_findings(console: Console, entries: Sequence[Divergence], findings: dict[tuple[str, str], Finding]) -> None:
    """What the cases of entries found on the installed versions, engine by engine."""
    for entry in entries:
        console.print(f"[bold]{entry.name}[/]: {escape(entry.quantity)}", highlight=False)
        for engine, case in entry.cases.items():
            finding = findings[entry.name, engine]
            seen = f"seen in {case.package} {', '.join(case.seen)}"
            numbers = f"gives {_number(finding.observed)}, right is {_number(finding.right)}"
            said = {"known": f"known: {case.package} {finding.version} {numbers}",
                    "another number": f"[bold red]another number[/]: {case.package} {finding.version} {numbers}, and "
                                      f"{_number(case.seen.get(finding.version, math.nan))} is on the register: look what it is",
                    "known, in another version": f"known, and in version {finding.version} as well: {numbers} ({seen})",
                    "known, but fixed": f"[bold red]known, but fixed in version {finding.version}[/]: {numbers} ({seen}); "
                                        "update the register",
                    "not shown": f"[bold red]not shown here[/]: {case.package} {finding.version} {numbers}, though {seen}; "
                                 "update the register",
                    "failed": f"[bold red]the case does not run[/]: {escape(finding.message)}",
                    "not available": f"not available: {escape(finding.message)}"}[finding.state]
            console.print(Padding(f"{engine}: {said}", (0, 0, 0, 2)), highlight=False)


def _number(value: float) -> str:
    return "no number" if math.isnan(value) else f"{value:.7g}"
