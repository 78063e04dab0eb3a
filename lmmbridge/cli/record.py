"""`lmmbridge record`: the answers of engines as evidence for where the engines cannot be had."""
from __future__ import annotations

import click
from rich.console import Console

from lmmbridge import InputError
from lmmbridge.cli.blas_threads import few_blas_threads
from lmmbridge.cli.options import FILE, names_in
from lmmbridge.files import check_new_folder


@click.command(epilog="Example: lmmbridge record --engines qtl2,lmmlite-cpp --problems 'iron/overall/*,simulated' --out recorded")
@click.option("--out", required=True, type=FILE, help="New folder for the recording.")
@click.option("--engines", default=None, help="Engines, separated by commas. Default: those in R that are here.")
@click.option("--problems", default=None, help="Families (iron, grav2, simulated) or patterns of names, separated by commas. "
              "Default: all.")
def record(out, engines, problems) -> None:
    """Record the answers of engines, with inputs, hashes, versions and R's session.

    `lmmbridge validate --recorded DIR` uses them where an engine is not here, and says so. It refuses a recording whose files
    have another hash, or whose objective, computed again at the recorded parameters, is another.
    """
    from lmmbridge.agreement import recording
    from lmmbridge.agreement.problems import ProblemsUnavailable
    from lmmbridge.agreement.run import availability, criteria
    from lmmbridge.agreement.selection import select
    from lmmbridge.engines import ENGINES

    check_new_folder(out)
    click.get_current_context().with_resource(few_blas_threads())
    names = names_in(engines) if engines is not None else [name for name, engine in ENGINES.items() if hasattr(engine, "package")]
    available = availability(names)
    for name, found in available.items():
        if found.version is None and engines is not None:
            raise InputError(f"--engines: {name} is not here: {found.remedy}")
    here = [name for name, found in available.items() if found.version is not None]
    if not here:
        raise InputError("no engine in R is here to be recorded; see lmmbridge doctor")
    console, chosen = Console(stderr=True), []
    with console.status("reading the problems"):
        for family, found in select(names_in(problems) if problems is not None else ["*"]):
            if isinstance(found, ProblemsUnavailable):
                raise InputError(f"--problems: {family}: {found}")
            chosen += found
    cases = [(problem, reml) for problem in chosen for reml in criteria(problem)]
    recording.record(here, cases, out)
    console.print(f"{len(cases)} cases by {', '.join(here)} in {out}", highlight=False, soft_wrap=True)
