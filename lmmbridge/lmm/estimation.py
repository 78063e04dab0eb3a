"""Step 5: the h of highest likelihood, by Brent between grid points, polished on the score, both ends tried."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize, signal, special

from lmmbridge.lmm.least_squares import WeightedFit, least_squares
from lmmbridge.lmm.likelihood import loglik, score
from lmmbridge.lmm.rotation import Eigen, Rotated
from lmmbridge.lmm.tridiagonal import Tridiagonal

#: Logit-spaced nodes between both ends: a mode is missed only if it is narrower than 0.6 in log h/(1−h).
GRID = special.expit(np.linspace(-15.0, 15.0, 51))
#: Where V is singular at h = 1 the search ends where the smallest d is this: beyond, d is rounding noise.
SMALLEST_D = 1e-8
#: Log likelihoods that differ by less than this, relative to 1 + |loglik|, and rounding, cannot be told apart.
INDISTINGUISHABLE = 1e-9
ROOT_EPSILON = float(np.sqrt(np.finfo(float).eps))


@dataclass(frozen=True)
class Maximum:
    """Where the likelihood of h is highest, and what is remarkable about that place.

    Attributes
    ----------
    hsq, loglik : float
        NaN and inf where the likelihood is unbounded.
    boundary : str or None
        "0", "1", or "end" (the last h at which V is positive definite to working precision).
    converged : bool
        The score changes sign at ĥ to rounding, or ĥ is at a boundary.
    flat, unbounded : bool
    second : tuple of float, or None
        (hsq, loglik) of the next highest local maximum; of the highest, where the likelihood is unbounded.
    """

    hsq: float
    loglik: float
    boundary: str | None
    converged: bool
    flat: bool
    unbounded: bool
    second: tuple[float, float] | None

    @property
    def bounded(self) -> tuple[float, float] | None:
        """(hsq, loglik) of the highest maximum at which the likelihood is bounded, if there is one."""
        return self.second if self.unbounded else (self.hsq, self.loglik)


def search_end(eigen: Eigen | Tridiagonal) -> float:
    """The upper end of the range of h: 1 where V(1) is positive definite, otherwise just before V turns singular."""
    smallest = eigen.values[0]
    if smallest > eigen.zero:
        return 1.0
    return (1.0 - SMALLEST_D) / (1.0 - min(smallest, 0.0))


def search_grid(eigen: Eigen | Tridiagonal) -> np.ndarray:
    """The h at which the likelihood is looked at first: 0, `GRID`, and the upper end."""
    end = search_end(eigen)
    return np.concatenate([[0.0], GRID[GRID < end], [end]])


def estimate_hsq(rotated: Rotated, reml: bool = True) -> Maximum:
    """Maximise REML* (or ML*) over 0 ≤ h ≤ 1.

    The likelihood on a logit-spaced grid with both ends shows every local maximum; Brent's method (scipy's bounded
    scalar minimiser) climbs each; a root of the score then replaces Brent's answer, which rounding keeps from coming
    nearer than about √ε.

    Notes
    -----
    h = 1 is tried only where V is positive definite there. Where the likelihood grows without bound as h → 1 (K is
    singular and its null space cannot see the residual), no estimate is given: `unbounded` is true and hsq NaN. The
    highest maximum before that is in `second`.
    """

    def fit_at(hsq: float) -> WeightedFit:
        return least_squares(rotated, hsq)

    def loglik_at(hsq: float) -> float:
        return loglik(rotated, fit_at(hsq), reml)

    def score_at(hsq: float) -> float:
        return score(rotated, fit_at(hsq), reml)

    grid = search_grid(rotated.eigen)
    end = grid[-1]
    values = np.array([loglik_at(hsq) for hsq in grid])
    resolution = INDISTINGUISHABLE * (1.0 + np.max(np.abs(values))) + _rounding(rotated)
    without_bound = unbounded(rotated, reml)
    if np.ptp(values) <= resolution and not without_bound:
        return Maximum(0.0, float(values[0]), None, True, True, False, None)

    padded = np.concatenate([[-np.inf], values, [-np.inf]])     # so that both ends may be peaks
    peaks = signal.find_peaks(padded, prominence=resolution)[0] - 1
    maxima = []
    for peak in peaks:
        low, high = grid[max(peak - 1, 0)], grid[min(peak + 1, len(grid) - 1)]
        maxima.append(_climb(loglik_at, score_at, low, high, end))
    maxima.sort(key=lambda found: found[1], reverse=True)
    if without_bound:
        inside = [found[:2] for found in maxima if found[0] < end]
        return Maximum(np.nan, np.inf, None, False, False, True, inside[0] if inside else None)
    hsq, highest, converged = maxima[0]
    boundary = "0" if hsq == 0.0 else "1" if hsq == 1.0 else "end" if hsq == end else None
    second = maxima[1][:2] if len(maxima) > 1 else None
    return Maximum(hsq, highest, boundary, converged, False, False, second)


def _climb(loglik_at, score_at, low: float, high: float, end: float) -> tuple[float, float, bool]:
    """The local maximum between low and high: (hsq, loglik, converged)."""
    brent = optimize.minimize_scalar(lambda hsq: -loglik_at(hsq), bounds=(low, high), method="bounded",
                                     options={"xatol": 1e-10})
    candidates = [(float(brent.x), -float(brent.fun), False)]
    score_low, score_high = score_at(low), score_at(high)
    if low == 0.0 and score_low <= 0.0:
        candidates.append((0.0, loglik_at(0.0), True))
    if high == end and score_high >= 0.0:
        candidates.append((end, loglik_at(end), True))
    if score_low > 0.0 > score_high:
        root = optimize.brentq(score_at, low, high, xtol=1e-300, rtol=4.0 * np.finfo(float).eps)
        candidates.append((root, loglik_at(root), True))
    # Brent's answer stands only if it is better by more than rounding than those the score confirms.
    best = max(candidates, key=lambda found: found[1])
    slack = INDISTINGUISHABLE * 1e-3 * (1.0 + abs(best[1]))
    confirmed = [found for found in candidates if found[2] and found[1] >= best[1] - slack]
    return max(confirmed, key=lambda found: found[1]) if confirmed else best


def _rounding(rotated: Rotated) -> float:
    """What rounding moves a log likelihood by, n log(Q/n)/2: n·ε times what cancels before a residual is left."""
    fit = least_squares(rotated, 0.0)
    cancels = np.linalg.norm(rotated.y) + np.linalg.norm(rotated.X, axis=0) @ np.abs(fit.beta)
    return float(len(fit.d) * np.finfo(float).eps * cancels / np.sqrt(fit.rss))


def unbounded(rotated: Rotated, reml: bool) -> bool:
    """Whether the likelihood (REML, or ML) grows without bound as h → 1, so that there is no estimate.

    With u zero eigenvalues and ε = 1 − h, log|V| falls like u log ε. If the residual has a component in null(K),
    Q grows like 1/ε and wins. If it has none, nothing stops ML; REML is held by log|X'V⁻¹X|, which grows like
    −rank(U₀'X) log ε, unless u exceeds that rank.
    """
    return bool(unbounded_of_many(rotated.eigen, rotated.y[:, None], rotated.X, reml)[0])


def unbounded_of_many(eigen: Eigen | Tridiagonal, Y: np.ndarray, X: np.ndarray, reml: bool) -> np.ndarray:
    """`unbounded` for each column of the rotated Y (n, m), with the same rotated covariates X: shape (m,).

    Raises
    ------
    ValueError
        If K is singular and in tridiagonal form: its null space is seen in the eigenvectors' coordinates only.
    """
    null = eigen.values <= eigen.zero
    u = int(np.sum(null))
    if u == 0 or u == len(null):
        return np.zeros(Y.shape[1], dtype=bool)
    if isinstance(eigen, Tridiagonal):
        raise ValueError("K is singular: the tridiagonal form does not show what its null space sees; take eigen_decomposition")
    # Cosines against an orthonormal basis of X: a null space orthogonal to X up to rounding counts as unseen by it.
    basis = np.linalg.qr(X)[0]
    seen, cosines, _ = np.linalg.svd(basis[null], full_matrices=False)
    seen = seen[:, cosines > ROOT_EPSILON]
    unexplained = np.linalg.norm(Y[null] - seen @ (seen.T @ Y[null]), axis=0)
    residual = np.linalg.norm(Y - basis @ (basis.T @ Y), axis=0)
    return (unexplained <= ROOT_EPSILON * residual) & (u > seen.shape[1] if reml else True)
