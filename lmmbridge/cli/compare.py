"""`lmmbridge compare`: what changed from one run to another."""
from __future__ import annotations

import json
import sys

import click
from rich.console import Console

from lmmbridge.cli.options import FILE
from lmmbridge.cli.results_file import read_comparable


@click.command(epilog="Example: lmmbridge compare before.json after.json --json > change.json")
@click.argument("before", metavar="BEFORE.JSON", type=FILE)
@click.argument("after", metavar="AFTER.JSON", type=FILE)
@click.option("--json", "as_json", is_flag=True, help="JSON on standard output, in place of tables.")
def compare(before, after, as_json) -> None:
    """What changed from one run's results.json to another's: versions, engines, cases, verdicts, digits.

    The status is 1 when agreement got worse, 0 when it did not, 2 for bad input. Worse: verdicts that are worse (from best to
    worst: agree, explained, known divergence, not comparable, not available, engine failed, unexplained), comparisons, engines
    or cases that are lost, comparisons made at fewer points, a difference that grew ten times and past a quarter of its
    tolerance, an engine that lost more than 3 digits against what is right and has fewer than 6 left, a known divergence that is
    new or of another version, a law that is newly broken, a looser tolerance, a new reason why the run failed, or no case in
    common. Cases whose input is not the same are named and not compared, but for how many comparisons they make and whether they
    fail.

    The JSON has compared (number of cases), versions (what, before, after), tolerances, loosened, engines_gained, engines_lost,
    cases_gained, cases_lost, lost_evidence (the lost cases in which something was compared), inputs_changed,
    failing_with_other_input, fewer_with_other_input, verdicts (case, a, b, quantity, before, after: verdict → number or null;
    direction: better or worse; reason), digits (case, a, b, quantity, before, after, direction: better, worse or same), points
    (case, a, b, quantity, before, after), right (case, engine, quantity, before, after, direction), divergences (entry, engine,
    before, after, direction), laws (engine, law, before, after, direction), new_failures, gained (verdict → number, with engines
    gained), totals_before, totals_after (verdict → number), worse (a list of sentences) and status.
    """
    from lmmbridge.agreement.change import compare_results
    from lmmbridge.report.change_tables import print_change

    change = compare_results(read_comparable(before), read_comparable(after))
    if as_json:
        click.echo(json.dumps(change.as_json(), indent=1))
    else:
        print_change(Console(), change)
    sys.exit(1 if change.worse else 0)
