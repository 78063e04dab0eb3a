"""Runs the tests of the numerical core on every mutant of it: `python tests/mutation/run.py [MODULE …]`.

Each mutant stands in a copy of the package in a temporary directory and gets a process of its own. Results are written
to build/mutation/results.jsonl at once, and a run that was cut goes on: a mutant that was killed stays killed, one that
survived is tried again when the tests have changed (remove the file to try all). When every mutant was tried, MUTANTS.md
is written. Ends with status 1 if a survivor is not in survivors.yaml, or an entry there is none.
"""
from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path

import yaml
from mutants import Mutant, mutants
from score_table import rendered
from workshop import Workshop

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PACKAGE = Path("lmmbridge/lmm")
RESULTS = ROOT / "build/mutation/results.jsonl"
#: What a mutant needs around it.
COPIED = ["lmmbridge", "pyproject.toml", "tests/conftest.py", "tests/tolerances.yaml", "tests/lmm"]
#: Test files of each module, the most telling first; a mutant is killed by the first test that fails.
CORE = ["test_closed_forms.py", "test_likelihood.py", "test_fit.py", "test_inference.py", "test_estimation.py"]
TESTS = {
    "rotation": [*CORE, "test_scan.py", "test_prediction.py", "test_tridiagonal.py"],
    "least_squares": [*CORE, "test_scan.py", "test_prediction.py", "test_tridiagonal.py"],
    "likelihood": [*CORE, "test_prediction.py", "test_tridiagonal.py"],
    "estimation": ["test_search.py", "test_fit.py", "test_inference.py", "test_estimation.py", "test_prediction.py"],
    "inference": ["test_fit.py", "test_inference.py", "test_estimation.py"],
    "fit": ["test_fit.py", "test_inference.py", "test_estimation.py"],
    "scan": ["test_scan.py", "test_effects.py"],
    "effects": ["test_effects.py"],
    "blup": ["test_prediction.py"],
    "elimination": ["test_many.py", "test_gram_scan.py", "test_each_position.py"],
    "weight_basis": ["test_weight_basis.py", "test_many.py", "test_gram_scan.py"],
    "tridiagonal": ["test_tridiagonal.py", "test_many.py"],
    "many": ["test_many.py", "test_each_position.py"],
    "gram_scan": ["test_gram_scan.py"],
    "each_position": ["test_each_position.py"],
}


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("modules", nargs="*", metavar="MODULE", help=f"one of {', '.join(TESTS)} (default: all)")
    modules = arguments.parse_args().modules or list(TESTS)
    if unknown := set(modules) - set(TESTS):
        arguments.error(f"no module {sorted(unknown)[0]!r}: the modules are {', '.join(TESTS)}")

    os.environ["OPENBLAS_NUM_THREADS"] = "1"        # one core is enough for small matrices, and others work here
    known = {result["key"]: result for result in earlier()}
    with Workshop(ROOT, COPIED) as workshop:
        for module in modules:
            try_all(workshop, module, known)
        of_module = {module: all_mutants(workshop, module) for module in TESTS}
    found = {module: [(mutant, known[mutant.key]) for mutant in every]
             for module, every in of_module.items() if all(mutant.key in known for mutant in every)}
    if len(found) < len(TESTS):
        print(f"not tried yet: {', '.join(module for module in TESTS if module not in found)}")
    text, missing, stale = rendered(found, reasons())
    if len(found) == len(TESTS):
        (HERE / "MUTANTS.md").write_text(text, encoding="utf-8")
    print(text.partition("## ")[0])
    for name in missing:
        print(f"survived, and survivors.yaml does not say why: {name}")
    if len(found) == len(TESTS):
        for name in stale:
            print(f"no longer a survivor, take it out of survivors.yaml: {name}")
    return int(bool(missing or stale) or len(found) < len(TESTS))


def all_mutants(workshop: Workshop, module: str) -> list[Mutant]:
    return mutants(module, (workshop.path / PACKAGE / f"{module}.py").read_text(encoding="utf-8"))


def reasons() -> list[dict]:
    """Entries of survivors.yaml: reason, and the names of the mutants."""
    return yaml.safe_load((HERE / "survivors.yaml").read_text(encoding="utf-8")) or []


def earlier() -> Iterable[dict]:
    return [json.loads(line) for line in RESULTS.read_text(encoding="utf-8").splitlines()] if RESULTS.exists() else []


def try_all(workshop: Workshop, module: str, known: dict[str, dict]) -> None:
    """Try the mutants of a module that were not tried, or survived other tests than today's."""
    path = PACKAGE / f"{module}.py"
    tests = [f"tests/lmm/{name}" for name in TESTS[module]]
    digest = hashlib.sha256(b"".join((workshop.path / test).read_bytes() for test in tests)).hexdigest()[:16]
    waiting = [mutant for mutant in all_mutants(workshop, module)
               if mutant.key not in known or known[mutant.key]["result"] == "survived"
               and known[mutant.key]["tests"] != digest]
    if not waiting:
        return
    seconds = workshop.unharmed(tests)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    for i, mutant in enumerate(waiting, 1):
        result, by = workshop.trial(path, mutant.source, tests, timeout=10.0 + 5.0 * seconds)
        known[mutant.key] = {"key": mutant.key, "module": module, "name": mutant.name, "result": result, "by": by,
                             "tests": digest}
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write(json.dumps(known[mutant.key], ensure_ascii=False) + "\n")
        if result != "killed":
            print(f"{module} {i}/{len(waiting)} {result}: {mutant.name}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
