"""What is timed: our calls, all through the public functions, and what stands beside each."""
from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import inputs as simulated
import numpy as np
import pandas as pd
from inputs import FOUNDERS, SEED, Inputs
from peers import GemmaPeer, Peer, RPeer
from scipy import stats
from stopwatch import seconds_of

from lmmbridge import fit_lmm, lmm
from lmmbridge.parallel import heavy_work, run_over
from lmmbridge.qtl2 import est_herit, scan1, scan1_bulk, scan1perm

Sizes = Mapping[str, int]
Answers = dict[str, np.ndarray]
#: Operations over n³ to a tridiagonal matrix, and of an eigen decomposition with vectors: also its own vectors, and back.
TRIDIAGONAL, EIGEN = 4 / 3, 4 / 3 + 4 / 3 + 2
#: Markers that are fitted together.
MARKERS = 2500


@dataclass(frozen=True, eq=False)
class Case:
    """One thing that is timed.

    Attributes
    ----------
    key, title : str
    sizes, quick : dict of str to int
        In earnest, and to see that the benchmark works.
    inputs : callable
        Makes them from the sizes.
    ours : callable
        ours(inputs, cores) gives its answers; NotImplementedError says why there is none.
    peers : tuple of Peer
    floor : callable
        From the sizes: floating point operations that no way of computing it does without, by name.
    cores : int or None
        Instead of those of the run.
    after : callable or None
        after(inputs): further numbers about our side, not timed with it.
    """

    key: str
    title: str
    sizes: Sizes
    quick: Sizes
    inputs: Callable[[Sizes], Inputs]
    ours: Callable[[Inputs, int], Answers]
    peers: tuple[Peer, ...] = ()
    floor: Callable[[Sizes], dict[str, float]] = field(default=lambda sizes: {})
    cores: int | None = None
    after: Callable[[Inputs], dict[str, float]] | None = None

    def sizes_of(self, quick: bool) -> Sizes:
        return self.quick if quick else self.sizes


# --- our side ------------------------------------------------------------------------------------------------------------


def our_scan(inputs: Inputs, cores: int) -> Answers:
    found = scan1(inputs.probs, inputs.pheno, inputs.kinship, inputs.covar, inputs.Xcovar, cores=cores, quiet=True)
    return {"lod": found.lod.to_numpy(), "hsq": found.hsq.to_numpy()}


def our_herit(inputs: Inputs, cores: int) -> Answers:
    return {"hsq": est_herit(inputs.pheno, inputs.kinship, inputs.covar, cores=cores, quiet=True).hsq.to_numpy()}


def our_permutations(inputs: Inputs, cores: int, n_perm: int) -> Answers:
    """By the random numbers that R gives after the same seed, where R is there."""
    rng = SEED if inputs.uniforms is None else (lambda k: inputs.uniforms[:k])
    return {"lod": scan1perm(inputs.probs, inputs.pheno, inputs.kinship, inputs.covar, n_perm=n_perm, cores=cores, rng=rng,
                             quiet=True).A.to_numpy()}


def at_each_marker(inputs: Inputs, cores: int, reml: bool) -> Answers:
    """Wald tests by REML, or likelihood ratio tests by ML."""
    K, y, markers = inputs.kinship.to_numpy(), inputs.pheno.to_numpy(), inputs.markers.to_numpy()
    X = np.column_stack([np.ones(len(y)), inputs.covar.to_numpy()])
    with heavy_work():
        eigen = lmm.eigen_decomposition(K)
        rotated, = lmm.rotate(eigen, y, X)

        def fitted(start: int) -> lmm.EachPosition:
            G = markers[:, start:start + MARKERS].T.astype(float, copy=False) @ eigen.vectors
            return lmm.each_position(eigen, rotated.y, rotated.X, G[None], reml)

        blocks = list(run_over(fitted, range(0, markers.shape[1], MARKERS), cores))
    hsq, loglik, certain = (np.concatenate([getattr(block, name) for block in blocks]) for name in ("hsq", "loglik", "certain"))
    if not certain.all():
        raise ArithmeticError(f"{np.sum(~certain)} markers were not found together")
    if not reml:
        _, null_loglik = lmm.estimate_hsq(rotated, reml=False).bounded
        return {"p": stats.chi2.sf(2.0 * (loglik - null_loglik), 1), "hsq": hsq}
    beta, error = (np.concatenate([getattr(block, name)[0] for block in blocks]) for name in ("beta", "standard_error"))
    return {"p": stats.f.sf((beta / error) ** 2, 1, len(y) - X.shape[1] - 1), "hsq": hsq}


def read_again(inputs: Inputs, cores: int, reml: bool) -> Answers:
    """The same from GEMMA's files, the answers written to a file at the end."""
    folder = Path(inputs.folder.name)
    with ThreadPoolExecutor(cores) as pool:
        genotypes = pool.submit(pd.read_csv, folder / "genotypes.csv", header=None, index_col=[0, 1, 2])
        K, y, X = pool.map(partial(pd.read_csv, sep="\t", header=None),
                           (folder / f"{name}.txt" for name in ("kinship", "pheno", "covariates")))
        markers = genotypes.result()
    answers = at_each_marker(Inputs(None, K, y, X.iloc[:, 1:], markers=markers.T), cores, reml)
    pd.DataFrame(answers, markers.index).to_csv(folder / "ours.csv")
    return answers


def our_fit(inputs: Inputs, cores: int) -> Answers:
    return {"hsq": np.array([fit_lmm(inputs.pheno["y"], inputs.kinship, inputs.covar).hsq])}


def our_eigen_seconds(inputs: Inputs) -> dict[str, float]:
    return {"eigen_seconds": seconds_of(lambda: lmm.eigen_decomposition(inputs.kinship.to_numpy()))[0]}


def our_streamed_scan(inputs: Inputs, cores: int) -> Answers:
    """All LOD scores to a file, which is taken away at the end; of each trait hsq is an answer."""
    with tempfile.TemporaryDirectory() as folder:
        scan1_bulk(inputs.probs, inputs.pheno, inputs.kinship, inputs.covar, inputs.Xcovar, out=folder, cores=cores, quiet=True)
        return {"hsq": pd.read_csv(Path(folder) / "phenotypes.csv")["hsq"].to_numpy()}


# --- floors ----------------------------------------------------------------------------------------------------------------


def scan_floor(sizes: Sizes, kinships: int = 1, k: int = FOUNDERS - 1, each: bool = False) -> dict[str, float]:
    """A single V can be taken to the identity by a triangular matrix, and its h be found in tridiagonal form; several need the
    eigenvectors.
    """
    n, m, p = sizes["n"], sizes["m"], sizes["p"]
    times = f" × {kinships}" if kinships > 1 else ""
    return {**(_one_trait(n, times, kinships) if p == 1 and not each else {f"eigen (14/3)n³{times}": kinships * EIGEN * n**3}),
            **({"triangular rotation n²km": float(n**2 * k * m)} if p == 1 and not each else {"rotation 2n²km": 2.0 * n**2 * k * m}),
            "products 2nkmp": 2.0 * n * k * m * p}


def _one_trait(n: int, times: str = "", kinships: int = 1) -> dict[str, float]:
    return {f"tridiagonal form (4/3)n³{times}": kinships * TRIDIAGONAL * n**3}


def fit_floor(sizes: Sizes) -> dict[str, float]:
    return _one_trait(sizes["n"])


def permutation_floor(sizes: Sizes) -> dict[str, float]:
    n, m, p, P, k = sizes["n"], sizes["m"], sizes["p"], sizes["n_perm"], FOUNDERS - 1
    if p == 1:
        return {"triangular rotation n²km × permutations": float(n**2 * k * m * P)}
    return {"rotation 2n²km × permutations": 2.0 * n**2 * k * m * P, "products 2nkmp × permutations": 2.0 * n * k * m * p * P}


def herit_floor(sizes: Sizes) -> dict[str, float]:
    n, p = sizes["n"], sizes["p"]
    return {"eigen (14/3)n³": EIGEN * n**3, "rotation 2n²p": 2.0 * n**2 * p}


# --- the cases ---------------------------------------------------------------------------------------------------------------

QTL2_SCAN = RPeer("qtl2", "qtl2", "qtl2_scan1")
QTL2_HERIT = RPeer("qtl2", "qtl2", "qtl2_est_herit")
LMMLITE = 'in R: install.packages("remotes"); remotes::install_github("kbroman/lmmlite")'


def first_traits(traits: int, inputs: Inputs) -> Inputs:
    return replace(inputs, pheno=inputs.pheno.iloc[:, :traits])


def extrapolated(peer: RPeer, whole: int, part: int) -> RPeer:
    """The peer on the first `part` of `whole` traits; its time is multiplied."""
    if part >= whole:
        return peer
    return replace(peer, part=partial(first_traits, part), factor=whole / part,
                   remark=f"timed on {part} of {whole} traits, × {whole / part:g}")


def permuting(n_perm: int, timed: int, remark: str = "") -> RPeer:
    return RPeer("qtl2", "qtl2", "qtl2_scan1perm", arguments={"n_perm": timed, "seed": SEED}, factor=n_perm / timed, remark=remark)


def _scan(key: str, title: str, p: int, quick_p: int, peer: RPeer = QTL2_SCAN, **others: Any) -> Case:
    loco = others.pop("loco", False)
    return Case(key, title, {"n": 500, "m": 2000, "p": p}, {"n": 40, "m": 40, "p": quick_p},
                partial(simulated.outbred, kinship="loco" if loco else "overall", **others), our_scan, (peer,),
                partial(scan_floor, kinships=simulated.CHROMOSOMES if loco else 1))


def _fit(n: int, peers: tuple[str, ...]) -> Case:
    there = {"lmmlite C++": RPeer("lmmlite C++", "lmmlite", "lmmlite_cpp", remedy=LMMLITE),
             "lmmlite R": RPeer("lmmlite R", "lmmlite", "lmmlite_r", remedy=LMMLITE),
             "qtl2": RPeer("qtl2", "qtl2", "qtl2_fit"),
             "lme4": RPeer("lme4", "lme4", "lme4_fit", remedy="apt-get install r-cran-lme4")}
    return Case(f"fit-n{n}", "one fit (fit_lmm), whatever is decomposed included", {"n": n, "p": 1}, {"n": n // 10, "p": 1},
                simulated.one_fit, our_fit, tuple(there[name] for name in peers), fit_floor, after=our_eigen_seconds)


def _each(reml: bool, whole: bool) -> Case:
    sizes, quick = {"n": 500, "m": 10_000, "p": 1}, {"n": 60, "m": 50, "p": 1}
    ours = partial(read_again if whole else at_each_marker, reml=reml)
    mode, method = (1, "REML and Wald test") if reml else (2, "ML and likelihood ratio test")
    what = ("whole: GEMMA's process; ours, a script around lmm.each_position, reads the same files and writes a table, Python "
            "running already" if whole else "compute: GEMMA's eigen decomposition, rotation and optimisation by its log; ours, "
            "lmm.each_position, from arrays in memory")
    return Case(f"each-{'reml' if reml else 'ml'}-{'whole' if whole else 'compute'}", f"hsq at each SNP, {method}; {what}",
                sizes, quick, simulated.snps, ours, (GemmaPeer(f"gemma -lmm {mode}", mode, whole),),
                partial(scan_floor, k=1, each=True), cores=2)


def all_cases(quick: bool) -> list[Case]:
    """In the order of the table."""
    many = 10 if quick else 1000
    some = 4 if quick else 100
    bxd, small_bxd = {"n": 79, "m": 7321, "p": 35_554}, {"n": 40, "m": 50, "p": 60}
    iron_sizes = {"n": 284, "m": 66, "p": 2}
    small = {"n": 100, "m": 66, "p": 1}
    return [
        _scan("scan1-p1", "scan1, one kinship", 1, 1),
        _scan("scan1-p100", "scan1, one kinship", 100, 4),
        _scan("scan1-p1000", "scan1, one kinship", 1000, 10, extrapolated(QTL2_SCAN, many, 5 if quick else 50)),
        _scan("loco-p1", "scan1, LOCO", 1, 1, loco=True),
        _scan("loco-p100", "scan1, LOCO", 100, 4, loco=True),
        _scan("patterns-p100", "scan1, 100 patterns of missing values", 100, 4, missing=True),
        Case("herit-p1000", "est_herit", {"n": 500, "m": 2000, "p": 1000}, {"n": 40, "m": 40, "p": 10}, simulated.outbred,
             our_herit, (QTL2_HERIT,), herit_floor),
        Case("perm-p1", f"scan1perm, kinship, {some} permutations", {"n": 500, "m": 2000, "p": 1, "n_perm": 100},
             {"n": 40, "m": 40, "p": 1, "n_perm": 4}, simulated.outbred, partial(our_permutations, n_perm=some),
             (permuting(some, some),), permutation_floor),
        Case("perm-p100", f"scan1perm, kinship, {some} permutations", {"n": 500, "m": 2000, "p": 100, "n_perm": 100},
             {"n": 40, "m": 40, "p": 4, "n_perm": 4}, simulated.outbred, partial(our_permutations, n_perm=some),
             (permuting(some, 1, f"timed on 1 permutation, × {some}; the maxima of that one are compared"),), permutation_floor),
        *(_each(reml, whole) for reml in (False, True) for whole in (False, True)),
        _fit(500, ("lmmlite C++", "lmmlite R", "qtl2", "lme4")),
        _fit(2000, ("lmmlite C++", "lmmlite R", "qtl2")),
        Case("bxd", "scan1 at the size of the BXD: the whole LOD matrix in memory", bxd, small_bxd, simulated.inbred, our_scan,
             floor=partial(scan_floor, k=1), cores=2),
        Case("bxd-streamed", "the same, streamed to disk", bxd, small_bxd, simulated.inbred, our_streamed_scan,
             floor=partial(scan_floor, k=1), cores=2),
        Case("iron", "scan1 of iron, one kinship", iron_sizes, iron_sizes, simulated.iron, our_scan, (QTL2_SCAN,)),
        Case("iron-loco", "scan1 of iron, LOCO", iron_sizes, iron_sizes, partial(simulated.iron, kinship="loco"), our_scan,
             (QTL2_SCAN,)),
        Case("iron-herit", "est_herit of iron", iron_sizes, iron_sizes, simulated.iron, our_herit, (QTL2_HERIT,)),
        Case("small", "scan1, one kinship", small, small, simulated.outbred, our_scan, (QTL2_SCAN,), scan_floor),
        Case("small-loco", "scan1, LOCO", small, small, partial(simulated.outbred, kinship="loco"), our_scan, (QTL2_SCAN,),
             partial(scan_floor, kinships=simulated.CHROMOSOMES)),
    ]


#: Of the growth curves: what stays, what grows, and how far qtl2 is taken.
GROWTH_BASE = {"n": 500, "m": 1000, "p": 1}
GROWTH = {"n": (100, 200, 500, 1000), "m": (250, 500, 1000, 2000, 4000), "p": (1, 3, 10, 30, 100, 300, 1000)}
GROWTH_PEER_MOST = {"p": 10}
QUICK_GROWTH_BASE = {"n": 40, "m": 40, "p": 1}
QUICK_GROWTH = {"n": (30, 60), "m": (20, 40), "p": (1, 2, 4)}
QUICK_GROWTH_PEER_MOST = {"p": 2}


def growth_cases(quick: bool) -> dict[str, list[Case]]:
    """By what grows; a case without peer where qtl2 is not taken so far."""
    base, grow, most = ((QUICK_GROWTH_BASE, QUICK_GROWTH, QUICK_GROWTH_PEER_MOST) if quick
                        else (GROWTH_BASE, GROWTH, GROWTH_PEER_MOST))
    made = {}
    for axis, values in grow.items():
        made[axis] = []
        for value in values:
            sizes = {**base, axis: value}
            peers = (QTL2_SCAN,) if value <= most.get(axis, value) else ()
            made[axis].append(Case(f"growth-{axis}{value}", "scan1", sizes, sizes, simulated.outbred, our_scan, peers))
    return made
