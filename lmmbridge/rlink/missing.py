"""R's missing values as they look in Python."""

import numpy as np
import pandas as pd

# R marks a missing double by a NaN whose lower 32 bits are 1954, a missing integer or logical by INT_MIN.
_NA_REAL_BITS = 0x7FF00000000007A2
_LOWER_HALF = np.uint64(0xFFFFFFFF)
NA_REAL = np.array([_NA_REAL_BITS], dtype=np.uint64).view(np.float64).item()
NA_INTEGER = -(2**31)


def is_na(values):
    """Tell R's NA from an ordinary NaN.

    Arithmetic may or may not carry the mark of an NA on, so ask before computing.

    Parameters
    ----------
    values : scalar, numpy.ndarray, numpy.ma.MaskedArray, pandas object or xarray.DataArray
        Any shape.  Masked and ``None`` or ``pandas.NA`` elements are NA.

    Returns
    -------
    numpy.ndarray of bool
        (numpy.bool_ for a scalar.)  Of the shape of `values`; True where R's ``is.na(x) & !is.nan(x)`` is true.
    """
    if isinstance(values, pd.DataFrame):
        return np.column_stack([is_na(values.iloc[:, i]) for i in range(values.shape[1])]) \
            if values.shape[1] else np.zeros(values.shape, dtype=bool)
    if isinstance(values, pd.Series) and pd.api.types.is_extension_array_dtype(values.dtype):
        return values.isna().to_numpy()
    if isinstance(values, pd.Categorical):
        return values.isna()
    mask = np.ma.getmaskarray(values) if isinstance(values, np.ma.MaskedArray) else False
    array = np.asarray(values)
    if array.dtype == object:
        return mask | np.asarray(np.frompyfunc(lambda x: x is None or x is pd.NA, 1, 1)(array), dtype=bool)
    if array.dtype.kind != "f" or array.dtype.itemsize != 8:
        return mask | np.zeros(array.shape, dtype=bool)
    native = np.ascontiguousarray(array, dtype=np.float64).reshape(array.shape)
    return mask | (np.isnan(native) & ((native.view(np.uint64) & _LOWER_HALF) == 1954))
