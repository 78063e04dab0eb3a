"""One genome scan by every engine that scans: LOD curves at one given hsq and at each engine's own; peaks; intervals."""
from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lmmbridge import lmm
from lmmbridge.agreement import register
from lmmbridge.agreement.differences import digits
from lmmbridge.agreement.ledger import LEDGER
from lmmbridge.agreement.points import points_at
from lmmbridge.agreement.problems import Problem
from lmmbridge.agreement.scan_models import Place, null_problem
from lmmbridge.agreement.tolerances import tolerances
from lmmbridge.agreement.truth import WORDS, Truth, right_lod
from lmmbridge.agreement.verdicts import ORDER, verdict_of_case
from lmmbridge.engines import Engine, EngineFailure, words_of
from lmmbridge.engines.recorded import NotRecorded
from lmmbridge.inputs import Data
from lmmbridge.qtl2.scan1 import Scan1

#: Peaks are asked for above this LOD, with these intervals.
THRESHOLD, DROP, PROB = 3.0, 1.5, 0.95
#: What find_peaks is asked for, by the quantity that is compared, and which columns of its answer are.
DECISIONS = {"peaks": ({}, ["chr", "pos"]), "LOD intervals": ({"drop": DROP}, ["chr", "ci_lo", "ci_hi"]),
             "Bayes intervals": ({"prob": PROB}, ["chr", "ci_lo", "ci_hi"])}


def compare_scans(problem: Problem, reml: bool, engines: dict[str, Engine]) -> dict[str, Any]:
    """Run one scan and judge it.

    Parameters
    ----------
    problem : Problem
        Its data a ScanData.
    reml : bool
    engines : dict of Engine
        The live engines, by name.

    Returns
    -------
    dict
        Ready for JSON, with the fields of the other cases.
    """
    judge = _ScanJudge(problem, reml, engines)
    for a, b in combinations(judge.own, 2):
        judge.curves(a, b)
        for quantity in DECISIONS:
            judge.decisions(quantity, a, b)
    return judge.record()


def compare_curves(problem: Problem, reml: bool, engines: dict[str, Engine]) -> list[dict[str, Any]]:
    """The comparisons of LOD curves alone, which need no map; as in the "comparisons" of `compare_scans`."""
    judge = _ScanJudge(problem, reml, engines)
    for a, b in combinations(judge.own, 2):
        judge.curves(a, b)
    return judge.comparisons


@dataclass(frozen=True)
class _Told:
    """Verdict and reasons; and who is right: "by" (arbiter or dense), "values" and "digits" (by engine)."""

    verdict: str
    why: list[str]
    right: dict[str, Any] | None = None


#: What is told of a position and a phenotype, by their numbers.
Explain = Callable[[int, int], _Told]


@dataclass(frozen=True)
class _Round:
    """Two scans beside each other.

    Attributes
    ----------
    scans : dict of Scan1
        Of the two engines.
    comparable : ndarray of bool, shape (m,)
    explain : function
        What to say where |ΔLOD| is beyond the tolerance.
    """

    scans: dict[str, Scan1]
    comparable: np.ndarray
    explain: Explain


class _Place(NamedTuple):
    """What is told of one position of one phenotype in a round."""

    told: _Told
    off: float
    position: int
    scans: dict[str, Scan1]


class _ScanJudge:
    """Collects the comparisons of one scan."""

    def __init__(self, problem: Problem, reml: bool, engines: dict[str, Engine]):
        self.problem, self.data, self.reml, self.engines = problem, problem.data, reml, engines
        self.phenotypes = list(self.data.phenotypes)
        self.own: dict[str, Scan1] = {}
        self.seconds: dict[str, dict[str, float]] = {}
        self.silent: dict[str, tuple[str, str]] = {}
        self.comparisons: list[dict[str, Any]] = []
        self._given: dict[tuple[str, str], Scan1] = {}
        self._determined_by: dict[str, pd.DataFrame] = {}
        self._nulls: dict[tuple[str, str], tuple[Data, lmm.Eigen]] = {}
        self._eigen: dict[tuple[str, tuple[str, ...]], lmm.Eigen] = {}
        #: Of a pair's LOD curves, each at its own hsq: what is told, by phenotype.
        self._curves: dict[tuple[str, str], dict[str, _Told]] = {}
        for name, engine in engines.items():
            if not engine.scans:
                self._leave_out(name, "not comparable", f"{name} does not scan")
                continue
            try:
                started = perf_counter()
                self.own[name] = engine.scan(self.data, reml)
                self.seconds[name] = {"scan": perf_counter() - started}
            except Exception as failure:    # whatever an engine raises costs its answer, not the run
                self._leave_out(name, "engine failed", words_of(failure))

    def _leave_out(self, engine: str, verdict: str, why: str) -> None:
        self.own.pop(engine, None)
        self.silent[engine] = (verdict, why)
        self.comparisons.append({"a": engine, "b": None, "quantity": "LOD", "counts": {verdict: 1},
                                 "reasons": {verdict: {why: 1}}})

    def curves(self, a: str, b: str) -> None:
        """Tier 3: LOD curves at one given hsq and, with kinship, at each engine's own."""
        self.at_given_hsq(a, b)
        if self.data.kinship is not None:
            self.at_own_hsq(a, b)

    def at_given_hsq(self, a: str, b: str) -> None:
        """Tier 3: LOD curves at one given hsq, that of each of the two."""
        if self.data.kinship is None:
            rounds = [_Round({name: self.own[name] for name in (a, b)}, np.ones(len(self.phenotypes), dtype=bool),
                             self._explain_given(a, b, a))]
        else:
            rounds: list[_Round] = []
            for owner in (a, b):
                try:
                    rounds.append(_Round({name: self._at(name, owner) for name in (a, b)}, self._comparable(owner),
                                         self._explain_given(a, b, owner)))
                except NotRecorded:
                    continue
                except EngineFailure as failure:
                    self._not_made(a, b, "LOD at given hsq", 3, str(failure))
                    return
            if not rounds:
                self._not_made(a, b, "LOD at given hsq", 3, "not both can be asked at this hsq", "not comparable")
                return
        self._judge("LOD at given hsq", a, b, rounds)
        if self.data.kinship is not None and len(rounds) < 2:
            self.comparisons[-1]["asked"] = [len(rounds), 2]

    def at_own_hsq(self, a: str, b: str) -> None:
        """Tier 3: LOD curves, each engine at its own hsq."""
        self._judge("LOD at own hsq", a, b, [_Round({name: self.own[name] for name in (a, b)}, self._comparable(a)
                                                    & self._comparable(b), self._explain_own(a, b))])

    def decisions(self, quantity: str, a: str, b: str) -> None:
        """Tier 4: what each engine's own functions make of its own LOD curves."""
        how, columns = DECISIONS[quantity]
        alone = self._peak_alone(a, b) if quantity == "Bayes intervals" else None
        if alone is not None:
            self._not_made(a, b, quantity, 4, f"chromosome '{alone}' has a peak and a single position, and a Bayes interval "
                         "needs two", "not comparable")
            return
        try:
            found = {name: self.engines[name].peaks(self.data, self.own[name], THRESHOLD, **how) for name in (a, b)}
            crossed = self._crossed(a, b, how)
        except EngineFailure as failure:
            self._not_made(a, b, quantity, 4, str(failure))
            return
        limit = tolerances()["position"]["limit"]
        verdicts, reasons = [], {}
        for name in self.phenotypes:
            if _same(found[a], found[b], name, columns, limit):
                verdicts.append("agree")
            elif self._lod_agrees(a, b, name) and any(_same(one, found[other], name, columns, limit)
                                                      for other, one in crossed.items()):
                verdicts.append("explained")
                reasons.setdefault("explained", Counter()).update([
                    "both decide alike on one LOD curve; their own differ within the tolerance, where positions tie or "
                    "meet the threshold"])
            else:
                told = self._curves[a, b][name]
                verdict, why = (("unexplained", ["different decisions on the same LOD curve"])
                                if self._lod_agrees(a, b, name) else
                                (told.verdict, [f"the LOD curves differ: {why}" for why in told.why]))
                verdicts.append(verdict)
                reasons.setdefault(verdict, Counter()).update(why)
        at = max(range(len(verdicts)), key=lambda j: ORDER[verdicts[j]])
        self.comparisons.append({
            "a": a, "b": b, "quantity": quantity, "tier": 4, "counts": dict(Counter(verdicts)), "difference":
            float(sum(verdict != "agree" for verdict in verdicts)), "tolerance": limit, "digits": None,
            "phenotype": self.phenotypes[at], "hsq": None, "peaks": len(found[a]),
            "reasons": {verdict: dict(counted) for verdict, counted in reasons.items()}})

    def _crossed(self, a: str, b: str, how: dict[str, float]) -> dict[str, pd.DataFrame]:
        """Engine → what the other makes of its LOD curve; of recorded engines what they were asked."""
        found = {}
        for one, other in ((a, b), (b, a)):
            try:
                found[other] = self.engines[one].peaks(self.data, self.own[other], THRESHOLD, **how)
                break
            except NotRecorded:
                continue
        return found

    def _peak_alone(self, a: str, b: str) -> str | None:
        """A chromosome of one position that has a peak in either engine's LOD curve."""
        highest = np.fmax(self._lod(self.own[a]), self._lod(self.own[b])).max(axis=1)
        peaks = set(np.array(self.data.genoprobs.positions)[highest >= THRESHOLD])
        return next((name for name, array in self.data.genoprobs.items()
                     if array.sizes["position"] == 1 and peaks.intersection(array.coords["position"].values)), None)

    def _not_made(self, a: str, b: str, quantity: str, tier: int, why: str, verdict: str = "engine failed") -> None:
        self.comparisons.append({"a": a, "b": b, "quantity": quantity, "tier": tier, "counts": {verdict: 1},
                                 "difference": None, "tolerance": None, "digits": None, "phenotype": self.phenotypes[0],
                                 "hsq": None, "reasons": {verdict: {why: 1}}})

    def _lod(self, scan: Scan1) -> np.ndarray:
        """LOD scores in one order of positions and phenotypes."""
        return scan.lod.loc[list(self.data.genoprobs.positions), self.phenotypes].to_numpy()

    def _at(self, engine: str, owner: str) -> Scan1:
        """The engine's scan at the owner's hsq (1/2 stands where the owner has none that can be compared)."""
        if (engine, owner) not in self._given:
            hsq = self.own[owner].hsq.where(self._determined(owner), 0.5)
            self._given[engine, owner] = self.engines[engine].scan(self.data, self.reml, hsq)
        return self._given[engine, owner]

    def _determined(self, owner: str) -> pd.DataFrame:
        """Whether the owner has an hsq at which the null model leaves digits to compare, null chromosomes × phenotypes."""
        if owner not in self._determined_by:
            hsq = self.own[owner].hsq
            self._determined_by[owner] = pd.DataFrame(
                [[self._leaves_digits(row, name, hsq.loc[row, name]) for name in hsq] for row in hsq.index],
                hsq.index, hsq.columns)
        return self._determined_by[owner]

    def _leaves_digits(self, null_chromosome: str, phenotype: str, hsq: float) -> bool:
        if np.isnan(hsq):
            return False
        if (null_chromosome, phenotype) not in self._nulls:
            genoprobs = self.data.genoprobs
            array = genoprobs[null_chromosome if null_chromosome in genoprobs else next(iter(genoprobs))]
            data = null_problem(Place(self.data, array.coords["position"].values[0], phenotype))
            of = null_chromosome, data.ids
            if of not in self._eigen:
                self._eigen[of] = lmm.eigen_decomposition(data.K, data.weights)
            self._nulls[null_chromosome, phenotype] = data, self._eigen[of]
        points = points_at(*self._nulls[null_chromosome, phenotype], LEDGER["qtl2"].from_native_hsq(np.array([[hsq]])))
        return bool(points.comparable("loglik").all())

    def _comparable(self, owner: str) -> np.ndarray:
        """Phenotypes for which all null models of the owner leave the digits to compare."""
        return self._determined(owner)[self.phenotypes].all().to_numpy()

    def _difference(self, a: Scan1, b: Scan1) -> np.ndarray:
        """|ΔLOD|, positions × phenotypes; 0 where neither gives a number, infinite where one does."""
        a, b = self._lod(a), self._lod(b)
        with np.errstate(invalid="ignore"):      # of two infinite values
            off = np.abs(a - b)
        return np.where(np.isnan(a) & np.isnan(b), 0.0, np.nan_to_num(off, nan=np.inf))

    def _judge(self, quantity: str, a: str, b: str, rounds: list[_Round]) -> None:
        """The worst verdict on any position in any of the rounds counts for a phenotype."""
        limit = tolerances()[quantity]["limit"]
        found = []
        off_by_round = [self._difference(*one.scans.values()) for one in rounds]
        for j in range(len(self.phenotypes)):
            places = [_Place(_Told("agree", []), 0.0, 0, rounds[0].scans)]
            for one, differences in zip(rounds, off_by_round):
                off = differences[:, j]
                if not one.comparable[j]:
                    told = _Told("not comparable", ["the null model is too ill-conditioned at hsq, or there is no hsq"])
                    places.append(_Place(told, 0.0, 0, one.scans))
                elif off.max() <= limit:
                    places.append(_Place(_Told("agree", []), float(off.max()), int(off.argmax()), one.scans))
                else:
                    places += [_Place(one.explain(int(position), j), float(off[position]), int(position), one.scans)
                               for position in np.flatnonzero(off > limit)]
            found.append(max(places, key=lambda place: (ORDER[place.told.verdict], place.off)))
        self._curves[a, b] = {name: place.told for name, place in zip(self.phenotypes, found)}
        reasons: dict[str, Counter] = {}
        for place in found:
            reasons.setdefault(place.told.verdict, Counter()).update(place.told.why)
        at = max(range(len(found)), key=lambda j: (ORDER[found[j].told.verdict], found[j].off))
        worst_place = found[at]
        agreeing = [place.off for place in found if place.told.verdict == "agree"]
        record = {
            "a": a, "b": b, "quantity": quantity, "tier": 3, "counts": dict(Counter(place.told.verdict for place in found)),
            "difference": worst_place.off, "tolerance": limit, "digits": digits(max(agreeing)) if agreeing else None,
            "phenotype": self.phenotypes[at], "position": self.data.genoprobs.positions[worst_place.position], "hsq": None,
            "values": {name: float(self._lod(scan)[worst_place.position, at]) for name, scan in worst_place.scans.items()},
            "reasons": {verdict: dict(counted) for verdict, counted in reasons.items() if counted}}
        if worst_place.told.right is not None:
            record["right"] = worst_place.told.right
        self.comparisons.append(record)

    def _lod_agrees(self, a: str, b: str, phenotype: str) -> bool:
        off = self._difference(self.own[a], self.own[b])[:, self.phenotypes.index(phenotype)]
        return bool(off.max() <= tolerances()["LOD at own hsq"]["limit"])

    def _place(self, position: int, phenotype: int) -> Place:
        return Place(self.data, self.data.genoprobs.positions[position], self.phenotypes[phenotype])

    def _hsq(self, engine: str, place: Place) -> float | None:
        """The engine's own hsq, under twice the kinship matrix, that holds at a place."""
        hsq = self.own[engine].hsq
        return None if hsq is None else float(hsq.loc[place.null_chromosome(hsq.index), place.phenotype])

    def _explain_given(self, a: str, b: str, owner: str) -> Explain:
        """Who is off the right LOD at a position, and whether an entry of the register says why."""
        def explain(position: int, phenotype: int) -> _Told:
            place = self._place(position, phenotype)
            h = self._hsq(owner, place)
            scans = {name: self.own[name] if h is None else self._at(name, owner) for name in (a, b)}
            off, right = _held_against_truth(place, scans, dict.fromkeys(scans, h))
            if not off:
                return _Told("not comparable", ["rounding may move LOD more than the tolerance, so ill-conditioned is the "
                                                "model with the QTL"], right)
            return _Told(*register.verdict_on(off, WORDS[right["by"]]), right)
        return explain

    def _explain_own(self, a: str, b: str) -> Explain:
        """Whose LOD is not the right one at its own hsq, or else whose hsq loses likelihood; and what the register says."""
        of_hsq: dict[tuple[str, str], _Told] = {}

        def explain(position: int, phenotype: int) -> _Told:
            place = self._place(position, phenotype)
            scans = {name: self.own[name] for name in (a, b)}
            off, right = _held_against_truth(place, scans, {name: self._hsq(name, place) for name in scans})
            if off:
                return _Told(*register.verdict_on(off, WORDS[right["by"]]), right)
            null = place.null_chromosome(self.own[a].hsq.index), place.phenotype
            if null not in of_hsq:
                of_hsq[null] = self._verdict_on_hsq(a, b, place)
            return of_hsq[null]
        return explain

    def _verdict_on_hsq(self, a: str, b: str, place: Place) -> _Told:
        """Which of two engines' hsq, at a place, loses likelihood against the best, and why."""
        data = null_problem(place)
        truth = Truth(data)
        hsq = {name: float(LEDGER["qtl2"].from_native_hsq(self._hsq(name, place))) for name in self.own}
        heights = {name: np.nan_to_num(truth.loglik(value, 0, self.reml), nan=-np.inf) for name, value in hsq.items()}
        highest, limit = max(heights.values()), tolerances()["optimum"]["limit"]
        off = [register.OptimumOff(name, data, 0, self.reml, hsq[name], highest) for name in (a, b)
               if not highest - heights[name] <= limit]
        if off:
            return _Told(*register.verdict_on(off, WORDS[truth.by]))
        return _Told("not comparable", ["each LOD is the right one at its own hsq, and both hsq are optimal: the likelihood "
                                        "does not determine hsq to the digits that LOD would need"])

    def record(self) -> dict[str, Any]:
        """The case as plain data."""
        data, problem = self.data, self.problem
        criterion = "REML" if self.reml else "ML"
        counts = sum((Counter(comparison["counts"]) for comparison in self.comparisons), Counter())
        engines = {name: {"status": "answered", "message": "", "warnings": list(scan.notes),
                          "seconds": self.seconds[name]} for name, scan in self.own.items()}
        engines |= {name: {"status": verdict, "message": why, "warnings": [], "seconds": {}}
                    for name, (verdict, why) in self.silent.items()}
        first = next(iter(self.own.values()), None)
        p = 1 + sum(0 if frame is None else frame.shape[1] for frame in (data.addcovar, data.intcovar))
        return {
            "case": f"{problem.name}/{criterion}", "problem": problem.name, "source": problem.source,
            "seed": problem.seed,
            "criterion": criterion, "n": 0 if first is None else int(first.sample_size.max()), "p": p, "rank_K": None,
            "weights": data.weights is not None, "content_hash": data.content_hash, "columns": [],
            "phenotypes": self.phenotypes, "notes": list(data.notes), "engines": engines, "unbounded": [],
            "verdict": verdict_of_case(counts), "verdicts": dict(counts), "estimates": {},
            "arbiter": None,
            "comparisons": self.comparisons, "ill_conditioned": [],
            "identical": {f"{a} = {b}": [int(np.sum(self._lod(self.own[a]) == self._lod(self.own[b]))),
                                         int(self._lod(self.own[a]).size)] for a, b in combinations(self.own, 2)},
            "curve": None, "scan": self._scan_record(),
        }

    def _scan_record(self) -> dict[str, Any]:
        """What a reader wants to see of the scan: its size, each engine's peaks, and one pair of curves."""
        data = self.data
        peaks = {name: self.engines[name].peaks(data, scan, THRESHOLD, drop=DROP).astype({"chr": str}).to_dict("records")
                 for name, scan in self.own.items()}
        maximum = max((scan.lod.max() for scan in self.own.values()), key=lambda lod: lod.max(), default=pd.Series(dtype=float))
        shown = self.phenotypes[0] if maximum.dropna().empty else maximum.idxmax()
        return {"positions": len(data.genoprobs.positions), "chromosomes": len(data.genoprobs), "peaks": peaks,
                "curve": {"phenotype": shown,
                          "chr": [name for name, array in data.genoprobs.items() for _ in range(array.sizes["position"])],
                          "pos": [float(data.map[name][position]) for name, array in data.genoprobs.items()
                                  for position in array.coords["position"].values],
                          "lod": {name: scan.lod[shown].tolist() for name, scan in self.own.items()}}}


def _held_against_truth(place: Place, scans: dict[str, Scan1], hsq: dict[str, float | None]
                        ) -> tuple[list[register.LodOff], dict[str, Any]]:
    """The engines whose LOD at a place is not the right one at the hsq that they used; who says so, and their digits."""
    # Two that differ by more than the tolerance cannot both be within half of it.
    limit = tolerances()["LOD at given hsq"]["limit"] / 2.0
    right = {h: right_lod(place, h) for h in set(hsq.values())}
    lod = {name: float(scan.lod.loc[place.position, place.phenotype]) for name, scan in scans.items()}
    by, apart = right[next(iter(hsq.values()))][0], {name: abs(lod[name] - right[hsq[name]][1]) for name in scans}
    off = [register.LodOff(name, place, hsq[name], lod[name], right[hsq[name]][1]) for name in scans
           if not apart[name] <= limit and not apart[name] <= place.rounding(hsq[name])]
    return off, {"by": by, "values": {name: right[hsq[name]][1] for name in scans}, "digits": {name: digits(difference) for name, difference in apart.items()}}


def _same(a: pd.DataFrame, b: pd.DataFrame, phenotype: str, columns: list[str], limit: float) -> bool:
    """Whether both have the same rows for a phenotype, positions being equal to rounding."""
    a, b = (frame.loc[frame["lodcolumn"] == phenotype, columns] for frame in (a, b))
    if len(a) != len(b) or list(a["chr"].astype(str)) != list(b["chr"].astype(str)):
        return False
    return bool((np.abs(a[columns[1:]].to_numpy(float) - b[columns[1:]].to_numpy(float)) <= limit).all())
