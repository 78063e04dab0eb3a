"""The register of divergences as one HTML page."""
from __future__ import annotations

from typing import Any

from lmmbridge import __version__
from lmmbridge.report.html import page


def render(entries: list[dict[str, Any]], scripts: dict[tuple[str, str], dict[str, str | None]], date: str) -> str:
    """The page's text.

    Parameters
    ----------
    entries : list of dict
        As `lmmbridge divergences --json` gives them, with what their cases found where they were run.
    scripts : dict
        (Entry, engine) → "R" and "python", scripts that hold their data.
    date : str
        When it was made.
    """
    return page("register.html", entries=entries, scripts=scripts, date=date, version=__version__)
