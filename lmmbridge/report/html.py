"""The report as one HTML page that needs nothing else: figures, style and script inside, no network."""
from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from lmmbridge.agreement.arbiter import DIGITS, LARGEST
from lmmbridge.agreement.verdicts import FAILING, MEANING, ORDER
from lmmbridge.files import write_atomically
from lmmbridge.report import case_table, summary
from lmmbridge.report.difference_figures import REFERENCES
from lmmbridge.report.drawings import drawings
from lmmbridge.report.names import shown

#: Rows of a list on the page; results.json has them all.
MOST_ROWS = 100
MOST_EXAMPLES = 10
#: The template of each section and its title.
SECTIONS = {"verdicts": "Verdicts", "digits": "Digits of agreement", "cases": "Cases", "likelihoods": "Likelihood curves and ĥ",
            "differences": "Differences", "scans": "LOD curves and decisions", "divergences": "Divergences and gaps",
            "laws": "Laws", "ill_conditioned": "Ill-conditioned points", "remarks": "Remarks of the engines", "conventions": "Conventions",
            "tolerances": "Tolerances", "provenance": "Versions, sources, and how to reproduce"}
#: Longer names are cut in the middle.
LONGEST_NAME = 120
#: How differences are scaled, by the first word of the quantity at fixed hsq.
SCALES = {"loglik": "|a − b| / (1 + |b|)", "sigmasq": "|a − b| / |b|",
          "beta": "‖a − b‖ / max(‖a‖, ‖b‖) for columns of X scaled to length 1, with a floor for coefficients near "
                  "zero",
          "optimum": "log likelihood (dense; for small problems the arbiter's) lost by one ĥ against the other, in "
                     "natural logarithms",
          "LOD": "|a − b|, the largest of all positions",
          "peaks, intervals": "number of phenotypes for which the two do not give the same chromosomes and positions"}
#: Digits of agreement below which a cell of the heat tables gets the class.
HEAT = ((9.0, "few"), (11.0, "d9"), (13.0, "d11"), (15.0, "d13"))


def write(results: dict[str, Any], path: Path) -> None:
    """Write the page.

    Parameters
    ----------
    results : dict
        The content of results.json.
    path : Path
    """
    write_atomically(path, render(results))


def render(results: dict[str, Any]) -> str:
    """The page's text."""
    heat_quantities, heat_rows = summary.heat(results)
    reference = next((name for name in REFERENCES if any(name in pair.split(" – ") for pair in heat_rows)), None)
    with_reference = {pair: cells for pair, cells in heat_rows.items() if reference in pair.split(" – ")}
    # What the reference does not give, such as LOD scores, others are held against each other for.
    theirs = {quantity for cells in with_reference.values() for quantity in cells}
    with_reference |= {pair: cells for pair, cells in heat_rows.items() if cells.keys() - theirs and pair not in with_reference}
    by_engine, by_case = summary.ill_conditioned(results)
    return page(
        "report.html", results=results, sections={id: title for id, title in SECTIONS.items() if id != "laws" or results["laws"]},
        headline=summary.headline(results), partly=summary.partly(results), PARTLY=summary.PARTLY,
        MEANING=MEANING, FAILING=FAILING, MARKS=summary.MARKS,
        MOST_ROWS=MOST_ROWS, MOST_EXAMPLES=MOST_EXAMPLES, SCALES=SCALES, VERDICT=case_table.VERDICT,
        NO_DIGITS=case_table.NO_DIGITS, case_table=case_table.case_table(results),
        counted=[list(ORDER).index(verdict) for verdict in results["verdicts"] if verdict != "not available"],
        recorded=summary.recorded_sentence(results),
        families=summary.by_family(results), found=summary.disagreements(results), reprexes=summary.reprexes(results),
        heat_quantities=heat_quantities, heat_rows=heat_rows, heat_reference=reference if len(heat_rows) > 1 else None,
        heat_with_reference=with_reference, DECISIONS=summary.DECISIONS,
        square=_square(results, heat_rows), right=summary.who_is_right(results), SYMBOLS=summary.SYMBOLS,
        LARGEST=LARGEST, DIGITS=DIGITS, divergences=summary.divergences(results),
        not_comparable=summary.not_comparable(results), remarks=summary.remarks(results), by_engine=by_engine,
        by_case=by_case, problems=summary.problems(results), timings=summary.timings(results),
        notes=dict.fromkeys(note for case in results["cases"] for note in case["notes"]),
        drawings={drawing.name: drawing for drawing in drawings(results)}, scans=summary.scans(results),
        same_lod=summary.identical(results, scans=True))


def page(template: str, **values: Any) -> str:
    """A page made from a template and values, which are escaped."""
    environment = Environment(loader=FileSystemLoader(Path(__file__).with_name("templates")), autoescape=True,
                              trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    environment.filters |= {"count": _count, "number": _number, "heat": _heat, "shown": lambda name: shown(name, LONGEST_NAME),
                            "fewest_digits": _fewest_digits}
    return environment.get_template(template).render(**values)


def _square(results: dict[str, Any], rows: dict[str, dict[str, dict[str, Any]]]) -> dict[str, dict[str, dict[str, Any]]]:
    """Engine × engine: above the diagonal digits of the log likelihood at fixed hsq, below it the share identical."""
    digits = {tuple(pair.split(" – ")): cells["loglik at fixed hsq"]["digits"] for pair, cells in rows.items()
              if "loglik at fixed hsq" in cells}
    same = summary.identical(results)
    names = [engine["name"] for engine in results["engines"] if any(
        engine["name"] in pair for pair, found in digits.items() if found is not None)]
    return {a: {b: {"digits": digits.get((a, b)), "same": same.get((b, a))} for b in names} for a in names}


def _fewest_digits(case: dict[str, Any]) -> str:
    digits = [record["digits"] for record in case["comparisons"] if record["b"] is not None and record["digits"] is not None]
    return f"{min(digits):.1f}" if digits else "–"


def _count(number: int) -> str:
    return f"{number:,}"


def _number(value: float | None, digits: int = 3) -> str:
    """A number in so many significant digits; a dash where JSON had none."""
    return "–" if value is None else f"{value:.{digits}g}"


def _heat(digits: float | None) -> str:
    """Class of a cell of a heat table."""
    if digits is None:
        return "none"
    return next((name for limit, name in HEAT if digits < limit), "d15")
