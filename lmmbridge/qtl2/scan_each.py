"""LOD scores with hsq estimated again, by ML, at each position."""
from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from lmmbridge import lmm
from lmmbridge.qtl2.alignment import Batch, independent_columns, rotation


@dataclass(eq=False)
class EachScan:
    """Fits of a batch's phenotypes at blocks of positions.

    Parameters
    ----------
    batch : Batch
    eigen : Eigen
    X_null : ndarray, shape (n, c)
        Covariates of the null model.
    hsq : ndarray, shape (m,)
        ĥ of the null model by ML.

    Attributes
    ----------
    dependent : int
        At how many positions columns depended on others.
    saturated : bool
        Whether the model left no individual over somewhere.
    """

    batch: Batch
    eigen: lmm.Eigen
    X_null: np.ndarray
    hsq: np.ndarray
    dependent: int = 0
    saturated: bool = False
    _null: np.ndarray = field(init=False)
    _rotated: list[lmm.Rotated] = field(init=False)

    def __post_init__(self):
        Y, X = self.batch.Y, self.batch.addcovar.to_numpy()
        self._null = np.array([np.nan if np.isnan(h) else lmm.loglik(rotated, lmm.least_squares(rotated, h), False)
                               for rotated, h in zip(lmm.rotate(self.eigen, Y, self.X_null), self.hsq)])
        self._rotated = lmm.rotate(self.eigen, Y, X)

    def lod(self, G: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """LOD scores, hsq, and where the likelihood grows without bound, each (b, m), for genotype columns (k, b, n)."""
        k, b, _ = G.shape
        shape = (b, len(self._rotated))
        loglik, hsq, unbounded = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape, dtype=bool)
        turned = np.ascontiguousarray(np.moveaxis(rotation(self.eigen, self.batch.weights, np.moveaxis(G, 2, 0)), 0, 2))
        certain = np.zeros(shape, dtype=bool)
        for j, rotated in enumerate(self._rotated if k else []):
            found = lmm.each_position(self.eigen, rotated.y, rotated.X, turned, reml=False)
            loglik[:, j], hsq[:, j], unbounded[:, j], certain[:, j] = found.loglik, found.hsq, found.unbounded, found.certain
        for i in np.flatnonzero(~certain.all(axis=1)):
            self._alone(G[:, i].T, np.flatnonzero(~certain[i]), loglik[i], hsq[i], unbounded[i])
        return (loglik - self._null) / np.log(10.0), hsq, unbounded

    def _alone(self, G: np.ndarray, which: np.ndarray, loglik: np.ndarray, hsq: np.ndarray, unbounded: np.ndarray) -> None:
        """Fill in phenotypes `which` at one position with columns G (n, k), those that do not depend on others."""
        X = self.batch.addcovar.to_numpy()
        names = [f"x{j}" for j in range(X.shape[1] + G.shape[1])]
        design = independent_columns(pd.DataFrame(np.column_stack([X, G]), columns=names)).to_numpy()
        if design.shape[1] >= len(design):
            self.saturated = True
            return
        self.dependent += design.shape[1] < len(names)
        for j, rotated in zip(which, lmm.rotate(self.eigen, self.batch.Y[:, which], design)):
            maximum = lmm.estimate_hsq(rotated, reml=False)
            unbounded[j] = maximum.unbounded
            hsq[j], loglik[j] = maximum.bounded or (np.nan, np.nan)
