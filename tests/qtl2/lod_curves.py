"""LOD curves for the tests of peaks and intervals: drawn, walked at random, and from scans of real crosses by qtl2."""
import math
from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lmmbridge.errors import InputError
from lmmbridge.qtl2.maps import Map
from lmmbridge.qtl2.r_objects import from_r, to_r
from lmmbridge.qtl2.scan1 import Scan1

R_DRIVER = Path(__file__).with_name("peaks.R")
#: std::sort of the C++ library keeps the order of equals up to this length; beyond it qtl2's choice among them is free.
STABLE = 16
#: Coverages that no sum of a few equal areas hits, where rounding would decide.
COVERAGES = (0.1234, 0.5017, 0.8013, 0.9507, 0.9893)


def scan_of(lod):
    return Scan1(lod, hsq=None, sample_size=pd.Series(100, index=lod.columns))


def scanned(r, cross, step):
    """scan1 of one of qtl2's crosses, run by qtl2: a Scan1 and a Map."""
    r.source(R_DRIVER)
    answer = r.call("scan_cross", cross, step).value
    return (Scan1(from_r(answer["lod"]), None, answer["sample_size"]),
            Map(answer["map"], answer["is_x_chr"].to_dict()))


@st.composite
def maps(draw):
    """Up to four chromosomes of 1 to STABLE positions, some at the same place, some pseudomarkers."""
    chromosomes = draw(st.lists(st.sampled_from(["2", "10", "19", "X"]), min_size=1, max_size=4, unique=True))
    positions = {}
    for chromosome in chromosomes:
        gaps = draw(st.lists(st.sampled_from([0.0, 0.3, 1.0, 1.0, 7.7]), min_size=1, max_size=STABLE))
        pseudo = draw(st.lists(st.booleans(), min_size=len(gaps), max_size=len(gaps)))
        where = np.cumsum(gaps)
        names = [f"c{chromosome}.loc{i}{'.5' * (i % 2)}" if is_pseudo else f"D{chromosome}Mit{i}"
                 for i, is_pseudo in enumerate(pseudo)]
        positions[chromosome] = pd.Series(where, index=names)
    return Map(positions, draw(st.sampled_from([None, {"X": True}])))


@st.composite
def scans(draw, columns=20, missing=True):
    """A map and curves on it that move in steps of 0.25: plateaus, ties, and falls by just the drop asked for."""
    map = draw(maps())
    names = [name for series in map.values() for name in series.index]
    steps = draw(hnp.arrays(float, (len(names), columns), elements=st.integers(-2, 32).map(float),
                            fill=st.nothing() if draw(st.booleans()) else None))
    lod = steps / 4.0
    if missing:
        lod[draw(hnp.arrays(bool, lod.shape, elements=st.booleans(), fill=st.just(False)))] = math.nan
    return scan_of(pd.DataFrame(lod, index=names, columns=[f"trait{j}" for j in range(columns)])), map


def random_walks(seed, columns):
    """Long curves without two equal LODs on three chromosomes with positions at random."""
    rng = np.random.default_rng(seed)
    positions, curves = {}, []
    for chromosome, n in (("1", 120), ("2", 30), ("X", 61)):
        names = [f"c{chromosome}.loc{i}" if pseudo else f"D{chromosome}Mit{i}" for i, pseudo in
                 enumerate(rng.random(n) < 0.7)]
        positions[chromosome] = pd.Series(np.sort(rng.uniform(0.0, 100.0, n)), index=names)
        curves.append(np.abs(rng.normal(0.0, 0.6, (n, columns)).cumsum(axis=0) + rng.uniform(0.0, 4.0, columns)))
    names = [name for series in positions.values() for name in series.index]
    lod = pd.DataFrame(np.vstack(curves), index=names, columns=[f"trait{j}" for j in range(columns)])
    return scan_of(lod), Map(positions, {"X": True})


def qtl2_answers(r, name, curves, map, settings, kind="scan1"):
    """What qtl2's function of that name returns with each of the settings; a str where it stops."""
    r.source(R_DRIVER)
    return r.call("call_each", name, to_r(curves), None if map is None else to_r(map),
                  [for_r(setting) for setting in settings], kind).value


def our_answer(function, scan, map, setting):
    """What our function returns; a str where it refuses."""
    try:
        return function(scan, map, **setting)
    except InputError as error:
        return str(error)


def for_r(setting):
    return {"na.rm" if name == "na_rm" else name: value for name, value in setting.items()}


def assert_same_frame(ours, theirs):
    """Equal to the last bit, with the same labels in the same order; also where both refuse."""
    if isinstance(ours, str) or isinstance(theirs, str):
        assert isinstance(ours, str) and isinstance(theirs, str), (ours, theirs)
        return
    pd.testing.assert_frame_equal(ours, theirs, check_exact=True, check_dtype=len(ours) > 0, check_index_type=False,
                                  check_column_type=False)
