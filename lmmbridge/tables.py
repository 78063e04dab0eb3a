"""Tables of the user's in CSV files."""
from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pandas as pd

from lmmbridge.errors import InputError

#: What stands for a missing value in a CSV file.
MISSING = ["", "-", "NA", "N/A", "NaN", "nan", "NULL", "null"]


def read_csv(path: Path) -> pd.DataFrame:
    """A table with the ID in column one, taken as text; elsewhere empty cells, NA and - are missing."""
    try:
        _refuse_ragged(path)
        header = next(iter(pd.read_csv(path, header=None, nrows=1, dtype=str, skipinitialspace=True).fillna("").values))
        missing = {name: MISSING for name in header[1:]}
        ids = header[0] or "Unnamed: 0"     # as pandas calls a first column without a name
        frame = pd.read_csv(path, na_values=missing, keep_default_na=False, dtype={ids: str},
                            skipinitialspace=True, float_precision="round_trip")
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"{path} does not exist") from None
    except pd.errors.EmptyDataError:
        raise InputError(f"{path} is empty: a CSV file with the ID in column one is needed") from None
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as CSV: {str(error).strip()}") from None
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise InputError(f"{path}: column '{twice[0]}' occurs more than once; give every column its own name")
    frame = frame.set_index(frame.columns[0]).rename_axis(header[0] or None)
    if frame.shape[0] == 0 or frame.shape[1] == 0:
        raise InputError(f"{path} has {frame.shape[0]} rows and {frame.shape[1]} columns beside the ID; a CSV file "
                         "with the ID in column one is needed")
    return frame


def _refuse_ragged(path: Path) -> None:
    """pandas would take a longer row's first cell for a row name, and fill a shorter one up."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file, skipinitialspace=True)
        header = next(rows, [])
        if len(header) == 1 and ";" in header[0]:
            raise InputError(f"{path} is separated by ';': write it with ',' between columns and '.' in numbers")
        for row in rows:
            if row and len(row) != len(header):
                raise InputError(f"{path}, line {rows.line_num}: {len(row)} cells where the header has {len(header)}; give "
                                 "every row as many (and the column of IDs a name, or an empty one)")
            if row and not row[0].strip():
                raise InputError(f"{path}, line {rows.line_num}: the row has no ID in its first column; give it one")
