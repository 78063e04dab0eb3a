"""Implementations of other people: functions as engines, the fixtures for pytest, the recipe for CI, and the worked example."""
from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

import lmmbridge.testing
from lmmbridge import InputError
from lmmbridge.agreement import simulation
from lmmbridge.agreement.comparison import compare
from lmmbridge.agreement.ledger import LEDGER
from lmmbridge.agreement.problems import Problem
from lmmbridge.engines import ENGINES, EngineFailure
from lmmbridge.engines.function import FunctionEngine, python_function
from lmmbridge.fitting import fit_lmm
from lmmbridge.testing.plugin import CaseCheck

PROJECT = Path(__file__).parents[2]
PAGE = Path(lmmbridge.testing.__file__).with_name("CONFORMANCE.md").read_text(encoding="utf-8")
DATA = {name: data for name, _, data in simulation.problems()}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def block(language: str, containing: str) -> str:
    found, = [text for text in blocks(language) if containing in text]
    return found


@pytest.fixture
def folder(tmp_path) -> Path:
    """A project with the files of the example."""
    for text in blocks("python"):
        name = re.match(r"# (\w+\.py)\n", text)
        if name:
            (tmp_path / name[1]).write_text(text, encoding="utf-8")
    return tmp_path


def run(command: str, folder: Path) -> subprocess.CompletedProcess:
    env = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run(["bash", "-c", command], cwd=folder, env=env, capture_output=True, text=True, timeout=900)


def mend(folder: Path) -> None:
    file = folder / "mymodel.py"
    text = file.read_text()
    assert text.count("        df = n\n") == 1
    file.write_text(text.replace("        df = n\n", block("python", "df = n - p")))


def results(folder: Path) -> dict:
    return json.loads((folder / "results.json").read_text())


def test_the_flawed_engine_of_the_example_is_found_out_and_the_mended_one_passes(folder):
    command = block("sh", "--out checked\n").replace("simulated/*", "simulated/h*")
    done = run(command, folder)
    assert done.returncode == 1, done.stderr
    found = results(folder / "checked")
    assert [engine["status"] for engine in found["engines"]] == ["live"] * 3
    reasons = {why for case in found["cases"] for record in case["comparisons"] if case["criterion"] == "REML"
               for why in record["reasons"].get("unexplained", {})}
    assert any("n for n-p throughout REML" in why and "would close the gap" in why for why in reasons)
    wrong = [record for case in found["cases"] for record in case["comparisons"] if record["counts"].get("unexplained")]
    assert wrong and all("mymodel:fit" in (record["a"], record["b"]) for record in wrong)
    assert all(case["criterion"] == "REML" for case in found["cases"] if case["verdicts"].get("unexplained"))
    broken = {row["law"] for row in found["laws"] if row["state"] == "broken"}
    assert "phenotype" in broken and "order" not in broken and len(found["laws"]) == 16
    page = (folder / "checked" / "report.html").read_text(encoding="utf-8")
    assert f"mymodel:fit breaks {len(broken)} laws" in page and "mymodel:fit breaks the law" in done.stdout
    mend(folder)
    again = run(command.replace("--out checked", "--out mended"), folder)
    assert again.returncode == 0, again.stdout
    assert {row["state"] for row in results(folder / "mended")["laws"]} == {"held"}


def test_the_fixtures_find_the_flaw_and_pass_the_mended_engine(folder):
    command = f"{block('sh', 'pytest test_mymodel.py').strip()} -p no:cacheprovider -q".replace("pytest ", f"{sys.executable} -m pytest ", 1)
    done = run(command, folder)
    assert done.returncode == 1
    assert "test_agrees_with_other_implementations[simulated/h0-n10-p1/REML]" in done.stdout
    assert "n for n-p throughout REML would close the gap" in done.stdout
    assert "breaks the law 'phenotype'" in done.stdout and "passed" in done.stdout
    mend(folder)
    again = run(command, folder)
    assert again.returncode == 0, again.stdout
    wrong = run(command.replace("python,dense", "python,nothing"), folder)
    assert wrong.returncode != 0 and "no engine is called 'nothing'" in wrong.stdout + wrong.stderr


@pytest.mark.parametrize("engines", ["''", ","])
def test_the_fixtures_refuse_to_compare_with_nothing(folder, engines):
    done = run(f"{sys.executable} -m pytest test_mymodel.py -q -p no:cacheprovider --lmmbridge-engines {engines}", folder)
    assert done.returncode == 2 and "--lmmbridge-engines: name at least one engine to compare with" in done.stdout + done.stderr


class Silent(type(ENGINES["dense"])):
    def optimum(self, data, reml):
        raise ArithmeticError("too hard")


def test_a_case_that_no_other_engine_answers_fails_and_one_of_several_does_not():
    def fit(y, X, K, reml):
        return as_python(y, X, K, reml)
    problem = Problem("made", "", DATA["h0-n10-p1"])
    with pytest.raises(pytest.fail.Exception, match=r"no engine to compare with gave an answer \(dense: .*too hard\)"):
        CaseCheck(problem, True, {"dense": Silent()}).check(fit)
    CaseCheck(problem, True, {"python": ENGINES["python"], "dense": Silent()}).check(fit)


def test_a_skip_names_the_engines_that_gave_no_answer():
    def fit(y, X, K, reml):
        return as_python(y, X, K, reml)
    X = np.column_stack([np.ones(10), 1.0 + 1e-9 * np.arange(10)])      # too ill-conditioned for anything to be compared
    data = replace(DATA["h0-n10-p1"], X=X, columns=("a", "b"))
    engines = {"python": ENGINES["python"], "dense": Silent()}
    with pytest.raises(pytest.skip.Exception, match="none of its answers could be compared; dense: .* ArithmeticError: too hard"):
        CaseCheck(Problem("made", "", data), True, engines).check(fit)


def test_the_example_in_r_runs(folder, live):
    live("r-reference")
    command = block("sh", "--engine-r").replace("simulated/h0*", "simulated/h0-n10-p1")
    done = run(command, folder)
    assert done.returncode == 0, done.stderr
    found = results(folder / "checked-in-r")
    assert found["engines"][-1]["name"] == "r-function"
    agree = {record["quantity"] for case in found["cases"] for record in case["comparisons"]
             if record["b"] == "r-function" and record["counts"].get("agree")}
    assert agree == {"reported loglik", "reported sigmasq", "reported beta", "optimum"}


def test_the_recipe_for_ci_writes_summary_and_junit_and_ends_with_the_status(folder):
    command = block("sh", "scripts/check.sh").replace("scripts/check.sh", str(PROJECT / "scripts" / "check.sh"))
    command = command.replace("simulated/h0*", "simulated/h0-n10-p1")
    done = run(command, folder)
    assert done.returncode == 1, done.stderr
    out = folder / "checked-in-ci"
    assert (out / "ci" / "junit.xml").is_file() and "mymodel:fit" in (out / "ci" / "report.md").read_text(encoding="utf-8")
    assert run(command.replace("mymodel:fit", "nothing:fit").replace("checked-in-ci", "no"), folder).returncode == 2


def test_the_composite_action_runs_the_recipe(folder):
    action = yaml.safe_load((PROJECT / ".github" / "actions" / "check" / "action.yml").read_text(encoding="utf-8"))
    step, = [step for step in action["runs"]["steps"] if step["name"] == "Check"]
    values = {"engine": "mymodel:fit", "options": "--engines python,dense --problems simulated/h0-n10*", "out": "kept"}
    assert set(values) <= set(action["inputs"])
    env = {name: re.sub(r"\$\{\{ inputs\.(\w+) \}\}", lambda match: values[match[1]], text) for name, text in step["env"].items()}
    summary = folder / "summary.md"
    exports = "".join(f"export {name}='{value}'\n" for name, value in env.items())
    exports += f"export GITHUB_STEP_SUMMARY='{summary}' GITHUB_ACTION_PATH='{PROJECT / '.github/actions/check'}'\n"
    done = run(exports + step["run"], folder)
    assert done.returncode == 1, done.stderr
    assert "mymodel:fit" in summary.read_text(encoding="utf-8")
    uses = re.search(r"uses: OWNER/lmmbridge/(\S+)@", PAGE)[1]
    assert (PROJECT / uses / "action.yml").is_file()
    assert all(set(step) & {"run", "uses"} for step in action["runs"]["steps"])


def as_python(y, X, K, reml, hsq=None):
    """Our own fit, as a function of another project; attributes rather than a mapping."""
    assert hsq is None
    found = fit_lmm(y, K, X, reml=reml)
    return SimpleNamespace(hsq=found.hsq, loglik=found.loglik, sigmasq=found.sigmasq, beta=found.beta)


def judged(function, data, convention="python") -> list[dict]:
    engine = FunctionEngine(function, "mine")
    case = compare(Problem("made", "", data), True, {"dense": ENGINES["dense"], "mine": engine},
                   LEDGER | {"mine": LEDGER[convention]}, arbitrate=False)
    return case["comparisons"]


def test_a_function_without_hsq_is_compared_at_its_optimum_alone():
    def fit(y, X, K, reml):
        return as_python(y, X, K, reml)
    found = {record["quantity"]: record["counts"] for record in judged(fit, DATA["h0.3-n30-p3"]) if record["b"]}
    assert found["optimum"] == found["reported loglik"] == found["reported beta"] == {"agree": 4}
    assert found["loglik at fixed hsq"] == {"not comparable": 4}


@pytest.mark.parametrize("spoilt", ["y", "X", "K", "weights"])
def test_a_function_that_spoils_its_inputs_has_failed_and_spoils_only_its_own(spoilt):
    def fit(y, X, K, reml, weights=None):
        {"y": y, "X": X, "K": K, "weights": weights}[spoilt][0] += 1.0
        return {"hsq": 0.5, "loglik": 1.0, "sigmasq": 1.0}
    data = next(one for name, one in DATA.items() if name.startswith("weights-n80"))
    before = data.K.copy(), data.Y.copy(), data.X.copy(), data.weights.copy()
    with pytest.raises(EngineFailure, match=rf"mine changes its inputs in place \({spoilt}\)"):
        FunctionEngine(fit, "mine").optimum(data, True)
    assert all(np.array_equal(*pair) for pair in zip(before, (data.K, data.Y, data.X, data.weights)))


@pytest.mark.parametrize(("answer", "words"), [
    ({"loglik": 1.0, "sigmasq": 1.0}, "mine gave no 'hsq'"),
    ({"hsq": 0.5, "loglik": [1.0, 2.0], "sigmasq": 1.0}, "mine gave 2 numbers as 'loglik' where 1 belong"),
    ({"hsq": 0.5, "loglik": 1.0, "sigmasq": 1.0, "beta": [1.0, 2.0]}, "mine gave 2 numbers as 'beta' where 1 belong"),
    ({"hsq": "half", "loglik": 1.0, "sigmasq": 1.0}, "mine gave 'hsq' that is not numbers: 'half'"),
    (None, "mine gave no 'hsq'")])
def test_what_a_function_gives_wrongly_is_told_in_a_sentence(answer, words):
    engine = FunctionEngine(lambda y, X, K, reml: answer, "mine")
    with pytest.raises(EngineFailure, match=re.escape(words)):
        engine.optimum(DATA["h0-n10-p1"], True)


def test_a_function_that_raises_has_failed_and_the_others_go_on():
    def fit(y, X, K, reml):
        raise ArithmeticError("too hard")
    found = judged(fit, DATA["h0-n10-p1"])
    assert [record["counts"] for record in found] == [{"engine failed": 4}]
    assert "ArithmeticError: too hard" in str(found[0]["reasons"])


@pytest.mark.parametrize(("target", "words"), [
    ("numpy", "is not of the form package.module:function"), ("numpy:", "is not of the form"),
    ("no_such_module:fit", "no_such_module cannot be imported (ModuleNotFoundError"), ("numpy:fit", "numpy has no 'fit'"),
    ("numpy:pi", "numpy:pi is not a function")])
def test_a_function_that_is_not_there_is_refused_in_a_sentence(target, words):
    with pytest.raises(InputError, match=re.escape(words)):
        python_function(target)


def test_r_code_that_is_no_function_is_refused(live, tmp_path):
    live("r-reference")
    for code in ("1 + 1", "function(y,"):
        done = subprocess.run([sys.executable, "-m", "lmmbridge", "validate", "--engine-r", code, "--out", str(tmp_path / "out"),
                               "--problems", "simulated/h0-n10-p1"], capture_output=True, text=True, timeout=300)
        assert done.returncode == 2 and "--engine-r: this is not R code of a function" in done.stderr
        assert not (tmp_path / "out").exists()


def test_a_run_does_not_go_on_with_answers_of_edited_code(folder):
    command = "lmmbridge validate --engine mymodel:fit --engines python --problems simulated/h0-n10-p1 --out run"
    assert run(command, folder).returncode == 1
    mend(folder)
    again = run(command, folder)
    assert again.returncode == 2 and "other inputs, engines, versions or options" in again.stderr


def test_a_run_does_not_go_on_with_answers_of_an_edited_helper(folder):
    """Which is imported when the function is called, and not before."""
    mend(folder)
    (folder / "quick.py").write_text("def fit(y, X, K, reml):\n    import mymodel\n    return mymodel.fit(y, X, K, reml)\n")
    command = "lmmbridge validate --engine quick:fit --engines python --problems simulated/h0-n10-p1 --out run"
    assert run(command, folder).returncode == 0
    assert run(command, folder).returncode == 0
    with open(folder / "mymodel.py", "a", encoding="utf-8") as file:
        file.write("# edited\n")
    again = run(command, folder)
    assert again.returncode == 2 and "other inputs, engines, versions or options" in again.stderr


def test_leaving_a_value_out_once_excuses_nothing():
    def at_fixed_hsq(y, X, K, reml, hsq=None):
        found = ENGINES["dense"].optimum(DATA["h0.3-n30-p3"], reml) if hsq is None else None
        column = next(j for j in range(4) if np.array_equal(DATA["h0.3-n30-p3"].Y[:, j], y))
        if hsq is None:
            answer = {name: getattr(found, name)[column] for name in ("hsq", "loglik", "sigmasq")}
            return answer if column == 0 else answer | {"beta": 7.0 * found.beta[:, column]}
        at = ENGINES["dense"].at_hsq(DATA["h0.3-n30-p3"], np.full((1, 4), hsq), reml)
        answer = {"hsq": hsq, "loglik": at.loglik[0, column]}
        return answer if hsq == 0.0 else answer | {"sigmasq": 1.5 * at.sigmasq[0, column]}
    found = {record["quantity"]: record["counts"] for record in judged(at_fixed_hsq, DATA["h0.3-n30-p3"]) if record["b"]}
    assert found["loglik at fixed hsq"] == {"agree": 4}
    assert found["sigmasq at fixed hsq"] == {"unexplained": 4}
    assert found["reported beta"] == {"unexplained": 4}


def test_a_sound_function_without_hsq_is_not_blamed_for_the_fault_of_another():
    class Bad(type(ENGINES["dense"])):
        def at_hsq(self, data, hsq, reml):
            found = super().at_hsq(data, hsq, reml)
            return type(found)(found.loglik + 0.01, found.sigmasq, found.beta)

    def good(y, X, K, reml):
        return as_python(y, X, K, reml)
    data = DATA["h0.3-n30-p3"]
    case = compare(Problem("made", "", data), True, {"good": FunctionEngine(good, "good"), "bad": Bad()},
                   LEDGER | {"good": LEDGER["python"], "bad": LEDGER["dense"]}, arbitrate=False)
    reasons = {why for record in case["comparisons"] for why in record["reasons"].get("unexplained", {})}
    assert reasons and all("good" not in why.partition(";")[0] for why in reasons)
    assert set(case["estimates"]["bad"]["verdict"]) == {"unexplained"}
    assert "unexplained" not in case["estimates"]["good"]["verdict"]


def test_each_engine_answers_for_its_own_points():
    """One is far off at one end, the other a little in the middle: both are told, and both have the verdict."""
    def off(name, where, size):
        def fit(y, X, K, reml, hsq=None):
            data = DATA["h0.3-n30-p3"]
            column = next(j for j in range(4) if np.array_equal(data.Y[:, j], y))
            if hsq is None:
                found = ENGINES["dense"].optimum(data, reml)
                return {part: getattr(found, part)[column] for part in ("hsq", "loglik", "sigmasq")}
            at = ENGINES["dense"].at_hsq(data, np.full((1, 4), hsq), reml)
            return {"hsq": hsq, "loglik": at.loglik[0, column] + size * where(hsq), "sigmasq": at.sigmasq[0, column]}
        return FunctionEngine(fit, name)
    engines = {"end": off("end", lambda h: h == 0.0, 0.1), "middle": off("middle", lambda h: 0.4 < h < 0.6, 0.01)}
    case = compare(Problem("made", "", DATA["h0.3-n30-p3"]), True, engines, LEDGER | dict.fromkeys(engines, LEDGER["python"]),
                   arbitrate=False)
    for name in engines:
        assert set(case["estimates"][name]["verdict"]) == {"unexplained"}


def test_a_function_that_ends_the_program_has_failed(folder):
    (folder / "ends.py").write_text("import sys\n\ndef fit(y, X, K, reml, hsq=None):\n    sys.exit(0)\n")
    done = run(f"{PROJECT / 'scripts' / 'check.sh'} ends:fit out --engines python,dense --problems simulated/h0-n10-p1", folder)
    assert done.returncode == 1
    assert "sys.exit(0)" in json.dumps(results(folder / "out"))


def test_a_run_in_which_nothing_was_compared_fails(folder):
    (folder / "plain.py").write_text("def fit(y, X, K, reml):\n    raise ValueError('never asked')\n")
    done = run("lmmbridge validate --engine plain:fit --engines python,dense --problems 'simulated/weights-n80*' --out out", folder)
    assert done.returncode == 1 and "plain:fit: none of its answers could be compared" in done.stdout


def test_numbers_that_are_none_have_a_report(folder):
    (folder / "nans.py").write_text("nan = float('nan')\n\ndef fit(y, X, K, reml, hsq=None):\n"
                                    "    return {'hsq': nan, 'loglik': nan, 'sigmasq': nan}\n")
    done = run("lmmbridge validate --engine nans:fit --engines python --problems simulated/h0-n10-p1 --out out", folder)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert (folder / "out" / "report.html").is_file()


def test_the_recipe_shows_no_report_of_another_run(folder):
    check = PROJECT / "scripts" / "check.sh"
    mend(folder)
    assert run(f"{check} mymodel:fit out --engines python --problems simulated/h0-n10-p1", folder).returncode == 0
    other = run(f"{check} mymodel:height out --engines python --problems simulated/h0-n10-p1", folder)
    assert other.returncode == 2 and "Passed" not in other.stdout


def test_a_module_that_ends_the_program_at_import_is_refused(folder):
    (folder / "exiting.py").write_text("import sys\n\ndef fit(y, X, K, reml):\n    return {}\n\nsys.exit(0)\n")
    done = run("lmmbridge validate --engine exiting:fit --engines python --problems simulated/h0-n10-p1 --out out", folder)
    assert done.returncode == 2 and "exiting cannot be imported (SystemExit: 0)" in done.stderr
    assert "Traceback" not in done.stderr and not (folder / "out").exists()


def test_the_recipe_shows_no_report_where_the_run_ended_without_one(folder):
    command = f"{PROJECT / 'scripts' / 'check.sh'} quick:fit out --engines python --problems simulated/h0-n10-p1"
    mend(folder)
    quick = folder / "quick.py"
    quick.write_text("import mymodel\n\ndef fit(y, X, K, reml):\n    return mymodel.fit(y, X, K, reml)\n")
    for _ in range(2):      # the second run goes on from the first and writes its results again
        done = run(command, folder)
        assert done.returncode == 0 and "Passed" in done.stdout
    quick.write_text("import os\n\nos._exit(0)\n")
    done = run(command, folder)
    assert done.returncode == 1 and "Passed" not in done.stdout and "wrote no results" in done.stderr
