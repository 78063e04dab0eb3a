"""LOD support intervals and Bayes credible intervals, for one peak of a LOD curve or for several.

A curve may have several peaks: between two of them LOD falls by more than `peakdrop` below the lower one. An interval
stays between the valleys (the lowest points) on both sides of its peak.
"""
from __future__ import annotations

import math
import re
import warnings

import numpy as np
import pandas as pd

from lmmbridge.errors import InputError
from lmmbridge.qtl2.maps import Map
from lmmbridge.qtl2.scan1 import Scan1
from lmmbridge.qtl2.scan_map import align_scan1_map, chromosome_names, column_number, curves_of

#: What insert_pseudomarkers calls the positions between markers, such as c2.loc31.5.
PSEUDOMARKER = re.compile(r"c.+\.loc-*[0-9]+(\.[0-9]+)*")


def lod_int(scan1_output: Scan1, map: Map, chr=None, lodcolumn: int | str = 1, threshold: float = 0.0,
            peakdrop: float = math.inf, drop: float = 1.5, expand2markers: bool = True) -> pd.DataFrame:
    """LOD support intervals of one LOD curve on one chromosome: `lod_int` of R/qtl2.

    Parameters
    ----------
    scan1_output : Scan1
    map : Map
        Positions in cM or Mb.
    chr : str, optional
        Default: the first chromosome of the map.
    lodcolumn : int or str, default 1
        Number, counted from 1 as in R, or name of the LOD column.
    threshold : float, default 0
        A peak is above it.
    peakdrop : float, default inf
        By more than this LOD falls between two peaks. Default: one peak, the highest.
    drop : float, default 1.5
        LOD units, at least 0 and at most peakdrop: the interval reaches to the first positions beyond which LOD stays
        at or below the peak's less drop.
    expand2markers : bool, default True
        Move ends that are pseudomarkers (names as insert_pseudomarkers gives them) out to the next marker.

    Returns
    -------
    pandas.DataFrame, shape (peaks, 3)
        ``ci_lo``, ``pos``, ``ci_hi`` in the units of the map; index 1, 2, ... A peak's position is the mean of all
        those at which LOD equals its maximum between the valleys.

    Raises
    ------
    InputError

    Examples
    --------
    >>> from lmmbridge.qtl2 import calc_genoprob, extdata, lod_int, read_cross2, scan1
    >>> iron = read_cross2(extdata("iron.zip"))
    >>> scan = scan1(calc_genoprob(iron, error_prob=0.002), iron.pheno, quiet=True)
    >>> lod_int(scan, iron.gmap, chr="16", lodcolumn="liver")
       ci_lo   pos  ci_hi
    1    6.6  30.6   40.4
    """
    lods, positions, _ = _one_curve(*align_scan1_map(curves_of(scan1_output), map), chr, lodcolumn)
    _check_single(threshold=threshold, peakdrop=peakdrop, drop=drop)
    check_drop(drop, peakdrop)
    return _table(lod_intervals(lods, threshold, peakdrop, drop), positions, expand2markers)


def bayes_int(scan1_output: Scan1, map: Map, chr=None, lodcolumn: int | str = 1, threshold: float = 0.0,
              peakdrop: float = math.inf, prob: float = 0.95, expand2markers: bool = True) -> pd.DataFrame:
    """Bayes credible intervals of one LOD curve on one chromosome: `bayes_int` of R/qtl2.

    The posterior of the QTL's position is taken as proportional to 10^LOD, with a uniform prior; positions are
    collected from the highest LOD downwards until they hold `prob` of it.

    Parameters
    ----------
    scan1_output, map, chr, lodcolumn, threshold, peakdrop, expand2markers
        As in `lod_int`.
    prob : float, default 0.95
        Nominal coverage, between 0 and 1.

    Returns
    -------
    pandas.DataFrame, shape (peaks, 3)
        As from `lod_int`, but a peak's position is the first of those with its LOD (R/qtl2 0.46 takes the mean of them
        in `lod_int` alone, though it documents it for both).

    Raises
    ------
    InputError
        Also for a peak on a chromosome with one position, which has no width.

    Notes
    -----
    Positions with equal LOD are collected from left to right.

    Examples
    --------
    >>> from lmmbridge.qtl2 import bayes_int, calc_genoprob, extdata, read_cross2, scan1
    >>> iron = read_cross2(extdata("iron.zip"))
    >>> scan = scan1(calc_genoprob(iron, error_prob=0.002), iron.pheno, quiet=True)
    >>> bayes_int(scan, iron.gmap, chr="16", lodcolumn="liver", prob=0.99)
       ci_lo   pos  ci_hi
    1   25.1  30.6   30.6
    """
    lods, positions, chromosome = _one_curve(*align_scan1_map(curves_of(scan1_output), map), chr, lodcolumn)
    _check_single(threshold=threshold, peakdrop=peakdrop, prob=prob)
    check_prob(prob)
    found = bayes_intervals(lods, positions.to_numpy(), threshold, peakdrop, prob, chromosome)
    return _table(found, positions, expand2markers)


def peaks_and_valleys(lods: np.ndarray, threshold: float, peakdrop: float) -> tuple[list[int], list[int]]:
    """Peaks above the threshold with a fall of more than peakdrop between them, from left to right.

    Parameters
    ----------
    lods : ndarray, shape (n,)
        NaN is passed over.

    Returns
    -------
    peaks : list of int
        Of positions with equal LOD the first.
    valleys : list of int
        The lowest position between each two peaks (the first of equals), with 0 before and n - 1 after them.
    """
    peaks: list[int] = []
    valleys = [0]
    lowest = 0                                  # since the last peak
    values = lods.tolist() if (lods > threshold).any() else []
    for i, lod in enumerate(values):
        if peaks and lod < values[lowest]:
            lowest = i
        if not lod > threshold:
            continue
        if not peaks:
            peaks.append(i)
            lowest = i
        elif min(values[peaks[-1]], lod) > values[lowest] + peakdrop:
            peaks.append(i)
            valleys.append(lowest)
            lowest = i
        elif lod > values[peaks[-1]]:
            peaks[-1] = lowest = i
    return peaks, [*valleys, len(lods) - 1]


def lod_intervals(lods: np.ndarray, threshold: float, peakdrop: float, drop: float) -> list[tuple]:
    """The LOD support interval of every peak.

    Returns
    -------
    list of (int, int, ndarray of int)
        Indices of the interval's ends and of the positions that share the peak's LOD.
    """
    found = []
    peaks, valleys = peaks_and_valleys(lods, threshold, peakdrop)
    for peak, start, end in zip(peaks, valleys, valleys[1:]):
        between = lods[start:end + 1]
        supported = between > lods[peak] - drop
        supported[peak - start] = True          # also where drop is 0
        lo, hi = start + np.flatnonzero(supported)[[0, -1]]
        found.append((max(lo - 1, start), min(hi + 1, end), start + np.flatnonzero(between == lods[peak])))
    return found


def bayes_intervals(lods: np.ndarray, positions: np.ndarray, threshold: float, peakdrop: float, prob: float,
                    chromosome: str) -> list[tuple]:
    """The Bayes credible interval of every peak; returns the same as `lod_intervals`."""
    found = []
    peaks, valleys = peaks_and_valleys(lods, threshold, peakdrop)
    if peaks and len(lods) < 2:
        raise InputError(f"chromosome '{chromosome}' has a single position with a peak, and a Bayes interval needs "
                         "two; leave the chromosome out of the map, or ask for LOD support intervals (drop)")
    if not peaks:
        return found
    widths = np.concatenate([positions[1:2] - positions[:1], (positions[2:] - positions[:-2]) / 2.0,
                             positions[-1:] - positions[-2:-1]])
    with np.errstate(divide="ignore"):          # a width of 0 holds nothing
        log_area = lods * math.log(10.0) + np.log(widths)
    for peak, start, end in zip(peaks, valleys, valleys[1:]):
        between = slice(start, end + 1)
        with np.errstate(invalid="ignore"):     # NaN is dealt with here
            total = np.logaddexp.reduce(log_area[between])
        if not np.isfinite(total):
            warnings.warn(f"chromosome '{chromosome}': around the peak at {positions[peak]:g} a LOD is missing or "
                          "infinite, or all positions are the same; its Bayes interval is all that lies between the "
                          "valleys", stacklevel=3)
            found.append((start, end, np.array([peak])))
            continue
        downwards = start + np.argsort(-lods[between], kind="stable")
        enough = np.cumsum(np.exp(log_area[downwards] - total)) >= prob
        inside = downwards[:np.argmax(enough) + 1] if enough.any() else downwards
        found.append((min(peak, inside.min()), max(peak, inside.max()), np.array([peak])))
    return found


def interval_ends(lo: int, hi: int, positions: pd.Series, expand2markers: bool) -> tuple[float, float]:
    """Where an interval begins and ends: at the next markers outwards if so wished, or at the chromosome's ends."""
    if expand2markers:
        names, last = positions.index, len(positions) - 1
        lo = next((i for i in range(lo, -1, -1) if not PSEUDOMARKER.fullmatch(names[i])), 0)
        hi = next((i for i in range(hi, last + 1) if not PSEUDOMARKER.fullmatch(names[i])), last)
    return positions.iloc[lo], positions.iloc[hi]


def mean_position(positions: np.ndarray) -> float:
    """The mean, rounded once at the end as in R."""
    return float(positions.astype(np.longdouble).mean())


def check_drop(drop, peakdrop, names: tuple[str, str] = ("drop", "peakdrop")) -> None:
    """Refuse a drop below 0 or above peakdrop; numbers or vectors over the LOD columns."""
    drop, peakdrop = np.broadcast_arrays(drop, peakdrop)
    if np.any(drop < 0.0):
        raise InputError(f"{names[0]} is {drop[drop < 0.0].flat[0]:g}: it must not be negative")
    if np.any(drop > peakdrop):
        raise InputError(f"{names[0]} ({drop[drop > peakdrop].flat[0]:g}) must not be larger than {names[1]} "
                         f"({peakdrop[drop > peakdrop].flat[0]:g}): an interval must end before the next peak")


def check_prob(prob, name: str = "prob") -> None:
    """Refuse a coverage outside the open interval (0, 1); a number or a vector over the LOD columns."""
    prob = np.asarray(prob)
    outside = (prob <= 0.0) | (prob >= 1.0)
    if outside.any():
        raise InputError(f"{name} is {prob[outside].flat[0]:g}: give a coverage between 0 and 1, such as 0.95")


def _one_curve(lod: pd.DataFrame, map: Map, chr, lodcolumn) -> tuple[np.ndarray, pd.Series, str]:
    """LOD scores and positions of one column on one chromosome, and the chromosome's name."""
    chromosomes = chromosome_names(next(iter(map)) if chr is None else chr, map)
    if len(chromosomes) != 1:
        raise InputError(f"chr has {len(chromosomes)} chromosomes: give one; find_peaks takes all of them")
    positions = map[chromosomes[0]]
    return lod.iloc[:, column_number(lodcolumn, lod.columns)].loc[positions.index].to_numpy(), positions, chromosomes[0]


def _check_single(**numbers) -> None:
    for name, value in numbers.items():
        if np.ndim(value) or isinstance(value, (str, bool)) or value is None or math.isnan(value):
            raise InputError(f"{name} is {value!r}: give one number")
    if numbers["peakdrop"] < 0.0:
        raise InputError(f"peakdrop is {numbers['peakdrop']:g}: it must not be negative")


def _table(found: list[tuple], positions: pd.Series, expand2markers: bool) -> pd.DataFrame:
    rows = []
    for lo, hi, tied in found:
        ci_lo, ci_hi = interval_ends(lo, hi, positions, expand2markers)
        rows.append((ci_lo, mean_position(positions.to_numpy()[tied]), ci_hi))
    return pd.DataFrame(rows, columns=["ci_lo", "pos", "ci_hi"], index=range(1, len(rows) + 1), dtype=float)
