"""What stands beside the kinship: hsq, covariates, weights, and which values are missing."""
from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from lmmbridge import lmm
from lmmbridge.inputs import Data
from lmmbridge.testing.bulk_numbers import Numbers, independent, numbers

#: Kinds of covariates. A case shrinks to the first.
COVARIATES = ("none", "groups", "variates", "other units", "far from zero", "nearly collinear")
#: Units of covariates, in turn.
UNITS = (1e3, 1e-3, 1e6)
#: Condition number of X beyond which programs take its columns as dependent (R's qr: tolerance 1e-7).
MAX_CONDITION = 1e6


def hsqs() -> st.SearchStrategy[float]:
    """h inside, at 0, at 1, and near 0 and 1 (to 1e-10).

    Examples
    --------
    >>> from hypothesis import find
    >>> find(hsqs(), lambda h: True), find(hsqs(), lambda h: 0.0 < h < 0.01)
    (0.5, 0.001)
    """
    return _HSQS


def _percent(number: int) -> float:
    return number / 100.0


def _near(decades: int) -> float:
    return 10.0**decades if decades < 0 else 1.0 - 10.0**-decades


_HSQS = st.one_of(st.sampled_from([0.5, 0.0, 1.0]), st.builds(_percent, st.integers(1, 99)),
                  st.builds(_near, st.sampled_from([*range(-3, -11, -1), *range(3, 11)])))


def hsqs_of(data: Data) -> st.SearchStrategy[float]:
    """h at which the V of these data is positive definite, from 0 to the last, `lmmbridge.lmm.search_end`.

    Examples
    --------
    >>> from hypothesis import find
    >>> from lmmbridge.testing.strategies import lmm_problems
    >>> singular = find(lmm_problems(kinship="low rank"), lambda problem: True).data
    >>> find(hsqs_of(singular), lambda h: h > 0.9999999)
    0.99999999
    """
    end = lmm.search_end(lmm.eigen_decomposition(data.K, data.weights))
    return hsqs().map(lambda h: min(h, end))


@st.composite
def covariates(draw, n: int, kind: str | None = None, max_columns: int = 3, max_condition: float = MAX_CONDITION,
               collinear: bool = False) -> np.ndarray:
    """Covariates to stand beside an intercept, shape (n, columns).

    Parameters
    ----------
    n : int
    kind : str, optional
        Default: any of

        - "none"
        - "groups": 0 and 1
        - "variates": normal
        - "other units": in thousands, thousandths, millions
        - "far from zero": of a large mean, so that they are nearly collinear with the intercept
        - "nearly collinear": the last of them is nearly a combination of the others and the intercept
    max_columns : int, default 3
        There are at most n − 2 in any case, so that two individuals are left over.
    max_condition : float, default 1e6
        Bounds the condition number of the design, columns scaled to length 1, and is nearly reached by the last two
        kinds.
    collinear : bool, default False
        There is at least one, and one column more: their sum. Otherwise the design has full column rank.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(covariates(4, "groups"), lambda C: C.shape[1] > 0)
    array([[0.],
           [0.],
           [1.],
           [1.]])
    """
    kind = draw(st.sampled_from(COVARIATES), label="covariates") if kind is None else kind
    columns = 0 if kind == "none" else draw(st.integers(1, 3), label="number of covariates")
    columns = min(max(columns, int(collinear)), max_columns, n - 2 - collinear)
    decades = draw(st.integers(0, max(int(np.log10(max_condition)), 0)), label="decades of collinearity")
    source = draw(numbers, label="numbers of the covariates")
    design = np.ones((n, 1))
    for j in range(columns):
        candidate = source.normal(f"covariate {j}", n)
        if kind == "groups":
            candidate = (candidate > 0.0).astype(float)
        column = independent(design, candidate)
        nearer = []
        if kind == "far from zero":
            nearer = [10.0**near + column for near in range(decades, 0, -1)]
        elif kind == "nearly collinear" and j == columns - 1:
            nearer = [np.sum(design, axis=1) + 10.0**-near * column for near in range(decades, 0, -1)]
        for longer in (np.column_stack([design, one]) for one in (*nearer, column)):
            if np.linalg.cond(longer / np.linalg.norm(longer, axis=0)) <= max_condition:
                design = longer
                break
    made = design[:, 1:]
    if kind == "other units":
        made = made * np.array(UNITS[:made.shape[1]])
    return np.column_stack([made, np.sum(made, axis=1)]) if collinear else made


def weights(n: int, decades: int = 6) -> st.SearchStrategy[np.ndarray]:
    """Weights, 1/variance, shape (n,).

    Parameters
    ----------
    n : int
        2 or more.
    decades : int, default 6
        The largest is at most 10 to this power times the smallest; which is so for some that are drawn.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(weights(4), lambda w: True).tolist(), find(weights(4), lambda w: max(w) > 90 * min(w)).tolist()
    ([1.0, 10.0, 1.0, 10.0], [0.1, 10.0, 1.0, 10.0])
    """
    def made(source: Numbers, spread: int) -> np.ndarray:
        exponents = source.rounded(spread * source.uniform("weights", n))
        exponents[:2] = 0.0, spread
        return np.array([10.0**exponent for exponent in exponents - spread // 2])    # numpy's own 10 ** −1 is not 0.1
    return st.builds(made, numbers, st.integers(min(1, decades), decades))


def missing_patterns(n: int, m: int) -> st.SearchStrategy[np.ndarray]:
    """Which values are missing, bool, shape (n, m): nothing, or one of two patterns; phenotypes may share theirs.

    A pattern lacks a quarter of the individuals (one at the least).

    Examples
    --------
    >>> from hypothesis import find
    >>> find(missing_patterns(4, 2), lambda missing: missing.any()).sum(axis=0)
    array([0, 1])
    """
    def made(which: list[int], source: Numbers) -> np.ndarray:
        patterns = np.zeros((n, 3), dtype=bool)
        for pattern in (1, 2):
            patterns[source.generator(f"pattern {pattern}").permutation(n)[:max(n // 4, 1)], pattern] = True
        return patterns[:, which]
    return st.builds(made, st.lists(st.integers(0, 2), min_size=m, max_size=m), numbers)
