"""R/qtl2 behind our functions' names: our types, labels and, where it is right, our numbers."""
from dataclasses import fields

import numpy as np
import pandas as pd
import pytest

from lmmbridge import qtl2
from lmmbridge.engines.r_qtl2 import RQtl2
from lmmbridge.qtl2 import calc_genoprob, calc_kinship, chr_lengths, extdata, get_x_covar, read_cross2
from lmmbridge.qtl2.maps import Map
from lmmbridge.rlink import RError


@pytest.fixture(scope="module")
def iron(live):
    live("qtl2")
    cross = read_cross2(extdata("iron.zip"))
    probs = calc_genoprob(cross, error_prob=0.002).subset(ind=cross.pheno.index[::4], chr=["16", "X"])
    return cross, probs


@pytest.fixture(scope="module")
def arguments(iron):
    cross, probs = iron
    ids = list(probs.individuals)
    sex = (cross.covar["sex"] == "m").astype(float)
    weights = pd.Series(np.linspace(0.5, 2.0, len(ids)), ids)
    pheno = cross.pheno.loc[ids[::-1]]
    pheno.iloc[3, 0] = np.nan
    return {"genoprobs": probs, "pheno": pheno, "kinship": calc_kinship(probs), "addcovar": sex, "weights": weights}


def same(ours, theirs, rel):
    """Of the same type; tables and numbers with the same labels and values; what R/qtl2 does not tell is None."""
    assert type(ours) is type(theirs)
    for field in fields(ours):
        one, other = getattr(ours, field.name), getattr(theirs, field.name)
        if field.name in ("notes", "engine", "version") or other is None:
            continue
        if isinstance(one, pd.DataFrame):
            pd.testing.assert_frame_equal(one, other, rtol=rel, atol=rel, check_dtype=False, check_names=False)
        elif isinstance(one, pd.Series):
            pd.testing.assert_series_equal(one, other, rtol=rel, atol=rel, check_dtype=False, check_names=False)
        else:
            assert one == pytest.approx(other, rel=rel)


def chosen(arguments, *names):
    return {name: arguments[name] for name in names}


@pytest.mark.parametrize("hsq", [None, 0.25])
def test_scan1(iron, arguments, hsq, tolerance):
    named = {**arguments, "Xcovar": get_x_covar(iron[0]), "hsq": hsq}
    same(qtl2.scan1(**named, quiet=True), RQtl2().scan1(**named, quiet=True), tolerance("R's own hsq"))


def test_est_herit(arguments, tolerance):
    named = chosen(arguments, "pheno", "kinship", "addcovar", "weights")
    same(qtl2.est_herit(**named, quiet=True), RQtl2().est_herit(**named), tolerance("R's own hsq"))


@pytest.mark.parametrize("kinship", [True, False])
def test_fit1(iron, arguments, kinship, tolerance):
    cross, probs = iron
    named = {**arguments, "genoprobs": probs["16"].sel(position="D16Mit30"), "pheno": arguments["pheno"]["liver"],
             "kinship": arguments["kinship"] if kinship else None}
    ours, theirs = qtl2.fit1(**named), RQtl2().fit1(**named)
    same(ours, theirs, tolerance("R's own hsq"))
    assert list(theirs.fitted.index) == [name for name in probs.individuals if np.isfinite(named["pheno"][name])]


def test_scan1coef_and_scan1blup(iron, arguments, tolerance):
    cross, probs = iron
    named = {**arguments, "genoprobs": probs.subset(chr=["16"]), "pheno": arguments["pheno"]["liver"]}
    same(qtl2.scan1coef(**named, se=True, quiet=True), RQtl2().scan1coef(**named, se=True), tolerance("R's own hsq"))
    del named["weights"]
    same(qtl2.scan1blup(**named, quiet=True), RQtl2().scan1blup(**named), tolerance("R's own hsq"))


def test_scan1perm(iron, arguments):
    cross, probs = iron
    named = {**chosen(arguments, "genoprobs", "pheno"), "n_perm": 3, "rng": 1}
    found, again = (RQtl2().scan1perm(**named) for _ in range(2))
    assert found.A.shape == (3, 2) and list(found.A.columns) == ["liver", "spleen"] and found.A.equals(again.A)
    lengths = chr_lengths(Map({name: cross.gmap[name] for name in probs}, probs.is_x_chr))
    apart = RQtl2().scan1perm(**named, perm_Xsp=True, chr_lengths=lengths)
    ours = qtl2.scan1perm(**named, perm_Xsp=True, chr_lengths=lengths, quiet=True)
    assert apart.X.shape == ours.X.shape and apart.chr_lengths.to_dict() == pytest.approx(ours.chr_lengths.to_dict())


def test_peaks_and_intervals(iron, arguments):
    cross, probs = iron
    scan = qtl2.scan1(probs, arguments["pheno"], quiet=True)
    genome = Map({name: cross.gmap[name] for name in probs}, probs.is_x_chr)
    pd.testing.assert_frame_equal(RQtl2().find_peaks(scan, genome, threshold=0.5, drop=1.0),
                                  qtl2.find_peaks(scan, genome, threshold=0.5, drop=1.0), check_dtype=False)
    for name in ("lod_int", "bayes_int"):
        pd.testing.assert_frame_equal(getattr(RQtl2(), name)(scan, genome, chr="16"),
                                      getattr(qtl2, name)(scan, genome, chr="16"), check_index_type=False)


def test_what_r_refuses_is_an_error(arguments):
    with pytest.raises(RError, match="No individuals in common"):
        RQtl2().scan1(arguments["genoprobs"], arguments["pheno"].rename(index=lambda name: f"x{name}"))
