"""Crosses: R/qtl2's cross2 object, and reading it from a control file or a zip bundle."""
from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase

import numpy as np
import pandas as pd

from lmmbridge.errors import InputError
from lmmbridge.qtl2.bundles import unzip
from lmmbridge.qtl2.check_cross2 import Cross2Warning, check_cross2, count, some, warn
from lmmbridge.qtl2.control_file import EXTENSIONS, TABLES, read_control_file, text, texts
from lmmbridge.qtl2.cross2_tables import TableFiles, encode_genotypes, numbers, numeric_columns, position_table
from lmmbridge.qtl2.crosstypes import find_crosstype
from lmmbridge.qtl2.individual_info import read_cross_info, read_sex
from lmmbridge.qtl2.maps import Map

__all__ = ["Cross2", "Cross2Warning", "read_cross2"]

#: Fields of a control file that are for people, or used wherever they are needed.
_ALWAYS_USED = ("sep", "na.strings", "comment.char", "description", "comments", "crosstype", "genotypes", "x_chr",
                "sex", "cross_info", "alleles")


@dataclass(frozen=True, eq=False, repr=False)
class Cross2:
    """A cross: genotypes, maps, phenotypes and covariates, as R/qtl2's cross2 object.

    Attributes
    ----------
    crosstype : str
        R/qtl2's name of the type of cross, such as "f2" or "do".
    geno : dict of str to pandas.DataFrame
        Chromosome to observed genotypes, individuals × markers: whole numbers, 0 = missing.
    founder_geno : dict of str to pandas.DataFrame or None
        The same of the founders, founders × markers.
    gmap, pmap : Map or None
        Genetic (cM) and physical (Mb) positions of the same markers in the same order; at least one is there.
    pheno : pandas.DataFrame or None
        Individuals × phenotypes, float64, NaN = missing. Individuals need not be those of geno.
    covar : pandas.DataFrame or None
        Individuals × covariates, as text; None = missing.
    phenocovar : pandas.DataFrame or None
        Phenotypes × their covariates; numbers where a whole column is.
    is_x_chr : dict of str to bool
        Whether a chromosome is the X chromosome.
    is_female : pandas.Series of bool
        By individual, those of geno.
    cross_info : pandas.DataFrame
        Individuals of geno × numbers that describe their cross (int64); no columns if there are none.
    alleles : tuple of str
        Names of the founders' alleles.
    """

    crosstype: str
    geno: dict[str, pd.DataFrame]
    founder_geno: dict[str, pd.DataFrame] | None
    gmap: Map | None
    pmap: Map | None
    pheno: pd.DataFrame | None
    covar: pd.DataFrame | None
    phenocovar: pd.DataFrame | None
    is_x_chr: dict[str, bool]
    is_female: pd.Series
    cross_info: pd.DataFrame
    alleles: tuple[str, ...]

    def __repr__(self) -> str:
        counts = [f"{len(self.is_female)} individuals", f"{len(self.geno)} chromosomes",
                  f"{sum(geno.shape[1] for geno in self.geno.values())} markers"]
        counts += [f"{table.shape[1]} {what}" for table, what in
                   ((self.pheno, "phenotypes"), (self.covar, "covariates")) if table is not None]
        return f"Cross2 of crosstype '{self.crosstype}': " + ", ".join(counts)


def read_cross2(file: str | Path, quiet: bool = True) -> Cross2:
    """Read a cross from its files, as R/qtl2's `read_cross2`.

    Parameters
    ----------
    file : str or path
        A control file (.yaml or .json; it names the CSV files beside it), a folder with one control file, or a zip
        bundle (.zip) of all these files.
    quiet : bool, default True
        Whether to say nothing of the progress (on standard error).

    Returns
    -------
    Cross2

    Raises
    ------
    InputError
        If a file is missing or cannot be read, IDs or marker names occur twice, a phenotype is not a number, or sex or
        cross_info is missing or not one of its codes.

    Warns
    -----
    Cross2Warning
        What R/qtl2 warns of: genotypes that are none of the codes (taken as missing), markers or individuals that are
        left out, fields of the control file that are not used, parts that do not fit (`check_cross2`).

    Notes
    -----
    All of R/qtl2's rules hold, with these differences. Where it goes on with part of a broken table, with missing sex
    or cross_info, with renamed duplicate markers, or with text phenotypes as missing, this is an InputError.
    Values of a YAML control file are taken as they are written (R takes an unquoted `n` or `no` for false). A missing
    value code is missing in quotation marks, too, and doubled quotation marks in a cell are one.
    A map in which the markers are not in the order of the other is refused, where R/qtl2 warns.

    Examples
    --------
    >>> from lmmbridge.qtl2.extdata import extdata
    >>> iron = read_cross2(extdata("iron.zip"))
    >>> iron
    Cross2 of crosstype 'f2': 284 individuals, 20 chromosomes, 66 markers, 2 phenotypes, 2 covariates
    >>> iron.geno["X"].loc["1"].tolist()
    [3, 3]
    >>> iron.gmap["X"].tolist()
    [29.5, 57.9]
    """
    if not isinstance(file, (str, os.PathLike)):
        raise InputError(f"file is {file!r}: give the path of a control file, its folder, or a zip bundle")
    if "://" in str(file):
        raise InputError(f"'{file}' is a web address, which is not read: download the file and give its path")
    path = Path(file).expanduser()
    if path.is_dir():
        files = [entry for entry in path.iterdir() if entry.is_file() and not entry.name.startswith(".")]
        return _read(_control_file(files, path), None, quiet)
    if path.suffix != ".zip":
        return _read(path, None, quiet)
    with tempfile.TemporaryDirectory(prefix="cross2-") as folder:
        root = Path(folder).resolve()
        return _read(_control_file(unzip(path, root), path), root, quiet)


def _control_file(files: list[Path], where: Path) -> Path:
    """The one control file among files; YAML before JSON."""
    found = [[file for file in files if file.suffix == extension] for extension in EXTENSIONS]
    if all(found):
        warn(f"'{where.name}' has both a YAML and a JSON file; the YAML file is used")
    candidates = found[0] or found[1]
    if len(candidates) != 1:
        names = ", ".join(sorted(file.name for file in candidates))
        raise InputError(f"'{where.name}' has " + (
            f"more than one control file ({names}); name the one to read" if names else
            "no control file, with a name that ends in .yaml or .json"))
    return candidates[0]


def _read(path: Path, root: Path | None, quiet: bool) -> Cross2:
    control = read_control_file(path)
    for field, example in (("crosstype", "f2"), ("geno", "geno.csv")):
        if field not in control:
            raise InputError(f"{path.name} has no {field}; add one, such as '{field}: {example}'")
    crosstype = text(control, "crosstype")
    n_alleles = find_crosstype(crosstype).n_alleles
    if "gmap" not in control and "pmap" not in control:
        raise InputError(f"{path.name} has neither gmap nor pmap; add a genetic or a physical map")

    files = TableFiles(control, path.parent, root, quiet)
    tables = {field: files.read(field) for field in TABLES if field in control}
    for field in ("gmap", "pmap"):
        if field in tables:
            tables[field] = position_table(tables[field], field)
    _keep_common_markers(tables)
    maps = _split_maps(tables)
    markers = {chromosome: series.index for chromosome, series in next(iter(maps.values())).items()}

    geno = encode_genotypes(tables["geno"], control, "geno")
    is_x_chr = _x_chromosomes(control, markers)
    is_female = read_sex(control, tables.get("covar"), files)
    if is_female is None:
        is_female = pd.Series(True, index=geno.index, name="is_female")
        if any(is_x_chr.values()) and find_crosstype(crosstype).needs_sex:
            warn(f"{path.name} has no sex; all individuals are taken to be female")
    cross_info = read_cross_info(control, tables.get("covar"), files)
    if cross_info is None:
        cross_info = pd.DataFrame(index=geno.index)
    individuals = _keep_described(geno.index, is_female.index, cross_info.index)
    founders = encode_genotypes(tables["founder_geno"], control, "founder_geno") if "founder_geno" in tables else None
    unused = [field for field in control if field not in _ALWAYS_USED and field not in TABLES
              and not (field.endswith("_transposed") and field[:-len("_transposed")] in tables)]
    if unused:
        warn(f"{path.name}: {some(unused)} not known or not used; check the spelling")

    cross = Cross2(
        crosstype=crosstype,
        geno={chromosome: geno.loc[individuals, names] for chromosome, names in markers.items()},
        founder_geno=None if founders is None else {
            chromosome: founders[names] for chromosome, names in markers.items()},
        **{field: Map(maps[field], is_x_chr) if field in maps else None for field in ("gmap", "pmap")},
        pheno=_in_order(numbers(tables["pheno"], "pheno"), individuals) if "pheno" in tables else None,
        covar=_in_order(tables["covar"], individuals) if "covar" in tables else None,
        phenocovar=numeric_columns(tables["phenocovar"]) if "phenocovar" in tables else None,
        is_x_chr=is_x_chr,
        is_female=is_female[individuals],
        cross_info=cross_info.loc[individuals],
        alleles=_alleles(control, n_alleles))
    for problem in check_cross2(cross):
        warn(problem)
    return cross


def _keep_common_markers(tables: dict[str, pd.DataFrame]) -> None:
    """Leave out, in place, the markers that are not in all of geno, gmap, pmap and founder_geno."""
    names = {field: tables[field].index if field in ("gmap", "pmap") else tables[field].columns
             for field in ("geno", "gmap", "pmap", "founder_geno") if field in tables}
    every = list(dict.fromkeys(name for index in names.values() for name in index))
    common = set(every).intersection(*names.values())
    if not common:
        raise InputError(f"no marker is in all of {', '.join(names)}; check that their names are written alike")
    if len(common) == len(every):
        return
    gone = [name for name in every if name not in common]
    warn(f"{count(len(gone), 'marker')} not in all of {', '.join(names)}, left out ({some(gone)})")
    for field, index in names.items():
        keep = index.isin(common)
        tables[field] = tables[field].loc[keep] if field in ("gmap", "pmap") else tables[field].loc[:, keep]


def _split_maps(tables: dict[str, pd.DataFrame]) -> dict[str, dict[str, pd.Series]]:
    """gmap and pmap by chromosome; the first of them gives the chromosomes and the order of the markers."""
    given = {field: tables[field] for field in ("gmap", "pmap") if field in tables}
    leading = next(iter(given.values()))
    for field, table in given.items():
        elsewhere = table.index[table["chr"] != leading["chr"].reindex(table.index)]
        if len(elsewhere):
            warn(f"{count(len(elsewhere), 'marker')} not on the same chromosome in gmap and {field}, left out "
                 f"({some(elsewhere)})")
            leading = leading.drop(index=elsewhere)
    if leading.empty:
        raise InputError("no marker is on the same chromosome in gmap and pmap; check how the chromosomes are named")
    ordered = {chromosome: table["pos"].sort_values(kind="stable").index
               for chromosome, table in leading.groupby("chr", sort=False)}
    for chromosome, names in ordered.items():
        for field, table in given.items():
            step = np.flatnonzero(np.diff(table.loc[names, "pos"]) < 0.0)
            if len(step):
                raise InputError(f"{field}: the markers '{names[step[0]]}' and '{names[step[0] + 1]}' on chromosome "
                                 f"'{chromosome}' are in the other order than in gmap; correct one of the maps or take "
                                 f"{field} out of the control file")
    return {field: {chromosome: table["pos"].reindex(names).rename(None) for chromosome, names in ordered.items()}
            for field, table in given.items()}


def _x_chromosomes(control: dict, chromosomes) -> dict[str, bool]:
    named = texts(control, "x_chr") if "x_chr" in control else []
    absent = [chromosome for chromosome in named if chromosome not in chromosomes]
    if absent:
        warn(f"x_chr names {some(absent)}, not among the chromosomes of the genotypes")
    return {chromosome: chromosome in named for chromosome in chromosomes}


def _keep_described(geno: pd.Index, *others: pd.Index) -> pd.Index:
    """The individuals of geno that have a sex and cross_info, in the order of geno."""
    known = np.logical_and.reduce([geno.isin(other) for other in others])
    if not known.any():
        raise InputError("no individual of geno has both sex and cross_info; check that the IDs are written alike")
    if not known.all():
        gone = geno[~known]
        warn(f"{count(len(gone), 'individual')} of geno without sex or cross_info, left out ({some(gone)})")
    return geno[known]


def _in_order(table: pd.DataFrame, individuals: pd.Index) -> pd.DataFrame:
    """In the order of the genotypes where the individuals are the same; else as it is."""
    return table.loc[individuals] if set(table.index) == set(individuals) else table


def _alleles(control: dict, n_alleles: int) -> tuple[str, ...]:
    """The alleles' names, as many as the type of cross has; letters where there are none."""
    pairs = (second + first for second in ascii_uppercase for first in ascii_uppercase)
    if "alleles" not in control:
        return tuple([*ascii_uppercase, *pairs][:n_alleles])
    given = texts(control, "alleles")
    if len(given) != n_alleles:
        warn(f"alleles has {count(len(given), 'name')} where the type of cross has {n_alleles}; "
             + ("letters are added" if len(given) < n_alleles else "the rest is left out"))
    names = tuple([*given, *(letter for letter in [*ascii_uppercase, *pairs] if letter not in given)][:n_alleles])
    if len(set(names)) < len(names):
        raise InputError(f"alleles are not distinct ({', '.join(names)}); give every founder its own")
    return names
