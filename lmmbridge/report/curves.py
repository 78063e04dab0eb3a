"""Figures of one analysis: LOD curves over the genome, QTL effects along a chromosome, likelihoods of hsq."""
from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lmmbridge.qtl2.hsq_profile import HsqProfile
from lmmbridge.report.genome import Genome
from lmmbridge.report.style import COLOURS, DPI, settings

#: Width of a figure, in inches, and of the part of it that is not the axes.
WIDTH, MARGIN = 10.4, 0.7
#: More phenotypes than this are drawn as a heat map, or as intervals, in place of a panel each.
MOST_PANELS, MOST_PROFILES = 8, 24
#: Rows or columns of a figure of many phenotypes that are named.
MOST_NAMES = 45
#: Log likelihoods farther below the maximum are not drawn.
DEPTH = 6.0
#: χ²₁(95%)/2: what the log likelihood falls by to the ends of the interval.
DROP = 1.9207


def lod_curves(chr: Sequence[str], pos: Sequence[float], lod: pd.DataFrame, threshold: float | None = None) -> Figure:
    """LOD curves over the genome: a panel for each phenotype, or a heat map of more than eight.

    Parameters
    ----------
    chr, pos : sequences, length b
        Chromosome and position of each row of `lod`.
    lod : DataFrame, shape (b, phenotypes)
        NaN is not drawn.
    threshold : float, optional
        A line at this LOD; not in a heat map.
    """
    genome = Genome(chr, pos)
    with settings("lod"):
        return _heat_map(genome, lod) if lod.shape[1] > MOST_PANELS else _panels(genome, lod, threshold)


def _panels(genome: Genome, lod: pd.DataFrame, threshold: float | None) -> Figure:
    m = lod.shape[1]
    figure = Figure(figsize=(WIDTH, 0.45 + (2.6 if m == 1 else 1.85) * m))
    axes = figure.subplots(m, 1, squeeze=False).ravel()
    for ax, name in zip(axes, lod.columns):
        genome.draw(ax, WIDTH - MARGIN)
        values = lod[name].to_numpy()
        genome.plot(ax, values, color=COLOURS[0], linewidth=1.1, zorder=3)
        if np.isnan(values).all():
            ax.text(0.5, 0.5, "no LOD scores", transform=ax.transAxes, ha="center", va="center", color="#777777")
        highest = max(np.nanmax(values, initial=0.0), 1.1 * (threshold or 0.0), 0.5)
        ax.set_ylim(min(1.06 * np.nanmin(values, initial=0.0), 0.0), 1.06 * highest)
        if threshold is not None:
            ax.axhline(threshold, color=COLOURS[1], linewidth=0.8, linestyle=(0, (5, 2)), zorder=2)
            ax.annotate(f"{threshold:g}", (1.0, threshold), xycoords=("axes fraction", "data"), xytext=(3, 0),
                        textcoords="offset points", va="center", color=COLOURS[1], fontsize=7.5)
        ax.set_ylabel("LOD score")
        ax.set_title(str(name), loc="left")
    axes[-1].set_xlabel("chromosome")
    figure.tight_layout(h_pad=1.0)
    return figure


def _heat_map(genome: Genome, lod: pd.DataFrame) -> Figure:
    m = lod.shape[1]
    figure = Figure(figsize=(WIDTH, min(max(3.0, 0.6 + 0.16 * m), 8.0)), dpi=DPI)
    ax = figure.subplots()
    rows = np.arange(m + 1) - 0.5
    values = np.ma.masked_invalid(lod.to_numpy().T)
    highest = max(float(values.max()) if values.count() else 0.0, 1.0)
    for name, where in genome.chromosomes.items():
        left, right = genome.bounds[name]
        x = genome.x[where]
        edges = np.concatenate([[left], (x[1:] + x[:-1]) / 2.0, [right]])
        mesh = ax.pcolormesh(edges, rows, values[:, where], cmap="cividis", vmin=0.0, vmax=highest, rasterized=True)
    genome.draw(ax, WIDTH - MARGIN - 1.2)
    ax.set_facecolor("white")
    step = math.ceil(m / MOST_NAMES)
    ax.set_yticks(np.arange(0, m, step), [str(name) for name in lod.columns[::step]])
    ax.tick_params(axis="y", length=2 if step > 1 else 0)
    ax.set_ylim(m - 0.5, -0.5)
    ax.set_xlabel("chromosome")
    if step > 1:
        ax.set_ylabel(f"phenotype (one of {step} is named)")
    figure.colorbar(mesh, ax=ax, label="LOD score", pad=0.01, fraction=0.03)
    figure.tight_layout()
    return figure


def effect_curves(pos: pd.Series, effects: pd.DataFrame, errors: pd.DataFrame | None, lod: pd.Series, title: str,
                  unit: str | None) -> Figure:
    """QTL effects along a chromosome with their standard errors as bands, and the LOD curve below.

    Parameters
    ----------
    pos : Series, length b
        Positions; index: their names.
    effects, errors : DataFrame, shape (b, genotypes)
        Estimates and standard errors; columns without any number are left out. The axis follows the estimates; bands
        may go beyond it.
    lod : Series, length b
    title : str
    unit : str or None
        Of the positions, where it is known.
    """
    shown = [name for name in effects.columns if effects[name].notna().any()]
    x = pos.to_numpy()
    with settings("effects"):
        figure = Figure(figsize=(8.4, 4.9))
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2.3, 1.0))
        for k, name in enumerate(shown):
            colour, dashed = COLOURS[k % len(COLOURS)], k // (len(COLOURS) // 2) % 2
            values = effects[name].to_numpy()
            if errors is not None:
                above.fill_between(x, values - errors[name], values + errors[name], color=colour, alpha=0.13,
                                   linewidth=0.0, zorder=2)
            above.plot(x, values, color=colour, linewidth=1.4, linestyle=(0, (5, 1.4)) if dashed else "solid",
                       label=name, zorder=3, marker="o" if len(x) == 1 else None)
        if shown:
            low, high = np.nanmin(effects[shown].to_numpy()), np.nanmax(effects[shown].to_numpy())
            margin = 0.12 * ((high - low) or 1.0)
            above.set_ylim(low - margin, high + margin)
            above.legend(loc="upper left", bbox_to_anchor=(1.0, 1.02), handlelength=2.6)
        else:
            above.text(0.5, 0.6, "no effects", transform=above.transAxes, ha="center", color="#777777")
        above.axhline(0.0, color="#999999", linewidth=0.6, zorder=1)
        above.set_ylabel("QTL effect" if errors is None else "QTL effect ± SE")
        above.set_title(title, loc="left")
        scores = lod.to_numpy()
        below.plot(x, scores, color="#333333", linewidth=1.1, marker="o" if len(x) == 1 else None)
        below.set_ylim(np.nanmin(scores, initial=0.0), 1.08 * np.nanmax(scores, initial=0.5))
        below.set_ylabel("LOD score")
        below.set_xlabel("position" if unit is None else f"position ({unit})")
        above.set_xlim(x[0] - 0.01 * np.ptp(x) - (len(x) == 1), x[-1] + 0.01 * np.ptp(x) + (len(x) == 1))
        figure.align_ylabels([above, below])
        figure.tight_layout()
        return figure


def hsq_likelihoods(profiles: Mapping[str, HsqProfile], criterion: str) -> Figure:
    """Profile log likelihood over hsq with ĥ and its 95% interval: a panel per phenotype; of many, intervals alone.

    Parameters
    ----------
    profiles : mapping of phenotype to HsqProfile
    criterion : str
        "REML" or "ML".
    """
    with settings("hsq"):
        return (_intervals if len(profiles) > MOST_PROFILES else _profiles)(profiles, criterion)


def _profiles(profiles: Mapping[str, HsqProfile], criterion: str) -> Figure:
    columns = min(len(profiles), 4)
    rows = math.ceil(len(profiles) / columns)
    figure = Figure(figsize=(max(2.6 * columns, 4.2), 0.45 + 2.05 * rows))
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for k, (ax, (name, profile)) in enumerate(zip(axes, profiles.items())):
        low, high = profile.interval
        if not np.isnan(low):
            ax.axvspan(low, high, facecolor="#dbe9f4", edgecolor="none", zorder=0)
        ax.axhline(-DROP, color="#999999", linewidth=0.6, linestyle=(0, (4, 2)), zorder=1)
        ax.plot(profile.loglik.index, profile.loglik.to_numpy(), color=COLOURS[0], linewidth=1.3, zorder=3)
        if not np.isnan(profile.hsq):
            ax.plot([profile.hsq], [0.0], marker="o", color=COLOURS[1], markersize=5, clip_on=False, zorder=4)
        ax.set_xlim(-0.02, 1.02)
        ax.set_ylim(-DEPTH, 0.06 * DEPTH)
        ax.set_xticks([0.0, 0.25, 0.5, 0.75, 1.0], ["0", "¼", "½", "¾", "1"])
        ax.set_title(f"{name}\n{_estimate(profile)}", loc="left")
        ax.tick_params(labelbottom=k + columns >= len(profiles))
        if k + columns >= len(profiles):
            ax.set_xlabel("hsq")
        if k % columns == 0:
            ax.set_ylabel(f"{criterion} log likelihood − max.")
    for ax in axes[len(profiles):]:
        ax.set_visible(False)
    figure.tight_layout(h_pad=1.2)
    return figure


def _estimate(profile: HsqProfile) -> str:
    if np.isnan(profile.hsq):
        return "likelihood unbounded"
    low, high = profile.interval
    return f"{profile.hsq:.3f}, " + ("no interval" if np.isnan(low) else f"95%: {low:.3f} to {high:.3f}")


def _intervals(profiles: Mapping[str, HsqProfile], criterion: str) -> Figure:
    m = len(profiles)
    figure = Figure(figsize=(WIDTH, 3.4))
    ax = figure.subplots()
    at = np.arange(m)
    hsq = np.array([profile.hsq for profile in profiles.values()])
    low, high = np.array([profile.interval for profile in profiles.values()]).T
    ax.vlines(at, low, high, color=COLOURS[0], linewidth=min(3.0, 300.0 / m), alpha=0.55, zorder=2,
              label="95% profile likelihood interval")
    known = ~np.isnan(low)
    size = min(5.0, max(2.0, 500.0 / m))
    for chosen, fill, label in ((known, COLOURS[1], "ĥ"), (~known, "white", "ĥ without an interval")):
        chosen = chosen & ~np.isnan(hsq)
        if chosen.any():
            ax.plot(at[chosen], hsq[chosen], linestyle="none", marker="o", markersize=size, markerfacecolor=fill,
                    markeredgecolor=COLOURS[1], markeredgewidth=0.7, label=label, zorder=3, clip_on=False)
    step = math.ceil(m / MOST_NAMES)
    ax.set_xticks(at[::step], [str(name) for name in list(profiles)[::step]], rotation=90)
    ax.set_xlim(-1.0, m)
    ax.set_ylim(-0.02, 1.02)
    ax.set_ylabel(f"hsq by {criterion}")
    ax.set_xlabel("phenotype" + (f" (one of {step} is named)" if step > 1 else ""))
    ax.grid(axis="y", color="#e5e8ec", linewidth=0.6)
    ax.set_axisbelow(True)
    figure.legend(*ax.get_legend_handles_labels(), loc="upper center", ncol=3)
    figure.tight_layout(rect=(0.0, 0.0, 1.0, 0.92))
    return figure
