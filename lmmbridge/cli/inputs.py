"""From files to the arguments of lmmbridge.qtl2's functions: probabilities, kinship, phenotypes, covariates."""
from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from rich.console import Console

from lmmbridge import InputError
from lmmbridge.cli.options import ERROR_PROB, names_in, say
from lmmbridge.kinship_files import read_kinship_file
from lmmbridge.lint import lines, lint
from lmmbridge.qtl2.cross2 import Cross2
from lmmbridge.qtl2.genoprobs import Genoprobs
from lmmbridge.qtl2.kinship import calc_kinship
from lmmbridge.qtl2.maps import Map
from lmmbridge.qtl2.storage import read_genoprobs
from lmmbridge.qtl2.through_r import calc_genoprob, genoprob_to_alleleprob, insert_pseudomarkers
from lmmbridge.rlink import RError, RUnavailable
from lmmbridge.tables import read_csv

#: Names that are listed when one is not found.
MOST_NAMES = 30


def phenotypes(cross: Cross2, names: str | None) -> pd.DataFrame:
    """The phenotypes named, or all."""
    if cross.pheno is None:
        raise InputError("--cross: the cross has no phenotypes; add pheno to its control file")
    return cross.pheno if names is None else cross.pheno[_found(names, "--pheno", "phenotype", cross.pheno.columns)]


def covariates(cross: Cross2, names: str | None, option: str) -> pd.DataFrame | None:
    """The covariates named, as numbers; what was made of text is said."""
    if names is None:
        return None
    table = pd.DataFrame() if cross.covar is None else cross.covar
    columns = {}
    for name in _found(names, option, "covariate", table.columns):
        column = table[name]
        numbers = pd.to_numeric(column, errors="coerce")
        if numbers.notna().equals(column.notna()):
            columns[name] = numbers.astype(float)
            continue
        values = sorted(column.dropna().unique())
        if len(values) < 2:
            raise InputError(f"{option}: '{name}' is '{values[0]}' for all individuals; leave it out")
        if len(values) == 2:
            say([f"covariate '{name}': '{values[0]}' is 0 and '{values[1]}' is 1"])
        else:
            say([f"covariate '{name}' has {len(values)} values: an indicator for each but '{values[0]}' ("
                 + _some(values[1:]) + ")"])
        for value in values[1:]:
            indicator = (column == value).astype(float).where(column.notna())
            columns[name if len(values) == 2 else f"{name}={value}"] = indicator
    return pd.DataFrame(columns)


def weights(file: Path | None) -> pd.DataFrame | None:
    """The table of weights."""
    return None if file is None else read_csv(file)


def probabilities(cross: Cross2, file: Path | None, error_prob: float | None, step: float = 0.0, cores: int = 1
                  ) -> tuple[Genoprobs, Map | None]:
    """Genotype probabilities from the file, or by R/qtl2; for the latter the map of their positions, too."""
    if file is not None:
        if error_prob is not None:
            raise InputError("--error-prob is for probabilities that are to be computed; leave it out with --probs")
        return read_genoprobs(file), None
    if cross.gmap is None:
        raise InputError("--cross: the cross has no genetic map, which genotype probabilities are computed with; add "
                         "gmap to its control file, or give the probabilities (--probs)")
    with _in_r("genotype probabilities"):
        map = insert_pseudomarkers(cross.gmap, step) if step > 0.0 else cross.gmap
        return calc_genoprob(cross, map, ERROR_PROB if error_prob is None else error_prob, cores=cores), map


def allele_probabilities(probs: Genoprobs) -> Genoprobs:
    """The same as probabilities of the founders' alleles."""
    if probs.alleleprobs:
        return probs
    with _in_r("allele probabilities"):
        return genoprob_to_alleleprob(probs)


def kinship_of(probs: Genoprobs, type: str, cores: int) -> pd.DataFrame | dict[str, pd.DataFrame]:
    """Kinship from the probabilities; "overall" or "loco"."""
    if type == "loco" and len(probs) == 1:
        raise InputError("--kinship loco leaves one chromosome out, and there is only one; take overall or none")
    with _in_r(f"kinship ({type})"):
        return calc_kinship(probs, type, cores=cores)


def kinship_file(file: Path) -> pd.DataFrame | dict[str, pd.DataFrame]:
    """Kinship from a file, in any format of `lmmbridge.kinship_files`; where it is from is said."""
    kinship = read_kinship_file(file)
    first = next(iter(kinship.values())) if isinstance(kinship, dict) else kinship
    say([f"kinship: {first.attrs['source']}, taken on the scale of R/qtl2's calc_kinship"])
    return kinship


def say_what_is_odd(kinship, pheno: pd.DataFrame, covar: pd.DataFrame | None) -> None:
    """The lint of kinship and data."""
    say(lines(lint(kinship, pheno, covar)), "")


def positions(probs: Genoprobs, cross: Cross2, file: Path | None) -> tuple[Map, str | None]:
    """The map of the positions of probabilities that were read from a file, and its unit, where that is known.

    Taken from the file, or else from the cross's genetic or physical map.
    """
    if file is not None:
        tables = {None: _map_table(file)}
    else:
        tables = {unit: _chr_pos((name, marker, position) for name, series in map.items()
                                 for marker, position in series.items())
                  for unit, map in (("cM", cross.gmap), ("Mb", cross.pmap)) if map is not None}
    missing = ""
    for unit, table in tables.items():
        without = [name for name in probs.positions if name not in table.index]
        if not without:
            return _map(probs, table), unit
        missing = missing or without[0]
    where = "the maps of the cross" if file is None else str(file)
    raise InputError(f"--probs: position '{missing}' is not in {where}; give the map that the probabilities were "
                     "computed with: --map FILE, CSV with the columns marker, chr and pos (as lod.csv of an earlier "
                     "scan)")


def _map(probs: Genoprobs, table: pd.DataFrame) -> Map:
    series = {}
    for chromosome, array in probs.items():
        here = table.loc[array.coords["position"].values]
        elsewhere = here.index[here["chr"] != chromosome]
        if len(elsewhere):
            raise InputError(f"--probs: position '{elsewhere[0]}' is on chromosome '{chromosome}', and on "
                             f"'{here.loc[elsewhere[0], 'chr']}' in the map; give the map that goes with them (--map)")
        series[chromosome] = here["pos"]
    return Map(series, probs.is_x_chr)


def _map_table(file: Path) -> pd.DataFrame:
    table = read_csv(file).reset_index()
    table.columns = [str(name).lower() for name in table.columns]
    absent = [name for name in ("marker", "chr", "pos") if name not in table.columns]
    if absent:
        raise InputError(f"--map: {file} has no column '{absent[0]}'; the columns marker, chr and pos are needed")
    numbers = pd.to_numeric(table["pos"], errors="coerce")
    if numbers.isna().any():
        at = int(numbers.isna().to_numpy().argmax())
        raise InputError(f"--map: {file} has no number as pos of marker '{table['marker'].iloc[at]}'")
    return _chr_pos(zip(table["chr"].astype(str), table["marker"].astype(str), numbers))


def _chr_pos(rows: Iterable[tuple[str, str, float]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["chr", "marker", "pos"]).set_index("marker")
    twice = table.index[table.index.duplicated()]
    if len(twice):
        raise InputError(f"--map: marker '{twice[0]}' occurs more than once; give every position its own name")
    return table


def _found(names: str, option: str, what: str, there: pd.Index) -> list[str]:
    wanted = names_in(names)
    for name in wanted:
        if name not in there:
            raise InputError(f"{option}: the cross has no {what} '{name}'; it has "
                             f"{_some(there) if len(there) else 'none'}")
    return wanted


def _some(names) -> str:
    names = [str(name) for name in names]
    return ", ".join(names[:MOST_NAMES]) + (f", … ({len(names)} in all)" if len(names) > MOST_NAMES else "")


class _in_r:
    """Shows what R is at, and turns the lack of R or of its package qtl2 into a sentence."""

    def __init__(self, what: str):
        self._status = Console(stderr=True).status(f"{what} …")

    def __enter__(self) -> None:
        self._status.start()

    def __exit__(self, kind, error, traceback) -> None:
        self._status.stop()
        if isinstance(error, RUnavailable) or isinstance(error, RError) and error.call.startswith("loadNamespace("):
            raise InputError(f"genotype probabilities and what is made of them need R with its package qtl2 ({error}); "
                             "run make setup, or give probabilities and kinship as files (--probs, "
                             "--kinship)") from None
