"""Laws of functions that take labelled data and match individuals by ID: rows in any order, missing values, covariates.

An implementation has a `name` and `fit(pheno, kinship, covar, weights, reml)`, which takes pandas objects (covar and
weights may be None) and returns a DataFrame with a row per phenotype and the columns "hsq" and "loglik" in whatever
convention: it is compared with itself. It refuses input with an `InputError` or R's error.
"""
from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from lmmbridge.errors import InputError
from lmmbridge.fitting import fit_lmm
from lmmbridge.inputs import prepare
from lmmbridge.lmm import eigen_decomposition, rotate
from lmmbridge.rlink import RError
from lmmbridge.testing.conditioning import tolerance, without_maximum
from lmmbridge.testing.laws import Breach, CannotTell, Law
from lmmbridge.testing.scan_conditioning import top
from lmmbridge.testing.strategies import lmm_problems, missing_patterns

#: Steps of hsq that do not tell, twice for R/qtl2's scale: so many of them may be between two searches.
HSQ_PLAY = 40.0
#: Individuals in a problem.
FEWEST, MOST = 12, 30


class FitLmm:
    """`lmmbridge.fit_lmm`."""

    name = "fit_lmm"

    def fit(self, pheno, kinship, covar, weights, reml: bool) -> pd.DataFrame:
        return fit_lmm(pheno, kinship, covar, reml=reml, weights=weights).table()


class EstHerit:
    """est_herit of `lmmbridge.qtl2` or of whatever has its functions, `lmmbridge.engines.r_qtl2.RQtl2()` for one."""

    def __init__(self, qtl2: Any) -> None:
        self.name, self._qtl2 = f"est_herit of {qtl2.__name__ if hasattr(qtl2, '__name__') else qtl2.name}", qtl2

    def fit(self, pheno, kinship, covar, weights, reml: bool) -> pd.DataFrame:
        return self._qtl2.est_herit(pheno, kinship, covar, weights, reml, quiet=True).table().assign(
            loglik=lambda table: np.log(10.0) * table["log10lik"])


@dataclass(frozen=True, eq=False)
class Posed:
    """What a labelled function is asked: pheno (n, m), kinship (n, n), covar (n, p) or None, weights (n,) or None."""

    pheno: pd.DataFrame
    kinship: pd.DataFrame
    covar: pd.DataFrame | None
    weights: pd.Series | None
    reml: bool

    def answer(self, implementation: Any) -> pd.DataFrame | str:
        """The table, or the words of the refusal."""
        try:
            return implementation.fit(self.pheno, self.kinship, self.covar, self.weights, self.reml)
        except (InputError, RError) as refusal:
            return str(refusal) or "(no words)"

    def play(self) -> pd.Series:
        """How far hsq of each phenotype may be moved before the likelihood tells; infinite where it is flat."""
        batches = prepare(self.pheno, self.kinship, self.covar, self.weights)
        return pd.Series({name: top(rotated, self.reml).play for data in batches for name, rotated in zip(
            data.phenotypes, rotate(eigen_decomposition(data.K, data.weights), data.Y, data.X))})

    def is_unbounded(self) -> bool:
        """Whether the likelihood of some phenotype has no maximum."""
        try:
            batches = prepare(self.pheno, self.kinship, self.covar, self.weights)
        except InputError:
            return False
        return any(without_maximum(data, self.reml) for data in batches)


@dataclass(frozen=True, eq=False)
class LabelledCase:
    """A question, and others whose answers together must be the same.

    Attributes
    ----------
    asked : Posed
    same : tuple of Posed
        Of all phenotypes, or each of some.
    words : str
    may_refuse : bool
        Whether `asked` may be refused though `same` is not.
    """

    asked: Posed
    same: tuple[Posed, ...]
    words: str
    may_refuse: bool = False

    def __repr__(self) -> str:
        return self.words


def breach_of_same(law: str, implementation: Any, case: LabelledCase) -> Breach | None:
    """Where the answer is not the same, or one is refused and the other is not."""
    if any(one.is_unbounded() for one in case.same):
        raise CannotTell("the likelihood is unbounded: no optimum is right or wrong")
    answer, others = case.asked.answer(implementation), [one.answer(implementation) for one in case.same]
    refusals = [other for other in others if isinstance(other, str)]
    problems = (case.asked, *case.same)
    if isinstance(answer, str) and refusals:
        raise CannotTell(f"both are refused: {answer}")
    if isinstance(answer, str) and case.may_refuse:
        return None
    if isinstance(answer, str) or refusals:
        return Breach(law, implementation.name, "an answer", np.nan, np.nan, np.inf, 0.0, problems,
                      f"{case.words}; only {'the first' if isinstance(answer, str) else 'the second'} was refused: "
                      f"{answer if isinstance(answer, str) else refusals[0]}", case.asked.reml)
    same, play = pd.concat(others), pd.concat([one.play() for one in case.same])
    for phenotype, row in answer.iterrows():
        expected = same.loc[phenotype]
        allowed = {"loglik": tolerance("labelled") * (1.0 + abs(expected["loglik"])),
                   "hsq": HSQ_PLAY * play[phenotype] + tolerance("scan hsq")}
        for quantity, most in allowed.items():
            difference = abs(row[quantity] - expected[quantity])
            if not difference <= most:
                return Breach(law, implementation.name, f"{quantity} of {phenotype}", float(row[quantity]),
                              float(expected[quantity]), float(difference), float(most), problems, case.words,
                              case.asked.reml)
    return None


@st.composite
def questions(draw) -> tuple[Posed, str]:
    """A well-conditioned problem with two phenotypes, labelled; and its label."""
    problem = draw(lmm_problems(min_n=FEWEST, max_n=MOST, phenotypes=2, max_condition=1e4, scales=False))
    data, ids = problem.data, list(problem.data.ids)
    X = data.X[:, 1:] / np.max(np.abs(data.X[:, 1:]), axis=0)     # units are the matter of other laws
    covar = pd.DataFrame(X, ids, data.columns[1:]) if X.shape[1] > 0 else None
    posed = Posed(pd.DataFrame(data.Y, ids, data.phenotypes), pd.DataFrame(data.K, ids, ids), covar,
                  None if data.weights is None else pd.Series(data.weights, ids, name="weights"), draw(st.booleans()))
    n, p = data.X.shape
    return posed, f"{problem.label}; n = {n}, p = {p}, {'REML' if posed.reml else 'ML'}"


@st.composite
def rows_in_any_order(draw) -> LabelledCase:
    """pheno, kinship, covar and weights, each in an order of its own."""
    posed, label = draw(questions())
    ids = list(posed.pheno.index)
    orders = [draw(st.permutations(ids)) for _ in range(4)]
    other = replace(posed, pheno=posed.pheno.loc[orders[0]], kinship=posed.kinship.loc[orders[1], orders[1]],
                    covar=None if posed.covar is None else posed.covar.loc[orders[2]],
                    weights=None if posed.weights is None else posed.weights.loc[orders[3]])
    return LabelledCase(other, (posed,), f"{label}; every input in an order of its own")


@st.composite
def missing_values(draw) -> LabelledCase:
    """Missing phenotypes against each phenotype alone, of those who have it; K, X and w as they are."""
    posed, label = draw(questions())
    missing = draw(missing_patterns(*posed.pheno.shape))
    asked = replace(posed, pheno=posed.pheno.mask(missing))
    alone = []
    for name in asked.pheno:
        pheno = asked.pheno[[name]].dropna()
        ids = pheno.index
        alone.append(Posed(pheno, posed.kinship.loc[ids, ids], None if posed.covar is None else posed.covar.loc[ids],
                           None if posed.weights is None else posed.weights.loc[ids], posed.reml))
    return LabelledCase(asked, tuple(alone), f"{label}; {int(missing.sum())} phenotypes missing")


@st.composite
def strangers(draw) -> LabelledCase:
    """Individuals that are not in every input, in front of the others."""
    posed, label = draw(questions())
    ids = list(posed.pheno.index)
    number = draw(st.integers(1, 3))
    new = [f"stranger{i + 1}" for i in range(number)]
    kinship = pd.DataFrame(np.eye(number + len(ids)), new + ids, new + ids)
    kinship.loc[ids, ids] = posed.kinship
    where = draw(st.sampled_from(["kinship", "pheno", "covar and weights"]))
    if where == "kinship":
        asked = replace(posed, kinship=kinship)
    elif where == "pheno":
        asked = replace(posed, pheno=pd.concat([pd.DataFrame(1.0, new, posed.pheno.columns), posed.pheno]))
    else:
        asked = replace(posed, covar=None if posed.covar is None else
                        pd.concat([pd.DataFrame(1.0, new, posed.covar.columns), posed.covar]),
                        weights=None if posed.weights is None else pd.concat([pd.Series(1.0, new), posed.weights]))
    return LabelledCase(asked, (posed,), f"{label}; {number} individuals more in {where}")


def with_column(posed: Posed, values: np.ndarray, name: str, place: int) -> Posed:
    """One covariate more."""
    covar = pd.DataFrame(index=posed.pheno.index) if posed.covar is None else posed.covar.copy()
    covar.insert(place, name, values)
    return replace(posed, covar=covar)


@st.composite
def intercept_given(draw) -> LabelledCase:
    """A constant among the covariates."""
    posed, label = draw(questions())
    constant = draw(st.sampled_from([1.0, 2.0, -1.0]))
    asked = with_column(posed, np.full(len(posed.pheno), constant), "constant", 0)
    return LabelledCase(asked, (posed,), f"{label}; a column of {constant:g} in front of the covariates")


@st.composite
def covariate_twice(draw) -> LabelledCase:
    """The last covariate, or a group where there is none, a second time and in other units."""
    posed, label = draw(questions())
    if posed.covar is None:
        posed = with_column(posed, np.arange(len(posed.pheno)) % 2.0, "group", 0)
    twice = posed.covar.iloc[:, -1] * draw(st.sampled_from([1.0, 2.0, -1.0]))
    asked = with_column(posed, twice.to_numpy(), "twice", posed.covar.shape[1])
    return LabelledCase(asked, (posed,), f"{label}; the last covariate twice", may_refuse=True)


def _law(name: str, statement: str, reason: str, cases: st.SearchStrategy) -> Law:
    return Law(name, statement, reason, cases, lambda implementation, case: breach_of_same(name, implementation, case))


LABELLED_LAWS: tuple[Law, ...] = (
    _law("row-order", "pheno, kinship, covar and weights, each in its own order: nothing changes",
         "IDs say what belongs together, positions do not.", rows_in_any_order()),
    _law("missing", "phenotypes with missing values = each phenotype of those who have it",
         "An individual without a value has no part in the likelihood.", missing_values()),
    _law("strangers", "individuals that are not in every input change nothing",
         "The model is about those of whom everything is known.", strangers()),
    _law("intercept", "a constant among the covariates changes nothing",
         "The intercept is there already; the constant adds no direction to the span of X.", intercept_given()),
    _law("twice", "a covariate given twice is refused or changes nothing",
         "It adds no direction to the span of X; n − p counts directions.", covariate_twice()),
)
