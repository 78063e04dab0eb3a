r"""A scan at fixed h for many phenotypes at a time, by cross products.

With G the k genotype columns of a position and W = D⁻¹ at the phenotype's h (all rotated), the QTL lowers Q by

    t'S⁻¹t      t = G'W(y − Xβ)      S = G'WG − A A',  A = G'W^½ B

B being an orthonormal basis of W^½X. t is one matrix product for all phenotypes. The products of the columns of G with each other
and with X are needed against every phenotype's weights; these lie in a space of few dimensions (`weight_basis`), so that one
matrix product against its basis and one of its results with the coefficients give them all. S⁻¹ is applied by elimination,
element-wise over positions × phenotypes.

Where S is too near to singular for that arithmetic, `lmmbridge.lmm.scan` is to find Q, by QR decomposition.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lmmbridge.lmm.weight_basis import WeightBasis, weights_at

#: Pivots of S below this, relative to G'WG (the squared sine of a column and those before it), lose digits that LOD needs: use QR.
WELL_CONDITIONED = 1e-2
#: So are those below this, relative to the largest of G'WG: the column may count for nothing beside the longest.
WELL_SCALED = 1e-16
#: So do QTL that explain more than this part of the residual variation, all of it where no individual is left over.
EXPLAINED = 0.999
#: Numbers in the arrays of one elimination, the triangle of S and some more, positions × phenotypes of each: so few that they stay
#: in cache, so many that threads seldom wait for Python's lock.
TOGETHER, SOME_MORE = 2**20, 7
#: Phenotypes that are fitted to their covariates at a time.
FITTED_TOGETHER = 256


@dataclass(frozen=True, eq=False)
class NullModels:
    """The fits of p phenotypes to their covariates, each at its own weights, as far as a scan needs them.

    Attributes
    ----------
    scores : ndarray, shape (n, p)
        W(y − Xβ), rotated.
    rss : ndarray, shape (p,)
        Q.
    X : ndarray, shape (n, c)
        Rotated covariates of all phenotypes.
    R_inverse : ndarray, shape (c, c, p)
        Inverse of the triangular factor of W^½X: W^½X R⁻¹ is orthonormal.
    own : list of ndarray, shape (n, p₁), (n, p₂), ...
        Further columns W^½b, of each phenotype's own covariates, b orthonormal, also to W^½X: the first one of the first p₁
        phenotypes, the second one of the first p₂ ≤ p₁, ...
    vectors : ndarray, shape (n, r)
    coefficients : ndarray, shape (r, p), or (r, 1) where all phenotypes have the same weights
        Their product is the weights.
    longest : ndarray, shape (p,)
        Squared length of the longest covariate W^½x.
    """

    scores: np.ndarray
    rss: np.ndarray
    X: np.ndarray
    R_inverse: np.ndarray
    own: list[np.ndarray]
    vectors: np.ndarray
    coefficients: np.ndarray
    longest: np.ndarray


def null_models(Y: np.ndarray, X: np.ndarray, values: np.ndarray | None = None, hsq: np.ndarray | None = None,
                own: list[np.ndarray] | None = None, interpolated: bool = True) -> NullModels:
    """Fit p phenotypes to their covariates, each at its own h.

    Parameters
    ----------
    Y : ndarray, shape (n, p)
        Rotated.
    X : ndarray, shape (n, c)
        Rotated covariates, of full column rank.
    values : ndarray, shape (n,), optional
        Eigenvalues. Default: V is the identity.
    hsq : ndarray, shape (p,)
        With `values`; V must be positive definite there.
    own : list of ndarray, shape (n, uⱼ), optional
        Rotated covariates of each phenotype alone; those that have most of them come first.
    interpolated : bool, default True
        Take the weights from a basis of few vectors; otherwise as they are, which phenotypes need whose V is badly conditioned:
        the smallest of their weights would lose digits.
    """
    n, p = Y.shape
    c = X.shape[1]
    coefficients, vectors = np.ones((1, 1)), np.ones((n, 1))
    if values is not None:
        basis = WeightBasis(values, hsq) if interpolated else None
        vectors, coefficients = (basis.vectors, np.empty((basis.vectors.shape[1], p))) if interpolated else (
            weights_at(values, hsq), np.eye(p))
    scores, rss, longest = np.empty((n, p)), np.empty(p), np.empty(p)
    R_inverse = np.empty((c, c, p if values is not None else 1))
    numbers = np.array([0] if own is None else [columns.shape[1] for columns in own])
    own_columns = [np.empty((n, np.sum(numbers > a))) for a in range(numbers[0])]
    for start in range(0, p, FITTED_TOGETHER):
        which = slice(start, min(start + FITTED_TOGETHER, p))
        weights = np.ones((1, n)) if values is None else weights_at(values, hsq[which]).T
        if values is not None and interpolated:
            coefficients[:, which] = basis.coefficients(weights.T)
        root = np.sqrt(weights)
        scaled = X * root[:, :, None]
        orthonormal, R = np.linalg.qr(scaled)
        R_inverse[:, :, which if values is not None else slice(1)] = np.moveaxis(np.linalg.inv(R), 0, 2)
        y = Y.T[which] * root
        residuals = y - (orthonormal @ (np.swapaxes(orthonormal, 1, 2) @ y[:, :, None]))[:, :, 0]
        for j in range(start, which.stop) if own is not None else ():
            i = j - start
            columns = own[j] * root[i][:, None]
            for _ in range(2):      # orthogonal to working precision
                columns = columns - orthonormal[i] @ (orthonormal[i].T @ columns)
            columns = np.linalg.qr(columns)[0]
            residuals[i] -= columns @ (columns.T @ residuals[i])
            for a, column in enumerate(columns.T):
                own_columns[a][:, j] = root[i] * column
        scores[:, which] = (residuals * root).T
        rss[which] = np.sum(residuals**2, axis=1)
        longest[which] = np.max(np.sum(scaled**2, axis=1), axis=1)
    return NullModels(scores, rss, X, R_inverse, own_columns, vectors, coefficients, longest)


def explained(null: NullModels, G: np.ndarray,
              beside_covariates: bool = False) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """What the genotype columns of each position take off Q, for some phenotypes after the other.

    Parameters
    ----------
    null : NullModels
        Of p phenotypes.
    G : ndarray, shape (k, b, n)
        Rotated genotype columns of b positions.
    beside_covariates : bool, default False
        Genotype columns must not be negligible beside the longest covariate either.

    Yields
    ------
    which : slice
        Of the phenotypes.
    explained : ndarray, shape (b, m)
    well : ndarray of bool, shape (b, m)
        Where it can be relied on.
    """
    k, b, n = G.shape
    p, c, r = len(null.rss), null.X.shape[1], null.vectors.shape[1]
    if k == 0:
        yield slice(0, p), np.zeros((b, p)), np.ones((b, p), dtype=bool)
        return
    flat = G.reshape(k * b, n)
    gram = np.empty((k * (k + 1) // 2, b, r))       # row after row of the upper triangle
    rows = np.cumsum([0, *range(k, 0, -1)])
    products = np.empty((k, b, n))
    for i in range(k):
        np.multiply(G[i], G[i:], out=products[i:])
        np.matmul(products[i:].reshape(-1, n), null.vectors, out=gram[rows[i]:rows[i + 1]].reshape(-1, r))
    with_X = [flat @ (null.X[:, [a]] * null.vectors) for a in range(c)]
    same = null.coefficients.shape[1] == 1
    width = max(1, TOGETHER // (max(b, 1) * (len(gram) + SOME_MORE)))
    for start in range(0, p, width):
        which = slice(start, min(start + width, p))
        t = (flat @ null.scores[:, which]).reshape(k, b, -1)
        coefficients = null.coefficients if same else np.ascontiguousarray(null.coefficients[:, which])
        m = coefficients.shape[1]
        S = [(gram[rows[i]:rows[i + 1]].reshape(-1, r) @ coefficients).reshape(k - i, b, m) for i in range(k)]
        X_products = [(products @ coefficients).reshape(k, b, m) for products in with_X]
        R_inverse = null.R_inverse if same else null.R_inverse[:, :, which]
        A = [_combined(R_inverse[:a + 1, a], X_products) for a in range(c)]
        A += [(flat @ own[:, which]).reshape(k, b, -1) for own in null.own if own.shape[1] > start]
        longest = null.longest[:1] if same else null.longest[which]
        yield which, *explained_by(S, A, t, null.rss[which], longest if beside_covariates else None)


def _combined(multiples: np.ndarray, products: list[np.ndarray]) -> np.ndarray:
    """The sum of the first products, each times its multiple (m,)."""
    total = multiples[0] * products[0]
    for multiple, product in zip(multiples[1:], products[1:]):
        total += multiple * product
    return total


def explained_by(S: list[np.ndarray], A: list[np.ndarray], t: np.ndarray, rss: np.ndarray,
                 longest: np.ndarray | float | None, well_conditioned: float = WELL_CONDITIONED) -> tuple[np.ndarray, np.ndarray]:
    """t'S⁻¹t of k genotype columns at b positions, and where it can be relied on, each of shape (b, ..., m).

    Parameters
    ----------
    S : list of ndarray, shape (k − i, b, ..., m or 1)
        Rows of the upper triangle of G'WG; they are overwritten.
    A : list of ndarray, shape (k, b, ..., m or 1)
        G'W^½B, for each column of B; those of the last axis may be fewer, the first ones.
    t : ndarray, shape (k, b, ..., m)
        G'W(y − Xβ); it is overwritten, too.
    rss : ndarray, shape (m,)
        Q of the null model.
    longest : ndarray or float, optional
        Squared length of the longest covariate, where genotype columns must not be negligible beside it.
    well_conditioned : float
        Least pivot, relative to G'WG.
    """
    k = len(S)
    least = [well_conditioned * row[0] for row in S]
    if k > 1 or longest is not None:
        scale = WELL_SCALED / well_conditioned * np.max(least, axis=0)
        if longest is not None:
            scale = np.maximum(scale, WELL_SCALED * longest)
        for one in least:
            np.maximum(one, scale, out=one)
    scratch = np.empty_like(S[0])
    for column in A:
        m = column.shape[-1]
        for i in range(k):
            S[i][..., :m] -= np.multiply(column[i], column[i:], out=scratch[i:, ..., :m])
    t, gain, well = [*t], 0.0, True
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for i in range(k):
            pivot, row = S[i][0], S[i]
            well = well & (pivot > least[i])
            scaled = t[i] / pivot
            for j in range(1, k - i):
                t[i + j] -= row[j] * scaled
                S[i + j] -= np.multiply(row[j] / pivot, row[j:], out=scratch[:k - i - j])
            scaled *= t[i]
            gain = gain + scaled if i else scaled
        return gain, well & (gain <= EXPLAINED * rss)
