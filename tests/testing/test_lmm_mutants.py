"""Every law catches a fault planted in an implementation, and lets the implementation pass without it."""
import dataclasses
import importlib
from collections import Counter
from contextlib import ExitStack
from unittest import SkipTest, mock

import numpy as np
import pytest

from lmmbridge import lmm
from lmmbridge.agreement.ledger import LEDGER
from lmmbridge.engines.python import PythonEngine
from lmmbridge.testing.conformance import find_breach, law_test
from lmmbridge.testing.laws import CannotTell, Law, Translated
from lmmbridge.testing.lmm_laws import LMM_LAWS

LAWS = {law.name: law for law in LMM_LAWS}
EXAMPLES = 200

eigen_decomposition, rotate, least_squares = lmm.eigen_decomposition, lmm.rotate, lmm.least_squares
loglik, fit, estimate_hsq = lmm.loglik, lmm.fit, lmm.estimate_hsq
#: The module; `lmm.fit` is the function.
fit_module = importlib.import_module("lmmbridge.lmm.fit")


def each_rotated(change):
    """rotate, with every phenotype's result changed."""
    return lambda eigen, Y, X: [change(one, eigen, y) for one, y in zip(rotate(eigen, Y, X), Y.T)]


def unit_kinship(K, weights=None):
    return eigen_decomposition(K / np.mean(np.diag(K)), weights)


def unweighted_kinship(K, weights=None):
    return dataclasses.replace(eigen_decomposition(K), weights=weights)


def without_last_determinant(rotated, fit, reml):
    return loglik(rotated, dataclasses.replace(fit, d=fit.d[:-1]), reml)


def without_determinant(rotated, fit, reml):
    return loglik(rotated, fit, reml) + 0.5 * float(np.sum(np.log(fit.d)))


def ml_with_degrees_of_freedom(rotated, fit, reml):
    n, p = rotated.X.shape
    return loglik(rotated, fit, reml) - (0.0 if reml else 0.5 * n * np.log(n / (n - p)))


def one_degree_less(rotated, fit, reml):
    """n − p + 1 for n − p in front of log Q."""
    return loglik(rotated, fit, reml) - (0.5 * np.log(fit.rss) if reml else 0.0)


def rescaled_beta(rotated, hsq):
    """Columns are taken to be orthogonal."""
    right = least_squares(rotated, hsq)
    return dataclasses.replace(right, beta=(right.R @ right.beta) / np.diag(right.R))


def negative_residual(rotated, hsq):
    """Q = y'V⁻¹y − y'V⁻¹Xb with a wrong sign of the second term."""
    right = least_squares(rotated, hsq)
    return dataclasses.replace(right, rss=right.rss + 2.0 * float(np.sum((right.R @ right.beta) ** 2)))


def ends_not_tried(rotated, reml=True):
    right = estimate_hsq(rotated, reml)
    return dataclasses.replace(right, hsq=float(np.clip(right.hsq, 0.01, 0.99)))


#: Law → faults that it must catch: what is wrong, in words, and what is put in place of what.
FAULTS = {
    "order": [("phenotypes are not in the order of the kinship matrix", lmm, "rotate",
               lambda eigen, Y, X: rotate(eigen, Y[::-1], X))],
    "kinship-scale": [("K is divided by its mean diagonal", lmm, "eigen_decomposition", unit_kinship),
                      ("h is not 1 at most but 0.999", lmm, "least_squares",
                       lambda rotated, h: least_squares(rotated, min(h, 0.999)))],
    "weights-scale": [("K is not weighted", lmm, "eigen_decomposition", unweighted_kinship),
                      ("log|W| is left out", lmm, "rotate",
                       each_rotated(lambda one, eigen, y: dataclasses.replace(one, logdet_W=0.0)))],
    "phenotype": [("n − p + 1 degrees of freedom", lmm, "loglik", one_degree_less),
                  ("wrong sign in the residual sum of squares", lmm, "least_squares", negative_residual)],
    "covariates": [("columns of X are taken to be orthogonal", lmm, "least_squares", rescaled_beta)],
    "covariate-units": [("log|X'X| is left out", lmm, "rotate",
                         each_rotated(lambda one, eigen, y: dataclasses.replace(one, logdet_XtX=0.0)))],
    "rotation": [("y is not rotated", lmm, "rotate",
                  each_rotated(lambda one, eigen, y: dataclasses.replace(one, y=y)))],
    "whitening": [("log|W| has the wrong sign", lmm, "rotate",
                   each_rotated(lambda one, eigen, y: dataclasses.replace(one, logdet_W=-one.logdet_W))),
                  ("X is not weighted", lmm, "rotate",
                   each_rotated(lambda one, eigen, y: dataclasses.replace(
                       one, X=one.X if eigen.weights is None else
                       eigen.vectors.T @ ((eigen.vectors @ one.X) / np.sqrt(eigen.weights)[:, None]))))],
    "no-kinship": [("h is not 0 but 0.001 at least", lmm, "least_squares",
                    lambda rotated, h: least_squares(rotated, max(h, 0.001)))],
    "flat": [("log|V| is left out", lmm, "loglik", without_determinant)],
    "copies": [("ML with Q/(n−p)", lmm, "loglik", ml_with_degrees_of_freedom)],
    "blocks": [("the last eigenvalue is left out of log|V|", lmm, "loglik", without_last_determinant)],
    "one-at-a-time": [("phenotypes change places", lmm, "rotate",
                       lambda eigen, Y, X: rotate(eigen, np.roll(Y, 1, axis=1), X))],
    "reported": [("ĥ is rounded to three digits", lmm, "fit",
                  lambda rotated, reml: dataclasses.replace(fit(rotated, reml), hsq=round(fit(rotated, reml).hsq, 3))),
                 ("σ² is that of the genetic part", lmm, "fit",
                  lambda rotated, reml: dataclasses.replace(fit(rotated, reml), sigmasq=fit(rotated, reml).sigmasq_g))],
    "highest": [("the ends are not tried", fit_module, "estimate_hsq", ends_not_tried)],
    "own-criterion": [("ML and REML change places", lmm, "fit", lambda rotated, reml: fit(rotated, not reml))],
}


def breach_of(law, patches=()):
    """By a fresh engine, which has nothing in store from before the fault."""
    with ExitStack() as planted:
        for module, name, fault in patches:
            planted.enter_context(mock.patch.object(module, name, fault))
        return find_breach(LAWS[law], Translated(PythonEngine(), LEDGER["python"]), EXAMPLES, seed=1)


def test_every_law_has_a_fault():
    assert set(FAULTS) == set(LAWS)


@pytest.mark.parametrize("law, where, name, fault",
                         [pytest.param(law, where, name, fault, id=f"{law}: {words}")
                          for law, faults in FAULTS.items() for words, where, name, fault in faults])
def test_fault_is_caught(law, where, name, fault):
    found = breach_of(law, [(where, name, fault)])
    assert found is not None
    assert found.law == law and found.implementation == "python"
    assert not found.difference <= found.tolerance
    assert len(found.problems[0].ids) <= 16         # it was shrunk


@pytest.mark.parametrize("law", LAWS)
def test_without_the_fault_the_law_holds(law):
    assert breach_of(law) is None


def test_the_same_seed_finds_the_same_breach():
    faults = [("order", FAULTS["order"][0][1:])] * 2
    one, other = (breach_of(law, [fault]) for law, fault in faults)
    assert str(one) == str(other)
    assert [data.content_hash for data in one.problems] == [data.content_hash for data in other.problems]


def test_the_message_labels_the_draw():
    found = breach_of("phenotype", [FAULTS["phenotype"][0][1:]])
    data = found.problems[0]
    for part in ("python", "phenotype", found.quantity, repr(found.observed), repr(found.expected),
                 f"n = {data.X.shape[0]}, p = {data.X.shape[1]}", "y → "):
        assert part in str(found)


def test_an_engine_that_fails_breaks_the_law():
    def broken(rotated, hsq):
        raise ZeroDivisionError("no fit today")
    found = breach_of("order", [(lmm, "least_squares", broken)])
    assert "no fit today" in found.words


def test_law_test_fails_counts_and_skips():
    """The maker of tests is tested: red on a fault, known breaches counted, skipped where a law cannot be applied."""
    engine = Translated(PythonEngine(), LEDGER["python"])
    with mock.patch.object(lmm, "loglik", without_last_determinant):
        with pytest.raises(AssertionError, match="breaks the law 'blocks'"):
            law_test(LAWS["blocks"], engine)()
        tally = Counter()
        law_test(LAWS["blocks"], engine, known=lambda breach: "planted", tally=tally)()
        assert tally["known: planted"] > 0
    with mock.patch.object(PythonEngine, "takes_weights", False):
        with pytest.raises(SkipTest, match="takes no weights"):
            law_test(LAWS["whitening"], engine)()


def test_a_law_that_cannot_tell_fails():
    def never(implementation, case):
        raise CannotTell("too dark")
    blind = Law("blind", "nothing", "none", LAWS["copies"].cases, never)
    with pytest.raises(AssertionError, match="could not tell"):
        law_test(blind, Translated(PythonEngine(), LEDGER["python"]))()
