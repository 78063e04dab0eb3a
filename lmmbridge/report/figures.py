"""Figures of the HTML report as inline SVG. No date, no random id: the same results give the same text."""
from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from lmmbridge.agreement.verdicts import ORDER, worst
from lmmbridge.report.genome import Genome
from lmmbridge.report.style import COLOURS, inline_svg, settings
from lmmbridge.report.summary import DECISIONS, is_scan

#: Markers of the engines.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
#: How a verdict is drawn: marker, colour, filled.
VERDICT_STYLE = {"agree": ("o", "#0072b2", True), "explained": ("D", "#009e73", True),
                 "known divergence": ("^", "#d55e00", True), "not comparable": ("o", "#777777", False),
                 "unexplained": ("X", "#cc0000", True)}
#: Curves are drawn for this many cases, in this many columns.
PANELS, COLUMNS = 12, 4
#: LOD curves are drawn for this many scans.
SCANS = 4
#: Log likelihoods farther below the maximum are not drawn.
DEPTH = 10.0
#: Differences of zero are drawn at this power of ten.
ZERO = -17.0
#: Dots nearer than this (in decades) are stacked; a stack shows at most STACK of them.
BIN, STACK = 0.1, 9


def likelihood_curves(results: dict[str, Any]) -> str:
    """Log likelihood over hsq by every engine, with every engine's ĥ, for chosen cases; empty without cases."""
    cases = chosen_cases(results)
    if not cases:
        return ""
    engines = [engine["name"] for engine in results["engines"]
               if any(engine["name"] in _curves(case) for case in cases)]
    rows = math.ceil(len(cases) / COLUMNS)
    with settings("curves"):
        figure = Figure(figsize=(10.4, 2.15 * rows + 0.65))
        axes = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
        for ax, case in zip(axes, cases):
            _curve_panel(ax, case, engines)
        for ax in axes[len(cases):]:
            ax.set_visible(False)
        for ax in axes[:len(cases)][-COLUMNS:]:
            ax.set_xlabel("hsq")
        for ax in axes[::COLUMNS]:
            ax.set_ylabel("log likelihood − max.")
        handles = [Line2D([], [], color=colour, marker=marker, markersize=5.5, markeredgecolor="white",
                          markeredgewidth=0.4, label=name)
                   for name, (colour, marker) in zip(engines, _engine_styles())]
        figure.legend(handles=handles, loc="upper center", ncol=len(handles))
        figure.tight_layout(rect=(0.0, 0.0, 1.0, 1.0 - 0.3 / figure.get_figheight()), h_pad=1.2, w_pad=0.8)
        return inline_svg(figure, "curves", "Log likelihood over hsq by every engine, with the estimates of hsq, for "
                          + ", ".join(case["case"] for case in cases))


def chosen_cases(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Up to PANELS cases: those whose first phenotype diverges, then one per kind of problem, families in turn."""
    cases = sorted((case for case in results["cases"] if _curves(case)), key=lambda case: -_curve_rank(case))
    in_kind: Counter = Counter()
    in_family: Counter = Counter()
    keyed = []
    for case in cases:
        kind, family = kind_of(case["problem"]), case["problem"].split("/")[0]
        if not in_kind[kind]:
            in_family[family] += 1
        keyed.append(((in_kind[kind], -_curve_rank(case), in_family[family], family), case))
        in_kind[kind] += 1
    return [case for _, case in sorted(keyed, key=lambda pair: pair[0])[:PANELS]]


def kind_of(problem: str) -> str:
    """A problem's name without what only numbers it: size, chromosome left out, pattern of missing values."""
    return re.sub(r"-n\d+-p\d+|/pattern\d+|(?<=/loco)\w+", "", problem)


def _curves(case: dict[str, Any]) -> dict[str, np.ndarray]:
    """The log likelihoods over hsq of every engine that gave any number."""
    if case["curve"] is None:
        return {}
    curves = {name: np.array(values, dtype=float) for name, values in case["curve"]["loglik"].items()}
    return {name: values for name, values in curves.items() if np.isfinite(values).any()}


def _curve_rank(case: dict[str, Any]) -> int:
    """How bad the verdict of the phenotype that is drawn is; 0 where it agrees or is merely not comparable."""
    return _badness(worst(estimates["verdict"][0] for estimates in case["estimates"].values()))


def _badness(verdict: str) -> int:
    return 0 if verdict in ("agree", "not comparable", "not available") else ORDER[verdict]


def _curve_panel(ax, case: dict[str, Any], engines: list[str]) -> None:
    """One case: nested strokes so that coinciding curves all show; markers stacked upwards from the curve."""
    hsq = np.array(case["curve"]["hsq"])
    curves = _curves(case)
    highest = np.nanmax(curves["dense"] if "dense" in curves else next(iter(curves.values())))
    relative = {name: values - highest for name, values in curves.items()}
    lowest = np.nanmin(list(relative.values()))
    bottom = max(-DEPTH, min(1.05 * lowest, -0.5))
    step = 0.075 * -bottom
    present = [name for name in engines if name in relative]
    styles = dict(zip(engines, _engine_styles()))
    for k, name in enumerate(present):
        ax.plot(hsq, np.clip(relative[name], 2.0 * bottom, -2.0 * bottom), color=styles[name][0],
                linewidth=1.0 + 1.1 * (len(present) - 1 - k), solid_capstyle="butt", zorder=1 + k)
    for k, name in enumerate(present):
        estimate = case["estimates"][name]["translated"]["hsq"][0]
        if estimate is None:
            continue
        finite = np.isfinite(relative[name])
        value = np.clip(np.interp(estimate, hsq[finite], relative[name][finite]), bottom, 0.0)
        ax.plot([estimate], [value + step * (k + 1)], marker=styles[name][1], color=styles[name][0], markersize=5.5,
                markeredgecolor="white", markeredgewidth=0.4, zorder=20 + k, clip_on=False)
    ax.set_xlim(-0.03, 1.03)
    ax.set_ylim(bottom, step * (len(present) + 1))
    ax.set_xticks([0.0, 0.25, 0.5, 0.75, 1.0], ["0", "¼", "½", "¾", "1"])
    ax.set_yticks([tick for tick in ax.get_yticks() if bottom <= tick <= 0.0])
    ax.axhline(0.0, color="#bbbbbb", linewidth=0.5, zorder=0)
    ax.set_title(f"{case['problem']}\n{case['criterion']}, {case['curve']['phenotype']}", loc="left")


def lod_curves(results: dict[str, Any]) -> str:
    """LOD curves of chosen scans by every engine, with the differences below; empty where no two engines scanned."""
    cases = chosen_scans(results)
    if not cases:
        return ""
    engines = [engine["name"] for engine in results["engines"]
               if any(engine["name"] in case["scan"]["curve"]["lod"] for case in cases)]
    styles = {name: colour for name, (colour, _) in zip(engines, _engine_styles())}
    height = 2.5 * len(cases) + 0.5
    with settings("lod-curves"):
        figure = Figure(figsize=(10.4, height))
        outer = figure.add_gridspec(len(cases), 1, left=0.075, right=0.99, bottom=0.45 / height,
                                    top=1.0 - 0.55 / height, hspace=0.32)
        for cell, case in zip(outer, cases):
            inner = cell.subgridspec(2, 1, height_ratios=(2.6, 1.0), hspace=0.12)
            above, below = (figure.add_subplot(one) for one in inner)
            _scan_panels(above, below, case, [name for name in engines if name in case["scan"]["curve"]["lod"]], styles)
        below.set_xlabel("chromosome")
        figure.align_ylabels()
        handles = [Line2D([], [], color=styles[name], linewidth=2.0, label=name) for name in engines]
        figure.legend(handles=handles, loc="upper center", ncol=len(handles))
        return inline_svg(figure, "lod-curves", "LOD curves by every engine, and their differences, for "
                          + ", ".join(case["case"] for case in cases))


def chosen_scans(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Up to SCANS scans by two engines or more: the worst verdicts first, then kinds of scan, families in turn."""
    cases = [case for case in results["cases"] if is_scan(case) and len(case["scan"]["curve"]["lod"]) > 1]
    badness = {id(case): _badness(case["verdict"]) for case in cases}
    taken: Counter = Counter()
    chosen: list[dict[str, Any]] = []
    while cases and len(chosen) < SCANS:
        best = min(cases, key=lambda case: (-badness[id(case)], *(taken[part] for part in _kinds_of_scan(case))))
        cases.remove(best)
        chosen.append(best)
        taken.update(_kinds_of_scan(best))
    return chosen


def _kinds_of_scan(case: dict[str, Any]) -> tuple[str, str, str]:
    """Family, kinship and design: iron/scan-loco/covariates."""
    family, _, rest = case["problem"].partition("/")
    kinship, _, design = rest.partition("/")
    return f"family {family}", f"kinship {kinship}", f"design {design}"


def _scan_panels(above, below, case: dict[str, Any], engines: list[str], styles: dict[str, str]) -> None:
    """One scan: nested strokes so that coinciding curves all show, and each curve less that of the last engine."""
    curve = case["scan"]["curve"]
    genome = Genome(curve["chr"], curve["pos"])
    lod = {name: np.array(curve["lod"][name], dtype=float) for name in engines}
    last = engines[-1]
    for k, name in enumerate(engines):
        genome.plot(above, lod[name], color=styles[name], linewidth=1.0 + 2.6 * (len(engines) - 1 - k), zorder=2 + k)
    highest = max(np.nanmax(values, initial=0.5) for values in lod.values())
    above.set_ylim(min(0.0, *(1.05 * np.nanmin(values, initial=0.0) for values in lod.values())), 1.05 * highest)
    above.set_ylabel("LOD score")
    above.set_title(f"{case['problem']}, {case['criterion']}: {curve['phenotype']}", loc="left")
    off = {name: lod[name] - lod[last] for name in engines[:-1]}
    for name, values in off.items():
        genome.plot(below, values, color=styles[name], linewidth=0.9, zorder=3)
    largest = max(np.nanmax(np.abs(values), initial=0.0) for values in off.values()) or 1e-15
    below.axhline(0.0, color="#999999", linewidth=0.6, zorder=2)
    below.set_ylim(-1.25 * largest, 1.25 * largest)
    below.set_yticks([-largest, 0.0, largest], [f"−{largest:.0e}", "0", f"{largest:.0e}"])
    below.set_ylabel("difference")
    genome.draw(above, 9.6, labels=False)
    genome.draw(below, 9.6)


def differences(results: dict[str, Any], scans: bool = False) -> str:
    """Scaled difference of every comparison record by pair of engines, a panel per quantity; empty without records.

    Of likelihoods, or of LOD scores.
    """
    panels = _strips(results, scans)
    if not panels:
        return ""
    pairs = list(dict.fromkeys(f"{row['a']} – {row['b']}" for rows in panels.values() for row in rows))
    rows = math.ceil(len(panels) / 2)
    seen: set[str] = set()
    name = "lod-differences" if scans else "differences"
    with settings(name):
        figure = Figure(figsize=(10.4, rows * (0.17 * len(pairs) + 0.75) + 0.5))
        axes = figure.subplots(rows, 2, sharey=True, squeeze=False).ravel()
        for ax, (title, found) in zip(axes, panels.items()):
            seen |= _strip_panel(ax, title, found, pairs)
        for ax in axes[len(panels):]:
            ax.set_visible(False)
        handles = [Line2D([], [], linestyle="none", label=verdict, **_verdict_marker(verdict))
                   for verdict in VERDICT_STYLE if verdict in seen]
        handles.append(Line2D([], [], color="#9a6a00", linewidth=0.8, label="tolerance") if scans else
                       Patch(facecolor="#f3d9a4", edgecolor="#9a6a00", label="range of tolerances"))
        figure.legend(handles=handles, loc="upper center", ncol=len(handles))
        figure.tight_layout(rect=(0.0, 0.0, 1.0, 1.0 - 0.3 / figure.get_figheight()), h_pad=1.0, w_pad=1.0)
        return inline_svg(figure, name, "Dot plots of scaled differences by pair of engines, a panel each for "
                          + ", ".join(panels))


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


def _strip_panel(ax, title: str, rows: list[dict[str, Any]], pairs: list[str]) -> set[str]:
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
            ax.plot(*zip(*points), linestyle="none", zorder=2 + ORDER[verdict], **_verdict_marker(verdict))
    ax.set_ylim(len(pairs) - 0.4, -0.6)
    ax.set_yticks(range(len(pairs)), pairs)
    ax.hlines(np.arange(len(pairs)) + 0.5, 0, 1, transform=ax.get_yaxis_transform(), color="#eeeeee", linewidth=0.5,
              zorder=0)
    ax.tick_params(axis="y", length=0, labelleft=True)
    sizes = [row[key] for row in numbers for key in ("difference", "tolerance") if row[key]]
    right = max([-7.0, *(math.log10(size) + 0.5 for size in sizes)])
    ax.set_xlim(ZERO - 0.5, right)
    ticks = range(-15, math.floor(right) + 1, 3 if right > -4.0 else 2)
    ax.set_xticks([ZERO, *ticks], ["0", *(f"1e{power}" if power else "1" for power in ticks)])
    missing = len(rows) - len(numbers)
    names = {"hsq": "difference of ĥ itself (reported, not judged)",
             "optimum": "optimum: log likelihood lost by one ĥ against the other",
             "LOD at own hsq": "LOD, each engine at its own hsq", "LOD at given hsq": "LOD, all at one given hsq"}
    ax.set_title(names.get(title, title) + (f"; {missing} without a number" if missing else ""), loc="left")
    return drawn


def _stacked(rows: list[dict[str, Any]], pairs: list[str]) -> Iterator[tuple[float, float]]:
    """Positions of dots: those that would coincide stand above and below each other."""
    heights: Counter = Counter()
    for row in rows:
        x = max(math.log10(row["difference"]), ZERO) if row["difference"] > 0.0 else ZERO
        x = round(x / BIN) * BIN
        y = pairs.index(f"{row['a']} – {row['b']}")
        k = heights[x, y]
        heights[x, y] += 1
        if k < STACK:
            yield x, y + (-1) ** k * ((k + 1) // 2) * 0.09


def _verdict_marker(verdict: str) -> dict[str, Any]:
    marker, colour, filled = VERDICT_STYLE[verdict]
    return {"marker": marker, "markersize": 2.6 if verdict in ("agree", "not comparable") else 5.0,
            "markerfacecolor": colour if filled else "none", "markeredgecolor": colour if not filled else "none",
            "markeredgewidth": 0.5}


def _engine_styles() -> Iterator[tuple[str, str]]:
    """Colour and marker by the engine's place in the list, again from the start where they run out."""
    k = 0
    while True:
        yield COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)]
        k += 1
