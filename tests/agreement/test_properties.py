"""Every pair of live engines on random problems, through the ledger: nothing is unexplained and no engine fails."""
from collections import Counter

import pytest
from hypothesis import event, given, note, settings
from hypothesis import strategies as st

from lmmbridge.agreement.comparison import compare
from lmmbridge.agreement.ledger import LEDGER
from lmmbridge.agreement.problems import Problem
from lmmbridge.agreement.scan_comparison import compare_scans
from lmmbridge.agreement.verdicts import FAILING
from lmmbridge.engines import ENGINES
from lmmbridge.testing.strategies import lmm_problems, scan_problems

#: Problems in units of the profile's examples: at least 1000 by default.
MODELS, SCANS = 18, 5


@pytest.fixture(scope="module")
def engines():
    """Those that are here; at least two, or the tests skip, naming what is missing."""
    missing = {name: engine.availability().remedy for name, engine in ENGINES.items()
               if engine.availability().version is None}
    if len(ENGINES) - len(missing) < 3:
        pytest.skip(f"fewer than three engines are here: {missing}")
    return {name: engine for name, engine in ENGINES.items() if name not in missing}


@pytest.fixture(scope="module")
def tally():
    """Verdicts on models: a test that compares next to nothing does not pass."""
    counts = Counter()
    yield counts
    print("\nverdicts on random models:", dict(counts))


@pytest.fixture(scope="module")
def scans_tally():
    """Verdicts on scans."""
    counts = Counter()
    yield counts
    print("\nverdicts on random scans:", dict(counts))


def unexplained(case):
    """What fails a run, in words."""
    return [(one["a"], one["b"], one["quantity"], one.get("difference"), one["reasons"])
            for one in case["comparisons"] if set(one["counts"]) & set(FAILING)]


def judged(case, words, tally):
    tally.update(case["verdicts"])
    tally["problems"] += 1
    for verdict in case["verdicts"]:
        event(verdict)
    note(words)
    assert not unexplained(case)


@settings(max_examples=MODELS * settings.default.max_examples)
@given(problem=lmm_problems(), reml=st.booleans())
def test_models(problem, reml, engines, tally):
    """Tiers 1 and 2: at fixed hsq, and at each engine's own."""
    judged(compare(Problem("random", problem.label, problem.data), reml, engines, LEDGER, arbitrate=False),
           problem.label, tally)


@settings(max_examples=SCANS * settings.default.max_examples)
@given(data=scan_problems(phenotypes=2, missing=True) | scan_problems(), reml=st.booleans())
def test_scans(data, reml, live, scans_tally):
    """Tiers 3 and 4: LOD curves at one hsq and at each engine's own, peaks and intervals."""
    engines = {name: live(name) for name in ("python", "qtl2")}
    judged(compare_scans(Problem("random", data.notes[0], data), reml and data.kinship is not None, engines),
           data.notes[0], scans_tally)


def test_enough_was_compared(tally, scans_tally):
    if "problems" not in tally or "problems" not in scans_tally:
        pytest.skip("the tests of random problems did not run")
    assert tally["problems"] >= 1000
    assert tally["agree"] >= 10 * tally["problems"]
    assert scans_tally["agree"] >= 3 * scans_tally["problems"] >= 3 * 250
