"""What every implementation under comparison offers: its version, what it can compute, its native answers."""
from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from lmmbridge.qtl2.scan1 import Scan1
    from lmmbridge.qtl2.scan_data import ScanData

from lmmbridge.inputs import Data


class EngineFailure(RuntimeError):
    """An engine was asked for something it should be able to compute and failed; the message is its own."""


def words_of(failure: Exception) -> str:
    """What an engine's failure says: its own message, or the kind of error that got out of it."""
    return str(failure) if isinstance(failure, EngineFailure) else f"{type(failure).__name__}: {failure}"


@dataclass(frozen=True)
class Availability:
    """Whether an engine can run here.

    Attributes
    ----------
    version : str or None
        None where it is not there.
    remedy : str or None
        What is missing and how to get it.
    build : str or None
        When and for what it was built, where it is known.
    recorded : str or None
        Of recorded answers: when and on what they were recorded.
    """

    version: str | None
    remedy: str | None = None
    build: str | None = None
    recorded: str | None = None

    @property
    def status(self) -> str:
        if self.version is None:
            return "not available"
        return "live" if self.recorded is None else "recorded"


@dataclass(frozen=True)
class Evaluation:
    """An engine's native answers at given values of hsq: g values for each of m phenotypes.

    Attributes
    ----------
    loglik : ndarray, shape (g, m)
    sigmasq : ndarray, shape (g, m), or None
    beta : ndarray, shape (g, p, m), or None
        None where the engine does not compute the quantity.
    """

    loglik: np.ndarray
    sigmasq: np.ndarray | None = None
    beta: np.ndarray | None = None


@dataclass(frozen=True)
class Optimum:
    """An engine's native answers at the hsq it chose itself, for m phenotypes.

    Attributes
    ----------
    hsq, loglik, sigmasq : ndarray, shape (m,)
    beta : ndarray, shape (p, m), or None
    warnings : tuple of str
        What the implementation itself said.
    """

    hsq: np.ndarray
    loglik: np.ndarray
    sigmasq: np.ndarray
    beta: np.ndarray | None = None
    warnings: tuple[str, ...] = ()


class Engine(ABC):
    """One implementation of the mixed model. Its conventions stand in the ledger, under its name.

    Attributes
    ----------
    name : str
    description : str
        What runs, in a few words.
    computes : tuple of str
        Of "loglik", "sigmasq", "beta": what it gives at fixed hsq.
    takes_weights : bool
    scans : bool
        Whether it offers `scan` and `peaks`.
    search : str
        How it looks for its ĥ, with the tolerance it is run with.
    linear_algebra : str
        What its matrix computations are done by: "Python's BLAS", "R's BLAS", or the name of a library of its own.
    """

    name: str
    description: str
    computes: tuple[str, ...] = ("loglik", "sigmasq", "beta")
    takes_weights: bool = True
    scans: bool = False
    search: str
    linear_algebra: str

    @abstractmethod
    def availability(self) -> Availability:
        """Its version, or what is missing and how to get it."""

    @abstractmethod
    def at_hsq(self, data: Data, hsq: np.ndarray, reml: bool) -> Evaluation:
        """Native answers at hsq (on the engine's own scale of the kinship matrix), shape (g, m)."""

    @abstractmethod
    def optimum(self, data: Data, reml: bool) -> Optimum:
        """Native answers at the engine's own ĥ."""

    def about(self, data: Data | ScanData) -> Engine:
        """The engine as it goes to a process that is to ask it about one problem."""
        return self

    def answerable(self, data: Data, hsq: np.ndarray, reml: bool) -> np.ndarray:
        """Which of these values of hsq it can be asked at, shape (g, m): all, unless its answers are recorded."""
        return np.ones(hsq.shape, dtype=bool)

    def scan(self, data: ScanData, reml: bool, hsq: pd.DataFrame | None = None) -> Scan1:
        """LOD curves, with hsq under twice the kinship matrix as given, or its own."""
        raise NotImplementedError(f"{self.name} does not scan")

    def peaks(self, data: ScanData, scan: Scan1, threshold: float, drop: float | None = None,
              prob: float | None = None) -> pd.DataFrame:
        """Peaks above the threshold, with LOD support (drop) or Bayes credible (prob) intervals."""
        raise NotImplementedError(f"{self.name} does not scan")
