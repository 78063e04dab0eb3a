"""`lmmbridge doctor` and `lmmbridge divergences`: what is here, and what is known."""
from __future__ import annotations

import dataclasses
import json
import sys
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from lmmbridge import InputError
from lmmbridge.cli.options import FILE
from lmmbridge.files import check_new_file, write_file

if TYPE_CHECKING:
    from lmmbridge.agreement.register import Divergence, Finding


@click.command(epilog="Example: lmmbridge doctor --json")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def doctor(as_json) -> None:
    """Say what was found (Python, R, packages, BLAS on both sides) and what is missing, with the remedy."""
    from lmmbridge.engines import ENGINES
    from lmmbridge.report import terminal
    from lmmbridge.rlink import RSession, inventory

    with RSession() as r:
        found = inventory(r)
    found["engines"] = {name: {"version": state.version, "status": state.status, "remedy": state.remedy}
                        for name, state in ((name, engine.availability()) for name, engine in ENGINES.items())}
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        terminal.print_inventory(Console(), found)


@click.command(epilog="Example: lmmbridge divergences single-search --reprex cases")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--check", is_flag=True, help="Run the cases on the installed versions.")
@click.option("--reprex", "folder", type=FILE, help="Write each case, with its data and scripts that need neither lmmbridge "
              "nor each other, to DIR/NAME/ENGINE.", metavar="DIR")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
@click.option("--html", "html_file", type=FILE, help="Write the register as a page, with scripts to copy for the engines that are "
              "here.")
def divergences(names, check, folder, as_json, html_file) -> None:
    """List where implementations are known to depart from the mathematics; with NAME, tell all about these.

    That is the cause, the right number, what versions gave, and the draft of a report to the authors. With --check the
    status is 1 if a case no longer shows what the register says.
    """
    from lmmbridge.agreement import register, reprex
    from lmmbridge.engines import ENGINES
    from lmmbridge.report import register_page, terminal

    entries = register.REGISTER
    for name in names:
        if name not in {entry.name for entry in entries}:
            raise InputError(f"no divergence is called '{name}'; there are " + ", ".join(entry.name for entry in entries))
    if html_file is not None:
        check_new_file(html_file, "--html")
    chosen = [entry for entry in entries if not names or entry.name in names]
    findings = {(entry.name, engine): register.check(entry, engine) for entry in chosen for engine in entry.engines
                } if check else {}
    if as_json:
        click.echo(json.dumps([_with_findings(entry, findings) for entry in chosen], indent=2, allow_nan=False))
    elif check:
        terminal.print_findings(Console(), chosen, findings)
    elif names and folder is None and html_file is None:
        for entry in chosen:
            terminal.print_divergence(Console(), entry)
    elif folder is None and html_file is None:
        terminal.print_divergences(Console(), chosen)
    if folder is not None:
        for entry in chosen:
            for engine in entry.engines:
                if ENGINES[engine].availability().version is None and not names:
                    click.echo(f"{entry.name}: no folder for {engine}, which is not here; see lmmbridge doctor", err=True)
                    continue
                reprex.write_reprex(folder / entry.name / engine, reprex.of_divergence(entry, engine))
                click.echo(str(folder / entry.name / engine), err=as_json)
    if html_file is not None:
        scripts = {(entry.name, engine): reprex.scripts(reprex.of_divergence(entry, engine)) for entry in chosen
                   for engine in entry.engines if ENGINES[engine].availability().version is not None}
        date = datetime.now(timezone.utc).isoformat(timespec="seconds")
        text = register_page.render([_with_findings(entry, findings) for entry in chosen], scripts, date)
        write_file(html_file, text, "--html")
    sys.exit(1 if any(finding.outdated for finding in findings.values()) else 0)


def _with_findings(entry: Divergence, findings: dict[tuple[str, str], Finding]) -> dict[str, Any]:
    """The entry as plain data, with what its cases found where they were run."""
    plain = entry.plain()
    for engine, case in plain["cases"].items():
        if (entry.name, engine) in findings:
            found = dataclasses.asdict(findings[entry.name, engine])
            case["finding"] = {name: None if value != value else value for name, value in found.items()}
    return plain
