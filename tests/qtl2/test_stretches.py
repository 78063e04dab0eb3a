"""Small chromosomes that are scanned together, against each of them alone."""
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from simulated_scans import ON_X, scan_of

from lmmbridge.progress import Progress
from lmmbridge.qtl2 import Genoprobs, scan1
from lmmbridge.qtl2.scan_setup import set_up
from lmmbridge.qtl2.scanner import Scanner


def stretches(arguments, **changes):
    """How the chromosomes are taken together."""
    given = {"kinship": None, "addcovar": None, "Xcovar": None, "intcovar": None, "weights": None, "reml": True,
             "model": "normal"} | arguments | changes
    setup = set_up(**given)
    [batch], _ = setup.batches()
    return Scanner(setup, batch, Progress("", 0, quiet=True)).stretches()


def with_shapes(probs, genotypes, positions):
    """Further chromosomes, of the shapes given."""
    rng, arrays = np.random.default_rng(5), dict(probs)
    for i, (k, m) in enumerate(zip(genotypes, positions), 3):
        values = rng.dirichlet(np.full(k, 0.3), size=(len(probs.individuals), m)).transpose(0, 2, 1)
        arrays[str(i)] = xr.DataArray(values, dims=probs["1"].dims, coords={
            "individual": list(probs.individuals), "genotype": [f"g{j}" for j in range(k)],
            "position": [f"c{i}.{j}" for j in range(m)]})
    return Genoprobs(arrays, probs.is_x_chr, alleleprobs=True)


@pytest.mark.parametrize("kinship", ["none", "overall"])
def test_small_ones_with_as_many_genotypes_are_taken_together(kinship):
    data = scan_of(kinship, missing=False)
    assert stretches(data) == [["1", "2"], [ON_X]]
    probs = with_shapes(data["genoprobs"], [3, 3, 4, 4], [5, 700, 400, 100])
    # Of 40 individuals and two genotype columns, up to 819 positions; of three, up to 546.
    assert stretches(data, genoprobs=probs) == [["1", "2"], [ON_X], ["3", "4"], ["5", "6"]]
    assert stretches(data, genoprobs=with_shapes(data["genoprobs"], [3, 3], [120, 700])) == [["1", "2"], [ON_X], ["3"], ["4"]]


def test_others_are_taken_alone():
    alone = [["1"], ["2"], [ON_X]]
    assert stretches(scan_of("loco", missing=False)) == alone
    assert stretches(scan_of("overall", missing=False), reml=False, hsq="each") == alone
    few = scan_of("overall", missing=False, individuals=4)
    assert stretches(few, addcovar=None) == [["1", "2"], [ON_X]]
    assert stretches(few) == alone          # no individual is left over: which is said by chromosome


@pytest.mark.parametrize("interaction", [False, True])
@pytest.mark.parametrize("phenotypes", [1, 30])
@pytest.mark.parametrize("kinship", ["none", "overall"])
def test_as_each_alone(kinship, phenotypes, interaction, tolerance):
    data = scan_of(kinship, phenotypes=phenotypes, missing=phenotypes > 1)
    probs = with_shapes(data["genoprobs"], [3, 3], [7, 0])
    probs["2"].values[:, :, 4] = [1.0, 0.0, 0.0]       # of all individuals, so that no column counts
    data |= {"genoprobs": probs, "intcovar": data["addcovar"] if interaction else None}
    together = scan1(**data, quiet=True)
    assert any(note.startswith("chromosome '2': at 1 positions genotype columns depend") for note in together.notes), together.notes
    assert not any("chromosome '1'" in note for note in together.notes)
    given = None if kinship == "none" else together.hsq
    for chromosome in probs:
        hsq = None if given is None else given.loc[[ON_X if chromosome == ON_X else "1"]].set_axis([chromosome])
        alone = scan1(**data | {"genoprobs": probs.subset(chr=[chromosome])}, hsq=hsq, quiet=True)
        pd.testing.assert_index_equal(alone.lod.index, together.lod.loc[alone.lod.index].index)
        np.testing.assert_allclose(together.lod.loc[alone.lod.index], alone.lod, rtol=0.0, atol=tolerance("scan_alone"))
