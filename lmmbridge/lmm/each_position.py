"""h estimated again at each position, with its genotype columns in the model: all positions at a time."""
from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from lmmbridge.lmm.elimination import eliminate, sweep
from lmmbridge.lmm.estimation import ROOT_EPSILON
from lmmbridge.lmm.many import WeightedProducts, summits
from lmmbridge.lmm.rotation import Eigen

#: Squared sine of a genotype column and the columns before it, covariates included, below which QR decomposition is needed.
WELL_CONDITIONED = 1e-4


@dataclass(frozen=True, eq=False)
class EachPosition:
    """Fits of the model with covariates and the genotype columns of each of b positions, each at its own ĥ.

    Attributes
    ----------
    hsq, loglik, rss : ndarray, shape (b,)
        ĥ, REML* or ML* and Q there; of the highest maximum before h = 1 where the likelihood grows without bound.
    beta, standard_error : ndarray, shape (k, b)
        Of the genotype columns; σ² is Q/(n − c − k).
    unbounded : ndarray of bool, shape (b,)
        Where the likelihood grows without bound.
    certain : ndarray of bool, shape (b,)
        Where the maximum was found and the columns are well conditioned. Elsewhere all is NaN, and to be found by
        `lmmbridge.lmm.fit`.
    """

    hsq: np.ndarray
    loglik: np.ndarray
    rss: np.ndarray
    beta: np.ndarray
    standard_error: np.ndarray
    unbounded: np.ndarray
    certain: np.ndarray


def each_position(eigen: Eigen, y: np.ndarray, X: np.ndarray, G: np.ndarray, reml: bool = True,
                  logdet_XtX: np.ndarray | None = None) -> EachPosition:
    """Estimate h at each position by REML or ML; exact, as GEMMA's -lmm.

    Parameters
    ----------
    eigen : Eigen
    y : ndarray, shape (n,)
        Phenotype, rotated.
    X : ndarray, shape (n, c)
        Covariates, rotated, of full column rank.
    G : ndarray, shape (k, b, n)
        Genotype columns, rotated.
    reml : bool, default True
    logdet_XtX : ndarray, shape (b,), optional
        log|X'X| of covariates and genotype columns, neither weighted nor rotated: a constant of REML*. Default: it is found, where
        the decomposition has no weights.

    References
    ----------
    Zhou X, Stephens M (2012) Genome-wide efficient mixed-model analysis for association studies. Nature Genetics 44:821-824.
    """
    k, b, n = G.shape
    p = X.shape[1] + k
    basis, R = np.linalg.qr(X)
    y = y - basis @ (basis.T @ y)
    lengths = np.einsum("kbn,kbn->kb", G, G)
    flat = G.reshape(k * b, n)
    G = (flat - (flat @ basis) @ basis.T).reshape(k, b, n)
    at_zero = [[np.einsum("bn,bn->b", G[i], G[j]) for j in range(i, k)] + [G[i] @ y] for i in range(k)] + [[y @ y]]
    with np.errstate(divide="ignore", invalid="ignore"):
        pivots = eliminate(at_zero, k)
        well = np.all([pivot > WELL_CONDITIONED * length for pivot, length in zip(pivots, lengths)], axis=0) & (n > p)
        well &= at_zero[-1][0] > 0.0
    hsq, loglik, rss, beta, errors = (np.full(shape, np.nan) for shape in (b, b, b, (k, b), (k, b)))
    certain, unbounded = np.zeros(b, dtype=bool), np.zeros(b, dtype=bool)
    if not well.any():
        return EachPosition(hsq, loglik, rss, beta, errors, unbounded, certain)
    G, lengths = G[:, well], lengths[:, well]
    constant = np.full(G.shape[1], 0.0 if eigen.weights is None else -np.sum(np.log(eigen.weights)))
    if reml:
        constant += -np.sum(np.log(np.array(pivots)[:, well]), axis=0) if logdet_XtX is None else (
            2.0 * np.sum(np.log(np.abs(np.diag(R)))) - logdet_XtX[well])
    residual = np.sqrt(at_zero[-1][0][well])
    products = WeightedProducts(eigen, partial(_sums_against, basis, G, y))
    unbounded[well] = _unbounded(eigen, y, basis, G / np.sqrt(lengths)[:, :, None], residual, reml)
    found = summits(eigen, products, n - p if reml else n, p if reml else 0, constant,
                    n * np.finfo(float).eps * np.linalg.norm(y) / residual, unbounded[well])
    certain[well] = found.certain & ~np.isnan(found.hsq)
    hsq[well], loglik[well], rss[well] = found.hsq, found.loglik, found.rss
    of = np.flatnonzero(certain[well])
    M = products.value(of, found.hsq[of])
    sweep(M, range(p))
    beta[:, certain] = M[-k - 1:-1, -1]
    errors[:, certain] = np.sqrt(np.array([M[i, i] for i in range(p - k, p)]) * M[-1, -1] / (n - p))
    return EachPosition(hsq, loglik, rss, beta, errors, unbounded, certain)


def _sums_against(X: np.ndarray, G: np.ndarray, y: np.ndarray, vectors: np.ndarray) -> list[list[np.ndarray]]:
    """What `WeightedProducts` asks for, of positions with columns G (k, b, n) that share X (n, c) and y."""
    (k, b, n), s = G.shape, vectors.shape[1]
    shared = np.column_stack([X, y])
    weighted = (shared.T[:, :, None] * vectors).transpose(1, 0, 2).reshape(n, -1)       # (n, (c + 1) s)
    with_shared = (shared.T @ weighted).reshape(len(shared.T), -1, s)
    with_G = (weighted.T @ G.reshape(k * b, n).T).reshape(-1, s, k, b)
    rows = [[with_shared[i, j][:, None] for j in range(i, X.shape[1])] + [with_G[i, :, j] for j in range(k)]
            + [with_shared[i, -1][:, None]] for i in range(X.shape[1])]
    rows += [[vectors.T @ (G[i] * G[j]).T for j in range(i, k)] + [with_G[-1, :, i]] for i in range(k)]
    return rows + [[with_shared[-1, -1][:, None]]]


def _unbounded(eigen: Eigen, y: np.ndarray, basis: np.ndarray, G: np.ndarray, residual: np.ndarray, reml: bool) -> np.ndarray:
    """As `estimation.unbounded`, of each position; columns of G are of about unit length."""
    null = eigen.values <= eigen.zero
    u, b = int(np.sum(null)), G.shape[1]
    if u == 0 or u == len(null):
        return np.zeros(b, dtype=bool)
    columns = np.concatenate([np.broadcast_to(basis[null], (b, u, basis.shape[1])), np.moveaxis(G[:, :, null], 0, 2)], axis=2)
    seen, cosines, _ = np.linalg.svd(columns, full_matrices=False)
    seen *= (cosines > ROOT_EPSILON)[:, None, :]
    unexplained = np.linalg.norm(y[null] - (seen @ (np.swapaxes(seen, 1, 2) @ y[null][:, None]))[:, :, 0], axis=1)
    return (unexplained <= ROOT_EPSILON * residual) & (u > np.sum(cosines > ROOT_EPSILON, axis=1) if reml else True)
