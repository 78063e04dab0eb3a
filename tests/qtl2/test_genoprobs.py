"""Genotype probabilities: what a Genoprobs checks, gives, and selects; as probs[ind, chr] in R/qtl2."""
import numpy as np
import pytest
import xarray as xr
from scanned_crosses import load

from lmmbridge.errors import InputError
from lmmbridge.qtl2.genoprobs import DIMS, Genoprobs
from lmmbridge.qtl2.r_objects import from_r, to_r

IDS = ("a", "b", "c")


def array(positions=("p", "q"), individuals=IDS, values=None):
    if values is None:
        values = np.full((len(individuals), 2, len(positions)), 0.5)
    return xr.DataArray(values, dims=DIMS, coords={"individual": list(individuals), "genotype": ["AA", "AB"],
                                                   "position": list(positions)})


def changed(i, j, k, value):
    values = np.full((3, 2, 2), 0.5)
    values[i, j, k] = value
    return values


@pytest.fixture
def probs():
    return Genoprobs({"1": array(), "X": array("rst")}, {"X": True}, "f2", "AB")


def test_a_mapping_of_chromosomes(probs):
    assert list(probs) == ["1", "X"] and len(probs) == 2
    assert probs.is_x_chr == {"1": False, "X": True}
    assert probs.individuals == IDS and probs.positions == ("p", "q", "r", "s", "t")
    assert probs.crosstype == "f2" and probs.alleles == ("A", "B") and probs.alleleprobs is False
    assert probs["X"].sizes == {"individual": 3, "genotype": 2, "position": 3}
    assert repr(probs) == ("Genoprobs of 3 individuals, crosstype 'f2'; genotypes × positions by chromosome: 1: 2 × 2, "
                           "X: 2 × 3")


def test_none_and_no_position():
    assert Genoprobs({}).individuals == () and Genoprobs({}).positions == ()
    assert Genoprobs({"1": array(())}).positions == ()


def test_names_are_text():
    """Whole numbers as IDs and chromosomes are the same as their text."""
    numbered = Genoprobs({1: array(individuals=(1, 2, 3))}, {1: True})
    assert numbered.individuals == ("1", "2", "3") and list(numbered) == ["1"] and numbered.is_x_chr == {"1": True}
    assert numbered.subset(ind=["2"]).individuals == ("2",)


def test_subset_keeps_the_rest(probs):
    part = probs.subset(ind=["c", "a"], chr=["X"])
    assert list(part) == ["X"] and part.individuals == ("c", "a") and part.is_x_chr == {"X": True}
    assert (part.crosstype, part.alleles, part.alleleprobs) == ("f2", ("A", "B"), False)
    assert np.array_equal(part["X"].values, probs["X"].values[[2, 0]])


def test_subset_as_qtl2(r):
    iron = load("iron", None).probs
    ind, chr = ["7", "3", "100"], ["X", "16"]
    theirs = from_r(r.call("[", to_r(iron), np.array(ind), np.array(chr)).value)
    ours = iron.subset(ind, chr)
    assert list(ours) == list(theirs) and ours.is_x_chr == theirs.is_x_chr and ours.alleles == theirs.alleles
    for name in chr:
        xr.testing.assert_identical(ours[name], theirs[name])


@pytest.mark.parametrize("arrays, sentence", [
    ({"1": array().values}, "genoprobs: chromosome '1' is a ndarray: give a DataArray with named individual, genotype, "
     "position"),
    ({"1": array().rename(position="marker")}, "chromosome '1' has the dims .*'marker'.*: give a DataArray with named "
     "individual, genotype, position"),
    ({"1": array().transpose("position", "individual", "genotype")}, "chromosome '1' has the dims"),
    ({"1": array().drop_vars("position")}, "chromosome '1' has the dims"),
    ({"1": array(), "2": array("rs", "abd")},
     "chromosome '2' has other individuals, or another order of them, than the first"),
    ({"1": array(), "2": array("rs", "acb")}, "chromosome '2' has other individuals, or another order"),
    ({"1": array(individuals="aba")}, "genoprobs: individual 'a' occurs more than once; give every individual one row"),
    ({"1": array(values=changed(1, 0, 1, np.nan))},
     "chromosome '1' has a value that is not a finite number, for individual "
     "'b' at position 'q'"),
    ({"1": array(values=changed(1, 0, 1, 0.4))},
     "chromosome '1': the probabilities of individual 'b' at position 'q' sum to "
     "0.9, not 1; check how they were computed or read"),
    ({"1": array(values=changed(2, slice(None), 0, [1.5, -0.5]))},
     "chromosome '1' has the probability -0.5, for individual "
     "'c' at position 'p'; probabilities are between 0 and 1"),
    ({"1": array("pp")}, "the position name 'p' occurs more than once; give every position its own"),
    ({"1": array("pq"), "2": array("rp")}, "the position name 'p' occurs more than once"),
])
def test_refused(arrays, sentence):
    with pytest.raises(InputError, match=sentence) as caught:
        Genoprobs(arrays)
    assert "\n" not in str(caught.value)


def test_refused_selections(probs):
    with pytest.raises(InputError, match="genoprobs: there is no individual 'z'"):
        probs.subset(ind=["a", "z"])
    with pytest.raises(InputError, match="genoprobs: there is no chromosome '7'"):
        probs.subset(chr=["7"])
    with pytest.raises(InputError, match="individual 'a' occurs more than once"):
        probs.subset(ind=["a", "a"])


def test_rounding_of_a_file_passes():
    """Sums that are off by the last of six digits, and a probability below 0 by rounding."""
    Genoprobs({"1": array(values=changed(0, 1, 0, 0.5 - 9e-7))})
    Genoprobs({"1": array(values=changed(0, slice(None), 0, [1.0 + 1e-9, -1e-9]))})
