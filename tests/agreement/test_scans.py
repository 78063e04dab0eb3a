"""Tiers 3 and 4: LOD curves and decisions of python and qtl2 agree, and what does not is found, named and judged."""
import json
import subprocess
import sys
from dataclasses import replace
from random import Random

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import find, settings

from lmmbridge.agreement import register, simulation
from lmmbridge.agreement.problems import Problem
from lmmbridge.agreement.run import criteria, without_nan
from lmmbridge.agreement.scan_comparison import compare_scans
from lmmbridge.agreement.scan_models import Place
from lmmbridge.agreement.scan_problems import scan_problems
from lmmbridge.agreement.simulation import two_maxima
from lmmbridge.agreement.tolerances import tolerances
from lmmbridge.engines import ENGINES
from lmmbridge.qtl2.extdata import extdata
from lmmbridge.qtl2.genoprobs import DIMS, Genoprobs
from lmmbridge.qtl2.maps import Map
from lmmbridge.qtl2.scan_data import ScanData
from lmmbridge.testing.strategies import scan_problems as random_scans


@pytest.fixture(scope="module")
def engines(live):
    return {name: live(name) for name in ("python", "qtl2")}


@pytest.fixture(scope="module")
def iron(engines):
    return {problem.name: problem for problem in scan_problems("iron", extdata("iron.zip"))}


def counts(case):
    return {comparison["quantity"]: comparison["counts"] for comparison in case["comparisons"]}


@pytest.mark.parametrize("name", [f"iron/scan-{kinship}/{design}" for kinship in ("none", "overall", "loco")
                                  for design in ("intercept", "covariates", "interaction")])
def test_python_and_qtl2_agree_on_iron(engines, iron, name):
    problem = iron[name]
    case = compare_scans(problem, criteria(problem)[0], engines)
    json.dumps(without_nan(case), allow_nan=False)
    m = len(problem.data.phenotypes)
    expected = ["LOD at given hsq"] + ["LOD at own hsq"] * (problem.data.kinship is not None) + [
        "peaks", "LOD intervals", "Bayes intervals"]
    assert counts(case) == {quantity: {"agree": m} for quantity in expected}
    assert case["scan"]["peaks"]["qtl2"], "no peak was found, so that nothing was decided"


class Faulty:
    """An engine with a planted fault in its LOD scores."""

    def __init__(self, engine, fault):
        self.engine, self.fault, self.scans = engine, fault, True

    def scan(self, data, reml, hsq=None):
        scan = self.engine.scan(data, reml, hsq)
        return replace(scan, lod=self.fault(scan.lod.copy()))

    def peaks(self, *arguments, **named):
        return self.engine.peaks(*arguments, **named)


def raise_one(lod):
    lod.iloc[7, 1] += 1e-6
    return lod


@pytest.mark.parametrize("culprit", ["python", "qtl2"])
@pytest.mark.parametrize("name", ["iron/scan-none/covariates", "iron/scan-overall/interaction", "iron/scan-loco/intercept"])
def test_a_fault_in_one_position_is_found_and_its_engine_named(engines, iron, culprit, name):
    engines = engines | {culprit: Faulty(engines[culprit], raise_one)}
    case = compare_scans(iron[name], False, engines)
    given = next(one for one in case["comparisons"] if one["quantity"] == "LOD at given hsq")
    assert given["counts"] == {"agree": 1, "unexplained": 1}
    assert (given["phenotype"], given["position"]) == ("spleen", iron[name].data.genoprobs.positions[7])
    assert given["reasons"]["unexplained"] == {f"off the dense value: {culprit}": 1}
    assert given["difference"] == pytest.approx(1e-6, rel=1e-3)


class FaultyAt(Faulty):
    """A fault only where hsq is given, or only where it is the engine's own."""

    def __init__(self, engine, fault, given):
        super().__init__(engine, fault)
        self.given = given

    def scan(self, data, reml, hsq=None):
        return super().scan(data, reml, hsq) if (hsq is not None) == self.given else self.engine.scan(data, reml, hsq)


def change(size, position=7):
    def fault(lod):
        lod.iloc[position, 1] += size
        return lod
    return fault


@pytest.mark.parametrize("culprit", ["python", "qtl2"])
@pytest.mark.parametrize("size", [0.5, np.nan])
def test_a_fault_at_the_engine_s_own_hsq_alone_is_found(engines, iron, culprit, size):
    faulty = engines | {culprit: FaultyAt(engines[culprit], change(size), given=False)}
    case = compare_scans(iron["iron/scan-overall/intercept"], True, faulty)
    own = next(one for one in case["comparisons"] if one["quantity"] == "LOD at own hsq")
    assert own["counts"] == {"agree": 1, "unexplained": 1}
    assert own["reasons"]["unexplained"] == {f"off the dense value: {culprit}": 1}
    assert counts(case)["LOD at given hsq"] == {"agree": 2}


def test_a_missing_score_at_one_of_the_given_hsq_is_found(engines, iron):
    class Once(Faulty):
        def scan(self, data, reml, hsq=None):
            scan = self.engine.scan(data, reml, hsq)
            if hsq is not None and hsq.equals(other):
                scan = replace(scan, lod=self.fault(scan.lod.copy()))
            return scan

    problem = iron["iron/scan-overall/intercept"]
    other = engines["qtl2"].scan(problem.data, True).hsq
    case = compare_scans(problem, True, engines | {"python": Once(engines["python"], change(np.nan))})
    given = next(one for one in case["comparisons"] if one["quantity"] == "LOD at given hsq")
    assert given["counts"] == {"agree": 1, "unexplained": 1} and given["phenotype"] == "spleen"


def test_a_known_divergence_at_one_position_hides_no_fault_at_another(engines, iron):
    data = iron["iron/scan-overall/intercept"].data
    G = data.genoprobs["16"].sel(position="D16Mit30").to_pandas().iloc[:, 1:]
    problem = Problem("made/collinear", "made", replace(data, addcovar=G))
    case = compare_scans(problem, True, engines | {"python": Faulty(engines["python"], change(1e-4, position=3))})
    given = next(one for one in case["comparisons"] if one["quantity"] == "LOD at given hsq")
    assert given["counts"].get("unexplained") == 1 and given["phenotype"] == "spleen", given
    assert given["position"] == data.genoprobs.positions[3]


def test_other_decisions_on_the_same_curve_are_unexplained(engines, iron):
    class Eager(Faulty):
        def peaks(self, data, scan, threshold, **named):
            return self.engine.peaks(data, scan, threshold - 0.5, **named)

    problem = iron["iron/scan-none/intercept"]
    case = compare_scans(problem, False, engines | {"python": Eager(engines["python"], lambda lod: lod)})
    peaks = next(one for one in case["comparisons"] if one["quantity"] == "peaks")
    assert "different decisions on the same LOD curve" in peaks["reasons"]["unexplained"]


def test_a_tie_that_rounding_decides_is_explained(engines, iron):
    problem = iron["iron/scan-none/intercept"]

    def tie(lod):
        """The highest position of liver and its neighbour tie within the tolerance, the wrong way round."""
        top = int(np.argmax(lod["liver"].to_numpy()))
        lod.iloc[top, 0], lod.iloc[top + 1, 0] = lod.iloc[top, 0], lod.iloc[top, 0] + 1e-10
        return lod

    def even(lod):
        top = int(np.argmax(lod["liver"].to_numpy()))
        lod.iloc[top + 1, 0] = lod.iloc[top, 0] - 1e-10
        return lod

    faulty = {"python": Faulty(engines["python"], tie), "qtl2": Faulty(engines["qtl2"], even)}
    case = compare_scans(problem, False, faulty)
    assert counts(case)["peaks"] == {"agree": 1, "explained": 1}


def test_an_engine_that_fails_costs_its_answer_and_an_engine_that_does_not_scan_is_counted(engines, iron):
    def fail(lod):
        raise RuntimeError("no luck")

    case = compare_scans(iron["iron/scan-none/intercept"], False,
                         engines | {"python": Faulty(engines["python"], fail), "dense": ENGINES["dense"]})
    assert case["verdicts"] == {"engine failed": 1, "not comparable": 1}
    assert case["engines"]["python"]["message"] == "RuntimeError: no luck"
    assert case["engines"]["dense"]["message"] == "dense does not scan"


def small_scan(data, markers=5, seed=3):
    """A scan of a constructed problem, with made genotypes."""
    rng = np.random.default_rng(seed)
    ids = list(data.ids)
    heterozygous = rng.integers(0, 2, size=(len(ids), markers)).astype(float)
    names = [f"m{j}" for j in range(markers)]
    array = xr.DataArray(np.stack([1.0 - heterozygous, heterozygous], axis=1), dims=DIMS,
                         coords={"individual": ids, "genotype": ["AA", "AB"], "position": names})
    return ScanData(Genoprobs({"1": array}, crosstype="bc", alleles=("A", "B")),
                    Map({"1": pd.Series(np.arange(markers, dtype=float), names)}),
                    pd.DataFrame(data.Y, ids, list(data.phenotypes)), pd.DataFrame(data.K / 2.0, ids, ids))


def test_a_single_search_on_two_maxima_is_a_known_divergence(engines):
    problem = Problem("made/two-maxima", "made", small_scan(replace(two_maxima(), K=2.0 * two_maxima().K)))
    case = compare_scans(problem, True, engines)
    own = next(one for one in case["comparisons"] if one["quantity"] == "LOD at own hsq")
    assert list(own["counts"]) == ["known divergence"], own
    assert "single-search" in next(iter(own["reasons"]["known divergence"]))
    assert counts(case)["LOD at given hsq"] == {"agree": 1}


def test_noise_kept_at_a_collinear_position_is_a_known_divergence_of_qtl2_and_only_that(engines, iron):
    data = iron["iron/scan-overall/intercept"].data
    position = "D16Mit30"
    G = data.genoprobs["16"].sel(position=position).to_pandas().iloc[:, 1:]
    problem = Problem("made/collinear", "made", replace(data, addcovar=G))
    case = compare_scans(problem, True, engines)
    given = next(one for one in case["comparisons"] if one["quantity"] == "LOD at given hsq")
    assert given["counts"].get("known divergence", 0) >= 1 and "unexplained" not in given["counts"], given
    assert "qtl2-collinear-position" in next(iter(given["reasons"]["known divergence"]))
    place = Place(problem.data, position, "liver")
    right = place.dense_lod(0.5)
    assert right == pytest.approx(0.0, abs=tolerances()["LOD at given hsq"]["limit"])
    assert register.explanation(register.LodOff("qtl2", place, 0.5, 0.01, right)) is not None
    assert register.explanation(register.LodOff("qtl2", place, 0.5, 30.0, right)) is None
    assert register.explanation(register.LodOff("python", place, 0.5, 0.01, right)) is None
    elsewhere = Place(problem.data, "D2Mit17", "liver")
    assert register.explanation(register.LodOff("qtl2", elsewhere, 0.5, elsewhere.dense_lod(0.5) + 0.01,
                                                elsewhere.dense_lod(0.5))) is None


@pytest.mark.parametrize("bundle, problems, cases", [
    ("DOex.zip", "*", 15), ("b6btbr.zip", "b6btbr/scan-none/*,b6btbr/scan-overall/covariates,b6btbr/scan-loco/intercept", 7)])
def test_validate_runs_scans_of_a_cross_of_ones_own(shared_data, live, tmp_path, bundle, problems, cases):
    live("qtl2")
    out = tmp_path / "out"
    done = subprocess.run([sys.executable, "-m", "lmmbridge", "validate", "--out", str(out), "--engines", "python,qtl2",
                           "--cross", str(shared_data(bundle)), "--problems", problems], capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr + done.stdout
    results = json.loads((out / "results.json").read_text())
    assert len(results["cases"]) == cases
    assert set(results["verdicts"]) == {"agree"}
    worst = {quantity: max(one["difference"] for case in results["cases"] for one in case["comparisons"]
                           if one["quantity"] == quantity) for quantity in ("LOD at given hsq", "LOD at own hsq")}
    assert 0.0 < worst["LOD at given hsq"] <= tolerances()["LOD at given hsq"]["limit"]
    assert 0.0 < worst["LOD at own hsq"] <= tolerances()["LOD at own hsq"]["limit"]


def random_scan(condition, **options):
    """The simplest random scan of which that holds."""
    return find(random_scans(**options), condition, settings=settings(max_examples=300, database=None, deadline=None),
                random=Random(0))


def test_the_x_chromosome_alone(engines):
    """R/qtl2 files hsq under no chromosome's name then, which any engine takes back."""
    data = random_scan(lambda data: True, x=True, kinship="overall", cross="intercross", min_n=20)
    alone = Genoprobs({"X": data.genoprobs["X"]}, {"X": True}, data.genoprobs.crosstype)
    data = replace(data, genoprobs=alone, map=Map({"X": data.map["X"]}, is_x_chr={"X": True}))
    case = compare_scans(Problem("x", "", data), True, engines)
    assert counts(case)["LOD at given hsq"] == counts(case)["LOD at own hsq"] == {"agree": 1}


def with_a_large_mean():
    """V is well-conditioned, and all that costs digits is the mean of y."""
    data = next(data for name, _, data in simulation.problems() if name == "h0.3-n30-p3")
    return small_scan(replace(data, Y=data.Y[:, :1] + 1e5, phenotypes=data.phenotypes[:1], positions=data.positions[:1],
                              K=data.K + 5.0 * np.eye(30)))


def test_digits_that_the_null_model_loses_are_a_known_divergence_of_qtl2(engines):
    case = compare_scans(Problem("mean", "", with_a_large_mean()), True, engines)
    given = next(one for one in case["comparisons"] if one["quantity"] == "LOD at given hsq")
    assert given["counts"] == {"known divergence": 1}
    assert all(why.startswith("normal-equations (qtl2") for why in given["reasons"]["known divergence"])


@pytest.mark.parametrize("culprit", ["python", "qtl2"])
def test_digits_that_the_null_model_loses_excuse_nothing_larger(engines, culprit):
    engines = engines | {culprit: Faulty(engines[culprit], lambda lod: lod + 1e-2)}
    case = compare_scans(Problem("mean", "", with_a_large_mean()), True, engines)
    given = next(one for one in case["comparisons"] if one["quantity"] == "LOD at given hsq")
    assert given["counts"] == {"unexplained": 1}


def nearly_fitted(data):
    """Residuals of the model with the QTL a thousandth of y."""
    place = Place(data, data.genoprobs.positions[0], "y1")
    return 1e-10 < place.rounding(0.5) < 1e-7


@pytest.mark.parametrize("culprit", ["python", "qtl2"])
def test_rounding_at_an_ill_conditioned_position_excuses_nothing_larger(engines, culprit):
    data = random_scan(nearly_fitted, kinship="overall", max_n=12)
    engines = engines | {culprit: Faulty(engines[culprit], lambda lod: lod + 1e-5)}
    case = compare_scans(Problem("near", "", data), True, engines)
    given = next(one for one in case["comparisons"] if one["quantity"] == "LOD at given hsq")
    assert given["reasons"] == {"unexplained": {f"off the arbiter's value: {culprit}": 1}}


def test_decisions_on_curves_that_differ_have_the_verdict_on_the_curves(engines, iron):
    engines = engines | {"qtl2": Faulty(engines["qtl2"], lambda lod: lod + 3.0)}
    case = compare_scans(iron["iron/scan-overall/intercept"], True, engines)
    for one in case["comparisons"]:
        if one["tier"] == 4:
            assert one["reasons"] == {"unexplained": {"the LOD curves differ: off the dense value: qtl2": 2}}


def test_a_bayes_interval_on_a_single_position_is_not_comparable(engines):
    data = random_scan(lambda data: all(array.sizes["position"] == 1 for array in data.genoprobs.values()), kinship="none")
    high = {name: Faulty(engine, lambda lod: lod + 5.0) for name, engine in engines.items()}
    case = compare_scans(Problem("one", "", data), False, high)
    assert counts(case)["peaks"] == {"agree": 1}
    bayes = next(one for one in case["comparisons"] if one["quantity"] == "Bayes intervals")
    assert list(bayes["reasons"]["not comparable"]) == [
        "chromosome '1' has a peak and a single position, and a Bayes interval needs two"]


@pytest.mark.parametrize("culprit", ["python", "qtl2"])
@pytest.mark.parametrize("shares", [(1.0, 0.0), (0.5, 0.5)], ids=["one does not occur", "two are equal"])
def test_genotypes_that_depend_on_each_other_alone_excuse_nothing(engines, iron, culprit, shares):
    """The noise that R/qtl2 keeps is of columns that depend on the covariates."""
    data = iron["iron/scan-overall/intercept"].data
    arrays = {}
    for name in ("1", "2"):
        values = data.genoprobs[name].values.copy()
        values[:, 1:] = (1.0 - values[:, :1]) * np.array(shares)[:, None]
        arrays[name] = data.genoprobs[name].copy(data=values)
    data = replace(data, genoprobs=Genoprobs(arrays, crosstype=data.genoprobs.crosstype),
                   map=Map({name: data.map[name] for name in arrays}))
    engines = engines | {culprit: Faulty(engines[culprit], lambda lod: lod + 1.0)}
    case = compare_scans(Problem("fewer", "", data), True, engines)
    for one in case["comparisons"]:
        if one["tier"] == 3:
            assert set(one["counts"]) == {"unexplained"}
