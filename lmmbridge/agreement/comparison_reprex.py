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
from lmmbridge.agreement.engine_calls import CALLS, scan_call, value_call
from lmmbridge.agreement.ledger import Convention
from lmmbridge.agreement.observations import one_phenotype
from lmmbridge.agreement.problems import Problem
from lmmbridge.agreement.reprex import Reprex
from lmmbridge.agreement.scan_models import ABSENT_ON_X, Place
from lmmbridge.agreement.tolerances import tolerances
from lmmbridge.engines import ENGINES, EngineFailure, Evaluation
from lmmbridge.inputs import Data
from lmmbridge.qtl2.genoprobs import Genoprobs
from lmmbridge.qtl2.scan_data import ScanData

UNITS = {"loglik": "log likelihood", "sigmasq": "σ²", "beta": "coefficient", "optimum": "heritability"}


def of_case(problem: Problem, reml: bool, case: dict[str, Any], versions: dict[str, str],
            ledger: dict[str, Convention]) -> dict[str, Reprex]:
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

    Returns
    -------
    dict of Reprex
        By engine. Nothing for an engine whose number is not off when it is asked again about the phenotype alone, and
        for decisions (peaks, intervals), which follow from LOD curves.
    """
    found: dict[str, tuple[float, Reprex]] = {}
    make = _of_scan if isinstance(problem.data, ScanData) else _of_fit
    for comparison in case["comparisons"]:
        if comparison["counts"].get("unexplained"):
            for engine in (name for name in (comparison["a"], comparison["b"]) if name in versions):
                for size, reprex in make(problem, reml, comparison, engine, ledger[engine], versions[engine]):
                    if size > max(1.0, found.get(engine, (0.0,))[0]):
                        found[engine] = size, reprex
        elif comparison["counts"].get("engine failed") and comparison["a"] in versions and comparison["b"] is None \
                and make is _of_fit:
            engine, data = comparison["a"], one_phenotype(problem.data, 0)
            found[engine] = _optimum(problem, data, reml, engine, ledger[engine], versions[engine], np.nan)
    return {engine: reprex for engine, (_, reprex) in found.items()}


def _of_fit(problem: Problem, reml: bool, comparison: dict[str, Any], engine: str, convention: Convention,
            version: str) -> Iterator[tuple[float, Reprex]]:
    """Differences, in units of half the tolerance, and what shows them."""
    data = one_phenotype(problem.data, problem.data.phenotypes.index(comparison["phenotype"]))
    quantity = comparison["quantity"].removesuffix(" at fixed hsq").removeprefix("reported ")
    try:
        optimum = convention.translate_optimum(ENGINES[engine].optimum(data, reml), data, reml)
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
        evaluation = ENGINES[engine].at_hsq(data, convention.to_native_hsq(hsq), reml)
        evaluation = convention.translate_evaluation(evaluation, hsq, data, reml)
        yield _value(problem, data, reml, reml, engine, convention, version, quantity, float(hsq[0, 0]), evaluation,
                     False, comparison["tolerance"])
    except Exception:       # whatever an engine raises when it is asked again: there is then nothing to write
        return


def _optimum(problem: Problem, data: Data, reml: bool, engine: str, convention: Convention, version: str,
             own: float) -> tuple[float, Reprex]:
    """An engine's ĥ against the best one; the difference is the likelihood lost."""
    inputs, y, X, K, weights = _inputs(data)
    best = direct.best_hsq(y, X, K, weights, reml)
    heights = [direct.gls(y, X, direct.covariance(K, h, weights), reml) if np.isfinite(h) else None
               for h in (own, best)]
    lost = np.inf if heights[0] is None or heights[1] is None else heights[1][0] - heights[0][0]
    call = None
    if engine in CALLS:
        a = convention.kinship_multiple
        call = value_call(engine, "hsq", reml, weights is not None, None)
        if np.isnan(own):
            lines = textwrap.indent(call, "    ")
            call = f"found <- tryCatch({{\n{lines}}}, error = function(e) {{ message(conditionMessage(e)); NaN }})\n"
        call += (f"\n# translated: h under K, where {engine} has {a:g}K\n"
                 f"observed <- {a:g}*found/(1 - found + {a:g}*found)\n")
    code = f"expected = best_hsq(y, X, K, {'weights' if weights is not None else None}, reml={reml})\n"
    words = (f"{engine} {version} gives no heritability." if np.isnan(own) else
             f"The heritability that {engine} {version} finds is not where the {_criterion(reml)} is highest: it loses "
             f"{lost:.3g}.",)
    reprex = Reprex(_title(engine, "heritability", problem, reml), (*words, _origin(problem, data)), engine, version,
                    f"heritability under K, by {_name(reml)}", inputs, call, code, own, best)
    return lost / tolerances()["optimum"]["limit"], reprex


def _value(problem: Problem, data: Data, reml: bool, criterion: bool, engine: str, convention: Convention, version: str,
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
    call = None
    if engine in CALLS:
        native = float(convention.to_native_hsq(np.array(hsq)))
        call = value_call(engine, quantity, reml, weights is not None, None if reported else native, k)
        call += _translation(convention, quantity, data, hsq, criterion, reml, reported)
    where = f"its own estimate, hsq = {hsq:.10g}" if reported else f"hsq = {hsq:.10g}"
    name = f"coefficient of {data.columns[k]}" if quantity == "beta" else UNITS[quantity]
    words = (f"At {where}, {engine} {version} gives another {name} than the covariance matrix h K + (1 − h) W⁻¹ written "
             "out.",)
    reprex = Reprex(_title(engine, name, problem, reml), (*words, _origin(problem, data)), engine, version,
                    f"{name} by {_name(criterion)} at {where} under K"
                    + (", with all constants" if quantity == "loglik" else ""),
                    inputs, call, code, observed,
                    float(answer[2][k, 0]) if quantity == "beta" else answer[0 if quantity == "loglik" else 1])
    return 2.0 * difference / tolerance, reprex


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

def _of_scan(problem: Problem, reml: bool, comparison: dict[str, Any], engine: str, convention: Convention,
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


def _lod(problem: Problem, place: Place, reml: bool, engine: str, version: str) -> tuple[float, Reprex]:
    """An engine's LOD score at its own hsq against the covariance matrix's; all individuals of the place are complete."""
    data = place.data
    scan = ENGINES[engine].scan(data, reml)
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
    if engine == "qtl2":
        call = scan_call([name for name in inputs if name not in ("genoprobs", "pheno")], reml, None, place.position)
    at = "" if hsq is None else f", at its own hsq = {hsq:.10g} under 2K,"
    words = (f"The LOD score of {engine} {version} at {place.position}{at} is not that of the covariance matrix written "
             "out. X0.csv and X1.csv hold the designs of the two models, with the intercept.",)
    reprex = Reprex(_title(engine, "LOD score", problem, reml), (*words, _origin(problem, data)), engine, version,
                    f"LOD score at {place.position}", inputs | designs, call, code, observed, expected)
    difference = abs(observed - expected)
    return 2.0 * (np.inf if np.isnan(difference) else difference) / tolerances()["LOD at given hsq"]["limit"], reprex


# --- words --------------------------------------------------------------------------------------------------------------

def _name(reml: bool) -> str:
    return "REML" if reml else "ML"


def _criterion(reml: bool) -> str:
    return "restricted likelihood" if reml else "likelihood"


def _title(engine: str, what: str, problem: Problem, reml: bool) -> str:
    return f"{engine} gives another {what} than the model's covariance matrix: {problem.name}, {_name(reml)}"


def _origin(problem: Problem, data: Data | ScanData) -> str:
    return f"The data: {problem.name} ({problem.source}), phenotype {data.phenotypes[0]}."
