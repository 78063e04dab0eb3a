import pytest

from lmmbridge.engines import ENGINES


@pytest.fixture(scope="session")
def live():
    """The engine of that name; skips, saying what is missing and the remedy, where it is not here."""
    found = {name: engine.availability() for name, engine in ENGINES.items()}

    def engine(name):
        if found[name].version is None:
            pytest.skip(f"engine {name} is not available: {found[name].remedy}")
        return ENGINES[name]
    return engine
