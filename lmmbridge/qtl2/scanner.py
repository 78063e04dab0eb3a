"""LOD curves along chromosomes for phenotypes that share what they need: the inner part of scan1, scan1max and scan1perm."""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lmmbridge import lmm
from lmmbridge.inputs import some_of
from lmmbridge.progress import Progress
from lmmbridge.qtl2.alignment import Batch
from lmmbridge.qtl2.genoprobs import Genoprobs
from lmmbridge.qtl2.null_fits import Decomposed, Part, null_parts
from lmmbridge.qtl2.null_hsq import null_hsq
from lmmbridge.qtl2.scan_each import EachScan
from lmmbridge.qtl2.scan_setup import Setup

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
        rows = pd.Index(setup.genoprobs.individuals).get_indexer(batch.ids)
        self.rows = slice(None) if np.array_equal(rows, np.arange(len(setup.genoprobs.individuals))) else rows
        self._shared: Decomposed | None = None
        self._null: dict[tuple[str, bool], tuple] = {}
        if setup.kinship is None or not setup.kinship.loco:
            self._shared = shared or (self._decomposed(list(setup.genoprobs)) if setup.kinship is not None else None)
            for chromosome in setup.genoprobs:
                if self._key(chromosome) not in self._null:
                    self._null[self._key(chromosome)] = self._fitted(chromosome, self._shared)

    def _key(self, chromosome: str) -> tuple[str, bool]:
        """Chromosomes of which this is alike have their null model in common, unless each has a kinship matrix."""
        return self.setup.nulls[chromosome], self.setup.genoprobs.is_x_chr[chromosome] and self.batch.Xcovar is not None

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
        if self.setup.given is None:
            hsq, notes = null_hsq(self.batch, X, decomposed, self.setup.reml, self.progress)
        else:
            hsq, notes = self.setup.given.loc[self.setup.nulls[chromosome], self.batch.phenotypes].to_numpy(), []
        return decomposed, hsq, notes, [] if self.setup.each else null_parts(self.batch, X, decomposed, hsq)

    def _null_design(self, chromosome: str) -> np.ndarray:
        return self.batch.null_covariates(self.setup.genoprobs.is_x_chr[chromosome]).to_numpy()

    def chromosome(self, chromosome: str, out: np.ndarray | None = None) -> Found:
        """LOD scores along one chromosome; `out`, (positions, m), takes them where it is given."""
        blocks = genotype_blocks(self.setup.genoprobs, chromosome, self.batch, self.rows)
        decomposed, hsq, notes, parts = self.null(chromosome)
        if self.setup.each:
            return self._each(chromosome, decomposed.eigen, hsq, notes, blocks)
        shape = self.setup.genoprobs[chromosome].sizes["position"], len(self.batch.phenotypes)
        lod = np.empty(shape) if out is None else out
        if sum(len(part.columns) for part in parts) < shape[1]:
            lod[:] = np.nan
        start, dependent, saturated = 0, 0, np.zeros(shape[1], dtype=bool)
        for G in blocks:
            stop, anywhere = start + G.shape[1], np.zeros(G.shape[1], dtype=bool)
            for part in parts:
                here = np.empty((G.shape[1], len(part.columns))) if len(part.columns) < shape[1] else lod[start:stop]
                some, none_over = part.lod(G, here, self.progress.advance)
                if len(part.columns) < shape[1]:
                    lod[start:stop, part.columns] = here
                anywhere |= some
                saturated[part.columns] |= none_over
            dependent += int(np.sum(anywhere))
            start = stop
        return Found(lod, hsq, notes + self._too_few(chromosome, np.flatnonzero(saturated)) + _reduced(chromosome, dependent))

    def _too_few(self, chromosome: str, columns: Iterable[int]) -> list[str]:
        return [f"pheno '{self.batch.phenotypes[column]}': {self.batch.sizes[column]} individuals are no more than the model "
                f"has coefficients on chromosome '{chromosome}'; no LOD scores there" for column in columns]

    def _each(self, chromosome: str, eigen: lmm.Eigen, hsq: np.ndarray, notes: list[str],
              blocks: Iterable[np.ndarray]) -> Found:
        """LOD scores along one chromosome, hsq being estimated by ML at each position of the blocks (k, b, n)."""
        phenotypes = self.batch.phenotypes
        scan, parts = EachScan(self.batch, eigen, self._null_design(chromosome), hsq), []
        for G in blocks:
            parts.append(scan.lod(G))
            self.progress.advance(G.shape[1] * len(phenotypes))
        lod, own_hsq, unbounded = (np.concatenate(part) for part in zip(*parts))
        notes = notes + self._too_few(chromosome, range(len(phenotypes)) if scan.saturated else [])
        notes += _reduced(chromosome, scan.dependent)
        if unbounded.any():
            which = some_of(name for name, some in zip(phenotypes, unbounded.any(axis=0)) if some)
            notes.append(f"chromosome '{chromosome}': at {unbounded.any(axis=1).sum()} positions the likelihood of "
                         f"pheno {which} grows without bound as hsq goes to 1; LOD is that of its highest maximum before "
                         "that, missing where there is none")
        return Found(lod, own_hsq, notes)


def _reduced(chromosome: str, positions: int) -> list[str]:
    return [f"chromosome '{chromosome}': at {positions} positions genotype columns depend on each other or on the "
            "covariates; LOD is that of those that do not"] if positions else []


def genotype_blocks(genoprobs: Genoprobs, chromosome: str, batch: Batch, rows: np.ndarray | slice) -> Iterator[np.ndarray]:
    """Genotype columns as they enter the model, (k, b, n) for b positions at a time: without the first, interactions last.

    `rows` are those of the batch's individuals in genoprobs.
    """
    values = genoprobs[chromosome].values
    n, positions = len(batch.ids), values.shape[2]
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
