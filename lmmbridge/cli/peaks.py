"""`lmmbridge peaks`: peaks of finished scans."""
from __future__ import annotations

import math
from pathlib import Path

import click
import pandas as pd

from lmmbridge import InputError
from lmmbridge.cli.options import FILE
from lmmbridge.cli.scan_inputs import PLACE
from lmmbridge.qtl2.maps import Map
from lmmbridge.qtl2.peaks import find_peaks
from lmmbridge.qtl2.scan1 import Scan1
from lmmbridge.tables import read_csv


@click.command(epilog="Example: lmmbridge peaks scan --threshold 4 --drop 1.5 > peaks.csv")
@click.argument("scans", nargs=-1, required=True, type=FILE, metavar="DIR|lod.csv...")
@click.option("--threshold", type=float, default=3.0, show_default=True, help="A peak is above this LOD score.")
@click.option("--peakdrop", type=float, default=math.inf, help="LOD falls by more than this between two peaks of a "
              "chromosome. Default: one peak for each.")
@click.option("--drop", type=float, default=None, help="Drop of the LOD support intervals. [default: 1.5, or peakdrop "
              "where that is less]")
@click.option("--prob", type=float, default=None, help="Bayes credible intervals of this coverage instead.")
def peaks(scans, threshold, peakdrop, drop, prob) -> None:
    """Peaks of finished scans, as CSV.

    On standard output, by the rules of R/qtl2's find_peaks. A scan is a folder that `lmmbridge scan` wrote, or a CSV
    file with the columns chr, pos and marker and LOD scores in all others. With several scans, column one says which.
    """
    if drop is not None and prob is not None:
        raise InputError("--drop and --prob are both given; take one kind of interval")
    if drop is None and prob is None:
        drop = min(1.5, peakdrop)
    tables = []
    for path in scans:
        scan, map = read_lod(path / "lod.csv" if path.is_dir() else path)
        table = find_peaks(scan, map, threshold, peakdrop, drop, prob)
        if len(scans) > 1:
            table.insert(0, "scan", str(path))
        tables.append(table.astype({"chr": str}))
    click.echo(pd.concat(tables).to_csv(index=False), nl=False)


def read_lod(file: Path) -> tuple[Scan1, Map]:
    """LOD curves and their map from a CSV file.

    Raises
    ------
    InputError
        If it has no columns chr, pos and marker, a chromosome's rows do not stand together, or a score is no number.
    """
    if not file.exists() and file.name == "lod.csv" and file.parent.is_dir():
        raise InputError(f"{file.parent} has no lod.csv: give a folder that lmmbridge scan wrote")
    table = read_csv(file).reset_index()
    for name in PLACE:
        if name not in table.columns:
            raise InputError(f"{file} has no column '{name}': the columns chr, pos and marker are needed, and one of "
                             "LOD scores for each phenotype")
    names, chr = table["marker"].astype(str), table["chr"].astype(str)
    if (chr != chr.shift()).sum() > chr.nunique():
        raise InputError(f"{file}: rows of one chromosome do not stand together; sort them")
    lod = pd.DataFrame({name: _numbers(table[name], names, file) for name in table.columns.drop(PLACE)})
    if lod.shape[1] == 0:
        raise InputError(f"{file} has no column of LOD scores")
    pos = _numbers(table["pos"], names, file)
    map = Map({name: pos[(chr == name).to_numpy()] for name in chr.unique()})
    return Scan1(lod, None, pd.Series(dtype=int)), map


def _numbers(column: pd.Series, markers: pd.Series, file: Path) -> pd.Series:
    """The column as numbers by marker; missing values stay so, text is refused."""
    numbers = pd.to_numeric(column, errors="coerce")
    odd = (numbers.isna() & column.notna()).to_numpy()
    if odd.any():
        raise InputError(f"{file}: '{column[odd].iloc[0]}' is no number, column '{column.name}' at marker "
                         f"'{markers[odd].iloc[0]}'")
    return pd.Series(numbers.to_numpy(dtype=float), markers.to_numpy())
