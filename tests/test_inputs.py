import numpy as np
import pandas as pd
import pytest

from lmmbridge import InputError, fit_lmm
from lmmbridge.inputs import prepare

N = 30
IDS = [f"m{i + 1}" for i in range(N)]


class Inputs:
    """Good labelled inputs, each to be spoilt by a test."""

    def __init__(self):
        rng = np.random.default_rng(31)
        G = rng.normal(size=(N, 40))
        sex = np.arange(N) % 2
        self.pheno = pd.Series(G @ rng.normal(size=40) / 8.0 + sex + rng.normal(size=N), index=IDS, name="weight")
        self.kinship = pd.DataFrame(G @ G.T / 40, index=IDS, columns=IDS)
        self.covar = pd.DataFrame({"sex": sex, "age": rng.normal(size=N)}, index=IDS).astype(float)
        self.weights = pd.Series(rng.choice([0.5, 1.0, 2.0], size=N), index=IDS, name="reads")

    def fit(self, **changes):
        given = {"pheno": self.pheno, "kinship": self.kinship, "covar": self.covar, "weights": self.weights}
        return fit_lmm(**{**given, **changes})

    def arrays(self):
        return {name: values.to_numpy() for name, values in vars(self).items()}


@pytest.fixture
def inputs():
    return Inputs()


def assert_same(fit, other, tolerance):
    assert fit.columns == other.columns
    assert fit.n == other.n
    for name in ("hsq", "sigmasq", "loglik", "hsq_se"):
        assert getattr(fit, name) == pytest.approx(getattr(other, name), rel=tolerance("same_fit"), nan_ok=True)
    np.testing.assert_allclose(fit.beta, other.beta, rtol=tolerance("same_fit"))


def changed(values, place, value):
    values = values.astype(object if isinstance(value, str) else values.to_numpy().dtype)
    values.loc[place] = value
    return values


# ------------------------------------------------------------------ values that cannot be used

@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name, place, column", [("kinship", ("m3", "m5"), "m5"), ("covar", ("m4", "age"), "age"),
                                                 ("weights", "m7", "reads")])
def test_values_that_are_not_finite(inputs, name, place, column, value):
    individual = place if isinstance(place, str) else place[0]
    spoilt = changed(getattr(inputs, name), place, value)
    with pytest.raises(InputError, match=f"^{name}: {value} for individual '{individual}', column '{column}'; "
                                         "every entry must be a finite number"):
        inputs.fit(**{name: spoilt})


def test_infinite_phenotype(inputs):
    with pytest.raises(InputError, match=r"^pheno: inf for individual 'm2', column 'weight'; leave it out or mark it "
                                         r"as missing \(NaN\)"):
        inputs.fit(pheno=changed(inputs.pheno, "m2", np.inf))


@pytest.mark.parametrize("name, place, column", [
    ("pheno", "m2", "weight"), ("kinship", ("m3", "m5"), "m5"), ("covar", ("m4", "sex"), "sex"),
    ("weights", "m7", "reads")])
def test_text_where_numbers_belong(inputs, name, place, column):
    individual = place if isinstance(place, str) else place[0]
    with pytest.raises(InputError, match=rf"^{name}: column '{column}' holds text \('high' for individual "
                                         rf"'{individual}'\); give numbers"):
        inputs.fit(**{name: changed(getattr(inputs, name), place, "high")})


def test_text_in_a_categorical_column_and_in_an_array(inputs):
    sexes = np.where(inputs.covar["sex"] > 0.0, "male", "female")
    with pytest.raises(InputError, match=r"^covar: column 'sex' holds text \('female' for individual 'm1'\)"):
        inputs.fit(covar=pd.DataFrame({"sex": pd.Categorical(sexes)}, index=IDS))
    with pytest.raises(InputError, match=r"^covar: column 'covar' holds text \('female' for individual 'm1'\)"):
        inputs.fit(covar=sexes)


@pytest.mark.parametrize("values, kind", [(np.full(N, 1.0 + 2.0j), "complex128"),
                                          (pd.date_range("2020-01-01", periods=N), "datetime64"),
                                          (pd.to_timedelta(np.arange(N), "D"), "timedelta64")])
def test_values_that_are_not_real_numbers(inputs, values, kind):
    covar = pd.DataFrame({"born": values}, index=IDS)
    with pytest.raises(InputError, match=rf"^covar: column 'born' holds values of type {kind}.*; give real numbers"):
        inputs.fit(covar=covar)


@pytest.mark.parametrize("value", [0.0, -1.5])
def test_weights_that_are_not_positive(inputs, value):
    with pytest.raises(InputError, match=f"^weights: {value:g} for individual 'm7'; weights are 1/variance and must "
                                         "be positive"):
        inputs.fit(weights=changed(inputs.weights, "m7", value))


# ------------------------------------------------------------------ shapes

@pytest.mark.parametrize("name", ["kinship", "covar", "weights"])
def test_arrays_of_another_length(inputs, name):
    arrays = inputs.arrays()
    arrays[name] = arrays[name][:-1]
    with pytest.raises(InputError, match=f"^{name} has 29 rows and pheno has 30: without IDs they must be as many"):
        fit_lmm(**arrays)
    with pytest.raises(InputError, match=f"^{name} has 29 rows and pheno has 30"):
        inputs.fit(**{name: arrays[name]})


def test_an_array_of_phenotypes_of_another_length_than_the_labelled_kinship(inputs):
    with pytest.raises(InputError, match="^pheno has 29 rows and kinship has 30"):
        inputs.fit(pheno=inputs.pheno.to_numpy()[:-1])


def test_kinship_that_is_not_square(inputs):
    with pytest.raises(InputError, match="^kinship has 30 rows and 29 columns: it must be square"):
        inputs.fit(kinship=inputs.kinship.to_numpy()[:, :-1])
    with pytest.raises(InputError, match="^kinship has 30 rows and 29 columns: it must be square"):
        inputs.fit(kinship=inputs.kinship.drop(columns="m3"))


@pytest.mark.parametrize("name, shape", [("pheno", (N, 1, 1)), ("kinship", (N, N, 1)), ("covar", (N, 2, 2)),
                                         ("weights", ())])
def test_wrong_number_of_dimensions(inputs, name, shape):
    with pytest.raises(InputError, match=f"^{name} has {len(shape)} dimensions: give a vector or a matrix"):
        inputs.fit(**{name: np.ones(shape)})


def test_rows_that_differ_in_length(inputs):
    with pytest.raises(InputError, match="^covar is not a vector or a matrix of numbers: its rows differ in length"):
        inputs.fit(covar=[[1.0, 2.0]] * (N - 1) + [[1.0]])


def test_two_columns_of_weights(inputs):
    with pytest.raises(InputError, match="^weights has 2 columns: give one column, 1/variance of each individual"):
        inputs.fit(weights=np.ones((N, 2)))


@pytest.mark.parametrize("name, empty, shape", [
    ("pheno", pd.Series(dtype=float), "0 rows, 1 columns"), ("pheno", pd.DataFrame(index=IDS), "30 rows, 0 columns"),
    ("kinship", pd.DataFrame(), "0 rows, 0 columns"), ("covar", pd.DataFrame(index=IDS), "30 rows, 0 columns"),
    ("weights", pd.Series(dtype=float), "0 rows, 1 columns")])
def test_empty(inputs, name, empty, shape):
    with pytest.raises(InputError, match=f"^{name} is empty: {shape}"):
        inputs.fit(**{name: empty})


def test_empty_arrays():
    with pytest.raises(InputError, match="^pheno is empty: 0 rows, 1 columns"):
        fit_lmm([], np.empty((0, 0)))


# ------------------------------------------------------------------ IDs

@pytest.mark.parametrize("name", ["pheno", "kinship", "covar", "weights"])
def test_an_individual_twice(inputs, name):
    twice = ["m1", "m1", *IDS[2:]]
    spoilt = getattr(inputs, name).set_axis(twice)
    with pytest.raises(InputError, match=f"^{name}: individual 'm1' occurs more than once"):
        inputs.fit(**{name: spoilt})


def test_individuals_that_differ_only_in_type(inputs):
    mixed = inputs.pheno.set_axis([1, "1", *range(3, N + 1)])
    with pytest.raises(InputError, match="^pheno: individual '1' occurs more than once"):
        inputs.fit(pheno=mixed)


@pytest.mark.parametrize("name", ["kinship", "covar"])
def test_a_column_twice(inputs, name):
    frame = getattr(inputs, name)
    first = frame.columns[0]
    spoilt = frame.set_axis([first, first, *frame.columns[2:]], axis=1)
    with pytest.raises(InputError, match=f"^{name}: column '{first}' occurs more than once"):
        inputs.fit(**{name: spoilt})


def test_a_phenotype_twice(inputs):
    spoilt = pd.concat([inputs.pheno, inputs.pheno], axis=1)
    with pytest.raises(InputError, match="^pheno: column 'weight' occurs more than once"):
        inputs.fit(pheno=spoilt)


def test_kinship_rows_and_columns_are_different_individuals(inputs):
    with pytest.raises(InputError, match="^kinship: individual 'm4' names a row or a column but not both"):
        inputs.fit(kinship=inputs.kinship.rename(columns={"m4": "x4"}))


def test_no_common_individuals(inputs):
    with pytest.raises(InputError, match="^no individual is in all of pheno, kinship, covar, weights: check that the "
                                         "IDs are written alike"):
        inputs.fit(covar=inputs.covar.rename(index=str.upper))


# ------------------------------------------------------------------ kinship as a covariance

def test_kinship_that_is_not_symmetric(inputs):
    spoilt = changed(inputs.kinship, ("m3", "m5"), 0.75)
    other = f"{inputs.kinship.loc['m5', 'm3']:g}"
    with pytest.raises(InputError) as error:
        inputs.fit(kinship=spoilt)
    assert str(error.value) in (
        f"kinship is not symmetric: 0.75 for ('m3', 'm5') and {other} for ('m5', 'm3')",
        f"kinship is not symmetric: {other} for ('m5', 'm3') and 0.75 for ('m3', 'm5')")


def test_asymmetry_of_rounding_passes(inputs, tolerance):
    rng = np.random.default_rng(32)
    written = inputs.kinship * (1.0 + 1e-10 * rng.uniform(-1.0, 1.0, size=(N, N)))
    assert_same(inputs.fit(kinship=written), inputs.fit(), tolerance)
    data, = prepare(inputs.pheno, written)
    np.testing.assert_array_equal(data.K, data.K.T)


def test_a_large_negative_eigenvalue(inputs):
    values, U = np.linalg.eigh(inputs.kinship)
    values[0] = -0.1
    with pytest.raises(InputError, match=r"^kinship has the eigenvalue -0\.\d+ \(the largest is .*\): it is not a "
                                         "covariance matrix"):
        inputs.fit(kinship=U @ (values[:, None] * U.T))
    with pytest.raises(InputError, match="it is not a covariance matrix"):
        inputs.fit(kinship=np.zeros((N, N)))


def test_slightly_negative_eigenvalues_are_said(inputs):
    values, U = np.linalg.eigh(inputs.kinship)
    values[:3] = -1e-8
    fit = inputs.fit(kinship=U @ (values[:, None] * U.T), weights=None)
    assert any("slightly negative eigenvalues (down to -1e-08)" in note for note in fit.notes)
    assert np.isfinite(fit.loglik)
    assert not any("negative eigenvalues" in note for note in inputs.fit().notes)


# ------------------------------------------------------------------ the design

@pytest.mark.parametrize("extra, before", [
    (lambda covar: 2.0 * covar["sex"], "intercept, sex, age"),
    (lambda covar: covar["sex"] + covar["age"], "intercept, sex, age"),
    (lambda covar: 1e-9 * covar["age"], "intercept, sex, age")], ids=["multiple", "sum", "tiny multiple"])
def test_a_column_that_is_a_combination_of_others(inputs, extra, before):
    covar = inputs.covar.assign(third=extra(inputs.covar))
    with pytest.raises(InputError, match=rf"^covar: column 'third' is a combination of the columns before it "
                                         rf"\({before}\); leave it out"):
        inputs.fit(covar=covar)


def test_a_column_of_zeros(inputs):
    with pytest.raises(InputError, match="^covar: column 'litter' is 0 for all individuals; leave it out"):
        inputs.fit(covar=inputs.covar.assign(litter=0.0))


def test_too_few_individuals(inputs):
    with pytest.raises(InputError, match=r"^pheno 'weight' has 3 individuals with all values and the model has 3 "
                                         r"coefficients \(intercept, sex, age\): more individuals than coefficients"):
        inputs.fit(pheno=inputs.pheno.iloc[:3])
    for n in (1, 2):
        with pytest.raises(InputError, match=f"^pheno 'weight' has {n} individuals with all values"):
            inputs.fit(pheno=inputs.pheno.iloc[:n])
    with pytest.raises(InputError, match="^pheno 'weight' has 2 individuals with all values"):
        inputs.fit(pheno=inputs.pheno.where(inputs.pheno.index.isin(["m1", "m2"])))


def test_a_column_that_is_a_combination_only_where_the_phenotype_is_known(inputs):
    males = inputs.pheno.where(inputs.covar["sex"] == 1.0)
    with pytest.raises(InputError, match="^covar: column 'sex' is a combination of the columns before it"):
        inputs.fit(pheno=males)


def test_a_phenotype_that_is_missing_for_everybody(inputs):
    with pytest.raises(InputError, match="^pheno 'weight' is missing for every individual"):
        inputs.fit(pheno=inputs.pheno * np.nan)
    with pytest.raises(InputError, match="^pheno 'length' is missing for every individual"):
        inputs.fit(pheno=pd.DataFrame({"weight": inputs.pheno, "length": np.nan}))


def test_a_constant_phenotype(inputs):
    with pytest.raises(InputError, match="^pheno 'weight' has zero variance: it is 3 for all of its 30 individuals"):
        inputs.fit(pheno=inputs.pheno * 0.0 + 3.0)


def test_a_phenotype_that_the_covariates_fit_exactly(inputs):
    exact = (1.0 + inputs.covar["sex"] - 2.0 * inputs.covar["age"]).rename("weight")
    with pytest.raises(InputError, match="^pheno 'weight' is fitted exactly by the covariates"):
        inputs.fit(pheno=exact)
    with pytest.raises(InputError, match="^pheno 'second' is fitted exactly by the covariates"):
        inputs.fit(pheno=pd.DataFrame({"first": inputs.pheno, "second": exact}))


# ------------------------------------------------------------------ what is accepted

@pytest.mark.parametrize("convert", [
    lambda covar: covar.astype(int), lambda covar: covar.astype(bool), lambda covar: covar.astype(object),
    lambda covar: covar.astype("Int64"), lambda covar: covar.astype("boolean"), lambda covar: covar.astype("category"),
    lambda covar: covar.astype("float32"), lambda covar: covar.to_numpy().tolist()],
    ids=["int", "bool", "object", "Int64", "boolean", "category", "float32", "list"])
def test_types_of_numbers(inputs, convert, tolerance):
    sex = inputs.covar[["sex"]]
    fit = inputs.fit(covar=convert(sex))
    expected = inputs.fit(covar=sex)
    assert fit.loglik == pytest.approx(expected.loglik, rel=tolerance("same_fit"))


@pytest.mark.parametrize("missing", [pd.NA, None, np.nan])
@pytest.mark.parametrize("dtype", ["Int64", object, "Float64"])
def test_missing_phenotypes_of_any_type(inputs, dtype, missing, tolerance):
    values = (10.0 * inputs.pheno).round()
    given = values.astype(int).astype(dtype)
    given["m4"] = missing
    fit = inputs.fit(pheno=given)
    assert_same(fit, inputs.fit(pheno=values.drop("m4")), tolerance)
    assert "1 individual with a missing value of weight, left out (m4)" in fit.notes


def test_masked_phenotypes_are_missing(inputs, tolerance):
    masked = np.ma.masked_array(inputs.pheno.to_numpy(), mask=np.arange(N) == 3)
    assert_same(inputs.fit(pheno=masked), inputs.fit(pheno=inputs.pheno.drop("m4")), tolerance)


# ------------------------------------------------------------------ what is repaired is said

def test_nothing_is_said_where_nothing_is_repaired(inputs):
    assert prepare(inputs.pheno, inputs.kinship, inputs.covar, inputs.weights)[0].notes == ()


def test_missing_phenotypes_are_counted(inputs):
    some = inputs.pheno.copy()
    some[["m2", "m5", "m9"]] = np.nan
    fit = inputs.fit(pheno=some)
    assert fit.n == N - 3
    assert "3 individuals with a missing value of weight, left out (m2, m5, m9)" in fit.notes
    many = inputs.pheno.copy()
    many.iloc[:12] = np.nan
    assert "12 individuals with a missing value of weight, left out (m1, m2, m3, m4, m5, …)" in (
        inputs.fit(pheno=many).notes)


def test_individuals_in_some_inputs_only_are_counted(inputs, tolerance):
    fit = inputs.fit(pheno=inputs.pheno.drop(["m1", "m2"]), covar=inputs.covar.drop("m30"),
                     weights=pd.concat([inputs.weights, pd.Series({"x1": 1.0})]))
    left_out = "not in every input, left out"
    for count, name, who in (("1 individual", "pheno", "m30"), ("3 individuals", "kinship", "m1, m2, m30"),
                             ("2 individuals", "covar", "m1, m2"), ("4 individuals", "weights", "m1, m2, m30, x1")):
        assert f"{count} of {name} {left_out} ({who})" in fit.notes
    assert fit.n == N - 3
    kept = IDS[2:-1]
    by_hand = fit_lmm(inputs.pheno[kept], inputs.kinship.loc[kept, kept], inputs.covar.loc[kept],
                      weights=inputs.weights[kept])
    assert_same(fit, by_hand, tolerance)


# ------------------------------------------------------------------ alignment

def test_labelled_inputs_in_any_order(inputs, tolerance):
    rng = np.random.default_rng(33)
    expected = inputs.fit()
    for name in ("pheno", "covar", "weights"):
        values = getattr(inputs, name)
        assert_same(inputs.fit(**{name: values.iloc[rng.permutation(N)]}), expected, tolerance)
    order = rng.permutation(N)
    assert_same(inputs.fit(kinship=inputs.kinship.iloc[order, order]), expected, tolerance)
    assert_same(inputs.fit(kinship=inputs.kinship.iloc[:, order]), expected, tolerance)
    assert_same(inputs.fit(kinship=inputs.kinship.iloc[order]), expected, tolerance)


def test_integer_and_text_ids_are_the_same(inputs, tolerance):
    numbers = range(1, N + 1)
    text = [str(i) for i in numbers]
    fit = inputs.fit(pheno=inputs.pheno.set_axis(numbers)[::-1],
                     kinship=inputs.kinship.set_axis(text).set_axis(text, axis=1),
                     covar=inputs.covar.set_axis(numbers), weights=inputs.weights.set_axis(text))
    assert_same(fit, inputs.fit(), tolerance)


@pytest.mark.parametrize("plain", ["pheno", "kinship", "covar", "weights"])
def test_an_array_beside_labelled_inputs_is_in_the_order_of_the_first(inputs, plain, tolerance):
    rng = np.random.default_rng(34)
    shuffled = {name: values.iloc[rng.permutation(N)] for name, values in vars(inputs).items() if name != "kinship"}
    shuffled["kinship"] = inputs.kinship
    first = "kinship" if plain == "pheno" else "pheno"
    values = getattr(inputs, plain).loc[shuffled[first].index]
    shuffled[plain] = (values[values.index] if plain == "kinship" else values).to_numpy()
    fit, expected = fit_lmm(**shuffled), inputs.fit()
    assert fit.n == N
    assert fit.loglik == pytest.approx(expected.loglik, rel=tolerance("same_fit"))
    np.testing.assert_allclose(fit.beta, expected.beta, rtol=tolerance("same_fit"))


@pytest.mark.parametrize("labelled", ["pheno", "kinship", "covar", "weights"])
@pytest.mark.parametrize("start", [0, 1])
def test_one_input_with_the_default_index_beside_arrays(inputs, labelled, start, tolerance):
    """0, 1, … or 1, 2, … : the numbers of a default index are names here, never another position."""
    arrays = inputs.arrays()
    numbers = pd.RangeIndex(start, N + start)
    frame = pd.DataFrame(arrays[labelled], index=numbers)
    if labelled == "kinship":
        frame.columns = numbers
    arrays[labelled] = frame[0] if labelled in ("pheno", "weights") else frame
    fit, expected = fit_lmm(**arrays), inputs.fit()
    assert fit.n == N
    assert fit.loglik == pytest.approx(expected.loglik, rel=tolerance("same_fit"))


def test_arrays_alone(inputs, tolerance):
    fit, expected = fit_lmm(**inputs.arrays()), inputs.fit()
    assert fit.loglik == pytest.approx(expected.loglik, rel=tolerance("same_fit"))
    assert fit.columns == ("intercept", "covar1", "covar2")


@pytest.mark.parametrize("reml", [True, False])
def test_missing_patterns_are_one_phenotype_at_a_time_with_individuals_dropped(inputs, reml, tolerance):
    rng = np.random.default_rng(35)
    noise = rng.normal(size=(N, 6))
    Y = pd.DataFrame(inputs.pheno.to_numpy()[:, None] + noise, index=IDS, columns=list("abcdef"))
    Y.loc[["m2", "m3"], ["b", "e"]] = np.nan
    Y.loc[IDS[10:18], "c"] = np.nan
    Y.loc["m30", ["d", "e"]] = np.nan
    fits = inputs.fit(pheno=Y, reml=reml)
    assert list(fits) == list("abcdef")
    for name, y in Y.items():
        kept = list(y.dropna().index)
        by_hand = fit_lmm(y[kept].to_numpy(), inputs.kinship.loc[kept, kept].to_numpy(), inputs.covar.loc[kept]
                          .to_numpy(), weights=inputs.weights[kept].to_numpy(), reml=reml)
        assert fits[name].n == len(kept)
        assert fits[name].loglik == pytest.approx(by_hand.loglik, rel=tolerance("same_fit"))
        assert fits[name].hsq == pytest.approx(by_hand.hsq, rel=tolerance("same_fit"))
        assert any("missing value" in note for note in fits[name].notes) is (len(kept) < N)


def test_phenotypes_that_share_a_pattern_share_a_batch(inputs):
    Y = pd.DataFrame({name: inputs.pheno for name in "abcd"})
    Y.loc["m2", ["b", "d"]] = np.nan
    first, second = prepare(Y, inputs.kinship)
    assert (first.phenotypes, first.positions) == (("a", "c"), (0, 2))
    assert (second.phenotypes, second.positions) == (("b", "d"), (1, 3))
    assert second.K.shape == (N - 1, N - 1)
    assert "m2" not in second.ids


def test_the_content_hash_follows_the_content(inputs):
    data, = prepare(inputs.pheno, inputs.kinship, inputs.covar, inputs.weights)
    again, = prepare(inputs.pheno, inputs.kinship, inputs.covar, inputs.weights)
    other, = prepare(inputs.pheno, inputs.kinship, inputs.covar)
    renamed, = prepare(inputs.pheno.rename("mass"), inputs.kinship, inputs.covar, inputs.weights)
    assert data.content_hash == again.content_hash
    assert len({data.content_hash, other.content_hash, renamed.content_hash}) == 3


# ------------------------------------------------------------------ inputs stay as they are

def test_inputs_are_not_modified(inputs):
    inputs.pheno["m3"] = np.nan
    inputs.kinship.iloc[0, 1] += 1e-12
    labelled = {name: values.copy() for name, values in vars(inputs).items()}
    plain = inputs.arrays()
    before = {name: values.copy() for name, values in plain.items()}
    inputs.fit()
    fit_lmm(**plain)
    fit_lmm(np.column_stack([plain["pheno"], plain["pheno"]]), plain["kinship"], reml=False)
    for name, values in vars(inputs).items():
        (pd.testing.assert_series_equal if values.ndim == 1 else pd.testing.assert_frame_equal)(values, labelled[name])
        np.testing.assert_array_equal(plain[name], before[name])


def test_read_only_arrays_are_accepted(inputs):
    arrays = inputs.arrays()
    for values in arrays.values():
        values.flags.writeable = False
    assert fit_lmm(**arrays).n == N
