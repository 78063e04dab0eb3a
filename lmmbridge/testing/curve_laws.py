"""Laws of what is made of LOD curves: peaks, and intervals around them."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from lmmbridge.qtl2 import Map, Scan1
from lmmbridge.testing.laws import Breach, Law
from lmmbridge.testing.scan_comparing import name_of

#: Ends of intervals and positions are copied from the map, or means of several: nearer than this they are the same.
SAME = 1e-9


@dataclass(frozen=True, eq=False)
class Curve:
    """A LOD curve along one chromosome.

    Attributes
    ----------
    positions : ndarray
        Increasing.
    lods : ndarray
    markers : ndarray of bool
        Which positions are markers; the others are pseudomarkers.
    drops, probs : tuple of float
        Two of each, the smaller first.
    threshold : float
    """

    positions: np.ndarray
    lods: np.ndarray
    markers: np.ndarray
    drops: tuple[float, float]
    probs: tuple[float, float]
    threshold: float

    def __repr__(self) -> str:
        return (f"LOD {self.lods.tolist()} at {self.positions.tolist()}, markers {self.markers.astype(int).tolist()}, "
                f"drop {self.drops}, prob {self.probs}, threshold {self.threshold}")

    @property
    def names(self) -> list[str]:
        return [f"m{j}" if marker else f"c1.loc{j}" for j, marker in enumerate(self.markers)]

    @property
    def map(self) -> Map:
        return Map({"1": pd.Series(self.positions, self.names)}, {"1": False})

    @property
    def scan(self) -> Scan1:
        return Scan1(pd.DataFrame({"y": self.lods}, self.names), None, pd.Series({"y": 100}))

    @property
    def peak(self) -> float:
        return float(np.max(self.lods))


@st.composite
def curves(draw, ties: bool = True) -> Curve:
    """Curves with or without equal LOD scores."""
    n = draw(st.integers(2, 12))
    steps = draw(st.lists(st.sampled_from([1.0, 0.5, 2.0, 10.0]), min_size=n, max_size=n))
    tenths = draw(st.lists(st.integers(0, 60), min_size=n, max_size=n, unique=not ties))
    markers = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)), dtype=bool)
    drops = sorted(draw(st.lists(st.sampled_from([1.5, 0.0, 0.55, 1.0, 2.0, 3.25]), min_size=2, max_size=2)))
    probs = sorted(draw(st.lists(st.sampled_from([0.95, 0.5, 0.9, 0.99, 0.2]), min_size=2, max_size=2)))
    lods = np.array(tenths) / 10.0 + 0.1
    peak = float(np.max(lods))
    threshold = draw(st.sampled_from([0.0, peak, peak + 0.5, peak - 0.05]))
    return Curve(np.cumsum(steps), lods, markers, tuple(drops), tuple(probs), threshold)


def _intervals(implementation: Any, curve: Curve, function: str, level: float) -> np.ndarray:
    """(ci_lo, pos, ci_hi) around the one peak."""
    named = {"drop": level} if function == "lod_int" else {"prob": level}
    return getattr(implementation, function)(curve.scan, curve.map, expand2markers=False, **named).to_numpy()[0]


def _breach(law: str, implementation: Any, curve: Curve, quantity: str, observed: float,
            expected: float) -> Breach | None:
    difference = float(abs(observed - expected))
    if difference <= SAME:
        return None
    return Breach(law, name_of(implementation), quantity, float(observed), float(expected), difference, SAME, (curve,),
                  repr(curve))


def contains(law: str, implementation: Any, curve: Curve) -> Breach | None:
    """The interval has a highest position, and the position that it names, in it.

    Not of drop = 0, where the position is the mean of those with the highest LOD, the interval that of the first.
    """
    highest = curve.positions[curve.lods == curve.peak]
    for function, level in (("lod_int", max(curve.drops[0], 0.5)), ("bayes_int", curve.probs[0])):
        low, position, high = _intervals(implementation, curve, function, level)
        nearest = highest[np.argmin(np.abs(highest - position))]
        for name, there in (("position", position), ("highest position", nearest)):
            found = _breach(law, implementation, curve, f"{name} within {function}'s ends", there,
                            np.clip(there, low, high))
            if found is not None:
                return found
    return None


def nested(law: str, implementation: Any, curve: Curve) -> Breach | None:
    """A larger drop, or probability, gives an interval that holds that of a smaller one."""
    for function, levels in (("lod_int", curve.drops), ("bayes_int", curve.probs)):
        (low, _, high), (outer_low, _, outer_high) = (_intervals(implementation, curve, function, level)
                                                      for level in levels)
        for end, inner, outer in (("lower", low, max(low, outer_low)), ("upper", high, min(high, outer_high))):
            found = _breach(law, implementation, curve, f"{function}'s {end} end", outer, inner)
            if found is not None:
                return found
    return None


def supported(law: str, implementation: Any, curve: Curve) -> Breach | None:
    """Outside a LOD support interval LOD is not above peak − drop; its ends are next to where it is."""
    drop = curve.drops[1]
    low, _, high = _intervals(implementation, curve, "lod_int", drop)
    above = np.flatnonzero((curve.lods > curve.peak - drop) | (curve.lods == curve.peak)) if drop > 0.0 else \
        np.flatnonzero(curve.lods == curve.peak)[:1]
    expected = curve.positions[max(above[0] - 1, 0)], curve.positions[min(above[-1] + 1, len(curve.lods) - 1)]
    return _breach(law, implementation, curve, "lower end", low, expected[0]) or _breach(
        law, implementation, curve, "upper end", high, expected[1])


def probable(law: str, implementation: Any, curve: Curve) -> Breach | None:
    """A Bayes interval holds its probability."""
    x, prob = curve.positions, curve.probs[1]
    low, _, high = _intervals(implementation, curve, "bayes_int", prob)
    width = np.concatenate([x[1:2] - x[:1], (x[2:] - x[:-2]) / 2.0, x[-1:] - x[-2:-1]])
    area = width * 10.0 ** (curve.lods - curve.peak)
    held = float(np.sum(area[(x >= low) & (x <= high)]) / np.sum(area))
    return _breach(law, implementation, curve, "probability held", min(held, prob), prob)


def mirrored(law: str, implementation: Any, curve: Curve) -> Breach | None:
    """The chromosome turned round: so are the intervals, where no two LOD scores are equal."""
    turned = replace(curve, positions=-curve.positions[::-1], lods=curve.lods[::-1], markers=curve.markers[::-1])
    for function, level in (("lod_int", curve.drops[1]), ("bayes_int", curve.probs[1])):
        there, back = (_intervals(implementation, one, function, level) for one in (curve, turned))
        for end, value, other in zip(("lower end", "position", "upper end"), there, -back[::-1]):
            found = _breach(law, implementation, curve, f"{function}'s {end}", other, value)
            if found is not None:
                return found
    return None


def peaks(law: str, implementation: Any, curve: Curve) -> Breach | None:
    """find_peaks gives the peak, with lod_int's interval, where it is above the threshold, and none otherwise."""
    table = implementation.find_peaks(curve.scan, curve.map, threshold=curve.threshold, drop=curve.drops[1])
    found = _breach(law, implementation, curve, "number of peaks", len(table), float(curve.peak > curve.threshold))
    if found is not None or len(table) == 0:
        return found
    expected = implementation.lod_int(curve.scan, curve.map, threshold=curve.threshold, drop=curve.drops[1]).iloc[0]
    pairs = [("LOD", table["lod"].iloc[0], curve.peak), *((name, table[name].iloc[0], expected[name])
                                                          for name in ("ci_lo", "pos", "ci_hi"))]
    return next(filter(None, (_breach(law, implementation, curve, *pair) for pair in pairs)), None)


def to_markers(law: str, implementation: Any, curve: Curve) -> Breach | None:
    """Ends moved to markers: outwards, to the next marker or the end of the chromosome."""
    for function, named in (("lod_int", {"drop": curve.drops[1]}), ("bayes_int", {"prob": curve.probs[1]})):
        low, _, high = _intervals(implementation, curve, function, next(iter(named.values())))
        ends = getattr(implementation, function)(curve.scan, curve.map, **named).iloc[0]
        x = curve.positions
        expected = (np.max(x[curve.markers & (x <= low)], initial=x[0]),
                    np.min(x[curve.markers & (x >= high)], initial=x[-1]))
        for name, value in zip(("ci_lo", "ci_hi"), expected):
            found = _breach(law, implementation, curve, f"{function}'s {name}", ends[name], value)
            if found is not None:
                return found
    return None


def _law(name: str, statement: str, reason: str, breach: Callable, ties: bool = True) -> Law:
    return Law(name, statement, reason, curves(ties), lambda implementation, curve: breach(name, implementation, curve))


CURVE_LAWS: tuple[Law, ...] = (
    _law("interval-contains-peak", "ci_lo ≤ pos ≤ ci_hi, and a highest position lies between them",
         "An interval is about its peak.", contains),
    _law("intervals-nest", "a larger drop or probability: an interval that holds the smaller's",
         "What is within a smaller drop is within a larger one; positions are collected from the highest LOD down.",
         nested),
    _law("lod-support", "outside lod_int LOD ≤ peak − drop, and its ends are the next positions to where LOD is more",
         "That is what a LOD support interval is.", supported),
    _law("bayes-probability", "bayes_int holds its probability of 10^LOD", "That is what a Bayes interval is.",
         probable),
    _law("intervals-mirrored", "the chromosome turned round: intervals are, too",
         "Which end comes first is a convention.", mirrored, ties=False),
    _law("peaks-above-threshold",
         "find_peaks: the highest position, with lod_int's interval, exactly where above the threshold",
         "That is what a peak is.", peaks),
    _law("ends-at-markers", "expand2markers: ends at the next markers outwards, or the ends of the chromosome",
         "Pseudomarkers are no markers.", to_markers),
)
