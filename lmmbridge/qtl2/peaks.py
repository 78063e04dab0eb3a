"""Peaks of LOD curves: all that reach a threshold, or the highest."""
from __future__ import annotations

import math
import warnings
from typing import Literal

import numpy as np
import pandas as pd

from lmmbridge.errors import InputError
from lmmbridge.qtl2.coefficients import Scan1Coef
from lmmbridge.qtl2.intervals import (bayes_intervals, check_drop, check_prob, interval_ends, lod_intervals,
                                      mean_position, peaks_and_valleys)
from lmmbridge.qtl2.maps import Map
from lmmbridge.qtl2.scan1 import Scan1
from lmmbridge.qtl2.scan_map import align_scan1_map, chromosome_names, column_number, curves_of
from lmmbridge.qtl2.thresholds import Scan1PermSummary


def find_peaks(scan1_output: Scan1, map: Map, threshold=3.0, peakdrop=math.inf, drop=None, prob=None, thresholdX=None,
               peakdropX=None, dropX=None, probX=None, expand2markers: bool = True,
               sort_by: Literal["column", "pos", "lod"] = "column", cores: int = 1) -> pd.DataFrame:
    """Peaks of all LOD curves on all chromosomes, with intervals if wished: `find_peaks` of R/qtl2.

    Parameters
    ----------
    scan1_output : Scan1
    map : Map
        Positions in cM or Mb. Its `is_x_chr` says where the values for the X chromosome hold.
    threshold : float, sequence of float, or Scan1PermSummary, default 3
        A peak is above it. A summary of permutations has one significance level, and brings thresholdX where it is of the
        X chromosome, too. This and all the following numbers: one, or one for each LOD column.
    peakdrop : float or sequence of float, default inf
        By more than this LOD falls between two peaks of a chromosome. Default: one peak, the highest.
    drop : float or sequence of float, optional
        Add LOD support intervals with this drop, at least 0 and at most peakdrop.
    prob : float or sequence of float, optional
        Add Bayes credible intervals of this nominal coverage, between 0 and 1. Only one of drop and prob.
    thresholdX, peakdropX, dropX, probX : float or sequence of float, optional
        The same for the X chromosome. Default: as for the autosomes.
    expand2markers : bool, default True
        Move ends of intervals that are pseudomarkers (names as insert_pseudomarkers gives them) out to the next marker.
    sort_by : {"column", "pos", "lod"}, default "column"
        Order of the rows: by LOD column; by chromosome and position; or from the highest LOD down.
    cores : int, default 1
        Without effect, here for R/qtl2's order of arguments: one core does it.

    Returns
    -------
    pandas.DataFrame
        A row per peak: ``lodindex`` (column number, counted from 1 as in R), ``lodcolumn``, ``chr`` (categorical, in
        the order of the map), ``pos``, ``lod``, and with drop or prob ``ci_lo`` and ``ci_hi``. The index counts the
        peaks from 1 in the order of the columns, also where they are sorted otherwise, as R's row names do.

        Positions that share a peak's LOD: ``pos`` is the mean of the adjacent ones without intervals, of all between
        the valleys with drop, and the first with prob (the rules of R/qtl2 0.46).

    Raises
    ------
    InputError

    Examples
    --------
    >>> from lmmbridge.qtl2 import calc_genoprob, extdata, find_peaks, read_cross2, scan1
    >>> iron = read_cross2(extdata("iron.zip"))
    >>> scan = scan1(calc_genoprob(iron, error_prob=0.002), iron.pheno, quiet=True)
    >>> find_peaks(scan, iron.gmap, threshold=5, drop=1.5).round(2)
       lodindex lodcolumn chr   pos    lod  ci_lo  ci_hi
    1         1     liver  16  30.6   7.28    6.6   40.4
    2         1     liver   X  29.5  14.16   29.5   57.9
    3         2    spleen   9  53.6  10.38   43.7   61.2
    4         2    spleen   X  29.5   6.93   29.5   57.9
    """
    if drop is not None and prob is not None:
        raise InputError("drop and prob are both given: ask for LOD support intervals (drop) or for Bayes credible "
                         "intervals (prob)")
    for name, extra, without in (("dropX", dropX, drop), ("probX", probX, prob)):
        if extra is not None and without is None:
            warnings.warn(f"{name} is without effect where {name[:-1]} is not given", stacklevel=2)
    if sort_by not in ("column", "pos", "lod"):
        raise InputError(f"sort_by is {sort_by!r}: give 'column', 'pos' or 'lod'")
    if isinstance(threshold, Scan1PermSummary):
        threshold, thresholdX = threshold.for_peaks(thresholdX)
    lod, map = align_scan1_map(curves_of(scan1_output), map)
    columns = lod.columns

    # for autosomes (False) and the X chromosome (True), a number per column
    thresholds = _autosomes_and_x("threshold", threshold, thresholdX, columns)
    peakdrops = _autosomes_and_x("peakdrop", peakdrop, peakdropX, columns)
    drops = None if drop is None else _autosomes_and_x("drop", drop, dropX, columns)
    probs = None if prob is None else _autosomes_and_x("prob", prob, probX, columns)
    for is_x, suffix in ((False, ""), (True, "X")):
        if (peakdrops[is_x] < 0.0).any():
            raise InputError(f"peakdrop{suffix} is {peakdrops[is_x].min():g}: it must not be negative")
        if drops is not None:
            check_drop(drops[is_x], peakdrops[is_x], (f"drop{suffix}", f"peakdrop{suffix}"))
        if probs is not None:
            check_prob(probs[is_x], f"prob{suffix}")

    values = lod.to_numpy(dtype=float)
    stops = np.cumsum([len(positions) for positions in map.values()])
    rows = []
    for j, column in enumerate(columns):
        for (chromosome, positions), stop in zip(map.items(), stops):
            is_x = bool(map.is_x_chr and map.is_x_chr[chromosome])
            lods, where = values[stop - len(positions):stop, j], positions.to_numpy()
            peak_at = thresholds[is_x][j], peakdrops[is_x][j]
            if drops is not None:
                found = lod_intervals(lods, *peak_at, drops[is_x][j])
            elif probs is not None:
                found = bayes_intervals(lods, where, *peak_at, probs[is_x][j], chromosome)
            else:
                found = [(None, None, _adjacent_ties(lods, peak)) for peak in peaks_and_valleys(lods, *peak_at)[0]]
            for lo, hi, tied in found:
                ends = () if lo is None else interval_ends(lo, hi, positions, expand2markers)
                rows.append((j + 1, column, chromosome, mean_position(where[tied]), lods[tied[0]], *ends))

    names = ["lodindex", "lodcolumn", "chr", "pos", "lod"]
    if drops is not None or probs is not None:
        names += ["ci_lo", "ci_hi"]
    peaks = pd.DataFrame(rows, columns=names, index=range(1, len(rows) + 1))
    peaks = peaks.astype({"lodindex": int, "lodcolumn": object} | {name: float for name in names[3:]})
    peaks["chr"] = pd.Categorical(peaks["chr"], categories=list(map))
    if sort_by == "pos":
        return peaks.sort_values(["chr", "pos", "lodindex"], kind="stable")
    if sort_by == "lod":
        return peaks.sort_values("lod", ascending=False, kind="stable")
    return peaks


def max_scan1(scan1_output: Scan1 | Scan1Coef, map: Map | None = None, lodcolumn: int | str | None = 1, chr=None,
              na_rm: bool = True) -> pd.DataFrame | pd.Series:
    """Where a LOD curve, or a coefficient, has its maximum: `max_scan1` of R/qtl2.

    Parameters
    ----------
    scan1_output : Scan1 or Scan1Coef
    map : Map, optional
        Positions in cM or Mb. Without it only the maximum itself is told.
    lodcolumn : int, str or None, default 1
        Number, counted from 1 as in R, or name of the column; None: each column.
    chr : str or sequence of str, optional
        Chromosomes to look at; needs a map. Default: all.
    na_rm : bool, default True
        Without effect, as in R/qtl2: missing values are always passed over.

    Returns
    -------
    pandas.DataFrame or pandas.Series
        With map and a column: one row, ``chr``, ``pos`` and the maximum under the column's name; the index is the name
        of the position (the first of equals; no row where all values are missing). With map and ``lodcolumn=None``: a
        row per column with ``lodindex`` (counted from 1), ``lodcolumn``, ``chr``, ``pos`` and ``lod`` (NaN where all
        values are missing). Without map: a Series of the maxima by column.

    Raises
    ------
    InputError

    Notes
    -----
    Of coefficients, R/qtl2 0.46 takes the largest absolute value if all chromosomes of a map are looked at, and the
    largest value if chr is given or there is no map. Of LOD scores it takes the largest, and the largest absolute value
    if chr is given, which matters only where all are below 0.

    Examples
    --------
    >>> from lmmbridge.qtl2 import calc_genoprob, extdata, max_scan1, read_cross2, scan1
    >>> iron = read_cross2(extdata("iron.zip"))
    >>> scan = scan1(calc_genoprob(iron, error_prob=0.002), iron.pheno, quiet=True)
    >>> max_scan1(scan, iron.gmap, lodcolumn="spleen").round(2)
             chr   pos  spleen
    D9Mit182   9  53.6   10.38
    """
    coefficients = isinstance(scan1_output, Scan1Coef)
    values = curves_of(scan1_output, coefficients=True)
    names = values.columns
    wanted = slice(None) if lodcolumn is None else [column_number(lodcolumn, names)]
    if map is None:
        if chr is not None:
            warnings.warn("chr is without effect where map is not given", stacklevel=2)
        return values.iloc[:, wanted].max()

    values, map = align_scan1_map(values, map)
    where = pd.DataFrame({"chr": np.repeat(list(map), [len(positions) for positions in map.values()]),
                          "pos": np.concatenate([positions.to_numpy() for positions in map.values()])},
                         index=values.index)
    if coefficients != (chr is not None):
        values = values.abs()
    if chr is not None:
        chosen = where["chr"].isin(chromosome_names(chr, map))
        where, values = where[chosen], values[chosen]
    heights = values.iloc[:, wanted].to_numpy(dtype=float)
    there = ~np.isnan(heights).all(axis=0)
    top = np.where(np.isnan(heights), -math.inf, heights).argmax(axis=0)
    if lodcolumn is not None:
        row = top[there]
        return where.iloc[row].assign(**{names[wanted[0]]: heights[row, 0]})
    highest = pd.DataFrame({"chr": where["chr"].to_numpy()[top], "pos": where["pos"].to_numpy()[top],
                            "lod": heights[top, np.arange(len(names))]}, index=range(1, len(names) + 1))
    highest.loc[~there, ["chr", "pos"]] = math.nan
    highest.insert(0, "lodindex", range(1, len(names) + 1))
    highest.insert(1, "lodcolumn", names)
    return highest


def _adjacent_ties(lods: np.ndarray, peak: int) -> np.ndarray:
    """The positions around a peak that share its LOD, with none lower between."""
    lower = np.flatnonzero(lods < lods[peak])
    start = lower[lower < peak].max(initial=-1) + 1
    stop = lower[lower > peak].min(initial=len(lods))
    return start + np.flatnonzero(lods[start:stop] == lods[peak])


def _autosomes_and_x(name: str, autosomes, x, columns: pd.Index) -> tuple[np.ndarray, np.ndarray]:
    """A number per LOD column, on autosomes and on X."""
    per_column = _per_column(name, autosomes, columns)
    return per_column, per_column if x is None else _per_column(f"{name}X", x, columns)


def _per_column(name: str, values, columns: pd.Index) -> np.ndarray:
    if isinstance(values, pd.Series) and set(values.index) == set(columns):
        values = values.loc[columns]
    try:
        numbers = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise InputError(f"{name} is {values!r}: give a number, or one for each LOD column") from None
    if numbers.ndim > 1:
        raise InputError(f"{name} is a table of shape {numbers.shape}: give a number, or one for each LOD column (one row)")
    if numbers.size != 1 and numbers.size != len(columns):
        raise InputError(f"{name} has {numbers.size} values and the scan has {len(columns)} LOD columns: give one "
                         "number, or one for each column")
    if np.isnan(numbers).any():
        raise InputError(f"{name} has a value that is not a number (NaN); give a number, or one for each LOD column")
    return np.broadcast_to(numbers.ravel(), len(columns))
