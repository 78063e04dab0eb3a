"""Every row of the mapping of values, both ways."""

import doctest

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from lmmbridge.rlink import NA_REAL, RConversionError, RList, is_na, rlist

FRAME_INDEX = pd.RangeIndex(1, 4)


def bits(array):
    return np.ascontiguousarray(array, dtype=np.float64).view(np.uint64)


def array_of(values, shape, dtype):
    return np.array(values, dtype=dtype).reshape(shape)


def masked(values, mask):
    return np.ma.MaskedArray(values, mask=mask)


def series(values, labels=("a", "b", "c"), dtype=None, **attrs):
    result = pd.Series(values, index=None if labels is None else pd.Index(labels, dtype=object), dtype=dtype)
    result.attrs = attrs
    return result


def frame_with_attributes():
    frame = pd.DataFrame({"day": [0.0, 1.0]}, index=pd.RangeIndex(1, 3))
    frame.attrs = {"class": np.array(["tbl", "data.frame"]), "column_attributes": {"day": {"class": "Date"}}}
    return frame


def objects(*values):
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def same(a, b):
    """Equal in type, dtype, values, labels and attributes; doubles bit by bit."""
    assert type(a) is type(b)
    if isinstance(a, pd.DataFrame):
        pd.testing.assert_frame_equal(a, b, check_index_type="exact")
        for column in range(a.shape[1]):
            if a.dtypes.iloc[column] == np.float64:
                same(a.iloc[:, column].to_numpy(), b.iloc[:, column].to_numpy())
        same(a.attrs, b.attrs)
    elif isinstance(a, pd.Series):
        pd.testing.assert_series_equal(a, b, check_index_type="exact")
        if a.dtype == np.float64:
            same(a.to_numpy(), b.to_numpy())
        same(a.attrs, b.attrs)
    elif isinstance(a, pd.Categorical):
        assert a.dtype == b.dtype and list(a.categories) == list(b.categories)
        assert a.codes.tolist() == b.codes.tolist()
    elif isinstance(a, xr.DataArray):
        assert a.dims == b.dims and list(a.coords) == list(b.coords)
        for dim in a.coords:
            assert a.coords[dim].values.tolist() == b.coords[dim].values.tolist()
        same(a.values, b.values)
        same(dict(a.attrs), dict(b.attrs))
    elif isinstance(a, np.ma.MaskedArray):
        assert a.dtype == b.dtype and a.shape == b.shape
        assert a.mask.tolist() == b.mask.tolist() and a.tolist() == b.tolist()
    elif isinstance(a, np.ndarray):
        assert a.shape == b.shape
        assert a.dtype.kind == b.dtype.kind
        if a.dtype.kind == "f":
            assert a.dtype == b.dtype and np.array_equal(bits(a), bits(b))
        else:
            assert a.dtype.kind == "U" or a.dtype == b.dtype
            assert a.tolist() == b.tolist()
    elif isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            same(a[key], b[key])
        if isinstance(a, RList):
            same(a.attrs, b.attrs)
    elif isinstance(a, list):
        assert len(a) == len(b)
        for one, other in zip(a, b):
            same(one, other)
    elif isinstance(a, float):
        same(np.array([a]), np.array([b]))
    else:
        assert a == b


# Python value, R expression that is identical() to what it becomes; the same pair is used in both directions
PAIRS = {
    "null": (None, "NULL"),
    "bool": (True, "TRUE"),
    "int": (7, "7L"),
    "negative int": (-(2**31) + 1, "-2147483647L"),
    "float": (0.1, "0.1"),
    "infinite": (-np.inf, "-Inf"),
    "str": ("\u00e9\u03bb\U0001f600 'q' \"d\"\n", r'''"\u00e9\u03bb\U1f600 'q' \"d\"\n"'''),
    "empty str": ("", '""'),
    "float NA": (NA_REAL, "NA_real_"),
    "float NaN": (np.array([np.nan, NA_REAL, 1.0]), "c(NaN, NA, 1)"),
    "bool vector": (np.array([True, False]), "c(TRUE, FALSE)"),
    "int vector": (np.array([3, 1, 2]), "c(3L, 1L, 2L)"),
    "float vector": (np.array([0.5, -1.0]), "c(0.5, -1)"),
    "str vector": (np.array(["a", "bcd", "NA"]), 'c("a", "bcd", "NA")'),
    "no bools": (np.array([], dtype=bool), "logical()"),
    "no ints": (np.array([], dtype=np.int64), "integer()"),
    "no floats": (np.array([], dtype=float), "double()"),
    "no strs": (np.array([], dtype=str), "character()"),
    "bool matrix": (array_of([1, 0, 0, 0, 1, 1], (2, 3), bool), "matrix(c(T, F, F, F, T, T), 2, byrow = TRUE)"),
    "int matrix": (array_of(range(6), (2, 3), np.int64), "matrix(0:5, 2, byrow = TRUE)"),
    "float matrix": (array_of(range(6), (2, 3), float), "matrix(as.double(0:5), 2, byrow = TRUE)"),
    "str matrix": (array_of(list("abcdef"), (2, 3), str), "matrix(letters[1:6], 2, byrow = TRUE)"),
    "1 x 1 matrix": (np.array([[2.0]]), "matrix(2)"),
    "0 x 3 matrix": (np.empty((0, 3)), "matrix(0, 0, 3)"),
    "3 x 0 matrix": (np.empty((3, 0), dtype=np.int64), "matrix(0L, 3, 0)"),
    "0 x 0 str matrix": (np.empty((0, 0), dtype=str), 'matrix("", 0, 0)'),
    "array": (np.arange(24.0).reshape((2, 3, 4)), "aperm(array(as.double(0:23), c(4, 3, 2)))"),
    "4-d array": (np.arange(24).reshape((2, 3, 4, 1)), "array(aperm(array(0:23, c(4, 3, 2))), c(2, 3, 4, 1))"),
    "int NA": (masked([1, 0, 3], [0, 1, 0]), "c(1L, NA, 3L)"),
    "one int NA": (masked([0], [1]), "NA_integer_"),
    "bool NA": (masked([True, False], [0, 1]), "c(TRUE, NA)"),
    "one bool NA": (masked([False], [1]), "NA"),
    "int matrix NA": (masked([[1, 0], [0, 4]], [[0, 1], [0, 0]]), "matrix(c(1L, 0L, NA, 4L), 2)"),
    "str NA": (objects("a", None, "NA"), 'c("a", NA, "NA")'),
    "one str NA": (objects(None), "NA_character_"),
    "str matrix NA": (objects("a", None, "b", "c").reshape(2, 2), 'matrix(c("a", "b", NA, "c"), 2)'),
    "named bool": (series([True, False, True]), "c(a = TRUE, b = FALSE, c = TRUE)"),
    "named int": (series([1, 2, 3]), "c(a = 1L, b = 2L, c = 3L)"),
    "named float": (series([1.0, np.nan, NA_REAL]), "c(a = 1, b = NaN, c = NA)"),
    "named str": (series(["x", None, "z"]), 'c(a = "x", b = NA, c = "z")'),
    "one named": (series([1.5], ["a"]), "c(a = 1.5)"),
    "none named": (series([], [], float), "setNames(double(), character())"),
    "repeated names": (series([1, 2, 3], ["a", "a", ""]), "setNames(1:3, c('a', 'a', ''))"),
    "named int NA": (series([1, None, 3], dtype="Int64"), "c(a = 1L, b = NA, c = 3L)"),
    "named bool NA": (series([True, None, False], dtype="boolean"), "c(a = TRUE, b = NA, c = FALSE)"),
    "missing name": (series([1, 2], ["a", None]), "setNames(1:2, c('a', NA))"),
    "classed": (series([0.0], None, **{"class": "Date"}), "structure(0, class = 'Date')"),
    "classed named": (series([1, 2, 3], **{"class": np.array(["x", "y"]), "more": [1, None]}),
                      "structure(c(a = 1L, b = 2L, c = 3L), class = c('x', 'y'), more = list(1L, NULL))"),
    "factor": (pd.Categorical(["b", None, "a"], ["b", "a", "c"]), "factor(c('b', NA, 'a'), c('b', 'a', 'c'))"),
    "ordered": (pd.Categorical(["lo", "hi"], ["lo", "hi"], ordered=True),
                "factor(c('lo', 'hi'), c('lo', 'hi'), ordered = TRUE)"),
    "one factor": (pd.Categorical(["a"]), "factor('a')"),
    "no factor": (pd.Categorical([], pd.Index([], dtype=object)), "factor(character())"),
    "named factor": (series(pd.Categorical(["u", None, "v"])), "setNames(factor(c('u', NA, 'v')), c('a', 'b', 'c'))"),
    "factor with attribute": (series(pd.Categorical(["u"]), None, note="n"), "structure(factor('u'), note = 'n')"),
    "data frame": (
        pd.DataFrame({"i": [1, 2, 3], "x": [1.0, np.nan, NA_REAL], "s": ["a", None, "c"], "b": [True, False, True],
                      "in": pd.array([1, None, 3], dtype="Int64"), "bn": pd.array([None, True, False], dtype="boolean"),
                      "f": pd.Categorical(["u", None, "v"], ["v", "u"]),
                      "o": pd.Categorical(["u", "u", "v"], ["v", "u"], ordered=True)}, index=FRAME_INDEX),
        "data.frame(i = 1:3, x = c(1, NaN, NA), s = c('a', NA, 'c'), b = c(TRUE, FALSE, TRUE), `in` = c(1L, NA, 3L), "
        "bn = c(NA, TRUE, FALSE), f = factor(c('u', NA, 'v'), c('v', 'u')), "
        "o = factor(c('u', 'u', 'v'), c('v', 'u'), ordered = TRUE), check.names = FALSE)"),
    "row names": (pd.DataFrame({"x": [1, 2]}, index=["p", "q"]), "data.frame(x = 1:2, row.names = c('p', 'q'))"),
    "row numbers": (pd.DataFrame({"x": [1, 2]}, index=[5, 3]), "data.frame(x = 1:5)[c(1, 2), , drop = FALSE] |> "
                    "(\\(d) {attr(d, 'row.names') <- c(5L, 3L); d})()"),
    "one row": (pd.DataFrame({"x": [1.5]}, index=pd.RangeIndex(1, 2)), "data.frame(x = 1.5)"),
    "no rows": (pd.DataFrame({"x": np.array([], dtype=float)}, index=pd.RangeIndex(1, 1)), "data.frame(x = double())"),
    "no columns": (pd.DataFrame(index=FRAME_INDEX, columns=pd.Index([], dtype=object)), "data.frame(x = 1:3)[, FALSE]"),
    "repeated columns": (pd.DataFrame([[1, 2]], columns=["x", "x"], index=pd.RangeIndex(1, 2)),
                         "data.frame(x = 1L, x = 2L, check.names = FALSE)"),
    "data frame attributes": (
        frame_with_attributes(),
        "structure(list(day = structure(c(0, 1), class = 'Date')), class = c('tbl', 'data.frame'), row.names = 1:2)"),
    "dimnames": (xr.DataArray([[1.0, 2.0, 3.0], [4.0, NA_REAL, np.nan]], dims=("r", "c"),
                              coords={"r": ["p", "q"], "c": ["x", "y", "z"]}),
                 "matrix(c(1, 4, 2, NA, 3, NaN), 2, dimnames = list(r = c('p', 'q'), c = c('x', 'y', 'z')))"),
    "dimnames without names": (xr.DataArray([[1, 2]], coords={"dim_0": ["p"], "dim_1": ["x", "y"]},
                                            dims=("dim_0", "dim_1")),
                               "matrix(1:2, 1, dimnames = list('p', c('x', 'y')))"),
    "dimnames of one axis": (xr.DataArray([[1, 2]], dims=("dim_0", "dim_1"), coords={"dim_1": ["x", "y"]}),
                             "matrix(1:2, 1, dimnames = list(NULL, c('x', 'y')))"),
    "one named axis": (xr.DataArray([[True, False]], dims=("r", "dim_1"), coords={"dim_1": ["x", "y"]}),
                       "matrix(c(TRUE, FALSE), 1, dimnames = list(r = NULL, c('x', 'y')))"),
    "missing dimname": (xr.DataArray([["s", "t"]], dims=("r", "c"), coords={"c": ("c", objects("x", None))}),
                        "matrix(c('s', 't'), 1, dimnames = list(r = NULL, c = c('x', NA)))"),
    "int NA dimnames": (xr.DataArray(objects(1, None, 3).reshape(1, 3), dims=("r", "c"), coords={"r": ["p"]}),
                        "matrix(c(1L, NA, 3L), 1, dimnames = list(r = 'p', c = NULL))"),
    "bool NA dimnames": (xr.DataArray(objects(True, None).reshape(1, 2), dims=("r", "c"), coords={"r": ["p"]}),
                         "matrix(c(TRUE, NA), 1, dimnames = list(r = 'p', c = NULL))"),
    "array dimnames": (xr.DataArray(np.arange(6.0).reshape(1, 2, 3), dims=("i", "j", "k"), coords={"k": list("xyz")}),
                       "array(as.double(c(0, 3, 1, 4, 2, 5)), 1:3, list(i = NULL, j = NULL, k = c('x', 'y', 'z')))"),
    "matrix attribute": (xr.DataArray(np.eye(2), attrs={"n_pos": 5}), "structure(diag(2), n_pos = 5L)"),
    "1-d array": (xr.DataArray([1, 2, 3], dims="dim_0"), "array(1:3)"),
    "table": (xr.DataArray([2, 1], dims="v", coords={"v": ["a", "b"]}, attrs={"class": "table"}),
              "{v <- c('a', 'b', 'a'); table(v)}"),
    "empty dimnames": (xr.DataArray(np.empty((0, 2)), dims=("r", "c"), coords={"c": ["x", "y"]}),
                       "matrix(0, 0, 2, dimnames = list(r = NULL, c = c('x', 'y')))"),
    "list": ([1, None, "a", [2.5], np.array([1.0, 2.0])], "list(1L, NULL, 'a', list(2.5), c(1, 2))"),
    "empty list": ([], "list()"),
    "dict": ({"a": 1, "b.c": None, "d e": {"f": [True]}}, "list(a = 1L, b.c = NULL, `d e` = list(f = list(TRUE)))"),
    "empty dict": ({}, "setNames(list(), character())"),
    "classed list": (RList({"a": 1, "b": None}, {"class": np.array(["x", "y"]), "n": 2.0}),
                     "structure(list(a = 1L, b = NULL), class = c('x', 'y'), n = 2)"),
    "empty classed list": (RList({}, {"class": "x"}), "structure(setNames(list(), character()), class = 'x')"),
    "nested classed list": ({"a": [RList({"b": 1}, {"kind": RList({"c": "d"}, {"class": "e"})})]},
                            "list(a = list(structure(list(b = 1L), kind = structure(list(c = 'd'), class = 'e'))))"),
}


@pytest.mark.parametrize("value, code", PAIRS.values(), ids=PAIRS)
def test_python_to_r(r, value, code):
    r.eval(f"expected <- {code}")
    r.eval("agrees <- function(x) identical(x, expected, single.NA = FALSE, num.eq = FALSE)")
    assert r.call("agrees", value).value is True


@pytest.mark.parametrize("value, code", PAIRS.values(), ids=PAIRS)
def test_r_to_python(r, value, code):
    same(r.eval(code).value, value)


@pytest.mark.parametrize("value", [value for value, _ in PAIRS.values()], ids=PAIRS)
def test_round_trip(r, value):
    same(r.call("identity", value).value, value)


BASE = np.arange(20.0).reshape(4, 5) ** 1.5


@pytest.mark.parametrize("array", [
    BASE, np.asfortranarray(BASE), BASE.T, BASE[::2, ::-1], BASE[:, 1:4], BASE[::-1].T,
    np.broadcast_to(BASE[0], (3, 5)), BASE.astype(">f8"), np.moveaxis(np.arange(24.0).reshape(2, 3, 4), 0, -1),
    np.lib.stride_tricks.as_strided(BASE, (3, 3), (8, 16)),
], ids=["C", "Fortran", "transposed", "strided", "columns", "reversed", "broadcast", "big-endian", "moved", "overlap"])
@pytest.mark.parametrize("dtype", [None, np.int64, str], ids=["double", "integer", "character"])
def test_every_memory_layout_arrives_right(r, array, dtype):
    if dtype is not None:
        array = array.astype(dtype, order="K")
    r.eval("pick <- function(x, i) x[do.call(cbind, i)]")
    positions = [np.ravel(axis) + 1 for axis in np.indices(array.shape)]
    assert r.call("pick", array, positions).value.tolist() == array.ravel().tolist()
    assert r.call("dim", array).value.tolist() == list(array.shape)
    assert r.call("identity", array).value.tolist() == array.tolist()


def test_columns_come_first_in_r(r):
    assert r.call("as.vector", np.array([[1, 2, 3], [4, 5, 6]])).value.tolist() == [1, 4, 2, 5, 3, 6]
    assert r.eval("matrix(1:6, 2)").value.tolist() == [[1, 3, 5], [2, 4, 6]]


def test_strided_vector_and_mask(r):
    array = np.ma.MaskedArray(np.arange(12).reshape(3, 4), mask=np.eye(3, 4, dtype=bool))[:, ::2]
    same(r.call("identity", array).value, np.ma.MaskedArray(np.where(array.mask, 0, array.data), mask=array.mask))


def test_na_and_nan_are_told_apart_in_r(r):
    values = np.array([1.0, np.nan, NA_REAL])
    assert r.call("is.nan", values).value.tolist() == [False, True, False]
    assert r.call("is.na", values).value.tolist() == [False, True, True]
    assert is_na(r.eval("c(1, NaN, NA, 0/0, Inf)").value).tolist() == [False, False, True, False, False]


def test_nan_payloads_survive(r):
    payloads = np.array([0x7FF8000000000123, 0xFFF8000000000000, 0x7FF00000000007A2, 0x7FF80000000007A2], np.uint64)
    assert bits(r.call("identity", payloads.view(float)).value).tolist() == payloads.tolist()


@pytest.mark.parametrize("values, expected", [
    (NA_REAL, True), (np.nan, False), (1, False), (None, True), ("a", False),
    (np.array([[1.0, NA_REAL], [np.nan, NA_REAL]]).T, [[False, False], [True, True]]),
    (np.array([NA_REAL, np.nan]).astype(">f8"), [True, False]),
    (np.array([np.nan], dtype=np.float32), [False]),
    (masked([1, 2], [0, 1]), [False, True]), (objects("a", None), [False, True]),
    (series([1.0, NA_REAL, np.nan]), [False, True, False]), (series([1, None, 2], dtype="Int64"), [False, True, False]),
    (pd.Categorical(["a", None]), [False, True]),
    (pd.DataFrame({"x": [NA_REAL, np.nan], "s": [None, "a"]}), [[True, True], [False, False]]),
    (xr.DataArray([np.nan, NA_REAL]), [False, True]),
])
def test_is_na(values, expected):
    assert is_na(values).tolist() == expected


@pytest.mark.parametrize("value, kind", [
    (2**31 - 1, "integer"), (-(2**31) + 1, "integer"), (2**31, "double"), (-(2**31), "double"), (2**70, "double"),
    (np.array([1, 2**31]), "double"), (np.array([2**60, -(2**63)]), "double"), (np.array([2**63], np.uint64), "double"),
    (np.array([1, 2], np.uint8), "integer"), (np.int16(3), "integer"), (np.float32(0.5), "double"),
    (np.array([0.5], np.float16), "double"), (np.bool_(True), "logical"), (np.str_("a"), "character"),
    (np.array(3), "integer"), (masked([2**62 + 1, 1], [1, 0]), "integer"), (masked([0.5, 1], [1, 0]), "double"),
    (masked(["a", "b"], [1, 0]), "character"), (objects(1, 2**40), "double"),
    (objects("a", np.nan, pd.NA), "character"),
    (series([1.5, None, 2.5], dtype="Float64"), "double"), (series(["a", None, "c"], dtype="string"), "character"),
    (series([1, 2, 3], dtype="Int8"), "integer"), (series([1, 2], None), "integer"), ((1, 2), "list"),
    (xr.DataArray(1.5), "double"), (np.ma.MaskedArray([0.5]), "double"),
])
def test_type_in_r(r, value, kind):
    assert r.call("typeof", value).value == kind


def test_large_whole_numbers_keep_their_value(r):
    values = np.array([2**31, -(2**31), 2**53, 2**60])
    assert r.call("identity", values).value.tolist() == values.tolist()
    assert r.call("is.na", values).value.any() == False  # noqa: E712


def test_masked_values_are_na_in_r(r):
    for value in (masked([0.5, 1], [1, 0]), masked(["a", "b"], [1, 0]), masked([5, 1], [1, 0])):
        assert r.call("is.na", value).value.tolist() == [True, False]
        assert r.call("anyNA", value).value is True


def test_float64_series_keeps_na(r):
    assert is_na(r.call("identity", series([1.5, None, 2.5], dtype="Float64")).value).tolist() == [False, True, False]


def test_default_index_goes_as_automatic_row_names(r):
    frame = r.call("identity", pd.DataFrame({"x": [1, 2]})).value
    same(frame, pd.DataFrame({"x": [1, 2]}, index=pd.RangeIndex(1, 3)))
    assert r.call(".row_names_info", pd.DataFrame({"x": [1, 2]})).value == -2


def test_whole_number_labels_become_text(r):
    assert r.call("names", pd.Series([1.0, 2.0], index=[10, 20])).value.tolist() == ["10", "20"]
    assert r.call("levels", pd.Categorical([3, 1])).value.tolist() == ["1", "3"]
    array = xr.DataArray([[1, 2]], dims=("r", "c"), coords={"c": [7, 8]})
    assert r.call("colnames", array).value.tolist() == ["7", "8"]


def test_names_and_other_coordinates_are_left_out(r):
    array = xr.DataArray([1.0, 2.0], dims="x", coords={"x": ["a", "b"], "scalar": 3}, name="n")
    same(r.call("identity", array).value, array.drop_vars("scalar").rename(None))


def test_a_list_with_attributes_is_a_dict(r):
    fit = r.eval("structure(list(a = 1L), class = 'fit')").value
    assert isinstance(fit, dict) and fit == {"a": 1}
    assert r.call("class", fit).value == "fit"


def test_examples_of_lists_with_attributes():
    result = doctest.testmod(rlist)
    assert result.attempted and not result.failed


def test_dates_come_as_series_with_a_class(r):
    day = r.eval("as.Date('1970-01-11')").value
    assert day.tolist() == [10.0] and day.attrs == {"class": "Date"}
    assert r.call("format", day).value == "1970-01-11"


def test_latin1_text_arrives(r):
    assert r.eval(r'x <- "\xe9"; Encoding(x) <- "latin1"; x').value == "\u00e9"


@pytest.mark.parametrize("code, message", [
    ("mean", "class function"), ("sum", "class function"), ("globalenv()", "class environment"),
    ("quote(a)", "class name"), ("quote(a + b)", "class call"), ("y ~ x", "class formula"),
    ("expression(a)", "class expression"), ("1i", "class complex"), ("as.raw(1)", "class raw"),
    ("setClass('Point', representation(x = 'numeric'))(x = 1)", "class Point"),
    ("list(1, a = mean)", "repeated, empty"), ("list(a = 1, a = 2)", "repeated, empty"),
    ("list(b = list(1, mean))", "element 'b' of an R list: element number 2 .*class function"),
    ("structure(list(1), class = 'x')", r"without names but with attributes \(class\)"),
    ("matrix(list(1, 2), 1)", r"without names but with attributes \(dim\)"),
    ("structure(list(a = 1), f = mean)", "attribute 'f' of an R list: .*class function"),
    ("data.frame(x = I(list(1, 2)))", "column 'x': .*class AsIs"),
    ("{d <- data.frame(a = 1:2); d$m <- diag(2); d}", "column 'm': .*matrix"),
    ("addNA(factor(c('a', NA)))", "NA among its levels"), ("table(a = 1, a = 2)", "share a name"),
    (r'"\xff"', "valid in its encoding"),
])
def test_r_objects_without_a_counterpart(r, code, message):
    with pytest.raises(RConversionError, match=message):
        r.eval(code)


@pytest.mark.parametrize("value, message", [
    (1j, "complex"), (b"a", "bytes"), ({1, 2}, "set"), (object, "type"), (pd.Timestamp(0), "Timestamp"),
    (np.array([1j]), "complex128"), (np.array(["2020"], "M8[D]"), "datetime64"), (np.array([b"a"]), "S1"),
    (np.array([1.0], np.longdouble), "float128"), (objects(1, "a"), "mixed"),
    (objects(0.5, None), "not mixed|floating"),
    (2**53 + 1, "exactly"), (10**400, "exactly"), (np.array([2**53 + 1]), "exactly"),
    (np.array([2**63 - 1]), "exactly"),
    (np.array([2**64 - 1], np.uint64), "exactly"), (objects(2**70), "64 bits"), ("a\0", "NUL"),
    (np.array(["a\0b"]), "NUL"), (objects("a\0"), "NUL"), ("\ud800", "Unicode"),
    ({1: 2}, "keys"), ({"": 2}, "keys"),
    (RList({"a": 1}, {"": 2}), "attribute names"), (RList({"a": 1}, {"x": 1j}), "element 'x': .*complex"),
    (RList({"a": 1}, {"dim": 2}), "R refuses the attributes"), (RList({"a": 1}, {"names": "b"}), "are its keys"),
    ([1, {"a": 1j}], "element 1: element 'a': .*complex"),
    (pd.DataFrame({0: [1]}), "columns"), (pd.DataFrame({"z": [1j]}), "column 'z'.*complex"),
    (pd.DataFrame({"x": [1, 2]}, index=["a", "a"]), "unique"), (pd.DataFrame({"x": [1]}, index=[None]), "missing"),
    (pd.DataFrame({"x": [1]}, index=pd.MultiIndex.from_tuples([(1, 2)])), "MultiIndex"),
    (pd.Series([1], index=pd.MultiIndex.from_tuples([(1, 2)])), "MultiIndex"), (pd.Series([1], index=[0.5]), "labels"),
    (pd.Series(pd.to_datetime(["2020-01-01"])), "datetime64"), (pd.Series(pd.interval_range(0, 2)), "interval"),
    (xr.DataArray([1], dims="x", coords={"x": [0.5]}), "coordinates"),
    (series([1], ["a"], **{"names": object}), "element 'names'"),
    (series(["a"], ["x"], **{"class": "factor"}), "factor"),
])
def test_python_values_without_a_counterpart(r, value, message):
    pid = r.eval("Sys.getpid()").value
    with pytest.raises(RConversionError, match=message):
        r.call("identity", value)
    assert r.eval("Sys.getpid()").value == pid


def test_large_matrix_is_quick(r):
    matrix = np.random.default_rng(1).normal(size=(2000, 2000))
    answer = r.call("identity", matrix, timeout=10)
    assert np.array_equal(answer.value, matrix)
