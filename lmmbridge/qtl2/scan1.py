"""Genome scan by a single-QTL model: R/qtl2's scan1."""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lmmbridge import __version__, lmm
from lmmbridge.errors import InputError
from lmmbridge.inputs import some_of
from lmmbridge.lmm.scan import residual_sums_of_squares
from lmmbridge.parallel import run_over
from lmmbridge.progress import Progress
from lmmbridge.qtl2.alignment import Aligned, Batch, Kinship, align, independent_columns, rotation, truth
from lmmbridge.qtl2.genoprobs import Genoprobs

#: Genotype columns of the X chromosome whose mean over individuals and positions is below this do not exist there.
ABSENT_ON_X = 1e-8
#: A LOD score below minus this is negative; nearer to 0 it is rounding.
NEGATIVE = 1e-9
#: Positions are taken in blocks of about this many numbers (2 MB of them, which caches hold).
BLOCK = 2**18


@dataclass(frozen=True, eq=False)
class Scan1:
    """LOD curves.

    Attributes
    ----------
    lod : DataFrame
        LOD scores, positions × phenotypes. A LOD is (n/2) log10(Q0/Q1) with the residual sums of squares of the null
        model and of the model with the QTL; also when hsq was estimated by REML.
    hsq : DataFrame or None
        The hsq used, under *twice* the kinship matrix: null chromosomes × phenotypes (one row for a single kinship
        matrix; an autosome's and the X chromosome's where Xcovar is given; a row per chromosome for a kinship per
        chromosome), or positions × phenotypes where each position has its own. None without kinship.
    sample_size : Series
        Individuals by phenotype.
    criterion : str or None
        What chose hsq: "REML", "ML", or "given"; None without kinship.
    notes : tuple of str
        What a reader should know, in words.
    engine, version : str
    """

    lod: pd.DataFrame
    hsq: pd.DataFrame | None
    sample_size: pd.Series
    criterion: str | None = None
    notes: tuple[str, ...] = ()
    engine: str = "python"
    version: str = __version__

    def __repr__(self) -> str:
        lines = [f"Scan1 of {self.lod.shape[0]} positions × {self.lod.shape[1]} phenotypes"
                 + (f", hsq by {self.criterion}" if self.criterion else ""), repr(self.lod)]
        return "\n".join(lines + [f"note: {note}" for note in self.notes])


def scan1(genoprobs: Genoprobs, pheno: Any, kinship: Any = None, addcovar: Any = None, Xcovar: Any = None,
          intcovar: Any = None, weights: Any = None, reml: bool = True, model: str = "normal", hsq: Any = None,
          cores: int = 1, *, quiet: bool = False) -> Scan1:
    """Genome scan with a single-QTL model, by a linear mixed model or Haley–Knott regression.

    Parameters
    ----------
    genoprobs : Genoprobs
        Genotype or allele probabilities.
    pheno : DataFrame or Series
        Phenotypes; index: IDs. Values that are not finite are missing.
    kinship : DataFrame or DecomposedKinship, or mapping of chromosome to one of these, optional
        One kinship matrix, or one for each chromosome (as `calc_kinship(probs, "loco")`). The covariance is made of
        twice the matrix. Default: no polygenic effect (Haley–Knott regression).
    addcovar : DataFrame or Series, optional
        Additive covariates; an intercept is always there. Columns that depend on others are left out, and said.
    Xcovar : DataFrame or Series, optional
        Additional covariates for the null model of the X chromosome.
    intcovar : DataFrame or Series, optional
        Covariates that interact with the QTL; they are additive covariates as well.
    weights : Series, optional
        Positive, 1/variance of each individual's residual.
    reml : bool, default True
        Estimate hsq by REML; False for ML. LOD scores are differences of ML in both cases.
    model : str, default "normal"
        "binary" is refused.
    hsq : float, sequence, DataFrame or "each", optional
        Values to use, between 0 and 1, under twice the kinship matrix; null chromosomes × phenotypes (see
        `Scan1.hsq`), where a single row or column may be a sequence; one
        value stands for all. "each": estimate hsq again at each position by
        ML, so that LOD is the likelihood ratio of both models, each at its own maximum (as GEMMA's -lmm 2); needs
        reml=False. Default: estimate it under the null model.
    cores : int, default 1
        Chromosomes are spread over so many threads; 0 is all but one core.
    quiet : bool, default False
        Show no progress.

    Returns
    -------
    Scan1

    Raises
    ------
    InputError
        Names the argument, the individual, column or chromosome, and what to do.

    Notes
    -----
    As in R/qtl2's scan1: individuals are those with genotypes, kinship, all covariates and some phenotype, in the
    order of genoprobs; phenotypes are taken together by pattern of missing values; the first genotype column, and on
    the X chromosome those that do not occur, are left out. Where genotype columns depend on the covariates, LOD is that
    of the columns that remain (R/qtl2 keeps the rounding noise of such columns).

    Examples
    --------
    >>> from lmmbridge.qtl2 import calc_genoprob, calc_kinship, extdata, get_x_covar, read_cross2, scan1
    >>> iron = read_cross2(extdata("iron.zip"))
    >>> probs = calc_genoprob(iron, error_prob=0.002)
    >>> scan = scan1(probs, iron.pheno, calc_kinship(probs, "loco"), Xcovar=get_x_covar(iron))
    >>> scan.lod.idxmax().to_dict(), scan.lod.max().round(3).to_dict()
    ({'liver': 'D2Mit17', 'spleen': 'D9Mit182'}, {'liver': 6.623, 'spleen': 11.27})
    >>> scan.hsq.loc["16"].round(4).to_dict()
    {'liver': 0.5736, 'spleen': 0.4899}
    """
    setup = set_up(genoprobs, pheno, kinship, addcovar, Xcovar, intcovar, weights, reml, model, hsq)
    chromosomes = list(genoprobs)
    lod = pd.DataFrame(np.nan, list(genoprobs.positions), list(setup.aligned.pheno.columns))
    used = pd.DataFrame(np.nan, lod.index, lod.columns) if setup.each else setup.no_hsq()
    batches, notes = setup.aligned.batches()
    notes = [*setup.aligned.notes, *notes]
    total = len(lod) * sum(len(batch.phenotypes) for batch in batches)
    with Progress("scan1", total, quiet) as progress:
        for batch in batches:
            scanner = Scanner(setup, batch, progress)
            for chromosome, found in zip(chromosomes, run_over(scanner.chromosome, chromosomes, cores)):
                positions = genoprobs[chromosome].coords["position"].values
                lod.loc[positions, batch.phenotypes] = found.lod
                if used is not None:
                    used.loc[positions if setup.each else setup.nulls[chromosome], batch.phenotypes] = found.hsq
                notes += found.notes
            notes += batch.notes
    notes += _negative(lod, genoprobs, setup)
    notes += [] if setup.kinship is None else setup.kinship.notes
    return Scan1(lod, used, setup.aligned.pheno.notna().sum(), setup.criterion, tuple(dict.fromkeys(notes)))


def _negative(lod: pd.DataFrame, genoprobs: Genoprobs, setup: Setup) -> list[str]:
    """A note where the null model of the X chromosome explains what the model with the QTL cannot."""
    if setup.aligned.Xcovar is None:
        return []
    on_x = [name for chromosome, array in genoprobs.items() if genoprobs.is_x_chr[chromosome]
            for name in array.coords["position"].values]
    below = int((lod.loc[on_x] < -NEGATIVE).to_numpy().sum())
    return [f"X chromosome: {below} LOD scores are below 0, since the null model there has covariates (Xcovar) that neither "
            "the genotypes nor addcovar hold; give them as addcovar, too"] if below else []


@dataclass(frozen=True, eq=False)
class Setup:
    """What a scan is made of, checked and aligned.

    Attributes
    ----------
    genoprobs : Genoprobs
    kinship : Kinship or None
    aligned : Aligned
    nulls : dict of str to str
        For each chromosome the one whose null fit (and hsq) is used.
    reml : bool
    given : DataFrame or None
        hsq to use, null chromosomes × phenotypes.
    each : bool
        Whether hsq is estimated again at each position.
    """

    genoprobs: Genoprobs
    kinship: Kinship | None
    aligned: Aligned
    nulls: dict[str, str]
    reml: bool
    given: pd.DataFrame | None
    each: bool

    @property
    def criterion(self) -> str | None:
        """What chooses hsq; None without kinship."""
        return None if self.kinship is None else "given" if self.given is not None else "REML" if self.reml else "ML"

    def no_hsq(self) -> pd.DataFrame | None:
        """A place for hsq, null chromosomes × phenotypes, NaN as yet; None without kinship."""
        return None if self.kinship is None else pd.DataFrame(
            np.nan, list(dict.fromkeys(self.nulls.values())), list(self.aligned.pheno.columns))


def set_up(genoprobs: Genoprobs, pheno: Any, kinship: Any, addcovar: Any, Xcovar: Any, intcovar: Any, weights: Any,
           reml: bool, model: str, hsq: Any = None, others: Mapping[str, Iterable[str]] | None = None) -> Setup:
    """Check and align the arguments of scan1; individuals must be in the IDs of `others` (by argument), too.

    Raises
    ------
    InputError
    """
    refuse_binary(model, kinship)
    truth(reml, "reml")
    if not isinstance(genoprobs, Genoprobs):
        raise InputError(f"genoprobs is a {type(genoprobs).__name__}: give a Genoprobs, as from calc_genoprob")
    each = isinstance(hsq, str)
    if each and (hsq != "each" or reml or kinship is None):
        raise InputError("hsq='each' compares likelihoods of different fixed effects and so needs ML: give reml=False"
                         if hsq == "each" and reml else f"hsq is {hsq!r}: give numbers, or 'each' with a kinship matrix")
    kinship = None if kinship is None else Kinship(kinship, genoprobs)
    aligned = align(genoprobs.individuals, pheno, addcovar, Xcovar, None, intcovar, weights,
                    {**({} if kinship is None else {"kinship": kinship.ids}), **(others or {})})
    nulls = null_chromosomes(genoprobs, kinship, aligned)
    given = None
    if hsq is not None and not each:
        if kinship is None:
            raise InputError("hsq is given without kinship, where it has no meaning; leave it out, or give the kinship")
        given = given_hsq(hsq, list(dict.fromkeys(nulls.values())), list(aligned.pheno.columns))
    return Setup(genoprobs, kinship, aligned, nulls, reml, given, each)


@dataclass(frozen=True, eq=False)
class Group:
    """m phenotypes of n individuals that are scanned together, at their hsq.

    Attributes
    ----------
    columns : list of int
        Which of the batch's phenotypes.
    root : ndarray, shape (n,)
        D^½ of the rotated V.
    basis : ndarray, shape (n, p)
        Orthonormal basis of the covariates, D^−½X.
    residuals : ndarray, shape (n, m)
    null_rss : ndarray, shape (m,)
        Q of the null model.
    longest : float or None
        Length of the longest column of D^−½X where covariates interact with the QTL: R/qtl2 then decomposes covariates
        and genotype columns together, and so compares their lengths.
    """

    columns: list[int]
    root: np.ndarray
    basis: np.ndarray
    residuals: np.ndarray
    null_rss: np.ndarray
    longest: float | None

    def with_genotypes(self, G: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Q (b, m) and the number of genotype columns that count (b,), for rotated genotype columns (b, n, k)."""
        return residual_sums_of_squares(self.root, self.basis, self.residuals, G, self.longest)


@dataclass(frozen=True)
class _Found:
    """Of one chromosome: LOD (positions × m), hsq (m, or positions × m), notes."""

    lod: np.ndarray
    hsq: np.ndarray | None
    notes: list[str]


class Scanner:
    """Scans chromosomes for the phenotypes of one batch; with a single kinship matrix, decomposes it once."""

    def __init__(self, setup: Setup, batch: Batch, progress: Progress):
        self.setup, self.batch, self.progress = setup, batch, progress
        kinship = setup.kinship
        self.shared = None if kinship is None or kinship.loco else kinship.eigen("", batch.ids, batch.weights)
        self.null_hsq: dict[str, tuple[np.ndarray, list[str]]] = {}
        if self.shared is not None:
            for chromosome, null in setup.nulls.items():
                if null not in self.null_hsq:
                    self.null_hsq[null] = self._null_hsq(self.shared, self._null_design(chromosome), null)

    def _null_design(self, chromosome: str) -> np.ndarray:
        X = self.batch.addcovar
        if self.setup.genoprobs.is_x_chr[chromosome] and self.batch.Xcovar is not None:
            X = independent_columns(pd.concat([X, self.batch.Xcovar], axis=1))
        return X.to_numpy()

    def _null_hsq(self, eigen: lmm.Eigen, X: np.ndarray, null: str) -> tuple[np.ndarray, list[str]]:
        batch = self.batch
        if self.setup.given is not None:
            return self.setup.given.loc[null, batch.phenotypes].to_numpy(), []
        maxima = []
        for rotated in lmm.rotate(eigen, batch.Y, X):
            self.progress.advance(0)        # so that Ctrl-C ends this in a thread, too
            maxima.append(lmm.estimate_hsq(rotated, self.setup.reml))
        found = [(maximum.bounded or (np.nan, np.nan))[0] for maximum in maxima]
        return np.array(found), [without_bound(name, hsq) for name, maximum, hsq in zip(batch.phenotypes, maxima, found)
                                 if maximum.unbounded]

    def null(self, chromosome: str) -> tuple[lmm.Eigen | None, np.ndarray | None, list[str]]:
        """Of one chromosome: the decomposed kinship and hsq by phenotype (both None without kinship), notes."""
        kinship, null = self.setup.kinship, self.setup.nulls[chromosome]
        if kinship is None:
            return None, None, []
        if not kinship.loco:
            return self.shared, *self.null_hsq[null]
        eigen = kinship.eigen(chromosome, self.batch.ids, self.batch.weights)
        return eigen, *self._null_hsq(eigen, self._null_design(chromosome), null)

    def chromosome(self, chromosome: str) -> _Found:
        """LOD scores along one chromosome."""
        batch = self.batch
        eigen, hsq, notes = self.null(chromosome)
        m = len(batch.phenotypes)
        blocks = genotype_blocks(self.setup.genoprobs, chromosome, batch, m if eigen is None else 1)
        if self.setup.each:
            return self._each(chromosome, eigen, hsq, blocks, notes)
        groups = self.groups(chromosome, eigen, hsq)
        lods, reduced = [np.empty((0, m))], 0
        for G in blocks:
            G = np.moveaxis(rotation(eigen, batch.weights, G), 2, 0)
            lod = np.full((G.shape[0], m), np.nan)
            for group in groups:
                rss, rank = group.with_genotypes(G)
                saturated = group.basis.shape[1] + rank >= len(batch.ids)
                with np.errstate(divide="ignore"):
                    lod[:, group.columns] = np.where(saturated[:, None], np.nan,
                                                     0.5 * len(batch.ids) * np.log10(group.null_rss / rss))
                notes = notes + self._too_few(chromosome, group.columns if saturated.any() else [])
                self.progress.advance(G.shape[0] * len(group.columns))
            reduced += int(np.sum(rank < G.shape[2])) if groups else 0
            lods.append(lod)
        return _Found(np.concatenate(lods), hsq, notes + _reduced(chromosome, reduced))

    def _too_few(self, chromosome: str, columns: Iterable[int]) -> list[str]:
        return [f"pheno '{self.batch.phenotypes[column]}': {len(self.batch.ids)} individuals are no more than the model "
                f"has coefficients on chromosome '{chromosome}'; no LOD scores there" for column in columns]

    def groups(self, chromosome: str, eigen: lmm.Eigen | None, hsq: np.ndarray | None) -> list[Group]:
        """Phenotypes that can be scanned together."""
        batch = self.batch
        X, X_null = batch.addcovar.to_numpy(), self._null_design(chromosome)

        def longest(columns: np.ndarray) -> float | None:
            return None if batch.intcovar is None else float(np.max(np.linalg.norm(columns, axis=0)))

        if eigen is None:
            Y, C, C_null = (rotation(None, batch.weights, values) for values in (batch.Y, X, X_null))
            basis = np.linalg.qr(C)[0]
            null_basis = np.linalg.qr(C_null)[0]
            null_rss = np.sum((Y - null_basis @ (null_basis.T @ Y)) ** 2, axis=0)
            return [Group(list(range(Y.shape[1])), np.ones(len(Y)), basis, Y - basis @ (basis.T @ Y), null_rss,
                          longest(C))]
        groups = []
        pairs = zip(lmm.rotate(eigen, batch.Y, X), lmm.rotate(eigen, batch.Y, X_null), hsq)
        for column, (rotated, rotated_null, h) in enumerate(pairs):
            if np.isnan(h):
                continue
            fit = self._least_squares(rotated, h, column)
            fit_null = fit if X_null.shape == X.shape else self._least_squares(rotated_null, h, column)
            # Summed as with genotype columns, so that LOD is 0 to the bit where none counts.
            null_rss = np.sum(fit_null.residuals[:, None] ** 2, axis=0)
            root = np.sqrt(fit.d)
            groups.append(Group([column], root, fit.basis, fit.residuals[:, None], null_rss,
                                longest(rotated.X / root[:, None])))
        return groups

    def _least_squares(self, rotated: lmm.Rotated, h: float, column: int) -> lmm.WeightedFit:
        try:
            return lmm.least_squares(rotated, h)
        except ValueError as error:
            raise InputError(f"hsq is {h:g} for pheno '{self.batch.phenotypes[column]}': {error}; give a smaller one") \
                from None

    def _each(self, chromosome: str, eigen: lmm.Eigen, hsq: np.ndarray, blocks: Iterable[np.ndarray],
              notes: list[str]) -> _Found:
        """LOD scores along one chromosome, hsq being estimated by ML at each position of the blocks (n, k, b)."""
        batch, X = self.batch, self.batch.addcovar.to_numpy()
        null = [np.nan if np.isnan(h) else lmm.loglik(rotated, lmm.least_squares(rotated, h), False)
                for rotated, h in zip(lmm.rotate(eigen, batch.Y, self._null_design(chromosome)), hsq)]
        shape = (self.setup.genoprobs[chromosome].sizes["position"], len(batch.phenotypes))
        lod, own_hsq, unbounded = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape, dtype=bool)
        reduced, saturated = 0, False
        for i, columns in enumerate(columns for G in blocks for columns in np.moveaxis(G, 2, 0)):
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
        return _Found(lod, own_hsq, notes)


def _reduced(chromosome: str, positions: int) -> list[str]:
    return [f"chromosome '{chromosome}': at {positions} positions genotype columns depend on each other or on the "
            "covariates; LOD is that of those that do not"] if positions else []


def genotype_blocks(genoprobs: Genoprobs, chromosome: str, batch: Batch, together: int) -> Iterator[np.ndarray]:
    """Genotype columns as they enter the model, (n, k, b) for b positions at a time: without the first, interactions last.

    `together` is how many phenotypes are scanned at a time.
    """
    array = genoprobs[chromosome]
    rows = pd.Index(genoprobs.individuals).get_indexer(batch.ids)
    columns = genotype_columns(genoprobs, chromosome)
    interactions = [] if batch.intcovar is None else list(batch.intcovar.to_numpy().T)
    k = len(columns) * (1 + len(interactions))
    size = max(1, BLOCK // (len(rows) * max(k, together)))
    for start in range(0, array.sizes["position"], size):
        G = array.values[rows[:, None, None], columns[:, None], np.arange(start, min(start + size,
                                                                                   array.sizes["position"]))]
        yield np.concatenate([G] + [G * covariate[:, None, None] for covariate in interactions], axis=1)


def genotype_columns(genoprobs: Genoprobs, chromosome: str) -> np.ndarray:
    """Which genotype columns enter the model: not the first; on the X chromosome of those that occur."""
    array = genoprobs[chromosome]
    columns = np.arange(array.sizes["genotype"])
    if genoprobs.is_x_chr[chromosome]:
        columns = columns[array.values.mean(axis=(0, 2)) >= ABSENT_ON_X]
    return columns[1:]


def null_chromosomes(genoprobs: Genoprobs, kinship: Kinship | None, aligned: Aligned) -> dict[str, str]:
    """For each chromosome the one whose null fit (and hsq) is used."""
    if kinship is not None and kinship.loco:
        return {name: name for name in genoprobs}
    autosomes = [name for name in genoprobs if not genoprobs.is_x_chr[name]]
    X = [name for name in genoprobs if genoprobs.is_x_chr[name]]
    if aligned.Xcovar is None or not X or not autosomes:
        return dict.fromkeys(genoprobs, (autosomes or X or [""])[0])
    return {name: X[0] if genoprobs.is_x_chr[name] else autosomes[0] for name in genoprobs}


def given_hsq(hsq: Any, chromosomes: list[str], phenotypes: list[str]) -> pd.DataFrame:
    """hsq handed over by the user, as null chromosomes × phenotypes.

    Raises
    ------
    InputError
    """
    shape = (len(chromosomes), len(phenotypes))
    wanted = (f"give {shape[0]} × {shape[1]} values (null chromosomes {', '.join(chromosomes)} × phenotypes)"
              if max(shape) > 1 else "give one value")
    if isinstance(hsq, pd.DataFrame):
        hsq = hsq.set_axis([str(name) for name in hsq.index]).set_axis([str(name) for name in hsq.columns], axis=1)
        if len(hsq) == len(chromosomes) == 1:       # R/qtl2 names no chromosome where there are no autosomes
            hsq = hsq.set_axis(chromosomes)
        if set(hsq.index) != set(chromosomes) or set(hsq.columns) != set(phenotypes) or hsq.shape != shape:
            raise InputError(f"hsq has the rows {', '.join(hsq.index)} and the columns {', '.join(hsq.columns)}: {wanted}")
        hsq = hsq.loc[chromosomes, phenotypes]
    elif isinstance(hsq, pd.Series) and not isinstance(hsq.index, pd.RangeIndex) and min(shape) == 1:
        names = phenotypes if shape[0] == 1 else chromosomes
        hsq = hsq.set_axis([str(name) for name in hsq.index])
        if set(hsq.index) != set(names) or len(hsq) != len(names):
            raise InputError(f"hsq has the labels {', '.join(hsq.index)}: give one value for each of {', '.join(names)}")
        hsq = hsq.loc[names]
    try:
        values = np.asarray(hsq, dtype=float)
    except (TypeError, ValueError):
        raise InputError(f"hsq is not made of numbers: {wanted}") from None
    if values.ndim == 0:
        values = np.full(shape, float(values))
    if values.size != shape[0] * shape[1] or values.ndim > 2 or (values.ndim == 2 and values.shape != shape) or (
            values.ndim == 1 and min(shape) > 1):
        raise InputError(f"hsq has the shape {values.shape}: {wanted}")
    values = values.reshape(shape)
    if not np.all((values >= 0.0) & (values <= 1.0)):
        raise InputError(f"hsq has the value {values[~((values >= 0.0) & (values <= 1.0))][0]:g}: hsq is between 0 and 1")
    return pd.DataFrame(values, chromosomes, phenotypes)


def without_bound(phenotype: str, hsq: float) -> str:
    """The sentence about a likelihood without a highest point."""
    return (f"pheno '{phenotype}': the likelihood grows without bound as hsq goes to 1; "
            + ("no results" if np.isnan(hsq) else f"hsq = {hsq:.6g} is its highest maximum before that"))


def refuse_binary(model: str, kinship: Any) -> None:
    """Say what to use for binary phenotypes."""
    if model == "binary":
        raise InputError("model='binary' is not fitted here: R/qtl2's scan1(model=\"binary\") fits logistic regression "
                         "without kinship, the R packages GMMAT and SAIGE fit logistic mixed models with it"
                         if kinship is not None else "model='binary' is not fitted here: use R/qtl2's "
                         "scan1(model=\"binary\"), which fits logistic regression")
    if model != "normal":
        raise InputError(f"model is {model!r}: give 'normal'")
