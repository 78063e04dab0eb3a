"""Sex and cross_info of the individuals: from a covariate or a file, by the codes of the control file."""
from __future__ import annotations

import pandas as pd

from lmmbridge.errors import InputError
from lmmbridge.qtl2.check_cross2 import some
from lmmbridge.qtl2.control_file import codes, text, texts
from lmmbridge.qtl2.cross2_tables import TableFiles, whole_numbers


def read_sex(control: dict, covar: pd.DataFrame | None, files: TableFiles) -> pd.Series | None:
    """Whether an individual is female; None where the control file says nothing of sex."""
    if "sex" not in control:
        return None
    if not isinstance(control["sex"], dict):
        raise InputError("control file: sex must name a covariate or a file, such as 'covar: sex', with codes such as "
                         "'f: female'")
    if "covar" not in control["sex"]:      # a code such as NA is no missing value here
        cells = files.read_file(_file(control, "sex"), (), False, "sex").iloc[:, :1]
    else:
        cells = _columns(covar, [text(control["sex"], "covar")], "sex")
    if cells.shape[1] == 0:
        raise InputError("sex: its file has only one column; give the columns id and sex")
    sex = cells.iloc[:, 0]
    _refuse_missing(cells, "sex")
    meaning = {code: said.lower()[:1] for code, said in codes(control, "sex").items()} or {"0": "f", "1": "m"}
    odd = [code for code, said in meaning.items() if said not in ("f", "m")]
    if odd:
        raise InputError(f"control file: sex gives '{odd[0]}' the meaning '{control['sex'][odd[0]]}'; write female or "
                         "male")
    _refuse_unknown(cells, meaning, "sex")
    return (sex.map(meaning) == "f").rename("is_female")


def read_cross_info(control: dict, covar: pd.DataFrame | None, files: TableFiles) -> pd.DataFrame | None:
    """Individuals × cross_info, whole numbers; None where the control file says nothing of cross_info."""
    if "cross_info" not in control:
        return None
    given = control["cross_info"]
    if isinstance(given, dict) and "covar" in given and "file" not in given:
        cells = _columns(covar, texts(given, "covar"), "cross_info")
    else:
        name = _file(control, "cross_info") if isinstance(given, dict) else text(control, "cross_info")
        cells = files.read_file(name, ("NA", "-"), False, "cross_info")
    _refuse_missing(cells, "cross_info")
    meaning = codes(control, "cross_info") if isinstance(given, dict) else {}
    if meaning:
        _refuse_unknown(cells, meaning, "cross_info")
        cells = cells.apply(lambda column: column.map(meaning))
    return pd.DataFrame({column: whole_numbers(values, cells.index, "cross_info") for column, values in cells.items()},
                        index=cells.index, columns=cells.columns, dtype="int64")


def _file(control: dict, field: str) -> str:
    if "file" not in control[field]:
        raise InputError(f"control file: {field} must name a covariate or a file, such as 'covar: {field}'")
    return text(control[field], "file")


def _columns(covar: pd.DataFrame | None, names: list[str], field: str) -> pd.DataFrame:
    absent = [name for name in names if covar is None or name not in covar.columns]
    if absent:
        there = "there is no covar" if covar is None else f"it has {some(covar.columns)}"
        raise InputError(f"control file: {field} names the column '{absent[0]}' of covar, but {there}")
    return covar[names]


def _refuse_missing(cells: pd.DataFrame, field: str) -> None:
    bare = cells.index[(cells.isna() | (cells == "")).any(axis=1)]
    if len(bare):
        raise InputError(f"{field} is missing for {some(bare)}; it must be known for every individual in its table")


def _refuse_unknown(cells: pd.DataFrame, meaning: dict, field: str) -> None:
    for column in cells.columns:
        odd = cells.index[~cells[column].isin(list(meaning))]
        if len(odd):
            raise InputError(f"{field} of individual '{odd[0]}' is '{cells.at[odd[0], column]}', none of the codes in "
                             f"the control file ({some(meaning)}); add the code or correct the table")
