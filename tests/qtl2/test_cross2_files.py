"""Reading and writing crosses, beside R/qtl2's own read_cross2 on the same files."""
import doctest
import importlib
import json
import stat
import struct
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lmmbridge.errors import InputError
from lmmbridge.qtl2 import bundles
from lmmbridge.qtl2.cross2 import Cross2, Cross2Warning, read_cross2
from lmmbridge.qtl2.crosstypes import CROSSTYPES, cross_info_problem, find_crosstype, valid_genotypes
from lmmbridge.qtl2.extdata import extdata
from lmmbridge.qtl2.maps import Map
from lmmbridge.qtl2.write_cross2 import write_cross2, zip_datafiles

# x is read into R's variable `cross2_files`, then each part stripped of what is not compared here (S3 classes).
READ_IN_R = """
cross2_files <- qtl2::read_cross2("{path}")
with(cross2_files, list(
    crosstype=crosstype, geno=geno, founder_geno=cross2_files$founder_geno,
    gmap=lapply(cross2_files$gmap, identity), pmap=lapply(cross2_files$pmap, identity),
    pheno=cross2_files$pheno, covar=cross2_files$covar, phenocovar=cross2_files$phenocovar,
    is_x_chr=is_x_chr, gmap_x=attr(cross2_files$gmap, "is_x_chr"), is_female=is_female, cross_info=cross_info,
    alleles=alleles))
"""


def read_recording(path):
    """The cross, and the messages of the warnings that came with it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cross = read_cross2(path)
    assert all(warning.category is Cross2Warning for warning in caught)
    return cross, [str(warning.message) for warning in caught]


def names(values):
    return [str(value) for value in values]


def assert_values_equal(ours, theirs, digits):
    """Two lists: the same types, and values the same but for how R reads decimal numbers."""
    assert {type(value) for value in ours} == {type(value) for value in theirs}
    if ours and isinstance(ours[0], float):
        mine, other = np.array(ours), np.array(theirs)
        finite = np.isfinite(mine)
        assert np.array_equal(mine[~finite], other[~finite])
        np.testing.assert_allclose(mine[finite], other[finite], rtol=digits, atol=0.0)
    else:
        assert ours == theirs


def assert_table_equal(ours, theirs, digits):
    """A DataFrame of ours beside a matrix or data.frame of R's: names, kinds of number, missing values, every digit."""
    if ours is None or theirs is None:
        assert ours is None and theirs is None
        return
    rows, columns = ((theirs.index, theirs.columns) if isinstance(theirs, pd.DataFrame) else
                     (theirs.indexes.get(dim, pd.Index([])) for dim in theirs.dims))
    assert names(ours.index) == names(rows)
    assert names(ours.columns) == names(columns)
    for j in range(ours.shape[1]):
        mine, other = ours.iloc[:, j], pd.Series(theirs.values[:, j])
        missing = pd.isna(mine).to_numpy()
        assert np.array_equal(missing, pd.isna(other).to_numpy())
        assert_values_equal(mine[~missing].tolist(), other[~missing].tolist(), digits)


def assert_equal_to_r(r, path, cross, digits):
    """Field by field as R/qtl2 reads the same file; returns R's warnings."""
    answer = r.eval(READ_IN_R.format(path=path))
    theirs = answer.value
    assert cross.crosstype == theirs["crosstype"]
    for field in ("geno", "founder_geno"):
        ours = getattr(cross, field)
        assert (ours is None) == (theirs[field] is None)
        if ours is not None:
            assert list(ours) == list(theirs[field])
            for chromosome in ours:
                assert_table_equal(ours[chromosome], theirs[field][chromosome], digits)
    for field in ("gmap", "pmap"):
        ours = getattr(cross, field)
        if ours is None:
            assert not theirs[field]
            continue
        assert list(ours) == list(theirs[field])
        for chromosome in ours:
            other = theirs[field][chromosome]
            assert names(ours[chromosome].index) == names(other.index)
            assert_values_equal(ours[chromosome].tolist(), other.tolist(), digits)
        assert ours.is_x_chr == cross.is_x_chr
    for field in ("pheno", "covar", "phenocovar", "cross_info"):
        assert_table_equal(getattr(cross, field), theirs[field], digits)
    assert cross.is_x_chr == theirs["is_x_chr"].to_dict()
    assert names(cross.is_female.index) == names(theirs["is_female"].index)
    assert cross.is_female.tolist() == theirs["is_female"].tolist()
    assert cross.alleles == tuple(np.atleast_1d(theirs["alleles"]))
    return answer.warnings


def assert_same_cross(one, other):
    """Two crosses of ours, field by field, dtypes included."""
    for field in ("crosstype", "is_x_chr", "alleles"):
        assert getattr(one, field) == getattr(other, field)
    for field in ("pheno", "covar", "phenocovar", "cross_info"):
        if getattr(one, field) is None:
            assert getattr(other, field) is None
        else:
            pd.testing.assert_frame_equal(getattr(one, field), getattr(other, field), check_exact=True)
    for field in ("geno", "founder_geno", "gmap", "pmap"):
        mine, theirs = getattr(one, field), getattr(other, field)
        assert (mine is None) == (theirs is None)
        for chromosome in mine or ():
            compare = pd.testing.assert_series_equal if field in ("gmap", "pmap") else pd.testing.assert_frame_equal
            compare(mine[chromosome], theirs[chromosome], check_exact=True)
        assert list(mine or ()) == list(theirs or ())
    pd.testing.assert_series_equal(one.is_female, other.is_female)


@pytest.fixture(scope="session")
def digits(tolerance):
    return tolerance("decimal_reading")


@pytest.fixture(scope="session", params=["iron.zip", "grav2.zip", "DOex.zip", "b6btbr.zip"])
def real(request, r, shared_data):
    return extdata(request.param) if request.param in ("iron.zip", "grav2.zip") else shared_data(request.param)


# ---------------------------------------------------------------------------------------------------------------------
# A small intercross in files, which the tests change.

class Files:
    """A control file and its tables, to be changed and written."""

    def __init__(self):
        self.control = {
            "crosstype": "f2", "geno": "geno.csv", "gmap": "gmap.csv", "pmap": "pmap.csv", "pheno": "pheno.csv",
            "covar": "covar.csv", "phenocovar": "phenocovar.csv", "alleles": ["S", "B"],
            "genotypes": {"SS": 1, "SB": 2, "BB": 3}, "sex": {"covar": "sex", "f": "female", "m": "male"},
            "cross_info": {"covar": "dir", "SxB": 0, "BxS": 1}, "x_chr": "X", "na.strings": ["-", "NA"],
            "description": "a small intercross", "comments": ["made up", "twice"]}
        self.tables = {
            "geno.csv": [["id", "m3", "m1", "m2", "x1", "x2"],
                         ["a", "SS", "SB", "BB", "SS", "-"], ["b", "SB", "-", "SS", "SB", "SS"],
                         ["c", "BB", "BB", "SB", "BB", "BB"], ["d", "NA", "SB", "SB", "SS", "SS"]],
            "gmap.csv": [["marker", "chr", "pos"], ["m1", "1", "0.1"], ["m3", "1", "32.5"], ["m2", "1", "7.25"],
                         ["x1", "X", "3"], ["x2", "X", "3"]],
            "pmap.csv": [["marker", "chr", "pos"], ["x2", "X", "5"], ["x1", "X", "4.5"], ["m1", "1", "1"],
                         ["m2", "1", "10"], ["m3", "1", "99.123456789"]],
            "pheno.csv": [["id", "liver", "log weight"], ["b", "1.5", "-"], ["a", "-2e-3", "7"], ["d", "", "1e400"],
                          ["c", "0.1", "3"]],
            "covar.csv": [["id", "sex", "dir", "diet"], ["a", "f", "SxB", "chow, plain"], ["c", "m", "BxS", "NA"],
                          ["b", "m", "SxB", ""], ["d", "f", "BxS", "höher"]],
            "phenocovar.csv": [["pheno", "tissue", "week", "note"], ["liver", "liver", "-4", "1e3"],
                               ["log weight", "-", "8.5", "-"]]}
        self.sep, self.above, self.raw = ",", "", {}

    def transpose(self, field):
        name = self.control[field]
        self.tables[name] = [list(row) for row in zip(*self.tables[name])]
        self.control[f"{field}_transposed"] = True

    def column(self, name, column, cells):
        self.tables[name] = [[*row, cell] for row, cell in zip(self.tables[name], [column, *cells])]

    def write(self, folder, control_file="cross.yaml"):
        quote = self.sep + "\n"
        for name, rows in self.tables.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(self.above + "".join(self.sep.join(
                f'"{cell}"' if set(cell) & set(quote) else cell for cell in row) + "\n" for row in rows),
                encoding="utf-8")
        dump = yaml.safe_dump if control_file.endswith(".yaml") else json.dumps
        (folder / control_file).write_text(dump(self.control) + "\n", encoding="utf-8")
        for name, content in self.raw.items():
            (folder / name).write_bytes(content)
        return folder / control_file


@pytest.fixture()
def files():
    return Files()


def unchanged(files):
    pass


def transposed(files):
    for field in ("geno", "gmap", "pmap", "pheno", "covar", "phenocovar"):
        files.transpose(field)


def several_files(files):
    geno, gmap, pheno = (files.tables.pop(name) for name in ("geno.csv", "gmap.csv", "pheno.csv"))
    files.tables |= {
        "geno1.csv": [row[:4] for row in geno],
        "sub/genoX.csv": [geno[0][:1] + geno[0][4:]] + [row[:1] + row[4:] for row in geno[:0:-1] if row[0] != "b"] + [
            ["e", "SB", "SS"]],
        "gmap1.csv": gmap[:4], "gmapX.csv": [gmap[0], *gmap[4:]],
        "pheno1.csv": [row[:2] for row in pheno[:4]], "pheno2.csv": [[row[0], row[2]] for row in pheno[::-1] if
                                                                     row[0] != "id"]}
    files.tables["pheno2.csv"].insert(0, ["id", "log weight"])
    files.tables["covar.csv"].append(["e", "m", "SxB", "chow"])
    files.tables["pheno2.csv"].append(["e", "4"])
    files.tables["covar.csv"][1:] = [files.tables["covar.csv"][i] for i in (3, 1, 4, 2, 5)]
    files.control |= {"geno": ["geno1.csv", "sub/genoX.csv"], "gmap": ["gmap1.csv", "gmapX.csv"],
                      "pheno": ["pheno1.csv", "pheno2.csv"]}


def semicolons(files):
    files.sep = files.control["sep"] = ";"


def tabs(files):
    files.sep = files.control["sep"] = "\t"


def comments(files):
    files.above = "# one, two, three\n#,,,,,,,,,\n"
    files.raw["geno.csv"] = b"# nrow 4\n#ncol  6\nid,m3, m1,m2,x1,x2 \na,SS,SB,BB, SS ,-\n" \
                            b"b,SB,-,SS,SB,SS\nc,BB,BB,SB,BB,BB\nd, NA,SB,SB,SS,SS\n\n"
    files.raw["pheno.csv"] = b"#x\r\nid,liver,log weight\r\nb,1.5,-\r\na,,7\r\nd,3,2\r\nc,0.1,3\r\n"


def other_comments(files):
    files.control["comment.char"] = "//"
    files.above = "// a, comment\n"
    files.tables["covar.csv"][1][3] = "#1"


def with_byte_order_mark(files):
    files.raw["pheno.csv"] = b"\xef\xbb\xbf" + b"id,liver,log weight\na,1,2\nb,2,3\nc,3,4\nd,4,5\n"


def other_na_strings(files):
    files.control["na.strings"] = "none"
    for row in files.tables["geno.csv"] + files.tables["pheno.csv"] + files.tables["phenocovar.csv"]:
        row[:] = ["none" if cell in ("-", "NA") else cell for cell in row]


def default_na_strings_and_codes(files):
    del files.control["na.strings"], files.control["genotypes"], files.control["alleles"]
    other = {"SS": "A", "SB": "H", "BB": "B", "-": "C", "NA": "D"}
    files.tables["geno.csv"][1:] = [[other.get(cell, cell) for cell in row] for row in files.tables["geno.csv"][1:]]
    files.tables["pheno.csv"][1][2] = "NA"


def cross_info_file(files):
    files.control["cross_info"] = {"file": "info.csv"}
    files.tables["info.csv"] = [["id", "direction"], ["d", "0"], ["c", "1"], ["a", "0"], ["b", "1"], ["q", "1"]]


def cross_info_named_directly(files):
    cross_info_file(files)
    files.control["cross_info"] = "info.csv"


def cross_info_file_with_codes(files):
    files.control["cross_info"] = {"file": "info.csv", "forward": 0, "1": 1}
    files.tables["info.csv"] = [["id", "direction"], ["d", "forward"], ["c", "1"], ["a", "1"], ["b", "forward"]]


def cross_info_columns(files):
    files.control |= {"crosstype": "ail", "cross_info": {"covar": ["generations", "direction"]}}
    files.column("covar.csv", "direction", ["0", "1", "2", "2"])
    files.column("covar.csv", "generations", ["2", "8", "3", "4"])


def sex_file(files):
    files.control["sex"] = {"file": "sex.csv", "NA": "M", "0": "Female"}
    files.tables["sex.csv"] = [["id", "sex"], ["d", "0"], ["c", "NA"], ["b", "0"], ["a", "NA"]]


def sex_as_0_and_1(files):
    files.control["sex"] = {"covar": "male"}
    files.column("covar.csv", "male", ["0", "1", "1", "0"])


def only_a_physical_map(files):
    del files.control["gmap"]


def only_a_genetic_map(files):
    del files.control["pmap"]


def genotypes_only(files):
    for field in ("pheno", "covar", "phenocovar", "sex", "cross_info", "x_chr", "description", "comments"):
        del files.control[field]
    files.tables["gmap.csv"][4][1] = files.tables["gmap.csv"][5][1] = "2"
    files.tables["pmap.csv"][1][1] = files.tables["pmap.csv"][2][1] = "2"


def several_x_chromosomes(files):
    files.control["x_chr"] = ["1", "X"]
    files.tables["gmap.csv"][4][1] = files.tables["gmap.csv"][5][1] = "Z"
    files.tables["pmap.csv"][1][1] = files.tables["pmap.csv"][2][1] = "Z"
    files.control["x_chr"] = ["1", "Z"]


def founders(files):
    files.control |= {"crosstype": "genail4", "founder_geno": "founders.csv", "founder_geno_transposed": True,
                      "cross_info": {"file": "info.csv"}}
    files.tables["founders.csv"] = [["marker", "P", "Q", "R", "S"], ["x1", "SS", "-", "BB", "BB"],
                                    ["x2", "SS", "BB", "BB", "BB"], ["m1", "SS", "SS", "SS", "BB"],
                                    ["m2", "BB", "BB", "BB", "BB"], ["m3", "BB", "SS", "BB", "SS"]]
    files.tables["info.csv"] = [["id", "n", "P", "Q", "R", "S"], *([i, "5", "1", "1", "2", "0"] for i in "abcd")]
    files.control["alleles"] = ["P", "Q", "R", "S"]


VARIANTS = [unchanged, transposed, several_files, semicolons, tabs, comments, other_comments, with_byte_order_mark,
            other_na_strings, default_na_strings_and_codes, cross_info_file, cross_info_named_directly,
            cross_info_file_with_codes, cross_info_columns, sex_file, sex_as_0_and_1, only_a_physical_map,
            only_a_genetic_map, genotypes_only, several_x_chromosomes, founders]


def change(function):
    return pytest.param(function, id=function.__name__)


class TestAgainstR:
    def test_real_crosses(self, r, real, digits):
        cross, said = read_recording(real)
        assert not assert_equal_to_r(r, real, cross, digits)
        assert not said

    @pytest.mark.parametrize("variant", map(change, VARIANTS))
    def test_every_way_to_write_the_files(self, r, tmp_path, files, digits, variant):
        variant(files)
        path = files.write(tmp_path)
        cross, said = read_recording(path)
        told = assert_equal_to_r(r, path, cross, digits)
        assert bool(said) == bool(told), (said, told)
        assert not said or variant in (several_files, only_a_physical_map)
        assert_same_cross(read_recording(files.write(tmp_path, "cross.json"))[0], cross)

    @pytest.mark.parametrize("variant", map(change, [unchanged, several_files, founders]))
    def test_json_control_files(self, r, tmp_path, files, digits, variant):
        variant(files)
        path = files.write(tmp_path, "cross.json")
        assert_equal_to_r(r, path, read_recording(path)[0], digits)

    def test_nothing_is_compared_in_vain(self, r, tmp_path, files, digits):
        path = files.write(tmp_path)
        cross = read_cross2(path)
        files.tables["pheno.csv"][4][1] = "0.1000000000000001"
        files.write(tmp_path)
        with pytest.raises(AssertionError):
            assert_equal_to_r(r, path, cross, digits)


# ---------------------------------------------------------------------------------------------------------------------
# What is said, where R/qtl2 warns too.

def unknown_codes(files):
    files.tables["geno.csv"][2][1:3] = ["BS", "xx"]


def empty_genotype(files):
    files.tables["geno.csv"][2][1] = ""


def marker_without_position(files):
    files.tables["gmap.csv"][2][2] = "-"


def marker_in_no_map(files):
    files.tables["pmap.csv"].pop()
    files.tables["gmap.csv"].append(["q", "1", "3"])


def markers_on_other_chromosomes(files):
    files.tables["pmap.csv"][4][1] = "X"


def individual_without_sex(files):
    del files.tables["covar.csv"][2]


def no_such_x(files):
    files.control["x_chr"] = ["X", "XX"]


def no_sex(files):
    del files.control["sex"]


def x_not_named(files):
    del files.control["x_chr"]


def too_few_alleles(files):
    files.control["alleles"] = ["A"]


def too_many_alleles(files):
    files.control["alleles"] = ["A", "B", "C"]


def unused_field(files):
    files.control["cross-info"] = "x"
    files.control["founder_geno_transposed"] = True


def no_cross_info(files):
    del files.control["cross_info"]


def cross_info_out_of_range(files):
    files.control["cross_info"]["SxB"] = 7


def impossible_genotypes(files):
    files.control |= {"crosstype": "bc", "sex": {"covar": "sex", "f": "female", "m": "female"}}


def unhandled_x(files):
    files.control["crosstype"] = "dh"


def founders_not_used(files):
    founders(files)
    files.control["crosstype"] = "f2"
    del files.control["cross_info"], files.control["alleles"], files.control["x_chr"]
    files.tables["gmap.csv"][4][1] = files.tables["gmap.csv"][5][1] = "2"
    files.tables["pmap.csv"][1][1] = files.tables["pmap.csv"][2][1] = "2"


def too_few_founders(files):
    founders(files)
    files.tables["founders.csv"] = [row[:-1] for row in files.tables["founders.csv"]]


def heterozygous_founder(files):
    founders(files)
    files.tables["founders.csv"][1][1] = "SB"


def no_founders(files):
    founders(files)
    del files.control["founder_geno"], files.control["founder_geno_transposed"]


def other_individuals_in_pheno_and_covar(files):
    files.tables["pheno.csv"].pop()


def no_common_individual(files):
    for row in files.tables["pheno.csv"][1:]:
        row[0] += "?"
    del files.control["covar"], files.control["sex"], files.control["cross_info"], files.control["x_chr"]
    files.tables["gmap.csv"][4][1] = files.tables["gmap.csv"][5][1] = "2"
    files.tables["pmap.csv"][1][1] = files.tables["pmap.csv"][2][1] = "2"


def phenocovar_of_others(files):
    files.tables["phenocovar.csv"].reverse()
    files.tables["phenocovar.csv"].insert(0, files.tables["phenocovar.csv"].pop())


SAID = [
    (unknown_codes, "2 genotypes treated as missing, with codes ('BS', 'xx') that are none of the control file's "
                    "('BB', 'SB', 'SS'); the first is 'BS' for 'b' at marker 'm3'"),
    (empty_genotype, "1 genotype treated as missing, with codes ('')"),
    (marker_without_position, "gmap: 1 marker with no position that is a number, left out ('m3')"),
    (marker_in_no_map, "2 markers not in all of geno, gmap, pmap, left out ('m3', 'q')"),
    (markers_on_other_chromosomes, "1 marker not on the same chromosome in gmap and pmap, left out ('m2')"),
    (individual_without_sex, "1 individual of geno without sex or cross_info, left out ('c')"),
    (no_such_x, "x_chr names 'XX', not among the chromosomes"),
    (no_sex, "cross.yaml has no sex; all individuals are taken to be female"),
    (x_not_named, "makes none the X chromosome"),
    (too_few_alleles, "alleles has 1 name where the type of cross has 2; letters are added"),
    (too_many_alleles, "alleles has 3 names where the type of cross has 2; the rest is left out"),
    (unused_field, "'cross-info', 'founder_geno_transposed' not known or not used"),
    (no_cross_info, "cross_info is missing: crosstype 'f2' needs one column with 0 or 1"),
    (cross_info_out_of_range, "cross_info is misspecified: crosstype 'f2' needs one column with 0 or 1"),
    (impossible_genotypes, "chromosome '1' has 3 genotypes that cannot occur in crosstype 'bc', the first 3 for "
                           "individual 'a' at marker 'm2'"),
    (unhandled_x, "an X chromosome is not handled for crosstype 'dh'"),
    (founders_not_used, "founder_geno is given, but crosstype 'f2' does not use it"),
    (too_few_founders, "founder_geno has 3 founders on chromosome '1'; crosstype 'genail4' needs 4"),
    (heterozygous_founder, "founder_geno on chromosome 'X' has 1 genotype other than 1 and 3, the first 2 for "
                           "'P' at 'x1'"),
    (no_founders, "founder_geno is not given, but crosstype 'genail4' needs it"),
    (other_individuals_in_pheno_and_covar, "pheno and covar do not have the same individuals"),
    (no_common_individual, "no individual is in both geno and pheno"),
    (phenocovar_of_others, "the columns of pheno (2) are not the rows of phenocovar (2)"),
]


@pytest.mark.parametrize("spoil, words", [pytest.param(*pair, id=pair[0].__name__) for pair in SAID])
def test_what_does_not_fit_is_said_and_read_as_r_reads_it(r, tmp_path, files, digits, spoil, words):
    spoil(files)
    path = files.write(tmp_path)
    cross, said = read_recording(path)
    assert any(words in message for message in said), said
    told = assert_equal_to_r(r, path, cross, digits)
    assert told or spoil is heterozygous_founder      # of which R/qtl2 only prints a message


def test_yaml_is_preferred_to_json_and_said(tmp_path, files):
    files.write(tmp_path)
    path = files.write(tmp_path, "cross.json")
    path.write_text("{}")
    cross, said = read_recording(tmp_path)
    assert "both a YAML and a JSON file" in said[0] and len(cross.geno) == 2


def test_yaml_values_are_taken_as_they_are_written(tmp_path, files):
    files.control |= {"alleles": "N, Y", "genotypes": "GENOTYPES"}
    files.tables["geno.csv"] = [["id", "m1", "m2", "m3", "x1", "x2"], ["a", "no", "1e3", "012", "NA", "~"],
                                *([i, "y", "no", "no", "no", "no"] for i in "bcd")]
    path = files.write(tmp_path)
    path.write_text(path.read_text().replace("alleles: N, Y", "alleles: [N, Y]").replace(
        "genotypes: GENOTYPES", "genotypes: {no: 1, y: 2, 1e3: 3, 012: 2, ~: 3}").replace("- '-'", "- '-'\n- NULL?"))
    cross = read_cross2(path)
    assert cross.alleles == ("N", "Y")
    assert cross.geno["1"].to_numpy().tolist() == [[1, 3, 2], *([[2, 1, 1]] * 3)]
    assert cross.geno["X"].to_numpy().tolist() == [[0, 3], *([[1, 1]] * 3)]


# ---------------------------------------------------------------------------------------------------------------------
# The types of crosses, beside R/qtl2's.

ALL_TYPES = [*CROSSTYPES, "genril3", "genail4"]


@pytest.mark.parametrize("name", ALL_TYPES)
class TestCrossTypes:
    def test_what_a_type_of_cross_needs(self, r, name):
        n_alleles, founders, x_chr, sex = r.eval(f"""list(qtl2:::nalleles("{name}"),
            qtl2:::need_founder_geno("{name}"), qtl2:::check_handle_x_chr("{name}", TRUE),
            qtl2:::check_is_female_vector("{name}", logical(0), TRUE))""").value
        cross = find_crosstype(name)
        assert (cross.n_alleles, cross.n_founders > 0) == (n_alleles, founders)
        assert (cross.x_chr, cross.needs_sex) == (x_chr, not sex)

    def test_the_number_of_founders(self, r, name):
        fits = r.eval(f"""sapply(1:20, function(n)
            qtl2:::check_founder_geno_size("{name}", matrix(1L, n, 3), 3L))""").value
        n_founders = find_crosstype(name).n_founders
        assert n_founders == (0 if fits.all() else int(np.flatnonzero(fits)[0]) + 1)

    def test_genotypes(self, r, name):
        for is_x in (False, True):
            counts = r.eval(f"""outer(0:7, c(TRUE, FALSE), Vectorize(function(g, f)
                qtl2:::.count_invalid_genotypes("{name}", matrix(g), {str(is_x).upper()}, f, matrix(2L, 30, 1)))
                )""").value
            for column, female in enumerate((True, False)):
                valid = valid_genotypes(name, np.arange(8)[:, None], is_x, np.repeat(female, 8))
                assert valid[:, 0].tolist() == (counts[:, column] == 0).tolist()

    def test_cross_info(self, r, name):
        rng = np.random.default_rng(len(name))
        n = find_crosstype(name).n_founders
        order = np.tile(np.arange(1, n + 1), (3, 1))
        tried = [np.zeros((3, 0), int), order, order + 1, np.maximum(order - 1, 1),
                 *(rng.integers(low, 4, (3, columns)) for low in (-1, 0, 1, 2) for columns in (1, 2, 3, n + 1)),
                 *(np.column_stack([rng.integers(low, 9, 3), np.ones((3, n), int)]) for low in (0, 2)),
                 np.column_stack([np.full(3, 5), np.zeros((3, n), int)]), np.array([[0], [1], [1]]),
                 np.array([[3, 0], [2, 1], [5, 2]]), np.array([[3, 0], [2, 3], [5, 2]])]
        for info in tried:
            for any_x in (False, True):
                fits = r.call("qtl2:::.check_crossinfo", name, info, any_x).value
                assert (cross_info_problem(name, info, any_x) is None) == fits, (info, any_x)


def test_unknown_type_of_cross():
    for name in ("f3", "genril", "genril0", "genailx"):
        with pytest.raises(InputError, match=f"the crosstype '{name}' is not known; use one of bc, f2"):
            find_crosstype(name)


# ---------------------------------------------------------------------------------------------------------------------
# What is refused, with one sentence.

def set_control(**fields):
    def spoil(files):
        files.control |= fields
    return spoil


def drop_control(*fields):
    def spoil(files):
        for field in fields:
            del files.control[field]
    return spoil


def set_raw(name, content):
    def spoil(files):
        files.raw[name] = content
    return spoil


def set_cell(name, row, column, cell):
    def spoil(files):
        files.tables[name][row][column] = cell
    return spoil


REFUSED = {
    "no crosstype": (drop_control("crosstype"), "cross.yaml has no crosstype; add one"),
    "unknown crosstype": (set_control(crosstype="f3"), "the crosstype 'f3' is not known"),
    "two crosstypes": (set_control(crosstype=["f2", "bc"]), "crosstype must be one value, not 2"),
    "no geno": (drop_control("geno"), "cross.yaml has no geno"),
    "no map": (drop_control("gmap", "pmap"), "cross.yaml has neither gmap nor pmap"),
    "missing file": (set_control(pheno="phenos.csv"), "pheno names the file 'phenos.csv', which is not there"),
    "missing sex file": (set_control(sex={"file": "s.csv"}), "sex names the file 's.csv', which is not there"),
    "missing cross_info file": (set_control(cross_info="ci.csv"), "cross_info names the file 'ci.csv', which is not"),
    "a number as file": (set_control(geno={"file": "geno.csv"}), "geno must be a name or a list of names"),
    "flag": (set_control(geno_transposed="perhaps"), "geno_transposed is 'perhaps'; give true or false"),
    "separator": (set_control(sep=", "), "sep is ', '; it must be one character"),
    "genotype 0": (set_control(genotypes={"SS": 0}), "the genotype 'SS' stands for 0; use 1 and up"),
    "genotype text": (set_control(genotypes={"SS": "one"}), "the genotype 'SS' stands for 'one'; give a whole number"),
    "genotype list": (set_control(genotypes=["SS"]), "genotypes must pair codes with their meaning"),
    "genotype meanings": (set_control(genotypes={"SS": [1, 2]}), "genotypes gives the code 'SS' no single meaning"),
    "sex meaning": (set_control(sex={"covar": "sex", "f": "f", "m": "boy"}), "sex gives 'm' the meaning 'boy'; write "),
    "sex code": (set_control(sex={"covar": "sex", "f": "f"}), "sex of individual 'c' is 'm', none of the codes"),
    "sex without codes": (set_control(sex={"covar": "sex"}), "sex of individual 'a' is 'f', none of the codes in the "),
    "sex column": (set_control(sex={"covar": "Sex"}), "sex names the column 'Sex' of covar, but it has 'sex', 'dir'"),
    "sex nowhere": (set_control(sex={"f": "female"}), "sex must name a covariate or a file"),
    "sex directly": (set_control(sex="sex"), "sex must name a covariate or a file"),
    "sex missing": (set_cell("covar.csv", 2, 1, "NA"), "sex is missing for 'c'; it must be known"),
    "cross_info code": (set_control(cross_info={"covar": "dir", "SxB": 0}), "cross_info of individual 'c' is 'BxS'"),
    "cross_info text": (set_control(cross_info={"covar": "dir"}), "cross_info of individual 'a' is 'SxB'; give a"),
    "cross_info missing": (set_cell("covar.csv", 3, 2, "-"), "cross_info is missing for 'b'; it must be known"),
    "cross_info half": (set_control(cross_info={"covar": "dir", "SxB": 0.5, "BxS": 1}), "individual 'a' is '0.5'; "),
    "no covar": (drop_control("covar"), "sex names the column 'sex' of covar, but there is no covar"),
    "alleles twice": (set_control(alleles=["S", "S"]), "alleles are not distinct (S, S); give every founder its own"),
    "short row": (set_raw("pheno.csv", b"# c\nid,x\na,1\nb\n"), "pheno.csv, line 4: 1 cells where the header has 2"),
    "long row": (set_raw("geno.csv", b"id,m1\na,SS,SB\n"), "geno.csv, line 2: 3 cells where the header has 2"),
    "long row after a cell of two lines": (
        set_raw("covar.csv", b'id,x\na,"1\n2"\nb,1,2\n'), "covar.csv, line 4: 3 cells where the header has 2"),
    "gap": (set_raw("pheno.csv", b"id,x\na,1\n\nb,2\n"), "pheno.csv, line 3: the line is empty, with rows below it"),
    "quotation mark": (set_raw("pheno.csv", b'id,x\na,"1\nb,2\n'), "pheno.csv, line 3: unexpected end of data; "),
    "no ID": (set_raw("pheno.csv", b"id,x\na,1\n,2\n"), "pheno.csv, line 3: the row has no ID in its first column"),
    "missing ID": (set_raw("pheno.csv", b"id,x\nNA,1\n"), "pheno.csv, line 2: the row has no ID in its first column"),
    "individual twice": (set_cell("geno.csv", 2, 0, "a"), "geno.csv: the ID 'a' occurs more than once"),
    "marker twice": (set_cell("geno.csv", 0, 1, "m1"), "geno.csv: the column 'm1' occurs more than once"),
    "marker twice in the map": (set_cell("gmap.csv", 1, 0, "m3"), "gmap.csv: the ID 'm3' occurs more than once"),
    "marker in two files": (set_control(gmap=["gmap.csv", "pmap.csv"]), "gmap: 'x2' is in more than one of its files"),
    "phenotype in two files": (set_control(pheno=["pheno.csv", "pheno.csv"]), "pheno: 'liver' is in more than one of"),
    "column without name": (set_cell("pheno.csv", 0, 2, ""), "pheno.csv: column 3 has no name; give it one"),
    "text phenotype": (set_cell("pheno.csv", 3, 1, "heavy"), "pheno: column 'liver' holds text ('heavy' for individual "
                                                             "'d'); give numbers"),
    "underscore": (set_cell("pheno.csv", 3, 1, "1_0"), "pheno: column 'liver' holds text ('1_0' for individual 'd')"),
    "no chromosome": (set_cell("gmap.csv", 3, 1, "NA"), "gmap: marker 'm2' has no chromosome; give it one"),
    "map of one column": (set_raw("gmap.csv", b"marker,chr\nm1,1\n"), "gmap has no column of positions"),
    "maps in other orders": (set_cell("pmap.csv", 4, 2, "0.5"), "pmap: the markers 'm1' and 'm2' on chromosome '1' are "
                                                                "in the other order than in gmap; correct one of"),
    "no common marker": (set_raw("gmap.csv", b"marker,chr,pos\nq,1,3\n"), "no marker is in all of geno, gmap, pmap"),
    "no common individual": (set_raw("covar.csv", b"id,sex,dir\nA,f,SxB\n"), "no individual of geno has both sex and"),
    "other chromosome names": (set_raw("pmap.csv", b"marker,chr,pos\nm1,c1,1\nm2,c1,2\nm3,c1,3\nx1,cX,1\nx2,cX,2\n"),
                               "no marker is on the same chromosome in gmap and pmap"),
    "wrong nrow": (set_raw("geno.csv", b"# nrow 3\nid,m1,m2,m3,x1,x2\na,SS,SS,SS,SS,SS\n"), "geno.csv: 1 rows where "
                                                                                        "its comment says nrow 3"),
    "wrong ncol": (set_raw("geno.csv", b"# ncol 3\nid,m1\na,SS\n"), "geno.csv: 2 columns where its comment says ncol"),
    "empty": (set_raw("geno.csv", b" \n"), "geno.csv is empty"),
    "Latin-1": (set_raw("covar.csv", "id,diet\na,chow\nb,h\u00f6her\n".encode("latin-1")), "covar.csv, line 3: not "),
    "null bytes": (set_raw("covar.csv", b"i\0d\0\n\0"), "covar.csv: not a text file"),
    "empty control file": (set_raw("cross.yaml", b""), "cross.yaml is empty"),
    "control file of one word": (set_raw("cross.yaml", b"f2"), "cross.yaml does not hold fields such as 'crosstype"),
    "broken YAML": (set_raw("cross.yaml", b"crosstype: f2\ngeno: [a.csv\n"), "cross.yaml, line 3: "),
    "field twice": (set_raw("cross.yaml", b"geno: a\ngeno: b\n"), "cross.yaml: the field 'geno' occurs twice"),
    "code twice": (set_raw("cross.yaml", b"genotypes: {A: 1, A: 2}"), "cross.yaml: the field 'A' occurs twice"),
    "YAML objects": (set_raw("cross.yaml", b"geno: !!python/object/apply:os.mkdir ['x']\ncrosstype: bc\ngmap: m\n"),
                     "geno names the file 'x', which is not there"),
    "odd key": (set_raw("cross.yaml", b"? [a]\n: b\n"), "cross.yaml, line 1: a key is not a text"),
    "deep YAML": (set_raw("cross.yaml", b"[" * 1500), "cross.yaml"),
}


@pytest.mark.filterwarnings("ignore::lmmbridge.qtl2.cross2.Cross2Warning")
@pytest.mark.parametrize("spoil, words", REFUSED.values(), ids=list(REFUSED))
def test_refused(tmp_path, files, spoil, words):
    spoil(files)
    path = files.write(tmp_path)
    with pytest.raises(InputError) as error:
        read_cross2(path)
    assert words in str(error.value)
    assert "\n" not in str(error.value) and str(tmp_path) not in str(error.value)


@pytest.mark.parametrize("content, words", [
    (b'{"crosstype": "f2",}', "cross.json, line 1: this is not JSON"),
    (b'{"geno": "a",\n "geno": "b"}', "cross.json: the field 'geno' occurs twice"),
    (b"[" * 100_000, "cross.json is nested too deeply"),
    (b"[1]", "cross.json does not hold fields"),
])
def test_refused_json(tmp_path, content, words):
    (tmp_path / "cross.json").write_bytes(content)
    with pytest.raises(InputError) as error:
        read_cross2(tmp_path / "cross.json")
    assert words in str(error.value)


def test_refused_places(tmp_path, files):
    files.write(tmp_path)
    for name, words in (("none.yaml", "there is no file"), ("none.zip", "there is no file"),
                        ("geno.csv", "the control file 'geno.csv' must have a name that ends in .yaml or .json")):
        with pytest.raises(InputError, match=words):
            read_cross2(tmp_path / name)
    files.write(tmp_path, "other.yaml")
    with pytest.raises(InputError, match=r"more than one control file \(cross.yaml, other.yaml\); name the one"):
        read_cross2(tmp_path)
    (tmp_path / "sub").mkdir()
    with pytest.raises(InputError, match="'sub' has no control file"):
        read_cross2(tmp_path / "sub")


# ---------------------------------------------------------------------------------------------------------------------
# Bundles.

def make_zip(path, members, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def members_of(folder):
    return [(str(path.relative_to(folder)), path.read_bytes()) for path in sorted(folder.rglob("*")) if path.is_file()]


class TestBundles:
    def test_folder_inside_and_what_macos_adds(self, r, tmp_path, files, digits):
        (tmp_path / "in" / "data").mkdir(parents=True)
        several_files(files)
        files.write(tmp_path / "in" / "data")
        bundle = make_zip(tmp_path / "b.zip", [*members_of(tmp_path / "in"), ("__MACOSX/._cross.yaml", "x"),
                                               ("__MACOSX/data/._geno.json", "x"), ("data/empty/", "")])
        cross, _ = read_recording(bundle)
        assert_equal_to_r(r, bundle, cross, digits)

    @pytest.mark.parametrize("name", ["../out.csv", "a/../../out.csv", "/elsewhere/out.csv", "C:out.csv", "C:\\out.csv",
                                      "\\\\host\\share\\out.csv", "..\\out.csv"])
    def test_members_outside_are_refused(self, tmp_path, name):
        bundle = make_zip(tmp_path / "b.zip", [("cross.yaml", "crosstype: f2"), (name, "x")])
        before = set(tmp_path.rglob("*"))
        (tmp_path / "in").mkdir()
        with pytest.raises(InputError) as error:
            bundles.unzip(bundle, tmp_path / "in")
        assert name in str(error.value) and "outside the folder" in str(error.value)
        assert set(tmp_path.rglob("*")) - before <= {tmp_path / "in", tmp_path / "in" / "cross.yaml"}

    def test_links_are_refused(self, tmp_path):
        link = zipfile.ZipInfo("geno.csv")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        bundle = make_zip(tmp_path / "b.zip", [(link, "/etc/passwd")])
        with pytest.raises(InputError, match="the member 'geno.csv' is a link or another special file"):
            read_cross2(bundle)

    def test_bombs_are_stopped_by_what_comes_out(self, tmp_path, monkeypatch):
        monkeypatch.setattr(bundles, "MAX_UNPACKED", 10**6)
        bundle = make_zip(tmp_path / "b.zip", [("a.csv", b"0" * 600_000), ("b.csv", b"0" * 600_000)])
        with pytest.raises(InputError, match=r"unpacks to more than 1e\+06 bytes \(reached in the member 'b.csv'\)"):
            read_cross2(bundle)

    def test_a_header_that_claims_less_does_not_help(self, tmp_path, monkeypatch):
        monkeypatch.setattr(bundles, "MAX_UNPACKED", 10**6)
        bundle = make_zip(tmp_path / "b.zip", [("a.csv", b"0" * 3_000_000)])
        content = bundle.read_bytes().replace(struct.pack("<L", 3_000_000), struct.pack("<L", 10))
        bundle.write_bytes(content)
        with pytest.raises(InputError, match="not an intact zip file|unpacks to more"):
            read_cross2(bundle)

    def test_too_many_members(self, tmp_path, monkeypatch):
        monkeypatch.setattr(bundles, "MAX_MEMBERS", 2)
        bundle = make_zip(tmp_path / "b.zip", [(f"{i}.csv", "") for i in range(3)])
        with pytest.raises(InputError, match="b.zip has 3 members, more than the 2"):
            read_cross2(bundle)

    @pytest.mark.filterwarnings("ignore:Duplicate name")
    def test_member_twice(self, tmp_path):
        bundle = make_zip(tmp_path / "b.zip", [("a.csv", "1"), ("a.csv", "2")])
        with pytest.raises(InputError, match="the member 'a.csv' occurs twice"):
            read_cross2(bundle)

    def test_file_that_is_a_folder_too(self, tmp_path):
        bundle = make_zip(tmp_path / "b.zip", [("a", "1"), ("a/b", "2")])
        with pytest.raises(InputError, match="the zip file 'b.zip' cannot be unpacked"):
            read_cross2(bundle)

    def test_encrypted(self, tmp_path):
        bundle = make_zip(tmp_path / "b.zip", [("a.csv", "1")])
        content = bytearray(bundle.read_bytes())
        for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            content[content.index(mark) + place] |= 1
        bundle.write_bytes(content)
        with pytest.raises(InputError, match="the member 'a.csv' is encrypted"):
            read_cross2(bundle)

    def test_no_zip_and_corrupt_zips(self, tmp_path):
        bundle = tmp_path / "b.zip"
        bundle.write_text("id,x\n")
        with pytest.raises(InputError, match="'b.zip' is not an intact zip file"):
            read_cross2(bundle)
        whole = extdata("iron.zip").read_bytes()
        bundle.write_bytes(whole[:len(whole) // 2])
        with pytest.raises(InputError, match="'b.zip' is not an intact zip file"):
            read_cross2(bundle)
        for place in range(60, len(whole), len(whole) // 12):
            bundle.write_bytes(whole[:place] + bytes([whole[place] ^ 0xff]) + whole[place + 1:])
            try:
                read_cross2(bundle)
            except InputError:
                pass

    def test_control_file_must_be_one_and_stay_inside(self, tmp_path, files):
        folder = tmp_path / "in"
        folder.mkdir()
        files.write(tmp_path)
        files.control["pheno"] = "../pheno.csv"
        read_cross2(files.write(folder))      # beside a control file of one's own, other folders may be named
        bundle = make_zip(tmp_path / "b.zip", members_of(folder))
        with pytest.raises(InputError, match=r"pheno names the file '../pheno.csv' outside the bundle; put it in"):
            read_cross2(bundle)
        files.control["pheno"] = str(tmp_path / "pheno.csv")
        files.write(folder)
        with pytest.raises(InputError, match="outside the bundle"):
            read_cross2(make_zip(tmp_path / "b.zip", members_of(folder)))
        files.write(folder, "more.yaml")
        with pytest.raises(InputError, match=r"more than one control file \(cross.yaml, more.yaml\)"):
            read_cross2(make_zip(tmp_path / "b.zip", members_of(folder)))
        with pytest.raises(InputError, match="'b.zip' has no control file"):
            read_cross2(make_zip(tmp_path / "b.zip", [("a.csv", "1")]))


# ---------------------------------------------------------------------------------------------------------------------
# Writing.

@pytest.fixture(scope="module")
def iron(r):
    return read_cross2(extdata("iron.zip"))


TEXTS = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=6).filter(
    lambda text: text == text.strip() and '"' not in text)


def made_up(ids, numbers, texts):
    """A cross of two markers with these IDs, phenotypes and covariates."""
    frame = pd.DataFrame({"m1": 1, "m,2": 2}, index=pd.Index(ids, dtype=object)).astype(np.int32)
    position = pd.Series([0.1 + 0.2, 1e22], index=["m1", "m,2"])
    return Cross2("bc", {"7": frame}, None, Map({"7": position}, {"7": False}), None,
                  pd.DataFrame({"y": numbers}, index=frame.index, dtype=float),
                  pd.DataFrame({"x": texts}, index=frame.index, dtype=object), None, {"7": False},
                  pd.Series([True] * len(ids), index=frame.index, name="is_female"),
                  pd.DataFrame(index=frame.index, dtype="int64"), ("N", "A"))


class TestWriting:
    def test_round_trip_of_real_crosses(self, r, real, tmp_path, digits):
        cross = read_cross2(real)
        path = write_cross2(cross, tmp_path / "new", "again")
        again, said = read_recording(path)
        assert not said
        assert_same_cross(again, cross)
        assert not assert_equal_to_r(r, path, cross, digits)
        bundle = zip_datafiles(path)
        assert_same_cross(read_cross2(bundle), cross)
        assert sorted(tmp_path.rglob("*")) == [tmp_path / "new", *sorted((tmp_path / "new").glob("again*"))]

    @pytest.mark.filterwarnings("ignore::lmmbridge.qtl2.cross2.Cross2Warning")
    @pytest.mark.parametrize("variant", map(change, VARIANTS))
    def test_round_trip_of_every_kind_of_part(self, tmp_path, files, variant):
        variant(files)
        cross = read_cross2(files.write(tmp_path))
        assert_same_cross(read_cross2(write_cross2(cross, tmp_path / "new")), cross)

    @given(rows=st.lists(st.tuples(TEXTS, st.floats(allow_nan=True, allow_infinity=True),
                                   st.one_of(st.none(), st.just(""), TEXTS)), min_size=1, unique_by=lambda row: row[0]))
    def test_round_trip_to_the_last_digit(self, tmp_path_factory, rows):
        cross = made_up(*zip(*rows))
        path = write_cross2(cross, tmp_path_factory.mktemp("made_up"))
        assert_same_cross(read_cross2(path), cross)

    def test_odd_texts_and_numbers_are_read_by_r(self, r, tmp_path, digits):
        cross = made_up(["NA", "-", "#3", "4,5", "ä'b", "6.0", "missing0"],
                        [1 / 3, np.nan, 5e-324, 1.7976931348623157e308, np.inf, -np.inf, -0.1],
                        ["NA", "", None, "b, c", "n", "001", 'd\\e'])
        path = write_cross2(cross, tmp_path)
        read = read_cross2(path)
        assert_same_cross(read, cross)
        assert not assert_equal_to_r(r, path, cross, digits)

    @pytest.mark.parametrize("seed", range(3))
    def test_what_is_written_is_read_by_r(self, r, tmp_path, digits, seed):
        rng = np.random.default_rng(seed)
        letters = list(" !#$%&'()*+,-./0123456789:;<=>?@ABNaefinx[\\]^_`{|}~äé")
        texts = ["".join(rng.choice(letters, size=rng.integers(0, 7))).strip() for _ in range(100 * seed + 1)]
        numbers = rng.normal(size=len(texts)) * 10.0 ** rng.integers(-20, 20, len(texts))
        cross = made_up([f"{text}{i}" for i, text in enumerate(texts)], np.where(numbers > 1e10, np.nan, numbers),
                        [text if rng.random() < 0.8 else None for text in texts])
        path = write_cross2(cross, tmp_path)
        assert not assert_equal_to_r(r, path, cross, digits)

    def test_small_numbers_stay_numbers_in_phenocovar(self, r, tmp_path, digits, iron):
        phenocovar = pd.DataFrame({"time": [1e-7, 12345678.5e9], "tissue": ["a", None]}, index=["liver", "spleen"])
        cross = Cross2(**{**vars(iron), "phenocovar": phenocovar})
        path = write_cross2(cross, tmp_path)
        assert_same_cross(read_cross2(path), cross)
        assert not assert_equal_to_r(r, path, cross, digits)

    def test_nothing_is_replaced_unasked(self, tmp_path, iron):
        path = write_cross2(iron, tmp_path)
        (tmp_path / "cross_geno.csv").write_text("mine")
        before = members_of(tmp_path)
        with pytest.raises(InputError, match="is there already; choose another folder or basename, or pass overwrite"):
            write_cross2(iron, tmp_path)
        assert members_of(tmp_path) == before
        write_cross2(iron, tmp_path, overwrite=True)
        assert_same_cross(read_cross2(path), iron)
        with pytest.raises(InputError, match="basename is '../x'; give the beginning of a file name"):
            write_cross2(iron, tmp_path, "../x")
        with pytest.raises(InputError, match="cannot be made"):
            write_cross2(iron, path / "sub")

    @pytest.mark.parametrize("text", ['5" tube', " blank", "blank\t", "a\rb", "a\nb"])
    def test_what_would_not_come_back_is_refused_and_nothing_written(self, tmp_path, iron, text):
        covar = iron.covar.assign(diet=text)
        with pytest.raises(InputError, match="covar: .* has a quotation mark, a line break or blanks at an end"):
            write_cross2(Cross2(**{**vars(iron), "covar": covar}), tmp_path)
        assert not list(tmp_path.iterdir())

    def test_names_must_not_be_empty(self, tmp_path, iron):
        with pytest.raises(InputError, match="pheno: a row or a column has no name"):
            pheno = iron.pheno.set_axis(["x", ""], axis=1)
            write_cross2(Cross2(**{**vars(iron), "pheno": pheno}), tmp_path)

    def test_numbers_that_would_not_come_back(self, tmp_path, iron):
        geno = iron.geno | {"3": -iron.geno["3"]}
        phenocovar = pd.DataFrame({"time": [1.0, -np.inf]}, index=["liver", "spleen"])
        for changed, words in (({"geno": geno}, "a negative code"), ({"phenocovar": phenocovar}, "infinite number")):
            with pytest.raises(InputError, match=words):
                write_cross2(Cross2(**{**vars(iron), **changed}), tmp_path)

    def test_a_cut_leaves_nothing(self, tmp_path, iron, monkeypatch):
        def full(self, *args, **kwargs):
            if self.name == "cross_pmap.csv":
                raise OSError("no space left on device")
            return original(self, *args, **kwargs)
        original = Path.write_text
        monkeypatch.setattr(Path, "write_text", full)
        with pytest.raises(OSError):
            write_cross2(iron, tmp_path)
        assert not list(tmp_path.iterdir())


class TestZipDatafiles:
    def test_all_files_are_in(self, r, tmp_path, files, digits):
        several_files(files)
        cross_info_named_directly(files)
        sex_file(files)
        files.tables["info.csv"].append(["e", "0"])
        files.tables["sex.csv"].append(["e", "0"])
        bundle = zip_datafiles(files.write(tmp_path))
        assert bundle == tmp_path / "cross.zip"
        with zipfile.ZipFile(bundle) as archive:
            assert sorted(archive.namelist()) == sorted(["cross.yaml", *files.tables])
        cross, _ = read_recording(bundle)
        assert_equal_to_r(r, bundle, cross, digits)

    def test_nothing_is_replaced_unasked(self, tmp_path, files, capsys):
        control_file = files.write(tmp_path)
        bundle = zip_datafiles(control_file, tmp_path / "mine.zip", quiet=False)
        assert " - adding geno.csv\n" in capsys.readouterr().err
        bundle.write_text("mine")
        with pytest.raises(InputError, match="mine.zip' is there already; choose another name or pass overwrite=True"):
            zip_datafiles(control_file, bundle)
        assert bundle.read_text() == "mine"
        assert_same_cross(read_cross2(zip_datafiles(control_file, bundle, overwrite=True)), read_cross2(control_file))
        assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]

    def test_refused(self, tmp_path, files):
        (tmp_path / "in").mkdir()
        (tmp_path / "geno.csv").write_text("secret")
        for name, words in (("../geno.csv", "outside its own folder"), (str(tmp_path / "geno.csv"), "outside its own"),
                            ("none.csv", "which is not there"), ("link.csv", "outside its own folder")):
            files.control["geno"] = name
            path = files.write(tmp_path / "in")
            (tmp_path / "in" / "link.csv").unlink(missing_ok=True)
            (tmp_path / "in" / "link.csv").symlink_to(tmp_path / "geno.csv")
            with pytest.raises(InputError, match=words):
                zip_datafiles(path)
        assert not list(tmp_path.rglob("*.zip"))
        files.control["geno"] = "geno.csv"
        with pytest.raises(InputError, match="there is no folder"):
            zip_datafiles(files.write(tmp_path / "in"), tmp_path / "none" / "a.zip")


def test_extdata(r):
    assert extdata("grav2.zip").is_file()
    with pytest.raises(InputError, match="qtl2 comes with no file 'Iron.zip'; it has .*iron.zip"):
        extdata("Iron.zip")


def test_progress_is_told_when_asked(r, capsys):
    read_cross2(extdata("iron.zip"), quiet=False)
    assert " - reading geno\n" in capsys.readouterr().err


@pytest.mark.parametrize("module", ["extdata", "cross2", "check_cross2", "write_cross2"])
def test_examples(r, module):
    result = doctest.testmod(importlib.import_module(f"lmmbridge.qtl2.{module}"))
    assert result.attempted and not result.failed


@pytest.mark.parametrize("file, words", [("https://kbroman.org/iron.zip", "is a web address"), (None, "file is None")])
def test_what_is_no_path_is_said(file, words):
    with pytest.raises(InputError, match=words):
        read_cross2(file)
