"""Where R/qtl2 departs from the mathematics, our functions of the same names give the dense answer, and qtl2 does not."""
import numpy as np
import pandas as pd
import pytest

from lmmbridge import qtl2
from lmmbridge.agreement.register import REGISTER
from lmmbridge.qtl2 import from_r
from lmmbridge.rlink import shared_session

ENTRIES = {entry.name: entry for entry in REGISTER}


def constant(sex):
    return pd.DataFrame({"one": np.ones(len(sex))}, sex.index)


def position(probs):
    array = probs["1"].isel(position=0)
    return pd.DataFrame(array.values, probs.individuals, array.coords["genotype"].values)


def strata(y):
    return pd.Series(range(len(y)), y.index)


#: Entry → the number of its case by our function of the same name.
OURS = {
    "qtl2-constant-covariate": lambda y, K, sex, age: qtl2.est_herit(
        y["a"], K, pd.concat([constant(sex), sex, age], axis=1)).hsq.iloc[0],
    "qtl2-constant-covariate-scan1": lambda y, sex, age, probs: qtl2.scan1(
        probs, y[["a"]], None, pd.concat([constant(sex), sex, age], axis=1)).lod.iloc[0, 0],
    "qtl2-blup-se": lambda y, K, sex, probs: qtl2.scan1blup(probs, y["a"], K, addcovar=sex, se=True).se.iloc[0, 0],
    "qtl2-blup-nullcovar": lambda y, K, sex, probs: qtl2.scan1blup(probs, y["a"], K, nullcovar=sex).coef.iloc[0, 0],
    "qtl2-interaction-weights-fit1": lambda y, K, sex, weights, probs: qtl2.fit1(
        position(probs), y["a"], K, sex, intcovar=sex, weights=weights).lod,
    "qtl2-interaction-weights-scan1coef": lambda y, K, sex, weights, probs: qtl2.scan1coef(
        probs, y["a"], K, sex, intcovar=sex, weights=weights, zerosum=False).coef.iloc[0, 4],
    "qtl2-interaction-weights-scan1perm": lambda y, K, sex, weights, probs: qtl2.scan1perm(
        probs, y[["a"]], K, sex, intcovar=sex, weights=weights, perm_strata=strata(y)).A.iloc[0, 0],
    "qtl2-interaction-dependent-fit1": lambda y, K, sex, probs: qtl2.fit1(
        position(probs), y["a"], K, (1 - sex).set_axis(["female"], axis=1), intcovar=sex).lod,
    "qtl2-interaction-dependent-scan1perm": lambda y, K, sex, probs: qtl2.scan1perm(
        probs, y[["a"]], K, (1 - sex).set_axis(["female"], axis=1), intcovar=sex, perm_strata=strata(y)).A.iloc[0, 0],
    "qtl2-constant-weights": lambda y, K, sex, weights, probs: qtl2.fit1(
        position(probs), y["a"], K, sex.assign(one=1.0), weights=weights).lod,
    "qtl2-hsq-vector": lambda y, K, probs: qtl2.scan1(probs, y, K, hsq=[0.5, 0.25]).lod["b"].iloc[0],
    "qtl2-zerosum-se": lambda y, sex, probs: qtl2.fit1(position(probs), y["a"], addcovar=sex).SE.iloc[0],
    "qtl2-missing-weight": lambda y, weights, probs: qtl2.scan1(
        probs, y, weights=weights.mask(weights.index == "i24")).lod["a"].iloc[0],
    "qtl2-collinear-position": lambda y, K, probs: qtl2.scan1(
        probs, y[["b"]], K, position(probs).iloc[:, 1:]).lod.iloc[0, 0],
}


@pytest.mark.parametrize("name", list(OURS))
def test_ours_is_the_dense_number(name, live, tolerance):
    live("qtl2")
    case = ENTRIES[name].cases["qtl2"]
    observed, values = case.values_in_r()
    right = case.right(values)
    ours = OURS[name](**{label: from_r(value) for label, value in values.items()})
    assert ours == pytest.approx(right, rel=tolerance("dense_hsq"), abs=tolerance("dense_hsq"))
    assert not abs(observed - right) <= tolerance("departure") * (1.0 + abs(right)), (observed, right)


def test_every_entry_of_qtl2_is_compared_but_what_is_mirrored():
    """qtl2's scale of fitted values with weights, as the help says, and its rule for the rank of covariates."""
    alone = {name for name, entry in ENTRIES.items() if entry.engines == ("qtl2",)}
    assert alone - set(OURS) == {"qtl2-fitted-weights", "qtl2-covariate-units"}
    assert "√weight" in qtl2.Fit1.__doc__


#: Entries whose statement says that scan1 is right, with what makes their case one of scan1's.
SCAN1_IS_RIGHT = {
    "qtl2-interaction-weights-fit1": "addcovar = sex, intcovar = sex, weights = weights",
    "qtl2-interaction-weights-scan1perm": "addcovar = sex, intcovar = sex, weights = weights",
    "qtl2-interaction-dependent-fit1": "addcovar = 1 - sex, intcovar = sex",
    "qtl2-interaction-dependent-scan1perm": "addcovar = 1 - sex, intcovar = sex",
    "qtl2-constant-weights": "addcovar = cbind(sex, one = 1), weights = weights",
}


@pytest.mark.parametrize("name", list(SCAN1_IS_RIGHT))
def test_scan1_of_qtl2_is_right_where_fit1_is_not(name, live, tolerance):
    """So that the departure is fit1's, not a matter of what the model means."""
    live("qtl2")
    case = ENTRIES[name].cases["qtl2"]
    call = f'qtl2::scan1(probs, y[, "a", drop = FALSE], K, {SCAN1_IS_RIGHT[name]})[1, 1]'
    found = shared_session().eval(f"local({{\n{case.data}\n{call}\n}})").value
    assert found == pytest.approx(case.expected, rel=tolerance("own_hsq_of_qtl2"))
