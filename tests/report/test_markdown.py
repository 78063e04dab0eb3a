"""The Markdown page, read back with markdown-it as GitHub would show it."""
from __future__ import annotations

import copy
import re

import pytest
from markdown_it import MarkdownIt

from hostile import NAMES, hostile
from lmmbridge.report import markdown, summary
from lmmbridge.report.drawings import drawings
from lmmbridge.report.summary import MARKS, PARTLY
from lmmbridge.report.names import LONGEST
from small_runs import RECORDED, results_of

KINDS = ("right", "wrong divisor", "failure", "old")
#: All that the page's own markup may become.
ELEMENTS = {"heading", "paragraph", "table", "thead", "tbody", "tr", "th", "td", "bullet_list", "list_item", "inline", "fence"}


class Page:
    """What is seen of a page: titles, cells of tables, items, fenced code; only <code> stands as HTML."""

    def __init__(self, text: str) -> None:
        self.titles: list[str] = []
        self.items: list[str] = []
        self.rows: list[list[str]] = []
        self.code: list[str] = []
        tokens = MarkdownIt("commonmark").enable("table").parse(text)
        self.names = {re.sub("_(open|close)$", "", token.type) for token in tokens}
        assert self.names <= ELEMENTS
        for before, token in zip([None, *tokens], tokens):
            if token.type == "fence":
                self.code.append(token.content)
            elif token.type == "tr_open":
                self.rows.append([])
            elif token.type == "inline":
                assert {one.type for one in token.children} <= {"text", "html_inline", "text_special", "softbreak"}, token.content
                assert {one.content for one in token.children if one.type == "html_inline"} <= {"<code>", "</code>"}
                seen = "".join(one.content for one in token.children if one.type != "html_inline")
                if before.type in ("td_open", "th_open"):
                    self.rows[-1].append(seen)
                elif before.type == "heading_open":
                    self.titles.append(seen)
                else:
                    self.items.append(seen)
        self.text = "\n".join([*self.titles, *self.items, *(cell for row in self.rows for cell in row)])


@pytest.mark.parametrize("kind", KINDS)
def test_the_answer_stands_first_and_every_verdict_has_its_count(kind):
    results = results_of(kind)
    page = Page(markdown.render(results))
    assert page.titles[0].startswith("✗ Failed: " if results["status"] else "✓ Passed: ")
    for verdict, count in results["verdicts"].items():
        assert any(row[:2] == [f"{MARKS[verdict]} {verdict}", f"{count:,}"] for row in page.rows)
    assert page.code == [f"{results['command']}\n"]
    assert all(any(row[0] == engine["name"] and row[1] == engine["version"] for row in page.rows) for engine in results["engines"])
    assert (results["date"] or "The date is not on record") in page.text


def test_what_fails_is_listed_with_engines_quantity_size_and_who_is_right():
    results = results_of("wrong divisor")
    page = Page(markdown.render(results))
    failing = [record for case in results["cases"] for record in case["comparisons"] if "unexplained" in record["counts"]]
    shown = [item for item in page.items if "python and dense, " in item and "sigmasq" in item]
    assert len(shown) == min(len(failing), markdown.MOST["failing"])
    assert all("off by" in item and "(tolerance" in item for item in shown)
    assert any("right, by the" in item for item in shown)


def test_an_engine_that_failed_is_listed_with_its_message():
    page = Page(markdown.render(results_of("failure")))
    assert any("dense, all. RuntimeError: the factor <L> of V | cannot be had" in item for item in page.items)


def test_known_divergences_are_listed():
    results = results_of("old")
    page = Page(markdown.render(results))
    for row in results["divergences"]:
        assert any(cells[:2] == [row["entry"], row["engine"]] and cells[3] == f"{row['comparisons']:,}" for cells in page.rows)


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_names_do_no_harm(kind):
    results = hostile(results_of(kind))
    results["failures"] = list(NAMES)
    for engine, name in zip(results["engines"], NAMES):
        engine |= {"remedy": name, "version": name}
    text = markdown.render(results)
    Page(text)
    for table in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        assert len({line.count("|") for line in table.splitlines()}) == 1
    assert all(character.isprintable() or character == "\n" for character in text)
    assert "https://" not in text.split("## How to reproduce")[0]
    assert max(map(len, text.splitlines())) < 4000


@pytest.mark.parametrize("name", [*NAMES, "&lt;b&gt; &#42;", "_a_ ~~b~~ [c] \\# $d$"])
def test_a_name_is_shown_as_it_is_in_a_cell(name):
    results = results_of("right")
    results["engines"][0]["name"] = name
    row = next(row for row in Page(markdown.render(results)).rows if row[1] == results["engines"][0]["version"])
    plain = " ".join("".join(one if one.isprintable() else " " if one.isspace() else "□" for one in name).split())
    assert row[0] == (plain if 0 < len(plain) <= LONGEST else "(no name)" if not plain else f"{'x' * 30}…{'x' * 29}")


@pytest.mark.parametrize("command", ["lmmbridge '```\n# harmed\n````'", "````"])
def test_a_command_cannot_leave_its_block(command):
    page = Page(markdown.render(results_of("right") | {"command": command}))
    assert page.code == [command.replace("\n", " ") + "\n"]


@pytest.mark.parametrize("kind", KINDS)
def test_large_results_stay_a_short_page(kind):
    results = results_of(kind)
    results["cases"] = [case | {"case": f"{k}/{case['case']}"} for k in range(40) for case in results["cases"]]
    results["engines"] *= 40
    results["unavailable_problems"] = {f"family{k}": "not here" for k in range(40)}
    text = markdown.render(results)
    assert text.count("\n") <= 200
    assert "more." in text


def test_broken_laws_are_listed():
    results = results_of("right")
    law = {"engine": "mine:f", "law": "scale", "statement": "σ² scales with y²", "reason": "…", "held": 3, "untold": {}}
    results["laws"] = [law | {"state": "held", "breach": None}, law | {"state": "broken", "breach": "y doubled | σ² tripled"}]
    assert [item for item in Page(markdown.render(results)).items if item.startswith("mine:f")] == [
        "mine:f: σ² scales with y²: y doubled | σ² tripled"]


def test_recorded_engines_stand_in_a_sentence_and_partial_comparisons_have_a_sign():
    page = Page(markdown.render(results_of("recorded")))
    assert f"Recorded, not run here: dense 0.1.0 ({RECORDED})." in page.items
    assert any(item.startswith(f"{PARTLY}: ") and "at 1 of 58 points" in item for item in page.items)
    header, row = (next(row for row in page.rows if row[0] == name) for name in ("engines", "python – dense"))
    assert {name for name, cell in zip(header, row) if PARTLY in cell} == {"loglik at fixed hsq", "beta at fixed hsq"}
    live = markdown.render(results_of("right"))
    assert PARTLY not in live and "Recorded" not in live


def test_identical_decisions_have_their_sign():
    results = results_of("old")
    quantities, rows = summary.heat(results)
    header, row = (next(row for row in Page(markdown.render(results)).rows if row[0] == name) for name in
                   ("engines", "python – qtl2"))
    assert [cell for name, cell in zip(header, row) if name in summary.DECISIONS] == ["="] * len(
        [name for name in quantities if name in summary.DECISIONS])


def test_captions_name_every_figure():
    results = hostile(results_of("right"))
    found = list(drawings(results))
    page = Page(markdown.captions(found))
    assert page.titles == ["Figures", *(f"{drawing.name}: {drawing.title}" for drawing in found)]
    assert len(page.items) == 2 * len(found)


def test_a_run_without_cases_has_a_page():
    results = results_of("right") | {"cases": [], "verdicts": {}, "status": 1, "failures": ["no problem could be run"]}
    assert "no problem could be run" in Page(markdown.render(results)).text


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_results_give_the_same_page_and_stay_as_they_are(kind):
    results = results_of(kind)
    before = copy.deepcopy(results)
    assert markdown.render(results) == markdown.render(before)
    assert results == before
