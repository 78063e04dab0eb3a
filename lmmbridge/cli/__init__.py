"""The command line: `lmmbridge validate`, `report`, `figures`, `compare`, `record`, `herit`, `scan`, `bulk-scan`, `peaks`, `doctor`,
`divergences`, `explain`, `install-r`.
"""
from __future__ import annotations

import os
import sys
import warnings

import click

from lmmbridge import InputError, __version__
from lmmbridge.cli.bulk_scan import bulk_scan
from lmmbridge.cli.compare import compare
from lmmbridge.cli.explain import explain
from lmmbridge.cli.herit import herit
from lmmbridge.cli.install_r import install_r
from lmmbridge.cli.inventory import divergences, doctor
from lmmbridge.cli.peaks import peaks
from lmmbridge.cli.record import record
from lmmbridge.cli.report import figures, report
from lmmbridge.cli.scan import scan
from lmmbridge.cli.validate import validate
from lmmbridge.rlink.errors import RLinkError

#: What is left of a command that Ctrl-C ends.
LEFT = dict.fromkeys(("validate", "bulk-scan"), "what is finished is kept, the same command goes on from there")


class Group(click.Group):
    """Commands whose bad input ends with one sentence and status 2."""

    def invoke(self, context: click.Context):
        try:
            return super().invoke(context)
        except (InputError, RLinkError) as error:
            click.echo(f"lmmbridge: {error}", err=True)
            context.exit(2)
        except KeyboardInterrupt:
            left = LEFT.get(context.invoked_subcommand, "nothing was written")
            click.echo(f"lmmbridge: interrupted; {left}", err=True)
            os._exit(130)     # workers and R end when this process does; nothing waits for what they are at


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lmmbridge")
def main() -> None:
    """Do several implementations of the same linear mixed model agree, and where they do not, why?"""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")     # a terminal without σ or ĥ shows ? for it
    warnings.showwarning = _say(warnings.showwarning)


def _say(otherwise):
    """Warnings that are meant for users as a line each; others as before."""
    def show(message, category, *where):
        if issubclass(category, UserWarning):
            click.echo(f"warning: {message}", err=True)
        else:
            otherwise(message, category, *where)
    return show


for command in (validate, report, figures, compare, record, herit, scan, bulk_scan, peaks, doctor, divergences, explain, install_r):
    main.add_command(command)
