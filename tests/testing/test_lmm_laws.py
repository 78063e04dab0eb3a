"""Every law of the mixed model on every engine that is here; known divergences are traced to the register."""
from collections import Counter

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


@pytest.fixture(scope="module")
def tally(request):
    """Outcomes by engine, said at the end of the run."""
    counts = {}
    yield counts
    said = {name: dict(found, problems=sum(found.values())) for name, found in counts.items()}
    plugins = request.config.pluginmanager
    with plugins.get_plugin("capturemanager").global_and_fixture_disabled():
        for name, found in said.items():
            words = ", ".join(f"{outcome} {number}" for outcome, number in found.items())
            plugins.get_plugin("terminalreporter").write_line(f"\nlaws of the mixed model on {name}: {words}")


@pytest.mark.parametrize("law", LMM_LAWS, ids=lambda law: law.name)
@pytest.mark.parametrize("name", list(ENGINES))
def test_law(name, law, live, tally):
    engine = Translated(live(name), LEDGER[name], adds_intercept=name == "qtl2")
    outcomes = tally.setdefault(name, Counter())
    known = (lambda breach: None) if name in OURS else known_divergence
    law_test(law, engine, known, outcomes, EXAMPLES)()
