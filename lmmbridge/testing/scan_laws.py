"""The laws of genome scans: of R/qtl2's functions, whoever implements them.

An implementation is an object with the functions of `lmmbridge.qtl2` under their names: that module itself,
`lmmbridge.engines.r_qtl2.RQtl2()`, or your own.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from lmmbridge.testing import scan_changes as changes
from lmmbridge.testing.curve_laws import CURVE_LAWS
from lmmbridge.testing.laws import Breach, Law
from lmmbridge.testing.scan_cases import (FUNCTIONS, ScanCase, Tables, est_herit, fit1, scan1, scan1blup, scan1blup_se,
                                           scan1coef)
from lmmbridge.testing.scan_comparing import breach_between
from lmmbridge.testing.strategies import scan_problems

#: Individuals of a case, at the least (so that predictors have a variance to be estimated) and at the most.
FEWEST, MOST = 8, 16
#: hsq that are given to functions that take it.
GIVEN = st.sampled_from([None, 0.5, 0.0, 0.2, 0.9])


@st.composite
def cases(draw, change: Callable, function: str, nullcovar: bool | None = None, **options: Any) -> ScanCase:
    """A case for a function, with its change.

    Parameters
    ----------
    change : function of (draw, ScanCase)
        One of `lmmbridge.testing.scan_changes`.
    function : str
        One of `lmmbridge.testing.scan_cases.FUNCTIONS`.
    nullcovar : bool, optional
        Whether there is one (not of scan1). Default: sometimes.
    **options
        Of `lmmbridge.testing.strategies.scan_problems`.
    """
    blup = function.startswith("scan1blup")
    if blup:
        options.update(weights=False, intcovar=False)       # which it does not take
    if function != "scan1":
        options.update(x=False)     # where some genotypes never occur and have no coefficients
    data = draw(scan_problems(**{"min_n": FEWEST, "max_n": MOST, **options}))
    ids = list(data.genoprobs.individuals)
    other = None
    if function != "scan1" and (draw(st.booleans(), label="nullcovar") if nullcovar is None else nullcovar):
        groups = st.lists(st.integers(0, 1), min_size=len(ids), max_size=len(ids))
        column = np.array(draw(groups, label="nullcovar"), dtype=float)
        column[0] = 1.0 - column[1]     # never constant
        other = pd.DataFrame(column[:, None], ids, ["nullcovar"])
    given = None if data.kinship is None or blup else draw(GIVEN, label="hsq")
    chromosome = draw(st.sampled_from(list(data.genoprobs)), label="chromosome")
    position = draw(st.sampled_from(data.genoprobs[chromosome].coords["position"].values.tolist()), label="position")
    return change(draw, ScanCase(data, not draw(st.booleans(), label="ML"), given, other, chromosome, position))


def _law(name: str, statement: str, reason: str, drawn: st.SearchStrategy, function: str, observe: Callable,
         expect: Callable | None = None, whole: bool = False) -> Law:
    """A law by which the answers `observe` to the changed case follow from the answers `expect` to the case."""
    def breach(implementation: Any, case: ScanCase) -> Breach | None:
        return breach_between(name, implementation, case, observe, expect or observe, function, whole)
    return Law(name, statement, reason, drawn, breach)


# --- the same problem in other words: laws of each function ----------------------------------------------------------

#: The functions; "scan1blup-se" is scan1blup with standard errors, which not all laws need.
FOUR = ("scan1", "scan1coef", "fit1", "scan1blup")

#: Name, statement, reason, change, functions, options of the cases.
POSED_OTHERWISE = (
    ("order", "individuals in another order, of each input its own: nothing changes",
     "Individuals are matched by ID; the density does not depend on their order.",
     changes.order, tuple(FUNCTIONS), {}),
    ("missing", "individuals that lack something in some input: as if they were in none",
     "What is not there cannot count.", changes.missing, FOUR, {}),
    ("kinship-scale", "K → aK, h → h/(h + a(1−h)) for h under 2K: nothing else changes",
     "With this h, V is the same matrix up to scale, and σ² takes up the scale.",
     changes.kinship_scale, FOUR, {"kinship": "some"}),
    ("weights-scale", "w → cw, h → h/(h + c(1−h)): nothing else changes; no weights are weights of 1",
     "With this h, V is the same matrix up to scale, and σ² takes up the scale.",
     changes.weights_scale, ("scan1", "scan1coef", "fit1"), {}),
    ("phenotype", "y → ay + Xb: LOD and h stay, coefficients → a · coefficients + b, SE → |a| SE",
     "Xb moves the mean along the covariates' own parameters; a changes the unit.",
     changes.phenotype, tuple(FUNCTIONS), {}),
    ("covariates", "covariates → combinations of them and the constant: LOD, h and the genotypes' effects stay",
     "The covariates span the same space.", changes.covariates, FOUR,
     {"addcovar": True, "intcovar": False}),
    ("dependent-last", "one more covariate, dependent on the others: LOD, h and the genotypes' effects stay",
     "The covariates span the same space.", changes.dependent_last, FOUR, {}),
    ("dependent-first", "one more covariate in front, dependent on the others: LOD, h and the genotypes' effects stay",
     "The covariates span the same space.", changes.dependent_first, FOUR, {"addcovar": True}),
    ("genotype-order", "genotypes in another order: LOD, h and the effect of each stay",
     "Which genotype comes first is a convention.", changes.genotype_order, FOUR, {}),
    ("rotation", "(y, X, G, K) → (Oy, OX, OG, OKO') with O'O = I, O1 = 1 and no weights: nothing changes",
     "The density of Oy is that of y.", changes.rotation, tuple(FUNCTIONS), {"weights": False, "intcovar": False}),
    ("no-structure", "a kinship K = cW⁻¹ is no kinship", "V is W⁻¹ up to scale, whatever h is.",
     changes.no_structure, tuple(FUNCTIONS), {"kinship": "none"}),
    ("no-kinship", "at h = 0 a kinship is no kinship", "V is W⁻¹ there.", changes.hsq_of_zero,
     ("scan1", "scan1coef", "fit1"), {"kinship": "some"}),
    ("copies", "two independent copies of everybody, at one h: LOD doubles, coefficients stay, SE → √((n−p)/(2n−p)) SE",
     "Q and X'V⁻¹X are sums over independent parts; σ² is Q/(n−p).", changes.copies,
     ("scan1", "scan1coef", "fit1"), {}),
)


def posed_otherwise(name: str, function: str, **options: Any) -> Law:
    """The law of that name about that function, on cases with further options (see `cases`)."""
    row = next(row for row in POSED_OTHERWISE if row[0] == name)
    statement, reason, change, given = row[1], row[2], row[3], {**row[5], **options}
    kinds = {"some": ["overall", "loco"]}.get(given.get("kinship"), [given.get("kinship")])
    drawn = st.sampled_from(kinds).flatmap(lambda kinship: cases(change, function, **{**given, "kinship": kinship}))
    # scan1coef's standard errors are those before the mean is subtracted, which covariates' zero points move.
    alone = function == "scan1coef" and change in (changes.covariates, changes.dependent_last, changes.dependent_first)
    return _law(f"{name}-{function}", f"{function}: {statement}", reason, drawn, function, FUNCTIONS[function],
                _coefficients_alone if alone else None)


def _coefficients_alone(implementation: Any, case: ScanCase) -> Tables:
    return {"coef": scan1coef(implementation, case)["coef"]}


# --- the same answer from other functions ----------------------------------------------------------------------------


def _fit1_of_scan(implementation: Any, case: ScanCase) -> Tables:
    """fit1's LOD of the first phenotype at the position, by the null model that scan1 has there."""
    on_x = case.data.genoprobs.is_x_chr[case.chromosome]
    return {"lod": fit1(implementation, replace(case, nullcovar=case.data.Xcovar if on_x else None))["lod"]}


def _lod_at_position(implementation: Any, case: ScanCase) -> Tables:
    return {"lod": scan1(implementation, case)["lod"].loc[[case.position], case.data.pheno.columns[:1]]}


def _coef_at_position(implementation: Any, case: ScanCase) -> Tables:
    return {name: table.loc[[case.position]] for name, table in scan1coef(implementation, case).items()}


def _fit1_coef(implementation: Any, case: ScanCase) -> Tables:
    return {"coef": fit1(implementation, case)["coef"]}


def _fit1_blup(implementation: Any, case: ScanCase) -> Tables:
    return fit1(implementation, case, blup=True)


def _blup_at_position(implementation: Any, case: ScanCase) -> Tables:
    return {name: table.loc[[case.position]] for name, table in scan1blup_se(implementation, case).items()}


def _identity_permutation(implementation: Any, case: ScanCase) -> Tables:
    """The maximum LOD by phenotype, of scan1perm with a stratum for each individual, as a table of positions."""
    data = case.data
    alone = pd.Series(np.arange(len(data.genoprobs.individuals), dtype=float), list(data.genoprobs.individuals))
    found = implementation.scan1perm(**data.arguments, reml=case.reml, perm_strata=alone, quiet=True)
    return {"lod": _everywhere(found.A.iloc[0], case)}


def _maxima(implementation: Any, case: ScanCase) -> Tables:
    return {"lod": _everywhere(scan1(implementation, case)["lod"].max(), case)}


def _everywhere(values: pd.Series, case: ScanCase) -> pd.DataFrame:
    positions = list(case.data.genoprobs.positions)
    return pd.DataFrame(np.tile(values.to_numpy(), (len(positions), 1)), positions, list(case.data.pheno.columns))


def _one_at_a_time(implementation: Any, case: ScanCase) -> Tables:
    alone = [scan1(implementation, replace(case.with_data(pheno=case.data.pheno[[name]]), change=None))
             for name in case.data.pheno]
    return {name: pd.concat([tables[name] for tables in alone], axis=1) for name in alone[0]}


def _two_threads(implementation: Any, case: ScanCase) -> Tables:
    return scan1(implementation, case, cores=2)


def _two_threads_of_blup(implementation: Any, case: ScanCase) -> Tables:
    return scan1blup(implementation, case, cores=2)


def _with_its_own_hsq(implementation: Any, case: ScanCase) -> Tables:
    """Scanned again at the hsq that the scan has found."""
    found = scan1(implementation, case)["hsq"]
    return {"lod": implementation.scan1(**case.data.arguments, reml=case.reml, hsq=found.to_numpy(), quiet=True).lod}


def _lod(implementation: Any, case: ScanCase) -> Tables:
    return {"lod": scan1(implementation, case)["lod"]}


def _null_hsq(implementation: Any, case: ScanCase) -> Tables:
    return {"hsq": scan1(implementation, replace(case, hsq=None))["hsq"].iloc[:1]}


def _estimated(draw: Callable, case: ScanCase) -> ScanCase:
    return changes.same(draw, replace(case, hsq=None))


def _not_negative(implementation: Any, case: ScanCase) -> Tables:
    return {"lod": scan1(implementation, case)["lod"].clip(lower=0.0)}


def _same_or_less(implementation: Any, case: ScanCase) -> Tables:
    """The changed case's LOD, or the original's where that is smaller."""
    return {"lod": np.minimum(scan1(implementation, case)["lod"], scan1(implementation, case.change.case)["lod"])}


SCAN_LAWS: tuple[Law, ...] = (
    *(posed_otherwise(row[0], function) for row in POSED_OTHERWISE for function in row[4]),
    _law("scan1-fit1", "LOD of scan1 at a position = LOD of fit1 there", "It is one model.",
         cases(changes.same, "scan1"), "scan1", _lod_at_position, _fit1_of_scan),
    _law("scan1coef-fit1", "coefficients of scan1coef at a position = those of fit1 there", "It is one model.",
         cases(changes.same, "scan1coef"), "scan1coef", _coef_at_position, _fit1_coef),
    _law("scan1blup-fit1", "predictors of scan1blup at a position = those of fit1(blup=True) there", "It is one model.",
         cases(changes.same, "scan1blup"), "scan1blup", _blup_at_position, _fit1_blup),
    _law("est_herit-scan1", "hsq of est_herit = that of scan1's null model", "It is one model.",
         cases(_estimated, "scan1", kinship="overall", intcovar=False, x=False, missing=True, phenotypes=2), "scan1",
         est_herit, _null_hsq),
    _law("permutation", "scan1perm that permutes nobody (each its own stratum) = the maxima of scan1",
         "The permuted problem is the problem.", cases(_estimated, "scan1", phenotypes=2), "scan1",
         _identity_permutation, _maxima, whole=True),
    _law("own-hsq", "scan1 at the hsq that scan1 has found = that scan", "It is one and the same model.",
         st.sampled_from(["overall", "loco"]).flatmap(lambda kinship: cases(_estimated, "scan1", kinship=kinship,
                                                                            phenotypes=2)),
         "scan1", _with_its_own_hsq, _lod),
    _law("one-at-a-time", "scan1 of phenotypes together = of each alone", "Every phenotype has its own model.",
         cases(changes.same, "scan1", missing=True, phenotypes=3), "scan1", scan1, _one_at_a_time),
    _law("threads-scan1", "scan1 by two threads = by one", "Threads are a matter of time.",
         cases(changes.same, "scan1", missing=True, phenotypes=2), "scan1", _two_threads, scan1),
    _law("threads-scan1blup", "scan1blup by two threads = by one", "Threads are a matter of time.",
         cases(changes.same, "scan1blup"), "scan1blup", _two_threads_of_blup, scan1blup),
    _law("equal-loco", "one kinship for each chromosome, all equal = that kinship for all", "It is the same V.",
         cases(changes.equal_loco, "scan1", kinship="overall"), "scan1", scan1),
    _law("chromosome-alone", "LOD on a chromosome = LOD with that chromosome scanned alone",
         "A chromosome's model has nothing of the others.", cases(changes.chromosome_alone, "scan1"), "scan1", scan1),
    _law("known-qtl", "on autosomes, LOD is 0 where the QTL is a covariate already", "No column is new.",
         cases(changes.known_qtl, "scan1", x=False), "scan1", scan1),
    _law("not-negative", "on autosomes, LOD ≥ 0 (on X the null model has Xcovar, too, which the other need not hold)",
         "Columns can only lower the residual sum of squares.",
         cases(changes.same, "scan1", x=False), "scan1", scan1, _not_negative),
    _law("merged-genotypes", "on autosomes, two genotypes taken together, at one h: LOD is not larger",
         "Fewer columns cannot fit better.", cases(changes.merged_genotypes, "scan1", x=False, cross="intercross"),
         "scan1", scan1, _same_or_less),
    _law("interaction", "on autosomes, without the interaction, at one h: LOD is not larger", "Fewer columns cannot fit better.",
         cases(changes.without_interaction, "scan1", intcovar=True, x=False), "scan1", scan1, _same_or_less),
    *CURVE_LAWS,
)
