"""The two models behind one LOD score, written out from the data; no line shared with scan1."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lmmbridge.agreement.points import ROUNDINGS, condition_X, condition_y
from lmmbridge.engines import dense
from lmmbridge.inputs import Data
from lmmbridge.qtl2.scan_data import ScanData

#: Genotypes of the X chromosome with a smaller mean do not occur there.
ABSENT_ON_X = 1e-8


@dataclass(frozen=True, eq=False)
class Place:
    """One LOD score: a position and a phenotype of a scan.

    Attributes
    ----------
    data : ScanData
    position, phenotype : str
    """

    data: ScanData
    position: str
    phenotype: str

    @property
    def chromosome(self) -> str:
        return next(name for name, array in self.data.genoprobs.items()
                    if self.position in array.coords["position"].values)

    def null_chromosome(self, rows: Iterable[str]) -> str:
        """Which of the null fits (rows of hsq) holds here."""
        rows = list(rows)
        if self.chromosome in rows or len(rows) == 1:
            return self.chromosome if self.chromosome in rows else rows[0]
        is_x = self.data.genoprobs.is_x_chr
        return next(row for row in rows if is_x[row] == is_x[self.chromosome])

    @property
    def kinship(self) -> pd.DataFrame | None:
        K = self.data.kinship
        return K[self.chromosome] if isinstance(K, dict) else K

    def individuals(self) -> list[str]:
        """Those that have everything, in the order of genoprobs."""
        data = self.data
        frames = [data.pheno[[self.phenotype]]] + [frame for frame in (
            data.addcovar, data.Xcovar, data.intcovar, None if data.weights is None else data.weights.to_frame("w"))
            if frame is not None]
        there = pd.concat(frames, axis=1, join="inner").replace([np.inf, -np.inf], np.nan).dropna().index
        if self.kinship is not None:
            there = there.intersection(self.kinship.index)
        return [individual for individual in data.genoprobs.individuals if individual in set(there)]

    def designs(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """X of the null model, the covariates of the QTL model, and its genotype columns with their interactions."""
        data, ids = self.data, self.individuals()
        covariates = [np.ones((len(ids), 1))] + [frame.loc[ids].to_numpy() for frame in (data.addcovar, data.intcovar)
                                                 if frame is not None]
        null = list(covariates)
        on_x = data.genoprobs.is_x_chr[self.chromosome]
        if on_x and data.Xcovar is not None:
            null.append(data.Xcovar.loc[ids].to_numpy())
        array = data.genoprobs[self.chromosome]
        G = array.sel(position=self.position, individual=ids).values
        if on_x:
            G = G[:, array.values.mean(axis=(0, 2)) >= ABSENT_ON_X]
        G = [G[:, 1:]]
        if data.intcovar is not None:
            G += [G[0] * column[:, None] for column in data.intcovar.loc[ids].to_numpy().T]
        return np.column_stack(null), np.column_stack(covariates), np.column_stack(G)

    def models(self, hsq: float | None) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None, float, np.ndarray,
                                                 np.ndarray]:
        """y, K, weights, h, X of the null model and of the QTL model, with hsq under twice the kinship matrix."""
        ids = self.individuals()
        null, covariates, G = self.designs()
        K = None if hsq is None else 2.0 * self.kinship.loc[ids, ids].to_numpy()
        weights = None if self.data.weights is None else self.data.weights.loc[ids].to_numpy()
        y = self.data.pheno.loc[ids, self.phenotype].to_numpy(float)
        return y, K, weights, 0.0 if hsq is None else hsq, null, np.column_stack([covariates, G])

    def rounding(self, hsq: float | None) -> float:
        """What rounding may move LOD by, with ten roundings of a fit through coefficients: its residual goes with
        cond(V^−½X) and with how much of V^−½y cancels, in the model with the QTL. Infinite where that fits exactly."""
        y, K, weights, h, _, X = self.models(hsq)
        noise = np.ones(len(y)) if weights is None else 1.0 / weights
        L = np.linalg.cholesky((0.0 if K is None else h * K) + (1.0 - h) * np.diag(noise))
        y, X = np.linalg.solve(L, y), independent(np.linalg.solve(L, X))
        condition = condition_X(X) * float(condition_y(y[:, None], X)[0])
        return float(ROUNDINGS * np.finfo(float).eps * condition * len(y) / np.log(10.0))

    def dense_lod(self, hsq: float | None) -> float:
        """The LOD score by dense generalised least squares, at hsq under twice the kinship matrix."""
        return dense.lod(*self.models(hsq))


def independent(X: np.ndarray) -> np.ndarray:
    """The columns that do not depend on those before them."""
    lengths = np.linalg.norm(X, axis=0)
    _, R = np.linalg.qr(X / np.where(lengths > 0.0, lengths, 1.0))
    return X[:, np.abs(np.diag(R)) > dense.DEPENDENT]


def null_problem(place: Place) -> Data:
    """The null model at a place as a problem of its own, under K as given."""
    ids = place.individuals()
    X = independent(place.designs()[0])
    weights = None if place.data.weights is None else place.data.weights.loc[ids].to_numpy()
    return Data(tuple(ids), (place.phenotype,), (0,), tuple(f"x{j}" for j in range(X.shape[1])),
                place.data.pheno.loc[ids, [place.phenotype]].to_numpy(float), X, place.kinship.loc[ids, ids].to_numpy(),
                weights, ())
