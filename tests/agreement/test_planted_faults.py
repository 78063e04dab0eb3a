"""A wrong entry in the ledger, or a fault in one engine's own code, is found, named and sized."""
import dataclasses
from unittest import mock

import numpy as np
import pytest

from lmmbridge import lmm
from lmmbridge.agreement import simulation
from lmmbridge.agreement.ledger import LEDGER
from lmmbridge.agreement.problems import Problem
from lmmbridge.agreement.run import Run, availability
from lmmbridge.engines import ENGINES, dense, r_engines
from lmmbridge.inputs import Data
from lmmbridge.report.summary import disagreements

#: What can be wrong in an entry: the replacement, and the quantities of which at least one must show it.
FAULTS = {
    "constant of ML": (lambda c: {"to_ml": lambda size: c.to_ml(size) + 0.5 * np.log(2 * np.pi)}, {"loglik"}),
    "constant of REML": (lambda c: {"to_reml": lambda size: c.to_reml(size) + 0.5 * size.p}, {"loglik"}),
    "divisor of ML": (lambda c: {"divisor_ml": lambda size: c.divisor_ml(size) - 1}, {"sigmasq"}),
    "divisor of REML": (lambda c: {"divisor_reml": lambda size: c.divisor_reml(size) + 1}, {"sigmasq"}),
    "multiple of K": (lambda c: {"kinship_multiple": 3.0 - c.kinship_multiple}, {"loglik", "sigmasq"}),
    "criterion at the optimum": (lambda c: {"optimum_criterion": "ML" if c.optimum_criterion == "own" else "own"},
                                 {"loglik"}),
    "unit at the optimum": (lambda c: {"optimum_unit": 1.0 + c.optimum_unit}, {"loglik"}),
}


def small_problems() -> list[Problem]:
    wanted = {"h0.3-n30-p3", "h1-n20-p1"}
    return [Problem(f"simulated/{name}", source, data) for name, source, data in simulation.problems() if name in wanted]


def run(out, engines, ledger=None):
    return Run(out, availability(engines), small_problems(), {}, "test", ledger, arbitrate=False).execute()


@pytest.mark.parametrize("fault", list(FAULTS))
@pytest.mark.parametrize("name", list(LEDGER))
def test_wrong_ledger_entry_ends_with_status_1_and_is_named(name, fault, live, tmp_path):
    live(name)
    replacement, quantities = FAULTS[fault]
    ledger = LEDGER | {name: dataclasses.replace(LEDGER[name], **replacement(LEDGER[name]))}
    others = [other for other in ("python", "dense") if other != name]
    results = run(tmp_path / "out", [*others, name], ledger)
    assert results["status"] == 1
    found = disagreements(results)["unexplained"]
    assert any(row["quantity"].split()[-1] in quantities or row["quantity"].split()[0] in quantities for row in found)
    for row in found:
        assert name in row["engines"].split(" and ")
        assert "off by" in row["size"] or "no number" in row["size"]


def test_right_ledger_ends_with_status_0(tmp_path):
    names = [name for name, found in availability(list(LEDGER)).items() if found.version is not None]
    assert run(tmp_path / "out", names)["status"] == 0


def moved(results) -> set[str]:
    """Engines that are in every unexplained comparison."""
    rows = disagreements(results)["unexplained"]
    return set.intersection(*(set(row["engines"].split(" and ")) for row in rows))


def test_fault_in_the_core_moves_python_alone(tmp_path, live):
    live("r-reference")
    least_squares = lmm.least_squares

    def faulty(rotated, hsq):
        fit = least_squares(rotated, hsq)
        return dataclasses.replace(fit, rss=fit.rss * 1.0001)

    with mock.patch.object(lmm, "least_squares", faulty):
        results = run(tmp_path / "out", ["python", "dense", "r-reference"])
    assert results["status"] == 1
    assert moved(results) == {"python"}


def test_fault_in_the_oracle_moves_dense_alone(tmp_path, live):
    live("r-reference")
    cholesky = dense.linalg.cholesky

    def faulty(V, lower):
        return cholesky(V * 1.0001, lower=lower)

    with mock.patch.object(dense.linalg, "cholesky", faulty):
        results = run(tmp_path / "out", ["python", "dense", "r-reference"])
    assert results["status"] == 1
    assert moved(results) == {"dense"}


def test_fault_in_the_r_reference_moves_it_alone(tmp_path, live):
    live("r-reference")
    session = r_engines.shared_session()
    session.eval("""
        right <- lmmreference::log_likelihood
        utils::assignInNamespace("log_likelihood", ns = "lmmreference", function(...) {
            answer <- right(...); answer$sigmasq <- answer$sigmasq * 1.0001; answer })""")
    try:
        results = run(tmp_path / "out", ["python", "dense", "r-reference"])
    finally:
        session.eval('utils::assignInNamespace("log_likelihood", right, ns = "lmmreference")')
    assert results["status"] == 1
    assert moved(results) == {"r-reference"}


@pytest.mark.parametrize("off", [1e-4, 1e-8, 1e-12])
def test_an_estimate_where_V_is_ill_conditioned_does_not_excuse_itself(off, tmp_path):
    """K has a quarter of full rank: near 1 V is nearly singular, and the likelihood is hundreds below its maximum."""
    optimum = type(ENGINES["dense"]).optimum

    def near_one(self, data, reml):
        h = np.full(data.Y.shape[1], 1.0 - off)
        loglik, sigmasq, beta = dense.gls(data, h[0], data.Y, reml)
        return dataclasses.replace(optimum(self, data, reml), hsq=h, loglik=loglik, sigmasq=sigmasq, beta=beta)

    problems = [Problem(f"simulated/{name}", source, data) for name, source, data in simulation.problems()
                if name == "singular-n200-p3"]
    with mock.patch.object(type(ENGINES["dense"]), "optimum", near_one):
        results = Run(tmp_path / "out", availability(["python", "dense"]), problems, {}, "test", arbitrate=False).execute()
    assert results["status"] == 1
    for case in results["cases"]:
        [record] = [record for record in case["comparisons"] if record["quantity"] == "optimum"]
        assert record["counts"] == {"unexplained": len(case["phenotypes"])}


def test_one_implementation_called_twice_fails_the_run(tmp_path):
    twin = type("Twin", (type(ENGINES["python"]),), {"name": "twin"})()
    with mock.patch.dict(ENGINES, {"twin": twin}), mock.patch.dict(LEDGER, {"twin": LEDGER["python"]}):
        results = run(tmp_path / "out", ["python", "twin", "dense"])
    assert results["status"] == 1
    assert any("python = twin" in failure and "called twice" in failure for failure in results["failures"])


def test_a_copy_that_answers_at_its_own_hsq_alone_is_found_too(tmp_path):
    class Copy(type(ENGINES["dense"])):
        name = "copy"

        def answerable(self, data, hsq, reml):
            return np.zeros(hsq.shape, dtype=bool)

    problems = [Problem(f"simulated/{name}", source, data) for name, source, data in simulation.problems()
                if name.startswith("h0") and len(data.ids) < 200]
    with mock.patch.dict(ENGINES, {"copy": Copy()}), mock.patch.dict(LEDGER, {"copy": LEDGER["dense"]}):
        results = Run(tmp_path / "out", availability(["python", "dense", "copy"]), problems, {}, "test", arbitrate=False).execute()
    assert [failure for failure in results["failures"] if "called twice" in failure and "dense = copy" in failure]
    assert not [failure for failure in results["failures"] if "python" in failure]


def test_one_engine_alone_is_no_comparison(tmp_path):
    results = run(tmp_path / "out", ["python"])
    assert results["status"] == 1
    assert any("needs two" in failure for failure in results["failures"])


def test_an_engine_that_fails_is_reported_in_its_own_words(tmp_path, live):
    live("r-reference")
    session = r_engines.shared_session()
    session.eval("""
        right <- lmmreference::fit_lmm
        utils::assignInNamespace("fit_lmm", ns = "lmmreference", function(...) stop("no fit today"))""")
    try:
        results = run(tmp_path / "out", ["python", "dense", "r-reference"])
    finally:
        session.eval('utils::assignInNamespace("fit_lmm", right, ns = "lmmreference")')
    assert results["status"] == 1
    assert results["verdicts"]["engine failed"] > 0
    assert any("no fit today" in row["why"] for row in disagreements(results)["engine failed"])
    assert [engine["status"] for engine in results["engines"]] == ["live", "live", "failed"]


def test_a_crash_of_r_costs_one_engine_and_the_next_case_goes_on(tmp_path, live):
    live("r-reference")
    session = r_engines.shared_session()
    session.eval("""
        utils::assignInNamespace("fit_lmm", ns = "lmmreference", function(...) quit(save = "no", status = 7))""")
    results = run(tmp_path / "out", ["python", "dense", "r-reference"])
    # The fresh R that follows has the real function again: only the first case lost the engine.
    failed = [case["case"] for case in results["cases"] if case["engines"]["r-reference"]["status"] == "engine failed"]
    assert len(failed) == 1
    assert results["status"] == 1


@pytest.mark.parametrize("error", [1e-6, 1e-3, 0.5])
@pytest.mark.parametrize("scale", [1e5, 1e8])
def test_bad_scaling_does_not_excuse_a_fault(tmp_path, live, error, scale):
    """An error in an engine that also loses digits on this problem is not put down to the lost digits."""
    live("lmmlite-cpp")
    rng = np.random.default_rng(7)
    n = 60
    G = rng.normal(size=(n, 100))
    X = np.column_stack([np.ones(n), scale * rng.normal(size=(n, 2))])
    K = G @ G.T / 100
    data = Data(tuple(f"i{i}" for i in range(n)), ("y",), (0,), ("intercept", "a", "b"),
                rng.normal(size=(n, 1)) + 3.0, X, (K + K.T) / 2, None, ())
    engine = type(ENGINES["lmmlite-cpp"])
    at_hsq = engine.at_hsq

    def faulty(self, data, hsq, reml):
        right = at_hsq(self, data, hsq, reml)
        return dataclasses.replace(right, sigmasq=right.sigmasq * (1.0 + error))

    with mock.patch.object(engine, "at_hsq", faulty):
        results = Run(tmp_path / "out", availability(["python", "dense", "lmmlite-cpp"]),
                      [Problem("scaled", "made", data)], {}, "test").execute()
    assert results["status"] == 1
    assert moved(results) == {"lmmlite-cpp"}


def large_mean() -> Data:
    """Normal equations lose digits of y with such a mean where V is ill-conditioned, which is at all h but 0."""
    n = 12
    constant = np.ones((n, n)) / n
    K = 100.0 * (np.eye(n) - constant) + constant + np.diag(np.linspace(0.0, 0.01, n))
    y = np.random.default_rng(0).normal(size=(n, 1)) + 1000.0
    return Data(tuple(f"i{i}" for i in range(n)), ("y",), (0,), ("intercept",), y, np.ones((n, 1)), K, None, ())


@pytest.mark.parametrize("planted, verdict", [(0.0, "known divergence"), (1e-6, "unexplained")])
def test_what_is_known_at_the_worst_point_hides_no_fault_at_another(planted, verdict, live, tmp_path):
    """Only at h = 0, where the engine's fault costs nothing, is something added to its log likelihood."""
    engine = live("lmmlite-cpp")
    at_hsq = engine.at_hsq

    def faulty(data, hsq, reml):
        found = at_hsq(data, hsq, reml)
        return dataclasses.replace(found, loglik=found.loglik + np.where(hsq == 0.0, planted, 0.0))

    with mock.patch.object(engine, "at_hsq", faulty):
        results = Run(tmp_path / "out", availability(["dense", "lmmlite-cpp"]), [Problem("made/mean", "made", large_mean())],
                      {}, "test", arbitrate=False).execute()
    for case in results["cases"]:
        one, = (one for one in case["comparisons"] if one["quantity"] == "loglik at fixed hsq")
        assert set(one["counts"]) == {verdict}
        if planted:
            assert one["hsq"] == 0.0


@pytest.mark.parametrize("number", [np.inf, -np.inf, np.nan, None], ids=["inf", "-inf", "nan", "error"])
def test_an_engine_without_a_finite_number_fails_the_run_and_not_the_program(number, live, tmp_path):
    """Reprex folders are written of it as well; None: it raises when it is asked again."""
    engine = live("lmmlite-cpp")
    at_hsq = engine.at_hsq

    def faulty(data, hsq, reml):
        if number is None and hsq.size == 1:
            raise ValueError("singular matrix")
        found = at_hsq(data, hsq, reml)
        return dataclasses.replace(found, loglik=np.where(np.isclose(hsq, 0.25), 1.0 if number is None else number,
                                                          found.loglik))

    with mock.patch.object(engine, "at_hsq", faulty):
        results = run(tmp_path / "out", ["python", "dense", "lmmlite-cpp"])
    assert results["status"] == 1
    assert moved(results) == {"lmmlite-cpp"}
    if number is not None:
        assert list((tmp_path / "out" / "reprex").rglob("case.py"))
