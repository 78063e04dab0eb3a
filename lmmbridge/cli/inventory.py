"""`lmmbridge doctor` and `lmmbridge divergences`: what is here, and what is known."""
from __future__ import annotations

import json
import sys

import click
from rich.console import Console


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


@click.command(epilog="Example: lmmbridge divergences --check")
@click.option("--check", is_flag=True, help="Run each entry's case on the installed versions.")
def divergences(check) -> None:
    """List where implementations are known to depart from the mathematics; status 1 if a check finds one mended."""
    from lmmbridge.agreement.register import REGISTER
    from lmmbridge.engines import ENGINES
    from lmmbridge.report import terminal

    rows = []
    for entry in REGISTER:
        missing = [name for name in entry.engines if ENGINES[name].availability().version is None] if check else []
        rows.append((entry, None if not check or missing else entry.check(), missing))
    terminal.print_divergences(Console(), rows, check)
    sys.exit(1 if any(finding is not None and not finding.shown for _, finding, _ in rows) else 0)
