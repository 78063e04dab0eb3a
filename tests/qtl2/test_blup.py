"""scan1blup: predictors against R/qtl2 itself, live; predictors, standard errors and hsq against dense matrices."""
import doctest
import itertools
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import dense
import lmmbridge.qtl2.blup as module
from effects_cases import CHROMOSOMES, effect_gap, make_cross, r_logical, ratio_gap, scan_in_r
from lmmbridge import InputError
from lmmbridge.lmm.blup import blup
from lmmbridge.qtl2.blup import scan1blup
from lmmbridge.qtl2.genoprobs import DIMS, Genoprobs

MODELS = ({}, {"addcovar": "sex"}, {"addcovar": "both"})


@pytest.fixture(scope="module")
def iron(r, shared_data):
    return make_cross(r, "iron", shared_data)


def dense_data(cross, chromosome, hsq, covariates):
    """y, X, V (of no QTL) and the genotype columns by position."""
    ids = cross.pheno.dropna().index.to_list()
    X = np.column_stack([np.ones(len(ids))] + [frame.loc[ids] for frame in covariates])
    V = np.eye(len(ids)) if hsq is None else dense.covariance(cross.loco[chromosome].loc[ids, ids].to_numpy(), hsq)
    array = cross.probs[chromosome].sel(individual=ids)
    return cross.pheno.loc[ids].to_numpy(), X, V, {name: array.sel(position=name).values
                                                   for name in array.coords["position"].values}


def share(y, X, V, Z):
    """Our estimate of the effects' share, whitened by the Cholesky factor of V."""
    L = np.linalg.cholesky(V)
    return blup(np.linalg.solve(L, y), np.linalg.solve(L, X), np.linalg.solve(L, Z)).maximum.hsq


def assert_same_predictors(ours, theirs, se, k, tolerance):
    """Relative to predictor or standard error; where predictors are 0, in units of the intercept's standard error."""
    assert list(ours.columns) == list(theirs.columns) and list(ours.index) == list(theirs.index)
    for position in ours.index:
        u, v, scale = (table.loc[position].to_numpy() for table in (ours, theirs, se))
        if np.all(u[:k] == 0.0):
            assert np.max(np.abs(v[:k])) <= tolerance("blup_zero") * se.loc[position, "intercept"]
            u, v, scale = u[k:], v[k:], scale[k:]
        assert effect_gap(u, v, scale) <= tolerance("blup_own_hsq")


@pytest.mark.parametrize("kinship", [False, True])
@pytest.mark.parametrize("name", CHROMOSOMES)
def test_predictors_as_qtl2(r, shared_data, name, kinship, tolerance):
    cross = make_cross(r, name, shared_data)
    chromosome = cross.chromosome
    one = cross.probs.subset(chr=[chromosome])
    if name == "grav2":     # 26 markers: every fourth
        one = type(one)({chromosome: one[chromosome].isel(position=slice(0, None, 4))}, one.is_x_chr)
    positions = ", ".join(f'"{position}"' for position in one.positions)
    given = cross.loco[chromosome] if kinship else None
    r_kinship = f'eff_{name}$loco[["{chromosome}"]]' if kinship else "NULL"
    for model, reml in zip(MODELS, (True, False, True)):
        ours = scan1blup(one, cross.pheno, given, **cross.arguments(model), se=True, reml=reml)
        coef, _, n = scan_in_r(r, f'local({{p <- eff_{name}$probs[, "{chromosome}"]; '
                                  f"p[[1]] <- p[[1]][, , c({positions})]; "
                                  f"qtl2::scan1blup(p, eff_{name}$pheno, {r_kinship}{cross.r_arguments(model)}, "
                                  f"reml = {r_logical(reml)})}})")
        assert ours.sample_size == n == len(cross.pheno) - 2
        assert_same_predictors(ours.coef, coef, ours.se, one[chromosome].sizes["genotype"], tolerance)


@pytest.mark.parametrize("chromosome", ["1", "2", "7", "X"])
@pytest.mark.parametrize("kinship", [False, True])
def test_more_chromosomes(r, iron, chromosome, kinship, tolerance):
    """Chromosome 1 has positions where the share is 0, in R/qtl2 now 0 and now 1e-12; X has six genotypes."""
    given = iron.loco[chromosome] if kinship else None
    ours = scan1blup(iron.probs.subset(chr=[chromosome]), iron.pheno, given, iron.sex, se=True)
    coef, _, _ = scan_in_r(r, f'qtl2::scan1blup(eff_iron$probs[, "{chromosome}"], eff_iron$pheno, '
                              + (f'eff_iron$loco[["{chromosome}"]]' if kinship else "NULL") + ", eff_iron$sex)")
    k = iron.probs[chromosome].sizes["genotype"]
    assert_same_predictors(ours.coef, coef, ours.se, k, tolerance)


def test_contrasts(r, iron, tolerance):
    A = pd.DataFrame([[1.0, -1.0, 0.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]], columns=["mu", "a", "d"])
    for kinship, r_kinship in [(None, "NULL"), (iron.loco["16"], 'eff_iron$loco[["16"]]')]:
        ours = scan1blup(iron.probs.subset(chr=["16"]), iron.pheno, kinship, contrasts=A, se=True)
        coef, _, _ = scan_in_r(r, f'qtl2::scan1blup(eff_iron$probs[, "16"], eff_iron$pheno, {r_kinship}, '
                                  "contrasts = cbind(mu = c(1, 1, 1), a = c(-1, 0, 1), d = c(0, 1, 0)))")
        assert_same_predictors(ours.coef, coef, ours.se, 3, tolerance)


@pytest.mark.parametrize("kinship", [False, True])
@pytest.mark.parametrize("chromosome", ["7", "X"])
def test_dense(iron, chromosome, kinship, tolerance):
    """At our share: Henderson's equations and the marginal formula. The dense likelihood is nowhere higher."""
    given = iron.loco[chromosome] if kinship else None
    ours = scan1blup(iron.probs.subset(chr=[chromosome]), iron.pheno, given, iron.both, se=True)
    y, X, V, by_position = dense_data(iron, chromosome, ours.hsq, [iron.both])
    for position, Z in by_position.items():
        h = share(y, X, V, Z)
        assert h > 0.0
        total = h * Z @ Z.T + (1.0 - h) * V
        sigmasq = dense.gls(y, X, total).sigmasq
        exact = dense.henderson(y, X, Z, sigmasq * h, sigmasq * (1.0 - h) * V)
        assert effect_gap(ours.coef.loc[position], exact.effects, exact.se) <= tolerance("effects")
        assert ratio_gap(ours.se.loc[position], exact.se) <= tolerance("effects")
        other = dense.marginal(y, X, Z, sigmasq * h, sigmasq * (1.0 - h) * V)
        assert effect_gap(ours.coef.loc[position], other, exact.se) <= tolerance("effects")

        def loglik(h):
            return dense.reml(y, X, h * Z @ Z.T + (1.0 - h) * V)

        assert loglik(dense.highest(loglik)) - loglik(h) <= tolerance("likelihood_gap")


def test_nothing_to_predict(iron):
    """Where the share is 0 the effects and their standard errors are 0, and the rest is generalised least squares."""
    ours = scan1blup(iron.probs.subset(chr=["1"]), iron.pheno, se=True)
    y, X, V, by_position = dense_data(iron, "1", None, [])
    zero = [position for position, Z in by_position.items() if share(y, X, V, Z) == 0.0]
    assert 0 < len(zero) < len(by_position)
    direct = dense.gls(y, X, V)
    for position in zero:
        np.testing.assert_array_equal(ours.coef.loc[position, ["SS", "SB", "BB"]], 0.0)
        np.testing.assert_array_equal(ours.se.loc[position, ["SS", "SB", "BB"]], 0.0)
        np.testing.assert_allclose([ours.coef.loc[position, "intercept"], ours.se.loc[position, "intercept"]],
                                   [direct.beta[0], direct.se[0]])


# ---- where R/qtl2 departs from the mathematics

@pytest.mark.parametrize("kinship", [False, True])
def test_standard_errors(r, iron, kinship, tolerance):
    """R/qtl2 puts rotated genotype columns beside covariates that are not; that fault, made here, gives its numbers."""
    ours = scan1blup(iron.probs.subset(chr=["16"]), iron.pheno, iron.loco["16"] if kinship else None, iron.sex, se=True)
    _, theirs, _ = scan_in_r(r, 'qtl2::scan1blup(eff_iron$probs[, "16"], eff_iron$pheno, '
                                + ('eff_iron$loco[["16"]]' if kinship else "NULL") + ", eff_iron$sex, se = TRUE)")
    y, X, V, by_position = dense_data(iron, "16", ours.hsq, [iron.sex])
    for position, Z in by_position.items():
        h = share(y, X, V, Z)
        sigmasq = dense.gls(y, X, h * Z @ Z.T + (1.0 - h) * V).sigmasq
        exact = dense.henderson(y, X, Z, sigmasq * h, sigmasq * (1.0 - h) * V).se
        faulty = faulty_standard_errors(iron, X, Z, h, sigmasq, ours.hsq)
        seen = theirs.loc[position].to_numpy()
        best = min(faulty, key=lambda se: np.max(np.abs(se - seen)))
        said = (f"{position}: ours {ours.se.loc[position].to_numpy()}, R/qtl2 {seen}, dense {exact}, "
                f"with the fault {best}")
        assert ratio_gap(ours.se.loc[position], exact) <= tolerance("effects"), said
        assert ratio_gap(seen, exact) > 0.1, f"R/qtl2 has changed: {said}"
        assert ratio_gap(seen, best) <= tolerance("blup_fault"), said


def faulty_standard_errors(iron, X, Z, h, sigmasq, hsq):
    """Standard errors with Z'X taken between rotated Z and X that is not, for each choice of eigenvectors' signs."""
    if hsq is not None:
        ids = iron.pheno.dropna().index.to_list()
        values, vectors = np.linalg.eigh(2.0 * iron.loco["16"].loc[ids, ids].to_numpy())
        scale = 1.0 / np.sqrt(hsq * values + 1.0 - hsq)
        X, Z = scale[:, None] * (vectors.T @ X), scale[:, None] * (vectors.T @ Z)
    k = Z.shape[1]
    rotated = np.linalg.eigh(Z @ Z.T)[1].T @ Z
    for signs in itertools.product([-1.0, 1.0], repeat=k):
        W = np.column_stack([rotated, X])
        W[-k:, :k] *= np.array(signs)[:, None]
        C = W.T @ W / (1.0 - h)
        C[:k, :k] += np.eye(k) / h
        yield np.sqrt(sigmasq * np.diag(np.linalg.inv(C)))


def test_null_covariates_are_rotated(r, iron, tolerance):
    """hsq is that of the null model; R/qtl2's, with nullcovar beside what is rotated, is not, nor its predictors."""
    null = pd.DataFrame({"shape": iron.sex["sex"] * 2.0 + iron.z["z"]})
    ours = scan1blup(iron.probs.subset(chr=["7"]), iron.pheno, iron.loco["7"], nullcovar=null, se=True)
    coef, _, _ = scan_in_r(r, 'qtl2::scan1blup(eff_iron$probs[, "7"], eff_iron$pheno, eff_iron$loco[["7"]], '
                              "nullcovar = cbind(shape = eff_iron$sex[, 1] * 2 + eff_iron$z[, 1]))")
    y, X, _, by_position = dense_data(iron, "7", None, [])
    ids = iron.pheno.dropna().index.to_list()
    K = iron.loco["7"].loc[ids, ids].to_numpy()
    X_null = np.column_stack([X, null.loc[ids]])
    hsq = dense.highest(lambda h: dense.reml(y, X_null, dense.covariance(K, h)))
    without = dense.highest(lambda h: dense.reml(y, X, dense.covariance(K, h)))
    assert abs(ours.hsq - hsq) <= tolerance("effects_own_hsq")
    V = dense.covariance(K, hsq)
    for position, Z in by_position.items():
        h = share(y, X, V, Z)
        sigmasq = dense.gls(y, X, h * Z @ Z.T + (1.0 - h) * V).sigmasq
        exact = dense.henderson(y, X, Z, sigmasq * h, sigmasq * (1.0 - h) * V).effects[:3]
        said = (f"{position}: hsq {ours.hsq:.6f}, dense {hsq:.6f} ({without:.6f} without nullcovar); effects of ours "
                f"{ours.coef.loc[position].to_numpy()[:3]}, R/qtl2 {coef.loc[position].to_numpy()[:3]}, dense {exact}")
        se = ours.se.loc[position].to_numpy()[:3]
        assert effect_gap(ours.coef.loc[position].to_numpy()[:3], exact, se) <= tolerance("blup_own_hsq"), said
        assert effect_gap(coef.loc[position].to_numpy()[:3], exact, se) > 20.0 * tolerance("blup_own_hsq"), (
            f"R/qtl2 has changed: {said}")


# ---- what is handed over

def test_cores(iron):
    one = iron.probs.subset(chr=["2"])
    pd.testing.assert_frame_equal(scan1blup(one, iron.pheno, cores=2).coef, scan1blup(one, iron.pheno).coef)
    assert scan1blup(one, iron.pheno).se is None


def test_more_columns_than_individuals():
    """The predictors still are those of Henderson's equations."""
    rng = np.random.default_rng(11)
    y, X, Z = rng.normal(size=6), np.ones((6, 1)), rng.normal(size=(6, 8))
    found = blup(y, X, Z)
    if 0.0 < found.maximum.hsq < 1.0:
        h = found.maximum.hsq
        exact = dense.henderson(y, X, Z, found.sigmasq * h, found.sigmasq * (1.0 - h) * np.eye(6))
        np.testing.assert_allclose(np.concatenate([found.u, found.beta]), exact.effects)
        np.testing.assert_allclose(np.concatenate([found.u_se, found.beta_se]), exact.se)


def test_unbounded_likelihood_is_said(iron):
    """A phenotype without variance outside the genotypes' span."""
    G = iron.probs["16"].isel(position=2)
    y = pd.Series(G.values @ np.array([0.0, 1.0, 3.0]), G.coords["individual"].values)
    found = scan1blup(iron.probs.subset(chr=["16"]), y)
    assert found.coef.loc["D16Mit30"].isna().all() and "position 'D16Mit30': the likelihood" in found.notes[0]


def test_refusals(iron):
    one = iron.probs.subset(chr=["16"])
    with pytest.raises(InputError, match="contrasts has the shape"):
        scan1blup(one, iron.pheno, contrasts=np.eye(4))
    with pytest.raises(InputError, match="kinship has no matrix for chromosome '16'"):
        scan1blup(one, iron.pheno, {"2": iron.loco["2"]})


def test_kinship_of_the_chromosome(iron):
    one = iron.probs.subset(chr=["16"])
    pd.testing.assert_frame_equal(scan1blup(one, iron.pheno, iron.loco).coef,
                                  scan1blup(one, iron.pheno, iron.loco["16"]).coef, check_exact=True)


def test_memory_is_a_few_positions(tolerance):
    """On two cores as on one: not a copy of the chromosome."""
    n, positions, rng = 200, 200, np.random.default_rng(13)
    ids = [f"i{i}" for i in range(n)]
    values = np.asfortranarray(rng.dirichlet(np.ones(8), size=(n, positions)).transpose(0, 2, 1))
    probs = Genoprobs({"1": xr.DataArray(values, dims=DIMS, coords={
        "individual": ids, "genotype": list("ABCDEFGH"), "position": [f"p{j}" for j in range(positions)]})})
    pheno = pd.Series(rng.normal(size=n), ids)
    scan1blup(Genoprobs({"1": probs["1"].isel(position=[0])}), pheno)      # what is loaded once
    tracemalloc.start()
    scan1blup(probs, pheno, cores=2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= tolerance("blup_memory") * values.nbytes


def test_examples(r):
    found = doctest.testmod(module)
    assert found.attempted > 0 and found.failed == 0
