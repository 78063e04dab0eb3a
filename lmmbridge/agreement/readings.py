"""The number that a `Reading` gives on a problem, and how far a search for ĥ may have left it from there.

Computed by this project's core; eigen decompositions and fits are shared between readings.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
from scipy import optimize

from lmmbridge import lmm
from lmmbridge.agreement.causes import CLIPPED_AT, CONSTANTS, UNITS, Reading, without_weights_determinant
from lmmbridge.agreement.ledger import LOG_2PI, Size
from lmmbridge.inputs import Data
from lmmbridge.lmm.estimation import GRID

#: Brent's own last steps, ε^½ of ĥ: two programs' ĥ may differ by as much.
BRENT_STEP = 5e-8
#: Rounding of a log likelihood, in ε(1 + |loglik|): on a top as flat as that, Brent cannot tell two places apart.
ROUNDING = 64.0
#: … but not further apart than this.
FLAT = 1e-6
#: The tolerance of ĥ where readings without each individual are only looked through.
LOOSE_SCREEN = 1e-5

_SCALES: dict[str, Callable[[np.ndarray], float]] = {
    "as given": lambda K: 1.0, "doubled": lambda K: 2.0, "halved": lambda K: 0.5, "correlation": lambda K: 1.0,
    "mean diagonal": lambda K: 1.0 / float(np.mean(np.diag(K)))}
_WEIGHTS = {"1/variance": lambda w: w, "1/SD": np.square, "SD": lambda w: 1.0 / w**2, "variance": lambda w: 1.0 / w,
            "forgotten": lambda w: None}


class Readings:
    """Values of one quantity of one phenotype under any reading.

    Parameters
    ----------
    samples : dict of Data
        One phenotype each; "observed" is the problem, others are what other programs may make of missing values.
    quantity : str
        "loglik", "hsq", "sigmasq" or "beta".
    hsq : float, optional
        At this value (of whatever K the reading says). Default: at each reading's own ĥ.
    coefficient : str, optional
        Which column's coefficient "beta" is. Default: all of them, as a vector.
    """

    def __init__(self, samples: dict[str, Data], quantity: str, hsq: float | None = None,
                 coefficient: str | None = None) -> None:
        self.samples, self.quantity, self.fixed, self.coefficient = dict(samples), quantity, hsq, coefficient
        for name in ("value", "_kinship", "_eigen", "_data", "_model", "_maximum", "_hsq", "_fit", "_size"):
            setattr(self, name, cache(getattr(self, name)))

    def value(self, reading: Reading) -> np.ndarray:
        """The number (or, for all of β, the vector); NaN where there is none."""
        return self._at(reading, self._hsq(*_place(reading)))

    def slack(self, reading: Reading) -> float:
        """How far off a program may be whose ĥ is as good as this reading's search can make it."""
        if self.fixed is not None:
            return 0.0
        h = self._hsq(*_place(reading))
        if not np.isfinite(h) or (reading.ends and h in (0.0, 1.0)):    # an end that is tried is met exactly
            return 0.0
        return self._around(reading, h, self._precision(reading, h))

    def loose_slack(self, reading: Reading) -> float:
        """The same for any search to within `reading.tol`."""
        h = self._hsq(*_place(replace(reading, search="all maxima", tol=1e-12)))
        return self._around(reading, h, reading.tol + 3.0 * BRENT_STEP) if np.isfinite(h) else 0.0

    def one_left_out(self, reading: Reading) -> np.ndarray:
        """About the value of a reading of plain quantities without each individual in turn, (n,).

        Leaving an individual out is putting its indicator among the columns of X.
        """
        rotated = self._model(*_model(reading))
        return np.array([self._without(reading, rotated, i) for i in range(len(rotated.y))])

    def leave_out(self, individual: int) -> str:
        """Add the sample without this individual; its ID."""
        data = self.samples["observed"]
        kept = np.arange(len(data.ids)) != individual
        self.samples[f"without {data.ids[individual]}"] = replace(
            data, ids=tuple(np.array(data.ids)[kept]), Y=data.Y[kept], X=data.X[kept], K=data.K[np.ix_(kept, kept)],
            weights=None if data.weights is None else data.weights[kept])
        return data.ids[individual]

    # From the problem to the rotated model. Each takes what it depends on, so that readings share it.

    def _kinship(self, sample: str, centred: bool, correlation: bool) -> np.ndarray:
        K = self.samples[sample].K
        if centred:
            K = K - K.mean(axis=0) - K.mean(axis=1)[:, None] + K.mean()
            K = (K + K.T) / 2.0
        if correlation:
            sd = np.sqrt(np.diag(K))
            K = K / np.outer(sd, sd)
        return K

    def _data(self, sample: str, centred: bool, correlation: bool, weights: str, design: str) -> Data:
        data = self.samples[sample]
        w = None if data.weights is None else _WEIGHTS[weights](data.weights)
        X, columns = data.X, data.columns
        if design == "as given":
            X, columns = X[:, 1:], columns[1:]
        elif design == "intercept alone":
            X, columns = np.ones((len(X), 1)), ("intercept",)
        return replace(data, K=self._kinship(sample, centred, correlation), weights=w, X=X, columns=columns)

    def _eigen(self, sample: str, centred: bool, correlation: bool, weights: str) -> lmm.Eigen:
        data = self._data(sample, centred, correlation, weights, "with intercept")
        return lmm.eigen_decomposition(data.K, data.weights)

    def _model(self, sample: str, centred: bool, correlation: bool, weights: str, design: str, scale: str,
               clipped: bool) -> lmm.Rotated:
        data = self._data(sample, centred, correlation, weights, design)
        eigen = self._eigen(sample, centred, correlation, weights)
        rotated = lmm.rotate(eigen, data.Y, data.X)[0]
        values = eigen.values * _SCALES[scale](data.K)
        return replace(rotated, eigen=replace(eigen, values=np.maximum(values, CLIPPED_AT) if clipped else values))

    def _size(self, sample: str, centred: bool, correlation: bool, weights: str, design: str) -> Size:
        return Size.of(self._data(sample, centred, correlation, weights, design))

    # From the model to ĥ.

    def _hsq(self, model: tuple, chosen_by: str, search: str, ends: bool, tol: float) -> float:
        if self.fixed is not None:
            return self.fixed
        *matrix, design, scale, clipped = model
        if search == "one":
            return _one_search(self._criterion(self._model(*model), chosen_by), ends, tol)
        if clipped or chosen_by == "REML with n":
            return self._maximum(model, chosen_by)
        # A multiple of K moves ĥ and not the likelihood, where Q and the determinants have the same powers.
        h = self._maximum((*matrix, design, "as given", False), chosen_by)
        a = _SCALES[scale](self._kinship(*matrix[:3]))
        return h / (h + a * (1.0 - h))

    def _maximum(self, model: tuple, chosen_by: str) -> float:
        rotated = self._model(*model)
        if chosen_by == "REML with n":
            return _highest(self._criterion(rotated, chosen_by), lmm.search_end(rotated.eigen))
        bounded = lmm.estimate_hsq(rotated, chosen_by == "REML").bounded
        return np.nan if bounded is None else bounded[0]

    @staticmethod
    def _criterion(rotated: lmm.Rotated, chosen_by: str) -> Callable[[float], float]:
        def minus_loglik(h: float) -> float:
            try:
                return -_loglik(rotated, lmm.least_squares(rotated, h), chosen_by)
            except ValueError:      # V is not positive definite there
                return np.inf
        return minus_loglik

    def _precision(self, reading: Reading, h: float) -> float:
        rotated = self._model(*_model(reading))
        reml = reading.chosen_by != "ML"
        fit = lmm.least_squares(rotated, h)
        noise = ROUNDING * np.finfo(float).eps * (1.0 + abs(lmm.loglik(rotated, fit, reml)))
        bend = abs(lmm.curvature(rotated, fit, reml))
        return float(np.clip(np.sqrt(2.0 * noise / max(bend, noise)), BRENT_STEP, FLAT))

    # From ĥ to what is reported.

    def _fit(self, model: tuple, h: float) -> lmm.WeightedFit | None:
        try:
            return lmm.least_squares(self._model(*model), h)
        except ValueError:      # V is not positive definite there
            return None

    def _at(self, reading: Reading, h: float) -> np.ndarray:
        fit = self._fit(_model(reading), h) if np.isfinite(h) else None
        if fit is None:
            return np.float64(np.nan)
        if self.quantity == "loglik":
            return self._reported_loglik(reading, fit)
        if self.quantity == "hsq":
            return self._reported_hsq(reading, fit)
        if self.quantity == "sigmasq":
            return _reported_sigmasq(reading, self._model(*_model(reading)), fit)
        if self.coefficient is None:
            return fit.beta
        columns = self._data(*_matrix(reading), reading.design).columns
        return fit.beta[columns.index(self.coefficient)] if self.coefficient in columns else np.float64(np.nan)

    def _reported_loglik(self, reading: Reading, fit: lmm.WeightedFit) -> float:
        size, reml = self._size(*_matrix(reading), reading.design), reading.evaluated_by != "ML"
        value = _loglik(self._model(*_model(reading)), fit, reading.evaluated_by)
        value += CONSTANTS[reading.gaussian](size, reml)
        if reml and not reading.logdet_XtX:
            value -= size.logdet_XtX / 2
        if reading.of_weighted_data:
            value += without_weights_determinant(size, reml)
        return value * UNITS[reading.unit]

    def _reported_hsq(self, reading: Reading, fit: lmm.WeightedFit) -> float:
        h = fit.hsq
        with np.errstate(divide="ignore"):
            if reading.estimand == "g/e":
                return np.float64(h) / (1.0 - h)
            if reading.estimand == "e/g":
                return np.float64(1.0 - h) / h
        if reading.estimand == "1 - h":
            return 1.0 - h
        if reading.estimand == "pve":
            K = self._kinship(reading.sample, True, False)
            s = float(np.mean(np.diag(K))) * _SCALES[reading.scale](self._kinship(*_matrix(reading)[:3]))
            return s * h / (s * h + 1.0 - h)
        if reading.estimand == "with covariates":
            sigmasq = _reported_sigmasq(reading, self._model(*_model(reading)), fit)
            fixed = float(np.var(self._data(*_matrix(reading), reading.design).X @ fit.beta))
            return h * sigmasq / (fixed + sigmasq)
        return h

    def _around(self, reading: Reading, h: float, width: float) -> float:
        here = self._at(reading, h)
        ends = [self._at(reading, float(np.clip(h + step, 0.0, 1.0))) for step in (-width, width)]
        return float(np.nan_to_num(max(np.linalg.norm(end - here) for end in ends)))

    def _without(self, reading: Reading, rotated: lmm.Rotated, i: int) -> float:
        data, reml, n = self.samples["observed"], reading.chosen_by == "REML", len(rotated.y)
        kept = np.arange(n) != i
        row = rotated.eigen.vectors[i] * (1.0 if data.weights is None else np.sqrt(data.weights[i]))
        logdet_XtX = float(np.linalg.slogdet(data.X[kept].T @ data.X[kept])[1])
        one_less = replace(rotated, X=np.column_stack([rotated.X, row]), logdet_XtX=logdet_XtX)

        def loglik(fit: lmm.WeightedFit) -> float:
            """ML* or REML* of the others, from |V| without i = |V| (V⁻¹)_ii, which REML has in its |X'V⁻¹X|."""
            if reml:
                return lmm.loglik(one_less, fit, True)
            logdet = float(np.sum(np.log(fit.d)) + np.log(np.sum(row**2 / fit.d))) - rotated.logdet_W
            return -0.5 * ((n - 1) * (LOG_2PI + np.log(fit.rss / (n - 1)) + 1.0) + logdet)

        def minus_loglik(h: float) -> float:
            try:
                return -loglik(lmm.least_squares(one_less, h))
            except ValueError:      # V is not positive definite there
                return np.inf

        h = self.fixed if self.fixed is not None else _one_search(minus_loglik, True, LOOSE_SCREEN)
        try:
            fit = lmm.least_squares(one_less, h)
        except ValueError:
            return np.nan
        if self.quantity == "loglik":
            return loglik(fit)
        if self.quantity == "hsq":
            return h
        if self.quantity == "sigmasq":
            return fit.rss / (n - rotated.X.shape[1] - 1 if reml else n - 1)
        return np.nan if self.coefficient is None else float(fit.beta[data.columns.index(self.coefficient)])


def _matrix(reading: Reading) -> tuple:
    """What the eigen decomposition depends on."""
    return reading.sample, reading.centred, reading.scale == "correlation", reading.weights


def _model(reading: Reading) -> tuple:
    """What the likelihood of h depends on."""
    return (*_matrix(reading), reading.design, reading.scale, reading.clipped)


def _place(reading: Reading) -> tuple:
    """What ĥ depends on."""
    return _model(reading), reading.chosen_by, reading.search, reading.ends, reading.tol


def _loglik(rotated: lmm.Rotated, fit: lmm.WeightedFit, criterion: str) -> float:
    if criterion != "REML with n":
        return lmm.loglik(rotated, fit, criterion == "REML")
    return lmm.loglik(rotated, fit, False) - 0.5 * (fit.logdet_XtViX - rotated.logdet_XtX)


def _reported_sigmasq(reading: Reading, rotated: lmm.Rotated, fit: lmm.WeightedFit) -> float:
    n, p = rotated.X.shape
    divisor = reading.divisor if reading.divisor != "own" else "n-p" if reading.chosen_by == "REML" else "n"
    sigmasq = fit.rss / (n if divisor == "n" else n - p)
    sigmasq *= {"genetic": fit.hsq, "residual": 1.0 - fit.hsq}.get(reading.estimand, 1.0)
    return np.sqrt(sigmasq) if reading.root else sigmasq


def _one_search(minus_loglik: Callable[[float], float], ends: bool, tol: float) -> float:
    """ĥ of one Brent search over (0, 1), as lmmlite and qtl2 do it."""
    found = float(optimize.minimize_scalar(minus_loglik, bounds=(0.0, 1.0), method="bounded",
                                           options={"xatol": tol}).x)
    return min([found, 0.0, 1.0] if ends else [found], key=minus_loglik)


def _highest(minus_loglik: Callable[[float], float], end: float) -> float:
    """ĥ of the highest maximum that shows on the grid of `lmm.estimate_hsq`."""
    grid = np.concatenate([[0.0], GRID[GRID < end], [end]])
    values = [minus_loglik(h) for h in grid]
    top = int(np.argmin(values))
    bounds = grid[max(top - 1, 0)], grid[min(top + 1, len(grid) - 1)]
    found = optimize.minimize_scalar(minus_loglik, bounds=bounds, method="bounded", options={"xatol": 1e-12})
    return float(found.x) if found.fun < values[top] else float(grid[top])
