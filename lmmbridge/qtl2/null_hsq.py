"""hsq of a batch's phenotypes under a null model."""
from __future__ import annotations

import numpy as np
import pandas as pd

from lmmbridge import lmm
from lmmbridge.lmm.many import TOGETHER, summits_of, summits_of_few, summits_with_missing
from lmmbridge.progress import Progress
from lmmbridge.qtl2.alignment import Batch, rotation
from lmmbridge.qtl2.null_fits import Decomposed
from lmmbridge.qtl2.scan_setup import without_bound


def null_hsq(batch: Batch, Xs: list[np.ndarray], decomposed: list[Decomposed], reml: bool,
             progress: Progress) -> list[tuple[np.ndarray, list[str]]]:
    """ĥ of each phenotype (m,), NaN where there is none, and notes; under each of some kinship matrices.

    Parameters
    ----------
    batch : Batch
    Xs : list of ndarray, shape (n, c)
        Covariates of the null models.
    decomposed : list of Decomposed
    reml : bool
    progress : Progress
        What Ctrl-C is heard by.
    """
    found: dict[int, tuple[np.ndarray, list[str]]] = {}
    alike: dict[tuple[float, int], list[int]] = {}
    for i, (X, one) in enumerate(zip(Xs, decomposed)):
        if one.few and not batch.joined:
            alike.setdefault((lmm.search_end(one.tridiagonal), X.shape[1]), []).append(i)
    for some in alike.values():
        progress.advance(0)
        together = summits_of_few([decomposed[i].tridiagonal for i in some], batch.Y, [Xs[i] for i in some], reml)
        for i, hsq, certain in zip(some, *(np.split(values, len(some)) for values in (together.hsq, together.certain))):
            if certain.all():
                found[i] = hsq, []
    by_eigenvectors = _of_joined if batch.joined else _of_many
    return [found[i] if i in found else by_eigenvectors(batch, X, one, reml, progress)
            for i, (X, one) in enumerate(zip(Xs, decomposed))]


def _of_many(batch: Batch, X: np.ndarray, decomposed: Decomposed, reml: bool,
             progress: Progress) -> tuple[np.ndarray, list[str]]:
    eigen = decomposed.eigen
    rotated_Y, rotated_X = (rotation(eigen, batch.weights, values) for values in (batch.Y, X))
    hsq, notes = np.empty(len(batch.phenotypes)), []
    for start in range(0, len(hsq), TOGETHER):
        progress.advance(0)
        some = slice(start, start + TOGETHER)
        found = summits_of(eigen, rotated_Y[:, some], rotated_X, reml)
        hsq[some] = found.hsq
        for i in np.flatnonzero(~found.certain | found.unbounded):
            j = start + i
            maximum = found.maximum(i) if found.certain[i] else lmm.estimate_hsq(
                lmm.rotate(eigen, batch.Y[:, [j]], X)[0], reml)
            hsq[j] = (maximum.bounded or (np.nan, np.nan))[0]
            notes += [without_bound(batch.phenotypes[j], hsq[j])] if maximum.unbounded else []
    return hsq, notes


def _of_joined(batch: Batch, X: np.ndarray, decomposed: Decomposed, reml: bool,
               progress: Progress) -> tuple[np.ndarray, list[str]]:
    """By the decomposition of all individuals where that is safe, otherwise by that of those who have a value."""
    Y, X_rotated, indicators = (rotation(decomposed.eigen, batch.weights, values) for values in (
        batch.Y, X, np.eye(len(batch.ids))))
    hsq, notes, lacking = np.full(len(batch.phenotypes), np.nan), [], np.sum(batch.missing, axis=0)
    for u in np.unique(lacking):
        columns = np.flatnonzero(lacking == u)
        own = np.stack([indicators[:, batch.missing[:, column]] for column in columns])
        found = summits_with_missing(decomposed.eigen, Y[:, columns], X_rotated, own, reml)
        hsq[columns] = np.where(found.certain, found.hsq, np.nan)
        progress.advance(0)
    start = 0
    for one in batch.joined:
        here = slice(start, start + len(one.phenotypes))
        start = here.stop
        if np.isnan(hsq[here]).any():
            rows = pd.Index(batch.ids).get_indexer(one.ids)
            [(hsq[here], said)] = null_hsq(one, [X[rows]], [decomposed.alone(one)], reml, progress)
            notes += said
    return hsq, notes
