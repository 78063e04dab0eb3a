"""What all figures have in common: colours, sizes, and text that is the same for the same numbers."""
from __future__ import annotations

import io
import re
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
#: Longer names are cut in figures.
LONGEST_LABEL = 40
#: No date and no version of the drawing program, so that the same numbers give the same file.
NO_DATE = {"svg": {"Date": None, "Creator": None}, "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
           "png": {"Software": None}}


def settings(name: str):
    """A context in which a figure of that name is drawn and saved; ids in an SVG are made from the name."""
    return matplotlib.rc_context(SETTINGS | {"svg.hashsalt": name})


def file_content(figure: Figure, format: str) -> bytes:
    """The figure as the content of a file: "svg", "png" or "pdf"."""
    content = io.BytesIO()
    with settings("figure"):
        figure.savefig(content, format=format, dpi=DPI, metadata=NO_DATE[format])
    return content.getvalue()


def label(name: str) -> str:
    """A name as it stands in a figure: cut where it is long, and with □ for what the font lacks."""
    return "".join(character if ord(character) in _characters() else "□" for character in shown(name, LONGEST_LABEL))


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
