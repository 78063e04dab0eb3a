"""The results as tables for R and pandas: CSV files with one observation a row.

Text stands as it is, and so does a name that a spreadsheet would take for a formula (=, +, − or @ first): these files are data to
be read back exactly, and an apostrophe in front would be another name. Numbers are the shortest that read back as the same double
(at most 17 significant digits). What there is not is empty. Lines end as RFC 4180 says (CRLF), which keeps a carriage return
within a name apart from the end of a row.
"""
from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any


from lmmbridge.agreement.run import engine_status, estimates_table, peaks_table
from lmmbridge.agreement.verdicts import ORDER, worst
from lmmbridge.report.summary import is_scan, numbers

#: Columns that count the phenotypes of each verdict.
COUNTS = {verdict: f"n_{verdict.replace(' ', '_')}" for verdict in ORDER}
#: Cases whose estimates are made into text at a time.
PART = 100
#: File → its columns and what they hold.
COLUMNS: dict[str, dict[str, str]] = {
    "comparisons.csv": {
        "case": "problem and criterion", "problem": "the problem's name", "criterion": "REML or ML", "n": "individuals",
        "p": "columns of X", "a": "one engine", "status_a": "its status in engines.csv",
        "b": "the other; empty where a gave nothing to compare", "status_b": "the same of b",
        "quantity": "what is compared", "tier": "1 at fixed hsq, 2 the optimum, 3 LOD curves, 4 decisions",
        "asked": "where not both could be asked everywhere: at how many points (of LOD curves, given hsq) they were compared; "
                 "empty where they were compared everywhere", "asked_of": "of how many",
        "phenotype": "the one with the worst verdict and, among those, the largest difference relative to its tolerance; the "
                     "columns from hsq to digits_b are of this one", "hsq": "at which the two were compared",
        "position": "of the LOD score", "value_a": "translated; of optima ĥ; of β see coefficients.csv", "value_b": "the same of b",
        "right": "the right value, where it was looked into and is one for both", "right_by": "arbiter or dense",
        "digits_a": "to how many digits a is right", "digits_b": "to how many digits b is right",
        "difference": "on the quantity's own scale; of decisions the number of phenotypes that differ", "tolerance": "on the same",
        "hsq_difference": "of the two ĥ, which is not judged",
        "digits": "−log10 of the largest difference among the phenotypes that agree, at most 15", "verdict": "the worst of all "
        "phenotypes", "phenotypes": "number that the case has",
        **{column: f"number of phenotypes with the verdict {verdict}" for verdict, column in COUNTS.items()},
        "reason": "why, of the worst verdict; several are separated by semicolons"},
    "coefficients.csv": {
        "case": "as in comparisons.csv", "a": "as there", "status_a": "as there", "b": "as there", "status_b": "as there",
        "quantity": "as there", "phenotype": "as there",
        "column": "of X", "value_a": "translated coefficient", "value_b": "the same of b", "right": "the right one, where it was "
        "looked into"},
    "problems.csv": {
        "problem": "its name", "source": "where it comes from", "seed": "of simulated ones", "n": "individuals", "p": "columns of X",
        "rank_K": "of the kinship matrix", "weights": "whether there are any", "phenotypes": "number", "content_hash": "SHA-256 of "
        "all names and numbers"},
    "engines.csv": {
        "name": "of the engine", "version": "of the program", "status": "live, recorded, not available or failed",
        "remedy": "how to get it", "recorded": "of recorded answers: when and on what", "build": "when and for what it was built",
        "blas": "what does its matrix computations", "description": "what runs", "search": "how it looks for ĥ",
        "computes": "what it gives at fixed hsq", "optimum_criterion": "of the log likelihood at its ĥ: the case's own, or always ML",
        "conventions": "that were translated"},
}


def files(results: dict[str, Any]) -> dict[str, str]:
    """Every table as the content of a CSV file.

    Parameters
    ----------
    results : dict
        The content of results.json.

    Returns
    -------
    dict of str
        comparisons.csv (a row per comparison record), coefficients.csv (β of the comparisons that have one: a row per
        coefficient), estimates.csv (a row per case, phenotype and engine), peaks.csv where there are scans (a row per peak),
        problems.csv, engines.csv, and columns.md, which says what each column holds.
    """
    cases, status = results["cases"], engine_status(results)
    found = {"comparisons.csv": _table("comparisons.csv", (_comparison(case, record, status) for case, record in _records(cases))),
             "coefficients.csv": _table("coefficients.csv", _coefficients(cases, status)),
             "estimates.csv": "".join(_estimates(cases, status)),
             "problems.csv": _table("problems.csv", _problems(cases)),
             "engines.csv": _table("engines.csv", map(_engine, results["engines"]))}
    if any(map(is_scan, cases)):
        found["peaks.csv"] = peaks_table(cases, status).to_csv(index=False, lineterminator="\r\n")
    return found | {"columns.md": _columns(found)}


def _table(name: str, rows: Iterable[dict[str, Any]]) -> str:
    """A CSV file; None is an empty cell."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(COLUMNS[name]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _records(cases: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    return ((case, record) for case in cases for record in case["comparisons"])


def _pair(record: dict[str, Any], status: dict[str, str]) -> dict[str, Any]:
    """Two engines, and whether they ran."""
    return {"a": record["a"], "status_a": status.get(record["a"]), "b": record["b"], "status_b": status.get(record["b"])}


def _comparison(case: dict[str, Any], record: dict[str, Any], status: dict[str, str]) -> dict[str, Any]:
    verdict = worst(record["counts"])
    found = numbers(record)
    right = record.get("right", {}).get("digits", {})
    return {key: case[key] for key in ("case", "problem", "criterion", "n", "p")} | _pair(record, status) | {
        "quantity": record["quantity"], "tier": record.get("tier"),
        **dict(zip(("asked", "asked_of"), record.get("asked", []))),
        "phenotype": found["phenotype"], "hsq": found["hsq"], "position": found["position"], "value_a": _scalar(found["a_value"]),
        "value_b": _scalar(found["b_value"]), "right": _scalar(found["right"]), "right_by": found["by"],
        "digits_a": right.get(record["a"]), "digits_b": right.get(record["b"]), "difference": found["difference"],
        "tolerance": found["tolerance"], "hsq_difference": record.get("hsq_difference"), "digits": record.get("digits"),
        "verdict": verdict, "phenotypes": len(case["phenotypes"]),
        "reason": "; ".join(record["reasons"].get(verdict, {}))} | {
        column: record["counts"].get(name, 0) for name, column in COUNTS.items()}


def _scalar(value: float | list[float] | None) -> float | None:
    return None if isinstance(value, list) else value


def _coefficients(cases: list[dict[str, Any]], status: dict[str, str]) -> Iterator[dict[str, Any]]:
    """A row for each column of X of the comparisons of β."""
    for case, record in _records(cases):
        found = numbers(record)
        values = {"value_a": found["a_value"], "value_b": found["b_value"], "right": found["right"]}
        lists = {key: value for key, value in values.items() if isinstance(value, list)}
        for j, column in enumerate(case["columns"] if lists else []):
            yield {"case": case["case"], "quantity": record["quantity"], "phenotype": record["phenotype"],
                   "column": column} | _pair(record, status) | {key: value[j] for key, value in lists.items()}


def _estimates(cases: list[dict[str, Any]], status: dict[str, str]) -> Iterator[str]:
    """The table in parts, since a large run has a million rows."""
    for start in range(0, max(1, len(cases)), PART):
        table = estimates_table(cases[start:start + PART], status)
        yield table.to_csv(index=False, lineterminator="\r\n", header=not start)


def _problems(cases: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for case in {case["problem"]: case for case in cases}.values():
        yield {key: len(case[key]) if key == "phenotypes" else case[key] for key in COLUMNS["problems.csv"]}


def _engine(engine: dict[str, Any]) -> dict[str, Any]:
    lists = {key: "; ".join(engine[key]) for key in ("computes", "conventions")}
    return {key: engine[key] for key in COLUMNS["engines.csv"]} | lists


def _columns(found: dict[str, str]) -> str:
    """What the columns hold, and how to read the files so that nothing is changed."""
    lines = ["# What the columns hold", "",
             "Reading a number back exactly: `pandas.read_csv(file, keep_default_na=False, na_values=[\"\"], "
             "float_precision=\"round_trip\")`; `readr::read_csv(file, na = \"\")`. Without these a name such as NA reads as "
             "missing. Names stand as they are, also where a spreadsheet would run them as a formula (=, +, - or @ first): open "
             "the files of people you do not trust with every column imported as text.", "",
             "estimates.csv has a row per case, phenotype and engine: hsq, sigmasq and loglik at the engine's own ĥ, translated "
             "and as the engine gave them (native); `status` says whether the engine ran (live) or its answers are recorded." + (
                 " peaks.csv has the peaks of the scans with their 1.5-LOD intervals, and the same `status`."
                 if "peaks.csv" in found else ""), ""]
    for name, columns in COLUMNS.items():
        lines += [f"## {name}", "", *(f"- `{column}`: {meaning}" for column, meaning in columns.items()), ""]
    return "\n".join(lines)
