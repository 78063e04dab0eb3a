"""One phenotype and the QTL of one chromosome: what scan1coef, fit1 and scan1blup have in common."""
from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from lmmbridge import lmm
from lmmbridge.errors import InputError
from lmmbridge.qtl2.alignment import Batch, Kinship, align, independent_columns, rotation, truth
from lmmbridge.qtl2.genoprobs import Genoprobs
from lmmbridge.qtl2.scan_setup import given_hsq, without_bound


@dataclass(frozen=True, eq=False)
class SingleTrait:
    """Aligned data of one phenotype, and the square root of V to divide by.

    Attributes
    ----------
    batch : Batch
        Of n individuals.
    eigen : Eigen or None
        Of twice the kinship matrix, with weights; None without kinship.
    hsq : float or None
        The polygenic share of the variance under twice the kinship matrix; None without kinship.
    root : ndarray, shape (n,)
        D^½ of the rotated V.
    X_null : ndarray, shape (n, p)
        Covariates of the null model, intercept first; they do not depend on each other.
    criterion : str or None
        What chose hsq.
    notes : list of str
    """

    batch: Batch
    eigen: lmm.Eigen | None
    hsq: float | None
    root: np.ndarray
    X_null: np.ndarray
    criterion: str | None
    notes: list[str]

    def whitened(self, values: np.ndarray) -> np.ndarray:
        """V^−½ values, rows being individuals."""
        values = rotation(self.eigen, self.batch.weights, values)
        return values / self.root.reshape((-1,) + (1,) * (values.ndim - 1))

    @property
    def y(self) -> np.ndarray:
        """V^−½y, shape (n,)."""
        return self.whitened(self.batch.Y[:, 0])

    def design(self, G: np.ndarray) -> np.ndarray:
        """Design matrices of b positions: genotype columns (n, k, b), covariates, interactions; shape (n, p, b).

        The genotype columns span the intercept, and those without the first interact.
        """
        covariates = self.batch.addcovar.to_numpy()[:, 1:, None]
        covariates = np.broadcast_to(covariates, covariates.shape[:2] + G.shape[2:])
        interacting = [] if self.batch.intcovar is None else list(self.batch.intcovar.to_numpy().T)
        return np.concatenate([G, covariates] + [G[:, 1:] * z[:, None, None] for z in interacting], axis=1)

    def coefficient_names(self, genotypes: list[str]) -> list[str]:
        """Names of the columns of `design`."""
        interacting = [] if self.batch.intcovar is None else list(self.batch.intcovar.columns)
        return [*genotypes, *self.batch.addcovar.columns[1:],
                *(f"{genotype}:{covariate}" for covariate in interacting for genotype in genotypes[1:])]


def single_trait(individuals: Iterable[str], chromosome: str | None, pheno: Any, kinship: Any, addcovar: Any,
                 nullcovar: Any, intcovar: Any, weights: Any, hsq: Any, reml: bool) -> SingleTrait:
    """Align the data, and estimate hsq under the null model where it is not given.

    Parameters
    ----------
    individuals : sequence of str
        IDs of those with genotypes, in the order wanted.
    chromosome : str or None
        Which it is, where that is known; a mapping of kinship matrices must have it. Where it is not known a mapping
        must have a single matrix.

    Raises
    ------
    InputError
    """
    if hsq is not None and kinship is None:
        raise InputError("hsq is given without kinship, where it has no meaning; leave it out, or give the kinship")
    truth(reml, "reml")
    kinship = None if kinship is None else _one_kinship(kinship, chromosome)
    addcovar, nullcovar, intcovar = (_named(covariates, prefix) for covariates, prefix in (
        (addcovar, "ac"), (nullcovar, "nc"), (intcovar, "ic")))
    aligned = align(individuals, _first_phenotype(pheno), addcovar, None, nullcovar, intcovar, weights,
                    {} if kinship is None else {"kinship": kinship.ids})
    batches, without = aligned.batches()
    if not batches:
        raise InputError(without[0])
    [batch] = batches
    notes = [*aligned.notes, *batch.notes]
    if batch.intcovar is not None:
        notes += [f"intcovar: column '{name}' depends on the intercept and the other columns; it is left out"
                  for name in aligned.intcovar.columns if name not in batch.intcovar.columns]
    null = batch.addcovar
    if batch.nullcovar is not None:
        null = independent_columns(pd.concat([null, batch.nullcovar], axis=1))
    null = null.to_numpy()
    if kinship is None:
        return SingleTrait(batch, None, None, np.ones(len(batch.ids)), null, None, notes)
    eigen = kinship.eigen(chromosome or "", batch.ids, batch.weights)
    notes += kinship.notes
    criterion = "given" if hsq is not None else "REML" if reml else "ML"
    if hsq is None:
        maximum = lmm.estimate_hsq(lmm.rotate(eigen, batch.Y, null)[0], reml)
        if maximum.bounded is None:
            raise InputError(f"pheno '{batch.phenotypes[0]}': the likelihood grows without bound as hsq goes to 1, so "
                             "that there is no estimate of hsq; give hsq, or check the kinship matrix")
        hsq = maximum.bounded[0]
        if maximum.unbounded:
            notes.append(without_bound(batch.phenotypes[0], hsq))
    else:
        hsq = given_hsq(hsq, [chromosome or "of genoprobs"], batch.phenotypes).iloc[0, 0]
    d = hsq * eigen.values + (1.0 - hsq)
    if not np.min(d) > 0.0:
        raise InputError(f"hsq is {hsq:g}: the covariance matrix is not positive definite there (smallest eigenvalue "
                         f"{np.min(d):.3g}); give a smaller one")
    return SingleTrait(batch, eigen, float(hsq), np.sqrt(d), null, criterion, notes)


def one_chromosome(genoprobs: Any) -> tuple[str, xr.DataArray]:
    """The first chromosome and its array; a warning where there are others."""
    if not isinstance(genoprobs, Genoprobs):
        raise InputError(f"genoprobs is a {type(genoprobs).__name__}: give a Genoprobs, as from calc_genoprob")
    if not genoprobs:
        raise InputError("genoprobs has no chromosome: give those of one")
    chromosome = next(iter(genoprobs))
    if len(genoprobs) > 1:
        warnings.warn(f"genoprobs has {len(genoprobs)} chromosomes: only the first, '{chromosome}', is used; "
                      "genoprobs.subset(chr=[…]) takes another", stacklevel=3)
    return chromosome, genoprobs[chromosome]


def contrast_matrix(contrasts: Any, genotypes: list[str], unnamed: list[str]) -> tuple[np.ndarray, list[str]]:
    """What to multiply the genotype columns by, (k, k), and the names of the products.

    Parameters
    ----------
    contrasts : DataFrame or array, shape (k, k), or None
    genotypes : list of str, length k
    unnamed : list of str, length k
        The names where `contrasts` has none.
    """
    k = len(genotypes)
    if contrasts is None:
        return np.eye(k), genotypes
    named = isinstance(contrasts, pd.DataFrame) and not isinstance(contrasts.columns, pd.RangeIndex)
    try:
        A = np.asarray(contrasts, dtype=float)
    except (TypeError, ValueError):
        raise InputError("contrasts is not made of numbers: give a square matrix, genotypes × contrasts") from None
    if A.shape != (k, k):
        raise InputError(f"contrasts has the shape {A.shape}: give a square matrix with a row for each of the "
                         f"genotypes {', '.join(genotypes)} and as many columns")
    if not np.isfinite(A).all():
        raise InputError("contrasts has a value that is not a finite number")
    return A, [str(name) for name in contrasts.columns] if named else unnamed


def _first_phenotype(pheno: Any) -> Any:
    if isinstance(pheno, pd.DataFrame) and pheno.shape[1] > 1:
        warnings.warn(f"pheno has {pheno.shape[1]} columns: only the first, '{pheno.columns[0]}', is used",
                      stacklevel=4)
        return pheno.iloc[:, :1]
    return pheno


def _one_kinship(kinship: Any, chromosome: str | None) -> Kinship:
    """The kinship matrix of the chromosome; of a mapping where it is not known, the only one."""
    if not isinstance(kinship, Mapping):
        return Kinship(kinship, ())
    if chromosome is None:
        if len(kinship) != 1:
            raise InputError(f"kinship has matrices for {len(kinship)} chromosomes, and genoprobs does not tell which "
                             "of them it is of: give that of the one chromosome, such as kinship['1']")
        return Kinship(next(iter(kinship.values())), ())
    if chromosome not in kinship:
        raise InputError(f"kinship has no matrix for chromosome '{chromosome}' of genoprobs: give that matrix, or one "
                         "for all chromosomes")
    return Kinship({chromosome: kinship[chromosome]}, [chromosome])


def _named(covariates: Any, prefix: str) -> Any:
    """Covariates without names get R/qtl2's: prefix and number."""
    if isinstance(covariates, pd.Series) and covariates.name is None:
        return covariates.rename(f"{prefix}1")
    if isinstance(covariates, pd.DataFrame) and isinstance(covariates.columns, pd.RangeIndex):
        return covariates.set_axis([f"{prefix}{j + 1}" for j in range(covariates.shape[1])], axis=1)
    return covariates
