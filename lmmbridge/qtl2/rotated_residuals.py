"""Permutation tests of a genome scan with a kinship matrix, by permuting rotated residuals (Abney 2015)."""
from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy import linalg

from lmmbridge.errors import InputError
from lmmbridge.parallel import heavy_work, run_over
from lmmbridge.progress import Progress
from lmmbridge.qtl2.genoprobs import Genoprobs
from lmmbridge.qtl2.null_fits import uncorrelated
from lmmbridge.qtl2.permutations import Scan1Perm, draw_permutations, generator_of, number_of_permutations
from lmmbridge.qtl2.scan_setup import set_up
from lmmbridge.qtl2.scanner import Scanner, genotype_blocks


def scan1perm_rotated_residuals(genoprobs: Genoprobs, pheno: Any, kinship: Any, addcovar: Any = None, intcovar: Any = None,
                                weights: Any = None, reml: bool = True, n_perm: int = 1, cores: int = 1,
                                rng: np.random.Generator | int | None = None, *, quiet: bool = False) -> Scan1Perm:
    """Maximum LOD scores of scans with permuted residuals, for thresholds with a polygenic effect.

    Where R/qtl2's scheme (`scan1perm`) permutes genotypes and so breaks their relation to the kinship matrix as well, this one
    keeps genotypes, covariates and kinship: under the null model the residuals, in coordinates in which they are
    uncorrelated and of which the covariates have none, may be exchanged. The null distribution is another one, and a
    permutation costs a small part of the time (seen: a thirteenth to a twentieth on 284 mice), since no genotypes are rotated.
    There is no null model of its own for the X chromosome (`Xcovar`).

    Parameters
    ----------
    genoprobs, pheno, kinship, addcovar, intcovar, weights, reml, cores, quiet
        As for `scan1`; a kinship matrix is needed. Phenotypes without LOD scores are refused.
    n_perm : int, default 1
        Number of permutations, the same for all phenotypes that are of the same individuals. With a kinship matrix per chromosome
        each has its own coordinates, in which the same permutation is another one.
    rng : numpy.random.Generator or int, optional
        What the permutations are drawn with, or a seed. Default: another result each time.

    Returns
    -------
    Scan1Perm
        Its `A` (permutations × phenotypes) holds genome-wide maxima.

    Raises
    ------
    InputError

    References
    ----------
    Abney M (2015) Permutation testing in the presence of polygenic variation. Genetic Epidemiology 39:249-258.

    Examples
    --------
    >>> from lmmbridge.qtl2 import calc_genoprob, calc_kinship, extdata, read_cross2, summary_scan1perm
    >>> from lmmbridge.qtl2 import scan1perm_rotated_residuals
    >>> iron = read_cross2(extdata("iron.zip"))
    >>> probs = calc_genoprob(iron, error_prob=0.002)
    >>> perms = scan1perm_rotated_residuals(probs, iron.pheno, calc_kinship(probs, "loco"), n_perm=1000, rng=1)
    >>> summary_scan1perm(perms).A.shape
    (1, 2)
    """
    if kinship is None:
        raise InputError("kinship is None: rotated residuals are those of a model with kinship; without it use scan1perm")
    n_perm, generator = number_of_permutations(n_perm), generator_of(rng)
    setup = set_up(genoprobs, pheno, kinship, addcovar, None, intcovar, weights, reml, "normal")
    batches, without = setup.aligned.batches()
    if without:
        raise InputError(f"{without[0]}; leave it out")
    maxima = pd.DataFrame(np.nan, range(n_perm), list(setup.aligned.pheno.columns))
    total = len(genoprobs.positions) * maxima.size
    with heavy_work(), Progress("scan1perm", total, quiet) as progress:
        for batch in batches:
            permutations = draw_permutations(generator, n_perm, np.zeros(len(batch.ids) - batch.addcovar.shape[1], dtype=int))
            scanner = Scanner(setup, batch, progress)

            def highest(chromosome: str) -> np.ndarray:
                return _highest(scanner, chromosome, permutations, progress.advance)

            for found in run_over(highest, genoprobs, cores):
                maxima[batch.phenotypes] = np.fmax(maxima[batch.phenotypes], found)
    return Scan1Perm(maxima)


def _highest(scanner: Scanner, chromosome: str, permutations: np.ndarray, advance: Callable[[int], None]) -> np.ndarray:
    """Maximum LOD scores along one chromosome, (permutations, m)."""
    batch = scanner.batch
    decomposed, hsq, _, _ = scanner.null(chromosome)
    if np.isnan(hsq).any():
        raise InputError(f"pheno '{batch.phenotypes[int(np.argmax(np.isnan(hsq)))]}': the likelihood of the null model grows "
                         "without bound as hsq goes to 1, so that there is no hsq; leave it out")
    root = 1.0 if batch.weights is None else np.sqrt(batch.weights)[:, None]
    maxima = np.full((len(permutations), len(hsq)), np.nan)
    for j, h in enumerate(hsq):
        whitening = root * decomposed.eigen.vectors / np.sqrt(h * decomposed.eigen.values + 1.0 - h)
        X, y = whitening.T @ batch.addcovar.to_numpy(), whitening.T @ batch.Y[:, j]
        outside = linalg.qr(X)[0][:, X.shape[1]:]
        permuted = outside @ (outside.T @ y)[permutations.T]
        part = uncorrelated(permuted, X, X, partial(_whitened, whitening), batch.intcovar is not None)
        for G in genotype_blocks(scanner.setup.genoprobs, [chromosome], batch, scanner.rows):
            lod = np.empty((G.shape[1], len(permutations)))
            _, saturated = part.lod(G, lod, advance)
            if saturated.any():
                raise InputError(f"pheno '{batch.phenotypes[j]}': {len(y)} individuals are no more than the model has "
                                 f"coefficients on chromosome '{chromosome}'; leave it out")
            maxima[:, j] = np.fmax(maxima[:, j], np.fmax.reduce(lod, axis=0))
    return maxima


def _whitened(whitening: np.ndarray, G: np.ndarray) -> np.ndarray:
    """Genotype columns (..., n) in coordinates in which V is the identity."""
    return (G.reshape(-1, G.shape[-1]) @ whitening).reshape(G.shape)
