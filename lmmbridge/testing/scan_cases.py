"""What a law about genome scans asks: data, options, and for single positions which."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import xarray as xr

from lmmbridge.qtl2 import Genoprobs
from lmmbridge.qtl2.scan_data import ScanData

#: Answers by quantity ("lod", "hsq", "coef", "SE"): positions × phenotypes, or positions × coefficients.
Tables = dict[str, pd.DataFrame]


@dataclass(frozen=True, eq=False)
class ScanCase:
    """A drawn problem, and what is asked about it.

    Attributes
    ----------
    data : ScanData
    reml : bool
    hsq : float or None
        Given for all null models, under twice the kinship; None: to be estimated.
    nullcovar : DataFrame or None
        For the functions of a single chromosome.
    chromosome, position : str
        Which those functions are asked about.
    change : ScanChange or None
        The same problem posed in another way.
    """

    data: ScanData
    reml: bool
    hsq: float | None
    nullcovar: pd.DataFrame | None
    chromosome: str
    position: str
    change: ScanChange | None = None

    def __repr__(self) -> str:
        data = self.data
        kinship = "no" if data.kinship is None else "one" if isinstance(data.kinship, pd.DataFrame) else "LOCO"
        given = {name: getattr(data, name) for name in ("addcovar", "Xcovar", "intcovar", "weights")}
        given["nullcovar"] = self.nullcovar
        words = [f"{len(data.genoprobs.individuals)} individuals, {len(data.genoprobs.positions)} positions",
                 f"{data.pheno.shape[1]} phenotype{'s' * (data.pheno.shape[1] > 1)}", f"{kinship} kinship",
                 *(name for name, value in given.items() if value is not None), "REML" if self.reml else "ML"]
        words += [f"hsq = {self.hsq:g} given"] if self.hsq is not None else []
        return ", ".join(words) + ("" if self.change is None else f"; {self.change.words}")

    @property
    def kinship(self) -> pd.DataFrame | None:
        """That of the chromosome."""
        kinship = self.data.kinship
        return kinship[self.chromosome] if isinstance(kinship, dict) else kinship

    def with_data(self, **parts) -> ScanCase:
        """With other parts of the data."""
        return replace(self, data=replace(self.data, **parts), change=None)

    def by_individual(self, change: Callable[[pd.DataFrame], pd.DataFrame],
                      square: Callable[[pd.DataFrame], pd.DataFrame]) -> ScanCase:
        """With all tables of individuals changed, and the kinship matrices.

        `change` takes individuals × anything (probabilities too: individuals × (genotypes · positions)).
        """
        data = self.data
        tables = {name: None if getattr(data, name) is None else change(getattr(data, name))
                  for name in ("pheno", "addcovar", "Xcovar", "intcovar")}
        weights = None if data.weights is None else change(data.weights.to_frame()).iloc[:, 0]
        kinship = data.kinship
        if kinship is not None:
            kinship = square(kinship) if isinstance(kinship, pd.DataFrame) else {
                name: square(matrix) for name, matrix in kinship.items()}
        case = self.with_data(genoprobs=changed_genoprobs(data.genoprobs, change), weights=weights, kinship=kinship,
                              **tables)
        return replace(case, nullcovar=None if self.nullcovar is None else change(self.nullcovar))


@dataclass(frozen=True, eq=False)
class ScanChange:
    """The same problem posed in another way.

    Attributes
    ----------
    case : ScanCase
    words : str
        What was changed.
    answers : function of Tables
        Answers to the original → what the answers to the changed problem must be; quantities left out may change.
    as_well : bool
        Whether the changed problem is as well conditioned as the original, whatever that is.
    """

    case: ScanCase
    words: str
    answers: Callable[[Tables], Tables] = lambda tables: tables
    as_well: bool = True


def changed_genoprobs(probs: Genoprobs, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Genoprobs:
    """Probabilities with the rows (individuals) changed."""
    arrays = {}
    for chromosome, array in probs.items():
        flat = change(pd.DataFrame(array.values.reshape(len(array), -1), array.coords["individual"].values))
        arrays[chromosome] = xr.DataArray(flat.to_numpy().reshape(-1, *array.shape[1:]), dims=array.dims, coords={
            **{dim: array.coords[dim].values for dim in array.dims[1:]}, "individual": list(flat.index)})
    return Genoprobs(arrays, probs.is_x_chr, probs.crosstype, probs.alleles, probs.alleleprobs)


# --- what is asked ---------------------------------------------------------------------------------------------------


def scan1(implementation, case: ScanCase, **options) -> Tables:
    """LOD scores and hsq."""
    found = implementation.scan1(**case.data.arguments, reml=case.reml, hsq=case.hsq, quiet=True, **options)
    return {"lod": found.lod} if found.hsq is None else {"lod": found.lod, "hsq": found.hsq}


def scan1coef(implementation, case: ScanCase) -> Tables:
    """Coefficients with standard errors, of the first phenotype along the chromosome."""
    data = case.data
    found = implementation.scan1coef(data.genoprobs.subset(chr=[case.chromosome]), data.pheno.iloc[:, 0], case.kinship,
                                     data.addcovar, case.nullcovar, data.intcovar, data.weights, se=True, hsq=case.hsq,
                                     reml=case.reml, quiet=True)
    return {"coef": found.coef, "SE": found.se}


def scan1blup(implementation, case: ScanCase, **options) -> Tables:
    """Predictors of the first phenotype along the chromosome."""
    data = case.data
    found = implementation.scan1blup(data.genoprobs.subset(chr=[case.chromosome]), data.pheno.iloc[:, 0], case.kinship,
                                     data.addcovar, case.nullcovar, reml=case.reml, quiet=True, **options)
    return {"coef": found.coef} if found.se is None else {"coef": found.coef, "SE": found.se}


def scan1blup_se(implementation, case: ScanCase) -> Tables:
    """Predictors with standard errors."""
    return scan1blup(implementation, case, se=True)


def fit1(implementation, case: ScanCase, **options) -> Tables:
    """LOD score and coefficients with standard errors, of the first phenotype at the position."""
    data, name = case.data, case.data.pheno.columns[0]
    array = data.genoprobs[case.chromosome].sel(position=case.position)
    if "blup" not in options:
        options.update(weights=data.weights, intcovar=data.intcovar, hsq=case.hsq)
    found = implementation.fit1(array, data.pheno.iloc[:, 0], case.kinship, data.addcovar, case.nullcovar,
                                reml=case.reml, **options)
    tables = {"coef": found.coef.to_frame(case.position).T, "SE": found.SE.to_frame(case.position).T}
    return tables if found.lod is None else tables | {"lod": pd.DataFrame(found.lod, [case.position], [name])}


def est_herit(implementation, case: ScanCase) -> Tables:
    """hsq; under the one kinship matrix."""
    data = case.data
    found = implementation.est_herit(data.pheno, case.kinship, data.addcovar, data.weights, case.reml, quiet=True)
    return {"hsq": found.hsq.to_frame(next(iter(data.genoprobs))).T}


#: The functions whose answers several laws are about.
FUNCTIONS = {"scan1": scan1, "scan1coef": scan1coef, "fit1": fit1, "scan1blup": scan1blup, "scan1blup-se": scan1blup_se}


def null_chromosomes(data: ScanData) -> dict[str, str]:
    """For each chromosome the one under which R/qtl2 files its null model's hsq."""
    on_x = data.genoprobs.is_x_chr
    autosomes = [name for name in on_x if not on_x[name]]
    first = (autosomes or list(on_x))[0]
    if isinstance(data.kinship, dict):
        return {name: name for name in on_x}
    if data.Xcovar is None or not autosomes:
        return dict.fromkeys(on_x, first)
    first_x = next((name for name in on_x if on_x[name]), first)
    return {name: first_x if on_x[name] else first for name in on_x}


def arrays(frame: pd.DataFrame | None, ids: list[str]) -> np.ndarray:
    """The rows of these individuals; no column where there is no table."""
    return np.empty((len(ids), 0)) if frame is None else frame.loc[ids].to_numpy(dtype=float)
