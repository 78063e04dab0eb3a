"""The example files that come with the R package qtl2."""
from __future__ import annotations

from pathlib import Path

from lmmbridge.errors import InputError
from lmmbridge.rlink import shared_session


def extdata(name: str) -> Path:
    """Path of a file that comes with the R package qtl2, as `system.file("extdata", name, package="qtl2")` in R.

    Parameters
    ----------
    name : str
        File name, such as "iron.zip" or "grav2.zip".

    Returns
    -------
    pathlib.Path

    Raises
    ------
    InputError
        If there is no file of that name.
    RLinkError
        If there is no R or it does not have the package.

    Examples
    --------
    >>> extdata("iron.zip").name
    'iron.zip'
    """
    folder = Path(shared_session().call("base::system.file", "extdata", package="qtl2", mustWork=True).value)
    there = sorted(path.name for path in folder.iterdir())
    if name not in there:
        raise InputError(f"the R package qtl2 comes with no file '{name}'; it has {', '.join(there)}")
    return folder / name
