"""Tables of the user's in CSV files."""
from __future__ import annotations

from collections import Counter
from pathlib import Path

import pandas as pd

from lmmbridge.errors import InputError

#: What stands for a missing value in a CSV file.
MISSING = ["", "-", "NA", "N/A", "NaN", "nan", "NULL", "null"]


def read_csv(path: Path) -> pd.DataFrame:
    """A table with the ID in column one, taken as text; elsewhere empty cells, NA and - are missing."""
    try:
        header = next(iter(pd.read_csv(path, header=None, nrows=1, dtype=str, skipinitialspace=True).fillna("").values))
        missing = {name: MISSING for name in header[1:]}
        frame = pd.read_csv(path, na_values=missing, keep_default_na=False, dtype={header[0]: str},
                            skipinitialspace=True, float_precision="round_trip")
    except FileNotFoundError:
        raise InputError(f"{path} does not exist") from None
    except pd.errors.EmptyDataError:
        raise InputError(f"{path} is empty: a CSV file with the ID in column one is needed") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as CSV: {str(error).strip()}") from None
    if len(header) == 1 and ";" in header[0]:
        raise InputError(f"{path} is separated by ';': write it with ',' between columns and '.' in numbers")
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise InputError(f"{path}: column '{twice[0]}' occurs more than once; give every column its own name")
    frame = frame.set_index(frame.columns[0])
    if frame.shape[0] == 0 or frame.shape[1] == 0:
        raise InputError(f"{path} has {frame.shape[0]} rows and {frame.shape[1]} columns beside the ID; a CSV file "
                         "with the ID in column one is needed")
    return frame
