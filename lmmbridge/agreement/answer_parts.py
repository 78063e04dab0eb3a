"""The numbers of a function's answer, part by part and by name, and how far two answers' parts are apart."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from lmmbridge import qtl2
from lmmbridge.agreement.differences import digits
from lmmbridge.agreement.tolerances import tolerances

#: Parts that are LOD scores, whose difference counts as such.
LOD_PARTS = ("LOD", "individual LOD", "maximum LOD", "maximum LOD, autosomes", "maximum LOD, X")
#: A coefficient that is smaller than this part of the largest other than the intercept is judged against that.
SMALLEST = 1e-3
#: Nothing is measured against less than this part of the largest entry: rounding of that is 1e-9 of it.
ROUNDED = 1e-6


def parts_of(name: str, answer: Any) -> dict[str, pd.DataFrame]:
    """The parts of the answer of a function of that name, ours and R's alike; those without names have row numbers.

    Parameters
    ----------
    name : str
    answer : object
        A result of `lmmbridge.qtl2` or `lmmbridge.lmmlite`, or what R gave: see `lmmbridge.qtl2.from_r`; of fit1 a mapping.
    """
    if name in ("calc_kinship", "scale_kinship"):
        return {f"kinship{of}": matrix for of, matrix in _each(answer)}
    if name == "decomp_kinship":
        parts = {}
        for of, found in _each(answer):
            # Eigenvectors are not unique; K is.
            K = pd.DataFrame((found.vectors.T * found.values) @ found.vectors, list(found.ids), list(found.ids))
            parts |= {f"eigenvalues{of}": _table(found.values), f"vectors' values vectors{of}": K}
        return parts
    if name == "scan1max":
        lod = answer.lod if isinstance(answer, qtl2.Scan1Max) else answer
        return {"maximum LOD": lod if isinstance(lod, pd.DataFrame) else _row(lod)}
    if name == "scan1perm":
        A, X = (answer.A, answer.X) if isinstance(answer, qtl2.Scan1Perm) else (
            (answer["A"], answer["X"]) if isinstance(answer, Mapping) else (answer, None))
        return {"maximum LOD": _table(A)} if X is None else {"maximum LOD, autosomes": _table(A), "maximum LOD, X": _table(X)}
    if name in ("scan1coef", "scan1blup"):
        return {"coefficients": answer.coef, "individuals": _table(answer.sample_size)} | (
            {} if answer.se is None else {"standard errors": answer.se})
    if name == "fit1":
        called = {"lod": "LOD", "ind_lod": "individual LOD", "coef": "coefficients", "SE": "standard errors", "var": "covariance",
                  "fitted": "fitted values", "resid": "residuals"}
        given = {part: answer.get(part) if isinstance(answer, Mapping) else getattr(answer, part) for part in called}
        return {called[part]: value if isinstance(value, pd.DataFrame) and part == "var" else _row(value)
                for part, value in given.items() if value is not None}
    if name == "eigen_rotation":
        U = np.asarray(answer["Kve_t"], dtype=float)
        return {"eigenvalues": _table(answer["Kva"]), "vectors' values vectors": _table((U.T * answer["Kva"]) @ U),
                "y, rotated back": _table(U.T @ answer["y"]), "X, rotated back": _table(U.T @ answer["X"])}
    return {part: _table(np.asarray(value, dtype=float).ravel()) for part, value in answer.items()}


def compare_parts(ours: dict[str, pd.DataFrame], theirs: dict[str, pd.DataFrame], hsq: str) -> list[dict[str, Any]]:
    """A row for each part that either has: quantity, verdict, difference, tolerance, digits, place.

    Parameters
    ----------
    ours, theirs : dict of DataFrame
        See `parts_of`.
    hsq : {"own", "given"}
        Whether each side estimated hsq.
    """
    rows = []
    for part in dict.fromkeys([*ours, *theirs]):
        limit = tolerances()[f"LOD at {hsq} hsq" if part in LOD_PARTS else f"parts at {hsq} hsq"]["limit"]
        row = {"quantity": part, "tolerance": limit, "difference": None, "digits": None, "place": None}
        if part not in ours or part not in theirs:
            rows.append(row | {"verdict": "not comparable", "place": f"only {'ours' if part in ours else 'R'} has it"})
            continue
        one, other = ours[part], theirs[part]
        where = _odd_names(one, other)
        if where is not None:
            rows.append(row | {"verdict": "unexplained", "place": where})
            continue
        a, b = one.to_numpy(float), _in_order(other, one).to_numpy(float)
        with np.errstate(invalid="ignore"):
            apart = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.nan_to_num(np.abs(a - b), nan=np.inf))
        off = apart / _sizes(part, b, one)
        worst = float(np.max(off, initial=0.0))
        place = None
        if worst > limit and not isinstance(one.columns, pd.RangeIndex):
            i, j = np.unravel_index(int(np.argmax(off)), off.shape)
            place = ", ".join(map(str, [*([] if isinstance(one.index, pd.RangeIndex) else [one.index[i]]), one.columns[j]]))
        rows.append(row | {"verdict": "agree" if worst <= limit else "unexplained", "difference": worst, "digits": digits(worst),
                           "place": place})
    return rows


def _odd_names(one: pd.DataFrame, other: pd.DataFrame) -> str | None:
    """What is wrong with the size or the names of the two, if anything."""
    if one.shape != other.shape:
        return f"{one.shape[0]} x {one.shape[1]} here, {other.shape[0]} x {other.shape[1]} in R"
    for a, b, what in ((one.index, other.index, "rows"), (one.columns, other.columns, "columns")):
        if not isinstance(a, pd.RangeIndex) and not isinstance(b, pd.RangeIndex) and sorted(map(str, a)) != sorted(map(str, b)):
            return f"other names of {what}"
    return None


def _in_order(other: pd.DataFrame, one: pd.DataFrame) -> pd.DataFrame:
    """The other with its rows and columns in the order of the one, by name where both have names and they are unique."""
    for axis in (0, 1):
        a, b = one.axes[axis], other.axes[axis]
        if not isinstance(a, pd.RangeIndex) and not isinstance(b, pd.RangeIndex) and b.is_unique:
            other = other.reindex(a, axis=axis)
    return other


def _sizes(part: str, b: np.ndarray, names: pd.DataFrame) -> np.ndarray | float:
    """What differences are measured against, so that a large entry does not hide a small one of another kind."""
    tiny = np.finfo(float).tiny
    if part in LOD_PARTS or b.size == 0:
        return 1.0
    if part == "covariance":
        root = np.sqrt(np.abs(np.diag(b)))
        return np.maximum(np.nan_to_num(root[:, None] * root), tiny)
    if part in ("coefficients", "standard errors"):
        largest = np.nan_to_num(np.nanmax(np.abs(np.nan_to_num(b)), axis=0))
        others = largest[[str(name) != "intercept" for name in names.columns]]
        return np.maximum(largest, max(SMALLEST * np.max(others, initial=0.0), ROUNDED * np.max(largest), tiny))
    if part == "fitted values":
        return max(float(np.nanmax(np.abs(b - np.nanmean(b)))), ROUNDED * float(np.nanmax(np.abs(b))), tiny)
    return max(float(np.max(np.abs(np.nan_to_num(b, posinf=0.0, neginf=0.0)))), tiny)


def _each(answer: Any) -> list[tuple[str, Any]]:
    if isinstance(answer, Mapping):
        return [(f" of chromosome {chromosome}", one) for chromosome, one in answer.items()]
    return [("", answer)]


def _table(values: Any) -> pd.DataFrame:
    """Numbers as a table; without names unless they have them."""
    if isinstance(values, pd.DataFrame):
        return values
    values = np.asarray(values.values if isinstance(values, (xr.DataArray, pd.Series)) else values, dtype=float)
    return pd.DataFrame(values if values.ndim == 2 else np.atleast_1d(values)[None])


def _row(values: Any) -> pd.DataFrame:
    """A vector as one row, its names being columns."""
    if isinstance(values, pd.DataFrame):
        values = values.iloc[:, 0]
    if isinstance(values, pd.Series):
        return pd.DataFrame(values.to_numpy(float)[None], columns=values.index)
    return _table(np.ravel(values))
