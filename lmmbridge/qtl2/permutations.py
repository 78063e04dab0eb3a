"""Permutation tests of a genome scan: R/qtl2's scan1perm, mat2strata and chr_lengths."""
from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd

from lmmbridge.errors import InputError
from lmmbridge.parallel import heavy_work
from lmmbridge.progress import Progress
from lmmbridge.qtl2.alignment import labelled
from lmmbridge.qtl2.cross2 import Cross2
from lmmbridge.qtl2.genoprobs import Genoprobs
from lmmbridge.qtl2.maps import Map
from lmmbridge.qtl2.permuted_maxima import permuted_maxima
from lmmbridge.qtl2.scan_setup import Setup, refuse_binary, set_up
from lmmbridge.qtl2.thresholds import Scan1Perm


def scan1perm(genoprobs: Genoprobs, pheno: Any, kinship: Any = None, addcovar: Any = None, Xcovar: Any = None,
              intcovar: Any = None, weights: Any = None, reml: bool = True, model: str = "normal", n_perm: int = 1,
              perm_Xsp: bool = False, perm_strata: pd.Series | None = None, chr_lengths: Any = None, cores: int = 1, *,
              rng: np.random.Generator | int | Callable[[int], np.ndarray] | None = None, quiet: bool = False) -> Scan1Perm:
    """Permutation test of a genome scan: maximum LOD scores with the genotypes permuted.

    Parameters
    ----------
    genoprobs, pheno, kinship, addcovar, Xcovar, intcovar, weights, reml, model, cores, quiet
        As for `scan1`. Phenotypes without LOD scores are refused here.
    n_perm : int, default 1
        Number of permutations.
    perm_Xsp : bool, default False
        Permute for the autosomes and for the X chromosome separately: n_perm permutations for the autosomes,
        ⌈n_perm · L_A / L_X⌉ for the X chromosome, L being their lengths.
    perm_strata : Series, optional
        A stratum for each individual (any values; index: IDs); individuals change places within strata only. Default:
        strata by the rows of Xcovar (see `mat2strata`) where it is given, otherwise all individuals are one stratum.
    chr_lengths : Series or mapping of chromosome to length, optional
        As from `chr_lengths`; or the two total lengths "A" and "X". Needed with perm_Xsp.
    rng : numpy.random.Generator, int or callable, optional
        What the permutations are drawn with, or a seed. The same seed gives the same result, whatever `cores` is.
        A callable gives that many random numbers from [0, 1), as R's runif; the permutations are then those that R/qtl2
        makes of these numbers. Default: another result each time.

    Returns
    -------
    Scan1Perm
        Its `A` (permutations × phenotypes) holds genome-wide maxima; with perm_Xsp those over the autosomes, and `X`
        those over the X chromosome.

    Raises
    ------
    InputError
        Names the argument, the individual, column or chromosome, and what to do.

    Notes
    -----
    As in R/qtl2's scan1perm: the rows of the genotype probabilities of all individuals that have what is needed are
    permuted, the same way for all phenotypes, and those with a missing phenotype are left out after that; kinship,
    covariates, weights and phenotypes stay, and hsq is estimated once, under the null model. A permutation that changes
    nothing gives the maxima of scan1 (R/qtl2, with kinship, weights interactions twice where there are weights, and keeps
    columns of `intcovar` that depend on those of `addcovar`, whose rounding noise is then a covariate).
    R/qtl2's argument scan_func, another function to scan with, is not offered.

    References
    ----------
    Churchill GA, Doerge RW (1994) Empirical threshold values for quantitative trait mapping. Genetics 138:963-971.

    Manichaikul A, Palmer AA, Sen Ś, Broman KW (2007) Significance thresholds for quantitative trait locus mapping under
    selective genotyping. Genetics 177:1963-1966. (Strata.)

    Examples
    --------
    >>> from lmmbridge.qtl2.cross2 import read_cross2
    >>> from lmmbridge.qtl2.extdata import extdata
    >>> from lmmbridge.qtl2.kinship import calc_kinship
    >>> from lmmbridge.qtl2.thresholds import summary_scan1perm
    >>> from lmmbridge.qtl2.through_r import calc_genoprob
    >>> iron = read_cross2(extdata("iron.zip"))
    >>> probs = calc_genoprob(iron, error_prob=0.002)
    >>> sex = (iron.covar["sex"] == "m").astype(float)
    >>> perms = scan1perm(probs, iron.pheno, calc_kinship(probs), sex, n_perm=50, rng=1)
    >>> perms.A.shape
    (50, 2)
    >>> print(summary_scan1perm(perms, alpha=[0.2, 0.05]))
    LOD thresholds (50 permutations)
          liver  spleen
    0.20   2.56    2.46
    0.05   3.45    3.80
    """
    refuse_binary(model, kinship)
    if not isinstance(genoprobs, Genoprobs):
        raise InputError(f"genoprobs is a {type(genoprobs).__name__}: give a Genoprobs, as from calc_genoprob")
    n_perm = number_of_permutations(n_perm)
    generator = rng if callable(rng) else generator_of(rng)
    by_Xcovar = perm_strata is None and Xcovar is not None
    strata = mat2strata(Xcovar) if by_Xcovar else _checked_strata(perm_strata)

    def maxima(genoprobs: Genoprobs, kinship: Any, Xcovar: Any, n_perm: int, description: str) -> pd.DataFrame:
        setup = set_up(genoprobs, pheno, kinship, addcovar, Xcovar, intcovar, weights, reml, model,
                       others={"Xcovar": strata.index} if by_Xcovar else {})
        codes = _strata_of(setup.aligned.pheno.index, strata)
        if callable(generator):
            permutations = permutations_from(generator, n_perm, codes)
            if _permutes_phenotypes(setup):
                permutations = np.argsort(permutations, axis=1).astype(np.int32)
        else:
            permutations = draw_permutations(generator, n_perm, codes)
        total = len(genoprobs.positions) * n_perm * setup.aligned.pheno.shape[1]
        with heavy_work(), Progress(description, total, quiet) as progress:
            return permuted_maxima(setup, permutations, cores, progress)

    if not perm_Xsp:
        return Scan1Perm(maxima(genoprobs, kinship, Xcovar, n_perm, "scan1perm"))
    lengths = _lengths_of_A_and_X(chr_lengths, genoprobs)
    X = [name for name in genoprobs if genoprobs.is_x_chr[name]]
    autosomes = [name for name in genoprobs if name not in X]
    n_perm_X = int(np.ceil(n_perm * lengths["A"] / lengths["X"]))
    return Scan1Perm(
        maxima(genoprobs.subset(chr=autosomes), _without(kinship, X), None, n_perm, "scan1perm, autosomes"),
        maxima(genoprobs.subset(chr=X), _without(kinship, autosomes), Xcovar, n_perm_X, "scan1perm, X chromosome"),
        lengths)


def draw_permutations(generator: np.random.Generator, n_perm: int, strata: np.ndarray) -> np.ndarray:
    """Random permutations of 0, …, N−1 within strata.

    Parameters
    ----------
    generator : numpy.random.Generator
    n_perm : int
    strata : ndarray of int, shape (N,)

    Returns
    -------
    ndarray of int, shape (n_perm, N)
        A permutation in each row.
    """
    permutations = np.tile(np.arange(len(strata), dtype=np.int32), (n_perm, 1))
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        permutations[:, members] = generator.permuted(permutations[:, members], axis=1)
    return permutations


def permutations_from(uniforms: Callable[[int], np.ndarray], n_perm: int, strata: np.ndarray) -> np.ndarray:
    """Random permutations of 0, …, N−1 within strata, those that R/qtl2 makes of the same uniform random numbers.

    Each permutation is a Fisher–Yates shuffle from the end, stratum by stratum (R/qtl2's permute_nvector).

    Parameters
    ----------
    uniforms : callable
        uniforms(k): k random numbers from [0, 1).
    n_perm : int
    strata : ndarray of int, shape (N,)
        Numbered as they first occur.

    Returns
    -------
    ndarray of int, shape (n_perm, N)
        A permutation in each row.
    """
    permutations = np.tile(np.arange(len(strata), dtype=np.int32), (n_perm, 1))
    every = np.arange(n_perm)
    members = [np.flatnonzero(strata == stratum) for stratum in range(int(strata.max()) + 1)]
    draws = iter(uniforms(n_perm * sum(len(stratum) - 1 for stratum in members)).reshape(n_perm, -1).T)
    for stratum in members:
        for i in range(len(stratum) - 1, 0, -1):
            j = stratum[(next(draws) * (i + 1)).astype(int)]
            permutations[:, stratum[i]], permutations[every, j] = permutations[every, j], permutations[:, stratum[i]].copy()
    return permutations


def _permutes_phenotypes(setup: Setup) -> bool:
    """Whether R/qtl2 permutes the phenotypes and not the genotypes, which takes the inverse permutation to the same end."""
    aligned = setup.aligned
    return setup.kinship is None and aligned.weights is None and aligned.pheno.notna().to_numpy().all() and all(
        covariates is None for covariates in (aligned.addcovar, aligned.Xcovar, aligned.intcovar))


def mat2strata(mat: pd.DataFrame | pd.Series) -> pd.Series:
    """Strata of a permutation test by the rows of a covariate matrix: R/qtl2's mat2strata.

    Parameters
    ----------
    mat : DataFrame or Series
        Covariates; index: IDs.

    Returns
    -------
    Series of str
        The values in each row, separated by "|"; "NA" where one is missing.

    Raises
    ------
    InputError
        If there are no IDs, an ID occurs twice, or a column is not numeric.

    Examples
    --------
    >>> import pandas as pd
    >>> mat2strata(pd.DataFrame({"sex": [0, 1, 1], "direction": [0.5, 0, 0]}, ["a", "b", "c"])).to_dict()
    {'a': '0|0.5', 'b': '1|0', 'c': '1|0'}
    """
    frame = labelled(mat, "mat")
    if frame is None:
        raise InputError("mat is None: give a DataFrame of covariates with the individuals' IDs as index")
    texts = ["|".join("NA" if np.isnan(value) else f"{value:.15g}" for value in row) for row in frame.to_numpy()]
    return pd.Series(texts, frame.index, dtype=object)


def chr_lengths(map: Map | Cross2, collapse_to_AX: bool = False) -> pd.Series:
    """Lengths of chromosomes, from the first to the last marker: R/qtl2's chr_lengths.

    Parameters
    ----------
    map : Map or Cross2
        Of a cross the genetic map, or the physical one (with a warning) where there is none.
    collapse_to_AX : bool, default False
        The total lengths of the autosomes and of the X chromosome instead.

    Returns
    -------
    Series
        Chromosome to length, in the units of the map; or "A" and "X" to total length. `.attrs["is_x_chr"]` is a dict
        that says which is the X chromosome, where the map does.

    Raises
    ------
    InputError
        If a chromosome has no marker, or the lengths are to be collapsed and the map does not say which chromosome is
        the X.

    Examples
    --------
    >>> from lmmbridge.qtl2.cross2 import read_cross2
    >>> from lmmbridge.qtl2.extdata import extdata
    >>> lengths = chr_lengths(read_cross2(extdata("iron.zip")), collapse_to_AX=True)
    >>> lengths.round(1).to_dict()
    {'A': 802.1, 'X': 28.4}
    """
    if isinstance(map, Cross2):
        if map.gmap is None:
            warnings.warn("the cross has no genetic map: lengths are those of the physical map", stacklevel=2)
        map = map.pmap if map.gmap is None else map.gmap
    if not isinstance(map, Map):
        raise InputError(f"map is a {type(map).__name__}: give a Map or a Cross2")
    empty = [name for name, positions in map.items() if len(positions) == 0]
    if empty:
        raise InputError(f"map: chromosome '{empty[0]}' has no marker, so no length; leave it out")
    lengths = pd.Series({name: float(np.ptp(positions)) for name, positions in map.items()}, dtype=float)
    if collapse_to_AX:
        if map.is_x_chr is None:
            raise InputError("map does not say which chromosome is the X: give it is_x_chr, or leave collapse_to_AX "
                             "out")
        return _collapsed(lengths, map.is_x_chr)
    if map.is_x_chr is not None:
        lengths.attrs["is_x_chr"] = dict(map.is_x_chr)
    return lengths


def _collapsed(lengths: pd.Series, is_x_chr: Mapping[str, bool]) -> pd.Series:
    on_X = np.array([is_x_chr[name] for name in lengths.index], dtype=bool)
    values = lengths.to_numpy()
    collapsed = pd.Series({"A": values[~on_X].sum(), "X": values[on_X].sum()})
    collapsed.attrs["is_x_chr"] = {"A": False, "X": True}
    return collapsed


def _lengths_of_A_and_X(chr_lengths: Any, genoprobs: Genoprobs) -> pd.Series:
    for wanted, there in (("an X chromosome", any(genoprobs.is_x_chr.values())),
                          ("an autosome", not all(genoprobs.is_x_chr.values()))):
        if not there:
            raise InputError(f"perm_Xsp=True needs {wanted}, and genoprobs has none; leave perm_Xsp out")
    if chr_lengths is None:
        raise InputError("perm_Xsp=True needs chr_lengths: give chr_lengths(map)")
    if not isinstance(chr_lengths, (pd.Series, Mapping)):
        raise InputError(f"chr_lengths is a {type(chr_lengths).__name__}: give the lengths by chromosome, as from "
                         "chr_lengths(map)")
    lengths = pd.Series({str(name): length for name, length in chr_lengths.items()}, dtype=float)
    if set(lengths.index) == {"A", "X"}:
        lengths = _collapsed(lengths, {"A": False, "X": True})
    else:
        odd = [name for name in lengths.index if name not in genoprobs]
        if odd:
            raise InputError(f"chr_lengths has the chromosome '{odd[0]}', which genoprobs lacks; leave it out")
        odd = [name for name in genoprobs if name not in lengths.index]
        if odd:
            raise InputError(f"chr_lengths has no length of chromosome '{odd[0]}' of genoprobs; give it")
        lengths = _collapsed(lengths, genoprobs.is_x_chr)
    bad = [name for name in lengths.index if not (np.isfinite(lengths[name]) and lengths[name] > 1e-12)]
    if bad:
        whose = {"A": "the autosomes", "X": "the X chromosome"}[bad[0]]
        raise InputError(f"chr_lengths: the total length of {whose} is {lengths[bad[0]]:g} and must be positive; leave "
                         "perm_Xsp out")
    return lengths


def _checked_strata(perm_strata: Any) -> pd.Series | None:
    """With IDs as text; a missing stratum is none."""
    if perm_strata is None:
        return None
    if not isinstance(perm_strata, pd.Series):
        raise InputError("perm_strata has no IDs: give a pandas Series with the individuals' IDs as index")
    strata = perm_strata.dropna()
    strata.index = [str(individual) for individual in strata.index]
    if strata.index.has_duplicates:
        twice = strata.index[strata.index.duplicated()][0]
        raise InputError(f"perm_strata: individual '{twice}' occurs more than once; give every individual one stratum")
    return strata


def _strata_of(individuals: pd.Index, strata: pd.Series | None) -> np.ndarray:
    """The strata of these individuals as whole numbers, 0 for all where there are none."""
    if strata is None:
        return np.zeros(len(individuals), dtype=int)
    lacking = individuals[~individuals.isin(strata.index)]
    if len(lacking):
        raise InputError(f"perm_strata has no stratum for individual '{lacking[0]}'"
                         + (f" and {len(lacking) - 1} more" if len(lacking) > 1 else "")
                         + "; give every individual one, under its ID, or leave it out of pheno")
    return pd.factorize(strata.loc[individuals])[0]


def number_of_permutations(n_perm: Any) -> int:
    """A positive whole number, or a sentence that one is needed."""
    if isinstance(n_perm, bool) or not isinstance(n_perm, Integral) or n_perm < 1:
        raise InputError(f"n_perm is {n_perm!r}: give how many permutations to make, a positive whole number")
    return int(n_perm)


def generator_of(rng: Any) -> np.random.Generator:
    """What a generator, a seed or None stands for."""
    if rng is None or isinstance(rng, np.random.Generator) or (
            isinstance(rng, Integral) and not isinstance(rng, bool) and rng >= 0):
        return np.random.default_rng(rng)
    raise InputError(f"rng is {rng!r}: give a numpy.random.Generator, or a seed (a whole number from 0)")


def _without(kinship: Any, chromosomes: list[str]) -> Any:
    """Without the matrices of these chromosomes, where there is one for each."""
    if not isinstance(kinship, Mapping):
        return kinship
    return {name: matrix for name, matrix in kinship.items() if name not in chromosomes}
