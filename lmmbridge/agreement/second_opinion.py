"""A second opinion on one call: what an R package answered in the user's own R, held against this project's answer.

Of est_herit, fitLMM and scan1 the R answer takes part as an engine in the comparison that `lmmbridge validate` makes, with its
verdicts, register and explainer. Of the other functions the parts of both answers are compared one by one.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from lmmbridge import lmmlite, qtl2
from lmmbridge.agreement import register
from lmmbridge.agreement.answer_parts import compare_parts, parts_of
from lmmbridge.agreement.comparison import compare
from lmmbridge.agreement.explainer import Explainer, Number
from lmmbridge.agreement.ledger import LEDGER
from lmmbridge.agreement.observations import one_phenotype
from lmmbridge.agreement.part_faults import FAULTS
from lmmbridge.agreement.problems import Problem
from lmmbridge.agreement.scan_comparison import compare_curves
from lmmbridge.agreement.verdicts import verdict_of_case
from lmmbridge.engines import ENGINES
from lmmbridge.engines.base import Availability, Engine, Evaluation, Optimum
from lmmbridge.inputs import Data
from lmmbridge.qtl2.alignment import align
from lmmbridge.qtl2.scan_setup import set_up
from lmmbridge.qtl2.scan_data import ScanData

#: Functions that estimate hsq and tell it to nobody.
OWN_HSQ = ("scan1coef", "fit1", "scan1blup", "scan1perm", "scan1max")


def second_opinion(name: str, arguments: Mapping[str, Any], theirs: Any, package: str, version: str,
                   ask: Callable[..., Any], rng: Callable[[int], np.ndarray]) -> dict[str, Any]:
    """Compare the answer of an R function with ours.

    Parameters
    ----------
    name : str
        The function's name, in R/qtl2 or R/lmmlite.
    arguments : mapping of str to object
        Its arguments, as those of `lmmbridge.qtl2` or `lmmbridge.lmmlite`.
    theirs : object
        What R's function gave: see `lmmbridge.qtl2.from_r`; of lmmlite's functions a mapping of their parts.
    package, version : str
    ask : callable
        ask(hsq) asks R's function again, at given hsq: of scan1 a matrix (null chromosomes × phenotypes), of scan1coef and fit1 a
        number. Of fitLMM hsq is a vector, and the answer a mapping of loglik, sigmasq (k,) and beta (p, k).
    rng : callable
        rng(k) gives k random numbers of R's, from the state in which `theirs` began. For scan1perm.

    Returns
    -------
    dict
        ``verdict``, ``rows`` (a list of dicts: quantity, verdict, difference, tolerance, digits, place), ``reasons`` (sentences).

    Raises
    ------
    InputError
        If our side refuses the arguments.
    """
    asked = {key: value for key, value in arguments.items() if value is not None}
    if name == "fit1":
        asked.setdefault("genoprobs", None)
    if name == "est_herit":
        return _of_estimates(_herit_batches(asked, theirs), asked.get("reml", True), version, "qtl2")
    if name == "fitLMM":
        return _of_estimates([_lmmlite_problem(asked, theirs, ask)], asked.get("reml", True), version, "lmmlite-cpp")
    if name == "scan1":
        return _of_scan(asked, theirs, version, ask)
    return _of_parts(name, asked, theirs, package, ask, rng)


class AnsweredEngine(Engine):
    """An R package that has answered already, and may be asked at given hsq."""

    computes = ()
    search, linear_algebra = "its own, as called", "R's"

    def __init__(self, name: str, version: str, optimum: Optimum | None = None,
                 ask: Callable[[np.ndarray], Evaluation] | None = None, scan: Callable[..., Any] | None = None) -> None:
        self.name, self.description = name, f"{name} in the R that asks"
        self._version, self._optimum, self._ask, self._scan = version, optimum, ask, scan
        self.scans = scan is not None

    def availability(self) -> Availability:
        return Availability(self._version)

    def answerable(self, data: Data, hsq: np.ndarray, reml: bool) -> np.ndarray:
        return np.full(hsq.shape, self._ask is not None)

    def at_hsq(self, data: Data, hsq: np.ndarray, reml: bool) -> Evaluation:
        return Evaluation(np.full(hsq.shape, np.nan)) if self._ask is None else self._ask(hsq)

    def optimum(self, data: Data, reml: bool) -> Optimum:
        return self._optimum

    def scan(self, data: ScanData, reml: bool, hsq: pd.DataFrame | None = None) -> qtl2.Scan1:
        return self._scan(hsq)


#: A problem, and the engine that answered it.
Answered = tuple[Data, Callable[[str], AnsweredEngine]]


def _herit_batches(asked: dict[str, Any], theirs: pd.Series) -> list[Answered]:
    """The problems of est_herit, one for each pattern of missing values; K as given."""
    kinship, pheno = asked["kinship"], _frame(asked["pheno"])
    aligned = align(list(kinship.index), pheno, asked.get("addcovar"), weights=asked.get("weights"), first="kinship")
    found = []
    for batch in aligned.batches()[0]:
        columns = [list(pheno.columns).index(name) for name in batch.phenotypes]
        data = Data(tuple(batch.ids), tuple(batch.phenotypes), tuple(columns), tuple(batch.addcovar.columns), batch.Y,
                    batch.addcovar.to_numpy(), kinship.loc[batch.ids, batch.ids].to_numpy(), batch.weights, ())
        sd, log10lik = (np.atleast_1d(np.asarray(theirs.attrs[part], dtype=float)) for part in ("resid_sd", "log10lik"))
        optimum = Optimum(theirs.to_numpy(float)[columns], log10lik[columns], sd[columns] ** 2)
        found.append((data, lambda version, optimum=optimum: AnsweredEngine("qtl2", version, optimum)))
    return found


def _lmmlite_problem(asked: dict[str, Any], theirs: Mapping[str, Any], ask: Callable[..., Any]) -> Answered:
    """The problem in the coordinates in which K is diagonal."""
    values = np.asarray(asked["Kva"], dtype=float)
    n, y, X = len(values), _columns(asked["y"]), _columns(asked["X"])
    data = Data(tuple(str(i + 1) for i in range(n)), ("y",), (0,), tuple(f"x{j + 1}" for j in range(X.shape[1])), y, X,
                np.diag(values), None, ())
    number = {part: np.array([float(np.ravel(theirs[part])[0])]) for part in ("hsq", "loglik", "sigmasq")}
    optimum = Optimum(**number, beta=np.reshape(np.asarray(theirs["beta"], dtype=float), (-1, 1)))

    def at(hsq: np.ndarray) -> Evaluation:
        found = ask(hsq[:, 0])
        return Evaluation(np.reshape(found["loglik"], (-1, 1)), np.reshape(found["sigmasq"], (-1, 1)),
                          np.reshape(found["beta"], (-1, len(hsq))).T[:, :, None])

    return data, lambda version: AnsweredEngine("lmmlite-cpp", version, optimum, at)


def _of_estimates(problems: list[Answered], reml: bool, version: str, engine: str) -> dict[str, Any]:
    """The comparison of estimates; where nothing on the register says why the optima differ, the explainer's causes of ĥ."""
    comparisons = []
    for data, answered in problems:
        engines = {"python": ENGINES["python"], engine: answered(version)}
        case = compare(Problem("second opinion", "R", data), reml, engines, LEDGER, arbitrate=False)
        for comparison in case["comparisons"]:
            if comparison["quantity"] == "optimum" and "unexplained" in comparison["counts"]:
                comparison = _with_causes(comparison, data, reml, case["estimates"], engine)
            comparisons.append(comparison)
    return _summary(comparisons)


def _with_causes(comparison: dict[str, Any], data: Data, reml: bool, estimates: dict[str, Any], engine: str) -> dict[str, Any]:
    """The comparison of optima with what the explainer says of every ĥ that nothing else explains; explained where it is all."""
    said, everything = [], True
    for column, name in enumerate(data.phenotypes):
        if "unexplained" not in (one["verdict"][column] for one in estimates.values()):
            continue
        ours, theirs = (estimates[one]["translated"]["hsq"][column] for one in ("python", engine))
        answer = Explainer({"observed": one_phenotype(data, column)}, "hsq", reml).answer(Number.of(ours), Number.of(theirs))
        everything &= answer.status == "explained"
        sets = "; or ".join(" and ".join(sorted(found.causes)) for found in answer.explanations)
        said.append(f"{name}: hsq = {ours:.10g} here and {theirs:.10g} in R (under the kinship matrix as given), "
                    + (f"as by: {sets}" if sets else "which no known cause explains"))
    counts = dict(comparison["counts"])
    unexplained = counts.pop("unexplained")
    verdict = "explained" if everything else "unexplained"
    counts[verdict] = counts.get(verdict, 0) + unexplained
    reasons = comparison["reasons"].get("unexplained", {}) if not everything else {}
    return comparison | {"counts": counts, "reasons": comparison["reasons"] | {"unexplained": reasons} | {
        verdict: reasons | dict.fromkeys(said, 1)}}


def _of_scan(asked: dict[str, Any], theirs: qtl2.Scan1, version: str, ask: Callable[..., Any]) -> dict[str, Any]:
    """The comparison of LOD curves, at one given hsq and at each side's own."""
    reml = asked.get("reml", True)
    given = asked.get("hsq")
    frames = {name: None if asked.get(name) is None else _frame(asked[name], name)
              for name in ("pheno", "addcovar", "Xcovar", "intcovar")}
    data = ScanData(asked["genoprobs"], None, **frames, kinship=_undecomposed(asked.get("kinship")), weights=asked.get("weights"))

    setup = set_up(**data.arguments, reml=reml, model="normal", hsq=given)
    if theirs.hsq is not None:      # R does not always give names to its rows
        theirs = replace(theirs, hsq=theirs.hsq.set_axis(list(dict.fromkeys(setup.nulls.values()))).set_axis(
            list(data.phenotypes), axis=1))

    def scan(hsq: pd.DataFrame | None) -> qtl2.Scan1:
        return theirs if hsq is None else replace(ask(hsq.loc[theirs.hsq.index, theirs.hsq.columns].to_numpy()), hsq=hsq)

    python = ENGINES["python"]
    if given is not None:       # both were told, and neither estimates
        ours = qtl2.scan1(**data.arguments, reml=reml, hsq=given, quiet=True)
        python = AnsweredEngine("python", ours.version, scan=lambda hsq: (
            ours if hsq is None else ENGINES["python"].scan(data, reml, hsq)))
    engines = {"python": python, "qtl2": AnsweredEngine("qtl2", version, scan=scan)}
    comparisons = compare_curves(Problem("second opinion", "R", data), reml, engines)
    return _summary(comparisons if data.kinship is not None else [one | {"quantity": "LOD"} for one in comparisons])


def _of_parts(name: str, asked: dict[str, Any], theirs: Any, package: str, ask: Callable[..., Any],
              rng: Callable[[int], np.ndarray]) -> dict[str, Any]:
    """Part by part: at each side's own hsq, and at ours where R's function can be told it."""
    more = {"rng": rng} if name == "scan1perm" else {}
    ours = getattr(qtl2 if package == "qtl2" else lmmlite, name)(**asked, **more)
    if name == "calcLL" and np.isnan(ours["loglik"]).all() and np.isnan(np.asarray(theirs["loglik"], dtype=float)).all():
        reason = "there is no likelihood at this hsq: V is not positive definite"
        return {"verdict": "not comparable", "rows": [], "reasons": [reason]}
    hsq = getattr(ours, "hsq", None)
    told = name in ("scan1coef", "fit1") and hsq is not None and asked.get("hsq") is None and not asked.get("blup")
    own = package == "qtl2" and name in OWN_HSQ and asked.get("hsq") is None and (
        asked.get("kinship") is not None or name == "scan1blup" or asked.get("blup", False))
    mine = parts_of(name, ours)
    rounds = [("", theirs, "own" if own else "given")] + ([(f" at hsq = {hsq:.6g}", ask(hsq), "given")] if told else [])
    compared = [(suffix, parts_of(name, answer), kind, compare_parts(mine, parts_of(name, answer), kind))
                for suffix, answer, kind in rounds]
    reasons: list[str] = []
    if any(row["verdict"] == "unexplained" for *_, rows in compared for row in rows):
        for entry, fault in _faults(name, asked, hsq, ours, rounds[-1][1]) if package == "qtl2" else ():
            for _, answer, kind, rows in compared:
                shown = {row["quantity"] for row in compare_parts(parts_of(name, fault), answer, kind) if row["verdict"] == "agree"}
                for row in rows:
                    if row["verdict"] == "unexplained" and row["quantity"] in shown:
                        row["verdict"] = "known divergence"
                        reasons.append(f"{entry.name}: {entry.statement} (lmmbridge divergences {entry.name}, in a shell, tells "
                                       "more)")
        if any(row["verdict"] == "unexplained" for *_, rows in compared for row in rows):
            reasons.append("no fault on the register that could be computed here gives R's numbers")
            reasons += [f"on the register for {name}(), not shown to be the cause: {entry.name}" for entry in register.REGISTER
                        if package in entry.engines and f"{name}(" in entry.title and not any(
                            reason.startswith(f"{entry.name}:") for reason in reasons)]
    rows = [row | {"quantity": row["quantity"] + suffix} for suffix, *_, found in compared for row in found]
    verdict = verdict_of_case(Counter(row["verdict"] for row in rows))
    return {"verdict": verdict, "rows": rows, "reasons": list(dict.fromkeys(reasons))}


def _faults(name: str, asked: dict[str, Any], hsq: float | None, ours: Any,
            theirs: Any) -> Iterator[tuple[register.Divergence, Any]]:
    """Entries of the register, and what the function's result would be under their fault."""
    for entry, compute in FAULTS.get(name, {}).items():
        fault = compute(name, asked, None if asked.get("kinship") is None else hsq, ours, theirs)
        if fault is not None:
            yield next(one for one in register.REGISTER if one.name == entry), fault


def _columns(values: Any) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    return values[:, None] if values.ndim == 1 else values


def _frame(values: pd.Series | pd.DataFrame, name: str = "pheno") -> pd.DataFrame:
    return values.to_frame(values.name or name) if isinstance(values, pd.Series) else values


def _undecomposed(kinship: Any) -> Any:
    if isinstance(kinship, qtl2.DecomposedKinship):
        ids = list(kinship.ids)
        return pd.DataFrame((kinship.vectors.T * kinship.values) @ kinship.vectors, ids, ids)
    return {name: _undecomposed(one) for name, one in kinship.items()} if isinstance(kinship, Mapping) else kinship


def _summary(comparisons: list[dict[str, Any]]) -> dict[str, Any]:
    """Verdict, a row for each quantity that was compared, and the reasons."""
    counts: dict[str, int] = {}
    rows, reasons = [], []
    for comparison in comparisons:
        quantity, verdict = comparison["quantity"], verdict_of_case(comparison["counts"])
        if verdict == "not comparable" and (comparison["b"] is None or quantity.endswith("at fixed hsq")):
            continue        # what the function does not give is no part of the opinion
        for one, number in comparison["counts"].items():
            counts[one] = counts.get(one, 0) + number
        place = ", ".join(str(comparison[key]) for key in ("phenotype", "position") if comparison.get(key) is not None)
        rows.append({"quantity": quantity, "verdict": verdict, "place": place or None} | {
            key: comparison.get(key) for key in ("difference", "tolerance", "digits")})
        reasons += [f"{quantity}: {why}" for found in comparison.get("reasons", {}).values() for why in found]
    return {"verdict": verdict_of_case(counts), "rows": rows, "reasons": list(dict.fromkeys(reasons))}
