import pytest

from lmmbridge.rlink import RLinkError, shared_session


@pytest.fixture(scope="session")
def r():
    """A live R with qtl2; skips, saying what is missing, where there is none."""
    session = shared_session()
    try:
        session.eval('packageVersion("qtl2")$major')
    except RLinkError as error:
        pytest.skip(f"R with the package qtl2 is not available ({error}); run make setup")
    return session
