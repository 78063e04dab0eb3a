"""Why do two programs report different numbers? The smallest set of known causes that closes the gap.

Each number is compared with this project's own under every cause, every pair of causes that compose, and the whole
conventions of known programs (`causes`). A set of causes explains the gap if each of the two numbers is ours under part
of it. The sets are tried by size, and all of the smallest size that fit are told.

With many sets tried, a number that has nothing to do with the problem would be hit by chance, if it has few digits.
How probable that is follows from how dense the readings lie around the number; where it exceeds `BY_CHANCE` nothing
counts as explained.
"""
from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from lmmbridge.agreement import causes as known
from lmmbridge.agreement.causes import QUANTITIES, Cause, Reading, read_with
from lmmbridge.agreement.readings import Readings
from lmmbridge.errors import InputError
from lmmbridge.inputs import Data, check_eigenvalues, count_of, frame_of, prepare, some_of

#: A gap is closed to this, relative to 1 + |loglik| or to the number itself, or to the last digit written.
CLOSED = 1e-8
#: An explanation counts if an unrelated number would be hit with at most this probability.
BY_CHANCE = 0.01
#: The density of readings around a number is that of so many of its neighbours.
NEIGHBOURS = 10
#: Of the sum of two half units: nearer numbers are equal to the digits written.
EDGE = 0.999
#: Samples without one individual are tried up to this many, the nearest so many exactly.
MOST_INDIVIDUALS, NEAREST = 1000, 5


@dataclass(frozen=True)
class Number:
    """A number as it was written: its value, and half a unit of its last digit (0 for a float)."""

    value: float
    half_unit: float = 0.0

    @classmethod
    def of(cls, written: str | float, name: str = "number") -> Number:
        """Read a number; text keeps its digits, and a plain 0 or 1 is exact."""
        if not isinstance(written, str):
            number = cls(float(written))
        else:
            try:
                decimal = Decimal(written.strip().replace("−", "-"))
                exact = not decimal.is_finite() or re.fullmatch(r"[01]", written.strip())
                number = cls(float(decimal), 0.0 if exact else float(Decimal((0, (5,), decimal.as_tuple().exponent - 1))))
            except InvalidOperation:
                raise InputError(f"{name}: '{written}' is not a number; write it like -108.0032 or 1.2e-3") from None
        if not np.isfinite(number.value):
            raise InputError(f"{name}: {written} is not finite; there is nothing to explain")
        return number


@dataclass(frozen=True)
class Explanation:
    """A smallest set of causes that closes the gap.

    Attributes
    ----------
    causes_a, causes_b : tuple of Cause
        What turns our number into each of the two; empty for ours as it is.
    programs : tuple of str
        Whole conventions that these causes are, such as "as R/qtl2's est_herit reports it".
    value_a, value_b : float
        Our numbers under these causes.
    residual : float
        What remains of the gap: (a − value_a) − (b − value_b).
    by_chance : float
        The probability that unrelated numbers would be hit by sets of this size.
    """

    causes_a: tuple[Cause, ...]
    causes_b: tuple[Cause, ...]
    programs: tuple[str, ...]
    value_a: float
    value_b: float
    residual: float
    by_chance: float

    @property
    def causes(self) -> frozenset[str]:
        """The names of all causes."""
        return frozenset(cause.name for cause in (*self.causes_a, *self.causes_b))


@dataclass(frozen=True)
class Answer:
    """What was found.

    Attributes
    ----------
    status : str
        "equal", "explained", "ambiguous" (sets fit, but no better than chance or with different values: too few digits
        to tell), or "unexplained".
    quantity : str
    ours : float
        Our number as the criterion told gives it; NaN where there is none.
    gap : float
        a − b.
    explanations : tuple of Explanation
        All of the smallest size that fit, the least probable by chance first.
    tried : int
        Number of sets of causes tried.
    ours_somehow : tuple of bool
        Whether each number is ours under some set of causes.
    as_ours : bool
        Of equal numbers: whether they are ours.
    notes : tuple of str
        What was done to the problem's data.
    """

    status: str
    quantity: str
    ours: float
    gap: float
    explanations: tuple[Explanation, ...]
    tried: int
    ours_somehow: tuple[bool, bool] = (False, False)
    as_ours: bool = True
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Match:
    """A set of causes under which our number is one of the two."""

    causes: frozenset[Cause]
    reading: Reading
    value: float
    slack: float
    by_chance: float


def explain(a: str | float, b: str | float, pheno: Any, kinship: Any, covar: Any = None, *, weights: Any = None,
            quantity: str = "loglik", reml: bool = True, hsq: float | None = None, column: str | None = None,
            coefficient: str | None = None) -> Answer:
    """Find the smallest set of known causes that closes the gap between two programs' numbers for one problem.

    Parameters
    ----------
    a, b : str or float
        The two numbers. Text is compared to its last digit ("-108.00" has two decimals), a float to 1e-8.
    pheno : array or Series of length n, or array or DataFrame of shape (n, m)
        NaN is missing. Other columns matter only by their missing values.
    kinship : array or DataFrame, shape (n, n)
        K as given.
    covar : array, Series or DataFrame with n rows, optional
        An intercept is put in front unless the columns span the constant. Individuals with missing values are left out.
    weights : array or Series of length n, optional
        Positive, 1/variance.
    quantity : {"loglik", "hsq", "sigmasq", "beta"}
    reml : bool, default True
        What the numbers are said to be: REML, or ML.
    hsq : float, optional
        Both numbers belong to this value of hsq. Default: each to its own estimate.
    column : str, optional
        The phenotype. Default: the only one.
    coefficient : str, optional
        The column of X whose coefficient the numbers are, with quantity "beta".

    Returns
    -------
    Answer

    Raises
    ------
    lmmbridge.InputError
        Names the argument and what to do.

    Examples
    --------
    >>> import numpy as np
    >>> from lmmbridge import fit_lmm
    >>> rng = np.random.default_rng(1)
    >>> G = rng.normal(size=(50, 80))
    >>> K = G @ G.T / 80
    >>> y = G @ rng.normal(size=80) / 9 + rng.normal(size=50)
    >>> ours, other = fit_lmm(y, K).hsq, fit_lmm(y, 2 * K).hsq
    >>> answer = explain(ours, other, y, K, quantity="hsq")
    >>> answer.status, sorted(answer.explanations[0].causes)
    ('explained', ['K doubled'])
    """
    numbers = Number.of(a, "a"), Number.of(b, "b")
    if quantity not in QUANTITIES:
        raise InputError(f"quantity is '{quantity}': give one of {', '.join(QUANTITIES)}")
    if hsq is not None and not 0.0 <= hsq <= 1.0:
        raise InputError(f"hsq is {hsq:g}: give a value from 0 to 1")
    if hsq is not None and quantity == "hsq":
        raise InputError("hsq is given, and the numbers are hsq: there is nothing to explain")
    samples = _samples(pheno, kinship, covar, weights, column)
    data = samples["observed"]
    if quantity == "beta" and coefficient not in data.columns:
        raise InputError(("the numbers are coefficients: name the one (coefficient)" if coefficient is None else
                          f"coefficient is '{coefficient}'") + f", one of the columns of X, {some_of(data.columns, 10)}")
    if quantity != "beta" and coefficient is not None:
        raise InputError(f"coefficient is given, and the numbers are {quantity}: leave it out, or ask for beta")
    values = np.linalg.eigvalsh(data.K)
    answer = Explainer(samples, quantity, reml, hsq, coefficient).answer(*numbers)
    return replace(answer, notes=data.notes + check_eigenvalues(values))


def hint(data: Data, reml: bool, quantity: str, hsq: float, observed: float | np.ndarray) -> str | None:
    """The smallest set of causes that turns our number at fixed hsq into the observed one, in words.

    Parameters
    ----------
    data : Data
        Of one phenotype.
    reml : bool
        The criterion observed.
    quantity : {"loglik", "sigmasq", "beta"}
    hsq : float
        Under K.
    observed : float, or ndarray, shape (p,)
        All coefficients, for "beta".

    Returns
    -------
    str or None
        For example "K doubled", or "log 2π left out and ML for REML"; sets of one size are separated by "; or ". None
        where nothing fits, or nothing is observed.
    """
    if not np.all(np.isfinite(observed)):
        return None
    sets = Explainer({"observed": data}, quantity, reml, hsq).sets_for(Number(observed))
    return "; or ".join(" and ".join(sorted(cause.name for cause in found)) for found in sets) or None


class Explainer:
    """The readings of one problem; explains any number of gaps between numbers for it.

    Parameters
    ----------
    samples : dict of Data
        One phenotype each: "observed", and under the names of `causes.SAMPLES` what others make of missing values.
    quantity : {"loglik", "hsq", "sigmasq", "beta"}
    reml : bool
        What the numbers are said to be.
    hsq : float, optional
        At this value. Default: at each reading's own ĥ.
    coefficient : str, optional
        Of which column. Default: all, as a vector (`sets_for` only).
    """

    def __init__(self, samples: dict[str, Data], quantity: str, reml: bool, hsq: float | None = None,
                 coefficient: str | None = None) -> None:
        data = samples["observed"]
        criterion = "REML" if reml else "ML"
        self.readings = Readings(samples, quantity, hsq, coefficient)
        self.baseline = Reading(chosen_by=criterion, evaluated_by=criterion)
        single = known.applicable(
            quantity, reml, hsq is not None, data.weights is not None, data.X.shape[1] > 1,
            data.columns[0] in ("intercept", "(intercept)"), [name for name in samples if name != "observed"])
        self._every = single + known.whole_programs(single, reml)
        self.vectors = quantity == "beta" and coefficient is None
        self._level = cache(self._sets)
        self.tried = 0

    def answer(self, a: Number, b: Number) -> Answer:
        """The smallest sets of causes that close the gap between two numbers."""
        self.tried = 0
        ours = float(self.readings.value(self.baseline))
        gap = a.value - b.value
        # Numbers one unit of their last digit apart come from one number only where both were rounded at the edge.
        if gap == 0.0 or abs(gap) < EDGE * (self._allowed(a) + self._allowed(b)):
            near = abs(ours - a.value) <= self._allowed(a) + self.readings.slack(self.baseline)
            return Answer("equal", self.readings.quantity, ours, gap, (), 0, as_ours=bool(near))
        matches: tuple[list[_Match], list[_Match]] = ([], [])
        found: dict[frozenset[Cause], Explanation] = {}
        for size in range(3):
            level, values = self._level(size)
            matches = tuple(old + self._matches(level, values, number) for old, number in zip(matches, (a, b)))
            self.tried += len(level)
            if size == 0 and all(matches):      # as near as two searches for ĥ come
                return Answer("equal", self.readings.quantity, ours, gap, (), self.tried)
            self._combine(matches, (a, b), size, found)
            if size == 1 and not found:
                self._combine(self._one_left_out((a, b), matches), (a, b), size, found)
            # A program's whole convention may be more than one cause: pairs are as small.
            if any(len(causes) <= size for causes in found):
                break
        explanations = sorted(found.values(), key=lambda one: one.by_chance)
        status = _status(explanations, self._allowed(a) + self._allowed(b), a.half_unit + b.half_unit)
        return Answer(status, self.readings.quantity, ours, gap, tuple(explanations), self.tried,
                      (bool(matches[0]), bool(matches[1])))

    def sets_for(self, observed: Number) -> list[tuple[Cause, ...]]:
        """The smallest sets of causes, one or two, that give the number."""
        for size in (1, 2):
            matches = [match for match in self._matches(*self._level(size), observed) if match.by_chance <= BY_CHANCE]
            if matches:
                return list(dict.fromkeys(self._reduced(match, observed) for match in matches))
        return []

    def _sets(self, size: int) -> tuple[list[tuple[frozenset[Cause], Reading]], np.ndarray]:
        """Sets of `size` causes that compose (a program's whole convention counts as one), and our numbers."""
        readings = ((frozenset(chosen), read_with(self.baseline, chosen)) for chosen in combinations(self._every, size))
        level = [(chosen, reading) for chosen, reading in readings if reading is not None]
        values = np.empty(len(level), dtype=object)
        for i, (_, reading) in enumerate(level):
            values[i] = self.readings.value(reading)
        return level, values if self.vectors else values.astype(float)

    def _matches(self, level: list[tuple[frozenset[Cause], Reading]], values: np.ndarray,
                 number: Number) -> list[_Match]:
        """The sets of one size, with our numbers under them, that give a number."""
        distance, allowed, found = self._distances(values, number), self._allowed(number), []
        for at in np.flatnonzero(distance <= self._near(number) + allowed):
            chosen, reading = level[at]
            slack = self._slack(reading, number)
            if slack is not None:
                chance = self._by_chance(values, distance, at, allowed + slack) if chosen else 0.0
                found.append(_Match(chosen, reading, values[at], slack, chance))
        return found

    def _by_chance(self, values: np.ndarray, distance: np.ndarray, at: int, width: float) -> float:
        """The probability that one of the readings is within `width` of an unrelated number.

        An ĥ at 0 or 1 says no more than how many of the readings end there.
        """
        if self.readings.quantity == "hsq" and values[at] in (0.0, 1.0):
            moved = values[np.isfinite(values) & (values != self.readings.value(self.baseline))]
            return float(np.mean(moved == values[at])) if len(moved) else 0.0
        return _density(distance, width)

    def _slack(self, reading: Reading, number: Number) -> float | None:
        """How much the search for ĥ must account for, for a reading to give a number; None if it cannot."""
        [distance] = self._distances([self.readings.value(reading)], number)
        missing = float(distance) - self._allowed(number)
        if missing <= 0.0:
            return 0.0
        for slack in (self.readings.slack, self.readings.loose_slack)[:2 if reading.tol == known.LOOSE else 1]:
            if missing <= slack(reading):
                return slack(reading)
        return None

    def _scale(self, number: Number) -> float:
        return float(np.linalg.norm(number.value)) + (1.0 if self.readings.quantity in ("loglik", "hsq") else 0.0)

    def _allowed(self, number: Number) -> float:
        """How far from a number our own may be."""
        return max(number.half_unit * (1.0 + 1e-9), CLOSED * self._scale(number))

    def _near(self, number: Number) -> float:
        """Further off than this, no search for ĥ accounts for it: its slack is not computed."""
        return 0.0 if self.readings.fixed is not None else 0.05 * self._scale(number)

    @staticmethod
    def _distances(values: Iterable[np.ndarray], number: Number) -> np.ndarray:
        """From our numbers (vectors) to one; infinite where there is none, or of another length."""
        if np.ndim(number.value) == 0:
            return np.nan_to_num(np.abs(np.asarray(values, dtype=float) - number.value), nan=np.inf)
        return np.array([np.linalg.norm(value - number.value) if np.shape(value) == np.shape(number.value) else np.inf
                         for value in values])

    def _reduced(self, match: _Match, number: Number) -> tuple[Cause, ...]:
        """The single causes in a set, less those of a program's that the number does not need."""
        parts = list(dict.fromkeys(part for cause in match.causes for part in (cause.parts or (cause,))))
        if any(cause.parts for cause in match.causes):
            for part in list(parts):
                others = [other for other in parts if other is not part]
                if self._slack(read_with(self.baseline, others), number) is not None:
                    parts = others
        return tuple(sorted(parts, key=lambda part: part.name))

    def _combine(self, matches: tuple[list[_Match], list[_Match]], numbers: tuple[Number, Number], size: int,
                 found: dict[frozenset[Cause], Explanation]) -> None:
        """Add the explanations of `size` causes in all: each set once, with as few causes on each number as do."""
        for one in matches[0]:
            for other in matches[1]:
                every = one.causes | other.causes
                if len(every) != size:
                    continue
                residual = (numbers[0].value - float(one.value)) - (numbers[1].value - float(other.value))
                chance = (one.by_chance * other.by_chance if one.causes and other.causes
                          else max(one.by_chance, other.by_chance))
                reduced = self._reduced(one, numbers[0]), self._reduced(other, numbers[1])
                # A program is named where what is told of its convention gives its very number.
                same = all(self._slack(read_with(self.baseline, list(causes)), Number(float(match.value))) is not None
                           for causes, match in zip(reduced, (one, other)))
                programs = tuple(cause.name for cause in every if cause.parts and size == 1 and same)
                new = Explanation(*reduced, programs, float(one.value), float(other.value), residual, chance)
                key = frozenset(new.causes_a) | frozenset(new.causes_b)
                if any(smaller < key for smaller in found):
                    continue
                old = found.get(key, new)
                shorter = min(old, new, key=lambda one: len(one.causes_a) + len(one.causes_b))
                found[key] = replace(shorter, programs=tuple(sorted({*old.programs, *new.programs})))

    def _one_left_out(self, numbers: tuple[Number, Number],
                      matches: tuple[list[_Match], list[_Match]]) -> tuple[list[_Match], list[_Match]]:
        """Matches of one number as it is ours and of the other as it is without one individual."""
        n = len(self.readings.samples["observed"].ids)
        plain = [[match for match in matched if not match.causes] for matched in matches]
        if n > MOST_INDIVIDUALS or not any(plain):
            return [], []
        which = 1 if plain[0] else 0
        about = self.readings.one_left_out(self.baseline)
        self.tried += n
        distance = np.nan_to_num(np.abs(about - numbers[which].value), nan=np.inf)
        found: list[_Match] = []
        for i in np.argsort(distance)[:NEAREST]:
            cause = known.left_out(self.readings.leave_out(int(i)))
            reading = read_with(self.baseline, [cause])
            value = np.array([self.readings.value(reading)])
            one = self._matches([(frozenset([cause]), reading)], value, numbers[which])
            found += [replace(match, by_chance=_density(distance, self._allowed(numbers[which]) + match.slack))
                      for match in one]
        return (plain[0], found) if which == 1 else (found, plain[1])


def _density(distance: np.ndarray, width: float) -> float:
    """How many readings to expect within `width`, as dense as they are in this neighbourhood beyond it."""
    around = np.unique(distance[(distance > width) & np.isfinite(distance)])
    if not len(around):
        return 0.0
    k = min(NEIGHBOURS, len(around))
    return float(min(1.0, k * width / around[k - 1]))


def _status(found: list[Explanation], allowed: float, written: float) -> str:
    """Explained if something fits better than by chance, and what does is not told apart only for lack of digits."""
    convincing = [explanation for explanation in found if explanation.by_chance <= BY_CHANCE]
    if not found:
        return "unexplained"
    gaps = [explanation.value_a - explanation.value_b for explanation in convincing]
    return "explained" if gaps and (written == 0.0 or np.ptp(gaps) <= 1e-3 * allowed) else "ambiguous"


def _samples(pheno: Any, kinship: Any, covar: Any, weights: Any, column: str | None) -> dict[str, Data]:
    """The individuals that have every value, and what other programs may make of missing ones."""
    given = {"pheno": pheno, "kinship": kinship, "covar": covar, "weights": weights}
    leader = next((name for name, values in given.items() if isinstance(values, (pd.Series, pd.DataFrame))), "pheno")
    order = frame_of(given[leader], leader).index
    every = frame_of(pheno, "pheno", leader, order)
    if column is None and every.shape[1] > 1:
        raise InputError(f"pheno has {every.shape[1]} columns ({some_of(every.columns)}): name the one whose numbers "
                         "these are")
    if column is not None and column not in every.columns:
        raise InputError(f"pheno has no column '{column}'; it has {some_of(every.columns)}")
    one = every[[every.columns[0] if column is None else column]]
    covar = None if covar is None else frame_of(covar, "covar", leader, order)
    weights = None if weights is None else frame_of(weights, "weights", leader, order)
    if not isinstance(kinship, pd.DataFrame):
        kinship = pd.DataFrame(np.asarray(kinship), order, order) if np.shape(kinship) == 2 * (len(order),) else kinship

    complete = covar if covar is None else covar[covar.notna().all(axis=1)]
    observed = prepare(one, kinship, complete, weights)[0]
    if covar is not None and len(complete) < len(covar):
        gone = [i for i in covar.index if i not in complete.index]
        observed = replace(observed, notes=(f"{count_of(gone)} with a missing covariate, left out ({some_of(gone)})",
                                            *observed.notes))
    samples = {"observed": observed}
    others = {"complete in every phenotype": (one[every.notna().all(axis=1)], complete)}
    if np.issubdtype(one.dtypes.iloc[0], np.number):
        others["phenotype's mean"] = (one.fillna(one.mean()), complete)
    if covar is not None and len(complete) < len(covar):
        there = covar.loc[[i for i in one.index[one.notna().all(axis=1)] if i in covar.index]]
        others["covariates' mean"] = (one, covar.fillna(there.mean(numeric_only=True)))
    for name, frames in others.items():
        try:
            data = prepare(frames[0], kinship, frames[1], weights)[0]
        except InputError:      # too few individuals, or a column that is constant in them: not what the program did
            continue
        if data.ids != observed.ids:
            samples[name] = data
    return samples
