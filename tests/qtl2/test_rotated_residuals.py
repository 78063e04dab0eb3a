"""Permutations of rotated residuals."""
import doctest
import sys

import numpy as np
import pandas as pd
import pytest
from scanned_crosses import load
from scipy import stats

from lmmbridge.errors import InputError
from lmmbridge.qtl2 import scan1, scan1perm_rotated_residuals
from lmmbridge.qtl2.permutations import draw_permutations

module = sys.modules["lmmbridge.qtl2.rotated_residuals"]


@pytest.fixture(scope="module")
def iron():
    return load("iron", None)


@pytest.mark.parametrize("kinship", ["overall", "loco"])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_permutation_that_changes_nothing_gives_the_maxima_of_the_scan(iron, kinship, weighted, monkeypatch, tolerance):
    monkeypatch.setattr(module, "draw_permutations", lambda generator, n_perm, strata: np.tile(np.arange(len(strata)), (n_perm, 1)))
    weights = iron.weights if weighted else None
    K = iron.kinship[kinship]
    perms = scan1perm_rotated_residuals(iron.probs, iron.pheno, K, iron.addcovar, iron.intcovar, weights, quiet=True)
    scan = scan1(iron.probs, iron.pheno, K, iron.addcovar, None, iron.intcovar, weights, quiet=True)
    np.testing.assert_allclose(perms.A.iloc[0], scan.lod.max(), rtol=0.0, atol=tolerance("scan_given_hsq"))


def test_permuted_phenotypes_scanned_one_by_one(iron, tolerance):
    """The permuted residuals put back where the phenotypes are, at the hsq of the null model."""
    K, ids, n_perm = iron.kinship["overall"], list(iron.probs.individuals), 4
    y = iron.pheno.loc[ids, "liver"].to_numpy()
    perms = scan1perm_rotated_residuals(iron.probs, iron.pheno[["liver"]], K, n_perm=n_perm, rng=3, quiet=True)
    hsq = scan1(iron.probs, iron.pheno[["liver"]], K, quiet=True).hsq.to_numpy().item()
    values, vectors = np.linalg.eigh(2.0 * K.loc[ids, ids].to_numpy())
    half = vectors / np.sqrt(hsq * values + 1.0 - hsq)
    X = half.T @ np.ones((len(y), 1))
    outside = np.linalg.svd(X)[0][:, 1:]        # another basis than the function's: the distribution is the same, values not
    drawn = draw_permutations(np.random.default_rng(3), n_perm, np.zeros(len(y) - 1, dtype=int))
    other = np.linalg.solve(half.T, outside @ (outside.T @ (half.T @ y))[drawn.T])
    scan = scan1(iron.probs, pd.DataFrame(other, ids, [f"p{i}" for i in range(n_perm)]), K, hsq=hsq, quiet=True)
    assert stats.ks_2samp(scan.lod.max(), perms.A["liver"]).pvalue > 1e-3
    assert np.all(np.isfinite(perms.A)) and np.all(perms.A > 0.0)


def test_the_null_distribution_is_that_of_data_from_the_null_model(iron):
    """Phenotypes drawn from the null model: each one's own maximum is a draw from its permutation distribution."""
    rng, K = np.random.default_rng(4), iron.kinship["overall"]
    ids = list(K.index)
    L = np.linalg.cholesky(0.5 * 2.0 * K.to_numpy() + 0.5 * np.eye(len(ids)))
    pheno = pd.DataFrame(L @ rng.normal(size=(len(ids), 30)), ids, [f"y{j}" for j in range(30)])
    observed = scan1(iron.probs, pheno, K, quiet=True).lod.max()
    perms = scan1perm_rotated_residuals(iron.probs, pheno, K, n_perm=200, rng=5, quiet=True).A
    p = (perms >= observed).mean()
    assert stats.kstest(p, "uniform").pvalue > 1e-3


def test_the_same_seed_gives_the_same_whatever_cores_is(iron):
    first, second = (scan1perm_rotated_residuals(iron.probs, iron.pheno, iron.kinship["loco"], n_perm=5, rng=6, cores=cores,
                                                 quiet=True).A for cores in (1, 2))
    assert first.equals(second)


@pytest.mark.parametrize("change, sentence", [
    ({"kinship": None}, "kinship is None: rotated residuals are those of a model with kinship"),
    ({"n_perm": 0}, "n_perm is 0: give how many"),
    ({"rng": "a"}, "rng is 'a': give a numpy.random.Generator"),
], ids=["kinship", "n_perm", "rng"])
def test_refused(iron, change, sentence):
    arguments = {"kinship": iron.kinship["overall"], "quiet": True} | change
    with pytest.raises(InputError, match=sentence):
        scan1perm_rotated_residuals(iron.probs, iron.pheno, **arguments)


def test_example():
    assert doctest.testmod(module).failed == 0
