"""R/qtl2 itself behind the functions of `lmmbridge.qtl2`: the same arguments, the same types of results.

So whatever is written for `lmmbridge.qtl2` (a script, a law, a test) can be run on the R package by handing over an
`RQtl2()` in place of the module.
"""
from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from lmmbridge import qtl2
from lmmbridge.qtl2 import Fit1, Herit, Scan1, Scan1Coef, Scan1Perm
from lmmbridge.qtl2.r_objects import from_r, to_r
from lmmbridge.rlink import RAnswer, RSession, shared_session

#: Arguments that hold values by individual, where a Series is one column and not a vector.
TABLES = ("pheno", "addcovar", "Xcovar", "nullcovar", "intcovar", "contrasts")


class RQtl2:
    """The functions of R/qtl2, in a live R.

    They take the arguments of the functions of `lmmbridge.qtl2` of the same names, and give their types of results,
    with engine "qtl2" and R's warnings as notes. What our functions add (`rng` apart, which seeds R) is left out; what
    R/qtl2 does not tell (the hsq of scan1coef, scan1blup and fit1) is None. Errors are R's: `lmmbridge.rlink.RError`.

    Parameters
    ----------
    session : RSession, optional
        Default: the shared one.

    Examples
    --------
    >>> from lmmbridge.qtl2 import calc_genoprob, extdata, read_cross2
    >>> iron = read_cross2(extdata("iron.zip"))
    >>> probs = calc_genoprob(iron, error_prob=0.002)
    >>> RQtl2().scan1(probs, iron.pheno).lod.max().round(2).to_dict()
    {'liver': 7.28, 'spleen': 12.69}
    """

    name = "qtl2"

    def __init__(self, session: RSession | None = None):
        self._session = session or shared_session()

    @cached_property
    def version(self) -> str:
        return self._session.eval('as.character(packageVersion("qtl2"))').value

    def decomp_kinship(self, kinship: pd.DataFrame | Mapping[str, pd.DataFrame]) -> Any:
        """As `lmmbridge.qtl2.decomp_kinship`."""
        return from_r(self._session.call("qtl2::decomp_kinship", to_r(kinship)).value)

    def est_herit(self, *arguments: Any, **named: Any) -> Herit:
        """As `lmmbridge.qtl2.est_herit`."""
        answer, asked = self._call("est_herit", arguments, named)
        hsq, names = answer.value, list(_frame(asked["pheno"]).columns)
        parts = {name: pd.Series(np.atleast_1d(hsq.attrs[name]), names)
                 for name in ("sample_size", "log10lik", "resid_sd")}
        return Herit(pd.Series(hsq.to_numpy(), names), criterion=_criterion(asked), notes=answer.warnings,
                     engine=self.name, version=self.version, **parts)

    def scan1(self, *arguments: Any, **named: Any) -> Scan1:
        """As `lmmbridge.qtl2.scan1`; hsq="each" is not there."""
        answer, asked = self._call("scan1", arguments, named)
        return replace(from_r(answer.value), criterion=_criterion(asked), notes=answer.warnings, version=self.version)

    def scan1perm(self, *arguments: Any, **named: Any) -> Scan1Perm:
        """As `lmmbridge.qtl2.scan1perm`; `rng` (a whole number) is R's seed."""
        answer, asked = self._call("scan1perm", arguments, named)
        names = list(_frame(asked["pheno"]).columns)
        if isinstance(answer.value, dict):
            A, X = (_matrix(answer.value[part], names) for part in ("A", "X"))
            lengths = pd.Series(np.atleast_1d(answer.value.attrs["chr_lengths"]), ["A", "X"])
            return Scan1Perm(A, X, lengths)
        return Scan1Perm(_matrix(answer.value, names))

    def scan1coef(self, *arguments: Any, **named: Any) -> Scan1Coef:
        """As `lmmbridge.qtl2.scan1coef`."""
        answer, asked = self._call("scan1coef", arguments, named)
        return replace(from_r(answer.value), criterion=_criterion(asked), notes=answer.warnings, version=self.version)

    def scan1blup(self, *arguments: Any, **named: Any) -> Scan1Coef:
        """As `lmmbridge.qtl2.scan1blup`."""
        answer, asked = self._call("scan1blup", arguments, named)
        return replace(from_r(answer.value), criterion=_criterion(asked), notes=answer.warnings, version=self.version)

    def fit1(self, *arguments: Any, **named: Any) -> Fit1:
        """As `lmmbridge.qtl2.fit1`."""
        answer, asked = self._call("fit1", arguments, named)
        value, ids = answer.value, self._individuals(asked)
        by_individual = {name: _series(value[name], ids).rename(name) if name in value else None
                         for name in ("ind_lod", "fitted", "resid")}
        return Fit1(lod=value.get("lod"), coef=value["coef"].rename("coef"),
                    SE=value["SE"].rename("SE") if "SE" in value else None,
                    var=from_r(value["var"]) if "var" in value else None, **by_individual, sample_size=len(ids),
                    hsq=None, criterion=_criterion(asked), notes=answer.warnings, engine=self.name,
                    version=self.version)

    def find_peaks(self, *arguments: Any, **named: Any) -> pd.DataFrame:
        """As `lmmbridge.qtl2.find_peaks`."""
        return self._call("find_peaks", arguments, named)[0].value

    def lod_int(self, *arguments: Any, **named: Any) -> pd.DataFrame:
        """As `lmmbridge.qtl2.lod_int`."""
        return self._intervals("lod_int", arguments, named)

    def bayes_int(self, *arguments: Any, **named: Any) -> pd.DataFrame:
        """As `lmmbridge.qtl2.bayes_int`."""
        return self._intervals("bayes_int", arguments, named)

    def _intervals(self, function: str, arguments: tuple, named: dict[str, Any]) -> pd.DataFrame:
        table = np.asarray(self._call(function, arguments, named)[0].value, dtype=float).reshape(-1, 3)
        return pd.DataFrame(table, range(1, len(table) + 1), ["ci_lo", "pos", "ci_hi"])

    def _call(self, function: str, arguments: tuple, named: dict[str, Any]) -> tuple[RAnswer, dict[str, Any]]:
        """The answer of R/qtl2's function of that name, and the arguments by name."""
        asked = inspect.signature(getattr(qtl2, function)).bind(*arguments, **named).arguments
        sent = {name: _sent(name, value) for name, value in asked.items() if name not in ("quiet", "rng")}
        if function == "scan1" and asked.get("hsq") is not None:
            sent["hsq"] = to_r(_given_hsq(asked))
        if asked.get("rng") is not None:
            self._session.call("base::set.seed", int(asked["rng"]))
        return self._session.call(f"qtl2::{function}", **sent), asked

    @staticmethod
    def _individuals(asked: dict[str, Any]) -> list[str]:
        """Those with all that fit1 needs, in the order of genoprobs, which is how R/qtl2 takes them."""
        needed = [_frame(asked[name]) for name in ("pheno", "addcovar", "nullcovar", "intcovar", "weights")
                  if asked.get(name) is not None]
        kept = [set(frame.index[np.isfinite(frame.iloc[:, :1] if j == 0 else frame).all(axis=1)])
                for j, frame in enumerate(needed)]
        if asked.get("kinship") is not None:
            kinship = asked["kinship"]
            kinship = next(iter(kinship.values())) if isinstance(kinship, Mapping) else kinship
            kept.append(set(kinship.index if isinstance(kinship, pd.DataFrame) else kinship.ids))
        first = needed[0] if asked.get("genoprobs") is None else _frame(asked["genoprobs"])
        return [individual for individual in first.index if all(individual in ids for ids in kept)]


def _sent(name: str, value: Any) -> Any:
    """An argument as R takes it."""
    if name in TABLES or isinstance(value, xr.DataArray):
        return None if value is None else to_r(_frame(value))
    if isinstance(value, Mapping) and name == "chr_lengths":
        return pd.Series(value)
    if isinstance(value, (pd.DataFrame, pd.Series, Mapping, Scan1, Scan1Coef, qtl2.DecomposedKinship)):
        return to_r(value)
    return value


def _frame(values: Any) -> pd.DataFrame:
    """A Series or the DataArray of one position as a table."""
    if isinstance(values, xr.DataArray):
        return pd.DataFrame(values.values, *(values.coords[dim].values for dim in values.dims))
    if isinstance(values, pd.Series):
        return values.to_frame(values.name if values.name is not None else "pheno1")
    return values if isinstance(values, pd.DataFrame) else pd.DataFrame(values)


def _given_hsq(asked: dict[str, Any]) -> pd.DataFrame:
    """The hsq that scan1 is to use, null models (as R/qtl2 counts them) × phenotypes; one value stands for all."""
    on_x, columns = asked["genoprobs"].is_x_chr, list(_frame(asked["pheno"]).columns)
    covariates = {name: [] if asked.get(name) is None else list(_frame(asked[name]).to_numpy().T)
                  for name in ("addcovar", "intcovar", "Xcovar")}
    new = [column for column in covariates["Xcovar"]
           if not any(np.array_equal(column, other) for other in covariates["addcovar"] + covariates["intcovar"])]
    rows = list(on_x)
    if not isinstance(asked.get("kinship"), Mapping):
        rows = [next(name for name in rows if on_x[name] == kind) for kind in sorted(set(on_x.values()))]
        rows = rows if new else rows[:1]
    if isinstance(asked["hsq"], pd.DataFrame):
        return asked["hsq"].loc[rows, columns]
    values = np.asarray(asked["hsq"], dtype=float)
    return pd.DataFrame(np.broadcast_to(values if values.ndim != 1 else values.reshape(-1, len(columns)),
                                        (len(rows), len(columns))).copy(), rows, columns)


def _criterion(asked: dict[str, Any]) -> str | None:
    if asked.get("kinship") is None:
        return None
    return "given" if asked.get("hsq") is not None else "REML" if asked.get("reml", True) else "ML"


def _matrix(values: Any, columns: list[str]) -> pd.DataFrame:
    return pd.DataFrame(np.asarray(getattr(values, "values", values), dtype=float).reshape(-1, len(columns)),
                        columns=columns)


def _series(values: Any, ids: list[str]) -> pd.Series:
    return pd.Series(np.asarray(getattr(values, "values", values), dtype=float).reshape(-1), ids)
