"""What changed from one run to another, and whether agreement got worse.

Cases are held against each other by name, and only where their input is the same to the bit (content_hash). Worse is

- a comparison whose verdicts moved to worse ones (`verdicts.ORDER`), or that was made and is not made any more: evidence that is
  lost is worse, whatever it said;
- an engine that answered and does not, a case that was compared and is not there;
- a comparison that is made at fewer points;
- a new comparison that fails between engines that were there before;
- a difference that grew and came near its tolerance (`NEAR`, `GREW`), and an engine that is farther from what is right
  (`LOST_RIGHT`, `FEW_RIGHT`) or no longer held against it;
- a tolerance that was loosened: what agrees by it need not have agreed before;
- a case of another input that fails, and did not, or in which fewer comparisons are made;
- a known divergence that was not met before, or is one of another version than those on the register;
- a law that an engine of the user's has begun to break, or that is no longer applied;
- a new reason why the run's status is 1;
- two runs without a case in common: nothing could be compared.

A difference of an engine that is new is reported, and is no worsening.
"""
from __future__ import annotations

import math
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from lmmbridge.agreement.verdicts import COMPARED, FAILING, ORDER, worst

#: A change of digits by more than this is told. The numbers here are no tolerances: they define no agreement and change no
#: verdict, and so are not in tolerances.yaml, which is part of every run's results.
LOST_DIGITS = 1.0
#: A difference is worse where it has passed this share of its tolerance, and is so many times what it was. How many digits that
#: are is another matter for each quantity: another processor alone takes an optimum from 15 digits to 12 (where the likelihood is
#: flat, the ĥ that Brent's search ends at is chance), and LOD scores at own hsq, of which 5 digits are asked, have 6 on the best
#: of days. By chance differences come to a fifth of their tolerance (LOD at own hsq, optimum), hence a quarter.
NEAR, GREW = 0.25, 10.0
#: An engine is farther from what is right where it has lost more digits than this, and has fewer left than that. Where a point is
#: ill-conditioned another processor moves the worst distance some ten times; ĥ, found to 6 to 8 digits, is off by chance.
LOST_RIGHT, FEW_RIGHT = 3.0, 6.0
#: Failures of a run that are told comparison by comparison, and law by law.
TOLD_ELSEWHERE = re.compile(r"\d+ comparisons ended in '|.* breaks the law '")

Direction = Literal["better", "worse", "same"]


@dataclass(frozen=True)
class VersionChange:
    """A version that is not the same; None where there is none."""

    what: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class VerdictChange:
    """A comparison record whose counts of verdicts are not the same; None where there is no such record."""

    case: str
    a: str
    b: str | None
    quantity: str
    before: dict[str, int] | None
    after: dict[str, int] | None
    direction: Direction
    reason: str


@dataclass(frozen=True)
class DigitsChange:
    """A comparison record in which the digits of what agrees changed by more than `LOST_DIGITS`."""

    case: str
    a: str
    b: str
    quantity: str
    before: float
    after: float
    direction: Direction


@dataclass(frozen=True)
class PointsChange:
    """A comparison record that is made at fewer points (or fewer given hsq) than before."""

    case: str
    a: str
    b: str
    quantity: str
    before: int | None
    after: int


@dataclass(frozen=True)
class RightChange:
    """Digits to which an engine is right, at the worst of the points where it is held against what is; None where it is not."""

    case: str
    engine: str
    quantity: str
    before: float
    after: float | None
    direction: Direction


@dataclass(frozen=True)
class DivergenceChange:
    """The state of an entry of the register in which an engine diverges; None where it was not met."""

    entry: str
    engine: str
    before: str | None
    after: str | None
    direction: Direction


@dataclass(frozen=True)
class LawChange:
    """A law of which something else came; None where it was not asked."""

    engine: str
    law: str
    before: str | None
    after: str | None
    direction: Direction


@dataclass(frozen=True)
class Change:
    """What changed between two runs.

    Attributes
    ----------
    compared : int
        Cases that are in both with the same input.
    versions : tuple of VersionChange
    tolerances : tuple of str
        Quantities of which agreement is defined otherwise: their verdicts are not by one measure.
    loosened : tuple of str
        Those of them by whose numbers more agrees, or less is compared, than before.
    engines_gained, engines_lost : tuple of str
        Engines that answered in some case of one run, and in none of the other.
    cases_gained, cases_lost : tuple of str
    lost_evidence : tuple of str
        Those of `cases_lost` in which something was compared.
    inputs_changed : tuple of str
        Cases that are in both and not compared, as their input is not the same.
    failing_with_other_input : tuple of str
        Those of them that fail, and did not.
    fewer_with_other_input : tuple of str
        Those of them in which the engines of both runs make fewer comparisons.
    verdicts : tuple of VerdictChange
        The worse first. Records of engines that were gained or lost are not among them.
    digits : tuple of DigitsChange
        The worse first, then by size.
    points : tuple of PointsChange
    right : tuple of RightChange
        The worse first.
    divergences : tuple of DivergenceChange
    laws : tuple of LawChange
    new_failures : tuple of str
        Why the run's status is 1, where the earlier run did not say so and nothing else here does.
    gained : dict
        Of comparisons with engines that were gained: verdict → number.
    totals_before, totals_after : dict
        Verdict → number of comparisons in the whole run.
    """

    compared: int
    versions: tuple[VersionChange, ...]
    tolerances: tuple[str, ...]
    loosened: tuple[str, ...]
    engines_gained: tuple[str, ...]
    engines_lost: tuple[str, ...]
    cases_gained: tuple[str, ...]
    cases_lost: tuple[str, ...]
    lost_evidence: tuple[str, ...]
    inputs_changed: tuple[str, ...]
    failing_with_other_input: tuple[str, ...]
    fewer_with_other_input: tuple[str, ...]
    verdicts: tuple[VerdictChange, ...]
    digits: tuple[DigitsChange, ...]
    points: tuple[PointsChange, ...]
    right: tuple[RightChange, ...]
    divergences: tuple[DivergenceChange, ...]
    laws: tuple[LawChange, ...]
    new_failures: tuple[str, ...]
    gained: dict[str, int]
    totals_before: dict[str, int]
    totals_after: dict[str, int]

    @property
    def worse(self) -> list[str]:
        """Why agreement got worse, a sentence each; empty where it did not."""
        lost = sum(change.after is None for change in self.verdicts)
        worse = sum(change.direction == "worse" for change in self.verdicts) - lost
        digits = sum(change.direction == "worse" for change in self.digits)
        unheld = sum(change.after is None for change in self.right)
        right = sum(change.direction == "worse" for change in self.right) - unheld
        found = [(worse, f"{_comparisons(worse)} got a worse verdict"),
                 (lost, f"{_comparisons(lost)} made before {'is' if lost == 1 else 'are'} not made any more"),
                 (len(self.lost_evidence), f"cases compared before are not there: {_names(self.lost_evidence)}"),
                 (len(self.points), f"{_comparisons(len(self.points))} made at fewer points"),
                 (digits, f"{_comparisons(digits)} came near the tolerance: differences past {NEAR:g} of it, and {GREW:g} times "
                  "what they were"),
                 (right, f"{_quantities(right)} of an engine: more than {LOST_RIGHT:g} digits lost against what is right, and "
                  f"fewer than {FEW_RIGHT:g} left"),
                 (unheld, f"{_quantities(unheld)} of an engine held against the arbiter before and not any more"),
                 (len(self.loosened), f"looser tolerances: {_names(self.loosened)}"),
                 (len(self.failing_with_other_input), "cases whose input is not the same fail, and did not: "
                  + _names(self.failing_with_other_input)),
                 (len(self.fewer_with_other_input), "cases whose input is not the same make fewer comparisons: "
                  + _names(self.fewer_with_other_input)),
                 (not self.compared, "no case of the two has the same input: nothing was compared")]
        laws = [f"{change.engine}: the law '{change.law}' was {change.before or 'not asked'} and is {change.after or 'not asked'}"
                for change in self.laws if change.direction == "worse"]
        divergences = [f"{change.engine}: the known divergence '{change.entry}' was {change.before or 'not met'} and is "
                       f"{change.after}" for change in self.divergences if change.direction == "worse"]
        return [f"{engine} answered before and does not" for engine in self.engines_lost] + [
            sentence for number, sentence in found if number] + divergences + laws + list(self.new_failures)

    def as_json(self) -> dict[str, Any]:
        """The attributes as plain data, and with them `worse` and `status` (1 when agreement got worse, else 0)."""
        return asdict(self) | {"worse": self.worse, "status": 1 if self.worse else 0}


def compare_results(before: Mapping[str, Any], after: Mapping[str, Any]) -> Change:
    """What changed between two runs.

    Parameters
    ----------
    before, after : dict
        The content of results.json.
    """
    old, new = ({case["case"]: case for case in results["cases"]} for results in (before, after))
    both = [name for name in old if name in new]
    same = [name for name in both if old[name]["content_hash"] == new[name]["content_hash"]]
    answered_before, answered_after = _answered(before), _answered(after)
    gained_engines = [name for name in answered_after if name not in answered_before]
    lost_engines = [name for name in answered_before if name not in answered_after]
    lost_cases = [name for name in old if name not in new]
    verdicts: list[VerdictChange] = []
    digits: list[DigitsChange] = []
    points: list[PointsChange] = []
    right: list[RightChange] = []
    met: list[tuple[dict[str, Any] | None, dict[str, Any]]] = [
        (None, record) for name in new if name not in set(same) for record in new[name]["comparisons"]]
    gained: Counter = Counter()
    for name in same:
        right += _right_changes(name, old[name], new[name])
        for was, record in _paired(old[name], new[name]):
            if record is not None:
                met.append((was, record))
            engines = {one[key] for one in (was, record) if one is not None for key in ("a", "b")}
            if was is None and engines & set(gained_engines):
                gained.update(record["counts"])
            elif not engines & set(lost_engines):
                verdicts += _verdict_change(name, was, record)
                if was is not None and record is not None and record["b"] is not None:
                    digits += _digits_change(name, was, record, before["tolerances"], after["tolerances"])
                    points += _points_change(old[name], was, new[name], record)
    others, in_both = [name for name in both if name not in set(same)], set(answered_before) & set(answered_after)
    return Change(
        compared=len(same), versions=tuple(_versions(before, after)), tolerances=_tolerances(before, after),
        loosened=_loosened(before, after), engines_gained=tuple(gained_engines), engines_lost=tuple(lost_engines),
        cases_gained=tuple(name for name in new if name not in old), cases_lost=tuple(lost_cases),
        lost_evidence=tuple(name for name in lost_cases if any(_made(record["counts"]) for record in old[name]["comparisons"])),
        inputs_changed=tuple(others),
        failing_with_other_input=tuple(name for name in others if _failing(new[name]) and not _failing(old[name])),
        fewer_with_other_input=tuple(name for name in others
                                     if _made_between(new[name], in_both) < _made_between(old[name], in_both)),
        verdicts=tuple(sorted(verdicts, key=lambda change: change.direction != "worse")),
        digits=tuple(sorted(digits, key=lambda change: (change.direction != "worse", change.after - change.before))),
        points=tuple(points), right=tuple(sorted(right, key=lambda change: change.direction != "worse")),
        divergences=tuple(_divergences(before["divergences"], after["divergences"], gained_engines, met)),
        laws=tuple(_laws(before["laws"], after["laws"])), new_failures=_new_failures(before["failures"], after["failures"]),
        gained=dict(gained), totals_before=dict(before["verdicts"]), totals_after=dict(after["verdicts"]))


def direction(before: Mapping[str, int], after: Mapping[str, int]) -> Direction:
    """Whether counts of verdicts got better or worse; where some did this and some that, worse."""
    tails = [sum(count for verdict, count in after.items() if ORDER[verdict] >= rank)
             - sum(count for verdict, count in before.items() if ORDER[verdict] >= rank) for rank in range(1, len(ORDER))]
    if _made(after) < _made(before) or any(tail > 0 for tail in tails):
        return "worse"
    return "better" if any(tails) or _made(after) > _made(before) else "same"


def _made(counts: Mapping[str, int]) -> int:
    return sum(counts.get(verdict, 0) for verdict in COMPARED)


def _made_between(case: Mapping[str, Any], engines: set[str]) -> int:
    return sum(_made(record["counts"]) for record in case["comparisons"] if {record["a"], record["b"]} <= engines)


def _answered(results: Mapping[str, Any]) -> dict[str, None]:
    """Engines that answered in some case."""
    return dict.fromkeys(engine for case in results["cases"] for engine, answer in case["engines"].items()
                         if answer["status"] == "answered")


def _paired(before: dict[str, Any], after: dict[str, Any]) -> Iterator[tuple[dict[str, Any] | None, dict[str, Any] | None]]:
    """The records of a case in two runs, in whatever order the engines of a pair stand."""
    old, new = ({(frozenset((record["a"], record["b"])), record["quantity"]): record for record in case["comparisons"]}
                for case in (before, after))
    for key in dict.fromkeys((*old, *new)):
        yield old.get(key), new.get(key)


def _verdict_change(case: str, before: dict[str, Any] | None, after: dict[str, Any] | None) -> list[VerdictChange]:
    """Nothing, or the one change."""
    if before is None:
        how = "worse" if any(after["counts"].get(verdict) for verdict in FAILING) else "same"
    elif after is None:
        how = "worse" if _made(before["counts"]) else "same"
    else:
        how = direction(before["counts"], after["counts"])
    if how == "same":
        return []
    record = after if after is not None else before
    reason = "; ".join(after["reasons"].get(worst(after["counts"]), {})) if after is not None else ""
    return [VerdictChange(case, record["a"], record["b"], record["quantity"], before and dict(before["counts"]),
                          after and dict(after["counts"]), how, reason)]


def _digits_change(case: str, before: dict[str, Any], after: dict[str, Any], tolerances_before: Mapping[str, Any],
                   tolerances_after: Mapping[str, Any]) -> list[DigitsChange]:
    """Nothing, or the one change."""
    was, now = before["digits"], after["digits"]
    if was is None or now is None:
        return []
    share = _share(after, tolerances_after)
    worse = share > NEAR and share >= GREW * _share(before, tolerances_before)
    if not worse and abs(now - was) <= LOST_DIGITS:
        return []
    how = "worse" if worse else "better" if now > was else "same"
    return [DigitsChange(case, after["a"], after["b"], after["quantity"], was, now, how)]


def _share(record: Mapping[str, Any], tolerances: Mapping[str, Any]) -> float:
    """The largest difference of what agrees, as a share of its tolerance."""
    if record["counts"].keys() == {"agree"}:
        return record["difference"] / record["tolerance"]
    # The record tells of a phenotype that does not agree; of the others there are the digits.
    quantity = record["quantity"].removeprefix("reported ").removesuffix(" at fixed hsq")
    return 10.0**-record["digits"] / tolerances[quantity]["limit"]


def _points_change(old: dict[str, Any], before: dict[str, Any], new: dict[str, Any], after: dict[str, Any]) -> list[PointsChange]:
    """Nothing, or the one change. Where engines were left out there are fewer points, and no more that cannot be asked."""
    (was, was_left), (now, left) = _points(old, before), _points(new, after)
    if left <= was_left or (was is not None and now >= was):
        return []
    return [PointsChange(new["case"], after["a"], after["b"], after["quantity"], was, now)]


def _points(case: Mapping[str, Any], record: Mapping[str, Any]) -> tuple[int | None, int]:
    """At how many points both could be asked (None: at all, and how many is not on record), and at how many not."""
    if "asked" in record:
        asked, points = record["asked"]
        return asked, points - asked
    if not record["quantity"].endswith(" at fixed hsq"):
        return None, 0
    return case["identical"].get(f"{record['a']} = {record['b']}", [0, None])[1], 0


def _right_changes(name: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[RightChange]:
    """Of engines that answer in the case."""
    for digits, evidence in ((_by_the_arbiter, True), (_where_ill_conditioned, False)):
        old, new = digits(before), digits(after)
        for (engine, quantity), was in old.items():
            if after["engines"].get(engine, {}).get("status") != "answered":
                continue
            now = new.get((engine, quantity))
            if now is None and evidence:
                yield RightChange(name, engine, quantity, was, None, "worse")
            elif now is not None and abs(now - was) > LOST_RIGHT:
                how = "better" if now > was else "worse" if now < FEW_RIGHT else "same"
                yield RightChange(name, engine, quantity, was, now, how)


def _by_the_arbiter(case: Mapping[str, Any]) -> dict[tuple[str, str], float]:
    """(engine, quantity) → the fewest digits to which it is right."""
    arbiter = case["arbiter"] or {"digits": {}}
    return {(engine, quantity): min(digits) for engine, found in arbiter["digits"].items() for quantity, digits in found.items()}


def _where_ill_conditioned(case: Mapping[str, Any]) -> dict[tuple[str, str], float]:
    """The same at points that are too ill-conditioned for a verdict; below 0 where an engine is off by more than the value."""
    found: dict[tuple[str, str], float] = {}
    for row in case["ill_conditioned"]:
        loglik = None if row["off"] is None or row["right"] is None else row["off"] / (1.0 + abs(row["right"]))
        for quantity, off in (("loglik", loglik), ("sigmasq", row.get("sigmasq_off")), ("beta", row.get("beta_off"))):
            if off is not None:
                key = row["engine"], f"{quantity} where ill-conditioned"
                digits = -math.log10(max(off, sys.float_info.epsilon))
                found[key] = min(found.get(key, digits), digits)
    return found


def _divergences(before: list[dict[str, Any]], after: list[dict[str, Any]], gained: list[str],
                 met: list[tuple[dict[str, Any] | None, dict[str, Any]]]) -> Iterator[DivergenceChange]:
    """Entries that are met and were not, or the other way round, and those whose state is another.

    `met`: all records of the later run, each with the one before.
    """
    old, new = ({(row["entry"], row["engine"]): row["state"] for row in rows} for rows in (before, after))
    for key in dict.fromkeys((*old, *new)):
        was, now = old.get(key), new.get(key)
        if was == now:
            continue
        if now is None or key[1] in gained or (was is None and _only_better(*key, met)):
            yield DivergenceChange(*key, was, now, "same")
        else:
            yield DivergenceChange(*key, was, now, "better" if was is not None and now == "known" else "worse")


def _only_better(entry: str, engine: str, met: list[tuple[dict[str, Any] | None, dict[str, Any]]]) -> bool:
    """Whether an entry says something only of comparisons that are new, or better by it."""
    found = [was is None or direction(was["counts"], record["counts"]) == "better" for was, record in met
             if any(reason.startswith(f"{entry} ({engine};") for reason in record["reasons"].get("known divergence", {}))]
    return bool(found) and all(found)


def _new_failures(before: list[str], after: list[str]) -> tuple[str, ...]:
    """Those that are told nowhere else, whatever numbers they had before."""
    def kind(failure: str) -> str:
        return re.sub(r"\b\d+\b", "", failure)
    old = set(map(kind, before))
    return tuple(failure for failure in after if not TOLD_ELSEWHERE.match(failure) and kind(failure) not in old)


def _laws(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> Iterator[LawChange]:
    """Held is best, broken worst; a law that was held and is not applied any more is lost evidence."""
    old, new = ({(row["engine"], row["law"]): row["state"] for row in rows} for rows in (before, after))
    for key in dict.fromkeys((*old, *new)):
        was, now = old.get(key), new.get(key)
        if was != now:
            worse = now == "broken" or was == "held"
            yield LawChange(*key, was, now, "worse" if worse else "better" if now == "held" else "same")


def _tolerances(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """Quantities that both have, with other numbers."""
    old, new = ({quantity: {key: value for key, value in entry.items() if key != "reason"}
                 for quantity, entry in results["tolerances"].items()} for results in (before, after))
    return tuple(quantity for quantity in old if quantity in new and old[quantity] != new[quantity])


def _loosened(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """Quantities by whose numbers more agrees, or less is compared, than before."""
    found = []
    for quantity in _tolerances(before, after):
        old, new = before["tolerances"][quantity], after["tolerances"][quantity]
        sign = -1.0 if quantity == "condition_limit" else 1.0
        if any(sign * new[key] > sign * old[key] for key in old if key in new and isinstance(old[key], float | int)):
            found.append(quantity)
    return tuple(found)


def _failing(case: Mapping[str, Any]) -> bool:
    return any(case["verdicts"].get(verdict) for verdict in FAILING)


def _versions(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[VersionChange]:
    """Versions that both runs have on record and that differ; of engines and R also where one run had none."""
    engines, packages, others = ([part(results) for results in (before, after)] for part in (_engines, _packages, _origin))
    for what in dict.fromkeys((*engines[0], *engines[1])):
        was, now = (found.get(what) for found in engines)
        if was != now:
            yield VersionChange(what, was, now)
    for old, new in (packages, others):
        for what, was in old.items():
            if was is not None and new.get(what) is not None and was != new[what]:
                yield VersionChange(what, was, new[what])


def _engines(results: Mapping[str, Any]) -> dict[str, str | None]:
    """Version and BLAS of each engine, and R's version."""
    found = {}
    for engine in results["engines"]:
        found[engine["name"]] = engine["version"] and engine["version"] + (" (recorded)" if engine["status"] == "recorded" else "")
    r = results["provenance"]["r"]
    return found | {"R": r and r["version"]}


def _packages(results: Mapping[str, Any]) -> dict[str, str]:
    return {"lmmbridge": results["lmmbridge"], "Python": results["provenance"]["python"], **results["provenance"]["packages"]}


def _origin(results: Mapping[str, Any]) -> dict[str, str | None]:
    """Where the rest comes from."""
    origin = results["provenance"]
    r, git = origin["r"], origin["git"]
    commit = git and git["commit"] + (" with changes" if git["modified"] else "")
    return {"source of lmmbridge": commit, "BLAS": origin["blas"], "OPENBLAS_NUM_THREADS": origin["blas_threads"],
            "R's BLAS": r and r["blas"], "system": origin["machine"]["system"], "architecture": origin["machine"]["architecture"],
            **{f"BLAS of {engine['name']}": engine["blas"] for engine in results["engines"]}}


def _comparisons(number: int) -> str:
    return f"{number:,} comparison{'' if number == 1 else 's'}"


def _quantities(number: int) -> str:
    return f"{number:,} {'quantity' if number == 1 else 'quantities'}"


def _names(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
