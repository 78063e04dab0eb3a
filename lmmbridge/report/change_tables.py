"""What changed between two runs, as tables for the terminal."""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lmmbridge.agreement.change import LOST_DIGITS, LOST_RIGHT, Change, VerdictChange
from lmmbridge.agreement.verdicts import ORDER
from lmmbridge.report.names import printable, shown

#: Rows of each table and names of each list, and characters of a reason; --json has all.
MOST, LONGEST_REASON = 20, 240
STYLE = {"better": "green", "worse": "bold red", "same": "dim"}


def print_change(console: Console, change: Change) -> None:
    """What changed, the worse first, and at the end whether agreement got worse."""
    console.print(f"{change.compared:,} case{'' if change.compared == 1 else 's'} of both runs compared", highlight=False)
    rows = [(escape(shown(row.what)), _or_dash(row.before), _or_dash(row.after)) for row in change.versions]
    _print_table(console, "Versions", ("of", "before", "after"), rows)
    for what, names in (("tolerances that are not the same", change.tolerances), ("engines gained", change.engines_gained),
                        ("engines lost", change.engines_lost), ("cases gained", change.cases_gained),
                        ("cases lost", change.cases_lost),
                        ("cases not compared, as their input is not the same", change.inputs_changed)):
        _print_names(console, what, names)
    verdicts = [verdict for verdict in ORDER if change.totals_before.get(verdict) or change.totals_after.get(verdict)]
    rows = [(verdict, f"{change.totals_before.get(verdict, 0):,}", f"{change.totals_after.get(verdict, 0):,}") for verdict in verdicts]
    _print_table(console, "Verdicts of the whole runs", ("verdict", "before", "after"), rows)
    if change.gained:
        console.print(f"Comparisons with engines gained: {_counts(change.gained)}", highlight=False)
    rows = [(_comparison(row.case, row.a, row.b, row.quantity), _moved(row), _styled(row.direction)) for row in change.verdicts]
    _print_table(console, "Verdicts that changed", ("comparison", "before → after", ""), rows)
    rows = [(_comparison(row.case, row.a, row.b, row.quantity), f"{row.before:.1f}", f"{row.after:.1f}", _styled(row.direction))
            for row in change.digits]
    _print_table(console, f"Digits that changed by more than {LOST_DIGITS:g}", ("comparison", "before", "after", ""), rows)
    rows = [(_comparison(row.case, row.a, row.b, row.quantity), "all" if row.before is None else f"{row.before:,}",
             f"{row.after:,}", _styled("worse")) for row in change.points]
    _print_table(console, "Points at which both engines could be asked", ("comparison", "before", "after", ""), rows)
    rows = [(_comparison(row.case, row.engine, None, row.quantity), f"{row.before:.1f}",
             "–" if row.after is None else f"{row.after:.1f}", _styled(row.direction)) for row in change.right]
    _print_table(console, f"Digits to which an engine is right that changed by more than {LOST_RIGHT:g}",
                 ("engine", "before", "after", ""), rows)
    rows = [(escape(shown(row.engine)), escape(shown(row.entry)), _or_dash(row.before), _or_dash(row.after), _styled(row.direction))
            for row in change.divergences]
    _print_table(console, "Known divergences", ("engine", "entry", "before", "after", ""), rows)
    rows = [(escape(shown(row.engine)), escape(shown(row.law)), _or_dash(row.before), _or_dash(row.after), _styled(row.direction))
            for row in change.laws]
    _print_table(console, "Laws", ("engine", "law", "before", "after", ""), rows)
    for why in change.worse:
        console.print(f"[bold red]worse[/]: {escape(printable(why))}", highlight=False, soft_wrap=True)
    if not change.worse:
        console.print("[green]Agreement did not get worse.[/]")


def _print_table(console: Console, title: str, columns: Iterable[str], rows: Sequence[Sequence[str]]) -> None:
    """Nothing where there are no rows."""
    if not rows:
        return
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1))
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows[:MOST]:
        table.add_row(*row)
    console.print(table)
    if len(rows) > MOST:
        console.print(f"… and {len(rows) - MOST:,} more; --json has all", highlight=False)


def _print_names(console: Console, what: str, names: Sequence[str]) -> None:
    if names:
        more = f", and {len(names) - MOST:,} more" if len(names) > MOST else ""
        console.print(f"{len(names):,} {what}: {', '.join(map(shown, names[:MOST]))}{more}", highlight=False, markup=False,
                      soft_wrap=True)


def _comparison(case: str, a: str, b: str | None, quantity: str) -> str:
    engines = shown(a) if b is None else f"{shown(a)} – {shown(b)}"
    return escape(f"{shown(case)}\n  {engines}, {quantity}")


def _moved(change: VerdictChange) -> str:
    """The counts of verdicts, and under them why."""
    why = f"\n{escape(printable(change.reason)[:LONGEST_REASON])}" if change.reason else ""
    return f"{_counts(change.before)} → {_counts(change.after)}{why}"


def _counts(counts: Mapping[str, int] | None) -> str:
    if counts is None:
        return "none"
    return ", ".join(f"{counts[verdict]:,} {verdict}" for verdict in ORDER if counts.get(verdict))


def _styled(direction: str) -> str:
    return f"[{STYLE[direction]}]{direction}[/]"


def _or_dash(value: str | None) -> str:
    return "–" if value is None else escape(shown(value))
