"""The HTML report, rendered from a real run of two simulated problems, read back with html.parser."""
from __future__ import annotations

import copy
import re
from collections import Counter
from html.parser import HTMLParser

import pytest

from lmmbridge.agreement import simulation
from lmmbridge.agreement.problems import Problem
from lmmbridge.agreement.run import Run, availability
from lmmbridge.report import html, summary
from lmmbridge.report.likelihood_figures import chosen_cases
from small_runs import RECORDED, results_of

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(HTMLParser):
    """Tags, attributes and text; complains about tags that are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: Counter = Counter()
        self.attributes: list[tuple[str, str, str | None]] = []
        self.rows: list[list[str]] = []
        self.tables: list[Counter] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self._seen(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        elif tag == "table":
            self.tables.append(Counter())
        if "table" in self.open:
            self.tables[-1][tag] += 1

    def handle_startendtag(self, tag, attrs):
        self._seen(tag, attrs)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if {"style", "script"} & set(self.open):
            return
        self.words.append(data)
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += " ".join(data.split())

    def _seen(self, tag, attrs):
        self.tags[tag] += 1
        self.attributes += [(tag, name, value) for name, value in attrs]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Engines that are always there, on a problem with four phenotypes and one that is partly ill-conditioned."""
    wanted = ("h0-n10-p1", "ill-conditioned-n40-p2")
    problems = [Problem(f"simulated/{name}", source, data, simulation.seed_of(name)) for name, source, data in simulation.problems()
                if name in wanted]
    run = Run(tmp_path_factory.mktemp("run") / "out", availability(["python", "dense"]), problems, {},
              "lmmbridge validate --out out")
    return run.execute()


@pytest.fixture(scope="module")
def text(results):
    return html.render(results)


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


@pytest.fixture
def failing(results):
    """The same with one unexplained comparison, one engine that failed, a known divergence and something missing."""
    changed = copy.deepcopy(results)
    first, second, third, *_ = [one for one in changed["cases"][0]["comparisons"] if one["b"]]
    first |= {"counts": {"unexplained": 3, "agree": 1}, "difference": 0.25, "reasons": {"unexplained": {"off: <dense>": 3}}}
    second |= {"counts": {"known divergence": 2, "agree": 2},
               "reasons": {"known divergence": {"one-entry: what is wrong": 2, "another: what else is wrong": 2}}}
    third |= {"counts": {"agree": 4}, "difference": None}
    changed["cases"][1]["comparisons"].append({"a": "dense", "b": None, "quantity": "all",
                                               "counts": {"engine failed": 1},
                                               "reasons": {"engine failed": {"its own message": 1}}})
    changed["verdicts"] |= {"unexplained": 3, "engine failed": 1, "known divergence": 2, "not available": 2}
    changed |= {"status": 1, "failures": ["3 comparisons ended in 'unexplained'"],
                "unavailable_problems": {"iron": "no qtl2 here"}}
    changed["engines"].append(changed["engines"][0] | {"name": "absent", "version": None, "status": "not available",
                                                       "remedy": "install it"})
    return changed


def test_the_file_is_the_page(results, text, tmp_path):
    html.write(results, tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == text
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_the_answer_stands_first_and_the_command_with_it(results, page):
    total = sum(results["verdicts"].values())
    assert f"2 engines, 4 cases, {total:,} comparisons: all agree" in page.text
    assert page.text.index("comparisons: all agree") < page.text.index("lmmbridge validate --out out")


def test_every_verdict_is_there_with_its_count(results, page):
    for verdict, count in results["verdicts"].items():
        assert any(row[:2] == [f"{summary.MARKS[verdict]}{verdict}", f"{count:,}"] for row in page.rows)


def test_every_engine_has_its_version_conventions_and_search(results, page):
    for engine in results["engines"]:
        assert any(row[:3] == [engine["name"], engine["version"], "live"] and row[4] == engine["blas"] for row in page.rows)
        row = next(row for row in page.rows if row[0] == engine["name"] and len(row) == 5 and engine["search"] in row)
        assert all(words in row[2] for words in engine["conventions"])


def test_the_digits_are_those_of_the_summary(results, page):
    quantities, rows = summary.heat(results)
    assert ["Engines", *quantities] in page.rows
    fewest: dict[str, float] = {}
    for case in results["cases"]:
        for record in case["comparisons"]:
            if record["digits"] is not None:
                fewest[record["quantity"]] = min(record["digits"], fewest.get(record["quantity"], 15.0))
    assert {name: cell["digits"] for name, cell in rows["python – dense"].items()} == fewest
    for pair, cells in rows.items():
        shown = [f"{cells[name]['digits']:.1f}" + "".join(summary.MARKS[verdict] for verdict in cells[name]["others"])
                 for name in quantities]
        assert [pair, *shown] in page.rows


def test_ill_conditioned_points_are_counted(results, page):
    points = sum(point["engine"] == "python" for case in results["cases"] for point in case["ill_conditioned"])
    assert points > 0
    assert any(row[:2] == ["python", f"{points:,}"] for row in page.rows)


def test_tolerances_sources_and_environment_are_given(results, page):
    for entry in results["tolerances"].values():
        assert entry["reason"] in page.text
    for case in results["cases"]:
        assert case["source"] in page.text
        assert any(row[:1] == [case["problem"]] and row[2:] == [str(case["seed"]), f"{case['content_hash'][:16]}…"]
                   for row in page.rows)
    assert results["provenance"]["packages"]["numpy"] in page.text
    assert results["date"] in page.text


def test_nothing_is_loaded_from_elsewhere(text, page):
    for tag, name, value in page.attributes:
        if name in ("src", "href", "xlink:href", "action", "data", "poster", "srcset"):
            assert value.startswith("#"), (tag, name, value)
    assert page.tags["script"] == 2 and not page.tags["link"]
    assert "@import" not in text and not re.search(r"url\((?!#)", text)


def test_ids_are_unique_and_every_reference_has_its_target(text, page):
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    targets = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', text)
    assert {a or b for a, b in targets} <= set(ids)


def test_tables_have_captions_and_headers_and_figures_a_description(page):
    assert all(table["caption"] == 1 and table["th"] > 0 for table in page.tables)
    assert all(value for tag, name, value in page.attributes if (tag, name) == ("svg", "aria-label"))
    assert page.tags["svg"] == 4


def test_the_same_results_give_the_same_page(results, text):
    assert html.render(results) == text


def test_what_fails_comes_first_with_engines_quantity_and_size(failing):
    page = Page(html.render(failing))
    assert "3 are unexplained (loglik at fixed hsq)" in page.text
    assert "1 is without an answer because an engine failed (all)" in page.text
    row = next(row for row in page.rows if "python, dense" in row and "0.25" in row)
    first = next(one for one in failing["cases"][0]["comparisons"] if one["b"])
    assert row[1:4] == [first["phenotype"], "python, dense", "loglik at fixed hsq"]
    assert row[5:7] == [f"{value:.12g}" for value in first["values"].values()]
    assert row[8] == "0.25" and row[10] == "3"
    assert "off: <dense>" in page.rows[page.rows.index(row) + 1][0]
    assert page.text.index("What fails") < page.text.index("Every comparison has one of these verdicts")
    assert any("its own message" in cell for row in page.rows for cell in row)


def test_known_divergences_and_what_is_missing_are_told(failing):
    page = Page(html.render(failing))
    assert "one-entry what is wrong. 2 comparisons." in page.text
    assert "another what else is wrong. 2 comparisons." in page.text
    assert ["engine absent", "install it"] in page.rows
    assert ["problems iron", "no qtl2 here"] in page.rows


def test_recorded_engines_are_told_and_have_no_time():
    results = results_of("recorded")
    page = Page(html.render(results))
    assert f"Recorded, not run here: dense 0.1.0 ({RECORDED}). These answers" in page.text
    assert summary.timings(results).keys() == {"python"}


def test_what_was_compared_at_part_of_the_points_has_a_sign_and_a_sentence():
    page = Page(html.render(results_of("recorded")))
    row = next(row for row in page.rows if row[0] == "python – dense")
    assert [summary.PARTLY in cell for cell in row[1:4]] == [True, True, False]
    assert "Some comparisons are of part of the points: " in page.text and "at 1 of 58 points where" in page.text
    assert summary.PARTLY not in Page(html.render(results_of("right"))).text


def test_what_was_asked_nowhere_is_not_told_as_compared():
    results = results_of("right")
    record = next(record for record in results["cases"][0]["comparisons"] if record["quantity"] == "loglik at fixed hsq")
    record |= {"asked": [0, 58], "digits": None, "counts": {"not comparable": 4},
               "reasons": {"not comparable": {"not both can be asked at this hsq": 4}}}
    assert summary.partly(results) == ""


def test_the_median_of_an_even_number_of_distances_is_between_the_two_in_the_middle(results):
    changed = copy.deepcopy(results)
    points = [point for case in changed["cases"] for point in case["ill_conditioned"] if point["engine"] == "python"]
    for case in changed["cases"]:
        case["ill_conditioned"] = []
    changed["cases"][0]["ill_conditioned"] = [point | {"off": off} for point, off in zip(points, (3.0, 1.0, 8.0, 4.0))]
    (row,), _ = summary.ill_conditioned(changed)
    assert (row["points"], row["median"], row["largest"]["off"]) == (4, 3.5, 8.0)


def test_text_is_escaped(results):
    nasty = "<script>alert(1)</script> & \"quoted\""
    changed = copy.deepcopy(results)
    changed["command"] = nasty
    for case in changed["cases"]:
        case["problem"] = case["source"] = nasty
        case["case"] = f"{nasty}/REML"
        case["phenotypes"][0] = case["curve"]["phenotype"] = nasty
        case["engines"]["python"]["warnings"] = [f"{nasty}: {nasty}"]
    page = Page(html.render(changed))
    assert page.tags["script"] == 2
    assert nasty in page.text


@pytest.mark.parametrize("gone", ["cases", "answers"])
def test_a_run_without_answers_still_has_a_report(results, gone):
    changed = copy.deepcopy(results) | {"status": 1, "failures": ["no problem could be run"]}
    if gone == "cases":
        changed |= {"cases": [], "verdicts": {}}
    else:
        for case in changed["cases"]:
            case |= {"estimates": {}, "comparisons": [], "ill_conditioned": [], "identical": {},
                     "curve": {"phenotype": "y1", "hsq": case["curve"]["hsq"], "native": {}, "loglik": {}}}
        changed["verdicts"] = {}
    page = Page(html.render(changed))
    assert "no problem could be run" in page.text
    assert not page.tags["svg"]


def test_numbers_that_json_has_not_are_drawn_around(results):
    changed = copy.deepcopy(results)
    for case in changed["cases"]:
        case["curve"]["loglik"]["python"] = [None] * len(case["curve"]["hsq"])
        case["curve"]["loglik"]["dense"][-1] = None
        case["estimates"]["python"]["translated"]["hsq"][0] = None
        for point in case["ill_conditioned"]:
            point |= {"right": None, "off": None, "condition": None}
    Page(html.render(changed))


def test_remarks_are_grouped_by_their_words(results):
    changed = copy.deepcopy(results)
    for case in changed["cases"]:
        case["engines"]["python"]["warnings"] = ["y1: a second maximum at hsq = 0.3, lower by 2",
                                                 "y2: a second maximum at hsq = 1e-05, lower by 0.25"]
        case["engines"]["dense"]["warnings"] = ["without a phenotype: 12"]
    python, dense = summary.remarks(changed)
    assert (python["kind"], python["count"]) == ("a second maximum at hsq = …, lower by …", 8)
    assert (dense["kind"], dense["examples"][0]["phenotype"]) == ("without a phenotype: …", "")


def test_cases_that_diverge_are_drawn_first_and_kinds_are_spread(results):
    cases = [copy.deepcopy(results["cases"][0]) | {"problem": name} for name in
             (*(f"iron/loco{i}/intercept" for i in range(1, 9)), "iron/overall/intercept", "simulated/h0-n10-p1")]
    cases[7]["estimates"]["dense"]["verdict"][0] = "known divergence"
    chosen = [case["problem"] for case in chosen_cases({"cases": cases})]
    assert chosen[0] == "iron/loco8/intercept"
    assert set(chosen[1:3]) == {"iron/overall/intercept", "simulated/h0-n10-p1"}
