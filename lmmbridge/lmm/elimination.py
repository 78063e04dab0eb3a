"""Small symmetric systems, many at a time: element-wise over all axes that follow the first two.

Cross products A'WA of few columns, for as many weights, positions and phenotypes as the trailing axes hold. Loops run over
the columns; each step is one operation on whole arrays.
"""
from __future__ import annotations

import numpy as np


def eliminate(rows: list[list[np.ndarray]], pivots: int) -> list[np.ndarray]:
    """Gaussian elimination of the first columns, in place, without pivoting.

    Parameters
    ----------
    rows : list of list of ndarray
        The upper triangle of a symmetric matrix of q columns: `rows[i][j − i]` is element (i, j), j ≥ i. Elements may have
        different shapes that broadcast, so that what many systems share is computed once.
    pivots : int
        How many columns to eliminate. Then `rows[pivots:]` holds the Schur complement, with A'WA of columns [X y] and X
        eliminated the residual sum of squares.

    Returns
    -------
    list of ndarray
        The pivots: squared lengths of the columns outside those before them. Their product is the determinant.
    """
    for i in range(pivots):
        row = rows[i]
        for j in range(1, len(row)):
            multiple = row[j] / row[0]
            below = rows[i + j]
            for k in range(len(below)):
                below[k] = below[k] - multiple * row[j + k]
    return [rows[i][0] for i in range(pivots)]


def sweep(M: np.ndarray, pivots: range) -> np.ndarray:
    """Sweep columns of symmetric matrices, in place (Goodnight 1979, The American Statistician 33:149-158).

    Once the columns X of M = [X y]'W[X y] are swept, M is [(X'WX)⁻¹ β; −β' Q]: the inverse, the coefficients, and the residual
    sum of squares.

    Parameters
    ----------
    M : ndarray, shape (q, q, ...)
    pivots : range
        Which columns to sweep.

    Returns
    -------
    ndarray, shape (...)
        log|X'WX| of these columns, outside those that were swept before.
    """
    determinant = np.ones(M.shape[2:])
    for k in pivots:
        pivot = M[k, k].copy()
        row, column = M[k] / pivot, M[:, k].copy()
        M -= column[:, None] * row
        M[k] = row
        M[:, k] = -column / pivot
        M[k, k] = 1.0 / pivot
        determinant *= pivot
    return np.log(determinant)
