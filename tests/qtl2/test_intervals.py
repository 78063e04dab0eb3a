"""lod_int and bayes_int: to the last bit the intervals of qtl2, live, in drawn curves and in scans of real crosses."""
import doctest
import itertools
import math
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lod_curves import (COVERAGES, STABLE, assert_same_frame, our_answer, qtl2_answers, random_walks, scan_of, scanned,
                        scans)

from lmmbridge.errors import InputError
from lmmbridge.qtl2 import intervals
from lmmbridge.qtl2.intervals import bayes_int, lod_int
from lmmbridge.qtl2.maps import Map

FUNCTIONS = {"lod_int": lod_int, "bayes_int": bayes_int}


@pytest.fixture(scope="module", params=[("iron", 0), ("iron", 1), ("grav2", 0)], ids="{0[0]}, step {0[1]}".format)
def real_scan(r, request):
    return scanned(r, *request.param)


@pytest.fixture(scope="module")
def iron_scan(r):
    return scanned(r, "iron", 1)


def arguments(name, chromosomes):
    """Arguments of lod_int or bayes_int, also a drop above peakdrop."""
    own = ({"drop": st.sampled_from([0.0, 0.25, 1.0, 1.5, 1.8, math.inf])} if name == "lod_int" else
           {"prob": st.sampled_from(COVERAGES)})
    return st.fixed_dictionaries({"lodcolumn": st.integers(1, 20)}, optional=own | {
        "chr": st.sampled_from(chromosomes), "threshold": st.sampled_from([-1.0, 1.0, 3.0]),
        "peakdrop": st.sampled_from([0.0, 0.25, 1.0, 2.5, math.inf]), "expand2markers": st.booleans()})


@pytest.mark.parametrize("name", FUNCTIONS)
@given(scans(), st.data())
def test_intervals_in_drawn_curves_are_those_of_qtl2(r, name, drawn, data):
    scan, map = drawn
    calls = data.draw(st.lists(arguments(name, list(map)), min_size=20, max_size=20))
    for call, theirs in zip(calls, qtl2_answers(r, name, scan.lod, map, calls)):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "chromosome '.*': around the peak")      # a test of its own below
            assert_same_frame(our_answer(FUNCTIONS[name], scan, map, call), theirs)


@pytest.mark.parametrize("name, own", [("lod_int", {}), ("lod_int", {"drop": 0.7, "peakdrop": 1.0}), ("bayes_int", {}),
                                       ("bayes_int", {"prob": 0.6, "peakdrop": 1.0, "threshold": 1.0})])
def test_intervals_in_long_curves_are_those_of_qtl2(r, name, own):
    scan, map = random_walks(seed=11, columns=40)
    calls = [{"chr": chromosome, "lodcolumn": column, "expand2markers": expand} | own for chromosome, column, expand in
             itertools.product(map, scan.lod.columns, (True, False))]
    for call, theirs in zip(calls, qtl2_answers(r, name, scan.lod, map, calls)):
        assert_same_frame(FUNCTIONS[name](scan, map, **call), theirs)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_intervals_in_real_scans_are_those_of_qtl2(r, real_scan, name):
    scan, map = real_scan
    calls = [{"chr": chromosome, "lodcolumn": column + 1} | own for chromosome, column, own in
             itertools.product(map, range(0, scan.lod.shape[1], 12), [{}, {"threshold": 1.5, "peakdrop": 1.6}])]
    for call, theirs in zip(calls, qtl2_answers(r, name, scan.lod, map, calls)):
        assert_same_frame(FUNCTIONS[name](scan, map, **call), theirs)


def test_of_many_equal_lods_those_of_a_bayes_interval_are_taken_from_the_left(r):
    """qtl2 takes them in the order in which its C++ library happens to sort them, but no others."""
    n = 4 * STABLE
    names = [f"D7Mit{i}" for i in range(n)]
    map = Map({"7": pd.Series(np.arange(n, dtype=float), index=names)})
    lod = pd.DataFrame({"liver": [0.0] * (n // 4) + [3.0] * (n // 2) + [0.0] * (n // 4)}, index=names)
    lod.iloc[n // 2] = 3.5
    low, high = n // 4, n // 4 + n // 2 - 1
    ours = bayes_int(scan_of(lod), map, prob=0.5).loc[1]
    theirs, = qtl2_answers(r, "bayes_int", lod, map, [{"prob": 0.5}])
    assert ours["ci_lo"] == low and ours["pos"] == theirs["pos"].item() == n // 2 and ours["ci_hi"] < high
    assert low <= theirs["ci_lo"].item() <= theirs["ci_hi"].item() <= high


def test_what_holds_of_every_interval():
    """Peak inside; wider with the drop and with the coverage; the ends are markers where they are asked to be."""
    scan, map = random_walks(seed=5, columns=30)
    for chromosome, column in itertools.product(map, scan.lod.columns):
        for function, own in ((lod_int, ({"drop": 0.5}, {"drop": 1.5})), (bayes_int, ({"prob": 0.5}, {"prob": 0.95}))):
            narrow, wide = (function(scan, map, chromosome, column, **choice, expand2markers=False).loc[1]
                            for choice in own)
            assert wide["ci_lo"] <= narrow["ci_lo"] <= narrow["pos"] <= narrow["ci_hi"] <= wide["ci_hi"]
            expanded = function(scan, map, chromosome, column, **own[0]).loc[1]
            for end, outermost in (("ci_lo", 0), ("ci_hi", -1)):
                where = map[chromosome]
                at = where[where == expanded[end]].index
                assert at[0].startswith("D") or at[0] == where.index[outermost]


def test_a_bayes_interval_without_a_finite_area_is_said():
    names = ["a", "b", "c"]
    scan = scan_of(pd.DataFrame({"liver": [1.0, 5.0, math.nan], "spleen": [1.0, 5.0, 2.0]}, index=names))
    with pytest.warns(UserWarning, match="chromosome '7': around the peak at 10 a LOD is missing or infinite"):
        bayes_int(scan, Map({"7": pd.Series([0.0, 10.0, 20.0], index=names)}))
    with pytest.warns(UserWarning, match="or all positions are the same"):
        bayes_int(scan, Map({"7": pd.Series([9.0, 9.0, 9.0], index=names)}), lodcolumn="spleen")


def test_chromosomes_may_be_numbers_and_columns_names(iron_scan):
    pd.testing.assert_frame_equal(lod_int(*iron_scan, chr=7, lodcolumn="spleen"),
                                  lod_int(*iron_scan, chr="7", lodcolumn=2), check_exact=True)


@pytest.mark.parametrize("function, call, sentence", [
    (lod_int, {"chr": "23"}, "chr: there is no chromosome '23' in the map"),
    (lod_int, {"chr": ["1", "2"]}, "chr has 2 chromosomes: give one"),
    (lod_int, {"lodcolumn": 3}, "lodcolumn is 3, and the scan has 2 columns"),
    (bayes_int, {"lodcolumn": "kidney"}, "lodcolumn: there is no column 'kidney'"),
    (lod_int, {"drop": 1.5, "peakdrop": 1.0}, r"drop \(1.5\) must not be larger than peakdrop \(1\)"),
    (lod_int, {"drop": -0.1}, "drop is -0.1: it must not be negative"),
    (bayes_int, {"peakdrop": -0.1}, "peakdrop is -0.1: it must not be negative"),
    (bayes_int, {"prob": 0.0}, "prob is 0: give a coverage between 0 and 1"),
    (bayes_int, {"prob": 1.0}, "prob is 1: give a coverage between 0 and 1"),
    (bayes_int, {"threshold": [3.0, 4.0]}, r"threshold is \[3.0, 4.0\]: give one number"),
    (lod_int, {"drop": None}, "drop is None: give one number"),
    (lod_int, {"threshold": math.nan}, "threshold is nan: give one number"),
])
def test_bad_arguments_are_refused_in_a_sentence(iron_scan, function, call, sentence):
    with pytest.raises(InputError, match=sentence):
        function(*iron_scan, **call)


def test_a_bayes_interval_on_a_single_position_is_refused_in_a_sentence():
    scan = scan_of(pd.DataFrame({"liver": [9.0]}, index=["rs1"]))
    with pytest.raises(InputError, match="chromosome '7' has a single position with a peak"):
        bayes_int(scan, Map({"7": pd.Series({"rs1": 1.0})}))


def test_examples_run(r):
    result = doctest.testmod(intervals)
    assert result.attempted > 0 and result.failed == 0
