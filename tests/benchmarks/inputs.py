"""Simulated data, the same for the same sizes; and iron, which comes with qtl2."""
from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from lmmbridge.engines import gemma
from lmmbridge.qtl2 import Genoprobs, calc_genoprob, calc_kinship, extdata, get_x_covar, read_cross2
from lmmbridge.qtl2.genoprobs import DIMS

CHROMOSOMES = 20
FOUNDERS = 8
#: Breakpoints per haplotype and chromosome, as after some twenty generations.
BREAKPOINTS = 10
#: How much of the probabilities is noise.
NOISE = 0.02
SEED = 11


@dataclass(frozen=True, eq=False)
class Inputs:
    """What the functions under measurement take.

    Attributes
    ----------
    probs : Genoprobs or None
    kinship : DataFrame, or dict of these by chromosome
    pheno : DataFrame
    covar : DataFrame or None
    Xcovar : DataFrame or None
    uniforms : ndarray or None
        Random numbers to make permutations of, those that R gives after the same seed.
    markers : DataFrame or None
        Numbers of second alleles, individuals × markers.
    folder : TemporaryDirectory or None
        Holds the same as files of GEMMA.
    """

    probs: Genoprobs | None
    kinship: pd.DataFrame | dict[str, pd.DataFrame]
    pheno: pd.DataFrame
    covar: pd.DataFrame | None = None
    Xcovar: pd.DataFrame | None = None
    uniforms: np.ndarray | None = None
    markers: pd.DataFrame | None = None
    folder: tempfile.TemporaryDirectory | None = None


def outbred(sizes: Mapping[str, int], kinship: str = "overall", missing: bool = False) -> Inputs:
    """Allele probabilities like those of Diversity Outbred mice, p traits of heritability ½, a covariate.

    With `missing` each trait misses 1 to 10 individuals of its own.
    """
    rng = np.random.default_rng(SEED)
    n, p = sizes["n"], sizes["p"]
    probs = _probabilities([_allele_doses(n, positions, rng) / 2.0 for positions in _cut(sizes["m"])], "ABCDEFGH", "do", rng)
    pheno, covar = _traits(probs, p, rng)
    if missing:
        values = pheno.to_numpy().copy()
        for trait in range(p):
            values[rng.choice(n, rng.integers(1, 11), replace=False), trait] = np.nan
        pheno = pd.DataFrame(values, pheno.index, pheno.columns)
    return Inputs(probs, calc_kinship(probs, kinship, quiet=True), pheno, covar)


def inbred(sizes: Mapping[str, int]) -> Inputs:
    """Two genotypes as in recombinant inbred lines, p traits, no covariate."""
    rng = np.random.default_rng(SEED)
    doses = []
    for positions in _cut(sizes["m"]):
        second = _haplotypes(sizes["n"], positions, rng) % 2
        doses.append(np.stack([1.0 - second, second], axis=1))
    probs = _probabilities(doses, "BD", "risib", rng)
    return Inputs(probs, calc_kinship(probs, quiet=True), _traits(probs, sizes["p"], rng)[0])


def snps(sizes: Mapping[str, int]) -> Inputs:
    """SNPs of outbred mice as numbers of second alleles, exact, with kinship centred as GEMMA does it; also as GEMMA's files."""
    rng = np.random.default_rng(SEED)
    arrays = []
    for positions in _cut(sizes["m"]):
        carriers = np.argsort(rng.random((FOUNDERS, positions)), axis=0) < rng.integers(2, 5, positions)
        second = np.einsum("nfm,fm->nm", _allele_doses(sizes["n"], positions, rng), carriers) / 2.0
        arrays.append(np.stack([1.0 - second, second], axis=1))
    probs = _probabilities(arrays, "AB", "do", rng, noise=0.0)
    pheno, covar = _traits(probs, 1, rng)
    kinship = calc_kinship(probs, quiet=True)
    kinship = kinship - kinship.mean() - kinship.mean().to_numpy()[:, None] + kinship.to_numpy().mean()
    folder = tempfile.TemporaryDirectory(prefix="benchmark-")
    markers = numbers_of_second_alleles(probs)
    gemma.write_inputs(Path(folder.name), pheno.iloc[:, 0], markers, kinship,
                       pd.concat([pd.Series(1.0, covar.index), covar], axis=1))
    return Inputs(probs, kinship, pheno, covar, markers=markers, folder=folder)


def numbers_of_second_alleles(probs: Genoprobs) -> pd.DataFrame:
    """A column per position."""
    return pd.DataFrame(2.0 * np.concatenate([array.values[:, 1] for array in probs.values()], axis=1),
                        list(probs.individuals), list(probs.positions))


def one_fit(sizes: Mapping[str, int]) -> Inputs:
    """A trait, a kinship matrix of full rank, two covariates."""
    n = sizes["n"]
    rng = np.random.default_rng(1)
    G = rng.normal(size=(n, 2 * n))
    K = G @ G.T / (2 * n)
    y = G @ rng.normal(size=2 * n) / np.sqrt(2 * n) + rng.normal(size=n)
    ids = [f"i{i}" for i in range(n)]
    return Inputs(None, pd.DataFrame((K + K.T) / 2, ids, ids), pd.DataFrame({"y": y}, ids),
                  pd.DataFrame(rng.normal(size=(n, 2)), ids, ["a", "b"]))


def iron(sizes: Mapping[str, int], kinship: str = "overall") -> Inputs:
    """An intercross that comes with qtl2: 284 mice, 66 markers, 2 traits; probabilities through R."""
    cross = read_cross2(extdata("iron.zip"))
    probs = calc_genoprob(cross, error_prob=0.002)
    return Inputs(probs, calc_kinship(probs, kinship, quiet=True), cross.pheno, None, get_x_covar(cross))


def _cut(m: int) -> list[int]:
    """Positions of each chromosome."""
    return [len(part) for part in np.array_split(np.arange(m), CHROMOSOMES) if len(part)]


def _haplotypes(n: int, positions: int, rng: np.random.Generator) -> np.ndarray:
    """Founders along a chromosome, piecewise constant: (n, positions)."""
    breaks = rng.random((n, positions)) < BREAKPOINTS / max(positions, BREAKPOINTS)
    segment = np.cumsum(breaks, axis=1)
    founders = rng.integers(FOUNDERS, size=(n, int(segment.max()) + 1))
    return np.take_along_axis(founders, segment, axis=1)


def _allele_doses(n: int, positions: int, rng: np.random.Generator) -> np.ndarray:
    """How many of two haplotypes are of each founder: (n, founders, positions)."""
    every = np.arange(FOUNDERS)[None, :, None]
    return sum((_haplotypes(n, positions, rng)[:, None] == every).astype(float) for _ in range(2))


def _probabilities(arrays: list[np.ndarray], alleles: str, crosstype: str, rng: np.random.Generator,
                   noise: float = NOISE) -> Genoprobs:
    """With noise, in R's memory order, labelled."""
    labelled = {}
    for i, array in enumerate(arrays, 1):
        if noise:
            random = rng.standard_exponential(array.shape)
            array = (1.0 - noise) * array + noise * random / random.sum(axis=1, keepdims=True)
        coords = {"individual": [f"i{j}" for j in range(len(array))], "genotype": list(alleles),
                  "position": [f"c{i}_{j}" for j in range(array.shape[2])]}
        labelled[str(i)] = xr.DataArray(np.asfortranarray(array), dims=DIMS, coords=coords)
    return Genoprobs(labelled, crosstype=crosstype, alleles=list(alleles), alleleprobs=True)


def _traits(probs: Genoprobs, p: int, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """p traits, half of whose variance is polygenic, and a covariate with an effect on each."""
    K = calc_kinship(probs, quiet=True).to_numpy()
    n = len(K)
    polygenic = np.linalg.cholesky(K + 1e-6 * np.eye(n)) @ rng.normal(size=(n, p))
    polygenic = (polygenic - polygenic.mean(axis=0)) / polygenic.std(axis=0)
    covar = rng.normal(size=(n, 1))
    ids = list(probs.individuals)
    Y = polygenic + rng.normal(size=(n, p)) + covar * rng.normal(size=p)
    return pd.DataFrame(Y, ids, [f"t{i}" for i in range(p)]), pd.DataFrame(covar, ids, ["x"])
