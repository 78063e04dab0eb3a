"""The arbiter against exact rational arithmetic, closed forms and the dense engine; and what verdicts make of it."""
import dataclasses
import io
from fractions import Fraction
from unittest import mock

import mpmath
import numpy as np
import pytest
from rich.console import Console

from lmmbridge import lmm
from lmmbridge.agreement import arbiter, simulation
from lmmbridge.agreement.arbiter import Arbiter, NotPositiveDefinite
from lmmbridge.agreement.differences import differences, digits
from lmmbridge.agreement.problems import Problem
from lmmbridge.agreement.run import Run, availability
from lmmbridge.agreement.scan_comparison import compare_scans
from lmmbridge.agreement.tolerances import tolerance as agreement
from lmmbridge.engines import ENGINES, dense
from lmmbridge.inputs import Data
from lmmbridge.report import html, terminal
from lmmbridge.report.summary import disagreements, ill_conditioned, who_is_right

from test_scans import Faulty, small_scan

#: What the logarithms of the exact numbers are taken with.
exact = mpmath.mp.clone()
exact.dps = 90
CRITERIA = pytest.mark.parametrize("reml", [True, False], ids=["REML", "ML"])


def made(K, y, X=None, weights=None) -> Data:
    K, y = np.array(K, dtype=float), np.array(y, dtype=float)
    n = len(y)
    X = np.ones((n, 1)) if X is None else np.array(X, dtype=float)
    return Data(tuple(f"i{i}" for i in range(n)), ("y",), (0,), tuple(f"x{j}" for j in range(X.shape[1])), y[:, None],
                X, K, None if weights is None else np.array(weights, dtype=float), ())


def random_problem(seed, n, p=2, weighted=False, decades=1.0, columns=0.0) -> Data:
    """Eigenvalues of K over so many decades, columns of X over as many."""
    rng = np.random.default_rng(seed)
    U = np.linalg.qr(rng.normal(size=(n, n)))[0]
    K = U @ (np.logspace(-decades, 0.0, n)[:, None] * U.T)
    X = np.column_stack([np.ones(n), 3.0 + rng.normal(size=(n, p - 1)) * 10.0 ** -columns])
    return made((K + K.T) / 2.0, rng.normal(size=n) + 2.0, X, rng.uniform(0.2, 5.0, size=n) if weighted else None)


# --- exact arithmetic -------------------------------------------------------------------------------------------------

def rational(A):
    """The same doubles as fractions."""
    return [[Fraction(float(value)) for value in row] for row in A]


def times(A, B):
    return [[sum(a * b for a, b in zip(row, column)) for column in zip(*B)] for row in A]


def transposed(A):
    return [list(column) for column in zip(*A)]


def eliminate(A):
    """Inverse and determinant by Gauss–Jordan elimination."""
    n, determinant = len(A), Fraction(1)
    rows = [list(row) + [Fraction(int(i == j)) for j in range(n)] for i, row in enumerate(A)]
    for k in range(n):
        pivot = rows[k][k]
        determinant *= pivot
        rows[k] = [value / pivot for value in rows[k]]
        for i in range(n):
            if i != k and rows[i][k]:
                factor = rows[i][k]
                rows[i] = [value - factor * other for value, other in zip(rows[i], rows[k])]
    return [row[n:] for row in rows], determinant


def log(value: Fraction):
    return exact.log(value.numerator) - exact.log(value.denominator)


def by_fractions(data, h, reml):
    """(log likelihood, σ², β): nothing is rounded but the logarithms."""
    n, p = data.X.shape
    h, X, y, K = Fraction(h), rational(data.X), rational(data.Y), rational(data.K)
    noise = [Fraction(1)] * n if data.weights is None else [1 / Fraction(float(w)) for w in data.weights]
    V = [[h * K[i][j] + (1 - h) * noise[i] * (i == j) for j in range(n)] for i in range(n)]
    V_inverse, det_V = eliminate(V)
    XtVi = times(transposed(X), V_inverse)
    XtViX_inverse, det_XtViX = eliminate(times(XtVi, X))
    beta = times(XtViX_inverse, times(XtVi, y))
    residual = [[one[0] - fitted[0]] for one, fitted in zip(y, times(X, beta))]
    Q = times(transposed(residual), times(V_inverse, residual))[0][0]
    df = n - p if reml else n
    logdet = log(det_V)
    if reml:
        logdet += log(det_XtViX) - log(eliminate(times(transposed(X), X))[1])
    return -(df * (exact.log(2 * exact.pi) + log(Q / df) + 1) + logdet) / 2, Q / df, [row[0] for row in beta]


def number(value):
    return exact.mpf(value.numerator) / value.denominator if isinstance(value, Fraction) else exact.mpf(value)


def relative(found, right):
    return abs(number(found) - number(right)) / abs(number(right))


def assert_exact(data, h, reml, tolerance):
    ruling = Arbiter(data).at(h, reml)
    loglik, sigmasq, beta = by_fractions(data, h, reml)
    assert relative(ruling.loglik, loglik) <= tolerance("arbiter")
    assert relative(ruling.sigmasq, sigmasq) <= tolerance("arbiter")
    size = max(abs(number(b)) for b in beta)
    assert all(abs(number(b) - number(r)) <= tolerance("arbiter") * size for b, r in zip(ruling.beta, beta))


def test_three_individuals_by_hand(tolerance):
    """V = [[1, 1/8, 0], [1/8, 1, 0], [0, 0, 1]] at h = 1/4, |V| = 63/64; b = 1/(16/9 + 1) · (8/9 · 3 + 4) = 12/5."""
    data = made([[1, 0.5, 0], [0.5, 1, 0], [0, 0, 1]], [1, 2, 4])
    ruling = Arbiter(data).at(0.25, reml=False)
    # V⁻¹ of the pair is 64/63 [[1, −1/8], [−1/8, 1]]; the residuals −7/5, −2/5, 8/5.
    Q = Fraction(64, 63) * (Fraction(49, 25) + Fraction(4, 25) - Fraction(2, 8) * Fraction(14, 25)) + Fraction(64, 25)
    assert relative(ruling.beta[0], Fraction(12, 5)) <= tolerance("arbiter")
    assert relative(ruling.sigmasq, Q / 3) <= tolerance("arbiter")
    right = -(3 * (exact.log(2 * exact.pi) + log(Q / 3) + 1) + log(Fraction(63, 64))) / 2
    assert relative(ruling.loglik, right) <= tolerance("arbiter")
    # |X'V⁻¹X| / |X'X| = (25/9) / 3
    reml = Arbiter(data).at(0.25, reml=True)
    right = -(2 * (exact.log(2 * exact.pi) + log(Q / 2) + 1) + log(Fraction(63, 64)) + log(Fraction(25, 27))) / 2
    assert relative(reml.loglik, right) <= tolerance("arbiter")


@CRITERIA
@pytest.mark.parametrize("h", [0.0, 0.3, 1.0])
def test_uncorrelated_individuals_are_weighted_least_squares(h, reml, tolerance):
    """K diagonal: each individual has its own variance d, and everything is a weighted sum."""
    k, w, y = [0.5, 1.0, 2.0, 3.0, 0.125], [1.0, 0.25, 4.0, 3.0, 7.0], [1.0, -2.5, 0.75, 3.0, 8.0]
    ruling = Arbiter(made(np.diag(k), y, weights=w)).at(h, reml)
    d = [Fraction(h) * Fraction(a) + (1 - Fraction(h)) / Fraction(b) for a, b in zip(k, w)]
    total = sum(1 / one for one in d)
    mean = sum(Fraction(value) / one for value, one in zip(y, d)) / total
    Q = sum((Fraction(value) - mean) ** 2 / one for value, one in zip(y, d))
    df = 4 if reml else 5
    logdet = sum(log(one) for one in d) + (log(total) - log(Fraction(5)) if reml else 0)
    assert relative(ruling.beta[0], mean) <= tolerance("arbiter")
    assert relative(ruling.sigmasq, Q / df) <= tolerance("arbiter")
    loglik = -(df * (exact.log(2 * exact.pi) + log(Q / df) + 1) + logdet) / 2
    assert relative(ruling.loglik, loglik) <= tolerance("arbiter")


@CRITERIA
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_random_problems_are_those_of_exact_arithmetic(seed, weighted, reml, tolerance):
    data = random_problem(seed, n=4 + seed, p=1 + seed % 3, weighted=weighted)
    for h in (0.0, 1e-9, 0.37, 0.9, 1.0):
        assert_exact(data, h, reml, tolerance)


@CRITERIA
def test_ill_conditioned_problems_lose_nothing(reml, tolerance):
    """cond(V) = 1e12 and nearly collinear columns: double precision keeps few digits, the arbiter all of them."""
    data = random_problem(5, n=10, p=3, decades=12.0, columns=6.0)
    assert_exact(data, 1.0, reml, tolerance)
    found = dense.gls(data, 1.0, data.Y, reml)
    right = Arbiter(data).at(1.0, reml).rounded()
    assert np.linalg.norm(found[2] - right.beta[0]) > 1e-10 * np.linalg.norm(right.beta)


def test_units_do_not_matter(tolerance):
    data = random_problem(2, n=7, p=3)
    units = np.array([1.0, 2.0**-90, 2.0**80])
    scaled = dataclasses.replace(data, X=data.X * units, Y=data.Y * 2.0**60)
    one, other = Arbiter(data).at(0.4, True), Arbiter(scaled).at(0.4, True)
    assert relative(other.loglik, one.loglik - 4 * 60 * exact.log(2)) <= tolerance("arbiter")
    assert relative(other.sigmasq, one.sigmasq * exact.mpf(2) ** 120) <= tolerance("arbiter")


def test_what_others_set_for_mpmath_changes_nothing():
    data = random_problem(1, n=5)
    right = Arbiter(data).at(0.25, True)
    with mpmath.workdps(5):
        assert Arbiter(data).at(0.25, True) == right
    assert mpmath.mp.dps == 15


# --- double precision -------------------------------------------------------------------------------------------------

@CRITERIA
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n, decades", [(6, 0.5), (25, 3.0), (40, 5.0)])
def test_dense_is_right_to_double_precision(n, decades, weighted, reml):
    data = random_problem(n, n, p=3, weighted=weighted, decades=decades)
    right, noise = Arbiter(data), np.ones(n) if data.weights is None else 1.0 / data.weights
    for h in (0.0, 0.2, 0.8, 1.0):
        found = ENGINES["dense"].at_hsq(data, np.array([[h]]), reml)
        condition = np.linalg.cond(h * data.K + (1 - h) * np.diag(noise)) * np.linalg.cond(data.X) ** 2
        for quantity, difference in differences(found, right.at(h, reml).rounded(), data).items():
            assert difference[0, 0] <= agreement(quantity, n, np.array([condition]))[0], (quantity, h)


# --- the maximum ------------------------------------------------------------------------------------------------------

def sib_pairs(signs):
    """Pairs with means and differences that give each criterion an exact ĥ.

    K's eigenvalues are 3/2 (sums of pairs) and 1/2 (differences). The mean squares S between (of m − 1, or m for ML)
    and D within estimate the variances 1 + h/2 and 1 − h/2 up to σ², so that ĥ = 2(S − D)/(S + D), or the boundary.
    """
    m = len(signs)
    return made(np.kron(np.eye(m), [[1.0, 0.5], [0.5, 1.0]]), np.ravel(signs))


@CRITERIA
def test_the_maximum_of_sib_pairs_has_a_closed_form(reml, tolerance):
    pairs = [[5.0, 3.0], [1.0, 3.5], [2.0, 4.5], [-1.0, 1.0], [4.0, 2.0], [1.0, 3.0]]
    sums, apart = [Fraction(a + b) for a, b in pairs], [Fraction(a - b) for a, b in pairs]
    mean = sum(sums) / 6
    S = sum((one - mean) ** 2 for one in sums) / 2 / (5 if reml else 6)
    D = sum(one**2 for one in apart) / 2 / 6
    summit = Arbiter(sib_pairs(pairs)).summit(reml)
    assert relative(summit.best.hsq, 2 * (S - D) / (S + D)) <= tolerance("arbiter")
    assert summit.boundary is None and len(summit.maxima) == 1


@CRITERIA
@pytest.mark.parametrize("seed, weighted", [(1, False), (4, False), (6, True), (9, True), (11, False)])
def test_at_the_maximum_the_score_is_zero_and_nothing_is_higher(seed, weighted, reml, tolerance):
    data = random_problem(seed, n=8, p=1 + seed % 2, weighted=weighted)
    judge = Arbiter(data)
    summit = judge.summit(reml)
    best = summit.best
    if summit.boundary is None:
        assert abs(best.score) <= tolerance("arbiter")
    else:
        assert best.hsq == {"0": 0, "1": 1}[summit.boundary] and best.score * (1 if summit.boundary == "1" else -1) > 0
    heights = [judge.at(h, reml).loglik for h in np.linspace(0.0, 1.0, 301)]
    assert max(heights) <= best.loglik
    # The score is the slope of the log likelihood.
    step = arbiter.mp.mpf(10) ** -30
    slope = (judge.at(0.3 + step, reml).loglik - judge.at(0.3 - step, reml).loglik) / (2 * step)
    assert relative(slope, judge.at(0.3, reml).score) <= tolerance("slope of the arbiter")


def test_boundaries_are_found():
    alike, unlike = [[1.0, 1.0], [3.0, 3.5], [-2.0, -2.0]], [[1.0, -1.0], [3.0, -3.0], [-2.0, 2.5]]
    at_one, at_zero = Arbiter(sib_pairs(alike)).summit(True), Arbiter(sib_pairs(unlike)).summit(True)
    assert (at_one.boundary, at_one.best.hsq) == ("1", 1) and at_one.best.score > 0
    assert (at_zero.boundary, at_zero.best.hsq) == ("0", 0) and at_zero.best.score < 0


@CRITERIA
def test_both_of_two_maxima_are_found_and_the_higher_is_best(reml, tolerance):
    data = simulation.two_maxima()
    judge = Arbiter(data)
    high, low = judge.summit(reml).maxima
    assert high.loglik > low.loglik and high.hsq < 0.1 < 0.5 < low.hsq
    grid = [judge.at(h, reml).loglik for h in np.linspace(0.0, 1.0, 201)]
    tops = [i for i in range(1, 200) if grid[i - 1] < grid[i] > grid[i + 1]]
    assert len(tops) == 2
    for top, found in zip(tops, (high, low)):
        assert abs(found.hsq - top / 200) < 1 / 200 and abs(found.score) <= tolerance("arbiter")


def test_a_constant_likelihood_has_no_maximum():
    summit = Arbiter(made(np.eye(6), [1.0, 4.0, 2.0, 3.0, 3.0, 0.5])).summit(True)
    assert summit.best is None and summit.maxima == () and not summit.unbounded


def centred(n=12, seed=3) -> Data:
    """The constant is in the null space of K."""
    rng = np.random.default_rng(seed)
    K, _ = simulation.centred_markers(n, rng)
    return made(K, rng.normal(size=n))


def test_an_unbounded_likelihood_is_said_to_be_so():
    """With one null direction and residuals that do not see it ML grows without bound; REML does not."""
    judge, data = Arbiter(centred()), centred()
    rotated = lmm.rotate(lmm.eigen_decomposition(data.K), data.Y, data.X)[0]
    for reml in (True, False):
        assert judge.summit(reml).unbounded == lmm.unbounded(rotated, reml) == (not reml)
    assert judge.summit(False).best is None
    assert judge.end < 1.0


@CRITERIA
@pytest.mark.parametrize("seed", range(4))
def test_a_likelihood_that_is_bounded_where_V_turns_singular_before_1(reml, seed):
    """K has one negative eigenvalue, for the constant: REML does not see that direction, and ends at a finite value."""
    rng = np.random.default_rng(seed)
    K, _ = simulation.centred_markers(10, rng)
    data = made(K - 0.03, rng.normal(size=10))
    judge, rotated = Arbiter(data), lmm.rotate(lmm.eigen_decomposition(data.K), data.Y, data.X)[0]
    summit = judge.summit(reml)
    assert summit.unbounded == lmm.unbounded(rotated, reml) == (not reml)
    if reml:
        assert float(summit.best.hsq) == pytest.approx(lmm.estimate_hsq(rotated, True).hsq, abs=1e-6)


@CRITERIA
@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e6, 1e12])
@pytest.mark.parametrize("outside, unbounded", [(1e-5, False), (0.0, True)])
def test_a_singular_K_ends_the_range_before_one(outside, unbounded, scale, reml):
    """y lies in the span of K but for a hundred-thousandth, 1e-10 of its variance; or altogether."""
    rng = np.random.default_rng(8)
    G = rng.normal(size=(10, 4))
    K = G @ G.T / 4.0
    data = made(scale * (K + K.T) / 2.0, G @ rng.normal(size=4) + outside * rng.normal(size=10))
    judge = Arbiter(data)
    assert 0.0 < judge.end < 1.0
    judge.at(judge.end, reml)       # V is positive definite there
    summit = judge.summit(reml)
    rotated = lmm.rotate(lmm.eigen_decomposition(data.K), data.Y, data.X)[0]
    assert summit.unbounded == lmm.unbounded(rotated, reml) == unbounded
    assert (summit.best is None) == unbounded
    if not unbounded and scale <= 1.0:
        assert summit.boundary == "end" and summit.best.hsq == judge.end


def nearly_within(seed) -> Data:
    """X lies in the span of a singular K but for a thousandth or so: the likelihood turns where 1 − h is its square."""
    rng = np.random.default_rng(seed)
    rank, p = int(rng.integers(1, 4)), int(rng.integers(2, 4))
    G = rng.normal(size=(6, rank))
    X = G @ rng.normal(size=(rank, p - 1)) + 10.0 ** rng.uniform(-4, -2) * rng.normal(size=(6, p - 1))
    y = G @ rng.normal(size=rank) + 10.0 ** rng.uniform(-5, -1) * rng.normal(size=6)
    K = G @ G.T / rank
    return made((K + K.T) / 2.0, y, np.column_stack([np.ones(6), X]))


@CRITERIA
@pytest.mark.parametrize("seed", range(12))
def test_maxima_close_to_one_are_found(seed, reml):
    judge = Arbiter(nearly_within(seed))
    summit = judge.summit(reml)
    if summit.best is None:
        return
    highest = max(judge.at(1.0 - rest, reml).loglik for rest in np.logspace(-7.99, 0.0, 120))
    assert highest <= summit.best.loglik


def test_where_V_is_singular_there_is_no_answer():
    judge = Arbiter(made(np.ones((4, 4)), [1.0, 2.0, 4.0, 3.0]))
    judge.at(1.0 - 2.0**-52, True)
    with pytest.raises(NotPositiveDefinite, match="not positive definite at hsq = 1"):
        judge.at(1.0, True)


def test_large_problems_are_refused():
    n = arbiter.LARGEST + 1
    with pytest.raises(ValueError, match=f"at most {arbiter.LARGEST}"):
        Arbiter(made(np.eye(n), np.arange(n)))


# --- LOD scores -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("h", [None, 0.6])
def test_lod_is_that_of_exact_arithmetic(h, weighted, tolerance):
    data = random_problem(7, n=7, p=3, weighted=weighted)
    y, K, null = data.Y[:, 0], None if h is None else data.K, data.X[:, :2]
    # Without kinship, V = W⁻¹, as at h = 0.
    Q = {p: by_fractions(dataclasses.replace(data, X=data.X[:, :p]), h or 0.0, False)[1] for p in (2, 3)}
    right = exact.mpf(7) / 2 * log(Q[2] / Q[3]) / exact.log(10)
    assert relative(arbiter.lod(y, K, data.weights, h or 0.0, null, data.X), right) <= tolerance("arbiter")
    assert float(right) == pytest.approx(dense.lod(y, K, data.weights, h or 0.0, null, data.X))
    # Columns that depend on those before them, to rounding, add nothing; nor does a column of zeros.
    noisy = np.column_stack([data.X, data.X @ [0.1, 1.0 / 3.0, 0.7], np.zeros(7)])
    assert relative(arbiter.lod(y, K, data.weights, h or 0.0, null, noisy), right) <= tolerance("arbiter")


# --- verdicts and reports ---------------------------------------------------------------------------------------------

def run(out, engines, *names):
    problems = [Problem(f"simulated/{name}", source, data) for name, source, data in simulation.problems()
                if name in names]
    return Run(out, availability(engines), problems, {}, "test").execute()


def faulty_core():
    """Q of the core is 1 part in 10 000 too large."""
    least_squares = lmm.least_squares

    def faulty(rotated, hsq):
        fit = least_squares(rotated, hsq)
        return dataclasses.replace(fit, rss=fit.rss * 1.0001)

    return mock.patch.object(lmm, "least_squares", faulty)


def faulty_oracle():
    """V of the dense engine is 1 part in 10 000 too large."""
    cholesky = dense.linalg.cholesky
    return mock.patch.object(dense.linalg, "cholesky", lambda V, lower: cholesky(V * 1.0001, lower=lower))


@pytest.mark.parametrize("fault, wrong, right", [(faulty_core, "python", "dense"), (faulty_oracle, "dense", "python")])
def test_the_arbiter_says_who_is_right(fault, wrong, right, tmp_path):
    with fault():
        results = run(tmp_path / "out", ["python", "dense"], "h1-n20-p1")
    records = [one for case in results["cases"] for one in case["comparisons"] if one["counts"].get("unexplained")]
    assert {one["quantity"] for one in records} >= {"sigmasq at fixed hsq", "reported sigmasq"}
    for one in records:
        assert next(iter(one["reasons"]["unexplained"])) == f"off the arbiter's value: {wrong}"
        assert one["right"]["by"] == "arbiter"
        assert one["right"]["digits"][right] >= 12.0
        if "sigmasq" in one["quantity"]:
            # 1.0001 more, or less: 4 digits, which are rounded down to a tenth.
            assert one["right"]["digits"][wrong] in (3.9, 4.0)
    told = [row["why"] for row in disagreements(results)["unexplained"]]
    assert all(f"right, by the arbiter: {right} to 1" in why and f"{wrong} to " in why for why in told)
    table = who_is_right(results)
    assert table["engines"][right]["sigmasq"][0] >= 13.0 and table["engines"][wrong]["sigmasq"][1] <= 4.0
    assert table["cases"] == 2


def test_beyond_its_size_the_dense_value_is_right(tmp_path):
    with faulty_core():
        results = run(tmp_path / "out", ["python", "dense"], "h0-n100-p2")
    records = [one for case in results["cases"] for one in case["comparisons"] if one["counts"].get("unexplained")]
    assert records
    for one in records:
        assert next(iter(one["reasons"]["unexplained"])) == "off the dense value: python"
        assert one["right"]["by"] == "dense" and one["right"]["digits"]["dense"] == 15.0
    assert who_is_right(results) is None


@pytest.mark.parametrize("wrong", ["python", "dense"])
def test_a_wrong_optimum_is_told_from_a_right_one(wrong, tmp_path):
    engine = type(ENGINES[wrong])
    optimum = engine.optimum

    def faulty(self, data, reml):
        right = optimum(self, data, reml)
        return dataclasses.replace(right, hsq=np.full_like(right.hsq, 0.45))

    with mock.patch.object(engine, "optimum", faulty):
        results = run(tmp_path / "out", ["python", "dense"], "h1-n20-p1")
    optima = [one for case in results["cases"] for one in case["comparisons"] if one["quantity"] == "optimum"]
    for one in optima:
        assert next(iter(one["reasons"]["unexplained"])) == f"off the arbiter's value: {wrong}"
        other, = {"python", "dense"} - {wrong}
        assert one["right"]["digits"][other] >= 6.0 and one["right"]["digits"][wrong] <= 1.5


def test_ill_conditioned_points_are_measured_from_the_arbiter(tmp_path):
    data = random_problem(3, n=12, decades=9.0)
    results = Run(tmp_path / "out", availability(["python", "dense"]), [Problem("made/ill", "made", data)], {},
                  "test").execute()
    points = [point for case in results["cases"] for point in case["ill_conditioned"]]
    assert {point["engine"] for point in points} == {"python", "dense"}
    reml = results["cases"][0]["criterion"] == "REML"
    for point in results["cases"][0]["ill_conditioned"][:4]:
        assert point["by"] == "arbiter"
        right = Arbiter(data).at(point["hsq"], reml)
        assert point["right"] == float(right.loglik)
        assert point["off"] == abs(point["loglik"] - point["right"])
    by_engine, _ = ill_conditioned(results)
    assert {row["engine"] for row in by_engine} == {"python", "dense"}


def test_digits_are_those_of_the_answers(tmp_path):
    """The table's least is reached by the engine's own answer at one of the points."""
    results = run(tmp_path / "out", ["python", "dense"], "h0-n10-p1")
    data = next(data for name, _, data in simulation.problems() if name == "h0-n10-p1")
    case = next(case for case in results["cases"] if case["criterion"] == "REML")
    found = case["arbiter"]["digits"]["python"]["sigmasq"]
    right = Arbiter(data)
    expected = []
    for j in range(4):
        own = [case["estimates"][name]["translated"]["hsq"][j] for name in ("python", "dense")]
        for h in (*np.linspace(0.0, 0.95, 20)[[0, 5, 10, 15, 19]], *own):
            sigmasq = ENGINES["python"].at_hsq(data, np.full((1, 4), h), True).sigmasq[0, j]
            ruling = float(right.at(h, True, j).sigmasq)
            expected.append(digits(abs(sigmasq - ruling) / ruling))
    assert sorted(found) == sorted(expected)
    hsq = [case["estimates"]["python"]["translated"]["hsq"][j] for j in range(4)]
    assert case["arbiter"]["hsq"] == pytest.approx(hsq, rel=1e-10)


def test_the_reports_show_the_table(tmp_path):
    results = run(tmp_path / "out", ["python", "dense"], "h0-n10-p1")
    least, median = who_is_right(results)["engines"]["dense"]["hsq"]
    page = html.render(results)
    assert "Who is right" in page and f"{least:.1f}" in page and f"{median:.1f}" in page
    stream = io.StringIO()
    terminal.print_results(Console(file=stream, width=100), results, tmp_path)
    assert "Who is right" in stream.getvalue() and f"{least:4.1f} {median:4.1f}" in stream.getvalue()


@pytest.mark.parametrize("culprit", ["python", "qtl2"])
def test_the_arbiter_judges_small_scans(culprit, live):
    def change(lod):
        lod.iloc[2, 0] += 1e-3
        return lod

    engines = {name: live(name) for name in ("python", "qtl2")}
    data = next(data for name, _, data in simulation.problems() if name == "h0.3-n30-p3")
    scan = small_scan(dataclasses.replace(data, K=2.0 * data.K))
    engines |= {culprit: Faulty(engines[culprit], change)}
    case = compare_scans(Problem("made/small", "made", scan), True, engines)
    given = next(one for one in case["comparisons"] if one["quantity"] == "LOD at given hsq")
    assert given["reasons"]["unexplained"] == {f"off the arbiter's value: {culprit}": 1}
    other, = {"python", "qtl2"} - {culprit}
    assert given["right"]["by"] == "arbiter"
    assert given["right"]["digits"][other] >= 9.0 and given["right"]["digits"][culprit] in (2.9, 3.0)
