"""The register of known divergences: where an implementation departs from the mathematics, as executable cases.

An entry explains a difference only if its stated fault, computed here, reproduces the observed number. `check` runs
the smallest case that shows it, and so notices when upstream has mended it.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from lmmbridge.agreement import simulation
from lmmbridge.agreement.ledger import LEDGER, Convention
from lmmbridge.agreement.tolerances import tolerances
from lmmbridge.engines import ENGINES, EngineFailure
from lmmbridge.engines.dense import gls
from lmmbridge.engines.r_engines import TOLERANCE, load, shared_session
from lmmbridge.inputs import Data

#: How near a reproduced ĥ must be to the observed one: a few of Brent's own steps, (√ε h + tol)/3 each …
REPRODUCED = 5e-8
#: … or, where rounding on a flat top moves Brent further, within this and of equal likelihood.
SAME_TOP = 1e-4


@dataclass(frozen=True)
class Observation:
    """A difference at the optimum that wants an explanation: one engine's ĥ for one phenotype.

    Attributes
    ----------
    engine : str
    data : Data
    column : int
        Which phenotype.
    reml : bool
    hsq : float
        The engine's ĥ, under K.
    highest : float
        The highest log likelihood that any engine found.
    """

    engine: str
    data: Data
    column: int
    reml: bool
    hsq: float
    highest: float

    def loglik(self, hsq: float) -> float:
        """The dense log likelihood at hsq (under K); −inf where V is not positive definite."""
        try:
            return float(gls(self.data, hsq, self.data.Y[:, [self.column]], self.reml)[0][0])
        except EngineFailure:
            return -np.inf

    def is_optimal(self, hsq: float) -> bool:
        """Whether hsq loses nothing against the best."""
        return self.highest - self.loglik(hsq) <= tolerances()["optimum"]["limit"]

    def is_reproduced_by(self, hsq: float) -> bool:
        """Whether hsq is the engine's ĥ, or another place on the same flat top."""
        apart = abs(hsq - self.hsq)
        if apart <= SAME_TOP and abs(self.loglik(hsq) - self.loglik(self.hsq)) <= tolerances()["optimum"]["limit"]:
            return True
        return apart <= REPRODUCED


@dataclass(frozen=True)
class Finding:
    """What an entry's executable case found.

    Attributes
    ----------
    shown : bool
        Whether the installed version still shows the divergence.
    observed, right : float
        What the implementation gives, and what the mathematics gives.
    """

    shown: bool
    observed: float
    right: float


@dataclass(frozen=True)
class Divergence:
    """An entry of the register.

    Attributes
    ----------
    name : str
    engines : tuple of str
        Whom it concerns.
    statement : str
    seen_in : str
        Versions in which it was seen.
    check : function
        Runs the smallest case on the live engine.
    reproduces : function or None
        Whether the stated fault gives the observed ĥ. None where the ledger already translates the difference.
    """

    name: str
    engines: tuple[str, ...]
    statement: str
    seen_in: str
    check: Callable[[], Finding]
    reproduces: Callable[[Observation], bool] | None = None


def explanation(observation: Observation) -> Divergence | None:
    """The entry whose fault reproduces the observation, if there is one."""
    for entry in REGISTER:
        if observation.engine in entry.engines and entry.reproduces and entry.reproduces(observation):
            return entry
    return None


def single_search(observation: Observation, ends: bool) -> float:
    """ĥ (under K) of one Brent search over the engine's own (0, 1), with or without the ends, on the dense likelihood."""
    convention = LEDGER[observation.engine]

    def negative(native: float) -> float:
        return -observation.loglik(float(convention.from_native_hsq(native)))

    found = optimize.minimize_scalar(negative, bounds=(0.0, 1.0), method="bounded", options={"xatol": TOLERANCE})
    candidates = [float(found.x)] + ([0.0, 1.0] if ends else [])
    return float(convention.from_native_hsq(min(candidates, key=negative)))


def _stops_short_of_the_end(observation: Observation) -> bool:
    """The search without the ends gives the observed ĥ; with them it would have found the best."""
    return (observation.is_reproduced_by(single_search(observation, ends=False))
            and observation.is_optimal(single_search(observation, ends=True)))


def _climbs_the_lower_maximum(observation: Observation) -> bool:
    """A single search, with the ends if the engine tries them, gives the observed ĥ."""
    return observation.is_reproduced_by(single_search(observation, ends=observation.engine != "lmmlite-r"))


def _twins(h: float, n: int = 12) -> Data:
    """A sib-pair problem whose REML estimate is at the boundary h (0 or 1): sibs alike, or opposite."""
    sib = np.kron(np.eye(n // 2), np.array([[1.0, 0.5], [0.5, 1.0]]))
    size = np.repeat(np.arange(1.0, n // 2 + 1), 2)
    y = size if h == 1.0 else np.tile([1.0, -1.0], n // 2) * size
    ids = tuple(f"i{i + 1}" for i in range(n))
    return Data(ids, ("y",), (0,), ("intercept",), y[:, None], np.ones((n, 1)), sib, None, ())


def _boundary_not_tried() -> Finding:
    answer = ENGINES["lmmlite-r"].optimum(_twins(1.0), reml=True).hsq[0]
    return Finding(bool(answer != 1.0), float(answer), 1.0)


def _sigmasq_under_ml() -> Finding:
    data = _twins(1.0)
    hsq = np.array([[0.5]])
    observed = float(ENGINES["lmmlite-r"].at_hsq(data, hsq, reml=False).sigmasq[0, 0])
    right = float(gls(data, 0.5, data.Y, reml=False)[1][0])
    return Finding(not np.isclose(observed, right, rtol=tolerances()["sigmasq"]["limit"]), observed, right)


def _local_maximum() -> Finding:
    data = simulation.two_maxima()
    right = float(ENGINES["dense"].optimum(data, reml=True).hsq[0])
    observed = float(ENGINES["lmmlite-cpp"].optimum(data, reml=True).hsq[0])
    return Finding(abs(observed - right) > REPRODUCED, observed, right)


def _constant_covariate() -> Finding:
    """ĥ (under K) of est_herit with covariates (1, x₁, x₂): it keeps the constant twice and loses x₂."""
    rng = np.random.default_rng(0)
    n = 40
    X = np.column_stack([np.ones(n), np.arange(n) % 2.0, np.arange(n) / 4.0])
    family = np.kron(np.eye(n // 4), np.ones((4, 4)))
    y = X[:, 2] / 3.0 + family @ rng.normal(size=n) / 4.0 + rng.normal(size=n)
    ids = tuple(f"i{i + 1}" for i in range(n))
    data = Data(ids, ("y",), (0,), ("intercept", "x1", "x2"), y[:, None], X, (family + np.eye(n)) / 2.0, None, ())
    load(data)
    native = float(shared_session().call("qtl2_optimum_with_constant", True, TOLERANCE).value["hsq"])
    observed = float(LEDGER["qtl2"].from_native_hsq(native))
    right = float(ENGINES["dense"].optimum(data, reml=True).hsq[0])
    return Finding(abs(observed - right) > 1e-3, observed, right)


REGISTER: tuple[Divergence, ...] = (
    Divergence(
        "lmmlite-boundary", ("lmmlite-r",),
        "lmmlite fitLMM(use_cpp=FALSE) ignores check_boundary: the search stops a step short of hsq = 0 or 1",
        "lmmlite 0.2-2", _boundary_not_tried, _stops_short_of_the_end),
    Divergence(
        "lmmlite-ml-variance", ("lmmlite-r", "lmmlite-cpp"),
        "lmmlite's sigmasq divides by n − p under ML too; the ledger translates it", "lmmlite 0.2-2",
        _sigmasq_under_ml),
    Divergence(
        "single-search", ("lmmlite-r", "lmmlite-cpp", "qtl2"),
        "one Brent search over (0, 1) may climb the lower of two maxima of the likelihood", "lmmlite 0.2-2, qtl2 0.46",
        _local_maximum, _climbs_the_lower_maximum),
    Divergence(
        "qtl2-constant-covariate", ("qtl2",),
        "qtl2 est_herit with a constant column in addcovar keeps that column and drops the last covariate instead "
        "(drop_depcols applies the positions within the reduced matrix to the full one)", "qtl2 0.46",
        _constant_covariate),
)
