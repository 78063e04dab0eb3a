"""The figures of a report, in their order."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from lmmbridge.report.difference_figures import difference_against_mean, difference_dots, hsq_scatter
from lmmbridge.report.likelihood_figures import likelihood_curves
from lmmbridge.report.lod_figures import lod_curves
from lmmbridge.report.style import Drawing
from lmmbridge.report.summary import basis


def drawings(results: dict[str, Any]) -> Iterator[Drawing]:
    """Every figure for which the run has something to show; captions end with what all numbers are based on."""
    for draw in (likelihood_curves, difference_dots, difference_against_mean, hsq_scatter, lod_curves,
                 lambda results: difference_dots(results, scans=True)):
        drawing = draw(results)
        if drawing is not None:
            yield replace(drawing, caption=f"{drawing.caption} {basis(results, drawing.cases)}")
