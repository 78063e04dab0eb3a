"""Every entry of the register: shown by the versions it names, and given as a verdict only when it reproduces the number."""
import numpy as np
import pytest

from lmmbridge.agreement.register import REGISTER, OptimumOff, explanation
from lmmbridge.agreement.simulation import two_maxima
from lmmbridge.engines import ENGINES
from lmmbridge.engines.dense import gls

ENTRIES = {entry.name: entry for entry in REGISTER}


@pytest.mark.parametrize("name", list(ENTRIES))
def test_the_installed_version_shows_it(name, live):
    for engine in ENTRIES[name].engines:
        live(engine)
    finding = ENTRIES[name].check()
    assert finding.shown, f"{name} is mended upstream: {finding}; update the register"
    assert finding.observed != finding.right


def observation(engine: str, hsq: float) -> OptimumOff:
    data = two_maxima()
    best = ENGINES["dense"].optimum(data, reml=True).hsq[0]
    return OptimumOff(engine, data, 0, True, hsq, float(gls(data, best, data.Y, True)[0][0]))


def test_an_estimate_that_the_fault_does_not_reproduce_is_not_explained():
    # the upper maximum of the likelihood, which a single search does find, and a place where no search ends
    assert explanation(observation("lmmlite-r", 0.6692266439)).name == "single-search"
    assert explanation(observation("lmmlite-r", 0.5)) is None
    assert explanation(observation("python", 0.6692266439)) is None


def test_an_optimum_needs_no_explanation():
    data = two_maxima()
    best = float(ENGINES["dense"].optimum(data, reml=True).hsq[0])
    assert observation("python", best).is_optimal(best)
    assert not observation("python", best).is_optimal(best + 0.1)
    assert np.isneginf(OptimumOff("python", data, 0, True, 0.5, 0.0).loglik(-50.0))
