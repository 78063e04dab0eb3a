"""One problem under one criterion: every engine's answers, translated, compared pair by pair, each with a verdict."""
from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from lmmbridge import lmm
from lmmbridge.agreement.ledger import Convention
from lmmbridge.agreement.problems import Problem
from lmmbridge.agreement.register import Observation, explanation
from lmmbridge.agreement.tolerances import condition_limit, tolerance, tolerances
from lmmbridge.agreement.verdicts import ORDER, worst
from lmmbridge.engines import Engine, EngineFailure, Evaluation, Optimum
from lmmbridge.engines.dense import gls
from lmmbridge.inputs import Data

#: The values of hsq at which engines are compared, besides every engine's own ĥ; the end of the range is added.
GRID = np.concatenate([np.linspace(0.0, 0.95, 20), [0.99, 0.999]])
#: Digits of agreement are capped here: beyond, doubles cannot differ.
MOST_DIGITS = 15.0


@dataclass(frozen=True)
class Points:
    """Where the engines are compared.

    Attributes
    ----------
    hsq : ndarray, shape (g, m)
        Under K: the grid, then a row for each engine's own ĥ.
    owner : dict
        Engine → its row.
    usable : dict
        Engine → (m,) bool: whether its ĥ is a number at which V is positive definite.
    condition : ndarray, shape (g, m)
        Condition number of V.
    condition_X : float
    """

    hsq: np.ndarray
    owner: dict[str, int]
    usable: dict[str, np.ndarray]
    condition: np.ndarray
    condition_X: float


@dataclass(frozen=True)
class Answers:
    """One engine's answers to one case."""

    native: Optimum
    optimum: Optimum
    at_points: Evaluation
    ml_at_optima: np.ndarray | None


def compare(problem: Problem, reml: bool, engines: dict[str, Engine], ledger: dict[str, Convention]) -> dict[str, Any]:
    """Run one case and judge it.

    Parameters
    ----------
    problem : Problem
    reml : bool
    engines : dict of Engine
        The live engines, by name.
    ledger : dict of Convention

    Returns
    -------
    dict
        Ready for JSON: answers native and translated, comparisons with verdicts, likelihood curves.
    """
    data = problem.data
    rotated = lmm.rotate(lmm.eigen_decomposition(data.K, data.weights), data.Y, data.X)
    unbounded = np.array([lmm.unbounded(one, reml) for one in rotated])
    silent: dict[str, tuple[str, str]] = {}
    natives = {}
    for name, engine in engines.items():
        if data.weights is not None and not engine.takes_weights:
            silent[name] = ("not comparable", f"{name} takes no weights")
            continue
        try:
            natives[name] = engine.optimum(data, reml)
        except EngineFailure as failure:
            silent[name] = ("engine failed", str(failure))
    optima = {name: ledger[name].translate_optimum(native, data, reml) for name, native in natives.items()}
    points = _points(data, rotated[0].eigen, optima)
    answers = {}
    for name, native in natives.items():
        try:
            answers[name] = _answers(engines[name], ledger, name, data, reml, points, native, optima[name])
        except EngineFailure as failure:
            silent[name] = ("engine failed", str(failure))

    judge = _Judge(problem, reml, points, unbounded, answers, ledger)
    for name, (verdict, why) in silent.items():
        judge.lone(name, "all", verdict, why)
    for name, answer in answers.items():
        for quantity in ("sigmasq", "beta"):
            if getattr(answer.at_points, quantity) is None:
                judge.lone(name, f"{quantity} at fixed hsq", "not comparable",
                           f"{name} does not give {quantity} at fixed hsq")
    for a, b in combinations(answers, 2):
        judge.at_fixed_hsq(a, b)
        judge.reported(a, b)
        judge.optima(a, b)
    judge.ill_conditioned()
    return judge.record(rotated[0].eigen.rank, silent)


def _points(data: Data, eigen: lmm.Eigen, optima: dict[str, Optimum]) -> Points:
    m = data.Y.shape[1]
    end = lmm.search_end(eigen)
    grid = np.concatenate([GRID[GRID < end], [end]])
    rows, owner, usable = [np.repeat(grid[:, None], m, axis=1)], {}, {}
    for name, optimum in optima.items():
        smallest_d = optimum.hsq * eigen.values[0] + 1.0 - optimum.hsq
        usable[name] = (optimum.hsq >= 0.0) & (optimum.hsq <= 1.0) & (smallest_d > eigen.zero)
        owner[name] = len(grid) + len(owner)
        rows.append(np.where(usable[name], optimum.hsq, 0.0)[None])
    hsq = np.concatenate(rows)
    return Points(hsq, owner, usable, _condition(data, eigen, hsq), float(np.linalg.cond(data.X)))


def _condition(data: Data, eigen: lmm.Eigen, hsq: np.ndarray) -> np.ndarray:
    """Condition number of V = hK + (1−h)W⁻¹ at every point."""
    if data.weights is None:
        smallest, largest = (hsq * value + 1.0 - hsq for value in (eigen.values[0], eigen.values[-1]))
        return np.maximum(smallest, largest) / np.minimum(smallest, largest)
    values = {h: np.linalg.eigvalsh(h * data.K + (1.0 - h) * np.diag(1.0 / data.weights)) for h in np.unique(hsq)}
    return np.vectorize(lambda h: values[h][-1] / max(values[h][0], np.finfo(float).tiny))(hsq)


def _answers(engine: Engine, ledger: dict[str, Convention], name: str, data: Data, reml: bool, points: Points,
             native: Optimum, optimum: Optimum) -> Answers:
    convention = ledger[name]

    def at(hsq: np.ndarray, criterion: bool) -> Evaluation:
        evaluation = engine.at_hsq(data, convention.to_native_hsq(hsq), criterion)
        return convention.translate_evaluation(evaluation, hsq, data, criterion)

    # Under REML an engine may report the ML value at its ĥ: the others are then asked for theirs there.
    some_report_ml = reml and any(not ledger[other].optimum_is_reml(True) for other in points.owner)
    ml = at(points.hsq[list(points.owner.values())], False).loglik if some_report_ml else None
    return Answers(native, optimum, at(points.hsq, reml), ml)


class _Judge:
    """Collects the comparisons of one case."""

    def __init__(self, problem: Problem, reml: bool, points: Points, unbounded: np.ndarray,
                 answers: dict[str, Answers], ledger: dict[str, Convention]) -> None:
        self.problem, self.data, self.reml, self.points = problem, problem.data, reml, points
        self.unbounded, self.answers, self.ledger = unbounded, answers, ledger
        self.m = self.data.Y.shape[1]
        self.comparisons: list[dict[str, Any]] = []
        self.worst = {name: np.zeros(self.m, dtype=int) for name in answers}
        limit = condition_limit()
        self.well_conditioned = (points.condition <= limit) & (points.condition_X <= limit)

    def lone(self, engine: str, quantity: str, verdict: str, why: str) -> None:
        """A comparison that could not be made, for every phenotype."""
        self.comparisons.append({"a": engine, "b": None, "quantity": quantity, "counts": {verdict: self.m}, "why": why})
        if engine in self.worst:
            self.worst[engine] = np.maximum(self.worst[engine], ORDER["agree"])

    def at_fixed_hsq(self, a: str, b: str) -> None:
        """Tier 1: log likelihood, β and σ² at fixed h, on the grid and at every engine's ĥ."""
        one, other = self.answers[a].at_points, self.answers[b].at_points
        rows = np.arange(len(self.points.hsq))
        for quantity, difference in self._differences(one, other).items():
            self._judge(f"{quantity} at fixed hsq", 1, a, b, difference, self._tolerance(quantity, rows),
                        self.well_conditioned, self.points.hsq)

    def reported(self, a: str, b: str) -> None:
        """Tier 2: what one engine reports at its own ĥ against what the other computes at that ĥ."""
        rows = [self.points.owner[a], self.points.owner[b]]
        pairs = [self._reported_differences(a, b), self._reported_differences(b, a)]
        comparable = np.array([self.well_conditioned[row] & self.points.usable[name]
                               for row, name in zip(rows, (a, b))])
        for quantity in ("loglik", "sigmasq", "beta"):
            made = [i for i, pair in enumerate(pairs) if quantity in pair]
            if made:
                chosen = [rows[i] for i in made]
                self._judge(f"reported {quantity}", 2, a, b, np.array([pairs[i][quantity] for i in made]),
                            self._tolerance(quantity, chosen), comparable[made], self.points.hsq[chosen])

    def optima(self, a: str, b: str) -> None:
        """Tier 2: what one engine's ĥ loses in likelihood against the other's, by either's own likelihood."""
        row_a, row_b = self.points.owner[a], self.points.owner[b]
        losses = [np.abs(self.answers[name].at_points.loglik[row_a] - self.answers[name].at_points.loglik[row_b])
                  for name in (a, b)]
        both = self.points.usable[a] & self.points.usable[b]
        loss = np.where(both, np.max(losses, axis=0), np.inf)
        comparable = self.well_conditioned[row_a] & self.well_conditioned[row_b]
        hsq_a, hsq_b = self.answers[a].optimum.hsq, self.answers[b].optimum.hsq
        self._judge("optimum", 2, a, b, loss[None], np.full((1, self.m), tolerances()["optimum"]["limit"]),
                    comparable[None], hsq_a[None], hsq_difference=np.abs(hsq_a - hsq_b))

    def ill_conditioned(self) -> None:
        """Where V or X is too ill-conditioned for a verdict: how far each engine is off the dense value."""
        self.off = []
        for row, column in np.argwhere(~self.well_conditioned):
            if row in self.points.owner.values() and column > 0:
                continue
            h = self.points.hsq[row, column]
            try:
                dense = float(gls(self.data, h, self.data.Y[:, [column]], self.reml)[0][0])
            except EngineFailure as failure:
                dense = np.nan
                why = str(failure)
            else:
                why = ""
            for name, answer in self.answers.items():
                if name != "dense":
                    value = float(answer.at_points.loglik[row, column])
                    self.off.append({"engine": name, "phenotype": self.data.phenotypes[column], "hsq": float(h),
                                     "condition": float(self.points.condition[row, column]), "loglik": value,
                                     "dense": dense, "off": abs(value - dense), "why": why})

    def record(self, rank_K: int, silent: dict[str, tuple[str, str]]) -> dict[str, Any]:
        """The case as plain data."""
        n, p = self.data.X.shape
        grid = len(self.points.hsq) - len(self.points.owner)
        counts: Counter = Counter()
        for comparison in self.comparisons:
            counts.update(comparison["counts"])
        return {
            "case": f"{self.problem.name}/{'REML' if self.reml else 'ML'}",
            "problem": self.problem.name, "source": self.problem.source, "criterion": "REML" if self.reml else "ML",
            "n": n, "p": p, "rank_K": rank_K, "weights": self.data.weights is not None,
            "content_hash": self.data.content_hash, "columns": list(self.data.columns),
            "phenotypes": list(self.data.phenotypes), "notes": list(self.data.notes),
            "unbounded": [name for name, is_so in zip(self.data.phenotypes, self.unbounded) if is_so],
            "engines": {name: {"status": "answered", "message": "", "warnings": list(answer.native.warnings)}
                        for name, answer in self.answers.items()}
            | {name: {"status": verdict, "message": why, "warnings": []} for name, (verdict, why) in silent.items()},
            "verdict": worst(counts or ["not comparable"]), "verdicts": dict(counts),
            "estimates": {name: {"native": _plain(answer.native), "translated": _plain(answer.optimum),
                                 "verdict": [list(ORDER)[rank] for rank in self.worst[name]]}
                          for name, answer in self.answers.items()},
            "comparisons": self.comparisons,
            "ill_conditioned": self.off,
            "identical": self._identical(),
            "curve": {"phenotype": self.data.phenotypes[0], "hsq": self.points.hsq[:grid, 0].tolist(),
                      "loglik": {name: answer.at_points.loglik[:grid, 0].tolist()
                                 for name, answer in self.answers.items()}},
        }

    def _differences(self, one: Evaluation, other: Evaluation) -> dict[str, np.ndarray]:
        """Differences of what both give, each on its quantity's own scale, shape (g, m)."""
        found = {"loglik": _loglik_difference(one.loglik, other.loglik)}
        if one.sigmasq is not None and other.sigmasq is not None:
            found["sigmasq"] = _relative(one.sigmasq, other.sigmasq)
        if one.beta is not None and other.beta is not None:
            found["beta"] = self._beta_difference(one.beta, other.beta)
        return found

    def _reported_differences(self, a: str, b: str) -> dict[str, np.ndarray]:
        """What a reports at its ĥ against what b computes there, shape (m,)."""
        row = self.points.owner[a]
        reported, computed = self.answers[a].optimum, self.answers[b].at_points
        if not self.reml or self.ledger[a].optimum_is_reml(True):
            loglik = computed.loglik[row]
        else:
            loglik = self.answers[b].ml_at_optima[list(self.points.owner).index(a)]
        found = {"loglik": _loglik_difference(reported.loglik, loglik)}
        if computed.sigmasq is not None:
            found["sigmasq"] = _relative(reported.sigmasq, computed.sigmasq[row])
        if reported.beta is not None and computed.beta is not None:
            found["beta"] = self._beta_difference(reported.beta[None], computed.beta[[row]])[0]
        return found

    def _beta_difference(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Normwise difference of coefficients, shape (g, p, m) → (g, m)."""
        smallest = tolerances()["beta"]["floor"] * np.linalg.norm(self.data.Y, axis=0) / np.linalg.norm(self.data.X, 2)
        size = np.maximum(np.linalg.norm(one, axis=1), np.linalg.norm(other, axis=1))
        return np.linalg.norm(one - other, axis=1) / np.maximum(size, smallest)

    def _tolerance(self, quantity: str, rows) -> np.ndarray:
        condition = self.points.condition[rows]
        if quantity == "beta":
            condition = condition * self.points.condition_X**2
        return tolerance(quantity, len(self.data.ids), condition)

    def _judge(self, quantity: str, tier: int, a: str, b: str, difference: np.ndarray, allowed: np.ndarray,
               comparable: np.ndarray, hsq: np.ndarray, hsq_difference: np.ndarray | None = None) -> None:
        """One record: for each phenotype the worst point's verdict, counted; the worst phenotype in full."""
        needs_optimum = tier == 2
        excess = np.where(comparable, np.nan_to_num(difference / allowed, nan=np.inf), -np.inf)
        row = np.argmax(excess, axis=0)
        every = np.arange(self.m)
        excess, difference = excess[row, every], difference[row, every]
        verdicts, reasons = [], {}
        for j in range(self.m):
            if needs_optimum and self.unbounded[j]:
                verdict, why = "not comparable", "the likelihood is unbounded: there is no optimum"
            elif excess[j] == -np.inf:
                verdict, why = "not comparable", "V or X is ill-conditioned at every point (see ill-conditioned points)"
            elif excess[j] <= 1.0:
                verdict, why = "agree", ""
            else:
                verdict, why = self._explain(quantity, a, b, j)
            verdicts.append(verdict)
            if why:
                reasons.setdefault(verdict, why)
        counts = Counter(verdicts)
        at = max(range(self.m), key=lambda j: (ORDER[verdicts[j]], excess[j]))
        agreeing = difference[np.array(verdicts) == "agree"]
        record = {"a": a, "b": b, "quantity": quantity, "tier": tier, "counts": dict(counts),
                  "difference": float(difference[at]), "tolerance": float(allowed[row[at], at]),
                  "digits": _digits(np.max(agreeing)) if len(agreeing) else None,
                  "phenotype": self.data.phenotypes[at], "hsq": float(hsq[row[at], at]),
                  "why": reasons.get(worst(counts), "")}
        if hsq_difference is not None:
            record["hsq_difference"] = float(hsq_difference[at])
        self.comparisons.append(record)
        ranks = np.array([ORDER[verdict] for verdict in verdicts])
        for name in (a, b):
            self.worst[name] = np.maximum(self.worst[name], ranks)

    def _explain(self, quantity: str, a: str, b: str, j: int) -> tuple[str, str]:
        """The verdict on a difference beyond tolerance: known only if every engine that loses likelihood is accounted for."""
        if quantity != "optimum":
            return "unexplained", ""
        y = self.data.Y[:, [j]]
        usable = {name: self.answers[name].optimum.hsq[j] for name in self.answers if self.points.usable[name][j]}
        height = {name: gls(self.data, hsq, y, self.reml)[0][0] for name, hsq in usable.items()}
        entries = []
        for name in (a, b):
            if name in height and max(height.values()) - height[name] <= tolerances()["optimum"]["limit"]:
                continue
            entry = explanation(Observation(name, self.data, j, self.reml, float(self.answers[name].optimum.hsq[j]),
                                            max(height.values())))
            if entry is None:
                return "unexplained", f"{name} loses likelihood"
            entries.append(f"{entry.name}: {entry.statement}")
        return ("known divergence", "; ".join(dict.fromkeys(entries))) if entries else ("unexplained", "")

    def _identical(self) -> dict[str, list[int]]:
        """For each pair: how many log likelihoods are the same to the bit, and of how many."""
        values = {name: answer.at_points.loglik for name, answer in self.answers.items()}
        return {f"{a} = {b}": [int(np.sum(values[a] == values[b])), int(values[a].size)]
                for a, b in combinations(values, 2)}


def _loglik_difference(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.abs(one - other) / (1.0 + np.abs(other))


def _relative(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.abs(one - other) / np.abs(other)


def _digits(difference: float) -> float:
    """Digits of agreement: −log10 of a scaled difference, between 0 and 15, rounded down to a tenth."""
    if difference <= 10.0**-MOST_DIGITS:
        return MOST_DIGITS
    return float(max(0.0, np.floor(-10.0 * np.log10(difference)) / 10.0))


def _plain(optimum: Optimum) -> dict[str, Any]:
    plain = {name: getattr(optimum, name).tolist() for name in ("hsq", "loglik", "sigmasq")}
    plain["beta"] = None if optimum.beta is None else optimum.beta.T.tolist()
    return plain
