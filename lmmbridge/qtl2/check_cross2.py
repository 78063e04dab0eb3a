"""Whether the parts of a cross fit each other and its type: R/qtl2's check_cross2."""
from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from lmmbridge.qtl2.crosstypes import cross_info_problem, find_crosstype, valid_genotypes

if TYPE_CHECKING:
    from lmmbridge.qtl2.cross2 import Cross2


class Cross2Warning(UserWarning):
    """Something in the files of a cross that is repaired, left out or does not fit; the message says which."""


def warn(message: str) -> None:
    """Say so, as a `Cross2Warning`."""
    warnings.warn(message, Cross2Warning, stacklevel=2)


def count(number: int, what: str) -> str:
    """Such as "1 marker" or "3 markers"."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def some(names: Iterable, most: int = 5) -> str:
    """The first few of the names, quoted."""
    names = list(names)
    return ", ".join(f"'{name}'" for name in names[:most]) + (", …" if len(names) > most else "")


def check_cross2(cross2: Cross2) -> tuple[str, ...]:
    """Find what does not fit in a cross, as R/qtl2's `check_cross2`.

    Parameters
    ----------
    cross2 : Cross2

    Returns
    -------
    tuple of str
        A sentence for each problem; empty if there is none.

    Raises
    ------
    InputError
        If the type of the cross is not known.

    Examples
    --------
    >>> from lmmbridge.qtl2.cross2 import read_cross2
    >>> from lmmbridge.qtl2.extdata import extdata
    >>> check_cross2(read_cross2(extdata("iron.zip")))
    ()
    """
    return (*_maps(cross2), *_x_chromosome(cross2), *_cross_info(cross2), *_tables(cross2), *_founders(cross2),
            *_genotypes(cross2))


def _maps(cross: Cross2) -> Iterator[str]:
    if cross.gmap is None:
        yield "there is no genetic map (gmap), which genotype probabilities are computed from"


def _x_chromosome(cross: Cross2) -> Iterator[str]:
    called_x = {chromosome: chromosome in ("X", "x") for chromosome in cross.geno}
    if any(called_x.values()) and called_x != cross.is_x_chr:
        is_x = [chromosome for chromosome, is_x in cross.is_x_chr.items() if is_x]
        yield (f"there is a chromosome called X, but the control file's x_chr makes {some(is_x) if is_x else 'none'} "
               "the X chromosome")
    if any(cross.is_x_chr.values()) and not find_crosstype(cross.crosstype).x_chr:
        yield f"an X chromosome is not handled for crosstype '{cross.crosstype}'"


def _cross_info(cross: Cross2) -> Iterator[str]:
    needed = cross_info_problem(cross.crosstype, cross.cross_info.to_numpy(), any(cross.is_x_chr.values()))
    if needed:
        yield (f"cross_info {'is missing' if cross.cross_info.empty else 'is misspecified'}: crosstype "
               f"'{cross.crosstype}' needs {needed}")


def _tables(cross: Cross2) -> Iterator[str]:
    if cross.pheno is None:
        return
    if cross.covar is not None and not cross.pheno.index.equals(cross.covar.index):
        yield (f"pheno and covar do not have the same individuals in the same order ({len(cross.pheno)} and "
               f"{len(cross.covar)})")
    if cross.phenocovar is not None and not cross.pheno.columns.equals(cross.phenocovar.index):
        yield (f"the columns of pheno ({cross.pheno.shape[1]}) are not the rows of phenocovar "
               f"({len(cross.phenocovar)}) in the same order")
    if not set(cross.pheno.index) & set(cross.is_female.index):
        yield "no individual is in both geno and pheno; check that the IDs are written alike"


def _founders(cross: Cross2) -> Iterator[str]:
    n_founders = find_crosstype(cross.crosstype).n_founders
    if n_founders and cross.founder_geno is None:
        yield f"founder_geno is not given, but crosstype '{cross.crosstype}' needs it"
    if cross.founder_geno is not None and not n_founders:
        yield f"founder_geno is given, but crosstype '{cross.crosstype}' does not use it"
    if cross.founder_geno is None or not n_founders:
        return
    for chromosome, founders in cross.founder_geno.items():
        if len(founders) != n_founders:
            yield (f"founder_geno has {len(founders)} founders on chromosome '{chromosome}'; crosstype "
                   f"'{cross.crosstype}' needs {n_founders}")
        odd = ~np.isin(founders.to_numpy(), (0, 1, 3))
        if odd.any():
            i, j = np.argwhere(odd)[0]
            yield (f"founder_geno on chromosome '{chromosome}' has {count(odd.sum(), 'genotype')} other than 1 and 3, "
                   f"the first {founders.iat[i, j]} for '{founders.index[i]}' at '{founders.columns[j]}'")


def _genotypes(cross: Cross2) -> Iterator[str]:
    for chromosome, geno in cross.geno.items():
        bad = ~valid_genotypes(cross.crosstype, geno.to_numpy(), cross.is_x_chr[chromosome], cross.is_female.to_numpy())
        if bad.any():
            i, j = np.argwhere(bad)[0]
            yield (f"chromosome '{chromosome}' has {count(bad.sum(), 'genotype')} that cannot occur in crosstype "
                   f"'{cross.crosstype}', the first {geno.iat[i, j]} for individual '{geno.index[i]}' at marker "
                   f"'{geno.columns[j]}'")
