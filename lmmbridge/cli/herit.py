"""`lmmbridge herit`: heritabilities of a cross's phenotypes."""
from __future__ import annotations

import math

import click

from lmmbridge import InputError
from lmmbridge.cli import inputs
from lmmbridge.cli.options import FILE, FORMATS, model_options, say
from lmmbridge.files import check_new_file, write_file
from lmmbridge.qtl2.cross2 import read_cross2
from lmmbridge.qtl2.herit import est_herit
from lmmbridge.qtl2.hsq_profile import hsq_profiles


@click.command(epilog="Example: lmmbridge herit --cross iron.zip --covar sex --plot herit.svg > herit.csv")
@click.option("--cross", "cross_file", required=True, type=FILE, help="R/qtl2 control file or zip bundle.")
@click.option("--probs", type=FILE, help="Genotype or allele probabilities (netCDF, as write_genoprobs writes it). "
              "Default: computed at the markers, by R/qtl2.")
@click.option("--kinship", type=FILE, help="Kinship matrix: .nc, GRM, .rel, GEMMA or CSV file. Default: of the "
              "probabilities.")
@model_options
@click.option("--out", type=FILE, help="File for the table. Default: standard output.")
@click.option("--plot", type=FILE, help="File (.svg, .png or .pdf) for the likelihood of hsq of each phenotype.")
def herit(cross_file, probs, kinship, covar, weights, ml, pheno, error_prob, cores, out, plot) -> None:
    """Heritability of each phenotype of a cross, as CSV.

    A row per phenotype: hsq under twice the kinship matrix with the ends of its 95% profile likelihood interval (empty
    where there is none; the reason is told), and log10lik, resid_sd and sample_size as R/qtl2's est_herit gives them.
    """
    for option, path in (("--out", out), ("--plot", plot)):
        if path is not None:
            check_new_file(path, option)
    if plot is not None and plot.suffix[1:] not in FORMATS:
        raise InputError(f"--plot: {plot} ends in none of .svg, .png and .pdf")
    if kinship is not None and (probs is not None or error_prob is not None):
        raise InputError("--probs and --error-prob are for a kinship that is to be computed; leave them out with "
                         "--kinship")
    cross = read_cross2(cross_file)
    pheno = inputs.phenotypes(cross, pheno)
    covar = inputs.covariates(cross, covar, "--covar")
    weights = inputs.weights(weights)
    if kinship is None:
        K = inputs.kinship_of(inputs.probabilities(cross, probs, error_prob, cores=cores)[0], "overall", cores)
    else:
        K = inputs.kinship_file(kinship)
        if isinstance(K, dict):
            raise InputError(f"--kinship: {kinship} has a matrix for each chromosome; one for all is needed")
    inputs.say_what_is_odd(K, pheno, covar)
    found = est_herit(pheno, K, covar, weights, not ml, cores)
    profiles = hsq_profiles(pheno, K, covar, weights, not ml, cores)
    say(found.notes)
    say(f"pheno '{name}': no interval of hsq: {profile.without}" for name, profile in profiles.items()
        if profile.without)

    table = found.table()
    low, high = zip(*(profiles[name].interval if name in profiles else (math.nan, math.nan) for name in table.index))
    table.insert(1, "hsq_low", low)
    table.insert(2, "hsq_high", high)
    text = table.assign(criterion=found.criterion).to_csv()
    if plot is not None:
        from lmmbridge.report.curves import hsq_likelihoods
        from lmmbridge.report.style import file_content

        if not profiles:
            raise InputError("--plot: no phenotype has an estimate; leave it out")
        write_file(plot, file_content(hsq_likelihoods(profiles, found.criterion), plot.suffix[1:]), "--plot")
    if out is None:
        click.echo(text, nl=False)
    else:
        write_file(out, text, "--out")
