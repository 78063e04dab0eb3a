"""scan1perm: qtl2's maxima for qtl2's permutations, and scan1's for genotypes that were permuted by hand."""
import doctest
import itertools
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scanned_crosses import driven_r, load
from scipy import stats

from lmmbridge.errors import InputError
from lmmbridge.qtl2 import permutations, permuted_maxima as maxima_module
from lmmbridge.qtl2.cross2 import read_cross2
from lmmbridge.qtl2.extdata import extdata
from lmmbridge.qtl2.genoprobs import DIMS, Genoprobs
from lmmbridge.qtl2.maps import Map
from lmmbridge.qtl2.permutations import chr_lengths, draw_permutations, mat2strata, permutations_from, scan1perm
from lmmbridge.qtl2.permuted_maxima import permuted_maxima
from lmmbridge.qtl2.r_objects import to_r
from lmmbridge.qtl2.scan1 import scan1
from lmmbridge.qtl2.scan_setup import set_up
from lmmbridge.rlink import NA_REAL

N_PERM = 2
#: Of iron: a matrix for each chromosome takes its time.
CHROMOSOMES = ["2", "9", "16", "X"]
KINSHIPS = ("none", "overall", "loco")


@pytest.fixture(scope="module")
def iron(r):
    cross = load("iron", None)
    cross = replace(cross, probs=cross.probs.subset(chr=CHROMOSOMES), kinship=cross.kinship | {
        "loco": {name: cross.kinship["loco"][name] for name in CHROMOSOMES}})
    driven_r().source(Path(__file__).with_name("permutations.R"))
    return cross


@pytest.fixture(scope="module")
def grav2(iron):
    return load("grav2", None)


def for_r(value):
    """An argument as R is to have it; the name of a part of the cross, a number and a flag as they are."""
    return value if isinstance(value, (str, bool, int, float)) else to_r(value)


def incomplete(cross):
    """Individuals left out and in another order, phenotypes missing here and there, a covariate missing."""
    pheno = cross.pheno.iloc[::-1].drop(cross.pheno.index[[2, 40]]).copy()
    pheno.iloc[[4, 8, 99], 0] = np.nan
    pheno.iloc[120, :] = np.nan
    addcovar = cross.addcovar.copy()
    addcovar.iloc[[10, 11], 0] = np.nan
    return {"pheno": pheno, "addcovar": addcovar}


def setup_of(cross, kinship, design, probs=None):
    values = {"pheno": cross.pheno, "kinship": cross.kinship[kinship]} | design
    names = ("pheno", "kinship", "addcovar", "Xcovar", "intcovar", "weights")
    return set_up(cross.probs if probs is None else probs, *(values.get(name) for name in names), True, "normal")


def qtl2_permutations(cross, kinship, designs, chr=None):
    """For each design: what our scan starts from, qtl2's maxima, qtl2's permutations (of genotypes, from 0)."""
    probs = cross.probs.subset(chr=chr)
    chr = np.array(list(probs))
    setups = [setup_of(cross, kinship, design, probs) for design in designs]
    arguments = [{key: for_r(value) for key, value in ({"pheno": cross.pheno} | design).items()}
                 | ({} if kinship == "none" else {"kinship": kinship}) for design in designs]
    individuals = [np.array(setup.aligned.pheno.index) for setup in setups]
    answers = driven_r().call("permute_each", cross.name, individuals, N_PERM, chr, arguments).value
    for setup, answer in zip(setups, answers):
        drawn = answer["permutations"].T.astype(int) - 1
        aligned = setup.aligned
        covariates = (aligned.addcovar, aligned.Xcovar, aligned.intcovar, aligned.weights)
        if kinship == "none" and aligned.pheno.notna().all(axis=None) and all(part is None for part in covariates):
            drawn = np.argsort(drawn, axis=1)       # qtl2 then permutes the phenotypes, which is the inverse
        yield setup, answer["maxima"], drawn


@pytest.mark.parametrize("kinship", KINSHIPS)
def test_maxima_for_the_permutations_of_qtl2_are_its_maxima(iron, kinship, tolerance):
    designs = [design for name, design in iron.designs().items()
               if kinship == "none" or not {"weights", "intcovar"} <= set(design)]      # qtl2 weights that twice
    strata = pd.Series(np.arange(284) % 5.0, iron.probs.individuals)
    designs += [{"perm_strata": strata}, incomplete(iron), incomplete(iron) | {"Xcovar": iron.Xcovar}]
    limit = tolerance("lod_given_hsq" if kinship == "none" else "maxima_own_hsq")
    for design, (setup, theirs, drawn) in zip(designs, qtl2_permutations(iron, kinship, designs)):
        assert np.max(np.abs(permuted_maxima(setup, drawn).to_numpy() - theirs)) <= limit, list(design)


@pytest.mark.parametrize("kinship", KINSHIPS)
def test_maxima_on_another_type_of_cross_are_those_of_qtl2(grav2, kinship, tolerance):
    pheno = grav2.pheno.iloc[:, [0, 60, 120]]
    designs = [{"pheno": pheno}, {"pheno": pheno, "addcovar": grav2.addcovar}]
    limit = tolerance("lod_given_hsq" if kinship == "none" else "maxima_own_hsq")
    for setup, theirs, drawn in qtl2_permutations(grav2, kinship, designs):
        assert np.max(np.abs(permuted_maxima(setup, drawn).to_numpy() - theirs)) <= limit


@pytest.mark.parametrize("kinship", ["none", "overall"])
def test_maxima_over_the_x_chromosome_alone_are_those_of_qtl2(iron, kinship, tolerance):
    limit = tolerance("lod_given_hsq" if kinship == "none" else "maxima_own_hsq")
    for setup, theirs, drawn in qtl2_permutations(iron, kinship, [{"Xcovar": iron.Xcovar}], ["X"]):
        assert np.max(np.abs(permuted_maxima(setup, drawn).to_numpy() - theirs)) <= limit


@pytest.mark.parametrize("kinship", KINSHIPS)
def test_permutations_of_the_x_chromosome_apart_are_as_many_and_as_high_as_those_of_qtl2(iron, kinship, tolerance):
    # Strata of one individual leave no permutation but one, on both sides.
    alone = pd.Series(np.arange(284.0), iron.probs.individuals)
    whole = read_cross2(extdata("iron.zip")).gmap
    gmap = Map({name: whole[name] for name in CHROMOSOMES}, whole.is_x_chr)
    Xcovar = iron.Xcovar.copy()
    Xcovar.iloc[[5, 50]] = np.nan       # of no importance to the autosomes
    design = {"Xcovar": Xcovar, "perm_strata": alone}
    theirs = driven_r().call("permute_Xsp", "iron", np.array(CHROMOSOMES), to_r(gmap), {
        "pheno": "pheno", "n_perm": 2, **({} if kinship == "none" else {"kinship": kinship}),
        **{key: for_r(value) for key, value in design.items()}}).value
    ours = scan1perm(iron.probs, iron.pheno, iron.kinship[kinship], n_perm=2, perm_Xsp=True,
                     chr_lengths=chr_lengths(gmap), **design)
    limit = tolerance("lod_given_hsq" if kinship == "none" else "maxima_own_hsq")
    assert len(ours.A) == 2 and len(ours.X) == theirs["X"].shape[0]
    for part, found in (("A", ours.A), ("X", ours.X)):
        assert np.max(np.abs(found.to_numpy() - theirs[part].values)) <= limit
        assert list(found.columns) == theirs[part].coords[theirs[part].dims[1]].values.tolist()
    pd.testing.assert_series_equal(ours.chr_lengths, theirs["chr_lengths"], check_names=False,
                                   rtol=tolerance("rounding"))


def permuted(probs, ids, permutation):
    """Genotype probabilities in which individual ids[i] has the genotypes of ids[permutation[i]]."""
    source = pd.Series(probs.individuals, probs.individuals)
    source[ids] = np.array(ids)[permutation]
    arrays = {name: array.sel(individual=source.to_list()).assign_coords(individual=source.index.to_list())
              for name, array in probs.items()}
    return Genoprobs(arrays, probs.is_x_chr, probs.crosstype, probs.alleles, probs.alleleprobs)


def assert_as_by_hand(cross, kinship, design, limit, probs=None):
    """Maxima of scan1 with genotypes in their own order, and in another."""
    setup = setup_of(cross, kinship, design, probs)
    ids = list(setup.aligned.pheno.index)
    drawn = np.array([np.arange(len(ids)), np.random.default_rng(1).permutation(len(ids))])
    values = {"pheno": cross.pheno, "kinship": cross.kinship[kinship]} | design
    expected = [scan1(permuted(setup.genoprobs, ids, permutation), **values).lod.max() for permutation in drawn]
    np.testing.assert_allclose(permuted_maxima(setup, drawn), expected, rtol=0.0, atol=limit)


@pytest.mark.parametrize("kinship", KINSHIPS)
def test_maxima_are_those_of_scan1_with_permuted_genotypes(iron, kinship, tolerance):
    designs = iron.designs()
    if kinship == "loco":       # which takes its time
        designs = {name: designs[name] for name in ("addcovar, Xcovar, intcovar", "all")}
    for design in [*designs.values(), incomplete(iron) | {"intcovar": iron.intcovar, "weights": iron.weights},
                   {"pheno": iron.pheno["liver"]}, {"pheno": iron.pheno["liver"], "weights": iron.weights}]:
        assert_as_by_hand(iron, kinship, design, tolerance("maxima_given_hsq"))


@pytest.mark.parametrize("kinship", ["none", "overall"])
@pytest.mark.parametrize("phenotypes", [1, 2])
def test_maxima_where_genotypes_depend_on_covariates_or_carry_little_or_nothing(iron, kinship, phenotypes, tolerance):
    ids, rng = list(iron.probs.individuals), np.random.default_rng(2)
    carrier = np.arange(284) == 7
    kinds = {
        "sex": iron.addcovar.iloc[:, 0].to_numpy(),     # with strata by sex, always a covariate
        "nothing": np.full(284, 0.5),
        "one carrier": 0.9 * carrier,
        "near a constant": 0.5 + 1e-3 * rng.random(284),
        "nearer": 0.5 + 1e-7 * rng.random(284),
        "near all is explained": iron.pheno["liver"].to_numpy() / 300.0 + 1e-6 * rng.random(284),
    }
    for name, first in kinds.items():
        G = np.stack([1.0 - first, 0.3 * first, 0.7 * first], axis=1)       # of rank 1: the third depends on the second
        G = np.stack([G, rng.dirichlet([1.0, 1.0, 1.0], 284)], axis=2)
        probs = Genoprobs({"1": xr.DataArray(G, dims=DIMS, coords={
            "individual": ids, "genotype": ["AA", "AB", "BB"], "position": ["m1", "m2"]})})
        for design in ({}, {"addcovar": iron.addcovar, "weights": iron.weights}):
            limit = tolerance("maxima_ill_conditioned" if name.startswith("near") else "maxima_given_hsq")
            assert_as_by_hand(iron, kinship, design | {"pheno": iron.pheno.iloc[:, :phenotypes]}, limit, probs)


@pytest.mark.parametrize("kinship", ["none", "overall"])
@pytest.mark.parametrize("phenotypes", [1, 2])
def test_maxima_where_genotype_columns_are_tiny(iron, kinship, phenotypes, tolerance):
    """Those that are negligible beside another column, or with interactions beside a covariate, count for nothing."""
    ids, rng = list(iron.probs.individuals), np.random.default_rng(5)
    signal = iron.pheno["liver"].to_numpy() / 300.0 + rng.random(284)
    for size in (1e-15, 1e-14, 1e-13, 1e-11, 1e-10):
        for other in (signal[::-1] * size, rng.random(284)):
            G = np.column_stack([1.0 - other - signal * size, other, signal * size])
            probs = Genoprobs({"1": xr.DataArray(G[:, :, None], dims=DIMS, coords={
                "individual": ids, "genotype": ["AA", "AB", "BB"], "position": ["m1"]})})
            for design in ({}, {"addcovar": iron.addcovar, "weights": iron.weights}, {"intcovar": iron.intcovar},
                           {"addcovar": 1e3 * iron.addcovar, "intcovar": iron.intcovar, "weights": iron.weights}):
                assert_as_by_hand(iron, kinship, design | {"pheno": iron.pheno.iloc[:, :phenotypes]},
                                  tolerance("maxima_tiny"), probs)


@pytest.mark.parametrize("kinship", ["none", "overall"])
def test_positions_of_real_autosomes_need_no_qr_decomposition(iron, kinship, monkeypatch, tolerance):
    def refused(*_):
        raise AssertionError("by QR")

    monkeypatch.setattr(maxima_module, "_by_qr", refused)
    for design in [*iron.designs().values(), incomplete(iron), {"pheno": iron.pheno["liver"]}]:
        assert_as_by_hand(iron, kinship, design, tolerance("maxima_given_hsq"), iron.probs.subset(chr=["2", "16"]))


def test_maxima_with_nearly_as_many_coefficients_as_individuals_and_as_many(iron, tolerance):
    few = iron.pheno.iloc[:6]
    for kinship, covariates in itertools.product(("none", "overall"), (2, 3, 4)):
        addcovar = pd.DataFrame(np.random.default_rng(3).normal(size=(6, covariates)), few.index)
        setup = setup_of(iron, kinship, {"pheno": few, "addcovar": addcovar})
        found = permuted_maxima(setup, np.arange(6)[None])
        expected = scan1(iron.probs, few, iron.kinship[kinship], addcovar).lod.max()
        assert np.isnan(expected).all() == (covariates == 4)
        np.testing.assert_allclose(found.to_numpy()[0], expected, rtol=tolerance("maxima_ill_conditioned"))


@pytest.mark.parametrize("kinship", KINSHIPS)
def test_maxima_do_not_depend_on_how_the_work_is_cut(iron, kinship, monkeypatch, tolerance):
    for design in ({"addcovar": iron.addcovar}, iron.designs()["all"], {"pheno": iron.pheno[["liver"]]}):
        setup = setup_of(iron, kinship, design)
        drawn = draw_permutations(np.random.default_rng(4), 5, np.zeros(284, dtype=int))
        whole = permuted_maxima(setup, drawn)
        with monkeypatch.context() as patch:
            for name, small in (("BLOCK", 1), ("COLUMNS", 5), ("WORK", 1e6), ("TOGETHER", 2)):
                patch.setattr(maxima_module, name, small)
            cut = permuted_maxima(setup, drawn, cores=2)
        np.testing.assert_allclose(cut, whole, rtol=0.0, atol=tolerance("maxima_given_hsq"))


@given(st.lists(st.integers(0, 4), min_size=1, max_size=30), st.integers(1, 5), st.integers(0, 99))
def test_permutations_keep_strata(strata, n_perm, seed):
    strata = np.array(strata)
    drawn = draw_permutations(np.random.default_rng(seed), n_perm, strata)
    assert drawn.shape == (n_perm, len(strata))
    assert np.array_equal(np.sort(drawn, axis=1), np.tile(np.arange(len(strata)), (n_perm, 1)))
    assert np.array_equal(strata[drawn], np.tile(strata, (n_perm, 1)))


def test_all_permutations_are_equally_frequent_and_independent_between_strata():
    drawn = draw_permutations(np.random.default_rng(5), 7200, np.array([0, 1, 0, 1, 0]))
    counts = pd.DataFrame(drawn).value_counts()
    assert len(counts) == 12 and stats.chisquare(counts).pvalue > 1e-3


def test_maxima_are_those_of_the_permutations_that_strata_allow(iron, tolerance):
    strata = pd.Series([f"alone {i}" for i in range(284)], iron.probs.individuals)
    strata.iloc[[3, 77, 200]] = "together"
    ids = list(iron.probs.individuals)
    allowed = []
    for order in itertools.permutations([3, 77, 200]):
        permutation = np.arange(284)
        permutation[[3, 77, 200]] = order
        allowed.append(scan1(permuted(iron.probs, ids, permutation), iron.pheno, iron.kinship["overall"]).lod.max())
    found = scan1perm(iron.probs, iron.pheno, iron.kinship["overall"], n_perm=40, perm_strata=strata, rng=6).A
    distances = np.abs(found.to_numpy()[:, None] - np.array(allowed)).max(axis=2)
    assert np.all(distances.min(axis=1) <= tolerance("maxima_given_hsq"))
    assert set(distances.argmin(axis=1)) == set(range(6))


def test_strata_are_by_xcovar_where_none_are_given(iron):
    by_xcovar = scan1perm(iron.probs, iron.pheno, Xcovar=iron.Xcovar, n_perm=4, rng=7)
    given_strata = scan1perm(iron.probs, iron.pheno, Xcovar=iron.Xcovar, n_perm=4, rng=7,
                             perm_strata=mat2strata(iron.Xcovar))
    together = scan1perm(iron.probs, iron.pheno, Xcovar=iron.Xcovar, n_perm=4, rng=7,
                         perm_strata=pd.Series("all", iron.Xcovar.index))
    pd.testing.assert_frame_equal(by_xcovar.A, given_strata.A)
    assert not np.allclose(by_xcovar.A, together.A)


@pytest.mark.parametrize("kinship", ["none", "overall"])
def test_the_same_seed_gives_the_same_result_on_any_number_of_cores(iron, kinship):
    def run(rng, cores=1):
        found = scan1perm(iron.probs, iron.pheno, iron.kinship[kinship], n_perm=6, perm_Xsp=True, rng=rng, cores=cores,
                          chr_lengths={"A": 2.0, "X": 1.0}, perm_strata=mat2strata(iron.Xcovar))
        return pd.concat([found.A, found.X])

    pd.testing.assert_frame_equal(run(8), run(8, cores=2), check_exact=True)
    pd.testing.assert_frame_equal(run(8), run(np.random.default_rng(8)))
    assert not np.allclose(run(8), run(9)) and not np.allclose(run(None), run(None))
    generator = np.random.default_rng(8)
    assert not np.allclose(run(generator), run(generator))


def test_maxima_are_distributed_as_those_of_qtl2(iron):
    ours = scan1perm(iron.probs, iron.pheno, n_perm=1000, rng=10).A
    theirs = driven_r().call("permute_each", "iron", [np.array(iron.probs.individuals)], 1000, np.array(CHROMOSOMES),
                             [{"pheno": "pheno"}]).value[0]["maxima"]
    for column, name in enumerate(ours):
        assert stats.ks_2samp(ours[name], theirs[:, column]).pvalue > 1e-3


@pytest.mark.alone
def test_ctrl_c_ends_it_at_once(tmp_path):
    script = tmp_path / "permute.py"
    script.write_text("""
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)    # which a shell's background jobs ignore
import numpy as np, pandas as pd, xarray as xr
from lmmbridge.qtl2.genoprobs import DIMS, Genoprobs
from lmmbridge.qtl2.permutations import scan1perm
rng = np.random.default_rng(1)
ids = [f"i{i}" for i in range(300)]
probs = Genoprobs({"1": xr.DataArray(rng.dirichlet(np.ones(8), (300, 200)).swapaxes(1, 2), dims=DIMS, coords={
    "individual": ids, "genotype": list("ABCDEFGH"), "position": [f"m{i}" for i in range(200)]})})
pheno, kinship = pd.Series(rng.normal(size=300), ids), pd.DataFrame(np.eye(300), ids, ids)
print("begun", flush=True)
try:
    scan1perm(probs, pheno, kinship, n_perm=50_000, cores=2)
except KeyboardInterrupt:
    print("ended", flush=True)
""", encoding="utf-8")
    running = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert running.stdout.readline() == "begun\n"
        with pytest.raises(subprocess.TimeoutExpired):      # it has a minute's work to do
            running.wait(timeout=1.0)
        running.send_signal(signal.SIGINT)
        out, error = running.communicate(timeout=10.0)
        assert (out, error, running.returncode) == ("ended\n", "", 0)
    finally:
        running.kill()


def test_bad_input_is_refused_with_a_sentence(iron):
    probs, pheno, K = iron.probs, iron.pheno, iron.kinship["overall"]
    autosomes = [name for name in probs if name != "X"]
    one = dict.fromkeys(probs, 1.0)
    strata = mat2strata(iron.Xcovar)
    short = pheno.copy()
    short.iloc[2:, 0] = np.nan
    X = {"perm_Xsp": True}
    cases = [
        (probs, {"n_perm": 0}, "n_perm is 0: give how many permutations"),
        (probs, {"n_perm": 2.5}, "n_perm is 2.5"),
        (probs, {"n_perm": True}, "n_perm is True"),
        (probs, {"rng": "x"}, "rng is 'x'"),
        (probs, {"rng": -1}, "rng is -1"),
        (probs, {"model": "binary"}, "model='binary' is not fitted here"),
        (probs, {"perm_strata": strata.to_numpy()}, "perm_strata has no IDs"),
        (probs, {"perm_strata": strata.iloc[:-2]}, "perm_strata has no stratum for individual '283' and 1 more"),
        (probs, {"perm_strata": strata.where(strata.index != "7")}, "perm_strata has no stratum for individual '7';"),
        (probs, {"perm_strata": strata.set_axis([f"x{i}" for i in range(284)])}, "individual '1' and 283 more"),
        (probs, {"perm_strata": pd.concat([strata, strata.iloc[:1]])}, "perm_strata: individual '1' occurs more than"),
        (probs, X, "perm_Xsp=True needs chr_lengths"),
        (probs, X | {"chr_lengths": 3.0}, "chr_lengths is a float"),
        (probs, X | {"chr_lengths": one | {"20": 1.0}}, "chr_lengths has the chromosome '20', which genoprobs lacks"),
        (probs, X | {"chr_lengths": {"2": 80.0}}, "chr_lengths has no length of chromosome '9'"),
        (probs, X | {"chr_lengths": one | {"X": 0.0}}, "chr_lengths: the total length of the X chromosome is 0"),
        (probs, X | {"chr_lengths": {"A": np.nan, "X": 1.0}}, "the total length of the autosomes is nan"),
        (probs.subset(chr=autosomes), X | {"chr_lengths": one}, "perm_Xsp=True needs an X chromosome"),
        (probs.subset(chr=["X"]), X | {"chr_lengths": one}, "perm_Xsp=True needs an autosome"),
        (probs, {"pheno": short}, "pheno 'liver' has 2 individuals with all values"),
        (dict(probs), {}, "genoprobs is a dict"),
        (probs, {"kinship": {name: K for name in autosomes}}, "kinship has no matrix for chromosome 'X'"),
    ]
    for genoprobs, arguments, sentence in cases:
        with pytest.raises(InputError, match=sentence.replace("(", r"\(")):
            scan1perm(genoprobs, **({"pheno": pheno} | arguments))
    for chromosome in ("21", "X"):       # separate permutations, too, refuse matrices of chromosomes that are not there
        wrong = {name: K for name in probs if name != chromosome} | ({"21": K} if chromosome == "21" else {})
        with pytest.raises(InputError, match=f"kinship .* chromosome '{chromosome}'"):
            scan1perm(probs, pheno, wrong, perm_Xsp=True, chr_lengths=one)


def test_mat2strata_is_that_of_qtl2(r, iron):
    made = pd.DataFrame({"a": [0.1, 1 / 3, NA_REAL], "b": [1e-20, 123456789012.0, 2.0]}, ["1", "2", "3"])
    for mat in (iron.Xcovar, iron.addcovar, made):
        theirs = r.call("qtl2::mat2strata", to_r(mat)).value
        pd.testing.assert_series_equal(mat2strata(mat), theirs, check_names=False)
    with pytest.raises(InputError, match="mat has no IDs"):
        mat2strata(made.to_numpy())
    with pytest.raises(InputError, match="mat is None"):
        mat2strata(None)


def test_chr_lengths_are_those_of_qtl2(r, tolerance):
    cross = read_cross2(extdata("iron.zip"))
    for collapse in (False, True):
        theirs = r.eval("local({x <- qtl2::chr_lengths(qtl2::read_cross2(system.file('extdata', 'iron.zip', "
                        f"package='qtl2')), {str(collapse).upper()}); list(c(x), attr(x, 'is_x_chr'))}})").value
        for source in (cross, cross.gmap):
            ours = chr_lengths(source, collapse)
            pd.testing.assert_series_equal(ours, pd.Series(theirs[0].to_dict()), rtol=tolerance("rounding"))
            assert ours.attrs["is_x_chr"] == theirs[1].to_dict()
    plain = Map(dict(cross.gmap))
    assert "is_x_chr" not in chr_lengths(plain).attrs
    for source, sentence in ((plain, "does not say which chromosome is the X"), (3, "map is a int"),
                             (Map({"1": pd.Series([], dtype=float)}), "chromosome '1' has no marker")):
        with pytest.raises(InputError, match=sentence):
            chr_lengths(source, collapse_to_AX=True)


def test_chr_lengths_of_a_cross_without_genetic_map(r):
    cross = read_cross2(extdata("iron.zip"))
    with pytest.warns(UserWarning, match="no genetic map"):
        lengths = chr_lengths(replace(cross, gmap=None, pmap=cross.gmap))
    pd.testing.assert_series_equal(lengths, chr_lengths(cross))


def test_examples(r):
    assert doctest.testmod(permutations).failed == 0


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.integers(1, 4), st.integers(0, 99))
def test_permutations_from_r_uniforms_are_those_of_qtl2(r, strata, n_perm, seed):
    codes = pd.factorize(np.array(strata))[0]
    r.eval("permute <- function(strata, n_perm) { ids <- seq_along(strata); qtl2:::gen_strat_perm(n_perm, ids, setNames(strata, ids)) }")
    r.eval(f"set.seed({seed})")
    theirs = r.call("permute", codes.astype(float), n_perm).value
    after = r.eval("runif(1)").value
    r.eval(f"set.seed({seed})")
    ours = permutations_from(lambda k: np.atleast_1d(r.call("runif", k).value), n_perm, codes)
    np.testing.assert_array_equal(ours, np.reshape(theirs, (len(strata), -1)).T - 1)
    assert r.eval("runif(1)").value == after


def test_scan1perm_after_the_same_seed_gives_the_maxima_of_qtl2(iron, kinship_of_seed, tolerance):
    theirs, ours = kinship_of_seed
    np.testing.assert_allclose(ours, theirs, rtol=0.0, atol=tolerance("maxima_own_hsq"))


@pytest.fixture(params=["none", "overall"])
def kinship_of_seed(request, iron, r):
    """Maxima of R/qtl2 and ours, from the same seed of R's; without kinship it permutes phenotypes and not genotypes."""
    kinship = iron.kinship[request.param]
    arguments = [to_r(iron.probs), to_r(iron.pheno)] + ([] if kinship is None else [to_r(kinship)])
    r.eval("set.seed(7)")
    theirs = r.call("qtl2::scan1perm", *arguments, n_perm=4).value
    r.eval("set.seed(7)")
    ours = scan1perm(iron.probs, iron.pheno, kinship, n_perm=4, rng=lambda k: r.call("runif", k).value, quiet=True)
    return theirs.values, ours.A.to_numpy()
