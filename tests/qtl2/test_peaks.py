"""find_peaks and max_scan1: to the last bit what qtl2 finds, live, in drawn curves and in scans of real crosses."""
import doctest
import itertools
import math
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lod_curves import (COVERAGES, R_DRIVER, assert_same_frame, our_answer, qtl2_answers, random_walks, scan_of,
                        scanned, scans)

from lmmbridge.errors import InputError
from lmmbridge.qtl2 import peaks
from lmmbridge.qtl2.coefficients import Scan1Coef
from lmmbridge.qtl2.intervals import bayes_int, lod_int
from lmmbridge.qtl2.maps import Map
from lmmbridge.qtl2.peaks import find_peaks, max_scan1
from lmmbridge.qtl2.scan1 import Scan1
from lmmbridge.qtl2.thresholds import Scan1Perm, summary_scan1perm
from lmmbridge.qtl2.r_objects import from_r

COLUMNS = 20


@pytest.fixture(scope="module", params=[("iron", 0), ("iron", 1), ("grav2", 0)], ids="{0[0]}, step {0[1]}".format)
def real_scan(r, request):
    return scanned(r, *request.param)


@pytest.fixture(scope="module")
def iron_scan(r):
    return scanned(r, "iron", 1)


def numbers(*values):
    """One of the numbers, or one for each column."""
    vector = st.lists(st.sampled_from(values), min_size=COLUMNS, max_size=COLUMNS).map(np.array)
    return st.sampled_from(values) | vector


def optional(strategy):
    return st.none() | strategy


@st.composite
def arguments(draw):
    """Arguments of find_peaks, also some that contradict each other."""
    drops = numbers(0.0, 0.25, 1.0, 1.5, 1.8)
    kind = draw(st.sampled_from(["plain", "drop", "prob"]))
    chosen = {
        "threshold": draw(numbers(-1.0, 0.0, 1.0, 2.25, 3.0, 6.0)), "thresholdX": draw(optional(numbers(1.5, 4.0))),
        "peakdrop": draw(numbers(2.0, 3.5, math.inf) if kind == "drop" else numbers(0.0, 0.25, 1.0, 2.5, math.inf)),
        "peakdropX": draw(optional(numbers(1.0, 2.0, math.inf))),
        "sort_by": draw(st.sampled_from(["column", "pos", "lod"])), "expand2markers": draw(st.booleans())}
    if kind == "drop":
        chosen |= {"drop": draw(drops), "dropX": draw(optional(drops))}
    elif kind == "prob":
        chosen |= {"prob": draw(numbers(*COVERAGES)), "probX": draw(optional(numbers(*COVERAGES)))}
    return {name: value for name, value in chosen.items() if value is not None}


@given(scans(COLUMNS), st.lists(arguments(), min_size=4, max_size=4))
def test_find_peaks_of_drawn_curves_are_those_of_qtl2(r, drawn, calls):
    scan, map = drawn
    for call, theirs in zip(calls, qtl2_answers(r, "find_peaks", scan.lod, map, calls)):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "chromosome '.*': around the peak")      # a test of its own below
            assert_same_frame(our_answer(find_peaks, scan, map, call), theirs)


@pytest.mark.parametrize("seed", range(2))
def test_find_peaks_of_long_curves_are_those_of_qtl2(r, seed):
    scan, map = random_walks(seed, columns=50)
    calls = [{"threshold": 2.0, "peakdrop": peakdrop, "expand2markers": expand} | interval
             for peakdrop, expand in ((math.inf, True), (1.5, True), (1.5, False))
             for interval in ({}, {"drop": 1.5}, {"drop": 0.8, "dropX": 1.0}, {"prob": 0.95},
                              {"prob": 0.8, "probX": 0.5})]
    for call, theirs in zip(calls, qtl2_answers(r, "find_peaks", scan.lod, map, calls)):
        assert len(theirs) > 50
        assert_same_frame(find_peaks(scan, map, **call), theirs)


def test_find_peaks_of_real_scans_are_those_of_qtl2(r, real_scan):
    scan, map = real_scan
    calls = [{}, {"threshold": 2.0, "peakdrop": 1.0, "sort_by": "pos"}, {"drop": 1.5}, {"prob": 0.95, "sort_by": "lod"},
             {"threshold": 1.5, "thresholdX": 0.5, "peakdrop": 2.0, "drop": 1.8, "expand2markers": False},
             {"threshold": 1.5, "peakdrop": 1.0, "prob": 0.9, "probX": 0.5},
             {"threshold": np.linspace(1.0, 5.0, scan.lod.shape[1]), "drop": 1.5, "peakdrop": 1.8}]
    for call, theirs in zip(calls, qtl2_answers(r, "find_peaks", scan.lod, map, calls)):
        assert len(theirs) > 0
        assert_same_frame(find_peaks(scan, map, **call), theirs)


def test_pseudomarkers_and_several_peaks_occur_in_the_curves_that_are_compared(iron_scan):
    """Or else the comparisons above would show less than they seem to."""
    scan, map = iron_scan
    wide = find_peaks(scan, map, threshold=1.5, drop=1.5)
    narrow = find_peaks(scan, map, threshold=1.5, drop=1.5, expand2markers=False)
    assert (wide["ci_lo"] < narrow["ci_lo"]).any() and (wide["ci_hi"] > narrow["ci_hi"]).any()
    walked = find_peaks(*random_walks(0, columns=100), threshold=2.0, peakdrop=1.5)
    assert walked.groupby(["lodindex", "chr"], observed=True).size().max() > 1


@pytest.mark.parametrize("where", ["scan in another order", "map of some chromosomes", "map of some markers",
                                   "scan of some positions"])
def test_scan_and_map_are_aligned_as_in_qtl2(r, iron_scan, where):
    scan, map = iron_scan
    if where == "scan in another order":
        scan, said = scan_of(scan.lod.iloc[::-1]), 0
    elif where == "map of some chromosomes":
        map, said = Map({name: map[name] for name in ("16", "2", "X")}, map.is_x_chr), 1
    elif where == "map of some markers":
        map, said = Map({name: series.iloc[::3] for name, series in map.items()}, map.is_x_chr), 1
    else:
        scan, said = scan_of(scan.lod.iloc[100:180]), 1
    calls = [{"threshold": 1.0, "drop": 1.5}, {"threshold": 1.0, "prob": 0.95, "thresholdX": 0.1}]
    for call, theirs in zip(calls, qtl2_answers(r, "find_peaks", scan.lod, map, calls)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            ours = find_peaks(scan, map, **call)
        assert len(caught) == said and all("left out" in str(warning.message) for warning in caught)
        assert len(theirs) > 0
        assert_same_frame(ours, theirs)


def test_a_missing_lod_in_a_bayes_interval_is_said():
    names = ["a", "b", "c", "d"]
    scan = scan_of(pd.DataFrame({"liver": [1.0, 5.0, math.nan, 0.0]}, index=names))
    map = Map({"7": pd.Series([0.0, 10.0, 20.0, 30.0], index=names)})
    with pytest.warns(UserWarning, match="chromosome '7': around the peak at 10 a LOD is missing"):
        found = find_peaks(scan, map, prob=0.95)
    assert found[["ci_lo", "ci_hi"]].to_numpy().tolist() == [[0.0, 30.0]]


def test_arguments_without_effect_are_said(iron_scan):
    with pytest.warns(UserWarning, match="dropX is without effect where drop is not given"):
        find_peaks(*iron_scan, dropX=1.0)
    with pytest.warns(UserWarning, match="probX is without effect where prob is not given"):
        find_peaks(*iron_scan, drop=1.5, probX=0.9)
    with pytest.warns(UserWarning, match="chr is without effect where map is not given"):
        max_scan1(iron_scan[0], chr="7")


@pytest.mark.parametrize("call, sentence", [
    ({"drop": 1.5, "prob": 0.95}, "drop and prob are both given"),
    ({"drop": 1.5, "peakdrop": 1.0}, r"drop \(1.5\) must not be larger than peakdrop \(1\)"),
    ({"drop": [1.0, 1.5], "dropX": 3.0, "peakdrop": 2.0}, r"dropX \(3\) must not be larger than peakdropX \(2\)"),
    ({"drop": -1.0}, "drop is -1: it must not be negative"),
    ({"peakdrop": -1.0}, "peakdrop is -1: it must not be negative"),
    ({"prob": 95}, "prob is 95: give a coverage between 0 and 1"),
    ({"prob": 0.9, "probX": [0.9, 1.0]}, "probX is 1: give a coverage"),
    ({"threshold": [3.0, 3.0, 3.0]}, "threshold has 3 values and the scan has 2 LOD columns"),
    ({"thresholdX": math.nan}, "thresholdX has a value that is not a number"),
    ({"threshold": "high"}, "threshold is 'high': give a number"),
    ({"sort_by": "chr"}, "sort_by is 'chr'"),
])
def test_bad_arguments_of_find_peaks_are_refused_in_a_sentence(iron_scan, call, sentence):
    with pytest.raises(InputError, match=sentence):
        find_peaks(*iron_scan, **call)


def test_scan_and_map_that_do_not_fit_are_refused_in_a_sentence(iron_scan):
    scan, map = iron_scan
    other = Map({"7": pd.Series([1.0, 2.0], index=["rs1", "rs2"])})
    twice = scan_of(pd.concat([scan.lod, scan.lod.iloc[[0]]]))
    for function in (find_peaks, max_scan1):
        with pytest.raises(InputError, match="scan1_output and map have no position in common"):
            function(scan, other)
        with pytest.raises(InputError, match=f"position '{scan.lod.index[0]}' occurs more than once"):
            function(twice, map)
        with pytest.raises(InputError, match="map is a dict: give a"):
            function(scan, dict(map))
    with pytest.raises(InputError, match="chromosome '7' are out of order: 'rs1' at 2 comes before 'rs2' at 1"):
        Map({"7": pd.Series([2.0, 1.0], index=["rs1", "rs2"])})
    single = scan_of(pd.DataFrame({"liver": [9.0]}, index=["rs1"]))
    with pytest.raises(InputError, match="chromosome '7' has a single position with a peak"):
        find_peaks(single, Map({"7": pd.Series({"rs1": 1.0})}), prob=0.9)


@pytest.mark.parametrize("function", [find_peaks, lod_int, bayes_int, max_scan1])
def test_what_is_no_scan_is_refused_in_a_sentence(iron_scan, function):
    scan, map = iron_scan
    for bad, type in ((scan.lod, "DataFrame"), (None, "NoneType"), ({"lod": scan.lod}, "dict")):
        with pytest.raises(InputError, match=rf"^scan1_output is a {type}: give the result of scan1 \(a Scan1\)"):
            function(bad, map)
    if function is not max_scan1:
        with pytest.raises(InputError, match=r"scan1_output is a Scan1Coef: give the result of scan1 \(a Scan1\)$"):
            function(Scan1Coef(scan.lod, None, 284, None), map)


def assert_same_maximum(ours, theirs):
    """Without map and for one column R gives a named number, hence a Series."""
    if isinstance(theirs, pd.Series):
        pd.testing.assert_series_equal(ours, theirs, check_exact=True, check_names=False)
    else:
        assert_same_frame(ours, theirs)


@settings(max_examples=30)
@given(scans(4), st.data())
def test_max_scan1_of_drawn_curves_is_that_of_qtl2(r, drawn, data):
    scan, map = drawn
    chosen = data.draw(st.lists(st.sampled_from(list(map)), min_size=1, max_size=3, unique=True))
    calls = [{"lodcolumn": column} | chr for column, chr in
             itertools.product([1, 4, "trait2", None], [{}, {"chr": np.array(chosen)}])]
    for call, theirs in zip(calls, qtl2_answers(r, "max_scan1", scan.lod, map, calls)):
        ours = max_scan1(scan, map, **call)
        if call["lodcolumn"] is None:      # R has no value to put where all are missing, and another kind of column
            ours, theirs = ours.astype({"chr": object}), theirs.astype({"chr": object, "pos": float, "lod": float})
        assert_same_frame(ours, theirs)


@pytest.mark.parametrize("kind", ["scan1", "scan1coef"])
def test_max_scan1_of_real_scans_is_that_of_qtl2(r, iron_scan, kind):
    if kind == "scan1":
        scan, map = iron_scan
        curves, columns, chromosomes = scan.lod, [1, 2, "spleen", None], ["2", np.array(["X", "7"])]
    else:
        r.source(R_DRIVER)
        answer = r.call("effects", "16", "liver").value
        curves, map = from_r(answer["coef"]), Map(answer["map"])
        scan, columns, chromosomes = Scan1Coef(curves, None, 284, None), [1, "SB", "BB", None], ["16"]
        assert (curves.abs().max() > curves.max()).any()       # where the sign matters
    calls = [{"lodcolumn": column, "na_rm": True} | chr for column, chr in
             itertools.product(columns, [{}, *({"chr": chr} for chr in chromosomes)])]
    for call, theirs in zip(calls, qtl2_answers(r, "max_scan1", curves, map, calls, kind)):
        assert_same_maximum(max_scan1(scan, map, **call), theirs)
    calls = [{"lodcolumn": column} for column in columns]
    for call, theirs in zip(calls, qtl2_answers(r, "max_scan1", curves, None, calls, kind)):
        assert_same_maximum(max_scan1(scan, **call), theirs)


@pytest.mark.parametrize("call, sentence", [
    ({"chr": "23"}, "chr: there is no chromosome '23' in the map"),
    ({"chr": ["1", "Y"]}, "chr: there is no chromosome 'Y' in the map"),
    ({"lodcolumn": 3}, "lodcolumn is 3, and the scan has 2 columns: give a number from 1 to 2"),
    ({"lodcolumn": 0}, "lodcolumn is 0"),
    ({"lodcolumn": "kidney"}, "lodcolumn: there is no column 'kidney'; there are liver, spleen"),
    ({"lodcolumn": [1, 2]}, r"lodcolumn is \[1, 2\]: give one column"),
    ({"lodcolumn": True}, "lodcolumn is True: give one column"),
])
def test_bad_arguments_of_max_scan1_are_refused_in_a_sentence(iron_scan, call, sentence):
    with pytest.raises(InputError, match=sentence):
        max_scan1(*iron_scan, **call)


def test_examples_run(r):
    result = doctest.testmod(peaks)
    assert result.attempted > 0 and result.failed == 0


def test_the_summary_of_permutations_is_a_threshold():
    names = ["a", "b", "c"]
    scan = Scan1(pd.DataFrame({"liver": [1.0, 4.0, 2.0], "spleen": [1.0, 4.0, 2.0]}, names), None,
                 pd.Series({"liver": 9, "spleen": 9}))
    map = Map({"1": pd.Series([1.0, 2.0, 3.0], names)})
    maxima = pd.DataFrame({"spleen": [4.5] * 9, "liver": [3.5] * 9})     # in another order than the scan
    summary = summary_scan1perm(Scan1Perm(maxima))
    assert list(find_peaks(scan, map, threshold=summary)["lodcolumn"]) == ["liver"]
    assert list(find_peaks(scan, map, threshold=summary.A.iloc[0])["lodcolumn"]) == ["liver"]
    with pytest.raises(InputError, match="2 significance levels"):
        find_peaks(scan, map, threshold=summary_scan1perm(Scan1Perm(maxima), alpha=[0.05, 0.1]))
    with pytest.raises(InputError, match="threshold is a table"):
        find_peaks(scan, map, threshold=pd.concat([summary.A, summary.A]))
    on_x = Map(map, {"1": True})
    by_part = summary_scan1perm(Scan1Perm(maxima, maxima + 2.0, pd.Series({"A": 10.0, "X": 1.0})))
    assert find_peaks(scan, on_x, threshold=by_part).empty
