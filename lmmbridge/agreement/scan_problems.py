"""The scans on which implementations of scan1 are compared: crosses of the qtl2 package, and the user's own."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from lmmbridge.agreement.problems import Problem
from lmmbridge.agreement.simulation import DECIMALS
from lmmbridge.qtl2.cross2 import Cross2, read_cross2
from lmmbridge.qtl2.r_objects import to_r
from lmmbridge.qtl2.scan_data import ScanData
from lmmbridge.qtl2.through_r import calc_genoprob, genoprob_to_alleleprob, in_qtl2
from lmmbridge.qtl2.x_covar import get_x_covar

#: Genotyping error probability of the genotype probabilities.
ERROR_PROB = 0.002
#: Crosses of more founders are scanned by allele rather than genotype probabilities, as is usual.
FEW_ALLELES = 2
#: Seed of made covariates and weights.
SEED = 20


def scan_problems(name: str, file: Path) -> list[Problem]:
    """Scans of a cross, by kinship and design.

    Kinship: none, overall, and one for each chromosome left out. Design: no covariates; covariates (those of the cross,
    made ones where it has none, and R/qtl2's covariates for the X chromosome); an interaction with weights.

    Parameters
    ----------
    name : str
    file : Path
        What `read_cross2` reads.
    """
    cross = read_cross2(file)
    probs = calc_genoprob(cross, error_prob=ERROR_PROB)
    kind = "genotype"
    if len(cross.alleles) > FEW_ALLELES:
        probs, kind = genoprob_to_alleleprob(probs), "allele"
    ids = list(probs.individuals)
    rng = np.random.default_rng(SEED)
    covariates, made = _covariates(cross, ids, rng)
    weights = pd.Series(np.exp(rng.normal(scale=0.5, size=len(ids))).round(DECIMALS), ids)
    # R/qtl2's own kinship: its sums do not depend on a BLAS, so that the problem is the same to the bit elsewhere.
    types = ("overall", "loco") if len(probs) > 1 else ("overall",)
    kinships = {"none": None} | {type: in_qtl2("calc_kinship", probs=to_r(probs), type=type) for type in types}
    designs = {"intercept": {}, "covariates": {"addcovar": covariates, "Xcovar": get_x_covar(cross)},
               "interaction": {"addcovar": covariates, "intcovar": covariates.iloc[:, [0]], "weights": weights}}
    source = (f"{file.name}, {kind} probabilities at the markers with error_prob {ERROR_PROB:g}{made}, weights made "
              f"(seed {SEED})")
    return [Problem(f"{name}/scan-{kinship}/{design}", source,
                    ScanData(probs, cross.gmap, cross.pheno, kinships[kinship], **arguments),
                    SEED if made and arguments or "weights" in arguments else None)
            for kinship in kinships for design, arguments in designs.items()]


def _covariates(cross: Cross2, ids: list[str], rng: np.random.Generator) -> tuple[pd.DataFrame, str]:
    """The cross's numeric and two-valued covariates as numbers; a balanced group and a normal variate where none is."""
    columns = {}
    for name, column in ({} if cross.covar is None else cross.covar).items():
        numbers = pd.to_numeric(column, errors="coerce")
        values = sorted(column.dropna().unique())
        if numbers.notna().equals(column.notna()) and numbers.nunique() > 1:
            columns[name] = numbers.astype(float)
        elif len(values) == 2:
            columns[name] = column.map({values[0]: 0.0, values[1]: 1.0})
    if columns:
        return pd.DataFrame(columns), ""
    return pd.DataFrame({"group": np.arange(len(ids)) % 2.0, "variate": rng.normal(size=len(ids)).round(DECIMALS)}, ids), ", covariates made"
