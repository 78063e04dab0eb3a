"""The growth curves, drawn."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot  # noqa: E402
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter  # noqa: E402

AXES = {"n": "individuals (n)", "m": "positions (m)", "p": "traits (p)"}
OURS, QTL2 = "#0072B2", "#D55E00"


def draw_growth(growth: Mapping[str, list[dict]], base: Mapping[str, int], out: Path) -> None:
    """Three log-log panels, as growth.png and growth.svg."""
    style = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "growth",
             "svg.fonttype": "none"}
    with pyplot.rc_context(style):
        figure, axes = pyplot.subplots(1, len(growth), figsize=(10, 3.6), sharey=True, layout="constrained")
        for axis, (name, points) in zip(axes, growth.items()):
            _curve(axis, points, "ours", OURS, "o", "lmmbridge")
            measured = _curve(axis, points, "qtl2", QTL2, "s", "qtl2")
            beyond = [point["value"] for point in points if measured and point["value"] > measured[-1][0]]
            if beyond:
                last, seconds = measured[-1]
                axis.plot([last, *beyond], [seconds, *(seconds * value / last for value in beyond)], color=QTL2, linestyle="--",
                          linewidth=1.2, label="qtl2, in proportion")
            axis.set(xscale="log", yscale="log", xlabel=AXES[name])
            axis.set_title(", ".join(f"{key} = {value:,}" for key, value in base.items() if key != name), fontsize=9)
            _ticks(axis, [point["value"] for point in points])
            axis.grid(True, which="major", color="0.9", linewidth=0.6)
        axes[0].set_ylabel("seconds (scan1)")
        axes[-1].legend(frameon=False, loc="best")
        figure.savefig(out / "growth.png", dpi=150)
        figure.savefig(out / "growth.svg", metadata={"Date": None})
        pyplot.close(figure)


def _curve(axis, points: list[dict], side: str, color: str, marker: str, label: str) -> list[tuple[float, float]]:
    measured = [(point["value"], point[side]) for point in points if point[side] is not None]
    if measured:
        axis.plot(*zip(*measured), color=color, marker=marker, markersize=4, linewidth=1.5, label=label)
    return measured


def _ticks(axis, values: list[int]) -> None:
    axis.set_xticks(values)
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.xaxis.set_minor_locator(LogLocator(subs=[]))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
