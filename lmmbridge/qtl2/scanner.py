"""LOD curves along chromosomes for phenotypes that share what they need: the inner part of scan1, scan1max and scan1perm."""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lmmbridge import lmm
from lmmbridge.inputs import some_of
from lmmbridge.lmm.many import TOGETHER, estimate_hsq_of_many, summits_of_few
from lmmbridge.progress import Progress
from lmmbridge.qtl2.alignment import Batch, independent_columns
from lmmbridge.qtl2.genoprobs import Genoprobs
from lmmbridge.qtl2.null_fits import Decomposed, Part, null_parts
from lmmbridge.qtl2.scan_setup import Setup, without_bound

#: Genotype columns of the X chromosome whose mean over individuals and positions is below this do not exist there.
ABSENT_ON_X = 1e-8
#: Positions are taken in blocks of about this many numbers (2 MB of them, which caches hold).
BLOCK = 2**18


@dataclass(frozen=True)
class Found:
    """Of one chromosome: LOD (positions × m), hsq (m, or positions × m), notes."""

    lod: np.ndarray
    hsq: np.ndarray | None
    notes: list[str]


class Scanner:
    """Scans chromosomes for the phenotypes of one batch; with a single kinship matrix, decomposes it once.

    Parameters
    ----------
    setup, batch, progress
    times : int, default 1
        How often the genotypes are scanned.
    shared : Decomposed, optional
        Of the single kinship matrix, where `setup` is of a part of the chromosomes.
    """

    def __init__(self, setup: Setup, batch: Batch, progress: Progress, times: int = 1, shared: Decomposed | None = None):
        self.setup, self.batch, self.progress, self._times = setup, batch, progress, times
        self._shared: Decomposed | None = None
        self._null: dict[tuple[str, bool], tuple] = {}
        if setup.kinship is None or not setup.kinship.loco:
            self._shared = shared or (self._decomposed(list(setup.genoprobs)) if setup.kinship is not None else None)
            for chromosome in setup.genoprobs:
                if self._key(chromosome) not in self._null:
                    self._null[self._key(chromosome)] = self._fitted(chromosome, self._shared)

    def _key(self, chromosome: str) -> tuple[str, bool]:
        """Chromosomes of which this is alike have their null model in common, unless each has a kinship matrix."""
        return self.setup.nulls[chromosome], self.setup.genoprobs.is_x_chr[chromosome]

    def _decomposed(self, chromosomes: list[str]) -> Decomposed:
        interactions = 0 if self.batch.intcovar is None else self.batch.intcovar.shape[1]
        columns = sum((array.sizes["genotype"] - 1) * array.sizes["position"]
                      for array in (self.setup.genoprobs[chromosome] for chromosome in chromosomes))
        return Decomposed(self.setup.kinship, chromosomes[0], self.batch, columns * (1 + interactions) * self._times)

    def null(self, chromosome: str) -> tuple[Decomposed | None, np.ndarray | None, list[str], list[Part]]:
        """Of one chromosome: the decomposed kinship, hsq by phenotype (both None without kinship), notes, null fits."""
        if self._null:
            return self._null[self._key(chromosome)]
        return self._fitted(chromosome, self._decomposed([chromosome]))

    def _fitted(self, chromosome: str, decomposed: Decomposed | None) -> tuple:
        X = self._null_design(chromosome)
        if decomposed is None:
            return None, None, [], null_parts(self.batch, X, None, None)
        hsq, notes = self._null_hsq(decomposed, X, self.setup.nulls[chromosome])
        return decomposed, hsq, notes, [] if self.setup.each else null_parts(self.batch, X, decomposed, hsq)

    def _null_design(self, chromosome: str) -> np.ndarray:
        X = self.batch.addcovar
        if self.setup.genoprobs.is_x_chr[chromosome] and self.batch.Xcovar is not None:
            X = independent_columns(pd.concat([X, self.batch.Xcovar], axis=1))
        return X.to_numpy()

    def _null_hsq(self, decomposed: Decomposed, X: np.ndarray, null: str) -> tuple[np.ndarray, list[str]]:
        batch, reml = self.batch, self.setup.reml
        if self.setup.given is not None:
            return self.setup.given.loc[null, batch.phenotypes].to_numpy(), []
        self.progress.advance(0)            # so that Ctrl-C ends this in a thread, too
        if decomposed.few:
            found = summits_of_few(decomposed.tridiagonal, batch.Y, X, reml)
            if found.certain.all():
                return found.hsq, []
        rotated, maxima = lmm.rotate(decomposed.eigen, batch.Y, X), []
        for start in range(0, len(rotated), TOGETHER):
            self.progress.advance(0)
            maxima += estimate_hsq_of_many(rotated[start:start + TOGETHER], reml)
        found = [(maximum.bounded or (np.nan, np.nan))[0] for maximum in maxima]
        return np.array(found), [without_bound(name, hsq) for name, maximum, hsq in zip(batch.phenotypes, maxima, found)
                                 if maximum.unbounded]

    def chromosome(self, chromosome: str) -> Found:
        """LOD scores along one chromosome."""
        blocks = genotype_blocks(self.setup.genoprobs, chromosome, self.batch)
        decomposed, hsq, notes, parts = self.null(chromosome)
        if self.setup.each:
            return self._each(chromosome, decomposed.eigen, hsq, notes, blocks)
        lod = np.full((self.setup.genoprobs[chromosome].sizes["position"], len(self.batch.phenotypes)), np.nan)
        start, dependent, saturated = 0, 0, np.zeros(lod.shape[1], dtype=bool)
        for G in blocks:
            stop, anywhere = start + G.shape[1], np.zeros(G.shape[1], dtype=bool)
            for part in parts:
                lod[start:stop, part.columns], some, none_over = part.lod(G)
                anywhere |= some
                saturated[part.columns] |= none_over
                self.progress.advance(G.shape[1] * len(part.columns))
            dependent += int(np.sum(anywhere))
            start = stop
        return Found(lod, hsq, notes + self._too_few(chromosome, np.flatnonzero(saturated)) + _reduced(chromosome, dependent))

    def _too_few(self, chromosome: str, columns: Iterable[int]) -> list[str]:
        return [f"pheno '{self.batch.phenotypes[column]}': {len(self.batch.ids)} individuals are no more than the model "
                f"has coefficients on chromosome '{chromosome}'; no LOD scores there" for column in columns]

    def _each(self, chromosome: str, eigen: lmm.Eigen, hsq: np.ndarray, notes: list[str],
              blocks: Iterable[np.ndarray]) -> Found:
        """LOD scores along one chromosome, hsq being estimated by ML at each position of the blocks (k, b, n)."""
        batch, X = self.batch, self.batch.addcovar.to_numpy()
        null = [np.nan if np.isnan(h) else lmm.loglik(rotated, lmm.least_squares(rotated, h), False)
                for rotated, h in zip(lmm.rotate(eigen, batch.Y, self._null_design(chromosome)), hsq)]
        shape = (self.setup.genoprobs[chromosome].sizes["position"], len(batch.phenotypes))
        lod, own_hsq, unbounded = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape, dtype=bool)
        reduced, saturated = 0, False
        for i, columns in enumerate(columns for G in blocks for columns in np.moveaxis(G, 0, 2)):
            names = [f"x{j}" for j in range(X.shape[1] + columns.shape[1])]
            design = independent_columns(pd.DataFrame(np.column_stack([X, columns]), columns=names)).to_numpy()
            self.progress.advance(len(batch.phenotypes))
            if design.shape[1] >= len(batch.ids):
                saturated = True
                continue
            reduced += design.shape[1] < len(names)
            for j, rotated in enumerate(lmm.rotate(eigen, batch.Y, design)):
                maximum = lmm.estimate_hsq(rotated, reml=False)
                unbounded[i, j] = maximum.unbounded
                own_hsq[i, j], highest = maximum.bounded or (np.nan, np.nan)
                lod[i, j] = (highest - null[j]) / np.log(10.0)
        notes = notes + self._too_few(chromosome, range(shape[1]) if saturated else []) + _reduced(chromosome, reduced)
        if unbounded.any():
            which = some_of(name for name, some in zip(batch.phenotypes, unbounded.any(axis=0)) if some)
            notes.append(f"chromosome '{chromosome}': at {unbounded.any(axis=1).sum()} positions the likelihood of "
                         f"pheno {which} grows without bound as hsq goes to 1; LOD is that of its highest maximum before "
                         "that, missing where there is none")
        return Found(lod, own_hsq, notes)


def _reduced(chromosome: str, positions: int) -> list[str]:
    return [f"chromosome '{chromosome}': at {positions} positions genotype columns depend on each other or on the "
            "covariates; LOD is that of those that do not"] if positions else []


def genotype_blocks(genoprobs: Genoprobs, chromosome: str, batch: Batch) -> Iterator[np.ndarray]:
    """Genotype columns as they enter the model, (k, b, n) for b positions at a time: without the first, interactions last."""
    values = genoprobs[chromosome].values
    rows: np.ndarray | slice = pd.Index(genoprobs.individuals).get_indexer(batch.ids)
    n, positions = len(rows), values.shape[2]
    if np.array_equal(rows, np.arange(len(values))):
        rows = slice(None)
    columns = genotype_columns(genoprobs, chromosome)
    interactions = [] if batch.intcovar is None else list(batch.intcovar.to_numpy().T)
    k = len(columns) * (1 + len(interactions))
    size = max(1, BLOCK // (n * max(k, 1)))
    for start in range(0, positions, size):
        stop = min(start + size, positions)
        G = np.empty((k, stop - start, n))
        for i, column in enumerate(columns):
            G[i] = values[rows, column, start:stop].T
        for i, covariate in enumerate(interactions, start=1):
            np.multiply(G[:len(columns)], covariate, out=G[i * len(columns):(i + 1) * len(columns)])
        yield G


def genotype_columns(genoprobs: Genoprobs, chromosome: str) -> np.ndarray:
    """Which genotype columns enter the model: not the first; on the X chromosome of those that occur."""
    array = genoprobs[chromosome]
    columns = np.arange(array.sizes["genotype"])
    if genoprobs.is_x_chr[chromosome]:
        columns = columns[array.values.mean(axis=(0, 2)) >= ABSENT_ON_X]
    return columns[1:]
