"""The engines that run in R: `r-reference`, `lmmlite-r`, `lmmlite-cpp`, `qtl2`; the R code is in r_engines.R."""
from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lmmbridge import rlink
from lmmbridge.engines.base import Availability, Engine, EngineFailure, Evaluation, Optimum
from lmmbridge.inputs import Data
from lmmbridge.qtl2.r_objects import from_r, to_r
from lmmbridge.qtl2.scan1 import Scan1
from lmmbridge.qtl2.scan_data import ScanData
from lmmbridge.rlink import RAnswer, RLinkError, RSession, RUnavailable

#: Brent's tolerance for the engines that take one: as tight as the likelihood's flat top makes sense of.
TOLERANCE = 1e-12


@cache
def shared_session() -> RSession:
    """The shared R of this process, with the engines' R code."""
    session = rlink.shared_session()
    for name in ("r_engines.R", "r_function.R", "scans.R"):
        session.source(Path(__file__).with_name(name))
    return session


def load(data: Data) -> None:
    """Make `data` the problem that R holds, unless it is; refuse to go on if R does not hold it to the bit."""
    session = shared_session()
    content_hash = data.content_hash
    if session.call("loaded_problem").value == content_hash:
        return
    session.call("load_problem", content_hash, data.K, data.Y, data.X, data.weights, np.array(data.ids))
    held = session.call("read_back").value
    ids = tuple(np.atleast_1d(held["ids"]))
    n, m, p = len(data.ids), data.Y.shape[1], data.X.shape[1]
    weights = None if held["weights"] is None else np.atleast_1d(held["weights"])
    copy = Data(ids, data.phenotypes, data.positions, data.columns, np.reshape(held["Y"], (n, m)),
                np.reshape(held["X"], (n, p)), np.reshape(held["K"], (n, n)), weights, ())
    if copy.content_hash != content_hash:
        raise EngineFailure("R does not hold the problem that was sent (the content hash differs)")


def load_scan(data: ScanData) -> None:
    """Make `data` the scan that R holds, unless it is; refuse to go on if R does not hold it to the bit."""
    session = shared_session()
    if session.call("loaded_scan").value == data.content_hash:
        return
    arguments = {name: None if value is None else to_r(value) for name, value in data.arguments.items()}
    session.call("load_scan", arguments, to_r(data.map))
    held = {name: None if value is None else from_r(value) for name, value in session.call("read_back_scan").value.items()}
    if ScanData(**held).content_hash != data.content_hash:
        raise EngineFailure("R does not hold the scan that was sent (the content hash differs)")
    session.call("accept_scan", data.content_hash)


class REngine(Engine):
    """An R package behind the functions `<prefix>_at_hsq` and `<prefix>_optimum` of r_engines.R."""

    package: str
    prefix: str
    remedy: str
    linear_algebra = "R's BLAS"
    arguments: dict[str, Any] = {}
    search_arguments: dict[str, Any] = {}

    def availability(self) -> Availability:
        code = (f'if (requireNamespace("{self.package}", quietly = TRUE)) '
                f'unlist(packageDescription("{self.package}", fields = c("Version", "Built")))')
        try:
            found = shared_session().eval(code).value
        except RUnavailable as error:
            return Availability(None, str(error))
        if found is None:
            return Availability(None, f"the R package {self.package} is in none of R's libraries; {self.remedy}")
        return Availability(*map(str, found.values[:1]), build=str(found.values[1]))

    def at_hsq(self, data: Data, hsq: np.ndarray, reml: bool) -> Evaluation:
        value = self._call(data, "at_hsq", hsq=hsq, reml=reml, **self.arguments).value
        g, m = hsq.shape
        shapes = {"loglik": (g, m), "sigmasq": (g, m), "beta": (g, data.X.shape[1], m)}
        return Evaluation(**{name: np.reshape(value[name], shapes[name]) for name in self.computes})

    def optimum(self, data: Data, reml: bool) -> Optimum:
        answer = self._call(data, "optimum", reml=reml, **self.arguments, **self.search_arguments)
        value, m = answer.value, data.Y.shape[1]
        vectors = {name: _plain_nan(np.atleast_1d(value[name])) for name in ("hsq", "loglik", "sigmasq")}
        beta = _plain_nan(np.reshape(value["beta"], (-1, m))) if "beta" in value else None
        return Optimum(**vectors, beta=beta, warnings=answer.warnings)

    def _call(self, data: Data, what: str, **arguments: Any) -> RAnswer:
        try:
            load(data)
            return shared_session().call(f"{self.prefix}_{what}", **arguments)
        except RLinkError as error:
            raise EngineFailure(str(error)) from error


def _plain_nan(values: np.ndarray) -> np.ndarray:
    """R's NA as NaN: the bits of NA raise a floating point flag in arithmetic."""
    return np.where(np.isnan(values), np.nan, values)


class ReferenceEngine(REngine):
    name = "r-reference"
    description = "R package lmmreference: the model in plain R"
    package, prefix = "lmmreference", "reference"
    remedy = "run make setup"
    search = "optimize around every local maximum of a grid, uniroot on the score; both ends tried"


class LmmliteREngine(REngine):
    name = "lmmlite-r"
    description = "R/lmmlite, its R code (use_cpp=FALSE)"
    package, prefix = "lmmlite", "lmmlite"
    takes_weights = False
    remedy = 'in R: install.packages("remotes"); remotes::install_github("kbroman/lmmlite")'
    arguments = {"use_cpp": False}
    search_arguments = {"tol": TOLERANCE}
    search = f"optimize over (0, 1), tol {TOLERANCE:g}; the ends are not tried"


class LmmliteCppEngine(LmmliteREngine):
    name = "lmmlite-cpp"
    description = "R/lmmlite, its C++ code (use_cpp=TRUE)"
    linear_algebra = "Eigen, compiled in"
    arguments = {"use_cpp": True}
    search = f"Brent over (0, 1), tol {TOLERANCE:g}; both ends tried"


class Qtl2Engine(REngine):
    name = "qtl2"
    description = "R/qtl2: est_herit, and the likelihood it maximises at fixed hsq"
    package, prefix = "qtl2", "qtl2"
    computes = ("loglik",)
    linear_algebra = "Eigen, compiled in"
    remedy = "run make setup"
    search_arguments = {"tol": TOLERANCE}
    search = f"Brent over (0, 1) of hsq under 2K, tol {TOLERANCE:g}; both ends tried"
    scans = True

    def scan(self, data: ScanData, reml: bool, hsq: pd.DataFrame | None = None) -> Scan1:
        given = None if hsq is None else to_r(hsq)
        return from_r(self._call_scan(data, "run_scan", given, reml))

    def peaks(self, data: ScanData, scan: Scan1, threshold: float, drop: float | None = None,
              prob: float | None = None) -> pd.DataFrame:
        return self._call_scan(data, "scan_peaks", to_r(scan), threshold, drop, prob)

    @staticmethod
    def _call_scan(data: ScanData, function: str, *arguments: Any) -> Any:
        try:
            load_scan(data)
            return shared_session().call(function, *arguments).value
        except RLinkError as error:
            raise EngineFailure(str(error)) from error
