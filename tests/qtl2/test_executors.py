"""Scans spread over threads, processes and a Dask cluster: the same numbers to the last bit, also when a worker dies."""
import gc
import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from simulated_scans import scan_of

from lmmbridge.errors import InputError
from lmmbridge.progress import RUNNING
from lmmbridge.qtl2 import scan1, scan1_bulk, scan1max, scan1perm
from lmmbridge.qtl2.genoprobs import DIMS, Genoprobs

#: tornado, as distributed uses it; and what both leave behind, which is collected here, not in some later test.
pytestmark = [pytest.mark.alone,
              pytest.mark.filterwarnings("ignore:make_current is deprecated:DeprecationWarning"),
              pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]


@pytest.fixture(scope="module")
def processes():
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        yield pool


@pytest.fixture
def client():
    """Of a Dask cluster of two worker processes."""
    distributed = pytest.importorskip("distributed",
                                      reason="python3-distributed is not installed (Debian: apt-get install python3-distributed)")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, memory_limit=None) as cluster, \
            distributed.Client(cluster) as client:
        yield client
    del cluster, client
    gc.collect()


def assert_same(one, other):
    pd.testing.assert_frame_equal(one.lod, other.lod, check_exact=True)
    if one.hsq is not None:
        pd.testing.assert_frame_equal(one.hsq, other.hsq, check_exact=True)
    pd.testing.assert_series_equal(one.sample_size, other.sample_size)
    assert one.notes == other.notes and one.criterion == other.criterion


def assert_same_files(one, other):
    assert sorted(path.name for path in one.iterdir()) == sorted(path.name for path in other.iterdir())
    for path in one.iterdir():
        assert path.read_bytes() == (other / path.name).read_bytes(), path.name


def variants(kinship):
    """Few phenotypes, which are scanned by their own covariance matrices, and many, by eigenvectors; interactions, weights."""
    few, many = scan_of(kinship, phenotypes=2), scan_of(kinship, phenotypes=60)
    yield few
    yield scan_of(kinship, phenotypes=2, missing=False)
    yield many
    weights = pd.Series(np.linspace(0.5, 2.0, len(few["pheno"])), few["pheno"].index)
    yield few | {"intcovar": few["addcovar"], "weights": weights}
    yield many | {"intcovar": many["addcovar"], "weights": weights, "reml": False}
    if kinship != "none":
        yield few | {"hsq": "each", "reml": False}


@pytest.mark.parametrize("kinship", ["none", "overall", "loco"])
def test_results_are_the_same_to_the_bit(kinship, processes, tmp_path):
    with ThreadPoolExecutor(2) as threads:
        for number, arguments in enumerate(variants(kinship)):
            alone = scan1(**arguments)
            for cores in (2, threads, processes):
                assert_same(alone, scan1(**arguments, cores=cores))
            if "hsq" in arguments:
                continue
            pd.testing.assert_series_equal(scan1max(**arguments, cores=processes).lod, scan1max(**arguments).lod, check_exact=True)
            for name, cores in {"alone": 1, "two": 2, "threads": threads, "processes": processes}.items():
                scan1_bulk(**arguments, out=tmp_path / f"{number}-{name}", memory=0.05, cores=cores)
                assert_same_files(tmp_path / f"{number}-alone", tmp_path / f"{number}-{name}")


def test_notes_of_decompositions_come_back(processes):
    """Kinship with a slightly negative eigenvalue, of which only a decomposition tells."""
    for kinship in ("overall", "loco"):
        arguments = scan_of(kinship, phenotypes=60)
        matrices = arguments["kinship"] if kinship == "loco" else {"": arguments["kinship"]}
        for K in matrices.values():
            values, vectors = np.linalg.eigh(K.to_numpy())
            values[0] = -1e-9 * values[-1]
            K[:] = (vectors * values) @ vectors.T
            K[:] = (K + K.T) / 2.0
        alone = scan1(**arguments)
        assert any("negative eigenvalue" in note for note in alone.notes)
        assert_same(alone, scan1(**arguments, cores=processes))


def test_errors_are_those_of_one_process(processes):
    arguments = scan_of("loco")
    arguments["kinship"]["2"].iloc[0, 1] += 1.0
    for cores in (1, processes):
        with pytest.raises(InputError, match="kinship of chromosome '2' is not symmetric"):
            scan1(**arguments, cores=cores)


def test_what_works_in_threads_alone_says_so(processes):
    with pytest.raises(InputError, match="cores is <concurrent.futures.process.*: give how many to use"):
        scan1perm(**scan_of("none"), n_perm=2, cores=processes)


def test_a_dask_cluster(client, tmp_path):
    for kinship in ("none", "overall", "loco"):
        arguments = scan_of(kinship, phenotypes=60)
        assert_same(scan1(**arguments), scan1(**arguments, cores=client.get_executor()))
        scan1_bulk(**arguments, out=tmp_path / f"{kinship}-alone", memory=0.05)
        scan1_bulk(**arguments, out=tmp_path / f"{kinship}-dask", memory=0.05, cores=client.get_executor())
        assert_same_files(tmp_path / f"{kinship}-alone", tmp_path / f"{kinship}-dask")


def test_data_larger_than_dask_likes(client):
    """A task of more than a megabyte is sent without a warning."""
    arguments = scan_of("none", individuals=400, positions=150)
    assert arguments["genoprobs"]["1"].nbytes > 1e6
    assert_same(scan1(**arguments), scan1(**arguments, cores=client.get_executor()))


class KillsAWorker(threading.Thread):
    """Kills a worker process of the cluster when some, and not all, of what is counted is done."""

    def __init__(self, client):
        super().__init__()
        self.victim, self.killed_at = next(iter(client.run(os.getpid).values())), None

    def run(self):
        end = time.monotonic() + 60.0
        while time.monotonic() < end:
            if RUNNING and 0 < RUNNING[-1].done < RUNNING[-1].total:
                self.killed_at = RUNNING[-1].done / RUNNING[-1].total
                os.kill(self.victim, signal.SIGKILL)
                return
            time.sleep(0.001)


def test_a_dask_worker_is_killed(client, tmp_path):
    arguments = scan_of("loco", phenotypes=400, positions=60)
    scan1_bulk(**arguments, out=tmp_path / "alone", memory=0.1)
    killer = KillsAWorker(client)
    killer.start()
    scan1_bulk(**arguments, out=tmp_path / "dask", memory=0.1, cores=client.get_executor())
    killer.join()
    assert 0.0 < killer.killed_at < 0.8
    assert killer.victim not in client.run(os.getpid).values()
    assert_same_files(tmp_path / "alone", tmp_path / "dask")


def test_a_dask_worker_is_killed_in_scan1(client):
    arguments = scan_of("loco", phenotypes=400, positions=60)
    alone, killer = scan1(**arguments), KillsAWorker(client)
    killer.start()
    found = scan1(**arguments, cores=client.get_executor())
    killer.join()
    assert killer.killed_at is not None
    assert_same(alone, found)


def twins():
    """Pairs alike in genotypes and kinship; of one phenotype both have the same value, which leaves its likelihood unbounded."""
    rng = np.random.default_rng(11)
    half = rng.normal(size=(20, 40))
    K = np.kron(half @ half.T / 40.0, np.ones((2, 2)))
    ids = [f"i{i}" for i in range(40)]
    p = np.repeat(rng.uniform(size=(20, 30)), 2, axis=0)
    arrays = {name: xr.DataArray(np.stack([p, 1.0 - p], axis=1)[:, :, part], dims=DIMS, coords={
        "individual": ids, "genotype": ["A", "B"], "position": [f"p{i}" for i in range(30)][part]})
        for name, part in (("1", slice(0, 15)), ("2", slice(15, 30)))}
    pheno = pd.DataFrame({"alike": np.repeat(rng.normal(size=20), 2), "free": rng.normal(size=40),
                          "nearly": np.repeat(rng.normal(size=20), 2) + 1e-4 * rng.normal(size=40)}, ids)
    return Genoprobs(arrays), pheno, pd.DataFrame((K + K.T) / 2.0, ids, ids)


def test_notes_are_the_same_wherever_it_is_done(processes):
    probs, pheno, K = twins()
    here = scan1(probs, pheno, K, quiet=True)
    assert any("grows without bound" in note for note in here.notes)
    there = scan1(probs, pheno, K, cores=processes, quiet=True)
    assert there.notes == here.notes and there.lod.equals(here.lod)


def test_a_precise_phenotype_beside_coarse_ones(tolerance):
    """Its V is badly conditioned: no digits are lost to the weights that the others have."""
    probs, pheno, K = twins()
    hsq = [0.3, 0.5, 1.0 - 1e-8]
    together = scan1(probs, pheno[["free", "alike", "nearly"]], K, hsq=[hsq], quiet=True)
    alone = scan1(probs, pheno["nearly"], K, hsq=hsq[2], quiet=True)
    np.testing.assert_allclose(together.lod["nearly"], alone.lod["nearly"], rtol=0.0, atol=tolerance("scan_given_hsq"))
