"""Kinship matrices of a chosen spectrum, and families of them that share most of it."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from lmmbridge.testing.bulk_numbers import Numbers, numbers

#: Kinds of kinship matrix. A case shrinks to the first.
KINDS = ("full rank", "low rank", "repeated eigenvalues", "ill-conditioned", "identity", "families", "clones", "centred")
#: How eigenvectors are made: coordinates; pairs of coordinates turned by the angle of the 3-4-5 triangle, which gives
#: blocks of two; random ones.
ROTATIONS = ("none", "3-4-5", "random")
#: Individuals in a family, at the most.
FAMILY = 5


@dataclass(frozen=True, eq=False)
class KinshipMatrix:
    """A kinship matrix and how it was made.

    Attributes
    ----------
    K : ndarray, shape (n, n)
        Exactly symmetric.
    kind : str
        Of `KINDS`; with ", slightly negative" behind it where that was asked for.
    """

    K: np.ndarray
    kind: str

    def __repr__(self) -> str:
        return f"<{self.kind} kinship of {len(self.K)}>"


@st.composite
def kinships(draw, n: int, kind: str | None = None, max_condition: float = 1e12,
             negative: bool = False) -> KinshipMatrix:
    """A kinship matrix of n individuals.

    Parameters
    ----------
    n : int
        2 or more.
    kind : str, optional
        Default: any of

        - "full rank": eigenvalues from 1 to 4
        - "low rank": the same, most to few of them zero
        - "repeated eigenvalues": one to three different ones
        - "ill-conditioned": eigenvalues from 1 down to 0.1 to 1e-12, evenly on the log scale
        - "identity": ½, 1 or 2 times I; without weights the likelihood is flat
        - "families": 2 on the diagonal and 1 between members of a family; blocks
        - "clones": 1 between copies of the same genotype, 0 otherwise; equal rows
        - "centred": "full rank" with rows and columns centred, so that the constant is in the null space and ML with an
          intercept, where that is all there is, has no bound
    max_condition : float, default 1e12
        The largest over the smallest positive eigenvalue is at most this (1 or more).
    negative : bool, default False
        The smallest eigenvalue is slightly negative, −1e-7 to −1e-11 times the largest, as that of a rounded file.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(kinships(3), lambda found: found.kind == "low rank").K
    array([[2., 0., 0.],
           [0., 0., 0.],
           [0., 0., 0.]])
    """
    kind = draw(st.sampled_from(KINDS), label="kinship") if kind is None else kind
    # As much is drawn for every kind, so that none is simpler than another but by its place in KINDS.
    step = draw(st.integers(0, 11), label="parameter of the kinship")
    rotation = draw(st.sampled_from(ROTATIONS), label="eigenvectors")
    source = draw(numbers, label="numbers of the kinship")
    if kind in ("identity", "families", "clones"):
        K = _blocks(kind, n, step, max_condition)
    else:
        K = from_spectrum(_spectrum(kind, n, step, source, max_condition), eigenvectors(rotation, n, source))
        if kind == "centred":
            K = K - np.mean(K, axis=0)
            K = K - np.mean(K, axis=1)[:, None]
            K = (K + K.T) / 2.0
    if not negative:
        return KinshipMatrix(K, kind)
    values, U = np.linalg.eigh(K)
    values[0] = -(10.0 ** -(7 + step % 5)) * values[-1]
    return KinshipMatrix(from_spectrum(values, U), f"{kind}, slightly negative")


def eigenvectors(rotation: str, n: int, source: Numbers) -> np.ndarray:
    """An orthogonal matrix (n, n) of one of the `ROTATIONS`."""
    U = np.eye(n)
    if rotation == "3-4-5":
        U[:n // 2 * 2, :n // 2 * 2] = np.kron(np.eye(n // 2), [[0.6, -0.8], [0.8, 0.6]])
    elif rotation == "random":
        U = np.linalg.qr(source.generator("eigenvectors").normal(size=(n, n)))[0]
    return U


def from_spectrum(values: np.ndarray, U: np.ndarray) -> np.ndarray:
    """U diag(values) U', exactly symmetric."""
    K = U @ (values[:, None] * U.T)
    return (K + K.T) / 2.0


def _spectrum(kind: str, n: int, step: int, source: Numbers, max_condition: float) -> np.ndarray:
    """Eigenvalues (n,)."""
    if kind == "ill-conditioned":
        decades = min(step + 1.0, np.log10(max_condition))
        return 10.0 ** -np.minimum(source.rounded(np.linspace(decades, 0.0, n)), decades)
    width = min(3.0, max_condition - 1.0)
    values = 1.0 + np.minimum(source.rounded(width * source.uniform("spectrum", n)), width)
    if kind == "low rank":
        values[int(np.clip(round(n * (step + 1) / 13), 1, n - 1)):] = 0.0     # the first individuals are never missing
    elif kind == "repeated eigenvalues":
        values = values[np.arange(n) % (1 + step % 3)]
    return values


def _blocks(kind: str, n: int, step: int, max_condition: float) -> np.ndarray:
    """Kinship that is made of who belongs together."""
    if kind == "identity":
        return (1.0, 0.5, 2.0)[step % 3] * np.eye(n)
    # The eigenvalues of a family of f are f + 1 and 1, those of c clones c and 0.
    if kind == "families":
        family = np.arange(n) // int(np.clip(max_condition - 1.0, 1, min(2 + step % 4, FAMILY)))
        return np.eye(n) + (family[:, None] == family)
    copies = 2 + step if 2 + step <= max_condition else n
    clone_of = np.arange(n) // copies
    return (clone_of[:, None] == clone_of).astype(float)


@st.composite
def loco_kinships(draw, n: int, chromosomes: int, max_condition: float = 1e4) -> list[np.ndarray]:
    """Kinship matrices of n individuals, one for each chromosome left out: they share most of their spectrum.

    K_c = K0 + Σ z_d z_d' over the chromosomes d other than c: any two differ by a matrix of rank 2 at the most.

    Parameters
    ----------
    n, chromosomes : int
    max_condition : float, default 1e4
        Of K0, what they have in common.

    Examples
    --------
    >>> from hypothesis import find
    >>> one, other = find(loco_kinships(3, 2), lambda found: True)
    >>> np.linalg.matrix_rank(one - other)
    2
    """
    common = draw(kinships(n, max_condition=max_condition)).K
    source = draw(numbers, label="numbers of the chromosomes")
    parts = []
    for chromosome in range(chromosomes):
        z = np.sign(source.normal(f"chromosome {chromosome}", n))
        parts.append(np.outer(z, z))
    return [common + sum((part for d, part in enumerate(parts) if d != c), np.zeros((n, n))) for c in range(chromosomes)]
