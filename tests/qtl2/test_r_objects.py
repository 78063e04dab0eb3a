"""R/qtl2's objects to R and back: genuine ones identical() in R, ours equal to the bit in Python."""
import doctest
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lmmbridge.errors import InputError
from lmmbridge.qtl2 import through_r
from lmmbridge.qtl2.coefficients import Scan1Coef
from lmmbridge.qtl2.cross2 import Cross2, read_cross2
from lmmbridge.qtl2.extdata import extdata
from lmmbridge.qtl2.fit1 import fit1
from lmmbridge.qtl2.genoprobs import DIMS, Genoprobs
from lmmbridge.qtl2.herit import est_herit
from lmmbridge.qtl2.kinship import DecomposedKinship
from lmmbridge.qtl2.maps import Map
from lmmbridge.qtl2.permutations import scan1perm
from lmmbridge.qtl2.r_objects import from_r, to_r
from lmmbridge.qtl2.scan1 import Scan1
from lmmbridge.qtl2.scan1max import scan1max
from lmmbridge.qtl2.through_r import calc_genoprob, genoprob_to_alleleprob, insert_pseudomarkers
from lmmbridge.rlink import NA_REAL, RList, is_na

IRON = """
genuine <- new.env()
local({
    iron <- qtl2::read_cross2(system.file("extdata", "iron.zip", package = "qtl2"))
    map <- qtl2::insert_pseudomarkers(iron$gmap, step = 5)
    probs <- qtl2::calc_genoprob(iron, map)
    overall <- qtl2::calc_kinship(probs)
    loco <- qtl2::calc_kinship(probs, "loco")
}, genuine)
agrees <- function(x) identical(x, expected, num.eq = FALSE, single.NA = FALSE)
"""


@pytest.fixture(scope="module")
def genuine(r):
    """genuine(code): value of the code in R, which knows iron, map, probs, overall and loco."""
    r.eval(IRON)
    return lambda code: r.eval(f"local({{{code}}}, new.env(parent = genuine))").value


@pytest.fixture(scope="module")
def identical(r, genuine):
    """identical(value, code): whether R holds for identical what the value becomes and what the code gives."""
    def check(value, code):
        r.eval(f"expected <- local({{{code}}}, new.env(parent = genuine))")
        return r.call("agrees", value).value
    return check


GENUINE = {
    "cross": ("iron", Cross2),
    "cross, no covariates, no cross_info": ('qtl2::read_cross2(system.file("extdata", "grav2.zip", package = "qtl2"))',
                                            Cross2),
    "cross, all parts": ("structure(append(unclass(iron), list(founder_geno = iron$geno), 7), class = 'cross2')",
                         Cross2),
    "cross, no phenotypes": ('within.list(iron, rm(pheno, phenocovar)) |> structure(class = "cross2")', Cross2),
    "cross, one individual, one chromosome": ('iron["7", "X"]', Cross2),
    "map of markers": ("iron$gmap", Map),
    "map": ("map", Map),
    "map without is_x_chr": ("`attr<-`(map, 'is_x_chr', NULL)", Map),
    "map of one marker": ("list(X = c(m = 3.25))", Map),
    "genotype probabilities": ("probs", Genoprobs),
    "of one chromosome": ('probs[, "X"]', Genoprobs),
    "of one individual": ('probs["3", ]', Genoprobs),
    "without alleles, crosstype": ("attr(probs, 'alleles') <- attr(probs, 'crosstype') <- NULL; probs", Genoprobs),
    "allele probabilities": ("qtl2::genoprob_to_alleleprob(probs)", Genoprobs),
    "kinship, overall": ("overall", pd.DataFrame),
    "kinship, loco": ("loco", dict),
    "kinship, chr": ('qtl2::calc_kinship(probs, "chr")', dict),
    "kinship, scaled": ("qtl2::scale_kinship(overall)", pd.DataFrame),
    "decomposed": ("qtl2::decomp_kinship(overall)", DecomposedKinship),
    "decomposed, loco": ("qtl2::decomp_kinship(loco)", dict),
    "phenotypes with NA": ("iron$pheno[3:5, 1] <- c(NA, NaN, -Inf); iron$pheno", pd.DataFrame),
    "X covariates": ("qtl2::get_x_covar(iron)", pd.DataFrame),
    "integers": ("iron$geno[[1]]", pd.DataFrame),
    "weights": ("setNames(runif(284), rownames(iron$pheno))", pd.Series),
    "scan": ("qtl2::scan1(probs, iron$pheno)", Scan1),
    "scan, kinship": ("qtl2::scan1(probs, iron$pheno[, 1, drop = FALSE], overall)", Scan1),
    "scan, kinship, Xcovar": ("qtl2::scan1(probs, iron$pheno, overall, Xcovar = qtl2::get_x_covar(iron))", Scan1),
    "scan, loco": ("qtl2::scan1(probs, iron$pheno, loco)", Scan1),
    "effects": ("qtl2::scan1coef(probs[, 'X'], iron$pheno[, 1])", Scan1Coef),
    "effects, kinship, SE": ("qtl2::scan1coef(probs[, '2'], iron$pheno[, 1], loco[['2']], se = TRUE)", Scan1Coef),
    "blups, SE": ("qtl2::scan1blup(probs[, '19'], iron$pheno[, 1], loco[['19']], se = TRUE)", Scan1Coef),
    "permutations": ("qtl2::scan1perm(probs, iron$pheno, n_perm = 3)", pd.DataFrame),
}


@pytest.mark.parametrize("code, kind", GENUINE.values(), ids=GENUINE)
def test_genuine_objects_come_back_identical(genuine, identical, code, kind):
    code = "set.seed(1); " + code
    ours = from_r(genuine(code))
    assert isinstance(ours, kind)
    assert identical(to_r(ours), code) is True


@pytest.mark.parametrize("name", ["DOex.zip", "b6btbr.zip"])
def test_other_real_crosses_come_back_identical(r, genuine, identical, shared_data, name):
    r.eval(f"genuine$cross <- qtl2::read_cross2('{shared_data(name)}');"
           "genuine$p <- qtl2::calc_genoprob(genuine$cross[1:40, c('2', 'X')])")
    for code in ("cross", "p", "qtl2::genoprob_to_alleleprob(p)", "qtl2::calc_kinship(p, 'loco')", "cross$pmap"):
        assert identical(to_r(from_r(genuine(code))), code) is True


NAMES = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), min_size=1, max_size=8)


def distinct(draw, least=1, most=4):
    return draw(st.lists(NAMES, min_size=least, max_size=most, unique=True))


@st.composite
def genoprobs(draw):
    individuals, chromosomes, alleles = distinct(draw), distinct(draw), distinct(draw)
    names = iter(distinct(draw, 3 * len(chromosomes), 3 * len(chromosomes)))
    arrays = {}
    for chromosome in chromosomes:
        coords = {"individual": individuals, "position": [next(names) for _ in range(draw(st.integers(1, 3)))],
                  "genotype": ["a", "b"]}
        n = len(individuals) * len(coords["position"])
        first = np.reshape(draw(st.lists(st.floats(0.0, 1.0), min_size=n, max_size=n)), (len(individuals), -1))
        dims = draw(st.permutations(DIMS))      # in memory
        values = np.stack([first, 1.0 - first], axis=2)
        array = xr.DataArray(values, dims=("individual", "position", "genotype"), coords=coords).transpose(*dims)
        arrays[chromosome] = xr.DataArray(array.values.copy(), dims=dims, coords=coords).transpose(*DIMS)
    return Genoprobs(arrays, {name: draw(st.booleans()) for name in chromosomes},
                     draw(st.none() | NAMES), draw(st.none() | st.just(alleles)), draw(st.booleans()))


def bits(values):
    return np.ascontiguousarray(values, dtype=float).view(np.uint64).tolist()


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(probs=genoprobs())
def test_genoprobs_come_back_to_the_bit(r, probs):
    back = from_r(r.call("identity", to_r(probs)).value)
    assert list(back) == list(probs)
    for chromosome, array in probs.items():
        assert back[chromosome].dims == DIMS and bits(back[chromosome].values) == bits(array.values)
        for dim in DIMS:
            assert back[chromosome].coords[dim].values.tolist() == array.coords[dim].values.tolist()
    for name in ("is_x_chr", "crosstype", "alleles", "alleleprobs"):
        assert getattr(back, name) == getattr(probs, name)


@given(data=st.data())
def test_maps_come_back_to_the_bit(r, data):
    chromosomes, markers = distinct(data.draw), iter(distinct(data.draw, 8, 8))
    positions = st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=2).map(sorted)
    series = {name: pd.Series({next(markers): x for x in data.draw(positions)}) for name in chromosomes}
    genetic = Map(series, data.draw(st.none() | st.just({chromosomes[0]: True})))
    back = from_r(r.call("identity", to_r(genetic)).value)
    assert list(back) == list(genetic) and back.is_x_chr == genetic.is_x_chr
    for chromosome in genetic:
        assert back[chromosome].index.tolist() == genetic[chromosome].index.tolist()
        assert bits(back[chromosome]) == bits(genetic[chromosome])


@given(values=st.lists(st.floats(allow_nan=True, width=64) | st.just(NA_REAL), min_size=4, max_size=4),
       rows=st.lists(NAMES, min_size=2, max_size=2, unique=True), n_pos=st.none() | st.integers(1, 9) | st.floats(1, 9))
def test_matrices_come_back_to_the_bit(r, values, rows, n_pos):
    frame = pd.DataFrame(np.reshape(values, (2, 2)), index=rows, columns=["a", "λ"])
    frame.attrs = {} if n_pos is None else {"n_pos": n_pos}
    back = from_r(r.call("identity", to_r(frame)).value)
    assert back.index.tolist() == rows and back.columns.tolist() == ["a", "λ"]
    assert bits(back) == bits(frame) and is_na(back).tolist() == is_na(frame).tolist()
    assert back.attrs == frame.attrs and type(back.attrs.get("n_pos")) is type(n_pos)


def test_a_cross_read_in_python_is_that_of_r(identical):
    assert identical(to_r(read_cross2(extdata("iron.zip"))), "iron") is True


def test_r_qtl2_takes_our_objects(r, genuine):
    probs, kinship = from_r(genuine("probs")), from_r(genuine("loco"))
    pheno = from_r(genuine("iron$pheno"))
    lod = from_r(r.call("qtl2::scan1", to_r(probs), to_r(pheno), to_r(kinship)).value).lod
    assert bits(lod) == bits(from_r(genuine("qtl2::scan1(probs, iron$pheno, loco)")).lod)
    assert r.call("qtl2::find_marker", to_r(from_r(genuine("map"))), "19", 10.0).value == genuine(
        'qtl2::find_marker(map, "19", 10)')


def test_a_scan_from_r_says_so(genuine):
    scan = from_r(genuine("qtl2::scan1(probs, iron$pheno, overall)"))
    assert scan.engine == "qtl2" and scan.hsq.columns.tolist() == scan.lod.columns.tolist() == ["liver", "spleen"]
    assert scan.sample_size.to_dict() == {"liver": 284, "spleen": 284} and scan.lod.attrs == {}


def test_effects_from_r_have_their_standard_errors(genuine):
    effects = from_r(genuine("qtl2::scan1coef(probs[, '2'], iron$pheno[, 1], se = TRUE)"))
    assert effects.se.index.equals(effects.coef.index) and effects.se.columns.equals(effects.coef.columns)
    assert effects.sample_size == 284 and effects.engine == "qtl2"


@pytest.mark.parametrize("dtype", [np.float32, np.int8, bool])
def test_probabilities_of_other_types_go_as_double(r, dtype):
    array = xr.DataArray(np.array([[[0], [1]]], dtype=dtype), dims=DIMS,
                         coords={"individual": ["i"], "genotype": ["a", "b"], "position": ["m"]})
    sent = r.call("identity", to_r(Genoprobs({"1": array}))).value
    assert sent["1"].dtype == float and sent["1"].values.tolist() == [[[0.0], [1.0]]]


@pytest.mark.parametrize("columns, kind", [
    ({"x": [1, 2], "y": [3, 4]}, "integer"), ({"x": [1, 2], "y": [0.5, 1]}, "double"), ({"x": [True, False]}, "double"),
    ({"x": pd.array([1, None], dtype="Int64")}, "double"), ({"x": np.array([1, 2], np.float32)}, "double"),
])
def test_numbers_go_as_numeric_matrices(r, columns, kind):
    frame = pd.DataFrame(columns, index=[10, 20])
    r.eval("describe <- function(x) list(typeof(x), is.matrix(x), is.numeric(x), rownames(x), colnames(x))")
    *what, rows, names = r.call("describe", to_r(frame)).value
    assert what == [kind, True, True]
    assert rows.tolist() == ["10", "20"] and np.atleast_1d(names).tolist() == list(columns)


def test_large_probabilities_are_quick(r):
    values = np.full((300, 36, 500), 1 / 36)
    names = {dim: [f"{dim}{i}" for i in range(n)] for dim, n in zip(DIMS, values.shape)}
    probs = Genoprobs({"1": xr.DataArray(values, dims=DIMS, coords=names)})
    back = from_r(r.call("identity", to_r(probs), timeout=10).value)
    assert np.array_equal(back["1"].values, values)


@pytest.mark.parametrize("value, message", [
    ({"1": [1.0]}, "none of R/qtl2's objects"), (RList({"a": 1}, {"class": "lm"}), "list of class lm"), ({}, "a dict"),
    (RList({"1": 3}, {"class": "calc_genoprob"}), "chromosome '1' is not an array"),
    (RList({"1": xr.DataArray(np.ones((1, 1, 1)))}, {"class": "calc_genoprob"}), "chromosome '1' is not an array"),
    (RList({}, {"class": "calc_genoprob", "note": 1}), "attribute 'note', which would be lost"),
    (RList({"1": pd.Series({"m": 1.0})}, {"note": 1}), "attribute 'note'"),
    (RList({"1": pd.Series({"m": 1.0})}, {"is_x_chr": pd.Series({"2": True})}), "is_x_chr is not of the same"),
    ({"1": 3.0}, "chromosome '1' have no marker names"), (xr.DataArray([["a"]]), "holds text"),
    (RList({"crosstype": "f2", "genes": 3}, {"class": "cross2"}), "part 'genes'"),
    (RList({"crosstype": "f2"}, {"class": "cross2"}), "has no geno"),
    (xr.DataArray([[1.0]], attrs={"class": "scan1"}), "scan1 object from R has no attribute sample_size"),
    (xr.DataArray([[1.0]], attrs={"class": np.array(["scan1coef", "scan1"]), "x": 1}), "scan1coef object .*'x'"),
])
def test_values_that_are_no_objects_are_refused(value, message):
    with pytest.raises(InputError, match=message):
        from_r(value)


@pytest.mark.parametrize("value, message", [
    (3, "a value of type int"), ({}, "a value of type dict"), ({"1": 3}, "a value of type dict"),
    (pd.DataFrame({"sex": ["f", "m"]}), "column 'sex' does not hold real numbers"),
    (pd.DataFrame({"z": [1j]}), "column 'z'"), (pd.DataFrame({"d": pd.to_datetime(["2020-01-01"])}), "column 'd'"),
])
def test_what_r_qtl2_has_no_object_for_is_refused(value, message):
    with pytest.raises(InputError, match=message):
        to_r(value)


@pytest.fixture(scope="module")
def iron(genuine):
    return from_r(genuine("iron"))


CALLS = [
    ("qtl2::calc_genoprob(iron)", lambda iron: calc_genoprob(iron)),
    ("qtl2::calc_genoprob(iron, qtl2::insert_pseudomarkers(iron$gmap, 5), 0.002, 'c-f', TRUE)",
     lambda iron: calc_genoprob(iron, insert_pseudomarkers(iron.gmap, 5), 0.002, "c-f", True)),
    ("qtl2::calc_genoprob(iron, lowmem = FALSE)", lambda iron: calc_genoprob(iron, cores=2)),
    ("qtl2::genoprob_to_alleleprob(probs)", lambda iron: genoprob_to_alleleprob(
        calc_genoprob(iron, insert_pseudomarkers(iron.gmap, step=5)))),
    ("qtl2::insert_pseudomarkers(iron)", insert_pseudomarkers),
    ("qtl2::insert_pseudomarkers(iron$gmap, 2, 5, 'max')", lambda iron: insert_pseudomarkers(iron.gmap, 2, 5, "max")),
    ("qtl2::insert_pseudomarkers(iron$gmap, pseudomarker_map = list(X = c(a = 30, b = 40)), tol = 1)",
     lambda iron: insert_pseudomarkers(iron.gmap, tol=1,
                                       pseudomarker_map=Map({"X": pd.Series({"a": 30.0, "b": 40.0})}))),
]


@pytest.mark.parametrize("code, call", CALLS, ids=[code for code, _ in CALLS])
def test_functions_give_what_r_gives(identical, iron, code, call):
    assert identical(to_r(call(iron)), code) is True


def test_the_signatures_are_those_of_r(r):
    for function in (calc_genoprob, insert_pseudomarkers, genoprob_to_alleleprob):
        names = function.__code__.co_varnames[:function.__code__.co_argcount]
        defaults = dict(zip(names[::-1], function.__defaults__[::-1]))
        formals = r.eval(f"lapply(as.list(formals(qtl2::{function.__name__})), function(x) "
                         "if (is.call(x)) eval(x)[1] else if (is.name(x)) 'required' else x)").value
        assert list(formals) == list(names)
        assert {name: default for name, default in formals.items() if default != "required"} == defaults


def test_errors_of_r_are_input_errors(iron):
    with pytest.raises(InputError, match="calc_genoprob: R/qtl2 says: error_prob"):
        calc_genoprob(iron, error_prob=-1)
    with pytest.raises(InputError, match="insert_pseudomarkers: R/qtl2 says: .*max"):
        insert_pseudomarkers(iron.gmap, stepwidth="wide")


def test_warnings_of_r_are_warnings(iron):
    probs = calc_genoprob(iron)
    probs = Genoprobs(probs, probs.is_x_chr, probs.crosstype)
    with pytest.warns(UserWarning, match="genoprob_to_alleleprob: R/qtl2 says: .*no alleles attribute") as caught:
        genoprob_to_alleleprob(probs)
    assert caught[0].filename == __file__


def test_what_r_says_is_printed(iron, capsys):
    calc_genoprob(iron, quiet=False)
    assert "Chr 19" in capsys.readouterr().out


def test_examples():
    result = doctest.testmod(through_r)
    assert result.attempted and not result.failed


RESULTS = {
    "est_herit": ("qtl2::est_herit(iron$pheno, overall)", lambda probs, pheno, K: est_herit(pheno, K)),
    "scan1max": ("qtl2::scan1max(probs, iron$pheno, loco)", lambda probs, pheno, K: scan1max(probs, pheno, {
        name: K for name in probs})),
    "scan1max by chromosome": ("qtl2::scan1max(probs, iron$pheno, by_chr = TRUE)", lambda probs, pheno, K: scan1max(
        probs, pheno, by_chr=True)),
    "scan1perm": ("qtl2::scan1perm(probs, iron$pheno, n_perm = 2)", lambda probs, pheno, K: scan1perm(probs, pheno, n_perm=2, rng=1)),
    "scan1perm, X apart": (
        "qtl2::scan1perm(probs, iron$pheno, n_perm = 1, perm_Xsp = TRUE, chr_lengths = c(A = 9, X = 3))",
        lambda probs, pheno, K: scan1perm(probs, pheno, n_perm=1, perm_Xsp=True, chr_lengths={"A": 9.0, "X": 3.0}, rng=1)),
    "fit1": ("qtl2::fit1(probs[['2']][, , 3], iron$pheno[, 1])", lambda probs, pheno, K: fit1(
        probs["2"].isel(position=2), pheno["liver"])),
    "fit1, kinship, no SE": ("qtl2::fit1(probs[['2']][, , 3], iron$pheno[, 1], overall, se = FALSE)", lambda probs, pheno, K: fit1(
        probs["2"].isel(position=2), pheno["liver"], K, se=False)),
    "fit1, blup": ("suppressWarnings(qtl2::fit1(probs[['2']][, , 3], iron$pheno[, 1], blup = TRUE))", lambda probs, pheno, K: fit1(
        probs["2"].isel(position=2), pheno["liver"], blup=True)),
}


@pytest.mark.parametrize("code, compute", RESULTS.values(), ids=RESULTS)
def test_results_become_objects_like_those_of_qtl2(r, genuine, code, compute):
    """Types, names, dimnames, classes and attributes are the same; the numbers are other tests' matter."""
    probs, pheno, K = (from_r(genuine(part)) for part in ("probs", "iron$pheno", "overall"))
    r.source(Path(__file__).with_name("same_form.R"))
    assert r.call("same_form", to_r(compute(probs, pheno, K)), code).value is True
