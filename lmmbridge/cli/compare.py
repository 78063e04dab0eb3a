"""`lmmbridge compare`: what changed from one run to another."""
from __future__ import annotations

import json
import sys

import click
from rich.console import Console

from lmmbridge.cli.options import FILE


@click.command(epilog="Example: lmmbridge compare before.json after.json --json > change.json")
@click.argument("before", metavar="BEFORE.JSON", type=FILE)
@click.argument("after", metavar="AFTER.JSON", type=FILE)
@click.option("--json", "as_json", is_flag=True, help="JSON on standard output, in place of tables.")
def compare(before, after, as_json) -> None:
    """What changed from one run's results.json to another's: versions, engines, cases, verdicts, digits.

    The status is 1 when agreement got worse, 0 when it did not, 2 for bad input. Worse: verdicts that are worse (from best to
    worst: agree, explained, known divergence, not comparable, not available, engine failed, unexplained), comparisons, engines
    or cases that are lost, more than 1 digit lost so that fewer than 12 are left, a law that is newly broken, a looser
    tolerance, or no case in common. Cases whose input is not the same are named and not compared.

    The JSON has compared (number of cases), versions (what, before, after), tolerances, loosened, engines_gained, engines_lost,
    cases_gained, cases_lost, lost_evidence (the lost cases in which something was compared), inputs_changed, failing_with_other_input, verdicts (case, a, b,
    quantity, before, after: verdict → number or null; direction: better or worse; reason), digits (case, a, b, quantity, before,
    after, direction: better, worse or same), laws (engine, law, before, after, direction), gained (verdict → number, with
    engines gained), totals_before, totals_after (verdict → number), worse (a list of sentences) and status.
    """
    from lmmbridge.agreement.change import compare_results
    from lmmbridge.agreement.results import read_results
    from lmmbridge.report.change_tables import print_change

    change = compare_results(read_results(before), read_results(after))
    if as_json:
        click.echo(json.dumps(change.as_json(), indent=1))
    else:
        print_change(Console(), change)
    sys.exit(1 if change.worse else 0)
