"""How far double precision carries a problem: condition numbers, and the tolerances that follow from them."""
from __future__ import annotations

from functools import cache
from importlib import resources

import numpy as np
import yaml

from lmmbridge.agreement import tolerances as agreement
from lmmbridge.agreement.points import condition_X, condition_y
from lmmbridge.inputs import Data
from lmmbridge.lmm import eigen_decomposition, rotate, unbounded


@cache
def tolerance(name: str) -> float:
    """The number of that name in tolerances.yaml of this folder, where its reason stands."""
    entries = yaml.safe_load(resources.files(__package__).joinpath("tolerances.yaml").read_text("utf-8"))
    return float(entries[name]["value"])


class Conditioning:
    """Condition numbers of a problem at g values of hsq.

    Attributes
    ----------
    V : ndarray, shape (g,)
        The largest of three: of V = hK + (1−h)W⁻¹, of W½VW½, which engines use, and of V as a function of h (its
        relative change over that of h). Infinite where V is not positive definite.
    X : float
        Of X with columns scaled to length 1.
    y : float
        How much cancels before a residual is left (`lmmbridge.agreement.points.condition_y`); the worst phenotype's.
    n : int
    """

    def __init__(self, data: Data, hsq: np.ndarray) -> None:
        self.n = len(data.ids)
        noise = np.ones(self.n) if data.weights is None else 1.0 / data.weights
        root = 1.0 / np.sqrt(noise)
        values = np.linalg.eigvalsh(root[:, None] * data.K * root)
        self.V = np.array([_condition(data.K, noise, values, h) for h in hsq])
        self.X = condition_X(data.X)
        self.y = float(np.max(condition_y(data.Y, data.X)))

    @property
    def tolerance(self) -> np.ndarray:
        """How far rounding may move an answer on its own scale, c·ε·n·cond(V)·max(cond(X), cond(y)), shape (g,).

        The c and the scales are those by which engines are compared; here there is no limit to how bad it may be, but
        `good` says where it is so bad that right and wrong look alike.
        """
        c = agreement.tolerances()["loglik"]["rounding"]
        return c * np.finfo(float).eps * self.n * self.V * max(self.X, self.y)

    @property
    def good(self) -> np.ndarray:
        """At which hsq right and wrong can be told apart, shape (g,)."""
        return self.tolerance <= tolerance("told apart")


def _condition(K: np.ndarray, noise: np.ndarray, values: np.ndarray, h: float) -> float:
    d = h * values + 1.0 - h
    if not np.min(d) > 0.0:
        return np.inf
    rotated, by_h = np.max(d) / np.min(d), h * np.max(np.abs(values - 1.0) / d)
    if np.ptp(noise) == 0.0:
        return float(max(rotated, by_h))
    V = np.linalg.eigvalsh(h * K + (1.0 - h) * np.diag(noise))
    return float(max(rotated, V[-1] / V[0], by_h)) if V[0] > 0.0 else np.inf


def without_maximum(data: Data, reml: bool) -> bool:
    """Whether the likelihood of some phenotype grows without bound, so that no optimum is right or wrong."""
    return any(unbounded(one, reml) for one in rotate(eigen_decomposition(data.K, data.weights), data.Y, data.X))
