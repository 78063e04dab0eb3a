"""`python -m lmmbridge.testing` prints the laws as Markdown: the content of LAWS.md."""
from __future__ import annotations

from lmmbridge.testing.labelled_laws import LABELLED_LAWS
from lmmbridge.testing.laws import Law
from lmmbridge.testing.lmm_laws import LMM_LAWS
from lmmbridge.testing.scan_laws import SCAN_LAWS

HEADING = """# The laws

What every correct implementation of the linear mixed model obeys, whatever its conventions and its algorithm, and the
reason why. hypothesis looks for the problem that breaks a law; `help(lmmbridge.testing.conformance)` says how to run them on
an implementation of yours. L is the log likelihood, ML* or REML* with every constant; V = hK + (1−h)W⁻¹.

With `make deep` each law has 2,000 problems for each engine: 96,000 for `python`, `dense` and `r-reference`, in 33 minutes of
one core. That brought out two faults of `r-reference`, which were mended. Since then `python` and `dense` have passed 32,000
problems each and `r-reference` 8,000, 500 for each law, without a breach. In nine of ten the law held, in the others the
problem was too ill-conditioned to tell.

This file is what `python -m lmmbridge.testing` prints.
"""
PARTS = (
    ("Engines", "`LMM_LAWS`: answers at fixed h and at the engine's own ĥ, on plain arrays.", LMM_LAWS),
    ("Labelled data", "`LABELLED_LAWS`: `fit_lmm` and `est_herit` on tables with IDs.", LABELLED_LAWS),
    ("Genome scans", "`SCAN_LAWS`: the functions of `lmmbridge.qtl2`, and R/qtl2's own.", SCAN_LAWS),
)


def table(laws: tuple[Law, ...]) -> list[str]:
    """A Markdown table: a row for each law, the functions that one statement is made of together."""
    rows: dict[tuple[str, str], list[str]] = {}
    for law in laws:
        function, _, rest = law.statement.partition(": ")
        statement = rest if law.name.endswith(f"-{function}") else law.statement
        rows.setdefault((statement, law.reason), []).append(law.name)
    lines = ["| law | statement | why |", "|---|---|---|"]
    return lines + [f"| {', '.join(names)} | {_cell(statement)} | {_cell(reason)} |"
                    for (statement, reason), names in rows.items()]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def markdown() -> str:
    """The whole file."""
    lines = [HEADING]
    for title, words, laws in PARTS:
        lines += [f"## {title}", "", words, "", *table(laws), ""]
    return "\n".join(lines)


if __name__ == "__main__":
    print(markdown(), end="")
