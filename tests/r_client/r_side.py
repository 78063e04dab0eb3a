"""Where the R package's source and R's libraries are, and what is missing."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lmmbridge.rlink.library import project_library

SOURCE = Path(__file__).parents[2] / "lmmbridge" / "r_client"
LMMBRIDGE = Path(sys.executable).with_name("lmmbridge")


def r_libraries(*first):
    """R_LIBS with these folders in front of the project's own library."""
    found = [*first] + ([] if project_library() is None else [project_library()])
    return os.pathsep.join(map(str, [*found, *filter(None, [os.environ.get("R_LIBS")])]))


def need_r(*packages):
    """Skip, naming what is missing, where there is no R or one of these R packages is in none of its libraries."""
    if shutil.which("Rscript") is None:
        pytest.skip("R is not installed: install R 4.2 or newer")
    for package in packages:
        code = f'quit(status = !requireNamespace("{package}", quietly = TRUE))'
        if subprocess.run(["Rscript", "-e", code], env=os.environ | {"R_LIBS": r_libraries()}, capture_output=True).returncode:
            pytest.skip(f"the R package {package} is in none of R's libraries: run make setup")
