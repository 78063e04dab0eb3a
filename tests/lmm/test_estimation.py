import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from lmm_problems import (Problem, from_coordinates, loglik_at, orthogonal, problems, simulated,
                          with_eigenvalues)
from scipy import special

from lmmbridge import lmm
from lmmbridge.agreement import simulation

CRITERIA = pytest.mark.parametrize("reml", [True, False], ids=["REML", "ML"])
SCALES = st.floats(0.1, 10.0)


def described(data, phenotype=0):
    return Problem(data.Y[:, phenotype], data.X, data.K, data.weights)


# ------------------------------------------------------------------ the maximum

def assert_highest(rotated, reml, tolerance):
    found = lmm.estimate_hsq(rotated, reml)
    if found.unbounded:
        return
    end = lmm.search_end(rotated.eigen)
    fine = special.expit(np.linspace(-18.0, 18.0, 300))
    near = found.hsq + np.outer([-1.0, 1.0], 10.0 ** np.arange(-9, -1)).ravel()
    everywhere = np.concatenate([[0.0, end], fine[fine < end], near[(near >= 0.0) & (near <= end)]])
    best = max(loglik_at(rotated, hsq, reml) for hsq in everywhere)
    assert found.converged
    assert 0.0 <= found.hsq <= end
    assert best - found.loglik <= tolerance("maximum") * (1.0 + abs(best))
    assert found.loglik == loglik_at(rotated, found.hsq, reml)


@CRITERIA
@given(problem=problems())
def test_nothing_is_higher_than_the_estimate(problem, reml, tolerance):
    assert_highest(problem.rotated(), reml, tolerance)


@CRITERIA
@pytest.mark.parametrize("data", [pytest.param(data, id=name) for name, _, data in simulation.problems()
                                  if len(data.ids) <= 100])
def test_nothing_is_higher_than_the_estimate_in_the_simulated_problems(data, reml, tolerance):
    assert_highest(described(data).rotated(), reml, tolerance)


@CRITERIA
@given(problem=problems())
def test_the_score_is_zero_at_an_interior_estimate(problem, reml, tolerance):
    rotated = problem.rotated()
    found = lmm.estimate_hsq(rotated, reml)
    assume(not (found.flat or found.unbounded or found.boundary))
    room = min(found.hsq - max((1.0 / (1.0 - rotated.eigen.values[rotated.eigen.values > 1.0])), default=-1.0),
               min((1.0 / (1.0 - rotated.eigen.values[rotated.eigen.values < 1.0])), default=2.0) - found.hsq)
    score = lmm.score(rotated, lmm.least_squares(rotated, found.hsq), reml)
    assert abs(score) * room / len(problem.y) <= tolerance("score_at_maximum")


# ------------------------------------------------------------------ boundaries

@CRITERIA
def test_boundary_0(reml):
    values = np.array([0.2, 0.3, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0])
    fit = from_coordinates(values, np.array([1, -1, 1, -1, 1, -1, 1, -1]) / values).fit(reml)
    assert fit.hsq == 0.0
    assert fit.boundary == "0"
    assert fit.converged
    assert "the maximum is at the boundary hsq = 0" in fit.notes
    assert fit.sigmasq_g == 0.0


@CRITERIA
def test_boundary_1(reml):
    values = np.array([0.2, 0.3, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0])
    fit = from_coordinates(values, np.array([1, -1, 1, -1, 1, -1, 1, -1]) * values).fit(reml)
    assert fit.hsq == 1.0
    assert fit.boundary == "1"
    assert fit.converged
    assert "the maximum is at the boundary hsq = 1" in fit.notes
    assert fit.sigmasq_e == 0.0


@pytest.mark.parametrize("K, reml", [(np.eye(12), True), (np.eye(12), False), (2.5 * np.eye(12), True),
                                     (np.ones((12, 12)), True)],
                         ids=["identity, REML", "identity, ML", "multiple of the identity", "K inside the span of X"])
def test_flat(K, reml, tolerance):
    rng = np.random.default_rng(5)
    problem = Problem(rng.normal(size=12), np.ones((12, 1)), K)
    fit = problem.fit(reml)
    assert fit.flat
    assert fit.hsq == 0.0
    assert fit.boundary is None
    assert any("flat" in note for note in fit.notes)
    ols = np.mean(problem.y)
    assert fit.beta[0] == pytest.approx(ols, rel=tolerance("gls"))
    assert fit.sigmasq == pytest.approx(np.var(problem.y, ddof=int(reml)), rel=tolerance("gls"))


@pytest.mark.parametrize("mean", [0.0, 1e4, 1e8])
def test_what_only_rounding_moves_is_flat(mean):
    """With n − p = 1 REML is the density of one number, whose variance takes up any h; the mean of y costs digits."""
    K = np.array([[1.0, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 2.0]])
    problem = Problem(np.array([3.0, 1.0, 7.0]) + mean, np.column_stack([np.ones(3), [0.0, 1.0, 3.0]]), K)
    assert problem.fit(True).flat


@pytest.mark.parametrize("reml", [True, False])
def test_a_large_mean_of_y_hides_no_maximum(reml, tolerance):
    problem = simulated(n=60, seed=3)
    expected, found = problem.fit(reml), problem.but(y=problem.y + 1e6).fit(reml)
    assert not found.flat and 0.1 < expected.hsq < 0.9
    assert found.loglik == pytest.approx(expected.loglik, rel=tolerance("large_mean"))


def test_identity_with_weights_is_not_flat():
    problem = simulated(n=60, weighted=True, seed=3).but(K=np.eye(60))
    assert not problem.fit().flat


def test_rank_deficient_K_ends_before_V_is_singular():
    """The residual's part in null(K) is too small to turn the likelihood before 1 − h = 1e-8, but not nothing."""
    rng = np.random.default_rng(6)
    values = np.repeat([0.0, 1.0, 3.0], 5)
    y = rng.normal(size=15) * np.where(values > 0.0, 1.0, 1e-6)
    problem = Problem(y, values[:, None] ** 2, np.diag(values))
    for reml in (True, False):
        fit = problem.fit(reml)
        assert fit.boundary == "end"
        assert fit.hsq == lmm.search_end(problem.rotated().eigen) < 1.0
        assert any("last value at which V is positive definite" in note and "rank 10 of 15" in note
                   for note in fit.notes)
        assert np.isfinite(fit.loglik)


def test_search_end():
    def end(smallest):
        return lmm.search_end(lmm.Eigen(np.array([smallest, 1.0, 2.0]), np.eye(3)))

    assert end(0.01) == 1.0
    for smallest in (0.0, -1e-17, -1e-6, -0.1):
        assert 0.0 < end(smallest) < 1.0
        assert end(smallest) * smallest + 1.0 - end(smallest) > 0.0


@CRITERIA
def test_slightly_negative_eigenvalues(reml, tolerance):
    problem = simulated(n=30, rank=20, seed=7)
    clean = problem.fit(reml)
    values, U = np.linalg.eigh(problem.K)
    values[:10] = -1e-9 * np.arange(1, 11)
    K = U @ (values[:, None] * U.T)
    rotated = problem.but(K=(K + K.T) / 2.0).rotated()
    assert rotated.eigen.values[0] < -rotated.eigen.zero
    assert rotated.eigen.rank == 20
    fit = lmm.fit(rotated, reml)
    assert fit.hsq == pytest.approx(clean.hsq, abs=tolerance("invariance_hsq"))
    assert_highest(rotated, reml, tolerance)


# ------------------------------------------------------------------ unbounded likelihoods

def centred_and_not(n=30, seed=12):
    rng = np.random.default_rng(seed)
    K, _ = simulation.markers(n, rng)
    C = np.eye(n) - 1.0 / n
    y = 0.8 * np.linalg.cholesky(K) @ rng.normal(size=n) + 0.6 * rng.normal(size=n)
    problem = Problem(y, np.column_stack([np.ones(n), rng.normal(size=n)]), K)
    return problem.but(K=C @ K @ C), problem


def test_ML_of_a_centred_K_with_an_intercept_is_unbounded():
    centred, plain = centred_and_not()
    fit = centred.fit(reml=False)
    assert fit.unbounded
    assert np.isnan(fit.hsq) and np.isnan(fit.sigmasq) and np.all(np.isnan(fit.beta))
    assert fit.loglik == np.inf
    assert fit.boundary is None
    assert any("grows without bound" in note and "use REML" in note for note in fit.notes)
    assert not plain.fit(reml=False).unbounded
    assert "grows without bound" in str(fit)


def test_ML_rises_without_bound_where_it_is_said_to(tolerance):
    centred, _ = centred_and_not()
    rotated = centred.rotated()
    ML = [loglik_at(rotated, 1.0 - epsilon, False) for epsilon in (1e-2, 1e-4, 1e-6, 1e-8)]
    # log|V| loses log 100 with each step, through one zero eigenvalue.
    assert np.diff(ML)[1:] == pytest.approx(np.log(100.0) / 2.0, rel=tolerance("asymptote"))
    assert np.all(np.diff(ML) > 0.0)


def test_centring_K_does_not_move_REML_with_an_intercept(tolerance):
    """Error contrasts sum to 0, so that they have the same covariance under K and under the centred K."""
    centred, plain = centred_and_not()
    one, other = centred.fit(), plain.fit()
    assert other.boundary is None
    assert not one.unbounded
    assert one.loglik == pytest.approx(other.loglik, rel=tolerance("invariance_loglik"))
    assert one.hsq == pytest.approx(other.hsq, abs=tolerance("invariance_hsq"))
    assert one.sigmasq == pytest.approx(other.sigmasq, rel=tolerance("invariance_estimates"))
    for hsq in (0.0, 0.3, 0.9, 0.99):
        assert loglik_at(centred.rotated(), hsq, True) == pytest.approx(
            loglik_at(plain.rotated(), hsq, True), rel=tolerance("invariance_loglik"))


@pytest.mark.parametrize("p, reml, unbounded", [(1, True, True), (1, False, True), (6, True, False), (6, False, True)])
def test_a_phenotype_inside_the_span_of_K_and_X(p, reml, unbounded):
    """Six zero eigenvalues and no residual in null(K): REML is held only where X sees all of it."""
    rng = np.random.default_rng(9)
    K = with_eigenvalues(np.r_[np.zeros(6), np.linspace(0.5, 2.0, 14)], rng)
    X = rng.normal(size=(20, p))
    problem = Problem(K @ rng.normal(size=20) + X @ rng.normal(size=p), X, K)
    assert problem.fit(reml).unbounded is unbounded


@CRITERIA
def test_a_residual_in_the_null_space_keeps_the_likelihood_bounded(reml):
    fit = simulated(n=30, rank=20, seed=10).fit(reml)
    assert not fit.unbounded
    assert fit.hsq < 1.0


# ------------------------------------------------------------------ two maxima

@CRITERIA
def test_the_second_maximum_is_reported(reml, tolerance):
    problem = described(simulation.two_maxima())
    rotated = problem.rotated()
    found = lmm.estimate_hsq(rotated, reml)
    fine = special.expit(np.linspace(-8.0, 8.0, 4001))
    values = np.array([loglik_at(rotated, hsq, reml) for hsq in fine])
    tops = [i for i in range(1, len(fine) - 1) if values[i - 1] < values[i] > values[i + 1]]
    assert len(tops) == 2
    first, second = sorted(tops, key=lambda i: -values[i])
    for (hsq, loglik), top in (((found.hsq, found.loglik), first), (found.second, second)):
        assert fine[top - 1] < hsq < fine[top + 1]
        assert loglik >= values[top]
        assert abs(lmm.score(rotated, lmm.least_squares(rotated, hsq), reml)) <= tolerance("score_at_maximum")
    fit = lmm.fit(rotated, reml)
    assert fit.second_maximum == found.second
    assert any("second local maximum" in note for note in fit.notes)


def test_the_two_maxima_are_where_the_simulation_says():
    found = lmm.estimate_hsq(described(simulation.two_maxima()).rotated(), True)
    assert f"{found.hsq:.3f}" == "0.013"
    assert f"{found.second[0]:.3f}" == "0.669"


# ------------------------------------------------------------------ invariances

def assert_same(fit, other, tolerance, *, hsq=lambda h: h, sigmasq=lambda s, h: s, loglik=0.0, beta=lambda b: b):
    """`other` is `fit` after the conversions: of h, of σ² at the h before, of log likelihood, of β."""
    assert (other.unbounded, other.flat) == (fit.unbounded, fit.flat)
    if fit.unbounded:
        return
    at_end = fit.boundary == "end"
    assert other.boundary == fit.boundary
    assert other.loglik == pytest.approx(
        fit.loglik + loglik, rel=tolerance("invariance_loglik"),
        abs=tolerance("invariance_loglik_at_end" if at_end else "invariance_loglik"))
    assert other.hsq == pytest.approx(hsq(fit.hsq), abs=tolerance("invariance_hsq"))
    if at_end:
        return
    assert other.sigmasq == pytest.approx(sigmasq(fit.sigmasq, fit.hsq), rel=tolerance("invariance_estimates"))
    assert np.all(np.abs(other.beta - beta(fit.beta)) <= tolerance("invariance_estimates") * (
        other.beta_se + np.abs(other.beta)))


@CRITERIA
@given(problem=problems(), data=st.data())
def test_the_order_of_individuals_does_not_matter(problem, reml, data, tolerance):
    order = np.array(data.draw(st.permutations(range(len(problem.y)))))
    shuffled = Problem(problem.y[order], problem.X[order], problem.K[np.ix_(order, order)],
                       None if problem.weights is None else problem.weights[order])
    assert_same(problem.fit(reml), shuffled.fit(reml), tolerance)


@CRITERIA
@given(problem=problems(weighted=st.just(False)), seed=st.integers(0, 2**32 - 1))
def test_rotating_everything_does_not_matter(problem, reml, seed, tolerance):
    O = orthogonal(len(problem.y), np.random.default_rng(seed))
    K = O @ problem.K @ O.T
    assert_same(problem.fit(reml), Problem(O @ problem.y, O @ problem.X, (K + K.T) / 2.0).fit(reml), tolerance)


@CRITERIA
@given(problem=problems(), a=SCALES, sign=st.sampled_from([-1.0, 1.0]), shift=st.floats(-10.0, 10.0))
def test_linear_changes_of_y(problem, reml, a, sign, shift, tolerance):
    n, p = problem.X.shape
    a *= sign
    b = shift * np.std(problem.y) / np.max(np.abs(problem.X), axis=0)
    changed = problem.but(y=a * problem.y + problem.X @ b)
    assert_same(problem.fit(reml), changed.fit(reml), tolerance, sigmasq=lambda s, h: a**2 * s,
                loglik=-(n - p if reml else n) * np.log(abs(a)), beta=lambda beta: a * beta + b)


@CRITERIA
@given(problem=problems(), seed=st.integers(0, 2**32 - 1))
def test_linear_changes_of_X(problem, reml, seed, tolerance):
    p = problem.X.shape[1]
    rng = np.random.default_rng(seed)
    A = orthogonal(p, rng) * np.exp(rng.uniform(-3.0, 3.0, size=p)) / np.linalg.norm(problem.X, axis=0)[:, None]
    fit, changed = problem.fit(reml), problem.but(X=problem.X @ A).fit(reml)
    assert_same(fit, changed, tolerance, beta=lambda beta: np.linalg.solve(A, beta))


@CRITERIA
@given(problem=problems(), a=SCALES)
def test_multiples_of_K(problem, reml, a, tolerance):
    assert_same(problem.fit(reml), problem.but(K=a * problem.K).fit(reml), tolerance,
                hsq=lambda h: h / (h + a * (1.0 - h)), sigmasq=lambda s, h: s * (h + a * (1.0 - h)) / a)


@CRITERIA
@given(problem=problems(weighted=st.just(True)), c=SCALES)
def test_multiples_of_the_weights(problem, reml, c, tolerance):
    assert_same(problem.fit(reml), problem.but(weights=c * problem.weights).fit(reml), tolerance,
                hsq=lambda h: h / (h + c * (1.0 - h)), sigmasq=lambda s, h: s * (h + c * (1.0 - h)))


@CRITERIA
@given(problem=problems(), number=st.integers(2, 5), seed=st.integers(0, 2**32 - 1))
def test_many_phenotypes_are_one_at_a_time(problem, reml, number, seed, tolerance):
    noise = np.random.default_rng(seed).normal(size=(len(problem.y), number)) * np.std(problem.y)
    Y = problem.y[:, None] + noise
    eigen = lmm.eigen_decomposition(problem.K, problem.weights)
    together = [lmm.fit(rotated, reml) for rotated in lmm.rotate(eigen, Y, problem.X)]
    for y, fit in zip(Y.T, together):
        assert_same(problem.but(y=y).fit(reml), fit, tolerance)
