"""The result model: what a run writes fits its schema, older versions still load, and what is no result is refused."""
from __future__ import annotations

import copy
import gzip
import hashlib
import json
from pathlib import Path

import fastjsonschema
import pytest
from threadpoolctl import threadpool_info

from lmmbridge import InputError
from lmmbridge.agreement import simulation
from lmmbridge.agreement.problems import Problem
from lmmbridge.agreement.results import SCHEMA_VERSION, UPGRADES, read_results, schema
from lmmbridge.agreement.run import Run, availability
from lmmbridge.agreement.verdicts import verdict_of_case
from lmmbridge.engines import ENGINES
from lmmbridge.report import html

OLD = Path(__file__).parents[1] / "report" / "data" / "results-1.0.json.gz"
#: A schema that results were published under stays as it is: what a reader wrote for it goes on to work.
FROZEN = {"2.0": "d462b093e5f129a8b67ec25eb26a46e2cceb5579880441b637685962f450c5b4"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A run of engines that are here, with divergences, ill-conditioned points, weights, and a scan where there is qtl2."""
    found = {name: state for name, state in availability(list(ENGINES)).items() if state.version is not None}
    problems = [Problem(f"simulated/{name}", source, data, simulation.seed_of(name)) for name, source, data in simulation.problems()
                if name in ("two-maxima", "ill-conditioned-n40-p2", "weights-n80-p2", "centred-n60-p1")]
    if "qtl2" in found:
        from lmmbridge.agreement.scan_problems import scan_problems
        from lmmbridge.qtl2 import extdata

        problems += [problem for problem in scan_problems("iron", extdata("iron.zip"))
                     if problem.name == "iron/scan-overall/covariates"]
    out = tmp_path_factory.mktemp("run") / "out"
    Run(out, found, problems, {"grav2": ValueError("not here")}, "lmmbridge validate").execute()
    return out


@pytest.fixture(scope="module")
def results(folder) -> dict:
    return read_results(folder / "results.json")


def test_the_schema_is_one_and_is_the_frozen_one():
    fastjsonschema.compile(schema())
    assert schema()["properties"]["schema_version"]["const"] == SCHEMA_VERSION
    content = json.dumps(schema(), sort_keys=True).encode()
    assert hashlib.sha256(content).hexdigest() == FROZEN[SCHEMA_VERSION], (
        "the schema was changed: give it a new version and an upgrade, or, before it is released, record its new hash here")


def test_every_object_of_the_schema_says_what_it_may_hold():
    def objects(part):
        if isinstance(part, dict):
            if "properties" in part:
                yield part
            for one in part.values():
                yield from objects(one)
    found = list(objects(schema()))
    assert len(found) >= 12
    for part in found:
        assert part["additionalProperties"] is False and set(part["required"]) <= set(part["properties"])


def test_a_run_holds_what_the_model_asks_for(results):
    assert results["schema_version"] == SCHEMA_VERSION and results["date"].endswith("+00:00")
    provenance = results["provenance"]
    assert provenance["git"] is None or len(provenance["git"]["commit"]) == 40
    assert provenance["r"] is None or "R version" in provenance["r"]["session"]
    kernels = [f"{info['version']} {info['architecture']} " for info in threadpool_info() if info["user_api"] == "blas"
               and "architecture" in info]
    assert all(kernel in provenance["blas"] for kernel in kernels)
    for case in results["cases"]:
        assert len(case["content_hash"]) == 64
        for answer in case["engines"].values():
            assert bool(answer["seconds"]) == (answer["status"] == "answered")
    assert {case["seed"] for case in results["cases"] if case["problem"] == "simulated/weights-n80-p2"} == {
        simulation.seed_of("weights-n80-p2")}
    assert all(engine["blas"] and engine["conventions"] for engine in results["engines"])


def test_both_values_of_a_comparison_are_there_and_differ_by_what_is_said(results):
    told = 0
    for case in results["cases"]:
        for record in case["comparisons"]:
            if record.get("values") is None or record["quantity"] not in ("loglik at fixed hsq", "reported loglik", "LOD at own hsq"):
                continue
            a, b = record["values"][record["a"]], record["values"][record["b"]]
            if None in (a, b, record["difference"]):
                continue
            scale = 1.0 + abs(b) if "loglik" in record["quantity"] else 1.0
            # The other may be the one whose size the difference is relative to.
            other = 1.0 + abs(a) if "loglik" in record["quantity"] else 1.0
            assert min(abs(abs(a - b) / scale - record["difference"]), abs(abs(a - b) / other - record["difference"])) <= 1e-12
            told += 1
    assert told > 20


def test_native_values_translate_into_the_curves(results):
    from lmmbridge.agreement.ledger import LEDGER, Size

    data = {f"simulated/{name}": data for name, _, data in simulation.problems()}
    for case in results["cases"]:
        if case["curve"] is None:
            continue
        size = Size.of(data[case["problem"]])
        for name, native in case["curve"]["native"].items():
            convention = LEDGER[name]
            constant = (convention.to_reml if case["criterion"] == "REML" else convention.to_ml)(size)
            for one, other in zip(native, case["curve"]["loglik"][name]):
                assert (one is None) == (other is None)
                assert one is None or abs(one + constant - other) <= 1e-12 * (1.0 + abs(other))


def test_the_right_value_stands_with_every_known_divergence_at_fixed_hsq_or_optimum(results):
    found = [record for case in results["cases"] for record in case["comparisons"]
             if record["b"] is not None and record["counts"].get("known divergence") and "right" in record]
    if not any(name in ("lmmlite-r", "lmmlite-cpp", "qtl2") for name in (engine["name"] for engine in results["engines"])):
        pytest.skip("engines lmmlite-r, lmmlite-cpp and qtl2 are not available: nothing diverges")
    assert found
    for record in found:
        assert set(record["right"]["values"]) == {record["a"], record["b"]}
        assert all(value is not None for value in record["right"]["values"].values())


def test_results_of_schema_1_0_load_and_render(tmp_path):
    raw = json.loads(gzip.decompress(OLD.read_bytes()))
    assert raw["schema_version"] == "1.0" and "1.0" in UPGRADES
    found = read_results(OLD)
    (tmp_path / "results.json").write_text(json.dumps(raw))
    assert read_results(tmp_path / "results.json") == found
    assert found["schema_version"] == SCHEMA_VERSION and found["date"] is None
    assert found["verdicts"] == raw["verdicts"] and len(found["cases"]) == len(raw["cases"])
    assert [engine["version"] for engine in found["engines"]] == [engine["version"] for engine in raw["engines"]]
    page = html.render(found)
    assert "not recorded" in page and all(case["case"] in page for case in found["cases"])


def test_rendering_leaves_results_as_they_are(results):
    before = copy.deepcopy(results)
    html.render(results)
    assert results == before


@pytest.mark.parametrize(("content", "words"), [
    ("{", "is not JSON"), ("[1]", "has no schema_version"), ("{}", "has no schema_version"),
    ('{"schema_version": 2}', "has no schema_version"),
    ('{"schema_version": "7.1"}', "has schema version 7.1, and this lmmbridge reads 1.0 and 2.0"),
    ('{"schema_version": "2.0"}', "is not what lmmbridge writes: data must contain"),
    ('{"schema_version": "1.0"}', "is not what lmmbridge writes")])
def test_what_is_no_result_is_refused_in_a_sentence(tmp_path, content, words):
    path = tmp_path / "results.json"
    path.write_text(content)
    with pytest.raises(InputError, match=words) as refused:
        read_results(path)
    assert str(path) in str(refused.value) and "\n" not in str(refused.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "nothing.json"):
        with pytest.raises(InputError, match="cannot be read"):
            read_results(path)
    (tmp_path / "picture.json").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(InputError, match="is not JSON"):
        read_results(tmp_path / "picture.json")
    for content in (b"no archive", OLD.read_bytes()[:1000]):
        (tmp_path / "cut.json.gz").write_bytes(content)
        with pytest.raises(InputError, match="cannot be read"):
            read_results(tmp_path / "cut.json.gz")


def test_a_changed_field_is_refused_with_its_name(folder, tmp_path):
    for change, words in ((lambda one: one["cases"][0].pop("n"), r"cases\[0\]"),
                          (lambda one: one["cases"][0]["comparisons"][0].update(counts=3), "counts"),
                          (lambda one: one["engines"][0].update(status="perhaps"), r"engines\[0\]\.status"),
                          (lambda one: one.update(surprise=1), "surprise")):
        content = json.loads((folder / "results.json").read_text())
        change(content)
        path = tmp_path / "results.json"
        path.write_text(json.dumps(content))
        with pytest.raises(InputError, match=words):
            read_results(path)


def test_the_verdict_on_a_pair_is_laid_to_the_engine_that_is_off(results):
    case = next(case for case in results["cases"] if case["case"] == "simulated/two-maxima/REML")
    verdicts = {name: estimates["verdict"] for name, estimates in case["estimates"].items()}
    assert verdicts["python"] == verdicts["dense"] == ["agree"]
    off = {name for name in ("lmmlite-r", "lmmlite-cpp", "qtl2") if name in verdicts and verdicts[name] == ["known divergence"]}
    pairs = {(record["a"], record["b"]) for record in case["comparisons"] if record["counts"].get("known divergence")}
    if not {"lmmlite-r", "lmmlite-cpp", "qtl2"} & set(verdicts):
        pytest.skip("engines lmmlite-r, lmmlite-cpp and qtl2 are not available: nothing diverges")
    assert off and pairs and all(off & set(pair) for pair in pairs)


@pytest.mark.parametrize("counts, verdict", [
    ({"agree": 3, "not comparable": 9}, "agree"), ({"agree": 3, "unexplained": 1, "not comparable": 9}, "unexplained"),
    ({"known divergence": 1, "agree": 9, "not comparable": 2}, "known divergence"), ({"not comparable": 2}, "not comparable"),
    ({"engine failed": 1, "not comparable": 2}, "engine failed"), ({"not available": 1, "not comparable": 2}, "not available"),
    ({}, "not comparable")])
def test_what_is_not_given_does_not_hide_the_verdict_on_what_is_compared(counts, verdict):
    assert verdict_of_case(counts) == verdict
