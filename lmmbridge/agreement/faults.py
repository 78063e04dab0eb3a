"""The faults of the register as models: what a number would be if an implementation had the fault, computed by us.

A function of an observation says whether the fault that it is named after gives the observed number.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy import optimize, stats

from lmmbridge.agreement.differences import differences
from lmmbridge.agreement.ledger import LEDGER
from lmmbridge.agreement.observations import SAME_TOP, LodOff, OptimumOff, ValueOff, one_phenotype
from lmmbridge.agreement.scan_models import null_problem
from lmmbridge.agreement.tolerances import tolerances
from lmmbridge.engines import ENGINES, EngineFailure, Evaluation
from lmmbridge.engines.dense import DEPENDENT, gls
from lmmbridge.engines.r_engines import TOLERANCE
from lmmbridge.inputs import Data

#: Rounding is reproduced in size: up to this many times the worst of `DRAWS` computations.
SAME_SIZE, DRAWS = 10.0, 8
#: At an end where V is singular, a zero eigenvalue that comes out positive, by chance, lifts the likelihood or does not.
END_DRAWS = 64
#: Stands for −log likelihood where there is none.
NO_NUMBER = 1e100
#: A relative difference that leaves no digit; beyond it, size says nothing.
ALL_DIGITS = 0.01
#: Noise taken for a column explains more than its part of the rounded residual with this probability.
BY_CHANCE = 1e-6


# --- one Brent search -------------------------------------------------------------------------------------------------

def single_search(observed: OptimumOff, ends: bool, loglik: Callable[[float], float] | None = None) -> float:
    """ĥ (under K) of one Brent search over the engine's own (0, 1), with or without the ends.

    Of the dense log likelihood, or of one that is given as a function of h (under K).
    """
    convention, loglik = LEDGER[observed.engine], loglik or observed.loglik

    def negative(native: float) -> float:
        return min(-loglik(float(convention.from_native_hsq(native))), NO_NUMBER)     # Brent takes differences

    found = optimize.minimize_scalar(negative, bounds=(0.0, 1.0), method="bounded", options={"xatol": TOLERANCE})
    candidates = [float(found.x)] + ([0.0, 1.0] if ends else [])
    return float(convention.from_native_hsq(min(candidates, key=negative)))


def stops_short_of_the_end(observed: OptimumOff) -> bool:
    """The search without the ends gives the observed ĥ; with them it would have found the best."""
    return (_finds(observed, single_search(observed, ends=False))
            and observed.is_optimal(single_search(observed, ends=True)))


def climbs_the_lower_maximum(observed: OptimumOff) -> bool:
    """A single search, with the ends if the engine tries them, gives the observed ĥ."""
    return _finds(observed, single_search(observed, ends=observed.engine != "lmmlite-r"))


def _finds(observed: OptimumOff, hsq: float) -> bool:
    """Whether hsq, found without rounding, is the observed ĥ, or as high near it as the noise of normal equations can tell."""
    if observed.is_reproduced_by(hsq) or abs(hsq - observed.hsq) > SAME_TOP:
        return observed.is_reproduced_by(hsq)
    noise = normal_equations_error(one_phenotype(observed.data, observed.column), observed.hsq, observed.reml, "loglik")
    return abs(observed.loglik(hsq) - observed.loglik(observed.hsq)) <= SAME_SIZE * noise * (1.0 + abs(observed.highest))


# --- normal equations -------------------------------------------------------------------------------------------------

def normal_equations(data: Data, h: float, reml: bool,
                     rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log likelihood (1,), σ² (1,) and β (p, 1) as lmmlite and qtl2 compute them, with one draw of their rounding.

    Rotation by the eigenvectors of K, d = hλ + 1 − h from left to right, (X'V⁻¹X)⁻¹ written out from an eigen decomposition,
    Q = y'V⁻¹y − y'V⁻¹Xb. The individuals are in random order, and the decomposed matrices, or their eigenvalues, are moved
    by ε times their norm: that is how near the matrix is whose exact decomposition a backward stable solver gives.
    """
    def decompose(A: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        noise = rng.normal(size=A.shape)
        values, vectors = np.linalg.eigh(A + np.finfo(float).eps * np.linalg.norm(A, 2) * (noise + noise.T) / 2.0)
        return np.where(values > 0.0, values, np.nan), vectors

    n, p = data.X.shape
    order = rng.permutation(n)
    root = np.ones((n, 1)) if data.weights is None else np.sqrt(data.weights)[:, None]
    lam, U = np.linalg.eigh((root * data.K * root.T)[np.ix_(order, order)])
    lam += np.finfo(float).eps * np.abs(lam[-1]) * rng.normal(size=n)
    X, y = U.T @ (root * data.X)[order], U.T @ (root * data.Y)[order]
    d = h * lam + 1.0 - h
    if not np.all(d > 0.0):
        raise np.linalg.LinAlgError("V is not positive definite to rounding")
    XSX, XSy = X.T @ (X / d[:, None]), X.T @ (y / d[:, None])
    values, vectors = decompose(XSX)
    beta = (vectors / values) @ vectors.T @ XSy
    Q = (y.T @ (y / d[:, None]) - XSy.T @ beta)[0]
    Q = np.where(Q > 0.0, Q, np.nan)
    df = n - p if reml else n
    logdet = np.sum(np.log(d)) - 2.0 * np.sum(np.log(root))
    if reml:
        logdet += np.sum(np.log(values)) - np.sum(np.log(decompose(data.X.T @ data.X)[0]))
    return -0.5 * (df * (np.log(2.0 * np.pi * Q / df) + 1.0) + logdet), Q / df, beta


def noisy_loglik(data: Data, reml: bool, draw: int = 0) -> Callable[[float], float]:
    """The log likelihood by `normal_equations`, with that draw of rounding, as a function of h; −inf where it leaves no number."""
    def loglik(h: float) -> float:
        try:
            value = float(normal_equations(data, h, reml, np.random.default_rng(draw))[0][0])
        except np.linalg.LinAlgError:
            return -np.inf
        return value if np.isfinite(value) else -np.inf
    return loglik


def normal_equations_error(data: Data, h: float, reml: bool, quantity: str) -> float:
    """The worst error of our own normal equations in several draws of rounding; infinite where no number can be given."""
    rng = np.random.default_rng(0)
    try:
        right = _evaluation(*gls(data, h, data.Y, reml))
        answers = [_evaluation(*normal_equations(data, h, reml, rng)) for _ in range(DRAWS)]
    except (np.linalg.LinAlgError, EngineFailure):
        return np.inf
    errors = [float(differences(answer, right, data)[quantity][0, 0]) for answer in answers]
    return float(np.max(np.nan_to_num(errors, nan=np.inf)))


def well_scaled(data: Data, h: float) -> Data:
    """The same problem as it should be posed for this h: X'V⁻¹X a multiple of I, y less its generalised least squares fit.

    ML*, REML* (up to a constant) and σ² at any h are the same; an engine that is right but for the digits that normal
    equations lose is right here.
    """
    n = len(data.ids)
    noise = np.ones(n) if data.weights is None else 1.0 / data.weights
    L = np.linalg.cholesky(h * data.K + (1.0 - h) * np.diag(noise))
    LX, Ly = (np.linalg.solve(L, columns) for columns in (data.X / np.linalg.norm(data.X, axis=0), data.Y))
    basis = np.linalg.qr(LX)[0]
    residual = Ly - basis @ (basis.T @ Ly)
    residual -= basis @ (basis.T @ residual)
    return replace(data, X=L @ basis * np.sqrt(n), Y=L @ residual * np.sqrt(n) / np.linalg.norm(residual))


def loses_digits_in_normal_equations(observed: ValueOff) -> bool:
    """Our own normal equations lose as many digits, and where they have none to lose, neither has the engine."""
    data = one_phenotype(observed.data, observed.column)
    error = normal_equations_error(data, observed.hsq, observed.reml, observed.quantity)
    if min(observed.difference, ALL_DIGITS) > SAME_SIZE * error:
        return False
    convention, hsq = LEDGER[observed.engine], np.array([[observed.hsq]])
    try:
        well = well_scaled(data, observed.hsq)
        native = ENGINES[observed.engine].at_hsq(well, convention.to_native_hsq(hsq), observed.reml)
    except (np.linalg.LinAlgError, EngineFailure):
        return False
    found = differences(convention.translate_evaluation(native, hsq, well, observed.reml),
                        _evaluation(*gls(well, observed.hsq, well.Y, observed.reml)), well)
    # What an engine only reports, and does not compute at fixed hsq, is vouched for by its log likelihood.
    return all(float(difference[0, 0]) <= max(tolerances()[quantity]["limit"] / 10.0, SAME_SIZE * normal_equations_error(
        well, observed.hsq, observed.reml, quantity)) for quantity, difference in found.items())


def loses_digits_under_the_null(observed: LodOff) -> bool:
    """LOD = (n/2) log10(Q0/Q1) is off by no more than what our own normal equations lose in Q0."""
    if observed.hsq is None:
        return False
    data = null_problem(observed.place)
    h = float(LEDGER["qtl2"].from_native_hsq(observed.hsq))
    error = min(SAME_SIZE * normal_equations_error(data, h, True, "sigmasq"), ALL_DIGITS)
    return abs(observed.lod - observed.right) <= 0.5 * len(data.ids) * error / np.log(10.0)


def climbs_a_noisy_likelihood(observed: OptimumOff) -> bool:
    """ĥ loses no more than the noise of normal equations, without which the engine finds what its search can find.

    Or that noise hides the higher maximum, and leads our own search elsewhere, too; or it lifts an end above the maximum.
    """
    data, ends = one_phenotype(observed.data, observed.column), observed.engine != "lmmlite-r"
    if observed.is_reproduced_by(single_search(observed, ends, noisy_loglik(data, observed.reml))):
        return True
    if ends and observed.hsq in (0.0, 1.0) and any(noisy_loglik(data, observed.reml, draw)(observed.hsq) > observed.highest
                                                   for draw in range(END_DRAWS)):
        return True
    loss = (observed.highest - observed.loglik(observed.hsq)) / (1.0 + abs(observed.highest))
    if min(loss, ALL_DIGITS) > SAME_SIZE * normal_equations_error(data, observed.hsq, observed.reml, "loglik"):
        return False
    try:
        well = well_scaled(data, observed.hsq)
        native = ENGINES[observed.engine].optimum(well, observed.reml).hsq
    except (np.linalg.LinAlgError, EngineFailure):
        return False
    best = ENGINES["dense"].optimum(well, observed.reml)
    found = OptimumOff(observed.engine, well, 0, observed.reml,
                       float(LEDGER[observed.engine].from_native_hsq(native)[0]), float(best.loglik[0]))
    return found.is_optimal(found.hsq) or climbs_the_lower_maximum(found)


def _evaluation(loglik: np.ndarray, sigmasq: np.ndarray, beta: np.ndarray) -> Evaluation:
    return Evaluation(loglik[None], sigmasq[None], beta[None])


# --- rounding noise taken for a column ----------------------------------------------------------------------------------

def keeps_noise_as_columns(observed: LodOff) -> bool:
    """With kinship, genotype columns depend on the covariates, and LOD is no more than random columns in their place add.

    Columns that are zero, or that depend on each other alone, are not meant.
    """
    if observed.hsq is None:
        return False
    _, covariates, G = observed.place.designs()
    p = _rank(covariates)
    lost = p + _rank(G) - _rank(np.column_stack([covariates, G]))
    if lost == 0:
        return False
    n = len(covariates)
    part = stats.beta.isf(BY_CHANCE, lost / 2.0, (n - p - lost) / 2.0)
    return 0.0 <= observed.lod - observed.right <= -0.5 * n * np.log10(1.0 - part)


def _rank(columns: np.ndarray) -> int:
    lengths = np.linalg.norm(columns, axis=0)
    return int(np.linalg.matrix_rank(columns[:, lengths > 0.0] / lengths[lengths > 0.0], tol=DEPENDENT))
