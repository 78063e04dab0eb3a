"""One problem under one criterion: every engine's answers, translated, and judged pair by pair."""
from __future__ import annotations

from itertools import combinations
from time import perf_counter
from typing import Any

import numpy as np

from lmmbridge import lmm
from lmmbridge.agreement.judge import Answers, Judge
from lmmbridge.agreement.ledger import Convention
from lmmbridge.agreement.points import Points, choose_points, condition_X
from lmmbridge.agreement.problems import Problem
from lmmbridge.agreement.tolerances import condition_limit
from lmmbridge.agreement.verdicts import ORDER, verdict_of_case
from lmmbridge.engines import Engine, Evaluation, Optimum, words_of
from lmmbridge.inputs import Data


def compare(problem: Problem, reml: bool, engines: dict[str, Engine], ledger: dict[str, Convention],
            arbitrate: bool = True) -> dict[str, Any]:
    """Run one case and judge it.

    Parameters
    ----------
    problem : Problem
    reml : bool
    engines : dict of Engine
        The live engines, by name.
    ledger : dict of Convention
    arbitrate : bool
        Whether the answers to a problem that is small enough are all held against the arbiter (up to 5 s for 40
        individuals), and not only those that differ.

    Returns
    -------
    dict
        Ready for JSON: answers native and translated, comparisons with verdicts, likelihood curves.
    """
    data = problem.data
    rotated = lmm.rotate(lmm.eigen_decomposition(data.K, data.weights), data.Y, data.X)
    silent: dict[str, tuple[str, str]] = {}
    natives, seconds = {}, {}
    for name, engine in engines.items():
        if data.weights is not None and not engine.takes_weights:
            silent[name] = ("not comparable", f"{name} takes no weights")
            continue
        try:
            started = perf_counter()
            natives[name] = engine.optimum(data, reml)
            seconds[name] = {"optimum": perf_counter() - started}
        except Exception as failure:    # whatever an engine raises costs its answer, not the run
            silent[name] = _no_answer(data, failure)
    optima = {name: ledger[name].translate_optimum(native, data, reml) for name, native in natives.items()}
    points = choose_points(data, rotated[0].eigen, optima)
    answers = {}
    for name, native in natives.items():
        try:
            answers[name] = _answers(engines[name], ledger, name, data, reml, points, native, optima[name],
                                     seconds[name])
        except Exception as failure:
            silent[name] = _no_answer(data, failure)

    unbounded = np.array([lmm.unbounded(one, reml) for one in rotated])
    judge = Judge(data, reml, points, unbounded, answers, ledger)
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
    return _record(problem, reml, judge, rotated[0].eigen.rank, silent) | {
        "arbiter": judge.against_the_arbiter() if arbitrate else None}


def _no_answer(data: Data, failure: Exception) -> tuple[str, str]:
    """Verdict and reason where an engine gave no answer: it may refuse an X that it cannot tell from a singular one."""
    words = words_of(failure)
    if condition_X(data.X) > condition_limit():
        return "not comparable", f"X is too ill-conditioned for this to be compared, and the engine says: {words}"
    return "engine failed", words


def _answers(engine: Engine, ledger: dict[str, Convention], name: str, data: Data, reml: bool, points: Points,
             native: Optimum, optimum: Optimum, seconds: dict[str, float]) -> Answers:
    convention = ledger[name]

    def at(hsq: np.ndarray, criterion: bool) -> tuple[Evaluation, Evaluation]:
        evaluation = engine.at_hsq(data, convention.to_native_hsq(hsq), criterion)
        return evaluation, convention.translate_evaluation(evaluation, hsq, data, criterion)

    def asked(hsq: np.ndarray, criterion: bool) -> np.ndarray:
        return engine.answerable(data, convention.to_native_hsq(hsq), criterion)

    # Under REML an engine may report the ML value at its ĥ: the others are then asked for theirs there.
    some_report_ml = reml and any(not ledger[other].optimum_is_reml(True) for other in points.owner)
    optima = points.hsq[points.grid:]
    ml = at(optima, False)[1].loglik if some_report_ml else None
    started = perf_counter()
    native_at_points, at_points = at(points.hsq, reml)
    return Answers(native, optimum, native_at_points, at_points, asked(points.hsq, reml), ml, asked(optima, False),
                   seconds | {"at_hsq": perf_counter() - started})


def _identical(one: Answers, other: Answers) -> list[int]:
    """How many log likelihoods, at the points and of each at its own ĥ, are the same to the bit; and of how many."""
    asked, own = one.asked & other.asked, one.optimum.loglik == other.optimum.loglik
    return [int(np.sum(asked & (one.at_points.loglik == other.at_points.loglik)) + np.sum(own)), int(np.sum(asked) + own.size)]


def _record(problem: Problem, reml: bool, judge: Judge, rank_K: int,
            silent: dict[str, tuple[str, str]]) -> dict[str, Any]:
    """The case as plain data."""
    data, points, answers = problem.data, judge.points, judge.answers
    n, p = data.X.shape
    counts = judge.counts()
    engines = {name: {"status": "answered", "message": "", "warnings": list(answer.native.warnings),
                      "seconds": answer.seconds} for name, answer in answers.items()}
    engines |= {name: {"status": verdict, "message": why, "warnings": [], "seconds": {}}
                for name, (verdict, why) in silent.items()}
    return {
        "case": f"{problem.name}/{'REML' if reml else 'ML'}", "problem": problem.name, "source": problem.source,
        "seed": problem.seed,
        "criterion": "REML" if reml else "ML", "n": n, "p": p, "rank_K": rank_K, "weights": data.weights is not None,
        "content_hash": data.content_hash, "columns": list(data.columns), "phenotypes": list(data.phenotypes),
        "notes": list(data.notes), "engines": engines,
        "unbounded": [name for name, is_so in zip(data.phenotypes, judge.unbounded) if is_so],
        "verdict": verdict_of_case(counts), "verdicts": dict(counts),
        "estimates": {name: {"native": _plain(answer.native), "translated": _plain(answer.optimum),
                             "verdict": [list(ORDER)[rank] for rank in judge.worst[name]]}
                      for name, answer in answers.items()},
        "comparisons": judge.comparisons,
        "ill_conditioned": judge.ill_conditioned(),
        "identical": {f"{a} = {b}": _identical(answers[a], answers[b]) for a, b in combinations(answers, 2)},
        "curve": {"phenotype": data.phenotypes[0], "hsq": points.hsq[:points.grid, 0].tolist(),
                  "native": {name: answer.native_at_points.loglik[:points.grid, 0].tolist()
                             for name, answer in answers.items()},
                  "loglik": {name: answer.at_points.loglik[:points.grid, 0].tolist()
                             for name, answer in answers.items()}},
        "scan": None,
    }


def _plain(optimum: Optimum) -> dict[str, Any]:
    plain = {name: getattr(optimum, name).tolist() for name in ("hsq", "loglik", "sigmasq")}
    plain["beta"] = None if optimum.beta is None else optimum.beta.T.tolist()
    return plain
