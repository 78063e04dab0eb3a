"""R/qtl2's rules for what belongs together: individuals by ID, missing values, batches of phenotypes, ranks, kinship."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy import linalg

from lmmbridge import lmm
from lmmbridge.errors import InputError
from lmmbridge.inputs import (DEPENDENT, check_eigenvalues, count_of, floats_of, frame_of, refuse_row_numbers, some_of,
                              symmetric)
from lmmbridge.lmm.tridiagonal import Tridiagonal, tridiagonal
from lmmbridge.qtl2.kinship import DecomposedKinship, check_kinship

#: A column is dependent on others (or equal to one) when it differs from them by less than this, as in R/qtl2.
TOLERANCE = 1e-12
#: Batches are joined until their phenotypes lack so many times n values together, each of which takes n numbers.
MOST_LACKING = 4
#: Fewer individuals than this are no data.
FEWEST = 3


def labelled(values: Any, name: str) -> pd.DataFrame | None:
    """A DataFrame of numbers with IDs as index; what is not a finite number is missing (NaN).

    Raises
    ------
    InputError
        If there are no IDs (an array), an ID occurs twice, or a column is not numeric.
    """
    if values is None:
        return None
    if not isinstance(values, (pd.Series, pd.DataFrame)):
        raise InputError(f"{name} has no IDs: give a pandas Series or DataFrame with the individuals' IDs as index")
    refuse_row_numbers(values, name)
    frame = frame_of(values, name)
    numbers = floats_of(frame, name)
    finite = np.isfinite(numbers)
    return pd.DataFrame(numbers if finite.all() else np.where(finite, numbers, np.nan), frame.index, frame.columns)


@dataclass(frozen=True, eq=False)
class Batch:
    """Aligned data of phenotypes that share one pattern of missing values.

    Attributes
    ----------
    ids : list of str, length n
    phenotypes : list of str, length m
    Y : ndarray, shape (n, m)
    addcovar : DataFrame, shape (n, p)
        Intercept first, then the covariates that do not depend on it and on each other.
    Xcovar, nullcovar, intcovar : DataFrame or None
        n rows each; intcovar without columns that depend on the others and the constant.
    weights : ndarray, shape (n,), or None
        1/variance.
    notes : list of str
        Which covariates were left out.
    missing : ndarray of bool, shape (n, m), or None
        Of joined batches: which values are missing; they are 0 in Y.
    joined : tuple of Batch
        The batches that were joined, in the order of their phenotypes; those who lack most come first.
    """

    ids: list[str]
    phenotypes: list[str]
    Y: np.ndarray
    addcovar: pd.DataFrame
    Xcovar: pd.DataFrame | None
    nullcovar: pd.DataFrame | None
    intcovar: pd.DataFrame | None
    weights: np.ndarray | None
    notes: list[str]
    missing: np.ndarray | None = None
    joined: tuple[Batch, ...] = ()

    @property
    def sizes(self) -> np.ndarray:
        """Number of individuals by phenotype."""
        return np.full(len(self.phenotypes), len(self.ids)) if self.missing is None else np.sum(~self.missing, axis=0)

    def null_covariates(self, is_x_chr: bool) -> pd.DataFrame:
        """Covariates of the null model, (n, c): on the X chromosome with those of Xcovar that do not depend on the others."""
        if not is_x_chr or self.Xcovar is None:
            return self.addcovar
        return independent_columns(pd.concat([self.addcovar, self.Xcovar], axis=1))


@dataclass(frozen=True)
class Aligned:
    """Phenotypes and covariates of the individuals that have all that is needed, in order.

    Attributes
    ----------
    pheno : DataFrame, shape (n, m)
        NaN is missing.
    addcovar, Xcovar, nullcovar, intcovar : DataFrame or None
        n rows; columns of intcovar are among those of addcovar.
    weights : Series or None
    notes : tuple of str
        Who is left out.
    """

    pheno: pd.DataFrame
    addcovar: pd.DataFrame | None = None
    Xcovar: pd.DataFrame | None = None
    nullcovar: pd.DataFrame | None = None
    intcovar: pd.DataFrame | None = None
    weights: pd.Series | None = None
    notes: tuple[str, ...] = ()

    @cached_property
    def _with_intercept(self) -> tuple[list[str], np.ndarray]:
        """Names and values of the intercept and addcovar."""
        ones = np.ones((len(self.pheno), 1))
        return ["intercept"] + ([] if self.addcovar is None else list(self.addcovar.columns)), (
            ones if self.addcovar is None else np.hstack([ones, self.addcovar.to_numpy()]))

    def of_phenotypes(self, columns: slice | list[int]) -> Aligned:
        """With these phenotypes alone, for the same individuals."""
        return replace(self, pheno=self.pheno.iloc[:, columns])

    def batches(self, part: bool = False) -> tuple[list[Batch], list[str]]:
        """Phenotypes by pattern of missing values, and why others have no results, a sentence each.

        Those have too few individuals, or nothing that the covariates leave to explain.

        Parameters
        ----------
        part : bool, default False
            Whether these are some of the phenotypes of a larger whole, and so may all be without results.

        Raises
        ------
        InputError
            If nothing is left to explain of any phenotype.
        """
        observed, names = ~np.isnan(self.pheno.to_numpy()), self.pheno.columns.tolist()
        batches, few, exact = [], [], []
        patterns: dict[bytes, list[int]] = {}
        for j, packed in enumerate(np.ascontiguousarray(np.packbits(observed, axis=0).T)):
            patterns.setdefault(packed.tobytes(), []).append(j)
        for columns in patterns.values():
            keep = observed[:, columns[0]]
            phenotypes = [names[j] for j in columns]
            batch = self._batch(keep, columns)
            if batch is not None and len(batch.ids) > batch.addcovar.shape[1]:
                without = _without_variance(batch)
                exact += without.values()
                left = [j for j, name in enumerate(batch.phenotypes) if name not in without]
                if len(left) == len(columns):
                    batches.append(batch)
                elif left:
                    batches.append(replace(batch, phenotypes=[batch.phenotypes[j] for j in left], Y=batch.Y[:, left]))
            else:
                few += [f"pheno '{name}' has {keep.sum()} individuals with all values, too few for the model"
                        for name in phenotypes]
        if exact and not batches and not part:
            raise InputError(f"{exact[0]}; leave it out")
        return batches, few + exact

    def joined(self, batches: list[Batch]) -> list[Batch]:
        """Batches of phenotypes that lack few values joined to one of all individuals, the others as they are.

        A missing value is the same as a covariate that is 1 for this individual and 0 for all others. It saves decomposing and
        rotating for each pattern, and costs a column for each missing value of each phenotype.
        """
        n = len(self.pheno)
        whole = self._batch(np.ones(n, dtype=bool), [])
        columns = _columns_of(whole)
        alike = [batch for batch in batches if 2 * (n - len(batch.ids)) * len(batch.phenotypes) <= n
                 and 4 * (n - len(batch.ids)) <= n and _columns_of(batch) == columns]
        if len(alike) < 2:
            return batches
        others = {id(batch) for batch in alike}
        sets, lacking = [[]], 0
        for batch in sorted(alike, key=lambda batch: len(batch.ids)):       # those who lack most come first
            lacking += (n - len(batch.ids)) * len(batch.phenotypes)
            if lacking > MOST_LACKING * n and sets[-1]:
                sets, lacking = [*sets, []], (n - len(batch.ids)) * len(batch.phenotypes)
            sets[-1].append(batch)
        return [*(self._joined(whole, some) for some in sets), *(batch for batch in batches if id(batch) not in others)]

    def _joined(self, whole: Batch, batches: list[Batch]) -> Batch:
        phenotypes = [name for batch in batches for name in batch.phenotypes]
        values = self.pheno[phenotypes].to_numpy()
        notes = list(dict.fromkeys(note for batch in batches for note in batch.notes))
        return replace(whole, phenotypes=phenotypes, Y=np.nan_to_num(values), notes=notes, missing=np.isnan(values),
                       joined=tuple(batches))

    def _batch(self, keep: np.ndarray, columns: list[int]) -> Batch | None:
        """The phenotypes of these columns, of these individuals."""
        index = self.pheno.index if keep.all() else self.pheno.index[keep]
        if len(index) < FEWEST:
            return None
        Xcovar, nullcovar, intcovar = (
            None if frame is None else frame[keep] for frame in (self.Xcovar, self.nullcovar, self.intcovar))
        names, values = self._with_intercept
        given = pd.DataFrame(values[keep], index, names)
        independent = which_independent(given)
        notes = [f"addcovar: column '{name}' depends on the intercept and the other columns; it is left out"
                 for j, name in enumerate(names) if j not in independent]
        addcovar = given.iloc[:, independent] if notes else given
        if intcovar is not None:
            intcovar = independent_columns(_beside(given.iloc[:, :1], intcovar)).iloc[:, 1:]
        weights = None if self.weights is None else self.weights.to_numpy()[keep]
        Y, phenotypes = self.pheno.to_numpy(), self.pheno.columns[columns].tolist()
        Y = Y.copy() if keep.all() and len(columns) == Y.shape[1] else Y[np.ix_(keep, columns)]
        return Batch(list(index), phenotypes, Y, addcovar, Xcovar, nullcovar, intcovar, weights, notes)


def align(order: Iterable[str], pheno: Any, addcovar: Any = None, Xcovar: Any = None, nullcovar: Any = None,
          intcovar: Any = None, weights: Any = None, others: Mapping[str, Iterable[str]] | None = None,
          first: str = "genoprobs") -> Aligned:
    """The individuals that are everywhere, have all covariates and weights, and some phenotype, in the given order.

    Parameters
    ----------
    order : sequence of str
        IDs in the order that the result is to have (R/qtl2: those of genoprobs, of kinship in est_herit).
    pheno, addcovar, Xcovar, nullcovar, intcovar : Series or DataFrame
        Index: IDs. What is not finite is missing.
    weights : Series, optional
        Positive, 1/variance.
    others : mapping of str to sequence of str, optional
        Names of further inputs, and the IDs that they have.
    first : str, default "genoprobs"
        The input that `order` is of.

    Raises
    ------
    InputError
    """
    pheno = labelled(pheno, "pheno")
    if pheno is None:
        raise InputError("pheno is None: give the phenotypes, a Series or DataFrame with the individuals' IDs as index")
    covariates = {name: labelled(values, name) for name, values in (
        ("addcovar", addcovar), ("Xcovar", Xcovar), ("nullcovar", nullcovar), ("intcovar", intcovar))}
    covariates = {name: frame for name, frame in covariates.items() if frame is not None}
    weights = labelled(weights, "weights")
    if weights is not None:
        if weights.shape[1] != 1:
            raise InputError(f"weights has {weights.shape[1]} columns: give one, 1/variance of each individual")
        if (weights <= 0.0).to_numpy().any():
            worst = weights.iloc[:, 0].idxmin()
            raise InputError(f"weights: {weights.loc[worst].item():g} for individual '{worst}'; weights are 1/variance "
                             "and must be positive")
    complete = dict(others or {})
    complete.update({name: frame.index[~np.isnan(frame.to_numpy()).any(axis=1)] for name, frame in covariates.items()})
    if weights is not None:
        complete["weights"] = weights.index[~np.isnan(weights.to_numpy()).any(axis=1)]
    complete["pheno"] = pheno.index[~np.isnan(pheno.to_numpy()).all(axis=1)]
    complete = {first: list(order), **complete}
    sets = [set(ids) for ids in complete.values()]
    ids = [individual for individual in complete[first] if all(individual in found for found in sets)]
    if len(ids) < FEWEST:
        found = "no individual has" if not ids else "only 1 individual has" if len(ids) == 1 else \
            f"only {len(ids)} individuals have"
        raise InputError(f"{found} all that is needed of {', '.join(complete)}: at least {FEWEST} are needed; check that "
                         "the IDs are written alike")
    kept = set(ids)
    alone = {name: [individual for individual in there if individual not in kept] for name, there in complete.items()}
    notes = tuple(f"{count_of(left)} of {name} lack something of the other inputs, left out ({some_of(left)})"
                  for name, left in alone.items() if left)

    def of_them(frame: pd.DataFrame) -> pd.DataFrame:
        return frame if list(frame.index) == ids else frame.loc[ids]

    chosen = {name: of_them(frame) for name, frame in covariates.items()}
    if "intcovar" in chosen:
        chosen["addcovar"] = _beside(chosen.get("addcovar"), _new_columns(chosen.get("addcovar"), chosen["intcovar"]))
    if "Xcovar" in chosen:
        chosen["Xcovar"] = _new_columns(chosen.get("addcovar"), chosen["Xcovar"])
    return Aligned(of_them(pheno), weights=None if weights is None else of_them(weights).iloc[:, 0], notes=notes, **chosen)


def without_results(sentences: Iterable[str]) -> list[str]:
    """Notes, of the sentences of `Aligned.batches`."""
    return [f"{sentence}; no results" for sentence in sentences]


def _columns_of(batch: Batch) -> list[list[str]]:
    """Names of the covariates that are independent for the individuals of a batch: additive, with Xcovar, interacting."""
    return [list(batch.null_covariates(is_x).columns) for is_x in (False, True)] + [
        [] if batch.intcovar is None else list(batch.intcovar.columns)]


def independent_columns(X: pd.DataFrame) -> pd.DataFrame:
    """The columns of X that do not depend on each other; see `which_independent`."""
    return X.iloc[:, which_independent(X)]


def which_independent(X: pd.DataFrame) -> list[int]:
    """Which columns of X do not depend on each other; the first is always kept (R/qtl2's drop_depcols).

    Which of several dependent columns goes is decided by QR decomposition with pivoting, after the first column.
    """
    values = X.to_numpy()
    first = values[:, :1] / np.linalg.norm(values[:, 0])
    rest = values[:, 1:]
    if rest.shape[1] == 0:
        return [0]
    outside = rest - first @ (first.T @ rest)
    outside -= first @ (first.T @ outside)
    R, pivots = linalg.qr(outside, mode="r", pivoting=True)
    sizes = np.abs(np.diag(R))
    rank = int(np.sum(sizes > TOLERANCE * max(np.linalg.norm(values[:, 0]), sizes[0])))
    return [0, *sorted((pivots[:rank] + 1).tolist())]


def truth(value: Any, name: str) -> bool:
    """True or False, and nothing that merely passes for one.

    Raises
    ------
    InputError
    """
    if not isinstance(value, (bool, np.bool_)):
        raise InputError(f"{name} is {value!r}: give True or False")
    return bool(value)


class Kinship:
    """One kinship matrix for all chromosomes, or one for each; decomposed or not. V is made of twice the matrix.

    Parameters
    ----------
    kinship : DataFrame or DecomposedKinship, or mapping of chromosome to one of these
    chromosomes : sequence of str
        A mapping must have these, and no others.

    Attributes
    ----------
    loco : bool
        Whether there is a matrix for each chromosome.
    ids : tuple of str
    """

    def __init__(self, kinship: Any, chromosomes: Iterable[str]):
        self._notes: dict[str, None] = {}
        self._remembered: tuple[list[str] | None, dict[tuple[Any, str], Any]] = None, {}
        chromosomes = list(chromosomes)
        self.loco = isinstance(kinship, Mapping)
        self._matrices = dict(kinship) if self.loco else {"": kinship}
        if self.loco:
            odd = [name for name in chromosomes if name not in kinship]
            if odd:
                raise InputError(f"kinship has no matrix for chromosome '{odd[0]}' of genoprobs: give one for each "
                                 "chromosome, or one for all")
            odd = [name for name in kinship if name not in chromosomes]
            if odd:
                raise InputError(f"kinship has a matrix for chromosome '{odd[0]}', which genoprobs lacks; leave it out")
        for name, matrix in self._matrices.items():
            whose = self._called(name)
            if not isinstance(matrix, DecomposedKinship):
                self._matrices[name] = matrix = check_kinship(matrix, whose)
            ids = tuple(matrix.ids if isinstance(matrix, DecomposedKinship) else matrix.index)
            self.ids = ids if name == next(iter(self._matrices)) else self.ids
            if ids != self.ids:
                raise InputError(f"{whose} has other individuals, or another order of them, than the first matrix")

    def _called(self, chromosome: str) -> str:
        return f"kinship of chromosome '{chromosome}'" if self.loco else "kinship"

    @property
    def matrices(self) -> dict[str, pd.DataFrame | DecomposedKinship]:
        """By chromosome, or under "" where there is one for all."""
        return dict(self._matrices)

    @property
    def notes(self) -> list[str]:
        """What the decompositions made so far have shown."""
        return list(self._notes)

    def restricted(self, chromosomes: list[str]) -> Kinship:
        """What concerns these chromosomes; its notes are its own."""
        restricted = self.without_notes()
        restricted._matrices = {name: self._matrices[name] for name in chromosomes} if self.loco else self._matrices
        return restricted

    def without_notes(self) -> Kinship:
        """The same, with notes of its own."""
        other = copy(self)
        other._notes = {}
        return other

    def remember(self, ids: list[str]) -> None:
        """Decompose the matrices of these individuals, always with the same weights, once each."""
        self._remembered = ids, {}

    def _once(self, decompose: Callable[..., Any], chromosome: str, ids: list[str], weights: np.ndarray | None) -> Any:
        remembered, known = self._remembered
        key = decompose.__name__, chromosome if self.loco else ""
        if ids != remembered:
            return decompose(chromosome, ids, weights)
        if key not in known:
            known[key] = decompose(chromosome, ids, weights)
        return known[key]

    def say(self, notes: Iterable[str]) -> None:
        """Add notes, of a part of this."""
        self._notes |= dict.fromkeys(notes)

    def _say(self, eigenvalues: np.ndarray, whose: str) -> None:
        self.say(check_eigenvalues(eigenvalues, whose))

    def eigen(self, chromosome: str, ids: list[str], weights: np.ndarray | None) -> lmm.Eigen:
        """Eigen decomposition of twice the kinship matrix of these individuals, with weights.

        Raises
        ------
        InputError
            If a decomposed matrix would have to be subset, or the matrix is not symmetric or not a covariance.
        """
        eigen = self._once(self._eigen, chromosome, ids, weights)
        self._say(eigen.values, self._called(chromosome))
        return eigen

    def _eigen(self, chromosome: str, ids: list[str], weights: np.ndarray | None) -> lmm.Eigen:
        matrix, whose = self._matrices[chromosome if self.loco else ""], self._called(chromosome)
        if isinstance(matrix, DecomposedKinship):
            if set(matrix.ids) != set(ids):
                raise InputError(f"{whose} is decomposed for {len(matrix.ids)} individuals and {len(ids)} are needed: a "
                                 "decomposed matrix cannot be subset; give the kinship matrix itself")
            U = matrix.vectors.T[pd.Index(matrix.ids).get_indexer(ids)]
            if weights is None:
                eigen = lmm.Eigen(2.0 * matrix.values, U)
                eigen.values[np.abs(eigen.values) <= eigen.zero] = 0.0
                return eigen
            K = (U * matrix.values) @ U.T
        else:
            K = self._matrix(chromosome, ids)
        return lmm.eigen_decomposition(2.0 * K, weights)

    def tridiagonal(self, chromosome: str, ids: list[str], weights: np.ndarray | None) -> Tridiagonal | None:
        """Twice the kinship matrix of these individuals, with weights, in tridiagonal form; None of a decomposed one.

        Raises
        ------
        InputError
            If the matrix is not symmetric or not a covariance.
        """
        if isinstance(self._matrices[chromosome if self.loco else ""], DecomposedKinship):
            return None
        found = self._once(self._tridiagonal, chromosome, ids, weights)
        self._say(found.values, self._called(chromosome))
        return found

    def _tridiagonal(self, chromosome: str, ids: list[str], weights: np.ndarray | None) -> Tridiagonal:
        return tridiagonal(2.0 * self._matrix(chromosome, ids), weights)

    def _matrix(self, chromosome: str, ids: list[str]) -> np.ndarray:
        matrix = self._matrices[chromosome if self.loco else ""]
        K = matrix if list(matrix.index) == ids else matrix.loc[ids, ids]
        return symmetric(K.to_numpy(dtype=float), ids, self._called(chromosome))


def rotation(eigen: lmm.Eigen | None, weights: np.ndarray | None, values: np.ndarray) -> np.ndarray:
    """U'W½ values, rows being individuals; W½ values where there is no kinship."""
    if weights is not None:
        values = np.sqrt(weights).reshape((-1,) + (1,) * (values.ndim - 1)) * values
    if eigen is None:
        return values
    return np.tensordot(eigen.vectors.T, values, axes=1)


def _without_variance(batch: Batch) -> dict[str, str]:
    """Phenotypes of which the covariates leave nothing to explain, and a sentence about each."""
    basis = np.linalg.qr(batch.addcovar.to_numpy())[0]
    left = np.linalg.norm(batch.Y - basis @ (basis.T @ batch.Y), axis=0)
    exact = left <= DEPENDENT * np.linalg.norm(batch.Y, axis=0)
    return {batch.phenotypes[j]: f"pheno '{batch.phenotypes[j]}' " + (
        f"has zero variance: it is {batch.Y[0, j]:g} for all of its {len(batch.ids)} individuals"
        if np.ptp(batch.Y[:, j]) == 0.0 else "is fitted exactly by the covariates: nothing is left to explain")
        for j in np.flatnonzero(exact)}


def _beside(left: pd.DataFrame | None, right: pd.DataFrame | None) -> pd.DataFrame:
    return pd.concat([frame for frame in (left, right) if frame is not None], axis=1)


def _new_columns(left: pd.DataFrame | None, right: pd.DataFrame) -> pd.DataFrame | None:
    """The columns of `right` that equal none before them or in `left`, to `TOLERANCE` (R/qtl2's find_matching_cols)."""
    known = [] if left is None else list(left.to_numpy().T)
    new = []
    for column in right.to_numpy().T:
        new.append(all(np.max(np.abs(column - other)) >= TOLERANCE for other in known))
        known.append(column)
    return right.loc[:, new] if any(new) else None
