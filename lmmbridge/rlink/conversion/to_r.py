"""Python values to R objects."""

import numpy as np
import pandas as pd
import rpy2.rinterface as ri
import xarray as xr

from lmmbridge.rlink.errors import RConversionError
from lmmbridge.rlink.missing import NA_INTEGER, NA_REAL
from lmmbridge.rlink.rlist import RList

_LARGEST_INTEGER = 2**31 - 1


def to_r(value):
    """Convert a Python value to an R object.

    Parameters
    ----------
    value : object
        Of one of the types in the table of `lmmbridge.rlink`.

    Returns
    -------
    rpy2.rinterface.Sexp
        A new R object.

    Raises
    ------
    RConversionError
        If R has no counterpart of the value.
    """
    if value is None:
        return ri.NULL
    if isinstance(value, pd.DataFrame):
        return _data_frame(value)
    if isinstance(value, pd.Series):
        return _series(value)
    if isinstance(value, pd.Categorical):
        return _with_attributes(*_column(pd.Series(value)))
    if isinstance(value, xr.DataArray):
        return _data_array(value)
    if isinstance(value, dict):
        return _named_list(value)
    if isinstance(value, (list, tuple)):
        return ri.ListSexpVector([_element(i, v) for i, v in enumerate(value)])
    if isinstance(value, str):
        return _strings([value])
    if isinstance(value, int) and not isinstance(value, bool):
        return _atomic(np.array(_fitting(value)))
    if isinstance(value, (bool, float, np.generic)):
        return _atomic(np.asarray(value))
    if isinstance(value, np.ndarray):
        attributes = {"dim": ri.IntSexpVector(value.shape)} if value.ndim > 1 else {}
        return _with_attributes(_atomic(value), attributes)
    raise RConversionError(f"a Python object of type {type(value).__qualname__} has no counterpart in R")


def call_arguments(args, kwargs):
    """Convert the arguments of a call.

    Parameters
    ----------
    args : sequence
        Positional arguments.
    kwargs : dict
        Named arguments.

    Returns
    -------
    rpy2.rinterface.ListSexpVector
        One element an argument; the names of positional arguments are empty.
    """
    values = [_element(i, v) for i, v in enumerate(args)] + [_element(k, v) for k, v in kwargs.items()]
    names = _strings([""] * len(args) + list(kwargs))
    return _with_attributes(ri.ListSexpVector(values), {"names": names})


def _element(key, value):
    try:
        return to_r(value)
    except RConversionError as error:
        raise RConversionError(f"element {key!r}: {error}") from None


def _with_attributes(sexp, attributes):
    if not attributes:
        return sexp
    listed = ri.ListSexpVector(list(attributes.values()))
    listed.names = _strings(list(attributes))
    try:
        return ri.baseenv["attributes<-"](sexp, listed)
    except ri.embedded.RRuntimeError as error:
        raise RConversionError(f"R refuses the attributes {list(attributes)}: {str(error).strip()}") from None


def _further_attributes(attrs):
    for name in attrs:
        if not isinstance(name, str) or not name:
            raise RConversionError(f"attribute names must be non-empty strings, not {name!r}")
    return {name: _element(name, value) for name, value in attrs.items()}


def _named_list(mapping):
    for name in mapping:
        if not isinstance(name, str) or not name:
            raise RConversionError(f"keys of a dict must be non-empty strings, not {name!r}")
    if isinstance(mapping, RList) and "names" in mapping.attrs:
        raise RConversionError("the names of an RList are its keys; there is no place for 'names' among its .attrs")
    values = [_element(name, value) for name, value in mapping.items()]
    further = _further_attributes(mapping.attrs) if isinstance(mapping, RList) else {}
    return _with_attributes(ri.ListSexpVector(values), {"names": _strings(list(mapping)), **further})


def _strings(values):
    """R character vector of a list of str and None."""
    for value in values:
        if value is not None and "\0" in value:
            raise RConversionError("R strings cannot hold the character NUL")
    try:
        return ri.StrSexpVector.from_iterable(values)
    except UnicodeEncodeError as error:
        raise RConversionError(f"a string is not valid Unicode: {error}") from None


def _labels(values, what):
    """R character vector of labels; whole numbers become text because R's labels are text."""
    labels = []
    for label in values:
        if isinstance(label, str):
            labels.append(label)
        elif isinstance(label, (int, np.integer)) and not isinstance(label, bool):
            labels.append(str(label))
        elif not isinstance(label, tuple) and pd.isna(label):
            labels.append(None)
        else:
            raise RConversionError(f"{what} must be strings or whole numbers, not {label!r}")
    return _strings(labels)


def _fitting(value):
    """The Python int itself if R's integer holds it, else the equal float."""
    if abs(value) <= _LARGEST_INTEGER:
        return value
    try:
        as_float = float(value)
    except OverflowError:
        as_float = None
    if as_float is None or int(as_float) != value:
        raise RConversionError(f"{value} fits neither R's integer nor, exactly, a double")
    return as_float


def _atomic(array):
    """R vector without attributes of a numpy array of any shape, its elements in column-major order."""
    mask = np.ma.getmaskarray(array).ravel(order="F") if isinstance(array, np.ma.MaskedArray) else None
    flat = np.asarray(np.ma.getdata(array)).ravel(order="F")
    if flat.dtype == object:
        flat, missing = _typed(flat)
        mask = missing if mask is None else mask | missing
    if mask is not None and not mask.any():
        mask = None
    kind = flat.dtype.kind
    if kind == "b":
        return _from_memory(ri.BoolSexpVector, flat, np.int32, mask, NA_INTEGER)
    if kind in "iu":
        if mask is not None:
            flat = np.where(mask, flat.dtype.type(0), flat)
        if not flat.size or (flat.max() <= _LARGEST_INTEGER and flat.min() >= -_LARGEST_INTEGER):
            return _from_memory(ri.IntSexpVector, flat, np.int32, mask, NA_INTEGER)
        flat = _exact_floats(flat)
        kind = "f"
    if kind == "f" and flat.dtype.itemsize <= 8:
        return _from_memory(ri.FloatSexpVector, flat, np.float64, mask, NA_REAL)
    if kind == "U":
        return _strings(flat.tolist() if mask is None else np.where(mask, None, flat.astype(object)).tolist())
    raise RConversionError(f"arrays of dtype {flat.dtype} have no counterpart in R")


def _from_memory(vector, flat, dtype, mask, missing):
    """Copy the bytes of a flat array to a new R vector; no arithmetic, so that NA and NaN keep their bits."""
    flat = np.ascontiguousarray(flat, dtype=dtype)
    if mask is not None:
        flat = flat.copy()
        flat[mask] = missing
    return vector.from_memoryview(memoryview(flat))


def _exact_floats(flat):
    floats = flat.astype(np.float64)
    # the largest whole numbers round up to a float outside their own type
    inside = floats < (2.0**64 if flat.dtype.kind == "u" else 2.0**63)
    if not (inside.all() and (floats.astype(flat.dtype) == flat).all()):
        raise RConversionError("an array holds whole numbers that fit neither R's integer nor, exactly, a double")
    return floats


def _typed(flat):
    """Type and missing elements of a flat object array of strings, whole numbers or truth values."""
    missing = np.asarray(pd.isna(flat), dtype=bool)
    found = pd.api.types.infer_dtype(flat, skipna=True)
    if found in ("string", "empty"):
        # numpy's own string type would cut off trailing NUL characters before they can be refused
        if any("\0" in text for text in flat[~missing]):
            raise RConversionError("R strings cannot hold the character NUL")
        return np.where(missing, "", flat).astype(str), missing
    try:
        if found == "integer":
            return np.where(missing, 0, flat).astype(np.int64), missing
        if found == "boolean":
            return np.where(missing, False, flat).astype(bool), missing
    except OverflowError:
        raise RConversionError("an object array holds whole numbers beyond 64 bits") from None
    raise RConversionError(
        f"an object array must hold strings, whole numbers or truth values (and None), not {found} values"
    )


def _column(series):
    """R vector and structural attributes of the values of a Series, without its labels."""
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        codes = series.cat.codes.to_numpy().astype(np.int64) + 1
        classes = ["ordered", "factor"] if dtype.ordered else ["factor"]
        levels = _labels(dtype.categories, "categories")
        return (
            _atomic(np.ma.MaskedArray(codes, mask=codes == 0)),
            {"levels": levels, "class": _strings(classes)},
        )
    if isinstance(dtype, pd.StringDtype):
        return _atomic(series.to_numpy(dtype=object, na_value=None)), {}
    if pd.api.types.is_extension_array_dtype(dtype):
        if not hasattr(dtype, "numpy_dtype"):
            raise RConversionError(f"a Series of dtype {dtype} has no counterpart in R")
        data = series.to_numpy(dtype=dtype.numpy_dtype, na_value=0)
        return _atomic(np.ma.MaskedArray(data, mask=series.isna().to_numpy())), {}
    return _atomic(series.to_numpy()), {}


def _series(series):
    sexp, attributes = _column(series)
    if isinstance(series.index, pd.MultiIndex):
        raise RConversionError("a Series with a MultiIndex has no counterpart in R")
    if not isinstance(series.index, pd.RangeIndex):
        attributes["names"] = _labels(series.index, "labels of a Series")
    return _with_attributes(sexp, {**attributes, **_further_attributes(series.attrs)})


def _data_array(array):
    values = array.values
    if not array.ndim:
        return _atomic(values)
    attributes = {"dim": ri.IntSexpVector(values.shape)}
    named = ["" if dim == f"dim_{i}" else dim for i, dim in enumerate(array.dims)]
    if any(named) or any(dim in array.coords for dim in array.dims):
        dimnames = ri.ListSexpVector([
            _labels(array.coords[dim].values.tolist(), "coordinates") if dim in array.coords else ri.NULL
            for dim in array.dims
        ])
        attributes["dimnames"] = _with_attributes(dimnames, {"names": _strings(named)} if any(named) else {})
    return _with_attributes(_atomic(values), {**attributes, **_further_attributes(array.attrs)})


def _data_frame(frame):
    attrs = dict(frame.attrs)
    column_attributes = attrs.pop("column_attributes", {})
    names = list(frame.columns)
    columns = []
    for position, name in enumerate(names):
        if not isinstance(name, str):
            raise RConversionError(f"columns of a DataFrame must have strings as names, not {name!r}")
        try:
            sexp, attributes = _column(frame.iloc[:, position])
            attributes.update(_further_attributes(column_attributes.get(name, {})))
            columns.append(_with_attributes(sexp, attributes))
        except RConversionError as error:
            raise RConversionError(f"column {name!r}: {error}") from None
    attributes = {"names": _strings(names), "class": _strings(["data.frame"]), "row.names": _row_names(frame.index)}
    return _with_attributes(ri.ListSexpVector(columns), {**attributes, **_further_attributes(attrs)})


def _row_names(index):
    n = len(index)
    if isinstance(index, pd.RangeIndex) and index.step == 1 and index.start in (0, 1):
        # R's own short form of the row names 1, ..., n
        return ri.IntSexpVector([NA_INTEGER, -n])
    if isinstance(index, pd.MultiIndex):
        raise RConversionError("a DataFrame with a MultiIndex has no counterpart in R")
    if not index.is_unique:
        raise RConversionError("row names of a data.frame must be unique, the index of this DataFrame is not")
    if index.hasnans:
        raise RConversionError("row names of a data.frame must not be missing")
    if index.dtype.kind in "iu":
        names = _atomic(index.to_numpy())
        if isinstance(names, ri.IntSexpVector):
            return names
    return _labels(index, "row labels of a DataFrame")
