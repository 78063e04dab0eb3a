"""`lmmbridge scan`: genome scan of a cross's phenotypes."""
from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

import click
import numpy as np
import pandas as pd

from lmmbridge import InputError
from lmmbridge.cli.options import FILE, FORMATS, joined, names_in, say
from lmmbridge.cli.scan_inputs import PLACE, scan_inputs, scan_options, workers
from lmmbridge.files import check_new_folder, new_folder
from lmmbridge.progress import track
from lmmbridge.qtl2.centred_effects import centred_effects
from lmmbridge.qtl2.genoprobs import Genoprobs
from lmmbridge.qtl2.peaks import find_peaks
from lmmbridge.qtl2.scan1 import Scan1, scan1

#: How peaks.csv is made, as find_peaks does it by default, with intervals.
THRESHOLD, DROP = 3.0, 1.5
#: More genotypes than this are not drawn in one figure.
MOST_CURVES = 8
#: (chromosome, phenotype) → effects and their standard errors, positions × genotypes.
Effects = dict[tuple[str, str], tuple[pd.DataFrame, pd.DataFrame]]


@click.command(epilog="Example: lmmbridge scan --cross iron.zip --out scan --covar sex --effects 16")
@click.option("--out", required=True, type=FILE, help="Folder for the results, new or empty.")
@scan_options
@click.option("--hsq", metavar="each|NUMBER", help="Estimate hsq again at each position (with --ml), or use this "
              "value. Default: estimate it under the null model.")
@click.option("--effects", multiple=True, callback=joined, metavar="CHR,...", help="Effects of the genotypes along these "
              "chromosomes, too.")
@click.option("--plot-format", type=click.Choice(FORMATS), default=FORMATS[0], show_default=True)
def scan(out, kinship, ml, cores, dask, hsq, effects, plot_format, **given) -> None:
    """Genome scan of a cross with a single-QTL model.

    As R/qtl2's scan1 does it, with get_x_covar's covariates in the null model of the X chromosome.

    The folder gets lod.csv (chr, pos, marker, and LOD scores, a column per phenotype), hsq.csv (with kinship; under
    twice the kinship matrix), peaks.csv (LOD above 3, with 1.5-LOD support intervals; `lmmbridge peaks` makes others),
    a figure of the LOD curves for each phenotype (lod-NAME) and one of all (lod), and scan.json with what was done.
    With --effects also effects.csv (deviations from the mean of the genotypes, with their standard errors; where
    intcovar is 0) and their figures (effects-CHR-NAME).

    For thousands of phenotypes see `lmmbridge bulk-scan`.
    """
    check_new_folder(out)
    if hsq is not None and kinship == "none":
        raise InputError("--hsq has no meaning without kinship; leave it out, or give --kinship")
    if hsq == "each" and not ml:
        raise InputError("--hsq each compares models with different fixed effects, which REML cannot: give --ml, too")
    with workers(cores, dask) as there:
        data = scan_inputs(kinship=kinship, ml=ml, cores=cores, reserved=PLACE, **given)
        probs, pheno, K, Xcovar, model, map, unit = (data.probs, data.pheno, data.kinship, data.Xcovar, data.model, data.map,
                                                     data.unit)
        along = _chromosomes(effects, probs)
        found = scan1(probs, pheno, K, Xcovar=Xcovar, reml=data.reml, hsq=_hsq(hsq), cores=there, **model)
    say(found.notes)
    curves = _effects(along, probs, pheno, K, Xcovar, model, found, hsq == "each")

    places = data.places
    about = {**data.about, "engine": found.engine, "criterion": found.criterion, "sample_size": found.sample_size.to_dict(),
             "notes": list(found.notes)}
    with new_folder(out) as folder:
        pd.concat([places, found.lod.reset_index(drop=True)], axis=1).to_csv(folder / "lod.csv", index=False)
        if found.hsq is not None:
            _hsq_table(found, places, isinstance(K, dict), hsq == "each").to_csv(folder / "hsq.csv", index=False)
        find_peaks(found, map, THRESHOLD, drop=DROP).to_csv(folder / "peaks.csv", index=False)
        if curves:
            _effects_table(curves, places).to_csv(folder / "effects.csv", index=False)
        (folder / "scan.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        _figures(folder, plot_format, places, found.lod, curves, unit)
    click.echo(f"{out}: {len(places)} positions, {found.lod.shape[1]} phenotypes", err=True)


def _chromosomes(names: str | None, probs: Genoprobs) -> list[str]:
    wanted = [] if names is None else names_in(names)
    for name in wanted:
        if name not in probs:
            raise InputError(f"--effects: there is no chromosome '{name}'; there are {', '.join(probs)}")
    return wanted


def _hsq(hsq: str | None) -> str | float | None:
    """What scan1 takes as hsq."""
    if hsq is None or hsq == "each":
        return hsq
    try:
        return float(hsq)
    except ValueError:
        raise InputError(f"--hsq is '{hsq}': give a number between 0 and 1, or each") from None


def _hsq_table(found: Scan1, places: pd.DataFrame, by_chromosome: bool, by_position: bool) -> pd.DataFrame:
    if by_position:
        return pd.concat([places, found.hsq.reset_index(drop=True)], axis=1)
    table = found.hsq.reset_index(drop=True)
    table.insert(0, "chromosomes", list(found.hsq.index) if by_chromosome else
                 ["all"] if len(table) == 1 else ["autosomes", "X"])
    return table


def _effects(chromosomes: list[str], probs: Genoprobs, pheno: pd.DataFrame, K, Xcovar: pd.DataFrame | None, model: dict,
             found: Scan1, each: bool) -> Effects:
    """Effects along chromosomes, at the hsq of the scan; where that is of each position, at the null model's."""
    curves: Effects = {}
    notes: dict[str, None] = {}
    pairs = [(chromosome, name) for chromosome in chromosomes for name in pheno.columns]
    for chromosome, name in track(pairs, "effects"):
        hsq = nullcovar = None
        if each:
            nullcovar = Xcovar if probs.is_x_chr[chromosome] else None
        elif found.hsq is not None:
            last = -1 if probs.is_x_chr[chromosome] else 0
            at = chromosome if chromosome in found.hsq.index else found.hsq.index[last]
            hsq = found.hsq.loc[at, name]
        if found.lod[name].isna().all() or hsq is not None and np.isnan(hsq):
            notes[f"pheno '{name}': no effects, as there are no LOD scores"] = None
            continue
        effects, errors, said = centred_effects(
            probs.subset(chr=[chromosome]), pheno[name], kinship=K[chromosome] if isinstance(K, dict) else K,
            nullcovar=nullcovar, hsq=hsq, reml=found.criterion != "ML", **model)
        curves[chromosome, name] = effects, errors
        notes |= {f"effects on chromosome '{chromosome}': {note}": None for note in said}
    say(notes)
    return curves


def _effects_table(curves: Effects, places: pd.DataFrame) -> pd.DataFrame:
    """A row per chromosome, phenotype, position and genotype."""
    tables = []
    for (chromosome, name), (effects, errors) in curves.items():
        here = places[places["chr"] == chromosome].reset_index(drop=True)
        for genotype in effects.columns:
            tables.append(here.assign(phenotype=name, genotype=genotype, effect=effects[genotype].to_numpy(),
                                      se=errors[genotype].to_numpy()))
    return pd.concat(tables)


def _figures(folder: Path, format: str, places: pd.DataFrame, lod: pd.DataFrame, curves: Effects,
             unit: str | None) -> None:
    from lmmbridge.report.curves import effect_curves, lod_curves
    from lmmbridge.report.style import file_content

    def save(figure, name: str) -> None:
        (folder / f"{name}.{format}").write_bytes(file_content(figure, format))

    files = _file_names(lod.columns)
    if lod.shape[1] > 1:
        save(lod_curves(places["chr"], places["pos"], lod, THRESHOLD), "lod")
    for name in track(lod.columns, "figures"):
        save(lod_curves(places["chr"], places["pos"], lod[[name]], THRESHOLD), f"lod-{files[name]}")
    crowded = [name for (_, name), (effects, _) in curves.items() if effects.shape[1] > MOST_CURVES]
    if crowded:
        say([f"effects of more than {MOST_CURVES} genotypes are in effects.csv and not drawn; --allele-probs gives "
             "those of the founders' alleles"])
    for (chromosome, name), (effects, errors) in curves.items():
        if effects.shape[1] <= MOST_CURVES:
            here = (places["chr"] == chromosome).to_numpy()
            figure = effect_curves(places["pos"][here], effects, errors, lod.loc[here, name],
                                   f"{name}, chromosome {chromosome}", unit)
            save(figure, f"effects-{chromosome}-{files[name]}")


def _file_names(phenotypes: Iterable[str]) -> dict[str, str]:
    """Names of files: what may not stand in one is _, and equal ones are numbered."""
    names: dict[str, str] = {}
    for phenotype in phenotypes:
        stem = name = re.sub(r"[^\w.+-]+", "_", phenotype)[:80]
        number = 1
        while name.casefold() in (other.casefold() for other in names.values()):
            number += 1
            name = f"{stem}-{number}"
        names[phenotype] = name
    return names
