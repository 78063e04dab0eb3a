import dataclasses
import doctest

import numpy as np
import pandas as pd
import pytest

import lmmbridge
from lmmbridge import InputError, LmmFit, LmmFits, fit_lmm, fitting


@pytest.fixture
def problem():
    """y, K, x of 40 individuals."""
    rng = np.random.default_rng(21)
    G = rng.normal(size=(40, 60))
    x = rng.normal(size=40)
    return G @ rng.normal(size=60) / 8.0 + x + rng.normal(size=40), G @ G.T / 60, x


def test_the_example_in_the_docstring():
    result = doctest.testmod(fitting)
    assert result.attempted > 0
    assert result.failed == 0


def test_one_phenotype_gives_a_fit(problem):
    y, K, x = problem
    for pheno in (y, list(y), pd.Series(y, name="weight")):
        assert isinstance(fit_lmm(pheno, K), LmmFit)
    for pheno in (y[:, None], pd.DataFrame({"weight": y})):
        fits = fit_lmm(pheno, K)
        assert isinstance(fits, LmmFits)
        assert len(fits) == 1


def test_many_phenotypes_are_a_mapping_in_the_order_of_the_columns(problem, tolerance):
    y, K, x = problem
    rng = np.random.default_rng(22)
    Y = pd.DataFrame({"c": y, "a": rng.normal(size=40), "d": y + rng.normal(size=40), "b": y**2, "e": -y})
    Y.loc[[3, 7], "a"] = np.nan
    Y.loc[[3, 7], "b"] = np.nan
    Y.loc[[0], "d"] = np.nan
    fits = fit_lmm(Y, K, x)
    assert list(fits) == ["c", "a", "d", "b", "e"]
    assert [fits[name].n for name in fits] == [40, 38, 39, 38, 40]
    assert "a" in fits and "z" not in fits
    with pytest.raises(KeyError):
        fits["z"]
    assert all(isinstance(fit, LmmFit) for fit in fits.values())
    for name in Y:
        assert fits[name].loglik == pytest.approx(fit_lmm(Y[name], K, x).loglik, rel=tolerance("same_fit"))


def test_columns_of_an_array_are_numbered(problem):
    y, K, _ = problem
    assert list(fit_lmm(np.column_stack([y, -y]), K)) == ["pheno1", "pheno2"]


def test_table(problem):
    y, K, x = problem
    fits = fit_lmm(pd.DataFrame({"weight": y, "length": y**2}), K, x)
    table = fits.table()
    assert table.index.name == "phenotype"
    assert list(table.index) == ["weight", "length"]
    for name, fit in fits.items():
        row = table.loc[name]
        assert (row.hsq, row.sigmasq, row.sigmasq_g, row.sigmasq_e, row.loglik) == (
            fit.hsq, fit.sigmasq, fit.sigmasq_g, fit.sigmasq_e, fit.loglik)
        assert (row.criterion, row.n, row.notes) == ("REML", 40, "; ".join(fit.notes))
        np.testing.assert_array_equal([row.hsq_se, row.hsq_low, row.hsq_high], [fit.hsq_se, *fit.hsq_interval])
    assert "weight" in repr(fits) and "2 phenotypes" in repr(fits)


def test_str_says_what_was_fitted(problem):
    y, K, x = problem
    y = y.copy()
    y[0] = np.nan
    fit = fit_lmm(y, K, pd.Series(x, name="sex", index=range(1, 41)), reml=False)
    text = str(fit)
    assert text.startswith("Linear mixed model by ML: n = 39, p = 2, rank of K = 39")
    for word in ("hsq", "sigmasq", "loglik", "intercept", "sex", "95% interval", "ML*"):
        assert word in text
    assert f"{fit.hsq:.6g}" in text
    for note in fit.notes:
        assert f"note: {note}" in text
    assert max(map(len, text.splitlines()[:6])) <= 100


def test_the_intercept_is_put_in_front(problem):
    y, K, x = problem
    assert fit_lmm(y, K).columns == ("intercept",)
    assert fit_lmm(y, K, pd.DataFrame({"age": x})).columns == ("intercept", "age")
    assert fit_lmm(y, K, pd.DataFrame({"intercept": x})).columns == ("(intercept)", "intercept")


def test_no_intercept_beside_columns_that_span_the_constant(problem, tolerance):
    y, K, x = problem
    group = np.arange(40) % 2
    dummies = fit_lmm(y, K, pd.DataFrame({"male": group, "female": 1 - group, "age": x}))
    assert dummies.columns == ("male", "female", "age")
    treatment = fit_lmm(y, K, pd.DataFrame({"male": group, "age": x}))
    assert treatment.columns == ("intercept", "male", "age")
    assert dummies.loglik == pytest.approx(treatment.loglik, rel=tolerance("same_fit"))
    assert dummies.beta[0] - dummies.beta[1] == pytest.approx(treatment.beta[1], rel=tolerance("same_fit"))
    constant = fit_lmm(y, K, pd.DataFrame({"two": np.full(40, 2.0), "age": x}))
    assert constant.columns == ("two", "age")
    assert constant.beta[0] == pytest.approx(fit_lmm(y, K, x).beta[0] / 2.0, rel=tolerance("same_fit"))


@pytest.mark.parametrize("reml, criterion, divisor", [(True, "REML", "Q/(n-p)"), (False, "ML", "Q/n")])
def test_what_the_numbers_mean_is_said(problem, reml, criterion, divisor):
    y, K, x = problem
    fit = fit_lmm(y, K, x, reml=reml)
    assert (fit.reml, fit.criterion) == (reml, criterion)
    assert fit.convention.startswith(f"{criterion}*")
    assert divisor in fit.convention
    assert "not doubled" in fit.convention
    assert (fit.engine, fit.version) == ("python", lmmbridge.__version__)
    assert (fit.n, fit.p, fit.rank_K) == (40, 2, 40)


def test_ML_and_REML_differ(problem):
    y, K, x = problem
    REML, ML = fit_lmm(y, K, x), fit_lmm(y, K, x, reml=False)
    assert ML.loglik != REML.loglik
    assert ML.sigmasq < REML.sigmasq


def test_the_variances_sum_to_the_total(problem, tolerance):
    y, K, x = problem
    for fit in (fit_lmm(y, K, x), fit_lmm(y, K, reml=False), fit_lmm(y, K, weights=np.exp(x))):
        assert fit.sigmasq_g + fit.sigmasq_e == pytest.approx(fit.sigmasq, rel=tolerance("same_fit"))
        assert fit.sigmasq_g == pytest.approx(fit.hsq * fit.sigmasq, rel=tolerance("same_fit"))


def test_fits_are_frozen(problem):
    y, K, _ = problem
    fit = fit_lmm(y, K)
    with pytest.raises(dataclasses.FrozenInstanceError):
        fit.hsq = 0.5
    with pytest.raises(TypeError):
        fit_lmm(y[:, None], K)["pheno"] = fit


def test_input_errors_are_value_errors(problem):
    y, K, _ = problem
    with pytest.raises(InputError):
        fit_lmm(y[:-1], K)
    assert issubclass(InputError, ValueError)


def test_a_criterion_in_words_is_refused():
    with pytest.raises(InputError, match="reml is 'ML': give True for REML or False for ML"):
        fit_lmm(np.arange(5.0) % 3, np.eye(5), reml="ML")
