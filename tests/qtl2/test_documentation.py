"""The package's table and the examples of its functions are true."""
import ast
import doctest
import inspect
import math
import re

import numpy as np
import pandas as pd
import pytest

import lmmbridge.qtl2 as package

ROWS = re.findall(r"^(\(none\)|[A-Za-z0-9_]+) {2,}`(\w+)` +(\S.*)$", package.__doc__, flags=re.MULTILINE)
FUNCTIONS = [name for name in package.__all__ if inspect.isfunction(getattr(package, name))]
#: Functions of our own, told in the paragraph on files.
OWN = {"extdata", "from_r", "read_genoprobs", "read_kinship", "to_r", "write_genoprobs", "write_kinship"}


def test_the_table_has_every_function_and_no_other():
    assert {python for _, python, _ in ROWS} == set(FUNCTIONS) - OWN
    assert all(name in package.__doc__ for name in OWN)


def test_the_left_column_is_exported_by_qtl2_and_names_are_the_same(r):
    exported = set(r.eval('getNamespaceExports("qtl2")').value)
    for theirs, ours, _ in ROWS:
        assert theirs == "(none)" or (theirs in exported and theirs == ours)


@pytest.mark.parametrize("name", [python for theirs, python, _ in ROWS if theirs != "(none)"])
def test_arguments_are_in_the_order_of_qtl2(r, name):
    """Arguments that both have stand in one order; what we have beside them comes after, or by name alone."""
    theirs = np.atleast_1d(r.eval(f"names(formals(qtl2::{name}))").value)
    parameters = inspect.signature(getattr(package, name)).parameters.values()
    ours = [one.name for one in parameters if one.kind is not one.KEYWORD_ONLY]
    theirs = [argument.replace(".", "_") for argument in theirs]
    assert ours == [argument for argument in theirs if argument in ours]


#: What shows a progress bar unless told not to, where R/qtl2 says nothing unless told to.
SHOW_PROGRESS = ("calc_kinship", "scan1blup")


def in_python(default):
    """The value of a default written in R; the first of several, as match.arg takes it."""
    first = re.match(r'(?:c\()?("[^"]*"|[^,)]+)', default).group(1)
    known = {"NULL": None, "TRUE": True, "FALSE": False, "Inf": math.inf}
    return known[first] if first in known else ast.literal_eval(first)


@pytest.mark.parametrize("name", [python for theirs, python, _ in ROWS if theirs != "(none)"])
def test_defaults_are_those_of_qtl2(r, name):
    code = f'vapply(formals(qtl2::{name}), function(x) paste(deparse(x), collapse = ""), "")'
    theirs = pd.Series(r.eval(code).value).rename(lambda argument: str(argument).replace(".", "_"))
    parameters = inspect.signature(getattr(package, name)).parameters.values()
    assert name not in SHOW_PROGRESS or [one.default for one in parameters if one.name == "quiet"] == [False]
    for one in parameters:
        if one.kind is not one.KEYWORD_ONLY and one.name in theirs.index and not (
                one.name == "quiet" and name in SHOW_PROGRESS):
            written = theirs[one.name]
            expected = one.empty if written == "" else in_python(written)
            assert one.default == expected or one.default is expected, (one.name, one.default, written)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_examples_run(r, name):
    """With what `from lmmbridge.qtl2 import *` brings, and nothing else."""
    function = getattr(package, name)
    names = {public: getattr(package, public) for public in package.__all__}
    tests = doctest.DocTestFinder(recurse=False).find(function, name, globs=names)
    assert name in OWN or any(one.examples for one in tests), f"{name} has no example"
    for one in tests:
        found = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE).run(one)
        assert found.failed == 0


def test_the_example_of_the_package_runs(r):
    found = doctest.testmod(package, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.attempted > 3 and found.failed == 0
