"""The HTML report in a real browser: no error in the console, sorting and filtering work, every link leads somewhere."""
from __future__ import annotations

import copy
import shutil
import time
from pathlib import Path

import pytest

from hostile import NAMES, hostile
from lmmbridge.agreement import simulation
from lmmbridge.agreement.problems import Problem
from lmmbridge.agreement.run import Run, availability
from lmmbridge.report import html, summary

selenium = pytest.importorskip("selenium", reason="python3-selenium is not installed (Debian: apt-get install python3-selenium)")

WANTED = ("h0-n10-p1", "h0.3-n30-p3", "h1-n20-p1", "two-maxima", "ill-conditioned-n40-p2")
CASES = 5000


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Engines that are always there, and those of R that are."""
    found = availability(["python", "dense", "r-reference", "lmmlite-r", "qtl2"])
    problems = [Problem(f"simulated/{name}", source, data, simulation.seed_of(name))
                for name, source, data in simulation.problems() if name in WANTED]
    return Run(tmp_path_factory.mktemp("run") / "out", found, problems, {}, "lmmbridge validate --out out").execute()


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium."""
    if shutil.which("chromium") is None or shutil.which("chromedriver") is None:
        pytest.skip("Chromium or its driver is not installed (Debian: apt-get install chromium chromium-driver)")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-component-update",
                     "--disable-background-networking", "--window-size=1200,900"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)
    yield driver
    driver.quit()


def opened(browser, results, folder: Path):
    """The page in the browser; anything that its console says fails the test."""
    html.write(results, folder / "report.html")
    browser.get(f"file://{folder / 'report.html'}")
    assert browser.get_log("browser") == []
    return browser


@pytest.fixture(scope="module")
def page(browser, results, tmp_path_factory):
    return opened(browser, results, tmp_path_factory.mktemp("page"))


def rows(page) -> list[list[str]]:
    """The table of cases as it is shown."""
    return page.execute_script("return [...document.querySelector('#cases-list').tBodies[0].rows]"
                               ".map(row => [...row.cells].map(cell => cell.textContent))")


def choose(page, control: str, value: str) -> None:
    """Set a control as a user does."""
    page.execute_script("const it = document.getElementById(arguments[0]); it.value = arguments[1];"
                        "it.dispatchEvent(new Event('input'))", control, value)


@pytest.fixture(autouse=True)
def reset(request):
    yield
    if "page" in request.fixturenames:
        request.getfixturevalue("page").find_element("id", "filter-reset").click()


def test_every_case_is_in_the_table(page, results):
    assert [row[0] for row in rows(page)] == [case["case"] for case in results["cases"]]
    assert page.find_element("id", "shown-count").text == f"{len(results['cases'])} of {len(results['cases'])} cases shown."


def test_a_click_sorts_and_another_turns_round(page, results):
    heads = page.find_elements("css selector", "#cases-list thead th")
    at = [head.text.split()[0] for head in heads].index("n")
    heads[at].find_element("tag name", "button").click()
    n = [int(row[at]) for row in rows(page)]
    assert n == sorted(case["n"] for case in results["cases"]) and len(set(n)) > 1
    assert heads[at].get_attribute("aria-sort") == "ascending"
    heads[at].find_element("tag name", "button").click()
    assert [int(row[at]) for row in rows(page)] == sorted(n, reverse=True)
    assert heads[at].get_attribute("aria-sort") == "descending"


def test_filters_leave_what_they_say(page, results):
    choose(page, "filter-text", "MAXIMA")
    assert [row[0] for row in rows(page)] == ["simulated/two-maxima/REML", "simulated/two-maxima/ML"]
    choose(page, "filter-criterion", "ML")
    assert [row[0] for row in rows(page)] == ["simulated/two-maxima/ML"]
    page.find_element("id", "filter-reset").click()
    for rank, verdict in enumerate(html.ORDER):
        expected = [case["case"] for case in results["cases"] if case["verdicts"].get(verdict)]
        if expected:
            choose(page, "filter-verdict", str(rank))
            assert [row[0] for row in rows(page)] == expected


def test_a_cell_of_the_heat_map_leads_to_its_cases(page, results):
    quantities, heat = summary.heat(results)
    for link in page.find_elements("css selector", ".heat a[data-quantity='loglik at fixed hsq']"):
        pair, quantity = link.get_attribute("data-pair"), link.get_attribute("data-quantity")
        page.execute_script("arguments[0].click()", link)
        shown = rows(page)
        digits = {f"{case['case']}": record["digits"] for case in results["cases"] for record in case["comparisons"]
                  if f"{record['a']} – {record['b']}" == pair and record["quantity"] == quantity}
        assert {row[0]: row[6] for row in shown} == {name: f"{value:.1f}" for name, value in digits.items()}
        assert [float(row[6]) for row in shown] == sorted(digits.values())
        assert float(shown[0][6]) == heat[pair][quantity]["digits"]
    assert page.current_url.endswith("#cases")


def test_every_link_leads_somewhere(page):
    assert page.execute_script("return [...document.querySelectorAll('a')].filter(one => !one.getAttribute('href').startsWith('#')"
                               "|| !document.getElementById(one.getAttribute('href').slice(1))).map(one => one.outerHTML)") == []


def test_the_verdict_is_on_the_first_screen_of_a_computer_and_of_a_phone(page):
    for width, height in ((1200, 800), (390, 844)):
        page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                             {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500})
        page.execute_script("scrollTo(0, 0)")
        assert page.execute_script("const box = document.querySelector('.answer').getBoundingClientRect();"
                                   "return box.top >= 0 && box.bottom <= innerHeight")
        wide = page.execute_script("return document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"the page is {wide} pixels wider than a screen of {width}"
    page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_scripts_can_be_copied(page, results):
    if not any(row["reprex"] for row in results["divergences"]):
        pytest.skip("engine lmmlite-r is not available: no divergence has a script in R")
    scripts = page.find_elements("css selector", "details.script")
    assert scripts
    page.execute_script("arguments[0].open = true; arguments[0].querySelector('button.copy').click()", scripts[0])
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and scripts[0].find_element("tag name", "button").text == "Copy":
        time.sleep(0.02)
    assert scripts[0].find_element("tag name", "button").text in ("Copied", "Selected: press Ctrl+C")


def test_figures_and_controls_have_names_that_can_be_read_out(page):
    assert page.execute_script("return [...document.querySelectorAll('svg')].filter(one => !one.getAttribute('aria-label')).length") == 0
    for control in page.find_elements("css selector", "input, select, button"):
        assert control.accessible_name or not control.is_displayed()
    assert page.execute_script("return document.documentElement.lang") == "en"


def test_it_prints_all_its_figures(page):
    pdf = page.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
    assert len(pdf["data"]) > 50_000


def test_hostile_names_do_no_harm(browser, results, tmp_path):
    page = opened(browser, hostile(results), tmp_path)
    assert page.title.startswith("Agreement of linear mixed model implementations")
    choose(page, "filter-text", "<script>")
    shown = rows(page)
    assert shown and all(row[0].startswith(NAMES[0][:20]) for row in shown)
    assert page.execute_script("return document.querySelectorAll('script').length") == 2
    wide = page.execute_script("return [...document.querySelectorAll('main *, header *')].filter(one => one.getBoundingClientRect()"
                               ".right > innerWidth && !one.closest('.scroll, .wide, svg, pre')).map(one => one.outerHTML.slice(0, 200))")
    assert wide == [] and page.execute_script("return document.documentElement.scrollWidth - innerWidth") <= 0
    assert browser.get_log("browser") == []
    page.get("about:blank")


@pytest.mark.alone
def test_five_thousand_cases(browser, results, tmp_path):
    """At most 20 seconds and 10 MB; filtering answers at once."""
    many = copy.deepcopy(results)
    many["cases"] = [case | {"case": f"{case['problem']}/{k}/{case['criterion']}", "problem": f"{case['problem']}/{k}"}
                     for k, case in zip(range(CASES), [*results["cases"]] * (CASES // len(results["cases"]) + 1))]
    started = time.monotonic()
    text = html.render(many)
    assert time.monotonic() - started <= 20.0
    assert len(text.encode()) <= 10e6
    page = opened(browser, many, tmp_path)
    assert len(rows(page)) == 100
    page.find_element("id", "more").click()
    assert len(rows(page)) == 200
    took = page.execute_script("const start = performance.now(); const it = document.getElementById('filter-text');"
                               "it.value = '/4999/'; it.dispatchEvent(new Event('input')); return performance.now() - start")
    assert [row[0] for row in rows(page)] == [many["cases"][4999]["case"]]
    assert took <= 500.0
    page.get("about:blank")
