"""Which breaches of laws by R/qtl2 come from which entry of the register: told by their ingredients."""
from __future__ import annotations

from dense_scans import right_number

from lmmbridge.testing.laws import Breach

#: Entries of the register that are met here.
NAMES = ("qtl2-blup-se", "qtl2-blup-nullcovar", "qtl2-constant-covariate", "qtl2-constant-weights",
         "qtl2-interaction-weights-fit1", "qtl2-interaction-weights-scan1coef", "qtl2-interaction-weights-scan1perm",
         "qtl2-interaction-dependent-fit1", "qtl2-missing-weight", "qtl2-collinear-position", "single-search")
#: What R says where a weight is missing: all is refused, and not just that individual left out.
MISSING_WEIGHT = "any(weights <= 0)"
#: R/qtl2's hsq is not searched as narrowly as the dense one.
ROUGHLY = 1e-3


def right_without(breach: Breach, function: str) -> bool:
    """Whether R/qtl2 is right without the dependent covariate, so that it is the covariate that does it."""
    if breach.quantity.startswith("hsq") or breach.quantity == "an answer":
        return True     # the dense value is of another quantity
    right = right_number(breach.problems[0], function, breach.quantity)
    return abs(breach.expected - right) <= ROUGHLY * (1.0 + abs(right))


def known_fault(breach: Breach) -> str | None:
    """The entry of the register that the breach of one of SCAN_LAWS by R/qtl2 comes from; None for a new one."""
    if len(breach.problems) < 2:
        return None
    case, law = breach.problems[0], breach.law
    kinship, weights, intcovar = (any(getattr(one.data, name) is not None for one in breach.problems)
                                  for name in ("kinship", "weights", "intcovar"))
    function = next((name for name in ("scan1blup", "scan1coef", "fit1") if name in law), "scan1")
    if breach.quantity == "an answer" and MISSING_WEIGHT in breach.words:
        return "qtl2-missing-weight"
    if function == "scan1blup" and breach.quantity.startswith("SE"):
        return "qtl2-blup-se"
    if function == "scan1blup" and kinship and case.nullcovar is not None:
        return "qtl2-blup-nullcovar"
    if law.startswith("dependent") and not right_without(breach, function):
        return None
    if law.startswith("dependent-first"):
        return "qtl2-constant-covariate"
    if law.startswith("dependent-last") and function == "fit1" and case.data.intcovar is not None:
        return "qtl2-interaction-dependent-fit1"
    if law.startswith("dependent-last") and function == "fit1" and kinship and weights:
        return "qtl2-constant-weights"
    if kinship and weights and intcovar:
        where = "scan1perm" if law == "permutation" else "fit1" if law == "scan1-fit1" else function
        if where in ("scan1perm", "fit1", "scan1coef"):
            return f"qtl2-interaction-weights-{where}"
    if "columns depend on each other" in breach.words:
        return "qtl2-collinear-position"
    if "two maxima" in breach.words:
        return "single-search"
    return None
