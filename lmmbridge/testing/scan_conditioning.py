"""How far double precision, and a search for hsq, carry the answers of a genome scan: by phenotype and position.

All from arrays written out here (null models, designs) and `lmmbridge.lmm`; nothing of `lmmbridge.qtl2`'s functions,
which are under test.
"""
from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import linalg

from lmmbridge import lmm
from lmmbridge.agreement import tolerances as agreement
from lmmbridge.testing.conditioning import tolerance
from lmmbridge.testing.scan_cases import ScanCase, arrays

#: A column whose part outside the others is between these, relative to the column, is neither dependent nor not.
DEPENDENT, INDEPENDENT = 1e-11, 1e-6
#: Likelihoods that differ by less than this, relative to 1 + |L|, may be either's maximum.
LEVEL = 1e-12
#: Steps by which an ĥ is moved, to see whether the likelihood tells.
STEPS = 10.0 ** np.arange(-8.0, -0.9, 0.25)


@dataclass(frozen=True)
class Told:
    """How well answers at one position, of one phenotype, are determined.

    Attributes
    ----------
    lod : float
        What LOD may be off by; inf where it says nothing.
    coef : float
        What coefficients may be off by, relative to |coefficient| + √n · standard error; inf where they say nothing.
    full_rank : bool
        Of the design.
    """

    lod: float
    coef: float
    full_rank: bool


@dataclass(frozen=True)
class Top:
    """The maximum of a likelihood of hsq.

    Attributes
    ----------
    hsq : float
    play : float
        How far hsq may be moved before the likelihood tells; inf where it is flat.
    level : float
        By how much likelihoods differ that tell.
    second : bool
        Whether there is another, lower maximum.
    """

    hsq: float
    play: float
    level: float
    second: bool


class NullModel:
    """One phenotype under the null model of one chromosome, whitened at its hsq.

    Parameters
    ----------
    case : ScanCase
    chromosome, phenotype : str
    function : str
        One of `lmmbridge.testing.scan_cases.FUNCTIONS`: scan1 has Xcovar, the others nullcovar; scan1blup no weights
        and interactions.
    """

    def __init__(self, case: ScanCase, chromosome: str, phenotype: str, function: str) -> None:
        data, self.case, self.chromosome, self.function = case.data, case, chromosome, function
        self.blup = blup = function.startswith("scan1blup")
        on_x = data.genoprobs.is_x_chr[chromosome]
        only_null = data.Xcovar if function == "scan1" else case.nullcovar
        intcovar, weights = (None, None) if blup else (data.intcovar, data.weights)
        kinship = data.kinship[chromosome] if isinstance(data.kinship, dict) else data.kinship
        tables = [data.pheno[[phenotype]], data.addcovar, only_null, intcovar,
                  None if weights is None else weights.to_frame()]
        ids = [set(frame.index[np.isfinite(frame).all(axis=1)]) for frame in tables if frame is not None]
        ids += [] if kinship is None else [set(kinship.index)]
        self.ids = [i for i in data.genoprobs.individuals if all(i in found for found in ids)]
        self.n = n = len(self.ids)
        self.two_maxima = False
        self.Z = arrays(intcovar, self.ids)
        X = np.column_stack([np.ones(n), arrays(data.addcovar, self.ids), self.Z])
        X_null = np.column_stack([X, arrays(only_null, self.ids)]) if function != "scan1" or on_x else X
        self.y = data.pheno.loc[self.ids, phenotype].to_numpy(dtype=float)
        w = None if weights is None else weights.loc[self.ids].to_numpy(dtype=float)
        X, clear = independent(X)
        X_null, clear_null = independent(X_null)
        self.clear = clear and clear_null and n > X_null.shape[1]
        if not self.clear:
            return
        K = np.zeros((n, n)) if kinship is None else 2.0 * kinship.loc[self.ids, self.ids].to_numpy(dtype=float)
        self.eigen = lmm.eigen_decomposition((K + K.T) / 2.0, w)
        given = 0.0 if kinship is None else None if blup else case.hsq
        rotated, = lmm.rotate(self.eigen, self.y[:, None], X_null)
        self.top = Top(given, 0.0, 1.0, False) if given is not None else top(rotated, case.reml)
        self.two_maxima = self.top.second
        self.clear = np.isfinite(self.top.hsq)
        if not self.clear:
            return
        d = self.top.hsq * self.eigen.values + 1.0 - self.top.hsq
        self.clear = bool(np.min(d) > 0.0)
        if not self.clear:
            return
        self.condition = float(np.max(d) / np.min(d))
        if w is not None:       # least squares of rows that differ in size loses digits up to their ratio
            self.condition *= float(np.sqrt(np.max(w) / np.min(w)))
        # what V may be off by, up to its scale, for the play of hsq
        rate = float(np.ptp((self.eigen.values - 1.0) / d))
        self.loose = 2.0 * self.top.play * rate if rate > 1e-12 else 0.0
        self.root = np.sqrt(d)
        self.weights = w
        self.basis = np.linalg.qr(self.whitened(X))[0]
        self.y = self.whitened(self.y[:, None])[:, 0]
        self.X = self.whitened(X)

    def whitened(self, values: np.ndarray) -> np.ndarray:
        """D^−½U'W½ values."""
        values = values if self.weights is None else np.sqrt(self.weights)[:, None] * values
        return self.eigen.vectors.T @ values / self.root[:, None]

    def genotypes(self, position: str) -> np.ndarray:
        """Probabilities, (n, k)."""
        array = self.case.data.genoprobs[self.chromosome].sel(position=position)
        return array.values[pd.Index(array.coords["individual"].values).get_indexer(self.ids)]

    def at(self, position: str) -> Told:
        """How well the answers at the position are determined."""
        nothing = Told(np.inf, np.inf, False)
        if not self.clear:
            return nothing
        G = self.genotypes(position)
        if self.function == "scan1" and self.case.data.genoprobs.is_x_chr[self.chromosome]:
            G = G[:, np.any(self.case.data.genoprobs[self.chromosome].values > 1e-6, axis=(0, 2))]
        columns = G[:, 1:]
        columns = np.concatenate([columns] + [columns * z[:, None] for z in self.Z.T], axis=1)
        columns = self.whitened(columns)
        lengths = np.linalg.norm(columns, axis=0)
        scaled = columns / np.where(lengths > 0.0, lengths, 1.0)
        outside = scaled - self.basis @ (self.basis.T @ scaled)
        Q, sizes, _ = np.linalg.svd(outside, full_matrices=False)
        if np.any((sizes > DEPENDENT) & (sizes < INDEPENDENT)):
            return nothing
        real = sizes >= INDEPENDENT
        full_rank = bool(real.all()) and len(sizes) == columns.shape[1]
        left = self.n - self.basis.shape[1] - int(np.sum(real))
        residual = self.y - self.basis @ (self.basis.T @ self.y)
        residual -= Q[:, real] @ (Q[:, real].T @ residual)
        lost = np.linalg.norm(self.y) / max(np.linalg.norm(residual), 1e-300)
        limit = agreement.condition_limit()
        if left < 1 or not max(lost, self.condition) <= limit:
            return nothing
        smallest = float(np.min(sizes[real], initial=1.0)) if not self.blup else 1.0
        rounding = tolerance("scan rounding") * np.finfo(float).eps * self.n * self.condition * lost
        lod = self.n / np.log(10.0) * (rounding + self.loose)
        coef = rounding / smallest**2 + self.n * self.loose
        if self.blup:
            coef += self._loose_effects(G)
        most = tolerance("told apart")
        return Told(lod if lod <= 10.0 * most else np.inf, coef if coef <= 10.0 * most else np.inf,
                    full_rank or self.blup)

    def _loose_effects(self, G: np.ndarray) -> float:
        """What predictors may be off by for the play of the share of the genotypes' variance."""
        Z = self.whitened(G)
        eigen = lmm.eigen_decomposition(Z @ Z.T)
        found = top(lmm.rotate(eigen, self.y[:, None], self.X)[0], self.case.reml)
        self.two_maxima |= found.second
        if not np.isfinite(found.hsq) or not np.isfinite(found.play):
            return np.inf
        if found.hsq == 0.0:        # a boundary, which is found exactly
            return found.play
        # the maximum also moves with V
        play = 2.0 * found.play + self.n * self.loose * found.play**2 / found.level
        if found.hsq <= 100.0 * play:       # not told from 0, where standard errors grow as its root
            return np.inf
        d = found.hsq * eigen.values + 1.0 - found.hsq
        return play / found.hsq + play * float(np.ptp((eigen.values - 1.0) / d))


def independent(X: np.ndarray) -> tuple[np.ndarray, bool]:
    """Columns that do not depend on each other, the first among them; and whether that was clear."""
    lengths = np.linalg.norm(X, axis=0)
    X = X[:, lengths > 0.0] / lengths[lengths > 0.0]
    rest = X[:, 1:] - X[:, :1] @ (X[:, :1].T @ X[:, 1:])
    if rest.shape[1] == 0:
        return X, True
    _, R, pivots = linalg.qr(rest, mode="economic", pivoting=True)
    sizes = np.abs(np.diag(R))
    return np.column_stack([X[:, :1], X[:, 1:][:, np.sort(pivots[:len(sizes)][sizes >= INDEPENDENT])]]), not np.any(
        (sizes > DEPENDENT) & (sizes < INDEPENDENT))


def top(rotated: lmm.Rotated, reml: bool) -> Top:
    """The maximum of the likelihood, and how well it is determined."""
    maximum = lmm.estimate_hsq(rotated, reml)
    if maximum.unbounded:
        return Top(np.nan, np.inf, 1.0, False)
    h, level = maximum.hsq, LEVEL * (1.0 + abs(maximum.loglik))
    tie = maximum.second is not None and maximum.loglik - maximum.second[1] < 1e-6
    end = lmm.search_end(rotated.eigen)

    def told(step: float) -> bool:
        return all(maximum.loglik - lmm.loglik(rotated, lmm.least_squares(rotated, moved), reml) > level
                   for moved in (h - step, h + step) if 0.0 <= moved <= end)

    play = next((step for step in STEPS if told(step)), np.inf)
    return Top(h, np.inf if tie else float(play), level, maximum.second is not None)


class Determined:
    """How well the answers to a case are determined; null models are made once.

    Parameters
    ----------
    case : ScanCase
    function : str
        As of `NullModel`.
    """

    def __init__(self, case: ScanCase, function: str) -> None:
        self.case, self.function, self._nulls = case, function, {}

    def null(self, chromosome: str, phenotype: str) -> NullModel:
        key = chromosome, phenotype
        if key not in self._nulls:
            self._nulls[key] = NullModel(self.case, chromosome, phenotype, self.function)
        return self._nulls[key]

    @property
    def two_maxima(self) -> bool:
        """Whether some likelihood that was looked at has two maxima."""
        return any(null.two_maxima for null in self._nulls.values())


def worse(first: Told, second: Told) -> Told:
    """What both determine."""
    return replace(first, lod=max(first.lod, second.lod), coef=max(first.coef, second.coef),
                   full_rank=first.full_rank and second.full_rank)
