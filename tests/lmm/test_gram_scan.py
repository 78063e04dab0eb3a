"""A scan by cross products against the plain one by QR decomposition."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lmm_problems import problems, simulated

from lmmbridge import lmm
from lmmbridge.lmm import gram_scan
from lmmbridge.lmm.gram_scan import null_models
from lmmbridge.lmm.scan import residual_sums_of_squares


def explained(null, G, beside_covariates=False):
    """Of all phenotypes."""
    parts = list(gram_scan.explained(null, G, beside_covariates))
    assert [which.start for which, *_ in parts] == [0, *(which.stop for which, *_ in parts[:-1])]
    return tuple(np.concatenate(columns, axis=1) for columns in list(zip(*parts))[1:])


def phenotypes(problem, m, seed):
    """The problem's phenotype and others; hsq of each, V being well conditioned."""
    rng = np.random.default_rng(seed)
    eigen = lmm.eigen_decomposition(problem.K, problem.weights)
    Y = np.column_stack([problem.y, rng.normal(size=(len(problem.y), m - 1)) * np.std(problem.y)])
    return eigen, lmm.rotate(eigen, Y, problem.X), rng.uniform(0.0, 0.95, size=m)


def by_qr(rotated, hsq, G, longest=None):
    fit = lmm.least_squares(rotated, hsq)
    rss, rank = residual_sums_of_squares(np.sqrt(fit.d), fit.basis, fit.residuals[:, None], np.moveaxis(G, 0, 2).copy(), longest)
    return fit.rss - rss[:, 0], rank, fit.rss


def assert_same(rotated, eigen, hsq, G, tolerance, **of_null):
    Y = np.column_stack([one.y for one in rotated])
    null = null_models(Y, rotated[0].X, eigen.values, hsq)
    gain, well = explained(null, G)
    assert gain.shape == well.shape == (G.shape[1], len(hsq))
    for j, (one, h) in enumerate(zip(rotated, hsq)):
        right, rank, rss = by_qr(one, h, G)
        assert null.rss[j] == pytest.approx(rss, rel=tolerance("gram_scan"))
        assert np.all(np.abs(gain[:, j] - right)[well[:, j]] <= tolerance("gram_scan") * rss)
        assert np.all(rank[well[:, j]] == len(G))
    return well


@given(problem=problems(), k=st.integers(1, 4), b=st.integers(1, 5), m=st.integers(1, 4), seed=st.integers(0, 10**6))
def test_where_it_can_be_relied_on_it_is_the_plain_scan(problem, k, b, m, seed, tolerance):
    eigen, rotated, hsq = phenotypes(problem, m, seed)
    G = np.random.default_rng(seed).normal(size=(k, b, len(problem.y)))
    assert_same(rotated, eigen, hsq, G, tolerance)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("m", [1, 30, 300])
def test_well_posed_positions_can_all_be_relied_on(weighted, m, tolerance, monkeypatch):
    """More phenotypes than a basis is made from, and than are eliminated at a time."""
    monkeypatch.setattr(gram_scan, "TOGETHER", 2**15)
    problem = simulated(n=60, p=3, weighted=weighted)
    eigen, rotated, hsq = phenotypes(problem, m, 5)
    G = np.random.default_rng(6).normal(size=(3, 50, 60))
    assert assert_same(rotated, eigen, hsq, G, tolerance).all()


def test_positions_that_lose_digits_are_not_relied_on():
    """Dependent on covariates, on each other, nearly so; negligible beside others; explaining everything; absent."""
    rng = np.random.default_rng(7)
    problem = simulated(n=40, p=2)
    eigen, (rotated,), _ = phenotypes(problem, 1, 7)
    null = null_models(rotated.y[:, None], rotated.X, eigen.values, np.array([0.5]))
    free, other = rng.normal(size=(2, 40))
    pairs = [(free, other), (free, rotated.X[:, 1]), (free, 2.0 * free), (free, free + 1e-3 * other), (free, 1e-10 * other),
             (free, rotated.y), (free, np.zeros(40))]
    _, well = explained(null, np.stack([np.stack(columns) for columns in zip(*pairs)]))
    assert well[:, 0].tolist() == [True] + 6 * [False]


def test_columns_negligible_beside_the_covariates_are_not_relied_on_where_that_counts():
    problem = simulated(n=40, p=2)
    problem = problem.but(X=problem.X * 1e10)
    eigen, (rotated,), _ = phenotypes(problem, 1, 7)
    null = null_models(rotated.y[:, None], rotated.X, eigen.values, np.array([0.5]))
    G = np.random.default_rng(8).normal(size=(2, 3, 40))
    assert explained(null, G)[1].all() and not explained(null, G, beside_covariates=True)[1].any()


def test_no_columns_explain_nothing():
    problem = simulated(n=20, p=1)
    eigen, rotated, hsq = phenotypes(problem, 3, 1)
    null = null_models(np.column_stack([one.y for one in rotated]), rotated[0].X, eigen.values, hsq)
    gain, well = explained(null, np.empty((0, 4, 20)))
    assert gain.shape == (4, 3) and not gain.any() and well.all()


def test_identity_in_place_of_weights(tolerance):
    """Ordinary least squares, all phenotypes alike."""
    rng = np.random.default_rng(9)
    Y, X, G = rng.normal(size=(30, 5)), np.column_stack([np.ones(30), rng.normal(size=30)]), rng.normal(size=(2, 7, 30))
    null = null_models(Y, X)
    gain, well = explained(null, G)
    assert well.all()
    for i in range(7):
        full = np.column_stack([X, *G[:, i]])
        left = Y - full @ np.linalg.lstsq(full, Y, rcond=None)[0]
        np.testing.assert_allclose(null.rss - gain[i], np.sum(left**2, axis=0), rtol=tolerance("gram_scan"))


def test_own_covariates_are_in_the_model_of_their_phenotype_alone(tolerance):
    rng = np.random.default_rng(10)
    problem = simulated(n=50, p=2)
    eigen, rotated, hsq = phenotypes(problem, 4, 11)
    own = [rng.normal(size=(50, u)) for u in (3, 2, 2, 0)]
    Y, G = np.column_stack([one.y for one in rotated]), rng.normal(size=(3, 6, 50))
    null = null_models(Y, rotated[0].X, eigen.values, hsq, own)
    gain, well = explained(null, G)
    assert well.all()
    for j, (one, h) in enumerate(zip(rotated, hsq)):
        design = lmm.Rotated(eigen, one.y, np.hstack([one.X, own[j]]), 0.0, 0.0)
        right, _, rss = by_qr(design, h, G)
        assert null.rss[j] == pytest.approx(rss, rel=tolerance("gram_scan"))
        assert np.all(np.abs(gain[:, j] - right) <= tolerance("gram_scan") * rss)
