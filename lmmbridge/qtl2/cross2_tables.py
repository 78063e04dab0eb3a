"""The tables of a cross: read from the files that its control file names, and turned from text into numbers."""
from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from lmmbridge.errors import InputError
from lmmbridge.qtl2.check_cross2 import count, some, warn
from lmmbridge.qtl2.control_file import codes, flag, text, texts
from lmmbridge.qtl2.csv_table import read_csv_table

#: Codes of genotypes where the control file gives none.
GENOTYPES = {"A": "1", "H": "2", "B": "3", "D": "4", "C": "5"}


@dataclass(frozen=True)
class TableFiles:
    """The CSV files of a control file.

    Attributes
    ----------
    control : dict
    folder : pathlib.Path
        Where the control file lies.
    root : pathlib.Path or None
        Folder that no file may lie outside of (that of an unpacked bundle).
    quiet : bool
    """

    control: dict
    folder: Path
    root: Path | None
    quiet: bool

    def read(self, field: str) -> pd.DataFrame:
        """The table of a field such as "geno": text, missing cells None; several files are joined."""
        na_strings, transpose = texts(self.control, "na.strings"), flag(self.control, f"{field}_transposed")
        tables = [self.read_file(name, na_strings, transpose, field) for name in texts(self.control, field)]
        if len(tables) == 1:
            return tables[0]
        by_row = field in ("gmap", "pmap")
        if by_row:      # the names of the columns of a map have no meaning
            tables = [table.set_axis(range(table.shape[1]), axis=1) for table in tables]
        names = [name for table in tables for name in (table.index if by_row else table.columns)]
        if len(set(names)) < len(names):
            seen: set[str] = set()
            twice = next(name for name in names if name in seen or seen.add(name))
            raise InputError(f"{field}: '{twice}' is in more than one of its files; leave it in one")
        joined = pd.concat(tables, axis=0 if by_row else 1)
        return joined.where(joined.notna(), None)

    def read_file(self, name: str, na_strings: Iterable[str], transpose: bool, field: str) -> pd.DataFrame:
        """One of the files, found beside the control file."""
        if not self.quiet:
            print(f" - reading {field}", file=sys.stderr)
        path = self.folder / name
        if self.root is not None and not path.resolve().is_relative_to(self.root):
            raise InputError(f"control file: {field} names the file '{name}' outside the bundle; put it in")
        if not path.is_file():
            raise InputError(f"control file: {field} names the file '{name}', which is not there; add it, or correct "
                             "the name")
        sep = text(self.control, "sep")
        if len(sep) != 1:
            raise InputError(f"control file: sep is '{sep}'; it must be one character")
        return read_csv_table(path, sep, na_strings, text(self.control, "comment.char"), transpose)


def encode_genotypes(table: pd.DataFrame, control: dict, field: str) -> pd.DataFrame:
    """Genotypes (rows × markers) as whole numbers by the codes of the control file; 0 where missing or none of them."""
    meaning = codes(control, "genotypes") if "genotypes" in control else GENOTYPES
    numbered = {code: _whole(value, f"control file: the genotype '{code}' stands for")
                for code, value in meaning.items()}
    wrong = [code for code, value in numbered.items() if value < 1]
    if wrong:
        raise InputError(f"control file: the genotype '{wrong[0]}' stands for {numbered[wrong[0]]}; use 1 and up (0 is "
                         "for missing genotypes)")
    places, found = pd.factorize(table.to_numpy().ravel())      # place -1 is missing
    unknown = np.array([code not in numbered for code in found] + [False])
    if unknown.any():
        where = unknown[places].reshape(table.shape)
        i, j = np.argwhere(where)[0]
        warn(f"{field}: {count(where.sum(), 'genotype')} treated as missing, with codes ({some(found[unknown[:-1]])}) "
             f"that are none of the control file's ({some(numbered)}); the first is '{table.iat[i, j]}' for "
             f"'{table.index[i]}' at marker '{table.columns[j]}'")
    as_number = np.array([numbered.get(code, 0) for code in found] + [0], dtype=np.int32)
    return pd.DataFrame(as_number[places].reshape(table.shape), index=table.index, columns=table.columns)


def numbers(table: pd.DataFrame, field: str) -> pd.DataFrame:
    """The table as float64; missing and empty cells are NaN."""
    columns = {}
    for column in table.columns:
        try:
            columns[column] = [_number(cell) for cell in table[column]]
        except ValueError:
            row = next(row for row, cell in enumerate(table[column]) if not _is_number(cell))
            raise InputError(f"{field}: column '{column}' holds text ('{table[column].iat[row]}' for individual "
                             f"'{table.index[row]}'); give numbers, or add it to na.strings if it stands for a missing "
                             "value") from None
    return pd.DataFrame(columns, index=table.index, columns=table.columns, dtype=float)


def numeric_columns(table: pd.DataFrame) -> pd.DataFrame:
    """The table with those columns as float64 in which every cell that is not missing is a plain decimal number."""
    plain = re.compile(r"-?[0-9]+\.?[0-9]*")
    return pd.DataFrame(
        {column: cells.astype(float) if all(plain.fullmatch(cell) for cell in cells.dropna()) else cells
         for column, cells in table.items()}, index=table.index, columns=table.columns)


def position_table(table: pd.DataFrame, field: str) -> pd.DataFrame:
    """The first two columns of a map as "chr" (text) and "pos" (float64), without the markers that have no position."""
    if table.shape[1] < 2:
        raise InputError(f"{field} has no column of positions; give the columns marker, chr, pos")
    chromosomes, positions = table.iloc[:, 0], table.iloc[:, 1]
    nowhere = table.index[chromosomes.isna() | (chromosomes == "")]
    if len(nowhere):
        raise InputError(f"{field}: marker '{nowhere[0]}' has no chromosome; give it one or delete it")
    result = pd.DataFrame({"chr": chromosomes, "pos": [_number(cell) if _is_number(cell) else np.nan
                                                       for cell in positions]}, index=table.index)
    unplaced = result.index[result["pos"].isna()]
    if len(unplaced):
        warn(f"{field}: {count(len(unplaced), 'marker')} with no position that is a number, left out "
             f"({some(unplaced)})")
    return result.dropna()


def whole_numbers(cells: Iterable[str], individuals: Iterable[str], field: str) -> list[int]:
    """Cells as whole numbers; a cell that is none is named with its individual."""
    return [_whole(cell, f"{field} of individual '{individual}' is") for individual, cell in zip(individuals, cells)]


def _number(cell: str | None) -> float:
    if not cell:
        return np.nan
    if "_" in cell or not cell.isascii():
        raise ValueError
    return float(cell)


def _is_number(cell: str | None) -> bool:
    try:
        _number(cell)
    except ValueError:
        return False
    return True


def _whole(cell: str, what: str) -> int:
    if not (_is_number(cell) and _number(cell).is_integer()):
        raise InputError(f"{what} '{cell}'; give a whole number")
    return int(_number(cell))
