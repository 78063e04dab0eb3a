"""fit1 against R/qtl2 itself, live, on three crosses; and against dense generalised least squares where it errs."""
import doctest
import importlib

import numpy as np
import pandas as pd
import pytest

import dense
from effects_cases import CHROMOSOMES, combinations, effect_gap, frame, make_cross, r_logical, ratio_gap
from lmmbridge import InputError
from lmmbridge.qtl2.blup import scan1blup
from lmmbridge.qtl2.fit1 import fit1
from lmmbridge.qtl2.r_objects import to_r
from lmmbridge.qtl2.scan1 import scan1


@pytest.fixture(scope="module")
def iron(r, shared_data):
    return make_cross(r, "iron", shared_data)


def in_r(r, call, *arguments, **switches):
    """R's list, with frames and Series, and R's NA as NaN; of code, or of a function and its arguments."""
    answer = r.call(call, *arguments, **switches) if arguments else r.eval(call)
    found = {name: frame(value) if getattr(value, "ndim", 0) == 2 else value for name, value in answer.value.items()}
    if isinstance(found.get("resid"), pd.DataFrame):    # with kinship and weights: a matrix, and fitted without names
        found["resid"] = found["resid"].iloc[:, 0]
        found["fitted"] = pd.Series(found["fitted"], found["resid"].index)
    return {name: value.where(value.notna(), np.nan) if isinstance(value, pd.Series) else value
            for name, value in found.items()}


def assert_same_fit(ours, theirs, tolerance, effects, lod):
    assert set(theirs) == {name for name in ("lod", "ind_lod", "coef", "SE", "var", "fitted", "resid")
                           if getattr(ours, name) is not None}
    assert abs(ours.lod - theirs["lod"]) <= tolerance(lod)
    se = theirs.get("SE", ours.coef.abs())
    for name in ("coef", "SE", "fitted", "resid", "ind_lod"):
        if name in theirs:
            assert list(getattr(ours, name).index) == list(theirs[name].index)
    assert effect_gap(ours.coef, theirs["coef"], se) <= tolerance(effects)
    if "SE" in theirs:
        assert ratio_gap(ours.SE, theirs["SE"]) <= tolerance(effects)
    if "var" in theirs:
        assert list(ours.var.index) == list(ours.var.columns) == list(theirs["var"].columns)
        scale = np.sqrt(np.outer(np.diag(theirs["var"]), np.diag(theirs["var"])))
        gap = np.max(np.abs(ours.var.to_numpy() - theirs["var"].to_numpy()) / scale)
        assert gap <= 2.0 * tolerance(effects)      # a variance errs twice as much as its root
    for name in ("fitted", "resid"):
        gap = np.max(np.abs(getattr(ours, name) - theirs[name]))
        assert gap <= tolerance(effects) * theirs["resid"].std()
    if "ind_lod" in theirs:
        assert np.max(np.abs(ours.ind_lod - theirs["ind_lod"])) <= tolerance(lod)
        assert abs(ours.ind_lod.sum() - ours.lod) <= tolerance(lod)


@pytest.mark.parametrize("name", CHROMOSOMES)
def test_as_qtl2(r, shared_data, name, tolerance):
    cross = make_cross(r, name, shared_data)
    position = cross.probs[cross.chromosome].isel(position=3)
    for (kinship, r_kinship), model, zerosum in combinations(cross):
        ours = fit1(position, cross.pheno, **kinship, **cross.arguments(model), zerosum=zerosum)
        theirs = in_r(r, f'qtl2::fit1(eff_{name}$probs[["{cross.chromosome}"]][, , 4], eff_{name}$pheno{r_kinship}'
                         f"{cross.r_arguments(model)}, zerosum = {r_logical(zerosum)})")
        assert ours.sample_size == len(cross.pheno) - 2
        assert_same_fit(ours, theirs, tolerance, "effects", "lod_given_hsq")


@pytest.mark.parametrize("kinship", [False, True])
@pytest.mark.parametrize("zerosum", [False, True])
@pytest.mark.parametrize("se, var", [(False, False), (False, True), (True, True)])
def test_what_is_asked_for(r, iron, se, var, zerosum, kinship, tolerance):
    switches = {"se": se, "var": var, "zerosum": zerosum}
    ours = fit1(iron.probs["16"].isel(position=0), iron.pheno, iron.loco["16"] if kinship else None, **switches,
                hsq=0.4 if kinship else None)
    r_kinship = ', kinship = eff_iron$loco[["16"]], hsq = 0.4' if kinship else ""
    theirs = in_r(r, f'qtl2::fit1(eff_iron$probs[["16"]][, , 1], eff_iron$pheno{r_kinship}'
                     + "".join(f", {name} = {r_logical(value)}" for name, value in switches.items()) + ")")
    assert_same_fit(ours, theirs, tolerance, "effects", "lod_given_hsq")


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("model", [{}, {"addcovar": "sex", "nullcovar": "z"},
                                   {"addcovar": "sex", "weights": "weights"}])
def test_own_hsq(r, iron, model, reml, tolerance):
    ours = fit1(iron.probs["16"].isel(position=2), iron.pheno, iron.loco["16"], **iron.arguments(model), reml=reml)
    theirs = in_r(r, 'qtl2::fit1(eff_iron$probs[["16"]][, , 3], eff_iron$pheno, eff_iron$loco[["16"]]'
                     f"{iron.r_arguments(model)}, reml = {r_logical(reml)})")
    assert ours.criterion == ("REML" if reml else "ML")
    assert_same_fit(ours, theirs, tolerance, "effects_own_hsq", "effects_own_hsq")


@pytest.mark.parametrize("named", [True, False])
def test_contrasts(r, iron, named, tolerance):
    A = pd.DataFrame([[1.0, -1.0, 0.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]], columns=["mu", "a", "d"])
    r_names = 'c("mu", "a", "d")' if named else "NULL"
    ours = fit1(iron.probs["16"].isel(position=2), iron.pheno, intcovar=iron.sex,
                contrasts=A if named else A.to_numpy())
    theirs = in_r(r, "local({A <- cbind(c(1, 1, 1), c(-1, 0, 1), c(0, 1, 0)); colnames(A) <- " + r_names
                     + '; qtl2::fit1(eff_iron$probs[["16"]][, , 3], eff_iron$pheno, intcovar = eff_iron$sex, '
                       "contrasts = A)})")
    assert list(ours.coef.index)[:2] == (["mu", "a"] if named else ["qtleff1", "qtleff2"])
    assert_same_fit(ours, theirs, tolerance, "effects", "lod_given_hsq")


@pytest.mark.parametrize("kinship", [False, True])
def test_without_qtl(r, iron, kinship, tolerance):
    ours = fit1(None, iron.pheno, iron.loco["16"] if kinship else None, iron.sex, hsq=0.4 if kinship else None)
    r_kinship = ', kinship = eff_iron$loco[["16"]], hsq = 0.4' if kinship else ""
    theirs = in_r(r, f"qtl2::fit1(pheno = eff_iron$pheno{r_kinship}, addcovar = eff_iron$sex)")
    assert list(ours.coef.index) == ["intercept", "sex"]
    assert_same_fit(ours, theirs, tolerance, "effects", "lod_given_hsq")


def test_frame_and_labelled_array_are_one(iron):
    position = iron.probs["16"].isel(position=2)
    as_frame = pd.DataFrame(position.values, position.coords["individual"].values, position.coords["genotype"].values)
    as_frame = as_frame.iloc[::-1]
    one, other = fit1(position, iron.pheno), fit1(as_frame, iron.pheno)
    assert list(other.fitted.index) == list(one.fitted.index)[::-1]
    np.testing.assert_allclose(other.coef, one.coef)


def test_lod_is_that_of_the_scan(iron, tolerance):
    model = {"addcovar": iron.sex, "weights": iron.weights}
    scan = scan1(iron.probs.subset(chr=["16"]), iron.pheno.rename("y"), {"16": iron.loco["16"]}, **model)
    for position in scan.lod.index:
        fit = fit1(iron.probs["16"].sel(position=position), iron.pheno, iron.loco["16"], **model)
        assert abs(fit.lod - scan.lod.loc[position, "y"]) <= tolerance("lod_given_hsq")


# ---- columns that depend on each other

@pytest.mark.parametrize("kinship", [False, True])
def test_dependent_columns(r, iron, kinship, tolerance):
    """Sex and the X genotypes: the same model as R/qtl2's, and with zerosum no effects."""
    given = {"kinship": iron.loco["X"], "hsq": 0.4} if kinship else {}
    r_given = ', kinship = eff_iron$loco[["X"]], hsq = 0.4' if kinship else ""
    for zerosum in (True, False):
        ours = fit1(iron.probs["X"].isel(position=0), iron.pheno, **given, addcovar=iron.sex, zerosum=zerosum)
        theirs = in_r(r, f'qtl2::fit1(eff_iron$probs[["X"]][, , 1], eff_iron$pheno{r_given}, addcovar = eff_iron$sex, '
                         f"zerosum = {r_logical(zerosum)})")
        assert abs(ours.lod - theirs["lod"]) <= tolerance("lod_given_hsq")
        for name in ("fitted", "resid"):
            assert np.max(np.abs(getattr(ours, name) - theirs[name])) <= tolerance("effects") * theirs["resid"].std()
        assert ours.coef.isna().sum() == theirs["coef"].isna().sum() == (len(ours.coef) if zerosum else 1)
        assert ours.SE.isna().equals(ours.coef.isna()) and theirs["SE"].isna().sum() == 1
        assert ours.var is None and "var" not in theirs
        assert ("zerosum=False" in ours.notes[-1]) == zerosum


@pytest.mark.parametrize("size, counts", [(1e-14, False), (1e-10, True)])
def test_tiny_columns(r, iron, size, counts, tolerance):
    """R/qtl2's tolerance: a genotype column below 1e-12 of the largest has no coefficient."""
    position = iron.probs["16"].isel(position=2)
    G = pd.DataFrame(position.values, position.coords["individual"].values, position.coords["genotype"].values)
    G = G * [size, 1.0, 1.0]
    ours = fit1(G, iron.pheno, zerosum=False)
    theirs = in_r(r, "qtl2::fit1", to_r(G), iron.pheno, zerosum=False)
    assert theirs["coef"].notna()["SS"] == counts
    assert_same_fit(ours, theirs, tolerance, "effects", "lod_given_hsq")


def test_more_coefficients_than_individuals(iron):
    few = [str(i) for i in range(4, 8)]
    fit = fit1(iron.probs["16"].isel(position=2).sel(individual=few), iron.pheno, addcovar=iron.both, zerosum=False)
    assert np.isnan(fit.lod) and fit.SE.isna().all() and fit.ind_lod.isna().all()
    assert "4 individuals are no more" in fit.notes[-1]


# ---- where R/qtl2 departs from the mathematics

def dense_fit(iron, position, hsq, weights, columns):
    """(dense GLS of the model with QTL, its LOD, IDs); columns: G -> (X_null, X)."""
    ids = iron.pheno.dropna().index.to_list()
    V = dense.covariance(iron.loco["16"].loc[ids, ids].to_numpy(), hsq, weights.loc[ids].to_numpy())
    X_null, X = columns(iron.probs["16"].isel(position=position).sel(individual=ids).values, ids)
    y = iron.pheno.loc[ids].to_numpy()
    return dense.gls(y, X, V), dense.lod(y, X_null, X, V)


def test_interactions_are_weighted_once(r, iron, tolerance):
    model = {"intcovar": "sex", "weights": "weights"}
    ours = fit1(iron.probs["16"].isel(position=2), iron.pheno, iron.loco["16"], **iron.arguments(model), hsq=0.4,
                zerosum=False)
    theirs = in_r(r, 'qtl2::fit1(eff_iron$probs[["16"]][, , 3], eff_iron$pheno, eff_iron$loco[["16"]]'
                     f"{iron.r_arguments(model)}, hsq = 0.4, zerosum = FALSE)")

    def columns(G, ids):
        sex = iron.sex.loc[ids].to_numpy()
        return np.column_stack([np.ones(len(ids)), sex]), np.column_stack([G, sex, G[:, 1:] * sex])

    direct, lod = dense_fit(iron, 2, 0.4, iron.weights, columns)
    said = f"LOD {ours.lod:.6f}, R/qtl2 {theirs['lod']:.6f}, dense {lod:.6f}"
    assert abs(ours.lod - lod) <= tolerance("lod_given_hsq"), said
    assert effect_gap(ours.coef, direct.beta, direct.se) <= tolerance("effects"), said
    assert ratio_gap(ours.SE, direct.se) <= tolerance("effects"), said
    assert abs(theirs["lod"] - lod) > 0.01, f"R/qtl2 has changed: {said}"


def test_constant_covariates_are_found_before_weighting(r, iron, tolerance):
    """A covariate that is 1 for all is no covariate; R/qtl2 weights it first, keeps it, and estimates another hsq."""
    ones = pd.DataFrame({"one": 1.0}, iron.sex.index)
    ours = fit1(iron.probs["16"].isel(position=2), iron.pheno, iron.loco["16"], ones, weights=iron.weights,
                zerosum=False)
    theirs = in_r(r, 'qtl2::fit1(eff_iron$probs[["16"]][, , 3], eff_iron$pheno, eff_iron$loco[["16"]], '
                     "cbind(one = eff_iron$sex[, 1] * 0 + 1), weights = eff_iron$weights, zerosum = FALSE)")
    ids = iron.pheno.dropna().index.to_list()
    y, K = iron.pheno.loc[ids].to_numpy(), iron.loco["16"].loc[ids, ids].to_numpy()
    intercept, w = np.ones((len(ids), 1)), iron.weights.loc[ids].to_numpy()
    hsq = dense.highest(lambda h: dense.reml(y, intercept, dense.covariance(K, h, w)))
    direct, lod = dense_fit(iron, 2, hsq, iron.weights, lambda G, ids: (intercept, G))
    said = (f"LOD {ours.lod:.6f}, R/qtl2 {theirs['lod']:.6f}, dense {lod:.6f}; hsq {ours.hsq:.6f}, dense {hsq:.6f}; "
            f"standard errors {ours.SE.to_dict()}, R/qtl2 {theirs['SE'].to_dict()}, dense {direct.se}")
    assert list(ours.coef.index) == ["SS", "SB", "BB"] and any("'one' depends" in note for note in ours.notes)
    assert abs(ours.lod - lod) <= tolerance("effects_own_hsq"), said
    assert effect_gap(ours.coef, direct.beta, direct.se) <= tolerance("effects_own_hsq"), said
    assert ratio_gap(ours.SE, direct.se) <= tolerance("effects_own_hsq"), said
    assert abs(theirs["lod"] - lod) > 0.01, f"R/qtl2 has changed: {said}"


# ---- predictors

@pytest.mark.parametrize("kinship", [False, True])
def test_predictors(r, iron, kinship, tolerance):
    given = iron.loco["16"] if kinship else None
    ours = fit1(iron.probs["16"].isel(position=2), iron.pheno, given, iron.sex, blup=True)
    scan = scan1blup(iron.probs.subset(chr=["16"]), iron.pheno, given, iron.sex, se=True)
    np.testing.assert_array_equal(ours.coef, scan.coef.iloc[2])
    np.testing.assert_array_equal(ours.SE, scan.se.iloc[2])
    assert ours.lod is ours.fitted is ours.var is None and ours.hsq == scan.hsq
    r_kinship = 'eff_iron$loco[["16"]]' if kinship else "NULL"
    theirs = in_r(r, 'suppressWarnings(qtl2::fit1(eff_iron$probs[["16"]][, , 3], eff_iron$pheno, '
                     f"{r_kinship}, eff_iron$sex, blup = TRUE))")
    assert list(ours.coef.index) == list(theirs["coef"].index)
    assert effect_gap(ours.coef, theirs["coef"], ours.SE) <= tolerance("blup_own_hsq")
    assert fit1(iron.probs["16"].isel(position=2), iron.pheno, given, blup=True, se=False).SE is None


def test_predictors_say_what_they_do_not_use(iron):
    plain = fit1(iron.probs["16"].isel(position=2), iron.pheno, blup=True)
    for name, value in {"intcovar": iron.sex, "weights": iron.weights, "hsq": 0.4, "var": True}.items():
        with pytest.warns(UserWarning, match=f"{name} is not used where blup=True") as caught:
            found = fit1(iron.probs["16"].isel(position=2), iron.pheno, blup=True, **{name: value})
        assert caught[0].filename == __file__
        pd.testing.assert_series_equal(found.coef, plain.coef)


# ---- what is handed over

def test_refusals(iron):
    position = iron.probs["16"].isel(position=2)
    for change, message in (({"model": "binary"}, "model='binary' is not fitted here"),
                            ({"genoprobs": iron.probs["16"]}, "genoprobs has the dims .*: give one position"),
                            ({"genoprobs": position.values}, "genoprobs is a ndarray"),
                            ({"genoprobs": None, "pheno": None}, "pheno is None"),
                            ({"hsq": 0.4}, "hsq is given without kinship"),
                            ({"kinship": iron.loco}, "kinship has matrices for 20 chromosomes, .*: give that of the one"),
                            ({"contrasts": np.eye(2)}, "contrasts has the shape")):
        with pytest.raises(InputError, match=message):
            fit1(**{"genoprobs": position, "pheno": iron.pheno, **change})


def test_says_what_it_is(iron):
    text = repr(fit1(iron.probs["X"].isel(position=0), iron.pheno, iron.loco["X"], iron.sex, hsq=0.4))
    assert text.startswith("Fit1, LOD ") and "282 individuals, hsq = 0.4 by given" in text and "note: " in text
    assert repr(fit1(None, iron.pheno, se=False)).count("SE") == 0


def test_examples(r):
    found = doctest.testmod(importlib.import_module("lmmbridge.qtl2.fit1"))
    assert found.attempted > 0 and found.failed == 0
