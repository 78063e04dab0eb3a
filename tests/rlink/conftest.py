import pytest

from lmmbridge.rlink import RSession, RUnavailable


@pytest.fixture(scope="session")
def r_available():
    """Skip, naming what is missing, where there is no R or no rpy2."""
    with RSession() as session:
        try:
            session.eval("1")
        except RUnavailable as error:
            pytest.skip(str(error))


@pytest.fixture(scope="session")
def r(r_available):
    """One R shared by the tests that do it no harm."""
    with RSession(timeout=60) as session:
        yield session


@pytest.fixture
def own_r(r_available):
    """An R of the test's own, for tests that kill it."""
    with RSession(timeout=60) as session:
        yield session
