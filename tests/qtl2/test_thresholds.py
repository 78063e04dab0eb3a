"""summary_scan1perm: the thresholds of qtl2, live, from drawn maxima and from permutations of iron."""
import doctest
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lmmbridge.errors import InputError
from lmmbridge.qtl2 import thresholds
from lmmbridge.qtl2.r_objects import from_r, to_r
from lmmbridge.qtl2.thresholds import Scan1Perm, summary_scan1perm


def qtl2_summary(r, perm, alpha, printed=False):
    r.source(Path(__file__).with_name("thresholds.R"))
    return r.call("thresholds", to_r(perm.A), None if perm.X is None else to_r(perm.X), perm.chr_lengths,
                  np.atleast_1d(alpha), printed).value


def permutations(r, n_perm, X_specific):
    r.source(Path(__file__).with_name("thresholds.R"))
    parts = r.call("permutations", n_perm, X_specific).value
    maxima = {part: from_r(parts[part]) for part in ("A", "X") if part in parts}
    return Scan1Perm(**maxima, chr_lengths=parts.get("chr_lengths"))


def assert_same_summary(perm, ours, theirs, tolerance):
    assert (ours.X is not None) == ("X" in theirs["thresholds"])
    for part, table in theirs["thresholds"].items():
        mine = getattr(ours, part)
        assert list(mine.columns) == list(table.columns) and list(mine.index) == table.index.astype(float).tolist()
        maxima = getattr(perm, part)
        scale = len(maxima) * maxima.max().max()
        np.testing.assert_allclose(mine, table, rtol=0.0, atol=tolerance("permutation_quantile") * scale)
    assert list(ours.n_perm.columns) == list(theirs["n_perm"].columns)
    assert ours.n_perm.to_numpy().tolist() == theirs["n_perm"].to_numpy().tolist()


@st.composite
def maxima(draw, most=40):
    """Maximum LODs of permutations; some missing, never all of a phenotype."""
    shape = draw(st.tuples(st.integers(1, most), st.just(3)))
    values = draw(hnp.arrays(float, shape, elements=st.floats(0.5, 20.0)))
    values[1:][draw(hnp.arrays(bool, (shape[0] - 1, 3), fill=st.just(False)))] = math.nan
    return pd.DataFrame(values, columns=["liver", "spleen", "kidney"])


def alphas():
    """Significance levels; of three digits, since R makes row names of them."""
    return st.lists(st.integers(1, 999).map(lambda i: i / 1000.0), min_size=1, max_size=3, unique=True)


@given(maxima(), alphas())
def test_thresholds_of_drawn_permutations_are_those_of_qtl2(r, tolerance, A, alpha):
    perm = Scan1Perm(A)
    assert_same_summary(perm, summary_scan1perm(perm, alpha), qtl2_summary(r, perm, alpha), tolerance)


@given(maxima(), maxima(), st.floats(100.0, 2000.0), st.floats(1.0, 200.0), alphas())
def test_thresholds_of_drawn_x_specific_permutations_are_those_of_qtl2(r, tolerance, A, X, length_A, length_X, alpha):
    perm = Scan1Perm(A, X, pd.Series({"A": length_A, "X": length_X}))
    assert_same_summary(perm, summary_scan1perm(perm, alpha), qtl2_summary(r, perm, alpha), tolerance)


@pytest.mark.parametrize("X_specific", [False, True])
@pytest.mark.parametrize("alpha", [0.05, [0.2, 0.05]])
def test_thresholds_and_their_print_are_those_of_qtl2_on_iron(r, tolerance, X_specific, alpha):
    perm = permutations(r, 12, X_specific)
    assert (perm.X is not None) == X_specific
    ours, theirs = summary_scan1perm(perm, alpha), qtl2_summary(r, perm, alpha, printed=True)
    assert_same_summary(perm, ours, theirs, tolerance)
    assert_same_print(str(ours), theirs["printed"])


def test_unequal_numbers_of_permutations_are_printed_as_in_qtl2(r, tolerance):
    perm = permutations(r, 12, X_specific=True)
    perm.A.iloc[3, 0] = math.nan
    # of one alpha: with two, print.summary.scan1perm of qtl2 0.46 stops with an error
    ours, theirs = summary_scan1perm(perm), qtl2_summary(r, perm, 0.05, printed=True)
    assert ours.n_perm.loc["A"].to_dict() == {"liver": 11, "spleen": 12}
    assert_same_summary(perm, ours, theirs, tolerance)
    assert_same_print(str(ours), theirs["printed"])
    plain = Scan1Perm(perm.A)
    ours, theirs = summary_scan1perm(plain, [0.2, 0.05]), qtl2_summary(r, plain, [0.2, 0.05], printed=True)
    assert_same_print(str(ours), theirs["printed"])


def assert_same_print(ours, theirs):
    """The same words in the same order, and the same numbers as far as the shorter of both shows them."""
    ours, theirs = ours.split(), " ".join(theirs).split()
    assert len(ours) == len(theirs)
    for mine, qtl2s in zip(ours, theirs):
        if not re.fullmatch(r"[\d.]+", mine):
            assert mine == qtl2s
        else:
            decimals = min(len(number.partition(".")[2]) for number in (mine, qtl2s))
            assert abs(float(mine) - float(qtl2s)) <= 0.51 * 10.0**-decimals, (mine, qtl2s)


def test_without_lengths_the_numbers_of_permutations_stand_for_them(r, tolerance):
    perm = permutations(r, 12, X_specific=True)
    perm = Scan1Perm(perm.A, perm.X)
    with pytest.warns(UserWarning, match=f"that of the permutations, {len(perm.A) / len(perm.X):.2f}"):
        ours = summary_scan1perm(perm, [0.2, 0.05])
    assert_same_summary(perm, ours, qtl2_summary(r, perm, [0.2, 0.05]), tolerance)


A = pd.DataFrame({"liver": [1.0, 2.0, 3.0]})


@pytest.mark.parametrize("perm, alpha, sentence", [
    (A, 0.05, "object is a DataFrame: give the result of scan1perm"),
    (Scan1Perm(A), 5, "alpha is 5: give significance levels from 0 to 1"),
    (Scan1Perm(A), "a", "alpha is 'a': give significance levels from 0 to 1, such as 0.05"),
    (Scan1Perm(A), [0.1, [0.2, 0.3]], "alpha is .*: give significance levels"),
    (Scan1Perm(A), [0.1, math.nan], "alpha is nan: give significance levels"),
    (Scan1Perm(A, A, pd.Series({"1": 90.0, "X": 60.0})), 0.05, "chr_lengths has the entries 1, X; give two"),
    (Scan1Perm(A, A, pd.Series({"A": 90.0})), 0.05, "chr_lengths has the entries A; give two"),
])
def test_bad_arguments_are_refused_in_a_sentence(perm, alpha, sentence):
    with pytest.raises(InputError, match=sentence):
        summary_scan1perm(perm, alpha)


def test_examples_run():
    result = doctest.testmod(thresholds)
    assert result.attempted > 0 and result.failed == 0
