"""The result in a file that documentation can quote: scores, and every survivor with the reason why it may live."""
from __future__ import annotations

from mutants import Mutant

Results = dict[str, list[tuple[Mutant, dict]]]


def rendered(found: Results, reasons: list[dict]) -> tuple[str, list[str], list[str]]:
    """(the file, survivors without a reason, names among the reasons that are no survivors)."""
    survivors = {f"{module}.{mutant.name}" for module, results in found.items() for mutant, result in results
                 if result["result"] == "survived"}
    explained = {name for entry in reasons for name in entry["mutants"]}
    lines = ["# Mutants of lmmbridge.lmm", "",
             "Written by `make mutants`: the tests in `tests/lmm` on every mutant of the numerical core, the same program",
             "with one small fault. A mutant on which a test fails is killed; the others are listed, each with the",
             "reason why it may live: equivalent (no test could tell) or accepted (none need tell).", "",
             "| module | mutants | killed | timed out | survived | score |", "|---|--:|--:|--:|--:|--:|"]
    for module, results in found.items():
        lines.append(_row(f"`{module}`", [result["result"] for _, result in results]))
    lines += [_row("all", [result["result"] for results in found.values() for _, result in results]), "",
              "## Survivors", ""]
    for entry in reasons:
        alive = [name for name in entry["mutants"] if name in survivors]
        if alive:
            lines += [entry["reason"].strip(), ""] + [f"- `{name}`" for name in alive] + [""]
    return "\n".join(lines), sorted(survivors - explained), sorted(explained - survivors)


def _row(name: str, results: list[str]) -> str:
    killed, late, alive = (results.count(kind) for kind in ("killed", "timed out", "survived"))
    return f"| {name} | {len(results)} | {killed} | {late} | {alive} | {100.0 * (killed + late) / len(results):.1f} % |"
