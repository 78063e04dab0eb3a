"""On real and simulated data all engines agree to the digits that are promised."""
import pytest

from lmmbridge.agreement.problems import ProblemsUnavailable
from lmmbridge.agreement.selection import select
from lmmbridge.agreement.run import Run, availability
from lmmbridge.engines import ENGINES


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    chosen = []
    for family, problems in select(["simulated", "iron/overall/*", "iron/loco2/*", "iron/locoX/*", "grav2/loco3/intercept"]):
        if isinstance(problems, ProblemsUnavailable):
            pytest.skip(f"problems {family} are not available: {problems}")
        chosen += problems
    return Run(tmp_path_factory.mktemp("acceptance") / "out", availability(list(ENGINES)), chosen, {}, "test", arbitrate=False).execute()


def records(results, quantity):
    """All that could be compared; at the optimum, all but the known divergences, which are cases of their own."""
    excused = {"not comparable"} | ({"known divergence"} if quantity == "optimum" else set())
    return [(case["case"], one) for case in results["cases"] for one in case["comparisons"]
            if one["b"] is not None and quantity in one["quantity"] and not excused & set(one["counts"])]


def test_nothing_is_unexplained_and_enough_was_compared(results):
    assert results["status"] == 0, results["failures"]
    live = [engine["name"] for engine in results["engines"] if engine["status"] == "live"]
    assert len(live) >= 4 + 2 * ("lmmlite-r" in live)
    good = sum(results["verdicts"].get(verdict, 0) for verdict in ("agree", "known divergence", "explained"))
    assert good >= 300


@pytest.mark.parametrize("quantity", ["loglik at fixed hsq", "sigmasq at fixed hsq", "beta at fixed hsq", "reported loglik",
                                      "reported sigmasq", "reported beta"])
def test_values_agree_to_nine_digits(results, quantity, tolerance):
    found = records(results, quantity)
    assert found
    for case, one in found:
        assert one["difference"] <= tolerance("nine_digits"), (case, one)


def test_no_optimum_loses_likelihood(results, tolerance):
    found = records(results, "optimum")
    assert found
    for case, one in found:
        assert one["difference"] <= tolerance("likelihood_gap"), (case, one)


def test_known_divergences_are_lmmlites_and_qtl2s(results):
    for case in results["cases"]:
        for one in case["comparisons"]:
            if "known divergence" in one["counts"]:
                assert {one["a"], one["b"]} & {"lmmlite-r", "lmmlite-cpp", "qtl2"}
                assert one["reasons"]["known divergence"]


def test_ill_conditioned_points_are_measured_against_the_dense_value(results):
    points = [point for case in results["cases"] for point in case["ill_conditioned"]]
    assert {point["engine"] for point in points} >= {"python", "r-reference", "qtl2"}
    assert all(point["off"] is not None or point["why"] for point in points)


def test_unbounded_likelihoods_are_not_compared(results):
    case = next(case for case in results["cases"] if case["case"] == "simulated/centred-n60-p1/ML")
    assert case["unbounded"] == case["phenotypes"]
    assert all(set(one["counts"]) == {"not comparable"} for one in case["comparisons"] if one["quantity"] == "optimum")
    assert case["estimates"]["python"]["translated"]["hsq"] == [None] * len(case["phenotypes"])
