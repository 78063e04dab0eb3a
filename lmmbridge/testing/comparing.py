"""Judging an implementation's answers to a law's case: values at fixed hsq, and the likelihood that an ĥ loses."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lmmbridge.agreement.differences import differences
from lmmbridge.engines import Evaluation, Optimum
from lmmbridge.inputs import Data
from lmmbridge.testing.changes import Change
from lmmbridge.testing.conditioning import Conditioning, tolerance, without_maximum
from lmmbridge.testing.laws import Breach, CannotTell, Translated


@dataclass(frozen=True, eq=False)
class Case:
    """A drawn problem, and at which hsq and by which criterion it is asked about.

    Attributes
    ----------
    data : Data
    label : str
        The problem's.
    reml : bool
    hsq : ndarray, shape (g,)
    change : Change or None
        The same problem posed in another way, where the law is about that.
    parts : tuple of Data
        Independent parts of the problem, where the law is about those.
    """

    data: Data
    label: str
    reml: bool
    hsq: np.ndarray
    change: Change | None = None
    parts: tuple[Data, ...] = ()

    def __repr__(self) -> str:
        n, p = self.data.X.shape
        words = f"{self.label}; n = {n}, p = {p}, {'REML' if self.reml else 'ML'}, hsq in {self.hsq.tolist()}"
        return words if self.change is None else f"{words}; {self.change.words}"


def column(hsq: np.ndarray, data: Data) -> np.ndarray:
    """The same hsq for all phenotypes: (g,) → (g, m)."""
    return np.repeat(hsq[:, None], data.Y.shape[1], axis=1)


def good_hsq(hsq: np.ndarray, *posed: tuple[Data, np.ndarray]) -> np.ndarray:
    """Those of hsq, shape (g,), at which every way of posing the problem is well-conditioned.

    Raises
    ------
    CannotTell
        Where there are none.
    """
    good = np.all([Conditioning(data, there).good for data, there in posed], axis=0)
    if not good.any():
        raise CannotTell("V, X or y is too ill-conditioned at every hsq")
    return hsq[good]


def own_optimum(engine: Translated, case: Case) -> Optimum:
    """What the engine reports at its own ĥ, of a problem that has one."""
    optimum = engine.optimum(case.data, case.reml)
    if without_maximum(case.data, case.reml):
        raise CannotTell("the likelihood is unbounded: no optimum is right or wrong")
    return optimum


def differences_of_fits(one: Evaluation, other: Evaluation, data: Data) -> dict[str, np.ndarray]:
    """Differences on the scales of `agreement.differences`, but of β by what it fits: ‖X(b − b')‖ / max(‖Xb'‖, ‖y‖).

    That is known to rounding where X is nearly collinear, too, and β = 0 needs no scale of its own.
    """
    found = differences(one, other, data)
    if "beta" in found:
        fitted, gap = data.X @ other.beta, data.X @ (one.beta - other.beta)
        size = np.maximum(np.linalg.norm(fitted, axis=1), np.linalg.norm(data.Y, axis=0))
        found["beta"] = np.linalg.norm(gap, axis=1) / size
    return found


def breach_of_values(law: str, engine: Translated, case: Case, observed: Evaluation, expected: Evaluation,
                     problems: tuple[Data, Data], hsq: tuple[np.ndarray, np.ndarray],
                     reml: bool | None = None) -> Breach | None:
    """The worst of the answers at fixed hsq to the second problem, if it is beyond the tolerance of what they must be.

    `hsq` are those of the first problem, from whose answers `expected` was made, and of the second, shape (g,) each.
    """
    allowed = sum(Conditioning(data, there).tolerance for data, there in zip(problems, hsq))
    worst: Breach | None = None
    for quantity, difference in differences_of_fits(observed, expected, problems[1]).items():
        excess = np.nan_to_num(difference / allowed[:, None], nan=np.inf)
        g, j = np.unravel_index(np.argmax(excess), excess.shape)
        if excess[g, j] > max(1.0, 0.0 if worst is None else worst.difference / worst.tolerance):
            pair = [np.atleast_1d(getattr(one, quantity)[g, ..., j]) for one in (observed, expected)]
            lengths = np.linalg.norm(problems[1].X, axis=0) if quantity == "beta" else 1.0
            entry = int(np.argmax(np.abs(pair[0] - pair[1]) * lengths))
            worst = Breach(law, engine.name, quantity, float(pair[0][entry]), float(pair[1][entry]),
                           float(difference[g, j]), float(allowed[g]), problems, f"{case!r}; at hsq = {hsq[1][g]!r}",
                           case.reml if reml is None else reml, (float(hsq[0][g]), float(hsq[1][g])))
    return worst


def breach_of_optimum(law: str, engine: Translated, case: Case, problems: tuple[Data, Data],
                      hsq: tuple[np.ndarray, np.ndarray], mapped: np.ndarray | None = None) -> Breach | None:
    """The likelihood that the one ĥ of one phenotype loses against the other's, by the engine's own likelihood.

    `hsq` are the ĥ of the first problem and of the second, shape (1,) each; `mapped` is the first one, translated to
    the second problem (default: as it is).
    """
    own, other = hsq[1], hsq[0] if mapped is None else mapped
    for data, there in zip(problems, hsq):
        if not (0.0 <= there[0] <= 1.0):
            return Breach(law, engine.name, "hsq", float(there[0]), np.nan, np.inf, 0.0, problems,
                          f"{case!r}; the likelihood has a maximum between 0 and 1", case.reml,
                          (float(hsq[0][0]), float(hsq[1][0])))
    both = np.array([own[0], other[0]])
    conditioning = Conditioning(problems[1], both)
    allowed = tolerance("optimum") + float(np.max(conditioning.tolerance))
    if not conditioning.good.all():
        raise CannotTell("V, X or y is too ill-conditioned at the optimum")
    height = engine.at(problems[1], column(both, problems[1]), case.reml).loglik[:, 0]
    loss = float(abs(height[1] - height[0]) / (1.0 + np.max(np.abs(height))))
    if loss <= allowed:
        return None
    return Breach(law, engine.name, "likelihood at hsq", float(height[0]), float(height[1]), loss, allowed, problems,
                  f"{case!r}; hsq = {own[0]!r} against {other[0]!r}", case.reml, (float(hsq[0][0]), float(hsq[1][0])))


def breach_of_height(law: str, engine: Translated, case: Case, own: float, others: np.ndarray) -> Breach | None:
    """Whether one of other hsq, shape (g,), has a higher likelihood than the engine's ĥ, by its own likelihood."""
    data = case.data
    if not 0.0 <= own <= 1.0:
        return Breach(law, engine.name, "hsq", own, np.nan, np.inf, 0.0, (data,),
                      f"{case!r}; the likelihood has a maximum between 0 and 1", case.reml, (own,))
    hsq = np.array([own, *others])
    conditioning = Conditioning(data, hsq)
    allowed = tolerance("optimum") + conditioning.tolerance[0] + conditioning.tolerance[1:]
    told = conditioning.good[1:]
    if not (conditioning.good[0] and told.any()):
        raise CannotTell("V, X or y is too ill-conditioned at the optimum")
    height = engine.at(data, column(hsq[np.append(True, told)], data), case.reml).loglik[:, 0]
    loss = (height[1:] - height[0]) / (1.0 + np.abs(height[0]))
    worst = int(np.argmax(loss - allowed[told]))
    if loss[worst] <= allowed[told][worst]:
        return None
    higher = float(hsq[1:][told][worst])
    return Breach(law, engine.name, "likelihood at hsq", float(height[0]), float(height[1 + worst]), float(loss[worst]),
                  float(allowed[told][worst]), (data, data), f"{case!r}; hsq = {own!r} against {higher!r}", case.reml,
                  (own, higher))
