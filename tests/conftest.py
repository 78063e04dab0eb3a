import os
from pathlib import Path

import pytest
import yaml
from hypothesis import settings
from threadpoolctl import threadpool_limits

# One BLAS thread here and in the processes that tests start: with small matrices a second one costs more than it gives.
threadpool_limits(int(os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")))
# The same examples on every machine by default; `--hypothesis-profile=deep` looks for new ones, 2000 a test.
settings.register_profile("default", max_examples=60, derandomize=True, deadline=None)
settings.register_profile("deep", max_examples=2000, derandomize=False, deadline=None, print_blob=True)
settings.load_profile("default")


@pytest.fixture(scope="session")
def tolerance():
    """tolerance(name): the number of that name in tests/tolerances.yaml, where its reason stands."""
    entries = yaml.safe_load(Path(__file__).with_name("tolerances.yaml").read_text(encoding="utf-8"))

    def value(name: str) -> float:
        return float(entries[name]["value"])

    return value


@pytest.fixture(scope="session")
def shared_data(request):
    """shared_data(name): the path of a real cross that lies beside the project; skips, naming it, where it is absent."""
    def path(name):
        found = request.config.rootpath.parent / "shared" / "data" / name
        if not found.exists():
            pytest.skip(f"the data file {found} is not here")
        return found
    return path


@pytest.fixture(scope="session")
def live():
    """The engine of that name; skips, saying what is missing and the remedy, where it is not here."""
    from lmmbridge.engines import ENGINES       # not for the tests that do without

    found = {name: engine.availability() for name, engine in ENGINES.items()}

    def engine(name):
        if found[name].version is None:
            pytest.skip(f"engine {name} is not available: {found[name].remedy}")
        return ENGINES[name]
    return engine
