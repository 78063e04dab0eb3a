"""The figures of a report: what their legends say, whoever draws them."""
from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from hostile import ENGINES, with_engines
from lmmbridge.report.drawings import drawings
from lmmbridge.report.style import engine_labels, settings
from small_runs import results_of


def texts(figure) -> list[str]:
    """Every text that is seen."""
    found = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    for ax in figure.axes:
        found += [ax.get_title(loc="left"), ax.get_xlabel(), *(tick.get_text() for tick in ax.get_yticklabels())]
    return found


def test_every_figure_marks_recorded_engines():
    results = results_of("old")
    names = {engine["name"] for engine in results["engines"] if engine["name"] in ("qtl2", "lmmlite-r")}
    for engine in results["engines"]:
        if engine["name"] in names:
            engine |= {"status": "recorded", "recorded": "2026-11-23, R version 4.2.2"}
    found = {drawing.name: texts(drawing.figure) for drawing in drawings(results)}
    assert len(found) == 6
    for name, seen in found.items():
        if "differences" in name or "dots" in name:
            assert "* recorded" in seen and "python – qtl2*" in seen and "python – qtl2" not in seen
        else:
            assert any("qtl2 (recorded)" in text for text in seen) and "qtl2" not in seen


def _check_room(figure) -> None:
    """Titles stand below the legend and within the figure, and panels are wide enough to be read."""
    legend, = figure.legends
    box = legend.get_window_extent()
    assert box.x0 >= 0.0 and box.x1 <= figure.bbox.width
    for ax in figure.axes:
        if ax.get_visible():
            title = ax._left_title.get_window_extent()
            assert title.y1 <= box.y0 + 1.0 and title.x1 <= figure.bbox.width
            assert ax.get_window_extent().width >= 0.12 * figure.bbox.width


@pytest.mark.parametrize("kind", ["right", "old"])
def test_every_name_of_an_engine_stands_in_the_legends_and_the_panels_have_room(kind):
    results = with_engines(results_of(kind))
    with warnings.catch_warnings():
        warnings.simplefilter("error")      # of entries left out, of glyphs that are missing, of a layout that is not applied
        found = {drawing.name: drawing for drawing in drawings(results)}
        for drawing in found.values():
            with settings(drawing.name):
                _check_room(drawing.figure)
            assert drawing.content("png").startswith(b"\x89PNG")
    engines = ENGINES[:len(results["engines"])]
    entries = [text.get_text() for text in found["likelihood-curves"].figure.legends[0].get_texts()]
    assert len(entries) == len(set(entries)) == len(engines) and "_core:plain" in entries
    assert set(entries) == set(engine_labels(results).values())


def test_what_users_set_up_for_their_own_figures_touches_none_of_these(tmp_path):
    (tmp_path / "results.json").write_text(json.dumps(results_of("right")))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "matplotlibrc").write_text("axes.grid: True\ntext.usetex: True\nfont.size: 20\nlines.linewidth: 9\n")
    (tmp_path / "plain").mkdir()
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    for folder in ("mine", "plain"):
        for arguments in (["figures", "--format", "pdf"], ["report", "--format", "html"]):
            done = subprocess.run([sys.executable, "-m", "lmmbridge", arguments[0], "../results.json", *arguments[1:], "--out",
                                   arguments[0]], cwd=tmp_path / folder, env=env, capture_output=True, text=True, timeout=300)
            assert done.returncode == 0, done.stderr
    mine, plain = ({path.relative_to(tmp_path / folder): path.read_bytes() for path in (tmp_path / folder).rglob("*.*")
                    if path.is_file()} for folder in ("mine", "plain"))
    assert len(plain) > 4 and mine == plain
