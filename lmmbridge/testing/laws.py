"""What a law is: something that every correct implementation obeys, whatever its conventions and its algorithm.

A law compares an implementation with itself (on a problem and on its transform), or with a formula; no reference
implementation is needed.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis.strategies import SearchStrategy

from lmmbridge.agreement.ledger import Convention
from lmmbridge.engines import Engine, EngineFailure, Evaluation, Optimum
from lmmbridge.inputs import DEPENDENT, Data


class NotApplicable(Exception):
    """The implementation cannot be asked this: the message says why. Counted, never silently passed."""


class CannotTell(Exception):
    """The case is too ill-conditioned for a verdict in double precision: the message says what. Counted and bounded."""


@dataclass(frozen=True, eq=False)
class Breach:
    """An implementation broke a law on one case.

    Attributes
    ----------
    law, implementation : str
        Names.
    quantity : str
    observed, expected : float
        What the implementation gave, and what the law asks for.
    difference, tolerance : float
        On the quantity's own scale (tolerances.yaml).
    problems : tuple
        The Data or ScanData involved: the case, then its transform.
    words : str
        One sentence that labels the draw: the problem, the transform, hsq, the criterion.
    reml : bool or None
        The criterion, where there is one.
    hsq : tuple of float
        Where: for each of `problems`, under its own kinship matrix; empty where there is no one place.
    """

    law: str
    implementation: str
    quantity: str
    observed: float
    expected: float
    difference: float
    tolerance: float
    problems: tuple
    words: str
    reml: bool | None = None
    hsq: tuple[float, ...] = ()

    def __str__(self) -> str:
        breaks = f"{self.implementation} breaks the law '{self.law}': "
        if self.quantity == "an answer":
            return f"{breaks}it gives no answer; {self.words}"
        return (f"{breaks}{self.quantity} is {self.observed!r} where the law asks for {self.expected!r} (off by "
                f"{self.difference:.3g} on the quantity's own scale, tolerance {self.tolerance:.3g}); {self.words}")


@dataclass(frozen=True, eq=False)
class Law:
    """A law and the cases on which to hold implementations to it.

    Attributes
    ----------
    name : str
        Short, kebab-case.
    statement : str
        The formula, in one line.
    reason : str
        Why any correct implementation must obey.
    cases : SearchStrategy
        Draws a case: a problem and its transformation.
    breach : function of (implementation, case)
        The first breach found, or None where the law holds. Raises NotApplicable where the implementation cannot be
        asked, CannotTell where the case cannot tell right from wrong.
    """

    name: str
    statement: str
    reason: str
    cases: SearchStrategy
    breach: Callable[[Any, Any], Breach | None]

    def __repr__(self) -> str:
        return f"Law({self.name!r}: {self.statement})"


@dataclass(frozen=True)
class Translated:
    """An engine whose answers are translated by its convention into ML*, REML*, σ² and h under the problem's own K.

    Attributes
    ----------
    engine : Engine
    convention : Convention
        What the engine reports (an entry of `lmmbridge.agreement.ledger.LEDGER`, or your own).
    adds_intercept : bool
        Its own optimum always has an intercept, so that it can be asked only where X spans the constant.
    """

    engine: Engine
    convention: Convention
    adds_intercept: bool = False

    @property
    def name(self) -> str:
        return self.engine.name

    def at(self, data: Data, hsq: np.ndarray, reml: bool) -> Evaluation:
        """Log likelihood, σ² and β (None where the engine does not give them) at fixed hsq (under K), shape (g, m).

        Raises
        ------
        NotApplicable
        EngineFailure
            Whatever the engine raises.
        """
        if not self.engine.answerable(data, hsq, reml).all():
            raise NotApplicable(f"{self.name} cannot be asked at a given hsq")
        native = self._ask(data, self.engine.at_hsq, self.convention.to_native_hsq(hsq), reml)
        return self.convention.translate_evaluation(native, hsq, data, reml)

    def optimum(self, data: Data, reml: bool) -> Optimum:
        """The engine's own ĥ (under K) for each of m phenotypes, and what it reports there. Raises as `at` does."""
        if self.adds_intercept and not _spans_constant(data.X):
            raise NotApplicable(f"{self.name} puts an intercept into every model that it optimises")
        return self.convention.translate_optimum(self._ask(data, self.engine.optimum, reml), data, reml)

    def _ask(self, data: Data, question: Callable, *arguments: Any) -> Any:
        if data.weights is not None and not self.engine.takes_weights:
            raise NotApplicable(f"{self.name} takes no weights")
        try:
            return question(data, *arguments)
        except EngineFailure:
            raise
        except Exception as failure:        # whatever an implementation raises is its failure to answer
            raise EngineFailure(f"{type(failure).__name__}: {failure}") from failure


def _spans_constant(X: np.ndarray) -> bool:
    basis = np.linalg.qr(X)[0]
    return bool(np.max(np.abs(basis @ np.sum(basis, axis=0) - 1.0)) <= DEPENDENT)
