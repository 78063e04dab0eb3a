"""What a genome scan is made of, together: the unit on which implementations of scan1 are compared."""
from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
import pandas as pd

from lmmbridge.qtl2.genoprobs import Genoprobs
from lmmbridge.qtl2.maps import Map


@dataclass(frozen=True, eq=False)
class ScanData:
    """The arguments of scan1, and the map of its positions.

    Attributes
    ----------
    genoprobs : Genoprobs
    map : Map or None
        None where no peaks are looked for.
    pheno : DataFrame
    kinship : DataFrame, dict of DataFrame, or None
    addcovar, Xcovar, intcovar : DataFrame or None
    weights : Series or None
    notes : tuple of str
        What was done to the data before, with counts.
    """

    genoprobs: Genoprobs
    map: Map | None
    pheno: pd.DataFrame
    kinship: pd.DataFrame | dict[str, pd.DataFrame] | None = None
    addcovar: pd.DataFrame | None = None
    Xcovar: pd.DataFrame | None = None
    intcovar: pd.DataFrame | None = None
    weights: pd.Series | None = None
    notes: tuple[str, ...] = ()

    @property
    def arguments(self) -> dict:
        """The arguments of scan1, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name not in ("map", "notes")}

    @property
    def phenotypes(self) -> tuple[str, ...]:
        return tuple(self.pheno.columns)

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of all names and numbers: the same hash is the same problem, to the bit."""
        digest = hashlib.sha256()
        for name, value in (self.arguments | {"map": self.map}).items():
            digest.update(name.encode())
            _feed(digest, value)
        return digest.hexdigest()


def _feed(digest, value) -> None:
    if value is None:
        digest.update(b"absent")
        return
    if isinstance(value, (Genoprobs, Map)):
        digest.update(repr(value.is_x_chr).encode())
    if isinstance(value, Mapping):
        for name, part in value.items():
            digest.update(name.encode())
            _feed(digest, part)
    elif isinstance(value, (pd.DataFrame, pd.Series)):
        names = (list(value.index), list(value.columns) if isinstance(value, pd.DataFrame) else None)
        digest.update(repr(names).encode() + np.ascontiguousarray(value.to_numpy(), dtype="<f8").tobytes())
    else:
        names = [value.coords[dim].values.tolist() for dim in value.dims]
        digest.update(repr(names).encode() + np.ascontiguousarray(value.values, dtype="<f8").tobytes())
