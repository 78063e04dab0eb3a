"""The cases of a run as a compact table: what the page's sorting and filtering work on."""
from __future__ import annotations

from typing import Any

from lmmbridge.agreement.verdicts import ORDER, worst

#: In a cell, the rank of the worst verdict times this, plus the digits of what agrees in tenths.
VERDICT = 1000
#: Stands for the digits where nothing agrees.
NO_DIGITS = 999


def case_table(results: dict[str, Any]) -> dict[str, Any]:
    """What a run says of every case, in few characters.

    Returns
    -------
    dict
        verdicts (names, the best first); engines; columns (engine, engine, quantity: numbers of engines, text); cases: for
        each its name, family, criterion, n, p, number of phenotypes, rank of its worst verdict, counts of verdicts in the
        order of `verdicts`, and for each column None or a cell.
    """
    engines = [engine["name"] for engine in results["engines"]]
    columns: dict[tuple[str, str, str], int] = {}
    for case in results["cases"]:
        for record in case["comparisons"]:
            if record["b"] is not None:
                columns.setdefault((record["a"], record["b"], record["quantity"]), len(columns))
    cases = []
    for case in results["cases"]:
        cells: list[int | None] = [None] * len(columns)
        for record in case["comparisons"]:
            if record["b"] is not None:
                cells[columns[record["a"], record["b"], record["quantity"]]] = _cell(record)
        cases.append([case["case"], case["problem"].split("/")[0], case["criterion"], case["n"], case["p"],
                      len(case["phenotypes"]), ORDER[case["verdict"]], [case["verdicts"].get(verdict, 0) for verdict in ORDER],
                      cells])
    return {"verdicts": list(ORDER), "engines": engines, "cases": cases,
            "columns": [[engines.index(a), engines.index(b), quantity] for a, b, quantity in columns]}


def _cell(record: dict[str, Any]) -> int:
    digits = NO_DIGITS if record["digits"] is None else round(10.0 * record["digits"])
    return VERDICT * ORDER[worst(record["counts"])] + digits
