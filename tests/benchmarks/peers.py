"""What stands beside us: functions of R packages, timed inside R (peers.R), and GEMMA."""
from __future__ import annotations

import resource
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from inputs import Inputs

from lmmbridge.engines import gemma
from lmmbridge.qtl2 import to_r
from lmmbridge.rlink import RLinkError, RSession

Answers = dict[str, np.ndarray]


def r_session() -> RSession:
    """An R of its own, with peers.R; where there is no R, its first call says so."""
    session = RSession()
    try:
        session.source(Path(__file__).with_name("peers.R"))
    except RLinkError:
        pass
    return session


@dataclass(frozen=True, eq=False, kw_only=True)
class Peer(ABC):
    """One peer of a case.

    Attributes
    ----------
    name : str
    factor : float
        Its time is multiplied by this, since it is timed on a part of the work.
    remark : str
        What the table says about that.
    """

    factor: float = 1.0
    remark: str = ""

    @abstractmethod
    def missing(self, session: RSession) -> str | None:
        """Why it is not available, and how to get it; None where it is."""

    @abstractmethod
    def prepare(self, inputs: Inputs, session: RSession) -> None:
        """Give it the inputs."""

    @abstractmethod
    def timed(self, inputs: Inputs, session: RSession, cores: int, repeats: int) -> tuple[float, Answers]:
        """Seconds of one of several runs in a row, without the factor, and what it found."""

    @abstractmethod
    def memory(self, inputs: Inputs, session: RSession, cores: int) -> dict[str, float]:
        """Bytes of its process `before` and at the `peak` of one run."""


@dataclass(frozen=True, eq=False)
class RPeer(Peer):
    """A function of peers.R, of an R package.

    Attributes
    ----------
    part : callable
        The part of the inputs that it is timed on.
    """

    name: str
    package: str
    function: str
    arguments: dict[str, Any] = field(default_factory=dict)
    part: Callable[[Inputs], Inputs] = lambda inputs: inputs
    remedy: str = "run make setup"

    def missing(self, session: RSession) -> str | None:
        try:
            there = session.eval(f'requireNamespace("{self.package}", quietly = TRUE)').value
        except RLinkError as error:
            return f"not available: {error}"
        return None if there else f"not available: the R package {self.package} is missing; {self.remedy}"

    def prepare(self, inputs: Inputs, session: RSession) -> None:
        part = self.part(inputs)
        held = {name: getattr(part, name) for name in ("probs", "kinship", "pheno", "covar", "Xcovar")}
        session.call("hold", {name: None if value is None else to_r(value) for name, value in held.items()})

    def timed(self, inputs: Inputs, session: RSession, cores: int, repeats: int) -> tuple[float, Answers]:
        found = session.call("timed", self.function, repeats, {"cores": cores, **self.arguments}).value
        return found["seconds"], {name: np.asarray(values) for name, values in found["answers"].items()}

    def memory(self, inputs: Inputs, session: RSession, cores: int) -> dict[str, float]:
        return dict(session.call("memory", self.package, self.function, {"cores": cores, **self.arguments}).value)


@dataclass(frozen=True, eq=False)
class GemmaPeer(Peer):
    """GEMMA on the files of the inputs: its whole process, or what its log says of the computation."""

    name: str
    mode: int
    whole: bool

    def missing(self, session: RSession) -> str | None:
        there = gemma.availability()
        return None if there.version else f"not available: {there.remedy}"

    def prepare(self, inputs: Inputs, session: RSession) -> None:
        """Its files are there."""

    def timed(self, inputs: Inputs, session: RSession, cores: int, repeats: int) -> tuple[float, Answers]:
        runs = [gemma.run(Path(inputs.folder.name), self.mode, threads=cores) for _ in range(repeats)]
        test, hsq = ("p_wald", "hsq_remle") if self.mode == 1 else ("p_lrt", "hsq_mle")
        table = runs[-1].table
        seconds = [run.times.wall if self.whole else run.times.eigen + run.times.UtX + run.times.optimization for run in runs]
        return float(np.mean(seconds)), {"p": table[test].to_numpy(), "hsq": table[hsq].to_numpy()}

    def memory(self, inputs: Inputs, session: RSession, cores: int) -> dict[str, float]:
        gemma.run(Path(inputs.folder.name), self.mode, threads=cores)
        return {"before": 0.0, "peak": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024.0}
