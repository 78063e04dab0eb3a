"""Genotype probabilities: R/qtl2's calc_genoprob object, a labelled array per chromosome."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

import numpy as np
import xarray as xr

from lmmbridge.errors import InputError

#: The axes of a chromosome's array, in R/qtl2's order.
DIMS = ("individual", "genotype", "position")
#: How far the probabilities of one individual at one position may be from summing to 1, and one of them below 0.
SUM_TO_ONE = 1e-6


class Genoprobs(Mapping):
    """Genotype (or allele) probabilities, by chromosome: a mapping from chromosome to xarray.DataArray.

    Parameters
    ----------
    arrays : mapping of str to xarray.DataArray
        Dims (individual, genotype, position), each with its names as coordinate; names that are numbers become text.
        All chromosomes have the same individuals in the same order.
    is_x_chr : mapping of str to bool, optional
        Whether a chromosome is the X chromosome. Default: none is.
    crosstype : str, optional
        R/qtl2's name of the type of cross, such as "f2" or "do".
    alleles : sequence of str, optional
        Single-letter codes of the founders' alleles.
    alleleprobs : bool, default False
        Whether these are allele rather than genotype probabilities.

    Raises
    ------
    InputError
        If individuals differ between chromosomes or occur twice, positions have no or repeated names, or the
        probabilities are not finite, negative, or do not sum to 1.
    """

    def __init__(self, arrays: Mapping[str, xr.DataArray], is_x_chr: Mapping[str, bool] | None = None,
                 crosstype: str | None = None, alleles=None, alleleprobs: bool = False):
        self._arrays = {str(chromosome): _with_text_names(array) for chromosome, array in arrays.items()}
        on_x = {str(chromosome): bool(flag) for chromosome, flag in (is_x_chr or {}).items()}
        self.is_x_chr = {chromosome: on_x.get(chromosome, False) for chromosome in self._arrays}
        self.crosstype = crosstype
        self.alleles = None if alleles is None else tuple(alleles)
        self.alleleprobs = bool(alleleprobs)
        self._check()

    def __getitem__(self, chromosome: str) -> xr.DataArray:
        return self._arrays[chromosome]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{chromosome}: {array.sizes['genotype']} × {array.sizes['position']}"
                           for chromosome, array in self.items())
        return (f"Genoprobs of {len(self.individuals)} individuals, crosstype {self.crosstype!r}; genotypes × positions "
                f"by chromosome: {shapes}")

    @cached_property
    def individuals(self) -> tuple[str, ...]:
        """IDs, in order; empty where there is no chromosome."""
        first = next(iter(self._arrays.values()), None)
        return () if first is None else tuple(first.coords["individual"].values.tolist())

    @cached_property
    def positions(self) -> tuple[str, ...]:
        """Names of all positions (markers and pseudomarkers), chromosome after chromosome."""
        return tuple(name for array in self.values() for name in array.coords["position"].values.tolist())

    def subset(self, ind=None, chr=None) -> Genoprobs:
        """Those individuals and chromosomes, in the order given, as `probs[ind, chr]` in R/qtl2.

        Parameters
        ----------
        ind, chr : sequence of str, or str, optional
            IDs and chromosome names; numbers stand for their text. Default: all.
        """
        ind, chr = (None if names is None else [str(name) for name in np.atleast_1d(names)] for names in (ind, chr))
        for what, wanted, there in (("individual", ind, self.individuals), ("chromosome", chr, tuple(self))):
            missing = [name for name in wanted or () if name not in set(there)]
            if missing:
                raise InputError(f"genoprobs: there is no {what} '{missing[0]}'; there are "
                                 + ", ".join(there[:30]) + (", …" if len(there) > 30 else ""))
        chosen = {name: self[name] for name in (self if chr is None else chr)}
        if ind is not None:
            chosen = {name: array.sel(individual=ind) for name, array in chosen.items()}
        return Genoprobs(chosen, self.is_x_chr, self.crosstype, self.alleles, self.alleleprobs)

    def _check(self) -> None:
        for chromosome, array in self.items():
            whose = f"genoprobs: chromosome '{chromosome}'"
            wanted = f"give a DataArray with named {', '.join(DIMS)}"
            if not isinstance(array, xr.DataArray):
                raise InputError(f"{whose} is a {type(array).__name__}: {wanted}")
            if array.dims != DIMS or any(dim not in array.coords for dim in DIMS):
                raise InputError(f"{whose} has the dims {array.dims}: {wanted}")
        individuals = self.individuals
        if len(set(individuals)) < len(individuals):
            twice = next(name for name in individuals if individuals.count(name) > 1)
            raise InputError(f"genoprobs: individual '{twice}' occurs more than once; give every individual one row")
        for chromosome, array in self.items():
            whose = f"genoprobs: chromosome '{chromosome}'"
            if tuple(array.coords["individual"].values.tolist()) != individuals:
                raise InputError(f"{whose} has other individuals, or another order of them, than the first chromosome")
            values = array.values
            if not np.isfinite(values).all():
                i, _, k = np.argwhere(~np.isfinite(values))[0]
                raise InputError(f"{whose} has a value that is not a finite number, for individual '{individuals[i]}' "
                                 f"at position '{array.coords['position'].values[k]}'")
            if values.size and values.min() < -SUM_TO_ONE:
                i, _, k = np.unravel_index(int(np.argmin(values)), values.shape)
                raise InputError(f"{whose} has the probability {values.min():g}, for individual '{individuals[i]}' at "
                                 f"position '{array.coords['position'].values[k]}'; probabilities are between 0 and 1")
            off = np.abs(values.sum(axis=1) - 1.0)
            if off.size and off.max() > SUM_TO_ONE:
                i, k = np.unravel_index(int(np.argmax(off)), off.shape)
                raise InputError(f"{whose}: the probabilities of individual '{individuals[i]}' at position "
                                 f"'{array.coords['position'].values[k]}' sum to {values[i, :, k].sum():g}, not 1; "
                                 "check how they were computed or read")
        names = self.positions
        if len(set(names)) < len(names):
            seen: set[str] = set()
            twice = next(name for name in names if name in seen or seen.add(name))
            raise InputError(f"genoprobs: the position name '{twice}' occurs more than once; give every position its own")


def _with_text_names(array: xr.DataArray) -> xr.DataArray:
    """The array, its names being text; what is no array as it is."""
    for dim in array.dims if isinstance(array, xr.DataArray) else ():
        names = array.coords[dim].values.tolist() if dim in array.coords else []
        if not all(isinstance(name, str) for name in names):
            array = array.assign_coords({dim: [str(name) for name in names]})
    return array
