"""Every law of the mixed model on every engine that is here; known divergences are traced to the register."""
import pytest
from hypothesis import settings

from lmmbridge.agreement.ledger import LEDGER
from lmmbridge.engines import ENGINES
from lmmbridge.testing.conformance import law_test
from lmmbridge.testing.laws import Translated
from lmmbridge.testing.lmm_laws import LMM_LAWS
from lmmbridge.testing.tracing import known_divergence

#: Without a fault on record: whatever they break is an error.
OURS = ("python", "dense", "r-reference")
#: Problems per law and engine: few by default, all that the deep profile asks for.
EXAMPLES = 20 if settings.default.max_examples <= 60 else settings.default.max_examples


@pytest.mark.parametrize("law", LMM_LAWS, ids=lambda law: law.name)
@pytest.mark.parametrize("name", list(ENGINES))
def test_law(name, law, live, tally):
    engine = Translated(live(name), LEDGER[name], adds_intercept=name == "qtl2")
    known = (lambda breach: None) if name in OURS else known_divergence
    law_test(law, engine, known, tally[name], EXAMPLES)()
