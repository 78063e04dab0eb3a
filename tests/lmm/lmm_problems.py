"""Problems for the tests of the numerical core, made by construction from a few drawn choices."""
from dataclasses import dataclass, replace

import numpy as np
from hypothesis import strategies as st

from lmmbridge import lmm

#: Kinds of kinship matrix by their eigenvalues.
KINSHIPS = ("full rank", "rank deficient", "repeated eigenvalues")


@dataclass(frozen=True, repr=False)
class Problem:
    """One phenotype with everything that the model needs, and an h at which to look at it."""

    y: np.ndarray
    X: np.ndarray
    K: np.ndarray
    weights: np.ndarray | None = None
    hsq: float = 0.5

    def __repr__(self):
        n, p = self.X.shape
        return f"<n = {n}, p = {p}, h = {self.hsq}, {'no ' if self.weights is None else ''}weights>"

    @property
    def V(self):
        residual = np.ones(len(self.y)) if self.weights is None else 1.0 / self.weights
        return self.hsq * self.K + (1.0 - self.hsq) * np.diag(residual)

    def but(self, **changes):
        return replace(self, **changes)

    def rotated(self):
        eigen = lmm.eigen_decomposition(self.K, self.weights)
        return lmm.rotate(eigen, self.y[:, None], self.X)[0]

    def fit(self, reml=True):
        return lmm.fit(self.rotated(), reml)


def loglik_at(rotated, hsq, reml):
    return lmm.loglik(rotated, lmm.least_squares(rotated, hsq), reml)


def orthogonal(n, rng):
    return np.linalg.qr(rng.normal(size=(n, n)))[0]


def with_eigenvalues(values, rng):
    U = orthogonal(len(values), rng)
    K = U @ (np.asarray(values)[:, None] * U.T)
    return (K + K.T) / 2.0


def from_coordinates(values, y, seed=1):
    """A problem without noise of its own: y, a constant and K given in the eigenvectors' coordinates, then rotated."""
    U = orthogonal(len(values), np.random.default_rng(seed))
    K = U @ (np.asarray(values)[:, None] * U.T)
    return Problem(U @ y, U @ np.ones((len(values), 1)), (K + K.T) / 2.0)


def simulated(n=40, p=2, h=0.5, seed=1, weighted=False, rank=None):
    """Drawn from the model; K of full rank unless `rank` says otherwise."""
    rng = np.random.default_rng(seed)
    values = np.exp(rng.uniform(-2.0, 2.0, size=n))
    if rank is not None:
        values[rank:] = 0.0
    K = with_eigenvalues(values, rng)
    weights = np.exp(rng.uniform(-1.0, 1.0, size=n)) if weighted else None
    X = np.column_stack([np.ones(n), rng.normal(size=(n, p - 1))])
    problem = Problem(np.zeros(n), X, K, weights, h)
    return problem.but(y=X @ rng.normal(size=p) + np.linalg.cholesky(problem.V) @ rng.normal(size=n))


@st.composite
def problems(draw, weighted=st.booleans()):
    """n 3…30, p 1…4, any kind of K, weights or not, scales of y and X over decades, h in [0, 1) or 1 where V is PD."""
    n = draw(st.integers(3, 30), label="n")
    p = draw(st.integers(1, min(4, n - 1)), label="p")
    kind = draw(st.sampled_from(KINSHIPS), label="kinship")
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1), label="seed"))
    values = np.exp(rng.uniform(-3.0, 3.0, size=n))
    if kind == "rank deficient":
        values[: draw(st.integers(1, n - 1), label="zero eigenvalues")] = 0.0
        hsq = draw(st.floats(0.0, 0.99), label="hsq")
    else:
        if kind == "repeated eigenvalues":
            values = rng.choice(values[: draw(st.integers(1, 3), label="distinct eigenvalues")], size=n)
        hsq = draw(st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0.0, 1.0)), label="hsq")
    X = np.column_stack([np.ones(n), rng.normal(size=(n, p - 1)) * 10.0 ** rng.uniform(-3.0, 3.0, size=p - 1)])
    noise = np.sqrt(rng.uniform()) * with_eigenvalues(np.sqrt(values), rng) @ rng.normal(size=n) + rng.normal(size=n)
    y = 10.0 ** draw(st.integers(-6, 6), label="log10 of y's scale") * (X @ (rng.normal(size=p) / np.max(X, 0)) + noise)
    weights = np.exp(rng.uniform(-2.0, 2.0, size=n)) if draw(weighted, label="weights") else None
    return Problem(y, X, with_eigenvalues(values, rng), weights, hsq)
