"""R/qtl2's functions that run in R, on our objects: no code of ours stands between their numbers and the user."""
from __future__ import annotations

import warnings
from typing import Any

from lmmbridge.errors import InputError
from lmmbridge.qtl2.cross2 import Cross2
from lmmbridge.qtl2.genoprobs import Genoprobs
from lmmbridge.qtl2.maps import Map
from lmmbridge.qtl2.r_objects import from_r, to_r
from lmmbridge.rlink import RError, shared_session


def calc_genoprob(cross: Cross2, map: Map | None = None, error_prob: float = 1e-4, map_function: str = "haldane",
                  lowmem: bool = False, quiet: bool = True, cores: int = 1) -> Genoprobs:
    """Genotype probabilities given the marker data, by R/qtl2's hidden Markov model, in R.

    Parameters
    ----------
    cross : Cross2
    map : Map, optional
        Genetic map (cM) of the positions wanted, as from `insert_pseudomarkers`. Default: the markers of `cross`.
    error_prob : float, default 1e-4
        Probability that a genotype is wrong.
    map_function : {"haldane", "kosambi", "c-f", "morgan"}, default "haldane"
    lowmem : bool, default False
        Need less memory and more time.
    quiet : bool, default True
        Say nothing about progress; otherwise what R said is printed at the end.
    cores : int, default 1
        Processes that R uses; 0 means all but one.

    Returns
    -------
    Genoprobs

    Raises
    ------
    InputError
        If R/qtl2 does not accept an argument; with its message.
    RLinkError
        If R or its package qtl2 is not there, or R ends.

    See Also
    --------
    genoprob_to_alleleprob

    Examples
    --------
    >>> from lmmbridge.qtl2.cross2 import read_cross2
    >>> from lmmbridge.qtl2.extdata import extdata
    >>> iron = read_cross2(extdata("iron.zip"))
    >>> probs = calc_genoprob(iron, insert_pseudomarkers(iron.gmap, step=1), error_prob=0.002)
    >>> probs["19"].sizes
    Frozen({'individual': 284, 'genotype': 3, 'position': 36})
    >>> probs["19"].sel(individual="1", position="c19.loc4").round(3).to_series().to_dict()
    {'SS': 0.001, 'SB': 0.036, 'BB': 0.963}
    """
    return in_qtl2("calc_genoprob", cross=to_r(cross), map=None if map is None else to_r(map), error_prob=error_prob,
                    map_function=map_function, lowmem=lowmem, quiet=quiet, cores=cores)


def insert_pseudomarkers(map: Map | Cross2, step: float = 0, off_end: float = 0, stepwidth: str = "fixed",
                         pseudomarker_map: Map | None = None, tol: float = 0.01, cores: int = 1) -> Map:
    """A map with positions put between the markers, by R/qtl2, in R.

    Parameters
    ----------
    map : Map or Cross2
        Genetic map (cM); of a Cross2, its `gmap`.
    step : float, default 0
        Distance between positions (cM); 0 puts none in.
    off_end : float, default 0
        How far to go beyond the first and the last marker (cM).
    stepwidth : {"fixed", "max"}, default "fixed"
        A grid of positions `step` apart, or as few as leave no gap larger than `step`.
    pseudomarker_map : Map, optional
        The positions to put in, in place of `step`.
    tol : float, default 0.01
        A position as near as this to a marker (cM) is left out.
    cores : int, default 1
        Processes that R uses; 0 means all but one.

    Returns
    -------
    Map

    Raises
    ------
    InputError
        If R/qtl2 does not accept an argument; with its message.
    RLinkError
        If R or its package qtl2 is not there, or R ends.

    Examples
    --------
    >>> import pandas as pd
    >>> from lmmbridge.qtl2.maps import Map
    >>> markers = Map({"19": pd.Series({"D19Mit68": 3.3, "D19Mit37": 17.5})})
    >>> insert_pseudomarkers(markers, step=5)["19"].round(1).to_dict()
    {'D19Mit68': 3.3, 'c19.loc8': 8.3, 'c19.loc13': 13.3, 'D19Mit37': 17.5}
    """
    return in_qtl2("insert_pseudomarkers", map=to_r(map), step=step, off_end=off_end, stepwidth=stepwidth,
                    pseudomarker_map=None if pseudomarker_map is None else to_r(pseudomarker_map), tol=tol, cores=cores)


def genoprob_to_alleleprob(probs: Genoprobs, quiet: bool = True, cores: int = 1) -> Genoprobs:
    """Allele probabilities from genotype probabilities, by R/qtl2, in R.

    Parameters
    ----------
    probs : Genoprobs
        Allele probabilities come back as they are.
    quiet : bool, default True
        Say nothing about progress; otherwise what R said is printed at the end.
    cores : int, default 1
        Processes that R uses; 0 means all but one.

    Returns
    -------
    Genoprobs
        With `alleleprobs` True.

    Raises
    ------
    InputError
        If R/qtl2 does not accept an argument; with its message.
    RLinkError
        If R or its package qtl2 is not there, or R ends.

    Examples
    --------
    >>> from lmmbridge.qtl2.cross2 import read_cross2
    >>> from lmmbridge.qtl2.extdata import extdata
    >>> probs = calc_genoprob(read_cross2(extdata("iron.zip")))
    >>> genoprob_to_alleleprob(probs)["19"].sel(individual="1", position="D19Mit68").round(3).to_series().to_dict()
    {'S': 0.0, 'B': 1.0}
    """
    return in_qtl2("genoprob_to_alleleprob", probs=to_r(probs), quiet=quiet, cores=cores)


def in_qtl2(function: str, **arguments: Any) -> Any:
    """What the function of R/qtl2 returns, as our object; R's warnings become Python's, its output is printed."""
    try:
        answer = shared_session().call(f"qtl2::{function}", **arguments)
    except RError as error:
        if error.call.startswith("loadNamespace("):     # qtl2 is missing or broken: nothing wrong with the input
            raise
        raise InputError(f"{function}: R/qtl2 says: {error.message}") from error
    for message in answer.warnings:
        warnings.warn(f"{function}: R/qtl2 says: {message}", stacklevel=3)
    if answer.output:
        print(answer.output, end="")
    return from_r(answer.value)
