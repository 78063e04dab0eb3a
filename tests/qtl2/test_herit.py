"""est_herit against R/qtl2's, live, on real crosses; against dense likelihoods; and what it refuses."""
import doctest
import sys

import dense
import numpy as np
import pandas as pd
import pytest
import scanned_crosses
from scanned_crosses import qtl2_herits

from lmmbridge import fit_lmm
from lmmbridge.agreement import simulation
from lmmbridge.errors import InputError
from lmmbridge.qtl2.herit import est_herit
from lmmbridge.qtl2.kinship import decomp_kinship

module = sys.modules["lmmbridge.qtl2.herit"]
NUMBERS = ["hsq", "log10lik", "resid_sd"]


@pytest.fixture(scope="session")
def cross(r, shared_data):
    """cross(name): a cross with what a scan needs, loaded once in Python and in R."""
    def of(name):
        folder = shared_data(name + ".zip").parent if name in scanned_crosses.SHARED else None
        return scanned_crosses.load(name, folder)
    return of


def designs(data):
    both = {"addcovar": data.addcovar, "weights": data.weights}
    return [{}, {"addcovar": data.addcovar}, {"weights": data.weights}, both]


def log10lik(y, X, K, hsq, weights=None):
    """What R/qtl2 reports: −½[n log Q + log|V|]/log 10, of W½y with W½VW½, with V written out."""
    V = dense.covariance(K, hsq, weights)
    logdet = np.linalg.slogdet(V)[1] + (0.0 if weights is None else np.sum(np.log(weights)))
    return -0.5 * (len(y) * np.log(dense.gls(y, X, V).rss) + logdet) / np.log(10.0)


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("name", ["iron", "grav2", "b6btbr"])
def test_as_qtl2(cross, name, reml, tolerance):
    data = cross(name)
    settings = [design | {"reml": reml} for design in (designs(data) if name != "grav2" else designs(data)[::3])]
    in_r = {"pheno": "pheno", "kinship": "overall"}
    for setting, theirs in zip(settings, qtl2_herits(name, [in_r | setting for setting in settings])):
        ours = est_herit(data.pheno, data.kinship["overall"], quiet=True, **setting)
        assert ours.criterion == ("REML" if reml else "ML")
        assert_as_qtl2(ours, theirs, reml, tolerance)


def assert_as_qtl2(ours, theirs, reml, tolerance):
    table = ours.table()
    assert list(table.index) == list(theirs.index)
    assert table["sample_size"].tolist() == theirs["sample_size"].tolist()
    np.testing.assert_allclose(table["hsq"], theirs["hsq"], rtol=0.0, atol=tolerance("herit_hsq"))
    along = tolerance("herit_along")
    np.testing.assert_allclose(table["log10lik"], theirs["log10lik"],
                               rtol=along if reml else tolerance("herit_at_maximum"))
    np.testing.assert_allclose(table["resid_sd"], theirs["resid_sd"], rtol=along)
    if not reml:
        assert np.all(table["log10lik"] >= theirs["log10lik"] - tolerance("herit_at_maximum") * abs(theirs["log10lik"]))


@pytest.mark.parametrize("reml", [True, False])
def test_dense_at_both_estimates(cross, reml, tolerance):
    """V written out gives our log10lik and resid_sd at our ĥ, qtl2's at its own; where REML is no higher."""
    data = cross("iron")
    for design, theirs in zip(designs(data), qtl2_herits("iron", [
            {"pheno": "pheno", "kinship": "overall", "reml": reml} | design for design in designs(data)])):
        ours = est_herit(data.pheno, data.kinship["overall"], reml=reml, quiet=True, **design)
        ids = list(data.kinship["overall"].index)
        K = data.kinship["overall"].to_numpy()
        X = np.column_stack([np.ones(len(ids))] + [design[name].loc[ids] for name in design if name == "addcovar"])
        X = X[:, :np.linalg.matrix_rank(X)]
        weights = design["weights"].loc[ids].to_numpy() if "weights" in design else None
        for name in data.pheno:
            y = data.pheno.loc[ids, name].to_numpy()
            criteria = []
            for found in (ours.table().loc[name], theirs.loc[name]):
                V = dense.covariance(K, found["hsq"], weights)
                fit = dense.gls(y, X, V)
                sd = np.sqrt(fit.sigmasq if reml else fit.rss / len(y))
                np.testing.assert_allclose(found[["log10lik", "resid_sd"]].astype(float),
                                           [log10lik(y, X, K, found["hsq"], weights), sd],
                                           rtol=tolerance("herit_at_same_hsq"))
                criteria.append(dense.reml(y, X, V) if reml else found["log10lik"])
            assert criteria[0] >= criteria[1] - tolerance("herit_at_maximum") * abs(criteria[1])


@pytest.fixture(scope="module")
def holes(cross):
    """50 traits with values missing in any pattern, some shared: at random, nearly all, all."""
    rng = np.random.default_rng(14)
    iron = cross("iron")
    ids = list(iron.pheno.index)[::2]
    values = iron.pheno.loc[ids].to_numpy() @ rng.normal(size=(2, 50)) + 20.0 * rng.normal(size=(len(ids), 50))
    for j in range(2, 47):
        values[rng.random(len(ids)) < rng.choice([0.01, 0.1, 0.5]), j] = rng.choice([np.nan, np.inf, -np.inf])
    values[:, 20:30] = np.where(np.isfinite(values[:, [19]]), values[:, 20:30], np.nan)
    values[2:, 47] = values[:, 48] = values[30:, 49] = np.nan
    return pd.DataFrame(values, ids, [f"t{j}" for j in range(50)])


@pytest.mark.parametrize("reml", [True, False])
def test_missing_phenotypes(cross, holes, reml, tolerance):
    """Together as one by one, and as qtl2."""
    iron = cross("iron")
    design = {"addcovar": iron.addcovar[["sex", "made"]], "weights": iron.weights, "reml": reml}
    theirs, = qtl2_herits("iron", [{"pheno": holes, "kinship": "overall"} | design])
    ours = est_herit(holes, iron.kinship["overall"], quiet=True, **design)
    empty = ["t47", "t48"]
    assert ours.table().loc[empty, NUMBERS].isna().all(axis=None) and ours.sample_size[empty].tolist() == [2, 0]
    assert [note for note in ours.notes if "no results" in note] == [
        f"pheno '{name}' has {n} individuals with all values, too few for the model; no results"
        for name, n in (("t47", 2), ("t48", 0))]
    some = ours.table().drop(empty)
    kept = holes.drop(columns=empty)
    assert_as_qtl2(est_herit(kept, iron.kinship["overall"], quiet=True, **design), theirs.drop(empty), reml, tolerance)
    for name in some.index[::1 if reml else 6]:
        alone = est_herit(holes[name], iron.kinship["overall"], quiet=True, **design).table()
        np.testing.assert_allclose(alone.loc[name, NUMBERS].astype(float), some.loc[name, NUMBERS].astype(float),
                                   rtol=tolerance("scan_alone"), atol=tolerance("scan_alone"))
        assert alone.loc[name, "sample_size"] == some.loc[name, "sample_size"] == np.isfinite(holes[name]).sum()


def test_the_higher_of_two_maxima(r, tolerance):
    data = simulation.two_maxima()
    ids = list(data.ids)
    found = est_herit(pd.DataFrame(data.Y, ids, ["y"]), pd.DataFrame(data.K / 2.0, ids, ids), quiet=True)
    grid = np.linspace(0.0, 0.999, 500)
    highest = max(dense.reml(data.Y[:, 0], data.X, dense.covariance(data.K / 2.0, h)) for h in grid)
    here = dense.reml(data.Y[:, 0], data.X, dense.covariance(data.K / 2.0, found.hsq["y"]))
    assert here >= highest and len(found.notes) == 1 and "second maximum at hsq = 0.66" in found.notes[0]


def test_twice_the_kinship(cross, tolerance):
    """ĥ under 2K is h/(2 − h) of the h under K."""
    iron = cross("iron")
    ours = est_herit(iron.pheno, iron.kinship["overall"], quiet=True)
    single = [fit.hsq for fit in fit_lmm(iron.pheno, iron.kinship["overall"]).values()]
    np.testing.assert_allclose(ours.hsq, [h / (2.0 - h) for h in single], rtol=0.0, atol=tolerance("invariance_hsq"))


def test_what_must_not_matter(cross, holes, tolerance):
    """Order and strangers in any input, cores."""
    iron = cross("iron")
    kinship, design = iron.kinship["overall"], {"addcovar": iron.addcovar, "weights": iron.weights}
    some = holes[["t0", "t5", "t19", "t20", "t49"]]
    table = est_herit(some, kinship, quiet=True, **design).table()
    turn = np.random.default_rng(2).permutation
    for changed in ({"pheno": some.iloc[turn(len(some))]}, {"addcovar": iron.addcovar.iloc[turn(len(iron.addcovar))]},
                    {"weights": iron.weights.iloc[turn(len(iron.weights))]}, {"cores": 2}, {"cores": 0},
                    {"pheno": pd.concat([pd.DataFrame(1e9, ["x", "y"], some.columns), some])}):
        again = est_herit(**({"pheno": some, "kinship": kinship, "quiet": True} | design | changed)).table()
        pd.testing.assert_frame_equal(again, table, check_exact=True)
    ids = kinship.index[turn(len(kinship))]
    again = est_herit(some, kinship.loc[ids, ids], quiet=True, **design).table()
    np.testing.assert_allclose(again[NUMBERS], table[NUMBERS], rtol=tolerance("invariance_hsq"))


def test_weights_of_one_are_none(cross, tolerance):
    iron = cross("iron")
    without, ones = (est_herit(iron.pheno, iron.kinship["overall"], weights=w, quiet=True).table()
                     for w in (None, iron.weights * 0.0 + 1.0))
    np.testing.assert_allclose(ones, without, rtol=tolerance("scan_alone"))


def test_constant_covariate_costs_no_other(cross, tolerance):
    """qtl2 drops the last covariate in its place."""
    iron = cross("iron")
    with_ones = est_herit(iron.pheno, iron.kinship["overall"], iron.addcovar.assign(ones=1.0)[["ones", "sex", "made"]],
                          quiet=True)
    without = est_herit(iron.pheno, iron.kinship["overall"], iron.addcovar[["sex", "made"]], quiet=True)
    pd.testing.assert_frame_equal(with_ones.table(), without.table())
    assert with_ones.notes == (
        "addcovar: column 'ones' depends on the intercept and the other columns; it is left out",)


REFUSED = {
    "no kinship": (lambda d, K: {"kinship": None}, "kinship is of type NoneType: give a DataFrame"),
    "array": (lambda d, K: {"kinship": K.to_numpy()}, "kinship is of type ndarray: give a DataFrame with the IDs"),
    "by chromosome": (lambda d, K: {"kinship": d.kinship["loco"]},
                      "kinship must be one kinship matrix that is not decomposed"),
    "decomposed": (lambda d, K: {"kinship": decomp_kinship(K)},
                   "kinship must be one kinship matrix that is not decomposed"),
    "not square": (lambda d, K: {"kinship": K.iloc[1:]}, "kinship has 283 rows and 284 columns: it must be square"),
    "not positive": (lambda d, K: {"kinship": -K}, "kinship has the eigenvalue .* not a covariance matrix"),
    "array of phenotypes": (lambda d, K: {"pheno": d.pheno.to_numpy()}, "pheno has no IDs"),
    "nobody": (lambda d, K: {"pheno": d.pheno.T.add_prefix("x").T}, "no individual has all that is needed"),
    "constant": (lambda d, K: {"pheno": d.pheno[[]].assign(flat=1.0)}, "pheno 'flat' has zero variance"),
    "weights": (lambda d, K: {"weights": d.weights - 1.0}, "weights: -.* must be positive"),
    "cores": (lambda d, K: {"cores": 1.5}, "cores is 1.5: give how many to use"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(cross, what):
    iron = cross("iron")
    change, sentence = REFUSED[what]
    with pytest.raises(InputError, match=sentence) as caught:
        est_herit(**({"pheno": iron.pheno, "kinship": iron.kinship["overall"], "quiet": True}
                     | change(iron, iron.kinship["overall"])))
    assert "\n" not in str(caught.value)


def test_in_words(cross):
    """The result names phenotypes, criterion and notes."""
    iron = cross("iron")
    shown = repr(est_herit(iron.pheno.assign(few=iron.pheno["liver"].iloc[:2]), iron.kinship["overall"], quiet=True))
    assert "by REML" in shown and "liver" in shown and "note: pheno 'few' has 2 individuals" in shown


def test_examples(r):
    assert doctest.testmod(module).failed == 0


def test_a_phenotype_without_variance_costs_no_other(cross):
    iron = cross("iron")
    K = iron.kinship["overall"]
    found, alone = (est_herit(pheno, K, quiet=True) for pheno in (iron.pheno.assign(flat=1.0), iron.pheno))
    assert np.isnan(found.hsq["flat"]) and found.hsq.drop("flat").equals(alone.hsq)
    assert "pheno 'flat' has zero variance: it is 1 for all of its 284 individuals; no results" in found.notes
