"""Answers to a case of a law about genome scans, by covariance matrices written out: no rotation, nothing of ours."""
from __future__ import annotations

import numpy as np
import pandas as pd

from lmmbridge.engines import ENGINES
from lmmbridge.inputs import Data
from lmmbridge.testing.scan_cases import ScanCase


class DenseCase:
    """One phenotype on one chromosome.

    Parameters
    ----------
    case : ScanCase
    function : str
        "scan1" (null model with Xcovar on the X chromosome), "fit1" and "scan1coef" (with nullcovar), "scan1blup" (with
        nullcovar; no weights, no interactions).
    chromosome, phenotype : str, optional
        Default: the case's, the first.
    """

    def __init__(self, case: ScanCase, function: str, chromosome: str | None = None,
                 phenotype: str | None = None) -> None:
        data = case.data
        self.case, self.chromosome = case, chromosome or case.chromosome
        blup, on_x = function == "scan1blup", data.genoprobs.is_x_chr[self.chromosome]
        only_null = (data.Xcovar if on_x else None) if function == "scan1" else case.nullcovar
        kinship = data.kinship[self.chromosome] if isinstance(data.kinship, dict) else data.kinship
        self.ids = ids = list(data.genoprobs.individuals)
        n = len(ids)
        self.y = data.pheno.loc[ids, phenotype or data.pheno.columns[0]].to_numpy()
        addcovar = [] if data.addcovar is None else [data.addcovar.loc[ids].to_numpy()]
        self.Z = np.empty((n, 0)) if blup or data.intcovar is None else data.intcovar.loc[ids].to_numpy()
        self.interacting = [] if self.Z.shape[1] == 0 else list(data.intcovar.columns)
        names = ["intercept", *([] if data.addcovar is None else data.addcovar.columns), *self.interacting]
        X = np.column_stack([np.ones(n), *addcovar, self.Z])
        kept = _independent(X)
        self.X, self.covariates = X[:, kept], [names[j] for j in kept]
        self.X_null = self.X
        if only_null is not None:
            X = np.column_stack([self.X, only_null.loc[ids]])
            self.X_null = X[:, _independent(X)]
        noise = np.ones(n) if blup or data.weights is None else 1.0 / data.weights.loc[ids].to_numpy()
        K = None if kinship is None else 2.0 * kinship.loc[ids, ids].to_numpy()
        self.hsq = None
        self.V = np.diag(noise)
        if K is not None:
            self.hsq = case.hsq
            if blup or case.hsq is None:
                self.hsq = _hsq(self.y, self.X_null, K, 1.0 / noise, case.reml)
            self.V = self.hsq * K + (1.0 - self.hsq) * np.diag(noise)

    def genotypes(self, position: str) -> np.ndarray:
        return self.case.data.genoprobs[self.chromosome].sel(position=position, individual=self.ids).values

    def lod(self, position: str) -> float:
        """(n/2) log10(Q0/Q1)."""
        G = self.genotypes(position)
        columns = np.column_stack([self.X, G, *(G * z[:, None] for z in self.Z.T)])
        return 0.5 * len(self.y) * np.log10(self._rss(self.X_null) / self._rss(columns))

    def _rss(self, X: np.ndarray) -> float:
        L = np.linalg.cholesky(self.V)
        y, X = np.linalg.solve(L, self.y), np.linalg.solve(L, X)
        lengths = np.linalg.norm(X, axis=0)
        X = X[:, lengths > 0.0] / lengths[lengths > 0.0]
        return float(np.sum((y - X @ np.linalg.lstsq(X, y, rcond=1e-10)[0]) ** 2))

    def effects(self, position: str) -> pd.DataFrame:
        """Coefficients and their standard errors, by generalised least squares.

        Effects of the genotypes as deviations from their mean, which is the intercept; interactions of all genotypes but
        the first; covariates.
        """
        G = self.genotypes(position)
        X = np.column_stack([G, *(G[:, 1:] * z[:, None] for z in self.Z.T), self.X[:, 1:]])
        Vi = np.linalg.inv(self.V)
        covariance = np.linalg.inv(X.T @ Vi @ X)
        b = covariance @ X.T @ Vi @ self.y
        sigmasq = (self.y - X @ b) @ Vi @ (self.y - X @ b) / (X.shape[0] - X.shape[1])
        k = G.shape[1]
        T = np.vstack([np.eye(len(b)), np.where(np.arange(len(b)) < k, 1.0 / k, 0.0)])
        T[:k, :k] -= 1.0 / k
        names = self._names + [f"{name}:{z}" for z in self.interacting for name in self._names[1:]]
        return pd.DataFrame({"coef": T @ b, "SE": np.sqrt(sigmasq * np.diag(T @ covariance @ T.T))},
                            [*names, *self.covariates[1:], "intercept"])

    def blups(self, position: str) -> pd.DataFrame:
        """Predicted effects of the genotypes, effects of the covariates, and their standard errors.

        y = Xb + Zu + e, var(u) = σ²hI, var(e) = σ²(1−h)V.
        """
        L = np.linalg.cholesky(self.V)
        y, X, Z = (np.linalg.solve(L, values) for values in (self.y, self.X, self.genotypes(position)))
        h = _hsq(y, X, Z @ Z.T, np.ones(len(y)), self.case.reml)
        S = h * Z @ Z.T + (1.0 - h) * np.eye(len(y))
        Si = np.linalg.inv(S)
        P = Si - Si @ X @ np.linalg.solve(X.T @ Si @ X, X.T @ Si)
        sigmasq = y @ P @ y / (len(y) - (X.shape[1] if self.case.reml else 0))
        errors = np.sqrt(np.maximum(sigmasq * h * (1.0 - h * np.diag(Z.T @ P @ Z)), 0.0))
        covariance = np.linalg.inv(X.T @ Si @ X)
        return pd.DataFrame({"coef": [*(h * Z.T @ P @ y), *(covariance @ X.T @ Si @ y)],
                             "SE": [*errors, *np.sqrt(sigmasq * np.diag(covariance))]}, [*self._names, *self.covariates])

    @property
    def _names(self) -> list[str]:
        return self.case.data.genoprobs[self.chromosome].coords["genotype"].values.tolist()


def right_number(case: ScanCase, function: str, quantity: str) -> float:
    """The right number of a breach's quantity: "LOD of y1 at m1_1", "SE of AA at m1_1", "coefficient AA at m1_1"."""
    *words, position = quantity.split(" ")
    chromosome = next(name for name, array in case.data.genoprobs.items()
                      if position in array.coords["position"].values)
    dense = DenseCase(case, function, chromosome, words[2] if words[0] == "LOD" else None)
    if words[0] == "LOD":
        return dense.lod(position)
    table = dense.blups(position) if function == "scan1blup" else dense.effects(position)
    return float(table.loc[words[2] if words[0] == "SE" else words[1], "SE" if words[0] == "SE" else "coef"])


def _independent(X: np.ndarray) -> list[int]:
    """The columns that do not depend on those before them."""
    kept = [0]
    for j in range(1, X.shape[1]):
        column = X[:, j]
        left = column - X[:, kept] @ np.linalg.lstsq(X[:, kept], column, rcond=None)[0]
        if np.linalg.norm(left) > 1e-8 * np.linalg.norm(column):
            kept.append(j)
    return kept


def _hsq(y: np.ndarray, X: np.ndarray, K: np.ndarray, weights: np.ndarray, reml: bool) -> float:
    n, p = X.shape
    data = Data(tuple(f"i{i}" for i in range(n)), ("y",), (0,), tuple(f"x{j}" for j in range(p)), y[:, None], X,
                (K + K.T) / 2.0, weights, ())
    return float(ENGINES["dense"].optimum(data, reml).hsq[0])
