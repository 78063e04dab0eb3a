"""Genotype probabilities of crosses, made from drawn genotypes."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from hypothesis import strategies as st

from lmmbridge.qtl2.genoprobs import DIMS, Genoprobs
from lmmbridge.qtl2.maps import Map
from lmmbridge.testing.bulk_numbers import Numbers, numbers


@dataclass(frozen=True)
class Cross:
    """A kind of cross.

    Attributes
    ----------
    crosstype : str
        R/qtl2's name.
    genotypes : tuple of str
        On autosomes.
    on_x : tuple of str
        On the X chromosome; none where R/qtl2 has none for this cross.
    females, males : tuple of int
        Which of `on_x` occur; the rest does not.
    alleleprobs : bool
        Whether genotypes are founders' alleles, of which everybody has two.
    """

    crosstype: str
    genotypes: tuple[str, ...]
    on_x: tuple[str, ...] = ()
    females: tuple[int, ...] = ()
    males: tuple[int, ...] = ()
    alleleprobs: bool = False


#: A case shrinks to the first. The intercross has one direction, so that AA and AB are all that females have.
CROSSES = {
    "backcross": Cross("bc", ("AA", "AB"), ("AA", "AB", "AY", "BY"), (0, 1), (2, 3)),
    "intercross": Cross("f2", ("AA", "AB", "BB"), ("AA", "AB", "BA", "BB", "AY", "BY"), (0, 1), (4, 5)),
    "ril": Cross("riself", ("AA", "BB")),
    "do8": Cross("do", tuple("ABCDEFGH"), alleleprobs=True),
}
#: Individuals that recombine between neighbouring positions.
RECOMBINED = 0.3
#: Positions are this far apart (cM).
SPACING = 10.0


def genotypes_of(kind: str, x: bool) -> int:
    """How many genotypes occur on a chromosome of the cross, at the most; `x`: with an X chromosome."""
    cross = CROSSES[kind]
    return max(len(cross.genotypes), (len(cross.females) + len(cross.males)) * x)


@st.composite
def genoprobs(draw, kind: str | None = None, n: int = 8, collinear: bool = False, x: bool | None = None,
              core: int | None = None, copies: int = 1) -> Genoprobs:
    """Genotype probabilities of n individuals on one to three chromosomes, with one to four positions each.

    Some are certain, some are not. Neighbouring positions share most of their genotypes.

    Parameters
    ----------
    kind : str, optional
        "backcross", "intercross", "ril" or "do8" (8 founders, allele probabilities). Default: any with no more
        genotypes than there are individuals.
    n : int, default 8
    collinear : bool, default False
        At every other position the last genotype does not occur (a column of zeros), and of 8 founders the second and
        the third always share their genotype (equal columns). Otherwise genotypes, n being no less than they are
        many, are linearly independent at all positions; but the two that females of an intercross of one direction do
        not have on the X chromosome, whose columns are zero.
    x : bool, optional
        Whether the last chromosome is the X chromosome, of females and males (backcross and intercross alone).
        Default: sometimes.
    core : int, optional
        At every position the first so many individuals have every genotype `copies` times for sure. Default: n.
    copies : int, default 1

    Examples
    --------
    >>> from hypothesis import find
    >>> found = find(genoprobs("backcross", 3), lambda found: True)
    >>> found
    Genoprobs of 3 individuals, crosstype 'bc'; genotypes × positions by chromosome: 1: 2 × 1
    >>> found["1"].values[:, :, 0]
    array([[0., 1.],
           [0., 1.],
           [1., 0.]])
    """
    if kind is None:
        kind = draw(st.sampled_from([kind for kind in CROSSES if genotypes_of(kind, bool(x)) * copies <= n]), label="cross")
    cross = CROSSES[kind]
    can_have_x = bool(cross.on_x) and genotypes_of(kind, True) * copies <= n
    with_x = can_have_x and (draw(st.booleans(), label="X chromosome") if x is None else x)
    lengths = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3), label="positions per chromosome")
    source = draw(numbers, label="numbers of the genotypes")
    ids = individuals(n)
    names = [str(i + 1) for i in range(len(lengths))]
    names[-1] = "X" if with_x else names[-1]
    arrays = {}
    for name, length in zip(names, lengths):
        probs = _chromosome(cross, name == "X", source, name, length, n, n if core is None else core, copies)
        if collinear:
            probs[:, -2, ::2] += probs[:, -1, ::2]
            probs[:, -1, ::2] = 0.0
            if cross.alleleprobs:
                probs[:, 1:3, ::2] = np.mean(probs[:, 1:3, ::2], axis=1, keepdims=True)
        arrays[name] = xr.DataArray(probs, dims=DIMS, coords={
            "individual": ids, "genotype": list(cross.on_x if name == "X" else cross.genotypes),
            "position": [f"m{name}_{i + 1}" for i in range(length)]})
    alleles = cross.genotypes if cross.alleleprobs else ("A", "B")
    return Genoprobs(arrays, {"X": True} if with_x else None, cross.crosstype, alleles, cross.alleleprobs)


def _chromosome(cross: Cross, on_x: bool, source: Numbers, name: str, length: int, n: int, core: int,
                copies: int) -> np.ndarray:
    """Probabilities, shape (n, genotypes, length), of all genotypes at all positions."""
    k = len(cross.on_x if on_x else cross.genotypes)
    groups = [cross.females, cross.males] if on_x else [tuple(range(k))]
    occurring = np.array([genotype for group in groups for genotype in group])
    rng = source.generator(f"chromosome {name}")
    first = occurring[rng.integers(0, len(occurring), size=n)]
    sure = np.arange(n) < copies * len(occurring)
    first[sure] = occurring[np.arange(n)[sure] % len(occurring)]
    second = np.where(sure, first, rng.integers(0, k, size=n)) if cross.alleleprobs else first
    allowed = np.zeros((n, k))
    for group in groups:
        allowed[np.ix_(np.isin(first, group), group)] = 1.0 / len(group)

    # Individuals change places only with others of their sex, core or not: who has what stays the same in number.
    stratum = np.argmax(allowed > 0.0, axis=1) + k * (np.arange(n) < core)
    who, probs = np.arange(n), np.empty((n, k, length))
    for i in range(length):
        moved = rng.uniform(size=n) < (RECOMBINED if i else 1.0)
        for one in np.unique(stratum):
            there = np.flatnonzero(moved & (stratum == one))
            who[there] = who[rng.permutation(there)]
        known = (np.eye(k)[first[who]] + np.eye(k)[second[who]]) / 2.0
        doubt = source.rounded(0.5 * rng.uniform(size=n))[:, None]
        probs[:, :, i] = (1.0 - doubt) * known + doubt * allowed
    return probs


def individuals(n: int) -> list[str]:
    """IDs of n individuals."""
    return [f"i{i + 1}" for i in range(n)]


def map_of(probs: Genoprobs) -> Map:
    """A map of the positions, evenly spaced (cM)."""
    return Map({chromosome: pd.Series(SPACING * np.arange(array.sizes["position"]),
                                      array.coords["position"].values.tolist())
                for chromosome, array in probs.items()}, probs.is_x_chr)
