"""`lmmbridge report`, `figures`, `compare` and `validate --baseline`: files whole or not at all, one sentence for bad input."""
from __future__ import annotations

import copy
import gzip
import json
import os
import re
import shlex
import shutil
from pathlib import Path

import click
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from threadpoolctl import threadpool_info, threadpool_limits

from lmmbridge import InputError
from lmmbridge.cli import main
from lmmbridge.cli.blas_threads import THREADS, few_blas_threads
from lmmbridge.cli.report import REPORTS
from lmmbridge.cli.results_file import fitting
from lmmbridge.report import html, junit, latex, markdown, tidy
from lmmbridge.report.drawings import drawings
from small_runs import OLD, results_of

#: Format → its files; a PDF needs LaTeX.
WRITTEN = {"html": lambda results: {"report.html": html.render(results)}, "latex": latex.files,
           "markdown": lambda results: {"report.md": markdown.render(results)},
           "junit": lambda results: {"junit.xml": junit.render(results)}, "csv": tidy.files}


def invoked(*arguments) -> click.testing.Result:
    done = CliRunner(mix_stderr=False).invoke(main, [str(argument) for argument in arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results_of("right")))
    return path


def written(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def as_bytes(files: dict[str, str | bytes]) -> dict[str, bytes]:
    return {name: content if isinstance(content, bytes) else content.encode() for name, content in files.items()}


@pytest.mark.parametrize("format", list(WRITTEN))
def test_each_format_is_what_its_renderer_makes(format, file, tmp_path):
    done = invoked("report", file, "--format", format, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    assert written(tmp_path / "out") == as_bytes(WRITTEN[format](results_of("right")))
    assert done.stdout.splitlines() == sorted(str(path) for path in (tmp_path / "out").iterdir())
    assert [path.name for path in tmp_path.iterdir() if path.name not in ("results.json", "out")] == []


def test_a_pdf_or_how_to_get_latex(file, tmp_path):
    done = invoked("report", file, "--format", "pdf", "--out", tmp_path / "out")
    if shutil.which("latexmk") is None or shutil.which("pdflatex") is None:
        refused(done, "install them")
        assert not (tmp_path / "out").exists()
    else:
        assert done.exit_code == 0, done.stderr
        assert set(written(tmp_path / "out")) == {"supplement.pdf"}
        assert (tmp_path / "out" / "supplement.pdf").read_bytes().startswith(b"%PDF-")


def test_several_formats_and_html_by_default(file, tmp_path):
    both = [part for format in WRITTEN for part in ("--format", format)]
    assert invoked("report", file, *both, "--out", tmp_path / "all").exit_code == 0
    every = {name: content for make in WRITTEN.values() for name, content in make(results_of("right")).items()}
    assert written(tmp_path / "all") == as_bytes(every)
    (tmp_path / "empty").mkdir()
    assert invoked("report", file, "--out", tmp_path / "empty").exit_code == 0
    assert set(written(tmp_path / "empty")) == {"report.html"}


def test_results_of_an_older_schema_are_read(tmp_path):
    old = tmp_path / "old.json"
    old.write_bytes(gzip.decompress(OLD.read_bytes()))
    done = invoked("report", old, "--format", "csv", "--format", "markdown", "--format", "junit", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    assert "peaks.csv" in written(tmp_path / "out")


def test_text_that_is_no_unicode_does_not_stop_a_report(tmp_path):
    results = results_of("right") | {"command": "lmmbridge validate --out '\udcff'"}     # as of a folder not in UTF-8
    (tmp_path / "results.json").write_text(json.dumps(results))
    formats = [part for format in WRITTEN for part in ("--format", format)]
    assert invoked("report", tmp_path / "results.json", *formats, "--out", tmp_path / "out").exit_code == 0


@pytest.mark.parametrize("format", ["svg", "png", "pdf"])
def test_figures(format, file, tmp_path):
    done = invoked("figures", file, "--format", format, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    found = list(drawings(results_of("right")))
    files = written(tmp_path / "out")
    assert files == as_bytes({"captions.md": markdown.captions(found)} | {
        f"{drawing.name}.{format}": drawing.content(format) for drawing in found})
    assert len(files) > 3


BAD = {
    "cut": (lambda text: text[:len(text) // 2], "is not JSON"),
    "empty": (lambda text: "", "is not JSON"),
    "nested without end": (lambda text: "[" * 200_000, "is not JSON"),
    "binary": (lambda text: b"\x80\x00\xff", "is not JSON"),
    "a list": (lambda text: "[]", "has no schema_version"),
    "another schema": (lambda text: text.replace('"schema_version": "2.0"', '"schema_version": "9.0"'), "has schema version 9.0"),
    "without cases": (lambda text: json.dumps({key: value for key, value in json.loads(text).items() if key != "cases"}),
                      "is not what lmmbridge writes"),
    "a folder": (None, "cannot be read (Is a directory)"),
    "nothing": (None, "cannot be read (No such file or directory)"),
}


@pytest.fixture(params=list(BAD))
def bad(request, tmp_path):
    """A file that is no results.json, and what is said of it."""
    spoil, sentence = BAD[request.param]
    path = tmp_path / "bad.json"
    if request.param == "a folder":
        path.mkdir()
    elif spoil is not None:
        content = spoil(json.dumps(results_of("right")))
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path, sentence


def refused(done, sentence: str) -> None:
    assert done.exit_code == 2
    assert len(done.stderr.strip().splitlines()) == 1 and sentence in done.stderr, done.stderr
    assert not done.stdout


def test_bad_results_are_refused_and_nothing_is_written(bad, file, tmp_path):
    path, sentence = bad
    for command in ("report", "figures"):
        refused(invoked(command, path, "--out", tmp_path / "out"), f"{path} {sentence}")
    refused(invoked("compare", path, file), f"{path} {sentence}")
    refused(invoked("compare", file, path), f"{path} {sentence}")
    refused(invoked("validate", "--out", tmp_path / "out", "--engines", "python,dense", "--problems", "simulated/h1-n20-p1",
                    "--baseline", path), f"{path} {sentence}")
    assert not (tmp_path / "out").exists()


def first_record(results: dict) -> dict:
    return next(record for case in results["cases"] for record in case["comparisons"] if record["b"] is not None)


def first_estimates(results: dict) -> dict:
    return next(iter(results["cases"][0]["estimates"].values()))


#: What the schema refuses, whatever command reads it.
MISFITS = {
    "counts of another key": lambda results: first_record(results)["counts"].update(splendid=1),
    "no counts": lambda results: first_record(results)["counts"].clear(),
    "counts of a run of another key": lambda results: results["verdicts"].update(splendid=1),
    "a tolerance of nothing": lambda results: first_record(results).update(tolerance=0.0),
    "a negative difference": lambda results: first_record(results).update(difference=-1.0),
    "a tolerance that is null": lambda results: results["tolerances"]["loglik"].update(limit=None),
    "a tolerance that is a text": lambda results: results["tolerances"]["loglik"].update(limit="small"),
    "a tolerance without a number": lambda results: results["tolerances"]["loglik"].pop("limit"),
    "no condition limit": lambda results: results["tolerances"].pop("condition_limit"),
    "asked of nothing": lambda results: first_record(results).update(asked=[]),
    "ill-conditioned without more": lambda results: results["cases"][0]["ill_conditioned"].append({"engine": "python"}),
}
#: What fits the schema and makes no sense: the commands that meet it.
SENSELESS = {
    "short estimates": (lambda results: first_estimates(results)["translated"]["hsq"].clear(), ("report", "figures")),
    "an empty curve": (lambda results: results["cases"][0]["curve"].update(hsq=[]), ("figures",)),
    "a condition limit of another name": (lambda results: results["tolerances"].update(
        condition_limit={"reason": "none", "limit": 1.0}), ("report",)),
    "a difference without a tolerance": (lambda results: first_record(results).update(tolerance=None), ("compare",)),
    "a record without digits": (lambda results: first_record(results).pop("digits"), ("report", "compare")),
}


def spoilt(spoil, tmp_path: Path) -> Path:
    results = results_of("right")
    spoil(results)
    path = tmp_path / "spoilt.json"
    path.write_text(json.dumps(results))
    return path


def spoilt_run(command: str, path: Path, file: Path, tmp_path: Path) -> list[click.testing.Result]:
    if command == "compare":
        return [invoked("compare", path, file), invoked("compare", file, path),
                invoked("validate", "--out", tmp_path / "out", "--engines", "python,dense", "--problems", "simulated/h1-n20-p1",
                        "--baseline", path)]
    return [invoked(command, path, "--out", tmp_path / "out")]


@pytest.mark.parametrize("name", list(MISFITS))
def test_what_the_schema_refuses_is_refused_by_every_command(name, file, tmp_path):
    path = spoilt(MISFITS[name], tmp_path)
    for command in ("report", "figures", "compare"):
        for done in spoilt_run(command, path, file, tmp_path):
            refused(done, f"{path} is not what lmmbridge writes: ")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name, command", [(name, command) for name, (_, commands) in SENSELESS.items() for command in commands])
def test_fields_that_do_not_fit_each_other_are_refused(name, command, file, tmp_path):
    path = spoilt(SENSELESS[name][0], tmp_path)
    for done in spoilt_run(command, path, file, tmp_path):
        refused(done, f"{path} is not what lmmbridge writes: its fields do not fit each other")
    assert not (tmp_path / "out").exists()


def test_the_cause_of_a_refusal_is_there_for_who_looks_for_it(tmp_path):
    with pytest.raises(InputError, match="ZeroDivisionError") as refusal, fitting(tmp_path):
        1 / 0
    assert isinstance(refusal.value.__cause__, ZeroDivisionError)
    with pytest.raises(AssertionError), fitting(tmp_path):
        raise AssertionError


def test_a_command_leaves_the_threads_of_its_process_as_they_were(file, tmp_path, monkeypatch):
    def threads() -> list[int]:
        return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

    monkeypatch.delenv(THREADS, raising=False)
    with threadpool_limits(2):
        before = threads()
        assert before and set(before) == {2}, "a BLAS whose threads cannot be told"
        with few_blas_threads():
            assert set(threads()) == {1} and os.environ[THREADS] == "1"
        refused(invoked("validate", "--out", tmp_path / "out", "--baseline", tmp_path / "none.json"), "cannot be read")
        assert threads() == before and THREADS not in os.environ


@pytest.mark.parametrize("said", ["many", "0", "-1", "1.5", ""])
def test_a_number_of_threads_that_is_none_is_refused(said, tmp_path, monkeypatch):
    monkeypatch.setenv(THREADS, said)
    refused(invoked("validate", "--out", tmp_path / "out"), f"{THREADS} is '{said}'")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["report", "figures"])
def test_a_folder_in_which_there_is_something_is_left_alone(command, file, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")
    refused(invoked(command, file, "--out", tmp_path / "out"), "is not empty")
    assert written(tmp_path / "out") == {"mine": b"mine"}
    refused(invoked(command, file, "--out", file), "is a file")


def test_results_without_a_figure(tmp_path):
    (tmp_path / "results.json").write_text(json.dumps(results_of("right") | {"cases": []}))
    refused(invoked("figures", tmp_path / "results.json", "--out", tmp_path / "out"), "no two engines have numbers")
    assert not (tmp_path / "out").exists()


def test_compare_has_its_status_and_says_why(file, tmp_path):
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps(results_of("wrong divisor")))
    done = invoked("compare", file, wrong)
    assert done.exit_code == 1 and "got a worse verdict" in done.stdout
    done = invoked("compare", wrong, file)
    assert done.exit_code == 0 and "Agreement did not get worse" in done.stdout
    done = invoked("compare", file, wrong, "--json")
    assert done.exit_code == 1 and json.loads(done.stdout)["status"] == 1
    done = invoked("compare", file, file, "--json")
    assert done.exit_code == 0 and json.loads(done.stdout)["worse"] == []


def test_the_help_of_compare_names_every_field_of_its_json(file):
    told = json.loads(invoked("compare", file, file, "--json").stdout)
    help = " ".join(invoked("compare", "--help").stdout.split())
    assert all(re.search(rf"\b{field}\b", help) for field in told)


@pytest.fixture
def own_data(tmp_path) -> list:
    rng = np.random.default_rng(7)
    ids = [f"m{i}" for i in range(20)]
    G = rng.normal(size=(20, 40))
    pd.DataFrame(G @ G.T / 40, ids, ids).to_csv(tmp_path / "kinship.csv")
    pd.DataFrame({"weight": G[:, 0] + rng.normal(size=20)}, ids).to_csv(tmp_path / "pheno.csv")
    return ["--engines", "python,dense", "--pheno", tmp_path / "pheno.csv", "--kinship", tmp_path / "kinship.csv"]


def test_validate_holds_itself_against_a_baseline(own_data, tmp_path):
    assert invoked("validate", "--out", tmp_path / "first", *own_data).exit_code == 0
    first = tmp_path / "first" / "results.json"
    done = invoked("validate", "--out", tmp_path / "second", *own_data, "--baseline", first)
    assert done.exit_code == 0 and "Agreement did not get worse" in done.stdout
    better = json.loads(first.read_text())      # a baseline that had one more case
    better["cases"].append(copy.deepcopy(better["cases"][0]) | {"case": "own/gone/REML"})
    (tmp_path / "better.json").write_text(json.dumps(better))
    done = invoked("validate", "--out", tmp_path / "third", *own_data, "--baseline", tmp_path / "better.json")
    assert done.exit_code == 1 and "compared before are not there: own/gone/REML" in " ".join(done.stdout.split())
    assert json.loads((tmp_path / "third" / "results.json").read_text())["status"] == 0


@pytest.mark.parametrize("command", ["report", "figures", "compare"])
def test_the_example_in_the_help_runs(command, file, tmp_path, monkeypatch):
    for name in ("before.json", "after.json"):
        (tmp_path / name).write_bytes(file.read_bytes())
    monkeypatch.chdir(tmp_path)
    help = " ".join(invoked(command, "--help").stdout.split())
    words = shlex.split(help.split("Example: lmmbridge ")[1].split(" > ")[0])
    done = invoked(*words)
    assert words[0] == command and done.exit_code == 0, done.stderr
    if command != "compare":
        assert written(tmp_path / words[words.index("--out") + 1])


def test_every_format_is_told_in_the_help():
    help = " ".join(invoked("report", "--help").stdout.split())
    assert all(f"{name}: {format.words.split(',')[0]}" in help for name, format in REPORTS.items())
