"""An engine whose answers were recorded where it ran: it answers what it was asked then, and nothing else."""
from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pandas as pd

from lmmbridge.engines.base import Availability, Engine, EngineFailure, Evaluation, Optimum
from lmmbridge.inputs import Data
from lmmbridge.qtl2.scan1 import Scan1
from lmmbridge.qtl2.scan_data import ScanData

#: Of a recorded answer: content hash of the problem, and whether it was asked by REML.
Asked = tuple[str, bool]


class NotRecorded(EngineFailure):
    """The engine was not asked this when it was recorded."""


class RecordedEngine(Engine):
    """The recorded answers of an engine.

    Parameters
    ----------
    engine : Engine
        The one that was recorded, which need not be here.
    version : str
        Of what ran.
    build : str or None
    recorded : str
        When and on what.
    blas : dict
        What "R's BLAS" and "Python's BLAS" were there.
    digest : str
        Hash of the answers.
    """

    def __init__(self, engine: Engine, version: str, build: str | None, recorded: str, blas: dict[str, str | None],
                 digest: str = "") -> None:
        self.digest = digest
        self.name, self.description, self.search = engine.name, engine.description, engine.search
        self.computes, self.takes_weights, self.scans = engine.computes, engine.takes_weights, engine.scans
        self.linear_algebra = blas.get(engine.linear_algebra, engine.linear_algebra)
        self._availability = Availability(version, build=build, recorded=recorded)
        #: What was asked at fixed hsq: hsq (g, m), on the engine's own scale, and the answers.
        self.points: dict[Asked, tuple[np.ndarray, Evaluation]] = {}
        self.optima: dict[Asked, Optimum] = {}
        self.own_scans: dict[Asked, Scan1] = {}
        #: At its own hsq handed over, where that gives other numbers than its own scan.
        self.at_own_hsq: dict[Asked, Scan1] = {}
        #: Peaks of its own scan, by what was asked for: threshold, drop, prob.
        self.own_peaks: dict[tuple[Asked, tuple], pd.DataFrame] = {}
        #: What it could not answer, in its own words.
        self.failures: dict[Asked, str] = {}

    def about(self, data: Data | ScanData) -> RecordedEngine:
        """With the answers to one problem alone."""
        found, wanted = copy.copy(self), data.content_hash
        for name in ("points", "optima", "own_scans", "at_own_hsq", "failures"):
            setattr(found, name, {asked: one for asked, one in getattr(self, name).items() if asked[0] == wanted})
        found.own_peaks = {key: one for key, one in self.own_peaks.items() if key[0][0] == wanted}
        return found

    def availability(self) -> Availability:
        return self._availability

    def answerable(self, data: Data, hsq: np.ndarray, reml: bool) -> np.ndarray:
        return self._rows(data, hsq, reml) >= 0

    def at_hsq(self, data: Data, hsq: np.ndarray, reml: bool) -> Evaluation:
        """Recorded answers; NaN where there is none."""
        if (data.content_hash, reml) not in self.points:
            raise NotRecorded(f"{self.name} was not asked this problem at fixed hsq when it was recorded")
        rows = self._rows(data, hsq, reml)
        _, answers = self.points[data.content_hash, reml]
        columns = np.arange(hsq.shape[1])[None]

        def pick(values: np.ndarray) -> np.ndarray:
            found = values[rows, columns] if values.ndim == 2 else np.moveaxis(values, 1, 2)[rows, columns]
            missing = rows < 0 if values.ndim == 2 else (rows < 0)[..., None]
            found = np.where(missing, np.nan, found)
            return found if values.ndim == 2 else np.moveaxis(found, 2, 1)

        return Evaluation(*(None if values is None else pick(values)
                            for values in (answers.loglik, answers.sigmasq, answers.beta)))

    def optimum(self, data: Data, reml: bool) -> Optimum:
        return self._answer(self.optima, data.content_hash, reml)

    def scan(self, data: ScanData, reml: bool, hsq: pd.DataFrame | None = None) -> Scan1:
        own = self._answer(self.own_scans, data.content_hash, reml)
        if hsq is not None and not (own.hsq is not None and hsq.equals(own.hsq)):
            raise NotRecorded(f"{self.name} was not asked to scan at this hsq when it was recorded")
        return own if hsq is None else self.at_own_hsq.get((data.content_hash, reml), own)

    def peaks(self, data: ScanData, scan: Scan1, threshold: float, drop: float | None = None,
              prob: float | None = None) -> pd.DataFrame:
        for asked, own in self.own_scans.items():
            if own is scan and (asked, (threshold, drop, prob)) in self.own_peaks:
                return self.own_peaks[asked, (threshold, drop, prob)]
        raise NotRecorded(f"{self.name} was not asked for the peaks of this scan when it was recorded")

    def _answer(self, answers: dict[Asked, Any], content_hash: str, reml: bool) -> Any:
        asked = content_hash, reml
        if asked in self.failures:
            raise EngineFailure(self.failures[asked])
        if asked not in answers:
            raise NotRecorded(f"{self.name} was not asked this problem when it was recorded")
        return answers[asked]

    def _rows(self, data: Data, hsq: np.ndarray, reml: bool) -> np.ndarray:
        """For each h and phenotype the row of its recorded answer, or −1; the very same double is asked for."""
        if (data.content_hash, reml) not in self.points:
            return np.full(hsq.shape, -1)
        recorded, _ = self.points[data.content_hash, reml]
        rows = np.full(hsq.shape, -1)
        for j in range(hsq.shape[1]):
            at = {h: i for i, h in enumerate(recorded[:, j].tolist())}
            rows[:, j] = [at.get(h, -1) for h in hsq[:, j].tolist()]
        return rows
