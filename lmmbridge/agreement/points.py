"""Where engines are compared: a grid of hsq with both ends, and every engine's own ĥ."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from lmmbridge import lmm
from lmmbridge.agreement.tolerances import condition_limit, tolerance, tolerances
from lmmbridge.engines import Optimum
from lmmbridge.inputs import Data

#: Of ε·condition: what the arithmetic is granted before its digits fall short of those that agreement wants.
ROUNDINGS = 10.0
#: The grid; the end of the range of hsq is added (1, or the last value at which V is positive definite).
GRID = np.concatenate([np.linspace(0.0, 0.95, 20), [0.99, 0.999]])


@dataclass(frozen=True)
class Points:
    """Values of hsq (under K) for each of m phenotypes.

    Attributes
    ----------
    hsq : ndarray, shape (g, m)
        The grid, then a row for each engine's own ĥ.
    owner : dict
        Engine → its row.
    usable : dict
        Engine → (m,) bool: whether its ĥ is a number at which V is positive definite. Where not, its row says 0.
    condition_V : ndarray, shape (g, m)
    condition_X : float
        Of X with columns scaled to length 1 (their units do no harm).
    condition_y : ndarray, shape (m,)
        (‖y‖ + Σ‖x_j b_j‖) / ‖y − Xb‖ with b of ordinary least squares: how much cancels before a residual is left.
    n : int
        Number of individuals.
    """

    hsq: np.ndarray
    owner: dict[str, int]
    usable: dict[str, np.ndarray]
    condition_V: np.ndarray
    condition_X: float
    condition_y: np.ndarray
    n: int

    @property
    def grid(self) -> int:
        """Number of rows that are the grid's."""
        return len(self.hsq) - len(self.owner)

    @property
    def well_conditioned(self) -> np.ndarray:
        """Where engines must agree, shape (g, m)."""
        limit = condition_limit()
        return (self.condition_V <= limit) & (self.condition_X <= limit) & (self.condition_y <= limit)

    def comparable(self, quantity: str) -> np.ndarray:
        """Where engines must agree on "loglik", "sigmasq" or "beta", shape (g, m).

        Where the arithmetic leaves the digits that agreement wants: those of β go with the square of cond(V^−½X), which is
        at most cond(X)√cond(V), and with cond(V), by which rounding of V moves V⁻¹.
        """
        error = self.loglik_error
        if quantity == "beta":
            error = ROUNDINGS * np.finfo(float).eps * self.condition_X * np.maximum(
                self.condition_X * np.sqrt(self.condition_V), self.condition_V)
        return self.well_conditioned & (error <= tolerances()[quantity]["limit"])

    @property
    def loglik_error(self) -> np.ndarray:
        """A bound on the rounding error of a log likelihood, relative to 1 + |loglik|, shape (g, m)."""
        return ROUNDINGS * np.finfo(float).eps * self.condition_V * np.maximum(self.condition_y, self.condition_X)

    @property
    def likelihood_noise(self) -> np.ndarray:
        """Rounding error to expect in a log likelihood, relative to 1 + |loglik|, from y's cancellation alone, (m,)."""
        return np.finfo(float).eps * np.sqrt(self.n) * self.condition_y

    def tolerance(self, quantity: str, rows: np.ndarray) -> np.ndarray:
        """Of "loglik", "sigmasq" or "beta" at some rows, shape (rows, m)."""
        condition = self.condition_V[rows] * (
            self.condition_X**2 if quantity == "beta" else np.maximum(self.condition_y, self.condition_X))
        return tolerance(quantity, self.n, condition)


def choose_points(data: Data, eigen: lmm.Eigen, optima: dict[str, Optimum]) -> Points:
    """The grid up to the end of hsq's range, and the engines' ĥ (under K)."""
    m = data.Y.shape[1]
    end = lmm.search_end(eigen)
    grid = np.concatenate([GRID[GRID < end], [end]])
    rows, owner, usable = [np.repeat(grid[:, None], m, axis=1)], {}, {}
    for name, optimum in optima.items():
        smallest_d = optimum.hsq * eigen.values[0] + 1.0 - optimum.hsq
        usable[name] = (optimum.hsq >= 0.0) & (optimum.hsq <= 1.0) & (smallest_d > eigen.zero)
        owner[name] = len(grid) + len(owner)
        rows.append(np.where(usable[name], optimum.hsq, 0.0)[None])
    hsq = np.concatenate(rows)
    return points_at(data, eigen, hsq, owner, usable)


def points_at(data: Data, eigen: lmm.Eigen, hsq: np.ndarray, owner: dict[str, int] | None = None,
              usable: dict[str, np.ndarray] | None = None) -> Points:
    """Those values of hsq (under K), shape (g, m)."""
    return Points(hsq, owner or {}, usable or {}, _condition_V(data, eigen, hsq), condition_X(data.X),
                  condition_y(data.Y, data.X), len(data.ids))


def condition_X(X: np.ndarray) -> float:
    """Condition number of X, its columns scaled to length 1 (their units do no harm)."""
    return float(np.linalg.cond(X / np.linalg.norm(X, axis=0)))


def condition_y(Y: np.ndarray, X: np.ndarray) -> np.ndarray:
    """(‖y‖ + Σ‖x_j b_j‖) / ‖y − Xb‖ with b of ordinary least squares, by phenotype; infinite where the fit is exact."""
    basis, R = np.linalg.qr(X)
    coordinates = basis.T @ Y
    cancels = np.linalg.norm(Y, axis=0)
    cancels += np.linalg.norm(X, axis=0) @ np.abs(linalg.solve_triangular(R, coordinates))
    left = np.linalg.norm(Y - basis @ coordinates, axis=0)
    return np.divide(cancels, left, out=np.full_like(left, np.inf), where=left > 0.0)


def _condition_V(data: Data, eigen: lmm.Eigen, hsq: np.ndarray) -> np.ndarray:
    """Condition number at every point of V = hK + (1−h)W⁻¹ or of W½VW½, which engines use: the larger."""
    smallest, largest = (hsq * value + 1.0 - hsq for value in (eigen.values[0], eigen.values[-1]))
    with np.errstate(divide="ignore"):      # V may be singular
        rotated = np.maximum(smallest, largest) / np.minimum(smallest, largest)
    if data.weights is None:
        return rotated
    values = {h: np.linalg.eigvalsh(h * data.K + (1.0 - h) * np.diag(1.0 / data.weights)) for h in np.unique(hsq)}
    written_out = np.vectorize(lambda h: values[h][-1] / values[h][0] if values[h][0] > 0.0 else np.inf)(hsq)
    return np.maximum(rotated, written_out)
