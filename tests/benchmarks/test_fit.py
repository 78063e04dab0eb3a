"""One fit at n = 2000, against scipy's eigh of the same matrix and side by side with qtl2 and lmmlite: make bench.

One BLAS thread on both sides. Ratios are medians of interleaved runs.
"""
import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import statistics  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
import pytest  # noqa: E402
from scipy import linalg  # noqa: E402
from threadpoolctl import threadpool_limits  # noqa: E402

from lmmbridge import fit_lmm  # noqa: E402
from lmmbridge.engines import ENGINES  # noqa: E402
from lmmbridge.rlink import RSession  # noqa: E402

N, ROUNDS = 2000, 7
#: A fit may cost this many times the eigen decomposition that it cannot do without.
MOST = 1.3


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(1)
    G = rng.normal(size=(N, 2 * N))
    K = G @ G.T / (2 * N)
    y = G @ rng.normal(size=2 * N) / np.sqrt(2 * N) + rng.normal(size=N)
    return y, (K + K.T) / 2, rng.normal(size=(N, 2))


def seconds(function) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def test_fit_costs_little_more_than_the_eigen_decomposition(problem):
    y, K, covar = problem
    with threadpool_limits(1):
        pairs = [(seconds(lambda: fit_lmm(y, K, covar)), seconds(lambda: linalg.eigh(K, driver="evd")))
                 for _ in range(ROUNDS)]
    ratio = statistics.median(fit / eigh for fit, eigh in pairs)
    print(f"\nfit_lmm at n = {N}: {statistics.median(fit for fit, _ in pairs):.2f} s, "
          f"{ratio:.2f} times scipy's eigh (at most {MOST})")
    assert ratio <= MOST


@pytest.mark.parametrize("name", ["qtl2", "lmmlite-cpp"])
def test_side_by_side_with_the_peers(problem, name):
    available = ENGINES[name].availability()
    if available.version is None:
        pytest.skip(f"engine {name} is not available: {available.remedy}")
    y, K, covar = problem
    with RSession() as r, threadpool_limits(1):
        r.source(Path(__file__).with_name("peers.R"))
        r.call("hold", K, y, covar)
        pairs = [(r.call(f"time_{name.replace('-', '_')}").value, seconds(lambda: fit_lmm(y, K, covar)))
                 for _ in range(3)]
    ratio = statistics.median(peer / ours for peer, ours in pairs)
    print(f"\n{name} {available.version} at n = {N}: {ratio:.1f} times the time of fit_lmm, in the same run")
    assert ratio > 1.0
