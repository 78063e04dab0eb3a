"""Kinship from files that the programs themselves wrote, and from files of the layouts they document."""
import doctest
import gzip
import itertools
import shutil
import struct
import subprocess

import numpy as np
import pandas as pd
import pytest

from lmmbridge import InputError, kinship_files
from lmmbridge.kinship_files import read_kinship_file
from lmmbridge.qtl2.storage import write_kinship

N, MARKERS = 60, 300


def run(program, *arguments, folder):
    if shutil.which(program) is None:
        pytest.skip(f"the program {program} is not here; install the Debian package {program}")
    done = subprocess.run([program, *map(str, arguments)], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def genotypes():
    """Number of second alleles, individuals × markers."""
    rng = np.random.default_rng(1)
    return rng.binomial(2, rng.uniform(0.1, 0.5, MARKERS), (N, MARKERS))


@pytest.fixture(scope="module")
def plink(tmp_path_factory, genotypes):
    """A folder with the genotypes as mice.ped, mice.map, and in PLINK's binary form where plink1.9 is."""
    folder = tmp_path_factory.mktemp("plink")
    alleles = {0: "A A", 1: "A G", 2: "G G"}
    (folder / "mice.ped").write_text("".join(
        f"F{i % 7} I{i} 0 0 {1 + i % 2} {i * 0.1:.1f} {' '.join(alleles[g] for g in row)}\n"
        for i, row in enumerate(genotypes)))
    (folder / "mice.map").write_text("".join(f"1 s{j} 0 {1000 * (j + 1)}\n" for j in range(MARKERS)))
    run("plink1.9", "--file", "mice", "--make-bed", "--out", "mice", folder=folder)
    return folder


@pytest.fixture(scope="module")
def grm(genotypes):
    """The genomic relationship matrix as PLINK and GCTA define it."""
    p = genotypes.mean(axis=0) / 2
    Z = (genotypes - 2 * p) / np.sqrt(2 * p * (1 - p))
    ids = [f"I{i}" for i in range(N)]
    return pd.DataFrame(Z @ Z.T / MARKERS, ids, ids)


def assert_is(kinship, expected, tolerance):
    assert list(kinship.index) == list(kinship.columns) == list(expected.index)
    np.testing.assert_allclose(kinship.to_numpy(), expected.to_numpy(), rtol=0.0, atol=tolerance)
    assert np.array_equal(kinship, kinship.T)


@pytest.mark.parametrize("command, file, kind, digits", [
    ("--make-grm-bin", "mice.grm.bin", "GRM (binary, float32, 300 markers)", "float32_entries"),
    ("--make-grm-list", "mice.grm", "GRM (text, 300 markers)", "six_digit_entries"),
    ("--make-rel square", "mice.rel", "PLINK relationship matrix (text, square)", "six_digit_entries"),
    ("--make-rel triangle", "mice.rel", "PLINK relationship matrix (text, lower triangle)", "six_digit_entries"),
    ("--make-rel square0", "mice.rel", "PLINK relationship matrix (text, square0)", "six_digit_entries"),
    ("--make-rel bin", "mice.rel.bin", "PLINK relationship matrix (binary, square, float64)", "float32_entries"),
    ("--make-rel bin4", "mice.rel.bin", "PLINK relationship matrix (binary, square, float32)", "float32_entries"),
    ("--make-rel triangle bin", "mice.rel.bin", "PLINK relationship matrix (binary, lower triangle, float64)",
     "float32_entries"),
    ("--make-rel triangle bin4", "mice.rel.bin", "PLINK relationship matrix (binary, lower triangle, float32)",
     "float32_entries"),
    ("--make-rel square0 bin", "mice.rel.bin", "PLINK relationship matrix (binary, square0, float64)",
     "float32_entries"),
])
def test_plink2(plink, grm, tmp_path, command, file, kind, digits, tolerance):
    run("plink2", "--bfile", plink / "mice", *command.split(), "--out", "mice", folder=tmp_path)
    kinship = read_kinship_file(tmp_path / file)
    assert_is(kinship, grm, tolerance(digits))
    assert kinship.attrs == {"source": f"{kind}, file {file}"}


@pytest.mark.parametrize("command, file, kind, digits", [
    ("--make-grm-bin", "mice.grm.bin", "GRM (binary, float32, 300 markers)", "float32_entries"),
    ("--make-grm-gz", "mice.grm.gz", "GRM (text, 300 markers)", "float32_entries"),
    ("--make-rel square gz", "mice.rel.gz", "PLINK relationship matrix (text, square)", "six_digit_entries"),
    ("--make-rel triangle", "mice.rel", "PLINK relationship matrix (text, lower triangle)", "six_digit_entries"),
    ("--make-rel triangle bin", "mice.rel.bin", "PLINK relationship matrix (binary, lower triangle, float64)",
     "float32_entries"),
])
def test_plink19(plink, grm, tmp_path, command, file, kind, digits, tolerance):
    run("plink1.9", "--bfile", plink / "mice", *command.split(), "--out", "mice", folder=tmp_path)
    kinship = read_kinship_file(tmp_path / file)
    assert_is(kinship, grm, tolerance(digits))
    assert kinship.attrs == {"source": f"{kind}, file {file}"}


@pytest.mark.parametrize("gk, ending, kind", [(1, "cXX", "centred"), (2, "sXX", "standardised")])
def test_gemma(plink, genotypes, tmp_path, gk, ending, kind, tolerance):
    run("gemma", "-bfile", plink / "mice", "-gk", gk, "-o", "mice", folder=tmp_path)
    file = tmp_path / "output" / f"mice.{ending}.txt"
    with pytest.raises(InputError, match=r"has no IDs: give the file of them \(ids\), such as the .fam file"):
        read_kinship_file(file)
    kinship = read_kinship_file(file, ids=plink / "mice.fam")
    Z = genotypes - genotypes.mean(axis=0)
    Z = Z / np.sqrt(np.mean(Z**2, axis=0)) if gk == 2 else Z
    ids = [f"I{i}" for i in range(N)]
    assert_is(kinship, pd.DataFrame(Z @ Z.T / MARKERS, ids, ids), tolerance("ten_digit_entries"))
    assert kinship.attrs == {"source": f"GEMMA {kind} relatedness matrix (text, square), file {file.name}"}
    beside = shutil.copy(plink / "mice.fam", file.parent)
    with pytest.raises(InputError, match=f"probably {beside}"):
        read_kinship_file(file)


# ---- layouts, without the programs

@pytest.fixture
def small():
    """A matrix that float32 and 6 digits hold exactly."""
    rng = np.random.default_rng(2)
    K = np.round(rng.normal(size=(5, 5)) * 64) / 64
    ids = ["a", "b", "c", "d", "e"]
    return pd.DataFrame(np.tril(K) + np.tril(K, -1).T, ids, ids)


def triangle(K, number):
    """The lower triangle, row by row, byte by byte."""
    return b"".join(struct.pack(f"<{number}", K.iloc[i, j]) for i in range(len(K)) for j in range(i + 1))


def write_ids(path, text=None):
    path.write_text("".join(f"fam\t{i}\n" for i in "abcde") if text is None else text)


@pytest.mark.parametrize("number, kind", [("f", "float32"), ("d", "float64")])
def test_gcta_binary(tmp_path, small, number, kind):
    (tmp_path / "x.grm.bin").write_bytes(triangle(small, number))
    write_ids(tmp_path / "x.grm.id")
    kinship = read_kinship_file(tmp_path / "x.grm.bin")
    assert kinship.equals(small)
    assert kinship.attrs == {"source": f"GRM (binary, {kind}), file x.grm.bin"}
    markers = small * 0 + np.arange(5) + 10
    (tmp_path / "x.grm.N.bin").write_bytes(triangle(markers, number))
    assert read_kinship_file(tmp_path / "x.grm.bin").attrs == {
        "source": f"GRM (binary, {kind}, 10 to 14 markers), file x.grm.bin"}


def test_gcta_text(tmp_path, small):
    lines = [f"{i + 1}\t{j + 1}\t99\t{small.iloc[i, j]!r}\n" for i in range(5) for j in range(i + 1)]
    with gzip.open(tmp_path / "x.grm.gz", "wt") as file:
        file.writelines(lines)
    write_ids(tmp_path / "x.grm.id")
    assert read_kinship_file(tmp_path / "x.grm.gz").equals(small)
    lines[3], lines[4] = lines[4], lines[3]
    with gzip.open(tmp_path / "x.grm.gz", "wt") as file:
        file.writelines(lines)
    with pytest.raises(InputError, match="line 4 is of the pair 3 2 where 3 1 is due"):
        read_kinship_file(tmp_path / "x.grm.gz")


@pytest.mark.parametrize("text, names", [
    ("fam a\nfam b\nfam c\nfam d\nfam e\n", "a b c d e"),
    ("#FID\tIID\n1\ta\n2\tb\n1\tc\n2\td\n1\te\n", "a b c d e"),
    ("#IID\na\nb\nc\nd\ne\n", "a b c d e"),
    ("#IID\tSID\na\t1\nb\t1\nc\t1\nd\t1\ne\t1\n", "a b c d e"),
    ("a\nb\nc\nd\ne\n", "a b c d e"),
    ("f1 1 0 0 1 2.5\nf1 2 0 0 1 -9\nf1 3 0 0 1 2.5\nf1 4 0 0 1 2.5\nf1 5 0 0 1 2.5\n", "1 2 3 4 5"),
    ("f1 1\nf1 2\nf2 1\nf2 2\nf3 1\n", "f1_1 f1_2 f2_1 f2_2 f3_1"),
    ("a b\na 0.10\r\na 01\n\na 1\na 1e1\n", "b 0.10 01 1 1e1"),
])
def test_ids(tmp_path, small, text, names):
    (tmp_path / "x.rel").write_text("\n".join(" ".join(map(repr, row)) for row in small.to_numpy()))
    write_ids(tmp_path / "x.rel.id", text)
    kinship = read_kinship_file(tmp_path / "x.rel")
    assert list(kinship.index) == list(kinship.columns) == names.split()
    assert np.array_equal(kinship, small)


@pytest.mark.parametrize("text, sentence", [
    ("f1 1\nf1 2\nf2 1\nf1 1\nf3 1\n", "individual 'f1_1' occurs more than once"),
    ("1\n2\n3\n2\n4\n", "individual '2' occurs more than once"),
    ("", "has no individual in it: a line FID IID for each is needed"),
    ("#FID IID\n", "has no individual in it"),
    ("#FID SID\n1 2\n", "has the columns FID, SID: it needs one called IID"),
    ("f a\nf b\nc\nf d\nf e\n", r"line 3 has 1 of the 2 columns \(FID, IID\)"),
    ("f a\nf b\n", "x.rel has 5 rows and x.rel.id 2 individuals: it was cut short or belongs to other individuals"),
])
def test_bad_ids(tmp_path, small, text, sentence):
    (tmp_path / "x.rel").write_text("\n".join(" ".join(map(repr, row)) for row in small.to_numpy()))
    write_ids(tmp_path / "x.rel.id", text)
    with pytest.raises(InputError, match=sentence):
        read_kinship_file(tmp_path / "x.rel")


@pytest.mark.parametrize("name, bytes_due", [("x.grm.bin", "60 or 120"), ("x.grm.N.bin", "60 or 120"),
                                             ("x.rel.bin", "60 or 120 or 100 or 200")])
@pytest.mark.parametrize("change", [-1, -4, 4, -60])
def test_binary_of_another_size(tmp_path, small, name, bytes_due, change):
    data = triangle(small, "f")
    if name == "x.grm.N.bin":
        (tmp_path / "x.grm.bin").write_bytes(data)
    (tmp_path / name).write_bytes((data + b"\0" * 4)[:len(data) + change])
    for ids in ("x.grm.id", "x.rel.id"):
        write_ids(tmp_path / ids)
    with pytest.raises(InputError, match=f"{name} has {60 + change} bytes where the 5 individuals of x.*id make it "
                                         f"{bytes_due} "):
        read_kinship_file(tmp_path / name.replace(".N", ""))


def test_no_two_layouts_of_one_size(small):
    """float32 and float64, square and triangle: the size tells them apart for any number of individuals from 2."""
    for n in range(2, 3000):
        sizes = [count * size for count, size in itertools.product((n * n, n * (n + 1) // 2), (4, 8))]
        assert len(set(sizes)) == 4


@pytest.mark.parametrize("text, sentence", [
    ("1 0\n0 1\n", "x.rel has 2 rows and x.rel.id 5 individuals"),
    ("", "x.rel has 0 rows and x.rel.id 5 individuals"),
    ("1 0 0 0 0\n0 1 0 0 0\n0 0 1 0\n0 0 0 1 0\n0 0 0 0 1\n", "row 3 has 4 numbers where 5 are due"),
    ("1\n0 1\n0 0 1\n0 0 0 1\n0 0 0 0\n", "row 5 has 4 numbers where 5 are due"),
    ("1\n0 1\n0 x 1\n0 0 0 1\n0 0 0 0 1\n", "x.rel, line 3: could not convert string to float: 'x'; a number"),
    ("1\n0 1\n0 nan 1\n0 0 0 1\n0 0 0 0 1\n", "x.rel: nan for individual 'b', column 'c'; every entry must be"),
    ("1 .5 0 0 0\n.5 1 0 0 0\n0 .2 1 0 0\n0 0 0 1 0\n0 0 0 0 1\n",
     r"x.rel: kinship is not symmetric: 0 for \('b', 'c'\) and 0.2 for"),
])
def test_bad_text(tmp_path, text, sentence):
    (tmp_path / "x.rel").write_text(text)
    write_ids(tmp_path / "x.rel.id")
    with pytest.raises(InputError, match=sentence):
        read_kinship_file(tmp_path / "x.rel")


@pytest.mark.parametrize("keep, sentence", [(0.5, "is not a whole gzip file"), (0.0, "has 0 lines of 4 numbers")])
def test_cut_gzip(tmp_path, small, keep, sentence):
    write_ids(tmp_path / "x.grm.id")
    data = gzip.compress("".join(f"{i + 1} {j + 1} 9 0.25\n" for i in range(5) for j in range(i + 1)).encode())
    (tmp_path / "x.grm.gz").write_bytes(data[:int(keep * len(data))])
    with pytest.raises(InputError, match=sentence):
        read_kinship_file(tmp_path / "x.grm.gz")


def test_grm_text_of_another_size(tmp_path):
    write_ids(tmp_path / "x.grm.id")
    (tmp_path / "x.grm").write_text("1 1 9 0.5\n2 1 9 0.5\n")
    with pytest.raises(InputError, match="has 2 lines of 4 numbers where the 5 individuals of x.grm.id make it 15"):
        read_kinship_file(tmp_path / "x.grm")
    (tmp_path / "x.grm").write_text("1 1 9 0.5\n2 1 9\n")
    with pytest.raises(InputError, match="x.grm is not a table of numbers: the number of columns changed"):
        read_kinship_file(tmp_path / "x.grm")


def test_what_is_not_there(tmp_path, small):
    with pytest.raises(InputError, match="x.rel does not exist$"):
        read_kinship_file(tmp_path / "x.rel")
    (tmp_path / "x.grm.bin").write_bytes(triangle(small, "f"))
    with pytest.raises(InputError, match="the file of its IDs, .*x.grm.id, does not exist; put it there"):
        read_kinship_file(tmp_path / "x.grm.bin")
    for beside in ("x", "x.grm.id", "x.grm.N.bin"):      # the beginning of the name, as the programs take it
        with pytest.raises(InputError, match="give .*x.grm.bin$"):
            read_kinship_file(tmp_path / beside)
    with pytest.raises(InputError, match="is a folder: give a file"):
        read_kinship_file(tmp_path)
    (tmp_path / "x.rel.zst").write_bytes(b"")
    with pytest.raises(InputError, match="unpack it first, zstd -d 'x.rel.zst'"):
        read_kinship_file(tmp_path / "x.rel.zst")
    with pytest.raises(InputError, match="ids.txt does not exist"):
        read_kinship_file(tmp_path / "x.grm.bin", ids=tmp_path / "ids.txt")


def test_ids_may_be_elsewhere(tmp_path, small):
    (tmp_path / "x.grm.bin").write_bytes(triangle(small, "f"))
    write_ids(tmp_path / "ids.txt", "v w x y z".replace(" ", "\n"))
    assert list(read_kinship_file(tmp_path / "x.grm.bin", ids=tmp_path / "ids.txt").index) == list("vwxyz")
    np.savetxt(tmp_path / "K.txt", small)
    kinship = read_kinship_file(tmp_path / "K.txt", ids=tmp_path / "ids.txt")
    assert np.array_equal(kinship, small)
    assert kinship.attrs == {"source": "matrix without IDs (text, square), file K.txt"}


def test_csv(tmp_path, small):
    file = tmp_path / "K.csv"
    small.to_csv(file)
    kinship = read_kinship_file(file)
    pd.testing.assert_frame_equal(kinship, small)
    assert kinship.attrs == {"source": "CSV, file K.csv"}
    small[["c", "a", "b", "e", "d"]].to_csv(tmp_path / "any.txt")      # columns in another order, another name
    pd.testing.assert_frame_equal(read_kinship_file(tmp_path / "any.txt"), small)
    with pytest.raises(InputError, match="K.csv has the IDs in it: leave .*K.id out"):
        read_kinship_file(file, ids=tmp_path / "K.id")
    for change, sentence in [(small.iloc[:4], "has 4 rows and 5 columns: it must be square"),
                             (small.rename(columns={"b": "x"}), "row 2 is individual 'b' and column 2 is 'x'"),
                             (small.replace(small.iloc[1, 3], np.nan), "nan for individual"),
                             (small + np.triu(np.ones((5, 5)), 1), "kinship is not symmetric")]:
        change.to_csv(file)
        with pytest.raises(InputError, match=f"K.csv.*{sentence}"):
            read_kinship_file(file)


def test_netcdf(tmp_path, small):
    write_kinship(small, tmp_path / "K.nc")
    kinship = read_kinship_file(tmp_path / "K.nc")
    assert kinship.equals(small)
    assert kinship.attrs["source"] == "lmmbridge netCDF, file K.nc"
    write_kinship({"1": small, "X": 2 * small}, tmp_path / "loco.nc")
    loco = read_kinship_file(tmp_path / "loco.nc")
    assert list(loco) == ["1", "X"] and loco["X"].equals(2 * small)
    assert loco["X"].attrs["source"] == "lmmbridge netCDF, file loco.nc"


def test_examples():
    assert doctest.testmod(kinship_files).failed == 0
