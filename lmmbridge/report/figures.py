"""Figures of the HTML report as inline SVG. No date, no random id: the same results give the same text."""
from __future__ import annotations

import io
import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from lmmbridge.agreement.verdicts import ORDER, worst

#: Colours (Okabe and Ito, apart for colour-blind eyes too) and markers, one of each for an engine.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999900")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
#: How a verdict is drawn: marker, colour, filled.
VERDICT_STYLE = {"agree": ("o", "#0072b2", True), "explained": ("D", "#009e73", True),
                 "known divergence": ("^", "#d55e00", True), "not comparable": ("o", "#777777", False),
                 "unexplained": ("X", "#cc0000", True)}
#: Curves are drawn for this many cases, in this many columns.
PANELS, COLUMNS = 12, 4
#: Log likelihoods farther below the maximum are not drawn.
DEPTH = 10.0
#: Differences of zero are drawn at this power of ten.
ZERO = -17.0
#: Dots nearer than this (in decades) are stacked; a stack shows at most STACK of them.
BIN, STACK = 0.1, 9

SETTINGS = {"svg.fonttype": "none", "text.parse_math": False, "font.family": "sans-serif", "font.size": 8.0, "axes.titlesize": 8.5,
            "axes.labelsize": 8.0, "xtick.labelsize": 7.5, "ytick.labelsize": 7.5, "axes.spines.top": False,
            "axes.spines.right": False, "axes.linewidth": 0.6, "legend.frameon": False, "legend.fontsize": 8.5}


def likelihood_curves(results: dict[str, Any]) -> str:
    """Log likelihood over hsq by every engine, with every engine's ĥ, for chosen cases; empty without cases."""
    cases = chosen_cases(results)
    if not cases:
        return ""
    engines = [engine["name"] for engine in results["engines"]
               if any(engine["name"] in _curves(case) for case in cases)]
    rows = math.ceil(len(cases) / COLUMNS)
    with _settings("curves"):
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
        return _svg(figure, "curves", "Log likelihood over hsq by every engine, with the estimates of hsq, for "
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
    curves = {name: np.array(values, dtype=float) for name, values in case["curve"]["loglik"].items()}
    return {name: values for name, values in curves.items() if np.isfinite(values).any()}


def _curve_rank(case: dict[str, Any]) -> int:
    """How bad the verdict of the phenotype that is drawn is; 0 where it agrees or is merely not comparable."""
    verdict = worst(estimates["verdict"][0] for estimates in case["estimates"].values())
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


def differences(results: dict[str, Any]) -> str:
    """Scaled difference of every comparison record by pair of engines, a panel per quantity; empty without records."""
    panels = _strips(results)
    if not panels:
        return ""
    pairs = list(dict.fromkeys(f"{row['a']} – {row['b']}" for rows in panels.values() for row in rows))
    rows = math.ceil(len(panels) / 2)
    seen: set[str] = set()
    with _settings("differences"):
        figure = Figure(figsize=(10.4, rows * (0.17 * len(pairs) + 0.75) + 0.5))
        axes = figure.subplots(rows, 2, sharey=True, squeeze=False).ravel()
        for ax, (title, found) in zip(axes, panels.items()):
            seen |= _strip_panel(ax, title, found, pairs)
        for ax in axes[len(panels):]:
            ax.set_visible(False)
        handles = [Line2D([], [], linestyle="none", label=verdict, **_verdict_marker(verdict))
                   for verdict in VERDICT_STYLE if verdict in seen]
        handles.append(Patch(facecolor="#f3d9a4", edgecolor="#9a6a00", label="range of tolerances"))
        figure.legend(handles=handles, loc="upper center", ncol=len(handles))
        figure.tight_layout(rect=(0.0, 0.0, 1.0, 1.0 - 0.3 / figure.get_figheight()), h_pad=1.0, w_pad=1.0)
        return _svg(figure, "differences", "Dot plots of scaled differences by pair of engines, a panel each for "
                    + ", ".join(panels))


def _strips(results: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Records by panel, those at fixed hsq first: difference, tolerance (None for hsq), verdict, pair."""
    found: dict[str, list[dict[str, Any]]] = {}
    for case in results["cases"]:
        for one in case["comparisons"]:
            if one["b"] is None:
                continue
            row = {"a": one["a"], "b": one["b"], "verdict": worst(one["counts"])}
            found.setdefault(one["quantity"], []).append(
                row | {"difference": one["difference"], "tolerance": one["tolerance"]})
            if "hsq_difference" in one:
                found.setdefault("hsq", []).append(row | {"difference": one["hsq_difference"], "tolerance": None})
    order = ("loglik at fixed hsq", "reported loglik", "sigmasq at fixed hsq", "reported sigmasq", "beta at fixed hsq",
             "reported beta", "optimum", "hsq")
    return {name: found[name] for name in sorted(found, key=lambda name: order.index(name) if name in order else 99)}


def _strip_panel(ax, title: str, rows: list[dict[str, Any]], pairs: list[str]) -> set[str]:
    """One quantity; returns the verdicts that were drawn."""
    numbers = [row for row in rows if row["difference"] is not None]
    if rows[0]["tolerance"] is not None:
        powers = [math.log10(row["tolerance"]) for row in rows]
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
             "optimum": "optimum: log likelihood lost by one ĥ against the other"}
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


def _settings(name: str):
    return matplotlib.rc_context(SETTINGS | {"svg.hashsalt": name})


def _svg(figure: Figure, name: str, description: str) -> str:
    """The figure as an <svg> element for a page: no prologue, no metadata, ids that no other figure has."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg "):]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", svg)
    described = description.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return svg.replace("<svg ", f'<svg role="img" aria-label="{described}" ', 1)
