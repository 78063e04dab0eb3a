"""The R library that belongs to the project."""

import os
from pathlib import Path

PACKAGE_PARENT = Path(__file__).resolve().parents[2]


def project_library():
    """Find the R library that goes in front of the user's own libraries.

    Returns
    -------
    pathlib.Path or None
        The folder named by the environment variable ``LMMBRIDGE_R_LIBRARY`` if that is set and not empty
        (whether or not the folder exists); otherwise ``.r-library`` next to the package ``lmmbridge`` if
        that folder exists; otherwise None.
    """
    named = os.environ.get("LMMBRIDGE_R_LIBRARY")
    if named:
        return Path(named).expanduser().absolute()
    default = PACKAGE_PARENT / ".r-library"
    return default if default.is_dir() else None
