"""Tables for the terminal."""
from __future__ import annotations

from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lmmbridge.agreement.register import Divergence, Finding
from lmmbridge.agreement.verdicts import FAILING, MEANING
from lmmbridge.engines import ENGINES, Availability
from lmmbridge.report.summary import DECISIONS, by_family, decisions, disagreements, is_scan, matrix

STYLE = {"agree": "green", "known divergence": "yellow", "explained": "yellow", "not comparable": "dim",
         "not available": "dim", "engine failed": "bold red", "unexplained": "bold red"}


def print_engines(console: Console, available: dict[str, Availability]) -> None:
    """The engines of a run, and how to get those that are missing."""
    table = Table("engine", "version", "what runs", title="Engines", title_justify="left")
    for name, found in available.items():
        table.add_row(name, found.version or "not available", escape(found.remedy or ENGINES[name].description))
    console.print(table)


def print_results(console: Console, results: dict[str, Any], out: Path) -> None:
    """Verdicts, digits of agreement by pair of engines, and what a reader must look at."""
    table = Table("verdict", "comparisons", "meaning", title="Verdicts", title_justify="left")
    for verdict, count in results["verdicts"].items():
        table.add_row(f"[{STYLE[verdict]}]{verdict}[/]", f"{count:,}", MEANING[verdict])
    console.print(table)

    families = by_family(results)
    verdicts = list(results["verdicts"])
    table = Table("problems", "cases", "phenotypes", *verdicts, title="By problem", title_justify="left")
    for family, row in families.items():
        table.add_row(family, str(row["cases"]), str(row["phenotypes"]),
                      *(f"{row['verdicts'].get(verdict, 0):,}" for verdict in verdicts))
    console.print(table)

    _print_digits(console, results)
    _print_scans(console, results)
    found = disagreements(results)
    for verdict in (*FAILING, "known divergence"):
        rows = found.get(verdict, [])
        if rows:
            console.print(f"[{STYLE[verdict]}]{verdict}[/]: {len(rows)} comparison records; the largest:")
        for row in rows[:5]:
            console.print(f"  {row['case']}: {row['engines']}, {row['quantity']}: {row['size']}{row['why']}",
                          highlight=False, markup=False, soft_wrap=True)
    for failure in results["failures"]:
        console.print(f"[bold red]failed[/]: {escape(failure)}", soft_wrap=True)
    files = "results.json, cases.csv" + (", peaks.csv" if any(map(is_scan, results["cases"])) else "")
    console.print(f"Report: {out / 'report.html'}  (also {files}); status {results['status']}",
                  soft_wrap=True)


def _print_digits(console: Console, results: dict[str, Any]) -> None:
    """Digits of agreement by pair of engines and quantity."""
    quantities, rows = matrix(results)
    if not rows:
        return
    short = [f"{quantity.split()[0]}\nat hsq" if "fixed" in quantity else quantity.replace("reported ", "own\n")
             for quantity in quantities]
    table = Table("engines", *short, title="Digits of agreement, the worst of all cases that agree",
                  title_justify="left", padding=(0, 0), box=box.SIMPLE_HEAD)
    table.columns[0].no_wrap = True
    for pair, digits in rows.items():
        table.add_row(pair.replace(" ", ""), *("–" if value is None else f"{value:.1f}" for value in digits))
    console.print(table)


def _print_scans(console: Console, results: dict[str, Any]) -> None:
    """Digits of agreement of LOD scores, and how many decisions are the same, by pair of engines."""
    quantities, rows = matrix(results, scans=True)
    decided = decisions(results)
    pairs = list(dict.fromkeys([*rows, *decided]))
    if not pairs:
        return
    table = Table("engines", *(name.replace(" at", "\nat") for name in quantities),
                  *(name.replace(" ", "\n") for name in DECISIONS), title_justify="left", padding=(0, 0),
                  box=box.SIMPLE_HEAD, title="Scans: digits of agreement of LOD scores; decisions that are the same")
    table.columns[0].no_wrap = True
    for pair in pairs:
        counts = [decided.get(pair, {}).get(name, {}) for name in DECISIONS]
        table.add_row(pair.replace(" ", ""), *("–" if value is None else f"{value:.1f}"
                                               for value in rows.get(pair, [None] * len(quantities))),
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
    print_engines(console, {name: Availability(state["version"], state["remedy"])
                            for name, state in found["engines"].items()})


def print_divergences(console: Console, rows: list[tuple[Divergence, Finding | None, list[str]]],
                      checked: bool) -> None:
    """The register; with findings where its cases were run."""
    for entry, finding, missing in rows:
        console.print(f"[bold]{entry.name}[/] ({', '.join(entry.engines)}; seen in {entry.seen_in})", highlight=False)
        console.print(f"  {entry.statement}", highlight=False, soft_wrap=True)
        if missing:
            console.print(f"  not checked: {', '.join(missing)} not available; see lmmbridge doctor", soft_wrap=True)
        elif checked:
            state = "shown by the installed version" if finding.shown else "[bold]no longer shown: mended upstream[/]"
            console.print(f"  {state}: gives {finding.observed:.10g}, right is {finding.right:.10g}", highlight=False)
