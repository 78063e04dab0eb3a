"""LOD curves and a map brought together: the positions of both, in the map's order, and the column that is meant."""
from __future__ import annotations

import numbers
import warnings
from collections.abc import Iterable
from typing import Any

import pandas as pd

from lmmbridge.errors import InputError
from lmmbridge.qtl2.coefficients import Scan1Coef
from lmmbridge.qtl2.maps import Map
from lmmbridge.qtl2.scan1 import Scan1


def curves_of(scan1_output: Any, coefficients: bool = False) -> pd.DataFrame:
    """The LOD scores of a Scan1; with `coefficients`, also the coefficients of a Scan1Coef.

    Raises
    ------
    InputError
        If it is neither.
    """
    if isinstance(scan1_output, Scan1):
        return scan1_output.lod
    if coefficients and isinstance(scan1_output, Scan1Coef):
        return scan1_output.coef
    raise InputError(f"scan1_output is a {type(scan1_output).__name__}: give the result of scan1 (a Scan1)"
                     + (", or of scan1coef or scan1blup (a Scan1Coef)" if coefficients else ""))


def align_scan1_map(curves: pd.DataFrame, map: Map) -> tuple[pd.DataFrame, Map]:
    """The positions that a scan and a map share, in the map's order: `align_scan1_map` of R/qtl2.

    Parameters
    ----------
    curves : pandas.DataFrame, shape (positions, columns)
        LOD scores or coefficients; index: names of the positions.
    map : Map

    Returns
    -------
    curves : pandas.DataFrame
        A row per shared position, in the order of the map.
    map : Map
        The shared positions alone; chromosomes without any are gone.

    Warns
    -----
    UserWarning
        Where positions of either are left out; R/qtl2 leaves them out without a word.

    Raises
    ------
    InputError
        If map is not a `Map`, a position occurs twice in the scan, or scan and map share none.
    """
    if not isinstance(map, Map):
        raise InputError(f"map is a {type(map).__name__}: give a lmmbridge.qtl2.maps.Map")
    if not curves.index.is_unique:
        raise InputError(f"scan1_output: position '{curves.index[curves.index.duplicated()][0]}' occurs more than "
                         "once; give every position its own name")
    names = [name for series in map.values() for name in series.index]
    if list(curves.index) == names:
        return curves, map
    only_scan = curves.index.difference(names, sort=False)
    only_map = pd.Index(names).difference(curves.index, sort=False)
    if len(only_map) == len(names):
        raise InputError("scan1_output and map have no position in common; give the map with which the genotype "
                         "probabilities were calculated")
    if len(only_scan):
        warnings.warn(f"{_positions(only_scan)} of scan1_output not in map, left out", stacklevel=3)
    if len(only_map):
        warnings.warn(f"{_positions(only_map)} of map not in scan1_output, left out", stacklevel=3)
    shared = {chromosome: series[series.index.isin(curves.index)] for chromosome, series in map.items()}
    shared = {chromosome: series for chromosome, series in shared.items() if len(series)}
    order = [name for series in shared.values() for name in series.index]
    return curves.loc[order], Map(shared, map.is_x_chr)


def column_number(lodcolumn: int | str, columns: pd.Index) -> int:
    """Which column is meant, counted from 0: a name, or a number counted from 1 as in R."""
    if isinstance(lodcolumn, str):
        if lodcolumn not in columns:
            raise InputError(f"lodcolumn: there is no column '{lodcolumn}'; there are {_some(columns)}")
        return columns.get_loc(lodcolumn)
    if isinstance(lodcolumn, bool) or not isinstance(lodcolumn, numbers.Integral):
        raise InputError(f"lodcolumn is {lodcolumn!r}: give one column, by its name or its number counted from 1")
    if not 1 <= lodcolumn <= len(columns):
        raise InputError(f"lodcolumn is {lodcolumn}, and the scan has {len(columns)} columns: give a number from 1 to "
                         f"{len(columns)} (columns are counted from 1, as in R)")
    return int(lodcolumn) - 1


def chromosome_names(chr, map: Map) -> list[str]:
    """One chromosome or several as a list of names, all of which the map has."""
    names = [str(name) for name in (chr if isinstance(chr, Iterable) and not isinstance(chr, str) else [chr])]
    missing = [name for name in names if name not in map]
    if missing:
        raise InputError(f"chr: there is no chromosome '{missing[0]}' in the map; it has {_some(map)}")
    return names


def _positions(names: pd.Index) -> str:
    return f"{len(names)} position{'s' * (len(names) > 1)} ({_some(names)})"


def _some(names) -> str:
    names = [str(name) for name in names]
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
