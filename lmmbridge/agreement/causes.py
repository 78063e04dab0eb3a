"""The known causes of differences between mixed-model programs, as data: each is a change to how a number is read.

A `Reading` says how a number comes from a problem: which individuals, which K and weights, which criterion chose ĥ and
by what search, and what is reported of the fit. The default is this project's: ML* or REML* with every constant, K as
given, h of the highest maximum. A `Cause` changes some of that; two causes compose unless they change the same thing.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from lmmbridge.agreement.ledger import LEDGER, LOG_2PI, Size

#: What can be explained.
QUANTITIES = ("loglik", "hsq", "sigmasq", "beta")
#: The tolerance of one search that stands for all: lmmlite's default.
LOOSE = 1e-4
#: Eigenvalues below this become this in pylmm.
CLIPPED_AT = 1e-6


@dataclass(frozen=True)
class Reading:
    """How a number comes from a problem.

    Attributes
    ----------
    sample : str
        Which individuals: a name in the problem's samples.
    design : str
        "with intercept", "as given" (no intercept put in front), or "intercept alone".
    centred : bool
        K double-centred, (I − 11'/n)K(I − 11'/n), before it is scaled.
    scale : str
        "as given", "doubled", "halved", "mean diagonal" (divided by it) or "correlation" (k_ij/√(k_ii k_jj)).
    clipped : bool
        Eigenvalues (of W½KW½) below 1e-6 set to 1e-6.
    weights : str
        What the weights given are taken for: "1/variance", "1/SD", "SD", "variance", or "forgotten".
    chosen_by : str
        The criterion that chooses ĥ: "ML", "REML", or "REML with n", with n where n − p belongs.
    evaluated_by : str
        The criterion reported at ĥ.
    search : str
        "all maxima", or "one": one Brent search over (0, 1), and the ends if `ends`, to within `tol`.
    divisor : str
        Of Q in σ²: "own" (n − p under REML, n under ML), "n" or "n-p".
    gaussian : str
        Which constant of the normal density is kept: a key of `CONSTANTS`.
    logdet_XtX : bool
        Whether REML has its + ½log|X'X|.
    of_weighted_data : bool
        Whether the likelihood is that of W½y rather than that of y.
    unit : str
        A key of `UNITS`.
    estimand : str
        "plain", or another quantity that goes by the same name.
    root : bool
        √ of a variance.
    """

    sample: str = "observed"
    design: str = "with intercept"
    centred: bool = False
    scale: str = "as given"
    clipped: bool = False
    weights: str = "1/variance"
    chosen_by: str = "REML"
    evaluated_by: str = "REML"
    search: str = "all maxima"
    ends: bool = True
    tol: float = 1e-12
    divisor: str = "own"
    gaussian: str = "all"
    logdet_XtX: bool = True
    of_weighted_data: bool = False
    unit: str = "log"
    estimand: str = "plain"
    root: bool = False


@dataclass(frozen=True)
class Cause:
    """A named change to a reading.

    Attributes
    ----------
    name : str
        Short, as it stands in a list.
    words : str
        What it says, with the formula and the programs that are known for it.
    changes : mapping
        Fields of `Reading` → their values.
    quantities : tuple of str
        What it can change.
    parts : tuple of Cause
        Of a program's whole convention: the causes it is made of.
    """

    name: str
    words: str
    changes: Mapping[str, Any] = field(hash=False)
    quantities: tuple[str, ...] = QUANTITIES
    parts: tuple[Cause, ...] = ()

    def __str__(self) -> str:
        return self.name


def read_with(reading: Reading, causes: Iterable[Cause]) -> Reading | None:
    """The reading with these causes; None if two of them want different values of one field."""
    changes: dict[str, Any] = {}
    for cause in causes:
        for name, value in cause.changes.items():
            if changes.setdefault(name, value) != value:
                return None
    return replace(reading, **changes)


def _free(size: Size, reml: bool) -> int:
    return size.n - size.p if reml else size.n


def _lmmlite(size: Size, reml: bool) -> float:
    convention = LEDGER["lmmlite-r"]
    return -(convention.to_reml if reml else convention.to_ml)(size)


def _whole_constant(size: Size, reml: bool) -> float:
    k = _free(size, True)
    return k / 2 * (LOG_2PI + 1.0 - np.log(k)) if reml else 0.0     # under ML it is lmmlite's


def _Q_over_n(size: Size, reml: bool) -> float:
    n, k = size.n, _free(size, True)
    return -0.5 * (k * np.log(k / n) + size.p) if reml else 0.0


def _n_in_every_constant(size: Size, reml: bool) -> float:
    n, p, k = size.n, size.p, _free(size, True)
    return -0.5 * (p * (LOG_2PI + 1.0) + k * np.log(k) - n * np.log(n)) if reml else 0.0


def _pylmm(size: Size, reml: bool) -> float:
    n, k = size.n, _free(size, True)
    return -0.5 * (n * np.log(k / n) + size.p) if reml else 0.0


#: What a program adds to ML* or REML*, by the name of its constant: function of (Size, reml).
CONSTANTS: dict[str, Callable[[Size, bool], float]] = {
    "all": lambda size, reml: 0.0,
    "no log 2π": lambda size, reml: _free(size, reml) / 2 * LOG_2PI,
    "lmmlite's": _lmmlite,
    "none": _whole_constant,
    "n log 2π": lambda size, reml: -size.p / 2 * LOG_2PI if reml else 0.0,
    "Q/n": _Q_over_n,
    "n in all": _n_in_every_constant,
    "pylmm's": _pylmm,
    "π = 3.14159": lambda size, reml: _free(size, reml) / 2 * np.log(np.pi / 3.14159),
}


def without_weights_determinant(size: Size, reml: bool) -> float:
    """What turns the log likelihood of y into that of W½y, which qtl2 reports."""
    qtl2, unweighted = LEDGER["qtl2"], LEDGER["lmmlite-r"]
    if reml:
        return unweighted.to_reml(size) - qtl2.to_reml(size)
    return unweighted.to_ml(size) - qtl2.to_ml(size)


#: What a log likelihood in natural units is multiplied by.
UNITS = {"log": 1.0, "log10": 1.0 / float(np.log(10.0)), "minus": -1.0, "deviance": -2.0}

_LOGLIK, _HSQ, _SIGMASQ = ("loglik",), ("hsq",), ("sigmasq",)

K_DOUBLED = Cause("K doubled", "2K in place of K: h becomes h/(2 − h) (R/qtl2)", {"scale": "doubled"})
K_HALVED = Cause("K halved", "½K in place of K: h becomes 2h/(1 + h)", {"scale": "halved"})
K_CENTRED = Cause("K centred", "K double-centred, (I − 11'/n)K(I − 11'/n) (GEMMA)", {"centred": True})
K_SCALED = Cause("K divided by its mean diagonal", "K divided by its mean diagonal, n/tr(K)·K (limix)",
                 {"scale": "mean diagonal"})
K_CORRELATION = Cause("K as correlations", "K standardised to k_ij/√(k_ii k_jj)", {"scale": "correlation"})
CLIPPED = Cause("eigenvalues clipped", "eigenvalues of K below 1e-6 set to 1e-6 (pylmm)", {"clipped": True})

WEIGHTS_FORGOTTEN = Cause("weights forgotten", "weights not used", {"weights": "forgotten"})
WEIGHTS = (
    WEIGHTS_FORGOTTEN,
    Cause("weights as 1/SD", "weights taken for 1/SD, squared before use (BulkLMM)", {"weights": "1/SD"}),
    Cause("weights as variances", "weights taken for variances (GEMMA -widv)", {"weights": "variance"}),
    Cause("weights as SD", "weights taken for standard deviations", {"weights": "SD"}),
)

ML_FOR_REML = Cause("ML for REML", "ML chooses ĥ and is reported", {"chosen_by": "ML", "evaluated_by": "ML"})
REML_FOR_ML = Cause("REML for ML", "REML chooses ĥ and is reported", {"chosen_by": "REML", "evaluated_by": "REML"})
ML_AT_REML = Cause("ML value at the REML hsq", "REML chooses ĥ, ML's log likelihood there is reported (est_herit of "
                   "R/qtl2)", {"chosen_by": "REML", "evaluated_by": "ML"}, _LOGLIK)
N_FOR_REML = Cause("n for n-p throughout REML", "n where n − p belongs in the restricted likelihood, Q's power too",
                   {"chosen_by": "REML with n", "evaluated_by": "REML with n"})

ENDS_NOT_TRIED = Cause("a boundary not tried", "one Brent search over (0, 1) that never tries hsq = 0 and 1 (lmmlite "
                       "with use_cpp=FALSE)", {"search": "one", "ends": False})
ONE_SEARCH = Cause("the lower of two maxima", "one Brent search over (0, 1) that climbs the lower of two maxima "
                   "(lmmlite and R/qtl2)", {"search": "one"})
LOOSE_SEARCH = Cause("a loose tolerance", f"Brent's search ended with tol {LOOSE:g} (lmmlite's default)",
                     {"search": "one", "tol": LOOSE})

DIVISOR_N = Cause("n for n-p in sigmasq", "σ² = Q/n under REML", {"divisor": "n"}, _SIGMASQ)
DIVISOR_N_MINUS_P = Cause("n-p for n in sigmasq", "σ² = Q/(n − p) under ML (lmmlite, pylmm)", {"divisor": "n-p"},
                          _SIGMASQ)


def _constant(name: str, words: str, gaussian: str) -> Cause:
    return Cause(name, words, {"gaussian": gaussian}, _LOGLIK)


NO_LOG_2PI = _constant("log 2π left out", "−(n/2) log 2π left out, of REML −((n − p)/2) log 2π (BulkLMM, gaston, "
                       "regress)", "no log 2π")
LMMLITES_CONSTANTS = _constant("lmmlite's constants", "(n/2)(log(n/2π) − 1) left out of ML, (n/2) log(n−p) − "
                               "(n/2) log 2π − (n−p)/2 left out of REML (lmmlite, R/qtl2)", "lmmlite's")
NO_CONSTANT = _constant("REML's constants left out", "((n − p)/2)(log((n − p)/2π) − 1) left out of REML", "none")
#: Constants that only REML has.
REML_CONSTANTS = (
    NO_CONSTANT,
    _constant("n log 2π for (n-p) log 2π", "−(n/2) log 2π in REML in place of −((n − p)/2) log 2π", "n log 2π"),
    _constant("Q/n in REML", "σ̂² = Q/n put into the restricted likelihood in place of Q/(n − p)", "Q/n"),
    _constant("n for n-p in REML's constants", "n for n − p in all constants of REML, not in Q's power", "n in all"),
    _constant("pylmm's constants", "REML + (n/2) log(n/(n − p)) − p/2 (pylmm)", "pylmm's"),
    Cause("½log|X'X| left out", "REML without + ½log|X'X| (lme4, nlme, statsmodels, coxme, BulkLMM, gaston)",
          {"logdet_XtX": False}, _LOGLIK),
)
NO_LOGDET_XTX = REML_CONSTANTS[-1]
RRBLUPS_PI = _constant("π = 3.14159", "π cut to 3.14159 in the constant (rrBLUP)", "π = 3.14159")
OF_WEIGHTED_DATA = Cause("likelihood of the weighted data", "½Σ log w left out, and in REML log|X'WX| for log|X'X|: "
                         "the likelihood of W½y (R/qtl2)", {"of_weighted_data": True}, _LOGLIK)
LOG10 = Cause("log10 for ln", "logarithm to base 10 (est_herit of R/qtl2)", {"unit": "log10"}, _LOGLIK)
MINUS = Cause("the sign turned", "minus the log likelihood (FaST-LMM)", {"unit": "minus"}, _LOGLIK)
DEVIANCE = Cause("-2 log likelihood", "−2 log likelihood, the deviance", {"unit": "deviance"}, _LOGLIK)

WITH_COVARIATES = Cause("hsq with the covariates' variance", "h² = g/(var(Xb) + g + e), var with divisor n (limix)",
                        {"estimand": "with covariates"}, _HSQ)
PVE = Cause("pve", "sh/(sh + 1 − h) with s the mean diagonal of the centred K (GEMMA)", {"estimand": "pve"}, _HSQ)
RATIO = Cause("g/e for g/(g+e)", "h/(1 − h), the ratio of the variances (GEMMA's λ)", {"estimand": "g/e"}, _HSQ)
DELTA = Cause("e/g for g/(g+e)", "(1 − h)/h (FaST-LMM's δ)", {"estimand": "e/g"}, _HSQ)
COMPLEMENT = Cause("1 - hsq", "1 − h, the residual's part (glimix-core's δ)", {"estimand": "1 - h"}, _HSQ)
GENETIC = Cause("the genetic variance", "σ²h for σ² (σ²_g; Vu, tau per unit of K)", {"estimand": "genetic"}, _SIGMASQ)
RESIDUAL = Cause("the residual variance", "σ²(1 − h) for σ² (σ²_e; Ve)", {"estimand": "residual"}, _SIGMASQ)
ROOT = Cause("SD for variance", "√σ² for σ² (resid_sd of R/qtl2)", {"root": True}, _SIGMASQ)

NO_INTERCEPT = Cause("no intercept", "no intercept put in front of the covariates", {"design": "as given"})
NO_COVARIATES = Cause("covariates forgotten", "the intercept alone for the covariates", {"design": "intercept alone"})
SAMPLES = {
    "complete in every phenotype": Cause(
        "other phenotypes' missing values", "individuals with a missing value of any phenotype left out",
        {"sample": "complete in every phenotype"}),
    "phenotype's mean": Cause("missing phenotypes kept", "missing values of the phenotype replaced by its mean",
                              {"sample": "phenotype's mean"}),
    "covariates' mean": Cause("missing covariates kept", "missing values of covariates replaced by their mean",
                              {"sample": "covariates' mean"}),
}


def left_out(individual: str) -> Cause:
    """One individual less."""
    return Cause(f"individual {individual} left out", f"one individual less: {individual}",
                 {"sample": f"without {individual}"})


#: Programs by the causes that make up what they report; those that do not matter for a number fall away.
PROGRAMS: dict[str, tuple[Cause, ...]] = {
    "R/qtl2's est_herit": (K_DOUBLED, ML_AT_REML, LMMLITES_CONSTANTS, OF_WEIGHTED_DATA, LOG10, ROOT),
    "R/qtl2's est_herit(reml=FALSE)": (K_DOUBLED, ML_FOR_REML, LMMLITES_CONSTANTS, OF_WEIGHTED_DATA, LOG10, ROOT),
    "R/qtl2's internal likelihood": (K_DOUBLED, LMMLITES_CONSTANTS, OF_WEIGHTED_DATA),
    "R/lmmlite": (LMMLITES_CONSTANTS, DIVISOR_N_MINUS_P, LOOSE_SEARCH),
    "pylmm": (next(c for c in REML_CONSTANTS if c.name == "pylmm's constants"), DIVISOR_N_MINUS_P, CLIPPED),
    "BulkLMM": (WEIGHTS[1], NO_LOG_2PI, NO_LOGDET_XTX),
    "GEMMA": (K_CENTRED, PVE),
    "limix": (K_SCALED, WITH_COVARIATES),
}


def applicable(quantity: str, reml: bool, fixed_hsq: bool, weights: bool, covariates: bool, intercept_added: bool,
               samples: Iterable[str]) -> tuple[Cause, ...]:
    """The single causes that can change a quantity of a problem.

    Parameters
    ----------
    quantity : str
        Of `QUANTITIES`.
    reml : bool
        What the numbers are said to be.
    fixed_hsq : bool
        At a given hsq: then how ĥ is looked for does not matter.
    weights, covariates, intercept_added : bool
        What the problem has.
    samples : iterable of str
        Its other samples, keys of `SAMPLES`.
    """
    causes = [K_DOUBLED, K_HALVED, K_CENTRED, K_SCALED, K_CORRELATION, CLIPPED]
    causes += [ML_FOR_REML, N_FOR_REML] if reml else [REML_FOR_ML]
    causes += [] if fixed_hsq else [ML_AT_REML, ENDS_NOT_TRIED, ONE_SEARCH, LOOSE_SEARCH]
    causes += WEIGHTS if weights else ()
    causes += [NO_INTERCEPT] if covariates and intercept_added else []
    causes += [NO_COVARIATES] if covariates else []
    causes += [SAMPLES[name] for name in samples]
    causes += [DIVISOR_N, DIVISOR_N_MINUS_P, NO_LOG_2PI, LMMLITES_CONSTANTS, *REML_CONSTANTS, RRBLUPS_PI]
    causes += [OF_WEIGHTED_DATA] if weights else []
    causes += [LOG10, MINUS, DEVIANCE, WITH_COVARIATES, PVE, RATIO, DELTA, COMPLEMENT, GENETIC, RESIDUAL, ROOT]
    return tuple(cause for cause in causes if quantity in cause.quantities)


def whole_programs(causes: Iterable[Cause], reml: bool) -> tuple[Cause, ...]:
    """Programs' whole conventions of two causes or more, each as one cause, from those that apply.

    Where the numbers are said to be ML, est_herit is taken to have been run for that.
    """
    there, programs = set(causes) - (set() if reml else {ML_AT_REML}), []
    for name, every in PROGRAMS.items():
        parts = tuple(cause for cause in every if cause in there)
        if len(parts) > 1:
            changes = {field: value for part in parts for field, value in part.changes.items()}
            programs.append(Cause(f"as {name} reports it", "; ".join(part.words for part in parts), changes,
                                  parts=parts))
    return tuple(programs)
