"""Effects less their mean, and their standard errors: those of fit1 position by position, and scan1coef's effects."""
import doctest

import numpy as np
import pandas as pd
import pytest

from lmmbridge import InputError
from lmmbridge.qtl2 import centred_effects as module
from lmmbridge.qtl2.centred_effects import centred_effects
from lmmbridge.qtl2.coefficients import scan1coef
from lmmbridge.qtl2.cross2 import read_cross2
from lmmbridge.qtl2.extdata import extdata
from lmmbridge.qtl2.fit1 import fit1
from lmmbridge.qtl2.genoprobs import Genoprobs
from lmmbridge.qtl2.kinship import calc_kinship
from lmmbridge.qtl2.through_r import calc_genoprob, insert_pseudomarkers


@pytest.fixture(scope="module")
def iron(r):
    cross = read_cross2(extdata("iron.zip"))
    probs = calc_genoprob(cross, error_prob=0.002)
    return cross, probs, calc_kinship(probs, "loco")


def models(cross):
    ids = cross.pheno.index
    sex = (cross.covar["sex"] == "m").astype(float)
    return {"plain": {}, "covariate": {"addcovar": sex}, "interaction": {"intcovar": sex},
            "weights": {"weights": pd.Series(1.0 + np.arange(len(ids)) % 3, ids)}}


# On the X chromosome sex depends on the genotypes: fit1 gives no effects that sum to zero with it.
@pytest.mark.parametrize("kinship", [True, False])
@pytest.mark.parametrize("chromosome, model", [("16", "plain"), ("16", "covariate"), ("16", "interaction"),
                                               ("16", "weights"), ("X", "plain"), ("X", "weights")])
def test_as_fit1_position_by_position(iron, tolerance, chromosome, kinship, model):
    cross, probs, loco = iron
    arguments = models(cross)[model] | {"kinship": loco[chromosome] if kinship else None}
    probs = probs.subset(chr=[chromosome])
    effects, errors, _ = centred_effects(probs, cross.pheno["liver"], **arguments)
    for position in effects.index:
        fit = fit1(probs[chromosome].sel(position=position), cross.pheno["liver"], **arguments)
        assert np.allclose(effects.loc[position], fit.coef[effects.columns], rtol=tolerance("centred_effects"))
        assert np.allclose(errors.loc[position], fit.SE[effects.columns], rtol=tolerance("centred_effects"))


def test_effects_are_those_of_scan1coef(iron, tolerance):
    cross, probs, loco = iron
    probs = probs.subset(chr=["16"])
    effects, _, _ = centred_effects(probs, cross.pheno["spleen"], kinship=loco["16"])
    theirs = scan1coef(probs, cross.pheno["spleen"], loco["16"], zerosum=True).coef[effects.columns]
    assert np.allclose(effects, theirs, rtol=tolerance("centred_effects"))


def test_with_sex_on_x_effects_are_smooth_and_sum_to_zero(iron, tolerance):
    """Sex depends on the genotypes there: one of them has no coefficient, the same one everywhere."""
    cross, probs, loco = iron
    probs = calc_genoprob(cross, insert_pseudomarkers(cross.gmap, step=1.0), error_prob=0.002).subset(chr=["X"])
    sex = (cross.covar["sex"] == "m").astype(float)
    effects, errors, notes = centred_effects(probs, cross.pheno["liver"], kinship=loco["X"], addcovar=sex)
    theirs = scan1coef(probs, cross.pheno["liver"], loco["X"], sex, zerosum=True).coef[effects.columns]
    assert np.allclose(effects, theirs, rtol=tolerance("centred_effects"), equal_nan=True)
    missing = effects.columns[effects.isna().any()]
    assert len(missing) == 1 and effects[missing[0]].isna().all() and errors[missing[0]].isna().all()
    assert np.allclose(effects.sum(axis=1), 0.0, atol=tolerance("centred_effects") * effects.abs().max().max())
    assert any("deviations from the mean of those that have one" in note for note in notes)


def test_genotypes_that_do_not_occur_have_no_effect(iron, tolerance):
    cross, probs, loco = iron
    men = list(cross.is_female.index[~cross.is_female])
    effects, errors, _ = centred_effects(probs.subset(ind=men, chr=["X"]), cross.pheno["liver"], kinship=loco["X"])
    there = ["SY", "BY"]
    assert effects.drop(columns=there).isna().all(axis=None) and errors.drop(columns=there).isna().all(axis=None)
    assert np.allclose(effects["SY"], -effects["BY"], rtol=tolerance("centred_effects"))
    assert np.allclose(errors["SY"], errors["BY"], rtol=tolerance("centred_effects")) and (errors["SY"] > 0.0).all()


def test_one_genotype_has_no_effects(iron):
    cross, probs, _ = iron
    array = probs["16"].copy()
    array[:, 0], array[:, 1:] = 1.0, 0.0
    with pytest.raises(InputError, match="chromosome '16' has only one genotype"):
        centred_effects(Genoprobs({"16": array}), cross.pheno["liver"])


def test_examples(r):
    found = doctest.testmod(module)
    assert found.attempted > 0 and found.failed == 0
