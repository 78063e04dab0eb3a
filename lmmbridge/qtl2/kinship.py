"""Kinship from genotype probabilities: R/qtl2's calc_kinship, scale_kinship and decomp_kinship.

Here K is what R/qtl2 calls the kinship matrix, the expected proportion of alleles shared by state at a random position;
its mixed models use twice that.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from lmmbridge.errors import InputError
from lmmbridge.inputs import frame_of, numbers_of, refuse_row_numbers, symmetric
from lmmbridge.parallel import run_over
from lmmbridge.progress import track
from lmmbridge.qtl2.genoprobs import Genoprobs

TYPES = ("overall", "loco", "chr")


@dataclass(frozen=True, eq=False)
class DecomposedKinship:
    """K = U diag(values) U', as R/qtl2's decomp_kinship gives it.

    Attributes
    ----------
    ids : tuple of str, length n
    values : ndarray, shape (n,)
        Eigenvalues, ascending.
    vectors : ndarray, shape (n, n)
        U', a row per eigenvalue.
    """

    ids: tuple[str, ...]
    values: np.ndarray
    vectors: np.ndarray


def calc_kinship(probs: Genoprobs, type: str = "overall", omit_x: bool = False, use_allele_probs: bool = True,
                 quiet: bool = False, cores: int = 1) -> pd.DataFrame | dict[str, pd.DataFrame]:
    """Kinship of each pair of individuals: the mean over positions k of Σ_l p_ikl p_jkl, l being the alleles.

    As R/qtl2's calc_kinship. No more is held beside the result than the probabilities of one chromosome for each core.

    Parameters
    ----------
    probs : Genoprobs
        Of n individuals.
    type : {"overall", "loco", "chr"}, default "overall"
        From all chromosomes; from all but one (leave one chromosome out), for each; or from each alone.
    omit_x : bool, default False
        Take the positions of autosomes only; without effect for type "chr".
    use_allele_probs : bool, default True
        Turn genotype into allele probabilities first (by R/qtl2's genoprob_to_alleleprob, in R), unless `probs` are
        allele probabilities already; False takes `probs` as they are.
    quiet : bool, default False
        Show no progress.
    cores : int, default 1
        Chromosomes to work on at a time; 0 is all cores but one.

    Returns
    -------
    DataFrame, shape (n, n), index and columns being the IDs; for "loco" and "chr" a dict with one for each chromosome
        The number of positions it was made of is in ``.attrs["n_pos"]``.

    Raises
    ------
    InputError
        If `type` is another, or no position is left for a matrix.

    Examples
    --------
    >>> from lmmbridge.qtl2.cross2 import read_cross2
    >>> from lmmbridge.qtl2.extdata import extdata
    >>> from lmmbridge.qtl2.through_r import calc_genoprob
    >>> iron = read_cross2(extdata("iron.zip"))
    >>> probs = calc_genoprob(iron, error_prob=0.002)
    >>> kinship = calc_kinship(probs)
    >>> kinship.iloc[:3, :3].round(3)
           1      2      3
    1  0.753  0.515  0.476
    2  0.515  0.598  0.523
    3  0.476  0.523  0.779
    >>> kinship.attrs["n_pos"], calc_kinship(probs, "loco")["19"].attrs["n_pos"]
    (66, 64)
    """
    if not isinstance(probs, Genoprobs):
        raise InputError(f"probs is of type {probs.__class__.__name__}: give genotype probabilities, as from "
                         "calc_genoprob")
    if type not in TYPES:
        raise InputError(f"type is {type!r}: give 'overall', 'loco' (leaving one chromosome out) or 'chr' (each "
                         "chromosome)")
    used = [name for name in probs if type == "chr" or not (omit_x and probs.is_x_chr[name])]
    n_pos = {name: probs[name].sizes["position"] for name in used}
    total = sum(n_pos.values())
    positions = n_pos if type == "chr" else {name: total - n_pos.get(name, 0) * (type == "loco") for name in probs}
    if total == 0:
        raise InputError("probs has no position to compute kinship from" + ("; take omit_x=False" if omit_x else ""))
    for name, n in positions.items():
        if n == 0:
            raise InputError(f"probs has no position on chromosome '{name}'; leave it out" if type == "chr" else
                             f"probs has no position on another chromosome than '{name}', which type 'loco' leaves "
                             "out; take type 'overall'")
    convert = use_allele_probs and not probs.alleleprobs

    def shared(chromosome: str) -> np.ndarray:
        """Σ_k Σ_l p_ikl p_jkl over the chromosome's positions k."""
        array = _allele_probs(probs, chromosome) if convert else probs[chromosome]
        P = array.values.reshape(len(probs.individuals), -1, order="A")    # "A": no copy in either memory order
        return P @ P.T

    by_chr = track(zip(used, run_over(shared, used, cores)), "kinship", len(used), quiet)
    if type == "chr":
        return {name: _labelled(K, probs, n_pos[name]) for name, K in by_chr}
    if type == "overall":
        return _labelled(sum(K for _, K in by_chr), probs, total)
    by_chr = dict(by_chr)
    overall = sum(by_chr.values())
    return {name: _labelled(overall - by_chr.pop(name, 0.0), probs, positions[name]) for name in probs}


def _allele_probs(probs: Genoprobs, chromosome: str) -> xr.DataArray:
    from lmmbridge.qtl2.through_r import genoprob_to_alleleprob    # which imports this module in its turn
    return genoprob_to_alleleprob(probs.subset(chr=[chromosome]))[chromosome]


def _labelled(K: np.ndarray, probs: Genoprobs, n_pos: int) -> pd.DataFrame:
    frame = pd.DataFrame(K / n_pos, index=list(probs.individuals), columns=list(probs.individuals))
    frame.attrs["n_pos"] = n_pos
    return frame


def check_kinship(kinship: Any, name: str = "kinship") -> pd.DataFrame:
    """The kinship matrix labelled with text on both sides, its entries not copied; refuses what cannot be one.

    Parameters
    ----------
    kinship : DataFrame, shape (n, n)
    name : str
        What the messages call it.

    Raises
    ------
    InputError
        If it is not a DataFrame, empty, not square, it has no IDs or they repeat, rows and columns differ or are in
        different order, or an entry is not a finite number.
    """
    if isinstance(kinship, DecomposedKinship):
        raise InputError(f"{name} is decomposed: give the kinship matrix itself")
    if not isinstance(kinship, pd.DataFrame):
        raise InputError(f"{name} is of type {kinship.__class__.__name__}: give a DataFrame with the IDs as index and "
                         "columns, or a mapping of chromosomes to such")
    if kinship.shape[0] != kinship.shape[1]:
        raise InputError(f"{name} has {kinship.shape[0]} rows and {kinship.shape[1]} columns: it must be square")
    refuse_row_numbers(kinship, name)
    frame = frame_of(kinship, name)
    if list(frame.index) != list(frame.columns):
        i = next(i for i, (row, column) in enumerate(zip(frame.index, frame.columns)) if row != column)
        raise InputError(f"{name}: row {i + 1} is individual '{frame.index[i]}' and column {i + 1} is "
                         f"'{frame.columns[i]}'; rows and columns must be the same individuals in the same order")
    numbers_of(frame, name)
    return frame


def scale_kinship(kinship: pd.DataFrame | Mapping[str, pd.DataFrame]) -> pd.DataFrame | dict[str, pd.DataFrame]:
    """Scale kinship to be like a correlation matrix, k_ij / √(k_ii k_jj); as R/qtl2's scale_kinship.

    Parameters
    ----------
    kinship : DataFrame, shape (n, n), or mapping of chromosome to such

    Returns
    -------
    DataFrame, shape (n, n), or dict of chromosome to such
        ``.attrs`` as in the input.

    Raises
    ------
    InputError
        If a diagonal element is not positive, the matrix is decomposed, or see `check_kinship`.

    Examples
    --------
    >>> import pandas as pd
    >>> from lmmbridge.qtl2.kinship import scale_kinship
    >>> scale_kinship(pd.DataFrame([[0.5, 0.25], [0.25, 0.5]], ["a", "b"], ["a", "b"]))
         a    b
    a  1.0  0.5
    b  0.5  1.0
    """
    if isinstance(kinship, Mapping):
        return {name: _scaled(matrix, f"kinship of chromosome '{name}'") for name, matrix in kinship.items()}
    return _scaled(kinship, "kinship")


def _scaled(kinship: pd.DataFrame, name: str) -> pd.DataFrame:
    kinship = check_kinship(kinship, name)
    diagonal = np.diag(kinship)
    if np.any(diagonal <= 0.0):
        i = int(np.argmax(diagonal <= 0.0))
        raise InputError(f"{name}: the diagonal element of individual '{kinship.index[i]}' is {diagonal[i]:g}; it must "
                         "be positive to scale by, so leave that individual out or mend the matrix")
    root = np.sqrt(diagonal)
    scaled = pd.DataFrame(kinship.to_numpy() / root[:, None] / root, kinship.index, kinship.columns)
    scaled.attrs = dict(kinship.attrs)
    return scaled


def decomp_kinship(kinship: Any, cores: int = 1, *,
                   quiet: bool = False) -> DecomposedKinship | dict[str, DecomposedKinship]:
    """Eigen decomposition of kinship, computed once for many fits; as R/qtl2's decomp_kinship.

    Eigenvalues are given as they come, those that are zero to rounding or negative too.

    Parameters
    ----------
    kinship : DataFrame, shape (n, n), or mapping of chromosome to such
        Symmetric to rounding. What is decomposed already is given back.
    cores : int, default 1
        Matrices to decompose at a time; 0 is all cores but one.
    quiet : bool, default False
        Show no progress.

    Returns
    -------
    DecomposedKinship, or dict of chromosome to DecomposedKinship

    Raises
    ------
    InputError
        If a matrix is not symmetric, or see `check_kinship`.

    Examples
    --------
    >>> import pandas as pd
    >>> from lmmbridge.qtl2.kinship import decomp_kinship
    >>> decomp_kinship(pd.DataFrame([[0.5, 0.25], [0.25, 0.5]], ["a", "b"], ["a", "b"])).values.round(12)
    array([0.25, 0.75])
    """
    single = not isinstance(kinship, Mapping)
    named = [("kinship", kinship)] if single else [
        (f"kinship of chromosome '{name}'", matrix) for name, matrix in kinship.items()]
    found = list(track(run_over(_decomposed, named, cores), "decomp_kinship", len(named), quiet))
    return found[0] if single else dict(zip(kinship, found))


def _decomposed(named: tuple[str, pd.DataFrame | DecomposedKinship]) -> DecomposedKinship:
    name, kinship = named
    if isinstance(kinship, DecomposedKinship):
        return kinship
    kinship = check_kinship(kinship, name)
    ids = tuple(kinship.index)
    values, vectors = np.linalg.eigh(symmetric(numbers_of(kinship, name), ids, name))
    return DecomposedKinship(ids, values, np.ascontiguousarray(vectors.T))
