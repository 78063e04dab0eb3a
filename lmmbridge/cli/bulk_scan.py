"""`lmmbridge bulk-scan`: genome scan of thousands of phenotypes of a cross."""
from __future__ import annotations

import json

import click

from lmmbridge.cli.options import FILE, say
from lmmbridge.cli.scan_inputs import scan_inputs, scan_options, workers
from lmmbridge.files import write_file
from lmmbridge.qtl2.bulk import scan1_bulk
from lmmbridge.qtl2.bulk_chunks import KEEP, kept_of
from lmmbridge.qtl2.bulk_folder import ABOUT, read_about, refuse_other_folder

#: More notes than this are in the folder alone.
MOST_NOTES = 20


@click.command("bulk-scan", epilog="Example: lmmbridge bulk-scan --cross liver.zip --out peaks --keep peaks --top 3 --cores 0")
@click.option("--out", required=True, type=FILE, help="Folder for the results: new, empty, or that of the same scan, which goes "
              "on where it was interrupted.")
@click.option("--keep", type=click.Choice(KEEP), default=KEEP[0], show_default=True, help="All LOD scores; the highest of each "
              "phenotype; those from --threshold on; or the --top highest of each phenotype, at most one for each chromosome.")
@click.option("--threshold", type=float, help="The least LOD score that --keep above keeps.")
@click.option("--top", type=click.IntRange(min=1), help="How many peaks of each phenotype --keep peaks keeps.")
@click.option("--memory", type=click.FloatRange(min=0.0, min_open=True), default=256.0, show_default=True,
              help="MB that the phenotypes scanned together may take, for each core.")
@scan_options
def bulk_scan(out, keep, threshold, top, memory, cores, dask, **given) -> None:
    """Genome scan of thousands of phenotypes, some at a time.

    The same scan as `lmmbridge scan`, without figures. What is kept is written as it is found; a scan that was interrupted goes
    on where it stopped when the same command is given again.

    The folder gets lod.npy (LOD scores, phenotypes × positions, which numpy.load opens without reading it all) or max.csv,
    above.csv or peaks.csv (phenotype, chr, marker, lod); phenotypes.csv (individuals, and hsq under twice the kinship matrix);
    positions.csv, map.csv (chr, pos, marker), and scan.json with what was done.
    """
    kept_of(keep, threshold, top)
    refuse_other_folder(out)
    with workers(cores, dask) as there:
        data = scan_inputs(cores=cores, **given)
        notes = scan1_bulk(data.probs, data.pheno, data.kinship, Xcovar=data.Xcovar, reml=data.reml, out=out, keep=keep,
                           threshold=threshold, top=top, memory=memory, cores=there, **data.model)
    say(notes[:MOST_NOTES])
    if len(notes) > MOST_NOTES:
        say([f"{len(notes) - MOST_NOTES} more notes are in {out / ABOUT}"])
    write_file(out / "map.csv", data.places.to_csv(index=False), "--out")
    about = {**data.about, **read_about(out)}
    write_file(out / ABOUT, json.dumps(about, indent=1) + "\n", "--out")
    click.echo(f"{out}: {about['positions']} positions, {about['phenotypes']} phenotypes", err=True)
