"""Where R/qtl2 departs from the mathematics, our functions of the same names give the dense answer, and qtl2 does not."""
import numpy as np
import pandas as pd
import pytest

from lmmbridge import qtl2
from lmmbridge.agreement import qtl2_divergences as cases


@pytest.fixture(scope="module")
def iron(live):
    live("qtl2")
    return cases.iron()


def blup_standard_error(iron):
    found = qtl2.scan1blup(iron.probs, iron.pheno["liver"], iron.kinship, addcovar=iron.sex, se=True)
    return found.se.loc[cases.POSITION].iloc[0]


def blup_with_nullcovar(iron):
    found = qtl2.scan1blup(iron.probs, iron.pheno["liver"], iron.kinship, nullcovar=iron.sex)
    return found.coef.loc[cases.POSITION].iloc[0]


def position(iron):
    return pd.DataFrame(iron.G, iron.pheno.index, ["SS", "SB", "BB"])


def interaction_weighted_twice(iron):
    return qtl2.fit1(position(iron), iron.pheno["liver"], iron.kinship, iron.sex, intcovar=iron.sex, weights=iron.weights).lod


def interaction_weighted_twice_in_scan1coef(iron):
    found = qtl2.scan1coef(iron.probs, iron.pheno["liver"], iron.kinship, iron.sex, intcovar=iron.sex,
                           weights=iron.weights, zerosum=False)
    return found.coef.loc[cases.POSITION].iloc[4]


def interaction_weighted_twice_in_scan1perm(iron):
    alone = pd.Series(range(len(iron.pheno)), iron.pheno.index)
    return qtl2.scan1perm(iron.probs, iron.pheno[["liver"]], iron.kinship, iron.sex, intcovar=iron.sex,
                          weights=iron.weights, perm_strata=alone).A.iloc[0, 0]


def constant_covariate_weighted(iron):
    return qtl2.fit1(position(iron), iron.pheno["liver"], iron.kinship, iron.sex.assign(constant=1.0),
                     weights=iron.weights).lod


def hsq_as_vector(iron):
    return qtl2.scan1(iron.probs, iron.pheno, iron.kinship, hsq=[0.5, 0.25]).lod.loc[cases.POSITION, "spleen"]


def collinear_position(iron):
    covar = position(iron).iloc[:, 1:]
    return qtl2.scan1(iron.probs, iron.pheno[["liver"]], iron.kinship, covar).lod.loc[cases.POSITION, "liver"]


@pytest.mark.parametrize("ours", [blup_standard_error, blup_with_nullcovar, interaction_weighted_twice,
                                  interaction_weighted_twice_in_scan1coef, interaction_weighted_twice_in_scan1perm,
                                  constant_covariate_weighted, hsq_as_vector, collinear_position])
def test_ours_is_the_dense_number(iron, ours, tolerance):
    observed, right = getattr(cases, ours.__name__)()
    assert ours(iron) == pytest.approx(right, rel=tolerance("dense_hsq"), abs=tolerance("dense_hsq"))
    assert not abs(observed - right) <= tolerance("departure") * (1.0 + abs(right)), (observed, right)


def test_scan1_of_qtl2_is_right_where_fit1_is_not(iron, tolerance):
    """So that the departure is fit1's, not a matter of what the model means."""
    probs, weights = iron.probs, iron.weights
    for right, named in ((cases.interaction_weighted_twice()[1], {"intcovar": iron.sex}),
                         (cases.constant_covariate_weighted()[1], {"addcovar": iron.sex.assign(constant=1.0)})):
        found = cases._qtl2("scan1", probs, iron.pheno[["liver"]], iron.kinship,
                            **{"addcovar": iron.sex, "weights": weights, **named})
        assert np.isclose(found.lod.loc[cases.POSITION, "liver"], right, rtol=tolerance("own_hsq_of_qtl2"))
