"""Numbers in bulk: from a drawn seed, rounded to a drawn number of decimals, so that a case shrinks to round numbers."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

#: Decimals that numbers are rounded to; a case shrinks to the first, the last stands for no rounding.
DECIMALS = (0, 1, 3, 17)
#: Seeds are below this.
SEEDS = 2**32
#: Sources that are tried before decimals are added.
TRIES = 3
#: A column is a combination of others when the part of it outside them is below this, relative to the column.
TOO_NEAR = 0.05


@dataclass(frozen=True)
class Numbers:
    """A source of numbers.

    Attributes
    ----------
    seed : int
    decimals : int
        What is drawn is rounded to so many.
    """

    seed: int
    decimals: int

    def __repr__(self) -> str:
        return f"{self.seed}/{self.decimals}"

    def generator(self, what: str) -> np.random.Generator:
        """A generator of its own for each thing that is drawn, so that one does not move another when a case shrinks."""
        return np.random.default_rng([self.seed, *what.encode()])

    def uniform(self, what: str, *shape: int) -> np.ndarray:
        """Uniform on [0, 1], not rounded."""
        return self.generator(what).uniform(size=shape)

    def normal(self, what: str, *shape: int) -> np.ndarray:
        """Normal with SD 2, rounded: integers still vary."""
        return self.rounded(2.0 * self.generator(what).normal(size=shape))

    def rounded(self, values: np.ndarray) -> np.ndarray:
        """To the decimals."""
        return np.round(values, self.decimals) + 0.0    # no −0

    def attempts(self) -> Iterator[Numbers]:
        """The source, some others like it, and then ever more decimals: what is not rounded avoids any coincidence."""
        for decimals in (decimals for decimals in DECIMALS if decimals >= self.decimals):
            for other in range(TRIES):
                yield Numbers(self.seed + other * SEEDS, decimals)


#: Sources of numbers.
numbers = st.builds(Numbers, st.integers(0, SEEDS - 1), st.sampled_from(DECIMALS))


def sizes(low: int, high: int) -> st.SearchStrategy[int]:
    """Sizes from low to high: half of them within ten of low, with a tail that reaches high."""
    return st.one_of([st.integers(low, top) for top in sorted({min(low + more, high) for more in (9, 22, 57)} | {high})])


def independent(columns: np.ndarray, candidate: np.ndarray, near: float = TOO_NEAR) -> np.ndarray:
    """The candidate, or where the columns all but span it, the indicator of the individual that they fit worst.

    Parameters
    ----------
    columns : ndarray, shape (n, p), p < n
        Independent of each other.
    candidate : ndarray, shape (n,)
    near : float, default 0.05
        The part of the candidate outside the columns must be larger than this, relative to the candidate.
    """
    basis = np.linalg.qr(columns / np.linalg.norm(columns, axis=0))[0]
    outside = candidate - basis @ (basis.T @ candidate)
    if np.linalg.norm(outside) > near * np.linalg.norm(candidate):
        return candidate
    # What the columns leave of the indicators has squared lengths 1 − (QQ')ii: their mean is 1 − p/n.
    worst = int(np.argmin(np.sum(basis**2, axis=1)))
    return np.where(np.arange(len(candidate)) == worst, 1.0, 0.0)
