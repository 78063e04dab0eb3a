"""What all figures have in common: colours, sizes, and text that is the same for the same numbers."""
from __future__ import annotations

import io
import re

import matplotlib
from matplotlib.figure import Figure

#: Colours of Okabe and Ito, apart for colour-blind eyes too.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999900")
SETTINGS = {"svg.fonttype": "none", "text.parse_math": False, "font.family": "sans-serif", "font.size": 8.0,
            "axes.titlesize": 8.5, "axes.labelsize": 8.0, "xtick.labelsize": 7.5, "ytick.labelsize": 7.5,
            "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.6, "legend.frameon": False,
            "legend.fontsize": 8.5}
#: Dots per inch of PNG figures, and of the parts of others that are pictures.
DPI = 150
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


def inline_svg(figure: Figure, name: str, description: str) -> str:
    """The figure as an <svg> element for a page: no prologue, no metadata, ids that no other figure has."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata=NO_DATE["svg"])
    svg = text.getvalue()
    svg = svg[svg.index("<svg "):]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", svg)
    described = description.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return svg.replace("<svg ", f'<svg role="img" aria-label="{described}" ', 1)
