"""The space of the weights of all h."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from lmmbridge.lmm.weight_basis import WORST_CONDITION, WeightBasis, condition, weights_at


def eigenvalues(rank, n, spread, seed):
    values = np.zeros(n)
    values[n - rank:] = np.sort(np.exp(np.random.default_rng(seed).uniform(-spread, spread, size=rank)))
    return values


SPECTRA = st.builds(eigenvalues, st.integers(3, 60), st.just(60), st.floats(0.0, 5.0), st.integers(0, 10**6))


def missed(basis, weights):
    """Relative to each weight vector's length."""
    return np.linalg.norm(basis.vectors @ basis.coefficients(weights) - weights, axis=0) / np.linalg.norm(weights, axis=0)


@given(values=SPECTRA)
def test_all_weights_lie_in_few_dimensions(values, tolerance):
    basis = WeightBasis(values)
    hsq = np.append(0.0, special.expit(np.linspace(-15.0, 15.0, 501)))
    hsq = hsq[condition(values, hsq) <= WORST_CONDITION]
    assert np.max(missed(basis, weights_at(values, hsq))) <= tolerance("weight_basis")
    assert basis.vectors.shape[1] <= 60
    np.testing.assert_allclose(basis.vectors.T @ basis.vectors, np.eye(basis.vectors.shape[1]), atol=tolerance("weight_basis"))


@given(values=SPECTRA, low=st.floats(-12.0, 6.0), width=st.floats(0.0, 10.0))
def test_many_given_h_whatever_their_range(values, low, width, tolerance):
    """More of them than a basis is made from."""
    hsq = special.expit(low + width * np.linspace(0.0, 1.0, 400) ** 2)
    hsq = hsq[condition(values, hsq) <= WORST_CONDITION]
    if len(hsq):
        assert np.max(missed(WeightBasis(values, hsq), weights_at(values, hsq))) <= tolerance("weight_basis")


@given(values=SPECTRA, x=st.lists(st.floats(-14.9, 14.9), min_size=1, max_size=20))
def test_along_x_are_the_coefficients_log_determinant_and_their_derivatives(values, x, tolerance):
    x = np.array(x)
    x = x[condition(values, special.expit(x)) <= WORST_CONDITION]
    if not len(x):
        return
    basis = WeightBasis(values)
    found = basis.along(x)
    h, rest = special.expit(x), special.expit(-x)
    w = weights_at(values, h, rest)
    change = (values[:, None] - 1.0) * h * rest     # of d in x
    scale = np.linalg.norm(w, axis=0)
    for k, exact in enumerate((w, -change * w**2)):
        missed = found[k, :, :-1] - basis.coefficients(exact).T
        assert np.all(np.linalg.norm(missed, axis=1) <= tolerance("weight_series") * scale)
    n = len(values)
    assert np.all(np.abs(found[0, :, -1] + np.sum(np.log(w), axis=0)) <= tolerance("weight_series") * n)
    assert np.all(np.abs(found[1, :, -1] - np.sum(change * w, axis=0)) <= tolerance("weight_series") * n)
    step = 1e-4
    before, after = basis.along(x - step), basis.along(x + step)
    assert np.all(np.abs((after[1] - before[1]) / (2.0 * step) - found[2]) <= tolerance("weight_second") * (
        1.0 + np.max(np.abs(found), axis=(0, 2)))[:, None])


@pytest.mark.parametrize("values, h, expected", [([1.0, 3.0], 0.5, 2.0), ([0.0, 2.0], 1.0, np.inf), ([0.5, 0.9], 1.0, 1.8),
                                                 ([0.5, 2.0], 0.0, 1.0)])
def test_condition(values, h, expected):
    assert condition(np.array(values), np.array([h]))[0] == pytest.approx(expected, rel=1e-15)


@given(values=SPECTRA, hsq=st.lists(st.one_of(st.sampled_from([0.0, 1e-9, 1.0 - 1e-9]), st.floats(0.0, 1.0)), min_size=1, max_size=20))
def test_log_determinant_at_any_hsq(values, hsq, tolerance):
    hsq = np.array(hsq)
    hsq = hsq[condition(values, hsq) <= WORST_CONDITION]
    right = -np.sum(np.log(weights_at(values, hsq)), axis=0)
    assert np.all(np.abs(WeightBasis(values).logdet(hsq) - right) <= tolerance("weight_series") * len(values))
