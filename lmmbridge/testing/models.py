"""Mixed-model problems."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from lmmbridge.inputs import Data
from lmmbridge.testing import designs
from lmmbridge.testing.bulk_numbers import Numbers, independent, numbers, sizes
from lmmbridge.testing.designs import COVARIATES, MAX_CONDITION, covariates, hsqs
from lmmbridge.testing.kinships import KINDS, eigenvectors, from_spectrum, kinships

#: Kinds of likelihood that take more than a kinship matrix: constant, and with two maxima.
FLAT, BIMODAL = "flat", "bimodal"
#: A likelihood with two maxima: parts of the eigenvalues, their size, and that of y in their directions. Each part asks
#: for another h.
PARTS, EIGENVALUES, SIZES = (8, 4, 2), (0.02, 1.0, 400.0), (1.0, 6.0, 5.0)
FEWEST_BIMODAL = 10
#: What the mean of y may be, in units of its standard deviation.
MEANS = (1.0, 0.0, 1e2, 1e4)


@dataclass(frozen=True, eq=False)
class LmmProblem:
    """A mixed-model problem.

    Attributes
    ----------
    data : Data
        Complete; what engines take. X has an intercept in front.
    hsq : float
        h that the phenotypes were made with; NaN of a bimodal likelihood.
    label : str
        The kinds that were drawn, and the seeds.
    """

    data: Data
    hsq: float
    label: str

    def __repr__(self) -> str:
        return f"<{self.label}>"


@st.composite
def lmm_problems(draw, *, min_n: int = 3, max_n: int = 200, weights: bool | None = None, phenotypes: int = 1,
                 max_condition: float = 1e12, scales: bool = True, kinship: str | None = None,
                 negative: bool = False, collinear: bool = False) -> LmmProblem:
    """Mixed-model problems that every engine should take, many of them hard.

    Every `lmmbridge.testing.kinships.KINDS` of kinship, flat likelihoods (K = cW⁻¹) and bimodal ones; every kind of
    `covariates`; phenotypes drawn at one of `hsqs`. By default y is never constant and no combination of the columns
    of X, these are independent, and K is positive semidefinite.

    Parameters
    ----------
    min_n, max_n : int, default 3 and 200
        Numbers of individuals: half of them are 12 or fewer.
    weights : bool, optional
        Whether there are any. Default: sometimes. They span up to six decades.
    phenotypes : int, default 1
    max_condition : float, default 1e12
        Bounds the condition number of K (over its positive eigenvalues), that of X (columns scaled to length 1; 1e6 in
        any case), and the largest over the smallest weight.
    scales : bool, default True
        y has units from 1e-8 to 1e8, and means up to 1e4 times the standard deviation; otherwise neither.
    kinship : str, optional
        Of `KINDS`, "flat", or "bimodal" (10 individuals or more, no covariates and weights). Default: any.
    negative : bool, default False
        K has a slightly negative eigenvalue, as rounded files have; the weights then span one decade.
    collinear : bool, default False
        The last column of X is the sum of the others but the intercept; n is 4 or more.

    Examples
    --------
    >>> from hypothesis import find
    >>> found = find(lmm_problems(weights=True), lambda problem: problem.data.X.shape[1] > 1)
    >>> found
    <n = 3, p = 2, full rank kinship, weights, covariates groups, hsq 0.5, seed 0/0>
    >>> found.data.K.diagonal(), found.data.X[:, 1], found.data.weights, found.data.Y[:, 0]
    (array([2., 2., 3.]), array([0., 0., 1.]), array([ 1., 10.,  1.]), array([ 6., -1.,  2.]))
    """
    kind = draw(st.sampled_from(_kinds(max_n, weights, max_condition, negative, collinear)), label="kinship") \
        if kinship is None else kinship
    bimodal = kind == BIMODAL
    n = draw(sizes(max(min_n, FEWEST_BIMODAL if bimodal else 4 if collinear else 3), max_n), label="n")
    source = draw(numbers, label="numbers of the phenotypes")
    exponent = draw(st.integers(-8, 8), label="log10 of the unit of y") if scales else 0
    weighted = not bimodal and (draw(st.booleans(), label="weights") if weights is None else weights)
    w = draw(designs.weights(n, 1 if negative else int(min(6.0, np.log10(max_condition))))) if weighted else None
    # As much is drawn for every kind, so that none is simpler than another but by its place among the kinds.
    K = draw(kinships(n, kind if kind in KINDS else "full rank", max_condition, negative)).K
    beside = draw(st.sampled_from(COVARIATES), label="covariates")
    C = draw(covariates(n, beside, max_condition=min(max_condition, MAX_CONDITION), collinear=collinear))
    hsq = draw(hsqs(), label="hsq")
    mean = draw(st.sampled_from(MEANS), label="mean of y") if scales else MEANS[0]
    if bimodal:
        K, X, Y, hsq = *_bimodal(n, source, phenotypes), np.nan
    else:
        if kind == FLAT:
            K = (1.0, 2.0, 0.5)[source.seed % 3] * np.diag(np.ones(n) if w is None else 1.0 / w)
        X = np.column_stack([np.ones(n), C])
        Y = simulated(K, X, hsq, w, source, phenotypes, X[:, :X.shape[1] - collinear], mean)
    p = X.shape[1]
    data = Data(tuple(f"i{i + 1}" for i in range(n)), tuple(f"y{j + 1}" for j in range(phenotypes)),
                tuple(range(phenotypes)), ("intercept", *(f"x{j}" for j in range(1, p))), Y * 10.0**exponent, X, K, w, ())
    words = [f"n = {n}, p = {p}", f"{phenotypes} phenotypes" if phenotypes > 1 else "",
             f"{kind}{', slightly negative' if negative else ''} kinship", "weights" if weighted else "",
             f"covariates {beside}" if p > 1 else "",
             "" if bimodal else f"hsq {hsq:g}", f"unit of y 1e{exponent}" if exponent else "", f"seed {source}"]
    return LmmProblem(data, hsq, ", ".join(word for word in words if word))


def _kinds(max_n: int, weights: bool | None, max_condition: float, negative: bool, collinear: bool) -> tuple[str, ...]:
    """Kinds of problem that can be made."""
    special = () if negative else (FLAT,)
    if max_n >= FEWEST_BIMODAL and max_condition >= EIGENVALUES[-1] / EIGENVALUES[0] and not (weights or negative
                                                                                              or collinear):
        special += (BIMODAL,)
    return KINDS + special


def simulated(K: np.ndarray, X: np.ndarray, hsq: float, w: np.ndarray | None, source: Numbers, m: int,
              basis: np.ndarray, mean: float = 1.0) -> np.ndarray:
    """Phenotypes (n, m) of the model with var(e) = 4[hK + (1−h)W⁻¹], rounded.

    None is a combination of the columns of `basis`, shape (n, p), which are independent.
    """
    n, p = X.shape
    sizes_of_X = np.sqrt(np.mean(X**2, axis=0))
    values, U = np.linalg.eigh(K)
    genetic = U * np.sqrt(hsq * np.maximum(values, 0.0))
    noise = np.sqrt(1.0 - hsq) * (np.ones(n) if w is None else 1.0 / np.sqrt(w))
    columns = []
    for j in range(m):
        rng = source.generator(f"phenotype {j}")
        b = np.append(2.0 * mean, rng.normal(size=p - 1))
        fixed = X / np.where(sizes_of_X > 0.0, sizes_of_X, 1.0) @ b
        y = source.rounded(fixed + 2.0 * (genetic @ rng.normal(size=n) + noise * rng.normal(size=n)))
        columns.append(independent(basis, y, near=1e-6))
    return np.column_stack(columns)


def _bimodal(n: int, source: Numbers, m: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """K, X and Y (n, m) of likelihoods with two maxima."""
    part = np.repeat(range(len(PARTS)), PARTS)[np.arange(n) * sum(PARTS) // n]
    signs = np.where(np.arange(n) % 2, -1.0, 1.0)
    y = np.array(SIZES)[part] * signs
    axis = np.arange(n) - (n - 1) / 2.0
    U = eigenvectors("none", n, source)
    if source.decimals:     # a reflection that leaves the constant where it is
        U -= 2.0 * np.outer(axis, axis) / (axis @ axis)
    times = np.array([1.0 + j for j in range(m)])
    return from_spectrum(np.array(EIGENVALUES)[part], U), np.ones((n, 1)), (U @ y)[:, None] * times
