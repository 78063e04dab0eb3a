"""LAWS.md is what `python -m lmmbridge.testing` prints; the help's example runs; failures say what the law is."""
import dataclasses
import re
import textwrap
import types
from importlib import resources

import numpy as np
import pytest

from lmmbridge.agreement.ledger import LEDGER
from lmmbridge.engines import ENGINES
from lmmbridge.inputs import Data
from lmmbridge.testing import conformance
from lmmbridge.testing.__main__ import PARTS, markdown
from lmmbridge.testing.conformance import find_breach, law_test
from lmmbridge.testing.laws import Translated
from lmmbridge.testing.lmm_laws import LMM_LAWS


def test_the_file_is_up_to_date():
    written = resources.files("lmmbridge.testing").joinpath("LAWS.md").read_text(encoding="utf-8")
    assert written == markdown(), "run: python -m lmmbridge.testing > lmmbridge/testing/LAWS.md"


def test_every_law_says_what_and_why():
    for _, _, laws in PARTS:
        assert len({law.name for law in laws}) == len(laws)
        assert all(law.statement and law.reason.endswith(".") for law in laws)
        assert all(law.name in markdown() for law in laws)


def mine():
    """An implementation under the names that the help uses."""
    def data(y, X, K):
        n, p = X.shape
        return Data(tuple(map(str, range(n))), ("y",), (0,), tuple(map(str, range(p))), y[:, None], X, K, None, ())

    def loglik(y, X, K, h, reml):
        return ENGINES["dense"].at_hsq(data(y, X, K), np.array([[h]]), reml).loglik[0, 0]

    def fit(y, X, K, reml):
        found = ENGINES["dense"].optimum(data(y, X, K), reml)
        return types.SimpleNamespace(hsq=found.hsq[0], loglik=found.loglik[0], sigmasq=found.sigmasq[0])
    return types.SimpleNamespace(__version__="1.0", loglik=loglik, fit=fit)


def test_the_example_of_the_help_runs():
    """Both blocks of code, one after the other, with an implementation under the name that they use."""
    blocks, names = re.findall(r"(?:^    .*\n|^\n)+", conformance.__doc__, flags=re.MULTILINE), {"mine": mine()}
    first, engine = (textwrap.dedent(block) for block in blocks if "import" in block)
    exec(engine, names)
    exec(first, names)
    tests = {name: test for name, test in names.items() if name.startswith("test_")}
    assert len(tests) == len(LMM_LAWS)
    for name in ("test_order", "test_phenotype", "test_covariate-units"):
        tests[name]()


def test_a_failing_law_tells_its_statement_and_reason():
    law = next(law for law in LMM_LAWS if law.name == "phenotype")

    class Stretched(type(ENGINES["python"])):
        def at_hsq(self, data, hsq, reml):
            found = super().at_hsq(data, hsq, reml)
            return dataclasses.replace(found, loglik=1.01 * found.loglik)
    with pytest.raises(AssertionError) as failure:
        law_test(law, Translated(Stretched(), LEDGER["python"]), max_examples=50)()
    assert f"The law: {law.statement}" in str(failure.value) and f"The reason: {law.reason}" in str(failure.value)


def test_who_looks_for_a_breach_is_told_that_a_law_was_not_applied():
    class WithoutWeights(type(ENGINES["python"])):
        name, takes_weights = "without weights", False
    law = next(law for law in LMM_LAWS if law.name == "whitening")
    with pytest.warns(UserWarning, match="law 'whitening' was not applied to without weights: without weights takes no weights"):
        assert find_breach(law, Translated(WithoutWeights(), LEDGER["python"]), 20) is None
