"""Numbers that are off the dense ones and want an explanation."""
from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lmmbridge.agreement.scan_models import Place
from lmmbridge.agreement.tolerances import tolerances
from lmmbridge.engines import EngineFailure
from lmmbridge.engines.dense import gls
from lmmbridge.inputs import Data

#: How near a reproduced ĥ must be to the observed one: a few of Brent's own steps, (√ε h + tol)/3 each …
REPRODUCED = 5e-8
#: … or, where rounding on a flat top moves Brent further, within this and of equal likelihood.
SAME_TOP = 1e-4


class ByContent:
    """Equal where all fields are, the data by their content hash: what was explained once need not be again."""

    def _content(self) -> tuple:
        return tuple(value.content_hash if isinstance(value, Data) else value for value in vars(self).values())

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._content() == other._content()

    def __hash__(self) -> int:
        return hash(self._content())


@dataclass(frozen=True, eq=False)
class OptimumOff(ByContent):
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
        if not np.isfinite(hsq):
            return -np.inf
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


@dataclass(frozen=True, eq=False)
class ValueOff(ByContent):
    """A value at fixed h that is off the dense one and wants an explanation.

    Attributes
    ----------
    engine : str
    data : Data
    column : int
        Which phenotype.
    reml : bool
    hsq : float
        Under K.
    quantity : str
        "loglik", "sigmasq" or "beta".
    difference : float
        On the quantity's own scale; infinite where the engine gave no number.
    """

    engine: str
    data: Data
    column: int
    reml: bool
    hsq: float
    quantity: str
    difference: float


@dataclass(frozen=True, eq=False)
class LodOff:
    """A LOD score at given hsq that is off the dense one and wants an explanation.

    Attributes
    ----------
    engine : str
    place : Place
    hsq : float or None
        Under twice the kinship matrix; None without kinship.
    lod, right : float
        The engine's LOD score, and the dense one.
    """

    engine: str
    place: Place
    hsq: float | None
    lod: float
    right: float


#: What an entry of the register may explain.
Observation = OptimumOff | ValueOff | LodOff


def one_phenotype(data: Data, column: int) -> Data:
    """The same problem with one of its phenotypes."""
    return replace(data, Y=data.Y[:, [column]], phenotypes=(data.phenotypes[column],),
                   positions=(data.positions[column],))
