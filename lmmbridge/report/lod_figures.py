"""LOD curves of a run by every engine, overlaid, with their differences beneath."""
from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lmmbridge.report.genome import Genome
from lmmbridge.report.style import Drawing, badness, engine_labels, engine_styles, label, legend, legend_height, settings
from lmmbridge.report.summary import is_scan

#: LOD curves are drawn for this many scans.
SCANS = 4


def lod_curves(results: dict[str, Any]) -> Drawing | None:
    """LOD curves of chosen scans by every engine, with the differences below; None where no two engines scanned."""
    cases = chosen_scans(results)
    if not cases:
        return None
    engines = [engine["name"] for engine in results["engines"]
               if any(engine["name"] in case["scan"]["curve"]["lod"] for case in cases)]
    styles = {name: colour for name, (colour, _) in engine_styles(engines).items()}
    height = 2.5 * len(cases) + 0.5
    with settings("lod-curves"):
        figure = Figure(figsize=(10.4, height))
        legend(figure, [Line2D([], [], color=styles[name], linewidth=2.0) for name in engines],
               [engine_labels(results)[name] for name in engines])
        outer = figure.add_gridspec(len(cases), 1, left=0.075, right=0.99, bottom=0.45 / height,
                                    top=1.0 - (legend_height(figure) + 0.25) / height, hspace=0.32)
        for cell, case in zip(outer, cases):
            inner = cell.subgridspec(2, 1, height_ratios=(2.6, 1.0), hspace=0.12)
            above, below = (figure.add_subplot(one) for one in inner)
            _scan_panels(above, below, case, [name for name in engines if name in case["scan"]["curve"]["lod"]], styles)
        below.set_xlabel("chromosome")
        figure.align_ylabels()
    return Drawing("lod-curves", "LOD curves", figure, (
        "LOD curves by every engine, each at its own hsq (nested strokes, so that coinciding curves all show), of the "
        "phenotype with the highest LOD score of a scan; below each, the curves of the other engines less that of the last "
        "one. The scans with the worst verdicts first, then one for each kind of kinship and covariates, the families in "
        "turn."), "LOD curves by every engine, and their differences, for " + ", ".join(case["case"] for case in cases), cases)


def chosen_scans(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Up to SCANS scans by two engines or more: the worst verdicts first, then kinds of scan, families in turn."""
    cases = [case for case in results["cases"] if is_scan(case) and len(case["scan"]["curve"]["lod"]) > 1]
    taken: Counter = Counter()
    chosen: list[dict[str, Any]] = []
    while cases and len(chosen) < SCANS:
        best = min(cases, key=lambda case: (-badness(case["verdict"]), *(taken[part] for part in _kinds_of_scan(case))))
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
    above.set_title(f"{label(case['problem'])}, {case['criterion']}: {label(curve['phenotype'])}", loc="left")
    off = {name: lod[name] - lod[last] for name in engines[:-1]}
    for name, values in off.items():
        genome.plot(below, values, color=styles[name], linewidth=0.9, zorder=3)
    largest = max(np.nanmax(np.abs(values), initial=0.0) for values in off.values()) or 1e-15
    below.axhline(0.0, color="#999999", linewidth=0.6, zorder=2)
    below.set_ylim(-1.25 * largest, 1.25 * largest)
    below.set_yticks([-largest, 0.0, largest], [f"−{largest:.0e}", "0", f"{largest:.0e}"])
    below.set_ylabel("difference", fontsize=7.0)
    genome.draw(above, 9.6, labels=False)
    genome.draw(below, 9.6)
