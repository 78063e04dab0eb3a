"""What people hand over: labelled or plain data, checked and aligned by individual, every repair counted.

A phenotype that is missing (NaN) is left out and said; individuals that are not in every input are left out and said;
everything else that does not fit is refused with one sentence.
"""
from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from lmmbridge.errors import InputError

#: Largest |K − K'| relative to max |K| that passes for rounding (files with 8 digits); half the sum is then used.
ASYMMETRY = 1e-8
#: A column of X is dependent when the part of it outside the other columns is below this, relative to its norm.
DEPENDENT = 1e-10
#: An eigenvalue of K below −this × the largest is refused: files written with 5 digits stay within it.
NEGATIVE_EIGENVALUE = 1e-5


@dataclass(frozen=True)
class Data:
    """Complete, aligned data for phenotypes that share one pattern of missing values.

    Attributes
    ----------
    ids : tuple of str, length n
    phenotypes : tuple of str, length m
    positions : tuple of int, length m
        Which columns of the phenotypes handed over these are.
    columns : tuple of str, length p
        Names of the columns of X.
    Y : ndarray, shape (n, m)
    X : ndarray, shape (n, p)
        Intercept included.
    K : ndarray, shape (n, n)
        Exactly symmetric.
    weights : ndarray, shape (n,), or None
    notes : tuple of str
        What was repaired, with counts.
    """

    ids: tuple[str, ...]
    phenotypes: tuple[str, ...]
    positions: tuple[int, ...]
    columns: tuple[str, ...]
    Y: np.ndarray
    X: np.ndarray
    K: np.ndarray
    weights: np.ndarray | None
    notes: tuple[str, ...]

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of IDs, names and numbers: the same hash is the same problem, to the bit."""
        digest = hashlib.sha256(repr((self.ids, self.phenotypes, self.columns)).encode())
        for array in (self.Y, self.X, self.K, self.weights):
            digest.update(b"absent" if array is None else np.ascontiguousarray(array, dtype="<f8").tobytes())
        return digest.hexdigest()


def prepare(pheno: Any, kinship: Any, covar: Any = None, weights: Any = None) -> list[Data]:
    """Check and align the inputs of a fit; phenotypes are batched by their pattern of missing values.

    Parameters
    ----------
    pheno : array or Series, length n, or array or DataFrame, shape (n, m)
        NaN is missing.
    kinship : array or DataFrame, shape (n, n)
    covar : array, Series or DataFrame, n rows, optional
        An intercept is put in front unless the columns already span the constant.
    weights : array or Series, length n, optional
        Positive, 1/variance.

    Returns
    -------
    list of Data
        In the order in which the patterns first occur. pandas objects are aligned by their index (as text); arrays
        are taken to be in the order of the first pandas object (of pheno, kinship, covar, weights).

    Raises
    ------
    InputError
    """
    given = {"pheno": pheno, "kinship": kinship, "covar": covar, "weights": weights}
    leader = next((name for name, values in given.items() if isinstance(values, (pd.Series, pd.DataFrame))), "pheno")
    order = frame_of(given[leader], leader).index
    pheno = frame_of(pheno, "pheno", leader, order)
    kinship = _kinship_frame(kinship, leader, order)
    covar = None if covar is None else frame_of(covar, "covar", leader, order)
    weights = None if weights is None else frame_of(weights, "weights", leader, order)
    if weights is not None and weights.shape[1] != 1:
        raise InputError(f"weights has {weights.shape[1]} columns: give one column, 1/variance of each individual")

    parts = {"pheno": pheno, "kinship": kinship, "covar": covar, "weights": weights}
    parts = {name: frame for name, frame in parts.items() if frame is not None}
    ids, notes = _common_ids(parts)
    Y = numbers_of(pheno.loc[ids], "pheno", missing=True)
    K = numbers_of(kinship if list(kinship.index) == ids else kinship.loc[ids, ids], "kinship")
    C = None if covar is None else numbers_of(covar.loc[ids], "covar")
    w = None if weights is None else numbers_of(weights.loc[ids], "weights")[:, 0]
    if w is not None and np.any(w <= 0.0):
        worst = int(np.argmin(w))
        raise InputError(f"weights: {w[worst]:g} for individual '{ids[worst]}'; weights are 1/variance and must be "
                         "positive")
    K = symmetric(K, ids)
    X, columns = _design(C, len(ids), () if covar is None else tuple(covar.columns))
    return _batches(ids, tuple(pheno.columns), columns, Y, X, K, w, notes)


def frame_of(values: Any, name: str, leader: str = "", order: pd.Index | None = None) -> pd.DataFrame:
    """Any accepted input as a DataFrame with unique text IDs and column names; an array takes the leader's IDs.

    The values of a Series or DataFrame are not copied.
    """
    if isinstance(values, pd.Series):
        frame = values.to_frame(name if values.name is None else str(values.name))
    elif isinstance(values, pd.DataFrame):
        frame = values.copy(deep=False)
    else:
        try:
            array = values.astype(float).filled(np.nan) if np.ma.isMaskedArray(values) else np.asarray(values)
        except ValueError:
            raise InputError(f"{name} is not a vector or a matrix of numbers: its rows differ in length, or hold "
                             "text") from None
        if array.ndim == 1:
            array = array[:, None]
        if array.ndim != 2:
            raise InputError(f"{name} has {array.ndim} dimensions: give a vector or a matrix with individuals in rows")
        names = [name] if array.shape[1] == 1 else [f"{name}{j + 1}" for j in range(array.shape[1])]
        frame = pd.DataFrame(array, columns=names)
        if order is not None and len(frame) != len(order):
            raise InputError(f"{name} has {len(frame)} rows and {leader} has {len(order)}: without IDs they must be as "
                             "many")
        frame.index = pd.RangeIndex(1, len(frame) + 1) if order is None else order
    if frame.shape[0] == 0 or frame.shape[1] == 0:
        raise InputError(f"{name} is empty: {frame.shape[0]} rows, {frame.shape[1]} columns")
    frame.columns = _as_text(frame.columns)
    if frame.columns.has_duplicates:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise InputError(f"{name}: column '{twice}' occurs more than once; give every column its own name")
    if frame.index.hasnans:
        raise InputError(f"{name}: row {int(np.argmax(frame.index.isna())) + 1} has no ID; give every individual one")
    frame.index = _as_text(frame.index)
    if frame.index.has_duplicates:
        twice = frame.index[frame.index.duplicated()][0]
        raise InputError(f"{name}: individual '{twice}' occurs more than once; give every individual one row")
    return frame


def _as_text(labels: pd.Index) -> pd.Index:
    """The labels as text; a view of them where they are, so that what pandas knows of them is not found out again."""
    if labels.dtype == object and not isinstance(labels, pd.MultiIndex) and all(type(label) is str for label in labels):
        return labels.rename(None)
    return pd.Index([str(label) for label in labels], dtype=object)


def refuse_row_numbers(values: pd.Series | pd.DataFrame, name: str) -> None:
    """Refuse the index that pandas makes where it is given none: it counts the rows."""
    if isinstance(values.index, pd.RangeIndex) and values.index.name is None:
        raise InputError(f"{name} has no IDs: its index counts the rows, as pandas makes it; give the individuals' IDs "
                         "as index (pandas.read_csv(…, index_col=0), or set_index)")


def _kinship_frame(kinship: Any, leader: str, order: pd.Index) -> pd.DataFrame:
    frame = frame_of(kinship, "kinship", leader, order)
    if frame.shape[0] != frame.shape[1]:
        raise InputError(f"kinship has {frame.shape[0]} rows and {frame.shape[1]} columns: it must be square")
    if not isinstance(kinship, pd.DataFrame):
        frame.columns = frame.index
    if set(frame.columns) != set(frame.index):
        odd = sorted(set(frame.columns) ^ set(frame.index))[0]
        raise InputError(f"kinship: individual '{odd}' names a row or a column but not both; rows and columns must be "
                         "the same individuals")
    return frame if frame.columns.equals(frame.index) else frame[frame.index]


def _common_ids(parts: dict[str, pd.DataFrame]) -> tuple[list[str], list[str]]:
    """IDs in every part, in the order of pheno, and a note for each part about those left out."""
    common = [i for i in parts["pheno"].index if all(i in frame.index for frame in parts.values())]
    if not common:
        raise InputError("no individual is in all of " + ", ".join(parts) + ": check that the IDs are written alike")
    notes, kept = [], set(common)
    for name, frame in parts.items():
        alone = [i for i in frame.index if i not in kept]
        if alone:
            notes.append(f"{count_of(alone)} of {name} not in every input, left out ({some_of(alone)})")
    return common, notes


def floats_of(frame: pd.DataFrame, name: str) -> np.ndarray:
    """The frame as float64, what is missing as NaN; refuses what is not a number."""
    types = frame.dtypes.tolist()
    if all(isinstance(dtype, np.dtype) and dtype.kind in "fiub" for dtype in set(types)):
        return frame.to_numpy(dtype=float)
    for column, dtype in zip(frame.columns, types):
        if dtype.kind in "cmM":
            raise InputError(f"{name}: column '{column}' holds values of type {dtype}; give real numbers")
    if object in types:
        frame = frame.where(frame.notna(), np.nan)      # pd.NA among Python objects
    try:
        return frame.to_numpy(dtype=float, na_value=np.nan)
    except (ValueError, TypeError):
        raise InputError(f"{name}: {_first_text(frame)}; give numbers, for example 0 and 1 for two groups") from None


def numbers_of(frame: pd.DataFrame, name: str, missing: bool = False) -> np.ndarray:
    """`floats_of`; refuses infinities, and NaN unless it stands for a missing value."""
    values = floats_of(frame, name)
    bad = np.isinf(values) if missing else ~np.isfinite(values)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise InputError(f"{name}: {values[row, column]} for individual '{frame.index[row]}', column "
                         f"'{frame.columns[column]}'; " + ("leave it out or mark it as missing (NaN)" if missing else
                                                           "every entry must be a finite number"))
    return values


def _first_text(frame: pd.DataFrame) -> str:
    """The first column that is not numeric, with the first value that shows it."""
    for column in frame.columns:
        number = pd.to_numeric(frame[column], errors="coerce")
        culprit = frame.index[(number.isna() & frame[column].notna()).to_numpy()]
        if len(culprit):
            return f"column '{column}' holds text ('{frame.loc[culprit[0], column]}' for individual '{culprit[0]}')"
    return f"column '{frame.columns[0]}' does not hold numbers"


def symmetric(K: np.ndarray, ids: list[str], name: str = "kinship") -> np.ndarray:
    """K, made exactly symmetric where it is so to rounding."""
    if np.array_equal(K, K.T):
        return K
    gap = np.abs(K - K.T)
    if gap.max() > ASYMMETRY * np.abs(K).max():
        i, j = np.unravel_index(int(np.argmax(gap)), gap.shape)
        raise InputError(f"{name} is not symmetric: {K[i, j]:g} for ('{ids[i]}', '{ids[j]}') and {K[j, i]:g} for "
                         f"('{ids[j]}', '{ids[i]}')")
    return (K + K.T) / 2.0


def _design(C: np.ndarray | None, n: int, names: tuple[str, ...]) -> tuple[np.ndarray, tuple[str, ...]]:
    """X and its column names: an intercept in front unless the covariates span the constant."""
    ones = np.ones((n, 1))
    if C is None:
        return ones, ("intercept",)
    scaled = C / np.where(np.linalg.norm(C, axis=0) > 0.0, np.linalg.norm(C, axis=0), 1.0)
    outside = ones - scaled @ np.linalg.lstsq(scaled, ones, rcond=None)[0]
    if np.linalg.norm(outside) <= DEPENDENT * np.sqrt(n):
        return C, names
    intercept = "intercept" if "intercept" not in names else "(intercept)"
    return np.column_stack([ones, C]), (intercept, *names)


def _batches(ids, phenotypes, columns, Y, X, K, w, notes) -> list[Data]:
    observed = ~np.isnan(Y)
    batches = []
    for pattern in dict.fromkeys(map(tuple, observed.T)):
        members = [j for j in range(Y.shape[1]) if tuple(observed[:, j]) == pattern]
        keep = np.array(pattern)
        names = tuple(phenotypes[j] for j in members)
        said = list(notes)
        if not keep.all():
            gone = [i for i, kept in zip(ids, keep) if not kept]
            said.append(f"{count_of(gone)} with a missing value of {some_of(names, 3)}, left out ({some_of(gone)})")
        data = Data(tuple(i for i, kept in zip(ids, keep) if kept), names, tuple(members), columns,
                    Y[np.ix_(keep, members)], X[keep], K if keep.all() else K[np.ix_(keep, keep)],
                    None if w is None else w[keep], tuple(said))
        _check_batch(data)
        batches.append(data)
    return batches


def _check_batch(data: Data) -> None:
    n, p = data.X.shape
    whose = f"pheno '{data.phenotypes[0]}'"
    if n == 0:
        raise InputError(f"{whose} is missing for every individual; leave it out")
    if n <= p:
        raise InputError(f"{whose} has {n} individuals with all values and the model has {p} coefficients "
                         f"({some_of(data.columns)}): more individuals than coefficients are needed")
    constant = np.ptp(data.Y, axis=0) == 0.0
    if constant.any():
        raise InputError(f"pheno '{data.phenotypes[int(np.argmax(constant))]}' has zero variance: it is "
                         f"{data.Y[0, int(np.argmax(constant))]:g} for all of its {n} individuals; leave it out")
    norms = np.linalg.norm(data.X, axis=0)
    if (norms == 0.0).any():
        raise InputError(f"covar: column '{data.columns[int(np.argmin(norms))]}' is 0 for all individuals; leave it "
                         "out")
    basis = np.empty((n, 0))
    for j in range(p):
        column = data.X[:, j] / norms[j]
        outside = column - basis @ (basis.T @ column)
        outside -= basis @ (basis.T @ outside)
        if np.linalg.norm(outside) <= DEPENDENT:
            raise InputError(f"covar: column '{data.columns[j]}' is a combination of the columns before it "
                             f"({some_of(data.columns[:j])}); leave it out")
        basis = np.column_stack([basis, outside / np.linalg.norm(outside)])
    residual = np.linalg.norm(data.Y - basis @ (basis.T @ data.Y), axis=0)
    exact = residual <= DEPENDENT * np.linalg.norm(data.Y, axis=0)
    if exact.any():
        raise InputError(f"pheno '{data.phenotypes[int(np.argmax(exact))]}' is fitted exactly by the covariates: "
                         "nothing is left to explain")


def check_eigenvalues(values: np.ndarray, name: str = "kinship") -> tuple[str, ...]:
    """Refuse a K that is not a covariance; say where it only just is one.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Eigenvalues of K, ascending.
    name : str
        What the messages call K.
    """
    smallest, largest = float(values[0]), float(values[-1])
    if largest <= 0.0 or smallest < -NEGATIVE_EIGENVALUE * largest:
        raise InputError(f"{name} has the eigenvalue {smallest:.3g} (the largest is {largest:.3g}): it is not a "
                         "covariance matrix; check how it was computed")
    if smallest < -len(values) * np.finfo(float).eps * largest:
        return (f"{name} has slightly negative eigenvalues (down to {smallest:.2g}); they are used as they are, and "
                "hsq stays where V is positive definite",)
    return ()


def count_of(individuals: list[str]) -> str:
    return "1 individual" if len(individuals) == 1 else f"{len(individuals)} individuals"


def some_of(names, most: int = 5) -> str:
    names = list(names)
    return ", ".join(map(str, names[:most])) + (", …" if len(names) > most else "")
