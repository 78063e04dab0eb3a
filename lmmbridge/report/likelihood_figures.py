"""Likelihood curves of a run: every engine's log likelihood over hsq, with every engine's ĥ."""
from __future__ import annotations

import math
import re
from collections import Counter
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lmmbridge.agreement.verdicts import worst
from lmmbridge.report.style import Drawing, badness, engine_labels, engine_styles, label, lay_out, legend, settings

#: Curves are drawn for this many cases, in this many columns.
PANELS, COLUMNS = 12, 4
#: Log likelihoods farther below the maximum are not drawn.
DEPTH = 10.0


def likelihood_curves(results: dict[str, Any]) -> Drawing | None:
    """Log likelihood over hsq by every engine, with every engine's ĥ, for chosen cases; None without cases."""
    cases = chosen_cases(results)
    if not cases:
        return None
    engines = [engine["name"] for engine in results["engines"]
               if any(engine["name"] in _curves(case) for case in cases)]
    rows = math.ceil(len(cases) / COLUMNS)
    with settings("likelihood-curves"):
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
        handles = [Line2D([], [], color=colour, marker=marker, markersize=5.5, markeredgecolor="white", markeredgewidth=0.4)
                   for colour, marker in engine_styles(engines).values()]
        legend(figure, handles, [engine_labels(results)[name] for name in engines])
        lay_out(figure, h_pad=1.2)
    return Drawing("likelihood-curves", "Likelihood curves", figure, (
        "Log likelihood over hsq less its maximum on the grid, by every engine (nested strokes, so that coinciding curves all "
        f"show), cut off at −{DEPTH:g}. Markers stand at each engine's ĥ, one above the other over the curve so that "
        "coinciding estimates all show. The first phenotype of each case; first the cases in which it diverges, then one "
        "case for each kind of problem, the families in turn."),
        "Log likelihood over hsq by every engine, with the estimates of hsq, for "
        + ", ".join(case["case"] for case in cases), cases)


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
    return badness(worst(estimates["verdict"][0] for estimates in case["estimates"].values()))


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
    styles = engine_styles(engines)
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
    ax.set_title(f"{label(case['problem'])}\n{case['criterion']}, {label(case['curve']['phenotype'])}", loc="left")
