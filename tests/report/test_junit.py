"""The JUnit file, read back and held against the counts of the results."""
from __future__ import annotations

import copy
from collections import Counter
from xml.etree import ElementTree

import pytest

from hostile import hostile
from lmmbridge.agreement.verdicts import worst
from lmmbridge.report import junit
from small_runs import RECORDED, results_of

KINDS = ("right", "wrong divisor", "failure", "old")
#: Attribute of a suite → child element of a test.
OUTCOMES = {"failures": "failure", "errors": "error", "skipped": "skipped"}


def read(results) -> ElementTree.Element:
    return ElementTree.fromstring(junit.render(results))


def test_of(root: ElementTree.Element, classname: str, name: str) -> ElementTree.Element:
    found = [test for test in root.iter("testcase") if (test.get("classname"), test.get("name")) == (classname, name)]
    assert len(found) == 1
    return found[0]


test_of.__test__ = False


@pytest.mark.parametrize("hostility", [lambda results: results, hostile], ids=["plain", "hostile"])
@pytest.mark.parametrize("kind", KINDS)
def test_counts_are_those_of_the_tests(kind, hostility):
    root = read(hostility(results_of(kind)))
    for element in (root, *root.iter("testsuite")):
        tests = list(element.iter("testcase"))
        assert int(element.get("tests")) == len(tests) > 0
        for attribute, child in OUTCOMES.items():
            assert int(element.get(attribute)) == sum(test.find(child) is not None for test in tests)
        assert all(len([one for one in test if one.tag in OUTCOMES.values()]) <= 1 for test in tests)


@pytest.mark.parametrize("kind", KINDS)
def test_every_case_has_a_test_for_each_engine_and_pair_with_the_worst_verdict(kind):
    results = results_of(kind)
    root = read(results)
    for case in results["cases"]:
        pairs: dict[str, Counter] = {}
        for record in case["comparisons"]:
            if record["b"] is not None:
                pairs.setdefault(f"{record['a']} – {record['b']}", Counter()).update(record["counts"])
        for pair, counts in pairs.items():
            test = test_of(root, case["case"], pair)
            assert (test.find("failure") is not None) == ("unexplained" in counts)
            assert (test.find("skipped") is not None) == (worst(counts) != "unexplained"
                                                          and set(counts) <= {"not comparable", "not available"})
            told = test.findtext("system-out") or ""
            assert ("known divergence" in told) == ("known divergence" in counts)
        for engine, answer in case["engines"].items():
            test = test_of(root, case["case"], engine)
            assert (test.find("error") is not None) == (answer["status"] == "engine failed")
            assert (test.find("skipped") is not None) == (answer["status"] in ("not comparable", "not available"))
        assert len([test for test in root.iter("testcase") if test.get("classname") == case["case"]]) == \
            len(pairs) + len(case["engines"])


def test_suites_are_families_with_date_and_time():
    results = results_of("right") | {"date": "2026-01-31T23:30:00-01:00"}
    root = read(results)
    assert [suite.get("name") for suite in root] == ["lmmbridge", "simulated"]
    assert {suite.get("timestamp") for suite in root} == {"2026-02-01T00:30:00"}
    seconds = [sum(answer["seconds"].values()) for case in results["cases"] for answer in case["engines"].values()]
    rounding = 0.5e-6       # of each time, to six decimals
    assert sum(seconds) > 0.0
    assert abs(float(root.get("time")) - sum(seconds)) <= rounding
    assert abs(sum(float(test.get("time")) for test in root.iter("testcase")) - sum(seconds)) <= rounding * len(seconds)


@pytest.mark.parametrize("date", [None, "yesterday"])
def test_without_a_date_there_is_no_timestamp(date):
    assert all(suite.get("timestamp") is None for suite in read(results_of("right") | {"date": date}))


def test_failures_say_where_how_much_and_where_the_scripts_are():
    results = results_of("wrong divisor")
    root = read(results)
    case = next(case for case in results["cases"] if case["criterion"] == "REML" and case["reprex"])
    failure = test_of(root, case["case"], "python – dense").find("failure")
    assert failure.get("type") == "unexplained"
    assert "sigmasq at fixed hsq: unexplained" in failure.get("message") and "tolerance" in failure.get("message")
    assert failure.get("message") in failure.text.splitlines()
    assert all(reprex["folder"] in failure.text for reprex in case["reprex"].values())
    status = test_of(root, "run", "status").find("failure")
    assert status.text == "\n".join(results["failures"])


def test_errors_have_the_engines_message():
    results = results_of("failure")
    root = read(results)
    error = test_of(root, results["cases"][0]["case"], "dense").find("error")
    assert error.get("message") == "RuntimeError: the factor <L> of V | cannot be had"
    assert test_of(root, "engines", "dense").find("error") is not None


def test_what_is_not_available_is_skipped_with_its_remedy_and_laws_are_tests():
    results = results_of("right") | {"unavailable_problems": {"iron": "no qtl2 here"}}
    results["engines"].append(results["engines"][0] | {"name": "absent", "version": None, "status": "not available",
                                                       "remedy": "install it"})
    law = {"engine": "mine:f", "statement": "s", "reason": "r", "held": 3, "untold": {"flat": 2}, "breach": None}
    results["laws"] = [law | {"law": "kept", "state": "held"}, law | {"law": "not kept", "state": "broken", "breach": "how"},
                       law | {"law": "left", "state": "not applied"}]
    root = read(results)
    assert test_of(root, "engines", "absent").find("skipped").get("message") == "not available: install it"
    assert test_of(root, "problems", "iron").find("skipped").get("message") == "not available: no qtl2 here"
    assert len(test_of(root, "laws/mine:f", "kept")) == 0
    assert test_of(root, "laws/mine:f", "not kept").find("failure").get("message") == "how"
    assert test_of(root, "laws/mine:f", "left").find("skipped").get("message") == "flat"


def test_tests_of_recorded_engines_say_so_and_have_no_time():
    results = results_of("recorded")
    root, case = read(results), results["cases"][0]["case"]
    sentence = f"dense: recorded, not run here ({RECORDED})"
    for classname, name in (("engines", "dense"), (case, "dense"), (case, "python – dense")):
        test = test_of(root, classname, name)
        assert test.findtext("system-out").startswith(sentence) and float(test.get("time")) == 0.0
    assert test_of(root, case, "python").find("system-out") is None and float(test_of(root, case, "python").get("time")) > 0.0


def test_what_was_compared_at_part_of_the_points_is_told():
    results = results_of("recorded")
    told = test_of(read(results), results["cases"][0]["case"], "python – dense").findtext("system-out").splitlines()
    assert sorted(told[1:]) == ["beta at fixed hsq: compared at 20 of 58 points", "loglik at fixed hsq: compared at 1 of 58 points"]


def test_characters_that_xml_forbids_are_replaced_and_others_kept():
    results = results_of("right")
    results["engines"][0]["remedy"] = "a\x00b\x07c\ud800d\ufffee\tf\ng🐭<&\"]]>\u202e"
    message = test_of(read(results), "engines", "python").find("skipped")
    assert message is None      # it is here
    results["engines"][0]["status"] = "not available"
    message = test_of(read(results), "engines", "python").find("skipped").get("message")
    assert message == "not available: a�b�c�d�e\tf\ng🐭<&\"]]>\u202e"


def test_a_run_without_cases_has_a_file():
    results = results_of("right") | {"cases": [], "verdicts": {}, "status": 1, "failures": ["no problem could be run"]}
    assert test_of(read(results), "run", "status").find("failure").get("message") == "no problem could be run"


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_results_give_the_same_file_and_stay_as_they_are(kind):
    results = results_of(kind)
    before = copy.deepcopy(results)
    assert junit.render(results) == junit.render(before)
    assert results == before
