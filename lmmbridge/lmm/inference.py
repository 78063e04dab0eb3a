"""How sure the estimate of h is: curvature at the top, and the profile likelihood's interval."""
from __future__ import annotations

import numpy as np
from scipy import optimize, stats

from lmmbridge.lmm.estimation import Maximum, search_end
from lmmbridge.lmm.least_squares import least_squares
from lmmbridge.lmm.likelihood import curvature, loglik
from lmmbridge.lmm.rotation import Rotated


def no_inference(maximum: Maximum, level: float = 0.95) -> str | None:
    """Why neither a standard error nor an interval of hsq is given; None where both are."""
    if maximum.unbounded:
        return "the likelihood is unbounded"
    if maximum.flat:
        return "the likelihood is flat in hsq"
    if not maximum.converged:
        return "the maximum was not found to rounding"
    if maximum.boundary is not None:
        return "the maximum is at the end of hsq's range, where the usual asymptotics do not hold"
    if maximum.second is not None and maximum.second[1] >= maximum.loglik - _drop(level):
        return "a second local maximum is nearly as high, so that one interval would not describe the likelihood"
    return None


def standard_error(rotated: Rotated, maximum: Maximum, reml: bool = True) -> float:
    """Standard error of hsq: 1/√(−ℓ''(ĥ)), from the profile likelihood's observed information; NaN without inference."""
    if no_inference(maximum):
        return np.nan
    second_derivative = curvature(rotated, least_squares(rotated, maximum.hsq), reml)
    return float(1.0 / np.sqrt(-second_derivative)) if second_derivative < 0.0 else np.nan


def profile_interval(rotated: Rotated, maximum: Maximum, reml: bool = True, level: float = 0.95) -> tuple[float, float]:
    """Profile-likelihood interval: the h with 2(ℓ(ĥ) − ℓ(h)) ≤ χ²₁(level); (NaN, NaN) without inference.

    An end of the range that lies inside the interval is the interval's end.
    """
    if no_inference(maximum, level):
        return np.nan, np.nan

    def above(hsq: float) -> float:
        return loglik(rotated, least_squares(rotated, hsq), reml) - (maximum.loglik - _drop(level))

    end = search_end(rotated.eigen)
    lower = 0.0 if above(0.0) >= 0.0 else optimize.brentq(above, 0.0, maximum.hsq)
    upper = end if above(end) >= 0.0 else optimize.brentq(above, maximum.hsq, end)
    return float(lower), float(upper)


def _drop(level: float) -> float:
    return 0.5 * float(stats.chi2.ppf(level, 1))
