"""A second opinion on one call: what an R package answered in the user's own R, held against this project's answer.

Of est_herit, fitLMM and scan1 the R answer takes part as an engine in the comparison that `lmmbridge validate` makes, with its
verdicts, register and explainer. Of the other functions the parts of both answers are compared one by one.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from lmmbridge import lmmlite, qtl2
from lmmbridge.agreement import register
from lmmbridge.agreement.comparison import compare
from lmmbridge.agreement.differences import digits
from lmmbridge.agreement.explainer import Explainer, Number
from lmmbridge.agreement.ledger import LEDGER
from lmmbridge.agreement.observations import one_phenotype
from lmmbridge.agreement.part_faults import FAULTS
from lmmbridge.agreement.problems import Problem
from lmmbridge.agreement.scan_comparison import compare_curves
from lmmbridge.agreement.tolerances import tolerances
from lmmbridge.agreement.verdicts import ORDER, verdict_of_case
from lmmbridge.engines import ENGINES
from lmmbridge.engines.base import Availability, Engine, Evaluation, Optimum
from lmmbridge.inputs import Data
from lmmbridge.qtl2.alignment import align
from lmmbridge.qtl2.scan_data import ScanData

#: Functions that estimate hsq and tell it to nobody.
OWN_HSQ = ("scan1coef", "fit1", "scan1blup", "scan1perm", "scan1max")
#: Parts of answers that are LOD scores, compared by their difference as such.
LOD_PARTS = ("LOD", "individual LOD", "maximum LOD", "maximum LOD, autosomes", "maximum LOD, X")


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

    def scan(hsq: pd.DataFrame | None) -> qtl2.Scan1:
        return theirs if hsq is None else ask(hsq.loc[theirs.hsq.index, theirs.hsq.columns].to_numpy())

    python = ENGINES["python"]
    if given is not None:       # both were told, and neither estimates
        ours = python.scan(data, reml, theirs.hsq)
        python = AnsweredEngine("python", ours.version, scan=lambda hsq: ours if hsq is None else ENGINES["python"].scan(data, reml, hsq))
    engines = {"python": python, "qtl2": AnsweredEngine("qtl2", version, scan=scan)}
    comparisons = compare_curves(Problem("second opinion", "R", data), reml, engines)
    return _summary(comparisons if data.kinship is not None else [one | {"quantity": "LOD"} for one in comparisons])


def _of_parts(name: str, asked: dict[str, Any], theirs: Any, package: str, ask: Callable[..., Any],
              rng: Callable[[int], np.ndarray]) -> dict[str, Any]:
    """Part by part: at each side's own hsq, and at ours where R's function can be told it."""
    more = {"rng": rng} if name == "scan1perm" else {}
    ours = getattr(qtl2 if package == "qtl2" else lmmlite, name)(**asked, **more)
    hsq = getattr(ours, "hsq", None)
    told = name in ("scan1coef", "fit1") and hsq is not None and asked.get("hsq") is None and not asked.get("blup")
    own = package == "qtl2" and name in OWN_HSQ and asked.get("hsq") is None and (
        asked.get("kinship") is not None or name == "scan1blup" or asked.get("blup", False))
    rows = _rows(_parts(name, ours), _parts(name, theirs), "own" if own else "given")
    at_hsq = theirs
    if told:
        at_hsq = ask(hsq)
        rows += [row | {"quantity": f"{row['quantity']} at hsq = {hsq:.6g}"}
                 for row in _rows(_parts(name, ours), _parts(name, at_hsq), "given")]
    reasons: list[str] = []
    if any(row["verdict"] == "unexplained" for row in rows) and package == "qtl2":
        entry = _fault(name, asked, None if name == "scan1blup" or asked.get("kinship") is None else hsq, _parts(name, at_hsq))
        if entry is not None:
            rows = [row | {"verdict": "known divergence"} if row["verdict"] == "unexplained" else row for row in rows]
            reasons = [f"{entry.name}: {entry.statement}"]
        else:
            reasons = ["no fault on the register that could be computed here gives R's numbers"] + [
                f"on the register for {name}(), not shown to be the cause: {entry.name}" for entry in register.REGISTER
                if package in entry.engines and f"{name}(" in entry.title]
    counts = Counter(row["verdict"] for row in rows)
    return {"verdict": verdict_of_case(counts), "rows": rows, "reasons": reasons}


def _fault(name: str, asked: dict[str, Any], hsq: float | None, theirs: dict[str, np.ndarray]) -> register.Divergence | None:
    """The register's entry whose fault, computed by us, gives R's numbers."""
    for entry, compute in FAULTS.get(name, {}).items():
        for parts in compute(name, asked, hsq):
            there = {part: np.where(np.isnan(values), np.nan, theirs[part]) for part, values in parts.items()
                     if part in theirs and theirs[part].shape == values.shape}
            if there and all(row["verdict"] == "agree" for row in _rows(parts, there, "own")):
                return next(one for one in register.REGISTER if one.name == entry)
    return None


def _rows(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray], hsq: str) -> list[dict[str, Any]]:
    """A row for each part that either has."""
    rows = []
    for part in dict.fromkeys([*ours, *theirs]):
        limit = tolerances()[f"LOD at {hsq} hsq" if part in LOD_PARTS else f"parts at {hsq} hsq"]["limit"]
        row = {"quantity": part, "tolerance": limit, "difference": None, "digits": None, "place": None}
        if part not in ours or part not in theirs:
            rows.append(row | {"verdict": "not comparable"})
            continue
        a, b = ours[part], theirs[part]
        if a.shape != b.shape:
            rows.append(row | {"verdict": "unexplained", "place": f"{a.shape} for {b.shape}"})
            continue
        off = np.where(np.isnan(a) & np.isnan(b), 0.0, np.nan_to_num(np.abs(a - b), nan=np.inf))
        size = 1.0 if part in LOD_PARTS else max(float(np.nanmax(np.abs(b), initial=0.0)), np.finfo(float).tiny)
        difference = float(np.max(off, initial=0.0)) / size
        rows.append(row | {"verdict": "agree" if difference <= limit else "unexplained", "difference": difference,
                           "digits": digits(difference)})
    return rows


def _parts(name: str, answer: Any) -> dict[str, np.ndarray]:
    """The numbers of an answer by what they are, ours and R's alike."""
    if name in ("calc_kinship", "scale_kinship"):
        return {f"kinship{of}": matrix.to_numpy(float) for of, matrix in _each(answer)}
    if name == "decomp_kinship":
        parts = {}
        for of, found in _each(answer):
            # eigenvectors are not unique; K is
            parts |= {f"eigenvalues{of}": found.values, f"vectors' values vectors{of}": (found.vectors.T * found.values) @ found.vectors}
        return parts
    if name == "scan1max":
        return {"maximum LOD": np.asarray(answer.lod if isinstance(answer, qtl2.Scan1Max) else _values(answer), dtype=float)}
    if name == "scan1perm":
        if isinstance(answer, qtl2.Scan1Perm):
            return {"maximum LOD": answer.A.to_numpy()} if answer.X is None else {
                "maximum LOD, autosomes": answer.A.to_numpy(), "maximum LOD, X": answer.X.to_numpy()}
        return {"maximum LOD": np.asarray(_values(answer), dtype=float)} if not isinstance(answer, dict) else {
            "maximum LOD, autosomes": _values(answer["A"]), "maximum LOD, X": _values(answer["X"])}
    if name in ("scan1coef", "scan1blup"):
        return {"coefficients": answer.coef.to_numpy()} | ({} if answer.se is None else {"standard errors": answer.se.to_numpy()})
    if name == "fit1":
        names = {"lod": "LOD", "ind_lod": "individual LOD", "coef": "coefficients", "SE": "standard errors", "var": "covariance",
                 "fitted": "fitted values", "resid": "residuals"}
        get = answer.get if isinstance(answer, dict) else lambda part: getattr(answer, part)
        return {called: np.asarray(_values(get(part)), dtype=float).ravel() for part, called in names.items()
                if get(part) is not None}
    if name == "eigen_rotation":
        U = np.asarray(answer["Kve_t"], dtype=float)
        return {"eigenvalues": np.asarray(answer["Kva"], dtype=float), "vectors' values vectors": (U.T * answer["Kva"]) @ U,
                "y, rotated back": U.T @ answer["y"], "X, rotated back": U.T @ answer["X"]}
    return {part: np.asarray(value, dtype=float).ravel() for part, value in answer.items()}


def _each(answer: Any) -> list[tuple[str, Any]]:
    if isinstance(answer, Mapping):
        return [(f" of chromosome {chromosome}", one) for chromosome, one in answer.items()]
    return [("", answer)]


def _values(answer: Any) -> Any:
    return answer.values if isinstance(answer, (xr.DataArray, pd.Series, pd.DataFrame)) else answer


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
        quantity, verdict = comparison["quantity"], max(comparison["counts"], key=ORDER.__getitem__)
        if verdict == "not comparable" and (comparison["b"] is None or quantity.endswith("at fixed hsq")):
            continue        # what the function does not give is no part of the opinion
        for one, number in comparison["counts"].items():
            counts[one] = counts.get(one, 0) + number
        place = ", ".join(str(comparison[key]) for key in ("phenotype", "position") if comparison.get(key) is not None)
        rows.append({"quantity": quantity, "verdict": verdict, "place": place or None} | {
            key: comparison.get(key) for key in ("difference", "tolerance", "digits")})
        reasons += [f"{quantity}: {why}" for found in comparison.get("reasons", {}).values() for why in found]
    return {"verdict": verdict_of_case(counts), "rows": rows, "reasons": list(dict.fromkeys(reasons))}
