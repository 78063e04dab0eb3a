"""Files of genotype probabilities and kinship: written and read by Python, and by an R that knows no Python."""
import doctest
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from lmmbridge.errors import InputError
from lmmbridge.qtl2 import storage
from lmmbridge.qtl2.genoprobs import DIMS, Genoprobs
from lmmbridge.qtl2.kinship import decomp_kinship
from lmmbridge.qtl2.r_objects import from_r, to_r
from lmmbridge.qtl2.storage import read_genoprobs, read_kinship, write_genoprobs, write_kinship

# Objects of R/qtl2; the odd names are those that netCDF would not take for a variable.
STORED = """
stored <- local({
    iron <- qtl2::read_cross2(system.file("extdata", "iron.zip", package = "qtl2"))
    probs <- qtl2::calc_genoprob(iron, qtl2::insert_pseudomarkers(iron$gmap, step = 5))
    odd <- probs[1:3, c("19", "X")]
    names(odd) <- names(attr(odd, "is_x_chr")) <- c("1/2 ", "\\u03bb: \\u00fc\\u6f22")
    for (i in 1:2) rownames(odd[[i]]) <- c("Z\\u00fcrich/1", " ", "trailing ")
    attr(odd, "alleles") <- c("\\u00e9", "BB")
    plain <- probs[1, "2"]
    attr(plain, "alleles") <- attr(plain, "crosstype") <- NULL
    loco <- qtl2::calc_kinship(probs, "loco")
    list(genoprobs = list(probs = probs, alleleprobs = qtl2::genoprob_to_alleleprob(probs), odd = odd, plain = plain),
         kinship = list(overall = qtl2::calc_kinship(probs), loco = loco, one = loco["X"],
                        scaled = qtl2::scale_kinship(loco[[1]]), odd = qtl2::calc_kinship(odd, "chr"),
                        bare = matrix(c(1e30, 0, 0, -1e-300), 2, dimnames = list(c("a", "b"), c("a", "b")))))
})
"""
KINDS = {"genoprobs": (read_genoprobs, write_genoprobs), "kinship": (read_kinship, write_kinship)}


@pytest.fixture(scope="module")
def stored(r, tmp_path_factory):
    """Our objects by kind and name; R's own lie in stored.rds of the folder under "folder"."""
    folder = tmp_path_factory.mktemp("stored")
    r.eval(STORED)
    r.eval(f"saveRDS(stored, '{folder}/stored.rds', compress = FALSE)")
    return {"folder": folder} | {kind: {name: from_r(value) for name, value in values.items()}
                                 for kind, values in r.eval("stored").value.items()}


@pytest.fixture
def rscript(tmp_path):
    """rscript(code): lines that a plain R prints which has read storage.R; skips where it has no ncdf4."""
    def run(code, **variables):
        script = tmp_path / "script.R"
        source = Path(storage.__file__).with_name("storage.R")
        script.write_text(f"source('{source}', encoding = 'UTF-8')\n{code}", encoding="utf-8")
        done = subprocess.run(["Rscript", "--vanilla", script], capture_output=True, text=True, check=False,
                              env={**os.environ, **variables})
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    if shutil.which("Rscript") is None:
        pytest.skip("there is no program Rscript: install R")
    if run("cat(requireNamespace('ncdf4', quietly = TRUE), '\\n')") != ["TRUE "]:
        pytest.skip("the R package ncdf4 is not installed: install.packages('ncdf4')")
    return run


def same(a, b):
    """Equal to the bit, with names, attributes and the types of these."""
    if isinstance(a, Genoprobs):
        assert (list(a), a.individuals, a.is_x_chr, a.crosstype, a.alleles, a.alleleprobs) == (
            list(b), b.individuals, b.is_x_chr, b.crosstype, b.alleles, b.alleleprobs)
        for chromosome in a:
            assert a[chromosome].dims == b[chromosome].dims
            for dim in DIMS:
                assert a[chromosome].coords[dim].values.tolist() == b[chromosome].coords[dim].values.tolist()
            assert b[chromosome].dtype == np.float64
            assert np.array_equal(a[chromosome].values.view(np.uint64), b[chromosome].values.view(np.uint64))
    elif isinstance(a, dict):
        assert list(a) == list(b)
        for chromosome in a:
            same(a[chromosome], b[chromosome])
    else:
        pd.testing.assert_frame_equal(a, b, check_exact=True)
        assert a.attrs == b.attrs and [type(x) for x in a.attrs.values()] == [type(x) for x in b.attrs.values()]


CASES = [(kind, name) for kind, names in (("genoprobs", ["probs", "alleleprobs", "odd", "plain"]),
                                          ("kinship", ["overall", "loco", "one", "scaled", "odd", "bare"]))
         for name in names]


@pytest.mark.parametrize("kind, name", CASES)
def test_python_reads_what_python_wrote(stored, tmp_path, kind, name):
    read, write = KINDS[kind]
    write(stored[kind][name], tmp_path / "x.nc")
    same(stored[kind][name], read(tmp_path / "x.nc"))
    assert [path.name for path in tmp_path.iterdir()] == ["x.nc"]


@pytest.mark.parametrize("locale", ["C.UTF-8", "C"])
def test_r_reads_what_python_wrote(stored, tmp_path, rscript, locale):
    for kind, name in CASES:
        KINDS[kind][1](stored[kind][name], tmp_path / f"{kind}-{name}.nc")
    lines = rscript(f"""
        stored <- readRDS("{stored['folder']}/stored.rds")
        for (kind in names(stored)) for (name in names(stored[[kind]])) {{
            value <- get(paste0("read_", kind))(paste0("{tmp_path}/", kind, "-", name, ".nc"))
            cat(kind, name, identical(value, stored[[kind]][[name]], num.eq = FALSE, single.NA = FALSE), "\\n")
        }}""", LC_ALL=locale)
    assert [line.split() for line in lines] == [[kind, name, "TRUE"] for kind, name in CASES]


@pytest.mark.parametrize("locale", ["C.UTF-8", "C"])
def test_python_and_r_read_what_r_wrote(stored, tmp_path, rscript, locale):
    lines = rscript(f"""
        stored <- readRDS("{stored['folder']}/stored.rds")
        for (kind in names(stored)) for (name in names(stored[[kind]])) {{
            file <- paste0("{tmp_path}/", kind, "-", name, ".nc")
            get(paste0("write_", kind))(stored[[kind]][[name]], file)
            value <- get(paste0("read_", kind))(file)
            cat(kind, name, identical(value, stored[[kind]][[name]], num.eq = FALSE, single.NA = FALSE), "\\n")
        }}""", LC_ALL=locale)
    assert [line.split() for line in lines] == [[kind, name, "TRUE"] for kind, name in CASES]
    for kind, name in CASES:
        same(stored[kind][name], KINDS[kind][0](tmp_path / f"{kind}-{name}.nc"))
        assert (tmp_path / f"{kind}-{name}.nc").read_bytes()[:4] == b"CDF\x02"


def test_other_real_crosses(r, shared_data, tmp_path, rscript):
    r.eval(f"cross <- qtl2::read_cross2('{shared_data('DOex.zip')}')[1:20, c('2', 'X')]")
    r.eval("do <- qtl2::calc_genoprob(cross)")
    r.eval(f"saveRDS(do, '{tmp_path}/do.rds')")
    probs = from_r(r.eval("do").value)
    write_genoprobs(probs, tmp_path / "do.nc")
    same(probs, read_genoprobs(tmp_path / "do.nc"))
    assert rscript(f"cat(identical(read_genoprobs('{tmp_path}/do.nc'), readRDS('{tmp_path}/do.rds')))") == ["TRUE"]


def small():
    array = xr.DataArray([[[0.25, 1.0], [0.75, 0.0]]], dims=DIMS, coords={
        "individual": ["i"], "genotype": ["a", "b"], "position": ["m", "n"]})
    return Genoprobs({"1": array, "X": array.assign_coords(position=["o", "p"])}, {"X": True}, "f2", "AB")


def test_a_file_that_was_cut_off_anywhere_is_refused(tmp_path, rscript):
    write_genoprobs(small(), tmp_path / "whole.nc")
    content = (tmp_path / "whole.nc").read_bytes()
    cut = tmp_path / "cut.nc"
    lengths = [*range(0, len(content), 9), *range(len(content) - 4, len(content))]
    for length in lengths:
        cut.write_bytes(content[:length])
        with pytest.raises(InputError, match="is not whole" if length >= 4 else "not a netCDF classic file"):
            read_genoprobs(cut)
    # the netCDF library itself reads zeros beyond the end of a file
    lines = rscript(f"""
        content <- readBin("{tmp_path}/whole.nc", "raw", 1e6)
        for (length in c({", ".join(map(str, lengths))})) {{
            writeBin(head(content, length), "{cut}")
            said <- tryCatch({{read_genoprobs("{cut}"); "read"}}, error = conditionMessage)
            expected <- if (length < 4) "not a netCDF classic file" else "is not whole"
            if (!grepl(expected, said)) cat("!", length, said, "\\n")
        }}
        cat("! end\\n")""")
    assert [line for line in lines if line.startswith("!")] == ["! end"]


@pytest.fixture
def wrong(tmp_path):
    """Files that are not what is wanted, by what they are, with what is said of them."""
    write_genoprobs(small(), tmp_path / "good.nc")
    write_kinship(pd.DataFrame([[1.0]], ["a"], ["a"]), tmp_path / "kinship.nc")
    data = xr.load_dataset(tmp_path / "good.nc", engine="scipy")
    data.attrs["format_version"] = 2
    data.to_netcdf(tmp_path / "newer.nc", engine="scipy")
    xr.Dataset({"t": ("x", [1.0])}).to_netcdf(tmp_path / "foreign.nc", engine="scipy")
    (tmp_path / "text.nc").write_text("id,m1\n1,0.5\n")
    (tmp_path / "empty.nc").touch()
    (tmp_path / "hdf5.nc").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    (tmp_path / "folder.nc").mkdir()
    return {"missing": "there is no file", "folder": "there is no file", "kinship": "netCDF file of another kind",
            "foreign": "netCDF file of another kind", "newer": "of version 2 of its format.*up to 1",
            "text": "is not a netCDF classic file", "empty": "is not a netCDF classic file",
            "hdf5": "is not a netCDF classic file"}


def test_other_files_are_refused_in_python(tmp_path, wrong):
    for name, message in wrong.items():
        with pytest.raises(InputError, match=message):
            read_genoprobs(tmp_path / f"{name}.nc")
    with pytest.raises(InputError, match="netCDF file of another kind; give one that write_kinship wrote"):
        read_kinship(tmp_path / "good.nc")


def test_other_files_are_refused_in_r(tmp_path, wrong, rscript):
    patterns = ", ".join(f"{name} = '{message}'" for name, message in wrong.items())
    lines = rscript(f"""
        patterns <- c({patterns})
        for (name in names(patterns)) {{
            said <- tryCatch({{read_genoprobs(paste0("{tmp_path}/", name, ".nc")); "read"}}, error = conditionMessage)
            cat(if (grepl(patterns[[name]], said)) "refused" else said, "\\n")
        }}""")
    assert [line.strip() for line in lines] == ["refused"] * len(wrong)


def test_a_file_is_overwritten_only_when_asked(tmp_path):
    file = tmp_path / "x.nc"
    write_genoprobs(small(), file)
    before = file.read_bytes()
    kinship = pd.DataFrame([[1.0]], ["a"], ["a"])
    with pytest.raises(InputError, match="x.nc exists already"):
        write_kinship(kinship, file)
    assert file.read_bytes() == before
    write_kinship(kinship, file, overwrite=True)
    same(kinship, read_kinship(file))


def test_a_file_is_overwritten_only_when_asked_in_r(tmp_path, rscript):
    lines = rscript(f"""
        file <- "{tmp_path}/x.nc"
        K <- matrix(1, 1, 1, dimnames = list("a", "a"))
        write_kinship(K, file)
        cat(tryCatch(write_kinship(K, file), error = conditionMessage), "\\n")
        write_kinship(2 * K, file, TRUE)
        cat(read_kinship(file), "\\n")
        file <- paste0(file, 2)
        cat(tryCatch(write_kinship(list(K, `rownames<-`(K, "b")), file), error = conditionMessage), "\\n")
        cat(tryCatch(write_kinship(structure(K, note = 1), file), error = conditionMessage), "\\n")
        cat(tryCatch(write_genoprobs(K, file), error = conditionMessage), "\\n")
        cat(tryCatch(write_kinship(K, file.path(file, "x.nc")), error = conditionMessage), "\\n")
        """)
    for line, message in zip(lines, ["exists already", "2", "kinship matrix 2: the rows", "attribute note",
                                     "probs must be genotype", "no folder"], strict=True):
        assert message in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["script.R", "x.nc"]


def test_a_write_that_fails_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(storage.os, "replace", lambda *paths: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_genoprobs(small(), tmp_path / "x.nc")
    assert not list(tmp_path.iterdir())


K = pd.DataFrame([[1.0, 0.5], [0.5, 1.0]], ["a", "b"], ["a", "b"])


def with_note():
    frame = K.copy()
    frame.attrs["note"] = "x"
    return frame


@pytest.mark.parametrize("write, value, message", [
    (write_genoprobs, K, "probs is of type DataFrame"), (write_genoprobs, Genoprobs({}), "has no individual"),
    (write_genoprobs, Genoprobs({"1": small()["1"], "7": small()["X"][:, :, :0]}), "chromosome '7' has no position"),
    (write_kinship, {}, "of no chromosome"), (write_kinship, K.iloc[:1], "must be square"),
    (write_kinship, decomp_kinship(K), "decomposed"), (write_kinship, with_note(), "besides n_pos.* note"),
    (write_kinship, {"1": K, "2": K.iloc[::-1, ::-1]}, "chromosome '2' is of other individuals"),
    (write_kinship, {"1": K, "2": K * np.nan}, "chromosome '2'.*nan for individual 'a'"),
])
def test_what_cannot_be_written_is_refused(tmp_path, write, value, message):
    with pytest.raises(InputError, match=message):
        write(value, tmp_path / "x.nc")
    assert not list(tmp_path.iterdir())


def test_a_folder_must_be_there(tmp_path):
    with pytest.raises(InputError, match="no folder .*nowhere to write x.nc to"):
        write_kinship(K, tmp_path / "nowhere" / "x.nc")


def test_a_chromosome_that_is_too_large_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "LARGEST_VARIABLE", 31)
    with pytest.raises(InputError, match="chromosome '1' takes .* GiB, more than the 2 GiB"):
        write_genoprobs(small(), tmp_path / "x.nc")
    with pytest.raises(InputError, match="what is to be written takes|chromosome"):
        write_kinship(K, tmp_path / "x.nc")
    assert not list(tmp_path.iterdir())


def test_the_written_format_is_the_told_one(tmp_path):
    write_genoprobs(small(), tmp_path / "x.nc")
    with xr.open_dataset(tmp_path / "x.nc", engine="scipy") as data:
        assert list(data.attrs) == ["format", "format_version", "alleleprobs", "crosstype"]
        assert set(data) == {"individuals", "chromosomes", "is_x_chr", "alleles", "genotypes_1", "genotypes_2",
                             "positions_1", "positions_2", "probabilities_1", "probabilities_2", "complete"}
        assert data["probabilities_2"].dims == ("position_2", "genotype_2", "individual")


def test_examples():
    result = doctest.testmod(storage)
    assert result.attempted and not result.failed
