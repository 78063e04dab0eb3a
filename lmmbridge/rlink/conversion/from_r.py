"""R objects to Python values."""

import numpy as np
import pandas as pd
import rpy2.rinterface as ri
import xarray as xr
from rpy2.rinterface_lib.openrlib import ffi

from lmmbridge.rlink.errors import RConversionError
from lmmbridge.rlink.missing import NA_INTEGER
from lmmbridge.rlink.rlist import RList

_ATOMIC = (ri.BoolSexpVector, ri.IntSexpVector, ri.FloatSexpVector, ri.StrSexpVector)


def from_r(sexp):
    """Convert an R object to a Python value.

    Parameters
    ----------
    sexp : rpy2.rinterface.Sexp
        The R object; its memory is copied.

    Returns
    -------
    object
        Of the type that the table of `lmmbridge.rlink` tells.

    Raises
    ------
    RConversionError
        If Python has no counterpart of the object; names the R class.
    """
    if sexp is ri.NULL:
        return None
    if isinstance(sexp, _ATOMIC + (ri.ListSexpVector,)) and not ri.baseenv["isS4"](sexp)[0]:
        attributes = _attributes(sexp)
        if not isinstance(sexp, ri.ListSexpVector):
            return _from_atomic(sexp, attributes)
        if "data.frame" in _classes(attributes):
            return _data_frame(sexp, attributes)
        return _list(sexp, attributes)
    raise RConversionError(f"an R object of class {', '.join(sexp.rclass)} has no counterpart in Python")


def _attributes(sexp):
    attributes = ri.baseenv["attributes"](sexp)
    return {} if attributes is ri.NULL else dict(zip(attributes.names, attributes))


def _classes(attributes):
    return list(attributes["class"]) if "class" in attributes else []


def _convert(attributes):
    return {name: from_r(value) for name, value in attributes.items()}


def _texts(sexp):
    """List of str, None where R has NA."""
    # enc2utf8 would write invalid bytes as text of its own
    if not all(ri.baseenv["validEnc"](sexp)):
        raise RConversionError("a character vector holds text that is not valid in its encoding")
    return [None if text is ri.NA_Character else text for text in ri.baseenv["enc2utf8"](sexp)]


def _memory(sexp, dtype):
    """Copy of the numbers of an R vector, with all their bits."""
    size = len(sexp) * np.dtype(dtype).itemsize
    if not size:
        return np.empty(0, dtype=dtype)
    return np.frombuffer(ffi.buffer(sexp._R_GET_PTR(sexp.__sexp__._cdata), size), dtype=dtype).copy()


def _values(sexp):
    """Flat array and the mask of R's missing values, None if there are none (and for doubles)."""
    if isinstance(sexp, ri.FloatSexpVector):
        return _memory(sexp, np.float64), None
    if isinstance(sexp, ri.StrSexpVector):
        texts = np.empty(len(sexp), dtype=object)
        texts[:] = _texts(sexp)
        mask = np.equal(texts, None).astype(bool)
        return (texts, mask) if mask.any() else (texts.astype(str), None)
    integers = _memory(sexp, np.int32)
    mask = integers == NA_INTEGER
    integers[mask] = 0
    values = integers.astype(bool if isinstance(sexp, ri.BoolSexpVector) else np.int64)
    return values, mask if mask.any() else None


def _from_atomic(sexp, attributes):
    if "factor" in _classes(attributes):
        return _from_factor(sexp, attributes)
    if "dim" in attributes:
        return _from_array(sexp, attributes)
    if attributes:
        names = attributes.pop("names", None)
        return _series(_column(sexp), names, attributes)
    values, mask = _values(sexp)
    if mask is not None:
        return values if values.dtype == object else np.ma.MaskedArray(values, mask=mask)
    return values.item() if len(values) == 1 else values


def _column(sexp):
    """Values as pandas holds them: nullable where R has NA, str as objects."""
    values, mask = _values(sexp)
    if values.dtype.kind in "UO":
        return values.astype(object)
    if mask is None:
        return values
    return pd.arrays.BooleanArray(values, mask) if values.dtype == bool else pd.arrays.IntegerArray(values, mask)


def _series(values, names, attributes):
    index = pd.RangeIndex(len(values)) if names is None else pd.Index(_texts(names), dtype=object)
    series = pd.Series(values, index=index)
    series.attrs = _convert(attributes)
    return series


def _categorical(sexp, attributes):
    """Categorical of a factor; takes the attributes it uses out of `attributes`."""
    if "dim" in attributes:
        raise RConversionError("an R factor with dimensions has no counterpart in Python")
    levels = _texts(attributes.pop("levels")) if "levels" in attributes else []
    if None in levels:
        raise RConversionError("an R factor with NA among its levels has no counterpart in Python")
    classes = _classes(attributes)
    if classes in (["factor"], ["ordered", "factor"]):
        del attributes["class"]
    codes = _memory(sexp, np.int32).astype(np.int64)
    codes = np.where(codes == NA_INTEGER, -1, codes - 1)
    return pd.Categorical.from_codes(codes, pd.Index(levels, dtype=object), ordered="ordered" in classes)


def _from_factor(sexp, attributes):
    values = _categorical(sexp, attributes)
    if not attributes:
        return values
    names = attributes.pop("names", None)
    return _series(values, names, attributes)


def _from_array(sexp, attributes):
    shape = tuple(attributes.pop("dim"))
    dimnames = attributes.pop("dimnames", ri.NULL)
    values, mask = _values(sexp)
    values = values.reshape(shape, order="F")
    if mask is not None:
        mask = mask.reshape(shape, order="F")
    if len(shape) > 1 and dimnames is ri.NULL and not attributes:
        return values if mask is None or values.dtype == object else np.ma.MaskedArray(values, mask=mask)
    if mask is not None and values.dtype != object:
        # a DataArray has no mask of its own and would turn the numbers into floats
        values = values.astype(object)
        values[mask] = None
    dims, coords = _dimensions(dimnames, len(shape))
    return xr.DataArray(values, dims=dims, coords=coords, attrs=_convert(attributes))


def _dimensions(dimnames, n):
    dims = [f"dim_{i}" for i in range(n)]
    if dimnames is ri.NULL:
        return dims, {}
    named = dimnames.names
    if named is not ri.NULL:
        dims = [name or dim for name, dim in zip(_texts(named), dims)]
    if len(set(dims)) < n:
        raise RConversionError(f"an R array whose dimensions share a name ({', '.join(dims)}) has no counterpart")
    coords = {}
    for dim, labels in zip(dims, dimnames):
        if labels is not ri.NULL:
            texts = _texts(labels)
            coords[dim] = (dim, np.array(texts, dtype=object if None in texts else str))
    return dims, coords


def _data_frame(sexp, attributes):
    names = _texts(attributes.pop("names")) if "names" in attributes else []
    row_names = attributes.pop("row.names")
    if _classes(attributes) == ["data.frame"]:
        del attributes["class"]
    columns, column_attributes = {}, {}
    for position, (name, column) in enumerate(zip(names, sexp)):
        try:
            columns[position], further = _frame_column(column)
        except RConversionError as error:
            raise RConversionError(f"column {name!r}: {error}") from None
        if further:
            column_attributes[name] = further
    frame = pd.DataFrame(columns, index=_row_index(row_names))
    frame.columns = pd.Index(names, dtype=object)
    frame.attrs = _convert(attributes)
    if column_attributes:
        frame.attrs["column_attributes"] = column_attributes
    return frame


def _frame_column(column):
    if not isinstance(column, _ATOMIC):
        raise RConversionError(f"an R column of class {', '.join(column.rclass)} has no counterpart")
    attributes = _attributes(column)
    if "dim" in attributes:
        raise RConversionError("an R column that is a matrix has no counterpart in Python")
    values = _categorical(column, attributes) if "factor" in _classes(attributes) else _column(column)
    return values, _convert(attributes)


def _row_index(row_names):
    if isinstance(row_names, ri.StrSexpVector):
        return pd.Index(_texts(row_names), dtype=object)
    numbers = _memory(row_names, np.int32).astype(np.int64)
    n = len(numbers)
    if np.array_equal(numbers, np.arange(1, n + 1)):
        return pd.RangeIndex(1, n + 1)
    return pd.Index(numbers)


def _list(sexp, attributes):
    if "names" not in attributes:
        if attributes:
            raise RConversionError(
                f"an R list without names but with attributes ({', '.join(attributes)}) has no counterpart in Python")
        return [_element(f"element number {i + 1}", value) for i, value in enumerate(sexp)]
    names = _texts(attributes.pop("names"))
    if len(set(names)) < len(names) or "" in names or None in names:
        raise RConversionError("an R list with repeated, empty or missing names has no counterpart in Python")
    elements = {name: _element(f"element {name!r}", value) for name, value in zip(names, sexp)}
    if not attributes:
        return elements
    return RList(elements, {name: _element(f"attribute {name!r}", value) for name, value in attributes.items()})


def _element(which, value):
    try:
        return from_r(value)
    except RConversionError as error:
        raise RConversionError(f"{which} of an R list: {error}") from None
