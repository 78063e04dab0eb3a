"""scan1max: the maxima of scan1, and of qtl2."""
import doctest
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scanned_crosses import driven_r, load

from lmmbridge.errors import InputError
from lmmbridge.qtl2.r_objects import to_r
from lmmbridge.qtl2.scan1 import scan1
from lmmbridge.qtl2.scan1max import scan1max

#: Of iron: a matrix for each chromosome takes its time.
CHROMOSOMES = ["2", "9", "16", "X"]


@pytest.fixture(scope="module")
def iron(r):
    cross = load("iron", None)
    cross = replace(cross, probs=cross.probs.subset(chr=CHROMOSOMES), kinship=cross.kinship | {
        "loco": {name: cross.kinship["loco"][name] for name in CHROMOSOMES}})
    driven_r().source(Path(__file__).with_name("permutations.R"))
    return cross


def for_r(value):
    """An argument as R is to have it; the name of a part of the cross and a flag as they are."""
    return value if isinstance(value, (str, bool)) else to_r(value)


def settings(cross):
    pheno = cross.pheno.copy()
    pheno.iloc[[4, 8, 99], 0] = np.nan
    designs = cross.designs()
    return [{}, designs["addcovar, Xcovar, weights"], designs["intcovar"], {"pheno": pheno, "Xcovar": cross.Xcovar}]


@pytest.mark.parametrize("kinship", ["none", "overall", "loco"])
@pytest.mark.parametrize("by_chr", [False, True])
def test_maxima_are_those_of_qtl2(iron, kinship, by_chr, tolerance):
    designs = settings(iron)
    arguments = [{key: for_r(value) for key, value in ({"pheno": "pheno", "by_chr": by_chr} | design).items()}
                 | ({} if kinship == "none" else {"kinship": kinship}) for design in designs]
    limit = tolerance("lod_given_hsq" if kinship == "none" else "maxima_own_hsq")
    for design, theirs in zip(designs, driven_r().call("maximum_each", "iron", np.array(CHROMOSOMES), arguments).value):
        ours = scan1max(iron.probs, **({"pheno": iron.pheno, "kinship": iron.kinship[kinship]} | design), by_chr=by_chr)
        # qtl2's intcovar with kinship on X: rounding noise of columns that depend on sex (see the divergences)
        there = ours.lod.drop("X").to_numpy() if by_chr else np.atleast_2d(ours.lod)
        assert np.max(np.abs(there - theirs["lod"][:len(there)])) <= limit, list(design)
        assert ours.sample_size.to_dict() == theirs["sample_size"].to_dict()
        if kinship != "none":
            assert np.max(np.abs(ours.hsq.to_numpy() - theirs["hsq"].values)) <= tolerance("maxima_own_hsq")
            assert list(ours.hsq.index) == theirs["hsq"].coords[theirs["hsq"].dims[0]].values.tolist()


@pytest.mark.parametrize("kinship", ["none", "overall", "loco"])
def test_maxima_are_those_of_scan1(iron, kinship):
    chromosome_of = {position: name for name, array in iron.probs.items() for position in array.position.values}
    for design in settings(iron):
        arguments = {"pheno": iron.pheno, "kinship": iron.kinship[kinship]} | design
        scan = scan1(iron.probs, **arguments)
        by_chr = scan1max(iron.probs, **arguments, by_chr=True, cores=2)
        whole = scan1max(iron.probs, **arguments)
        pd.testing.assert_frame_equal(by_chr.lod, scan.lod.groupby(chromosome_of, sort=False).max())
        pd.testing.assert_series_equal(whole.lod, scan.lod.max())
        for found in (by_chr, whole):
            assert found.notes == scan.notes and found.criterion == scan.criterion
            pd.testing.assert_series_equal(found.sample_size, scan.sample_size)
            if kinship != "none":
                pd.testing.assert_frame_equal(found.hsq, scan.hsq)


def test_hsq_that_is_given_is_used(iron):
    given = scan1max(iron.probs, iron.pheno, iron.kinship["overall"], hsq=[0.2, 0.7])
    pd.testing.assert_series_equal(given.lod, scan1(iron.probs, iron.pheno, iron.kinship["overall"],
                                                    hsq=[0.2, 0.7]).lod.max())
    assert given.criterion == "given" and given.hsq.to_numpy().tolist() == [[0.2, 0.7]]
    with pytest.raises(InputError, match="hsq is 'each': give numbers"):
        scan1max(iron.probs, iron.pheno, iron.kinship["overall"], reml=False, hsq="each")


def test_phenotypes_without_lod_scores_have_no_maximum(iron):
    pheno = iron.pheno.copy()
    pheno.iloc[2:, 0] = np.nan
    found = scan1max(iron.probs, pheno)
    assert np.isnan(found.lod["liver"]) and found.lod["spleen"] > 0.0 and "pheno 'liver' has 2" in found.notes[0]


def test_examples(r):
    assert doctest.testmod(sys.modules[scan1max.__module__]).failed == 0
