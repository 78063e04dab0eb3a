from collections import Counter, defaultdict

import pytest


@pytest.fixture(scope="module")
def tally(request):
    """tally[implementation]: outcomes of the laws on it, which the end of the run tells."""
    counts = defaultdict(Counter)
    yield counts
    plugins = request.config.pluginmanager
    with plugins.get_plugin("capturemanager").global_and_fixture_disabled():
        for name, found in counts.items():
            words = ", ".join(f"{outcome} {number}" for outcome, number in found.most_common())
            plugins.get_plugin("terminalreporter").write_line(f"\nlaws on {name}: {found.total()} problems: {words}")
