"""Phenotypes that lack few values are scanned together; the numbers are those of each scanned by itself."""
import numpy as np
import pandas as pd
import pytest
from scanned_crosses import load

from lmmbridge.qtl2 import scan1, scan1max
from lmmbridge.qtl2.alignment import Aligned
from lmmbridge.qtl2.permutations import draw_permutations
from lmmbridge.qtl2.permuted_maxima import permuted_maxima
from lmmbridge.qtl2.scan_setup import set_up


@pytest.fixture(scope="module")
def iron():
    return load("iron", None)


@pytest.fixture(scope="module")
def holed(iron):
    """Twelve phenotypes, eight of which lack up to seven values of their own, two lack the same, one lacks most."""
    rng = np.random.default_rng(1)
    liver = iron.pheno["liver"].to_numpy()
    pheno = pd.DataFrame({f"y{j}": liver * rng.uniform(0.0, 1.0) + rng.normal(size=len(liver)) for j in range(12)},
                         iron.pheno.index)
    for j in range(8):
        pheno.iloc[rng.choice(len(pheno), j, replace=False), j] = np.nan
    pheno.iloc[[5, 9], 8:10] = np.nan
    pheno.iloc[140:, 10] = np.nan
    return pheno


DESIGNS = ["intercept", "Xcovar", "addcovar, Xcovar, weights", "all"]


@pytest.mark.parametrize("reml", [True, False], ids=["REML", "ML"])
@pytest.mark.parametrize("kinship", ["overall", "loco"])
@pytest.mark.parametrize("design", DESIGNS)
def test_as_by_themselves(iron, holed, design, kinship, reml, tolerance):
    arguments = {key: value for key, value in iron.designs()[design].items() if key != "reml"}
    K = iron.kinship[kinship]
    setup = set_up(iron.probs, holed, K, arguments.get("addcovar"), arguments.get("Xcovar"), arguments.get("intcovar"),
                   arguments.get("weights"), reml, "normal")
    batches, _ = setup.batches()
    joined = [batch for batch in batches if batch.joined]
    assert len(joined) == 1 and len(joined[0].joined) >= 6
    together = scan1(iron.probs, holed, K, reml=reml, quiet=True, **arguments)
    for name in holed:
        alone = scan1(iron.probs, holed[[name]], K, reml=reml, quiet=True, **arguments)
        np.testing.assert_allclose(together.hsq[name], alone.hsq[name], rtol=0.0, atol=tolerance("joined_hsq"))
        np.testing.assert_allclose(together.lod[name], alone.lod[name], rtol=0.0, atol=tolerance("scan_given_hsq"))
        assert together.sample_size[name] == alone.sample_size[name]


def test_at_given_hsq_and_by_maximum(iron, holed, tolerance):
    K = iron.kinship["overall"]
    hsq = np.linspace(0.0, 0.9, holed.shape[1])
    given = scan1(iron.probs, holed, K, hsq=[hsq], quiet=True)
    for j, name in enumerate(holed):
        alone = scan1(iron.probs, holed[[name]], K, hsq=hsq[j], quiet=True)
        np.testing.assert_allclose(given.lod[name], alone.lod[name], rtol=0.0, atol=tolerance("scan_given_hsq"))
    highest = scan1max(iron.probs, holed, K, quiet=True).lod
    np.testing.assert_allclose(highest, scan1(iron.probs, holed, K, quiet=True).lod.max(), rtol=0.0,
                               atol=tolerance("scan_given_hsq"))


def test_permuted(iron, holed, tolerance):
    setups = [set_up(iron.probs, pheno, iron.kinship["overall"], None, None, None, None, True, "normal")
              for pheno in (holed, holed[["y0", "y3"]], holed[["y0", "y9"]])]     # y0 has all
    permutations = draw_permutations(np.random.default_rng(2), 3, np.zeros(len(iron.pheno), dtype=int))
    together, *alone = (permuted_maxima(setup, permutations) for setup in setups)
    for one in alone:
        np.testing.assert_allclose(together[one.columns], one, rtol=0.0, atol=tolerance("scan_given_hsq"))


def test_dependent_columns_and_ill_conditioned_kinship_lead_to_the_same_numbers(iron, holed, tolerance):
    """A covariate that is a genotype: QR decomposition has to judge; nearly singular V: each by itself."""
    marker = iron.probs["2"].values[:, 1, 0]
    addcovar = pd.Series(marker, iron.probs.individuals, name="marker")
    K = iron.kinship["overall"]
    together = scan1(iron.probs, holed, K, addcovar, hsq=0.99999, quiet=True)
    for name in ("y1", "y7", "y9"):
        alone = scan1(iron.probs, holed[[name]], K, addcovar, hsq=0.99999, quiet=True)
        np.testing.assert_allclose(together.lod[name], alone.lod[name], rtol=0.0, atol=tolerance("scan_own_hsq"))
    own = scan1(iron.probs, holed, K, addcovar, quiet=True)
    assert np.all(np.abs(own.lod.iloc[0]) <= tolerance("scan_given_hsq")) or "depend on each other" in " ".join(own.notes)


def test_a_covariate_that_only_those_show_who_lack_a_value_keeps_its_phenotype_apart(iron, holed):
    """Without them it is constant, and left out."""
    odd = pd.Series((np.arange(len(holed)) == 3).astype(float), holed.index, name="odd")
    pheno = holed[["y4", "y5", "y6", "y7"]].copy()
    pheno.iloc[3] = [np.nan, 1.0, 2.0, 3.0]
    setup = set_up(iron.probs, pheno, iron.kinship["overall"], odd, None, None, None, True, "normal")
    batches, _ = setup.batches()
    assert sorted(len(batch.joined) for batch in batches) == [0, 3]
    scan = scan1(iron.probs, pheno, iron.kinship["overall"], odd, quiet=True)
    assert scan.lod.notna().all(axis=None)
    assert "addcovar: column 'odd' depends on the intercept and the other columns; it is left out" in scan.notes


def test_joined_only_where_it_saves_something(holed):
    aligned = Aligned(pd.concat([holed, *(holed["y9"].rename(f"like9_{j}") for j in range(100))], axis=1))
    batches, _ = aligned.batches()
    joined, *others = aligned.joined(batches)
    assert "y9" not in joined.phenotypes and "y10" not in joined.phenotypes
    assert [len(batch.ids) for batch in joined.joined] == sorted(len(batch.ids) for batch in joined.joined)
    assert sorted(name for batch in (joined, *others) for name in batch.phenotypes) == sorted(aligned.pheno)


def test_many_missing_values_are_joined_in_sets(holed, monkeypatch):
    monkeypatch.setattr("lmmbridge.qtl2.alignment.MOST_LACKING", 10 / len(holed))
    aligned = Aligned(holed.drop(columns="y10"))
    batches, _ = aligned.batches()
    sets = [batch for batch in aligned.joined(batches) if batch.joined]
    assert len(sets) > 1 and all(batch.missing.sum() <= 10 or len(batch.joined) == 1 for batch in sets)
    assert sorted(name for batch in sets for name in batch.phenotypes) == sorted(holed.columns.drop("y10"))
