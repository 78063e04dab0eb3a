"""The R package lmmbridge, installed by `lmmbridge install-r` into a library of the tests' own."""
import os
import subprocess

import pytest
from r_side import LMMBRIDGE, need_r, r_libraries


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    """An R library that holds the package, bound to this Python."""
    need_r("reticulate")
    folder = tmp_path_factory.mktemp("r-library")
    subprocess.run([LMMBRIDGE, "install-r", "--library", folder], check=True, capture_output=True, timeout=300,
                   env=os.environ | {"R_LIBS": r_libraries()})
    return folder


@pytest.fixture(scope="session")
def in_r(library):
    """in_r(code, **environment): run R code in a fresh R that finds the package; the finished process."""
    def run(code, timeout=300, **environment):
        return subprocess.run(["Rscript", "-e", code], capture_output=True, text=True, timeout=timeout,
                              env=os.environ | {"R_LIBS": r_libraries(library)} | environment)
    return run
