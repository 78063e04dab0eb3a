"""Laws of the functions that match individuals by ID: fit_lmm and est_herit obey, planted faults are caught."""
import numpy as np
import pytest

from lmmbridge import qtl2
from lmmbridge.errors import InputError
from lmmbridge.engines.r_qtl2 import RQtl2
from lmmbridge.testing.conformance import find_breach, law_test
from lmmbridge.testing.labelled_laws import LABELLED_LAWS, EstHerit, FitLmm

LAWS = {law.name: law for law in LABELLED_LAWS}


class ByPosition(FitLmm):
    """Row i of everything is taken to be the same individual."""

    def fit(self, pheno, kinship, covar, weights, reml):
        rows = [None if one is None else one.set_axis(pheno.index) for one in (covar, weights)]
        kinship = kinship.set_axis(pheno.index).set_axis(pheno.index, axis=1)
        return super().fit(pheno, kinship, *rows, reml)


class ZeroForMissing(FitLmm):
    def fit(self, pheno, kinship, covar, weights, reml):
        return super().fit(pheno.fillna(0.0), kinship, covar, weights, reml)


class FirstRows(FitLmm):
    """Of whatever has more rows, the first are taken."""

    def fit(self, pheno, kinship, covar, weights, reml):
        n = min(len(one) for one in (pheno, kinship, covar, weights) if one is not None)
        ids = pheno.index[:n]
        first = [None if one is None else one.iloc[:n].set_axis(ids) for one in (pheno, covar, weights)]
        return super().fit(first[0], kinship.iloc[:n, :n].set_axis(ids).set_axis(ids, axis=1), *first[1:], reml)


class CountsColumns(FitLmm):
    """Dependent columns are not left out, and their rounding noise is fitted."""

    def fit(self, pheno, kinship, covar, weights, reml):
        noise = np.random.default_rng(0).normal(size=(len(kinship), 9))
        if covar is not None:
            covar = covar + 1e-5 * noise[:len(covar), :covar.shape[1]]
        return super().fit(pheno, kinship, covar, weights, reml)


class RandomHsq(FitLmm):
    """The likelihood is right, the estimate is not."""

    rng = np.random.default_rng(0)

    def fit(self, pheno, kinship, covar, weights, reml):
        return super().fit(pheno, kinship, covar, weights, reml).assign(hsq=lambda table: self.rng.uniform(size=len(table)))


class RefusesAll(FitLmm):
    name = "refuses all"

    def fit(self, pheno, kinship, covar, weights, reml):
        raise InputError("not today")


FAULTS = {"row-order": ByPosition(), "missing": ZeroForMissing(), "strangers": FirstRows(),
          "intercept": CountsColumns(), "twice": CountsColumns()}


@pytest.mark.parametrize("law", LABELLED_LAWS, ids=lambda law: law.name)
@pytest.mark.parametrize("implementation", [FitLmm(), EstHerit(qtl2)], ids=lambda one: one.name)
def test_law(implementation, law):
    law_test(law, implementation, max_examples=15)()


@pytest.mark.parametrize("name", LAWS)
def test_fault_is_caught(name):
    assert find_breach(LAWS[name], FAULTS[name], 60, seed=0) is not None


@pytest.mark.parametrize("name", [name for name in LAWS if name != "twice"])     # which is refused
def test_a_wrong_hsq_is_caught(name):
    assert find_breach(LAWS[name], RandomHsq(), 30, seed=0).quantity.startswith("hsq of ")


@pytest.mark.parametrize("law", LABELLED_LAWS, ids=lambda law: law.name)
def test_who_refuses_all_obeys_nothing(law):
    with pytest.raises(AssertionError, match="could not tell"):
        law_test(law, RefusesAll(), max_examples=15)()


def test_fit_lmm_refuses_a_covariate_given_twice_with_a_sentence():
    class Refused(FitLmm):
        refusals = []

        def fit(self, *arguments):
            try:
                return super().fit(*arguments)
            except InputError as refusal:
                self.refusals.append(str(refusal))
                raise
    law_test(LAWS["twice"], Refused(), max_examples=15)()
    assert len(Refused.refusals) >= 5
    assert all("'twice' is a combination of the columns before it" in words for words in Refused.refusals)


def test_the_law_of_the_intercept_finds_what_qtl2_does_to_a_constant_covariate(live):
    live("qtl2")
    found = find_breach(LAWS["intercept"], EstHerit(RQtl2()), 60, seed=0)
    asked = found.problems[0]
    # It keeps the constant and drops the last covariate instead.
    dropped = type(asked)(asked.pheno, asked.kinship, asked.covar.iloc[:, :-1], asked.weights, asked.reml)
    phenotype = found.quantity.removeprefix("loglik of ")
    right = dropped.answer(EstHerit(qtl2)).loc[phenotype, "loglik"]
    assert abs(found.observed - right) <= found.tolerance * (1.0 + abs(right)) * 10 < abs(found.expected - right)
