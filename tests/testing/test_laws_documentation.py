"""LAWS.md is what `python -m lmmbridge.testing` prints."""
from importlib import resources

from lmmbridge.testing.__main__ import PARTS, markdown


def test_the_file_is_up_to_date():
    written = resources.files("lmmbridge.testing").joinpath("LAWS.md").read_text(encoding="utf-8")
    assert written == markdown(), "run: python -m lmmbridge.testing > lmmbridge/testing/LAWS.md"


def test_every_law_says_what_and_why():
    for _, _, laws in PARTS:
        assert len({law.name for law in laws}) == len(laws)
        assert all(law.statement and law.reason.endswith(".") for law in laws)
        assert all(law.name in markdown() for law in laws)
