"""The profile likelihood of hsq: its height and interval by the dense oracle, its maximum by est_herit."""
import doctest

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lmmbridge.engines import ENGINES
from lmmbridge.inputs import prepare
from lmmbridge.qtl2 import hsq_profile as module
from lmmbridge.qtl2.herit import est_herit
from lmmbridge.qtl2.hsq_profile import hsq_profiles


@pytest.fixture(scope="module")
def data():
    """Kinship of full rank, five phenotypes of which one has missing values, one no heritability, a covariate."""
    rng = np.random.default_rng(11)
    ids = [f"m{i}" for i in range(80)]
    G = rng.normal(size=(80, 150))
    K = pd.DataFrame(G @ G.T / 300, ids, ids)
    Y = 0.3 * G[:, :4] @ rng.normal(size=(4, 5)) + G @ rng.normal(size=(150, 5)) / 12 + rng.normal(size=(80, 5))
    pheno = pd.DataFrame(Y, ids, ["a", "b", "c", "d", "e"])
    pheno["e"] = rng.normal(size=80) + np.linalg.eigh(K)[1][:, 0] * 4.0
    pheno.iloc[[3, 8, 9], 1] = np.nan
    covar = pd.DataFrame({"age": rng.normal(size=80)}, ids)
    weights = pd.Series(rng.choice([0.5, 1.0, 2.0], 80), ids)
    return pheno, K, covar, weights


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
def test_heights_are_those_of_the_dense_likelihood(data, tolerance, reml, weighted):
    pheno, K, covar, weights = data
    weights = weights if weighted else None
    profiles = hsq_profiles(pheno, K, covar, weights, reml)
    drop = stats.chi2.ppf(0.95, 1) / 2.0
    inside = 0
    for batch in prepare(pheno, 2.0 * K, covar, weights):
        for j, name in enumerate(batch.phenotypes):
            profile = profiles[name]
            at = np.array([profile.hsq, *profile.loglik.index[::20]])
            ends = np.nan_to_num(profile.interval, nan=0.5)
            loglik = ENGINES["dense"].at_hsq(batch, np.repeat([*at, *ends], len(batch.phenotypes)).reshape(-1, len(
                batch.phenotypes)), reml).loglik[:, j]
            assert np.allclose(loglik[1:len(at)] - loglik[0], profile.loglik[at[1:]], atol=tolerance("profile_height"))
            if profile.without is None:
                for end, height in zip(profile.interval, loglik[len(at):]):
                    if 0.0 < end < 1.0:
                        assert abs(loglik[0] - height - drop) <= tolerance("profile_height")
                        inside += 1
    assert inside >= 4


def test_the_maximum_is_that_of_est_herit(data, tolerance):
    pheno, K, covar, _ = data
    profiles = hsq_profiles(pheno, K, covar)
    found = est_herit(pheno, K, covar, quiet=True)
    assert {name: profile.hsq for name, profile in profiles.items()} == pytest.approx(
        found.hsq.to_dict(), rel=0.0, abs=tolerance("many_hsq"))
    assert all(profile.loglik.max() == 0.0 and profile.loglik.idxmax() == profile.hsq for profile in profiles.values())


def test_no_interval_at_the_boundary_and_the_reason(data):
    pheno, K, covar, _ = data
    profile = hsq_profiles(pheno, K, covar)["e"]
    assert profile.hsq == 0.0
    assert np.isnan(profile.interval).all() and "end of hsq's range" in profile.without


def test_an_unbounded_likelihood_is_told_as_such(data):
    pheno, _, _, _ = data
    centring = np.eye(80) - 1.0 / 80
    K = pd.DataFrame(centring, pheno.index, pheno.index)
    profile = hsq_profiles(pheno[["a"]], K, reml=False)["a"]
    assert np.isnan(profile.hsq) and profile.without == "the likelihood is unbounded"
    assert profile.loglik.max() == 0.0 and profile.loglik.index.max() < 1.0


def test_a_phenotype_with_too_few_individuals_is_not_there(data):
    pheno, K, covar, _ = data
    few = pheno.assign(few=np.where(np.arange(80) < 2, 1.0, np.nan))
    assert list(hsq_profiles(few, K, covar)) == list(pheno.columns)


def test_examples(r):
    found = doctest.testmod(module)
    assert found.attempted > 0 and found.failed == 0
