"""What the commands that scan a cross have in common: options, inputs, and who does the work."""
from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Container
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pandas as pd

from lmmbridge import InputError, __version__
from lmmbridge.cli import inputs
from lmmbridge.cli.options import FILE, joined, model_options, say
from lmmbridge.dask_cluster import dask_executor
from lmmbridge.qtl2.cross2 import read_cross2
from lmmbridge.qtl2.genoprobs import Genoprobs
from lmmbridge.qtl2.maps import Map
from lmmbridge.qtl2.x_covar import get_x_covar

STEP = 1.0
#: Kinship that is computed from the probabilities.
COMPUTED = ("overall", "loco")
#: The columns of a table that say where a position is.
PLACE = ["chr", "pos", "marker"]

_INPUTS = (
    click.option("--cross", "cross_file", required=True, type=FILE, help="R/qtl2 control file or zip bundle."),
    click.option("--probs", type=FILE, help="Genotype or allele probabilities (netCDF, as write_genoprobs writes it). "
                 "Default: computed by R/qtl2."),
    click.option("--map", "map_file", type=FILE, help="Map of the positions in --probs, where they are not markers of the "
                 "cross: CSV with the columns marker, chr and pos."),
    click.option("--step", type=click.FloatRange(min=0.0), default=None, help="Compute probabilities at positions so far "
                 f"apart (cM), beside the markers; 0: at the markers alone. [default: {STEP:g}]"),
    click.option("--allele-probs", is_flag=True, help="Scan with the probabilities of founder alleles, not of genotypes."),
    click.option("--kinship", default="loco", show_default=True, metavar="none|overall|loco|FILE", help="No polygenic "
                 "effect; kinship from all chromosomes; from all but the one that is scanned; or from a .nc, GRM, .rel, "
                 "GEMMA or CSV file."),
    click.option("--intcovar", multiple=True, callback=joined, help="Covariates that interact with the QTL: names, separated by "
                 "commas."),
    click.option("--no-xcovar", is_flag=True, help="Leave out the covariates (sex, cross direction) that the null model "
                 "of the X chromosome has otherwise."),
    model_options,
    click.option("--dask", metavar="ADDRESS", help="Scan on the Dask cluster whose scheduler listens there, such as "
                 "tcp://127.0.0.1:8786, rather than on --cores."),
)


def scan_options(command: Callable) -> Callable:
    """The options of the commands that scan a cross."""
    for option in reversed(_INPUTS):
        command = option(command)
    return command


@dataclass(frozen=True)
class ScanInputs:
    """The arguments of a scan.

    Attributes
    ----------
    probs : Genoprobs
    pheno : DataFrame
    kinship : DataFrame, dict of these, or None
    Xcovar : DataFrame or None
    model : dict
        addcovar, intcovar, weights.
    reml : bool
    map : Map
    unit : str or None
        Of the map.
    about : dict
        Where all this is from.
    """

    probs: Genoprobs
    pheno: pd.DataFrame
    kinship: pd.DataFrame | dict[str, pd.DataFrame] | None
    Xcovar: pd.DataFrame | None
    model: dict[str, Any]
    reml: bool
    map: Map
    unit: str | None
    about: dict[str, Any]

    @property
    def places(self) -> pd.DataFrame:
        """The map as a table, a row per position."""
        return pd.DataFrame([(chromosome, position, marker) for chromosome, series in self.map.items()
                             for marker, position in series.items()], columns=PLACE)


def scan_inputs(cross_file: Path, probs: Path | None, map_file: Path | None, step: float | None, allele_probs: bool,
                kinship: str, intcovar: str | None, no_xcovar: bool, covar: str | None, weights: Path | None, ml: bool,
                pheno: str | None, error_prob: float | None, cores: int, reserved: Container[str] = ()) -> ScanInputs:
    """From options to the arguments of a scan; what is odd about them is said.

    Raises
    ------
    InputError
        Also for a phenotype with a reserved name.
    """
    if probs is not None and step is not None:
        raise InputError("--step is for probabilities that are to be computed; leave it out with --probs")
    if probs is None and map_file is not None:
        raise InputError("--map goes with --probs; without them the map is that of the cross")
    cross = read_cross2(cross_file)
    pheno = inputs.phenotypes(cross, pheno)
    model = {"addcovar": inputs.covariates(cross, covar, "--covar"),
             "intcovar": inputs.covariates(cross, intcovar, "--intcovar"), "weights": inputs.weights(weights)}
    taken = [name for name in pheno.columns if name in reserved]
    if taken:
        raise InputError(f"--pheno: '{taken[0]}' is the name of a column of lod.csv; rename the phenotype")
    source = "R/qtl2's calc_genoprob" if probs is None else str(probs)
    probs, map = inputs.probabilities(cross, probs, error_prob, STEP if step is None else step, cores)
    unit = "cM"
    if map is None:
        map, unit = inputs.positions(probs, cross, map_file)
    if allele_probs:
        probs = inputs.allele_probabilities(probs)
    Xcovar = None if no_xcovar or not any(probs.is_x_chr.values()) else get_x_covar(cross)
    if Xcovar is not None:
        say([f"X chromosome: its null model has the covariates {', '.join(Xcovar.columns)} (of get_x_covar)"])
    K = None
    if kinship != "none":
        K = inputs.kinship_of(probs, kinship, cores) if kinship in COMPUTED else inputs.kinship_file(Path(kinship))
        computed_loco = kinship == "loco"     # its matrices are all alike
        inputs.say_what_is_odd(next(iter(K.values())) if computed_loco else K, pheno, model["addcovar"])
    about = {"lmmbridge": __version__, "command": "lmmbridge " + shlex.join(sys.argv[1:]), "cross": str(cross_file),
             "probs": source, "kinship": kinship, "unit": unit}
    return ScanInputs(probs, pheno, K, Xcovar, model, not ml, map, unit, about)


def workers(cores: int, dask: str | None) -> AbstractContextManager[int | Executor]:
    """Who does the work: so many threads, or the cluster at that address."""
    return nullcontext(cores) if dask is None else dask_executor(dask)
