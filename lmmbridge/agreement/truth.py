"""What is right: what the arbiter says of problems small enough for it, the dense engine of others."""
from __future__ import annotations

import numpy as np

from lmmbridge.agreement import arbiter
from lmmbridge.agreement.scan_models import Place
from lmmbridge.engines import EngineFailure, Evaluation
from lmmbridge.engines.dense import gls
from lmmbridge.inputs import Data

#: Who speaks → what the verdicts call its number.
WORDS = {"arbiter": "the arbiter's value", "dense": "the dense value"}


class Truth:
    """The right answers to one problem, in doubles.

    Parameters
    ----------
    data : Data

    Attributes
    ----------
    by : str
        "arbiter" or "dense".
    arbiter : Arbiter or None
    """

    def __init__(self, data: Data) -> None:
        self.data = data
        self.arbiter = arbiter.Arbiter(data) if len(data.ids) <= arbiter.LARGEST else None
        self.by = "dense" if self.arbiter is None else "arbiter"
        self._known: dict[tuple[float, int, bool], Evaluation] = {}

    def at(self, hsq: float, column: int, reml: bool) -> Evaluation:
        """Log likelihood, σ² and β of one phenotype at one h; NaN where V is not positive definite."""
        asked = hsq, column, reml
        if asked not in self._known:
            try:
                self._known[asked] = self._at(*asked)
            except (EngineFailure, arbiter.NotPositiveDefinite):
                none = np.full((1, 1), np.nan)
                self._known[asked] = Evaluation(none, none, np.full((1, self.data.X.shape[1], 1), np.nan))
        return self._known[asked]

    def loglik(self, hsq: float, column: int, reml: bool) -> float:
        return float(self.at(hsq, column, reml).loglik[0, 0])

    def _at(self, hsq: float, column: int, reml: bool) -> Evaluation:
        if self.arbiter is not None:
            return self.arbiter.at(hsq, reml, column).rounded()
        loglik, sigmasq, beta = gls(self.data, hsq, self.data.Y[:, [column]], reml)
        return Evaluation(loglik[None], sigmasq[None], beta[None])


def right_lod(place: Place, hsq: float | None) -> tuple[str, float]:
    """Who speaks, and the right LOD score at a place, at hsq under twice the kinship matrix."""
    if len(place.individuals()) <= arbiter.LARGEST:
        return "arbiter", float(arbiter.lod(*place.models(hsq)))
    return "dense", place.dense_lod(hsq)
