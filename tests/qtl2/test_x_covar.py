"""get_x_covar against R/qtl2's own, live: every combination of sexes and cross directions, and other types of cross."""
import doctest
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from lmmbridge.qtl2 import x_covar as module
from lmmbridge.qtl2.cross2 import read_cross2
from lmmbridge.qtl2.extdata import extdata
from lmmbridge.qtl2.r_objects import from_r, to_r
from lmmbridge.qtl2.x_covar import get_x_covar

N = 284
SEXES = {"both": np.arange(N) % 3 == 0, "female": np.ones(N, bool), "male": np.zeros(N, bool)}
DIRECTIONS = {"both": np.arange(N) % 2, "forward": np.zeros(N, int), "reverse": np.ones(N, int)}


@pytest.fixture(scope="module")
def iron(r):
    return read_cross2(extdata("iron.zip"))


def assert_as_in_r(r, cross):
    theirs = r.call("qtl2::get_x_covar", to_r(cross)).value
    mine = get_x_covar(cross)
    if theirs is None:
        assert mine is None
    else:
        pd.testing.assert_frame_equal(mine, from_r(theirs).astype(float))


@pytest.mark.parametrize("sexes", SEXES)
@pytest.mark.parametrize("directions", DIRECTIONS)
@pytest.mark.parametrize("crosstype", ["f2", "bc"])
def test_as_in_r(r, iron, sexes, directions, crosstype):
    ids = iron.is_female.index
    assert_as_in_r(r, replace(iron, crosstype=crosstype, is_female=pd.Series(SEXES[sexes], ids),
                              cross_info=pd.DataFrame({"cross_direction": DIRECTIONS[directions]}, ids)))


def test_crosses_as_they_are(r, shared_data):
    for file in (extdata("iron.zip"), extdata("grav2.zip"), shared_data("DOex.zip")):
        assert_as_in_r(r, read_cross2(file))


def test_examples(r):
    found = doctest.testmod(module)
    assert found.attempted > 0 and found.failed == 0
