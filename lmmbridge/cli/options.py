"""Options that several commands have, and what is said to the user on the way."""
from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import click

from lmmbridge import InputError

FILE = click.Path(path_type=Path)
#: Formats of figures.
FORMATS = ("svg", "png", "pdf")
#: Probability of a wrong genotype, where the user names none: that of R/qtl2's calc_genoprob.
ERROR_PROB = 1e-4


def joined(context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> str | None:
    """A list of names that was given in several parts, `--covar sex --covar age`, as one."""
    return ",".join(given) if given else None


_MODEL = (
    click.option("--covar", multiple=True, callback=joined, help="Additive covariates: names of the cross's covariates, separated "
                 "by commas. Text of two values becomes 0 and 1, of more an indicator for each."),
    click.option("--weights", type=FILE, help="Weights, 1/variance of each individual's residual: CSV, ID in column "
                 "one."),
    click.option("--ml", is_flag=True, help="Estimate hsq by ML. Default: REML."),
    click.option("--pheno", multiple=True, callback=joined, help="Phenotypes, separated by commas. Default: all of the cross."),
    click.option("--error-prob", type=float, default=None, help="Probability of a wrong genotype. "
                 f"[default: {ERROR_PROB:g}]"),
    click.option("--cores", type=click.IntRange(min=0), default=1, show_default=True, help="0 is all but one."),
)


def model_options(command: Callable) -> Callable:
    """The options of the commands that fit the model to a cross."""
    for option in reversed(_MODEL):
        command = option(command)
    return command


def names_in(text: str) -> list[str]:
    """Names separated by commas, each once.

    Raises
    ------
    InputError
        If there is none.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise InputError("an empty list was given where names separated by commas are needed")
    return list(dict.fromkeys(names))


def say(lines: Iterable[str], kind: str = "note: ") -> None:
    """Lines on standard error."""
    for line in lines:
        click.echo(f"{kind}{line}", err=True)
