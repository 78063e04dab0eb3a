"""The laws of the linear mixed model y = Xb + e, var(e) = σ²V, V = hK + (1−h)W⁻¹.

Most have one form, a change of how the problem is posed (`changes`). They are compared at fixed h, both ends included
where V is positive definite, and at the optimum by the likelihood that an ĥ loses: the top is flat, so that ĥ itself
may differ. The implementation is a `laws.Translated`.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from hypothesis import strategies as st

from lmmbridge.agreement.register import one_phenotype
from lmmbridge.engines import EngineFailure, Evaluation
from lmmbridge.inputs import Data
from lmmbridge.testing import changes
from lmmbridge.testing.comparing import (Case, breach_of_height, breach_of_optimum, breach_of_values, column, good_hsq,
                                         own_optimum)
from lmmbridge.testing.conditioning import Conditioning, without_maximum
from lmmbridge.testing.laws import Breach, CannotTell, Law, NotApplicable, Translated
from lmmbridge.testing.strategies import hsqs, lmm_problems

LOG_2PI = float(np.log(2.0 * np.pi))
#: Individuals in a problem: few show everything but the cost.
MOST = 40
#: Where the likelihood is tabulated.
GRID = np.concatenate([[0.0, 1e-4, 1e-3], np.linspace(0.01, 0.99, 29), [0.999, 1.0]])


def breach_of_change(law: str, engine: Translated, case: Case) -> Breach | None:
    """Where the answers to the changed problem are not the changed answers: at fixed hsq, then at the optimum."""
    data, change = case.data, case.change
    hsq = good_hsq(case.hsq, (data, case.hsq), (change.data, change.hsq(case.hsq)))
    moved = change.hsq(hsq)
    expected = change.answers(engine.at(data, column(hsq, data), case.reml), hsq[:, None])
    observed = engine.at(change.data, column(moved, change.data), case.reml)
    problems = (data, change.data)
    found = breach_of_values(law, engine, case, observed, expected, problems, (hsq, moved))
    if found is not None or not change.everywhere or any(without_maximum(one, case.reml) for one in problems):
        return found
    try:
        original, own = (engine.optimum(one, case.reml).hsq for one in problems)
    except NotApplicable:       # at fixed hsq it could be asked
        return None
    return breach_of_optimum(law, engine, case, problems, (original, own), change.hsq(original))


def breach_of_copies(law: str, engine: Translated, case: Case) -> Breach | None:
    """Two independent copies of everybody: Q, log|V| and X'V⁻¹X double, so ML* doubles and REML* → ML* + REML* + c.

    c = −½[(2n−p) log(2/(2n−p)) + n log n + (n−p) log(n−p)], from the formulas.
    """
    data = case.data
    n, p = data.X.shape
    two = Data(tuple(f"{i}-{copy}" for copy in "ab" for i in data.ids), data.phenotypes, data.positions, data.columns,
               np.tile(data.Y, (2, 1)), np.tile(data.X, (2, 1)), np.kron(np.eye(2), data.K),
               None if data.weights is None else np.tile(data.weights, 2), ())
    hsq = good_hsq(case.hsq, (data, case.hsq), (two, case.hsq))
    one = engine.at(data, column(hsq, data), case.reml)
    ml = engine.at(data, column(hsq, data), False).loglik
    if case.reml:
        c = -0.5 * ((2 * n - p) * np.log(2.0 / (2 * n - p)) + n * np.log(n) + (n - p) * np.log(n - p))
        expected = changes.changed(one, ml + c, 2.0 * (n - p) / (2 * n - p))
    else:
        expected = changes.changed(one, ml)
    observed = engine.at(two, column(hsq, two), case.reml)
    return breach_of_values(law, engine, case, observed, expected, (data, two), (hsq, hsq))


@dataclass(frozen=True)
class Products:
    """log|V| and cross-products with V⁻¹ of one column z and one phenotype y, got from an engine's answers.

    `error` bounds the errors of logdet_V, and of the products relative to √(zz·zz), √(zz·yy) and √(yy·yy), that follow
    from the tolerances of the answers.
    """

    logdet_V: float
    zz: float
    zy: float
    yy: float
    error: float

    @classmethod
    def of(cls, engine: Translated, data: Data, h: float) -> Products:
        """From ML*, REML*, σ² and β of y on z alone, by their formulas."""
        n, hsq = len(data.ids), np.array([[h]])
        ml, reml = engine.at(data, hsq, False), engine.at(data, hsq, True)
        if reml.sigmasq is None or reml.beta is None:
            raise NotApplicable(f"{engine.name} gives no σ² and β at fixed hsq: its likelihood leaves V's scale open")
        L, R = float(ml.loglik[0, 0]), float(reml.loglik[0, 0])
        Q, b = float(reml.sigmasq[0, 0]) * (n - 1), float(reml.beta[0, 0, 0])
        logdet_V = -2.0 * L - n * (LOG_2PI + np.log(Q / n) + 1.0)
        rest = -2.0 * R - (n - 1) * (LOG_2PI + np.log(Q / (n - 1)) + 1.0)
        zz = float(np.exp(rest - logdet_V)) * float(data.X[:, 0] @ data.X[:, 0])
        yy = Q + b**2 * zz
        error_b = max(abs(b), np.linalg.norm(data.Y) / np.linalg.norm(data.X)) * np.sqrt(zz / yy)
        error = 2.0 * float(Conditioning(data, hsq[0]).tolerance[0]) * (2.0 + abs(L) + abs(R) + n + error_b)
        return cls(logdet_V, zz, b * zz, yy, error)


def breach_of_blocks(law: str, engine: Translated, case: Case) -> Breach | None:
    """K block-diagonal: log|V|, z'V⁻¹z, z'V⁻¹y and y'V⁻¹y are the sums over the blocks."""
    problems = (case.data, *case.parts)
    for h in good_hsq(case.hsq, *((one, case.hsq) for one in problems)):
        products = [Products.of(engine, one, float(h)) for one in problems]
        whole, *parts = products
        tolerance = sum(one.error for one in products)
        for name, size in (("logdet_V", 1.0), ("zz", whole.zz), ("zy", np.sqrt(whole.zz * whole.yy)), ("yy", whole.yy)):
            observed, expected = float(getattr(whole, name)), float(sum(getattr(part, name) for part in parts))
            difference = float(abs(observed - expected) / size)
            if not difference <= tolerance:
                return Breach(law, engine.name, name, observed, expected, difference, tolerance, problems,
                              f"{case!r}; at hsq = {h:g}", None, (float(h),) * len(problems))
    return None


def breach_of_one_at_a_time(law: str, engine: Translated, case: Case) -> Breach | None:
    """The answers to several phenotypes at once are the answers to each alone."""
    data = case.data
    hsq = good_hsq(case.hsq, (data, case.hsq))
    together, optima = engine.at(data, column(hsq, data), case.reml), engine.optimum(data, case.reml).hsq
    for j in range(len(data.phenotypes)):
        one = one_phenotype(data, j)
        alone = engine.at(one, column(hsq, one), case.reml)
        observed = Evaluation(*(None if values is None else values[..., [j]]
                                for values in (together.loglik, together.sigmasq, together.beta)))
        found = breach_of_values(law, engine, case, observed, alone, (one, one), (hsq, hsq))
        if found is None and not without_maximum(one, case.reml):
            found = breach_of_optimum(law, engine, case, (one, one), (engine.optimum(one, case.reml).hsq, optima[[j]]))
        if found is not None:
            return found
    return None


def breach_of_reported(law: str, engine: Translated, case: Case) -> Breach | None:
    """What comes with ĥ is what is computed at that h; the log likelihood by the criterion that the engine reports."""
    data, own = case.data, own_optimum(engine, case)
    hsq = good_hsq(own.hsq, (data, own.hsq))
    criterion = engine.convention.optimum_is_reml(case.reml)
    loglik = engine.at(data, hsq[None], criterion).loglik
    expected = replace(engine.at(data, hsq[None], case.reml), loglik=loglik)
    reported = Evaluation(own.loglik[None], own.sigmasq[None], None if own.beta is None else own.beta[None])
    return breach_of_values(law, engine, case, reported, expected, (data, data), (hsq, hsq))


def breach_of_grid(law: str, engine: Translated, case: Case) -> Breach | None:
    """No h on a grid has a higher likelihood than ĥ."""
    own = own_optimum(engine, case).hsq[0]
    return breach_of_height(law, engine, case, float(own), GRID)


def breach_of_own_criterion(law: str, engine: Translated, case: Case) -> Breach | None:
    """By ML, the ĥ of ML is at least as good as that of REML; by REML the other way round."""
    own = own_optimum(engine, case).hsq[0]
    if without_maximum(case.data, not case.reml):
        raise CannotTell("the likelihood is unbounded by the other criterion")
    return breach_of_height(law, engine, case, float(own), engine.optimum(case.data, not case.reml).hsq)


# --- cases -----------------------------------------------------------------------------------------------------------


@st.composite
def cases(draw, change: Callable | None = None, weights: bool | None = None, phenotypes: int = 1) -> Case:
    """A problem, a criterion, hsq (the ends and one between), and the change, if any."""
    problem = draw(lmm_problems(max_n=MOST, weights=weights, phenotypes=phenotypes))
    reml, hsq = draw(st.booleans()), np.unique([0.0, draw(hsqs()), 1.0])
    return Case(problem.data, problem.label, reml, hsq, None if change is None else change(draw, problem.data, reml))


@st.composite
def cases_at_zero(draw) -> Case:
    """As `cases`, at hsq = 0 alone, with another kinship matrix."""
    case = draw(cases(changes.other_kinship))
    return replace(case, hsq=np.zeros(1))


@st.composite
def cases_without_structure(draw) -> Case:
    """As `cases`, with K = cW⁻¹."""
    case = draw(cases())
    noise = np.ones(len(case.data.ids)) if case.data.weights is None else 1.0 / case.data.weights
    data = replace(case.data, K=draw(changes.UNITS) * np.diag(noise))
    return replace(case, data=data, change=changes.flat(draw, data, case.reml))


@st.composite
def cases_of_blocks(draw) -> Case:
    """One phenotype, one column of small numbers without a zero, and a K of two blocks."""
    problem = draw(lmm_problems(min_n=6, max_n=MOST))
    data, n = problem.data, len(problem.data.ids)
    first = np.arange(n) < draw(st.integers(3, n - 3))
    z = np.array(draw(st.lists(st.sampled_from([1.0, 2.0, -1.0, 3.0]), min_size=n, max_size=n)))
    whole = replace(data, X=z[:, None], columns=("z",), K=np.where(first[:, None] == first, data.K, 0.0))
    parts = tuple(_rows(whole, keep) for keep in (first, ~first))
    return Case(whole, problem.label, True, np.unique([0.0, draw(hsqs()), 1.0]), None, parts)


def _rows(data: Data, keep: np.ndarray) -> Data:
    return replace(data, ids=tuple(i for i, kept in zip(data.ids, keep) if kept), Y=data.Y[keep], X=data.X[keep],
                   K=data.K[np.ix_(keep, keep)], weights=None if data.weights is None else data.weights[keep])


# --- the laws --------------------------------------------------------------------------------------------------------


def _law(name: str, statement: str, reason: str, drawn: st.SearchStrategy, breach: Callable) -> Law:
    """A law whose `breach` knows its name; an implementation that fails on a good problem breaks it, too."""
    def held(engine: Translated, case: Case) -> Breach | None:
        try:
            return breach(name, engine, case)
        except EngineFailure as failure:
            problems = (case.data, *([] if case.change is None else [case.change.data]), *case.parts)
            return Breach(name, engine.name, "an answer", np.nan, np.nan, np.inf, 0.0, problems,
                          f"{case!r}; it failed: {failure}", case.reml)
    return Law(name, statement, reason, drawn, held)


LMM_LAWS: tuple[Law, ...] = (
    _law("order", "(y, X, K, w) → (Py, PX, PKP', Pw): nothing changes",
         "A permutation renames the individuals; the density does not depend on their names.",
         cases(changes.order), breach_of_change),
    _law("kinship-scale", "K → aK, h → h/(h + a(1−h)), σ² → σ²(h + a(1−h))/a: L and β stay",
         "With these h and σ², σ²V is the same matrix.", cases(changes.kinship_scale), breach_of_change),
    _law("weights-scale", "w → cw, h → h/(h + c(1−h)), σ² → σ²(h + c(1−h)): L and β stay; no weights are weights of 1",
         "With these h and σ², σ²V is the same matrix.", cases(changes.weights_scale), breach_of_change),
    _law("phenotype", "y → ay + Xb: L → L − df log|a| with df = n (ML) or n − p (REML), σ² → a²σ², β → aβ + b",
         "Xb moves the mean along its own parameters; a changes the unit, with its Jacobian.",
         cases(changes.phenotype), breach_of_change),
    _law("covariates", "X → XA, β → A⁻¹β: L and σ² stay",
         "The columns of XA span the same space; ½log|X'X| takes up the change of ½log|X'V⁻¹X|.",
         cases(changes.covariates), breach_of_change),
    _law("covariate-units", "X → X diag(s), β → β/s: L and σ² stay, REML* too",
         "Units of covariates are a convention; REML* is that of orthonormal error contrasts.",
         cases(changes.covariate_units), breach_of_change),
    _law("rotation", "(y, X, K) → (Oy, OX, OKO') with O'O = I and no weights: nothing changes",
         "The density of Oy is that of y: |O| = ±1.", cases(changes.rotation, weights=False), breach_of_change),
    _law("whitening", "(y, X, K, w) → (W½y, W½X, W½KW½, none): ML* − ½Σlog w; REML* also + ½(log|X'WX| − log|X'X|)",
         "Weighting is a change of units of each individual, with its Jacobian.",
         cases(changes.whitening, weights=True), breach_of_change),
    _law("no-kinship", "at h = 0 another K changes nothing", "V is W⁻¹ there.", cases_at_zero(), breach_of_change),
    _law("flat", "K = cW⁻¹: L and β are the same at every h, σ² → σ²/(hc + 1−h)",
         "V is W⁻¹ up to scale, and σ² takes up the scale.", cases_without_structure(), breach_of_change),
    _law("copies", "two independent copies of everybody: ML* doubles, REML* → ML* + REML* + a constant of n and p, β stays",
         "Q, log|V| and X'V⁻¹X are sums over independent parts.", cases(), breach_of_copies),
    _law("blocks", "K block-diagonal: log|V|, z'V⁻¹z, z'V⁻¹y and y'V⁻¹y are the sums over the blocks",
         "V⁻¹ of independent blocks is block-diagonal.", cases_of_blocks(), breach_of_blocks),
    _law("one-at-a-time", "phenotypes together = each phenotype alone",
         "Every phenotype has its own parameters and its own likelihood.", cases(phenotypes=3),
         breach_of_one_at_a_time),
    _law("reported", "L, σ² and β reported with ĥ are those at h = ĥ", "It is one and the same fit.",
         cases(), breach_of_reported),
    _law("highest", "L(ĥ) ≥ L(h) for h on a grid of [0, 1] on which V is positive definite", "ĥ maximises L.",
         cases(), breach_of_grid),
    _law("own-criterion", "ML*(ĥ_ML) ≥ ML*(ĥ_REML) and REML*(ĥ_REML) ≥ REML*(ĥ_ML)",
         "Each ĥ maximises its own criterion.",
         cases(), breach_of_own_criterion),
)
