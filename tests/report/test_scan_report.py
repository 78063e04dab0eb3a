"""Scans in the report: a real run of python and qtl2 on the iron data; the page, the terminal, and peaks.csv."""
from __future__ import annotations

import copy
import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from lmmbridge.agreement import simulation
from lmmbridge.agreement.problems import Problem
from lmmbridge.agreement.run import Run, availability, engine_status, peaks_table
from lmmbridge.agreement.scan_problems import scan_problems
from lmmbridge.engines import ENGINES
from lmmbridge.qtl2.extdata import extdata
from lmmbridge.report import html, summary, terminal
from lmmbridge.report.lod_figures import chosen_scans, lod_curves
from test_html import Page

CHOSEN = ("iron/scan-none/intercept", "iron/scan-overall/covariates", "iron/scan-loco/interaction")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The results and the folder of a run of three scans and one problem of likelihoods."""
    missing = ENGINES["qtl2"].availability()
    if missing.version is None:
        pytest.skip(f"engine qtl2 is not available: {missing.remedy}")
    scans = [problem for problem in scan_problems("iron", extdata("iron.zip")) if problem.name in CHOSEN]
    likelihoods = [Problem(f"simulated/{name}", source, data) for name, source, data in simulation.problems()
                   if name == "h0-n10-p1"]
    out = tmp_path_factory.mktemp("run") / "out"
    run = Run(out, availability(["python", "dense", "qtl2"]), scans + likelihoods, {}, "lmmbridge validate --out out")
    return run.execute(), out


@pytest.fixture(scope="module")
def results(run):
    return run[0]


@pytest.fixture(scope="module")
def page(results):
    return Page(html.render(results))


def printed(results, width=80) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    terminal.print_results(console, results, Path("out"))
    return console.export_text()


@pytest.fixture
def failing(results):
    """The same with a phenotype whose peaks differ, a LOD curve that is off, and a scan by one engine alone."""
    changed = copy.deepcopy(results)
    none, overall, loco = [case for case in changed["cases"] if case["problem"] in CHOSEN and case["criterion"] == "ML"]
    for comparison in overall["comparisons"]:
        if comparison["quantity"] == "peaks":
            comparison |= {"counts": {"agree": 1, "unexplained": 1}, "difference": 1.0, "phenotype": "spleen",
                           "reasons": {"unexplained": {"different decisions on the same LOD curve": 1}}}
    overall["verdict"] = "unexplained"
    for comparison in loco["comparisons"]:
        if comparison["quantity"] == "LOD at given hsq":
            comparison |= {"counts": {"agree": 1, "known divergence": 1}, "difference": 0.25, "phenotype": "liver",
                           "position": "D7Mit74", "reasons": {"known divergence": {"an-entry: what is wrong": 1}}}
    none["comparisons"] = [{"a": "qtl2", "b": None, "quantity": "LOD", "counts": {"engine failed": 1},
                            "reasons": {"engine failed": {"its own message": 1}}}]
    none["verdict"] = "engine failed"
    del none["scan"]["curve"]["lod"]["qtl2"], none["scan"]["peaks"]["qtl2"]
    changed["verdicts"] |= {"unexplained": 1, "engine failed": 1, "known divergence": 1}
    return changed | {"status": 1, "failures": ["1 comparisons ended in 'unexplained'"]}


def test_every_scan_has_a_row_with_its_differences_and_peaks(results, page):
    for case in filter(summary.is_scan, results["cases"]):
        found = {comparison["quantity"]: comparison for comparison in case["comparisons"] if comparison["b"]}
        own = found.get("LOD at own hsq")
        peaks = len(case["scan"]["peaks"]["python"])
        assert peaks > 0
        assert [case["case"], "python, qtl2", "284", "66", "2", f"{found['LOD at given hsq']['difference']:.2g}",
                f"{own['difference']:.2g}" if own else "–", f"{peaks}, {peaks}", "identical", f"{summary.MARKS['agree']}agree"] in page.rows


def test_likelihoods_and_scans_have_tables_of_their_own(results, page):
    quantities, rows = summary.heat(results)
    likelihoods = [name for name in quantities if not summary.of_scans(name)]
    lod = [name for name in quantities if name.startswith("LOD at")]
    assert lod == ["LOD at given hsq", "LOD at own hsq"] and not set(lod) & set(likelihoods)
    assert next(row for row in page.rows if row[:1] == ["Engines"] and lod[0] in row)[1:len(likelihoods) + 3] == [*likelihoods, *lod]
    worst = min(one["digits"] for case in results["cases"] for one in case["comparisons"]
                if one["quantity"] == "LOD at given hsq")
    assert rows["python – qtl2"]["LOD at given hsq"]["digits"] == worst
    assert set(summary.identical(results, scans=True)) == {("python", "qtl2")}
    assert len(summary.identical(results)) == 3


def test_engines_that_do_not_scan_are_told_of(page):
    assert any(row[0] == "dense does not scan" for row in page.rows)


def test_figures_of_scans_and_likelihoods_stand_side_by_side(results, page):
    assert page.tags["svg"] == 6
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    text = html.render(results)
    targets = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', text)
    assert {a or b for a, b in targets} <= set(ids)
    assert html.render(results) == text


def test_the_figure_shows_both_curves_and_their_difference(results):
    cases = chosen_scans(results)
    panels = lod_curves(results).figure.axes
    assert len(panels) == 2 * len(cases)
    for case, above, below in zip(cases, panels[::2], panels[1::2]):
        curve = case["scan"]["curve"]
        assert case["problem"] in above.get_title(loc="left") and curve["phenotype"] in above.get_title(loc="left")
        first = curve["chr"].count(curve["chr"][0])
        ys = [list(line.get_ydata()) for line in above.lines]
        for name in ("python", "qtl2"):
            assert curve["lod"][name][:first] in ys
        off = np.subtract(curve["lod"]["python"], curve["lod"]["qtl2"])[:first]
        assert any(np.array_equal(line.get_ydata(), off) for line in below.lines)
        assert max(below.get_ylim()) >= np.abs(off).max()


def test_scans_with_the_worst_verdict_are_drawn_first_and_kinds_are_spread(results, failing):
    assert chosen_scans(failing)[0]["problem"] == "iron/scan-overall/covariates"
    drawn = [case["problem"] for case in chosen_scans(results)]
    assert set(drawn[:3]) == set(CHOSEN)


def test_peaks_are_in_a_file_by_case_and_engine(run):
    results, out = run
    table = pd.read_csv(out / "peaks.csv", dtype={"chr": str}, float_precision="round_trip")
    assert list(table.columns) == ["case", "engine", "status", "lodindex", "lodcolumn", "chr", "pos", "lod", "ci_lo", "ci_hi"]
    assert set(table["status"]) == {"live"}
    for case in filter(summary.is_scan, results["cases"]):
        for engine, peaks in case["scan"]["peaks"].items():
            here = table[(table["case"] == case["case"]) & (table["engine"] == engine)]
            assert here.drop(columns=["case", "engine", "status"]).to_dict("records") == peaks
    assert len(table) == len(peaks_table(results["cases"], engine_status(results))) > 0
    assert "peaks.csv" in Page(html.render(results)).text


def test_a_run_without_scans_writes_and_names_no_peaks(results):
    changed = copy.deepcopy(results)
    changed["cases"] = [case for case in changed["cases"] if not summary.is_scan(case)]
    assert "peaks.csv" not in html.render(changed) and "peaks.csv" not in printed(changed)
    assert "No scan was compared" in Page(html.render(changed)).text


def test_a_run_of_scans_alone_has_a_report(results):
    changed = copy.deepcopy(results)
    changed["cases"] = list(filter(summary.is_scan, changed["cases"]))
    page = Page(html.render(changed))
    assert page.tags["svg"] == 2 and "Scans" in printed(changed)
    assert "The cases of this run are scans" in page.text and "No engine answered" not in page.text


def test_the_terminal_stays_within_80_columns(results, failing):
    for one in (results, failing):
        tables = [line for line in printed(one).splitlines() if re.search("[│┃]|–qtl2|LOD at|intervals", line)
                  and not line.startswith("  iron")]
        assert tables and max(map(len, tables)) <= 80
    total = sum(len(case["phenotypes"]) for case in results["cases"] if summary.is_scan(case))
    assert f"{total}/{total}" in printed(results)
    assert "peaks.csv" in printed(results)


def test_decisions_that_differ_are_counted_and_named(failing):
    page = Page(html.render(failing))
    row = next(row for row in page.rows if row[0] == "iron/scan-overall/covariates/ML" and row[1] == "python, qtl2")
    assert row[-2:] == ["peaks differ for 1", f"{summary.MARKS['unexplained']}unexplained"]
    assert any("1 of 2 phenotypes differ, the first spleen" in cell for row in page.rows for cell in row)
    assert "1 is unexplained (peaks)" in page.text
    assert "different decisions on the same LOD curve" in printed(failing)
    total = sum(len(case["phenotypes"]) for case in failing["cases"] if summary.is_scan(case)) - 2
    assert f"{total - 1}/{total}" in printed(failing)


def test_decisions_that_could_not_be_compared_do_not_count_as_differing(results):
    changed = copy.deepcopy(results)
    case = next(case for case in changed["cases"] if summary.is_scan(case))
    record = next(one for one in case["comparisons"] if one["quantity"] == "Bayes intervals")
    record |= {"counts": {"agree": 1, "not comparable": 1}, "reasons": {"not comparable": {"a single position": 1}}}
    row = next(row for row in Page(html.render(changed)).rows if row[0] == case["case"] and len(row) == 10)
    assert row[-2] == "Bayes intervals not compared for 1"


def test_a_divergence_is_told_with_its_position(failing):
    page = Page(html.render(failing))
    row = next(row for row in page.rows if "at D7Mit74" in row)
    assert row[1:5] == ["liver", "python, qtl2", "LOD at given hsq", "at D7Mit74"] and row[8] == "0.25"


def test_an_engine_that_failed_leaves_a_scan_without_a_figure(failing):
    drawn = [case["case"] for case in chosen_scans(failing)]
    assert "iron/scan-none/intercept/ML" not in drawn
    page = Page(html.render(failing))
    assert any("its own message" in cell for row in page.rows for cell in row)
