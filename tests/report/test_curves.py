"""Figures of one analysis: what is drawn is what was handed over, whatever its shape, and the same each time."""
from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from lmmbridge.qtl2.hsq_profile import HsqProfile
from lmmbridge.report import curves
from lmmbridge.report.genome import Genome
from lmmbridge.report.style import file_content


@pytest.fixture
def scan():
    """Three chromosomes, one of them with a single position; two phenotypes, one with a missing score."""
    chr = ["1"] * 4 + ["2"] + ["X"] * 3
    pos = [3.0, 10.0, 40.0, 90.0, 7.0, 20.0, 25.0, 60.0]
    lod = pd.DataFrame({"liver": [0.1, 5.0, 2.0, 0.3, 1.0, 0.2, 0.4, 3.3],
                        "w[/g]$\\frac": [1.0, np.nan, 1.2] + [0.5] * 5}, [f"m{i}" for i in range(8)])
    return chr, pos, lod


def drawn(ax) -> list[tuple[list[float], list[float]]]:
    return [(list(line.get_xdata()), list(line.get_ydata())) for line in ax.lines if len(line.get_xdata())]


def titles(figure) -> list[str]:
    return [ax.get_title(loc="left") for ax in figure.axes]


def test_chromosomes_stand_side_by_side_in_order_without_overlap(scan):
    chr, pos, _ = scan
    genome = Genome(chr, pos)
    assert list(genome.bounds) == ["1", "2", "X"]
    ends = [end for bounds in genome.bounds.values() for end in bounds]
    assert ends == sorted(ends) and len(set(ends)) == 6
    for name, where in genome.chromosomes.items():
        left, right = genome.bounds[name]
        assert (left <= genome.x[where]).all() and (genome.x[where] <= right).all()
        assert np.allclose(np.diff(genome.x[where]), np.diff(np.array(pos)[where]))


def test_labels_without_room_are_left_out_and_others_stand_in_the_middle():
    figure = curves.Figure()
    ax = figure.subplots()
    lengths = {"first": 100.0, "tiny1": 0.2, "tiny2": 0.2, "last": 100.0}
    ends = [end for length in lengths.values() for end in (0.0, length)]
    genome = Genome([name for name in lengths for _ in "ab"], ends)
    genome.draw(ax, 3.0)
    labels = {label.get_text(): tick for label, tick in zip(ax.get_xticklabels(), ax.get_xticks())}
    assert {"first", "last"} <= set(labels) and not {"tiny1", "tiny2"} <= set(labels)
    assert labels["first"] == pytest.approx(sum(genome.bounds["first"]) / 2.0)


def test_a_panel_for_each_phenotype_with_its_scores(scan):
    chr, pos, lod = scan
    figure = curves.lod_curves(chr, pos, lod, threshold=3.0)
    assert titles(figure) == list(lod.columns)
    for ax, name in zip(figure.axes, lod.columns):
        shown = drawn(ax)
        for where in Genome(chr, pos).chromosomes.values():
            assert any(np.array_equal(y, lod[name].to_numpy()[where], equal_nan=True) for _, y in shown)
        assert any(list(y) == [3.0, 3.0] for _, y in shown)
        low, high = ax.get_ylim()
        assert low <= np.nanmin(lod[name]) and high >= max(np.nanmax(lod[name]), 3.0)


def test_lone_positions_are_dots(scan):
    chr, pos, lod = scan
    ax = curves.lod_curves(chr, pos, lod).axes[1]
    dots = sorted(y for line in ax.lines if line.get_marker() == "o" for y in line.get_ydata())
    assert dots == [0.5, 1.0]      # the only position of chromosome 2, and the one before the missing score


def test_without_scores_it_says_so(scan):
    chr, pos, lod = scan
    figure = curves.lod_curves(chr, pos, lod.assign(liver=np.nan))
    assert [text.get_text() for text in figure.axes[0].texts] == ["no LOD scores"]


def test_many_phenotypes_are_a_heat_map_of_all_scores(scan):
    chr, pos, lod = scan
    rng = np.random.default_rng(1)
    many = pd.DataFrame(rng.exponential(size=(8, 100)), lod.index, [f"T{i}" for i in range(100)])
    many.iloc[2, 3] = np.nan
    ax = curves.lod_curves(chr, pos, many).axes[0]
    meshes = [np.ma.masked_invalid(mesh.get_array()).reshape(100, -1) for mesh in ax.collections]
    cells = np.ma.concatenate(meshes, axis=1)
    assert np.ma.allclose(cells, np.ma.masked_invalid(many.to_numpy().T)) and cells.mask.sum() == 1
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names[0] == "T0" and len(names) <= curves.MOST_NAMES and "one of 3" in ax.get_ylabel()


def test_effects_with_bands_and_lod_below():
    pos = pd.Series([1.0, 5.0, 9.0], ["m1", "m2", "m3"])
    effects = pd.DataFrame({"AA": [1.0, 2.0, 3.0], "AB": np.nan, "BB": [-1.0, -2.0, -3.0]}, pos.index)
    errors = effects.abs() / 10.0
    lod = pd.Series([1.0, 4.0, 2.0], pos.index)
    above, below = curves.effect_curves(pos, effects, errors, lod, "liver, chromosome 2", "Mb").axes
    assert [text.get_text() for text in above.get_legend().get_texts()] == ["AA", "BB"]
    assert [y for x, y in drawn(above) if x == list(pos)] == [[1.0, 2.0, 3.0], [-1.0, -2.0, -3.0]]
    band = above.collections[0].get_paths()[0].vertices
    assert {(9.0, 2.7), (9.0, 3.3)} <= {(x, round(y, 9)) for x, y in band}
    assert [y for x, y in drawn(below) if x == list(pos)] == [[1.0, 4.0, 2.0]]
    assert below.get_xlabel() == "position (Mb)"


def test_effects_that_could_not_be_estimated_are_said_to_be_missing():
    pos = pd.Series([1.0, 2.0], ["m1", "m2"])
    above, _ = curves.effect_curves(pos, pd.DataFrame({"A": np.nan}, pos.index), None, pos, "title", "cM").axes
    assert [text.get_text() for text in above.texts] == ["no effects"]


def test_one_position_has_effects_too():
    pos = pd.Series([1.0], ["m1"])
    one = pd.DataFrame({"A": [1.0], "B": [-1.0]}, ["m1"])
    above, _ = curves.effect_curves(pos, one, None, pd.Series([2.0], ["m1"]), "title", "cM").axes
    assert {line.get_marker() for line in above.lines if len(line.get_xdata()) == 1} == {"o"}
    assert above.get_ylabel() == "QTL effect"


def profiles(number: int) -> dict[str, HsqProfile]:
    hsq = np.linspace(0.0, 1.0, 11)
    inside = HsqProfile(pd.Series(-30.0 * (hsq - 0.4) ** 2, hsq), 0.4, (0.15, 0.65), None)
    end = HsqProfile(pd.Series(-3.0 * hsq, hsq), 0.0, (np.nan, np.nan), "the maximum is at the end of hsq's range")
    unbounded = HsqProfile(pd.Series(5.0 * hsq - 5.0, hsq), np.nan, (np.nan, np.nan), "the likelihood is unbounded")
    return {f"p{i}": (inside, end, unbounded)[i % 3] for i in range(number)}


def test_likelihoods_of_hsq_with_estimate_and_interval():
    figure = curves.hsq_likelihoods(profiles(3), "ML")
    inside, end, unbounded = figure.axes[:3]
    assert ([0.4], [0.0]) in drawn(inside) and ([0.0], [0.0]) in drawn(end)
    assert all(len(x) > 1 for x, _ in drawn(unbounded))
    spans = [sorted({x for x, _ in patch.get_xy()}) for patch in inside.patches]
    assert spans == [[0.15, 0.65]] and not end.patches and not unbounded.patches
    assert "95%: 0.150 to 0.650" in titles(figure)[0] and "no interval" in titles(figure)[1]
    assert "unbounded" in titles(figure)[2] and inside.get_ylabel().startswith("ML")


def test_many_estimates_of_hsq_are_intervals_in_one_panel():
    found = profiles(90)
    ax, = curves.hsq_likelihoods(found, "REML").axes
    segments = [segment for segment in ax.collections[0].get_segments() if len(segment)]
    assert len(segments) == 30 and all(list(segment[:, 1]) == [0.15, 0.65] for segment in segments)
    assert sorted(sum((list(line.get_ydata()) for line in ax.lines), [])) == [0.0] * 30 + [0.4] * 30


@pytest.mark.parametrize("format, start", [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_the_same_numbers_give_the_same_file(scan, format, start):
    first, second = (file_content(curves.lod_curves(*scan, threshold=3.0), format) for _ in "ab")
    assert first == second and first.startswith(start)


def test_an_svg_has_its_text_as_text(scan):
    text = file_content(curves.lod_curves(*scan), "svg").decode()
    assert "w[/g]$\\frac" in text and not re.search(r"<dc:date>", text)
