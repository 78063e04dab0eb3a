"""The mixed model posed in another way, and the maps that h, the log likelihood, σ² and β must then follow.

A change is a function of (draw, data, reml), `draw` being hypothesis's, that returns a `Change`.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from hypothesis import strategies as st

from lmmbridge.engines import Evaluation
from lmmbridge.inputs import Data

#: Units in which things may come.
UNITS = st.sampled_from([2.0, 0.5, 3.0, 0.1, 10.0, 1e3, 1e-3])


@dataclass(frozen=True, eq=False)
class Change:
    """The same model posed in another way.

    Attributes
    ----------
    data : Data
    words : str
        What was changed.
    hsq : function
        h of the original → h of the changed problem.
    answers : function of (Evaluation, hsq)
        Answers to the original at its hsq, shape (g, 1) → what the answers to the changed problem must be.
    everywhere : bool
        Whether this is so at every h: the optima then correspond, too.
    """

    data: Data
    words: str
    hsq: Callable[[np.ndarray], np.ndarray] = lambda h: h
    answers: Callable[[Evaluation, np.ndarray], Evaluation] = lambda evaluation, h: evaluation
    everywhere: bool = True


def changed(evaluation: Evaluation, loglik=0.0, sigmasq=1.0, beta=lambda b: b) -> Evaluation:
    """loglik + …, σ² · …, and a map of β (g, p, m); what is not given stays not given."""
    return Evaluation(evaluation.loglik + loglik, None if evaluation.sigmasq is None else evaluation.sigmasq * sigmasq,
                      None if evaluation.beta is None else beta(evaluation.beta))


def order(draw, data: Data, reml: bool) -> Change:
    """Individuals in another order."""
    i = np.array(draw(st.permutations(range(len(data.ids)))))
    return Change(replace(data, ids=tuple(data.ids[j] for j in i), Y=data.Y[i], X=data.X[i], K=data.K[np.ix_(i, i)],
                          weights=None if data.weights is None else data.weights[i]), f"individuals in the order {i}")


def kinship_scale(draw, data: Data, reml: bool) -> Change:
    """K → aK, h → h/(h + a(1−h)), σ² → σ²(h + a(1−h))/a; with weights too."""
    a = draw(UNITS)
    return Change(replace(data, K=a * data.K), f"K → {a:g} K", lambda h: h / (h + a * (1.0 - h)),
                  lambda one, h: changed(one, sigmasq=((h + a * (1.0 - h)) / a)))


def weights_scale(draw, data: Data, reml: bool) -> Change:
    """w → cw: h → h/(h + c(1−h)), σ² → σ²(h + c(1−h)). No weights are weights of 1."""
    c = draw(UNITS)
    w = np.ones(len(data.ids)) if data.weights is None else data.weights
    return Change(replace(data, weights=c * w), f"w → {c:g} w", lambda h: h / (h + c * (1.0 - h)),
                  lambda one, h: changed(one, sigmasq=h + c * (1.0 - h)))


def phenotype(draw, data: Data, reml: bool) -> Change:
    """y → ay + Xb: L → L − (n or n−p) log|a|, σ² → a²σ², β → aβ + b."""
    n, p = data.X.shape
    a = draw(UNITS) * draw(st.sampled_from([1.0, -1.0]))
    b = np.array(draw(st.lists(st.integers(-3, 3), min_size=p, max_size=p)), dtype=float)
    b *= np.max(np.abs(a * data.Y)) / np.max(np.abs(data.X), axis=0)
    df = n - p if reml else n
    return Change(replace(data, Y=a * data.Y + (data.X @ b)[:, None]), f"y → {a:g} y + X{b}",
                  answers=lambda one, h: changed(one, -df * np.log(abs(a)), a**2, lambda beta: a * beta + b[:, None]))


def covariates(draw, data: Data, reml: bool) -> Change:
    """X → XA: nothing changes but β → A⁻¹β."""
    p = data.X.shape[1]
    A = np.eye(p)
    A[np.triu_indices(p, 1)] = draw(st.lists(st.integers(-2, 2), min_size=p * (p - 1) // 2, max_size=p * (p - 1) // 2))
    A = A[:, draw(st.permutations(range(p)))]
    inverse = np.round(np.linalg.inv(A))      # of whole numbers, as |A| = ±1: β may be of very different sizes
    c = draw(st.sampled_from([1.0, -2.0]))
    return Change(replace(data, X=data.X @ (c * A)), f"X → {c:g} X{A.tolist()}",
                  answers=lambda one, h: changed(one, beta=lambda beta: inverse @ beta / c))


def covariate_units(draw, data: Data, reml: bool) -> Change:
    """X → X diag(s): REML* with its + ½log|X'X| is free of the scale of X; β → β/s."""
    s = np.array(draw(st.lists(UNITS, min_size=data.X.shape[1], max_size=data.X.shape[1])))
    return Change(replace(data, X=data.X * s), f"X → X diag({s})",
                  answers=lambda one, h: changed(one, beta=lambda beta: beta / s[:, None]))


def rotation(draw, data: Data, reml: bool) -> Change:
    """y → Oy, X → OX, K → OKO' with O orthogonal, here a product of reflections: nothing changes."""
    n = len(data.ids)
    O = np.eye(n)
    for _ in range(draw(st.integers(1, 2))):
        v = np.array(draw(st.lists(st.integers(-3, 3), min_size=n, max_size=n)), dtype=float)
        v[0] += 0.5     # never all zero
        if draw(st.booleans()):
            v -= np.mean(v)     # leaves the constant where it is
        O -= np.outer(O @ v, v) * (2.0 / (v @ v))
    K = O @ data.K @ O.T
    return Change(replace(data, Y=O @ data.Y, X=O @ data.X, K=(K + K.T) / 2.0), "everything rotated by an orthogonal O")


def whitening(draw, data: Data, reml: bool) -> Change:
    """y → W½y, X → W½X, K → W½KW½ and no weights: L → L − ½Σ log w, REML also + ½(log|X'WX| − log|X'X|)."""
    w = data.weights
    root = np.sqrt(w)[:, None]
    X = root * data.X
    constant = -0.5 * np.sum(np.log(w)) + (0.5 * (_logdet_XtX(X) - _logdet_XtX(data.X)) if reml else 0.0)
    return Change(replace(data, Y=root * data.Y, X=X, K=root * data.K * root.T, weights=None),
                  "rows multiplied by the root of the weights", answers=lambda one, h: changed(one, constant))


def flat(draw, data: Data, reml: bool) -> Change:
    """With K = cW⁻¹, V = (hc + 1−h)W⁻¹: every h has the likelihood and β of h = 0; σ² → σ²(hc + 1−h)."""
    c = data.K[0, 0] * (1.0 if data.weights is None else data.weights[0])
    return Change(data, f"K = {c:g} W⁻¹ and hsq → 0", lambda h: 0.0 * h,
                  lambda one, h: changed(one, sigmasq=h * c + 1.0 - h))


def other_kinship(draw, data: Data, reml: bool) -> Change:
    """At h = 0 any other K will do."""
    return Change(replace(data, K=data.K[::-1, ::-1] + np.diag(np.arange(len(data.ids)) % 3.0)), "another K at hsq = 0",
                  everywhere=False)


def _logdet_XtX(X: np.ndarray) -> float:
    return 2.0 * float(np.sum(np.log(np.abs(np.diag(np.linalg.qr(X, mode="r"))))))
