r"""Maximum LOD scores of scans with permuted genotypes, for permutations that are given.

Rows of the genotype probabilities change places; kinship, covariates, weights and phenotype stay, and so do hsq and
the fit of the null model. With G the genotype columns of a position, D^½ the scale, B an orthonormal basis of the
covariates and r the residuals (all rotated and scaled as in `lmmbridge.lmm`), the QTL lowers Q = r'r by

    t'S⁻¹t      t = G'r      S = G'G − G'B B'G

With kinship the permuted genotypes are rotated and scanned as those of `scan1`; the rotation, which takes most of the time,
is shared by all phenotypes.
Without kinship G'r and G'B for many permutations are one matrix product, for it is the same to put r and B in the
inverse order; so is G'G with the products of the columns of G, and without weights it does not change at all.

Where S is too near to singular for that arithmetic, Q is found by QR decomposition, as in `scan1`.
"""
from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pandas as pd

from lmmbridge.errors import InputError
from lmmbridge.lmm.gram_scan import explained_by
from lmmbridge.parallel import run_over
from lmmbridge.progress import Progress
from lmmbridge.qtl2.alignment import Batch
from lmmbridge.qtl2.null_fits import Group, Part
from lmmbridge.qtl2.scan_setup import Setup
from lmmbridge.qtl2.scanner import Scanner, genotype_columns

#: Without kinship pivots hardly depend on the permutation, so that a position below the limit is one for QR decomposition in each:
#: this is lower than that of scans, at the cost of two digits there.
WELL_CONDITIONED = 1e-4
#: Numbers in the arrays of one piece of work: 8 MB of them, to stay in cache.
BLOCK = 2**20
#: Columns that a rotation should have, to be worth it.
COLUMNS = 512
#: Multiplications in a piece of work with kinship: a tenth of a second, after which Ctrl-C is heard.
WORK = 1e9
#: Permutations that are taken together without kinship.
TOGETHER = 256


def permuted_maxima(setup: Setup, permutations: np.ndarray, cores: int = 1,
                    progress: Progress | None = None) -> pd.DataFrame:
    """Maximum LOD scores over all positions, one row for each permutation.

    Parameters
    ----------
    setup : Setup
        Of N individuals.
    permutations : ndarray of int, shape (n_perm, N)
        Individual i gets the genotypes of individual permutations[., i].
    cores : int, default 1
    progress : Progress, optional
        Counts positions × permutations × phenotypes.

    Returns
    -------
    DataFrame, shape (n_perm, phenotypes)

    Raises
    ------
    InputError
        If there are no LOD scores for a phenotype: it has too few individuals, or no ĥ under the null model.
    """
    progress = progress or Progress("", 0, quiet=True)
    phenotypes = list(setup.aligned.pheno.columns)
    maxima = pd.DataFrame(np.nan, range(len(permutations)), phenotypes)
    batches, without = setup.batches()
    if without:
        raise InputError(f"{without[0]}; leave it out")
    for batch in batches:
        scanner = Scanner(setup, batch, progress, len(permutations))
        for null in dict.fromkeys(setup.nulls.values()):
            _, hsq, _, parts = scanner.null(null)
            if hsq is not None and np.isnan(hsq).any():
                first = batch.phenotypes[int(np.argmax(np.isnan(hsq)))]
                raise InputError(f"pheno '{first}': the likelihood of the null model grows without bound as hsq goes "
                                 "to 1, so that there is no hsq; leave it out")
            scan = _PermutedScan(setup, batch, parts, progress.advance)
            for chromosome in (name for name in setup.genoprobs if setup.nulls[name] == null):
                found = scan.maxima(chromosome, permutations, cores)
                maxima[batch.phenotypes] = np.fmax(maxima[batch.phenotypes], found)
    return maxima


class _PermutedScan:
    """Scans with permuted genotypes by one null model, for the m phenotypes of one batch, n of the N individuals."""

    def __init__(self, setup: Setup, batch: Batch, parts: list[Part], count: Callable[[int], None]):
        self.genoprobs, self.parts, self.count = setup.genoprobs, parts, count
        self.kinship = setup.kinship is not None
        self.rows = pd.Index(setup.genoprobs.individuals).get_indexer(setup.aligned.pheno.index)
        self.keep = setup.aligned.pheno.index.get_indexer(batch.ids)
        self.n, self.m = batch.Y.shape
        self.weights = np.ones(self.n) if batch.weights is None else batch.weights
        #: What the genotype columns are multiplied by: 1, and the covariates that interact with the QTL.
        self.factors = np.ones((self.n, 1)) if batch.intcovar is None else np.column_stack(
            [np.ones(self.n), batch.intcovar.to_numpy()])
        #: Whether G'G is the same in all permutations.
        self.same_gram = len(self.rows) == self.n and batch.weights is None and batch.intcovar is None

    def maxima(self, chromosome: str, permutations: np.ndarray, cores: int) -> np.ndarray:
        """Maximum LOD scores on a chromosome, (n_perm, m); in pieces, blocks of positions × some permutations."""
        columns = genotype_columns(self.genoprobs, chromosome)
        positions, n_perm = self.genoprobs[chromosome].sizes["position"], len(permutations)
        if positions == 0:
            return np.full((n_perm, self.m), np.nan)
        k = max(len(columns) * self.factors.shape[1], 1)
        if self.kinship:
            block = min(positions, max(1, COLUMNS // k))
            together = max(1, int(WORK / (self.n**2 * k * block)))
            scan = self._with_kinship
        else:
            vectors = self.m + self.parts[0].models.X.shape[1]
            together = max(1, min(TOGETHER, n_perm, BLOCK // (len(self.rows) * vectors)))
            block = max(1, BLOCK // (together * k * max(k, vectors)))
            scan = self._without_kinship
        pieces = [(slice(first, min(first + block, positions)), slice(one, min(one + together, n_perm)))
                  for first, one in product(range(0, positions, block), range(0, n_perm, together))]

        def highest(piece: tuple[slice, slice]) -> np.ndarray:
            return scan(self._genotypes(chromosome, columns, piece[0]), permutations[piece[1]])

        maxima = np.full((n_perm, self.m), np.nan)
        for (_, which), lod in zip(pieces, run_over(highest, pieces, cores)):
            maxima[which] = np.fmax(maxima[which], lod)
        return maxima

    def _genotypes(self, chromosome: str, columns: np.ndarray, positions: slice) -> np.ndarray:
        """Genotype columns of a block of b positions, (k₀, b, N), a copy."""
        values = self.genoprobs[chromosome].values
        return np.stack([values[self.rows, column, positions].T for column in columns]) if len(columns) else np.empty(
            (0, positions.stop - positions.start, len(self.rows)))

    def _permuted(self, G: np.ndarray, permutation: np.ndarray) -> np.ndarray:
        """Genotype columns as they enter the model, (k, b, n), interactions last."""
        G = np.take(G, permutation[self.keep], axis=2)
        return G if self.factors.shape[1] == 1 else np.concatenate([factor * G for factor in self.factors.T])

    def _with_kinship(self, G: np.ndarray, permutations: np.ndarray) -> np.ndarray:
        """Highest LOD over the positions, (P, m)."""
        highest = np.full((len(permutations), self.m), np.nan)
        for i, permutation in enumerate(permutations):
            permuted = self._permuted(G, permutation)
            for part in self.parts:
                lod = np.empty((permuted.shape[1], len(part.columns)))
                part.lod(permuted, lod, self.count)
                highest[i, part.columns] = np.fmax.reduce(lod, axis=0)
        return highest

    def _without_kinship(self, G: np.ndarray, permutations: np.ndarray) -> np.ndarray:
        """Highest LOD over the positions, (P, m)."""
        if len(G) == 0:
            self.count(G.shape[1] * len(permutations) * self.m)
            return np.zeros((len(permutations), self.m))
        group, G = self.parts[0].group(0), np.ascontiguousarray(np.moveaxis(G, 0, 2).swapaxes(0, 1))
        N, b, k0 = G.shape
        inverse = np.argsort(permutations, axis=1).T
        weight = np.sqrt(self.weights)[:, None]
        p, P = group.basis.shape[1], len(permutations)

        def moved(values: np.ndarray) -> np.ndarray:
            """In the inverse order of each permutation, 0 for the individuals left out: (N, P·columns)."""
            full = np.zeros((N, values.shape[1]))
            full[self.keep] = values
            return full[inverse].reshape(N, -1)

        columns = G.reshape(N, -1).T
        vectors = np.hstack([group.basis, group.residuals])
        products = [(columns @ moved(factor[:, None] * weight * vectors)).reshape(b, k0, P, -1)
                    for factor in self.factors.T]
        products = np.moveaxis(np.concatenate(products, axis=1), 1, 0)
        with_basis, with_residuals = products[..., :p], products[..., p:]
        if self.same_gram:
            gram = _gram(G)
            if p == 1:
                with_basis = with_basis[:, :, :1]       # of the constant, which no permutation changes
        else:
            gram = self._weighted_gram(G, moved)

        def exact(where: np.ndarray, i: int) -> np.ndarray:
            permuted = self._permuted(G[:, where].transpose(2, 1, 0), permutations[i])
            return _by_qr(group, np.moveaxis(permuted * weight[:, 0], 0, 2))

        smallest = _smallest_rss(group, gram, with_basis, with_residuals, exact)
        self.count(b * smallest.size)
        with np.errstate(divide="ignore"):
            return np.where(np.isinf(smallest), np.nan, 0.5 * self.n * np.log10(group.null_rss / smallest))

    def _weighted_gram(self, G: np.ndarray, moved: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """G'WG of each permutation, (k, k, b, P), from the products of columns of G."""
        N, b, k0 = G.shape
        upper = np.triu_indices(k0)
        products = (G[:, :, upper[0]] * G[:, :, upper[1]]).reshape(N, -1).T
        rows = []
        for one in self.factors.T:
            row = []
            for other in self.factors.T:
                values = (products @ moved((self.weights * one * other)[:, None])).reshape(b, len(upper[0]), -1)
                square = np.empty((k0, k0, b, values.shape[2]))
                square[upper] = np.moveaxis(values, 1, 0)
                square[upper[::-1]] = square[upper]
                row.append(square)
            rows.append(np.concatenate(row, axis=1))
        return np.concatenate(rows, axis=0)


def _gram(G: np.ndarray) -> np.ndarray:
    """G'G of each of b positions, (k, k, b, 1), from (n, b, k)."""
    by_position = np.moveaxis(G, 1, 0)
    return np.moveaxis(np.swapaxes(by_position, 1, 2) @ by_position, 0, 2)[..., None]


def _smallest_rss(group: Group, gram: np.ndarray, with_basis: np.ndarray, with_residuals: np.ndarray,
                  exact: Callable[[np.ndarray, int], np.ndarray]) -> np.ndarray:
    """The smallest Q over b positions, (P, m); inf where the model leaves no individual over.

    Parameters
    ----------
    group : Group
        Of m phenotypes.
    gram : ndarray, shape (k, k, b, P or 1)
        G'G.
    with_basis : ndarray, shape (k, b, P or 1, p)
        G'B.
    with_residuals : ndarray, shape (k, b, P, m)
        G'r.
    exact : callable
        exact(positions, i): smallest Q over these positions in permutation i, (m,), by QR decomposition.
    """
    k, b, P, m = with_residuals.shape
    rss = np.sum(group.residuals**2, axis=0)
    shape = b, max(gram.shape[3], with_basis.shape[2])
    S = [np.array(np.broadcast_to(gram[i, i:], (k - i, *shape)))[..., None] for i in range(k)]
    A = [with_basis[..., [j]] for j in range(with_basis.shape[3])]
    longest = None if group.longest is None else group.longest**2
    gain, well = explained_by(S, A, np.array(with_residuals), rss, longest, WELL_CONDITIONED)
    well = well.all(axis=2)
    smallest = np.min(rss - gain, axis=0, initial=np.inf, where=well[..., None])
    for i in np.flatnonzero(~well.all(axis=0)):
        smallest[i] = np.minimum(smallest[i], exact(np.flatnonzero(~well[:, i]), i))
    return smallest


def _by_qr(group: Group, G: np.ndarray) -> np.ndarray:
    """The smallest Q over the positions of G, (b, n, k); inf where the model leaves no individual over."""
    n, m = group.residuals.shape
    smallest = np.full(m, np.inf)
    size = max(1, BLOCK // (n * m))
    for first in range(0, len(G), size):
        rss, rank = group.with_genotypes(G[first:first + size])
        over = group.basis.shape[1] + rank < n
        smallest = np.minimum(smallest, np.min(rss, axis=0, initial=np.inf, where=over[:, None]))
    return smallest
