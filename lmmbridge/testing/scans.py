"""Genome scans: the arguments of scan1."""
from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from lmmbridge.qtl2.genoprobs import Genoprobs
from lmmbridge.qtl2.kinship import calc_kinship
from lmmbridge.qtl2.scan_data import ScanData
from lmmbridge.testing import designs
from lmmbridge.testing.bulk_numbers import Numbers, numbers, sizes
from lmmbridge.testing.designs import hsqs, missing_patterns
from lmmbridge.testing.genotypes import CROSSES, genoprobs, genotypes_of, individuals, map_of
from lmmbridge.testing.kinships import kinships, loco_kinships
from lmmbridge.testing.models import simulated

#: Of kinship that is not made of the genotypes.
MAX_CONDITION = 1e6
#: Individuals beyond the coefficients of the model with a QTL.
SPARE = 2
#: Columns of the design, scaled to length 1, and y are independent when no singular value is below this and no smaller
#: part of y is outside them.
INDEPENDENT = 0.01


@st.composite
def scan_problems(draw, *, min_n: int = 4, max_n: int = 60, kinship: str | None = None, weights: bool | None = None,
                  addcovar: bool | None = None, intcovar: bool | None = None, missing: bool = False,
                  phenotypes: int = 1, collinear: bool = False, cross: str | None = None,
                  x: bool | None = None) -> ScanData:
    """Genome scans: the arguments of scan1, and the map. `notes` of the result says what was drawn.

    Unless `collinear`, covariates, genotypes (those that occur) and their interactions are linearly independent at all
    positions and do not fit y exactly, whatever phenotypes are missing; and there are two individuals to spare.

    Parameters
    ----------
    min_n, max_n : int, default 4 and 60
        Numbers of individuals, mostly small. They are more than min_n, and than max_n, where the options asked for need
        more: 2 beyond the coefficients of the model with a QTL, and with `missing` one who may lack values.
    kinship : str, optional
        "none", "overall" or "loco". Default: any. Made of the genotypes, or of a chosen spectrum.
    weights, addcovar, intcovar : bool, optional
        Whether there are any. Default: sometimes, where there are individuals enough. intcovar is the first of
        addcovar's columns where that is given.
    missing : bool, default False
        Phenotypes may have missing values.
    phenotypes : int, default 1
    collinear : bool, default False
        See `genoprobs`.
    cross : str, optional
        See `genoprobs`. Default: any, where there are individuals enough.
    x : bool, optional
        Whether there is an X chromosome, with Xcovar sometimes. Default: sometimes, where there are individuals enough.

    Examples
    --------
    >>> from hypothesis import find
    >>> found = find(scan_problems(), lambda data: data.weights is not None and data.kinship is not None)
    >>> found.notes
    ('backcross, n = 4, overall kinship, weights, hsq 0.5, seed 0/0',)
    >>> found.pheno["y1"].tolist(), found.weights.tolist()
    ([2.0, 3.0, 3.0, 1.0], [1.0, 10.0, 1.0, 10.0])
    """
    def needed(kind: str, with_x: bool, more: int, interacting: int) -> int:
        return 1 + more + (genotypes_of(kind, with_x) - 1) * (1 + interacting) + SPARE + missing

    kinds = [kind for kind in CROSSES if (not x or CROSSES[kind].on_x)] if cross is None else [cross]
    least = {kind: needed(kind, bool(x), bool(addcovar or intcovar), bool(intcovar)) for kind in kinds}
    low = max(min_n, min(least.values()))
    n = draw(sizes(low, max(low, max_n)), label="n")
    kind = draw(st.sampled_from([kind for kind in kinds if least[kind] <= n]), label="cross")

    def chosen(wish: bool | None, fits: bool, name: str) -> bool:
        return (draw(st.booleans(), label=name) and fits) if wish is None else wish     # always drawn: see `lmm_problems`

    wanted = bool(addcovar or intcovar), bool(intcovar)
    with_x = chosen(x, bool(CROSSES[kind].on_x) and needed(kind, True, *wanted) <= n, "X chromosome")
    with_int = chosen(intcovar, needed(kind, with_x, 1, 1) <= n, "intcovar")
    with_add = chosen(addcovar, needed(kind, with_x, 1, with_int) <= n, "addcovar")
    more = chosen(None, with_add and needed(kind, with_x, 2, with_int) <= n, "two covariates")
    covariates = max(int(with_int), with_add + int(more))
    core = needed(kind, with_x, covariates, with_int) - missing

    probs = draw(genoprobs(kind, n, collinear, with_x, core, 1 + with_int))
    ids = individuals(n)
    source = draw(numbers, label="numbers of the phenotypes")
    absent = np.zeros((n, phenotypes), dtype=bool)
    if missing:
        absent[core:] = draw(missing_patterns(n - core, phenotypes))
    w = draw(designs.weights(n)) if chosen(weights, True, "weights") else None
    how = draw(st.sampled_from(["none", "overall", "loco"]), label="kinship") if kinship is None else kinship
    K = draw(_kinship(how, probs))
    hsq = draw(hsqs(), label="hsq")

    C = _covariates(probs, source, covariates, with_int, ~absent)
    Y, hsq = _phenotypes(probs, source, C, with_int, ~absent, K, hsq, w)
    frame = pd.DataFrame(C, ids, [f"c{j + 1}" for j in range(covariates)])
    sex = None
    if chosen(None, with_x, "Xcovar"):
        males = probs["X"].values[:, list(CROSSES[kind].males)].sum(axis=(1, 2)) > 0.0
        sex = pd.DataFrame(males[:, None].astype(float), ids, ["male"])
    words = [kind, f"n = {n}", "X chromosome" if with_x else "", "" if K is None else f"{how} kinship",
             "weights" if w is not None else "", f"{covariates} covariates" if covariates else "",
             "interaction" if with_int else "", f"{phenotypes} phenotypes" if phenotypes > 1 else "",
             "missing values" if absent.any() else "", "collinear" if collinear else "", f"hsq {hsq:g}", f"seed {source}"]
    return ScanData(probs, map_of(probs), pd.DataFrame(Y, ids, [f"y{j + 1}" for j in range(phenotypes)]).mask(absent), K,
                    addcovar=frame if with_add else None, Xcovar=sex, intcovar=frame.iloc[:, [0]] if with_int else None,
                    weights=None if w is None else pd.Series(w, ids), notes=(", ".join(word for word in words if word),))


@st.composite
def _kinship(draw, how: str, probs: Genoprobs) -> pd.DataFrame | dict[str, pd.DataFrame] | None:
    """None, one kinship matrix or one for each chromosome; of a chosen spectrum, or of the genotypes."""
    ids = list(probs.individuals)
    if how == "none":
        return None
    if draw(st.booleans(), label="kinship of the genotypes") and (how == "overall" or len(probs) > 1):
        return calc_kinship(probs, how, use_allele_probs=False, quiet=True)
    if how == "overall":
        return pd.DataFrame(draw(kinships(len(ids), max_condition=MAX_CONDITION)).K, ids, ids)
    matrices = draw(loco_kinships(len(ids), len(probs), MAX_CONDITION))
    return {name: pd.DataFrame(K, ids, ids) for name, K in zip(probs, matrices)}


def _designs(probs: Genoprobs, C: np.ndarray, interaction: bool, observed: np.ndarray) -> Iterator[np.ndarray]:
    """Of each chromosome the designs at its positions, columns scaled to length 1, shape (positions, n, p)."""
    for array in probs.values():
        G = np.moveaxis(array.values, 2, 0)[:, observed]
        G = G[:, :, np.any(array.values > 0.0, axis=(0, 2))][:, :, 1:]
        fixed = np.broadcast_to(np.column_stack([np.ones(len(C)), C])[observed], (len(G), G.shape[1], 1 + C.shape[1]))
        X = np.concatenate([fixed, G] + ([G * C[observed, :1]] if interaction else []), axis=2)
        lengths = np.linalg.norm(X, axis=1, keepdims=True)
        yield X / np.where(lengths > 0.0, lengths, 1.0)


def _patterns(observed: np.ndarray) -> np.ndarray:
    return np.unique(observed, axis=1).T


def _covariates(probs: Genoprobs, source: Numbers, number: int, interaction: bool, observed: np.ndarray) -> np.ndarray:
    """Covariates (n, number): a group, then variates; with as many decimals as it takes them to be independent.

    Numbers that are not rounded depend on fewer columns than there are individuals with probability zero.
    """
    n = len(observed)
    C = np.empty((n, number))
    for attempt in source.attempts() if number else ():
        C = attempt.normal("covariates", number, n).T
        if attempt.decimals == 0:
            C[:, 0] = C[:, 0] > 0.0
        if all(np.all(np.linalg.svd(X, compute_uv=False)[:, -1] > INDEPENDENT)
               for pattern in _patterns(observed) for X in _designs(probs, C, interaction, pattern)):
            break
    return C


def _phenotypes(probs: Genoprobs, source: Numbers, C: np.ndarray, interaction: bool, observed: np.ndarray,
                K: pd.DataFrame | dict[str, pd.DataFrame] | None, hsq: float, w: np.ndarray | None) -> tuple[np.ndarray, float]:
    """Phenotypes of the model with a QTL (n, m), with as many decimals as it takes that no position fits them exactly.

    And their hsq: where K is of low rank and hsq 1, designs may fit all that can come; hsq is then ½.
    """
    n, m = observed.shape
    first = next(iter(K.values())) if isinstance(K, dict) else K
    X = np.column_stack([np.ones(n), next(iter(probs.values())).values[:, -1, -1], C])
    for h, attempt in product((hsq, 0.5), source.attempts()):
        Y = simulated(np.eye(n) if first is None else first.to_numpy(), X, h, w, attempt, m, np.ones((n, 1)))
        if all(_leaves_something(Y[seen][:, np.all(observed == seen[:, None], axis=0)], X)
               for seen in _patterns(observed) for X in _designs(probs, C, interaction, seen)):
            break
    return Y, h


def _leaves_something(Y: np.ndarray, X: np.ndarray) -> bool:
    """Whether some of every column of Y, shape (n, m), is outside every design, shape (positions, n, p)."""
    Q = np.linalg.svd(X, full_matrices=False)[0]
    left = np.linalg.norm(Y - Q @ (np.swapaxes(Q, 1, 2) @ Y), axis=1)
    return bool(np.all(left > INDEPENDENT * np.linalg.norm(Y, axis=0)))
