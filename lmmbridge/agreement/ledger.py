"""The ledger of conventions: how each engine's native answers become ML*, REML*, σ² and h under the problem's own K.

An entry states what the implementation does; `translate` applies it. The formulas are tested against multivariate
normal densities written out. σ² is the total variance, Q/(n−p) under REML and Q/n under ML.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lmmbridge.engines import Evaluation, Optimum
from lmmbridge.inputs import Data

LOG_2PI = float(np.log(2.0 * np.pi))


@dataclass(frozen=True)
class Size:
    """What the constants of a log likelihood depend on."""

    n: int
    p: int
    sum_log_w: float
    logdet_XtX: float
    logdet_XtWX: float

    @classmethod
    def of(cls, data: Data) -> Size:
        n, p = data.X.shape
        w = np.ones(n) if data.weights is None else data.weights
        return cls(n, p, float(np.sum(np.log(w))), _logdet_crossproduct(data.X),
                   _logdet_crossproduct(np.sqrt(w)[:, None] * data.X))


@dataclass(frozen=True)
class Convention:
    """What one engine reports.

    Attributes
    ----------
    to_ml, to_reml : function of Size
        What is added to the reported log likelihood to give ML* and REML*.
    divisor_ml, divisor_reml : function of Size
        What Q is divided by in the reported total variance.
    kinship_multiple : float
        The engine puts this multiple of K in place of K.
    optimum_criterion : str
        "own", or "ML": the criterion evaluated in the log likelihood that comes with ĥ.
    optimum_unit : float
        What that log likelihood is multiplied by to give natural logarithms.
    words : tuple of str
        The same for readers of the report.
    """

    to_ml: Callable[[Size], float]
    to_reml: Callable[[Size], float]
    divisor_ml: Callable[[Size], int]
    divisor_reml: Callable[[Size], int]
    kinship_multiple: float
    optimum_criterion: str
    optimum_unit: float
    words: tuple[str, ...]

    def to_native_hsq(self, hsq: np.ndarray) -> np.ndarray:
        """h under K → h under aK: h/(h + a(1−h))."""
        return hsq / (hsq + self.kinship_multiple * (1.0 - hsq))

    def from_native_hsq(self, native: np.ndarray) -> np.ndarray:
        """h under aK → h under K."""
        return self.kinship_multiple * native / (1.0 - native + self.kinship_multiple * native)

    def _sigmasq(self, native: np.ndarray, hsq: np.ndarray, size: Size, reml: bool) -> np.ndarray:
        """Total variance under aK, with the engine's divisor → under K, with n − p (REML) or n (ML)."""
        own = (self.divisor_reml if reml else self.divisor_ml)(size)
        a = self.kinship_multiple
        return native * own / (size.n - size.p if reml else size.n) * a / (hsq + a * (1.0 - hsq))

    def translate_evaluation(self, native: Evaluation, hsq: np.ndarray, data: Data, reml: bool) -> Evaluation:
        """Native answers at fixed h → ML*/REML*, σ², β; hsq is under K."""
        size = Size.of(data)
        constant = (self.to_reml if reml else self.to_ml)(size)
        sigmasq = None if native.sigmasq is None else self._sigmasq(native.sigmasq, hsq, size, reml)
        return Evaluation(native.loglik + constant, sigmasq, native.beta)

    def optimum_is_reml(self, reml: bool) -> bool:
        """Whether the log likelihood that comes with ĥ is the REML one."""
        return reml and self.optimum_criterion == "own"

    def translate_optimum(self, native: Optimum, data: Data, reml: bool) -> Optimum:
        """Native answers at the engine's own ĥ → ĥ under K, ML*/REML*, σ², β."""
        size = Size.of(data)
        hsq = self.from_native_hsq(native.hsq)
        constant = (self.to_reml if self.optimum_is_reml(reml) else self.to_ml)(size)
        return Optimum(hsq, native.loglik * self.optimum_unit + constant,
                       self._sigmasq(native.sigmasq, hsq, size, reml), native.beta, native.warnings)


def _logdet_crossproduct(A: np.ndarray) -> float:
    return 2.0 * float(np.sum(np.log(np.abs(np.diag(np.linalg.qr(A, mode="r"))))))


def _nothing(size: Size) -> float:
    return 0.0


def _n(size: Size) -> int:
    return size.n


def _n_minus_p(size: Size) -> int:
    return size.n - size.p


def _lmmlite_ml(size: Size) -> float:
    return size.n / 2 * (np.log(size.n) - LOG_2PI - 1.0)


def _lmmlite_reml(size: Size) -> float:
    return size.n / 2 * (np.log(size.n - size.p) - LOG_2PI) - (size.n - size.p) / 2


def _qtl2_ml(size: Size) -> float:
    return _lmmlite_ml(size) + size.sum_log_w / 2


def _qtl2_reml(size: Size) -> float:
    return _lmmlite_reml(size) + size.sum_log_w / 2 + (size.logdet_XtX - size.logdet_XtWX) / 2


_REFERENCE = Convention(
    _nothing, _nothing, _n, _n_minus_p, 1.0, "own", 1.0,
    ("reports ML* and REML* with every constant", "sigmasq is the total variance: Q/(n-p) under REML, Q/n under ML",
     "K as given"))

_LMMLITE = Convention(
    _lmmlite_ml, _lmmlite_reml, _n_minus_p, _n_minus_p, 1.0, "own", 1.0,
    ("ML* = LL + (n/2)(log(n/2π) − 1)", "REML* = LL + (n/2) log(n−p) − (n/2) log 2π − (n−p)/2",
     "sigmasq is the total variance, Q/(n−p) under ML too", "K as given"))

_QTL2 = Convention(
    _qtl2_ml, _qtl2_reml, _n, _n_minus_p, 2.0, "ML", float(np.log(10.0)),
    ("2K in place of K: ĥ = h/(2 − h)", "log likelihoods as lmmlite's; with weights also + ½Σ log w, and under REML "
     "+ ½(log|X'X| − log|X'WX|)", "est_herit returns log10lik, the ML value at ĥ under REML too",
     "resid_sd is the square root of the total variance: Q/(n−p) under REML, Q/n under ML"))

LEDGER: dict[str, Convention] = {
    "python": _REFERENCE,
    "dense": _REFERENCE,
    "r-reference": _REFERENCE,
    "lmmlite-r": _LMMLITE,
    "lmmlite-cpp": _LMMLITE,
    "qtl2": _QTL2,
}
