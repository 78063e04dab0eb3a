"""lmmlite's four functions in Python: its definitions written out densely, and lmmlite itself where it is here."""
import doctest

import numpy as np
import pytest

from lmmbridge import InputError, lmmlite
from lmmbridge.agreement.direct import best_hsq, covariance, gls
from lmmbridge.lmmlite import calcLL, eigen_rotation, fitLMM, getMLsoln
from lmmbridge.rlink import RLinkError, shared_session


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(8)
    G = rng.normal(size=(50, 70))
    K, X = G @ G.T / 70, np.column_stack([np.ones(50), rng.normal(size=50)])
    return K, G @ rng.normal(size=(70, 1)) / 9 + X @ [[1.0], [0.5]] + rng.normal(size=(50, 1)), X


def parts(found):
    return found["Kva"], found["y"], found["X"]


@pytest.mark.parametrize("reml", [True, False])
def test_the_log_likelihood_is_that_of_its_formula_written_out(problem, reml, tolerance):
    K, y, X = problem
    n, p = X.shape
    rotated = eigen_rotation(K, y, X)
    for h in (0.0, 0.3, 0.9):
        V = covariance(K, h)
        Vi = np.linalg.inv(V)
        b = np.linalg.solve(X.T @ Vi @ X, X.T @ Vi @ y)
        Q = float((y - X @ b).T @ Vi @ (y - X @ b))
        expected = -0.5 * (n * np.log(Q) + np.linalg.slogdet(V)[1])
        if reml:
            expected += 0.5 * (p * np.log(2 * np.pi * Q / (n - p)) + np.linalg.slogdet(X.T @ X)[1]
                               - np.linalg.slogdet(X.T @ Vi @ X)[1])
        found, solution = calcLL(h, *parts(rotated), reml), getMLsoln(h, *parts(rotated), reml)
        assert found["loglik"][0] == pytest.approx(expected, rel=tolerance("density"))
        for one in (found, solution):
            np.testing.assert_allclose(one["beta"], b[:, 0], rtol=tolerance("gls"))
            assert one["sigmasq"] == pytest.approx(Q / (n - p), rel=tolerance("gls"))
        assert solution["rss"] == pytest.approx(Q, rel=tolerance("gls"))
        assert ("logdetXSX" in solution) == reml


@pytest.mark.parametrize("reml", [True, False])
def test_the_fit_is_at_the_maximum_with_the_variance_by_n_minus_p(problem, reml, tolerance):
    K, y, X = problem
    fit = fitLMM(*parts(eigen_rotation(K, y, X)), reml)
    best = best_hsq(y, X, K, reml=reml)
    assert gls(y, X, covariance(K, fit["hsq"]), reml)[0] >= gls(y, X, covariance(K, best), reml)[0] - tolerance("maximum")
    sigmasq = gls(y, X, covariance(K, fit["hsq"]), reml=True)[1]
    assert fit["sigmasq"] == pytest.approx(sigmasq, rel=tolerance("gls"))
    assert fit["sigmasq_g"] + fit["sigmasq_e"] == pytest.approx(sigmasq, rel=tolerance("gls"))
    assert 0.0 < fit["hsq_se"] < 1.0


def test_eigenvalues_may_come_in_any_order(problem, tolerance):
    Kva, y, X = parts(eigen_rotation(*problem))
    there, back = fitLMM(Kva, y, X), fitLMM(Kva[::-1], y[::-1], X[::-1])
    assert there["hsq"] == pytest.approx(back["hsq"], rel=tolerance("gls"))


def test_the_rotation_is_by_the_eigenvectors(problem, tolerance):
    K, y, X = problem
    found = eigen_rotation(K, y)
    U = found["Kve_t"].T
    np.testing.assert_allclose(U * found["Kva"] @ U.T, K, atol=tolerance("gls"))
    np.testing.assert_allclose(U @ found["y"], y, atol=tolerance("gls"))
    np.testing.assert_allclose(U @ found["X"], np.ones((50, 1)), atol=tolerance("gls"))
    assert found["logdetXpX"] == pytest.approx(np.log(50.0))


def test_several_hsq_give_several_log_likelihoods_and_none_where_v_is_singular():
    Kva = np.array([0.0, 1.0, 2.0, 3.0])
    found = calcLL([0.0, 0.5, 1.0], Kva, np.array([1.0, -2.0, 0.5, 1.0]), np.ones((4, 1)))
    assert list(found) == ["loglik"] and np.isnan(found["loglik"]).tolist() == [False, False, True]


@pytest.mark.parametrize("call, sentence", [
    (lambda: eigen_rotation(np.eye(3)[:2], np.ones(2)), r"K has the shape \(2, 3\): give a square matrix"),
    (lambda: eigen_rotation(np.eye(3), np.ones(2)), "y has 2 rows and K has 3: give one for each individual"),
    (lambda: eigen_rotation(np.eye(3), [1.0, np.nan, 2.0]), "y: row 2, column 1 is nan; leave that individual out"),
    (lambda: eigen_rotation(np.triu(np.ones((3, 3))), np.ones(3)), "K is not symmetric"),
    (lambda: fitLMM(np.ones(3), np.ones(2), np.ones((3, 1))), "y has 2 rows and there are 3 eigenvalues"),
    (lambda: fitLMM(np.ones(3), np.ones((3, 2)), np.ones((3, 1))), "y has 2 columns: give one phenotype"),
    (lambda: fitLMM(np.ones(3), np.ones(3), np.ones((3, 2))), "X: its columns depend on each other"),
    (lambda: fitLMM(np.ones(3), np.ones(3), np.ones((3, 3))), "X has 3 columns for 3 individuals"),
    (lambda: fitLMM(np.array([-1.0, 1.0, 2.0]), np.arange(3.0), np.ones((3, 1))), "it is not a covariance matrix"),
    (lambda: getMLsoln(1.0, np.array([0.0, 1.0, 2.0]), np.arange(3.0), np.ones((3, 1))), "not positive definite .* give another hsq"),
])
def test_bad_input_is_refused_in_a_sentence(call, sentence):
    with pytest.raises(InputError, match=sentence):
        call()


def test_a_likelihood_without_bound_has_no_fit():
    # The zero eigenvalue's coordinate of y is fitted by X exactly.
    with pytest.raises(InputError, match="grows without bound as hsq goes to 1: there is no estimate; use REML"):
        fitLMM(np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.0, 1.0, -1.0, 2.0]), np.array([[1.0], [0], [0], [0]]), reml=False)


def test_numbers_are_those_of_lmmlite(problem, tolerance):
    session = shared_session()
    try:
        if session.eval('requireNamespace("lmmlite", quietly = TRUE)').value is not True:
            pytest.skip("the R package lmmlite is in none of R's libraries; in R: remotes::install_github(\"kbroman/lmmlite\")")
    except RLinkError as error:
        pytest.skip(f"R is not available ({error}); run make setup")
    K, y, X = problem
    session.eval("four <- function(K, y, X, reml) { e <- lmmlite::eigen_rotation(K, y, X); list(Kva = e$Kva, LL = as.numeric("
                 "lmmlite::calcLL(0.3, e$Kva, e$y, e$X, reml)), fit = lmmlite::fitLMM(e$Kva, e$y, e$X, reml, tol = 1e-12)) }")
    rotated = eigen_rotation(K, y, X)
    for reml in (True, False):
        theirs = session.call("four", K, y, X, reml).value
        fit = fitLMM(*parts(rotated), reml)
        np.testing.assert_allclose(rotated["Kva"], theirs["Kva"], rtol=tolerance("gls"))
        assert calcLL(0.3, *parts(rotated), reml)["loglik"][0] == pytest.approx(theirs["LL"], rel=tolerance("density"))
        assert fit["loglik"] == pytest.approx(theirs["fit"]["loglik"], rel=tolerance("density"))
        # Each side's own ĥ, which Brent's method finds to about the root of ε.
        np.testing.assert_allclose(fit["beta"], theirs["fit"]["beta"], rtol=tolerance("own_hsq_lmmlite"))
        assert fit["sigmasq"] == pytest.approx(theirs["fit"]["sigmasq"], rel=tolerance("own_hsq_lmmlite"))


def test_examples():
    assert doctest.testmod(lmmlite).failed == 0
