"""`lmmbridge explain`: why two numbers for one problem differ."""
from __future__ import annotations

import json
import math
import sys
from typing import TYPE_CHECKING

import click

from lmmbridge import InputError
from lmmbridge.cli.options import FILE, say

if TYPE_CHECKING:
    from lmmbridge.agreement.causes import Cause
    from lmmbridge.agreement.explainer import Answer, Explanation

#: An explanation that fits by chance with this probability says nothing, and is not shown.
NOTHING = 0.5
STATUS = {"equal": 0, "explained": 0, "ambiguous": 1, "unexplained": 1}


# A negative number looks like an option; what is neither is refused as a number.
@click.command(context_settings={"ignore_unknown_options": True},
               epilog="Example: lmmbridge explain --pheno pheno.csv --kinship kinship.csv --column liver "
                      "--quantity hsq 0.5132 0.3452")
@click.argument("a")
@click.argument("b")
@click.option("--pheno", required=True, type=FILE, help="Phenotypes: CSV, ID in column one.")
@click.option("--kinship", required=True, type=FILE, help="Kinship matrix: CSV with the IDs in column one and row one, "
              "or a .nc, GRM, .rel or GEMMA file.")
@click.option("--covar", type=FILE, help="Covariates: CSV, ID in column one.")
@click.option("--weights", type=FILE, help="Weights (1/variance): CSV, ID in column one.")
@click.option("--column", help="The phenotype. Default: the only one.")
@click.option("--quantity", type=click.Choice(["loglik", "hsq", "sigmasq", "beta"]), default="loglik",
              show_default=True, help="What the numbers are.")
@click.option("--coefficient", help="Whose coefficient, with --quantity beta: 'intercept', or a covariate.")
@click.option("--reml/--ml", default=True, help="What the numbers are said to be. Default: REML.")
@click.option("--hsq", type=float, help="Both numbers are at this hsq. Default: each at its own estimate.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def explain(a, b, pheno, kinship, covar, weights, column, quantity, coefficient, reml, hsq, as_json) -> None:
    """Say why two programs report different numbers, A and B, for one problem.

    Known causes (another scale of K, a dropped constant, ML for REML, log10 for ln, …) are tried singly and in pairs;
    all the smallest sets that close the gap are told, and nothing where none does. One individual left out is a cause,
    too. A set counts if at most one of 100 unrelated numbers would fit as well. Numbers are compared to the last digit
    written: give as many as you have. The status is 0 when the numbers are equal or explained, 1 when not, or not with
    so few digits, 2 for bad input.
    """
    from lmmbridge.agreement import explainer
    from lmmbridge.kinship_files import read_kinship_file
    from lmmbridge.tables import read_csv

    K = read_kinship_file(kinship)
    if isinstance(K, dict):
        raise InputError(f"--kinship: {kinship} has a matrix for each chromosome; one for all is needed")
    answer = explainer.explain(a, b, read_csv(pheno), K, None if covar is None else read_csv(covar),
                               weights=None if weights is None else read_csv(weights), quantity=quantity, reml=reml,
                               hsq=hsq, column=column, coefficient=coefficient)
    say(answer.notes)
    if as_json:
        click.echo(json.dumps(_plain(answer), indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(_lines(answer, a, b, "REML" if reml else "ML", hsq)))
    sys.exit(STATUS[answer.status])


def _lines(answer: Answer, a: str, b: str, criterion: str, hsq: float | None) -> list[str]:
    from lmmbridge.agreement.explainer import BY_CHANCE

    none = "none, the likelihood is unbounded" if hsq is None else "none, V is not positive definite at that hsq"
    lines = [f"{answer.quantity}: A = {a}, B = {b}, a gap of {answer.gap:.6g}",
             f"ours ({criterion}): {none if math.isnan(answer.ours) else f'{answer.ours:.10g}'}"]
    if answer.status == "equal":
        return [*lines, "equal: to the digits written, or as near as two searches for hsq come",
                *([] if answer.as_ours else ["but neither is ours: do they belong to this phenotype, and to these files?"])]
    if answer.status == "unexplained":
        strangers = [letter for letter, ours in zip("AB", answer.ours_somehow) if not ours]
        return [*lines, f"unexplained: none of {answer.tried} sets of known causes closes the gap",
                *(f"no known cause, nor pair of them, turns our number into {letter}" for letter in strangers)]
    told = [one for one in answer.explanations if one.by_chance < NOTHING]
    best = min(one.by_chance for one in answer.explanations)
    if answer.status == "explained":
        lines.append("explained by" if len(told) == 1 else
                     f"explained by any of these {len(told)}, which cannot be told apart here")
    elif best <= BY_CHANCE:
        lines.append("not explained: more than one of these fits, and they differ in digits that were not given; give more "
                     "digits")
    elif told:
        lines.append(f"not explained: these fit, but so would unrelated numbers, with a probability of {best:.1g} (up to "
                     f"{BY_CHANCE:g} counts); give more digits")
    else:
        lines.append("not explained: with so few digits nearly any number would fit; give more digits")
    for explanation in told:
        lines += ["", *_told(explanation)]
    return lines


def _told(explanation: Explanation) -> list[str]:
    def side(letter: str, causes: tuple[Cause, ...], value: float) -> list[str]:
        if not causes:
            return [f"  {letter} ({value:.10g}): as ours"]
        return [f"  {letter} ({value:.10g}): {' + '.join(cause.name for cause in causes)}",
                *(f"      {cause.words}" for cause in causes)]

    return [*side("A", explanation.causes_a, explanation.value_a),
            *side("B", explanation.causes_b, explanation.value_b),
            *(f"  {program}" for program in explanation.programs),
            f"  gap left: {explanation.residual:.2g}; probability of so good a fit by chance: "
            f"{explanation.by_chance:.1g}"]


def _plain(answer: Answer) -> dict:
    """The answer as JSON has it: NaN as null."""
    def causes(chosen: tuple[Cause, ...]) -> list[dict]:
        return [{"name": cause.name, "words": cause.words} for cause in chosen]

    return {"status": answer.status, "quantity": answer.quantity,
            "ours": answer.ours if answer.ours == answer.ours else None, "gap": answer.gap, "tried": answer.tried,
            "explanations": [{"a": causes(one.causes_a), "b": causes(one.causes_b), "programs": list(one.programs),
                              "value_a": one.value_a, "value_b": one.value_b, "gap_left": one.residual,
                              "by_chance": one.by_chance} for one in answer.explanations],
            "notes": list(answer.notes)}
