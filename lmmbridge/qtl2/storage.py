"""Files of genotype probabilities and kinship that Python and R read without each other.

netCDF classic (64-bit offset), which Python reads with xarray and scipy, and R with its package ncdf4; storage.R beside
this file has the same four functions for R. All names are in variables, never in the names of variables, so that they
may hold any text. What is in a file:

==============================  =======================================  ==============================================
variable                        dimensions (as in C; R's are reversed)   content
==============================  =======================================  ==============================================
individuals, chromosomes        individual; chromosome                   names, UTF-8; without `chromosomes` the file is
                                                                         of one kinship matrix for all chromosomes
is_x_chr, alleles               chromosome; allele                       0 or 1; names; absent where not known
genotypes_1, positions_1, …     genotype_1; position_1                   names, for the first chromosome, …
probabilities_1, …              position_1, genotype_1, individual       double, for the first chromosome, …
kinship_1, …                    column, individual                       double, for the first chromosome, …;
                                                                         attribute n_pos
complete                        none                                     1; the last bytes of the file, so that a file
                                                                         that was cut off is known by them
==============================  =======================================  ==============================================

Attributes of the file: `format` ("lmmbridge genoprobs" or "lmmbridge kinship"), `format_version`, and for genotype
probabilities `crosstype` and `alleleprobs`. A chromosome may take 2 GiB.
"""
from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from lmmbridge.errors import InputError
from lmmbridge.inputs import numbers_of
from lmmbridge.qtl2.genoprobs import DIMS, Genoprobs
from lmmbridge.qtl2.kinship import check_kinship

GENOPROBS, KINSHIP = "lmmbridge genoprobs", "lmmbridge kinship"
FORMAT_VERSION = 1
#: Bytes that a variable of a netCDF classic file may take in every program that reads one.
LARGEST_VARIABLE = 2**31 - 4


def write_genoprobs(probs: Genoprobs, file: str | os.PathLike, overwrite: bool = False) -> None:
    """Write genotype or allele probabilities to a file for Python and R.

    Parameters
    ----------
    probs : Genoprobs
    file : path
        Usually with the ending .nc.
    overwrite : bool, default False
        Replace the file if there is one.

    Raises
    ------
    InputError
        If the file exists already, its folder does not, nothing is in `probs`, or a chromosome takes 2 GiB or more.

    See Also
    --------
    read_genoprobs : also as read_genoprobs in storage.R, for R.

    Examples
    --------
    >>> import tempfile
    >>> import xarray as xr
    >>> from lmmbridge.qtl2.genoprobs import Genoprobs
    >>> chromosome = xr.DataArray([[[0.25], [0.75]]], dims=("individual", "genotype", "position"),
    ...                           coords={"individual": ["i1"], "genotype": ["A", "B"], "position": ["m1"]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_genoprobs(Genoprobs({"19": chromosome}, crosstype="riself"), f"{folder}/probs.nc")
    ...     read_genoprobs(f"{folder}/probs.nc")["19"].sel(individual="i1", genotype="B", position="m1").item()
    0.75
    """
    if not isinstance(probs, Genoprobs):
        raise InputError(f"probs is of type {type(probs).__name__}: give genotype probabilities, as from calc_genoprob")
    variables: dict[str, Any] = {"individuals": _names("individual", probs.individuals),
                                 "chromosomes": _names("chromosome", probs),
                                 "is_x_chr": ("chromosome", np.array(list(probs.is_x_chr.values()), dtype=np.int32))}
    if probs.alleles is not None:
        variables["alleles"] = _names("allele", probs.alleles)
    for k, array in enumerate(probs.values(), start=1):
        genotype, position = f"genotype_{k}", f"position_{k}"
        variables[f"genotypes_{k}"] = _names(genotype, array.coords["genotype"].values)
        variables[f"positions_{k}"] = _names(position, array.coords["position"].values)
        variables[f"probabilities_{k}"] = ((position, genotype, "individual"), np.asarray(array.values.T, dtype=float))
    attributes = {"alleleprobs": np.int32(probs.alleleprobs)}
    if probs.crosstype is not None:
        attributes["crosstype"] = probs.crosstype
    _write(variables, attributes, GENOPROBS, Path(file), overwrite)


def read_genoprobs(file: str | os.PathLike) -> Genoprobs:
    """Read genotype or allele probabilities that `write_genoprobs` wrote, in Python or in R.

    Parameters
    ----------
    file : path

    Returns
    -------
    Genoprobs
        Equal to the bit to those written.

    Raises
    ------
    InputError
        If there is no such file, or it is not a whole file of genotype probabilities, or one of a newer format.
    """
    data = _read(Path(file), GENOPROBS)
    individuals, chromosomes = _texts(data, "individuals"), _texts(data, "chromosomes")
    arrays = {}
    for k, chromosome in enumerate(chromosomes, start=1):
        names = (individuals, _texts(data, f"genotypes_{k}"), _texts(data, f"positions_{k}"))
        arrays[chromosome] = xr.DataArray(data[f"probabilities_{k}"].values.T, dims=DIMS, coords=dict(zip(DIMS, names)))
    is_x_chr = dict(zip(chromosomes, data["is_x_chr"].values.astype(bool).tolist())) if "is_x_chr" in data else None
    alleles = _texts(data, "alleles") if "alleles" in data else None
    return Genoprobs(arrays, is_x_chr, data.attrs.get("crosstype"), alleles, bool(data.attrs.get("alleleprobs", 0)))


def write_kinship(kinship: pd.DataFrame | Mapping[str, pd.DataFrame], file: str | os.PathLike,
                  overwrite: bool = False) -> None:
    """Write one kinship matrix, or one for each chromosome, to a file for Python and R.

    Parameters
    ----------
    kinship : DataFrame, shape (n, n), or mapping of chromosome to such
        All of the same individuals in the same order; ``.attrs["n_pos"]`` and ``.attrs["source"]`` are
        kept (R's `read_kinship` gives n_pos alone).
    file : path
        Usually with the ending .nc.
    overwrite : bool, default False
        Replace the file if there is one.

    Raises
    ------
    InputError
        If the file exists already, its folder does not, a matrix takes 2 GiB or more, the matrices are of different
        individuals or have other attributes, or for the reasons of `lmmbridge.qtl2.kinship.check_kinship`.

    See Also
    --------
    read_kinship : also as read_kinship in storage.R, for R.

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> kinship = pd.DataFrame([[0.5, 0.25], [0.25, 0.5]], ["a", "b"], ["a", "b"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_kinship(kinship, f"{folder}/kinship.nc")
    ...     read_kinship(f"{folder}/kinship.nc")
          a     b
    a  0.50  0.25
    b  0.25  0.50
    """
    by_chromosome = isinstance(kinship, Mapping)
    matrices = {f"kinship of chromosome '{name}'": matrix for name, matrix in kinship.items()} if by_chromosome else {
        "kinship": kinship}
    if not matrices:
        raise InputError("kinship is of no chromosome: nothing is there to be written")
    matrices = {name: check_kinship(matrix, name) for name, matrix in matrices.items()}
    individuals = list(next(iter(matrices.values())).index)
    variables: dict[str, Any] = {"individuals": _names("individual", individuals)}
    if by_chromosome:
        variables["chromosomes"] = _names("chromosome", kinship)
    for k, (name, matrix) in enumerate(matrices.items(), start=1):
        if list(matrix.index) != individuals:
            raise InputError(f"{name} is of other individuals, or in another order, than the first matrix; make them "
                             "alike")
        other = set(matrix.attrs) - {"n_pos", "source"}
        if other:
            raise InputError(f"{name} has .attrs besides n_pos and source, which the file has no place for: "
                             f"{', '.join(map(str, other))}; take them off")
        variables[f"kinship_{k}"] = (("column", "individual"), numbers_of(matrix, name).T, matrix.attrs)
    _write(variables, {}, KINSHIP, Path(file), overwrite)


def read_kinship(file: str | os.PathLike) -> pd.DataFrame | dict[str, pd.DataFrame]:
    """Read the kinship that `write_kinship` wrote, in Python or in R.

    Parameters
    ----------
    file : path

    Returns
    -------
    DataFrame, shape (n, n), or dict of chromosome to such
        Equal to the bit to what was written.

    Raises
    ------
    InputError
        If there is no such file, or it is not a whole file of kinship, or one of a newer format.
    """
    data = _read(Path(file), KINSHIP)
    individuals = _texts(data, "individuals")

    def matrix(k: int) -> pd.DataFrame:
        frame = pd.DataFrame(data[f"kinship_{k}"].values.T, index=individuals, columns=individuals)
        frame.attrs = {name: value if isinstance(value, str) else value.item()
                       for name, value in data[f"kinship_{k}"].attrs.items()}
        return frame

    if "chromosomes" not in data:
        return matrix(1)
    return {chromosome: matrix(k) for k, chromosome in enumerate(_texts(data, "chromosomes"), start=1)}


def _names(dim: str, names) -> tuple[str, np.ndarray]:
    """A variable of text; fixed-length UTF-8 in the file."""
    return dim, np.array([str(name) for name in names], dtype=object)


def _texts(data: xr.Dataset, variable: str) -> list[str]:
    return data[variable].values.astype(str).tolist()


def _whose(name: str, data: xr.Dataset) -> str:
    """The chromosome that a dimension or variable of the file belongs to."""
    number = name.rpartition("_")[2]
    if number.isdigit() and "chromosomes" in data:
        return f"chromosome '{data['chromosomes'].values[int(number) - 1]}'"
    return "what is to be written"


def _write(variables: dict[str, Any], attributes: dict[str, Any], kind: str, path: Path, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise InputError(f"the file {path} exists already; give another name, or overwrite=True")
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {path.parent} to write {path.name} to; make it first")
    data = xr.Dataset({**variables, "complete": ((), np.int32(1))},
                      attrs={"format": kind, "format_version": np.int32(FORMAT_VERSION), **attributes})
    for dim, size in data.sizes.items():
        if size == 0:       # netCDF classic takes a length of 0 for "unlimited"
            raise InputError(f"{_whose(dim, data)} has no {dim.split('_')[0]}, which a file cannot hold; leave it out")
    for name, variable in data.items():
        if variable.nbytes > LARGEST_VARIABLE:
            raise InputError(f"{_whose(name, data)} takes {variable.nbytes / 2**30:.3g} GiB, more than the 2 GiB that "
                             "one may take in a netCDF classic file; write fewer positions or individuals to a file, "
                             "or allele probabilities")
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        part = Path(folder) / path.name
        data.to_netcdf(part, engine="scipy", format="NETCDF3_64BIT", encoding={
            name: {"_FillValue": None} for name in data if data[name].dtype.kind == "f"})
        os.replace(part, path)


def _read(path: Path, kind: str) -> xr.Dataset:
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    with open(path, "rb") as stream:
        magic = stream.read(4)
    if magic not in (b"CDF\x01", b"CDF\x02"):
        raise InputError(f"{path} is not a netCDF classic file; give one that write_{kind.split()[1]} wrote")
    cut_off = f"the file {path} is not whole: it was cut off or damaged; write or copy it again"
    try:
        # decode_cf would read meaning into what other programs wrote
        opened = xr.open_dataset(path, engine="scipy", mask_and_scale=False, decode_times=False, decode_coords=False)
    except (TypeError, ValueError, LookupError, EOFError, OSError) as error:     # whatever part is missing
        raise InputError(cut_off) from error
    with opened:
        found, version = opened.attrs.get("format"), opened.attrs.get("format_version")
        if found != kind or version is None:
            raise InputError(f"{path} is a netCDF file of another kind; give one that write_{kind.split()[1]} wrote")
        if version > FORMAT_VERSION:
            raise InputError(f"{path} is of version {version} of its format, and this lmmbridge knows versions up to "
                             f"{FORMAT_VERSION}; install a newer lmmbridge")
        data = opened.load()
    if "complete" not in data or data["complete"].item() != 1:
        raise InputError(cut_off)
    return data
