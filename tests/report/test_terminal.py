"""What a run says on the terminal."""
from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from hostile import NAMES, hostile, with_engines
from lmmbridge.engines import Availability
from lmmbridge.report import terminal
from small_runs import RECORDED, results_of

KINDS = ("right", "wrong divisor", "failure", "recorded", "old")


def printed(results, width: int = 80) -> str:
    """As a terminal gets it, colours and all else that controls it left out."""
    stream = io.StringIO()
    terminal.print_results(Console(file=stream, width=width), results, Path("out"))
    return stream.getvalue()


def test_recorded_engines_stand_first_and_partial_comparisons_have_a_sign():
    text = printed(results_of("recorded"))
    assert text.startswith(f"Recorded, not run here: dense 0.1.0 ({RECORDED}).\n")
    row = next(line for line in text.splitlines() if line.strip().startswith("python–dense"))
    assert row.count("*") == 2 and "at 1 of 58 points where these are fewest" in text
    live = printed(results_of("right"))
    assert "Recorded" not in live and "*" not in live


@pytest.mark.parametrize("kind", KINDS)
def test_what_others_named_neither_styles_nor_controls_the_terminal(kind):
    results = with_engines(hostile(results_of(kind)))
    results["failures"] = list(NAMES)
    text = printed(results)
    assert all(character.isprintable() or character == "\n" for character in text)
    assert "c[bold]:fit" in text or not any(line.strip().startswith("_core:plain") for line in text.splitlines())


def test_engines_are_listed_by_their_names():
    stream = io.StringIO()
    terminal.print_engines(Console(file=stream, width=100), {"c[bold]:fit": Availability("1[red]"), "m:\x1b[31m": Availability(
        None, remedy="install\x1b it")}, {"c[bold]:fit": "mine"})
    text = stream.getvalue()
    assert "c[bold]:fit" in text and "1[red]" in text and "m:□[31m" in text and "install□ it" in text and "\x1b" not in text
