"""Differences of a run: on each quantity's own scale, against the mean, and as a scatter of ĥ."""
from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from lmmbridge.agreement.verdicts import ORDER, worst
from lmmbridge.report.style import LONGEST_ENGINE, Drawing, engine_labels, label, lay_out, legend, settings
from lmmbridge.report.summary import DECISIONS, is_scan, recorded

#: How a verdict is drawn: marker, colour, filled.
VERDICT_STYLE = {"agree": ("o", "#0072b2", True), "explained": ("D", "#009e73", True),
                 "known divergence": ("^", "#d55e00", True), "not comparable": ("o", "#777777", False),
                 "unexplained": ("X", "#cc0000", True)}
#: Differences of zero are drawn at this power of ten.
ZERO = -17.0
#: Differences below this are drawn on a linear axis in figures of differences against the mean.
LINEAR = 1e-14
#: More points than this are drawn as a picture within the figure.
MOST_POINTS = 300
#: Of the differences of two engines, the part within the limits that are drawn.
WITHIN = 0.95
#: Engines against which the others are drawn, the first that is there.
REFERENCES = ("dense", "python")
#: Quantities that are drawn against their mean: name → the axis, and whether the difference is relative to the mean.
AGAINST_MEAN = {"hsq": ("ĥ", False), "sigmasq": ("σ²", True), "loglik": ("log likelihood", False)}
#: Stands beside the names of recorded engines where there is little room.
RECORDED = "*"
#: Dots nearer than this (in decades) are stacked; a stack shows at most STACK of them.
BIN, STACK = 0.1, 9


def difference_dots(results: dict[str, Any], scans: bool = False) -> Drawing | None:
    """Scaled difference of every comparison record by pair of engines, a panel per quantity; None without records.

    Of likelihoods, or of LOD scores.
    """
    panels = _strips(results, scans)
    if not panels:
        return None
    pairs = list(dict.fromkeys((row["a"], row["b"]) for rows in panels.values() for row in rows))
    rows = math.ceil(len(panels) / 2)
    looked_up = {engine["name"] for engines in recorded(results).values() for engine in engines}
    names = [" – ".join(label(name, LONGEST_ENGINE) + RECORDED * (name in looked_up) for name in pair) for pair in pairs]
    seen: set[str] = set()
    name = "lod-differences" if scans else "difference-dots"
    with settings(name):
        figure = Figure(figsize=(10.4, rows * (0.17 * len(pairs) + 0.75) + 0.5))
        axes = figure.subplots(rows, 2, sharey=True, squeeze=False).ravel()
        for ax, (title, found) in zip(axes, panels.items()):
            seen |= _strip_panel(ax, title, found, pairs)
            ax.set_yticks(range(len(pairs)), names)
        for ax in axes[len(panels):]:
            ax.set_visible(False)
        entries = {"tolerance": Line2D([], [], color="#9a6a00", linewidth=0.8)} if scans else {
            "range of tolerances": Patch(facecolor="#f3d9a4", edgecolor="#9a6a00")}
        if any(one in looked_up for pair in pairs for one in pair):
            entries |= {f"{RECORDED} recorded": Line2D([], [], linestyle="none")}
        _legend(figure, seen, entries)
        lay_out(figure, w_pad=1.0)
    what = ("one scan: |ΔLOD| of its phenotype with the worst verdict and, among those, the largest difference" if scans else
            "one case: its phenotype with the largest difference relative to tolerance, scaled as the table of tolerances says")
    line = ("The line is the tolerance." if scans else "Tolerances depend on n and on conditioning; the band spans them, the "
            "line is their upper limit.")
    return Drawing(name, "Differences of LOD scores" if scans else "Differences", figure, (
        f"A dot is {what}, on a logarithmic axis (exact zeros at the left end). {line} Where many dots coincide, up to "
        f"{STACK} are drawn one above the other."), "Dot plots of scaled differences by pair of engines, a panel "
        "each for " + ", ".join(panels), [case for case in results["cases"] if is_scan(case) == scans])


def difference_against_mean(results: dict[str, Any]) -> Drawing | None:
    """Of each engine and the reference, differences of the estimates against their mean; None without a pair.

    After Altman & Bland 1983, but that the limits are the ends of the middle part of the differences found here: they
    describe, and estimate nothing.
    """
    reference, others, estimates = _estimates(results)
    if not others:
        return None
    names = engine_labels(results)
    with settings("against-mean"):
        figure = Figure(figsize=(10.4, 2.2 * len(AGAINST_MEAN) + 0.6))
        axes = figure.subplots(len(AGAINST_MEAN), len(others), squeeze=False, sharey="row")
        for row, (quantity, (name, relative)) in zip(axes, AGAINST_MEAN.items()):
            for ax, engine in zip(row, others):
                rows = [one for one in estimates[engine] if one[quantity] is not None and one[f"reference_{quantity}"] is not None]
                _against_mean(ax, rows, quantity, relative)
                ax.set_title(f"{names[engine]}\n− {names[reference]}", loc="left")
                ax.set_xlabel(f"mean {name}")
            row[0].set_ylabel(f"difference of {name}" + (" / mean" if relative else ""))
            if relative and all(ax.get_xlim()[1] > 0.0 for ax in row):
                for ax in row:
                    ax.set_xscale("log")
                    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
                    ax.xaxis.set_minor_formatter("")
        _legend(figure, {one["verdict"] for rows in estimates.values() for one in rows}, {
            f"middle {100 * WITHIN:g} % of the differences (descriptive)":
            Line2D([], [], color="#9a6a00", linewidth=0.8, linestyle=(0, (4, 2)))})
        lay_out(figure)
    cases = [case for case in results["cases"] if reference in case["estimates"]]
    return Drawing("against-mean", "Differences against the mean", figure, (
        f"Estimates at each engine's own ĥ, translated: the difference of an engine and {reference} against their mean, a dot "
        f"for each phenotype of each case, on an axis that is linear below {LINEAR:g} and logarithmic beyond. The broken "
        f"lines are the ends of the middle {100 * WITHIN:g} % of the differences: they describe these problems and are no limits "
        "of agreement for others. Log likelihoods are of the same criterion."), f"Differences of ĥ, σ² and log likelihood between {', '.join(others)} and {reference}, "
        "against the mean of the two", cases)


def hsq_scatter(results: dict[str, Any]) -> Drawing | None:
    """ĥ of each engine against that of the reference; None without a pair."""
    reference, others, estimates = _estimates(results)
    if not others:
        return None
    names = engine_labels(results)
    columns = min(len(others), 5)
    rows = math.ceil(len(others) / columns)
    with settings("hsq-scatter"):
        figure = Figure(figsize=(10.4 if columns > 2 else 3.4 * columns + 1.0, 2.35 * rows + 0.5))
        axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
        for ax, engine in zip(axes, others):
            ax.plot([0.0, 1.0], [0.0, 1.0], color="#999999", linewidth=0.6, zorder=1)
            found = [one for one in estimates[engine] if one["hsq"] is not None and one["reference_hsq"] is not None]
            _points(ax, found, [one["reference_hsq"] for one in found], [one["hsq"] for one in found])
            ax.set_aspect("equal")
            ax.set_xlim(-0.03, 1.03)
            ax.set_ylim(-0.03, 1.03)
            ax.set_title(f"{names[engine]}\nn = {len(found):,}", loc="left")
            ax.set_xlabel(f"ĥ by {names[reference]}")
        for ax in axes[::columns]:
            ax.set_ylabel("ĥ by the engine")
        for ax in axes[len(others):]:
            ax.set_visible(False)
        _legend(figure, {one["verdict"] for rows in estimates.values() for one in rows}, {})
        lay_out(figure)
    cases = [case for case in results["cases"] if reference in case["estimates"]]
    return Drawing("hsq-scatter", "Estimates of hsq", figure, (
        f"ĥ, translated, of each engine against that of {reference}, a dot for each phenotype of each case (n: how many); the "
        "line is equality. The verdict is the worst on any of the engine's answers for the phenotype."),
        f"Scatter of ĥ by {', '.join(others)} against ĥ by {reference}", cases)


def _estimates(results: dict[str, Any]) -> tuple[str, list[str], dict[str, list[dict[str, Any]]]]:
    """The reference, the other engines, and for each of these its estimates beside the reference's.

    An engine that reports the ML value at its ĥ under REML has no log likelihood there.
    """
    reports_ml = {engine["name"] for engine in results["engines"] if engine["optimum_criterion"] == "ML"}
    there = [engine["name"] for engine in results["engines"] if any(engine["name"] in case["estimates"] for case in results["cases"])]
    reference = next((name for name in (*REFERENCES, *there) if name in there), "")
    estimates: dict[str, list[dict[str, Any]]] = {name: [] for name in there if name != reference}
    for case in results["cases"]:
        if reference in case["estimates"]:
            right = case["estimates"][reference]["translated"]
            for name in estimates.keys() & case["estimates"].keys():
                found, other_criterion = case["estimates"][name], case["criterion"] == "REML" and name in reports_ml
                for j, verdict in enumerate(found["verdict"]):
                    row = {key: found["translated"][key][j] for key in AGAINST_MEAN}
                    row |= {"loglik": None} if other_criterion else {}
                    estimates[name].append({"verdict": verdict} | row
                                           | {f"reference_{key}": right[key][j] for key in AGAINST_MEAN})
    return reference, [name for name, rows in estimates.items() if rows], estimates


def _against_mean(ax, rows: list[dict[str, Any]], quantity: str, relative: bool) -> None:
    one, other = (np.array([row[key] for row in rows], dtype=float) for key in (quantity, f"reference_{quantity}"))
    mean, difference = (one + other) / 2.0, one - other
    if relative:
        with np.errstate(invalid="ignore", divide="ignore"):       # a variance of 0 has no relative difference
            difference = difference / mean
    _points(ax, rows, mean, difference)
    ax.axhline(0.0, color="#999999", linewidth=0.6, zorder=1)
    finite = difference[np.isfinite(difference)]
    if len(finite):
        for limit in np.quantile(finite, [(1.0 - WITHIN) / 2.0, (1.0 + WITHIN) / 2.0]):
            ax.axhline(limit, color="#9a6a00", linewidth=0.8, linestyle=(0, (4, 2)), zorder=3)
    ax.set_yscale("symlog", linthresh=LINEAR, linscale=0.4)
    largest = max(np.max(np.abs(finite), initial=0.0), 10.0 * LINEAR)
    top = math.ceil(math.log10(largest)) + 1
    ax.set_ylim(-(10.0**top), 10.0**top)
    step = max(1, math.ceil((top + 14) / 4))
    powers = range(-14 + step, top + 1, step)
    ax.set_yticks([*(-(10.0**power) for power in reversed(powers)), 0.0, *(10.0**power for power in powers)],
                  [*(f"−1e{power}" for power in reversed(powers)), "0", *(f"1e{power}" for power in powers)])
    ax.minorticks_off()


def _points(ax, rows: list[dict[str, Any]], x, y) -> None:
    """A mark for each, by verdict; many as a picture."""
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    verdicts = np.array([row["verdict"] for row in rows], dtype=object)
    for verdict in VERDICT_STYLE:
        these = verdicts == verdict
        if these.any():
            ax.plot(x[these], y[these], linestyle="none", zorder=4 + ORDER[verdict], rasterized=len(rows) > MOST_POINTS,
                    **_verdict_marker(verdict))


def _legend(figure: Figure, verdicts: set[str], more: dict[str, Line2D | Patch]) -> None:
    """A legend of verdicts, and of what else is drawn."""
    entries = {verdict: Line2D([], [], linestyle="none", **_verdict_marker(verdict)) for verdict in VERDICT_STYLE
               if verdict in verdicts} | more
    legend(figure, list(entries.values()), list(entries))


def _strips(results: dict[str, Any], scans: bool) -> dict[str, list[dict[str, Any]]]:
    """Records by panel, those at fixed hsq first: difference, tolerance (None for hsq), verdict, pair."""
    found: dict[str, list[dict[str, Any]]] = {}
    for case in results["cases"]:
        if is_scan(case) != scans:
            continue
        for one in case["comparisons"]:
            if one["b"] is None or one["quantity"] in DECISIONS:
                continue
            row = {"a": one["a"], "b": one["b"], "verdict": worst(one["counts"])}
            found.setdefault(one["quantity"], []).append(
                row | {"difference": one["difference"], "tolerance": one["tolerance"]})
            if "hsq_difference" in one:
                found.setdefault("hsq", []).append(row | {"difference": one["hsq_difference"], "tolerance": None})
    order = ("LOD at given hsq", "LOD at own hsq", "loglik at fixed hsq", "reported loglik", "sigmasq at fixed hsq",
             "reported sigmasq", "beta at fixed hsq", "reported beta", "optimum", "hsq")
    return {name: found[name] for name in sorted(found, key=lambda name: order.index(name) if name in order else 99)}


def _strip_panel(ax, title: str, rows: list[dict[str, Any]], pairs: list[tuple[str, str]]) -> set[str]:
    """One quantity; returns the verdicts that were drawn."""
    numbers = [row for row in rows if row["difference"] is not None]
    powers = [math.log10(row["tolerance"]) for row in rows if row["tolerance"] is not None]
    if powers:
        ax.axvspan(min(powers), max(powers), facecolor="#f3d9a4", edgecolor="none", zorder=0)
        ax.axvline(max(powers), color="#9a6a00", linewidth=0.8, zorder=1)
    drawn = set()
    for verdict in VERDICT_STYLE:
        points = list(_stacked([row for row in numbers if row["verdict"] == verdict], pairs))
        if points:
            drawn.add(verdict)
            ax.plot(*zip(*points), linestyle="none", zorder=2 + ORDER[verdict], rasterized=len(points) > MOST_POINTS,
                    **_verdict_marker(verdict))
    ax.set_ylim(len(pairs) - 0.4, -0.6)
    ax.hlines(np.arange(len(pairs)) + 0.5, 0, 1, transform=ax.get_yaxis_transform(), color="#eeeeee", linewidth=0.5,
              zorder=0)
    ax.tick_params(axis="y", length=0, labelleft=True)
    sizes = [row[key] for row in numbers for key in ("difference", "tolerance") if row[key]]
    right = max([-7.0, *(math.log10(size) + 0.5 for size in sizes)])
    ax.set_xlim(ZERO - 0.5, right)
    ticks = range(-15, math.floor(right) + 1, 3 if right > -4.0 else 2)
    ax.set_xticks([ZERO, *ticks], ["0", *(f"1e{power}" if power else "1" for power in ticks)])
    missing = len(rows) - len(numbers)
    names = {"hsq": "ĥ itself (reported, not judged)", "optimum": "optimum: log likelihood lost by one ĥ",
             "LOD at own hsq": "LOD, each engine at its own hsq", "LOD at given hsq": "LOD, all at one given hsq"}
    ax.set_title(names.get(title, title) + (f"\n{missing} without a number" if missing else ""), loc="left")
    return drawn


def _stacked(rows: list[dict[str, Any]], pairs: list[tuple[str, str]]) -> Iterator[tuple[float, float]]:
    """Positions of dots: those that would coincide stand above and below each other."""
    heights: Counter = Counter()
    for row in rows:
        x = max(math.log10(row["difference"]), ZERO) if row["difference"] > 0.0 else ZERO
        x = round(x / BIN) * BIN
        y = pairs.index((row["a"], row["b"]))
        k = heights[x, y]
        heights[x, y] += 1
        if k < STACK:
            yield x, y + (-1) ** k * ((k + 1) // 2) * 0.09


def _verdict_marker(verdict: str) -> dict[str, Any]:
    marker, colour, filled = VERDICT_STYLE[verdict]
    return {"marker": marker, "markersize": 2.6 if verdict in ("agree", "not comparable") else 5.0,
            "markerfacecolor": colour if filled else "none", "markeredgecolor": colour if not filled else "none",
            "markeredgewidth": 0.5}
