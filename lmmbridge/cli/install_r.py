"""`lmmbridge install-r`: the R package `lmmbridge` into an R library, bound to this Python."""
from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from importlib import resources
from pathlib import Path

import click
from rich.console import Console

from lmmbridge import InputError
from lmmbridge.cli.options import FILE

#: Where its source is, in this package.
SOURCE = "r_client"
#: R code that prints the library that `install.packages` would use: the first that can be written to, or the user's own, made.
LIBRARY = """
writable <- .libPaths()[file.access(.libPaths(), 2) == 0]
own <- strsplit(Sys.getenv("R_LIBS_USER"), .Platform$path.sep)[[1]][1]
if (length(writable) == 0 && !dir.create(own, recursive = TRUE, showWarnings = FALSE)) quit(status = 1)
cat(c(writable, own)[1])
"""


@click.command("install-r", epilog="Example: lmmbridge install-r --library ~/R/library")
@click.option("--library", type=FILE, metavar="DIR", help="The R library to install into. Default: the first of .libPaths() that "
              "can be written to.")
def install_r(library: Path | None) -> None:
    """Install the R package lmmbridge, which calls this Python: R/qtl2's and R/lmmlite's functions, and second opinions.

    In R then: library(lmmbridge), after library(qtl2). lmmbridge::doctor() says what is missing.
    """
    r, rscript = shutil.which("R"), shutil.which("Rscript")
    if r is None or rscript is None:
        raise InputError("there is no R on the PATH: install R 4.2 or newer")
    if library is None:
        found = subprocess.run([rscript, "--vanilla", "-e", LIBRARY], capture_output=True, text=True)
        if found.returncode != 0 or not found.stdout:
            raise InputError("none of R's libraries can be written to, and none can be made; name one: --library DIR")
        library = Path(found.stdout)
    elif not library.is_dir():
        raise InputError(f"--library: there is no folder {library}; make it first, or name another")
    ask = '.libPaths(c(commandArgs(TRUE), .libPaths())); quit(status = !requireNamespace("reticulate", quietly = TRUE))'
    if subprocess.run([rscript, "--vanilla", "-e", ask, str(library)], capture_output=True).returncode != 0:
        raise InputError('the R package reticulate is missing: install.packages("reticulate") in R, or on Debian: apt-get install '
                         "r-cran-reticulate")
    console = Console(stderr=True)
    with (tempfile.TemporaryDirectory() as folder, resources.as_file(resources.files("lmmbridge") / SOURCE) as source,
          console.status("installing the R package lmmbridge")):
        package = Path(folder) / "lmmbridge"
        shutil.copytree(source, package)
        (package / "inst").mkdir(exist_ok=True)
        (package / "inst" / "python").write_text(f"{sys.executable}\n", encoding="utf-8")
        done = subprocess.run([r, "CMD", "INSTALL", "--no-test-load", f"--library={library}", str(package)], capture_output=True,
                              text=True)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or ["it gives no reason"]
        why = next((line for line in said if "ERROR" in line), said[-1])
        raise InputError(f"R could not install the package into {library}: {why}")
    click.echo(f"{library / 'lmmbridge'}")
    click.echo(f"The R package lmmbridge is installed into {library}, bound to {sys.executable}. In R: library(lmmbridge)",
               err=True)
