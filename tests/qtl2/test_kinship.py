"""Kinship against R/qtl2 itself, live, on four real crosses: two F2 intercrosses, inbred lines, Diversity Outbred."""
import doctest
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from lmmbridge import InputError
from lmmbridge.qtl2 import kinship as module
from lmmbridge.qtl2.genoprobs import Genoprobs
from lmmbridge.qtl2.kinship import DecomposedKinship, calc_kinship, check_kinship, decomp_kinship, scale_kinship
from lmmbridge.qtl2.r_objects import from_r

CROSSES = ("iron", "grav2", "DOex", "b6btbr")


@pytest.fixture(scope="session")
def probs(r, shared_data):
    """probs(cross): its genotype probabilities, also in R under the name pr_<cross>."""
    made = {}

    def of(cross):
        if cross not in made:
            path = (f'system.file("extdata", "{cross}.zip", package = "qtl2")' if cross in ("iron", "grav2") else
                    f'"{shared_data(cross + ".zip")}"')
            some = "[1:60, ]" if cross == "DOex" else ""      # 36 genotypes each
            r.eval(f"pr_{cross} <- qtl2::calc_genoprob(qtl2::read_cross2({path}){some}, error_prob = 0.002)")
            made[cross] = from_r(r.eval(f"pr_{cross}").value)
        return made[cross]
    return of


def matrices(kinship):
    return kinship if isinstance(kinship, dict) else {"": kinship}


def assert_same(ours, theirs, atol):
    """Same IDs on both sides, same attributes, entries within atol."""
    assert list(ours.index) == list(theirs.index) and list(ours.columns) == list(theirs.columns)
    assert ours.attrs == theirs.attrs and list(ours.attrs) == ["n_pos"]
    np.testing.assert_allclose(ours.to_numpy(), theirs.to_numpy(), rtol=0.0, atol=atol)


@pytest.mark.parametrize("use_allele_probs", [True, False])
@pytest.mark.parametrize("type, omit_x", [("overall", False), ("overall", True), ("loco", False), ("loco", True),
                                          ("chr", False), ("chr", True)])
@pytest.mark.parametrize("cross", CROSSES)
def test_as_qtl2(r, probs, cross, type, omit_x, use_allele_probs, tolerance):
    ours = calc_kinship(probs(cross), type, omit_x, use_allele_probs)
    theirs = from_r(r.eval(f'qtl2::calc_kinship(pr_{cross}, "{type}", {str(omit_x).upper()}, '
                           f"{str(use_allele_probs).upper()})").value)
    assert isinstance(ours, dict) == isinstance(theirs, dict) == (type != "overall")
    assert list(matrices(ours)) == list(matrices(theirs))
    for name, K in matrices(ours).items():
        assert_same(K, matrices(theirs)[name], tolerance("kinship_entries"))
        assert np.array_equal(K, K.T)


def test_allele_probabilities_are_taken_as_they_are(r, probs, tolerance):
    probs("iron")
    alleles = from_r(r.eval("qtl2::genoprob_to_alleleprob(pr_iron)").value)
    assert_same(calc_kinship(alleles), calc_kinship(probs("iron")), tolerance("kinship_entries"))
    assert calc_kinship(alleles, use_allele_probs=False).equals(calc_kinship(alleles))


def test_the_flags_matter(probs):
    iron = probs("iron")
    K = calc_kinship(iron)
    assert not np.allclose(K, calc_kinship(iron, use_allele_probs=False))
    assert not np.allclose(K, calc_kinship(iron, omit_x=True))
    assert not np.allclose(calc_kinship(iron, "loco")["1"], calc_kinship(iron, "loco")["2"])


@pytest.mark.parametrize("cores", [0, 2, 3])
def test_cores_give_the_same_bits(probs, cores):
    grav2 = probs("grav2")
    for type in ("overall", "loco", "chr"):
        alone, together = (matrices(calc_kinship(grav2, type, cores=n)) for n in (1, cores))
        assert list(alone) == list(together)
        assert all(alone[name].equals(together[name]) for name in alone)


def test_memory_is_one_block_beside_the_result():
    """Blocks made on demand and dropped: at no time is more than one of them, and a few n × n matrices, alive."""
    n, genotypes, positions, chromosomes = 30, 8, 2000, 12
    block = n * genotypes * positions * 8

    class OnDemand(Genoprobs):
        def _check(self):
            pass

        def __getitem__(self, chromosome):
            values = np.full((n, genotypes, positions), 1.0 / genotypes)
            return xr.DataArray(values, dims=("individual", "genotype", "position"))

        individuals = tuple(f"i{i}" for i in range(n))

    names = [str(c) for c in range(chromosomes)]
    probs = OnDemand(dict.fromkeys(names), alleleprobs=True)
    tracemalloc.start()
    K = calc_kinship(probs, "loco")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert K["3"].attrs["n_pos"] == positions * (chromosomes - 1)
    assert peak < 2 * block + 4 * chromosomes * n * n * 8


@pytest.mark.parametrize("cross", CROSSES)
def test_scaled_as_qtl2(r, probs, cross, tolerance):
    ours = scale_kinship(calc_kinship(probs(cross)))
    theirs = from_r(r.eval(f"qtl2::scale_kinship(qtl2::calc_kinship(pr_{cross}))").value)
    assert_same(ours, theirs, tolerance("kinship_entries"))
    loco = scale_kinship(calc_kinship(probs(cross), "loco"))
    theirs = from_r(r.eval(f'qtl2::scale_kinship(qtl2::calc_kinship(pr_{cross}, "loco"))').value)
    assert list(loco) == list(theirs)
    for name in loco:
        assert_same(loco[name], theirs[name], tolerance("kinship_entries"))


@pytest.mark.parametrize("cross", CROSSES)
def test_decomposed_as_qtl2(r, probs, cross, tolerance):
    K = calc_kinship(probs(cross))
    ours, theirs = decomp_kinship(K), from_r(r.eval(f"qtl2::decomp_kinship(qtl2::calc_kinship(pr_{cross}))").value)
    assert ours.ids == theirs.ids == tuple(K.index)
    assert np.all(np.diff(ours.values) >= 0.0)
    bound = tolerance("eigen_reconstruction") * theirs.values[-1]
    np.testing.assert_allclose(ours.values, theirs.values, rtol=0.0, atol=bound)
    for one in (ours, theirs):     # rows are eigenvectors, whatever their sign and their basis in an eigenspace
        np.testing.assert_allclose(one.vectors.T @ (one.values[:, None] * one.vectors), K, rtol=0.0, atol=bound)
        np.testing.assert_allclose(one.vectors @ one.vectors.T, np.eye(len(K)), rtol=0.0,
                                   atol=tolerance("eigen_reconstruction"))
    # the angle between single eigenvectors where the eigenvalue is far from its neighbours
    gap = np.minimum(np.diff(ours.values, prepend=-np.inf), np.diff(ours.values, append=np.inf))
    alone = gap > 1e-2 * ours.values[-1]
    assert alone.any()
    cosine = np.abs(np.sum(ours.vectors * theirs.vectors, axis=1))[alone]
    np.testing.assert_allclose(cosine, 1.0, rtol=0.0, atol=tolerance("eigen_reconstruction"))


def test_decomposed_by_chromosome(r, probs, tolerance):
    K = calc_kinship(probs("iron"), "loco")
    ours = decomp_kinship(K, cores=2)
    theirs = from_r(r.eval('qtl2::decomp_kinship(qtl2::calc_kinship(pr_iron, "loco"))').value)
    assert list(ours) == list(theirs) == list(K)
    for name in K:
        np.testing.assert_allclose(ours[name].values, theirs[name].values, rtol=0.0,
                                   atol=tolerance("eigen_reconstruction") * theirs[name].values[-1])
        assert np.array_equal(ours[name].vectors, decomp_kinship(K[name]).vectors)


def test_decomposed_stays_so(probs):
    K = calc_kinship(probs("grav2"), "loco")
    once = decomp_kinship(K)
    twice = decomp_kinship(once)
    assert list(twice) == list(once) and all(twice[name] is once[name] for name in once)
    assert decomp_kinship(once["1"]) is once["1"]


def test_inputs_are_left_alone(probs):
    K = calc_kinship(probs("grav2"))
    before = K.copy()
    scale_kinship(K), decomp_kinship(K)
    pd.testing.assert_frame_equal(K, before)
    assert K.attrs == before.attrs


GOOD = pd.DataFrame([[0.5, 0.2], [0.2, 0.6]], ["a", "b"], ["a", "b"])


@pytest.mark.parametrize("bad, sentence", [
    (GOOD.iloc[:, :1], "kinship has 2 rows and 1 columns: it must be square"),
    (GOOD.iloc[:0, :0], "kinship is empty: 0 rows, 0 columns"),
    (GOOD.set_axis(["a", "c"], axis=1), "kinship: row 2 is individual 'b' and column 2 is 'c'"),
    (GOOD[["b", "a"]], "kinship: row 1 is individual 'a' and column 1 is 'b'"),
    (GOOD.set_axis(["a", "a"]).set_axis(["a", "a"], axis=1), "kinship: column 'a' occurs more than once"),
    (GOOD.replace(0.6, np.nan), "kinship: nan for individual 'b', column 'b'; every entry must be a finite number"),
    (GOOD.replace(0.6, np.inf), "kinship: inf for individual 'b', column 'b'"),
    (GOOD.astype(object).replace(0.6, "x"), "kinship: column 'b' holds text"),
    (GOOD.to_numpy(), "kinship is of type ndarray: give a DataFrame"),
    (None, "kinship is of type NoneType"),
    ({"7": GOOD.iloc[:, :1]}, "kinship of chromosome '7' has 2 rows and 1 columns"),
])
@pytest.mark.parametrize("function", [scale_kinship, decomp_kinship])
def test_what_is_no_kinship_is_refused(function, bad, sentence):
    with pytest.raises(InputError, match=sentence.replace("(", r"\(")):
        function(bad)


@pytest.mark.parametrize("entry", [0.0, -0.1])
def test_scaling_needs_a_positive_diagonal(r, entry):
    bad = GOOD.replace(0.6, entry)
    with pytest.raises(InputError, match=f"the diagonal element of individual 'b' is {entry:g}; it must be positive"):
        scale_kinship(bad)
    with pytest.raises(InputError, match="kinship of chromosome '2': the diagonal"):
        scale_kinship({"1": GOOD, "2": bad})
    with pytest.raises(Exception, match="Some diagonal elements are <= 0"):      # R/qtl2 refuses it too
        r.call("qtl2::scale_kinship", bad.to_numpy())


def test_scaling_needs_the_matrix_itself():
    with pytest.raises(InputError, match="kinship is decomposed: give the kinship matrix itself"):
        scale_kinship(decomp_kinship(GOOD))
    with pytest.raises(InputError, match="kinship of chromosome 'X' is decomposed"):
        scale_kinship({"X": decomp_kinship(GOOD)})


def test_decomposing_needs_symmetry():
    bad = GOOD.copy()
    bad.iloc[0, 1] = 0.3
    with pytest.raises(InputError, match="not symmetric: 0.3 for \\('a', 'b'\\) and 0.2 for \\('b', 'a'\\)"):
        decomp_kinship(bad)


def test_whole_numbers_are_numbers():
    identity = pd.DataFrame(np.eye(3, dtype=int), [1, 2, 3], [1, 2, 3])
    assert decomp_kinship(identity).ids == ("1", "2", "3")
    assert check_kinship(identity).index.tolist() == ["1", "2", "3"]
    assert isinstance(decomp_kinship(identity), DecomposedKinship)


def test_arguments_are_checked(probs):
    iron = probs("iron")
    with pytest.raises(InputError, match="type is 'LOCO': give 'overall', 'loco'"):
        calc_kinship(iron, "LOCO")
    with pytest.raises(InputError, match="probs is of type dict: give genotype probabilities"):
        calc_kinship(dict(iron))
    with pytest.raises(InputError, match="on another chromosome than '3', which type 'loco' leaves out"):
        calc_kinship(iron.subset(chr=["3"]), "loco")
    with pytest.raises(InputError, match="on another chromosome than '3', which"):
        calc_kinship(iron.subset(chr=["X", "3"]), "loco", omit_x=True)
    with pytest.raises(InputError, match="no position to compute kinship from; take omit_x=False"):
        calc_kinship(iron.subset(chr=["X"]), omit_x=True)
    with pytest.raises(InputError, match="no position to compute kinship from$"):
        calc_kinship(Genoprobs({}))
    with pytest.raises(InputError, match="cores is -1"):
        calc_kinship(iron, cores=-1, use_allele_probs=False)


def test_examples(r):
    assert doctest.testmod(module).failed == 0
