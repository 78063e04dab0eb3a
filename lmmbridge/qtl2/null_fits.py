"""Phenotypes fitted to a null model, and LOD scores of genotype columns against it."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
import pandas as pd

from lmmbridge import lmm
from lmmbridge.errors import InputError
from lmmbridge.lmm.gram_scan import NullModels, explained, null_models
from lmmbridge.lmm.scan import residual_sums_of_squares
from lmmbridge.lmm.tridiagonal import Tridiagonal, solve_lower
from lmmbridge.lmm.weight_basis import WORST_CONDITION, condition
from lmmbridge.qtl2.alignment import Batch, Kinship, rotation

#: An eigen decomposition of n individuals takes the time of so many times n more genotype columns, rotated.
DECOMPOSITION = 8
#: Numbers in the arrays of positions that QR decomposition judges together.
BLOCK = 2**18
#: Groups that are kept for the next block of positions.
GROUPS = 64


@dataclass(frozen=True, eq=False)
class Group:
    """m phenotypes of n individuals at the same weights, as QR decomposition needs them.

    Attributes
    ----------
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

    root: np.ndarray
    basis: np.ndarray
    residuals: np.ndarray
    null_rss: np.ndarray
    longest: float | None

    def with_genotypes(self, G: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Q (b, m) and the number of genotype columns that count (b,), for rotated genotype columns (b, n, k)."""
        return residual_sums_of_squares(self.root, self.basis, self.residuals, G, self.longest)


class Decomposed:
    """Twice a kinship matrix for the individuals of a batch, decomposed as far as it is needed.

    Parameters
    ----------
    kinship, chromosome, batch
    columns : int
        How many genotype columns are scanned with this matrix.

    Attributes
    ----------
    few : bool
        Whether the phenotypes are so few that an eigen decomposition and the rotation of all genotypes would take longer than
        what is needed of each phenotype's own covariance matrix: a Cholesky factor.
    """

    def __init__(self, kinship: Kinship, chromosome: str, batch: Batch, columns: int):
        self._of = chromosome, batch.ids, batch.weights
        self._kinship, self._columns = kinship, columns
        n, m = batch.Y.shape
        self.few = m <= 1 + DECOMPOSITION * n / max(columns, 1) and self.tridiagonal is not None

    def alone(self, batch: Batch) -> Decomposed:
        """The same for the individuals of another batch."""
        return Decomposed(self._kinship, self._of[0], batch, self._columns)

    @cached_property
    def eigen(self) -> lmm.Eigen:
        return self._kinship.eigen(*self._of)

    @cached_property
    def tridiagonal(self) -> Tridiagonal | None:
        return self._kinship.tridiagonal(*self._of)


@dataclass(frozen=True, eq=False)
class Part:
    """Phenotypes that are scanned together.

    Attributes
    ----------
    columns : ndarray of int, shape (m,)
        Which phenotypes.
    turned : callable
        Genotype columns (..., n) in the coordinates in which the models are.
    models : NullModels
        Of the covariates that are in the model with the QTL, too.
    null_rss : ndarray, shape (m,)
        Q of the null model, which may have others.
    sizes : int or ndarray, shape (m,)
        Numbers of individuals.
    beside_covariates : bool
        Whether covariates interact with the QTL.
    alike : bool
        Whether all phenotypes have the same weights.
    turned_for_qr : callable
        Genotype columns in the coordinates of the groups.
    group : callable
        The `Group` of the i-th phenotype, or of all where they are alike.
    rows : ndarray of int, or None
        Which individuals of those that have genotype columns, where not all.
    """

    columns: np.ndarray
    turned: Callable[[np.ndarray], np.ndarray]
    models: NullModels
    null_rss: np.ndarray
    sizes: int | np.ndarray
    beside_covariates: bool
    alike: bool
    turned_for_qr: Callable[[np.ndarray], np.ndarray]
    group: Callable[[int], Group]
    rows: np.ndarray | None = None

    def lod(self, G: np.ndarray, out: np.ndarray, count: Callable[[int], None]) -> tuple[np.ndarray, np.ndarray]:
        """LOD scores for genotype columns (k, b, n) into `out` (b, m); `count` is told of how many more there are, time and again.

        Returns
        -------
        dependent : ndarray of bool, shape (b,)
            At which positions columns depend on others.
        saturated : ndarray of bool, shape (m,)
            For which phenotypes no individual is left over somewhere.
        """
        b = G.shape[1]
        if self.rows is not None:
            G = G[:, :, self.rows]
        poor: list[np.ndarray] = []
        sizes = np.broadcast_to(self.sizes, len(self.columns))
        for which, gain, well in explained(self.models, self.turned(G), self.beside_covariates):
            with np.errstate(divide="ignore", invalid="ignore"):
                np.subtract(self.models.rss[which], gain, out=gain)
                np.divide(self.null_rss[which], gain, out=gain)
                np.log10(gain, out=gain)
            np.multiply(gain, 0.5 * sizes[which], out=out[:, which])
            count(gain.size)
            if not well.all():
                position, phenotype = np.nonzero(~well)
                poor.append(np.column_stack([position, phenotype + which.start]))
        dependent, saturated = np.zeros(b, dtype=bool), np.zeros(len(self.columns), dtype=bool)
        if poor:
            self._by_qr(G, np.concatenate(poor), out, dependent, saturated)
        return dependent, saturated

    def _by_qr(self, G: np.ndarray, poor: np.ndarray, out: np.ndarray, dependent: np.ndarray, saturated: np.ndarray) -> None:
        """Fill in what is to be found by QR decomposition: pairs of position and phenotype (rows, 2)."""
        sizes = np.broadcast_to(self.sizes, len(self.columns))
        positions, place = np.unique(poor[:, 0], return_inverse=True)
        turned = np.moveaxis(self.turned_for_qr(G[:, positions]), 0, 2)
        if self.alike:
            pieces = [(np.arange(len(self.columns)), np.arange(len(positions)))]
        else:
            order = np.argsort(poor[:, 1], kind="stable")
            phenotypes, first = np.unique(poor[order, 1], return_index=True)
            pieces = [(phenotypes[[i]], np.unique(places)) for i, places in enumerate(np.split(place[order], first[1:]))]
        for which, places in pieces:
            group = self.group(int(which[0]))
            size = max(1, BLOCK // (len(group.root) * len(which)))
            for here in (places[start:start + size] for start in range(0, len(places), size)):
                rss, rank = group.with_genotypes(turned[here])
                none_over = group.basis.shape[1] + rank >= len(group.root)
                with np.errstate(divide="ignore"):
                    out[np.ix_(positions[here], which)] = np.where(none_over[:, None], np.nan,
                                                                   0.5 * sizes[which] * np.log10(group.null_rss / rss))
                dependent[positions[here][rank < len(G)]] = True
                saturated[which] |= none_over.any()


def null_parts(batch: Batch, X_null: np.ndarray, decomposed: Decomposed | None, hsq: np.ndarray | None) -> list[Part]:
    """The phenotypes of a batch that have an hsq, fitted to the null model with covariates X_null (n, c).

    Parameters
    ----------
    batch : Batch
    X_null : ndarray, shape (n, c)
        The batch's additive covariates, and perhaps others.
    decomposed : Decomposed, optional
        Default: no kinship.
    hsq : ndarray, shape (m,), optional
        With `decomposed`; NaN for phenotypes that are left out.
    """
    if decomposed is None:
        return [_unrotated(batch, X_null)]
    columns = np.flatnonzero(~np.isnan(hsq))
    if batch.joined:
        return _joined_parts(batch, X_null, decomposed, hsq)
    if decomposed.few and np.all(condition(decomposed.tridiagonal.values, hsq[columns]) <= WORST_CONDITION):
        return [_whitened(batch, X_null, decomposed, j, hsq[j]) for j in columns]
    if not len(columns):
        return []
    refuse_indefinite(decomposed.eigen.values, hsq, batch.phenotypes)
    well = condition(decomposed.eigen.values, hsq[columns]) <= WORST_CONDITION
    return [_rotated(batch, X_null, decomposed.eigen, some, hsq[some], interpolated)
            for some, interpolated in ((columns[well], True), (columns[~well], False)) if len(some)]


def _joined_parts(batch: Batch, X_null: np.ndarray, decomposed: Decomposed, hsq: np.ndarray) -> list[Part]:
    """Joined batches together, but for phenotypes whose V is badly conditioned: these as if they had not been joined."""
    with np.errstate(invalid="ignore"):
        well = condition(decomposed.eigen.values, hsq) <= WORST_CONDITION       # not where hsq is NaN
    columns = np.flatnonzero(well)
    parts = [_rotated(batch, X_null, decomposed.eigen, columns, hsq[columns])] if len(columns) else []
    start = 0
    for one in batch.joined:
        here = np.arange(start, start + len(one.phenotypes))
        start += len(here)
        alone = np.where(well[here], np.nan, hsq[here])
        if np.isnan(alone).all():
            continue
        rows = pd.Index(batch.ids).get_indexer(one.ids)
        for part in null_parts(one, X_null[rows], decomposed.alone(one), alone):
            parts.append(replace(part, columns=here[part.columns], rows=rows))
    return parts


def refuse_indefinite(values: np.ndarray, hsq: np.ndarray, phenotypes: list[str]) -> None:
    """Name the phenotype at whose hsq V is not positive definite."""
    for h, phenotype in zip(hsq, phenotypes):
        smallest = h * values[0] + (1.0 - h)
        if smallest <= 0.0:
            raise InputError(f"hsq is {h:g} for pheno '{phenotype}': at hsq = {float(h)!r} the covariance matrix is not positive "
                             f"definite (smallest eigenvalue {smallest:.3g}); give a smaller one")


def _unrotated(batch: Batch, X_null: np.ndarray) -> Part:
    """Without kinship: all phenotypes at the same weights."""
    root = None if batch.weights is None else np.sqrt(batch.weights)

    def turned(G: np.ndarray) -> np.ndarray:
        return G if root is None else G * root

    Y, X, X_0 = (rotation(None, batch.weights, values) for values in (batch.Y, batch.addcovar.to_numpy(), X_null))
    return uncorrelated(Y, X, X_0, turned, batch.intcovar is not None)


def uncorrelated(Y: np.ndarray, X: np.ndarray, X_null: np.ndarray, turned: Callable[[np.ndarray], np.ndarray],
                 beside_covariates: bool) -> Part:
    """Phenotypes Y (n, m) with covariates X and, under the null model, X_null, in coordinates in which V is the identity."""

    @lru_cache(maxsize=1)
    def group(_: int) -> Group:
        basis, null_basis = np.linalg.qr(X)[0], np.linalg.qr(X_null)[0]
        null_rss = np.sum((Y - null_basis @ (null_basis.T @ Y)) ** 2, axis=0)
        longest = float(np.max(np.linalg.norm(X, axis=0))) if beside_covariates else None
        return Group(np.ones(len(Y)), basis, Y - basis @ (basis.T @ Y), null_rss, longest)

    models, every = null_models(Y, X), np.arange(Y.shape[1])
    null_rss = models.rss if X_null.shape == X.shape else null_models(Y, X_null).rss
    return Part(every, turned, models, null_rss, len(Y), beside_covariates, True, turned, group)


def _rotated(batch: Batch, X_null: np.ndarray, eigen: lmm.Eigen, columns: np.ndarray, hsq: np.ndarray,
             interpolated: bool = True) -> Part:
    """In the eigenvectors' coordinates: phenotypes at their own weights each, and with covariates for their missing values."""
    turning = eigen.vectors if batch.weights is None else np.sqrt(batch.weights)[:, None] * eigen.vectors
    addcovar = batch.addcovar.to_numpy()
    Y, X, X_0 = (turning.T @ values for values in (batch.Y[:, columns], addcovar, X_null))
    own = None if batch.missing is None else [turning[batch.missing[:, column]].T for column in columns]

    def turned(G: np.ndarray) -> np.ndarray:
        return (G.reshape(-1, G.shape[-1]) @ turning).reshape(G.shape)

    @lru_cache(maxsize=GROUPS)
    def group(j: int) -> Group:
        if batch.missing is None:
            return _group_at(batch, eigen, columns[j], hsq[j], addcovar, X_null)
        lacking = np.flatnonzero(batch.missing[:, columns[j]])
        indicators = np.zeros((len(Y), len(lacking)))
        indicators[lacking, np.arange(len(lacking))] = 1.0
        return _group_at(batch, eigen, columns[j], hsq[j], np.hstack([addcovar, indicators]), np.hstack([X_null, indicators]))

    models = null_models(Y, X, eigen.values, hsq, own, interpolated)
    null_rss = models.rss if X_0.shape == X.shape else null_models(Y, X_0, eigen.values, hsq, own, interpolated).rss
    return Part(columns, turned, models, null_rss, batch.sizes[columns], batch.intcovar is not None, False, turned, group)


def _whitened(batch: Batch, X_null: np.ndarray, decomposed: Decomposed, column: int, hsq: float) -> Part:
    """In coordinates in which V of one phenotype is the identity: L⁻¹ with V = LL'. Positions that QR decomposition has to
    judge are judged in the eigenvectors' coordinates, as those of other phenotypes.
    """
    root = np.ones(len(batch.ids)) if batch.weights is None else np.sqrt(batch.weights)
    V = hsq * decomposed.tridiagonal.kinship
    V[np.diag_indices_from(V)] += 1.0 - hsq
    L = np.linalg.cholesky(V)
    addcovar = batch.addcovar.to_numpy()
    y, X, X_0 = (solve_lower(L, (root[:, None] * values).T).T for values in (batch.Y[:, [column]], addcovar, X_null))

    def turned(G: np.ndarray) -> np.ndarray:
        return solve_lower(L, (G if batch.weights is None else G * root).reshape(-1, G.shape[-1])).reshape(G.shape)

    def turned_for_qr(G: np.ndarray) -> np.ndarray:
        return ((G * root).reshape(-1, G.shape[-1]) @ decomposed.eigen.vectors).reshape(G.shape)

    @lru_cache(maxsize=1)
    def group(_: int) -> Group:
        return _group_at(batch, decomposed.eigen, column, hsq, addcovar, X_null)

    models = null_models(y, X)
    null_rss = models.rss if X_0.shape == X.shape else null_models(y, X_0).rss
    return Part(np.array([column]), turned, models, null_rss, len(y), batch.intcovar is not None, True, turned_for_qr, group)


def _group_at(batch: Batch, eigen: lmm.Eigen, column: int, hsq: float, X: np.ndarray, X_null: np.ndarray) -> Group:
    """The `Group` of one phenotype in the eigenvectors' coordinates."""
    (rotated,), (rotated_null,) = (lmm.rotate(eigen, batch.Y[:, [column]], columns) for columns in (X, X_null))
    fit = lmm.least_squares(rotated, hsq)
    fit_null = fit if X_null.shape == X.shape else lmm.least_squares(rotated_null, hsq)
    # Summed as with genotype columns, so that LOD is 0 to the bit where none counts.
    null_rss = np.sum(fit_null.residuals[:, None] ** 2, axis=0)
    root = np.sqrt(fit.d)
    return Group(root, fit.basis, fit.residuals[:, None], null_rss, _longest(batch, rotated.X / root[:, None]))


def _longest(batch: Batch, X: np.ndarray) -> float | None:
    return None if batch.intcovar is None else float(np.max(np.linalg.norm(X, axis=0)))
