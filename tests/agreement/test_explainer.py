"""Every cause and every pair of causes, planted through covariance matrices written out, is named; nothing else is."""
import time
from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from dense_programs import compose, program, random_problem, search, without
from scipy import optimize

from lmmbridge import InputError
from lmmbridge.agreement import causes as known
from lmmbridge.agreement import simulation
from lmmbridge.agreement.explainer import BY_CHANCE, Explainer, Number, explain, hint
from lmmbridge.agreement.register import one_phenotype
from lmmbridge.engines import ENGINES
from lmmbridge.engines.dense import gls
from lmmbridge.inputs import prepare

#: (weights, REML, quantity, fixed hsq); β is the last covariate's coefficient.
SETTINGS = [(weighted, reml, quantity, hsq) for weighted, reml in ((False, True), (False, False), (True, True))
            for quantity in known.QUANTITIES for hsq in (None, 0.4)
            if (quantity, hsq) in (("loglik", 0.4), ("hsq", None)) or not weighted and (quantity, hsq) != ("hsq", 0.4)]


def data_of(problem):
    covar = problem.X[:, 1:] if problem.X.shape[1] > 1 else None
    return prepare(problem.y, problem.K, covar, problem.weights)[0]


def explainer_of(problem, quantity, reml, hsq=None):
    return Explainer({"observed": data_of(problem)}, quantity, reml, hsq, "covar2" if quantity == "beta" else None)


def single_causes(problem, quantity, reml, hsq):
    """Names of the causes to plant: all that apply, less those of which nothing is reported."""
    weighted = problem.weights is not None
    names = [cause.name for cause in known.applicable(quantity, reml, hsq is not None, weighted, True, True, ())]
    return [name for name in names if (quantity, name) != ("beta", "covariates forgotten")]


def is_an_estimate(faults, reml):
    """ML with a centred K and an intercept is unbounded: there is no number to explain."""
    ml = "ML for REML" in faults or not reml and not faults & {"REML for ML", "ML value at the REML hsq"}
    return not ("K centred" in faults and ml)


def names_the(planted, answer, problem, quantity, reml, hsq, tolerance):
    """Planted is among the sets, or each of these is no larger and is the same number on this problem."""
    if answer.status != "explained":
        return False
    found = {explanation.causes for explanation in answer.explanations}
    other = program(problem, planted, quantity, reml, hsq)
    return planted in found or all(
        len(causes) <= len(planted) and ("a loose tolerance" in causes or np.isclose(
            program(problem, causes, quantity, reml, hsq), other, rtol=tolerance("explained"), atol=0.0))
        for causes in found)


@pytest.mark.parametrize("weighted, reml, quantity, hsq", SETTINGS)
def test_every_cause_and_every_pair_is_named(weighted, reml, quantity, hsq, tolerance):
    problem = random_problem(3 + weighted, weighted=weighted)
    explainer = explainer_of(problem, quantity, reml, hsq)
    names = single_causes(problem, quantity, reml, hsq)
    pairs = [pair for pair in combinations(names, 2) if compose(pair)]
    if weighted:    # the others are those of the problem without weights
        pairs = [pair for pair in pairs if any("weight" in name for name in pair)]
    ours, named, missed = program(problem, (), quantity, reml, hsq), 0, []
    for planted in map(frozenset, [(name,) for name in names] + pairs):
        if is_an_estimate(planted, reml) or hsq is not None:
            other = program(problem, planted, quantity, reml, hsq)
            if not np.isfinite(other):
                continue
            answer = explainer.answer(Number(ours), Number(other))
            named += planted in {explanation.causes for explanation in answer.explanations}
            if answer.status != "equal" and not names_the(planted, answer, problem, quantity, reml, hsq, tolerance):
                missed.append((set(planted), answer.status, answer.gap))
    assert not missed
    assert named >= len(names) / 3      # the rest change nothing here, or not beside the other


@pytest.mark.parametrize("seed", range(20, 26))
@pytest.mark.parametrize("quantity", known.QUANTITIES)
def test_every_cause_is_named_on_other_problems(quantity, seed, tolerance):
    problem, reml = random_problem(seed, n=20 + seed, weighted=seed % 2 == 0, h=0.3 + 0.02 * (seed - 20)), seed % 3 > 0
    explainer = explainer_of(problem, quantity, reml)
    ours = program(problem, (), quantity, reml)
    for name in single_causes(problem, quantity, reml, None):
        planted = frozenset([name])
        if is_an_estimate(planted, reml):
            # Either of the two numbers may be the one that is not ours.
            other = program(problem, planted, quantity, reml)
            answer = explainer.answer(Number(other), Number(ours))
            if answer.status != "equal":
                assert names_the(planted, answer, problem, quantity, reml, None, tolerance), name
            assert all(not explanation.causes_b for explanation in answer.explanations)


#: Causes that are one and the same number, whatever the problem, with what they then differ in.
SAME = {
    ("sigmasq", True, 0.4, "ML for REML"): {"n for n-p in sigmasq", "n for n-p throughout REML"},
    ("sigmasq", False, 0.4, "REML for ML"): {"n-p for n in sigmasq"},
}


@pytest.mark.parametrize("quantity, reml, hsq, name", list(SAME))
def test_causes_that_are_the_same_number_are_all_told(quantity, reml, hsq, name):
    problem = random_problem(8)
    ours, other = (program(problem, faults, quantity, reml, hsq) for faults in ((), (name,)))
    answer = explainer_of(problem, quantity, reml, hsq).answer(Number(ours), Number(other))
    assert {explanation.causes for explanation in answer.explanations} == {
        frozenset([one]) for one in {name, *SAME[quantity, reml, hsq, name]}}


def test_one_cause_on_each_number():
    problem = random_problem(9)
    a, b = (program(problem, [fault], "loglik", True) for fault in ("log 2π left out", "½log|X'X| left out"))
    answer = explainer_of(problem, "loglik", True).answer(Number(a), Number(b))
    [explanation] = answer.explanations
    assert [cause.name for cause in explanation.causes_a] == ["log 2π left out"]
    assert [cause.name for cause in explanation.causes_b] == ["½log|X'X| left out"]


def test_a_cause_that_both_numbers_share_counts_once(tolerance):
    problem = random_problem(9)
    a, b = (program(problem, faults, "loglik", True, 0.4)
            for faults in (["lmmlite's constants"], ["lmmlite's constants", "K doubled"]))
    [explanation] = explainer_of(problem, "loglik", True, 0.4).answer(Number(a), Number(b)).explanations
    assert explanation.causes == {"lmmlite's constants", "K doubled"}
    assert [cause.name for cause in explanation.causes_a] == ["lmmlite's constants"]
    assert abs(explanation.residual) <= tolerance("explained")


# --- searches that stop in the wrong place ----------------------------------------------------------------------------

def brent(data, tol=1e-12, ends=False):
    """One search over (0, 1) on the dense likelihood, as R's optimize."""
    def negative(h):
        return -gls(data, h, data.Y, True)[0][0]

    found = optimize.minimize_scalar(negative, bounds=(0.0, 1.0), method="bounded", options={"xatol": tol}).x
    return float(min([found, 0.0, 1.0] if ends else [found], key=negative))


@pytest.mark.parametrize("quantity", ["hsq", "loglik", "sigmasq"])
@pytest.mark.parametrize("ends, cause", [(True, "the lower of two maxima"), (False, "a boundary not tried")])
def test_one_search_where_there_are_two_maxima(ends, cause, quantity):
    """With the ends it gives 0, which is higher than the maximum it climbs and lower than the other."""
    data = simulation.two_maxima()
    best = ENGINES["dense"].optimum(data, True)
    h = brent(data, ends=ends)
    loglik, sigmasq, _ = gls(data, h, data.Y, True)
    other = {"hsq": h, "loglik": loglik[0], "sigmasq": sigmasq[0]}[quantity]
    ours = float(getattr(best, quantity)[0])
    answer = Explainer({"observed": data}, quantity, True).answer(Number(ours), Number(other))
    assert {cause} in [explanation.causes for explanation in answer.explanations]
    # That an estimate is at a boundary says too little.
    assert answer.status == ("ambiguous" if quantity == "hsq" and ends else "explained")


def test_a_boundary_not_tried_with_a_loose_tolerance():
    data = next(one for name, _, data in simulation.problems() if name.startswith("h1-")
                for one in (one_phenotype(data, j) for j in range(simulation.PHENOTYPES))
                if ENGINES["dense"].optimum(one, True).hsq[0] == 1.0)
    found = brent(data, tol=known.LOOSE)
    both = {"hsq": (1.0, found)}
    for place, quantity in enumerate(("loglik", "sigmasq")):
        both[quantity] = tuple(float(gls(data, h, data.Y, True)[place][0]) for h in (1.0, found))
    for quantity, (ours, other) in both.items():
        answer = Explainer({"observed": data}, quantity, True).answer(Number(ours), Number(other))
        # A search within the tolerance of the end, whatever it tried, is a smaller set.
        assert answer.status == "explained"
        assert all(explanation.causes <= {"a boundary not tried", "a loose tolerance"}
                   for explanation in answer.explanations)


@pytest.mark.parametrize("off", [-7e-5, 6e-5])
def test_a_loose_tolerance_is_known_by_its_width(off):
    problem = random_problem(12)
    h = search(problem, "REML")
    answer = explainer_of(problem, "hsq", True).answer(Number(h), Number(h + off))
    assert (answer.status, [explanation.causes for explanation in answer.explanations]) == (
        "explained", [{"a loose tolerance"}])
    assert explainer_of(problem, "hsq", True).answer(Number(h), Number(h + 20 * off)).status == "unexplained"


# --- samples ----------------------------------------------------------------------------------------------------------

@pytest.fixture
def table():
    """Two phenotypes and two covariates with missing values, by individual."""
    problem = random_problem(14, n=40)
    ids = [f"m{i}" for i in range(40)]
    rng = np.random.default_rng(0)
    pheno = pd.DataFrame({"liver": problem.y, "spleen": rng.normal(size=40)}, ids)
    pheno.iloc[[3, 30], 0] = np.nan
    pheno.iloc[[5, 17], 1] = np.nan
    covar = pd.DataFrame(problem.X[:, 1:], ids, ["sex", "age"])
    covar.iloc[[8, 9], 1] = np.nan
    return pheno, pd.DataFrame(problem.K, ids, ids), covar


def on(table, rows, X, y=None, quantity="loglik", faults=()):
    pheno, K, _ = table
    y = pheno["liver"].to_numpy()[rows] if y is None else y
    problem = replace(random_problem(14, n=40), y=y, X=np.column_stack([np.ones(len(y)), X]),
                      K=K.to_numpy()[np.ix_(rows, rows)])
    return program(problem, faults, quantity, True)


@pytest.mark.parametrize("quantity, extra", [
    ("loglik", None), ("hsq", None), ("sigmasq", None), ("loglik", "log10 for ln"), ("hsq", "K doubled"),
    ("sigmasq", "K doubled"), ("sigmasq", "n for n-p in sigmasq")])
def test_another_sample_after_missing_data(table, quantity, extra):
    pheno, kinship, covar = table
    C, y = covar.to_numpy(), pheno["liver"].to_numpy()
    complete = ~np.isnan(y) & ~np.isnan(C).any(axis=1)
    there = ~np.isnan(y)
    ours = on(table, np.flatnonzero(complete), C[complete], quantity=quantity)
    faults = () if extra is None else (extra,)
    every = np.flatnonzero(complete & pheno.notna().all(axis=1).to_numpy())
    mean_C = np.where(np.isnan(C), np.nanmean(C[there], axis=0), C)
    with_y = ~np.isnan(C).any(axis=1)
    others = {
        "other phenotypes' missing values": on(table, every, C[every], None, quantity, faults),
        "missing covariates kept": on(table, np.flatnonzero(there), mean_C[there], None, quantity, faults),
        "missing phenotypes kept": on(table, np.flatnonzero(with_y), C[with_y],
                                      np.where(there, y, np.nanmean(y))[with_y], quantity, faults)}
    for name, number in others.items():
        answer = explain(ours, number, pheno, kinship, covar, column="liver", quantity=quantity)
        assert answer.status == "explained"
        assert {name, *faults} in [explanation.causes for explanation in answer.explanations]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("quantity, hsq", [("loglik", None), ("loglik", 0.3), ("hsq", None), ("sigmasq", None),
                                           ("beta", None)])
def test_one_individual_left_out(quantity, hsq, reml, weighted):
    problem = random_problem(27, weighted=weighted)
    ours, other = (program(one, (), quantity, reml, hsq) for one in (problem, without(problem, 11)))
    answer = explainer_of(problem, quantity, reml, hsq).answer(Number(ours), Number(other))
    assert (answer.status, [explanation.causes for explanation in answer.explanations]) == (
        "explained", [{"individual 12 left out"}])


# --- silence ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("weighted, reml, quantity, hsq", SETTINGS)
def test_silent_on_unrelated_numbers(weighted, reml, quantity, hsq):
    problem = random_problem(16, weighted=weighted)
    explainer = explainer_of(problem, quantity, reml, hsq)
    ours = program(problem, (), quantity, reml, hsq)
    rng = np.random.default_rng(1)
    near = 1.0 + rng.choice([-1, 1], size=10) * rng.uniform(1e-3, 0.05, size=10)
    for factor in np.concatenate([rng.uniform(0.2, 2.0, size=10), near]):
        answer = explainer.answer(Number(ours), Number(ours * factor))
        assert answer.status in ("unexplained", "ambiguous"), (factor, answer.explanations)
        # What one loose search may reach is wide for a pair: told, and said to be no better than chance.
        assert all(explanation.by_chance > BY_CHANCE and "a loose tolerance" in explanation.causes
                   for explanation in answer.explanations)


def test_few_digits_do_not_explain_unrelated_numbers():
    problem = random_problem(17)
    rng = np.random.default_rng(2)
    for quantity in ("loglik", "hsq", "sigmasq"):
        explainer, ours = explainer_of(problem, quantity, True), program(problem, (), quantity, True)
        wrong = 0
        for factor in rng.uniform(0.2, 2.0, size=25):
            a, b = (Number.of(f"{number:.3g}") for number in (ours, ours * factor))
            wrong += explainer.answer(a, b).status == "explained"
        assert wrong <= 5 * 25 * BY_CHANCE


#: Pairs of faults that are on no list.
UNKNOWN = {
    "K tripled, another constant or divisor": lambda p, q: (
        program(replace(p, K=3 * p.K), (), q, True) * (27 / 26 if q == "sigmasq" else 1)
        + (np.log(27 / 26) if q == "loglik" else 0)),
    "first two phenotypes swapped, K squared": lambda p, q: program(
        replace(p, y=p.y[[1, 0, *range(2, len(p.y))]], K=p.K @ p.K), (), q, True),
    "a covariate squared, K plus I": lambda p, q: program(
        replace(p, X=np.column_stack([p.X[:, :2], p.X[:, 2] ** 2]), K=p.K + np.eye(len(p.K)) / 3), (), q, True),
}


@pytest.mark.parametrize("quantity", ["loglik", "hsq", "sigmasq"])
@pytest.mark.parametrize("faults", list(UNKNOWN))
def test_silent_on_two_faults_that_are_not_on_the_list(faults, quantity):
    for seed in (18, 19):
        problem = random_problem(seed)
        ours, other = program(problem, (), quantity, True), UNKNOWN[faults](problem, quantity)
        assert abs(ours - other) > 1e-4
        answer = explainer_of(problem, quantity, True).answer(Number(ours), Number(other))
        assert (answer.status, answer.explanations) == ("unexplained", ())


# --- written numbers --------------------------------------------------------------------------------------------------

def test_a_number_is_as_good_as_its_last_digit():
    for text, value, half in (("-108.00", -108.0, 0.005), ("−1.5e2", -150.0, 5.0), ("0.5132", 0.5132, 5e-5),
                              ("0", 0.0, 0.0), ("7", 7.0, 0.5)):
        number = Number.of(text)
        assert number.value == value
        np.testing.assert_allclose(number.half_unit, half, rtol=1e-12)
    for text in ("abc", "nan", "inf", "--pheno", ""):
        with pytest.raises(InputError):
            Number.of(text)


def test_too_few_digits_are_said_to_be_too_few():
    problem = random_problem(17)
    explainer, ours = explainer_of(problem, "hsq", True), program(problem, (), "hsq", True)
    other = program(problem, ["K doubled"], "hsq", True)
    assert explainer.answer(Number.of(f"{ours:.5f}"), Number.of(f"{other:.5f}")).status == "explained"
    coarse = explainer.answer(Number.of(f"{ours:.1f}"), Number.of(f"{other:.1f}"))
    assert coarse.status in ("ambiguous", "equal")


def test_equal_numbers_are_equal():
    problem = random_problem(17)
    ours = program(problem, (), "loglik", True)
    explainer = explainer_of(problem, "loglik", True)
    assert explainer.answer(Number(ours), Number(ours)).status == "equal"
    assert explainer.answer(Number(5.0), Number(5.0)).status == "equal"
    assert explainer.answer(Number.of(f"{ours:.3f}"), Number.of(f"{ours:.4f}")).status == "equal"


# --- real programs ----------------------------------------------------------------------------------------------------

#: What the engines' own, untranslated numbers differ by, as the ledger has it: (engine, quantity, REML) → causes.
NATIVE = {
    ("lmmlite-r", "loglik", True): {"lmmlite's constants"}, ("lmmlite-r", "loglik", False): {"lmmlite's constants"},
    ("lmmlite-cpp", "loglik", True): {"lmmlite's constants"}, ("lmmlite-cpp", "loglik", False): {"lmmlite's constants"},
    ("lmmlite-r", "sigmasq", False): {"n-p for n in sigmasq"},
    ("lmmlite-cpp", "sigmasq", False): {"n-p for n in sigmasq"},
    ("qtl2", "hsq", True): {"K doubled"}, ("qtl2", "hsq", False): {"K doubled"},
    ("qtl2", "sigmasq", True): {"K doubled"}, ("qtl2", "sigmasq", False): {"K doubled"},
    ("qtl2", "loglik", True): {"lmmlite's constants", "log10 for ln", "ML value at the REML hsq"},
    ("qtl2", "loglik", False): {"lmmlite's constants", "log10 for ln"},
}


@pytest.mark.parametrize("engine, quantity, reml", list(NATIVE))
def test_native_answers_of_real_engines(engine, quantity, reml, live, tolerance):
    native_engine = live(engine)
    for name in ("h0.5-n100-p1", "h0.9-n150-p3", "weights-n80-p2"):
        data = one_phenotype(next(data for found, _, data in simulation.problems() if found == name), 1)
        causes = set(NATIVE[engine, quantity, reml])
        if data.weights is not None:
            if not native_engine.takes_weights:
                continue
            causes |= {"likelihood of the weighted data"} if quantity == "loglik" else set()
        ours = float(getattr(ENGINES["dense"].optimum(data, reml), quantity)[0])
        other = float(getattr(native_engine.optimum(data, reml), quantity)[0])
        answer = Explainer({"observed": data}, quantity, reml).answer(Number(ours), Number(other))
        assert answer.status == "explained"
        assert causes in [explanation.causes for explanation in answer.explanations]
        assert abs(answer.explanations[0].residual) <= tolerance("explained") * (1.0 + abs(other))
        if engine == "qtl2" and quantity == "loglik":
            assert any("est_herit" in program for program in answer.explanations[0].programs)


def test_two_real_engines_against_each_other(live):
    data = one_phenotype(next(data for name, _, data in simulation.problems() if name == "h0.5-n100-p1"), 0)
    a, b = (Number(float(live(name).optimum(data, True).loglik[0])) for name in ("lmmlite-cpp", "qtl2"))
    answer = Explainer({"observed": data}, "loglik", True).answer(a, b)
    assert answer.status == "explained"
    assert {"lmmlite's constants", "log10 for ln", "ML value at the REML hsq"} in [
        explanation.causes for explanation in answer.explanations]


def test_lmmlite_with_its_default_tolerance(live):
    data = one_phenotype(next(data for name, _, data in simulation.problems() if name == "h0.5-n200-p4"), 2)
    engine = type(live("lmmlite-cpp"))()
    engine.search_arguments = {"tol": known.LOOSE}
    ours, other = (float(one.optimum(data, True).hsq[0]) for one in (ENGINES["dense"], engine))
    answer = Explainer({"observed": data}, "hsq", True).answer(Number(ours), Number(other))
    assert (answer.status, [explanation.causes for explanation in answer.explanations]) == (
        "explained", [{"a loose tolerance"}])


# --- hints for a run, and what is refused -----------------------------------------------------------------------------

@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("quantity", ["loglik", "sigmasq", "beta"])
def test_hint_names_what_a_value_at_fixed_hsq_would_be_closed_by(quantity, reml):
    problem = random_problem(21)
    data, which = data_of(problem), ("loglik", "sigmasq", "beta").index(quantity)
    value = gls(replace(data, K=2.0 * data.K), 0.4, data.Y, reml)[which]
    assert hint(data, reml, quantity, 0.4, value[:, 0] if quantity == "beta" else float(value[0])) == "K doubled"
    other = gls(replace(data, K=3.0 * data.K), 0.4, data.Y, reml)[which]
    assert hint(data, reml, quantity, 0.4, other[:, 0] if quantity == "beta" else float(other[0])) is None
    assert hint(data, reml, quantity, 0.4, np.nan) is None


def test_hint_names_pairs():
    problem = random_problem(21)
    observed = program(problem, ["K doubled", "log 2π left out"], "loglik", True, 0.4)
    assert hint(data_of(problem), True, "loglik", 0.4, observed) == "K doubled and log 2π left out"


def test_the_search_of_all_pairs_is_quick(tolerance):
    problem = random_problem(22, n=100, weighted=True)
    ours = program(problem, (), "loglik", True)
    began = time.process_time()
    answer = explainer_of(problem, "loglik", True).answer(Number(ours), Number(1.2345 * ours))
    assert answer.status == "unexplained"
    assert answer.tried > 500
    assert time.process_time() - began < tolerance("seconds_to_explain")


def test_what_is_refused(table):
    pheno, kinship, covar = table
    for arguments, words in (
            ({"column": None}, "name the one whose numbers"), ({"column": "kidney"}, "no column 'kidney'"),
            ({"quantity": "lod"}, "quantity is 'lod'"), ({"hsq": 1.5}, "from 0 to 1"),
            ({"hsq": 0.5, "quantity": "hsq"}, "nothing to explain"),
            ({"quantity": "beta", "coefficient": "weight"}, "columns of X, intercept, sex, age")):
        with pytest.raises(InputError, match=words):
            explain(1.0, 2.0, pheno, kinship, covar, **{"column": "liver"} | arguments)
