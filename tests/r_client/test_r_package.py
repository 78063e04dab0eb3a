"""The R package's own tests and checks: R CMD check with Python, its tests once more without, its help pages."""
import os
import re
import shutil
import subprocess
import sys

import pytest
from r_side import SOURCE, need_r, r_libraries


def counts(summary):
    """FAIL, WARN, SKIP and PASS of testthat's last line."""
    found = re.findall(r"\[ FAIL (\d+) \| WARN (\d+) \| SKIP (\d+) \| PASS (\d+) \]", summary)
    assert found, summary
    return dict(zip(("fail", "warn", "skip", "pass"), map(int, found[-1])))


def skipped(summary):
    """The reasons that testthat gives for what it skipped."""
    return re.findall(r"^• (.*) \((\d+)\)", summary, flags=re.MULTILINE)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The package's archive, its vignette built."""
    need_r("reticulate", "knitr", "rmarkdown", "testthat")
    for tool in ("pandoc", "qpdf", "pdflatex"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed: run make setup")
    folder = tmp_path_factory.mktemp("build")
    shutil.copytree(SOURCE, folder / "lmmbridge")
    done = subprocess.run(["R", "CMD", "build", "lmmbridge"], cwd=folder, capture_output=True, text=True, timeout=600,
                          env=os.environ | {"R_LIBS": r_libraries(), "LMMBRIDGE_PYTHON": sys.executable})
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("lmmbridge_*.tar.gz"))


def test_r_cmd_check_as_cran_has_no_error_and_no_warning(built):
    need_r("qtl2")
    done = subprocess.run(
        ["R", "CMD", "check", "--as-cran", built.name], cwd=built.parent, capture_output=True, text=True, timeout=1800,
        env=os.environ | {"R_LIBS": r_libraries(), "LMMBRIDGE_PYTHON": sys.executable, "_R_CHECK_CRAN_INCOMING_": "false",
                          # The clock is asked of a server; the manual's usual typewriter font is a package of 500 MB.
                          "_R_CHECK_SYSTEM_CLOCK_": "false", "R_RD4PDF": "times,hyper"})
    status = next((line for line in done.stdout.splitlines() if line.startswith("Status:")), "")
    assert done.returncode == 0 and "ERROR" not in status and "WARNING" not in status and status, done.stdout
    summary = next((built.parent / "lmmbridge.Rcheck" / "tests").glob("testthat.Rout")).read_text()
    found = counts(summary)
    assert found["fail"] == 0 and found["warn"] == 0 and found["pass"] > 100, summary
    # What is skipped here is what this machine lacks, and nothing but lmmlite may be lacking.
    assert all("lmmlite" in reason for reason, _ in skipped(summary)), summary


def test_without_python_nothing_fails_and_every_function_says_what_to_do(built, library, tmp_path):
    shutil.copytree(SOURCE / "tests", tmp_path / "tests")
    done = subprocess.run(
        ["Rscript", "testthat.R"], cwd=tmp_path / "tests", capture_output=True, text=True, timeout=900,
        env=os.environ | {"R_LIBS": r_libraries(library), "LMMBRIDGE_PYTHON": "/nowhere/python", "NOT_CRAN": "true"})
    found = counts(done.stdout)
    assert done.returncode == 0 and found["fail"] == 0 and found["pass"] > 20, done.stdout + done.stderr
    assert found["skip"] > 0 and all("Python" in reason or "lmmlite" in reason for reason, _ in skipped(done.stdout)), done.stdout


def test_help_pages_are_those_of_the_comments(tmp_path):
    need_r("roxygen2", "reticulate")
    shutil.copytree(SOURCE, tmp_path / "lmmbridge")
    done = subprocess.run(["Rscript", "-e", 'roxygen2::roxygenise(load_code = "source")'], cwd=tmp_path / "lmmbridge",
                          capture_output=True, text=True, timeout=300, env=os.environ | {"R_LIBS": r_libraries()})
    assert done.returncode == 0, done.stderr
    for folder in ("man", "."):
        for kept in (SOURCE / folder).iterdir():
            if kept.suffix == ".Rd" or kept.name in ("NAMESPACE", "DESCRIPTION"):
                made = tmp_path / "lmmbridge" / folder / kept.name
                assert made.read_text() == kept.read_text(), f"{kept.name}: make r-documentation"
    assert {page.name for page in (tmp_path / "lmmbridge" / "man").iterdir()} == {page.name for page in (SOURCE / "man").iterdir()}


def test_the_package_has_the_version_of_this_one():
    from lmmbridge import __version__
    assert f"\nVersion: {__version__}\n" in (SOURCE / "DESCRIPTION").read_text()
