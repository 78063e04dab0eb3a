"""Crosses to files: a control file with its CSV files, and zip bundles of them, for R/qtl2 and for read_cross2."""
from __future__ import annotations

import json
import os
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from lmmbridge.errors import InputError
from lmmbridge.qtl2.control_file import data_files, read_control_file
from lmmbridge.qtl2.cross2 import Cross2
from lmmbridge.qtl2.maps import Map


def write_cross2(cross: Cross2, directory: str | Path, basename: str = "cross", overwrite: bool = False) -> Path:
    """Write a cross as a JSON control file and CSV files that R/qtl2's `read_cross2` and this one read back.

    The genotypes are written by their numbers; all other numbers with the digits that give them back.

    Parameters
    ----------
    cross : Cross2
    directory : str or path
        Made if it is not there.
    basename : str, default "cross"
        The files are `basename.json`, `basename_geno.csv` and so on.
    overwrite : bool, default False
        Whether to replace files of these names.

    Returns
    -------
    pathlib.Path
        The control file.

    Raises
    ------
    InputError
        If a file is there and is not to be replaced, or a text cannot be written so that both readers give it back.

    Examples
    --------
    >>> import tempfile
    >>> from lmmbridge.qtl2.cross2 import read_cross2
    >>> from lmmbridge.qtl2.extdata import extdata
    >>> iron = read_cross2(extdata("iron.zip"))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     control_file = write_cross2(iron, folder, "iron")
    ...     again = read_cross2(control_file)
    >>> control_file.name, again.pheno.equals(iron.pheno)
    ('iron.json', True)
    """
    directory = Path(directory).expanduser()
    if Path(basename).name != basename or basename.startswith("."):
        raise InputError(f"basename is '{basename}'; give the beginning of a file name, without a folder")
    na_string = _unused_text(cross)
    tables = _text_tables(cross, na_string)
    contents = {f"{basename}_{field}.csv": _csv(table, field) for field, table in tables.items()}
    contents[f"{basename}.json"] = json.dumps(_control(cross, tables, basename, na_string), indent=2) + "\n"
    there = [name for name in contents if (directory / name).exists()]
    if there and not overwrite:
        raise InputError(f"'{directory / there[0]}' is there already; choose another folder or basename, or pass "
                         "overwrite=True")
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"the folder '{directory}' cannot be made: {error.strerror}") from None
    with tempfile.TemporaryDirectory(prefix=f".{basename}-", dir=directory) as part:
        for name, content in contents.items():
            Path(part, name).write_text(content, encoding="utf-8", newline="")
        for name in contents:      # the control file is last: without it nothing is a cross
            os.replace(Path(part, name), directory / name)
    return directory / f"{basename}.json"


def zip_datafiles(control_file: str | Path, zip_file: str | Path | None = None, overwrite: bool = False,
                  quiet: bool = True) -> Path:
    """Bundle a control file and all files it names, as R/qtl2's `zip_datafiles`.

    Parameters
    ----------
    control_file : str or path
    zip_file : str or path, optional
        Default: the control file's name with .zip, beside it.
    overwrite : bool, default False
        Whether to replace a file of that name.
    quiet : bool, default True
        Whether not to name the files, on standard error.

    Returns
    -------
    pathlib.Path
        The zip file.

    Raises
    ------
    InputError
        If a file is missing or outside the control file's folder, or the zip file is there and is not to be replaced.

    Examples
    --------
    >>> import tempfile
    >>> from lmmbridge.qtl2.cross2 import read_cross2
    >>> from lmmbridge.qtl2.extdata import extdata
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     control_file = write_cross2(read_cross2(extdata("iron.zip")), folder, "iron")
    ...     read_cross2(zip_datafiles(control_file))
    Cross2 of crosstype 'f2': 284 individuals, 20 chromosomes, 66 markers, 2 phenotypes, 2 covariates
    """
    control_file = Path(control_file).expanduser()
    zip_file = control_file.with_suffix(".zip") if zip_file is None else Path(zip_file).expanduser()
    folder = control_file.parent
    names = [control_file.name, *data_files(read_control_file(control_file))]
    for name in names:
        if Path(name).is_absolute() or ".." in Path(name).parts or not _is_within(folder / name, folder):
            raise InputError(f"{control_file.name} names the file '{name}' outside its own folder; put it there, and "
                             "change the name")
        if not (folder / name).is_file():
            raise InputError(f"{control_file.name} names the file '{name}', which is not there; add it, or correct the "
                             "name")
    if zip_file.exists() and not overwrite:
        raise InputError(f"'{zip_file}' is there already; choose another name or pass overwrite=True")
    if not zip_file.parent.is_dir():
        raise InputError(f"there is no folder '{zip_file.parent}' for the zip file; make it first")
    with tempfile.TemporaryDirectory(prefix=f".{zip_file.stem}-", dir=zip_file.parent) as part:
        with zipfile.ZipFile(Path(part, "bundle.zip"), "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
            for name in names:
                if not quiet:
                    print(f" - adding {name}", file=sys.stderr)
                archive.write(folder / name, Path(name).as_posix())
        os.replace(Path(part, "bundle.zip"), zip_file)
    return zip_file


def _text_tables(cross: Cross2, na_string: str) -> dict[str, pd.DataFrame]:
    """The parts of a cross as tables of the text that is written."""
    tables = {"geno": _genotypes(cross.geno, na_string)}
    if cross.founder_geno is not None:
        tables["founder_geno"] = _genotypes(cross.founder_geno, na_string)
    others = {"gmap": _positions(cross.gmap), "pmap": _positions(cross.pmap), "pheno": cross.pheno,
              "covar": cross.covar, "phenocovar": cross.phenocovar,
              "sex": cross.is_female.map({True: "female", False: "male"}).to_frame("sex"),
              "cross_info": cross.cross_info if cross.cross_info.shape[1] else None}
    return tables | {field: pd.DataFrame([[na_string if missing else _cell(cell, field) for cell, missing in zip(*row)]
                                          for row in zip(table.astype(object).to_numpy(), table.isna().to_numpy())],
                                         index=table.index, columns=table.columns, dtype=object)
                     for field, table in others.items() if table is not None}


def _genotypes(geno: dict[str, pd.DataFrame], na_string: str) -> pd.DataFrame:
    together = pd.concat(geno.values(), axis=1)
    if together.to_numpy().min(initial=0) < 0:
        raise InputError("geno has a negative code; genotypes are 1 and up, 0 where missing")
    labels = np.array([na_string, *map(str, range(1, int(together.to_numpy().max(initial=0)) + 1))], dtype=object)
    return pd.DataFrame(labels[together.to_numpy()], index=together.index, columns=together.columns, dtype=object)


def _positions(positions: Map | None) -> pd.DataFrame | None:
    if positions is None:
        return None
    return pd.concat([pd.DataFrame({"chr": chromosome, "pos": series}) for chromosome, series in positions.items()])


def _control(cross: Cross2, tables: Iterable[str], basename: str, na_string: str) -> dict:
    """What the control file says. JSON, since all texts are in quotation marks there, so that none is a number in R."""
    used = {int(code) for table in (cross.geno, cross.founder_geno or {}) for geno in table.values()
            for code in np.unique(geno.to_numpy())} - {0}
    control = {"crosstype": cross.crosstype}
    control |= {field: f"{basename}_{field}.csv" for field in tables if field not in ("sex", "cross_info")}
    control |= {"genotypes": {str(code): code for code in sorted(used | {1, 2})}, "alleles": list(cross.alleles)}
    if x_chr := [chromosome for chromosome, is_x in cross.is_x_chr.items() if is_x]:
        control["x_chr"] = x_chr
    control["sex"] = {"file": f"{basename}_sex.csv", "female": "female", "male": "male"}
    if "cross_info" in tables:
        control["cross_info"] = {"file": f"{basename}_cross_info.csv"}
    return control | {"sep": ",", "na.strings": na_string, "comment.char": "#"}


def _unused_text(cross: Cross2) -> str:
    """A code for missing cells that is no ID, chromosome or text of the cross."""
    texts = {*cross.is_female.index, *(cross.gmap or cross.pmap)}
    for table in (cross.pheno, cross.covar, cross.phenocovar, *(cross.founder_geno or {}).values()):
        if table is not None:
            texts |= set(table.index) | {cell for column in table.select_dtypes(object) for cell in table[column]}
    for geno in cross.geno.values():
        texts |= set(geno.columns)
    return next(code for code in ("NA", "-", *(f"missing{i}" for i in range(len(texts) + 1))) if code not in texts)


def _csv(table: pd.DataFrame, field: str) -> str:
    """A table of text as CSV, its index as first column."""
    if "" in table.index or "" in table.columns:
        raise InputError(f"{field}: a row or a column has no name; give every one a name")
    header = ["id", *(_cell(name, field) for name in table.columns)]
    rows = ([_cell(name, field), *row] for name, row in zip(table.index, table.to_numpy()))
    return "".join(",".join(row) + "\n" for row in (header, *rows))


def _cell(value, field: str) -> str:
    """The text of one cell, in quotation marks only where it must be."""
    if isinstance(value, float) and field == "phenocovar":      # read as numbers only where all are plain decimals
        if np.isinf(value):
            raise InputError("phenocovar has an infinite number, which would be read back as text; leave it out")
        return np.format_float_positional(value, trim="-")
    if isinstance(value, float):
        return repr(value).replace("inf", "Inf")
    text = str(value)
    if '"' in text or "\n" in text or "\r" in text or text != text.strip():
        raise InputError(f"{field}: {text!r} has a quotation mark, a line break or blanks at an end, which R/qtl2 does "
                         "not read back as they are; write it in another way")
    return f'"{text}"' if "," in text else text


def _is_within(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())
