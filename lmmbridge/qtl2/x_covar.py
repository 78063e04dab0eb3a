"""Covariates for the null model of the X chromosome: R/qtl2's get_x_covar."""
from __future__ import annotations

import pandas as pd

from lmmbridge.qtl2.cross2 import Cross2


def get_x_covar(cross: Cross2) -> pd.DataFrame | None:
    """What the null model of the X chromosome must hold, lest a difference between the sexes look like a QTL there.

    Parameters
    ----------
    cross : Cross2

    Returns
    -------
    DataFrame, individuals × covariates, or None where none is needed
        "sex" (1 for males) where both sexes are there. In an intercross ("f2") with both directions also "direction": 1
        for females of the reverse direction, 0 for all others.

    Examples
    --------
    >>> from lmmbridge.qtl2.cross2 import read_cross2
    >>> from lmmbridge.qtl2.extdata import extdata
    >>> get_x_covar(read_cross2(extdata("iron.zip"))).value_counts(sort=False)
    sex  direction
    0.0  0.0           74
         1.0           65
    1.0  0.0          145
    dtype: int64
    """
    female = cross.is_female
    columns = {}
    if female.any() and not female.all():
        columns["sex"] = (~female).astype(float)
    if cross.crosstype == "f2" and female.any() and cross.cross_info.shape[1]:
        reverse = cross.cross_info.iloc[:, 0] != 0
        if reverse.any() and not reverse.all():
            columns["direction"] = (reverse & female).astype(float)
    return pd.DataFrame(columns) if columns else None
