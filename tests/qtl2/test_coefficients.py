"""scan1coef against R/qtl2 itself, live, on three crosses; against dense generalised least squares where it errs."""
import doctest

import numpy as np
import pandas as pd
import pytest
from scipy import linalg

import dense
from effects_cases import CHROMOSOMES, combinations, effect_gap, make_cross, r_logical, ratio_gap, scan_in_r
from lmmbridge import InputError
from lmmbridge.lmm.effects import effects, leading_columns
from lmmbridge.qtl2 import coefficients as module
from lmmbridge.qtl2.coefficients import scan1coef
from lmmbridge.qtl2.kinship import decomp_kinship


@pytest.fixture(scope="module")
def iron(r, shared_data):
    return make_cross(r, "iron", shared_data)


@pytest.mark.parametrize("name", CHROMOSOMES)
def test_as_qtl2(r, shared_data, name, tolerance):
    cross = make_cross(r, name, shared_data)
    one = cross.probs.subset(chr=[cross.chromosome])
    for (kinship, r_kinship), model, zerosum in combinations(cross):
        ours = scan1coef(one, cross.pheno, **kinship, **cross.arguments(model), zerosum=zerosum, se=True)
        coef, se, n = scan_in_r(r, f'qtl2::scan1coef(eff_{name}$probs[, "{cross.chromosome}"], eff_{name}$pheno'
                                   f"{r_kinship}{cross.r_arguments(model)}, zerosum = {r_logical(zerosum)}, se = TRUE)")
        assert list(ours.coef.columns) == list(ours.se.columns) == list(coef.columns) == list(se.columns)
        assert list(ours.coef.index) == list(ours.se.index) == list(coef.index)
        assert ours.sample_size == n == len(cross.pheno) - 2
        assert effect_gap(ours.coef, coef, se) <= tolerance("effects")
        assert ratio_gap(ours.se, se) <= tolerance("effects")


def test_standard_errors_only_where_asked_for(iron):
    one = iron.probs.subset(chr=["16"])
    assert scan1coef(one, iron.pheno).se is None
    pd.testing.assert_frame_equal(scan1coef(one, iron.pheno).coef, scan1coef(one, iron.pheno, se=True).coef)


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("model", [{}, {"addcovar": "sex", "nullcovar": "z"},
                                   {"addcovar": "sex", "weights": "weights"}])
def test_own_hsq(r, iron, model, reml, tolerance):
    ours = scan1coef(iron.probs.subset(chr=["16"]), iron.pheno, iron.loco["16"], **iron.arguments(model), se=True,
                     reml=reml)
    coef, se, _ = scan_in_r(r, 'qtl2::scan1coef(eff_iron$probs[, "16"], eff_iron$pheno, eff_iron$loco[["16"]]'
                               f"{iron.r_arguments(model)}, se = TRUE, reml = {r_logical(reml)})")
    assert ours.criterion == ("REML" if reml else "ML")
    assert effect_gap(ours.coef, coef, se) <= tolerance("effects_own_hsq")
    assert ratio_gap(ours.se, se) <= tolerance("effects_own_hsq")


@pytest.mark.parametrize("kinship, left_out", [(False, 0), (True, 40)])
def test_individuals_without_null_covariates(r, iron, kinship, left_out):
    """They are left out where null covariates are used, with kinship."""
    z = iron.z.iloc[40:]
    ours = scan1coef(iron.probs.subset(chr=["16"]), iron.pheno, iron.loco["16"] if kinship else None, nullcovar=z)
    _, _, n = scan_in_r(r, 'qtl2::scan1coef(eff_iron$probs[, "16"], eff_iron$pheno, '
                           + ('eff_iron$loco[["16"]]' if kinship else "NULL")
                           + ", nullcovar = eff_iron$z[-(1:40), , drop = FALSE])")
    assert ours.sample_size == n == iron.pheno.iloc[left_out:].notna().sum()


def test_null_covariates_only_in_the_null_model(iron):
    arguments = {"genoprobs": iron.probs.subset(chr=["16"]), "pheno": iron.pheno}
    with_z = scan1coef(**arguments, kinship=iron.loco["16"], nullcovar=iron.z)
    without = scan1coef(**arguments, kinship=iron.loco["16"])
    assert with_z.hsq != without.hsq and list(with_z.coef.columns) == list(without.coef.columns)
    again = scan1coef(**arguments, kinship=iron.loco["16"], hsq=with_z.hsq)
    assert again.criterion == "given"
    pd.testing.assert_frame_equal(again.coef, with_z.coef, check_exact=True)
    pd.testing.assert_frame_equal(scan1coef(**arguments, nullcovar=iron.z).coef, scan1coef(**arguments).coef)


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("model", [{}, {"intcovar": "sex"}])
def test_contrasts(r, iron, model, named, tolerance):
    A = pd.DataFrame([[1.0, -1.0, 0.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]], ["SS", "SB", "BB"], ["mu", "a", "d"])
    names = ' <- NULL' if not named else ' <- c("mu", "a", "d")'
    r.eval(f"A <- cbind(c(1, 1, 1), c(-1, 0, 1), c(0, 1, 0)); colnames(A){names}")
    for kinship, r_kinship in [(None, "NULL"), (iron.loco["16"], 'eff_iron$loco[["16"]]')]:
        ours = scan1coef(iron.probs.subset(chr=["16"]), iron.pheno, kinship, **iron.arguments(model), se=True,
                         contrasts=A if named else A.to_numpy())
        coef, se, _ = scan_in_r(r, f'qtl2::scan1coef(eff_iron$probs[, "16"], eff_iron$pheno, {r_kinship}, contrasts = A'
                                   f"{iron.r_arguments(model)}, se = TRUE)")
        assert list(ours.coef.columns) == list(coef.columns)
        assert effect_gap(ours.coef, coef, se) <= tolerance("effects_own_hsq" if kinship is not None else "effects")
        assert ratio_gap(ours.se, se) <= tolerance("effects_own_hsq" if kinship is not None else "effects")


def test_covariates_without_names(r, iron):
    coef, _, _ = scan_in_r(r, 'qtl2::scan1coef(eff_iron$probs[, "16"], eff_iron$pheno, addcovar = eff_iron$sex[, 1], '
                              "intcovar = eff_iron$sex[, 1])")
    sex = iron.sex["sex"].rename(None)
    assert list(scan1coef(iron.probs.subset(chr=["16"]), iron.pheno, addcovar=sex, intcovar=sex).coef) == list(coef)
    frame = pd.DataFrame(iron.sex.to_numpy(), iron.sex.index)
    assert list(scan1coef(iron.probs.subset(chr=["16"]), iron.pheno, addcovar=frame, intcovar=frame).coef) == list(coef)


# ---- columns that depend on each other

def test_absent_genotypes_as_qtl2(r, iron, tolerance):
    """The females' X chromosome has neither of the males' two genotypes: the same two columns are NaN in both."""
    females = [name for name in iron.probs.individuals if iron.sex.loc[name, "sex"] == 0.0]
    one = iron.probs.subset(ind=females, chr=["X"])
    for zerosum in (True, False):
        ours = scan1coef(one, iron.pheno, iron.loco["X"], zerosum=zerosum, se=True, hsq=0.4)
        coef, se, _ = scan_in_r(r, 'qtl2::scan1coef(eff_iron$probs[rownames(eff_iron$sex)[eff_iron$sex == 0], "X"], '
                                   'eff_iron$pheno, eff_iron$loco[["X"]], '
                                   f"zerosum = {r_logical(zerosum)}, se = TRUE, hsq = 0.4)")
        assert list(coef.columns[coef.isna().all()]) == ["SY", "BY"]
        assert effect_gap(ours.coef, coef, ours.se) <= tolerance("effects")
        assert ratio_gap(ours.se, se) <= tolerance("effects")
    assert "NaN" in ours.notes[-1]


@pytest.mark.parametrize("kinship", [False, True])
@pytest.mark.parametrize("model", [{"addcovar": "sex"}, {"intcovar": "sex"}, {"addcovar": "sex", "weights": "weights"}])
def test_ties_give_the_same_model(r, iron, model, kinship, tolerance):
    """Sex and the X genotypes: R/qtl2 leaves out SY or BY as rounding has it, we the later; the fitted values agree."""
    given = {"kinship": iron.loco["X"], "hsq": 0.4} if kinship else {}
    r_given = ', kinship = eff_iron$loco[["X"]], hsq = 0.4' if kinship else ""
    ours = scan1coef(iron.probs.subset(chr=["X"]), iron.pheno, **given, **iron.arguments(model), zerosum=False)
    coef, _, _ = scan_in_r(r, f'qtl2::scan1coef(eff_iron$probs[, "X"], eff_iron$pheno{r_given}'
                              f"{iron.r_arguments(model)}, zerosum = FALSE)")
    assert ours.coef.isna().sum(axis=1).equals(coef.isna().sum(axis=1)) and (coef.isna().sum(axis=1) > 0).all()
    assert ours.coef["BY"].isna().all()
    ids = iron.pheno.dropna().index
    for position in coef.index:
        G = iron.probs["X"].sel(individual=ids.to_list(), position=position).values
        sex = iron.sex.loc[ids].to_numpy()
        X = np.column_stack([G, sex] + ([G[:, 1:] * sex] if "intcovar" in model else []))
        fits = [X @ values.loc[position].fillna(0.0) for values in (ours.coef, coef)]
        assert np.max(np.abs(fits[0] - fits[1])) <= tolerance("effects") * np.ptp(fits[1])


def test_ties_go_to_the_earlier_column():
    """Of a + b + c = d whatever the order, with noise of rounding size, the last of the two that tie is left out."""
    rng = np.random.default_rng(3)
    a, b, c = rng.uniform(0.0, 1.0, (3, 50))
    for noise in (0.0, 1e-15, -1e-15):
        X = np.column_stack([a, b + noise, c, a + b + c])
        chosen = leading_columns(X, 3)
        last = linalg.qr(X, mode="r", pivoting=True)[1][:2]
        assert set(last) <= set(chosen)
        assert set(range(4)) - set(chosen) == {max(set(range(4)) - set(last))}


def test_rank_is_that_of_the_design(iron):
    """Rounding of V^−½X, which may be larger than that of X, gives no column a coefficient."""
    rng = np.random.default_rng(5)
    design = rng.uniform(0.0, 1.0, (1, 50, 4))
    design[0, :, 3] = design[0, :, :3].sum(axis=1)
    X = 1e3 * design + 1e-8 * rng.normal(size=design.shape)
    found = effects(rng.uniform(size=50), X, design)
    assert found.rank[0] == 3 and np.isnan(found.beta).sum() == np.isnan(found.se).sum() == 1
    assert np.isfinite(found.covariance).sum() == 9
    for hsq in (0.5, 1.0 - 1e-13):
        found = scan1coef(iron.probs.subset(chr=["X"]), iron.pheno, iron.loco["X"], iron.sex, hsq=hsq, zerosum=False)
        assert (found.coef.isna().sum(axis=1) == 1).all()


def test_more_coefficients_than_individuals():
    rng = np.random.default_rng(4)
    X = rng.uniform(size=(2, 4, 5))
    found = effects(rng.uniform(size=4), X, X)
    assert list(found.rank) == [4, 4] and np.isnan(found.se).all()
    assert (np.isnan(found.beta).sum(axis=1) == 1).all()


# ---- where R/qtl2 departs from the mathematics

def test_interactions_are_weighted_once(r, iron, tolerance):
    """With kinship, weights and intcovar R/qtl2 weights the interaction twice; ours is dense GLS, R/qtl2's is not."""
    model = {"intcovar": "sex", "weights": "weights"}
    ours = scan1coef(iron.probs.subset(chr=["16"]), iron.pheno, iron.loco["16"], **iron.arguments(model), zerosum=False,
                     se=True, hsq=0.4)
    coef, se, _ = scan_in_r(r, 'qtl2::scan1coef(eff_iron$probs[, "16"], eff_iron$pheno, eff_iron$loco[["16"]]'
                               f"{iron.r_arguments(model)}, zerosum = FALSE, se = TRUE, hsq = 0.4)")
    ids = iron.pheno.dropna().index.to_list()
    V = dense.covariance(iron.loco["16"].loc[ids, ids].to_numpy(), 0.4, iron.weights.loc[ids].to_numpy())
    sex = iron.sex.loc[ids].to_numpy()
    for position in coef.index:
        G = iron.probs["16"].sel(individual=ids, position=position).values
        direct = dense.gls(iron.pheno.loc[ids].to_numpy(), np.column_stack([G, sex, G[:, 1:] * sex]), V)
        said = (f"{position}: SB:sex {ours.coef.loc[position, 'SB:sex']:.6f}, "
                f"R/qtl2 {coef.loc[position, 'SB:sex']:.6f}, dense {direct.beta[4]:.6f}")
        assert effect_gap(ours.coef.loc[position], direct.beta, direct.se) <= tolerance("effects"), said
        assert ratio_gap(ours.se.loc[position], direct.se) <= tolerance("effects"), said
        assert ratio_gap(se.loc[position], direct.se) > 0.01, f"R/qtl2 has changed: {said}"


def test_dense(iron, tolerance):
    """Weights, covariates and kinship at several hsq, against V by hand."""
    ids = iron.pheno.dropna().index.to_list()
    y, w = iron.pheno.loc[ids].to_numpy(), iron.weights.loc[ids].to_numpy()
    for hsq in (0.0, 0.3, 0.95):
        ours = scan1coef(iron.probs.subset(chr=["16"]), iron.pheno, iron.loco["16"], iron.both, weights=iron.weights,
                         hsq=hsq, zerosum=False, se=True)
        V = dense.covariance(iron.loco["16"].loc[ids, ids].to_numpy(), hsq, w)
        for position in ours.coef.index:
            G = iron.probs["16"].sel(individual=ids, position=position).values
            direct = dense.gls(y, np.column_stack([G, iron.both.loc[ids]]), V)
            assert effect_gap(ours.coef.loc[position], direct.beta, direct.se) <= tolerance("effects")
            assert ratio_gap(ours.se.loc[position], direct.se) <= tolerance("effects")


# ---- what is handed over

def test_several_are_said(iron):
    two = pd.DataFrame({"first": iron.pheno, "second": iron.pheno * 2.0})
    with pytest.warns(UserWarning, match="pheno has 2 columns: only the first, 'first', is used") as caught:
        found = scan1coef(iron.probs.subset(chr=["16"]), two)
    assert caught[0].filename == __file__
    pd.testing.assert_frame_equal(found.coef, scan1coef(iron.probs.subset(chr=["16"]), iron.pheno).coef)
    with pytest.warns(UserWarning, match="only the first, '16', is used") as caught:
        several = scan1coef(iron.probs.subset(chr=["16", "2"]), iron.pheno)
    assert caught[0].filename == __file__
    pd.testing.assert_frame_equal(several.coef, found.coef)


def test_kinship_forms(iron, tolerance):
    arguments = {"genoprobs": iron.probs.subset(chr=["16"]), "pheno": iron.pheno.fillna(90.0), "hsq": 0.4}
    plain = scan1coef(**arguments, kinship=iron.loco["16"])
    for kinship in (iron.loco, {"16": iron.loco["16"]}, decomp_kinship(iron.loco["16"])):
        again = scan1coef(**arguments, kinship=kinship, se=True)
        assert effect_gap(again.coef, plain.coef, again.se) <= tolerance("effects")


def test_blocks_of_positions(iron, monkeypatch):
    one = iron.probs.subset(chr=["16"])
    whole = scan1coef(one, iron.pheno, se=True)
    monkeypatch.setattr(module, "BLOCK", 1)
    parts = scan1coef(one, iron.pheno, se=True)
    np.testing.assert_array_equal(parts.coef.to_numpy(), whole.coef.to_numpy())
    np.testing.assert_array_equal(parts.se.to_numpy(), whole.se.to_numpy())


def test_notes_of_dependent_covariates(iron):
    twice = iron.sex.assign(again=2.0 - iron.sex["sex"])
    found = scan1coef(iron.probs.subset(chr=["16"]), iron.pheno, addcovar=twice)
    assert found.coef.notna().all(axis=None) and any("depends on the intercept" in note for note in found.notes)
    found = scan1coef(iron.probs.subset(chr=["16"]), iron.pheno, intcovar=twice)
    assert any(note.startswith("intcovar: column") for note in found.notes)


@pytest.mark.parametrize("change, message", [
    ({"model": "binary"}, "model='binary' is not fitted here"),
    ({"hsq": 0.4}, "hsq is given without kinship"),
    ({"contrasts": np.eye(2)}, r"contrasts has the shape \(2, 2\)"),
    ({"contrasts": [["a"]]}, "contrasts is not made of numbers"),
    ({"contrasts": np.full((3, 3), np.nan)}, "contrasts has a value that is not a finite number"),
    ({"genoprobs": np.ones((3, 3))}, "genoprobs is a ndarray"),
    ({"pheno": None}, "pheno is None"),
    ({"pheno": pd.Series({"1": 1.0, "2": 2.0})}, "only 2 individuals"),
])
def test_refusals(iron, change, message):
    with pytest.raises(InputError, match=message):
        scan1coef(**{"genoprobs": iron.probs.subset(chr=["16"]), "pheno": iron.pheno, **change})


def test_refusals_of_kinship(iron):
    one = iron.probs.subset(chr=["16"])
    for others in ({"2": iron.loco["2"]}, {"2": iron.loco["2"], "X": iron.loco["X"]}, {}):
        with pytest.raises(InputError, match="kinship has no matrix for chromosome '16'"):
            scan1coef(one, iron.pheno, others)
    with pytest.raises(InputError, match="kinship of chromosome '16' has 284 rows and 283 columns"):
        scan1coef(one, iron.pheno, iron.loco | {"16": iron.loco["16"].iloc[:, 1:]})
    with pytest.raises(InputError, match="hsq is 1: the covariance matrix is not positive definite"):
        scan1coef(one, iron.pheno, iron.loco["16"], hsq=1.0)
    with pytest.raises(InputError, match="hsq has the value 1.5"):
        scan1coef(one, iron.pheno, iron.loco["16"], hsq=1.5)
    with pytest.raises(InputError, match="likelihood grows without bound"):
        n = len(iron.probs.individuals)
        centred = pd.DataFrame(np.eye(n) - 1.0 / n, iron.probs.individuals, iron.probs.individuals)
        scan1coef(one, iron.pheno.fillna(90.0), centred, reml=False)


def test_says_what_it_is(iron):
    text = repr(scan1coef(iron.probs.subset(chr=["X"]), iron.pheno, iron.loco["X"], iron.sex, hsq=0.4))
    assert "hsq = 0.4 by given" in text and "note: at 2 of 2 positions" in text


def test_examples(r):
    found = doctest.testmod(module)
    assert found.attempted > 0 and found.failed == 0
