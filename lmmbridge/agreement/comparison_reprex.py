"""Reprex folders for what a run could not explain: for each engine that is off, the number that is furthest off."""
from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from lmmbridge.agreement import direct
from lmmbridge.agreement.differences import differences
from lmmbridge.agreement.engine_calls import CALLS, python_function_call, r_function_call, scan_call, value_call
from lmmbridge.agreement.ledger import Convention
from lmmbridge.agreement.observations import one_phenotype
from lmmbridge.agreement.problems import Problem
from lmmbridge.agreement.reprex import Reprex
from lmmbridge.agreement.scan_models import ABSENT_ON_X, Place
from lmmbridge.agreement.tolerances import tolerances
from lmmbridge.engines import ENGINES, Engine, EngineFailure, Evaluation, words_of
from lmmbridge.engines.function import FunctionEngine, RFunctionEngine
from lmmbridge.inputs import Data
from lmmbridge.qtl2.genoprobs import Genoprobs
from lmmbridge.qtl2.scan_data import ScanData

UNITS = {"loglik": "log likelihood", "sigmasq": "σ²", "beta": "coefficient", "optimum": "heritability"}


def of_case(problem: Problem, reml: bool, case: dict[str, Any], versions: dict[str, str],
            ledger: dict[str, Convention], functions: dict[str, FunctionEngine] | None = None) -> dict[str, Reprex]:
    """A reprex for each engine that failed, or is off in an unexplained comparison of a case; asks the engines again.

    Parameters
    ----------
    problem : Problem
    reml : bool
    case : dict
        As `run_case` gives it.
    versions : dict of str
        Engine → version, of those that can be asked again.
    ledger : dict of Convention
    functions : dict of FunctionEngine, optional
        The user's own, by name.

    Returns
    -------
    dict of Reprex
        By engine. Nothing for an engine whose number is not off when it is asked again about the phenotype alone, and
        for decisions (peaks, intervals), which follow from LOD curves.
    """
    found: dict[str, tuple[float, Reprex]] = {}
    engines = ENGINES | (functions or {})
    make = _of_scan if isinstance(problem.data, ScanData) else _of_fit
    for comparison in case["comparisons"]:
        if comparison["counts"].get("unexplained"):
            for engine in (name for name in (comparison["a"], comparison["b"]) if name in versions):
                for size, reprex in make(problem, reml, comparison, engines[engine], ledger[engine], versions[engine]):
                    if size > max(1.0, found.get(engine, (0.0,))[0]):
                        found[engine] = size, reprex
        elif comparison["counts"].get("engine failed") and comparison["a"] in versions and comparison["b"] is None \
                and make is _of_fit:
            engine = comparison["a"]
            for failed in _failed(problem, reml, engines[engine], ledger[engine], versions[engine]):
                found[engine] = np.inf, failed
    return {engine: reprex for engine, (_, reprex) in found.items()}


def _failed(problem: Problem, reml: bool, engine: Engine, convention: Convention, version: str) -> Iterator[Reprex]:
    """The first phenotype whose heritability the engine fails to give; none where it fails at other values of hsq alone."""
    for j in range(len(problem.data.phenotypes)):
        data = one_phenotype(problem.data, j)
        try:
            engine.optimum(data, reml)
        except Exception as failure:    # whatever an engine raises
            yield _optimum(problem, data, reml, engine, convention, version, np.nan, f": {words_of(failure)}")[1]
            return


def _of_fit(problem: Problem, reml: bool, comparison: dict[str, Any], engine: Engine, convention: Convention,
            version: str) -> Iterator[tuple[float, Reprex]]:
    """Differences, in units of half the tolerance, and what shows them."""
    data = one_phenotype(problem.data, problem.data.phenotypes.index(comparison["phenotype"]))
    quantity = comparison["quantity"].removesuffix(" at fixed hsq").removeprefix("reported ")
    try:
        optimum = convention.translate_optimum(engine.optimum(data, reml), data, reml)
        own = float(optimum.hsq[0])
        if quantity == "optimum":
            yield _optimum(problem, data, reml, engine, convention, version, own)
            return
        if comparison["quantity"].startswith("reported") and abs(own - comparison["hsq"]) <= 1e-7:
            reported = Evaluation(optimum.loglik[None], optimum.sigmasq[None],
                                  None if optimum.beta is None else optimum.beta[None])
            criterion = convention.optimum_is_reml(reml) if quantity == "loglik" else reml
            yield _value(problem, data, reml, criterion, engine, convention, version, quantity, own, reported, True,
                         comparison["tolerance"])
        hsq = np.array([[comparison["hsq"]]])
        if not engine.answerable(data, convention.to_native_hsq(hsq), reml).all():
            return
        evaluation = engine.at_hsq(data, convention.to_native_hsq(hsq), reml)
        evaluation = convention.translate_evaluation(evaluation, hsq, data, reml)
        yield _value(problem, data, reml, reml, engine, convention, version, quantity, float(hsq[0, 0]), evaluation,
                     False, comparison["tolerance"])
    except Exception:       # whatever an engine raises when it is asked again: there is then nothing to write
        return


def _optimum(problem: Problem, data: Data, reml: bool, engine: Engine, convention: Convention, version: str,
             own: float, why: str = "") -> tuple[float, Reprex]:
    """An engine's ĥ against the best one; the difference is the likelihood lost. `why` it gives none."""
    inputs, y, X, K, weights = _inputs(data)
    best = direct.best_hsq(y, X, K, weights, reml)
    heights = [direct.gls(y, X, direct.covariance(K, h, weights), reml) if np.isfinite(h) else None
               for h in (own, best)]
    lost = np.inf if heights[0] is None or heights[1] is None else heights[1][0] - heights[0][0]
    a, call = convention.kinship_multiple, _call(engine, "hsq", reml, weights is not None, None)
    if np.isnan(own) and call is not None and not _is_python(engine):
        lines = textwrap.indent(call, "    ")
        call = f"found <- tryCatch({{\n{lines}}}, error = function(e) {{ message(conditionMessage(e)); NaN }})\n"
    translation = (f"\n# translated: h under K, where {engine.name} has {a:g}K\n"
                   f"observed <- {a:g}*found/(1 - found + {a:g}*found)\n")
    code = f"expected = best_hsq(y, X, K, {'weights' if weights is not None else None}, reml={reml})\n"
    words = (f"{_who(engine, version)} gives no heritability{why or '.'}" if np.isnan(own) else
             f"The heritability that {_who(engine, version)} finds is not where the {_criterion(reml)} is highest: it loses "
             f"{lost:.3g}.",)
    reprex = Reprex(_title(engine, "heritability", problem, reml), (*words, _origin(problem, data)), engine.name, version,
                    f"heritability under K, by {_name(reml)}", inputs, direct=code, observed=own, expected=best,
                    **_asked_again(engine, call, translation))
    return lost / tolerances()["optimum"]["limit"], reprex


def _value(problem: Problem, data: Data, reml: bool, criterion: bool, engine: Engine, convention: Convention, version: str,
           quantity: str, hsq: float, evaluation: Evaluation, reported: bool, tolerance: float) -> tuple[float, Reprex]:
    """A value at hsq, computed there or reported of an engine's own ĥ, against the one of the covariance matrix."""
    inputs, y, X, K, weights = _inputs(data)
    answer = direct.gls(y, X, direct.covariance(K, hsq, weights), criterion)
    given = getattr(evaluation, quantity)
    if answer is None or given is None:
        return 0.0, None
    right = Evaluation(np.array([[answer[0]]]), np.array([[answer[1]]]), answer[2][None])
    difference = float(differences(evaluation, right, data)[quantity][0, 0])
    difference = np.inf if np.isnan(difference) else difference
    k = int(np.argmax(np.abs(given - right.beta)[0, :, 0] * np.linalg.norm(X, axis=0))) if quantity == "beta" else 0
    observed = float(given[0, k, 0] if quantity == "beta" else given[0, 0])
    part = {"loglik": "[0]", "sigmasq": "[1]", "beta": f"[2][{k}, 0]"}[quantity]
    code = (f"h = {hsq:.17g}\nexpected = gls(y, X, covariance(K, h, {'weights' if weights is not None else None}), "
            f"reml={criterion}){part}\n")
    native = None if reported else float(convention.to_native_hsq(np.array(hsq)))
    call = _call(engine, quantity, reml, weights is not None, native, k)
    translation = _translation(convention, quantity, data, hsq, criterion, reml, reported)
    where = f"its own estimate, hsq = {hsq:.10g}" if reported else f"hsq = {hsq:.10g}"
    name = f"coefficient of {data.columns[k]}" if quantity == "beta" else UNITS[quantity]
    words = (f"At {where}, {_who(engine, version)} gives another {name} than the covariance matrix h K + (1 − h) W⁻¹ written "
             "out.",)
    reprex = Reprex(_title(engine, name, problem, reml), (*words, _origin(problem, data)), engine.name, version,
                    f"{name} by {_name(criterion)} at {where} under K"
                    + (", with all constants" if quantity == "loglik" else ""),
                    inputs, direct=code, observed=observed,
                    expected=float(answer[2][k, 0]) if quantity == "beta" else answer[0 if quantity == "loglik" else 1],
                    **_asked_again(engine, call, translation))
    return 2.0 * difference / tolerance, reprex


def _call(engine: Engine, *asked: Any) -> str | None:
    """Code that assigns `found`, Python's for a Python function of the user's, else R's; None for this project's own in Python."""
    if isinstance(engine, RFunctionEngine):
        return r_function_call(engine.code, *asked)
    if _is_python(engine):
        return python_function_call(engine.name, *asked)
    return value_call(engine.name, *asked) if engine.name in CALLS else None


def _is_python(engine: Engine) -> bool:
    return isinstance(engine, FunctionEngine) and not isinstance(engine, RFunctionEngine)


def _asked_again(engine: Engine, call: str | None, translation: str) -> dict[str, str | None]:
    """The fields of a Reprex that hold the code that asks the engine."""
    if _is_python(engine):
        return {"call": None, "call_python": call + translation.replace(" <- ", " = ")}
    return {"call": None if call is None else call + translation}


def _translation(convention: Convention, quantity: str, data: Data, hsq: float, criterion: bool, reml: bool,
                 reported: bool) -> str:
    """R code: `observed`, by the conventions of the ledger, from `found`."""
    if quantity == "beta":
        return "observed <- found\n"
    zero, one = np.zeros((1, 1)), np.ones((1, 1))
    at = np.array([[hsq]])
    constant = float(convention.translate_evaluation(Evaluation(zero), at, data, criterion).loglik[0, 0])
    if quantity == "loglik":
        unit = convention.optimum_unit if reported else 1.0
        return ("\n# translated: the constants that are left out" + (", and the unit" if unit != 1.0 else "")
                + f"\nobserved <- found*{unit:.17g} + {constant:.17g}\n")
    factor = float(convention.translate_evaluation(Evaluation(zero, one), at, data, reml).sigmasq[0, 0])
    return f"\n# translated: the divisor, and the multiple of K\nobserved <- found*{factor:.17g}\n"


def _inputs(data: Data) -> tuple[dict[str, pd.DataFrame | pd.Series], np.ndarray, np.ndarray, np.ndarray,
                                 np.ndarray | None]:
    """What goes into the folder, and the same as plain arrays."""
    ids = list(data.ids)
    inputs = {"y": pd.DataFrame(data.Y, ids, list(data.phenotypes)), "X": pd.DataFrame(data.X, ids, list(data.columns)),
              "K": pd.DataFrame(data.K, ids, ids)}
    if data.weights is not None:
        inputs["weights"] = pd.Series(data.weights, ids)
    return inputs, data.Y, data.X, data.K, data.weights


# --- scans ------------------------------------------------------------------------------------------------------------

def _of_scan(problem: Problem, reml: bool, comparison: dict[str, Any], engine: Engine, convention: Convention,
             version: str) -> Iterator[tuple[float, Reprex]]:
    """The LOD score at the position that a comparison names: asked for alone, or else with its chromosome."""
    if comparison.get("position") is None:
        return
    for alone in (True, False):
        place = _place(problem.data, comparison["position"], comparison["phenotype"], alone)
        try:
            size, reprex = _lod(problem, place, reml, engine, version)
        except (EngineFailure, np.linalg.LinAlgError):
            return
        yield size, reprex
        if size > 1.0:
            return


def _place(data: ScanData, position: str, phenotype: str, alone: bool) -> Place:
    """The place with its phenotype, the individuals that have everything, and its position or whole chromosome."""
    place = Place(data, position, phenotype)
    ids, chromosome, probs = place.individuals(), place.chromosome, data.genoprobs
    array = probs[chromosome].sel(individual=ids)
    if probs.is_x_chr[chromosome]:      # told by the whole chromosome, not by one position
        array = array.isel(genotype=np.flatnonzero(probs[chromosome].values.mean(axis=(0, 2)) >= ABSENT_ON_X))
    array = array.sel(position=[position]) if alone else array
    one = Genoprobs({chromosome: array}, probs.is_x_chr, probs.crosstype, probs.alleles, probs.alleleprobs)
    frames = {name: None if getattr(data, name) is None else getattr(data, name).loc[ids]
              for name in ("addcovar", "Xcovar", "intcovar", "weights")}
    K = place.kinship
    return Place(replace(data, genoprobs=one, pheno=data.pheno.loc[ids, [phenotype]],
                         kinship=None if K is None else K.loc[ids, ids], **frames), position, phenotype)


def _lod(problem: Problem, place: Place, reml: bool, engine: Engine, version: str) -> tuple[float, Reprex]:
    """An engine's LOD score at its own hsq against the covariance matrix's; all individuals of the place are complete."""
    data = place.data
    scan = engine.scan(data, reml)
    hsq = None if scan.hsq is None else float(scan.hsq.loc[place.null_chromosome(scan.hsq.index), place.phenotype])
    observed = float(scan.lod.loc[place.position, place.phenotype])
    ids = list(data.pheno.index)
    null, covariates, G = place.designs()
    full = np.column_stack([covariates, G])
    designs = {name: pd.DataFrame(X, ids, [f"x{j}" for j in range(X.shape[1])])
               for name, X in (("X0", null), ("X1", full))}
    inputs = {name: value for name, value in data.arguments.items() if value is not None}
    K = np.eye(len(ids)) if hsq is None else 2.0 * data.kinship.to_numpy()
    weights, h = None if data.weights is None else data.weights.to_numpy(), 0.0 if hsq is None else hsq
    expected = direct.lod(data.pheno.to_numpy(float), null, full, direct.covariance(K, h, weights))
    code = (f"h = {h:.17g}\nV = covariance({'np.eye(len(pheno))' if hsq is None else '2 * kinship'}, h, "
            f"{'None' if weights is None else 'weights'})\nexpected = lod(pheno, X0, X1, V)\n")
    call = None
    if engine.name == "qtl2":
        call = scan_call([name for name in inputs if name not in ("genoprobs", "pheno")], reml, None, place.position)
    at = "" if hsq is None else f", at its own hsq = {hsq:.10g} under 2K,"
    words = (f"The LOD score of {_who(engine, version)} at {place.position}{at} is not that of the covariance matrix written "
             "out. X0.csv and X1.csv hold the designs of the two models, with the intercept.",)
    reprex = Reprex(_title(engine, "LOD score", problem, reml), (*words, _origin(problem, data)), engine.name, version,
                    f"LOD score at {place.position}", inputs | designs, call, code, observed, expected)
    difference = abs(observed - expected)
    return 2.0 * (np.inf if np.isnan(difference) else difference) / tolerances()["LOD at given hsq"]["limit"], reprex


# --- words --------------------------------------------------------------------------------------------------------------

def _name(reml: bool) -> str:
    return "REML" if reml else "ML"


def _criterion(reml: bool) -> str:
    return "restricted likelihood" if reml else "likelihood"


def _who(engine: Engine, version: str) -> str:
    return f"{engine.name} {version}".removesuffix(" unknown")


def _title(engine: Engine, what: str, problem: Problem, reml: bool) -> str:
    return f"{engine.name} gives another {what} than the model's covariance matrix: {problem.name}, {_name(reml)}"


def _origin(problem: Problem, data: Data | ScanData) -> str:
    return f"The data: {problem.name} ({problem.source}), phenotype {data.phenotypes[0]}."
