"""Every entry of the register: shown by the versions it names, and given as a verdict only when it reproduces the number."""
import dataclasses
import json

import numpy as np
import pytest
from click.testing import CliRunner

from lmmbridge.agreement import direct, faults, register, simulation
from lmmbridge.agreement.problems import Problem
from lmmbridge.agreement.register import REGISTER, OptimumOff, check, explanation, occurrences
from lmmbridge.agreement.run import Run, availability
from lmmbridge.agreement.simulation import two_maxima
from lmmbridge.cli.inventory import divergences
from lmmbridge.engines import ENGINES, Availability
from lmmbridge.engines.dense import gls, lod

ENTRIES = {entry.name: entry for entry in REGISTER}
CASES = [(entry.name, engine) for entry in REGISTER for engine in entry.engines]


@pytest.mark.parametrize("name, engine", CASES)
def test_the_installed_version_shows_it(name, engine, live, tolerance):
    live(engine)
    entry = ENTRIES[name]
    case, finding = entry.cases[engine], check(entry, engine)
    assert finding.state == "known", f"{name}: {finding}; update the register"
    assert finding.right == pytest.approx(case.expected, rel=tolerance("recorded"), abs=tolerance("recorded"))
    if not entry.noise:
        assert finding.observed == pytest.approx(case.seen[finding.version], rel=tolerance("recorded"), nan_ok=True)


def with_call(entry, engine, call, seen=None):
    """The entry with another implementation of one engine."""
    case = entry.cases[engine]
    case = dataclasses.replace(case, call=call, seen=case.seen if seen is None else seen)
    return dataclasses.replace(entry, cases=entry.cases | {engine: case})


def test_a_mended_engine_is_noticed_and_the_others_are_not_taken_for_mended(live):
    entry = ENTRIES["single-search"]
    for engine in entry.engines:
        live(engine)
    mended = with_call(entry, "lmmlite-cpp", "observed <- 0.0131945737", {"0.1-0": 0.0})
    states = {engine: check(mended, engine).state for engine in entry.engines}
    assert states == {"lmmlite-r": "known", "lmmlite-cpp": "known, but fixed", "qtl2": "known"}


@pytest.mark.parametrize("call, seen, state, outdated", [
    ("observed <- 0.5", {"0.1-0": 0.0}, "known, in another version", False),
    ("observed <- 0.0131945737", None, "not shown", True),
    ("observed <- 12345", None, "another number", True),
    ("observed <- NaN", None, "another number", True),
    ("stop('no such function')", None, "failed", True),
])
def test_what_a_check_may_find(call, seen, state, outdated, live):
    live("lmmlite-cpp")
    finding = check(with_call(ENTRIES["single-search"], "lmmlite-cpp", call, seen), "lmmlite-cpp")
    assert (finding.state, finding.outdated) == (state, outdated)
    if state == "failed":
        assert "no such function" in finding.message


@pytest.mark.parametrize("name", list(ENTRIES))
def test_the_texts_are_complete_and_a_report_has_neither_links_nor_names(name):
    entry = ENTRIES[name]
    for text in (entry.statement, entry.quantity, entry.cause, entry.title, entry.happens, entry.expectation):
        assert text.strip() == text != ""
    for engine, case in entry.cases.items():
        report = entry.report(engine)
        assert case.seen and set(case.inputs) and f"{case.package}::" in case.call
        for part in (entry.title, entry.happens, entry.expectation, entry.cause, case.data, case.call):
            assert part in report
        assert not [word for word in ("http", "www.", "@", "#1", "github") if word in report.lower().replace("# ", "")]


def test_an_entry_that_explains_nothing_has_no_model_and_those_that_explain_have_one():
    explaining = {name for name, entry in ENTRIES.items() if entry.gives_optimum or entry.gives_value or entry.gives_lod}
    assert explaining == {"lmmlite-boundary", "single-search", "normal-equations", "qtl2-collinear-position"}


# --- the right numbers --------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("name", ["h0.3-n30-p3", "h1-n20-p1", "weights-n80-p2", "two-maxima"])
def test_the_numbers_that_are_right_are_those_of_the_dense_engine(name, reml, tolerance):
    data = {label: data for label, _, data in simulation.problems()}[name]
    y = data.Y[:, [0]]
    for h in (0.0, 0.3, 0.9):
        ours = direct.gls(y, data.X, direct.covariance(data.K, h, data.weights), reml)
        theirs = gls(data, h, y, reml)
        assert ours[0] == pytest.approx(theirs[0][0], rel=tolerance("nine_digits"))
        assert ours[1] == pytest.approx(theirs[1][0], rel=tolerance("nine_digits"))
        assert ours[2] == pytest.approx(theirs[2], rel=tolerance("nine_digits"))
        X0 = data.X[:, :1]
        assert direct.lod(y, X0, data.X, direct.covariance(data.K, h, data.weights)) == pytest.approx(
            lod(y[:, 0], data.K, data.weights, h, X0, data.X), abs=tolerance("nine_digits"))
    best = ENGINES["dense"].optimum(register.one_phenotype(data, 0), reml)
    found = direct.best_hsq(y, data.X, data.K, data.weights, reml)
    height = direct.gls(y, data.X, direct.covariance(data.K, found, data.weights), reml)[0]
    assert height == pytest.approx(best.loglik[0], rel=tolerance("nine_digits"))


def test_where_the_covariance_matrix_is_not_positive_definite_there_is_no_number():
    y = np.arange(4.0)[:, None]
    assert direct.gls(y, np.ones((4, 1)), np.diag([1.0, 1.0, 1.0, 0.0])) is None


# --- explanations -------------------------------------------------------------------------------------------------------

def observation(engine: str, hsq: float) -> OptimumOff:
    data = two_maxima()
    best = ENGINES["dense"].optimum(data, reml=True).hsq[0]
    return OptimumOff(engine, data, 0, True, hsq, float(gls(data, best, data.Y, True)[0][0]))


def test_an_estimate_that_the_fault_does_not_reproduce_is_not_explained():
    # the upper maximum of the likelihood, which a single search does find, and a place where no search ends
    assert explanation(observation("lmmlite-r", 0.6692266439)).name == "single-search"
    assert explanation(observation("lmmlite-r", 0.5)) is None
    assert explanation(observation("python", 0.6692266439)) is None


def test_an_optimum_needs_no_explanation():
    data = two_maxima()
    best = float(ENGINES["dense"].optimum(data, reml=True).hsq[0])
    assert observation("python", best).is_optimal(best)
    assert not observation("python", best).is_optimal(best + 0.1)
    assert np.isneginf(OptimumOff("python", data, 0, True, 0.5, 0.0).loglik(-50.0))


# --- in a run -------------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def results(live, tmp_path_factory):
    live("lmmlite-cpp")
    problem = Problem("constructed/two-maxima", "constructed", two_maxima())
    return Run(tmp_path_factory.mktemp("known") / "out", availability(["python", "dense", "lmmlite-cpp"]), [problem], {},
               "test").execute()


def test_a_run_tells_which_entries_occurred_how_often_and_in_which_version(results):
    [row] = results["divergences"]
    assert (row["entry"], row["engine"], row["state"]) == ("single-search", "lmmlite-cpp", "known")
    assert row["version"] in row["seen"]
    assert row["comparisons"] == results["verdicts"]["known divergence"]
    assert results["status"] == 0


def test_an_entry_in_a_version_that_is_not_on_the_register_is_told(results):
    [row] = occurrences(results["cases"], {"lmmlite-cpp": "9.9"})
    assert (row["state"], row["version"], row["seen"]) == ("seen in another version", "9.9", ["0.2-2"])


# --- the command --------------------------------------------------------------------------------------------------------

def command(*arguments):
    return CliRunner().invoke(divergences, arguments, env={"COLUMNS": "80"}, catch_exceptions=False)


def outside_code(text):
    return "".join(text.split("```")[::2])


def test_the_list_and_an_entry_can_be_read_at_80_columns():
    listed = command()
    assert listed.exit_code == 0
    assert all(name in listed.output for name in ENTRIES)
    told = command("normal-equations")
    assert "Draft of a report to the authors of qtl2" in told.output and "Cause" in told.output
    for output in (listed.output, told.output):
        assert max(map(len, outside_code(output).splitlines())) <= 80


def test_json_has_every_entry_and_with_check_what_was_found(live):
    live("lmmlite-r")
    plain = json.loads(command("--json").output)
    assert [entry["name"] for entry in plain] == list(ENTRIES)
    assert "finding" not in plain[0]["cases"]["lmmlite-r"]
    [checked] = json.loads(command("lmmlite-boundary", "--check", "--json").output)
    assert checked["cases"]["lmmlite-r"]["finding"]["state"] == "known"
    assert checked["cases"]["lmmlite-r"]["finding"]["version"] in checked["cases"]["lmmlite-r"]["seen"]


def test_check_says_known_and_ends_with_status_1_when_something_is_fixed(live, monkeypatch):
    live("lmmlite-r")
    entry = ENTRIES["lmmlite-boundary"]
    assert "known: lmmlite" in (done := command("lmmlite-boundary", "--check")).output and done.exit_code == 0
    monkeypatch.setattr(register, "REGISTER", (with_call(entry, "lmmlite-r", "observed <- 1", {"0.1-0": 0.9}),))
    done = command("--check")
    assert "known, but fixed in version" in done.output and "update the register" in done.output.replace("\n", " ")
    assert done.exit_code == 1


def test_what_is_not_here_is_not_available_and_no_failure(monkeypatch):
    monkeypatch.setattr(type(ENGINES["lmmlite-r"]), "availability", lambda self: Availability(None, "install it"))
    done = command("lmmlite-boundary", "--check")
    assert done.exit_code == 0 and "not available: install it" in done.output


def test_a_name_that_is_not_on_the_register_is_refused():
    with pytest.raises(register_error(), match="no divergence is called 'nope'; there are lmmlite-boundary"):
        command("nope")


def register_error():
    from lmmbridge import InputError
    return InputError


@pytest.mark.parametrize("engine", ["qtl2", "lmmlite-cpp"])
def test_an_end_that_rounding_can_lift_is_told_from_one_that_it_cannot(engine):
    """A centred K has one eigenvalue that is zero to rounding, of either sign; where V is well-conditioned at 1 nothing is lifted."""
    given = {name: data for name, _, data in simulation.problems()}
    for name, lifted in (("centred-n60-p1", True), ("h0-n10-p1", False)):
        best = ENGINES["dense"].optimum(given[name], True)
        assert best.hsq[0] < 0.99
        observed = OptimumOff(engine, given[name], 0, True, 1.0, float(best.loglik[0]))
        assert faults.climbs_a_noisy_likelihood(observed) == lifted
