"""The register of known divergences: where an implementation departs from the mathematics, as executable cases.

An entry explains a difference only if its stated fault, computed here, reproduces the observed number. `check` runs
the smallest case that shows it, and so notices when upstream has mended it.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import optimize, stats

from lmmbridge.agreement import qtl2_divergences, simulation
from lmmbridge.agreement.differences import differences
from lmmbridge.agreement.ledger import LEDGER
from lmmbridge.agreement.scan_models import Place
from lmmbridge.agreement.tolerances import tolerances
from lmmbridge.engines import ENGINES, EngineFailure, Evaluation
from lmmbridge.engines.dense import DEPENDENT, gls
from lmmbridge.engines.r_engines import TOLERANCE, load, shared_session
from lmmbridge.inputs import Data

#: How near a reproduced ĥ must be to the observed one: a few of Brent's own steps, (√ε h + tol)/3 each …
REPRODUCED = 5e-8
#: … or, where rounding on a flat top moves Brent further, within this and of equal likelihood.
SAME_TOP = 1e-4
#: Rounding is reproduced in size: up to this many times the worst of `DRAWS` computations.
SAME_SIZE, DRAWS = 10.0, 8
#: A relative difference that leaves no digit; beyond it, size says nothing.
ALL_DIGITS = 0.1
#: Noise taken for a column explains more than its part of the rounded residual with this probability.
BY_CHANCE = 1e-6
#: A number of an implementation that is nearer than this to the right one, relative to 1 + |right|, is right.
MENDED = 1e-7


@dataclass(frozen=True, eq=False)
class OptimumOff:
    """A difference at the optimum that wants an explanation: one engine's ĥ for one phenotype.

    Attributes
    ----------
    engine : str
    data : Data
    column : int
        Which phenotype.
    reml : bool
    hsq : float
        The engine's ĥ, under K.
    highest : float
        The highest log likelihood that any engine found.
    """

    engine: str
    data: Data
    column: int
    reml: bool
    hsq: float
    highest: float

    def loglik(self, hsq: float) -> float:
        """The dense log likelihood at hsq (under K); −inf where V is not positive definite."""
        if not np.isfinite(hsq):
            return -np.inf
        try:
            return float(gls(self.data, hsq, self.data.Y[:, [self.column]], self.reml)[0][0])
        except EngineFailure:
            return -np.inf

    def is_optimal(self, hsq: float) -> bool:
        """Whether hsq loses nothing against the best."""
        return self.highest - self.loglik(hsq) <= tolerances()["optimum"]["limit"]

    def is_reproduced_by(self, hsq: float) -> bool:
        """Whether hsq is the engine's ĥ, or another place on the same flat top."""
        apart = abs(hsq - self.hsq)
        if apart <= SAME_TOP and abs(self.loglik(hsq) - self.loglik(self.hsq)) <= tolerances()["optimum"]["limit"]:
            return True
        return apart <= REPRODUCED


@dataclass(frozen=True, eq=False)
class ValueOff:
    """A value at fixed h that is off the dense one and wants an explanation.

    Attributes
    ----------
    engine : str
    data : Data
    column : int
        Which phenotype.
    reml : bool
    hsq : float
        Under K.
    quantity : str
        "loglik", "sigmasq" or "beta".
    difference : float
        On the quantity's own scale; infinite where the engine gave no number.
    """

    engine: str
    data: Data
    column: int
    reml: bool
    hsq: float
    quantity: str
    difference: float


@dataclass(frozen=True, eq=False)
class LodOff:
    """A LOD score at given hsq that is off the dense one and wants an explanation.

    Attributes
    ----------
    engine : str
    place : Place
    hsq : float or None
        Under twice the kinship matrix; None without kinship.
    lod, right : float
        The engine's LOD score, and the dense one.
    """

    engine: str
    place: Place
    hsq: float | None
    lod: float
    right: float


@dataclass(frozen=True)
class Finding:
    """What an entry's executable case found.

    Attributes
    ----------
    shown : bool
        Whether the installed version still shows the divergence.
    observed, right : float
        What the implementation gives, and what the mathematics gives.
    """

    shown: bool
    observed: float
    right: float


@dataclass(frozen=True)
class Divergence:
    """An entry of the register.

    Attributes
    ----------
    name : str
    engines : tuple of str
        Whom it concerns.
    statement : str
    seen_in : str
        Versions in which it was seen.
    check : function
        Runs the smallest case on the live engine.
    gives_optimum, gives_value, gives_lod : function or None
        Whether the stated fault gives the observed ĥ, value at fixed h, or LOD score. None for what it does not touch,
        and where the ledger already translates the difference.
    """

    name: str
    engines: tuple[str, ...]
    statement: str
    seen_in: str
    check: Callable[[], Finding]
    gives_optimum: Callable[[OptimumOff], bool] | None = None
    gives_value: Callable[[ValueOff], bool] | None = None
    gives_lod: Callable[[LodOff], bool] | None = None

    def __str__(self) -> str:
        return f"{self.name} (seen in {self.seen_in}): {self.statement}"


def explanation(observed: OptimumOff | ValueOff | LodOff) -> Divergence | None:
    """The entry whose fault reproduces what was observed, if there is one."""
    for entry in REGISTER:
        gives = {OptimumOff: entry.gives_optimum, ValueOff: entry.gives_value, LodOff: entry.gives_lod}[type(observed)]
        if observed.engine in entry.engines and gives is not None and gives(observed):
            return entry
    return None


def verdict_on(off: list[OptimumOff | ValueOff | LodOff]) -> tuple[str, list[str]]:
    """The verdict on a difference beyond tolerance: known only if every engine that is off is accounted for."""
    entries = {observed: explanation(observed) for observed in off}
    unaccounted = dict.fromkeys(observed.engine for observed, entry in entries.items() if entry is None)
    if unaccounted or not entries:
        return "unexplained", [f"off the dense value: {', '.join(unaccounted)}" if unaccounted
                               else "each is within the tolerance of the dense value, but not of the other"]
    return "known divergence", list(dict.fromkeys(map(str, entries.values())))


def single_search(observed: OptimumOff, ends: bool) -> float:
    """ĥ (under K) of one Brent search over the engine's own (0, 1), with or without the ends; dense likelihood."""
    convention = LEDGER[observed.engine]

    def negative(native: float) -> float:
        return -observed.loglik(float(convention.from_native_hsq(native)))

    found = optimize.minimize_scalar(negative, bounds=(0.0, 1.0), method="bounded", options={"xatol": TOLERANCE})
    candidates = [float(found.x)] + ([0.0, 1.0] if ends else [])
    return float(convention.from_native_hsq(min(candidates, key=negative)))


def _stops_short_of_the_end(observed: OptimumOff) -> bool:
    """The search without the ends gives the observed ĥ; with them it would have found the best."""
    return (observed.is_reproduced_by(single_search(observed, ends=False))
            and observed.is_optimal(single_search(observed, ends=True)))


def _climbs_the_lower_maximum(observed: OptimumOff) -> bool:
    """A single search, with the ends if the engine tries them, gives the observed ĥ."""
    return observed.is_reproduced_by(single_search(observed, ends=observed.engine != "lmmlite-r"))


def normal_equations(data: Data, h: float, reml: bool,
                     rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log likelihood (1,), σ² (1,) and β (p, 1) as lmmlite and qtl2 compute them, with one draw of their rounding.

    Rotation by the eigenvectors of K, X'V⁻¹X by eigen decomposition, Q = y'V⁻¹y − y'V⁻¹Xb. The individuals are in
    random order, and the decomposed matrices are moved by ε times their norm: that is how near the matrix is whose exact
    decomposition a backward stable solver gives.
    """
    def decompose(A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        noise = rng.normal(size=A.shape)
        values, vectors = np.linalg.eigh(A + np.finfo(float).eps * np.linalg.norm(A, 2) * (noise + noise.T) / 2.0)
        return np.where(values > 0.0, values, np.nan), vectors

    n, p = data.X.shape
    order = rng.permutation(n)
    root = np.ones((n, 1)) if data.weights is None else np.sqrt(data.weights)[:, None]
    lam, U = np.linalg.eigh((root * data.K * root.T)[np.ix_(order, order)])
    X, y = U.T @ (root * data.X)[order], U.T @ (root * data.Y)[order]
    d = h * lam + 1.0 - h
    XSX, XSy = X.T @ (X / d[:, None]), X.T @ (y / d[:, None])
    values, vectors = decompose(XSX)
    beta = vectors @ ((vectors.T @ XSy) / values[:, None])
    Q = (y.T @ (y / d[:, None]) - XSy.T @ beta)[0]
    Q = np.where(Q > 0.0, Q, np.nan)
    df = n - p if reml else n
    logdet = np.sum(np.log(d)) - 2.0 * np.sum(np.log(root))
    if reml:
        logdet += np.sum(np.log(values)) - np.sum(np.log(decompose(data.X.T @ data.X)[0]))
    return -0.5 * (df * (np.log(2.0 * np.pi * Q / df) + 1.0) + logdet), Q / df, beta


def normal_equations_error(data: Data, h: float, reml: bool, quantity: str) -> float:
    """The worst error of our own normal equations in several draws of rounding; infinite where they give no number."""
    right = _evaluation(*gls(data, h, data.Y, reml))
    rng = np.random.default_rng(0)
    answers = [_evaluation(*normal_equations(data, h, reml, rng)) for _ in range(DRAWS)]
    errors = [float(differences(answer, right, data)[quantity][0, 0]) for answer in answers]
    return float(np.max(np.nan_to_num(errors, nan=np.inf)))


def _well_scaled(data: Data) -> Data:
    """The same problem as it should be posed: an orthonormal basis of X, y less its least squares fit.

    ML*, REML* and σ² at any h are the same; an engine that is right but for lost digits is right here.
    """
    basis = np.linalg.qr(data.X)[0]
    residual = data.Y - basis @ (basis.T @ data.Y)
    size = np.linalg.norm(residual, axis=0) / np.sqrt(len(data.ids))
    return replace(data, X=basis * np.sqrt(len(data.ids)), Y=residual / size)


def _loses_digits_in_normal_equations(observed: ValueOff) -> bool:
    """Our own normal equations lose as many digits, and the engine is right where there are none to lose."""
    data = one_phenotype(observed.data, observed.column)
    error = normal_equations_error(data, observed.hsq, observed.reml, observed.quantity)
    if min(observed.difference, ALL_DIGITS) > SAME_SIZE * error:
        return False
    well, convention, hsq = _well_scaled(data), LEDGER[observed.engine], np.array([[observed.hsq]])
    try:
        native = ENGINES[observed.engine].at_hsq(well, convention.to_native_hsq(hsq), observed.reml)
    except EngineFailure:
        return False
    found = differences(convention.translate_evaluation(native, hsq, well, observed.reml),
                        _evaluation(*gls(well, observed.hsq, well.Y, observed.reml)), well)
    # What an engine only reports, and does not compute at fixed hsq, is vouched for by its log likelihood.
    return all(float(difference[0, 0]) <= tolerances()[quantity]["limit"] / 10.0 for quantity, difference in found.items())


def _climbs_a_noisy_likelihood(observed: OptimumOff) -> bool:
    """What ĥ loses is no more than the noise of normal equations, and without that noise the engine finds the best."""
    data = one_phenotype(observed.data, observed.column)
    loss = (observed.highest - observed.loglik(observed.hsq)) / (1.0 + abs(observed.highest))
    if min(loss, ALL_DIGITS) > SAME_SIZE * normal_equations_error(data, observed.hsq, observed.reml, "loglik"):
        return False
    well = _well_scaled(data)
    try:
        native = ENGINES[observed.engine].optimum(well, observed.reml).hsq
    except EngineFailure:
        return False
    best = ENGINES["dense"].optimum(well, observed.reml)
    found = OptimumOff(observed.engine, well, 0, observed.reml,
                       float(LEDGER[observed.engine].from_native_hsq(native)[0]), float(best.loglik[0]))
    return found.is_optimal(found.hsq)


def _keeps_noise_as_columns(observed: LodOff) -> bool:
    """With kinship, genotype columns depend on the covariates, and LOD is what random columns in their place could add."""
    if observed.hsq is None:
        return False
    _, covariates, G = observed.place.designs()
    p = _rank(covariates)
    lost = p + G.shape[1] - _rank(np.column_stack([covariates, G]))
    if lost == 0:
        return False
    n = len(covariates)
    part = stats.beta.isf(BY_CHANCE, lost / 2.0, (n - p - lost) / 2.0)
    return 0.0 <= observed.lod - observed.right <= -0.5 * n * np.log10(1.0 - part)


def _rank(columns: np.ndarray) -> int:
    lengths = np.linalg.norm(columns, axis=0)
    return int(np.linalg.matrix_rank(columns[:, lengths > 0.0] / lengths[lengths > 0.0], tol=DEPENDENT))


def _departs(case: Callable[[], tuple[float, float]]) -> Callable[[], Finding]:
    """The executable case of an entry: whether qtl2's number, or its lack of one, departs from the dense one."""
    def check() -> Finding:
        observed, right = case()
        return Finding(not abs(observed - right) <= MENDED * (1.0 + abs(right)), observed, right)
    return check


def _evaluation(loglik: np.ndarray, sigmasq: np.ndarray, beta: np.ndarray) -> Evaluation:
    return Evaluation(loglik[None], sigmasq[None], beta[None])


def one_phenotype(data: Data, column: int) -> Data:
    """The same problem with one of its phenotypes."""
    return replace(data, Y=data.Y[:, [column]], phenotypes=(data.phenotypes[column],),
                   positions=(data.positions[column],))


def _twins(h: float, n: int = 12) -> Data:
    """A sib-pair problem whose REML estimate is at the boundary h (0 or 1): sibs alike, or opposite."""
    sib = np.kron(np.eye(n // 2), np.array([[1.0, 0.5], [0.5, 1.0]]))
    size = np.repeat(np.arange(1.0, n // 2 + 1), 2)
    y = size if h == 1.0 else np.tile([1.0, -1.0], n // 2) * size
    ids = tuple(f"i{i + 1}" for i in range(n))
    return Data(ids, ("y",), (0,), ("intercept",), y[:, None], np.ones((n, 1)), sib, None, ())


def _boundary_not_tried() -> Finding:
    answer = ENGINES["lmmlite-r"].optimum(_twins(1.0), reml=True).hsq[0]
    return Finding(bool(answer != 1.0), float(answer), 1.0)


def _sigmasq_under_ml() -> Finding:
    data = _twins(1.0)
    hsq = np.array([[0.5]])
    observed = float(ENGINES["lmmlite-r"].at_hsq(data, hsq, reml=False).sigmasq[0, 0])
    right = float(gls(data, 0.5, data.Y, reml=False)[1][0])
    return Finding(not np.isclose(observed, right, rtol=tolerances()["sigmasq"]["limit"]), observed, right)


def _local_maximum() -> Finding:
    data = simulation.two_maxima()
    right = float(ENGINES["dense"].optimum(data, reml=True).hsq[0])
    observed = float(ENGINES["lmmlite-cpp"].optimum(data, reml=True).hsq[0])
    return Finding(abs(observed - right) > REPRODUCED, observed, right)


def _large_mean() -> Finding:
    """σ² of a phenotype whose mean is a million times its spread."""
    data = _twins(1.0)
    data = replace(data, Y=data.Y / 7.0 + 1e6 / 3.0)
    hsq = np.array([[0.5]])
    observed = float(ENGINES["lmmlite-cpp"].at_hsq(data, hsq, reml=True).sigmasq[0, 0])
    right = float(gls(data, 0.5, data.Y, reml=True)[1][0])
    return Finding(not np.isclose(observed, right, rtol=tolerances()["sigmasq"]["limit"]), observed, right)


def _constant_covariate() -> Finding:
    """ĥ (under K) of est_herit with covariates (1, x₁, x₂): it keeps the constant twice and loses x₂."""
    rng = np.random.default_rng(0)
    n = 40
    X = np.column_stack([np.ones(n), np.arange(n) % 2.0, np.arange(n) / 4.0])
    family = np.kron(np.eye(n // 4), np.ones((4, 4)))
    y = X[:, 2] / 3.0 + family @ rng.normal(size=n) / 4.0 + rng.normal(size=n)
    ids = tuple(f"i{i + 1}" for i in range(n))
    data = Data(ids, ("y",), (0,), ("intercept", "x1", "x2"), y[:, None], X, (family + np.eye(n)) / 2.0, None, ())
    load(data)
    native = float(shared_session().call("qtl2_optimum_with_constant", True, TOLERANCE).value["hsq"])
    observed = float(LEDGER["qtl2"].from_native_hsq(native))
    right = float(ENGINES["dense"].optimum(data, reml=True).hsq[0])
    return Finding(abs(observed - right) > 1e-3, observed, right)


REGISTER: tuple[Divergence, ...] = (
    Divergence(
        "lmmlite-boundary", ("lmmlite-r",),
        "lmmlite fitLMM(use_cpp=FALSE) ignores check_boundary: the ends are not tried, so that the search stops a step "
        "short of a maximum at hsq = 0 or 1, or on a lower one inside",
        "lmmlite 0.2-2", _boundary_not_tried, _stops_short_of_the_end),
    Divergence(
        "lmmlite-ml-variance", ("lmmlite-r", "lmmlite-cpp"),
        "lmmlite's sigmasq divides by n − p under ML too; the ledger translates it", "lmmlite 0.2-2",
        _sigmasq_under_ml),
    Divergence(
        "single-search", ("lmmlite-r", "lmmlite-cpp", "qtl2"),
        "one Brent search over (0, 1) may climb the lower of two maxima of the likelihood", "lmmlite 0.2-2, qtl2 0.46",
        _local_maximum, _climbs_the_lower_maximum),
    Divergence(
        "normal-equations", ("lmmlite-r", "lmmlite-cpp", "qtl2"),
        "solves X'V⁻¹Xb = X'V⁻¹y and takes Q = y'V⁻¹y − y'V⁻¹Xb: digits are lost with cond(X)² and (mean/spread)² of y",
        "lmmlite 0.2-2, qtl2 0.46", _large_mean, _climbs_a_noisy_likelihood, _loses_digits_in_normal_equations),
    Divergence(
        "qtl2-constant-covariate", ("qtl2",),
        "qtl2 est_herit with a constant column in addcovar keeps that column and drops the last covariate instead "
        "(drop_depcols applies the positions within the reduced matrix to the full one)", "qtl2 0.46",
        _constant_covariate),
    Divergence(
        "qtl2-blup-se", ("qtl2",),
        "qtl2 scan1blup(se=TRUE), with kinship or without: the covariates are not rotated together with the genotype "
        "columns, so that the standard errors are wrong (the case: the first genotype's, iron, liver, D16Mit30, with "
        "kinship, sex as covariate)",
        "qtl2 0.46", _departs(qtl2_divergences.blup_standard_error)),
    Divergence(
        "qtl2-blup-nullcovar", ("qtl2",),
        "qtl2 scan1blup with kinship and nullcovar: nullcovar is not rotated, so that hsq is of another null model (the "
        "case: the first genotype's BLUP, iron, liver, D16Mit30, sex in nullcovar)",
        "qtl2 0.46", _departs(qtl2_divergences.blup_with_nullcovar)),
    *(Divergence(
        f"qtl2-interaction-weights-{function}", ("qtl2",),
        f"qtl2 {function} with kinship, weights and intcovar: the interaction is weighted twice; scan1 is right (the case: "
        f"{number}, iron, liver, chromosome 16, interaction with sex)", "qtl2 0.46", _departs(case))
      for function, number, case in (
          ("fit1", "LOD at D16Mit30", qtl2_divergences.interaction_weighted_twice),
          ("scan1coef", "the coefficient SB:sex at D16Mit30", qtl2_divergences.interaction_weighted_twice_in_scan1coef),
          ("scan1perm", "the largest LOD of a permutation that changes nothing",
           qtl2_divergences.interaction_weighted_twice_in_scan1perm))),
    Divergence(
        "qtl2-constant-weights", ("qtl2",),
        "qtl2 fit1 with kinship, weights and a constant covariate: the columns are looked at for dependence after they "
        "were weighted, when the constant no longer is one; scan1 is right (the case: LOD of fit1, iron, liver, D16Mit30)",
        "qtl2 0.46", _departs(qtl2_divergences.constant_covariate_weighted)),
    Divergence(
        "qtl2-hsq-vector", ("qtl2",),
        "qtl2 scan1(hsq=) is documented as taking a vector; with two phenotypes or more it refuses one, a matrix is needed "
        "(the case: LOD of spleen at D16Mit30, iron; NaN where it is refused)",
        "qtl2 0.46", _departs(qtl2_divergences.hsq_as_vector)),
    Divergence(
        "qtl2-collinear-position", ("qtl2",),
        "qtl2 scan1 with kinship at a position whose genotype columns depend exactly on the covariates: the rounding noise "
        "left of them is kept, so that LOD is not that of the remaining columns (the case: iron, liver, D16Mit30, its own "
        "genotype columns as covariates: 0 is right)",
        "qtl2 0.46", _departs(qtl2_divergences.collinear_position), gives_lod=_keeps_noise_as_columns),
)
