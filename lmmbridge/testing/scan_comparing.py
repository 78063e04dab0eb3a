"""Judging answers to a law about genome scans: what they must be, and how far arithmetic carries them."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import reduce
from typing import Any

import numpy as np
import pandas as pd

from lmmbridge.testing.conditioning import tolerance
from lmmbridge.testing.laws import Breach, CannotTell, NotApplicable
from lmmbridge.testing.scan_cases import ScanCase, Tables, null_chromosomes
from lmmbridge.testing.scan_conditioning import Determined, Told, worse

#: What a function of an implementation gives, to a case.
Ask = Callable[[Any, ScanCase], Tables]


def breach_between(law: str, implementation: Any, case: ScanCase, observe: Ask, expect: Ask, function: str,
                   whole: bool = False) -> Breach | None:
    """The worst of the answers `observe` that are not what `expect` says they must be.

    Parameters
    ----------
    observe : function of (implementation, ScanCase)
        Asked about the changed case.
    expect : function of (implementation, ScanCase)
        Asked about the case; its answers are changed as the change says.
    function : str
        Whose model it is, as of `lmmbridge.testing.scan_conditioning.NullModel`.
    whole : bool, default False
        Whether the answers are about all positions together.
    """
    change = case.change
    told = Places(case, function)
    if not any(np.isfinite(one.lod) for one in told.values()):
        raise CannotTell("too ill-conditioned, or too few individuals, at every position")
    if whole:
        told.take_together()
    expected, refused = _asked(implementation, case, expect)
    observed, refused_there = _asked(implementation, change.case, observe)
    problems = case, change.case
    if refused or refused_there:
        if refused and refused_there:
            raise CannotTell(f"both are refused: {refused}")
        return Breach(law, name_of(implementation), "an answer", np.nan, np.nan, np.inf, 0.0, problems,
                      f"{case!r}; refused: {refused or refused_there}", case.reml)
    entries = list(_differences(observed, change.answers(expected), told))
    if not entries:
        raise CannotTell("too ill-conditioned, or too few individuals, where it is asked")
    off = [entry for entry in entries if not entry["difference"] <= entry["tolerance"]]
    if not off:
        return None
    # A fault at a good position says more than one where columns depend on each other.
    worst = max(off, key=lambda entry: (entry["full rank"], entry["difference"] / entry["tolerance"]))
    words = repr(case) + ("" if worst["full rank"] else "; columns depend on each other") + (
        "; the likelihood has two maxima" if told.two_maxima else "")
    return Breach(law, name_of(implementation), worst["quantity"], worst["observed"], worst["expected"],
                  worst["difference"], worst["tolerance"], problems, words, case.reml)


def name_of(implementation: Any) -> str:
    """An implementation's name; a module's is its own."""
    return getattr(implementation, "name", None) or implementation.__name__


def _asked(implementation: Any, case: ScanCase, ask: Ask) -> tuple[Tables, str]:
    """The answer, or with what words it was refused."""
    try:
        return ask(implementation, case), ""
    except NotApplicable:
        raise
    except Exception as refusal:        # whatever an implementation raises is its failure to answer
        return {}, f"{type(refusal).__name__}: {refusal}"


class Places(dict):
    """How well both cases determine the answer: (chromosome, position, phenotype) → Told."""

    def __init__(self, case: ScanCase, function: str) -> None:
        data = case.data
        self.case = case
        posed = [case] if case.change.as_well else [case, case.change.case]
        self.determined = [Determined(one, function) for one in posed]
        if function == "scan1":
            places = [(chromosome, position, phenotype) for chromosome, array in data.genoprobs.items()
                      for position in array.coords["position"].values for phenotype in data.pheno.columns]
        else:
            positions = [case.position] if function == "fit1" else \
                data.genoprobs[case.chromosome].coords["position"].values
            places = [(case.chromosome, position, data.pheno.columns[0]) for position in positions]
        for chromosome, position, phenotype in places:
            told = [one.null(chromosome, phenotype).at(position) for one in self.determined
                    if chromosome in one.case.data.genoprobs]
            self[chromosome, position, phenotype] = worse(told[0], told[-1])

    def take_together(self) -> None:
        """The worst of all places, in every place."""
        worst = reduce(worse, self.values())
        self.update(dict.fromkeys(self, worst))

    @property
    def two_maxima(self) -> bool:
        return any(one.two_maxima for one in self.determined)


def _differences(observed: Tables, expected: Tables, places: Places) -> Iterator[dict]:
    """Every answer that is determined, with its difference and tolerance."""
    for (chromosome, position, phenotype), told in places.items():
        asked = "lod" in expected and position in expected["lod"].index and phenotype in expected["lod"]
        if asked and np.isfinite(told.lod):
            pair = _value(observed["lod"], position, phenotype), _value(expected["lod"], position, phenotype)
            yield _entry(f"LOD of {phenotype} at {position}", *pair, told.lod * (1.0 + abs(pair[1])), told)
        if "coef" in expected and position in expected["coef"].index and np.isfinite(told.coef) and told.full_rank:
            yield from _coefficients(observed, expected, places.case, position, told,
                                     places.determined[0].null(chromosome, phenotype).n)
    if "hsq" in expected:
        nulls = list(dict.fromkeys(null_chromosomes(places.case.data).values()))[:len(expected["hsq"])]
        for row, chromosome in enumerate(nulls):
            for column, phenotype in enumerate(expected["hsq"].columns):
                models = [one.null(chromosome, phenotype) for one in places.determined]
                if all(model.clear and np.isfinite(model.top.play) for model in models):
                    pair = float(observed["hsq"].iloc[row, column]), float(expected["hsq"].iloc[row, column])
                    allowed = 10.0 * sum(model.top.play for model in models) + tolerance("scan hsq")
                    yield _entry(f"hsq of {phenotype}", *pair, allowed, Told(0.0, 0.0, True))


def _coefficients(observed: Tables, expected: Tables, case: ScanCase, position: str, told: Told,
                  n: int) -> Iterator[dict]:
    """Coefficients are judged by their size and their standard errors; those of genotypes together."""
    coef, errors = (expected[name].loc[position] if name in expected else None for name in ("coef", "SE"))
    known = observed["SE"].loc[position].abs() if "SE" in observed else pd.Series(dtype=float)
    genotypes = [*case.data.genoprobs[case.chromosome].coords["genotype"].values, "intercept"]
    for name in coef.index:
        alike = [other for other in coef.index if other in genotypes] if name in genotypes else [name]
        error = np.sqrt(n) * float(np.nan_to_num(known.reindex(alike).max()))
        if errors is not None:
            error = max(error, np.sqrt(n) * float(errors[alike].abs().max()))
        size = float(coef[alike].abs().max())
        if name in genotypes:       # all of which may be 0 where they are predicted
            size = max(size, float(np.nan_to_num(observed["coef"].loc[position].abs().max())))
        elif errors is None:        # it may be 0 too, and then only its unit says what is little
            size = max(size, _unit(case.change.case, name))
        allowed = told.coef * (size + error)
        yield _entry(f"coefficient {name} at {position}", _value(observed["coef"], position, name), float(coef[name]),
                     allowed, told)
        if errors is not None:
            yield _entry(f"SE of {name} at {position}", _value(observed["SE"], position, name), float(errors[name]),
                         told.coef * error, told)


def _unit(case: ScanCase, coefficient: str) -> float:
    """The coefficient by which its covariate alone, or the one that interacts, would be as long as the phenotype."""
    covariate, data = coefficient.split(":")[-1], case.data
    x = next(table[covariate] for table in (data.addcovar, data.intcovar) if table is not None and covariate in table)
    y = data.pheno.iloc[:, 0]
    return float(np.sqrt((y**2).sum() / (x**2).sum()))


def _value(table: pd.DataFrame, row: str, column: str) -> float:
    return float(table.loc[row, column]) if row in table.index and column in table else np.nan


def _entry(quantity: str, observed: float, expected: float, allowed: float, told: Told) -> dict:
    difference = abs(observed - expected)
    return {"quantity": quantity, "observed": observed, "expected": expected, "tolerance": allowed,
            "difference": np.inf if np.isnan(difference) else difference, "full rank": told.full_rank}
