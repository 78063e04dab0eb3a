"""`lmmbridge install-r`, and what it refuses."""
import os
import re
import subprocess
import sys

from r_side import LMMBRIDGE, need_r, r_libraries

from lmmbridge import __version__


def install(*arguments, **environment):
    return subprocess.run([LMMBRIDGE, "install-r", *arguments], capture_output=True, text=True, timeout=300,
                          env=os.environ | {"R_LIBS": r_libraries()} | environment)


def test_the_package_is_bound_to_the_python_that_installed_it(library, in_r):
    assert (library / "lmmbridge" / "python").read_text().strip() == sys.executable
    done = in_r("lmmbridge::doctor()", LMMBRIDGE_PYTHON="", RETICULATE_PYTHON="")
    lines = dict(re.split("  +", line, maxsplit=1) for line in done.stdout.splitlines() if line[:1] != " ")
    assert done.returncode == 0, done.stderr
    assert lines["Python"] == f"{sys.executable} (named by lmmbridge install-r)"
    assert lines["Python package lmmbridge"] == lines["R package lmmbridge"] == __version__


def test_installed_again_it_replaces_itself(tmp_path):
    need_r("reticulate")
    first, second = install("--library", str(tmp_path)), install("--library", str(tmp_path))
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert second.stdout.strip() == str(tmp_path / "lmmbridge")


def test_without_a_library_it_goes_where_r_installs_packages(tmp_path):
    need_r("reticulate")
    done = install(R_LIBS=os.pathsep.join([str(tmp_path), r_libraries()]))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / "lmmbridge")


def test_what_cannot_be_done_is_one_sentence_and_status_2(tmp_path):
    missing = install("--library", str(tmp_path / "nowhere"))
    no_r = install(PATH=str(tmp_path))
    for done, sentence in ((missing, "there is no folder"), (no_r, "there is no R on the PATH: install R 4.2 or newer")):
        assert done.returncode == 2 and sentence in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
        assert done.stdout == ""
