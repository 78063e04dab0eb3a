"""R/qtl2's objects to and from a live R: nothing is lost on the way, so that a genuine object comes back identical().

======================================================  =====================================================
lmmbridge.qtl2                                          R/qtl2
======================================================  =====================================================
Cross2                                                  cross2 object
Genoprobs                                               calc_genoprob object
Map                                                     map: list of named vectors, with or without is_x_chr
DataFrame                                               matrix: phenotypes, covariates, kinship (with n_pos)
dict of DataFrame                                       kinship by chromosome (types "loco" and "chr")
DecomposedKinship, dict of those                        output of decomp_kinship
Scan1                                                   scan1 object, with or without hsq
Scan1Coef                                               scan1coef object (scan1coef, scan1blup), with or without SE
Scan1Max                                                output of scan1max (to R only)
Scan1Perm                                               scan1perm object, with or without X (to R only)
Herit                                                   output of est_herit (to R only)
Fit1                                                    output of fit1 (to R only)
Series                                                  named vector: weights, one phenotype
======================================================  =====================================================

The names that pandas and xarray give to an axis (index.name) have no place in R/qtl2's objects and are left out; a
RangeIndex stands for no names. What a result tells besides (criterion, notes, engine, and the hsq of a Scan1Coef or Fit1)
stays in Python. Everything else that one side has no place for is refused.
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from lmmbridge.errors import InputError
from lmmbridge.qtl2.coefficients import Scan1Coef
from lmmbridge.qtl2.cross2 import Cross2
from lmmbridge.qtl2.fit1 import Fit1
from lmmbridge.qtl2.genoprobs import DIMS, Genoprobs
from lmmbridge.qtl2.herit import Herit
from lmmbridge.qtl2.kinship import DecomposedKinship
from lmmbridge.qtl2.maps import Map
from lmmbridge.qtl2.scan1 import Scan1
from lmmbridge.qtl2.scan1max import Scan1Max
from lmmbridge.qtl2.thresholds import Scan1Perm
from lmmbridge.rlink import RList

#: The parts of a cross2 object, in R/qtl2's order.
CROSS2_PARTS = ("crosstype", "geno", "gmap", "pmap", "pheno", "covar", "phenocovar", "founder_geno", "is_x_chr",
                "is_female", "cross_info", "alleles")


def to_r(obj: Any) -> Any:
    """The value that `lmmbridge.rlink` turns into the genuine R/qtl2 object.

    Parameters
    ----------
    obj : one of the types in the table of this module
        The columns of a DataFrame must be numbers; truth values become 0 and 1.

    Returns
    -------
    object
        To be handed to `lmmbridge.rlink.RSession.call`.

    Raises
    ------
    InputError
        If R/qtl2 has no such object.
    """
    if isinstance(obj, Cross2):
        return _cross2_to_r(obj)
    if isinstance(obj, Genoprobs):
        return _genoprobs_to_r(obj)
    if isinstance(obj, Map):
        return RList(obj, {} if obj.is_x_chr is None else {"is_x_chr": pd.Series(obj.is_x_chr, dtype=bool)})
    if isinstance(obj, DecomposedKinship):
        return _decomposed_to_r(obj)
    if isinstance(obj, Scan1):
        return _scan_to_r(obj.lod, {"hsq": obj.hsq, "sample_size": obj.sample_size}, ["scan1", "matrix"])
    if isinstance(obj, Scan1Coef):
        return _scan_to_r(obj.coef, {"SE": obj.se, "sample_size": obj.sample_size}, ["scan1coef", "scan1", "matrix"])
    if isinstance(obj, Scan1Max):
        return _with(to_r(obj.lod), hsq=obj.hsq, sample_size=obj.sample_size)
    if isinstance(obj, Scan1Perm):
        return _scan1perm_to_r(obj)
    if isinstance(obj, Herit):
        return _with(obj.hsq, sample_size=obj.sample_size, log10lik=obj.log10lik, resid_sd=obj.resid_sd)
    if isinstance(obj, Fit1):
        return _fit1_to_r(obj)
    if isinstance(obj, pd.DataFrame):
        return _matrix(_numbers(obj), obj.index, obj.columns, obj.attrs)
    if isinstance(obj, pd.Series):
        return obj
    if isinstance(obj, Mapping) and obj and all(isinstance(part, DecomposedKinship) for part in obj.values()):
        return RList({chromosome: to_r(part) for chromosome, part in obj.items()}, {"eigen_decomp": True})
    if isinstance(obj, Mapping) and obj and all(isinstance(part, pd.DataFrame) for part in obj.values()):
        return {chromosome: to_r(part) for chromosome, part in obj.items()}
    raise InputError(f"R/qtl2 has no object for a value of type {type(obj).__name__}; give genotype probabilities, a "
                     "map, kinship, or numbers as a DataFrame or Series")


def from_r(value: Any) -> Any:
    """Our object for a value that came from R through `lmmbridge.rlink`.

    Parameters
    ----------
    value : object
        The `.value` of an `lmmbridge.rlink.RAnswer`: one of R/qtl2's objects.

    Returns
    -------
    One of the types in the table of this module; a plain matrix is a DataFrame

    Raises
    ------
    InputError
        If it is none of R/qtl2's objects, or has attributes that those do not have.

    Notes
    -----
    R/qtl2 takes a missing attribute is_x_chr of genotype probabilities for "no X chromosome" and a missing alleleprobs
    for FALSE; so does this, and both go back to R written out.
    """
    if isinstance(value, pd.Series):
        return value
    if isinstance(value, xr.DataArray) and value.ndim == 2:
        kind = _classes(value)[:1]
        return _scan1(value) if kind == ["scan1"] else _scan1coef(value) if kind == ["scan1coef"] else _frame(value)
    if isinstance(value, dict):
        if "cross2" in _classes(value):
            return _cross2(value)
        if "calc_genoprob" in _classes(value):
            return _genoprobs(value)
        if _attributes(value).get("eigen_decomp") is True:
            return _decomposed(value)
    if isinstance(value, dict) and value and not _classes(value):
        if all(isinstance(part, xr.DataArray) and part.ndim == 2 for part in value.values()):
            _refuse_other_attributes(value, (), "the list of kinship matrices")
            return {chromosome: _frame(part) for chromosome, part in value.items()}
        if all(isinstance(part, (pd.Series, np.ndarray, float, int)) for part in value.values()):
            return _map(value)
    raise InputError("the value from R is none of R/qtl2's objects: it is a " + (
        f"list of class {', '.join(_classes(value))}" if _classes(value) else type(value).__name__))


def _cross2_to_r(cross: Cross2) -> RList:
    parts = {name: getattr(cross, name) for name in CROSS2_PARTS}
    for name in ("geno", "founder_geno", "gmap", "pmap", "pheno"):
        parts[name] = None if parts[name] is None else to_r(parts[name])
    parts["is_x_chr"] = pd.Series(cross.is_x_chr, dtype=bool)
    info = cross.cross_info     # integers, also where there is no column that could tell
    parts["cross_info"] = to_r(info) if info.shape[1] else _matrix(np.empty(info.shape, dtype=int), info.index,
                                                                   info.columns, info.attrs)
    parts["alleles"] = np.array(cross.alleles, dtype=str) if cross.alleles else None
    return RList({name: part for name, part in parts.items() if part is not None}, {"class": "cross2"})


def _cross2(value: RList) -> Cross2:
    _refuse_other_attributes(value, (), "the cross2 object")
    for name in value:
        if name not in CROSS2_PARTS:
            raise InputError(f"the cross2 object from R has the part '{name}', which would be lost; take it off, in R: "
                             f'cross[["{name}"]] <- NULL')
    for name in ("crosstype", "geno", "is_x_chr", "is_female", "cross_info"):
        if value.get(name) is None:
            raise InputError(f"the cross2 object from R has no {name}; add it, or read the cross from its files")
    parts = {name: value.get(name) for name in CROSS2_PARTS}
    for name in ("geno", "founder_geno", "gmap", "pmap", "pheno", "cross_info"):
        parts[name] = None if parts[name] is None else from_r(parts[name])
    parts["is_x_chr"] = parts["is_x_chr"].to_dict()
    parts["alleles"] = () if parts["alleles"] is None else tuple(np.atleast_1d(parts["alleles"]).tolist())
    return Cross2(**parts)


def _genoprobs_to_r(probs: Genoprobs) -> RList:
    arrays = {}
    for chromosome, array in probs.items():
        dims = [f"dim_{i}" for i in range(array.ndim)]      # dimnames without names
        coords = {dim: (dim, array.coords[axis].values) for dim, axis in zip(dims, array.dims)}
        arrays[chromosome] = xr.DataArray(np.asarray(array.values, dtype=float), dims=dims, coords=coords)
    attributes = {"crosstype": probs.crosstype, "is_x_chr": pd.Series(probs.is_x_chr, dtype=bool),
                  "alleles": None if probs.alleles is None else np.array(probs.alleles, dtype=str),
                  "alleleprobs": probs.alleleprobs, "class": np.array(["calc_genoprob", "list"])}
    return RList(arrays, {name: value for name, value in attributes.items() if value is not None})


def _genoprobs(value: dict) -> Genoprobs:
    _refuse_other_attributes(value, ("crosstype", "is_x_chr", "alleles", "alleleprobs"), "the calc_genoprob object")
    arrays = {}
    for chromosome, array in value.items():
        if not isinstance(array, xr.DataArray) or array.ndim != 3 or len(array.coords) < 3:
            raise InputError(f"genoprobs: chromosome '{chromosome}' is not an array of individuals × genotypes × "
                             "positions with names on all three; give it those")
        coords = {axis: array.coords[dim].values for axis, dim in zip(DIMS, array.dims)}
        arrays[chromosome] = xr.DataArray(array.values, dims=DIMS, coords=coords)
    attributes = value.attrs
    alleles = attributes.get("alleles")
    return Genoprobs(arrays, _is_x_chr(value, "genoprobs"), attributes.get("crosstype"),
                     None if alleles is None else np.atleast_1d(alleles).tolist(), attributes.get("alleleprobs", False))


def _map(value: dict) -> Map:
    _refuse_other_attributes(value, ("is_x_chr",), "the map")
    for chromosome, positions in value.items():
        if not isinstance(positions, pd.Series):
            raise InputError(f"map: the positions on chromosome '{chromosome}' have no marker names; name them")
    return Map(value, _is_x_chr(value, "map"))


def _is_x_chr(value: dict, what: str) -> dict[str, bool] | None:
    flags = _attributes(value).get("is_x_chr")
    if flags is None:
        return None
    names = list(flags.index) if isinstance(flags, pd.Series) else list(value)
    flags = np.atleast_1d(flags).tolist()
    if names != list(value) or len(flags) != len(names):
        raise InputError(f"{what}: the attribute is_x_chr is not of the same chromosomes as the list; make it one "
                         "value for each, with their names")
    return dict(zip(names, flags))


def _decomposed_to_r(decomposed: DecomposedKinship) -> RList:
    ids = pd.Index(decomposed.ids, dtype=object)
    return RList({"values": decomposed.values, "vectors": _matrix(decomposed.vectors, ids, ids, {})},
                 {"eigen_decomp": True})


def _decomposed(value: dict) -> DecomposedKinship | dict[str, DecomposedKinship]:
    _refuse_other_attributes(value, ("eigen_decomp",), "the decomposed kinship")
    if set(value) != {"values", "vectors"}:
        return {chromosome: _decomposed(part) for chromosome, part in value.items()}
    vectors = _frame(value["vectors"])
    return DecomposedKinship(tuple(vectors.columns), np.atleast_1d(value["values"]), vectors.to_numpy())


def _scan_to_r(values: pd.DataFrame, attributes: dict[str, Any], classes: list[str]) -> xr.DataArray:
    return _with(to_r(values), **attributes, **{"class": np.array(classes)})


def _with(values: Any, **attributes: Any) -> Any:
    """A copy of a Series or DataArray with these attributes, but for those that are None."""
    values = values.copy(deep=False)
    values.attrs = {name: to_r(value) if isinstance(value, (pd.DataFrame, pd.Series)) else value
                    for name, value in attributes.items() if value is not None}
    return values


def _scan1perm_to_r(perms: Scan1Perm) -> xr.DataArray | RList:
    A, X = (None if part is None else to_r(part.set_axis(pd.RangeIndex(len(part)))) for part in (perms.A, perms.X))
    if X is None:
        return _with(A, **{"class": np.array(["scan1perm", "matrix"])})
    lengths = perms.chr_lengths.copy()
    lengths.attrs = {"is_x_chr": pd.Series({"A": False, "X": True})}
    return RList({"A": A, "X": X}, {"chr_lengths": lengths, "class": np.array(["scan1perm", "list"])})


def _fit1_to_r(fit: Fit1) -> dict:
    names = ("lod", "ind_lod", "coef", "SE", "var", "fitted", "resid")
    parts = {name: getattr(fit, name) for name in names}
    return {name: part if isinstance(part, float) else to_r(part) for name, part in parts.items() if part is not None}


def _scan1(value: xr.DataArray) -> Scan1:
    hsq, sample_size = _scan_attributes(value, "hsq")
    return Scan1(_frame(value, attrs={}), hsq, sample_size, engine="qtl2", version="unknown")


def _scan1coef(value: xr.DataArray) -> Scan1Coef:
    se, sample_size = _scan_attributes(value, "SE")
    return Scan1Coef(_frame(value, attrs={}), se, sample_size, hsq=None, engine="qtl2", version="unknown")


def _scan_attributes(value: xr.DataArray, name: str) -> tuple[pd.DataFrame | None, Any]:
    """The matrix `name`, where there is one, and the sample size."""
    _refuse_other_attributes(value, (name, "sample_size"), f"the {_classes(value)[0]} object")
    if "sample_size" not in value.attrs:
        raise InputError(f"the {_classes(value)[0]} object from R has no attribute sample_size; take it as "
                         "R/qtl2 made it")
    matrix = value.attrs.get(name)
    return None if matrix is None else _frame(matrix), value.attrs["sample_size"]


def _matrix(values: np.ndarray, rows: pd.Index, columns: pd.Index, attrs: Mapping[str, Any]) -> xr.DataArray:
    dims = ("dim_0", "dim_1")       # dimnames without names
    coords = {dim: (dim, names.to_numpy(dtype=object)) for dim, names in zip(dims, (rows, columns))
              if not isinstance(names, pd.RangeIndex)}
    return xr.DataArray(values, dims=dims, coords=coords, attrs=attrs)


def _frame(array: xr.DataArray, attrs: Mapping[str, Any] | None = None) -> pd.DataFrame:
    if array.dtype.kind not in "fiub":
        raise InputError("a matrix from R holds text, or NA among integers; make it double, in R: "
                         'storage.mode(x) <- "double"')
    rows, columns = (pd.Index(array.coords[dim].values, dtype=object) if dim in array.coords else
                     pd.RangeIndex(array.sizes[dim]) for dim in array.dims)
    frame = pd.DataFrame(array.values, index=rows, columns=columns)
    frame.attrs = dict(array.attrs if attrs is None else attrs)
    return frame


def _numbers(frame: pd.DataFrame) -> np.ndarray:
    """The values as double, or as integers where all are."""
    for column, dtype in zip(frame.columns, frame.dtypes):
        if not pd.api.types.is_numeric_dtype(dtype) or dtype.kind == "c":
            raise InputError(f"column '{column}' does not hold real numbers but values of type {dtype}; give numbers, "
                             "for example 0 and 1 for two groups")
    if all(isinstance(dtype, np.dtype) for dtype in frame.dtypes):      # no na_value, which would turn R's NA into NaN
        values = frame.to_numpy()
        return values if values.dtype.kind in "iu" else values.astype(float, copy=False)
    return frame.to_numpy(dtype=float, na_value=np.nan)


def _attributes(value: Any) -> dict[str, Any]:
    return getattr(value, "attrs", {})


def _classes(value: Any) -> list[str]:
    return np.atleast_1d(_attributes(value).get("class", [])).tolist()


def _refuse_other_attributes(value: dict, expected: tuple[str, ...], what: str) -> None:
    for name in _attributes(value):
        if name not in (*expected, "class"):
            raise InputError(f"{what} from R has the attribute '{name}', which would be lost; take it off, in R: "
                             f'attr(x, "{name}") <- NULL')
