"""scan1 against R/qtl2's, live, on real crosses; against dense likelihoods; and what it refuses."""
import doctest
import sys
import tracemalloc

import dense
import numpy as np
import pandas as pd
import pytest
import scanned_crosses
import xarray as xr
from scanned_crosses import qtl2_scans
from scipy import linalg, optimize

from lmmbridge.agreement import simulation
from lmmbridge.errors import InputError
from lmmbridge.qtl2 import scanner
from lmmbridge.qtl2.coefficients import scan1coef
from lmmbridge.qtl2.genoprobs import DIMS, Genoprobs
from lmmbridge.qtl2.herit import est_herit
from lmmbridge.qtl2.kinship import decomp_kinship
from lmmbridge.qtl2.r_objects import from_r, to_r
from lmmbridge.qtl2.scan1 import scan1
from lmmbridge.qtl2.scan1max import scan1max
from lmmbridge.qtl2.through_r import genoprob_to_alleleprob

module = sys.modules["lmmbridge.qtl2.scan1"]        # the package has the function under that name


@pytest.fixture(scope="session")
def cross(r, shared_data):
    """cross(name): a cross with what a scan needs, loaded once in Python and in R."""
    def of(name):
        if name in ("DOex alleles", "few mice"):
            of("DOex")
        folder = shared_data(name + ".zip").parent if name in scanned_crosses.SHARED else None
        return scanned_crosses.load(name, folder)
    return of


SOME = ("intercept", "Xcovar", "addcovar, Xcovar, weights", "all")
#: (cross, kinship, designs or None for all, criteria): what is scanned.
SCANS = [
    ("iron", "none", None, (True,)),
    ("iron", "overall", None, (True, False)),
    ("iron", "loco", ("Xcovar", "all"), (True, False)),
    ("grav2", "none", None, (True,)),
    ("grav2", "overall", ("weights",), (False,)),
    ("grav2", "loco", ("intercept",), (True,)),
    ("DOex", "none", ("intercept", "addcovar, Xcovar, intcovar"), (True,)),
    ("DOex", "overall", ("Xcovar", "all"), (True, False)),
    ("DOex", "loco", ("addcovar, Xcovar, weights",), (True,)),
    ("DOex alleles", "none", SOME, (True,)),
    ("DOex alleles", "overall", SOME, (True, False)),
    ("DOex alleles", "loco", ("Xcovar", "all"), (False, True)),
    ("b6btbr", "none", SOME, (True,)),
    ("b6btbr", "overall", ("weights", "all"), (True, False)),
    ("b6btbr", "loco", ("Xcovar",), (True,)),
]


def settings_of(cross, designs, criteria):
    """Every design; the criteria take turns."""
    chosen = {name: design for name, design in cross.designs().items() if designs is None or name in designs}
    return [design | {"reml": criteria[i % len(criteria)]} for i, design in enumerate(chosen.values())]


@pytest.mark.parametrize("name, kinship, designs, criteria", SCANS, ids=[f"{s[0]}-{s[1]}" for s in SCANS])
def test_as_qtl2(cross, name, kinship, designs, criteria, tolerance):
    """At every position for every phenotype: at qtl2's hsq, and each at its own."""
    data = cross(name)
    settings = settings_of(data, designs, criteria)
    in_r = {"genoprobs": "probs", "pheno": "pheno", "kinship": None if kinship == "none" else kinship}
    for setting, theirs in zip(settings, qtl2_scans(name, [in_r | setting for setting in settings])):
        given = scan1(data.probs, data.pheno, data.kinship[kinship], hsq=theirs.hsq, quiet=True, **setting)
        assert_same_scan(given, theirs, tolerance("scan_given_hsq"))
        if theirs.hsq is None:
            continue
        assert given.hsq.equals(theirs.hsq) and given.criterion == "given"
        own = scan1(data.probs, data.pheno, data.kinship[kinship], quiet=True, **setting)
        assert_same_scan(own, theirs, tolerance("scan_own_hsq"))
        assert own.criterion == ("REML" if setting["reml"] else "ML")
        np.testing.assert_allclose(own.hsq, theirs.hsq, rtol=0.0, atol=tolerance("scan_hsq"))


def assert_same_scan(ours, theirs, atol):
    assert list(ours.lod.index) == list(theirs.lod.index) and list(ours.lod.columns) == list(theirs.lod.columns)
    np.testing.assert_allclose(ours.lod, theirs.lod, rtol=0.0, atol=atol)
    assert (ours.hsq is None) == (theirs.hsq is None)
    if ours.hsq is not None:
        assert list(ours.hsq.index) == list(theirs.hsq.index) and list(ours.hsq.columns) == list(theirs.hsq.columns)
    pd.testing.assert_series_equal(ours.sample_size, theirs.sample_size, check_dtype=False)


# ---- rank: which genotype columns count


@pytest.mark.parametrize("kinship", ["none", "overall"])
def test_ill_conditioned_positions(cross, kinship, tolerance):
    """80 mice, 44 genotypes on X: the columns that count are qtl2's; what they explain is as sure as their pivots."""
    data = cross("few mice")
    designs = list(data.designs().values())
    in_r = {"genoprobs": "probs", "pheno": "pheno", "kinship": None if kinship == "none" else kinship}
    unsure = 0
    for design, theirs in zip(designs, qtl2_scans("few mice", [in_r | design for design in designs])):
        hsq = None if theirs.hsq is None else theirs.hsq.to_numpy()     # qtl2 names that of X alone NA
        ours = scan1(data.probs, data.pheno, data.kinship[kinship], hsq=hsq, quiet=True, **design)
        bound = tolerance("scan_ill_conditioned") / smallest_pivots(data, hsq, **design)
        bound = np.maximum(bound, tolerance("scan_given_hsq"))
        assert np.all(np.abs(ours.lod - theirs.lod).to_numpy()[:, 0] <= bound)
        unsure += np.sum(bound > tolerance("scan_given_hsq"))
    assert unsure > 0


def smallest_pivots(data, hsq, addcovar=None, Xcovar=None, intcovar=None, weights=None):
    """By position: the smallest pivot that counts beside the largest, by plain QR decomposition of whitened columns."""
    ids = list(data.probs.individuals)
    V = dense.covariance(data.kinship["overall"].to_numpy(), 0.0 if hsq is None else hsq.item(),
                         None if weights is None else weights.loc[ids].to_numpy())
    whitening = np.linalg.inv(np.linalg.cholesky(V))
    covariates = whitening @ np.column_stack([np.ones(len(ids))] + [
        frame.loc[ids] for frame in (addcovar, intcovar) if frame is not None])
    basis = np.linalg.qr(covariates)[0]
    smallest = []
    for array in data.probs.values():
        for G in np.moveaxis(array.values[:, 1:], 2, 0):
            columns = whitening @ G
            if intcovar is None:
                columns = columns - basis @ (basis.T @ columns)
            else:
                columns = np.column_stack([covariates, columns, whitening @ (G * intcovar.loc[ids].to_numpy())])
            pivots = np.abs(np.diag(linalg.qr(columns, mode="r", pivoting=True)[0]))
            smallest.append(np.min(pivots[pivots > 1e-12 * pivots[0]]) / pivots[0])
    return np.array(smallest)


N = 60
IDS = [f"i{i}" for i in range(N)]


def backcross(columns, is_x_chr=False):
    """Genoprobs of one chromosome; columns: position -> probabilities of all genotypes but the first, (N, k)."""
    stacked = np.stack(list(columns.values()), axis=2)
    values = np.concatenate([1.0 - stacked.sum(axis=1, keepdims=True), stacked], axis=1)
    coords = {"individual": IDS, "genotype": [f"g{j}" for j in range(values.shape[1])], "position": list(columns)}
    return Genoprobs({"1": xr.DataArray(values, dims=DIMS, coords=coords)}, {"1": is_x_chr}, "bc")


@pytest.fixture(scope="module")
def constructed():
    """Arguments of a scan of N simulated individuals (all but genoprobs), and genotype columns."""
    rng = np.random.default_rng(11)
    markers = rng.choice([-1.0, 1.0], size=(N, 90))
    kinship = pd.DataFrame(markers @ markers.T / 180.0, IDS, IDS)
    covariates = pd.DataFrame({"c": rng.uniform(0.0, 0.4, N), "sex": np.arange(N) % 2.0}, IDS)
    own, other = rng.uniform(0.0, 0.4, (2, N))
    y = rng.normal(size=N) + markers @ rng.normal(size=90) / 12.0 + 2.0 * own
    arguments = {"pheno": pd.DataFrame({"y": y}, IDS), "kinship": kinship, "addcovar": covariates}
    return arguments, own, other


@pytest.mark.parametrize("kinship", [False, True])
def test_dependent_columns_count_for_nothing(constructed, kinship, tolerance):
    arguments, own, _ = constructed
    arguments = arguments | {"kinship": arguments["kinship"] if kinship else None}
    c, sex = arguments["addcovar"].to_numpy().T
    dependent = {"covariate": c, "covariates": 0.1 + c / 2.0 + sex / 5.0, "constant": np.full(N, 0.25),
                 "absent": np.zeros(N)}
    alone = backcross({name: column[:, None] for name, column in dependent.items()})
    scan = scan1(alone, **arguments, quiet=True)
    assert np.array_equal(scan.lod["y"], np.zeros(4))
    assert scan.notes == (
        "chromosome '1': at 4 positions genotype columns depend on each other or on the covariates; LOD is that of "
        "those that do not",)
    beside = backcross({name: np.column_stack([column, own]) for name, column in dependent.items()}
                       | {"twice": np.column_stack([own, own]), "parallel": np.column_stack([own, 0.5 - own])})
    scan = scan1(beside, **arguments, hsq=0.4 if kinship else None, quiet=True)
    X = np.column_stack([np.ones(N), c, sex])
    V = dense.covariance(arguments["kinship"].to_numpy(), 0.4) if kinship else np.eye(N)
    right = dense.lod(arguments["pheno"]["y"].to_numpy(), X, np.column_stack([X, own]), V)
    np.testing.assert_allclose(scan.lod["y"], right, rtol=0.0, atol=tolerance("scan_given_hsq"))


@pytest.mark.parametrize("kinship", [False, True])
def test_nearly_dependent_and_tiny_columns_as_qtl2(r, constructed, kinship, tolerance):
    """qtl2's own rounding is ε times the lengths over what is left of the column."""
    arguments, own, other = constructed
    arguments = arguments | {"kinship": arguments["kinship"] if kinship else None}
    rng = np.random.default_rng(12)
    c, signal = arguments["addcovar"]["c"].to_numpy(), own - own.mean()
    left = {"1e-12": 1e-12, "1e-10": 1e-10, "1e-8": 1e-8, "1e-4": 1e-4}
    columns = {name: np.column_stack([other, c + size * signal]) for name, size in left.items()}
    columns |= {"tiny": np.column_stack([other, rng.uniform(0.0, 1e-10, N)]),
                "negligible": np.column_stack([other, rng.uniform(0.0, 1e-14, N)])}
    probs = backcross(columns)
    theirs = from_r(r.call("qtl2::scan1", to_r(probs), **{name: None if value is None else to_r(value)
                                                          for name, value in arguments.items()}).value)
    ours = scan1(probs, **arguments, hsq=theirs.hsq, quiet=True)
    apart = (ours.lod - theirs.lod)["y"].abs()
    for name in columns:
        assert apart[name] <= tolerance("scan_given_hsq") + tolerance("scan_ill_conditioned") / left.get(name,
                                                                                                         1.0), name
    assert ours.lod["y"]["tiny"] - ours.lod["y"]["negligible"] > tolerance("scan_given_hsq")


def test_hardly_present_genotypes(r, constructed, tolerance):
    """Below a mean of 1e-8 genotypes are left out on the X chromosome, as in qtl2, and kept on an autosome."""
    arguments, own, _ = constructed
    rare = np.random.default_rng(15).uniform(0.0, 1e-9, N)
    lods = []
    for is_x_chr in (True, False):
        probs = backcross({"p": np.column_stack([own, rare])}, is_x_chr)
        theirs = from_r(r.call("qtl2::scan1", to_r(probs), to_r(arguments["pheno"])).value)
        ours = scan1(probs, arguments["pheno"], quiet=True)
        assert_same_scan(ours, theirs, tolerance("scan_given_hsq"))
        lods.append(ours.lod.to_numpy().item())
    assert abs(lods[0] - lods[1]) > tolerance("scan_own_hsq")


def test_absent_genotypes_of_the_x_chromosome(cross, r, tolerance):
    """Left out before the first of the others is, as qtl2 does; those present elsewhere only are zero columns."""
    iron = cross("iron")
    males = iron.addcovar.index[iron.addcovar["sex"] == iron.addcovar["sex"].max()]
    assert np.any(iron.probs.subset(ind=males)["X"].values.max(axis=(0, 2)) < 1e-8)
    for probs, pheno in ((iron.probs.subset(ind=males), iron.pheno), (iron.probs, iron.pheno.loc[males])):
        for kinship in (None, iron.kinship["overall"]):
            theirs = from_r(r.call("qtl2::scan1", to_r(probs), to_r(pheno), None if kinship is None else
                                   to_r(kinship)).value)
            assert_same_scan(scan1(probs, pheno, kinship, hsq=theirs.hsq, quiet=True), theirs,
                             tolerance("scan_given_hsq"))


# ---- missing phenotypes


@pytest.fixture(scope="module")
def part(cross):
    """iron's chromosomes 2, 16 and X of 100 individuals, and kinship."""
    iron = cross("iron")
    ids = list(iron.probs.individuals)[::3]
    return iron.probs.subset(ids, ["2", "16", "X"]), {
        "none": None, "overall": iron.kinship["overall"],
        "loco": {name: iron.kinship["loco"][name] for name in ("2", "16", "X")}}


@pytest.fixture(scope="module")
def holes(cross, part):
    """50 traits with values missing in any pattern, some shared: at random, in blocks, nearly all, all."""
    rng = np.random.default_rng(13)
    ids = list(part[0].individuals)
    values = cross("iron").pheno.loc[ids].to_numpy() @ rng.normal(size=(2, 50)) + 20.0 * rng.normal(size=(len(ids), 50))
    for j in range(2, 46):
        values[rng.random(len(ids)) < rng.choice([0.01, 0.1, 0.5]), j] = rng.choice([np.nan, np.inf, -np.inf])
    values[:, 20:30] = np.where(np.isfinite(values[:, [19]]), values[:, 20:30], np.nan)
    values[:40, 46] = values[3:, 47] = values[:, 48] = values[6:, 49] = np.nan
    traits = pd.DataFrame(values, ids, [f"t{j}" for j in range(50)])
    assert 30 < len({tuple(column) for column in np.isfinite(values).T}) < 50
    return traits


@pytest.mark.parametrize("kinship", ["none", "overall", "loco"])
def test_missing_phenotypes(cross, r, part, holes, kinship, tolerance):
    """Together as one by one, and as qtl2; what is missing for everybody, or nearly, gives no LOD."""
    probs, kinships = part
    iron = cross("iron")
    design = {"addcovar": iron.addcovar[["sex", "made"]], "Xcovar": iron.Xcovar, "weights": iron.weights}
    theirs = from_r(r.call("qtl2::scan1", to_r(probs), to_r(holes),
                           None if kinship == "none" else to_r(kinships[kinship]),
                           **{name: to_r(value) for name, value in design.items()}).value)
    empty = ["t47", "t48"]
    some = [name for name in holes if name not in empty]
    hsq = None if theirs.hsq is None else theirs.hsq.fillna(0.5)
    given = scan1(probs, holes, kinships[kinship], hsq=hsq, quiet=True, **design)
    np.testing.assert_allclose(given.lod[some], theirs.lod[some], rtol=0.0, atol=tolerance("scan_given_hsq"))
    assert given.lod[empty].isna().all(axis=None) and not given.lod[some].isna().any(axis=None)
    assert given.sample_size[some].equals(theirs.sample_size[some].astype(int))
    assert [note for note in given.notes if "no results" in note] == [
        "pheno 't48' has 0 individuals with all values, too few for the model; no results"]
    assert [note for note in given.notes if "no more than" in note] == [
        "pheno 't47': 3 individuals are no more than the model has coefficients on chromosome "
        f"'{name}'; no LOD scores there" for name in probs]
    together = scan1(probs, holes, kinships[kinship], quiet=True, **design)
    np.testing.assert_allclose(together.lod[some], theirs.lod[some], rtol=0.0, atol=tolerance("scan_own_hsq"))
    for name in some if kinship == "none" else some[::3]:
        alone = scan1(probs, holes[name], kinships[kinship], quiet=True, **design)
        np.testing.assert_allclose(alone.lod[name], together.lod[name], rtol=0.0, atol=tolerance("scan_alone"))
        assert alone.sample_size[name] == together.sample_size[name] == np.isfinite(holes[name]).sum()


# ---- hsq estimated at each position


def dense_maximum(y, X, K, weights=None):
    """The highest ML log likelihood over 0 ≤ h ≤ 1 (both ends tried), constants left out; V written out."""
    def loglik(h):
        V = dense.covariance(K, h, weights)
        return -0.5 * (len(y) * np.log(dense.gls(y, X, V).rss) + np.linalg.slogdet(V)[1])

    end = [1.0] if np.linalg.cond(K) < 1e8 else []      # V is singular there otherwise
    grid = np.concatenate([[0.0], np.linspace(0.005, 0.995, 100), end])
    values = [loglik(h) for h in grid]
    top = int(np.argmax(values))
    found = optimize.minimize_scalar(lambda h: -loglik(h), bounds=(grid[max(top - 1, 0)], grid[min(top + 1,
                                                                                                   len(grid) - 1)]),
                                     method="bounded", options={"xatol": 1e-11})
    return max(values[top], -found.fun)


@pytest.mark.parametrize("weighted", [False, True])
def test_hsq_at_each_position(cross, part, weighted, tolerance):
    """The likelihood ratio of two models, each at its own maximum, by dense matrices; with interactions."""
    probs, kinships = part
    iron = cross("iron")
    ids = list(probs.individuals)
    weights = iron.weights if weighted else None
    design = {"addcovar": iron.addcovar[["made"]], "Xcovar": iron.Xcovar, "intcovar": iron.intcovar, "weights": weights}
    scan = scan1(probs, iron.pheno, kinships["overall"], hsq="each", reml=False, quiet=True, **design)
    assert scan.criterion == "ML" and list(scan.hsq.index) == list(scan.lod.index)
    K, w = kinships["overall"].loc[ids, ids].to_numpy(), weights.loc[ids].to_numpy() if weighted else None
    sex = iron.intcovar.loc[ids].to_numpy()
    X = np.column_stack([np.ones(len(ids)), iron.addcovar.loc[ids, "made"], sex])
    for chromosome, position in (("2", "D2Mit75"), ("16", "D16Mit30"), ("X", "DXMit16")):
        X_null = np.column_stack([X, iron.Xcovar.loc[ids].iloc[:, 1:]]) if chromosome == "X" else X
        G = probs[chromosome].sel(position=position).values[:, 1:]
        X_full = np.column_stack([X, G, G * sex])
        if chromosome == "X":       # six genotypes of two sexes: some of the columns depend on sex
            X_full = linalg.svd(X_full, full_matrices=False)[0][:, :np.linalg.matrix_rank(X_full)]
        for name in iron.pheno:
            y = iron.pheno.loc[ids, name].to_numpy()
            right = (dense_maximum(y, X_full, K, w) - dense_maximum(y, X_null, K, w)) / np.log(10.0)
            np.testing.assert_allclose(scan.lod.loc[position, name], right, rtol=0.0, atol=tolerance("scan_each"))
    null = scan1(probs, iron.pheno, kinships["overall"], reml=False, quiet=True, **design)
    assert np.all(scan.lod >= null.lod - tolerance("scan_each"))
    assert np.any(scan.lod > null.lod + 1e-3) and np.any(scan.hsq != null.hsq.iloc[0])


def test_hsq_at_each_position_loco(cross, part, tolerance):
    iron, (probs, kinships) = cross("iron"), part
    scan = scan1(probs, iron.pheno, kinships["loco"], hsq="each", reml=False, quiet=True)
    ids = list(probs.individuals)
    y, K = iron.pheno.loc[ids, "liver"].to_numpy(), kinships["loco"]["16"].loc[ids, ids].to_numpy()
    X = np.column_stack([np.ones(len(ids)), probs["16"].sel(position="D16Mit30").values[:, 1:]])
    right = (dense_maximum(y, X, K) - dense_maximum(y, X[:, :1], K)) / np.log(10.0)
    np.testing.assert_allclose(scan.lod.loc["D16Mit30", "liver"], right, rtol=0.0, atol=tolerance("scan_each"))


def test_the_higher_of_two_maxima(r, tolerance):
    """Where qtl2's single search misses the highest maximum of the null likelihood, ours has it."""
    data = simulation.two_maxima()
    ids, rng = list(data.ids), np.random.default_rng(3)
    kinship, pheno = pd.DataFrame(data.K / 2.0, ids, ids), pd.DataFrame(data.Y, ids, ["y"])
    p = rng.uniform(size=(len(ids), 5))
    coords = {"individual": ids, "genotype": ["A", "B"], "position": [f"p{j}" for j in range(5)]}
    probs = Genoprobs({"1": xr.DataArray(np.stack([p, 1.0 - p], axis=1), dims=DIMS, coords=coords)}, crosstype="bc")
    theirs = from_r(r.call("qtl2::scan1", to_r(probs), to_r(pheno), to_r(kinship)).value)
    ours = scan1(probs, pheno, kinship, quiet=True)
    loglik = [dense.reml(data.Y[:, 0], data.X, dense.covariance(data.K / 2.0, hsq.to_numpy().item()))
              for hsq in (ours.hsq, theirs.hsq)]
    assert loglik[0] > loglik[1] + tolerance("likelihood_gap")
    assert np.max(np.abs(ours.lod - theirs.lod).to_numpy()) > tolerance("scan_own_hsq")
    given = scan1(probs, pheno, kinship, hsq=theirs.hsq, quiet=True)
    np.testing.assert_allclose(given.lod, theirs.lod, rtol=0.0, atol=tolerance("scan_given_hsq"))


@pytest.mark.parametrize("kinship", ["overall", "loco"])
def test_hsq_at_each_position_without_bound_or_with_dependent_columns(constructed, kinship):
    """Counted, and said once for a chromosome."""
    arguments, own, other = constructed
    K = arguments["kinship"]
    # Orthogonal to K and the covariates but for one position's genotypes: with them nothing is left outside K.
    X = np.column_stack([np.ones(N), arguments["addcovar"]])
    values, vectors = np.linalg.eigh(K.to_numpy())
    low = (vectors[:, 20:] * values[20:]) @ vectors[:, 20:].T      # of rank 40
    K = pd.DataFrame((low + low.T) / 2.0, IDS, IDS)
    rng = np.random.default_rng(14)
    y = low @ rng.normal(size=N) + X @ rng.normal(size=3) + 3.0 * own
    probs = backcross({"free": own[:, None], "other": other[:, None], "absent": np.zeros((N, 1)),
                       "covariate": X[:, [1]], "again": own[:, None]})
    scan = scan1(probs, pd.DataFrame({"y": y, "z": rng.normal(size=N)}, IDS), K if kinship == "overall" else {"1": K},
                 arguments["addcovar"], hsq="each", reml=False, quiet=True)
    assert [note for note in scan.notes if "chromosome '1'" in note] == [
        "chromosome '1': at 2 positions genotype columns depend on each other or on the covariates; LOD is that of those "
        "that do not",
        "chromosome '1': at 2 positions the likelihood of pheno y grows without bound as hsq goes to 1; LOD is that of its "
        "highest maximum before that, missing where there is none"]
    assert scan.lod.loc[["other", "absent", "covariate"]].notna().all(axis=None)


# ---- what must not matter


@pytest.fixture(scope="module")
def everything(cross, part):
    """All arguments of a scan with a kinship matrix per chromosome, a pattern of missing values among them."""
    iron, (probs, kinships) = cross("iron"), part
    ids = list(probs.individuals)
    pheno = iron.pheno.loc[ids].copy()
    pheno["holed"] = pheno["liver"].where(np.arange(len(ids)) % 7 > 0)
    kinship = {name: K.loc[ids, ids] for name, K in kinships["loco"].items()}
    return {"genoprobs": probs, "pheno": pheno, "kinship": kinship, "addcovar": iron.addcovar.loc[ids, ["made"]],
            "Xcovar": iron.Xcovar.loc[ids], "intcovar": iron.intcovar.loc[ids], "weights": iron.weights.loc[ids]}


def scan_of(arguments, **changes):
    return scan1(**(arguments | changes), quiet=True)


def assert_identical(a, b):
    """To the bit."""
    pd.testing.assert_frame_equal(a.lod, b.lod, check_exact=True)
    assert (a.hsq is None) == (b.hsq is None) and (a.hsq is None or a.hsq.equals(b.hsq))
    assert a.sample_size.equals(b.sample_size)
    assert [note for note in a.notes if "left out (" not in note] == [note for note in b.notes
                                                                      if "left out (" not in note]


def moved(values, order):
    """The same values of individuals in another order."""
    if isinstance(values, dict):
        return {name: moved(K, order) for name, K in values.items()}
    ids = values.index[order]
    return values.loc[ids, ids] if values.shape == (len(ids), len(ids)) else values.loc[ids]


def with_strangers(values):
    """The same values with three individuals more in front, two of them with what would spoil a fit."""
    if isinstance(values, dict):
        return {name: with_strangers(K) for name, K in values.items()}
    frame = values.to_frame() if isinstance(values, pd.Series) else values
    if list(frame.index) == list(frame.columns):
        wider = frame.reindex(index=["a", "b", "c", *frame.index], columns=["a", "b", "c", *frame.columns],
                              fill_value=9.0)
        return (wider + wider.T) / 2.0
    strangers = pd.DataFrame([[1e6] * frame.shape[1], [np.nan] * frame.shape[1], [7.0] * frame.shape[1]],
                             ["a", "b", "c"], frame.columns)
    wider = pd.concat([strangers, frame])
    return wider.iloc[:, 0] if isinstance(values, pd.Series) else wider


FRAMES = ("pheno", "kinship", "addcovar", "Xcovar", "intcovar", "weights")


@pytest.mark.parametrize("name", FRAMES)
def test_order_and_strangers_do_not_matter(everything, name):
    scan = scan_of(everything)
    n = len(everything["pheno"])
    assert_identical(scan, scan_of(everything, **{name: moved(everything[name],
                                                              np.random.default_rng(1).permutation(n))}))
    assert_identical(scan, scan_of(everything, **{name: with_strangers(everything[name])}))


def test_order_of_genotyped_individuals_does_not_matter(everything, tolerance):
    probs = everything["genoprobs"]
    turned = scan_of(everything, genoprobs=probs.subset(ind=probs.individuals[::-1]))
    scan = scan_of(everything)
    np.testing.assert_allclose(turned.hsq, scan.hsq, rtol=0.0, atol=tolerance("invariance_hsq"))
    given = scan_of(everything, genoprobs=probs.subset(ind=probs.individuals[::-1]), hsq=scan.hsq)
    np.testing.assert_allclose(given.lod, scan.lod, rtol=0.0, atol=tolerance("scan_alone"))


def test_order_of_chromosomes_does_not_matter(everything):
    scan = scan_of(everything)
    kinship = everything["kinship"]
    assert_identical(scan, scan_of(everything, kinship={name: kinship[name] for name in ("X", "16", "2")}))
    turned = scan_of(everything, genoprobs=everything["genoprobs"].subset(chr=["X", "2", "16"]))
    assert turned.lod.loc[scan.lod.index].equals(scan.lod) and turned.hsq.loc[scan.hsq.index].equals(scan.hsq)
    assert list(turned.hsq.index) == ["X", "2", "16"]


@pytest.mark.parametrize("kinship", [None, "overall", "loco"])
def test_cores_give_the_same_bits(part, everything, kinship):
    everything = everything | {"kinship": None if kinship is None else part[1][kinship]}
    alone = scan_of(everything)
    for cores in (2, 0):
        assert_identical(alone, scan_of(everything, cores=cores))


def test_ids_are_text(everything):
    """Whole numbers as IDs are the same as their text."""
    scan = scan_of(everything)
    as_numbers = {name: everything[name].set_axis(everything[name].index.astype(int)) for name in FRAMES
                  if name != "kinship"}
    assert_identical(scan, scan_of(everything, **as_numbers))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loco", [False, True])
def test_decomposed_kinship(everything, part, loco, weighted, tolerance):
    complete = everything | {"pheno": everything["pheno"][["liver", "spleen"]],
                             "weights": everything["weights"] if weighted else None}
    ids = list(complete["pheno"].index)
    kinship = complete["kinship"] if loco else part[1]["overall"].loc[ids[::-1], ids[::-1]]
    once, decomposed = (scan_of(complete, kinship=K) for K in (kinship, decomp_kinship(kinship)))
    np.testing.assert_allclose(decomposed.hsq, once.hsq, rtol=0.0, atol=tolerance("invariance_hsq"))
    once, decomposed = (scan_of(complete, kinship=K, hsq=once.hsq) for K in (kinship, decomp_kinship(kinship)))
    np.testing.assert_allclose(decomposed.lod, once.lod, rtol=0.0, atol=tolerance("scan_alone"))
    whose = "kinship of chromosome '2'" if loco else "kinship"
    with pytest.raises(InputError,
                       match=f"{whose} is decomposed for 95 individuals and 81 are needed: a decomposed matrix "
                                         "cannot be subset; give the kinship matrix itself"):
        scan_of(everything, kinship=decomp_kinship(kinship))


def test_weights_of_one_are_none(everything, tolerance):
    ones = everything["weights"] * 0.0 + 1.0
    for kinship in (None, everything["kinship"]):
        without, with_ones = (scan_of(everything, kinship=kinship, weights=w) for w in (None, ones))
        np.testing.assert_allclose(with_ones.lod, without.lod, rtol=0.0, atol=tolerance("scan_alone"))


def test_arguments_are_left_alone(everything):
    before = {name: everything[name].copy() for name in FRAMES if name != "kinship"}
    scan_of(everything)
    for name, frame in before.items():
        assert frame.equals(everything[name])


def test_a_chromosome_without_positions(everything):
    probs = everything["genoprobs"]
    arrays = dict(probs) | {"16": probs["16"].isel(position=slice(0, 0))}
    for kinship in (None, everything["kinship"]):
        scan = scan_of(everything, kinship=kinship)
        empty = scan_of(everything, kinship=kinship, genoprobs=Genoprobs(arrays, probs.is_x_chr))
        assert empty.lod.equals(scan.lod.drop(list(probs["16"].coords["position"].values)))


def test_dependent_covariates_are_left_out_and_said(everything, tolerance):
    scan = scan_of(everything)
    made = everything["addcovar"]["made"]
    for more in ({"twice": made}, {"twice": 2.0 * made + 1.0}, {"intercept": 0.0 * made + 1.0},
                 {"ones": 0.0 * made + 1.0}):
        again = scan_of(everything, addcovar=everything["addcovar"].assign(**more))
        np.testing.assert_allclose(again.lod, scan.lod, rtol=0.0, atol=tolerance("scan_alone"))
        name, = more
        said = [note for note in again.notes if note.startswith("addcovar")]
        assert len(said) == 1 and (f"'{name}'" in said[0] or "'made'" in said[0]), again.notes


# ---- what is refused, each with one sentence


def without_value(series):
    changed = series.copy()
    changed.iloc[0] = 0.0
    return changed


def changed_entry(K, i, j, value):
    K = K.copy()
    K.iloc[i, j] = value
    return K


def duplicated(frame):
    return pd.concat([frame, frame.iloc[[0]]])


#: What is wrong -> (what to change, given all arguments and one kinship matrix; what is said).
REFUSED = {
    "probs": (lambda e, K: {"genoprobs": {"2": 1}}, "genoprobs is a dict: give a Genoprobs, as from calc_genoprob"),
    "array pheno": (lambda e, K: {"pheno": e["pheno"].to_numpy()},
                    "pheno has no IDs: give a pandas Series or DataFrame with "
                    "the individuals' IDs as index"),
    "no pheno": (lambda e, K: {"pheno": None}, "pheno is None: give the phenotypes"),
    "list addcovar": (lambda e, K: {"addcovar": [1.0, 2.0]}, "addcovar has no IDs"),
    "array Xcovar": (lambda e, K: {"Xcovar": e["Xcovar"].to_numpy()}, "Xcovar has no IDs"),
    "array intcovar": (lambda e, K: {"intcovar": e["intcovar"].to_numpy()}, "intcovar has no IDs"),
    "array weights": (lambda e, K: {"weights": e["weights"].to_numpy()}, "weights has no IDs"),
    "array kinship": (lambda e, K: {"kinship": K.to_numpy()},
                      "kinship is of type ndarray: give a DataFrame with the IDs"),
    "kinship of None": (lambda e, K: {"kinship": e["kinship"] | {"16": None}}, "kinship of chromosome '16' is of type "
                        "NoneType: give a DataFrame"),
    "same ID": (lambda e, K: {"pheno": duplicated(e["pheno"])},
                "pheno: individual '1' occurs more than once; give every "
                "individual one row"),
    "same ID in covariates": (lambda e, K: {"addcovar": duplicated(e["addcovar"])},
                              "addcovar: individual '1' occurs more"),
    "same ID in weights": (lambda e, K: {"weights": duplicated(e["weights"])}, "weights: individual '1' occurs more"),
    "nobody in common": (lambda e, K: {"pheno": e["pheno"].add_prefix("x").T.add_prefix("x").T},
                         "no individual has all that is needed of .*; check that the IDs are written alike"),
    "two in common": (lambda e, K: {"pheno": e["pheno"].iloc[:2]},
                      "only 2 individuals have all that is needed of .* at "
                      "least 3 are needed"),
    "one in common": (lambda e, K: {"addcovar": e["addcovar"].iloc[:1]}, "only 1 individual has all that is needed"),
    "constant pheno": (lambda e, K: {"pheno": e["pheno"][[]].assign(flat=2.5)},
                       "pheno 'flat' has zero variance: it is 2.5 for "
                       "all of its 95 individuals; leave it out"),
    "fitted pheno": (lambda e, K: {"pheno": e["pheno"][[]].assign(fitted=3.0 - e["addcovar"]["made"])}, "pheno 'fitted' is "
                     "fitted exactly by the covariates: nothing is left to explain; leave it out"),
    "text pheno": (lambda e, K: {"pheno": e["pheno"].assign(colour="red")},
                   "pheno: column 'colour' holds text \\('red' for "
                   "individual '1'\\)"),
    "text covariate": (lambda e, K: {"addcovar": e["addcovar"].assign(sex="f")}, "addcovar: column 'sex' holds text"),
    "same column": (lambda e, K: {"pheno": e["pheno"].set_axis(["a", "a", "b"], axis=1)},
                    "pheno: column 'a' occurs more"),
    "no phenotypes": (lambda e, K: {"pheno": e["pheno"].iloc[:, :0]}, "pheno is empty: 95 rows, 0 columns"),
    "weight of 0": (lambda e, K: {"weights": without_value(e["weights"])}, "weights: 0 for individual '1'; weights are "
                    "1/variance and must be positive"),
    "negative weight": (lambda e, K: {"weights": -e["weights"]}, "weights: -.* for individual '.*'; weights are"),
    "two weights": (lambda e, K: {"weights": e["addcovar"].assign(more=1.0)}, "weights has 2 columns: give one"),
    "hsq too large": (lambda e, K: {"kinship": K, "hsq": np.full((2, 3), 1.5)},
                      "hsq has the value 1.5: hsq is between 0 and 1"),
    "hsq missing": (lambda e, K: {"kinship": K, "hsq": np.full((2, 3), np.nan)}, "hsq has the value nan"),
    "hsq shape": (lambda e, K: {"kinship": K, "hsq": np.full((3, 2), 0.5)},
                  "hsq has the shape \\(3, 2\\): give 2 × 3 values "
                  "\\(null chromosomes 2, X × phenotypes\\)"),
    "hsq as a vector": (lambda e, K: {"kinship": K, "hsq": [0.5, 0.5]},
                        "hsq has the shape \\(2,\\): give 2 × 3 values"),
    "hsq labels": (lambda e, K: {"kinship": K, "hsq": pd.DataFrame(0.5, ["2", "16"], e["pheno"].columns)},
                   "hsq has the rows "
                   "2, 16 and the columns liver, spleen, holed: give 2 × 3 values"),
    "hsq labels of a Series": (lambda e, K: {"kinship": K, "Xcovar": None, "hsq": pd.Series(
        0.5, ["liver", "spleen", "kidney"])},
                               "hsq has the labels liver, spleen, kidney: give one value for each of liver, "
                   "spleen, holed"),
    "hsq of text": (lambda e, K: {"kinship": K, "hsq": ["a", "b"]}, "hsq is not made of numbers: give 2 × 3 values"),
    "hsq without kinship": (lambda e, K: {"kinship": None, "hsq": 0.5}, "hsq is given without kinship, where it has no "
                            "meaning"),
    "hsq each with REML": (lambda e, K: {"hsq": "each"},
                           "hsq='each' compares likelihoods of different fixed effects and so "
                           "needs ML: give reml=False"),
    "hsq each without kinship": (lambda e, K: {"kinship": None, "hsq": "each", "reml": False},
                                 "hsq is 'each': give numbers, "
                                 "or 'each' with a kinship matrix"),
    "hsq all": (lambda e, K: {"hsq": "all", "reml": False}, "hsq is 'all': give numbers, or 'each'"),
    "kinship not square": (lambda e, K: {"kinship": K.iloc[:, :-1]},
                           "kinship has 284 rows and 283 columns: it must be square"),
    "kinship names": (lambda e, K: {"kinship": K.iloc[:, ::-1]}, "kinship: row 1 is individual '1' and column 1 is "
                      ".*; rows and columns must be the same individuals in the same order"),
    "kinship not symmetric": (lambda e, K: {"kinship": e["kinship"] | {"X": changed_entry(e["kinship"]["X"], 0, 1,
                                                                                          0.9)}},
                              "kinship of chromosome 'X' is not symmetric: 0.9 for \\('1', '4'\\) and .* for"),
    "kinship with NaN": (lambda e, K: {"kinship": changed_entry(K, 0, 2, np.nan)}, "kinship: nan for individual '1', "
                         "column '.*'; every entry must be a finite number"),
    "kinship indefinite": (lambda e, K: {"kinship": K - 0.6},
                           "kinship has the eigenvalue -.* it is not a covariance matrix"),
    "kinship lacks a chromosome": (lambda e, K: {"kinship": {name: e["kinship"][name] for name in ("2", "X")}},
                                   "kinship has "
                                   "no matrix for chromosome '16' of genoprobs"),
    "kinship has a chromosome more": (lambda e, K: {"kinship": e["kinship"] | {"7": e["kinship"]["2"]}},
                                      "kinship has a matrix "
                                      "for chromosome '7', which genoprobs lacks; leave it out"),
    "kinship of others": (lambda e, K: {"kinship": e["kinship"] | {"16": K}}, "kinship of chromosome '16' has other "
                          "individuals, or another order of them, than the first matrix"),
    "binary with kinship": (lambda e, K: {"model": "binary"},
                            "model='binary' is not fitted here: R/qtl2's scan1.* fits logistic "
                            "regression without kinship, the R packages GMMAT and SAIGE"),
    "binary": (lambda e, K: {"model": "binary", "kinship": None},
               "model='binary' is not fitted here: use R/qtl2's scan1"),
    "model": (lambda e, K: {"model": "poisson"}, "model is 'poisson': give 'normal'"),
    "cores": (lambda e, K: {"cores": -1}, "cores is -1: give how many to use, or 0 for all but one"),
    "V singular": (lambda e, K: {"kinship": K * 0.0 + 1.0, "Xcovar": None, "hsq": [1.0, 1.0, 1.0]},
                   "hsq is 1 for pheno "
                   "'holed': .* not positive definite .* give a smaller one"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(part, everything, what):
    change, sentence = REFUSED[what]
    with pytest.raises(InputError, match=sentence) as caught:
        scan_of(everything, **change(everything, part[1]["overall"]))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("each", [False, True])
def test_fewer_individuals_than_coefficients(everything, each):
    """No LOD where no individual is left over, with the reason; never a number made of rounding."""
    sex = everything["intcovar"]["sex"]
    few = everything["pheno"].loc[[*sex.index[sex == 0.0][:3], *sex.index[sex == 1.0][:3]], ["liver", "spleen"]]
    arguments = {"pheno": few, "Xcovar": None, "addcovar": None, "weights": None}
    if each:
        arguments |= {"hsq": "each", "reml": False}
    scan = scan_of(everything, **arguments)
    assert scan.lod.loc[["D2Mit75", "D16Mit30"]].isna().all(axis=None)
    assert ("pheno 'liver': 6 individuals are no more than the model has coefficients on chromosome '2'; no LOD scores "
            "there") in scan.notes
    covariates = pd.DataFrame(np.random.default_rng(0).normal(size=(6, 5)), few.index, list("abcde"))
    scan = scan_of(everything, **arguments | {"intcovar": None, "addcovar": covariates})
    assert [note for note in scan.notes if "left out (" not in note] == [
        f"pheno '{name}' has 6 individuals with all values, too few for the model; no results" for name in few]


# ---- memory, and the examples


@pytest.mark.parametrize("kinship, cores", [(False, 1), (True, 1), (True, 2)])
def test_memory_is_a_few_blocks(kinship, cores, tolerance):
    """3000 positions of 8 genotypes, 58 MB: beside them and the result, some blocks of positions for each core."""
    n, positions = 300, 500
    rng, ids, arrays = np.random.default_rng(1), [f"i{i}" for i in range(n)], {}
    for chromosome in "123456":
        values = rng.exponential(size=(n, 8, positions))
        values /= values.sum(axis=1, keepdims=True)
        names = [f"c{chromosome}.{i}" for i in range(positions)]
        arrays[chromosome] = xr.DataArray(values, dims=DIMS, coords={
            "individual": ids, "genotype": list("ABCDEFGH"), "position": names})
    probs = Genoprobs(arrays)
    pheno = pd.DataFrame(rng.normal(size=(n, 5)), ids, list("abcde"))
    K = pd.DataFrame(np.corrcoef(rng.normal(size=(n, 500))), ids, ids) if kinship else None
    scan1(probs.subset(chr=["1"]), pheno, quiet=True)      # what is done once in a process
    tracemalloc.start()
    scan1(probs, pheno, K, cores=cores, quiet=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= tolerance("scan_blocks") * cores * 8 * scanner.BLOCK


def test_examples(r):
    assert doctest.testmod(module).failed == 0


# ---- what newcomers do


def test_a_table_whose_index_counts_the_rows_has_no_ids(everything):
    for name in ("pheno", "addcovar", "weights"):
        with pytest.raises(InputError, match=f"{name} has no IDs: its index counts the rows"):
            scan_of(everything, **{name: everything[name].reset_index(drop=True)})


def test_who_is_left_out_is_said(everything):
    found = scan_of(everything, pheno=everything["pheno"].iloc[5:])
    assert any("5 individuals of genoprobs lack something of the other inputs" in note for note in found.notes)


@pytest.mark.parametrize("reml", ["ML", 1, None])
def test_reml_is_true_or_false(everything, reml):
    with pytest.raises(InputError, match="reml is .*: give True or False"):
        scan_of(everything, reml=reml)


def test_negative_scores_on_x_are_explained(everything):
    """Allele probabilities alone do not hold sex, which the null model of the X chromosome has."""
    probs = genoprob_to_alleleprob(everything["genoprobs"])
    arguments = {"genoprobs": probs, "pheno": everything["pheno"], "Xcovar": everything["Xcovar"]}
    found = scan1(**arguments, quiet=True)
    assert (found.lod.to_numpy() < -1e-6).any(), "no score is negative, so that nothing is shown"
    assert any("LOD scores are below 0" in note for note in found.notes)
    better = scan1(**arguments, addcovar=everything["Xcovar"], quiet=True)
    assert not any("LOD scores are below 0" in note for note in better.notes)


def test_one_name_is_one_name(everything):
    probs = everything["genoprobs"]
    name = list(probs)[-1]
    assert list(probs.subset(chr=name)) == [name]
    assert probs.subset(ind=probs.individuals[3]).individuals == (probs.individuals[3],)
    with pytest.raises(InputError, match="there is no chromosome '99'; there are"):
        probs.subset(chr=99)


def test_slightly_negative_eigenvalues_are_said(everything):
    """Of a matrix from a file with few digits."""
    kinship = next(iter(everything["kinship"].values()))
    values, vectors = np.linalg.eigh(kinship.to_numpy())
    values[0] = -1e-7 * values[-1]
    rounded = pd.DataFrame((vectors * values) @ vectors.T, kinship.index, kinship.columns)
    words = "slightly negative eigenvalues"
    chromosome = next(iter(everything["genoprobs"]))
    arguments = {name: everything[name] for name in ("pheno", "addcovar")} | {"kinship": (rounded + rounded.T) / 2.0}
    found = [scan_of(everything, kinship=arguments["kinship"]), est_herit(**arguments, quiet=True),
             scan1max(everything["genoprobs"], **arguments, quiet=True),
             scan1coef(everything["genoprobs"].subset(chr=chromosome), everything["pheno"]["liver"], arguments["kinship"])]
    assert all(any(words in note for note in one.notes) for one in found)



def test_one_hsq_stands_for_all(everything):
    found = scan_of(everything, hsq=0.3)
    assert (found.hsq == 0.3).all(axis=None)
    assert_identical(found, scan_of(everything, hsq=found.hsq))
