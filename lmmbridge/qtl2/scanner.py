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
#: Positions are taken in blocks of about this many numbers, 4 MB.
BLOCK = 2**19
#: A stretch of several chromosomes has at most so many numbers: more would leave threads without work.
SMALL = 2**16
#: Where the kinship matrices of all chromosomes have so few numbers together, hsq is estimated under all of them at once.
SMALL_MATRICES = 2**20


@dataclass(frozen=True)
class Found:
    """Of one chromosome: LOD (positions × m), hsq (m, or positions × m), notes."""

    lod: np.ndarray
    hsq: np.ndarray | None
    notes: list[str]


class Scanner:
    """Scans chromosomes for the phenotypes of one batch; with a single kinship matrix, decomposes it once.

    hsq of the null models is estimated when a chromosome is scanned that needs it; but at once under all kinship matrices of small
    scans with one for each chromosome.

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
        individuals = setup.genoprobs.individuals
        self.rows = slice(None) if tuple(batch.ids) == individuals else pd.Index(individuals).get_indexer(batch.ids)
        self._shared: Decomposed | None = None
        self._null: dict[tuple[str, bool], tuple] = {}
        #: What was estimated beforehand under a chromosome's own kinship matrix: this, decomposed, and hsq with notes.
        self._beforehand: dict[str, tuple[Decomposed, tuple[np.ndarray, list[str]]]] = {}
        if setup.kinship is None or not setup.kinship.loco:
            self._shared = shared or (self._decomposed(list(setup.genoprobs)) if setup.kinship is not None else None)
            for chromosome in setup.genoprobs:
                if self._key(chromosome) not in self._null:
                    self._null[self._key(chromosome)] = self._fitted(chromosome, self._shared)
        elif setup.given is None and not batch.joined and len(setup.genoprobs) * len(batch.ids) ** 2 <= SMALL_MATRICES:
            decomposed = [self._decomposed([chromosome]) for chromosome in setup.genoprobs]
            if all(one.few for one in decomposed):
                designs = [self._null_design(chromosome) for chromosome in setup.genoprobs]
                self._beforehand = dict(zip(setup.genoprobs, zip(
                    decomposed, null_hsq(batch, designs, decomposed, setup.reml, progress))))

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
        if chromosome in self._beforehand:
            return self._fitted(chromosome, *self._beforehand[chromosome])
        return self._fitted(chromosome, self._decomposed([chromosome]))

    def known(self, chromosome: str) -> tuple[Decomposed, np.ndarray, list[str]] | None:
        """The decomposed kinship, hsq and notes of one chromosome, where they were found before chromosomes are scanned."""
        if chromosome in self._beforehand:
            decomposed, (hsq, notes) = self._beforehand[chromosome]
            return decomposed, hsq, notes
        return self._null[self._key(chromosome)][:3] if self._shared is not None else None

    def _fitted(self, chromosome: str, decomposed: Decomposed | None,
                estimated: tuple[np.ndarray, list[str]] | None = None) -> tuple:
        X = self._null_design(chromosome)
        if decomposed is None:
            return None, None, [], null_parts(self.batch, X, None, None)
        if self.setup.given is None:
            hsq, notes = estimated or null_hsq(self.batch, [X], [decomposed], self.setup.reml, self.progress)[0]
        else:
            hsq, notes = self.setup.given.loc[self.setup.nulls[chromosome], self.batch.phenotypes].to_numpy(), []
        return decomposed, hsq, notes, [] if self.setup.each else null_parts(self.batch, X, decomposed, hsq)

    def _null_design(self, chromosome: str) -> np.ndarray:
        return self.batch.null_covariates(self.setup.genoprobs.is_x_chr[chromosome]).to_numpy()

    def stretches(self) -> list[list[str]]:
        """All chromosomes in order, small ones together that have one null model and as many genotype columns."""
        probs, n, fewest = self.setup.genoprobs, len(self.batch.ids), int(np.min(self.batch.sizes))
        factors = 1 if self.batch.intcovar is None else 1 + self.batch.intcovar.shape[1]
        together = not self.setup.each and (self.setup.kinship is None or not self.setup.kinship.loco)
        stretches, alike, numbers = [], None, 0
        for chromosome, array in probs.items():
            k = (array.sizes["genotype"] - 1) * factors
            here = k * array.sizes["position"] * n
            # On the X chromosome not all columns occur; and where no individual is left over this is said by chromosome.
            alone = not together or probs.is_x_chr[chromosome] or fewest <= self.batch.addcovar.shape[1] + k
            kind = None if alone else (self.setup.nulls[chromosome], k)
            if kind is None or kind != alike or numbers + here > SMALL:
                stretches.append([])
                numbers = 0
            stretches[-1].append(chromosome)
            alike, numbers = kind, numbers + here
        return stretches

    def scan(self, stretch: list[str], out: np.ndarray | None = None) -> list[Found]:
        """LOD scores along each chromosome of a stretch; `out`, (positions, m), takes them where it is given."""
        blocks = genotype_blocks(self.setup.genoprobs, stretch, self.batch, self.rows)
        decomposed, hsq, notes, parts = self.null(stretch[0])
        if self.setup.each:
            return [self._each(*stretch, decomposed.eigen, hsq, notes, blocks)]
        ends = np.cumsum([self.setup.genoprobs[chromosome].sizes["position"] for chromosome in stretch])
        m = len(self.batch.phenotypes)
        lod = np.empty((ends[-1], m)) if out is None else out
        if sum(len(part.columns) for part in parts) < m:
            lod[:] = np.nan
        start, dependent, saturated = 0, np.zeros(ends[-1], dtype=bool), np.zeros(m, dtype=bool)
        for G in blocks:
            here = slice(start, start := start + G.shape[1])
            for part in parts:
                found = lod[here] if len(part.columns) == m else np.empty((G.shape[1], len(part.columns)))
                some, none_over = part.lod(G, found, self.progress.advance)
                if len(part.columns) < m:
                    lod[here, part.columns] = found
                dependent[here] |= some
                saturated[part.columns] |= none_over
        said = self._too_few(stretch[0], np.flatnonzero(saturated))
        return [Found(part, hsq, notes + said + _reduced(chromosome, np.sum(some))) for chromosome, part, some in zip(
            stretch, np.split(lod, ends[:-1]), np.split(dependent, ends[:-1]))]

    def _too_few(self, chromosome: str, columns: Iterable[int]) -> list[str]:
        return [f"pheno '{self.batch.phenotypes[column]}': {self.batch.sizes[column]} individuals are no more than the model "
                f"has coefficients on chromosome '{chromosome}'; no LOD scores there" for column in columns]

    def _each(self, chromosome: str, eigen: lmm.Eigen, hsq: np.ndarray, notes: list[str],
              blocks: Iterable[np.ndarray]) -> Found:
        """LOD scores along one chromosome, hsq being estimated by ML at each position of the blocks (k, b, n)."""
        phenotypes = self.batch.phenotypes
        none = np.empty((0, len(phenotypes)))
        scan, parts = EachScan(self.batch, eigen, self._null_design(chromosome), hsq), [(none, none, none.astype(bool))]
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


def genotype_blocks(genoprobs: Genoprobs, stretch: list[str], batch: Batch,
                    rows: np.ndarray | slice) -> Iterator[np.ndarray]:
    """Genotype columns as they enter the model, (k, b, n) for b positions at a time: without the first, interactions last.

    `stretch` is one chromosome, or several small ones, which are one block; `rows` are those of the batch's individuals in genoprobs.
    """
    n, columns = len(batch.ids), genotype_columns(genoprobs, stretch[0])
    interactions = [] if batch.intcovar is None else list(batch.intcovar.to_numpy().T)
    k = len(columns) * (1 + len(interactions))
    size = max(1, BLOCK // (n * max(k, 1)))
    arrays = [genoprobs[chromosome].values for chromosome in stretch]
    blocks = [arrays] if len(arrays) > 1 else (
        [arrays[0][:, :, start:start + size]] for start in range(0, arrays[0].shape[2], size))
    for block in blocks:
        G, start = np.empty((k, sum(part.shape[2] for part in block), n)), 0
        for part in block:
            here = slice(start, start := start + part.shape[2])
            for i, column in enumerate(columns):
                G[i, here] = part[rows, column].T
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
