"""Cases on the iron data where R/qtl2's scan functions depart from the mathematics: qtl2's number and the dense one.

Nothing here uses `lmmbridge.lmm` or our own scan functions: the right numbers come from covariance matrices written out.
"""
from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from lmmbridge.engines import ENGINES, dense
from lmmbridge.inputs import Data
from lmmbridge.qtl2.cross2 import read_cross2
from lmmbridge.qtl2.extdata import extdata
from lmmbridge.qtl2.genoprobs import Genoprobs
from lmmbridge.qtl2.kinship import calc_kinship
from lmmbridge.qtl2.r_objects import from_r, to_r
from lmmbridge.qtl2.through_r import calc_genoprob
from lmmbridge.rlink import RError, shared_session

#: Where on the genome the cases look.
CHROMOSOME, POSITION = "16", "D16Mit30"


@dataclass(frozen=True)
class Iron:
    """The iron data, as far as the cases need them: 284 individuals without missing values.

    Attributes
    ----------
    probs : Genoprobs
        Of one chromosome.
    kinship : DataFrame
    pheno : DataFrame
    sex, direction : DataFrame
        One column of 0 and 1 each.
    weights : Series
        Made.
    """

    probs: Genoprobs
    kinship: pd.DataFrame
    pheno: pd.DataFrame
    sex: pd.DataFrame
    direction: pd.DataFrame
    weights: pd.Series

    @property
    def G(self) -> np.ndarray:
        """Genotype probabilities at the position, (n, 3)."""
        return self.probs[CHROMOSOME].sel(position=POSITION).values

    def null_hsq(self, X: np.ndarray, weights: np.ndarray | None = None) -> float:
        """The dense REML ĥ of liver under twice the kinship matrix."""
        return _dense_hsq(self.pheno["liver"].to_numpy(), X, 2.0 * self.kinship.to_numpy(), weights)[0]


@cache
def iron() -> Iron:
    cross = read_cross2(extdata("iron.zip"))
    probs = calc_genoprob(cross, error_prob=0.002)
    ids = list(probs.individuals)
    covar = {name: (cross.covar.loc[ids, [name]] == value).astype(float)
             for name, value in (("sex", "m"), ("cross_direction", "(SxB)x(SxB)"))}
    weights = pd.Series(np.exp(np.random.default_rng(20).normal(scale=0.5, size=len(ids))), ids)
    return Iron(probs.subset(chr=[CHROMOSOME]), calc_kinship(probs), cross.pheno.loc[ids], covar["sex"],
                covar["cross_direction"], weights)


def blup_standard_error() -> tuple[float, float]:
    """The standard error of the first genotype's BLUP: (qtl2's, the dense one)."""
    data = iron()
    X = _with_intercept(data.sex)
    found = _qtl2("scan1blup", data.probs, data.pheno["liver"], data.kinship, addcovar=data.sex, se=True)
    return float(found.se.loc[POSITION].iloc[0]), float(np.sqrt(_blup(data, X, X)[1][0]))


def blup_with_nullcovar() -> tuple[float, float]:
    """The first genotype's BLUP where hsq comes from a null model with sex: (qtl2's, the dense one)."""
    data = iron()
    found = _qtl2("scan1blup", data.probs, data.pheno["liver"], data.kinship, nullcovar=data.sex)
    X = np.ones((len(data.pheno), 1))
    return float(found.coef.loc[POSITION].iloc[0]), float(_blup(data, X, _with_intercept(data.sex))[0][0])


def interaction_weighted_twice() -> tuple[float, float]:
    """LOD of fit1 with kinship, weights and an interaction with sex: (qtl2's, the dense one)."""
    data = iron()
    return _fit1_lod(data.sex, interaction=True), _dense_lod(_with_intercept(data.sex), data.sex.to_numpy())


def interaction_weighted_twice_in_scan1coef() -> tuple[float, float]:
    """Coefficient of the second genotype's interaction with sex, as above, of scan1coef: (qtl2's, the dense one)."""
    data = iron()
    found = _qtl2("scan1coef", data.probs, data.pheno["liver"], data.kinship, addcovar=data.sex, intcovar=data.sex,
                  weights=data.weights, zerosum=False)
    X = np.column_stack([data.G, data.sex, data.G[:, 1:] * data.sex.to_numpy()])
    h = data.null_hsq(_with_intercept(data.sex), data.weights.to_numpy())
    V = h * 2.0 * data.kinship.to_numpy() + (1.0 - h) * np.diag(1.0 / data.weights.to_numpy())
    right = np.linalg.solve(X.T @ np.linalg.solve(V, X), X.T @ np.linalg.solve(V, data.pheno["liver"].to_numpy()))
    return float(found.coef.loc[POSITION].iloc[4]), float(right[4])


def interaction_weighted_twice_in_scan1perm() -> tuple[float, float]:
    """The largest LOD of a permutation that changes nothing, as above, of scan1perm: (qtl2's, the dense one)."""
    data = iron()
    alone = pd.Series(np.arange(len(data.pheno), dtype=float), data.pheno.index)    # a stratum for each individual
    found = _qtl2("scan1perm", data.probs, data.pheno[["liver"]], data.kinship, addcovar=data.sex, intcovar=data.sex,
                  weights=data.weights, perm_strata=alone)
    return float(np.squeeze(found)), max(_dense_lod(_with_intercept(data.sex), data.sex.to_numpy(), G)
                                         for G in np.moveaxis(data.probs[CHROMOSOME].values, 2, 0))


def constant_covariate_weighted() -> tuple[float, float]:
    """LOD of fit1 with kinship, weights and a constant covariate: (qtl2's, the dense one)."""
    data = iron()
    constant = data.sex.assign(constant=1.0)
    return _fit1_lod(constant, interaction=False), _dense_lod(_with_intercept(data.sex), None)


def hsq_as_vector() -> tuple[float, float]:
    """LOD of spleen in a scan of two phenotypes with hsq as a vector: (qtl2's, NaN if refused; the dense one)."""
    data = iron()
    hsq = np.array([0.5, 0.25])
    right = dense.lod(data.pheno["spleen"].to_numpy(), 2.0 * data.kinship.to_numpy(), None, hsq[1],
                      np.ones((len(data.pheno), 1)), _with_intercept(data.G[:, 1:]))
    try:
        found = _qtl2("scan1", data.probs, data.pheno, data.kinship, hsq=hsq)
    except RError:
        return np.nan, right
    return float(found.lod.loc[POSITION, "spleen"]), right


def collinear_position() -> tuple[float, float]:
    """LOD at a position whose genotype columns are covariates already: (qtl2's, 0)."""
    data = iron()
    covar = pd.DataFrame(data.G[:, 1:], data.pheno.index, ["SB", "BB"])
    found = _qtl2("scan1", data.probs, data.pheno[["liver"]], data.kinship, addcovar=covar)
    X = _with_intercept(covar)
    right = dense.lod(data.pheno["liver"].to_numpy(), 2.0 * data.kinship.to_numpy(), None,
                      float(found.hsq.iloc[0, 0]), X, np.column_stack([X, data.G[:, 1:]]))
    return float(found.lod.loc[POSITION, "liver"]), right


def _qtl2(function: str, *arguments, **named):
    """A function of qtl2 on our objects; its answer as ours, a plain number or dict as it is."""
    convert = {name: to_r(value) if isinstance(value, (pd.DataFrame, pd.Series)) else value
               for name, value in named.items()}
    value = shared_session().call(f"qtl2::{function}", *map(to_r, arguments), **convert).value
    return value if function in ("fit1", "scan1perm") else from_r(value)


def _fit1_lod(addcovar: pd.DataFrame, interaction: bool) -> float:
    data = iron()
    G = pd.DataFrame(data.G, data.pheno.index, ["SS", "SB", "BB"])
    named = {"intcovar": data.sex} if interaction else {}
    fit = _qtl2("fit1", G, data.pheno["liver"], data.kinship, addcovar=addcovar, weights=data.weights, **named)
    return float(fit["lod"])


def _dense_lod(X: np.ndarray, interacting: np.ndarray | None, G: np.ndarray | None = None) -> float:
    data = iron()
    weights, G = data.weights.to_numpy(), (data.G if G is None else G)[:, 1:]
    columns = [X, G] + ([] if interacting is None else [G * interacting])
    return dense.lod(data.pheno["liver"].to_numpy(), 2.0 * data.kinship.to_numpy(), weights,
                     data.null_hsq(X, weights), X, np.column_stack(columns))


def _blup(data: Iron, X: np.ndarray, X_null: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """BLUPs of the genotypes' effects and their prediction error variances, by the marginal covariance matrix.

    With V₀ at the null ĥ and LL' = V₀: L⁻¹y = L⁻¹Xb + L⁻¹Zu + e, var(u) = σ²hI, var(e) = σ²(1−h)I, so that
    û = hZ'Py and var(û − u) = σ²h(I − hZ'PZ), P = V⁻¹ − V⁻¹X(X'V⁻¹X)⁻¹X'V⁻¹, V = hZZ' + (1−h)I (all whitened).
    """
    n = len(X)
    h0 = data.null_hsq(X_null)
    L = np.linalg.cholesky(h0 * 2.0 * data.kinship.to_numpy() + (1.0 - h0) * np.eye(n))
    y, X, Z = (np.linalg.solve(L, values) for values in (data.pheno["liver"].to_numpy(), X, data.G))
    h, sigmasq = _dense_hsq(y, X, Z @ Z.T, None)
    V_inverse = np.linalg.inv(h * Z @ Z.T + (1.0 - h) * np.eye(n))
    P = V_inverse - V_inverse @ X @ np.linalg.solve(X.T @ V_inverse @ X, X.T @ V_inverse)
    return h * Z.T @ P @ y, sigmasq * h * (1.0 - h * np.diag(Z.T @ P @ Z))


def _dense_hsq(y: np.ndarray, X: np.ndarray, K: np.ndarray, weights: np.ndarray | None) -> tuple[float, float]:
    """The dense REML (ĥ, σ̂²)."""
    n, p = X.shape
    data = Data(tuple(f"i{i}" for i in range(n)), ("y",), (0,), tuple(f"x{j}" for j in range(p)), y[:, None], X,
                (K + K.T) / 2.0, weights, ())
    found = ENGINES["dense"].optimum(data, True)
    return float(found.hsq[0]), float(found.sigmasq[0])


def _with_intercept(columns: pd.DataFrame | np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(len(columns)), columns])
