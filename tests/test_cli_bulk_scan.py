"""`lmmbridge bulk-scan`, and scans on a Dask cluster from the command line."""
import gc
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lmmbridge.engines import ENGINES
from lmmbridge.qtl2 import calc_genoprob, calc_kinship, extdata, read_cross2, write_genoprobs, write_kinship

#: tornado, as distributed uses it; and what both leave behind, which is collected here, not in some later test.
pytestmark = [pytest.mark.alone,
              pytest.mark.filterwarnings("ignore:make_current is deprecated:DeprecationWarning"),
              pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The iron cross, with probabilities and kinship in files."""
    missing = ENGINES["qtl2"].availability()
    if missing.version is None:
        pytest.skip(f"R with the package qtl2 is not available: {missing.remedy}")
    folder = tmp_path_factory.mktemp("iron")
    (folder / "iron.zip").write_bytes(extdata("iron.zip").read_bytes())
    probs = calc_genoprob(read_cross2(folder / "iron.zip"), error_prob=1e-4)
    write_genoprobs(probs, folder / "probs.nc")
    write_kinship(calc_kinship(probs, "loco"), folder / "loco.nc")
    return folder


@pytest.fixture
def command(folder):
    """command("scan", …): the command on the cross, in its folder."""
    def run(name, *arguments):
        return subprocess.run([sys.executable, "-m", "lmmbridge", name, "--cross", "iron.zip", "--probs", "probs.nc", "--kinship",
                               "loco.nc", *map(str, arguments)], capture_output=True, text=True, timeout=300, cwd=folder)
    return run


@pytest.fixture
def cluster():
    """cluster(n): a Dask cluster of so many worker processes."""
    distributed = pytest.importorskip("distributed",
                                      reason="python3-distributed is not installed (Debian: apt-get install python3-distributed)")
    made = []

    def of(workers):
        made.append(distributed.LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None, memory_limit=None))
        return made[-1].scheduler_address
    yield of
    for one in made:
        one.close()
    made.clear()
    gc.collect()


@pytest.fixture(scope="module")
def ordinary(folder):
    """lod.csv of `lmmbridge scan`, from another process."""
    done = subprocess.run([sys.executable, "-m", "lmmbridge", "scan", "--cross", "iron.zip", "--probs", "probs.nc", "--kinship",
                           "loco.nc", "--covar", "sex", "--out", "ordinary"], capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "ordinary"


def table(path):
    return pd.read_csv(path, dtype={"chr": str}, float_precision="round_trip")


def test_all_scores_are_those_of_scan(command, folder, ordinary):
    done = command("bulk-scan", "--covar", "sex", "--out", "all", "--cores", 2)
    assert done.returncode == 0 and done.stderr.endswith("all: 66 positions, 2 phenotypes\n"), done.stderr
    lod = table(ordinary / "lod.csv")
    np.testing.assert_array_equal(np.load(folder / "all/lod.npy").T, lod[["liver", "spleen"]])
    pd.testing.assert_frame_equal(table(folder / "all/map.csv"), lod[["chr", "pos", "marker"]])
    about = json.loads((folder / "all/scan.json").read_text())
    assert about["command"].startswith("lmmbridge bulk-scan --cross iron.zip") and about["unit"] == "cM"
    assert about["notes"] == json.loads((ordinary / "scan.json").read_text())["notes"]
    before = {path.name: path.read_bytes() for path in (folder / "all").iterdir()}
    assert command("bulk-scan", "--covar", "sex", "--out", "all").returncode == 0
    assert {path.name: path.read_bytes() for path in (folder / "all").iterdir()} == before


def test_peaks_are_those_of_find_peaks(command, folder, ordinary):
    """Above 3, at most one for each chromosome."""
    assert command("bulk-scan", "--covar", "sex", "--out", "above", "--keep", "peaks", "--top", 20).returncode == 0
    found, expected = table(folder / "above/peaks.csv"), table(ordinary / "peaks.csv")
    found = found[found["lod"] > 3].merge(table(folder / "above/map.csv"))
    expected = expected.rename(columns={"lodcolumn": "phenotype"})[["phenotype", "chr", "lod", "pos"]]
    pd.testing.assert_frame_equal(found[expected.columns].sort_values(["phenotype", "lod"], ignore_index=True),
                                  expected.sort_values(["phenotype", "lod"], ignore_index=True))


def test_on_a_dask_cluster(command, folder, ordinary, cluster):
    address = cluster(2)
    for out, arguments in (("scan-dask", ["scan", "--covar", "sex", "--dask", address]),
                           ("bulk", ["bulk-scan", "--keep", "max"]),
                           ("bulk-dask", ["bulk-scan", "--keep", "max", "--dask", address])):
        done = command(*arguments, "--out", out)
        assert done.returncode == 0, done.stderr
    for one, other in ((ordinary, folder / "scan-dask"), (folder / "bulk", folder / "bulk-dask")):
        names = sorted(path.name for path in one.iterdir())
        assert sorted(path.name for path in other.iterdir()) == names
        for name in set(names) - {"scan.json"}:
            assert (one / name).read_bytes() == (other / name).read_bytes(), name


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nowhere"])
def test_no_scheduler(command, folder, address):
    pytest.importorskip("distributed",
                        reason="python3-distributed is not installed (Debian: apt-get install python3-distributed)")
    begun = time.monotonic()
    done = command("bulk-scan", "--out", "nothing", "--dask", address)
    assert time.monotonic() - begun < 20.0
    assert done.returncode == 2 and done.stderr.startswith(f"lmmbridge: --dask: no scheduler answers at '{address}'")
    assert done.stderr.count("\n") == 1 and not (folder / "nothing").exists()


def test_a_scheduler_without_workers(command, folder, cluster):
    address = cluster(0)
    done = command("scan", "--out", "nothing", "--dask", address)
    assert done.returncode == 2 and not (folder / "nothing").exists()
    assert done.stderr == f"lmmbridge: --dask: the scheduler at '{address}' has no workers; start some: dask-worker {address}\n"


def test_without_distributed(folder):
    code = "import sys; sys.modules['distributed'] = None; from lmmbridge.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, "scan", "--cross", "iron.zip", "--out", "nothing", "--dask", "tcp://a:1"],
                          capture_output=True, text=True, cwd=folder)
    assert done.returncode == 2 and "apt-get install python3-distributed, elsewhere: pip install 'lmmbridge[dask]'" in done.stderr


@pytest.mark.parametrize("arguments, sentence", [
    (["--keep", "peaks"], "keep='peaks' needs top; give it"),
    (["--keep", "max", "--threshold", 3], "threshold goes with keep='above'; leave it out of keep='max'"),
    (["--out", "."], "out: . holds something else"),
    (["--out", "iron.zip"], "out: iron.zip is a file; name an empty or a new folder"),
])
def test_what_does_not_fit_is_refused_at_once(command, folder, arguments, sentence):
    before = sorted(os.listdir(folder))
    done = command("bulk-scan", *(arguments if "--out" in arguments else [*arguments, "--out", "nothing"]))
    assert done.returncode == 2 and done.stderr.startswith(f"lmmbridge: {sentence}") and done.stderr.count("\n") == 1
    assert sorted(os.listdir(folder)) == before
