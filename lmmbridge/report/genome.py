"""The horizontal axis of a genome: chromosomes side by side, shaded in turn."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: Space between chromosomes, of all their lengths together; a chromosome is drawn at least this wide.
GAP = 0.008
#: Width of a character of a label, in inches.
CHARACTER = 0.07


class Genome:
    """Where positions are on the axis.

    Parameters
    ----------
    chr : sequence of str, length b
        Chromosome of each position; positions of one chromosome stand together.
    pos : sequence of float, length b

    Attributes
    ----------
    x : ndarray, shape (b,)
        The positions on the axis.
    chromosomes : dict of str to slice
        Which positions are on a chromosome.
    bounds : dict of str to (float, float)
        Where it starts and ends on the axis.
    end : float
    """

    def __init__(self, chr: Sequence[str], pos: Sequence[float]):
        chr, pos = [str(name) for name in chr], np.asarray(pos, dtype=float)
        starts = {name: chr.index(name) for name in dict.fromkeys(chr)}
        self.chromosomes = {name: slice(start, start + chr.count(name)) for name, start in starts.items()}
        spans = {name: np.ptp(pos[where]) for name, where in self.chromosomes.items()}
        gap = GAP * (sum(spans.values()) or 1.0)
        self.x, self.bounds, self.end = np.empty(len(pos)), {}, 0.0
        for name, where in self.chromosomes.items():
            room = max(gap - spans[name], 0.0)
            self.x[where] = self.end + pos[where] - pos[where].min() + 0.5 * room
            self.bounds[name] = self.end, self.end + spans[name] + room
            self.end = self.bounds[name][1] + gap
        self.end -= gap

    def draw(self, ax, width: float, labels: bool = True) -> None:
        """Shade the chromosomes of a panel `width` inches wide in turn, and name them as far as there is room."""
        half = GAP * self.end / 2.0
        for k, (left, right) in enumerate(self.bounds.values()):
            if k % 2 == 0:
                ax.axvspan(left - half, right + half, facecolor="#eef1f4", edgecolor="none", zorder=0)
        ax.set_xlim(-half, self.end + half)
        ticks, names, taken = [], [], -np.inf
        for name, (left, right) in self.bounds.items():
            middle, size = (left + right) / 2.0, CHARACTER * (len(name) + 1) * self.end / width
            if middle - size / 2.0 >= taken:
                ticks.append(middle)
                names.append(name)
                taken = middle + size / 2.0
        ax.set_xticks(ticks, names if labels else [""] * len(names))
        ax.tick_params(axis="x", length=0)

    def plot(self, ax, values: Sequence[float], **style) -> None:
        """One curve, broken between chromosomes; a lone position, and one between missing values, is a dot."""
        values = np.asarray(values, dtype=float)
        label = style.pop("label", None)
        for where in self.chromosomes.values():
            x, y = self.x[where], values[where]
            ax.plot(x, y, label=label, solid_capstyle="round", **style)
            label = None
            padded = np.concatenate([[np.nan], y, [np.nan]])
            alone = ~np.isnan(y) & np.isnan(padded[:-2]) & np.isnan(padded[2:])
            ax.plot(x[alone], y[alone], linestyle="none", marker="o", markersize=2.5,
                    **{name: value for name, value in style.items() if name in ("color", "zorder")})
