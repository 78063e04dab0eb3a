"""What R and Python are made of on this machine."""

import importlib
import os
import platform
import sys
from importlib import metadata
from pathlib import Path

from threadpoolctl import threadpool_info

from lmmbridge.rlink.errors import RUnavailable

_R_PACKAGES = ["qtl2", "lmmlite", "lmmreference", "lmmbridge", "reticulate", "nlme", "ncdf4", "testthat", "Rcpp"]
_PYTHON_PACKAGES = [
    "numpy", "scipy", "pandas", "xarray", "rpy2", "click", "rich", "Jinja2", "matplotlib", "PyYAML", "threadpoolctl"
]
_VARIABLES = ["OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "LMMBRIDGE_R_LIBRARY", "R_HOME",
              "R_LIBS", "R_LIBS_USER"]


def inventory(session):
    """Take stock of R and Python.

    Parameters
    ----------
    session : RSession
        The R to ask.

    Returns
    -------
    dict
        ``"r"``: ``version``, ``home``, ``library_paths`` (list), ``blas``, ``lapack`` and ``packages``, a dict
        of name to None or to a dict of ``version`` and ``library``; if R is not available only ``problem``,
        the reason.
        ``"python"``: ``version``, ``executable``, ``packages`` (dict of name to version or None) and ``blas``
        (list of the dicts of `threadpoolctl.threadpool_info`, with file and number of threads).
        ``"environment"``: dict of variable to value, None if not set.
    """
    return {"r": _r(session), "python": _python(), "environment": {name: os.environ.get(name) for name in _VARIABLES}}


def _r(session):
    try:
        session.source(Path(__file__).with_name("inventory.R"))
        return session.call("inventory_r", _R_PACKAGES).value
    except RUnavailable as error:
        return {"problem": str(error)}


def _python():
    # only libraries that are loaded are counted
    importlib.import_module("scipy.linalg")
    return {
        "version": platform.python_version(),
        "executable": sys.executable,
        "packages": {name: _version(name) for name in _PYTHON_PACKAGES},
        "blas": threadpool_info(),
    }


def _version(package):
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
