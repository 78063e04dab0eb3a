"""`python`: this project's core, `lmmbridge.lmm`."""
from __future__ import annotations

import numpy as np
import pandas as pd

from lmmbridge import __version__, lmm
from lmmbridge.engines.base import Availability, Engine, Evaluation, Optimum
from lmmbridge.inputs import Data
from lmmbridge.qtl2.peaks import find_peaks
from lmmbridge.qtl2.scan1 import Scan1, scan1
from lmmbridge.qtl2.scan_data import ScanData


class PythonEngine(Engine):
    name = "python"
    scans = True
    description = "lmmbridge.lmm: eigen decomposition by LAPACK, weighted least squares by QR"
    linear_algebra = "Python's BLAS"
    search = "Brent around every local maximum of a grid, polished on the score; both ends tried"

    def __init__(self) -> None:
        self._held: tuple[str, list[lmm.Rotated]] = ("", [])

    def availability(self) -> Availability:
        return Availability(__version__)

    def at_hsq(self, data: Data, hsq: np.ndarray, reml: bool) -> Evaluation:
        rotated = self._rotated(data)
        loglik, sigmasq = np.empty(hsq.shape), np.empty(hsq.shape)
        beta = np.empty((len(hsq), data.X.shape[1], hsq.shape[1]))
        for j, phenotype in enumerate(rotated):
            for i, h in enumerate(hsq[:, j]):
                fit = lmm.least_squares(phenotype, h)
                loglik[i, j] = lmm.loglik(phenotype, fit, reml)
                sigmasq[i, j] = fit.rss / lmm.degrees_of_freedom(phenotype, reml)
                beta[i, :, j] = fit.beta
        return Evaluation(loglik, sigmasq, beta)

    def optimum(self, data: Data, reml: bool) -> Optimum:
        fits = [lmm.fit(phenotype, reml) for phenotype in self._rotated(data)]
        return Optimum(hsq=np.array([fit.hsq for fit in fits]), loglik=np.array([fit.loglik for fit in fits]),
                       sigmasq=np.array([fit.sigmasq for fit in fits]),
                       beta=np.column_stack([fit.beta for fit in fits]),
                       warnings=tuple(f"{name}: {note}" for name, fit in zip(data.phenotypes, fits)
                                      for note in fit.notes))

    def scan(self, data: ScanData, reml: bool, hsq: pd.DataFrame | None = None) -> Scan1:
        return scan1(**data.arguments, reml=reml, hsq=hsq, quiet=True)

    def peaks(self, data: ScanData, scan: Scan1, threshold: float, drop: float | None = None,
              prob: float | None = None) -> pd.DataFrame:
        return find_peaks(scan, data.map, threshold, drop=drop, prob=prob)

    def _rotated(self, data: Data) -> list[lmm.Rotated]:
        """The rotated phenotypes of the problem at hand; the last problem's are kept."""
        if self._held[0] != data.content_hash:
            eigen = lmm.eigen_decomposition(data.K, data.weights)
            self._held = (data.content_hash, lmm.rotate(eigen, data.Y, data.X))
        return self._held[1]
