"""Maps: order and names are checked."""
import numpy as np
import pandas as pd
import pytest

from lmmbridge.errors import InputError
from lmmbridge.qtl2.maps import Map


def series(*positions, names="abcdefgh"):
    return pd.Series(positions, list(names[:len(positions)]))


def test_a_mapping_of_chromosomes():
    map = Map({"1": series(0, 5), "X": series(1.5, 1.5, 2.0, names="xyz")}, {"X": True})
    assert list(map) == ["1", "X"] and len(map) == 2 and map.markers == ("a", "b", "x", "y", "z")
    assert map.is_x_chr == {"1": False, "X": True}
    assert map["1"].dtype == float and map["1"].to_dict() == {"a": 0.0, "b": 5.0}
    assert repr(map) == "Map of 1: 2, X: 3 positions"
    assert Map({"1": series(0)}).is_x_chr is None


def test_names_are_text():
    map = Map({1: pd.Series([0.0, 1.0], [11, 12])}, {1: True})
    assert list(map) == ["1"] and map.markers == ("11", "12") and map.is_x_chr == {"1": True}


@pytest.mark.parametrize("positions, sentence", [
    ({"7": series(0.0, 2.0, 1.5)},
     "map: positions on chromosome '7' are out of order: 'b' at 2 comes before 'c' at 1.5; sort "
     "the map"),
    ({"7": series(0.0, np.nan)}, "map: marker 'b' on chromosome '7' has no position; give it one or leave it out"),
    ({"7": series(0.0, np.inf)}, "map: marker 'b' on chromosome '7' has no position"),
    ({"7": series(0.0, 1.0, names="aa")}, "map: marker 'a' occurs more than once; give every marker its own name"),
    ({"7": series(0.0, 1.0), "8": series(3.0)}, "map: marker 'a' occurs more than once"),
    ({"7": series("x", "y")},
     "map: chromosome '7' holds positions that are not numbers \\('x' of marker 'a'\\); give cM or Mb"),
    ({"7": [0.0, 1.0]}, "map: chromosome '7' is a list: give a Series of positions with the marker names as index"),
])
def test_refused(positions, sentence):
    with pytest.raises(InputError, match=sentence) as caught:
        Map(positions)
    assert "\n" not in str(caught.value)
