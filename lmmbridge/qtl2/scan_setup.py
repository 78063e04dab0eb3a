"""The arguments of a scan, checked and aligned."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from lmmbridge.errors import InputError
from lmmbridge.qtl2.alignment import Aligned, Batch, Kinship, align, truth
from lmmbridge.qtl2.genoprobs import Genoprobs


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

    def batches(self) -> tuple[list[Batch], list[str]]:
        """As `Aligned.batches`, joined where a scan can take them together."""
        batches, without = self.aligned.batches()
        return self.joined(batches), without

    def joined(self, batches: list[Batch]) -> list[Batch]:
        """As `Aligned.joined`, for scans with kinship at null models' hsq."""
        return batches if self.kinship is None or self.each or len(batches) < 2 else self.aligned.joined(batches)

    @property
    def null_chromosomes(self) -> list[str]:
        """The chromosomes that hsq is given for, each standing for those that share its null fit."""
        return list(dict.fromkeys(self.nulls.values()))

    def restricted(self, chromosomes: list[str]) -> Setup:
        """That of some chromosomes and no phenotype: without the genotypes and matrices of the others."""
        return replace(self, genoprobs=self.genoprobs.subset(chr=chromosomes),
                       nulls={chromosome: self.nulls[chromosome] for chromosome in chromosomes},
                       kinship=None if self.kinship is None else self.kinship.restricted(chromosomes),
                       aligned=self.aligned.of_phenotypes([]))

    def of_phenotypes(self, columns: slice) -> Setup:
        """That of some phenotypes, with notes of its own."""
        return replace(self, aligned=self.aligned.of_phenotypes(columns),
                       kinship=None if self.kinship is None else self.kinship.without_notes())

    def with_hsq(self, hsq: np.ndarray, phenotypes: list[str]) -> Setup:
        """With the hsq of one null chromosome, which may be missing, as if they had been given."""
        return replace(self, given=pd.DataFrame([hsq], self.null_chromosomes, phenotypes))


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
