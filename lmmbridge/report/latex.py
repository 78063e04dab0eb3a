"""The report as a LaTeX supplement of a paper: text, tables, figures and references, and the PDF of it."""
from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import textwrap
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from lmmbridge.agreement.arbiter import DIGITS, LARGEST
from lmmbridge.agreement.verdicts import FAILING, MEANING
from lmmbridge.errors import InputError
from lmmbridge.report import bibliography, latex_text, summary
from lmmbridge.report.drawings import drawings
from lmmbridge.report.style import Drawing, lay_out, settings

#: Rows of a table; results.json has them all.
MOST_ROWS, MOST_EXAMPLES = 100, 8
#: Letters that mark cells of the table of digits in which not all comparisons agree.
LETTERS = {"unexplained": "u", "engine failed": "f", "known divergence": "d", "explained": "e", "not comparable": "n",
           "not available": "a"}
#: Figures are drawn on so much of their width and height, and a page shows them at four fifths of that: text of 6 to 7 points.
DRAWN = 0.8
#: Width of most figures, in inches; narrower ones get their share of a line.
WIDEST = 10.4
#: Points of a panel's width that a character of its title gets; titles may stand out a little.
CHARACTER = 4.0
#: What has to be there for a PDF.
PACKAGES = ("latexmk", "texlive-latex-base", "texlive-latex-recommended", "texlive-latex-extra", "texlive-fonts-recommended",
            "lmodern")
#: Seconds after which LaTeX is taken to hang.
TIMEOUT = 600


def files(results: dict[str, Any]) -> dict[str, str | bytes]:
    """The files of the supplement.

    Parameters
    ----------
    results : dict
        The content of results.json.

    Returns
    -------
    dict
        Relative name → content: supplement.tex, methods.tex (a paragraph that a paper can input, too), references.bib, and
        the figures.
    """
    environment = _environment()
    figures = list(drawings(results))
    printed = {f"figures/{figure.name}.pdf": _printed(figure) for figure in figures}
    context = _context(results) | {"figures": figures}
    methods = environment.get_template("methods.tex").render(context)
    found: dict[str, str | bytes] = {
        "supplement.tex": environment.get_template("supplement.tex").render(context), "methods.tex": methods,
        "references.bib": bibliography.entries(environment, results, bibliography.cited(methods))}
    return found | printed


def pdf(results: dict[str, Any]) -> bytes:
    """The supplement as a PDF, by latexmk.

    Parameters
    ----------
    results : dict
        The content of results.json.

    Raises
    ------
    InputError
        Where LaTeX is not installed, or fails.
    """
    with tempfile.TemporaryDirectory(prefix="lmmbridge-latex-") as folder:
        for name, content in files(results).items():
            path = Path(folder, name)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return make(Path(folder), results["date"])


def make(folder: Path, date: str | None) -> bytes:
    """The PDF of a folder's supplement.tex, which is there afterwards with LaTeX's log.

    Parameters
    ----------
    folder : Path
    date : str or None
        ISO 8601: what programs take for the present, so that the same files give the same PDF.

    Raises
    ------
    InputError
        Where LaTeX is not installed, or fails.
    """
    if shutil.which("latexmk") is None or shutil.which("pdflatex") is None:
        raise InputError("a PDF is made by latexmk and pdflatex, which are not here; install them (Debian: apt-get install "
                         f"{' '.join(PACKAGES)}), or ask for the format latex and compile it elsewhere")
    # No command is run and no file outside the folder written; TeX would break the lines of its log at 79 characters.
    environment = os.environ | {"SOURCE_DATE_EPOCH": str(int(datetime.fromisoformat(date).timestamp()) if date else 0),
                                "FORCE_SOURCE_DATE": "1", "openout_any": "p", "max_print_line": "1000"}
    try:
        done = subprocess.run(["latexmk", "-norc", "-pdf", "-quiet", "-interaction=nonstopmode", "-halt-on-error",
                               "-file-line-error", "-latexoption=-no-shell-escape", "supplement.tex"], cwd=folder,
                              env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        raise InputError(f"LaTeX was not done with the supplement after {TIMEOUT} s; ask for the format latex, and look into "
                         "it by hand") from None
    if done.returncode != 0 or not (folder / "supplement.pdf").exists():
        raise InputError(f"LaTeX cannot make the supplement: {_first_error(folder)}; if a file is not found, install "
                         f"{', '.join(PACKAGES[1:])} (names of Debian's packages)")
    return (folder / "supplement.pdf").read_bytes()


def _printed(drawing: Drawing) -> bytes:
    """A figure as a PDF whose text can be read at the width of a page; it is laid out anew."""
    figure = drawing.figure
    with settings(drawing.name):
        figure.set_size_inches(DRAWN * figure.get_size_inches())
        # Where a grid has margins of its own (LOD curves), they are shares of the figure, and stay.
        if figure.axes[0].get_subplotspec().get_topmost_subplotspec().get_gridspec().left is None:
            lay_out(figure)
            for ax in figure.axes:
                room = int(72.0 * ax.get_position().width * figure.get_figwidth() / CHARACTER)
                title = ax.get_title(loc="left")
                ax.set_title("\n".join(part for line in title.split("\n") for part in textwrap.wrap(line, room)), loc="left")
            lay_out(figure)
    return drawing.content("pdf")


def _first_error(folder: Path) -> str:
    """The first error in LaTeX's log, or in BibTeX's."""
    for name, sign in (("supplement.log", r"^(?:!|[^\s:]+:\d+:) *(.+)$"), ("supplement.blg", r"^(.*---.*)$")):
        if (folder / name).exists():
            log = (folder / name).read_text(encoding="utf-8", errors="replace")
            if found := re.search(sign, log, flags=re.MULTILINE):
                return found[1].strip()
    return "it stopped without saying why"


def _environment() -> Environment:
    r"""Templates in which \VAR{…} is escaped for LaTeX whatever it is; lines that begin with %% are statements.

    Markup, Jinja's type of text that is escaped already, is LaTeX here: `finalize` makes it of everything, so that nothing
    is left for the escaping of HTML, which only keeps what macros return from being escaped twice.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")), autoescape=True, finalize=latex_text.text,
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
        variable_start_string=r"\VAR{", variable_end_string="}", block_start_string=r"\BLOCK{", block_end_string="}",
        comment_start_string=r"\COMMENT{", comment_end_string="}", line_statement_prefix="%%", line_comment_prefix="%#")
    environment.filters |= {"name": latex_text.name, "narrow": latex_text.narrow, "code": latex_text.code,
                            "lines": latex_text.lines, "latex": Markup, "number": latex_text.number, "count": _count,
                            "value": _value, "cite": _cite, "heading": _heading, "share": _share, "width": _width}
    environment.globals["cell"] = _cell
    return environment


def _context(results: dict[str, Any]) -> dict[str, Any]:
    """What the templates show."""
    used = summary.compared(results)
    here = [engine for engine in used if engine["status"] != "recorded"]
    likelihoods = [case for case in results["cases"] if not summary.is_scan(case)]
    scanned = [case for case in results["cases"] if summary.is_scan(case)]
    quantities, rows = summary.heat(results)
    by_engine, _ = summary.ill_conditioned(results)
    divergences = summary.divergences(results)
    for entry in divergences:
        entry["examples"] = _one_pair_each(entry["examples"])
    return {
        "results": results, "headline": summary.headline(results), "partly": summary.partly(results),
        "MEANING": MEANING, "FAILING": FAILING,
        "MOST_ROWS": MOST_ROWS, "MOST_EXAMPLES": MOST_EXAMPLES, "SYMBOLS": summary.SYMBOLS, "LETTERS": LETTERS, "DIGITS": DIGITS,
        "LARGEST": LARGEST,
        "used": used, "r": results["provenance"]["r"] if any(
            "RCoreTeam" in bibliography.ENGINES.get(engine["name"], ("RCoreTeam",)) for engine in here) else None,
        "here": here, "recorded": summary.recorded(results | {"engines": used}),
        "missing": [engine for engine in results["engines"] if engine["status"] not in ("live", "recorded")],
        "likelihoods": likelihoods, "scanned": scanned, "found": summary.disagreements(results),
        "basis": lambda cases: summary.basis(results, cases), "families": summary.by_family(results),
        "heats": list(_heats(quantities, rows)), "right": summary.who_is_right(results), "scans": summary.scans(results),
        "divergences": divergences,
        "entries": _entries(divergences), "not_comparable": summary.not_comparable(results),
        "arbitrated": [case for case in results["cases"] if case["arbiter"] is not None],
        "ill_conditioned": [case for case in results["cases"] if case["ill_conditioned"]],
        "by_engine": by_engine, "problems": summary.problems(results),
        "criteria": [name for name in ("REML", "ML") if any(case["criterion"] == name for case in results["cases"])],
        "sizes": sorted({case["n"] for case in results["cases"]}), "total": sum(
            count for verdict, count in results["verdicts"].items() if verdict != "not available")}


def _heats(quantities: list[str], rows: dict[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The table of digits in two, of likelihoods and of scans, where there are such."""
    for kind, columns in (("likelihoods", [name for name in quantities if not summary.of_scans(name)]),
                          ("scans", [name for name in quantities if summary.of_scans(name)])):
        pairs = {pair: cells for pair, cells in rows.items() if cells.keys() & set(columns)}
        if pairs:
            yield {"kind": kind, "quantities": columns, "rows": pairs}


def _entries(divergences: list[dict[str, Any]]) -> dict[str, dict[str, str | None]]:
    """Entries of the register, whichever engines they are of: statement and cause."""
    found: dict[str, dict[str, str | None]] = {}
    for divergence in divergences:
        for row in divergence["rows"] or [{"entry": divergence["entry"], "cause": None}]:
            found.setdefault(row["entry"], {"statement": divergence["statement"], "cause": row["cause"]})
    return found


def _one_pair_each(examples: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of the records of each case and phenotype, which differ in the engine held against, the first."""
    first: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in examples:
        first.setdefault((row["case"], row["quantity"], row["phenotype"]), row)
    return list(first.values())


def _heading(quantity: str) -> Markup:
    """A quantity as the head of a narrow column, in two lines where it has two parts."""
    name, _, where = quantity.partition(" at ")
    symbol = name.removeprefix("reported ")
    parts = ["fixed"] if where == "fixed hsq" else ["reported"] if symbol != name else []
    symbol = (summary.SYMBOLS | {"loglik": "log L"}).get(symbol, symbol)
    parts += [symbol] if where in ("", "fixed hsq") else [symbol, where]
    return Markup(r"\linebreak{}").join(map(latex_text.text, parts))


def _cell(cell: dict[str, Any] | None) -> Markup:
    """Digits of agreement, with the letters of the other verdicts."""
    if cell is None:
        return Markup(r"--\letters{}")
    letters = ",".join([letter for verdict, letter in LETTERS.items() if verdict in cell["others"]] + ["p"] * bool(cell["partly"]))
    return latex_text.text(cell["shown"]) + Markup(rf"\letters{{{letters}}}")


def _count(number: int) -> Markup:
    return Markup(f"{number:,}")


def _width(drawing: Drawing) -> Markup:
    """The part of a line that a figure takes."""
    return Markup(f"{min(drawing.figure.get_figwidth() / (DRAWN * WIDEST), 1.0):.3f}")


def _share(width: float, columns: int) -> Markup:
    """The part of a line that each of so many columns gets."""
    return Markup(f"{width / columns:.4f}")


def _value(value: float | list[float | None] | None) -> Markup:
    """A number of a comparison, or the first of several."""
    if not isinstance(value, list):
        return latex_text.number(value, 9)
    shown = Markup(", ").join(latex_text.number(one, 7) for one in value[:3])
    return shown + Markup(r", \dots{}") if len(value) > 3 else shown


def _cite(engine: str) -> Markup:
    r"""\cite of what is to be cited for an engine; nothing for a function of the user's."""
    keys = bibliography.ENGINES.get(engine)
    return Markup(rf"~\cite{{{','.join(keys)}}}") if keys else Markup("")

