"""CSV tables as R/qtl2's fread_csv reads them: a header, IDs in the first column, every cell a text or missing."""
from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection
from pathlib import Path
from sys import intern

import numpy as np
import pandas as pd

from lmmbridge.errors import InputError


def read_text(path: Path) -> str:
    """The text of a file that must exist, be UTF-8 and not be empty; a byte order mark is left out."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"there is no file '{path}'; check the name") from None
    except OSError as error:
        raise InputError(f"the file '{path}' cannot be read: {error.strerror}") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path.name}, line {line}: not UTF-8 text; save the file in that encoding") from None
    if "\0" in text:
        raise InputError(f"{path.name}: not a text file (it has null bytes); save it as UTF-8 text")
    if not text.strip():
        raise InputError(f"{path.name} is empty")
    return text


def read_csv_table(path: Path, sep: str = ",", na_strings: Collection[str] = ("NA", "-"), comment: str = "#",
                   transpose: bool = False) -> pd.DataFrame:
    """Read a CSV file with a header and the IDs in its first column.

    Blanks around a cell are left out. Lines that begin with the comment character are left out above the header,
    and only there; "# nrow 12" and "# ncol 3" among them must be true (the ID column counts, the header does not).

    Parameters
    ----------
    path : pathlib.Path
    sep : str
        One character.
    na_strings : collection of str
        Cells that are missing, quoted or not.
    comment : str
        What a comment line begins with.
    transpose : bool
        Whether to exchange rows and columns.

    Returns
    -------
    pandas.DataFrame
        Text, missing cells None; index: IDs.

    Raises
    ------
    InputError
        If rows differ in length, an ID or a column name is missing or occurs twice, or the file cannot be read.
    """
    stream = io.StringIO(read_text(path), newline="")
    skipped, start = _skip_comments(stream, comment)
    stream.seek(start)
    missing = frozenset(na_strings)
    reader = csv.reader(stream, delimiter=sep, skipinitialspace=sep != " ", strict=True)
    try:
        header = [cell.strip() for cell in next(reader)]
        ids, rows, blank = [], [], None
        for row in reader:
            line = len(skipped) + reader.line_num
            if not row:
                blank = blank or line
                continue
            if blank:
                raise InputError(f"{path.name}, line {blank}: the line is empty, with rows below it; delete it")
            if len(row) != len(header):
                raise InputError(f"{path.name}, line {line}: {len(row)} cells where the header has {len(header)}; "
                                 "give every row as many")
            cells = [None if (cell := text.strip()) in missing else intern(cell) for text in row]
            if not cells[0]:
                raise InputError(f"{path.name}, line {line}: the row has no ID in its first column; give it one")
            ids.append(cells[0])
            rows.append(cells[1:])
    except csv.Error as error:
        raise InputError(f"{path.name}, line {len(skipped) + reader.line_num}: {error}; "
                         "check the quotation marks") from None
    _check_header(skipped, comment, len(rows), len(header), path.name)
    _check_unique(ids, "ID", path.name)
    _check_unique(header[1:], "column", path.name)
    if "" in header[1:]:
        raise InputError(f"{path.name}: column {header.index('', 1) + 1} has no name; give it one or delete it")
    cells = np.array(rows, dtype=object).reshape(len(rows), len(header) - 1)
    table = pd.DataFrame(cells, index=pd.Index(ids, dtype=object), columns=pd.Index(header[1:], dtype=object),
                         dtype=object)
    return table.T if transpose else table


def _skip_comments(stream: io.StringIO, comment: str) -> tuple[list[str], int]:
    """The comment and empty lines above the header, and where the header begins."""
    skipped, start = [], 0
    for line in stream:
        if line.strip() and not (comment and line.startswith(comment)):
            return skipped, start
        skipped.append(line)
        start += len(line)
    return skipped, 0      # comments only: the first of them will be read as a header without rows


def _check_header(lines: list[str], comment: str, n_rows: int, n_columns: int, name: str) -> None:
    for what, is_there, plural in (("nrow", n_rows, "rows"), ("ncol", n_columns, "columns")):
        said = [int(match[1]) for line in lines if (match := re.match(rf"{re.escape(comment)}\s*{what}\s*(\d+)", line))]
        if any(number != is_there for number in said):
            raise InputError(f"{name}: {is_there} {plural} where its comment says {what} {said[0]}; part of the file "
                             "is missing, or the comment is out of date")


def _check_unique(names: list[str], what: str, where: str) -> None:
    if len(set(names)) < len(names):
        seen: set[str] = set()
        twice = next(name for name in names if name in seen or seen.add(name))
        raise InputError(f"{where}: the {what} '{twice}' occurs more than once; give every one its own name")
