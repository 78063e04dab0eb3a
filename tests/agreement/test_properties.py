"""Every pair of live engines on random problems, through the ledger: nothing is unexplained and no engine fails."""
from collections import Counter

import pytest
from hypothesis import event, given, note, settings
from hypothesis import strategies as st

from lmmbridge.agreement.comparison import compare
from lmmbridge.agreement.ledger import LEDGER
from lmmbridge.agreement.problems import Problem
from lmmbridge.agreement.verdicts import FAILING
from lmmbridge.engines import ENGINES
from lmmbridge.testing.strategies import lmm_problems

#: Problems in units of the profile's examples: at least 1000 by default.
MODELS = 18


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
    """Verdicts of all problems of this module: a test that compares next to nothing does not pass."""
    counts = Counter()
    yield counts
    print("\nverdicts on random problems:", dict(counts))


def unexplained(case):
    """What fails a run, in words."""
    return [(one["a"], one["b"], one["quantity"], one.get("difference"), one["reasons"])
            for one in case["comparisons"] if set(one["counts"]) & set(FAILING)]


@settings(max_examples=MODELS * settings.default.max_examples)
@given(problem=lmm_problems(), reml=st.booleans())
def test_models(problem, reml, engines, tally):
    case = compare(Problem("random", problem.label, problem.data), reml, engines, LEDGER, arbitrate=False)
    tally.update(case["verdicts"])
    tally["problems"] += 1
    for verdict in case["verdicts"]:
        event(verdict)
    note(problem.label)
    assert not unexplained(case)


def test_enough_was_compared(tally):
    if "problems" not in tally:
        pytest.skip("the tests of random problems did not run")
    assert tally["problems"] >= 1000
    assert tally["agree"] >= 10 * tally["problems"]
