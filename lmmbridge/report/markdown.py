"""The report as a page of GitHub-flavoured Markdown, short enough for the summary of a CI job.

What others named or said is escaped with character references, which no dialect of Markdown takes for markup; names stand in
<code>, where they are no mentions either.
"""
from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from lmmbridge.agreement.verdicts import FAILING, MEANING
from lmmbridge.report import summary
from lmmbridge.report.names import printable, shown
from lmmbridge.report.style import Drawing
from lmmbridge.report.summary import MARKS, headline

#: Rows of each list; the other reports have them all.
MOST = {"failing": 15, "divergences": 15, "pairs": 30, "engines": 20, "reasons": 5, "families": 10}
#: Longer sentences and commands are cut at the end.
LONGEST_TEXT, LONGEST_COMMAND = 400, 2000
#: What Markdown or HTML may take for markup.
MARKUP = re.compile(r"[&<>|`*_~\\\[\]{}#$@^]|:(?=//|\w)")


def render(results: dict[str, Any]) -> str:
    """The page's text.

    Parameters
    ----------
    results : dict
        The content of results.json.
    """
    parts = (_head(results), _verdicts(results), _failing(results), _broken_laws(results), _divergences(results), _digits(results),
             _not_comparable(results), _engines(results), _reproduce(results))
    return "\n\n".join("\n".join(part).rstrip("\n") for part in parts if part) + "\n"


def captions(drawings: Iterable[Drawing]) -> str:
    """A page that says of each figure what is seen, and what there is instead for those who cannot see it."""
    lines = ["# Figures", ""]
    for drawing in drawings:
        lines += [f"## {drawing.name}: {text(drawing.title)}", "", text(drawing.caption), "",
                  f"In words: {text(drawing.description)}", ""]
    return "\n".join(lines)


def name(value: str) -> str:
    """A name as code."""
    return f"<code>{text(shown(value))}</code>"


def text(value: str) -> str:
    """A text of one line without markup."""
    return MARKUP.sub(lambda found: f"&#{ord(found[0])};", printable(value))


def sentence(value: str) -> str:
    """A text that may be of several lines and long."""
    return text(value if len(value) <= LONGEST_TEXT else f"{value[:LONGEST_TEXT]}…")


def _table(columns: Iterable[str], rows: Iterable[Iterable[str]], of: int = 0) -> list[str]:
    """A table of cells that are escaped; `of` is the number of rows that there are in all."""
    columns, rows = list(columns), [list(row) for row in rows]
    lines = ["| " + " | ".join(cells) + " |" for cells in (columns, ["---"] * len(columns), *rows)]
    return lines + _more(of - len(rows))


def _list(items: list[str], most: int) -> list[str]:
    """The first items of a list, after an empty line."""
    return ["", *items[:most], *_more(len(items) - most)] if items else []


def _more(number: int) -> list[str]:
    return ["", f"… and {number:,} more."] if number > 0 else []


def _head(results: dict[str, Any]) -> list[str]:
    mark = "✗ Failed" if results["status"] else "✓ Passed"
    failures = [f"- {sentence(failure)}" for failure in results["failures"]]
    recorded = summary.recorded_sentence(results)
    return [f"# {mark}: {sentence(headline(results))}", *(["", text(recorded)] if recorded else []),
            *_list(failures, MOST["failing"])]


def _verdicts(results: dict[str, Any]) -> list[str]:
    return ["## Verdicts", "", *_table(["verdict", "comparisons", "meaning"], (
        [f"{MARKS[verdict]} {verdict}", f"{count:,}", text(MEANING[verdict])] for verdict, count in results["verdicts"].items()))]


def _failing(results: dict[str, Any]) -> list[str]:
    """What ends a run with status 1, the largest first."""
    found = summary.disagreements(results)
    lines = []
    for verdict in FAILING:
        rows = [f"- {name(row['case'])}: {' and '.join(name(row[key]) for key in ('a', 'b') if row[key] is not None)}, "
                f"{text(row['quantity'])}{_where(row)}{_why(row)}" for row in found.get(verdict, [])]
        lines += [f"## {MARKS[verdict]} {verdict.capitalize()}", *_list(rows, MOST["failing"]), ""] if rows else []
    reprexes = summary.reprexes(results)
    if reprexes:
        lines.append(f"Data and scripts that show it to people without lmmbridge: {len(reprexes)} folders in <code>reprex</code> "
                     "of the run's output.")
    return lines


def _where(row: dict[str, Any]) -> str:
    """Where and how large a difference is."""
    if row["b"] is None:
        return ""
    at = f" at hsq = {row['hsq']:.6g}" if row["hsq"] is not None else f" at {name(row['position'])}" if row["position"] else ""
    if row["difference"] is None:
        return f" of {name(row['phenotype'])}{at}: no number"
    if row["quantity"] in summary.DECISIONS:
        return f": differs for {row['difference']:.0f} phenotypes, the first {name(row['phenotype'])}"
    return f" of {name(row['phenotype'])}{at}: off by {row['difference']:.3g} (tolerance {row['tolerance']:.2g})"


def _why(row: dict[str, Any]) -> str:
    return f". {sentence(row['words'])}" if row["words"] else ""


def _broken_laws(results: dict[str, Any]) -> list[str]:
    broken = [f"- {name(row['engine'])}: {sentence(row['statement'])}: {sentence(row['breach'] or 'no example on record')}"
              for row in results["laws"] if row["state"] == "broken"]
    return ["## Broken laws", *_list(broken, MOST["failing"])] if broken else []


def _divergences(results: dict[str, Any]) -> list[str]:
    rows = results["divergences"]
    if not rows:
        return []
    return ["## Known divergences", "", *_table(["entry", "engine", "version", "comparisons", "what"], (
        [name(row["entry"]), name(row["engine"]), text(row["version"] or "") + (
            "" if row["state"] == "known" else f" (seen in {text(', '.join(row['seen']))})"), f"{row['comparisons']:,}",
         sentence(row["statement"])] for row in rows[:MOST["divergences"]]), len(rows))]


def _digits(results: dict[str, Any]) -> list[str]:
    quantities, pairs = summary.heat(results)
    partly = summary.partly(results)
    if not pairs:
        return []
    rows = ([name(pair), *("" if cell is None else _cell(cell) for cell in map(cells.get, quantities))]
            for pair, cells in list(pairs.items())[:MOST["pairs"]])
    return ["## Digits of agreement", "", "The fewest of all cases that agree; = says that all decisions are identical, and a "
            "sign stands for verdicts other than ✓ agree that occur.",
            *(["", f"{summary.PARTLY}: {text(partly)}."] if partly else []), "",
            *_table(["engines", *map(text, quantities)], rows, len(pairs))]


def _cell(cell: dict[str, Any]) -> str:
    return " ".join([cell["shown"], *(MARKS[verdict] for verdict in cell["others"]), *([summary.PARTLY] if cell["partly"] else [])])


def _not_comparable(results: dict[str, Any]) -> list[str]:
    rows = summary.not_comparable(results)
    if not rows:
        return []
    return ["## Not comparable", "", *_table(["comparisons", "why"], (
        [f"{row['count']:,}", sentence(row["why"])] for row in rows[:MOST["reasons"]]), len(rows))]


def _engines(results: dict[str, Any]) -> list[str]:
    engines, origin = results["engines"], results["provenance"]
    rows = ([name(row["name"]), text(row["version"] or "–"), text(row["status"]), sentence(row["remedy"] or row["blas"] or "–")]
            for row in engines[:MOST["engines"]])
    versions = [f"lmmbridge {results['lmmbridge']}", f"Python {origin['python']}",
                *(f"{package} {version}" for package, version in origin["packages"].items()), origin["blas"]]
    versions += [origin["r"]["version"], f"R's BLAS {origin['r']['blas']}"] if origin["r"] is not None else []
    versions += [word for word in (origin["machine"]["system"], origin["machine"]["architecture"]) if word is not None]
    missing = [f"- {name(family)}: not available: {sentence(why)}" for family, why in results["unavailable_problems"].items()]
    return ["## Engines and versions", "", *_table(["engine", "version", "status", "BLAS, or how to get it"], rows, len(engines)), "",
            text(", ".join(versions)), *_list(missing, MOST["families"])]


def _reproduce(results: dict[str, Any]) -> list[str]:
    git = results["provenance"]["git"]
    source = "" if git is None else f", commit {name(git['commit'][:12])}{' with changes' if git['modified'] else ''}"
    date = "The date is not on record" if results["date"] is None else f"Started {text(results['date'])}"
    command = printable(results["command"][:LONGEST_COMMAND])
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", command)), default=0))
    cut = [f"The command is longer: its first {LONGEST_COMMAND:,} characters are shown."] \
        if len(results["command"]) > LONGEST_COMMAND else []
    return ["## How to reproduce", "", f"{date}{source}.", "", f"{fence}sh", command, fence, *cut]
