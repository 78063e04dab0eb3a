"""Every law of genome scans on lmmbridge.qtl2 and on R/qtl2; what R/qtl2 breaks is traced to the register."""
import pytest
from hypothesis import settings
from qtl2_faults import NAMES, known_fault

from lmmbridge import qtl2
from lmmbridge.agreement.register import REGISTER
from lmmbridge.engines.r_qtl2 import RQtl2
from lmmbridge.testing.conformance import law_test
from lmmbridge.testing.scan_laws import SCAN_LAWS

#: There are many laws, and each asks for several scans: a law has this part of the profile's examples.
PART = 5


@pytest.fixture(scope="module", autouse=True)
def fewer_examples():
    whole = settings()
    settings.register_profile("scan laws", whole, max_examples=whole.max_examples // PART)
    settings.load_profile("scan laws")
    yield
    settings.register_profile("as before", whole)
    settings.load_profile("as before")


@pytest.mark.parametrize("law", SCAN_LAWS, ids=lambda law: law.name)
def test_law_on_ours(law, tally):
    law_test(law, qtl2, tally=tally["lmmbridge.qtl2"])()


@pytest.mark.parametrize("law", SCAN_LAWS, ids=lambda law: law.name)
def test_law_on_r(law, live, tally):
    live("qtl2")
    law_test(law, RQtl2(), known_fault, tally["qtl2"])()


def test_laws_have_names_of_their_own():
    assert len({law.name for law in SCAN_LAWS}) == len(SCAN_LAWS)


def test_known_faults_are_on_the_register():
    assert set(NAMES) <= {entry.name for entry in REGISTER}
