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
#: Numbers in the genotype columns that are worked on at a time.
IN_CACHE = 2**16


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
        k genotype columns of b positions, rotated: ``G @ eigen.vectors``, after multiplication by W½ where there are weights.
    reml : bool, default True
    logdet_XtX : ndarray, shape (b,), optional
        log|X'X| of covariates and genotype columns, neither weighted nor rotated: a constant of REML*. Default: it is found, where
        the decomposition has no weights.

    Returns
    -------
    EachPosition

    Raises
    ------
    ValueError
        If `logdet_XtX` is needed and not given, or the last axis of G is not that of individuals.

    Examples
    --------
    >>> import numpy as np
    >>> from lmmbridge import lmm
    >>> rng = np.random.default_rng(1)
    >>> markers = rng.binomial(2, 0.4, size=(200, 50)).astype(float)        # individuals × markers
    >>> y = markers[:, 7] + rng.normal(size=200)
    >>> eigen = lmm.eigen_decomposition(np.cov(markers))
    >>> rotated, = lmm.rotate(eigen, y[:, None], np.ones((200, 1)))
    >>> found = lmm.each_position(eigen, rotated.y, rotated.X, (markers.T @ eigen.vectors)[None])
    >>> int(np.argmax(np.abs(found.beta[0] / found.standard_error[0]))), bool(found.certain.all())
    (7, True)

    References
    ----------
    Zhou X, Stephens M (2012) Genome-wide efficient mixed-model analysis for association studies. Nature Genetics 44:821-824.
    """
    if G.ndim != 3 or G.shape[2] != len(y):
        raise ValueError(f"G has the shape {G.shape}: give k genotype columns of b positions for {len(y)} individuals, (k, b, n)")
    k, b, n = G.shape
    c, p = X.shape[1], X.shape[1] + k
    if reml and eigen.weights is not None and logdet_XtX is None:
        raise ValueError("with weights REML needs logdet_XtX: log|X'X| of covariates and genotype columns as they were")
    hsq, loglik, rss, beta, errors = (np.full(shape, np.nan) for shape in (b, b, b, (k, b), (k, b)))
    certain = np.zeros(b, dtype=bool)
    if n <= p:
        return EachPosition(hsq, loglik, rss, beta, errors, certain.copy(), certain)
    basis, R = np.linalg.qr(X)
    y = y - basis @ (basis.T @ y)
    along = (G.reshape(k * b, n) @ basis).reshape(k, b, c)
    products = WeightedProducts(eigen, partial(_sums_against, basis, G, along, y))
    at_zero = [[values[:, 0] for values in row[max(c - i, 0):]] for i, row in enumerate(products.on_grid())][c:]
    lengths = np.array([row[0] for row in at_zero[:k]]) + np.sum(along**2, axis=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        pivots = eliminate(at_zero, k)
        well = np.all([pivot > WELL_CONDITIONED * length for pivot, length in zip(pivots, lengths)], axis=0)
        residual = np.sqrt(at_zero[-1][0])
        well &= residual > 0.0
        constant = np.full(b, 0.0 if eigen.weights is None else -np.sum(np.log(eigen.weights)))
        if reml:
            constant -= np.sum(np.log(pivots), axis=0) if logdet_XtX is None else (
                logdet_XtX - 2.0 * np.sum(np.log(np.abs(np.diag(R)))))
        rounding = n * np.finfo(float).eps * np.linalg.norm(y) / residual
    unbounded = _unbounded(eigen, y, basis, G, along, lengths, residual, reml) & well
    found = summits(products, n - p if reml else n, p if reml else 0, np.where(well, constant, 0.0),
                    np.where(well, rounding, 0.0), unbounded)
    certain = found.certain & well & ~np.isnan(found.hsq)
    of = np.flatnonzero(certain)
    hsq[of], loglik[of], rss[of] = found.hsq[of], found.loglik[of], found.rss[of]
    M = products.value(of, hsq[of])
    sweep(M, range(p))
    beta[:, of] = M[c:p, p]
    errors[:, of] = np.sqrt(np.array([M[i, i] for i in range(c, p)]) * M[p, p] / (n - p))
    return EachPosition(hsq, loglik, rss, beta, errors, unbounded, certain)


def _sums_against(X: np.ndarray, G: np.ndarray, along: np.ndarray, y: np.ndarray,
                  vectors: np.ndarray) -> list[list[np.ndarray]]:
    """What `WeightedProducts` asks for, of positions with columns G (k, b, n) that share X (n, c) and y.

    Of G what is outside X, with coordinates `along` (k, b, c) inside.
    """
    (k, b, n), s, c = G.shape, vectors.shape[1], X.shape[1]
    shared = np.column_stack([X, y])
    weighted = (shared.T[:, :, None] * vectors).transpose(1, 0, 2).reshape(n, -1)       # (n, (c + 1) s)
    with_shared = (shared.T @ weighted).reshape(c + 1, c + 1, s)
    with_G, squares = np.empty((c + 1, k, b, s)), {(i, j): np.empty((b, s)) for i in range(k) for j in range(i, k)}
    size = max(1, IN_CACHE // (n * k))
    for start in range(0, b, size):
        here = slice(start, min(start + size, b))
        block = G[:, here] - along[:, here] @ X.T
        with_G[:, :, here] = (block.reshape(-1, n) @ weighted).reshape(k, -1, c + 1, s).transpose(2, 0, 1, 3)
        for i, j in squares:
            np.matmul(block[i] * block[j], vectors, out=squares[i, j][here])
    rows = [[with_shared[i, [j]] for j in range(i, c)] + [with_G[i, j] for j in range(k)] + [with_shared[i, [-1]]]
            for i in range(c)]
    rows += [[squares[i, j] for j in range(i, k)] + [with_G[-1, i]] for i in range(k)]
    return rows + [[with_shared[-1, [-1]]]]


def _unbounded(eigen: Eigen, y: np.ndarray, basis: np.ndarray, G: np.ndarray, along: np.ndarray, lengths: np.ndarray,
               residual: np.ndarray, reml: bool) -> np.ndarray:
    """As `estimation.unbounded`, of each position, by columns of about unit length."""
    null = eigen.values <= eigen.zero
    u, b = int(np.sum(null)), G.shape[1]
    if u == 0 or u == len(null):
        return np.zeros(b, dtype=bool)
    if np.linalg.matrix_rank(basis[null], ROOT_EPSILON) == u:     # the covariates alone see all of the null space
        return np.full(b, not reml)
    outside = (G[:, :, null] - along @ basis[null].T) / np.sqrt(np.where(lengths > 0.0, lengths, 1.0))[:, :, None]
    columns = np.concatenate([np.broadcast_to(basis[null], (b, u, basis.shape[1])), np.moveaxis(outside, 0, 2)], axis=2)
    seen, cosines, _ = np.linalg.svd(columns, full_matrices=False)
    seen *= (cosines > ROOT_EPSILON)[:, None, :]
    unexplained = np.linalg.norm(y[null] - (seen @ (np.swapaxes(seen, 1, 2) @ y[null][:, None]))[:, :, 0], axis=1)
    return (unexplained <= ROOT_EPSILON * residual) & (u > np.sum(cosines > ROOT_EPSILON, axis=1) if reml else True)
