"""What changed from one run to another, and whether agreement got worse.

Cases are held against each other by name, and only where their input is the same to the bit (content_hash). Worse is

- a comparison whose verdicts moved to worse ones (`verdicts.ORDER`), or that was made and is not made any more: evidence that is
  lost is worse, whatever it said;
- an engine that answered and does not, a case that was compared and is not there;
- a new comparison that fails between engines that were there before;
- digits that are lost, where they begin to matter (`LOST_DIGITS`, `FEW_DIGITS`);
- a tolerance that was loosened: what agrees by it need not have agreed before;
- a case of another input that fails, and did not;
- a law that an engine of the user's has begun to break, or that is no longer applied;
- two runs without a case in common: nothing could be compared.

A difference of an engine that is new is reported, and is no worsening.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from lmmbridge.agreement.verdicts import FAILING, ORDER, worst

#: Verdicts of comparisons that were made: both engines gave a number.
MADE = ("agree", "explained", "known divergence", "unexplained")
#: A change of digits by more than this is told. Rounding alone, in another order of summation (another BLAS, another processor),
#: moves a worst difference by a small factor; ten times is more than that. These two numbers are no tolerances: they define no
#: agreement and change no verdict, and so are not in tolerances.yaml, which is part of every run's results.
LOST_DIGITS = 1.0
#: Lost digits are worse only where fewer than this are left. Above, differences are within some thousand roundings (1e-12 is
#: 4500 ε), and the worst of them is chance; below, it is on the way to 9 digits, where most tolerances lie.
FEW_DIGITS = 12.0

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
    verdicts : tuple of VerdictChange
        The worse first. Records of engines that were gained or lost are not among them.
    digits : tuple of DigitsChange
        The worse first, then by size.
    laws : tuple of LawChange
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
    verdicts: tuple[VerdictChange, ...]
    digits: tuple[DigitsChange, ...]
    laws: tuple[LawChange, ...]
    gained: dict[str, int]
    totals_before: dict[str, int]
    totals_after: dict[str, int]

    @property
    def worse(self) -> list[str]:
        """Why agreement got worse, a sentence each; empty where it did not."""
        lost = sum(change.after is None for change in self.verdicts)
        worse = sum(change.direction == "worse" for change in self.verdicts) - lost
        digits = sum(change.direction == "worse" for change in self.digits)
        found = [(worse, f"{_comparisons(worse)} got a worse verdict"),
                 (lost, f"{_comparisons(lost)} made before {'is' if lost == 1 else 'are'} not made any more"),
                 (len(self.lost_evidence), f"cases compared before are not there: {_names(self.lost_evidence)}"),
                 (digits, f"{_comparisons(digits)} lost more than {LOST_DIGITS:g} digit, and fewer than {FEW_DIGITS:g} are left"),
                 (len(self.loosened), f"looser tolerances: {_names(self.loosened)}"),
                 (len(self.failing_with_other_input), "cases whose input is not the same fail, and did not: "
                  + _names(self.failing_with_other_input)),
                 (not self.compared, "no case of the two has the same input: nothing was compared")]
        laws = [f"{change.engine}: the law '{change.law}' was {change.before or 'not asked'} and is {change.after or 'not asked'}"
                for change in self.laws if change.direction == "worse"]
        return [f"{engine} answered before and does not" for engine in self.engines_lost] + [
            sentence for number, sentence in found if number] + laws

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
    gained: Counter = Counter()
    for name in same:
        for was, record in _paired(old[name], new[name]):
            engines = {one[key] for one in (was, record) if one is not None for key in ("a", "b")}
            if was is None and engines & set(gained_engines):
                gained.update(record["counts"])
            elif not engines & set(lost_engines):
                verdicts += _verdict_change(name, was, record)
                digits += _digits_change(name, was, record)
    return Change(
        len(same), tuple(_versions(before, after)), _tolerances(before, after), _loosened(before, after), tuple(gained_engines), tuple(lost_engines),
        tuple(name for name in new if name not in old), tuple(lost_cases),
        tuple(name for name in lost_cases if any(_made(record["counts"]) for record in old[name]["comparisons"])),
        tuple(name for name in both if name not in set(same)),
        tuple(name for name in both if name not in set(same) and _failing(new[name]) and not _failing(old[name])),
        tuple(sorted(verdicts, key=lambda change: change.direction != "worse")),
        tuple(sorted(digits, key=lambda change: (change.direction != "worse", change.after - change.before))),
        tuple(_laws(before["laws"], after["laws"])), dict(gained), dict(before["verdicts"]), dict(after["verdicts"]))


def direction(before: Mapping[str, int], after: Mapping[str, int]) -> Direction:
    """Whether counts of verdicts got better or worse; where some did this and some that, worse."""
    tails = [sum(count for verdict, count in after.items() if ORDER[verdict] >= rank)
             - sum(count for verdict, count in before.items() if ORDER[verdict] >= rank) for rank in range(1, len(ORDER))]
    if _made(after) < _made(before) or any(tail > 0 for tail in tails):
        return "worse"
    return "better" if any(tails) or _made(after) > _made(before) else "same"


def _made(counts: Mapping[str, int]) -> int:
    return sum(counts.get(verdict, 0) for verdict in MADE)


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


def _digits_change(case: str, before: dict[str, Any] | None, after: dict[str, Any] | None) -> list[DigitsChange]:
    """Nothing, or the one change."""
    was, now = ((record or {}).get("digits") for record in (before, after))
    if was is None or now is None or abs(now - was) <= LOST_DIGITS:
        return []
    how = "better" if now > was else "worse" if now < FEW_DIGITS else "same"
    return [DigitsChange(case, after["a"], after["b"], after["quantity"], was, now, how)]


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


def _names(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
