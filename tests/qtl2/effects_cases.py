"""Three real crosses with covariates and weights, the same in Python and in R, for the tests of QTL effects."""
import functools
import itertools
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from lmmbridge.qtl2.genoprobs import Genoprobs
from lmmbridge.qtl2.r_objects import from_r

#: Chromosomes with genotype columns of full rank that the tests use, by cross.
CHROMOSOMES = {"iron": "16", "grav2": "1", "DOex": "2"}
#: Models without rank-deficient positions: arguments, and the objects of `Cross` (and of R) that they take.
MODELS = ({}, {"addcovar": "sex"}, {"intcovar": "sex"}, {"addcovar": "z", "intcovar": "sex"},
          {"addcovar": "both", "weights": "weights"}, {"addcovar": "sex", "nullcovar": "z"})


@dataclass(frozen=True)
class Cross:
    """What R has in a list, called eff_<name>."""

    name: str
    probs: Genoprobs
    loco: dict
    pheno: pd.Series
    sex: pd.DataFrame
    z: pd.DataFrame
    both: pd.DataFrame
    weights: pd.Series

    @property
    def chromosome(self) -> str:
        return CHROMOSOMES[self.name]

    def arguments(self, model: dict) -> dict:
        return {argument: getattr(self, value) for argument, value in model.items()}

    def r_arguments(self, model: dict) -> str:
        return "".join(f", {argument} = eff_{self.name}${value}" for argument, value in model.items())


@functools.cache
def make_cross(r, name: str, shared_data) -> Cross:
    """Compute the genotype probabilities in R and take all over; skips where the cross is not here."""
    file = f'system.file("extdata", "{name}.zip", package = "qtl2")'
    if name == "DOex":
        file = f'"{shared_data("DOex.zip")}"'
    read = {"iron": "", "grav2": "", "DOex": '[1:120, c("2", "3")]'}[name]
    sex = {"iron": 'cross$covar$sex == "m"', "grav2": "rbinom(162, 1, 0.5)", "DOex": 'cross$covar$Sex == "male"'}[name]
    phenotype = {"iron": 1, "grav2": 121, "DOex": 1}[name]
    alleles = "qtl2::genoprob_to_alleleprob" if name == "DOex" else ""
    r.eval(f"""eff_{name} <- local({{
        cross <- qtl2::read_cross2({file}){read}
        set.seed(20)
        probs <- {alleles}(qtl2::calc_genoprob(cross, error_prob = 0.002))
        loco <- qtl2::calc_kinship(probs, "loco")
        if("{name}" == "DOex") probs[["2"]] <- probs[["2"]][, , seq(1, 127, by = 9)]
        ids <- rownames(cross$pheno)
        pheno <- cross$pheno[, {phenotype}]
        pheno[c(3, 17)] <- NA
        list(probs = probs, loco = loco, pheno = pheno, sex = cbind(sex = setNames(as.numeric({sex}), ids)),
             z = cbind(z = setNames(rnorm(length(ids)), ids)),
             both = cbind(u = setNames(runif(length(ids)), ids), v = rnorm(length(ids))),
             weights = setNames(runif(length(ids), 0.5, 2), ids))
    }})
    0""")
    return Cross(name, **{part: from_r(r.eval(f"eff_{name}${part}").value)
                          for part in ("probs", "loco", "pheno", "sex", "z", "both", "weights")})


def kinships(cross: Cross) -> list[tuple]:
    """(Python's kinship and hsq, R's): without kinship, and with and hsq handed over."""
    chromosome = cross.chromosome
    return [({}, ""), ({"kinship": cross.loco[chromosome], "hsq": 0.4},
                       f', kinship = eff_{cross.name}$loco[["{chromosome}"]], hsq = 0.4')]


def combinations(cross: Cross) -> itertools.product:
    """(kinship, model, zerosum) in all combinations."""
    return itertools.product(kinships(cross), MODELS, [True, False])


def r_logical(value: bool) -> str:
    return str(value).upper()


def scan_in_r(r, call: str) -> tuple[pd.DataFrame, pd.DataFrame | None, int]:
    """Coefficients, standard errors and sample size of a scan1coef object."""
    value = r.eval(f"local({{a <- {call}; list(coef = matrix(a, nrow(a), dimnames = dimnames(a)), "
                   'SE = attr(a, "SE"), n = attr(a, "sample_size"))})').value
    return frame(value["coef"]), frame(value["SE"]) if value["SE"] is not None else None, value["n"]


def frame(array: xr.DataArray) -> pd.DataFrame:
    rows, columns = (array.coords[dim].values for dim in array.dims)
    return pd.DataFrame(np.where(np.isnan(array.values), np.nan, array.values), rows, columns)   # R's NA is another NaN


def effect_gap(ours, theirs, se) -> float:
    """Largest difference of coefficients relative to the larger of coefficient and standard error; NaN must match."""
    ours, theirs, se = (np.asarray(values, dtype=float) for values in (ours, theirs, se))
    assert np.array_equal(np.isnan(ours), np.isnan(theirs))
    scale = np.fmax(np.abs(theirs), se)
    return float(np.nanmax(np.abs(ours - theirs) / scale))


def ratio_gap(ours, theirs) -> float:
    """Largest relative difference; NaN must match."""
    ours, theirs = (np.asarray(values, dtype=float) for values in (ours, theirs))
    assert np.array_equal(np.isnan(ours), np.isnan(theirs))
    return float(np.nanmax(np.abs(ours - theirs) / np.abs(theirs)))
