"""What changed between runs: real ones, with a fault planted, an engine left out, and records moved one by one."""
from __future__ import annotations

import copy
import io
import json

import pytest
from rich.console import Console

from lmmbridge.agreement.change import FEW_RIGHT, GREW, LOST_DIGITS, LOST_RIGHT, NEAR, compare_results, direction
from lmmbridge.report.change_tables import print_change
from small_runs import PROBLEMS, results_of, small_run


def first_record(results) -> dict:
    return next(record for case in results["cases"] for record in case["comparisons"] if record["b"] is not None)


def printed(change) -> str:
    text = io.StringIO()
    print_change(Console(file=text, width=200), change)
    return text.getvalue()


@pytest.mark.parametrize("kind", ["right", "wrong divisor", "failure", "old"])
def test_a_run_is_as_good_as_itself(kind):
    results = results_of(kind)
    before = copy.deepcopy(results)
    change = compare_results(results, before)
    assert results == before
    assert change.compared == len(results["cases"])
    assert not any((change.versions, change.tolerances, change.engines_gained, change.engines_lost, change.cases_gained,
                    change.cases_lost, change.inputs_changed, change.verdicts, change.digits, change.points, change.right,
                    change.divergences, change.laws, change.new_failures, change.worse))
    assert "Agreement did not get worse" in printed(change)


def test_a_planted_fault_is_worse_and_its_repair_better():
    right, wrong = results_of("right"), results_of("wrong divisor")
    change = compare_results(right, wrong)
    moved = {(case["case"], record["quantity"]) for case in wrong["cases"] for record in case["comparisons"]
             if "unexplained" in record["counts"]}
    assert {(row.case, row.quantity) for row in change.verdicts} == moved
    assert {(row.a, row.b, row.direction) for row in change.verdicts} == {("python", "dense", "worse")}
    assert change.worse[0] == f"{len(moved)} comparisons got a worse verdict"
    assert {(row.engine, row.quantity) for row in change.right} == {("dense", "sigmasq where ill-conditioned")}
    assert (change.totals_before, change.totals_after) == (right["verdicts"], wrong["verdicts"])
    assert "unexplained" in printed(change)
    back = compare_results(wrong, right)
    assert {(row.case, row.quantity) for row in back.verdicts} == moved
    assert {row.direction for row in back.verdicts} == {"better"} and not back.worse


def test_an_engine_that_stops_answering_is_worse():
    right, failed = results_of("right"), results_of("failure")
    change = compare_results(right, failed)
    assert change.engines_lost == ("dense",) and not change.verdicts
    assert change.worse == ["dense answered before and does not"]
    back = compare_results(failed, right)
    assert back.engines_gained == ("dense",) and not back.worse
    assert back.gained == right["verdicts"]


def test_an_engine_that_fails_in_one_case_alone_is_worse():
    right = results_of("right")
    partly = copy.deepcopy(right)
    partly["cases"][0] = results_of("failure")["cases"][0]
    change = compare_results(right, partly)
    assert not change.engines_lost
    lost = [row for row in change.verdicts if row.after is None]
    assert len(lost) == sum(record["b"] is not None for record in right["cases"][0]["comparisons"])
    assert [row.after for row in change.verdicts if row.before is None] == [{"engine failed": len(right["cases"][0]["phenotypes"])}]
    assert change.worse == ["1 comparison got a worse verdict", f"{len(lost)} comparisons made before are not made any more"]


def test_a_left_out_engine_and_its_order(tmp_path):
    right = results_of("right")
    alone = small_run(tmp_path / "alone", ("python",))
    assert alone["failures"]
    assert compare_results(right, alone).worse == ["dense answered before and does not", *alone["failures"]]
    assert not compare_results(alone, right).worse
    turned = small_run(tmp_path / "turned", ("dense", "python"))
    assert {(record["a"], record["b"]) for case in turned["cases"] for record in case["comparisons"]} == {("dense", "python")}
    change = compare_results(right, turned)
    assert not change.verdicts and not change.worse


def test_lost_cases_are_worse_and_gained_ones_are_not(tmp_path):
    right = results_of("right")
    fewer = small_run(tmp_path / "fewer", problems=PROBLEMS[1:])
    change = compare_results(right, fewer)
    assert change.cases_lost == change.lost_evidence == (f"simulated/{PROBLEMS[0]}/REML", f"simulated/{PROBLEMS[0]}/ML")
    assert len(change.worse) == 1 and "compared before are not there" in change.worse[0]
    back = compare_results(fewer, right)
    assert back.cases_gained == change.cases_lost and not back.worse
    for case in right["cases"]:
        if case["case"] in change.cases_lost:       # as where the other engine does not do that problem
            case["comparisons"] = [{"a": "dense", "b": None, "quantity": "all", "counts": {"not comparable": 1}, "reasons": {}}]
    change = compare_results(right, fewer)
    assert len(change.cases_lost) == 2 and not change.lost_evidence and not change.worse


def test_cases_of_other_input_are_named_and_not_compared():
    right, wrong = results_of("right"), results_of("wrong divisor")
    wrong["cases"][0]["content_hash"] = "another"
    change = compare_results(right, wrong)
    assert change.inputs_changed == (wrong["cases"][0]["case"],)
    assert change.compared == len(right["cases"]) - 1
    assert change.inputs_changed[0] not in {row.case for row in change.verdicts}
    for case in wrong["cases"]:
        case["content_hash"] = "another"
    *failing, nothing = compare_results(right, wrong).worse
    assert nothing == "no case of the two has the same input: nothing was compared"
    assert [sentence.partition(":")[0] for sentence in failing] == ["cases whose input is not the same fail, and did not"]


@pytest.mark.parametrize("before, after, expected", [
    ({"agree": 4}, {"agree": 4}, "same"),
    ({"agree": 4}, {"agree": 3, "explained": 1}, "worse"),
    ({"explained": 4}, {"agree": 1, "explained": 3}, "better"),
    ({"unexplained": 2, "agree": 2}, {"unexplained": 1, "agree": 3}, "better"),
    ({"unexplained": 2, "agree": 2}, {"unexplained": 1, "known divergence": 3}, "worse"),      # some better, some worse
    ({"unexplained": 1, "agree": 3}, {"not comparable": 1, "agree": 3}, "worse"),              # evidence is lost
    ({"known divergence": 1}, {"not comparable": 1}, "worse"),
    ({"not comparable": 2}, {"agree": 2}, "better"),
    ({"not comparable": 2}, {"not available": 2}, "worse"),
    ({"engine failed": 1}, {"agree": 4}, "better"),                                            # of scans, one stands for all
    ({"agree": 4}, {"engine failed": 1}, "worse"),
    ({"agree": 4}, {"agree": 2}, "worse"),
    ({"engine failed": 1}, {"unexplained": 1}, "worse"),
])
def test_directions(before, after, expected):
    assert direction(before, after) == expected
    if expected == "better":
        assert direction(after, before) == "worse"


@pytest.mark.parametrize("was, now, told", [(15.0, 11.8, True), (11.0, 11.0 - LOST_DIGITS, False), (10.0, 13.0, True),
                                            (None, 9.0, False), (9.0, None, False)])
def test_digits_far_from_the_tolerance_are_told_and_no_worsening(was, now, told):
    before = results_of("right")
    after = copy.deepcopy(before)
    first_record(before)["digits"], first_record(after)["digits"] = was, now
    change = compare_results(before, after)
    assert [(row.before, row.after) for row in change.digits] == ([(was, now)] if told else [])
    assert not change.verdicts and not change.worse


@pytest.mark.parametrize("was, now, worse", [
    (0.001, 0.5, True), (0.5 / GREW, 0.5, True), (0.2, 0.5, False), (0.0001, NEAR, False), (0.0, 1.0, True)])
def test_a_difference_that_comes_near_its_tolerance_is_worse(was, now, worse):
    before = results_of("right")
    after = copy.deepcopy(before)
    for results, share in ((before, was), (after, now)):
        record = first_record(results)
        assert set(record["counts"]) == {"agree"}
        record["difference"] = share * record["tolerance"]
    change = compare_results(before, after)
    assert bool(change.worse) == worse and len(change.digits) == worse
    assert not worse or "near the tolerance" in change.worse[0]


def test_what_agrees_beside_a_divergence_is_held_against_the_tolerance_by_its_digits():
    before = results_of("right")
    record = first_record(before)
    assert record["quantity"] == "loglik at fixed hsq" and before["tolerances"]["loglik"]["limit"] == 1e-9
    record |= {"counts": {"agree": 2, "known divergence": 2}, "difference": 0.1, "digits": 13.0}
    after = copy.deepcopy(before)
    for digits, expected in ((11.0, "same"), (9.1, "worse")):
        first_record(after)["digits"] = digits
        change = compare_results(before, after)
        assert [row.direction for row in change.digits] == [expected]
        assert bool(change.worse) == (expected == "worse")


def test_fewer_points_are_lost_evidence():
    before = results_of("right")
    after = copy.deepcopy(before)
    fixed = [record for case in after["cases"] for record in case["comparisons"]
             if record["b"] is not None and record["quantity"].endswith("at fixed hsq")]
    for record in fixed:
        record["asked"] = [1, 100]
    change = compare_results(before, after)
    assert change.worse == [f"{len(fixed)} comparisons made at fewer points"] and len(change.points) == len(fixed)
    assert "Points at which both engines could be asked" in printed(change)
    assert not compare_results(after, before).worse
    first = fixed[0]
    for asked, worse in (([1, 100], False), ([0, 100], True), ([2, 200], False), ([1, 150], False), ([0, 99], False)):
        changed = copy.deepcopy(after)
        first_record(changed)["asked"] = asked
        assert first_record(changed)["quantity"] == first["quantity"]
        assert bool(compare_results(after, changed).points) == worse, asked


def test_points_of_a_new_engine_that_another_cannot_be_asked_at_are_no_lost_evidence():
    before = results_of("right")
    after = copy.deepcopy(before)
    for case in after["cases"]:
        for record in case["comparisons"]:
            if record["quantity"].endswith("at fixed hsq"):
                points = case["identical"]["python = dense"][1]
                record["asked"] = [points, points + len(case["phenotypes"])]
    assert not compare_results(before, after).points


def test_cases_of_other_input_that_compare_less_are_lost_evidence():
    before = results_of("right")
    after = copy.deepcopy(before)
    for case in after["cases"][1:]:
        case["content_hash"] = "another"
    assert not compare_results(before, after).worse
    for case in after["cases"][1:]:
        case["comparisons"] = [{"a": "dense", "b": None, "quantity": "all", "counts": {"not comparable": 1}, "reasons": {}}]
    change = compare_results(before, after)
    assert change.fewer_with_other_input == tuple(case["case"] for case in after["cases"][1:])
    assert [sentence.partition(":")[0] for sentence in change.worse] == ["cases whose input is not the same make fewer comparisons"]


def test_new_failures_of_a_run_are_worse():
    before = results_of("right")
    after = copy.deepcopy(before)
    twice = "python = dense: all 648 log likelihoods are the same to the bit; these engines are one implementation called twice"
    after |= {"status": 1, "failures": [twice]}
    change = compare_results(before, after)
    assert change.new_failures == (twice,) and change.worse == [twice] and "called twice" in printed(change)
    more = after | {"failures": [twice.replace("648", "700")]}
    assert not compare_results(after, more).worse and not compare_results(after, before).worse


def test_known_divergences_are_held_against_each_other():
    before = results_of("old")
    entry = before["divergences"][0]
    assert entry["state"] == "known"
    for change_of, expected in (({"state": "seen in another version"}, "is seen in another version"),
                                ({"entry": "another"}, "'another' was not met and is known")):
        after = copy.deepcopy(before)
        after["divergences"][0] |= change_of
        change = compare_results(before, after)
        assert len(change.worse) == 1 and expected in change.worse[0]
        assert "Known divergences" in printed(change)
    after = copy.deepcopy(before)
    after["divergences"][0]["state"] = "seen in another version"
    assert not compare_results(after, before).worse
    after["divergences"] = []
    assert not compare_results(before, after).worse


def test_an_entry_that_explains_what_nothing_did_is_no_worsening():
    after = results_of("old")
    before = copy.deepcopy(after)
    before["divergences"] = []
    for case in before["cases"]:
        for record in case["comparisons"]:
            if "known divergence" in record["counts"]:
                record["counts"]["unexplained"] = record["counts"].pop("known divergence")
                record["reasons"] = {}
    change = compare_results(before, after)
    assert change.divergences and {row.direction for row in change.divergences} == {"same"} and not change.worse


@pytest.fixture(scope="module")
def arbitrated(tmp_path_factory) -> dict:
    return small_run(tmp_path_factory.mktemp("arbitrated") / "out", problems=PROBLEMS[:1], arbitrate=True)


def test_engines_that_are_less_right_are_worse(arbitrated):
    after = copy.deepcopy(arbitrated)
    found = [(case, engine, quantity) for case in after["cases"] for engine, digits in case["arbiter"]["digits"].items()
             for quantity in digits]
    assert found and not compare_results(arbitrated, after).worse
    for case, engine, quantity in found:
        digits = case["arbiter"]["digits"][engine]
        digits[quantity] = [0.0] * len(digits[quantity])
    change = compare_results(arbitrated, after)
    assert {row.direction for row in change.right} == {"worse"} and len(change.right) == len(found)
    assert change.worse[0].startswith(f"{len(found)} quantities of an engine: more than") and "dense, loglik" in printed(change)
    assert not compare_results(after, arbitrated).worse
    for case in after["cases"]:
        case["arbiter"] = None
    assert compare_results(arbitrated, after).worse == [
        f"{len(found)} quantities of an engine held against the arbiter before and not any more"]


@pytest.mark.parametrize("times, worse", [(1.0, False), (0.9 * 10.0**LOST_RIGHT, False), (1e12, True)])
def test_distances_where_ill_conditioned_are_worse_by_more_than_a_clear_factor(times, worse):
    before = results_of("right")
    after = copy.deepcopy(before)
    points = [row for case in after["cases"] for row in case["ill_conditioned"] if row["off"] is not None]
    assert points
    for row in points:
        row["off"] *= times
    change = compare_results(before, after)
    assert bool(change.right) == worse == bool(change.worse)
    assert all(row.quantity == "loglik where ill-conditioned" and row.after < FEW_RIGHT for row in change.right)


def test_a_new_comparison_that_fails_is_worse_only_where_its_engines_are_not_new():
    wrong = results_of("wrong divisor")
    without = copy.deepcopy(wrong)
    for case in without["cases"]:
        case["comparisons"] = [record for record in case["comparisons"] if "sigmasq" not in record["quantity"]]
    failing = sum("unexplained" in record["counts"] for case in wrong["cases"] for record in case["comparisons"])
    assert compare_results(without, wrong).worse == [f"{failing} comparisons got a worse verdict"]
    for case in without["cases"]:
        case["engines"]["dense"]["status"] = "not available"
        case["comparisons"] = []
    change = compare_results(without, wrong)
    assert change.gained == wrong["verdicts"] and not change.worse


def test_versions_and_tolerances_that_changed_are_named_and_no_worsening():
    before = results_of("right")
    after = copy.deepcopy(before)
    after["lmmbridge"] = "9.9"
    after["provenance"]["packages"]["numpy"] = "99.1"
    after["provenance"]["blas"] = "another"
    after["provenance"]["git"] = None
    after["engines"][1]["version"] = "99.2"
    stricter, reworded, *_ = after["tolerances"].values()
    stricter["more"] = 1.0
    reworded["reason"] = "said better"
    change = compare_results(before, after)
    found = {row.what: row.after for row in change.versions}
    assert found == {"dense": "99.2", "lmmbridge": "9.9", "numpy": "99.1", "BLAS": "another"}
    assert change.tolerances == (next(iter(after["tolerances"])),)
    assert not change.worse
    assert all(words in printed(change) for words in ("99.1", "99.2", "9.9", "another", change.tolerances[0]))


@pytest.mark.parametrize("was, now, expected", [("held", "broken", "worse"), ("broken", "held", "better"), (None, "broken", "worse"),
                                                ("held", None, "worse"), ("not applied", "held", "better"), (None, "held", "better"),
                                                ("broken", "not applied", "same"), ("held", "not applied", "worse")])
def test_laws(was, now, expected):
    before = results_of("right")
    after = copy.deepcopy(before)
    for results, state in ((before, was), (after, now)):
        results["laws"] = [] if state is None else [{"engine": "mine:f", "law": "scale", "state": state}]
    change = compare_results(before, after)
    assert [(row.before, row.after, row.direction) for row in change.laws] == [(was, now, expected)]
    assert bool(change.worse) == (expected == "worse")


def test_json_has_all_and_is_json():
    change = compare_results(results_of("right"), results_of("wrong divisor"))
    told = json.loads(json.dumps(change.as_json(), allow_nan=False))
    assert told["status"] == 1 and told["worse"] == change.worse
    assert len(told["verdicts"]) == len(change.verdicts) and told["verdicts"][0]["after"] == change.verdicts[0].after


def test_hostile_names_are_printed_and_nothing_else():
    before, after = results_of("right"), results_of("wrong divisor")
    nasty = "[bold]\x1b[31m\u202e[/]" + "x" * 5000
    for results in (before, after):
        for k, case in enumerate(results["cases"]):
            case["case"] = f"{k}{nasty}"
            for record in case["comparisons"]:
                record["reasons"] = {verdict: {nasty: 1} for verdict in record["counts"]}
    after["cases"].pop()
    after["laws"] = [{"engine": nasty, "law": nasty, "state": "broken"}]
    change = compare_results(before, after)
    text = printed(change)
    assert "\x1b" not in text and "\u202e" not in text and "[bold]" in text
    assert text.count("x") < 100_000 and change.laws[0].law == nasty


def test_looser_tolerances_are_worse_and_tighter_ones_are_not():
    before, after = results_of("right"), results_of("right")
    after["tolerances"]["loglik"]["limit"] *= 10.0
    assert compare_results(before, after).worse == ["looser tolerances: loglik"]
    assert compare_results(after, before).loosened == () and compare_results(after, before).tolerances == ("loglik",)
    after = results_of("right")
    after["tolerances"]["condition_limit"]["value"] /= 10.0        # less is compared
    assert compare_results(before, after).loosened == ("condition_limit",)
