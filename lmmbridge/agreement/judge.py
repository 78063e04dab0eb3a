"""Verdicts on the answers of one case: by tier, by pair of engines, by phenotype."""
from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from typing import Any

import numpy as np

from lmmbridge.agreement import register
from lmmbridge.agreement.differences import differences, digits, relative_error
from lmmbridge.agreement.explainer import hint
from lmmbridge.agreement.ledger import Convention
from lmmbridge.agreement.points import Points
from lmmbridge.agreement.tolerances import tolerances
from lmmbridge.agreement.truth import WORDS, Truth
from lmmbridge.agreement.verdicts import ORDER
from lmmbridge.engines import EngineFailure, Evaluation, Optimum
from lmmbridge.engines.dense import gls
from lmmbridge.inputs import Data

#: Every engine is held against the arbiter at the points of the grid nearest to these h, for so many phenotypes.
ARBITRATED, MOST_PHENOTYPES = (0.0, 0.25, 0.5, 0.75, 0.95), 4
#: Causes are not told apart by gaps smaller than this.
SMALLEST_HINTED = 1e-6


@dataclass(frozen=True)
class Answers:
    """One engine's answers to one case, for m phenotypes.

    Attributes
    ----------
    native, optimum : Optimum
        At its own ĥ: as reported, and translated.
    native_at_points, at_points : Evaluation
        At the points of comparison: as reported, and translated.
    asked : ndarray of bool, shape (g, m)
        Where it could be asked.
    ml_at_optima : ndarray, shape (engines, m), or None
        Under REML: ML* at every engine's ĥ, where some engine reports that.
    ml_asked : ndarray of bool, shape (engines, m)
        Where it could be asked for that.
    seconds : dict
        What the engine was asked ("optimum", "at_hsq") → wall-clock time it took.
    """

    native: Optimum
    optimum: Optimum
    native_at_points: Evaluation
    at_points: Evaluation
    asked: np.ndarray
    ml_at_optima: np.ndarray | None
    ml_asked: np.ndarray
    seconds: dict[str, float]


@dataclass(frozen=True)
class Held:
    """Two engines held against what is right.

    Attributes
    ----------
    off : list of Observation
        What is off beyond tolerance and wants an explanation.
    right : float, list of float, or None
        The right value; of β the coefficients, of optima the ĥ of the highest likelihood.
    digits : dict
        Engine → digits to which it is right.
    observed : dict
        Engine → its value (translated), where that is one at fixed h.
    """

    off: list[register.Observation]
    right: float | list[float] | None
    digits: dict[str, float]
    observed: dict[str, np.ndarray] = field(default_factory=dict)


class Judge:
    """Collects the comparisons of one case.

    Attributes
    ----------
    comparisons : list of dict
        A record per pair of engines and quantity: for each phenotype the worst point gives the verdict; the verdicts
        are counted and the worst phenotype is told in full.
    worst : dict
        Engine → (m,) rank of the worst verdict on any of its answers for a phenotype; where only the other of a pair is
        off what is right, the verdict on the pair is the other's.
    truth : Truth
        Who is right where engines differ.
    """

    def __init__(self, data: Data, reml: bool, points: Points, unbounded: np.ndarray, answers: dict[str, Answers],
                 ledger: dict[str, Convention]) -> None:
        self.data, self.reml, self.points, self.unbounded = data, reml, points, unbounded
        self.answers, self.ledger = answers, ledger
        self.m, self.truth = data.Y.shape[1], Truth(data)
        self._explain = cache(register.explanation)       # one engine is met in several pairs
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
                        self.points.comparable(quantity), self.answers[a].asked & self.answers[b].asked,
                        partial(self._held_values, quantity, False, a, b),
                        lambda at, j: {name: _value(self.answers[name].at_points, quantity, at, j) for name in (a, b)})

    def reported(self, a: str, b: str) -> None:
        """Tier 2: what one engine reports at its own ĥ against what the other computes at that ĥ."""
        found = []
        for one, other in ((a, b), (b, a)):
            reported, computed = self._reported(one), self._computed(other, one)
            found.append(({one: reported, other: computed}, one, self._asked(other, one),
                          differences(reported, computed, self.data)))
        for quantity in ("loglik", "sigmasq", "beta"):
            made = [(given, one, asked, difference[quantity][0]) for given, one, asked, difference in found
                    if quantity in difference]
            if made:
                rows = np.array([self.points.owner[one] for _, one, _, _ in made])
                comparable = np.array([self.points.comparable(quantity)[row] & self.points.usable[one]
                                       for row, (_, one, _, _) in zip(rows, made)])

                def values(at: int, j: int) -> dict[str, float | list[float]]:
                    return {name: _value(made[at][0][name], quantity, 0, j) for name in (a, b)}

                self._judge(f"reported {quantity}", 2, a, b, rows, np.array([difference for *_, difference in made]),
                            self.points.tolerance(quantity, rows), comparable, np.array([asked for _, _, asked, _ in made]),
                            partial(self._held_values, quantity, True, a, b), values)

    def optima(self, a: str, b: str) -> None:
        """Tier 2: the likelihood that one engine's ĥ loses against the other's."""
        row_a, row_b = self.points.owner[a], self.points.owner[b]
        heights = np.array([self._heights[a], self._heights[b]])
        size, rows, lower = 1.0 + np.abs(heights), [row_a, row_b], heights[0] < heights[1]
        loss = np.abs(heights[0] - heights[1])
        both = self.points.usable[a] & self.points.usable[b]
        limit = tolerances()["optimum"]["limit"]
        told = self.points.comparable("loglik")[rows]
        comparable = told.all(axis=0) & (self.points.likelihood_noise * np.nan_to_num(size[0]) <= limit)
        # An ĥ where V is ill-conditioned does not excuse itself: what it loses against a well-conditioned one beyond all
        # rounding is judged, if by its own values, too, the engine could have known.
        seen = np.where(lower, self._rise(a, row_a, row_b), self._rise(b, row_b, row_a))
        beyond = loss > limit + np.sum(self.points.loglik_error[rows] * size, axis=0)
        comparable |= np.where(lower, told[1], told[0]) & beyond & (seen > loss / 2.0)
        self._judge("optimum", 2, a, b, np.array([row_a]), np.where(both, loss, np.inf)[None],
                    np.full((1, self.m), limit), comparable[None], np.ones((1, self.m), dtype=bool),
                    partial(self._held_optima, a, b),
                    lambda at, j: {name: float(self.answers[name].optimum.hsq[j]) for name in (a, b)},
                    hsq_difference=np.abs(self.answers[a].optimum.hsq - self.answers[b].optimum.hsq))

    def _rise(self, engine: str, row: int, other: int) -> np.ndarray:
        """By how much an engine's own log likelihood is higher at another point, (m,); infinite where it was not asked."""
        answer = self.answers[engine]
        with np.errstate(invalid="ignore"):      # of two infinite values
            rise = answer.at_points.loglik[other] - answer.at_points.loglik[row]
        return np.where(answer.asked[[row, other]].all(axis=0), rise, np.inf)

    def ill_conditioned(self) -> list[dict[str, Any]]:
        """Where V or X is too ill-conditioned for a verdict: how far each engine is off the right value."""
        off = []
        for row, column in np.argwhere(~self.points.well_conditioned):
            h = float(self.points.hsq[row, column])
            right = self.truth.loglik(h, column, self.reml)
            why = "" if np.isfinite(right) else "V is not positive definite to working precision"
            for name, answer in self.answers.items():
                if name != self.truth.by and answer.asked[row, column]:
                    value = float(answer.at_points.loglik[row, column])
                    relative = self._off_right(answer.at_points, row, column, row, self.reml)
                    off.append({"engine": name, "phenotype": self.data.phenotypes[column], "hsq": h,
                                "condition": float(self.points.condition_V[row, column]), "loglik": value,
                                "right": right, "by": self.truth.by, "off": abs(value - right), "why": why}
                               | {f"{quantity}_off": relative[quantity] for quantity in ("sigmasq", "beta")
                                  if quantity in relative})
        return off

    def against_the_arbiter(self) -> dict[str, Any] | None:
        """To how many digits each engine is right, by the arbiter; None for problems that are too large for it.

        At some h of the grid and at the engines' own ĥ, where conditioning leaves digits to be right in; and ĥ itself,
        where the likelihood determines it.
        """
        if self.truth.arbiter is None:
            return None
        found: dict[str, dict[str, list[float]]] = {name: {} for name in self.answers}
        grid = self.points.hsq[:self.points.grid, 0]
        usable = dict.fromkeys([int(np.argmin(np.abs(grid - h))) for h in ARBITRATED], np.ones(self.m, dtype=bool))
        usable |= {row: self.points.usable[name] for name, row in self.points.owner.items()}
        columns, right = range(min(self.m, MOST_PHENOTYPES)), []
        for j in columns:
            for row in (row for row, good in usable.items() if good[j] and self.points.well_conditioned[row, j]):
                for name, answer in ((name, one) for name, one in self.answers.items() if one.asked[row, j]):
                    for quantity, difference in self._off_right(answer.at_points, row, j, row, self.reml).items():
                        found[name].setdefault(quantity, []).append(digits(difference))
            summit = self.truth.arbiter.summit(self.reml, j)
            right.append(None if summit.best is None else float(summit.best.hsq))
            if summit.best is not None and summit.relief > tolerances()["optimum"]["limit"] and not self.unbounded[j]:
                for name, answer in self.answers.items():
                    found[name].setdefault("hsq", []).append(digits(relative_error(answer.optimum.hsq[j], right[j])))
        return {"phenotypes": [self.data.phenotypes[j] for j in columns], "hsq": right, "digits": found}

    def _off_right(self, evaluation: Evaluation, at: int, column: int, row: int, reml: bool) -> dict[str, float]:
        """Differences of one point of an evaluation from what is right at a row of the points."""
        right = self.truth.at(float(self.points.hsq[row, column]), column, reml)
        found = differences(_one(evaluation, at, column), right, register.one_phenotype(self.data, column))
        return {quantity: float(np.nan_to_num(difference[0, 0], nan=np.inf)) for quantity, difference in found.items()}

    @cached_property
    def _heights(self) -> dict[str, np.ndarray]:
        """Engine → the dense log likelihood at its ĥ, (m,), which shows whether optima differ; NaN where it has none."""
        def height(h: float, j: int) -> float:
            try:
                return float(gls(self.data, h, self.data.Y[:, [j]], self.reml)[0][0])
            except EngineFailure:
                return np.nan
        return {name: np.array([height(float(h), j) for j, h in enumerate(self.points.hsq[row])])
                for name, row in self.points.owner.items()}

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

    def _asked(self, engine: str, owner: str) -> np.ndarray:
        """For which phenotypes `_computed` could be asked for, (m,)."""
        row, answer = self.points.owner[owner], self.answers[engine]
        return answer.asked[row] if self._reports_own_criterion(owner) else answer.ml_asked[row - self.points.grid]

    def _reports_own_criterion(self, engine: str) -> bool:
        return self.ledger[engine].optimum_is_reml(self.reml) == self.reml

    def _judge(self, quantity: str, tier: int, a: str, b: str, rows: np.ndarray, difference: np.ndarray,
               allowed: np.ndarray, comparable: np.ndarray, asked: np.ndarray, held_against_truth: Callable[[int, int], Held],
               values: Callable[[int, int], dict[str, Any]], hsq_difference: np.ndarray | None = None) -> None:
        """Judge differences of shape (rows, m).

        `held_against_truth` says who is right for phenotype j at a row, `values` what the two gave at the k-th of `rows`
        for phenotype j.
        """
        excess = np.where(comparable & asked, np.nan_to_num(difference / allowed, nan=np.inf), -np.inf)
        place = np.argmax(excess, axis=0)
        verdicts: list[str] = []
        reasons: dict[str, Counter] = {}
        right: dict[int, Held] = {}
        concerned: list[set[str]] = [set() for _ in range(self.m)]
        for j in range(self.m):
            highest = excess[place[j], j]
            if tier == 2 and self.unbounded[j]:
                verdict, why = "not comparable", ["the likelihood is unbounded: there is no optimum"]
            elif not asked[:, j].any():
                verdict, why = "not comparable", ["not both can be asked at this hsq"]
            elif highest == -np.inf:
                verdict, why = "not comparable", ["V, X or y is too ill-conditioned for this to be compared"]
            elif highest <= 1.0:
                verdict, why = "agree", []
            else:
                verdict = "agree"
                # What is known at the worst point, or whose fault it is there, may hide what is not at another.
                beyond = np.argsort(-excess[:, j], kind="stable")[:np.sum(excess[:, j] > 1.0)]
                for at in beyond:
                    held = held_against_truth(j, rows[at])
                    concerned[j] |= {one.engine for one in held.off} or {a, b}
                    if verdict == "unexplained":
                        continue
                    found, reason = register.verdict_on(held.off, WORDS[self.truth.by], self._explain)
                    if ORDER[found] > ORDER[verdict]:
                        verdict, why, right[j], place[j] = found, reason, held, at
                    if found == "unexplained":
                        why += _hints(held)
            verdicts.append(verdict)
            reasons.setdefault(verdict, Counter()).update(why)
        every = np.arange(self.m)
        row, excess, difference = rows[place], excess[place, every], difference[place, every]
        counts = Counter(verdicts)
        at = max(range(self.m), key=lambda j: (ORDER[verdicts[j]], excess[j]))
        agreeing = difference[np.array(verdicts) == "agree"]
        record = {"a": a, "b": b, "quantity": quantity, "tier": tier, "counts": dict(counts),
                  "difference": float(difference[at]), "tolerance": float(allowed[place[at], at]),
                  "digits": digits(np.max(agreeing)) if len(agreeing) else None,
                  "phenotype": self.data.phenotypes[at], "hsq": float(self.points.hsq[row[at], at]),
                  "values": values(place[at], at),
                  "reasons": {verdict: dict(found) for verdict, found in reasons.items() if found}}
        if not asked.all():
            record["asked"] = [int(np.sum(asked)), int(asked.size)]
        if at in right:
            record["right"] = {"by": self.truth.by, "values": dict.fromkeys((a, b), right[at].right),
                               "digits": right[at].digits}
        if hsq_difference is not None:
            record["hsq_difference"] = float(hsq_difference[at])
        self.comparisons.append(record)
        for name in (a, b):
            self.worst[name] = np.maximum(self.worst[name], [ORDER[verdict] if name in (whom or {name}) else 0
                                                             for verdict, whom in zip(verdicts, concerned)])

    def _held_optima(self, a: str, b: str, j: int, row: int) -> Held:
        """Of two engines, those whose ĥ loses likelihood against the best: the arbiter's, or the best engine's."""
        hsq = {name: float(answer.optimum.hsq[j]) for name, answer in self.answers.items()
               if self.points.usable[name][j]}
        height = {name: self.truth.loglik(h, j, self.reml) for name, h in hsq.items()}
        best = None if self.truth.arbiter is None else self.truth.arbiter.summit(self.reml, j).best
        if best is not None:
            hsq["arbiter"], height["arbiter"] = float(best.hsq), float(best.loglik)
        height = {name: value for name, value in height.items() if np.isfinite(value)}
        if not height:
            return Held([], None, {})
        top, limit = max(height, key=height.__getitem__), tolerances()["optimum"]["limit"]
        off = [register.OptimumOff(name, self.data, j, self.reml, float(self.answers[name].optimum.hsq[j]), height[top])
               for name in (a, b) if name not in height or height[top] - height[name] > limit]
        return Held(off, hsq[top], {name: digits(relative_error(hsq.get(name, np.nan), hsq[top])) for name in (a, b)})

    def _held_values(self, quantity: str, reported: bool, a: str, b: str, j: int, row: int) -> Held:
        """Of two engines, those whose value at a point, computed or reported, is off the right one beyond tolerance.

        `reported`: whether what one of them reports at its own ĥ is judged, which may be ML under REML.
        """
        hsq = float(self.points.hsq[row, j])
        allowed = float(self.points.tolerance(quantity, np.array([row]))[0, j])
        values, observed = [], {}
        for name in (a, b):
            given = [(self.answers[name].at_points, row, self.reml)] if self.answers[name].asked[row, j] else []
            if self.points.owner[name] == row and self.points.usable[name][j]:
                criterion = self.ledger[name].optimum_is_reml(self.reml) if quantity == "loglik" else self.reml
                given.append((self._reported(name), 0, criterion))
            for evaluation, at, reml in given:
                if getattr(evaluation, quantity) is not None:
                    difference = self._off_right(evaluation, at, j, row, reml)[quantity]
                    values.append(register.ValueOff(name, self.data, j, reml, hsq, quantity, difference))
                    observed[name] = getattr(evaluation, quantity)[at, ..., j]
        # Two that differ by more than the tolerance cannot both be within half of it.
        off = ([value for value in values if value.difference > allowed]
               or [value for value in values if value.difference > allowed / 2.0])
        best = {name: min(digits(value.difference) for value in values if value.engine == name)
                for name in dict.fromkeys(value.engine for value in values)}
        owner = next((name for name, own in self.points.owner.items() if own == row), None)
        criterion = self.ledger[owner].optimum_is_reml(self.reml) if reported and quantity == "loglik" else self.reml
        return Held(off, _value(self.truth.at(hsq, j, criterion), quantity, 0, 0), best, observed)


def _hints(held: Held) -> list[str]:
    """What would close the gap of an engine that is off: the ledger or the engine is wrong by that."""
    hints = []
    for value in held.off:
        if isinstance(value, register.ValueOff) and SMALLEST_HINTED < value.difference < np.inf:
            found = hint(register.one_phenotype(value.data, value.column), value.reml, value.quantity, value.hsq,
                         held.observed[value.engine])
            if found:
                hints.append(f"{value.engine}: {found} would close the gap")
    return list(dict.fromkeys(hints))


def _value(evaluation: Evaluation, quantity: str, row: int, column: int) -> float | list[float]:
    """One number of an evaluation; of β the coefficients."""
    return getattr(evaluation, quantity)[row, ..., column].tolist()


def _one(evaluation: Evaluation, row: int, column: int) -> Evaluation:
    """One point of one phenotype."""
    return Evaluation(evaluation.loglik[[row]][:, [column]],
                      None if evaluation.sigmasq is None else evaluation.sigmasq[[row]][:, [column]],
                      None if evaluation.beta is None else evaluation.beta[[row]][:, :, [column]])
