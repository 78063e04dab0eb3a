"""Seeded problems with known truth: h at both ends and inside, singular and ill-conditioned K, a pedigree, weights.

They are the same to the bit wherever they are made, so that a recording or a baseline of another machine fits them. So K is
computed without rounding, or with one rounding for each entry, and what is drawn has six decimals, as measurements have: a BLAS adds
up in an order of its own, which the last bits show.
"""
from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from lmmbridge.inputs import Data

PHENOTYPES = 4
#: Of phenotypes and covariates.
DECIMALS = 6


def problems() -> Iterator[tuple[str, str, Data]]:
    """All simulated problems as (name, source, data); each has its own seed."""
    for name, n, p, kinship, h, weighted in _DESIGNS:
        rng = np.random.default_rng(_SEEDS[name])
        K, root = kinship(n, rng)
        X = np.column_stack([np.ones(n), *_covariates(n, p - 1, rng)])
        weights = rng.choice([0.25, 1.0, 4.0], size=n) if weighted else None
        yield (name, f"simulated with seed {_SEEDS[name]}, true hsq {h:g}",
               _labelled(_phenotypes(root, X, h, weights, rng), X, K, weights))
    for name, data in (("flat-likelihood", _flat()), ("two-maxima", two_maxima())):
        yield name, "constructed", data


def seed_of(name: str) -> int | None:
    """The seed of a problem's random numbers; None for one that has none."""
    return _SEEDS.get(name)


def _phenotypes(root: np.ndarray, X: np.ndarray, h: float, weights: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    """Drawn from N(Xb, hK + (1−h)W⁻¹), where K is root root'."""
    n, p = X.shape
    noise = np.ones(n) if weights is None else 1.0 / np.sqrt(weights)
    genetic = root @ rng.normal(size=(root.shape[1], PHENOTYPES))
    residual = noise[:, None] * rng.normal(size=(n, PHENOTYPES))
    Y = X @ rng.normal(size=(p, PHENOTYPES)) + np.sqrt(h) * genetic + np.sqrt(1.0 - h) * residual
    return Y.round(DECIMALS)


def _labelled(Y: np.ndarray, X: np.ndarray, K: np.ndarray, weights: np.ndarray | None) -> Data:
    n, m = Y.shape
    columns = ("intercept", *(f"x{j}" for j in range(1, X.shape[1])))
    return Data(tuple(f"i{i + 1}" for i in range(n)), tuple(f"y{j + 1}" for j in range(m)), tuple(range(m)), columns,
                Y, X, K, weights, ())


def _covariates(n: int, number: int, rng: np.random.Generator) -> list[np.ndarray]:
    """A balanced group first, then normal variates."""
    return [np.arange(n) % 2.0 if j == 0 else rng.normal(size=n).round(DECIMALS) for j in range(number)]


# --- kinship, and a root of it: K = root root' ----------------------------------------------------------------------------

def markers(n: int, rng: np.random.Generator, number: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """K = GG'/number of standardised intercross genotypes at unlinked markers (default: 2n); singular when number < n."""
    number = 2 * n if number is None else number
    return _of_integers(rng.binomial(2, 0.5, size=(n, number)) - 1.0, 2.0 / number)


def few_markers(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return markers(n, rng, max(n // 4, 3))


def centred_markers(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Double-centred: the constant is in its null space, so that ML with an intercept is unbounded."""
    G = rng.binomial(2, 0.5, size=(n, 2 * n)) - 1.0
    return _of_integers(n * G - G.sum(axis=0), 1.0 / n**3)


def families(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Full-sib families of five: 1 on the diagonal, ½ within a family."""
    member = np.arange(n)[:, None] // 5 == np.arange(-(-n // 5))
    return _of_integers(np.column_stack([np.eye(n), member]), 0.5)


def _of_integers(F: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """K = scale FF' of whole numbers, whose sums of products have no rounding."""
    return scale * (F @ F.T), np.sqrt(scale) * F


def ill_conditioned(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues, powers of two, spread over ten decades; the eigenvectors are a reflection."""
    values, U = np.ldexp(1.0, np.linspace(-30, 3, n).round().astype(int)), _reflection(rng.normal(size=n).round(DECIMALS))
    return _with_eigenvalues(values, U), np.sqrt(values) * U


def _reflection(v: np.ndarray) -> np.ndarray:
    """I − 2vv'/v'v."""
    return np.eye(len(v)) - 2.0 * np.outer(v, v) / math.fsum(v * v)


def _with_eigenvalues(values: np.ndarray, U: np.ndarray) -> np.ndarray:
    """U diag(values) U', the sum of each entry rounded once."""
    return np.array([[math.fsum(values * (u * v)) for v in U] for u in U])


def advanced_intercross(n: int, rng: np.random.Generator, generations: int = 8, pairs: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Twice the pedigree kinship of the last generation of an advanced intercross line of two inbred strains.

    Random mating of pairs from the F2 on (Darvasi & Soller 1995). Kinship φ by the tabular method: an offspring of
    a and b has φ with any earlier individual equal to the mean of theirs, and ½(1 + φ_ab) with itself. Its genetic value is the mean
    of theirs and a Mendelian part of variance 1 − ½(φ_aa + φ_bb) (Henderson 1976), which gives the root.
    """
    parents: list[tuple[int, int] | None] = [None, None, (0, 1), (0, 1)]     # two inbred founders, two F1
    current = [2, 3]
    for generation in range(2, generations + 1):
        size = n if generation == generations else 2 * pairs
        couples = ([(2, 3)] if generation == 2 else
                   list(rng.permutation(current)[: 2 * pairs].reshape(-1, 2)))
        current = []
        for i in range(size):
            current.append(len(parents))
            parents.append(tuple(couples[i % len(couples)]))
    phi, root = np.zeros((2, len(parents), len(parents)))
    for i, couple in enumerate(parents):
        if couple is None:
            phi[i, i], root[i, i] = 1.0, math.sqrt(2.0)     # inbred
            continue
        a, b = couple
        phi[i, :i] = phi[:i, i] = (phi[a, :i] + phi[b, :i]) / 2.0
        phi[i, i] = (1.0 + phi[a, b]) / 2.0
        root[i] = (root[a] + root[b]) / 2.0
        root[i, i] = math.sqrt(1.0 - (phi[a, a] + phi[b, b]) / 2.0)
    return 2.0 * phi[np.ix_(current, current)], root[current]


#: (name, n, p, kinship, true h, weighted)
_DESIGNS = (
    ("h0-n10-p1", 10, 1, families, 0.0, False),
    ("h0-n100-p2", 100, 2, markers, 0.0, False),
    ("h0-n300-p5", 300, 5, families, 0.0, False),
    ("h0.3-n30-p3", 30, 3, markers, 0.3, False),
    ("h0.5-n100-p1", 100, 1, markers, 0.5, False),
    ("h0.5-n200-p4", 200, 4, families, 0.5, False),
    ("h0.4-n500-p2", 500, 2, markers, 0.4, False),
    ("h0.9-n150-p3", 150, 3, markers, 0.9, False),
    ("h1-n20-p1", 20, 1, families, 1.0, False),
    ("h1-n100-p2", 100, 2, families, 1.0, False),
    ("h1-n250-p1", 250, 1, families, 1.0, False),
    ("singular-n40-p1", 40, 1, few_markers, 0.5, False),
    ("singular-n200-p3", 200, 3, few_markers, 0.5, False),
    ("intercross-line-n100-p2", 100, 2, advanced_intercross, 0.5, False),
    ("intercross-line-n400-p3", 400, 3, advanced_intercross, 0.3, False),
    ("ill-conditioned-n40-p2", 40, 2, ill_conditioned, 0.5, False),
    ("centred-n60-p1", 60, 1, centred_markers, 0.5, False),
    ("weights-n80-p2", 80, 2, markers, 0.5, True),
    ("weights-n150-p3", 150, 3, families, 0.7, True),
)
_SEEDS = {name: seed for seed, (name, *_) in enumerate(_DESIGNS, start=1)} | {"flat-likelihood": 101}


def _flat() -> Data:
    """K = I: every h gives the same V up to scale."""
    rng = np.random.default_rng(_SEEDS["flat-likelihood"])
    n = 30
    return _labelled(rng.normal(size=(n, 1)).round(DECIMALS), np.ones((n, 1)), np.eye(n), None)


def two_maxima() -> Data:
    """A likelihood with two maxima, at hsq 0.013 and, lower by 1, at 0.669: the groups of eigenvalues disagree on h.

    The eigenvectors are a reflection that leaves the constant where it is.
    """
    reps = (8, 4, 2)
    n = sum(reps)
    values = np.repeat([0.05, 1.0, 100.0], reps)
    y = np.repeat([0.2, 0.5, 0.5], reps) * np.where(np.arange(n) % 2, -1.0, 1.0)
    U = _reflection(np.arange(n) - (n - 1) / 2.0)
    return _labelled(np.array([[math.fsum(u * y)] for u in U]), np.ones((n, 1)), _with_eigenvalues(values, U), None)
