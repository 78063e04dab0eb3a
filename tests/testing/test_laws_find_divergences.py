"""The laws find the faults of R/qtl2's mixed models by themselves, in random problems, without the register.

What is found is shrunk to a small case, confirmed by covariance matrices written out, and obeyed by lmmbridge.qtl2.
"""
import numpy as np
import pytest
from dense_scans import right_number

from lmmbridge import qtl2
from lmmbridge.engines.r_qtl2 import RQtl2
from lmmbridge.testing.conformance import find_breach, outcome
from lmmbridge.testing.scan_laws import SCAN_LAWS, posed_otherwise

#: Examples that a law may need.
ENOUGH = 400
LAWS = {law.name: law for law in SCAN_LAWS}


@pytest.fixture
def find(live):
    """find(law): the breach that is found in real qtl2."""
    live("qtl2")

    def search(law):
        breach = find_breach(law, RQtl2(), ENOUGH, seed=3)
        assert breach is not None
        return breach

    return search


def confirm(breach, functions, tolerance):
    """A dense computation says that R/qtl2 is wrong on one of both problems, and ours holds the law there."""
    numbers = np.array([breach.expected, breach.observed])
    right = np.array([right_number(problem, function, breach.quantity)
                      for problem, function in zip(breach.problems, functions)])
    assert not np.all(np.abs(numbers - right) <= tolerance("divergence found") * (1.0 + np.abs(right)))
    assert outcome(LAWS[breach.law], qtl2, breach.problems[0])[0] == "held"


def size(breach):
    data = breach.problems[0].data
    return len(data.genoprobs.individuals), len(data.genoprobs.positions)


def test_standard_errors_of_predictors(find, tolerance):
    breach = find(LAWS["rotation-scan1blup-se"])
    assert breach.quantity.startswith("SE of ") and size(breach) <= (9, 2)
    confirm(breach, ("scan1blup", "scan1blup"), tolerance)


def test_predictors_with_nullcovar(find, tolerance):
    """Standard errors are not asked for, so that the fault above does not show."""
    breach = find(LAWS["rotation-scan1blup"])
    case = breach.problems[0]
    assert case.data.kinship is not None and case.nullcovar is not None
    assert breach.quantity.startswith("coefficient ") and size(breach) <= (10, 2)
    confirm(breach, ("scan1blup", "scan1blup"), tolerance)


@pytest.mark.parametrize("law, functions", [
    ("scan1-fit1", ("fit1", "scan1")), ("permutation", ("scan1", "scan1")),
    ("weights-scale-scan1coef", ("scan1coef", "scan1coef"))])
def test_interactions_with_weights(find, law, functions, tolerance):
    """In fit1, scan1perm and scan1coef; not in scan1."""
    breach = find(LAWS[law])
    data = [problem.data for problem in breach.problems]
    assert data[0].kinship is not None and data[0].intcovar is not None and size(breach) <= (12, 2)
    assert any(one.weights is not None for one in data)
    confirm(breach, functions, tolerance)


def test_covariates_that_depend_on_those_that_interact(find, tolerance):
    breach = find(LAWS["dependent-last-fit1"])
    assert breach.problems[0].data.intcovar is not None and size(breach) <= (10, 2)
    confirm(breach, ("fit1", "fit1"), tolerance)


def test_dependent_covariates_with_weights(find, tolerance):
    """The search goes on without the interactions that the fault above takes."""
    breach = find(posed_otherwise("dependent-last", "fit1", intcovar=False))
    data = breach.problems[1].data
    assert data.kinship is not None and data.weights is not None and " intercept" in breach.words
    assert size(breach) <= (10, 2)
    confirm(breach, ("fit1", "fit1"), tolerance)


def test_a_dependent_covariate_in_front(find, tolerance):
    breach = find(LAWS["dependent-first-scan1"])
    assert breach.quantity.startswith(("LOD", "hsq")) and size(breach) <= (10, 2)
    confirm(breach, ("scan1", "scan1"), tolerance)
