"""GEMMA, a program of its own: association tests marker by marker, hsq estimated again at each.

GEMMA's model is var(y) = τ⁻¹(λK + I), so that hsq = λ/(1+λ) under K as it is written to the file; K is not scaled, but it
is centred (its rows and columns then have mean 0), whoever made it. REML does not notice, the intercept being a covariate. ML
does: `l_mle`, `p_lrt` and GEMMA's ML likelihood are those of the centred matrix. It is singular along the intercept, so that
the ML likelihood grows without bound as λ does; GEMMA looks no further than λ = 10⁵, and may find its maximum there.
"""
from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lmmbridge.engines.base import Availability, EngineFailure
from lmmbridge.errors import InputError

PROGRAM = "gemma"
REMEDY = "the program gemma is not on the PATH; apt-get install gemma"
#: GEMMA's -lmm: what is tested. 1: Wald, by REML. 2: likelihood ratio, by ML. 3: score. 4: all three.
MODES = (1, 2, 3, 4)
#: No marker is left out for its allele frequency, for missing values, or for a correlation with the covariates that is less
#: than 1 but for rounding.
KEEP_ALL = ("-notsnp", "-miss", "1", "-r2", "0.9999999999")
#: A run may take this long (seconds) before it is taken to hang.
TIMEOUT = 3600.0
#: `GEMMA 0.98.5 (2021-08-25) by …`, the first line of all that it prints.
VERSION = re.compile(r"GEMMA (\S+)(?: \((\S+)\))?")
#: Names of the times in the log, in minutes there.
TIMES = {"total": "total computation time", "eigen": "time on eigen-decomposition", "UtX": "time on calculating UtX",
         "optimization": "time on optimization"}


@dataclass(frozen=True)
class Times:
    """Seconds.

    Attributes
    ----------
    total, eigen, UtX, optimization : float
        What GEMMA's log says: all of it, the eigen decomposition, the rotation of the genotypes, the search for λ at each
        marker (with the tests). Reading and writing of files is in `total` only.
    wall : float
        Of the process, from its start to its end.
    """

    total: float
    eigen: float
    UtX: float
    optimization: float
    wall: float


@dataclass(frozen=True, eq=False)
class Associations:
    """GEMMA's answers.

    Attributes
    ----------
    table : DataFrame
        A row per marker; the columns of GEMMA's table, to the digits that it prints, and `hsq_remle`, `hsq_mle` from its
        `l_remle`, `l_mle` (λ). NaN for a marker that GEMMA left out.
    times : Times
    log : str
        GEMMA's log file.
    notes : tuple of str
    version : str
    """

    table: pd.DataFrame
    times: Times
    log: str
    notes: tuple[str, ...]
    version: str


def availability(program: str = PROGRAM) -> Availability:
    """GEMMA's version and when it was released, or what is missing and how to get it."""
    path = shutil.which(program)
    if path is None:
        return Availability(None, REMEDY if program == PROGRAM else f"there is no program {program}")
    try:
        said = subprocess.run([path, "-h"], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                              timeout=60.0)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Availability(None, f"{path} does not run ({error}); {REMEDY.rpartition('; ')[2]}")
    found = VERSION.search(said.stdout)
    if found is None:
        return Availability(None, f"{path} does not say that it is GEMMA; {REMEDY.rpartition('; ')[2]}")
    return Availability(found[1], build=found[2])


def associations(pheno: Any, genotypes: Any, kinship: Any, covariates: Any = None, mode: int = 1, *, threads: int = 1,
                 timeout: float = TIMEOUT, program: str = PROGRAM) -> Associations:
    """Test each marker with GEMMA, in a temporary folder.

    Parameters
    ----------
    pheno : array or Series of length n
        Without missing values.
    genotypes : array or DataFrame, shape (n, m)
        Numbers of second alleles (or any number), a column per marker.
    kinship : array or DataFrame, shape (n, n)
        GEMMA centres it (see the module).
    covariates : array or DataFrame, shape (n, p), optional
        With a column of ones. Default: that alone.
    mode : {1, 2, 3, 4}, default 1
        GEMMA's -lmm. 1: Wald test, λ by REML. 2: likelihood ratio test, λ by ML. 3: score test. 4: all.
    threads : int, default 1
        Of its BLAS.
    timeout : float, default 3600
        Seconds.
    program : str, default "gemma"

    Returns
    -------
    Associations

    Raises
    ------
    InputError
        Names the argument, and what to do.
    EngineFailure
        GEMMA is not there, did not end well or in time; with the last line that it printed.
    """
    with tempfile.TemporaryDirectory(prefix="gemma-") as folder:
        write_inputs(Path(folder), pheno, genotypes, kinship, covariates)
        found = run(Path(folder), mode, threads=threads, timeout=timeout, program=program)
    if isinstance(genotypes, pd.DataFrame):
        found.table.index = genotypes.columns
    return found


def write_inputs(folder: Path, pheno: Any, genotypes: Any, kinship: Any, covariates: Any = None) -> None:
    """Write the files that `run` hands to GEMMA (arguments as of `associations`); numbers to the bit.

    Raises
    ------
    InputError
    """
    y, G, K = _numbers(pheno, "pheno", 1), _numbers(genotypes, "genotypes", 2), _numbers(kinship, "kinship", 2)
    n = len(y)
    X = np.ones((n, 1)) if covariates is None else _numbers(covariates, "covariates", 2)
    for name, values, wanted in (("genotypes", G, (n, G.shape[1])), ("kinship", K, (n, n)), ("covariates", X, (n, X.shape[1]))):
        if values.shape != wanted:
            raise InputError(f"{name} has the shape {values.shape}: pheno has {n} individuals, so give {wanted[0]} rows"
                             + (" and as many columns" if name == "kinship" else ""))
    _refuse_other_order(pheno, genotypes=genotypes, kinship=kinship, covariates=covariates)
    if not np.any(np.all(X == 1.0, axis=0)):
        raise InputError("covariates has no column of ones: GEMMA would add one; put it in")
    whole = G.astype(int) if np.all(G == np.rint(G)) else G
    markers = pd.DataFrame(whole.T, index=[f"m{i}" for i in range(G.shape[1])])
    markers.insert(0, "allele1", "A")
    markers.insert(1, "allele0", "B")
    markers.to_csv(folder / "genotypes.csv", header=False)
    for name, values in (("pheno", y[:, None]), ("kinship", K), ("covariates", X)):
        pd.DataFrame(values).to_csv(folder / f"{name}.txt", sep="\t", header=False, index=False)


def run(folder: Path, mode: int = 1, *, threads: int = 1, timeout: float = TIMEOUT, program: str = PROGRAM) -> Associations:
    """Run GEMMA on the files that `write_inputs` wrote to the folder; markers are m0, m1, …

    Raises
    ------
    InputError, EngineFailure
    """
    if mode not in MODES:
        raise InputError(f"mode is {mode!r}: give 1 (Wald test), 2 (likelihood ratio test), 3 (score test) or 4 (all)")
    there = availability(program)
    path = shutil.which(program)
    if path is None:
        raise EngineFailure(there.remedy)
    command = [path, "-g", "genotypes.csv", "-p", "pheno.txt", "-c", "covariates.txt", "-k", "kinship.txt", "-lmm", str(mode),
               *KEEP_ALL, "-outdir", ".", "-o", "result"]
    for old in ("result.assoc.txt", "result.log.txt"):
        (folder / old).unlink(missing_ok=True)
    wall = _run(command, folder, threads, timeout)
    try:
        table = pd.read_csv(folder / "result.assoc.txt", sep="\t", index_col="rs", float_precision="round_trip")
        log = (folder / "result.log.txt").read_text(encoding="utf-8", errors="replace")
    except (OSError, ValueError) as error:
        raise EngineFailure(f"gemma wrote no results that can be read ({error}): {_last_line(folder)}") from None
    for name in {"l_remle", "l_mle"} & set(table):
        table[name.replace("l_", "hsq_")] = table[name] / (1.0 + table[name])
    every = _markers(folder)
    notes = _left_out([name for name in every if name not in table.index], len(every))
    times = Times(**{name: _seconds(log, words) for name, words in TIMES.items()}, wall=wall)
    return Associations(table.reindex(every), times, log, notes, there.version or "unknown")


def _run(command: list[str], folder: Path, threads: int, timeout: float) -> float:
    """Seconds that the process took; what it prints goes to the file `printed`."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
    with (folder / "printed").open("wb") as printed:
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=printed,
                                   stderr=subprocess.STDOUT, start_new_session=True)
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise EngineFailure(f"gemma took more than {timeout:g} seconds and was ended: {_last_line(folder)}") from None
        finally:
            if process.poll() is None:      # Ctrl-C ends it, too
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        wall = time.perf_counter() - start
    if status < 0:
        raise EngineFailure(f"gemma was ended by signal {-status} ({signal.strsignal(-status)}): {_last_line(folder)}")
    if status > 0:
        raise EngineFailure(f"gemma ended with status {status}: {_last_line(folder)}")
    return wall


def _last_line(folder: Path) -> str:
    """The last line that the program printed."""
    printed = re.split(r"[\r\n]+", (folder / "printed").read_text(encoding="utf-8", errors="replace"))
    return next((line.strip() for line in reversed(printed) if line.strip()), "it printed nothing")


def _seconds(log: str, words: str) -> float:
    """A time of the log; NaN where it is not there."""
    found = re.search(rf"{re.escape(words)} = (\S+) min", log)
    return float(found[1]) * 60.0 if found else np.nan


def _markers(folder: Path) -> list[str]:
    with (folder / "genotypes.csv").open(encoding="utf-8") as file:
        return [line.partition(",")[0] for line in file]


def _left_out(names: list[str], total: int) -> tuple[str, ...]:
    if not names:
        return ()
    some = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    return (f"GEMMA left out {len(names)} of {total} markers, which are constant or depend on the covariates ({some}, counted "
            "from m0)",)


def _numbers(values: Any, name: str, dimensions: int) -> np.ndarray:
    try:
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise InputError(f"{name} is not numeric: give numbers") from None
    if array.ndim != dimensions or array.size == 0:
        raise InputError(f"{name} has the shape {array.shape}: give {dimensions} dimension{'s' * (dimensions > 1)}, none empty")
    if not np.all(np.isfinite(array)):
        where = ", ".join(str(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise InputError(f"{name} has a value that is missing or not finite, at ({where}): leave out such individuals first")
    return array


def _refuse_other_order(pheno: Any, **others: Any) -> None:
    """Labelled arguments must have their individuals in the same order."""
    labels = getattr(pheno, "index", None)
    for name, values in others.items():
        index = getattr(values, "index", None)
        if labels is not None and index is not None and not labels.equals(index):
            raise InputError(f"{name} has other individuals than pheno, or another order of them: give them in one order")
