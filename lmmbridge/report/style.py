"""What all figures have in common: colours, sizes, and text that is the same for the same numbers."""
from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import cycle
from typing import Any

import matplotlib
from markupsafe import escape
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font

from lmmbridge.agreement.verdicts import ORDER
from lmmbridge.report.names import shown
from lmmbridge.report.summary import recorded_mark

#: Colours of Okabe and Ito, apart for colour-blind eyes too.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999900")
#: Markers of the engines.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
SETTINGS = {"svg.fonttype": "none", "pdf.fonttype": 42, "text.parse_math": False, "font.family": "sans-serif", "font.size": 8.0,
            "axes.titlesize": 8.5, "axes.labelsize": 8.0, "xtick.labelsize": 7.5, "ytick.labelsize": 7.5,
            "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.6, "legend.frameon": False,
            "legend.fontsize": 8.5}
#: Dots per inch of PNG figures, and of the parts of others that are pictures.
DPI = 200
#: Longer names are cut in figures, and those of engines, of which several stand beside each other, earlier.
LONGEST_LABEL, LONGEST_ENGINE = 40, 18
#: The part of a figure's width that its legend may take (a supplement draws figures narrower), and what it takes of the
#: height: its first row with the space around it, and each other one; in inches.
LEGEND_WIDTH, FIRST_ROW, ROW = 0.8, 0.3, 0.17
#: No date and no version of the drawing program, so that the same numbers give the same file.
NO_DATE = {"svg": {"Date": None, "Creator": None}, "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
           "png": {"Software": None}}


@contextmanager
def settings(name: str) -> Iterator[None]:
    """A context in which a figure of that name is drawn and saved; ids in an SVG are made from the name.

    What users set up for their own figures (matplotlibrc) does not touch these.
    """
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(SETTINGS | {"svg.hashsalt": name})
        yield


def file_content(figure: Figure, format: str) -> bytes:
    """The figure as the content of a file: "svg", "png" or "pdf"."""
    content = io.BytesIO()
    with settings("figure"):
        figure.savefig(content, format=format, dpi=DPI, metadata=NO_DATE[format])
    return content.getvalue()


def label(name: str, longest: int = LONGEST_LABEL) -> str:
    """A name as it stands in a figure: cut where it is long, and with □ for what the font lacks."""
    return "".join(character if ord(character) in _characters() else "□" for character in shown(name, longest))


def engine_labels(results: dict[str, Any]) -> dict[str, str]:
    """Engine → how figures call it: cut where it is long, and marked where its answers are recorded."""
    return {engine["name"]: label(engine["name"], LONGEST_ENGINE) + recorded_mark(engine) for engine in results["engines"]}


def legend(figure: Figure, handles: Sequence[Any], labels: Sequence[str]) -> None:
    """A legend above the panels, in as many rows as it needs."""
    for columns in range(len(handles), 0, -1):
        # A label that begins with "_" would be left out, a text that is put in its place is not.
        found = figure.legend(handles, ["…"] * len(handles), loc="upper center", ncol=columns)
        for text, words in zip(found.get_texts(), labels):
            text.set_text(words)
        if columns == 1 or found.get_window_extent().width <= LEGEND_WIDTH * figure.bbox.width:
            return
        found.remove()


def legend_height(figure: Figure) -> float:
    """The height of a figure's legend with the space around it, in inches."""
    found, = figure.legends
    return FIRST_ROW + ROW * (math.ceil(len(found.get_texts()) / found._ncols) - 1)


def lay_out(figure: Figure, h_pad: float = 1.0, w_pad: float = 0.8) -> None:
    """Put the panels below the legend, as near to each other as their texts allow."""
    figure.tight_layout(rect=(0.0, 0.0, 1.0, 1.0 - legend_height(figure) / figure.get_figheight()), h_pad=h_pad, w_pad=w_pad)


@cache
def _characters() -> frozenset[int]:
    """What the figures' font has."""
    return frozenset(get_font(findfont("DejaVu Sans")).get_charmap())


def badness(verdict: str) -> int:
    """How early a case with this verdict is drawn; 0 where it agrees or is merely not comparable."""
    return 0 if verdict in ("agree", "not comparable", "not available") else ORDER[verdict]


def engine_styles(engines: list[str]) -> dict[str, tuple[str, str]]:
    """Engine → colour and marker, again from the start where they run out."""
    return dict(zip(engines, cycle(zip(COLOURS, MARKERS))))


@dataclass(frozen=True, eq=False)
class Drawing:
    """A figure of a report.

    Attributes
    ----------
    name : str
        Of its file, without ending; unique in a report.
    title : str
    figure : Figure
    caption : str
        What is seen.
    description : str
        What there is instead of it for those who cannot see it.
    cases : list of dict
        What it was drawn from.
    """

    name: str
    title: str
    figure: Figure
    caption: str
    description: str
    cases: list[dict[str, Any]]

    def content(self, format: str) -> bytes:
        """The content of a file: "svg", "png" or "pdf"."""
        return file_content(self.figure, format)

    def inline_svg(self) -> str:
        """An <svg> element for a page: no prologue, no metadata, ids that no other figure has."""
        svg = file_content(self.figure, "svg").decode()
        svg = svg[svg.index("<svg "):]
        svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
        svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{self.name}-", svg)
        return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(self.description)}" ', 1)
