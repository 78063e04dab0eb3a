"""Second opinions on what the real R/qtl2 and R/lmmlite answered, and on answers into which a fault was planted."""
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from lmmbridge import lmmlite
from lmmbridge.agreement.second_opinion import second_opinion
from lmmbridge.agreement.simulation import two_maxima
from lmmbridge.engines.r_qtl2 import RQtl2
from lmmbridge.qtl2 import calc_genoprob, calc_kinship, extdata, from_r, read_cross2, to_r
from lmmbridge.rlink import shared_session


@pytest.fixture(scope="module")
def iron(live):
    live("qtl2")
    cross = read_cross2(extdata("iron.zip"))
    probs = calc_genoprob(cross, error_prob=0.002).subset(chr=["2", "16", "X"])
    sex = (cross.covar["sex"] == "m").astype(float).rename("sex")
    return {"genoprobs": probs, "pheno": cross.pheno, "kinship": calc_kinship(probs), "addcovar": sex.to_frame()}


def nobody(*_):
    raise AssertionError("R need not be asked again")


def herit(arguments):
    called = {name: to_r(value) if isinstance(value, (pd.DataFrame, pd.Series)) else value for name, value in arguments.items()}
    return shared_session().call("qtl2::est_herit", **called).value


def of_herit(arguments, theirs):
    return second_opinion("est_herit", arguments, theirs, "qtl2", "0", nobody, nobody)


@pytest.mark.parametrize("reml", [True, False])
def test_estimates_of_qtl2_agree(iron, reml):
    pheno = iron["pheno"].copy()
    pheno.iloc[3:9, 1] = np.nan
    weights = pd.Series(np.linspace(0.5, 2.0, 284), pheno.index)
    arguments = {"pheno": pheno, "kinship": iron["kinship"], "addcovar": iron["addcovar"], "weights": weights, "reml": reml}
    opinion = of_herit(arguments, herit(arguments))
    assert opinion["verdict"] == "agree" and opinion["reasons"] == []
    # two patterns of missing values, each with its own comparisons
    assert sorted(row["quantity"] for row in opinion["rows"]) == sorted(["optimum", "reported loglik", "reported sigmasq"] * 2)
    assert all(row["digits"] >= 9.0 for row in opinion["rows"])


@pytest.mark.parametrize("part", ["hsq", "log10lik", "resid_sd"])
def test_a_planted_difference_of_one_estimate_is_unexplained(iron, part):
    arguments = {"pheno": iron["pheno"], "kinship": iron["kinship"]}
    theirs = herit(arguments).copy()
    if part == "hsq":
        theirs.iloc[1] += 0.01
    else:
        theirs.attrs = theirs.attrs | {part: theirs.attrs[part] * [1.0, 1.0 + 1e-6]}
    opinion = of_herit(arguments, theirs)
    assert opinion["verdict"] == "unexplained"
    quantity = {"hsq": "optimum", "log10lik": "reported loglik", "resid_sd": "reported sigmasq"}[part]
    assert [row["verdict"] for row in opinion["rows"] if row["quantity"] == quantity] == ["unexplained"]


def test_the_cause_of_another_estimate_is_named(iron):
    arguments = {"pheno": iron["pheno"][["liver"]], "kinship": iron["kinship"]}
    theirs = herit(arguments | {"kinship": 2.0 * iron["kinship"]})
    opinion = of_herit(arguments, theirs)
    assert any("K doubled" in reason for reason in opinion["reasons"])


def test_a_search_that_misses_the_higher_maximum_is_a_known_divergence(live):
    live("qtl2")
    data = two_maxima()
    frame = pd.DataFrame(data.Y, list(data.ids), list(data.phenotypes))
    kinship = pd.DataFrame(data.K, list(data.ids), list(data.ids))
    # The intercept is est_herit's own.
    covariates = pd.DataFrame(data.X[:, 1:], list(data.ids)) if data.X.shape[1] > 1 else None
    arguments = {"pheno": frame, "kinship": kinship, "addcovar": covariates}
    opinion = of_herit(arguments, herit({name: value for name, value in arguments.items() if value is not None}))
    assert opinion["verdict"] == "known divergence" and any("single-search" in reason for reason in opinion["reasons"])


@pytest.mark.parametrize("kinship", [True, False])
def test_scans_of_qtl2_agree_and_a_planted_lod_does_not(iron, kinship):
    arguments = {name: value for name, value in iron.items() if kinship or name != "kinship"}
    theirs = RQtl2().scan1(**arguments)

    def again(hsq):
        return RQtl2().scan1(**arguments, hsq=pd.DataFrame(hsq, theirs.hsq.index, theirs.hsq.columns))
    opinion = second_opinion("scan1", arguments, theirs, "qtl2", "0", again, nobody)
    assert opinion["verdict"] == "agree"
    assert [row["quantity"] for row in opinion["rows"]] == (["LOD at given hsq", "LOD at own hsq"] if kinship else ["LOD"])
    lod = theirs.lod.copy()
    lod.iloc[4, 0] += 0.001
    opinion = second_opinion("scan1", arguments, replace(theirs, lod=lod), "qtl2", "0", again, nobody)
    assert opinion["verdict"] == "unexplained" and any(lod.index[4] in (row["place"] or "") for row in opinion["rows"])


def test_hsq_that_was_given_is_not_estimated(iron):
    arguments = iron | {"hsq": np.array([[0.3, 0.4]])}
    theirs = RQtl2().scan1(**iron, hsq=pd.DataFrame([[0.3, 0.4]], ["2"], iron["pheno"].columns))
    theirs = replace(theirs, hsq=pd.DataFrame([[0.3, 0.4]]))        # R gives no names to what it was given
    opinion = second_opinion("scan1", arguments, theirs, "qtl2", "0", lambda hsq: theirs, nobody)
    assert opinion["verdict"] == "agree"


@pytest.mark.parametrize("name", ["scan1coef", "fit1"])
def test_interactions_that_are_weighted_twice_are_known_and_other_differences_are_not(iron, name):
    arguments = {"genoprobs": iron["genoprobs"].subset(chr=["2"]), "pheno": iron["pheno"][["liver"]],
                 "kinship": iron["kinship"], "addcovar": iron["addcovar"], "intcovar": iron["addcovar"],
                 "weights": pd.Series(np.linspace(0.5, 2.0, 284), iron["pheno"].index)}
    if name == "fit1":
        one = arguments["genoprobs"]["2"].isel(position=1)
        arguments["genoprobs"] = pd.DataFrame(one.values, one.coords["individual"].values, one.coords["genotype"].values)
    r = getattr(RQtl2(), name)

    def opinion(change=0.0):
        def changed(answer):
            return replace(answer, coef=answer.coef + change, **({"lod": answer.lod + change} if name == "fit1" else {}))
        return second_opinion(name, arguments, changed(r(**arguments)), "qtl2", "0",
                              lambda hsq: changed(r(**arguments, hsq=float(hsq))), nobody)
    known = opinion()
    assert known["verdict"] == "known divergence" and known["reasons"][0].startswith(f"qtl2-interaction-weights-{name}")
    other = opinion(0.01)
    assert other["verdict"] == "unexplained" and any("could be computed" in reason for reason in other["reasons"])


@pytest.mark.parametrize("kinship", [True, False])
def test_standard_errors_of_blups_are_a_known_divergence(iron, kinship):
    arguments = {"genoprobs": iron["genoprobs"].subset(chr=["16"]), "pheno": iron["pheno"][["liver"]],
                 "addcovar": iron["addcovar"], "se": True} | ({"kinship": iron["kinship"]} if kinship else {})
    theirs = RQtl2().scan1blup(**arguments)
    opinion = second_opinion("scan1blup", arguments, theirs, "qtl2", "0", nobody, nobody)
    verdicts = {row["quantity"]: row["verdict"] for row in opinion["rows"]}
    assert verdicts == {"coefficients": "agree", "individuals": "agree", "standard errors": "known divergence"}
    opinion = second_opinion("scan1blup", arguments, replace(theirs, se=1.01 * theirs.se), "qtl2", "0", nobody, nobody)
    assert opinion["verdict"] == "unexplained"
    # A fault of the standard errors excuses no other part.
    opinion = second_opinion("scan1blup", arguments, replace(theirs, coef=2.0 * theirs.coef), "qtl2", "0", nobody, nobody)
    verdicts = {row["quantity"]: row["verdict"] for row in opinion["rows"]}
    assert verdicts == {"coefficients": "unexplained", "individuals": "agree", "standard errors": "known divergence"}


def test_a_large_mean_hides_no_difference_of_effects(iron):
    arguments = {"genoprobs": iron["genoprobs"].subset(chr=["16"]), "pheno": iron["pheno"][["liver"]] + 1e6}
    theirs = RQtl2().scan1coef(**arguments)
    assert second_opinion("scan1coef", arguments, theirs, "qtl2", "0", nobody, nobody)["verdict"] == "agree"
    coef = theirs.coef.copy()
    coef.iloc[2, 1] *= 1.01
    opinion = second_opinion("scan1coef", arguments, replace(theirs, coef=coef), "qtl2", "0", nobody, nobody)
    assert opinion["verdict"] == "unexplained" and opinion["rows"][0]["place"] == "D16Mit30, SB"


def test_names_count(iron):
    arguments = {"genoprobs": iron["genoprobs"].subset(chr=["16"]), "pheno": iron["pheno"][["liver"]]}
    theirs = RQtl2().scan1coef(**arguments)
    swapped = theirs.coef.set_axis(["BB", "SB", "SS", "intercept"], axis=1)
    renamed = theirs.coef.set_axis(["AA", "SB", "BB", "intercept"], axis=1)
    for coef in (swapped, renamed):
        opinion = second_opinion("scan1coef", arguments, replace(theirs, coef=coef), "qtl2", "0", nobody, nobody)
        assert opinion["verdict"] == "unexplained"
    assert opinion["rows"][0]["place"] == "other names of columns"


def test_those_of_fit1_as_well(iron):
    one = iron["genoprobs"]["16"].isel(position=2)
    genotypes = pd.DataFrame(one.values, one.coords["individual"].values, one.coords["genotype"].values)
    arguments = {"genoprobs": genotypes, "pheno": iron["pheno"][["liver"]], "blup": True}
    opinion = second_opinion("fit1", arguments, RQtl2().fit1(**arguments), "qtl2", "0", nobody, nobody)
    assert {row["quantity"]: row["verdict"] for row in opinion["rows"]} == {
        "coefficients": "agree", "standard errors": "known divergence"}


def test_a_likelihood_that_neither_side_has_cannot_be_compared():
    arguments = {"hsq": np.array([2.0]), "Kva": np.array([0.0, 1.0, 3.0]), "y": np.array([1.0, 3.0, 2.0]), "X": np.ones((3, 1))}
    theirs = {"loglik": np.array([np.nan]), "beta": np.array([0.1]), "sigmasq": np.array([2.0])}
    assert second_opinion("calcLL", arguments, theirs, "lmmlite", "0", nobody, nobody)["verdict"] == "not comparable"


def test_the_tolerance_of_lmmlite_is_named_as_the_cause(live):
    live("lmmlite-cpp")
    rng = np.random.default_rng(0)      # lmmlite's default tolerance costs 3e-9 of likelihood
    G = rng.normal(size=(50, 70))
    K, y = G @ G.T / 70, G @ rng.normal(size=(70, 1)) / 9 + rng.normal(size=(50, 1))
    rotated = lmmlite.eigen_rotation(K, y)
    arguments = {name: rotated[name] for name in ("Kva", "y", "X")}
    session = shared_session()

    def ask(hsq):
        table = np.array([session.call("at_hsq", *arguments.values(), float(h)).value for h in hsq])
        return {"loglik": table[:, 0], "sigmasq": table[:, 1], "beta": table[:, 2:].T}
    session.eval("at_hsq <- function(Kva, y, X, hsq) { LL <- lmmlite::calcLL(hsq, Kva, y, X)\n"
                 "    c(LL, attr(LL, 'sigmasq'), attr(LL, 'beta')) }")
    for tol, verdict in ((1e-12, "agree"), (1e-4, "explained")):
        theirs = session.call("lmmlite::fitLMM", *arguments.values(), tol=tol).value
        opinion = second_opinion("fitLMM", arguments, theirs, "lmmlite", "0", ask, nobody)
        assert opinion["verdict"] == verdict
    assert any("a loose tolerance" in reason for reason in opinion["reasons"])


def test_kinship_agrees_and_another_one_does_not(iron):
    arguments = {"probs": iron["genoprobs"], "use_allele_probs": False, "type": "loco"}
    theirs = from_r(shared_session().call("qtl2::calc_kinship", to_r(iron["genoprobs"]), "loco", use_allele_probs=False).value)
    assert second_opinion("calc_kinship", arguments, theirs, "qtl2", "0", nobody, nobody)["verdict"] == "agree"
    turned = theirs | {"X": theirs["X"].set_axis(theirs["X"].index[::-1]).set_axis(theirs["X"].index[::-1], axis=1)}
    assert second_opinion("calc_kinship", arguments, turned, "qtl2", "0", nobody, nobody)["verdict"] == "unexplained"
    theirs["2"] = theirs["2"] * (1.0 + 1e-8)
    opinion = second_opinion("calc_kinship", arguments, theirs, "qtl2", "0", nobody, nobody)
    assert [row["verdict"] for row in opinion["rows"]] == ["unexplained", "agree", "agree"]
