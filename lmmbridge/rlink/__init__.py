'''A live R in a process of its own, and the mapping of values between Python and R.

>>> from lmmbridge.rlink import RSession
>>> with RSession() as r:  # doctest: +SKIP
...     r.call("stats::rnorm", 3, mean=10).value

The mapping of values
---------------------
======================================================  =====================================================
Python                                                  R
======================================================  =====================================================
``None``                                                ``NULL``
``bool``, ``int``, ``float``, ``str``                   logical, integer, double, character of length 1
                                                        without attributes
numpy array with 1 dimension                            vector
numpy array with 2, 3 or more dimensions                matrix, array without dimnames
``numpy.ma.MaskedArray``                                integer or logical (vector, matrix, array) with NA
numpy object array of ``str`` with ``None``             character (vector, matrix, array) with NA
``pandas.Series`` with labels                           named vector
``pandas.Categorical``                                  factor, ordered factor
``pandas.Series`` of categorical dtype with labels      named factor
``pandas.DataFrame``                                    data.frame
``xarray.DataArray``                                    matrix or array with dimnames; 1-dimensional array
``list`` (also ``tuple`` on the way to R)               list without names
``dict`` with ``str`` keys                              list with names
`RList`, a ``dict`` with ``.attrs``                     list with names and further attributes
``.attrs`` of a Series, DataArray, DataFrame or RList   further attributes (such as a class)
======================================================  =====================================================

Every row holds in both directions, with these rules:

Numbers
    R's integers have 32 bits.  Whole numbers that do not fit go as double when a double holds them exactly and
    are refused otherwise.  R's integers come back as int64 (Series with NA: ``Int64``), doubles as float64.
    float16 and float32 go as double.  complex and raw are refused.
Length 1
    An R vector of length 1 without attributes comes back as a scalar, so a numpy array with one element does
    too.  A missing integer, logical or character of length 1 comes back as an array with one element.
Order
    Whatever the memory layout of an array is, element ``[i, j]`` of Python is element ``[i + 1, j + 1]`` of R.
    Arrays come back in column-major (Fortran) layout.
Missing doubles
    R's ``NA_real_`` is a NaN with a mark in its bits.  The bits are copied both ways, so NA stays NA and NaN
    stays NaN; `is_na` tells them apart and `NA_REAL` is R's NA.  ``numpy.isnan`` is true for both.
    A masked double goes as NA.
Missing in labelled data
    Series and DataFrame columns hold missing integers and logicals in the dtypes ``Int64`` and ``boolean``, and
    missing strings as ``None``.  In an object column of strings NaN and ``pandas.NA`` go as NA too.
    A DataArray holds integers or logicals with NA as objects with ``None``; if all elements are ``None`` it
    goes as character.
Labels
    R's labels are text: labels that are whole numbers become text (not so the row names of a data.frame).
    A Series with a ``RangeIndex`` goes as a vector without names, and an R vector with further attributes but no
    names comes back as such a Series.  The ``.name`` of a Series or DataArray and coordinates that are not
    those of a dimension have no place in R and are left out.
Factors
    The categories are the levels.  NA among the levels is refused.
data.frame
    The row names are the index.  R's automatic row names 1, ..., n are ``RangeIndex(1, n + 1)``; the default index
    of pandas, ``RangeIndex(n)``, goes as automatic row names too and so comes back counted from 1.  Integer row
    names are an index of int64.  Attributes of single columns travel in
    ``.attrs["column_attributes"][column]``.  Columns that are lists or matrices are refused.
    A DataFrame always goes as a data.frame; to send a matrix with dimnames use a DataArray.
Arrays with dimnames
    The names of the dimnames are the dims, the dimnames the coordinates.  A dim called ``dim_0``, ``dim_1``, ...
    after its own position has no name in R, and an axis without coordinates has no dimnames.  A DataArray
    with neither comes back as a numpy array unless it has attributes or one dimension.
Lists
    A list with names comes back as an RList if it has further attributes, such as an S3 class, and as a plain
    dict if not.  A list without names that has attributes is refused, as no Python list could hold them.
    Repeated, empty or missing names are refused.
Everything else
    Functions, environments, S4 objects, language objects and so on raise `RConversionError`, which names their
    class.
'''

from lmmbridge.rlink.errors import RConversionError, RDied, RError, RLinkError, RTimeout, RUnavailable
from lmmbridge.rlink.inventory import inventory
from lmmbridge.rlink.library import project_library
from lmmbridge.rlink.missing import NA_REAL, is_na
from lmmbridge.rlink.rlist import RList
from lmmbridge.rlink.session import RAnswer, RSession, shared_session

__all__ = [
    "NA_REAL", "RAnswer", "RConversionError", "RDied", "RError", "RLinkError", "RList", "RSession",
    "RTimeout", "RUnavailable", "inventory", "is_na", "project_library", "shared_session",
]
