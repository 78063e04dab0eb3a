"""Bulk scans: scan1's numbers, in whole files; interrupted runs; what is refused."""
import json
import mmap
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from simulated_scans import scan_of

from lmmbridge.errors import InputError
from lmmbridge.progress import RUNNING
from lmmbridge.qtl2 import read_scan1_bulk, scan1, scan1_bulk
from lmmbridge.qtl2.bulk_chunks import MOST_TOGETHER, chunks_of, kept_of
from lmmbridge.qtl2.scan_setup import set_up

#: MB for some ten phenotypes of these scans at a time.
SMALL = 0.05


def table(folder, name):
    return pd.read_csv(folder / f"{name}.csv", dtype={"phenotype": str, "chr": str, "marker": str}, float_precision="round_trip")


def long_form(lod, genoprobs):
    """phenotype, chr, marker, lod of all LOD scores, by phenotype and position."""
    chromosome = {name: chromosome for chromosome, array in genoprobs.items() for name in array.position.values}
    rows = lod.T.stack().rename_axis(["phenotype", "marker"]).rename("lod").reset_index()
    rows.insert(1, "chr", rows["marker"].map(chromosome))
    return rows


def assert_rows(found, expected):
    pd.testing.assert_frame_equal(found, expected.reset_index(drop=True), check_exact=True)


@pytest.fixture(params=["none", "overall", "loco"])
def arguments(request):
    """With a constant phenotype, and one of too few individuals."""
    arguments = scan_of(request.param, phenotypes=30)
    arguments["pheno"]["y4"], arguments["pheno"].iloc[2:, 5] = 1.0, np.nan
    return arguments


@pytest.fixture
def whole(arguments):
    return scan1(**arguments)


def test_all_lod_scores(arguments, whole, tmp_path):
    notes = scan1_bulk(**arguments, out=tmp_path)
    lod = read_scan1_bulk(tmp_path)
    pd.testing.assert_frame_equal(lod.to_pandas().T, whole.lod, check_names=False, check_exact=True)
    assert lod.chr.values.tolist() == ["1"] * 12 + ["2"] * 12 + ["X"] * 12
    assert set(notes) == set(whole.notes) and any("y4" in note for note in notes) and any("y5" in note for note in notes)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lod.npy", "phenotypes.csv", "positions.csv", "scan.json"]
    about = json.loads((tmp_path / "scan.json").read_text())
    assert about["notes"] == list(notes) and about["criterion"] == whole.criterion and about["keep"] == "lod"
    assert (about["phenotypes"], about["positions"], about["complete"]) == (30, 36, True)


def test_lod_scores_stay_on_disk(arguments, tmp_path):
    scan1_bulk(**arguments, out=tmp_path)
    owner = read_scan1_bulk(tmp_path).values
    while isinstance(owner, np.ndarray):
        owner = owner.base
    assert isinstance(owner, mmap.mmap)
    with pytest.raises(ValueError):
        read_scan1_bulk(tmp_path)[0, 0] = 1.0


def test_hsq_and_sample_size(arguments, whole, tmp_path):
    scan1_bulk(**arguments, out=tmp_path, keep="max")
    found = table(tmp_path, "phenotypes").set_index("phenotype")
    assert found["individuals"].to_dict() == whole.sample_size.to_dict()
    if whole.hsq is None:
        assert list(found.columns) == ["individuals"]
        return
    assert list(found.columns) == ["individuals", *(f"hsq_{chromosome}" for chromosome in whole.hsq.index)]
    np.testing.assert_array_equal(found.iloc[:, 1:].to_numpy(), whole.hsq.T.to_numpy())


def test_one_hsq(tmp_path):
    arguments = scan_of("overall") | {"Xcovar": None}
    scan1_bulk(**arguments, out=tmp_path, keep="max")
    np.testing.assert_array_equal(table(tmp_path, "phenotypes")["hsq"], scan1(**arguments).hsq.iloc[0])


def test_the_highest(arguments, whole, tmp_path):
    scan1_bulk(**arguments, out=tmp_path, keep="max")
    rows = long_form(whole.lod, arguments["genoprobs"])
    highest = rows.groupby("phenotype", sort=False)["lod"].idxmax()
    assert_rows(table(tmp_path, "max"), rows.loc[highest])


def test_those_from_a_threshold_on(arguments, whole, tmp_path):
    rows = long_form(whole.lod, arguments["genoprobs"])
    threshold = rows["lod"].nlargest(50).iloc[-1]
    scan1_bulk(**arguments, out=tmp_path, keep="above", threshold=threshold)
    found = table(tmp_path, "above")
    assert_rows(found, rows[rows["lod"] >= threshold])
    assert len(found) >= 50


@pytest.mark.parametrize("top", [1, 2, 5])
def test_the_highest_peaks(arguments, whole, tmp_path, top):
    scan1_bulk(**arguments, out=tmp_path, keep="peaks", top=top)
    rows = long_form(whole.lod, arguments["genoprobs"])
    peaks = rows.loc[rows.groupby(["phenotype", "chr"])["lod"].idxmax()]
    expected = [group.sort_values("lod", ascending=False, kind="stable").head(top)
                for name in whole.lod for _, group in peaks[peaks["phenotype"] == name].groupby("phenotype")]
    assert_rows(table(tmp_path, "peaks"), pd.concat(expected))


def test_nothing_is_above(tmp_path):
    scan1_bulk(**scan_of("none"), out=tmp_path, keep="above", threshold=1e6)
    assert (tmp_path / "above.csv").read_text() == "phenotype,chr,marker,lod\n"


def test_names_that_look_like_something_else(tmp_path):
    arguments = scan_of("none", phenotypes=3)
    arguments["pheno"].columns = ["NA", "1,5", "π\n"]
    scan1_bulk(**arguments, out=tmp_path)
    assert read_scan1_bulk(tmp_path).phenotype.values.tolist() == ["NA", "1,5", "π\n"]


def test_chunks_differ_by_rounding_alone(arguments, whole, tmp_path, tolerance):
    scan1_bulk(**arguments, out=tmp_path, memory=SMALL)
    worst = np.nanmax(np.abs(read_scan1_bulk(tmp_path).values.T - whole.lod.to_numpy()))
    assert worst <= tolerance("maxima_own_hsq")


def chunks(phenotypes, memory, keep="lod"):
    arguments = scan_of("none", phenotypes=3)
    arguments["pheno"] = pd.DataFrame(np.random.default_rng(1).normal(size=(40, phenotypes)), arguments["pheno"].index)
    setup = set_up(*(arguments[name] for name in ("genoprobs", "pheno", "kinship", "addcovar", "Xcovar")), None, None, True,
                   "normal")
    return chunks_of(setup, kept_of(keep, None, None), memory)


@pytest.mark.parametrize("phenotypes, memory", [(1, 1e-9), (5, 1e-9), (100, 0.05), (5000, 1.0), (5000, 1e6)])
def test_chunks_are_all_phenotypes_once(phenotypes, memory):
    found = chunks(phenotypes, memory)
    assert [j for chunk in found for j in chunk] == list(range(phenotypes))
    sizes = [len(chunk) for chunk in found]
    assert max(sizes) - min(sizes) <= 1 and max(sizes) <= MOST_TOGETHER
    assert max(sizes) == 1 or 8 * 36 * max(sizes) < 1e6 * memory


def test_less_is_kept_more_is_together():
    assert len(chunks(1000, 0.5, "max")) < len(chunks(1000, 0.5))


def test_progress_counts_phenotypes(tmp_path):
    seen = []

    class Watched(ThreadPoolExecutor):
        def submit(self, *arguments):
            seen.append((RUNNING[-1].description, RUNNING[-1].done, RUNNING[-1].total))
            return super().submit(*arguments)

    with Watched(1) as pool:
        scan1_bulk(**scan_of("none", phenotypes=60), out=tmp_path, memory=SMALL / 4, cores=pool)
    assert {(description, total) for description, _, total in seen} == {("scan1_bulk", 60)}
    assert seen[0][1] == 0 and 0 < seen[-1][1] < 60


RUN = """
import signal, sys
sys.path.insert(0, sys.argv[1])
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from simulated_scans import scan_of
from lmmbridge.qtl2 import scan1_bulk
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    cores = ProcessPoolExecutor(2, get_context("spawn")) if sys.argv[3] == "processes" else int(sys.argv[3])
    scan1_bulk(**scan_of("loco", phenotypes=600, positions=60), out=sys.argv[2], memory=0.05, cores=cores, keep=sys.argv[4], **(
        {"threshold": 1.0} if sys.argv[4] == "above" else {}))
"""


class Counting(ThreadPoolExecutor):
    """A pool that counts what it is given."""

    begun = 0

    def submit(self, *arguments):
        self.begun += 1
        return super().submit(*arguments)


@pytest.mark.alone
@pytest.mark.parametrize("how, cores, keep", [(signal.SIGKILL, "1", "lod"), (signal.SIGKILL, "processes", "lod"),
                                              (signal.SIGINT, "2", "above")])
def test_a_run_that_is_killed_goes_on(tmp_path, how, cores, keep):
    arguments = scan_of("loco", phenotypes=600, positions=60)
    options = {"memory": 0.05, "keep": keep} | ({"threshold": 1.0} if keep == "above" else {})
    scan1_bulk(**arguments, out=tmp_path / "whole", **options)
    script = tmp_path / "run.py"
    script.write_text(RUN)
    child = subprocess.Popen([sys.executable, script, Path(__file__).parent, tmp_path / "cut", cores, keep],
                             stderr=subprocess.PIPE, text=True, start_new_session=True)
    finished = tmp_path / "cut" / "chunks"
    end = time.monotonic() + 60.0
    while len(list(finished.glob("*.npz"))) < 3 and time.monotonic() < end:
        time.sleep(0.002)
    os.killpg(child.pid, how)
    errors = child.communicate(timeout=20.0)[1]
    assert how == signal.SIGKILL or errors.rstrip().endswith("KeyboardInterrupt")
    setup = set_up(*(arguments[name] for name in ("genoprobs", "pheno", "kinship", "addcovar", "Xcovar")), None, None, True,
                   "normal")
    total, done = len(chunks_of(setup, kept_of(keep, options.get("threshold"), None), 0.05)), len(list(finished.glob("*.npz")))
    assert 3 <= done < total
    if keep == "lod":
        with pytest.raises(InputError, match="is not finished; call scan1_bulk again"):
            read_scan1_bulk(tmp_path / "cut")
    with Counting(2) as pool:
        scan1_bulk(**arguments, out=tmp_path / "cut", cores=pool, **options)
        assert pool.begun == total - done
        scan1_bulk(**arguments, out=tmp_path / "cut", cores=pool, **options)        # all is there
        assert pool.begun == total - done
    names = sorted(path.name for path in (tmp_path / "whole").iterdir())
    assert sorted(path.name for path in (tmp_path / "cut").iterdir()) == names
    for name in names:
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def changed(arguments, what):
    """The same scan but for one thing."""
    arguments = dict(arguments)
    if what == "pheno":
        arguments["pheno"] = arguments["pheno"].copy()
        arguments["pheno"].iloc[10, 2] = np.nextafter(arguments["pheno"].iloc[10, 2], np.inf)
    elif what == "a name":
        arguments["pheno"] = arguments["pheno"].rename(columns={"y1": "other"})
    elif what == "kinship":
        arguments["kinship"] = {name: K * (1.0 + (name == "2") * 1e-15) for name, K in arguments["kinship"].items()}
    elif what == "genoprobs":
        arguments["genoprobs"] = scan_of("none", seed=2)["genoprobs"]
    elif what == "no Xcovar":
        arguments["Xcovar"] = None
    else:
        arguments[what] = {"memory": SMALL / 10, "reml": False, "keep": "max"}[what]
    return arguments


@pytest.mark.parametrize("what", ["pheno", "a name", "kinship", "genoprobs", "no Xcovar", "memory", "reml", "keep"])
def test_another_scan_is_not_taken_up(tmp_path, what):
    arguments = scan_of("loco") | {"memory": SMALL}
    scan1_bulk(**arguments, out=tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(InputError, match=f"out: {re.escape(str(tmp_path))} holds a scan of other inputs or options; name an empty "
                                         "or a new folder"):
        scan1_bulk(**changed(arguments, what), out=tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    scan1_bulk(**arguments, out=tmp_path)


@pytest.mark.parametrize("name, content", [("notes.txt", "mine"), ("scan.json", "{}"), ("scan.json", "[1")])
def test_a_folder_with_something_else(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=rf"holds something else \({name}\); name an empty or a new folder"):
        scan1_bulk(**scan_of("none"), out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name] and (tmp_path / name).read_text() == content
    with pytest.raises(InputError, match="is no folder of scan1_bulk"):
        read_scan1_bulk(tmp_path)


def test_a_file_in_the_place_of_the_folder(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(InputError, match="is a file; name an empty or a new folder"):
        scan1_bulk(**scan_of("none"), out=tmp_path / "out")
    with pytest.raises(InputError, match=r"out: .* cannot be written \(Not a directory\)"):
        scan1_bulk(**scan_of("none"), out=tmp_path / "out" / "below")


def test_no_scores_to_read(tmp_path):
    scan1_bulk(**scan_of("none"), out=tmp_path, keep="max")
    with pytest.raises(InputError, match="has no LOD scores of all positions"):
        read_scan1_bulk(tmp_path)


@pytest.mark.parametrize("options, sentence", [
    ({"keep": "all"}, "keep is 'all': give one of lod, max, above, peaks"),
    ({"keep": "above"}, "keep='above' needs threshold; give it"),
    ({"keep": "peaks"}, "keep='peaks' needs top; give it"),
    ({"keep": "max", "top": 2}, "top goes with keep='peaks'; leave it out of keep='max'"),
    ({"threshold": 3.0}, "threshold goes with keep='above'; leave it out of keep='lod'"),
    ({"keep": "above", "threshold": np.nan}, "threshold is nan: give a LOD score"),
    ({"keep": "above", "threshold": "3"}, "threshold is '3': give a LOD score"),
    ({"keep": "peaks", "top": 0}, "top is 0: give how many peaks, a whole number from 1"),
    ({"keep": "peaks", "top": True}, "top is True: give how many peaks, a whole number from 1"),
    ({"memory": 0}, "memory is 0: give the MB that phenotypes scanned together may take, a positive number"),
    ({"memory": "1 GB"}, "memory is '1 GB': give the MB"),
    ({"cores": -1}, "cores is -1: give how many to use"),
])
def test_bad_options(tmp_path, options, sentence):
    with pytest.raises(InputError) as refused:
        scan1_bulk(**scan_of("none"), out=tmp_path / "out", **options)
    assert str(refused.value).startswith(sentence)


def test_more_than_the_disk_holds(tmp_path, monkeypatch):
    """The size of all LOD scores is known before the first is computed."""
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    with pytest.raises(InputError, match="LOD scores of 6 phenotypes at 36 positions take 1.73e-06 GB, and 1e-06 GB are free"):
        scan1_bulk(**scan_of("none"), out=tmp_path)
    assert list(tmp_path.iterdir()) == []


NO_ROOM = """
import resource, sys
sys.path.insert(0, sys.argv[1])
from concurrent.futures import ThreadPoolExecutor
from simulated_scans import scan_of
from lmmbridge import InputError
from lmmbridge.qtl2 import scan1_bulk


class RunsOutOfRoom(ThreadPoolExecutor):
    begun = 0

    def submit(self, *arguments):
        self.begun += 1
        if self.begun == 6:
            resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
        return super().submit(*arguments)


with RunsOutOfRoom(1) as pool:
    try:
        scan1_bulk(**scan_of("none", phenotypes=200), out=sys.argv[2], memory=0.05, cores=pool)
    except InputError as error:
        print(error)
"""


def test_a_file_that_cannot_be_written(tmp_path):
    """What is finished is kept."""
    done = subprocess.run([sys.executable, "-c", NO_ROOM, Path(__file__).parent, tmp_path / "out"], capture_output=True, text=True)
    assert re.fullmatch(rf"out: {re.escape(str(tmp_path))}/out/lod.npy cannot be written on .* \(.*\); what is finished is kept, "
                        "the same call goes on from there\n", done.stdout), done
    assert len(list((tmp_path / "out" / "chunks").glob("*.npz"))) > 1
    scan1_bulk(**scan_of("none", phenotypes=200), out=tmp_path / "out", memory=SMALL)
    scan1_bulk(**scan_of("none", phenotypes=200), out=tmp_path / "whole", memory=SMALL)
    assert (tmp_path / "out" / "lod.npy").read_bytes() == (tmp_path / "whole" / "lod.npy").read_bytes()
