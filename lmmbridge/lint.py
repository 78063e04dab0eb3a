"""What is worth knowing about a kinship matrix and the data that go with it, before anything is fitted.

Nothing is changed or refused here but what is no kinship matrix at all.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import linalg

from lmmbridge.errors import InputError
from lmmbridge.inputs import ASYMMETRY, NEGATIVE_EIGENVALUE, frame_of, numbers_of
from lmmbridge.qtl2.kinship import check_kinship

#: Numbers nearer than this, relatively, are the same: files have six or more significant digits.
SAME_NUMBER = 1e-5
#: Mean diagonal of a GRM: 2/3 in a backcross, 1 in an F2 or a random mating population, 2 for inbred lines, and room
#: for sampling. (Of GEMMA's centred matrix: 1/4, 1/2, 1; that of inbred lines passes for a GRM.)
GRM_DIAGONAL = (0.6, 2.2)
#: Off-diagonal mean of a GRM relative to its diagonal: −1/(n − 1) with the sample's allele frequencies, else near 0.
GRM_OFF_DIAGONAL = 0.1
#: k_ij / √(k_ii k_jj) of one sample taken twice: five pairs of mice in the b6btbr cross have above 0.9999, while the
#: most alike of 284 independent F2 mice have 0.988 over the few markers of the iron data.
SAME_SAMPLE = 0.99
#: Where a larger share of individuals than this has a double, that is the design (replicated lines), not a mistake.
MANY_DOUBLES = 0.5
#: A phenotype with a larger share missing has more individuals left out than in: those left may not stand for the rest.
HEAVILY_MISSING = 0.5
#: Below this many individuals an interval or test from the likelihood's curvature is not to be relied on.
FEW_INDIVIDUALS = 30
#: The dense engine solves with V at every hsq, n³/3 operations each: above this it takes minutes for a case.
SLOW_DENSE = 2000
#: How many names are written out.
NAMES = 3

NOTE, WARNING = "note", "warning"


@dataclass(frozen=True)
class Finding:
    """One thing to know.

    Attributes
    ----------
    severity : {"note", "warning"}
        A warning is something that is probably not meant or that spoils a fit.
    what : str
        What it is about: scale, symmetry, diagonal, eigenvalues, rank, doubles, ids, phenotype, or size.
    sentence : str
    """

    severity: str
    what: str
    sentence: str


@dataclass(frozen=True)
class _Remark:
    """What holds for one matrix or phenotype, and the numbers that show it; the former is the same for all alike."""

    severity: str
    what: str
    says: str
    numbers: str


def lint(kinship: pd.DataFrame | Mapping[str, pd.DataFrame], pheno: Any = None, covar: Any = None) -> list[Finding]:
    """What is worth knowing about a kinship matrix, phenotypes and covariates.

    Parameters
    ----------
    kinship : DataFrame, shape (n, n), or mapping of chromosome to such
        Index and columns are the IDs.
    pheno, covar : Series or DataFrame, optional
        Index is the IDs; NaN is missing.

    Returns
    -------
    list of Finding
        About the kinship (scale, symmetry, diagonal, eigenvalues, rank, individuals nearly the same, size), the IDs,
        and the phenotypes. What is so for many chromosomes or phenotypes is said once.

    Raises
    ------
    lmmbridge.InputError
        If `kinship` is not square, its rows and columns differ, or an entry is not a number; if `pheno` holds text.

    Examples
    --------
    >>> from lmmbridge.qtl2.cross2 import read_cross2
    >>> from lmmbridge.qtl2.extdata import extdata
    >>> from lmmbridge.qtl2.kinship import calc_kinship
    >>> from lmmbridge.qtl2.through_r import calc_genoprob
    >>> iron = read_cross2(extdata("iron.zip"))
    >>> kinship = calc_kinship(calc_genoprob(iron, error_prob=0.002))
    >>> sick = (iron.pheno["liver"] > 80).astype(int).rename("sick")
    >>> for line in lines(lint(kinship, sick)):
    ...     print(line)    # doctest: +ELLIPSIS
    note: kinship: on the scale of R/qtl2's calc_kinship, ... (diagonal 0.522 to 0.892, mean 0.693; off the ...)
    note: kinship: not of full rank: V is singular at hsq = 1, where the likelihood falls to ... (rank 67 of 284)
    note: 284 individuals in all of kinship, pheno (284 of kinship, 284 of pheno)
    note: phenotype 'sick': binary: a linear model takes its two values as numbers, ... (0: 116, 1: 168)
    """
    chromosomes = kinship if isinstance(kinship, Mapping) else {"": kinship}
    matrices = {name: check_kinship(matrix, f"kinship of chromosome '{name}'" if name else "kinship")
                for name, matrix in chromosomes.items()}
    if not matrices:
        raise InputError("kinship has no chromosome: give a matrix for each, or one for all")
    first = next(iter(matrices.values()))
    findings = _once({name: _about_kinship(matrix) for name, matrix in matrices.items()}, "kinship of ", "chromosome")
    if len(first) > SLOW_DENSE:
        findings.append(Finding(NOTE, "size", f"{len(first)} individuals: the dense engine takes minutes for each "
                                              "case; leave it out unless that is wanted"))
    parts = {"kinship": first}
    for name, values in (("pheno", pheno), ("covar", covar)):
        if values is not None:
            parts[name] = frame_of(values, name, "kinship", first.index)
    findings += _about_ids({name: list(frame.index) for name, frame in parts.items()})
    if pheno is not None:
        common = [i for i in parts["pheno"].index if all(i in frame.index for frame in parts.values())]
        values = numbers_of(parts["pheno"].loc[common], "pheno", missing=True)
        findings += _once({name: _about_phenotype(y) for name, y in zip(parts["pheno"].columns, values.T) if common},
                          "", "phenotype")
    return findings


def lines(findings: Iterable[Finding]) -> list[str]:
    """A line of text for each finding, warnings first."""
    return [f"{finding.severity}: {finding.sentence}"
            for finding in sorted(findings, key=lambda finding: finding.severity != WARNING)]


def _about_kinship(kinship: pd.DataFrame) -> list[_Remark]:
    K, ids = kinship.to_numpy(dtype=float), list(kinship.index)
    largest = np.abs(K).max()
    remarks = [_scale(K)]
    gap = np.abs(K - K.T)
    if gap.max() > 0.0:
        i, j = np.unravel_index(int(np.argmax(gap)), gap.shape)
        repaired = gap.max() <= ASYMMETRY * largest
        remarks.append(_Remark(
            NOTE if repaired else WARNING, "symmetry",
            "symmetric only to rounding; fits use the mean of both sides" if repaired else
            "not symmetric; fits refuse it", f"{K[i, j]:g} for ('{ids[i]}', '{ids[j]}') and {K[j, i]:g} for "
            f"('{ids[j]}', '{ids[i]}')"))
    K = (K + K.T) / 2.0
    bad = [f"{ids[i]}: {K[i, i]:g}" for i in np.flatnonzero(np.diag(K) <= 0.0)]
    if bad:
        remarks.append(_Remark(WARNING, "diagonal", "individuals whose diagonal element is not positive, which no "
                               "kinship with oneself is", _some(bad)))
    return remarks + _spectrum(K) + _doubles(K, ids)


def _scale(K: np.ndarray) -> _Remark:
    n = len(K)
    diagonal = np.diag(K)
    off = K[~np.eye(n, dtype=bool)] if n > 1 else np.zeros(1)
    entries = (f"diagonal {diagonal.min():.3g} to {diagonal.max():.3g}, mean {diagonal.mean():.3g}; off the diagonal "
               f"{off.min():.3g} to {off.max():.3g}, mean {off.mean():.3g}")
    mean = abs(diagonal.mean())
    negative = off.min() < -SAME_NUMBER * mean
    centred = _rows_sum_to_zero(K)
    ones = np.all(np.abs(diagonal - 1.0) <= SAME_NUMBER)
    if not negative and ones:
        says = ("on the scale of a correlation, as scale_kinship gives it (or a pedigree without inbreeding): the "
                "diagonal is 1 and no entry is negative")
    elif not negative and K.max() <= 1.0 + SAME_NUMBER and np.all(diagonal > 0.0):
        says = ("on the scale of R/qtl2's calc_kinship, probabilities of sharing an allele; R/qtl2's functions use "
                "twice that, fit_lmm uses it as it is")
    elif not negative and K.max() <= 2.0 + SAME_NUMBER and np.all(diagonal > 0.0):
        return _Remark(WARNING, "scale", "on twice the scale of R/qtl2's calc_kinship (probabilities of sharing an "
                       "allele), which R/qtl2's functions would double again: give those half of it", entries)
    elif centred and abs(mean - 1.0) <= SAME_NUMBER:
        says = ("standardised, as GEMMA's -gk 2 gives it: rows sum to 0 and the mean of the diagonal is 1")
    elif negative and GRM_DIAGONAL[0] <= mean <= GRM_DIAGONAL[1] and abs(off.mean()) <= GRM_OFF_DIAGONAL * mean:
        says = ("on the scale of a genomic relationship matrix (GCTA, PLINK): the diagonal is about 1 (2 for inbred "
                "lines), the rest about 0; R/qtl2's functions would double it")
    elif centred:
        says = "centred, as GEMMA's -gk 1 gives it: rows sum to 0"
    else:
        says = "on none of the scales known here"
    return _Remark(NOTE, "scale", says, entries)


def _rows_sum_to_zero(K: np.ndarray) -> bool:
    return bool(np.all(np.abs(K.sum(axis=1)) <= SAME_NUMBER * np.abs(K).sum(axis=1)))


def _spectrum(K: np.ndarray) -> list[_Remark]:
    """Negative eigenvalues, and the rank."""
    n = len(K)
    values = linalg.eigvalsh(K, check_finite=False)
    zero = n * np.finfo(float).eps * np.abs(values).max()
    negative = values[values < -zero]
    remarks = []
    if len(negative):
        refused = negative[0] < -NEGATIVE_EIGENVALUE * values[-1]
        remarks.append(_Remark(
            WARNING if refused else NOTE, "eigenvalues",
            "negative eigenvalues, so no covariance matrix; fits refuse it" if refused else
            "slightly negative eigenvalues, as rounding in a file gives them; they are used as they are, not set to 0",
            f"{len(negative)} of {n}, the smallest {negative[0]:.3g}, the largest of all {values[-1]:.3g}"))
    rank = int(np.sum(values > zero))
    if n > 1 and _rows_sum_to_zero(K) and values[1] > SAME_NUMBER * values[-1]:
        remarks.append(_Remark(NOTE, "rank", "singular for the constant alone: with an intercept the ML likelihood "
                               "grows without bound towards hsq = 1, so use REML",
                               f"the smallest eigenvalues are {values[0]:.2g} and {values[1]:.2g}"))
    elif rank < n:
        remarks.append(_Remark(NOTE, "rank", "not of full rank: V is singular at hsq = 1, where the likelihood falls "
                               "to −∞ as a rule", f"rank {rank} of {n}"))
    return remarks


def _doubles(K: np.ndarray, ids: list[str]) -> list[_Remark]:
    """Pairs of individuals that are nearly the same."""
    root = np.sqrt(np.maximum(np.diag(K), 0.0))
    alike = (K >= SAME_SAMPLE * np.outer(root, root)) & (K > 0.0)
    i, j = np.nonzero(np.triu(alike, 1))
    if not len(i):
        return []
    pairs = [f"{ids[a]} and {ids[b]}: {K[a, b] / (root[a] * root[b]):.4f}" if root[a] * root[b] > 0.0 else
             f"{ids[a]} and {ids[b]}" for a, b in zip(i[:NAMES], j[:NAMES])]
    shown = f"{len(i)} pair{'s' * (len(i) > 1)}; k_ij/√(k_ii k_jj) of {', '.join(pairs)}{', …' * (len(i) > NAMES)}"
    if len(set(i) | set(j)) > MANY_DOUBLES * len(ids):
        return [_Remark(NOTE, "doubles", "most individuals have another that is nearly the same, as replicates of "
                        "inbred lines have, or a backcross or an F2 with few markers", shown)]
    return [_Remark(WARNING, "doubles", "individuals that are nearly the same: one sample taken twice, or twins? "
                    "Inbred lines, and individuals of a cross with few markers, can be so without a mistake", shown)]


def _about_ids(parts: dict[str, list[str]]) -> list[Finding]:
    if len(parts) == 1:
        return []
    sets = {name: set(ids) for name, ids in parts.items()}
    common = set.intersection(*sets.values())
    sizes = ", ".join(f"{len(ids)} of {name}" for name, ids in parts.items())
    if not common:
        examples = ", ".join(f"'{ids[0]}' in {name}" for name, ids in parts.items())
        return [Finding(WARNING, "ids", f"no individual is in all of {', '.join(parts)} ({sizes}): check that the IDs "
                                        f"are written alike ({examples})")]
    findings = [Finding(NOTE, "ids", f"{_individuals(len(common))} in all of {', '.join(parts)} ({sizes})")]
    for name, ids in parts.items():
        for other in parts:
            alone = [i for i in ids if i not in sets[other]]
            if alone:
                findings.append(Finding(WARNING if name == "pheno" else NOTE, "ids", f"{_individuals(len(alone))} of "
                                        f"{name} not in {other}, to be left out ({_some(alone)})"))
    return findings


def _about_phenotype(y: np.ndarray) -> list[_Remark]:
    observed = y[~np.isnan(y)]
    n, missing = len(observed), 1.0 - len(observed) / len(y)
    remarks = []
    if missing > HEAVILY_MISSING:
        remarks.append(_Remark(WARNING, "phenotype", "missing for most individuals", f"{len(y) - n} of {len(y)}"))
    if n < FEW_INDIVIDUALS:
        remarks.append(_Remark(WARNING, "phenotype", f"fewer than {FEW_INDIVIDUALS} individuals with a value, too few "
                               "for the interval and the tests of hsq to be relied on", f"{n}"))
    values, counts = np.unique(observed, return_counts=True)
    if len(values) == 1:
        remarks.append(_Remark(WARNING, "phenotype", "constant, so there is nothing to explain; fits refuse it",
                               f"{values[0]:g} for all {n}"))
    if len(values) == 2 < n:
        remarks.append(_Remark(NOTE, "phenotype", "binary: a linear model takes its two values as numbers, and hsq is "
                               "not that of the liability",
                               f"{values[0]:g}: {counts[0]}, {values[1]:g}: {counts[1]}"))
    return remarks


def _once(remarks: dict[str, list[_Remark]], of: str, noun: str) -> list[Finding]:
    """A finding for each remark that differs, with the names of those it holds for and the numbers of the first."""
    alike: dict[tuple[str, str, str], dict[str, str]] = {}
    for name, about in remarks.items():
        for remark in about:
            alike.setdefault((remark.severity, remark.what, remark.says), {})[name] = remark.numbers
    findings = []
    for (severity, what, says), shown in alike.items():
        names = list(shown)
        if names == [""]:
            subject = "kinship"
        elif len(names) == 1:
            subject = f"{of}{noun} '{names[0]}'"
        else:
            subject = f"{of}{len(names)} of {len(remarks)} {noun}s ({_some(names)})"
        numbers = shown[names[0]] if len(names) == 1 else f"{names[0]}: {shown[names[0]]}"
        findings.append(Finding(severity, what, f"{subject}: {says} ({numbers})"))
    return findings


def _individuals(count: int) -> str:
    return f"{count} individual" if count == 1 else f"{count} individuals"


def _some(names: list) -> str:
    return ", ".join(map(str, names[:NAMES])) + (", …" if len(names) > NAMES else "")
