"""Real crosses with all that a scan needs, the same in Python and in a live R, and qtl2's scans of them."""
from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from lmmbridge.qtl2.genoprobs import Genoprobs
from lmmbridge.qtl2.r_objects import from_r, to_r
from lmmbridge.rlink import shared_session

R_DRIVER = Path(__file__).with_name("scans.R")
#: How R loads each: the function of the driver, and its arguments after the name.
LOADERS = {
    "iron": ("load_cross", "iron.zip"),
    "grav2": ("load_cross", "grav2.zip"),
    "DOex": ("load_cross", "DOex.zip", None, np.array(["3", "X"])),      # 36 genotypes, 44 on X
    "DOex alleles": ("load_alleles", "DOex"),
    "few mice": ("load_part", "DOex", np.arange(1, 81), np.array(["X"])),
    "b6btbr": ("load_cross", "b6btbr.zip", np.arange(1, 301), np.array(["2", "17", "X"])),
}
#: Those that come with the project, not with qtl2.
SHARED = ("DOex", "b6btbr")
SEED = 20


@dataclass(frozen=True, eq=False)
class ScannedCross:
    """A cross; covariates of its own where they have two values, made ones (seeded) beside them, made weights."""

    name: str
    probs: Genoprobs
    kinship: dict
    pheno: pd.DataFrame
    addcovar: pd.DataFrame
    Xcovar: pd.DataFrame | None
    intcovar: pd.DataFrame
    weights: pd.Series

    def designs(self) -> dict[str, dict]:
        """Covariates and weights, alone and together, by a name."""
        add, X, inter, w = ({"addcovar": self.addcovar}, {"Xcovar": self.Xcovar}, {"intcovar": self.intcovar},
                            {"weights": self.weights})
        named = {"intercept": {}, "addcovar": add, "Xcovar": X, "weights": w, "addcovar, Xcovar, weights": add | X | w,
                 "intcovar": inter, "addcovar, Xcovar, intcovar": add | X | inter, "all": add | X | inter | w}
        return {name: design for name, design in named.items() if self.Xcovar is not None or name != "Xcovar"}


@cache
def driven_r():
    """The shared R with the driver, which holds the crosses that were loaded."""
    shared_session().source(R_DRIVER)
    return shared_session()


@cache
def load(name: str, folder: Path | None) -> ScannedCross:
    """The cross in Python and, under its name, in the shared R."""
    loader, first, *others = LOADERS[name]
    answer = driven_r().call(loader, name, str(folder / first) if name in SHARED else first, *others).value
    probs, covar = from_r(answer["probs"]), answer["covar"]
    ids = list(probs.individuals)
    rng = np.random.default_rng(SEED)
    columns = {}
    for column in () if covar is None else covar.columns:
        codes = pd.Series(pd.factorize(covar[column], sort=True)[0].astype(float), covar.index.astype(str)).loc[ids]
        if codes.nunique() == 2:
            columns[column] = codes
    columns["made"] = pd.Series(rng.normal(size=len(ids)), ids)
    columns.setdefault("group", pd.Series(np.arange(len(ids)) % 2.0, ids))
    addcovar = pd.DataFrame(columns)
    kinship = {"none": None, "overall": from_r(answer["overall"])}
    if "loco" in answer:
        kinship["loco"] = from_r(answer["loco"])
    Xcovar = None if answer.get("Xcovar") is None else from_r(answer["Xcovar"])
    return ScannedCross(name, probs, kinship, from_r(answer["pheno"]), addcovar, Xcovar, addcovar.iloc[:, [0]],
                        pd.Series(np.exp(rng.normal(scale=0.5, size=len(ids))), ids))


def qtl2_scans(name, settings):
    """qtl2's scan1 with each of the settings; a text as a value is the name of a part that the cross has in R."""
    return [answer if isinstance(answer, str) else from_r(answer) for answer in _each("scan_each", name, settings)]


def qtl2_herits(name, settings):
    """qtl2's est_herit with each of the settings, likewise; a DataFrame."""
    return _each("herit_each", name, settings)


def _each(function, name, settings):
    arguments = [{key: value if isinstance(value, (str, bool, float)) else to_r(value)
                  for key, value in setting.items() if value is not None} for setting in settings]
    return driven_r().call(function, name, arguments).value
