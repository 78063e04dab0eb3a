"""What a fit says: its numbers from the steps, its notes from the maximum, its words."""
import importlib
import inspect

import numpy as np
import pytest
from lmm_problems import from_coordinates, simulated
from scipy import stats

from lmmbridge import lmm
from lmmbridge.agreement import simulation
from lmmbridge.lmm.inference import no_inference

fitting = importlib.import_module("lmmbridge.lmm.fit")      # lmm.fit is the function

CRITERIA = pytest.mark.parametrize("reml", [True, False], ids=["REML", "ML"])
FOUND = lmm.Maximum(hsq=0.4, loglik=-50.0, boundary=None, converged=True, flat=False, unbounded=False, second=None)
HALF_CHI2 = 0.5 * stats.chi2.ppf(0.95, 1)


def but(**changes):
    return lmm.Maximum(**(vars(FOUND) | changes))


def test_REML_is_the_default_everywhere():
    for function in (lmm.fit, lmm.estimate_hsq, lmm.standard_error, lmm.profile_interval):
        assert inspect.signature(function).parameters["reml"].default is True
    problem = simulated(n=30)
    rotated = problem.rotated()
    maximum = lmm.estimate_hsq(rotated)
    assert lmm.fit(rotated).loglik == maximum.loglik == lmm.estimate_hsq(rotated, True).loglik
    assert lmm.standard_error(rotated, maximum) == lmm.standard_error(rotated, maximum, True)
    assert lmm.profile_interval(rotated, maximum) == lmm.profile_interval(rotated, maximum, True, 0.95)


@CRITERIA
def test_the_fit_is_made_of_the_steps(reml):
    rotated = simulated(n=30, p=3, weighted=True, rank=20).rotated()
    maximum = lmm.estimate_hsq(rotated, reml)
    at_maximum = lmm.least_squares(rotated, maximum.hsq)
    fit = lmm.fit(rotated, reml, columns=("a", "b", "c"), notes=("before",), version="1.2")
    assert (fit.hsq, fit.loglik, fit.second_maximum) == (maximum.hsq, maximum.loglik, maximum.second)
    assert fit.sigmasq == at_maximum.rss / (27 if reml else 30)
    assert fit.sigmasq_g == fit.hsq * fit.sigmasq
    assert fit.sigmasq_e == (1.0 - fit.hsq) * fit.sigmasq
    assert np.array_equal(fit.beta, at_maximum.beta)
    assert np.array_equal(fit.beta_cov, fit.sigmasq * at_maximum.XtViX_inverse)
    assert np.array_equal(fit.beta_se, np.sqrt(np.diag(fit.beta_cov)))
    assert fit.hsq_se == lmm.standard_error(rotated, maximum, reml)
    assert fit.hsq_interval == lmm.profile_interval(rotated, maximum, reml)
    assert (fit.n, fit.p, fit.rank_K) == (30, 3, 20)
    assert (fit.reml, fit.boundary, fit.converged, fit.flat, fit.unbounded) == (reml, None, True, False, False)
    assert (fit.columns, fit.version, fit.engine) == (("a", "b", "c"), "1.2", "python")
    assert fit.criterion == ("REML" if reml else "ML")
    assert fit.convention.startswith(f"{fit.criterion}*") and fit.convention.endswith("Q/(n-p)" if reml else "Q/n")
    assert fit.notes[0] == "before" and len(fit.notes) == 2 and fit.notes[1].startswith("K has rank 20 of 30")


def test_an_unbounded_likelihood_gives_no_number():
    values = np.repeat([0.0, 1.0, 3.0], 4)
    rotated = from_coordinates(values, np.sin(np.arange(12)) * (values > 0.0) + 1.0).rotated()
    fit = lmm.fit(rotated, False)
    assert fit.unbounded and fit.loglik == np.inf
    numbers = [fit.hsq, fit.sigmasq, fit.sigmasq_g, fit.sigmasq_e, fit.hsq_se, *fit.hsq_interval, fit.cond_V,
               *fit.beta, *fit.beta_se, *fit.beta_cov.ravel()]
    assert np.all(np.isnan(numbers))
    assert len(fit.hsq_interval) == 2 and fit.beta.shape == (1,) and fit.beta_cov.shape == (1, 1)


# ------------------------------------------------------------------ notes

@pytest.mark.parametrize("maximum, said", [
    pytest.param(FOUND, [], id="nothing"),
    pytest.param(but(boundary="0", hsq=0.0), ["boundary hsq = 0", "no standard error"], id="0"),
    pytest.param(but(boundary="1", hsq=1.0), ["boundary hsq = 1", "no standard error"], id="1"),
    pytest.param(but(boundary="end", hsq=0.75), ["still rises at hsq = 0.75", "no standard error"], id="end"),
    pytest.param(but(flat=True), ["flat in hsq: the data", "no standard error"], id="flat"),
    pytest.param(but(converged=False), ["not converged", "no standard error"], id="not converged"),
    pytest.param(but(second=(0.9, -60.0)), ["second local maximum at hsq = 0.9, lower by 10"], id="second, low"),
    pytest.param(but(second=(0.9, -50.5)), ["second local maximum at hsq = 0.9, lower by 0.5", "no standard error"],
                 id="second, high"),
    pytest.param(but(unbounded=True, converged=False, second=(0.7, -52.0)),
                 ["REML likelihood grows without bound|check the model; the highest maximum before that is at "
                  "hsq = 0.7", "no standard error"], id="unbounded, with a maximum"),
    pytest.param(but(unbounded=True, converged=False), ["grows without bound|check the model", "no standard error"],
                 id="unbounded"),
])
def test_notes(maximum, said):
    rotated = simulated(n=12).rotated()
    notes = fitting._in_words(rotated, maximum, True)
    assert len(notes) == len(said)
    for note, parts in zip(notes, said):
        assert all(part in note for part in parts.split("|")), note
        assert ("highest maximum" in note) is ("highest maximum" in parts)
    if notes and notes[-1].startswith("no standard error"):
        assert notes[-1].endswith(no_inference(maximum))


def test_note_of_the_criterion_that_is_unbounded():
    rotated = simulated(n=12).rotated()
    note, _ = fitting._in_words(rotated, but(unbounded=True), False)
    assert note.startswith("the ML likelihood") and "use REML" in note


def test_note_of_the_rank():
    """Said where K has less than full rank, and only there."""
    assert "K has rank 9 of 12: eigenvalues" in fitting._in_words(simulated(n=12, rank=9).rotated(), FOUND, True)[0]
    assert not fitting._in_words(simulated(n=12).rotated(), FOUND, True)


@pytest.mark.parametrize("factor, said", [(1.5, True), (0.75, False)])
def test_note_of_an_ill_conditioned_V(factor, said):
    """ĥ = 1, so that cond(V) is that of K."""
    values = np.geomspace(1.0, factor * 1e8, 10)
    signs = np.where(np.arange(10) % 2, -1.0, 1.0)
    fit = from_coordinates(values, signs * values).fit()
    assert fit.boundary == "1"
    assert any("ill-conditioned" in note for note in fit.notes) is said


def test_a_curvature_that_is_not_negative_is_said(monkeypatch):
    """Not at a maximum that was found; so the maximum is made up, between the two of a likelihood."""
    data = simulation.two_maxima()
    rotated = lmm.rotate(lmm.eigen_decomposition(data.K), data.Y[:, :1], data.X)[0]
    made_up = but(hsq=0.2)
    assert lmm.curvature(rotated, lmm.least_squares(rotated, made_up.hsq), True) > 0.0
    assert np.isnan(lmm.standard_error(rotated, made_up))
    monkeypatch.setattr(fitting, "estimate_hsq", lambda *_: made_up)
    monkeypatch.setattr(fitting, "profile_interval", lambda *_: (np.nan, np.nan))
    assert lmm.fit(rotated).notes == ("no standard error of hsq: the curvature at the maximum is not negative",)


def test_the_curvature_is_not_blamed_where_there_is_another_reason():
    values = np.array([0.2, 0.3, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0])
    fit = from_coordinates(values, np.array([1, -1, 1, -1, 1, -1, 1, -1]) * values).fit()
    assert np.isnan(fit.hsq_se) and len(fit.notes) == 2
    assert not any("curvature" in note for note in fit.notes)


@pytest.mark.parametrize("curvature, expected", [(-16.0, 0.25), (-0.25, 2.0), (0.0, np.nan), (0.5, np.nan)])
def test_standard_error_of_a_curvature(curvature, expected, monkeypatch):
    monkeypatch.setattr(importlib.import_module("lmmbridge.lmm.inference"), "curvature", lambda *_: curvature)
    assert lmm.standard_error(simulated(n=12).rotated(), FOUND) == pytest.approx(expected, rel=0.0, nan_ok=True)


# ------------------------------------------------------------------ whether there is inference

@pytest.mark.parametrize("maximum, reason", [
    (FOUND, None), (but(unbounded=True), "unbounded"), (but(flat=True), "flat"), (but(converged=False), "not found"),
    (but(boundary="0"), "end of hsq's range"), (but(second=(0.9, -50.0 - 1.01 * HALF_CHI2)), None),
    (but(second=(0.9, -50.0 - 0.99 * HALF_CHI2)), "second local maximum"),
    (but(second=(0.9, -50.0 - HALF_CHI2)), "second local maximum"),
])
def test_reason_for_no_inference(maximum, reason):
    given = no_inference(maximum)
    assert given is None if reason is None else reason in given
    rotated = simulated(n=12).rotated()
    if reason is not None:
        assert np.isnan(lmm.standard_error(rotated, maximum))
        assert np.isnan(lmm.profile_interval(rotated, maximum)).tolist() == [True, True]


def test_the_level_decides_whether_a_second_maximum_matters():
    maximum = but(second=(0.9, -50.0 - 1.2 * HALF_CHI2))
    assert no_inference(maximum) is None
    assert no_inference(maximum, 0.99) is not None
    assert np.isnan(lmm.profile_interval(simulated(n=12).rotated(), maximum, level=0.99)).all()


def test_the_highest_bounded_maximum():
    assert FOUND.bounded == (0.4, -50.0)
    assert but(unbounded=True, second=(0.3, -60.0)).bounded == (0.3, -60.0)
    assert but(unbounded=True).bounded is None


# ------------------------------------------------------------------ as text

def test_as_text():
    fit = lmm.LmmFit(
        hsq=0.25, sigmasq=8.0, sigmasq_g=2.0, sigmasq_e=6.0, beta=np.array([1.5, -2.0]), beta_se=np.array([0.5, 0.125]),
        beta_cov=np.eye(2), loglik=-12.5, hsq_se=0.0625, hsq_interval=(0.125, 0.5), reml=False, boundary=None,
        converged=True, flat=False, unbounded=False, second_maximum=None, n=10, p=2, rank_K=9, cond_V=4.0,
        notes=("one", "another"), columns=("intercept", "sex"))
    assert str(fit).splitlines() == [
        "Linear mixed model by ML: n = 10, p = 2, rank of K = 9",
        "  hsq       0.25   (SE 0.0625; 95% interval 0.125 to 0.5)",
        "  sigmasq   8   (genetic 2, residual 6)",
        "  loglik    -12.5   (ML*, every constant)",
        "  intercept 1.5   (SE 0.5)",
        "  sex       -2   (SE 0.125)",
        "  note: one",
        "  note: another",
    ]
    unnamed = str(lmm.LmmFit(**({name: value for name, value in vars(fit).items()
                                 if name not in ("columns", "criterion", "convention")}))).splitlines()
    assert unnamed[4:6] == ["  x1        1.5   (SE 0.5)", "  x2        -2   (SE 0.125)"]
