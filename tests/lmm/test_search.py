"""The search for the highest likelihood on landscapes that are known: bumps in x = log h/(1−h), slopes, plains.

Any function of h takes the place of the likelihood, so that its maxima are where the test put them. The second part
asks for unbounded likelihoods in coordinates in which the answer can be seen.
"""
import importlib

import numpy as np
import pytest
from scipy import special

from lmmbridge import lmm

estimation = importlib.import_module("lmmbridge.lmm.estimation")

# The thresholds, written out: were they imported, a change would not be seen.
INDISTINGUISHABLE = 1e-9        # relative to 1 + |loglik|
ROOT_EPSILON = 2.0**-26
SPACING, OUTERMOST = 0.6, 15.0  # of the grid, in x
FULL_RANK, SINGULAR = np.array([0.5, 1.0, 2.0]), np.array([0.0, 1.0, 2.0])


@pytest.fixture
def search(monkeypatch):
    """search(f, slope): the maximum of f(x) by the search of h; slope(x): what it is told to be df/dh."""
    def highest(f, slope, eigenvalues=FULL_RANK, without_bound=False):
        at = {"f": f, "slope": slope}
        monkeypatch.setattr(estimation, "loglik", lambda rotated, fit, reml: float(at["f"](special.logit(fit.hsq))))
        monkeypatch.setattr(estimation, "score", lambda rotated, fit, reml: float(at["slope"](special.logit(fit.hsq))))
        monkeypatch.setattr(estimation, "unbounded", lambda rotated, reml: without_bound)
        return lmm.estimate_hsq(in_coordinates(eigenvalues, [1.0, 2.0, 4.0], np.ones((3, 1))))
    return highest


def in_coordinates(eigenvalues, y, X):
    """y and X in the coordinates of the eigenvectors."""
    eigen = lmm.Eigen(np.array(eigenvalues, dtype=float), np.eye(len(eigenvalues)))
    return lmm.Rotated(eigen, np.array(y, dtype=float), np.array(X, dtype=float), 0.0, 0.0)


def bumps(*places):
    """Σ height·exp(−(x − centre)²) and the sign of its slope near the centres (centre, height)."""
    def f(x):
        return sum(height * np.exp(-(x - centre) ** 2) for centre, height in places)

    def slope(x):
        centre = min((centre for centre, _ in places), key=lambda centre: abs(x - centre)) if np.isfinite(x) else 0.0
        return float(np.clip(centre - x, -1.0, 1.0))
    return f, slope


# ------------------------------------------------------------------ where it looks

def test_grid(tolerance):
    x = special.logit(estimation.GRID)
    close = {"rtol": 0.0, "atol": tolerance("root_of_the_score")}
    np.testing.assert_allclose(x[[0, -1]], [-OUTERMOST, OUTERMOST], **close)
    np.testing.assert_allclose(np.diff(x), SPACING, **close)


@pytest.mark.parametrize("smallest, negative", [(0.0, 0.0), (-0.5, 0.5), (-0.125, 0.125), (1e-17, 0.0)])
def test_the_search_ends_where_the_smallest_d_is_1e_minus_8(smallest, negative, tolerance):
    end = lmm.search_end(lmm.Eigen(np.array([smallest, 1.0, 2.0]), np.eye(3)))
    assert end == (1.0 - 1e-8) / (1.0 + negative)
    assert end * smallest + 1.0 - end == pytest.approx(1e-8, abs=tolerance("rounding"))


def test_the_search_ends_at_1_where_V_is_positive_definite():
    zero = 30 * np.finfo(float).eps * 2.0
    for smallest, whole in ((zero, False), (1.5 * zero, True), (0.5, True)):
        assert (lmm.search_end(lmm.Eigen(np.array([smallest, 1.0, 2.0]), np.eye(3))) == 1.0) is whole


# ------------------------------------------------------------------ what it finds

@pytest.mark.parametrize("eigenvalues", [FULL_RANK, SINGULAR], ids=["full rank", "singular"])
@pytest.mark.parametrize("centre", [-16.0, -15.0, -14.7, -0.6, 0.0, 0.2, 7.5, 14.9, 15.0, 16.0])
def test_one_maximum(search, centre, eigenvalues, tolerance):
    found = search(*bumps((centre, 1.0)), eigenvalues)
    assert special.logit(found.hsq) == pytest.approx(centre, abs=tolerance("root_of_the_score"))
    assert found.loglik == pytest.approx(1.0, rel=tolerance("closed_form"))
    assert (found.boundary, found.converged, found.flat, found.unbounded, found.second) == (
        None, True, False, False, None)


@pytest.mark.parametrize("heights", [(3.0, 1.0, 2.0), (1.0, 2.0, 3.0), (2.0, 3.0, 1.0)])
def test_the_highest_of_three_and_the_next(search, heights, tolerance):
    places = list(zip((-6.0, 1.1, 8.0), heights))
    found = search(*bumps(*places))
    first, second, _ = sorted(places, key=lambda place: -place[1])
    assert (special.logit(found.hsq), found.loglik) == pytest.approx(first, abs=tolerance("root_of_the_score"))
    assert len(found.second) == 2
    assert (special.logit(found.second[0]), found.second[1]) == pytest.approx(
        second, abs=tolerance("root_of_the_score"))
    assert found.converged


@pytest.mark.parametrize("eigenvalues, end", [(FULL_RANK, 1.0), (SINGULAR, 1.0 - 1e-8)])
def test_a_slope_ends_at_the_boundary(search, eigenvalues, end):
    up = search(special.expit, lambda x: 1.0, eigenvalues)
    assert (up.hsq, up.loglik, up.converged, up.second) == (end, special.expit(special.logit(end)), True, None)
    assert up.boundary == ("1" if end == 1.0 else "end")
    down = search(lambda x: -special.expit(x), lambda x: -1.0, eigenvalues)
    assert (down.hsq, down.loglik, down.boundary, down.converged, down.second) == (0.0, 0.0, "0", True, None)


@pytest.mark.parametrize("level", [0.0, -100.0])
def test_a_maximum_at_either_boundary_and_one_between(search, level):
    """The slope is nought at the boundaries; the lower of the three is not told."""
    def f(x):
        h = special.expit(x)
        return level + max(8.0 - 16.0 * h, 8.0 * h - 4.0, 2.0 - abs(x - 0.6))

    def slope(x):
        return 0.0 if np.isinf(x) else 0.6 - x
    found = search(f, slope)
    assert (found.hsq, found.boundary, found.second) == (0.0, "0", (1.0, level + 4.0))
    found = search(lambda x: f(-x), lambda x: -slope(-x))
    assert (found.hsq, found.boundary, found.second) == (1.0, "1", (0.0, level + 4.0))


@pytest.mark.parametrize("factor, flat", [(0.9, True), (1.1, False)])
@pytest.mark.parametrize("level", [4.0, -4.0])
def test_flat(search, factor, flat, level):
    """Differences up to 1e-9 of 1 + |loglik| are none."""
    f, slope = bumps((0.6, factor * INDISTINGUISHABLE * 5.0))
    found = search(lambda x: level + f(x), slope)
    assert found.flat is flat
    if flat:
        assert found == lmm.Maximum(0.0, level, None, True, True, False, None)


@pytest.mark.parametrize("factor, told", [(0.9, False), (1.1, True)])
@pytest.mark.parametrize("step", [1, -1])
def test_a_second_maximum_of_the_size_of_rounding_is_none(search, factor, told, step, tolerance):
    """It must rise by 1e-9 of 1 + |loglik| above the valley before it."""
    nodes = np.linspace(-OUTERMOST, OUTERMOST, 51)[::step]
    values = -0.01 * np.abs(nodes)
    values[40] = values[39] + factor * INDISTINGUISHABLE * 1.15     # the lowest value is -0.15

    def f(x):
        return np.interp(step * np.clip(x, -OUTERMOST, OUTERMOST), step * nodes, values)

    found = search(f, lambda x: -np.clip(x, -1.0, 1.0))
    assert special.logit(found.hsq) == pytest.approx(0.0, abs=tolerance("root_of_the_score"))
    assert (found.second is not None) is told
    if told:
        assert special.logit(found.second[0]) == pytest.approx(nodes[40], abs=tolerance("kink_by_brent"))
        assert found.second[1] == pytest.approx(values[40], rel=tolerance("root_of_the_score"))


def test_a_score_that_does_not_confirm(search, tolerance):
    """Then Brent's answer stands, and is not called converged."""
    f, _ = bumps((-2.0, 1.0))
    found = search(f, lambda x: 1.0)
    assert special.logit(found.hsq) == pytest.approx(-2.0, abs=tolerance("top_by_brent"))
    assert found.loglik == pytest.approx(1.0, rel=tolerance("closed_form"))
    assert (found.boundary, found.converged) == (None, False)


@pytest.mark.parametrize("factor, stands", [(0.9, True), (1.1, False)])
@pytest.mark.parametrize("top", [3.0, -3.0])
def test_the_root_of_the_score_may_be_lower_only_by_rounding(factor, stands, top, tolerance):
    """By 1e-12 of 1 + |loglik|: otherwise the score is wrong, or the root is that of a minimum."""
    away = np.sqrt(factor * 1e-3 * INDISTINGUISHABLE * 4.0 / 100.0)
    hsq, loglik, converged = estimation._climb(
        lambda h: top - 100.0 * (h - 0.5) ** 2, lambda h: 0.5 + away - h, 0.25, 0.8125, 1.0)
    assert converged is stands
    assert hsq == pytest.approx(0.5 + away if stands else 0.5, abs=tolerance("root_of_the_score"))
    assert loglik == top - 100.0 * (hsq - 0.5) ** 2


def test_the_best_confirmed_candidate():
    """Both boundaries and a root are confirmed here, and as high as each other but for rounding."""
    for low, high in ((0.0, 1e-14), (-1e-14, 0.0), (0.0, 0.0)):
        found = estimation._climb(lambda h: {0.0: low, 1.0: high}.get(h, -1.0), lambda h: 0.0, 0.0, 1.0, 1.0)
        assert found == (0.0 if low >= high else 1.0, max(low, high), True)


def test_no_boundary_candidate_inside(tolerance):
    """The ends of an inner interval are not boundaries, whatever the score there."""
    for score, best in ((1.0, 0.75), (-1.0, 0.25)):
        hsq, _, converged = estimation._climb(lambda h: score * h, lambda h: score, 0.25, 0.75, 1.0)
        assert not converged and hsq == pytest.approx(best, abs=tolerance("top_by_brent"))


@pytest.mark.parametrize("slope, low, high", [(0.5, 0.0, 0.25), (-0.5, 0.75, 1.0)])
def test_a_boundary_that_the_score_does_not_confirm(slope, low, high):
    """The function is highest at the boundary, the score points away from it."""
    hsq, _, converged = estimation._climb(lambda h: -slope * h, lambda h: slope, low, high, 1.0)
    assert not converged
    assert low < hsq < high


# ------------------------------------------------------------------ no estimate

@pytest.mark.parametrize("centre, other", [(None, None), (-4.0, None), (-4.0, -9.0), (-9.0, -4.0)])
def test_without_bound_the_highest_maximum_inside_is_second(search, centre, other, tolerance):
    bump, bump_slope = bumps(*[(place, height) for place, height in ((centre, 3.0), (other, 2.0)) if place is not None])

    def f(x):
        return max(x, 0.0) + bump(x)

    def slope(x):
        return 1.0 if centre is None or x > 0.0 else bump_slope(x)
    found = search(f, slope, SINGULAR, without_bound=True)
    assert np.isnan(found.hsq) and found.loglik == np.inf
    assert (found.boundary, found.converged, found.flat, found.unbounded) == (None, False, False, True)
    if centre is None:
        assert found.second is None
    else:
        assert special.logit(found.second[0]) == pytest.approx(centre, abs=tolerance("root_of_the_score"))
        assert found.second == (found.second[0], f(special.logit(found.second[0])))
    assert found.bounded == found.second


def test_a_plain_without_bound_is_not_called_flat(search):
    found = search(lambda x: 1.0, lambda x: 0.0, SINGULAR, without_bound=True)
    assert found.unbounded and not found.flat


E = np.eye(5)


@pytest.mark.parametrize("eigenvalues, X, REML, ML", [
    pytest.param([0, 0, 1, 2, 3], E[:, [4]], True, True, id="X sees none of two"),
    pytest.param([0, 0, 1, 2, 3], E[:, [0]], True, True, id="one of two"),
    pytest.param([0, 0, 1, 2, 3], E[:, [0, 1]], False, True, id="two of two"),
    pytest.param([0, 0, 1, 2, 3], E[:, [0, 1]] + E[:, [2, 3]], False, True, id="two of two, and more"),
    pytest.param([0, 0, 1, 2, 3], E[:, [0]] + E[:, [4]], True, True, id="one of two, and more"),
    pytest.param([0, 1, 1, 2, 3], E[:, [0]], False, True, id="one of one"),
    pytest.param([0, 1, 1, 2, 3], E[:, [2]], True, True, id="none of one"),
    pytest.param([0.5, 1, 1, 2, 3], E[:, [0]], False, False, id="full rank"),
    pytest.param([0, 0, 0, 0, 0], E[:, [0]], False, False, id="no K at all"),
    pytest.param([5 * 2.0**-52 * 3, 1, 1, 2, 3], E[:, [2]], True, True, id="zero to rounding"),
])
def test_unbounded_without_residual_in_the_null_space(eigenvalues, X, REML, ML):
    """u zero eigenvalues, of whose space X sees a part: REML has no bound where u exceeds it, ML never."""
    y = X @ np.arange(7.0, 7.0 + X.shape[1]) + np.where(np.array(eigenvalues) > 0.1, [1.0, 2.0, 4.0, -1.0, 3.0], 0.0)
    rotated = in_coordinates(eigenvalues, y, X)
    assert lmm.unbounded(rotated, True) is REML
    assert lmm.unbounded(rotated, False) is ML


@pytest.mark.parametrize("factor, seen", [(1.5, True), (0.75, False)])
def test_residuals_in_the_null_space_beyond_rounding(factor, seen):
    """√ε of the whole residual; what X explains of the phenotype is no part of that."""
    part = factor * ROOT_EPSILON * 5.0
    for y in ([part, 0.0, 1e3, 4.0, 3.0], [0.0, -part, 1e3, 4.0, 3.0], [0.6 * part, 0.8 * part, 0.0, 4.0, 3.0]):
        rotated = in_coordinates([0, 0, 1, 2, 3], y, E[:, [2]])
        for reml in (True, False):
            assert lmm.unbounded(rotated, reml) is (not seen)


@pytest.mark.parametrize("factor, seen", [(1.5, True), (0.75, False)])
def test_a_null_space_orthogonal_to_X_up_to_rounding(factor, seen):
    """Cosines up to √ε are none: REML is held only by what X sees."""
    cosine = factor * ROOT_EPSILON
    X = 100.0 * (cosine * E[:, [0]] + np.sqrt(1.0 - cosine**2) * E[:, [4]])
    assert lmm.unbounded(in_coordinates([0, 1, 1, 2, 3], [0.0, 1.0, 2.0, 4.0, 3.0], X), True) is (not seen)
