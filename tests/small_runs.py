"""Small real runs, right and with a planted fault, for the tests of what is made of results; each is run once."""
from __future__ import annotations

import copy
import dataclasses
import gzip
import tempfile
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from lmmbridge.agreement import simulation
from lmmbridge.agreement.ledger import LEDGER, Convention
from lmmbridge.agreement.problems import Problem
from lmmbridge.agreement.results import read_results
from lmmbridge.agreement.run import Run, availability
from lmmbridge.engines import dense

#: Of a few milliseconds; the last is partly ill-conditioned.
PROBLEMS = ("h0-n10-p1", "h0.3-n30-p3", "ill-conditioned-n40-p2")
#: Results of schema 1.0: R's engines, a scan, known divergences.
OLD = Path(__file__).with_name("report") / "data" / "results-1.0.json.gz"

#: When and on what the recorded engine of "recorded" was recorded.
RECORDED = "2026-11-23, R version 4.2.2 Patched (2022-11-10 r83330)"


def small_run(out: Path, engines: tuple[str, ...] = ("python", "dense"), problems: tuple[str, ...] = PROBLEMS,
              ledger: dict[str, Convention] | None = None, arbitrate: bool = False) -> dict[str, Any]:
    """Results of engines that are always there."""
    chosen = [Problem(f"simulated/{name}", source, data, simulation.seed_of(name)) for name, source, data in simulation.problems()
              if name in problems]
    return Run(out, availability(list(engines)), chosen, {}, f"lmmbridge validate --out {out.name}", ledger,
               arbitrate=arbitrate).execute()


def results_of(kind: str) -> dict[str, Any]:
    """Results that a test may change: "right", "wrong divisor" (σ² of dense under REML, which nothing explains), "failure" (dense
    stops wherever it factorises V), "recorded" (dense told as recorded, and asked at few points) or "old" (`OLD`, brought to the
    present schema; it has no date)."""
    return copy.deepcopy(_results(kind))


@cache
def _results(kind: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        return {"right": small_run, "recorded": _recorded, "wrong divisor": _with_wrong_divisor,
                "failure": _with_failure, "old": _old}[kind](
            Path(folder) / "out")


def _recorded(out: Path) -> dict[str, Any]:
    results = small_run(out)
    results["engines"][1] |= {"status": "recorded", "recorded": RECORDED}
    for case in results["cases"]:
        next(record for record in case["comparisons"] if record["quantity"] == "loglik at fixed hsq")["asked"] = [1, 58]
        next(record for record in case["comparisons"] if record["quantity"] == "beta at fixed hsq")["asked"] = [20, 58]
    return results


def _with_wrong_divisor(out: Path) -> dict[str, Any]:
    divisor = LEDGER["dense"].divisor_reml
    wrong = dataclasses.replace(LEDGER["dense"], divisor_reml=lambda size: divisor(size) + 1)
    return small_run(out, ledger=LEDGER | {"dense": wrong})


def _with_failure(out: Path) -> dict[str, Any]:
    def stops(V, lower):
        raise RuntimeError("the factor <L> of V | cannot be had")

    with mock.patch.object(dense.linalg, "cholesky", stops):
        return small_run(out)


def _old(path: Path) -> dict[str, Any]:
    path.write_bytes(gzip.decompress(OLD.read_bytes()))
    return read_results(path)
