"""The problems on which engines are compared: two real crosses, seeded simulations, and the user's own data."""
from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from lmmbridge.agreement.simulation import DECIMALS
from lmmbridge.engines.r_engines import shared_session
from lmmbridge.inputs import Data, check_eigenvalues, prepare
from lmmbridge.kinship_files import read_kinship_file
from lmmbridge.qtl2.scan_data import ScanData
from lmmbridge.rlink import RError, RUnavailable
from lmmbridge.tables import read_csv

CROSSES = ("iron", "grav2")
#: Of made covariates.
SEED = 20


@dataclass(frozen=True)
class Problem:
    """A named problem.

    Attributes
    ----------
    name : str
        Parts joined by "/", for example iron/overall/covariates.
    source : str
        Where it comes from: package and version, or files.
    data : Data or ScanData
    seed : int or None
        Of the numbers in it that were drawn.
    """

    name: str
    source: str
    data: Data | ScanData
    seed: int | None = None


class ProblemsUnavailable(RuntimeError):
    """Problems that cannot be had here; the message says what is missing and how to get it."""


def cross_problems(cross: str) -> list[Problem]:
    """Every phenotype of a cross of the qtl2 package, with and without covariates, overall and each LOCO kinship.

    The covariates are the cross's own (iron: sex and cross direction); grav2 has none and gets two made ones, a
    balanced group and a seeded normal variate.
    """
    session = shared_session()
    try:
        session.source(Path(__file__).with_name("crosses.R"))
        found = session.call("cross_problem", cross).value
    except (RUnavailable, RError) as error:
        raise ProblemsUnavailable(f"the {cross} data come with the R package qtl2, which cannot be used here "
                                  f"({error}); run make setup") from error
    pheno = pd.DataFrame(found["pheno"], index=found["ids"], columns=np.atleast_1d(found["phenotypes"]))
    seed = None
    if found["covar"] is None:
        seed = SEED
        rng = np.random.default_rng(seed)
        covar = pd.DataFrame({"group": np.arange(len(pheno)) % 2, "variate": rng.normal(size=len(pheno)).round(DECIMALS)}, pheno.index)
        made = f", covariates made (seed {seed})"
    else:
        covar = pd.DataFrame(np.asarray(found["covar"]), found["covar_ids"], np.atleast_1d(found["covariates"]))
        made = ""
    source = f"{cross} of R/qtl2 {found['version']}, genotype probabilities at the markers with error_prob 0.002"
    problems = []
    for kinship_name, K in found["kinship"].items():
        kinship = pd.DataFrame(K, found["kinship_ids"], found["kinship_ids"])
        for label, columns, said, drawn in (("intercept", None, "", None), ("covariates", covar, made, seed)):
            problems += _named(f"{cross}/{kinship_name}/{label}", source + said, prepare(pheno, kinship, columns), drawn)
    return problems


def own_problems(pheno: Path, kinship: Path, covar: Path | None, weights: Path | None) -> list[Problem]:
    """The user's own data: CSV files with the ID in column one; kinship also as other programs write it."""
    readers = ((pheno, read_csv), (kinship, read_kinship_file), (covar, read_csv), (weights, read_csv))
    frames = [None if path is None else read(path) for path, read in readers]
    names = ", ".join(str(path.name) for path in (pheno, kinship, covar, weights) if path is not None)
    problems = _named("own", f"files {names}", prepare(*frames))
    return [replace(problem, data=_positive_semidefinite(problem.data)) for problem in problems]


def _positive_semidefinite(data: Data) -> Data:
    """The same with a K that all engines can take: slightly negative eigenvalues, as rounded files have, set to zero."""
    values, vectors = np.linalg.eigh(data.K)
    if not check_eigenvalues(values):
        return data
    K = vectors @ (np.maximum(values, 0.0)[:, None] * vectors.T)
    K = (K + K.T) / 2.0
    note = (f"kinship has slightly negative eigenvalues (down to {values[0]:.2g}); all engines get it with these set to "
            f"zero, which moves its entries by at most {np.max(np.abs(K - data.K)):.1g}")
    return replace(data, K=K, notes=(*data.notes, note))


def _named(name: str, source: str, batches: list[Data], seed: int | None = None) -> list[Problem]:
    if len(batches) == 1:
        return [Problem(name, source, batches[0], seed)]
    return [Problem(f"{name}/pattern{i + 1}", source, data, seed) for i, data in enumerate(batches)]
