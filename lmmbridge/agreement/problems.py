"""The problems on which engines are compared: two real crosses, seeded simulations, and the user's own data."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pandas as pd

from lmmbridge.agreement import simulation
from lmmbridge.engines.r_engines import shared_session
from lmmbridge.errors import InputError
from lmmbridge.inputs import Data, check_eigenvalues, prepare
from lmmbridge.rlink import RError, RUnavailable

CROSSES = ("iron", "grav2")
#: What stands for a missing value in a CSV file.
MISSING = ["", "-", "NA", "N/A", "NaN", "nan", "NULL", "null"]


@dataclass(frozen=True)
class Problem:
    """A named problem.

    Attributes
    ----------
    name : str
        Parts joined by "/", for example iron/overall/covariates.
    source : str
        Where it comes from: package and version, seed, or files.
    data : Data
    """

    name: str
    source: str
    data: Data


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
    if found["covar"] is None:
        rng = np.random.default_rng(20)
        covar = pd.DataFrame({"group": np.arange(len(pheno)) % 2, "variate": rng.normal(size=len(pheno))}, pheno.index)
        made = ", covariates made (seed 20)"
    else:
        covar = pd.DataFrame(np.asarray(found["covar"]), found["covar_ids"], np.atleast_1d(found["covariates"]))
        made = ""
    source = f"{cross} of R/qtl2 {found['version']}, genotype probabilities at the markers with error_prob 0.002"
    problems = []
    for kinship_name, K in found["kinship"].items():
        kinship = pd.DataFrame(K, found["kinship_ids"], found["kinship_ids"])
        for label, columns, said in (("intercept", None, ""), ("covariates", covar, made)):
            problems += _named(f"{cross}/{kinship_name}/{label}", source + said, prepare(pheno, kinship, columns))
    return problems


def own_problems(pheno: Path, kinship: Path, covar: Path | None, weights: Path | None) -> list[Problem]:
    """The user's own data, CSV files with the ID in column one."""
    frames = [None if path is None else read_csv(path) for path in (pheno, kinship, covar, weights)]
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


def read_csv(path: Path) -> pd.DataFrame:
    """A table with the ID in column one, taken as text; elsewhere empty cells, NA and - are missing."""
    try:
        header = next(iter(pd.read_csv(path, header=None, nrows=1, dtype=str, skipinitialspace=True).fillna("").values))
        missing = {name: MISSING for name in header[1:]}
        frame = pd.read_csv(path, na_values=missing, keep_default_na=False, dtype={header[0]: str}, skipinitialspace=True)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist") from None
    except pd.errors.EmptyDataError:
        raise InputError(f"{path} is empty: a CSV file with the ID in column one is needed") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as CSV: {str(error).strip()}") from None
    if len(header) == 1 and ";" in header[0]:
        raise InputError(f"{path} is separated by ';': write it with ',' between columns and '.' in numbers")
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise InputError(f"{path}: column '{twice[0]}' occurs more than once; give every column its own name")
    frame = frame.set_index(frame.columns[0])
    if frame.shape[0] == 0 or frame.shape[1] == 0:
        raise InputError(f"{path} has {frame.shape[0]} rows and {frame.shape[1]} columns beside the ID; a CSV file "
                         "with the ID in column one is needed")
    return frame


def _named(name: str, source: str, batches: list[Data]) -> list[Problem]:
    if len(batches) == 1:
        return [Problem(name, source, batches[0])]
    return [Problem(f"{name}/pattern{i + 1}", source, data) for i, data in enumerate(batches)]


def select(patterns: list[str]) -> Iterator[tuple[str, list[Problem] | ProblemsUnavailable]]:
    """Problems by family: those whose name matches one of the patterns.

    Parameters
    ----------
    patterns : list of str
        Names of families (iron, grav2, simulated), or shell patterns of whole names such as iron/loco*/covariates.

    Yields
    ------
    (family, problems), or (family, the reason why they cannot be had)
    """
    matched = set()
    for family in (*CROSSES, "simulated"):
        wanted = [pattern for pattern in patterns if fnmatch(family, pattern.split("/")[0])]
        if not wanted:
            continue
        try:
            problems = cross_problems(family) if family in CROSSES else [
                Problem(f"simulated/{name}", source, data) for name, source, data in simulation.problems()]
        except ProblemsUnavailable as unavailable:
            matched.update(wanted)
            yield family, unavailable
            continue
        chosen = []
        for problem in problems:
            hits = [pattern for pattern in wanted if pattern == family or fnmatch(problem.name, pattern)]
            matched.update(hits)
            if hits:
                chosen.append(problem)
        if chosen:
            yield family, chosen
    missed = [pattern for pattern in patterns if pattern not in matched]
    if missed:
        raise InputError(f"--problems: nothing is called '{missed[0]}'; give iron, grav2, simulated, or a pattern "
                         "such as 'iron/loco*/covariates'")
