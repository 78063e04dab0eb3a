"""R/qtl2's rules of what belongs together, against its own functions, live, in drawn cases."""
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmmbridge.errors import InputError
from lmmbridge.qtl2.alignment import Kinship, align, independent_columns, labelled, rotation, which_independent
from lmmbridge.qtl2.kinship import decomp_kinship
from lmmbridge.qtl2.r_objects import from_r, to_r

IDS = [f"i{i}" for i in range(12)]
#: Values of covariates and phenotypes; what is not finite is missing.
VALUES = st.sampled_from([0.0, 1.0, 2.5, -1.0, 0.25, 3.0, np.nan, np.inf])


def frames(names):
    """Some of the individuals in any order, values drawn from few."""
    rows = st.lists(st.sampled_from(IDS), min_size=4, max_size=12, unique=True)
    return rows.flatmap(lambda ids: st.lists(st.lists(VALUES, min_size=len(names), max_size=len(names)),
                                             min_size=len(ids),
                                             max_size=len(ids)).map(lambda v: pd.DataFrame(v, ids, list(names))))


def complete(frame):
    return set(frame.index[np.isfinite(frame).all(axis=1)])


@given(pheno=frames("yz"), addcovar=frames("ab"), weights=frames("w"), order=st.permutations(IDS), others=st.sets(
    st.sampled_from(IDS), min_size=6))
def test_individuals(pheno, addcovar, weights, order, others):
    """Those that are everywhere, with all covariates, a weight and some phenotype; in the order given."""
    weights = weights["w"].abs() + 0.5
    wanted = [i for i in order if i in complete(addcovar) & complete(weights.to_frame()) & others
              & set(pheno.index[np.isfinite(pheno).any(axis=1)])]
    if len(wanted) < 3:
        with pytest.raises(InputError, match="individuals? ha(s|ve) all that is needed"):
            align(order, pheno, addcovar, weights=weights, others={"kinship": others})
        return
    aligned = align(order, pheno, addcovar, weights=weights, others={"kinship": others})
    assert list(aligned.pheno.index) == list(aligned.addcovar.index) == list(aligned.weights.index) == wanted
    assert aligned.addcovar.equals(addcovar.loc[wanted]) and aligned.weights.equals(weights.loc[wanted])
    assert aligned.pheno.equals(pheno.loc[wanted].replace(np.inf, np.nan))


def test_individuals_as_qtl2(r):
    rng = np.random.default_rng(1)
    for _ in range(10):
        parts = []
        for names in ("yz", "ab", "w"):
            ids = rng.permutation(IDS)[:rng.integers(11, 13)]
            values = rng.choice([1.0, 2.0, np.nan, np.inf], p=[0.5, 0.4, 0.05, 0.05], size=(len(ids), len(names)))
            parts.append(pd.DataFrame(values, ids, list(names)))
        pheno, addcovar, weights = parts
        order = rng.permutation(IDS)
        first = r.call("qtl2::get_common_ids", np.array(order), to_r(addcovar), to_r(weights),
                       **{"complete.cases": True}).value
        some = pheno[np.isfinite(pheno).any(axis=1)]
        theirs = np.atleast_1d(r.call("qtl2::get_common_ids", np.atleast_1d(first), to_r(some)).value).tolist()
        assert len(theirs) > 2
        assert list(align(order, pheno, addcovar, weights=weights).pheno.index) == theirs


@given(pheno=frames("stuvw"))
def test_batches(pheno):
    """Every phenotype in one batch, together with those observed in the same individuals, or said to have too few."""
    pheno = pheno + np.linspace(0.1, 0.5, pheno.size).reshape(pheno.shape)      # none is constant
    observed = {name: list(pheno.index[np.isfinite(pheno[name])]) for name in pheno}
    some = [i for i in IDS if any(i in ids for ids in observed.values())]
    if len(some) < 3:
        return
    batches, notes = align(IDS, pheno).batches()
    for batch in batches:
        assert np.array_equal(batch.Y, pheno.loc[batch.ids, batch.phenotypes].to_numpy())
        assert list(batch.addcovar) == ["intercept"] and batch.addcovar.index.tolist() == batch.ids
        for name in batch.phenotypes:
            assert batch.ids == [i for i in IDS if i in observed[name]]
    placed = [name for batch in batches for name in batch.phenotypes]
    assert sorted(placed + [note.split("'")[1] for note in notes]) == sorted(pheno)
    assert all((len(observed[name]) >= 3) == (name in placed) for name in pheno)
    patterns = [frozenset(batch.ids) for batch in batches]
    assert len(set(patterns)) == len(patterns)


def dependent_columns(rng, n=30):
    """A constant first; then random columns, copies, combinations, in many scales; any order."""
    columns = [rng.normal(size=n) for _ in range(rng.integers(1, 4))]
    for _ in range(rng.integers(0, 3)):
        columns.append(np.column_stack([np.ones(n), *columns]) @ rng.normal(size=len(columns) + 1))
    rng.shuffle(columns)
    return pd.DataFrame(np.column_stack([np.ones(n)] + [column * 10.0 ** rng.integers(-3, 4) for column in columns]))


@given(seed=st.integers(0, 10**6))
def test_independent_columns(seed, tolerance):
    X = dependent_columns(np.random.default_rng(seed))
    scaled = X / np.linalg.norm(X, axis=0)
    chosen = which_independent(X)
    assert chosen == sorted(set(chosen)) and chosen[0] == 0
    assert len(chosen) == np.linalg.matrix_rank(scaled, tol=1e-9) == np.linalg.matrix_rank(scaled[chosen], tol=1e-9)
    assert independent_columns(X).equals(X.iloc[:, chosen])


def test_rank_as_qtl2(r):
    """As many columns as qtl2's drop_depcols leaves."""
    rng = np.random.default_rng(2)
    for _ in range(20):
        X = dependent_columns(rng).set_axis([f"i{i}" for i in range(30)])
        X.columns = [f"c{j}" for j in range(X.shape[1])]
        theirs = r.call("qtl2:::drop_depcols", to_r(X.iloc[:, 1:]), True).value
        assert len(which_independent(X)) == 1 + theirs.shape[1]


def test_interacting_covariates_are_additive_ones(r):
    """Once each, as qtl2's force_intcovar; and Xcovar without what is there already, as drop_xcovar."""
    rng = np.random.default_rng(3)
    a, b, c = rng.normal(size=(3, 12))
    pheno = pd.DataFrame({"y": rng.normal(size=12)}, IDS)
    addcovar = pd.DataFrame({"a": a, "b": b}, IDS)
    intcovar = pd.DataFrame({"c": c, "b again": b + 1e-14}, IDS)
    Xcovar = pd.DataFrame({"new": a + c, "c again": c, "new again": a + c}, IDS)
    aligned = align(IDS, pheno, addcovar, Xcovar, None, intcovar)
    theirs = from_r(r.call("qtl2:::force_intcovar", to_r(addcovar), to_r(intcovar)).value)
    assert list(aligned.addcovar) == list(theirs) == ["a", "b", "c"]
    assert list(aligned.intcovar) == ["c", "b again"]
    theirs = from_r(r.call("qtl2:::drop_xcovar", to_r(theirs), to_r(Xcovar)).value)
    assert list(aligned.Xcovar) == list(theirs) == ["new"]
    assert align(IDS, pheno, addcovar, addcovar, None, intcovar).Xcovar is None
    assert r.call("qtl2:::drop_xcovar", to_r(addcovar), to_r(addcovar)).value is None


def test_covariates_of_one_name():
    """Two columns of one name in addcovar and intcovar are two columns; the note names the one that goes."""
    rng = np.random.default_rng(4)
    pheno = pd.DataFrame({"y": rng.normal(size=12)}, IDS)
    addcovar = pd.DataFrame({"sex": rng.normal(size=12)}, IDS)
    (batch,), _ = align(IDS, pheno, addcovar, intcovar=addcovar + rng.normal(size=(12, 1))).batches()
    assert list(batch.addcovar) == ["intercept", "sex", "sex"] and batch.notes == []
    (batch,), _ = align(IDS, pheno, addcovar.assign(twin=2.0 * addcovar["sex"])).batches()
    assert batch.addcovar.shape[1] == 2 and len(batch.notes) == 1
    (batch,), _ = align(IDS, pheno, addcovar.assign(intercept=1.0)).batches()
    assert batch.notes == [
        "addcovar: column 'intercept' depends on the intercept and the other columns; it is left out"]


def test_what_depends_only_without_the_missing(r):
    """Covariates are told apart again for each batch."""
    rng = np.random.default_rng(5)
    addcovar = pd.DataFrame({"a": rng.normal(size=12), "last": [0.0] * 11 + [1.0]}, IDS)
    pheno = pd.DataFrame(rng.normal(size=(12, 2)), IDS, ["all", "holed"])
    pheno.loc["i11", "holed"] = np.nan
    batches, _ = align(IDS, pheno, addcovar).batches()
    assert [list(batch.addcovar) for batch in batches] == [["intercept", "a", "last"], ["intercept", "a"]]
    assert [len(batch.notes) for batch in batches] == [0, 1]


def test_numbers_of_any_type():
    """Whole numbers, truth values, missing values of pandas: all are numbers."""
    frame = pd.DataFrame({"int": [1, 2, 3], "bool": [True, False, True], "Int64": pd.array([1, None, 3], "Int64"),
                          "object": [1.0, None, np.inf]}, [1, 2, 3])
    expected = [[1.0, 1.0, 1.0, 1.0], [2.0, 0.0, np.nan, np.nan], [3.0, 1.0, 3.0, np.nan]]
    found = labelled(frame.drop(columns="object"), "x")
    assert list(found.index) == ["1", "2", "3"]
    np.testing.assert_array_equal(found, np.array(expected)[:, :3])
    np.testing.assert_array_equal(labelled(frame[["object"]], "x"), np.array(expected)[:, 3:])
    assert labelled(None, "x") is None


def test_kinship_is_not_copied(tolerance):
    """Matrices of all chromosomes are checked one by one and used as they are; IDs become text."""
    n = 800
    first = np.cov(np.random.default_rng(7).normal(size=(n, 2 * n)))
    K = {f"{c}": pd.DataFrame(first + c * np.eye(n), [*range(1, n + 1)], [*range(1, n + 1)]) for c in range(6)}
    tracemalloc.start()
    kinship = Kinship(K, list(K))
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 0.5 * first.nbytes and peak < tolerance("kinship_memory") * first.nbytes
    assert kinship.ids == tuple(str(i) for i in range(1, n + 1)) and all(k.index.dtype == "int64" for k in K.values())


def test_numbers_are_not_changed_in_place():
    frame = pd.DataFrame({"a": [1.0, np.inf], "b": [2, 3], "c": pd.array([1, None], "Int64")}, [1, 2])
    before = frame.copy()
    labelled(frame, "x")
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize("kinds", [int, object])
def test_kinship_of_any_numbers(kinds):
    K = pd.DataFrame(np.eye(3, dtype=int), ["a", "b", "c"], ["a", "b", "c"])
    eigen = Kinship(K.astype(kinds), []).eigen("", ["c", "a"], None)
    np.testing.assert_array_equal(eigen.values, [2.0, 2.0])


@pytest.mark.parametrize("weighted", [False, True])
def test_eigen_decomposition_of_twice_the_kinship(weighted, tolerance):
    """W½ 2K W½ of the individuals wanted, in their order, from the matrix or its decomposition."""
    rng = np.random.default_rng(6)
    K = pd.DataFrame(np.cov(rng.normal(size=(12, 40))), IDS, IDS)
    ids = list(rng.permutation(IDS))
    w = np.exp(rng.normal(size=12)) if weighted else None
    root = np.ones(12) if w is None else np.sqrt(w)
    target = 2.0 * root[:, None] * K.loc[ids, ids].to_numpy() * root
    for kinship in (K, decomp_kinship(K)):
        eigen = Kinship(kinship, ["1"]).eigen("1", ids, w)
        assert np.all(np.diff(eigen.values) >= 0.0)
        np.testing.assert_allclose((eigen.vectors * eigen.values) @ eigen.vectors.T, target, rtol=0.0,
                                   atol=tolerance("eigen_reconstruction") * eigen.values[-1])
        values = rng.normal(size=(12, 2, 3))
        np.testing.assert_allclose(rotation(eigen, w, values), np.einsum("ij,ikl->jkl", eigen.vectors, root[
            :, None, None] * values), rtol=0.0, atol=tolerance("eigen_reconstruction") * np.abs(values).max())
