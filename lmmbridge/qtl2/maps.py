"""Marker maps: positions by chromosome, as R/qtl2's gmap, pmap, and the output of insert_pseudomarkers."""
from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from lmmbridge.errors import InputError


class Map(Mapping):
    """A map: a mapping from chromosome to a Series of positions with the marker names as index.

    Parameters
    ----------
    positions : mapping of str to pandas.Series
        Positions (cM in a genetic, Mb in a physical map), not decreasing; index: marker names, unique in the map.
    is_x_chr : mapping of str to bool, optional
        Whether a chromosome is the X chromosome. Default: not known (None), as for maps in R without that attribute.

    Raises
    ------
    InputError
        If a position is missing or out of order, or a marker name occurs twice.
    """

    def __init__(self, positions: Mapping[str, pd.Series], is_x_chr: Mapping[str, bool] | None = None):
        self._positions = {str(chromosome): _numbers(str(chromosome), series) for chromosome, series in positions.items()}
        on_x = {str(chromosome): bool(flag) for chromosome, flag in (is_x_chr or {}).items()}
        self.is_x_chr = None if is_x_chr is None else {
            chromosome: on_x.get(chromosome, False) for chromosome in self._positions}
        seen: set[str] = set()
        for chromosome, series in self._positions.items():
            values = series.to_numpy()
            if not np.isfinite(values).all():
                raise InputError(f"map: marker '{series.index[int(np.argmax(~np.isfinite(values)))]}' on chromosome "
                                 f"'{chromosome}' has no position; give it one or leave it out")
            if np.any(np.diff(values) < 0.0):
                i = int(np.argmax(np.diff(values) < 0.0))
                raise InputError(f"map: positions on chromosome '{chromosome}' are out of order: '{series.index[i]}' at "
                                 f"{values[i]:g} comes before '{series.index[i + 1]}' at {values[i + 1]:g}; sort the map")
            twice = [name for name in series.index if name in seen or seen.add(name)]
            if twice:
                raise InputError(f"map: marker '{twice[0]}' occurs more than once; give every marker its own name")

    def __getitem__(self, chromosome: str) -> pd.Series:
        return self._positions[chromosome]

    def __iter__(self) -> Iterator[str]:
        return iter(self._positions)

    def __len__(self) -> int:
        return len(self._positions)

    def __repr__(self) -> str:
        return "Map of " + ", ".join(f"{chromosome}: {len(series)}" for chromosome, series in self.items()) + " positions"

    @property
    def markers(self) -> tuple[str, ...]:
        """Names of all markers, chromosome after chromosome."""
        return tuple(name for series in self.values() for name in series.index)


def _numbers(chromosome: str, series: pd.Series) -> pd.Series:
    """The positions as float, the marker names as text."""
    if not isinstance(series, pd.Series):
        raise InputError(f"map: chromosome '{chromosome}' is a {type(series).__name__}: give a Series of positions with the "
                         "marker names as index")
    numbers = pd.to_numeric(series, errors="coerce")
    text = numbers.isna() & series.notna()
    if text.any():
        raise InputError(f"map: chromosome '{chromosome}' holds positions that are not numbers ('{series[text].iloc[0]}' of "
                         f"marker '{series.index[text][0]}'); give cM or Mb")
    return numbers.astype(float).set_axis([str(name) for name in series.index])
