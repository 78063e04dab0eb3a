"""The register of divergences as a page, by the command."""
from __future__ import annotations

import subprocess
import sys

from lmmbridge.agreement.register import REGISTER
from lmmbridge.engines import ENGINES
from test_html import Page


def divergences(*arguments) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "lmmbridge", "divergences", *map(str, arguments)], capture_output=True, text=True,
                          timeout=600)


def test_the_page_has_every_entry_with_its_numbers_and_scripts(tmp_path):
    done = divergences("--html", tmp_path / "register.html")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "register.html").read_text(encoding="utf-8")
    page = Page(text)
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert ids == [entry.name for entry in REGISTER]
    assert {value[1:] for tag, name, value in page.attributes if (tag, name) == ("a", "href")} == set(ids)
    here = {name for name, engine in ENGINES.items() if engine.availability().version is not None}
    for entry in REGISTER:
        assert " ".join(entry.cause.split()) in page.text
        for engine, case in entry.cases.items():
            for version in case.seen:
                assert any(row[:3] == [engine, case.package, version] and row[4] == f"{case.expected:.12g}" for row in page.rows)
            assert (f"{engine}: the right number in Python" in page.text) or engine not in here
    assert "open_table" in page.text or not here & {"qtl2", "lmmlite-r"}


def test_a_page_with_findings_says_what_is_here(tmp_path):
    done = divergences("single-search", "--check", "--html", tmp_path / "one.html")
    assert done.returncode == 0, done.stderr
    page = Page((tmp_path / "one.html").read_text(encoding="utf-8"))
    for engine in ("lmmlite-r", "lmmlite-cpp", "qtl2"):
        found = ENGINES[engine].availability()
        row = next(row for row in page.rows if row[0] == engine)
        assert row[5] == (f"known ({found.version})" if found.version else "not available")


def test_a_page_that_is_there_is_left_alone(tmp_path):
    (tmp_path / "mine.html").write_text("mine")
    done = divergences("--html", tmp_path / "mine.html")
    assert done.returncode == 2 and "exists; name another file" in done.stderr
    assert (tmp_path / "mine.html").read_text() == "mine"
