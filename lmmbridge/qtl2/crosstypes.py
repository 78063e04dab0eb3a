"""What R/qtl2 requires of each type of cross."""
from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from lmmbridge.errors import InputError

#: Observed genotypes: missing, AA, AB, BB, not BB, not AA.
WITH_DOMINANT = (0, 1, 2, 3, 4, 5)
#: Observed genotypes of lines: missing and the two homozygotes.
TWO_GENOTYPES = (0, 1, 2)


@dataclass(frozen=True)
class CrossType:
    """A type of cross.

    Attributes
    ----------
    n_alleles : int
    n_founders : int
        Rows that founder_geno must have; 0 where none is used.
    x_chr : bool
        Whether an X chromosome can be handled.
    needs_sex : bool
        Whether sex must be known where there is an X chromosome.
    genotypes : tuple of int
        Codes that may be observed (those of a backcross depend on chromosome and sex: `valid_genotypes`).
    cross_info : str
        What is to be in cross_info: "" (nothing), "direction", "generations", "generations from 1",
        "generations, direction", "order", or "generations, frequencies".
    """

    n_alleles: int = 2
    n_founders: int = 0
    x_chr: bool = True
    needs_sex: bool = False
    genotypes: tuple[int, ...] = WITH_DOMINANT
    cross_info: str = ""


_DO = CrossType(8, 8, needs_sex=True, cross_info="generations from 1")
_DO_F1 = CrossType(8, 9, needs_sex=True, cross_info="generations from 1")
_AIL = CrossType(needs_sex=True, cross_info="generations, direction")
_F2 = CrossType(needs_sex=True, cross_info="direction")

CROSSTYPES = {
    "bc": CrossType(needs_sex=True, genotypes=(0, 1, 2, 3)),
    "f2": _F2, "f2pk": _F2,
    "ail": _AIL, "ailpk": _AIL,
    "dh": CrossType(x_chr=False, genotypes=TWO_GENOTYPES),
    "haploid": CrossType(x_chr=False, genotypes=TWO_GENOTYPES),
    "riself": CrossType(x_chr=False, genotypes=TWO_GENOTYPES),
    "risib": CrossType(genotypes=TWO_GENOTYPES, cross_info="direction"),
    "riself4": CrossType(4, 4, x_chr=False, cross_info="order"),
    "riself8": CrossType(8, 8, x_chr=False, cross_info="order"),
    "riself16": CrossType(16, 16, x_chr=False, cross_info="order"),
    "risib4": CrossType(4, 4, cross_info="order"),
    "risib8": CrossType(8, 8, cross_info="order"),
    "magic19": CrossType(19, 19, x_chr=False),
    "dh6": CrossType(6, 6, x_chr=False, cross_info="generations"),
    "ail3": CrossType(3, 3, needs_sex=True, cross_info="generations"),
    "ail3pk": CrossType(3, needs_sex=True, cross_info="generations"),
    "do": _DO, "dopk": _DO, "hs": _DO, "hspk": _DO,
    "dof1": _DO_F1, "hsf1": _DO_F1,
}


def find_crosstype(name: str) -> CrossType:
    """The type of cross of that name; "genril" and "genail" with the number of founders behind, such as "genail8"."""
    if name in CROSSTYPES:
        return CROSSTYPES[name]
    general = re.fullmatch(r"gen(?:ril|ail)([1-9][0-9]*)", name)
    if general is None:
        raise InputError(f"the crosstype '{name}' is not known; use one of {', '.join(CROSSTYPES)}, or genril or "
                         "genail with the number of founders behind, such as genail8")
    founders = int(general[1])
    return CrossType(founders, founders, cross_info="generations, frequencies")


def valid_genotypes(name: str, geno: np.ndarray, is_x_chr: bool, is_female: np.ndarray) -> np.ndarray:
    """Which observed genotypes (individuals × markers) can occur in that type of cross; bool of the same shape."""
    if name != "bc":
        return np.isin(geno, find_crosstype(name).genotypes)
    two_copies = is_female | (not is_x_chr)      # a male's X is A or B: codes 1 and 3
    return np.isin(geno, (0, 1)) | (geno == np.where(two_copies, 2, 3)[:, None])


def cross_info_problem(name: str, info: np.ndarray, any_x: bool) -> str | None:
    """What is wrong with cross_info (individuals × columns) for that type of cross; None where nothing is."""
    cross = find_crosstype(name)
    n_columns = info.shape[1]
    first = info[:, :1]
    if cross.cross_info == "direction" and any_x:
        if n_columns != 1 or not np.isin(info, (0, 1)).all():
            return "one column with 0 or 1 for the direction of the cross, because there is an X chromosome"
    elif cross.cross_info == "generations":
        if n_columns != 1 or (first < 2).any():
            return "one column with the number of generations, 2 or more"
    elif cross.cross_info == "generations from 1":
        if n_columns == 0 or (first < 1).any():
            return "the number of generations, 1 or more, in its first column"
    elif cross.cross_info == "generations, direction":
        columns = (2,) if any_x else (1, 2)
        if n_columns not in columns or (first < 2).any() or not np.isin(info[:, 1:], (0, 1, 2)).all():
            return "the number of generations, 2 or more, and the direction, 0, 1 or 2 (needed for an X chromosome)"
    elif cross.cross_info == "order":
        order = np.arange(1, cross.n_founders + 1)
        if n_columns != len(order) or not (np.sort(info, axis=1) == order).all():
            return f"{len(order)} columns with the order of the founders, each of 1 to {len(order)} once"
    elif cross.cross_info == "generations, frequencies":
        if n_columns != 1 + cross.n_founders or (first < 2).any() or (info[:, 1:] < 0).any() or (
                info[:, 1:].sum(axis=1) == 0).any():
            return (f"the number of generations, 2 or more, and {cross.n_founders} columns with the relative "
                    "frequencies of the founders, 0 or more, not all 0")
    return None
