import numpy as np
import pytest
from lmm_problems import Problem, from_coordinates, loglik_at, simulated
from scipy import stats

from lmmbridge import lmm
from lmmbridge.agreement import simulation

CRITERIA = pytest.mark.parametrize("reml", [True, False], ids=["REML", "ML"])
INTERIOR = pytest.mark.parametrize("problem", [
    pytest.param(simulated(n=60, seed=11), id="plain"),
    pytest.param(simulated(n=60, seed=12, weighted=True), id="weights"),
    pytest.param(simulated(n=60, p=4, seed=14, rank=40), id="rank deficient"),
    pytest.param(simulated(n=12, p=1, seed=19), id="few individuals"),
])
#: (eigenvalue, y) in repetition: two groups that disagree on h.
DISAGREEING = ([0.05, 1.0, 100.0], [0.2, 0.5, 0.5])


def two_maxima(copies):
    reps = np.array([8, 4, 2]) * copies
    signs = np.where(np.arange(reps.sum()) % 2, -1.0, 1.0)
    return from_coordinates(np.repeat(DISAGREEING[0], reps), signs * np.repeat(DISAGREEING[1], reps))


@CRITERIA
@INTERIOR
def test_standard_error_is_the_curvature(problem, reml, tolerance):
    fit, rotated = problem.fit(reml), problem.rotated()
    assert fit.boundary is None
    step = 0.01 * min(fit.hsq, 1.0 - fit.hsq)
    around = [loglik_at(rotated, fit.hsq + k * step, reml) for k in (-3, -2, -1, 0, 1, 2, 3)]
    second = np.array([1 / 90, -3 / 20, 3 / 2, -49 / 18, 3 / 2, -3 / 20, 1 / 90]) @ around / step**2
    assert fit.hsq_se == pytest.approx(1.0 / np.sqrt(-second), rel=tolerance("standard_error"))


@CRITERIA
@INTERIOR
def test_the_interval_ends_where_the_likelihood_has_dropped(problem, reml, tolerance):
    fit, rotated = problem.fit(reml), problem.rotated()
    allowed = stats.chi2.ppf(0.95, 1)
    low, high = fit.hsq_interval
    assert 0.0 <= low < fit.hsq < high <= lmm.search_end(rotated.eigen)
    for end, of_range in ((low, 0.0), (high, lmm.search_end(rotated.eigen))):
        drop = 2.0 * (fit.loglik - loglik_at(rotated, end, reml))
        if end == of_range:
            assert drop <= allowed
        else:
            assert drop == pytest.approx(allowed, abs=tolerance("interval_drop"))


def test_intervals_of_both_sorts_occur():
    inside = simulated(n=60, seed=11).fit().hsq_interval
    cut = simulated(n=12, p=1, seed=19).fit().hsq_interval
    assert inside[0] > 0.0 and inside[1] < 1.0
    assert cut[0] == 0.0 or cut[1] == 1.0


def test_a_higher_level_gives_a_wider_interval(tolerance):
    rotated = simulated(n=60, seed=11).rotated()
    maximum = lmm.estimate_hsq(rotated)
    low, high = lmm.profile_interval(rotated, maximum)
    wide_low, wide_high = lmm.profile_interval(rotated, maximum, level=0.99)
    assert wide_low < low < high < wide_high
    drop = 2.0 * (maximum.loglik - loglik_at(rotated, wide_low, True))
    assert drop == pytest.approx(stats.chi2.ppf(0.99, 1), abs=tolerance("interval_drop"))


def centred():
    data = next(data for name, _, data in simulation.problems() if name.startswith("centred"))
    return Problem(data.Y[:, 0], data.X, data.K)


VALUES = np.array([0.2, 0.3, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0])
SIGNS = np.array([1, -1, 1, -1, 1, -1, 1, -1])


@pytest.mark.parametrize("problem, reml, reason", [
    pytest.param(from_coordinates(VALUES, SIGNS / VALUES), True, "end of hsq's range", id="boundary 0"),
    pytest.param(from_coordinates(VALUES, SIGNS * VALUES), True, "end of hsq's range", id="boundary 1"),
    pytest.param(from_coordinates(np.ones(8), SIGNS * VALUES), True, "flat", id="flat"),
    pytest.param(centred(), False, "unbounded", id="unbounded"),
    pytest.param(two_maxima(1), True, "second local maximum is nearly as high", id="two maxima"),
    pytest.param(two_maxima(1), False, "second local maximum is nearly as high", id="two maxima, ML"),
])
def test_no_inference_where_it_would_mislead(problem, reml, reason):
    fit = problem.fit(reml)
    assert np.isnan(fit.hsq_se)
    assert np.all(np.isnan(fit.hsq_interval))
    assert any(note.startswith("no standard error and no interval of hsq") and reason in note for note in fit.notes)


@CRITERIA
def test_a_second_maximum_that_is_clearly_lower_leaves_inference(reml):
    fit = two_maxima(3).fit(reml)
    assert fit.second_maximum is not None
    assert fit.loglik - fit.second_maximum[1] > stats.chi2.ppf(0.95, 1) / 2.0
    assert fit.hsq_se > 0.0
    assert fit.hsq_interval[0] <= fit.hsq < fit.hsq_interval[1] < fit.second_maximum[0]


@CRITERIA
@INTERIOR
def test_covariance_of_beta(problem, reml, tolerance):
    fit = problem.fit(reml)
    n, p = problem.X.shape
    V_inverse = np.linalg.inv(problem.but(hsq=fit.hsq).V)
    cov = np.linalg.inv(problem.X.T @ V_inverse @ problem.X)
    beta = cov @ problem.X.T @ V_inverse @ problem.y
    residual = problem.y - problem.X @ beta
    sigmasq = residual @ V_inverse @ residual / (n - p if reml else n)
    assert fit.sigmasq == pytest.approx(sigmasq, rel=tolerance("gls"))
    np.testing.assert_allclose(fit.beta, beta, rtol=tolerance("gls"))
    np.testing.assert_allclose(fit.beta_cov, sigmasq * cov, rtol=tolerance("gls"), atol=tolerance("gls") * sigmasq)
    np.testing.assert_allclose(fit.beta_se, np.sqrt(sigmasq * np.diag(cov)), rtol=tolerance("gls"))


def test_an_ill_conditioned_V_is_said():
    rng = np.random.default_rng(1)
    values = np.logspace(-12, 0, 13)
    problem = from_coordinates(values, np.sqrt(values) * rng.choice([-1.0, 1.0], size=13))
    fit = problem.fit()
    d = lmm.least_squares(problem.rotated(), fit.hsq).d
    assert fit.cond_V == np.max(d) / np.min(d)
    assert any("ill-conditioned" in note and f"{fit.cond_V:.1e}" in note for note in fit.notes)
