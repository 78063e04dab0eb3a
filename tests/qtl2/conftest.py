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


@pytest.fixture(scope="session")
def shared_data(request):
    """shared_data(name): the path of a real cross that lies beside the project; skips, naming it, where it is absent."""
    def path(name):
        found = request.config.rootpath.parent / "shared" / "data" / name
        if not found.exists():
            pytest.skip(f"the data file {found} is not here")
        return found
    return path
