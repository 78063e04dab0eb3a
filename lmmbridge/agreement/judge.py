"""Verdicts on the answers of one case: by tier, by pair of engines, by phenotype."""
from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from lmmbridge.agreement import register
from lmmbridge.agreement.differences import differences, digits
from lmmbridge.agreement.ledger import Convention
from lmmbridge.agreement.points import Points
from lmmbridge.agreement.tolerances import tolerances
from lmmbridge.agreement.verdicts import ORDER
from lmmbridge.engines import EngineFailure, Evaluation, Optimum
from lmmbridge.engines.dense import gls
from lmmbridge.inputs import Data


@dataclass(frozen=True)
class Answers:
    """One engine's answers to one case, for m phenotypes.

    Attributes
    ----------
    native, optimum : Optimum
        At its own ĥ: as reported, and translated.
    at_points : Evaluation
        Translated answers at the points of comparison.
    ml_at_optima : ndarray, shape (engines, m), or None
        Under REML: ML* at every engine's ĥ, where some engine reports that.
    """

    native: Optimum
    optimum: Optimum
    at_points: Evaluation
    ml_at_optima: np.ndarray | None


class Judge:
    """Collects the comparisons of one case.

    Attributes
    ----------
    comparisons : list of dict
        A record per pair of engines and quantity: for each phenotype the worst point gives the verdict; the verdicts
        are counted and the worst phenotype is told in full.
    worst : dict
        Engine → (m,) rank of the worst verdict on any of its answers for a phenotype.
    """

    def __init__(self, data: Data, reml: bool, points: Points, unbounded: np.ndarray, answers: dict[str, Answers],
                 ledger: dict[str, Convention]) -> None:
        self.data, self.reml, self.points, self.unbounded = data, reml, points, unbounded
        self.answers, self.ledger = answers, ledger
        self.m = data.Y.shape[1]
        self.comparisons: list[dict[str, Any]] = []
        self.worst = {name: np.zeros(self.m, dtype=int) for name in answers}

    def counts(self) -> Counter:
        """Verdict → number of comparisons."""
        return sum((Counter(comparison["counts"]) for comparison in self.comparisons), Counter())

    def lone(self, engine: str, quantity: str, verdict: str, why: str) -> None:
        """A comparison that could not be made, for every phenotype."""
        self.comparisons.append({"a": engine, "b": None, "quantity": quantity, "counts": {verdict: self.m},
                                 "reasons": {verdict: {why: self.m}}})

    def at_fixed_hsq(self, a: str, b: str) -> None:
        """Tier 1: log likelihood, σ² and β at fixed h, on the grid and at every engine's ĥ."""
        rows = np.arange(len(self.points.hsq))
        found = differences(self.answers[a].at_points, self.answers[b].at_points, self.data)
        for quantity, difference in found.items():
            self._judge(f"{quantity} at fixed hsq", 1, a, b, rows, difference, self.points.tolerance(quantity, rows),
                        self.points.well_conditioned, partial(self._off_value, quantity, a, b))

    def reported(self, a: str, b: str) -> None:
        """Tier 2: what one engine reports at its own ĥ against what the other computes at that ĥ."""
        found = [(self.points.owner[one], one, differences(self._reported(one), self._computed(other, one), self.data))
                 for one, other in ((a, b), (b, a))]
        for quantity in ("loglik", "sigmasq", "beta"):
            made = [(row, one, difference[quantity][0]) for row, one, difference in found if quantity in difference]
            if made:
                rows = np.array([row for row, _, _ in made])
                comparable = np.array([self.points.well_conditioned[row] & self.points.usable[one]
                                       for row, one, _ in made])
                self._judge(f"reported {quantity}", 2, a, b, rows, np.array([difference for _, _, difference in made]),
                            self.points.tolerance(quantity, rows), comparable,
                            partial(self._off_value, quantity, a, b))

    def optima(self, a: str, b: str) -> None:
        """Tier 2: the likelihood that one engine's ĥ loses against the other's, by the dense likelihood."""
        row_a, row_b = self.points.owner[a], self.points.owner[b]
        loss = np.abs(self._dense_row(row_a) - self._dense_row(row_b))
        both = self.points.usable[a] & self.points.usable[b]
        comparable = self.points.well_conditioned[row_a] & self.points.well_conditioned[row_b]
        limit = tolerances()["optimum"]["limit"]
        comparable &= self.points.likelihood_noise * (1.0 + np.abs(self.answers[a].at_points.loglik[row_a])) <= limit
        self._judge("optimum", 2, a, b, np.array([row_a]), np.where(both, loss, np.inf)[None],
                    np.full((1, self.m), limit), comparable[None], partial(self._off_optimum, a, b),
                    hsq_difference=np.abs(self.answers[a].optimum.hsq - self.answers[b].optimum.hsq))

    def ill_conditioned(self) -> list[dict[str, Any]]:
        """Where V or X is too ill-conditioned for a verdict: how far each engine is off the dense value."""
        off = []
        for row, column in np.argwhere(~self.points.well_conditioned):
            h = float(self.points.hsq[row, column])
            right, one = self._dense(h, column, self.reml), register.one_phenotype(self.data, column)
            dense = float(right.loglik[0, 0])
            why = "" if np.isfinite(dense) else "V is not positive definite to working precision"
            for name, answer in self.answers.items():
                if name != "dense":
                    value = float(answer.at_points.loglik[row, column])
                    relative = differences(_one(answer.at_points, row, column), right, one)
                    off.append({"engine": name, "phenotype": self.data.phenotypes[column], "hsq": h,
                                "condition": float(self.points.condition_V[row, column]), "loglik": value,
                                "dense": dense, "off": abs(value - dense), "why": why}
                               | {f"{quantity}_off": float(relative[quantity][0, 0])
                                  for quantity in ("sigmasq", "beta") if quantity in relative})
        return off

    def _dense_row(self, row: int) -> np.ndarray:
        """The dense log likelihood at a row of the points, (m,)."""
        return np.array([self._dense(h, j, self.reml).loglik[0, 0] for j, h in enumerate(self.points.hsq[row])])

    def _reported(self, engine: str) -> Evaluation:
        """What an engine reports at its own ĥ, as one point."""
        optimum = self.answers[engine].optimum
        return Evaluation(optimum.loglik[None], optimum.sigmasq[None],
                          None if optimum.beta is None else optimum.beta[None])

    def _computed(self, engine: str, owner: str) -> Evaluation:
        """What an engine computes at another's ĥ, by the criterion that the other reports there."""
        row, at_points = self.points.owner[owner], self.answers[engine].at_points
        if self._reports_own_criterion(owner):
            loglik = at_points.loglik[[row]]
        else:
            loglik = self.answers[engine].ml_at_optima[[row - self.points.grid]]
        return Evaluation(loglik, None if at_points.sigmasq is None else at_points.sigmasq[[row]],
                          None if at_points.beta is None else at_points.beta[[row]])

    def _reports_own_criterion(self, engine: str) -> bool:
        return self.ledger[engine].optimum_is_reml(self.reml) == self.reml

    def _dense(self, hsq: float, column: int, reml: bool) -> Evaluation:
        """The dense answer at one point of one phenotype; NaN where V is not positive definite."""
        try:
            loglik, sigmasq, beta = gls(self.data, hsq, self.data.Y[:, [column]], reml)
        except EngineFailure:
            loglik = sigmasq = np.array([np.nan])
            beta = np.full((self.data.X.shape[1], 1), np.nan)
        return Evaluation(loglik[None], sigmasq[None], beta[None])

    def _judge(self, quantity: str, tier: int, a: str, b: str, rows: np.ndarray, difference: np.ndarray,
               allowed: np.ndarray, comparable: np.ndarray, off: Callable[[int, int], list],
               hsq_difference: np.ndarray | None = None) -> None:
        """Judge differences of shape (rows, m); `off` says who is off for phenotype j at a row."""
        excess = np.where(comparable, np.nan_to_num(difference / allowed, nan=np.inf), -np.inf)
        place, every = np.argmax(excess, axis=0), np.arange(self.m)
        row, excess, difference = rows[place], excess[place, every], difference[place, every]
        verdicts: list[str] = []
        reasons: dict[str, Counter] = {}
        for j in range(self.m):
            if tier == 2 and self.unbounded[j]:
                verdict, why = "not comparable", ["the likelihood is unbounded: there is no optimum"]
            elif excess[j] == -np.inf:
                verdict, why = "not comparable", ["V, X or y is too ill-conditioned for this to be compared"]
            elif excess[j] <= 1.0:
                verdict, why = "agree", []
            else:
                verdict, why = register.verdict_on(off(j, row[j]))
            verdicts.append(verdict)
            reasons.setdefault(verdict, Counter()).update(why)
        counts = Counter(verdicts)
        at = max(range(self.m), key=lambda j: (ORDER[verdicts[j]], excess[j]))
        agreeing = difference[np.array(verdicts) == "agree"]
        record = {"a": a, "b": b, "quantity": quantity, "tier": tier, "counts": dict(counts),
                  "difference": float(difference[at]), "tolerance": float(allowed[place[at], at]),
                  "digits": digits(np.max(agreeing)) if len(agreeing) else None,
                  "phenotype": self.data.phenotypes[at], "hsq": float(self.points.hsq[row[at], at]),
                  "reasons": {verdict: dict(found) for verdict, found in reasons.items() if found}}
        if hsq_difference is not None:
            record["hsq_difference"] = float(hsq_difference[at])
        self.comparisons.append(record)
        ranks = np.array([ORDER[verdict] for verdict in verdicts])
        for name in (a, b):
            self.worst[name] = np.maximum(self.worst[name], ranks)

    def _off_optimum(self, a: str, b: str, j: int, row: int) -> list[register.OptimumOff]:
        """Of two engines, those whose ĥ loses likelihood against the best of all."""
        height = {name: float(self._dense(answer.optimum.hsq[j], j, self.reml).loglik[0, 0])
                  for name, answer in self.answers.items() if self.points.usable[name][j]}
        if not height:
            return []
        highest, limit = max(height.values()), tolerances()["optimum"]["limit"]
        return [register.OptimumOff(name, self.data, j, self.reml, float(self.answers[name].optimum.hsq[j]), highest)
                for name in (a, b) if name not in height or highest - height[name] > limit]

    def _off_value(self, quantity: str, a: str, b: str, j: int, row: int) -> list[register.ValueOff]:
        """Of two engines, those whose value at a point, computed or reported, is off the dense one beyond tolerance."""
        hsq = float(self.points.hsq[row, j])
        allowed = float(self.points.tolerance(quantity, np.array([row]))[0, j])
        values = []
        for name in (a, b):
            given = [(self.answers[name].at_points, row, self.reml)]
            if self.points.owner[name] == row:
                criterion = self.ledger[name].optimum_is_reml(self.reml) if quantity == "loglik" else self.reml
                given.append((self._reported(name), 0, criterion))
            for evaluation, at, reml in given:
                if getattr(evaluation, quantity) is not None:
                    difference = float(differences(_one(evaluation, at, j), self._dense(hsq, j, reml),
                                                   register.one_phenotype(self.data, j))[quantity][0, 0])
                    difference = np.inf if np.isnan(difference) else difference
                    values.append(register.ValueOff(name, self.data, j, reml, hsq, quantity, difference))
        # Two that differ by more than the tolerance cannot both be within half of it.
        return ([value for value in values if value.difference > allowed]
                or [value for value in values if value.difference > allowed / 2.0])


def _one(evaluation: Evaluation, row: int, column: int) -> Evaluation:
    """One point of one phenotype."""
    return Evaluation(evaluation.loglik[[row]][:, [column]],
                      None if evaluation.sigmasq is None else evaluation.sigmasq[[row]][:, [column]],
                      None if evaluation.beta is None else evaluation.beta[[row]][:, :, [column]])
