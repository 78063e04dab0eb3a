"""The command line: `lmmbridge validate`, `doctor`, `divergences`."""
from __future__ import annotations

import json
import multiprocessing
import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from threadpoolctl import threadpool_limits

from lmmbridge import InputError, __version__


class Group(click.Group):
    """Commands whose bad input ends with one sentence and status 2."""

    def invoke(self, context: click.Context):
        try:
            return super().invoke(context)
        except InputError as error:
            click.echo(f"lmmbridge: {error}", err=True)
            context.exit(2)
        except KeyboardInterrupt:
            click.echo("lmmbridge: interrupted; what is finished is kept, the same command goes on from there",
                       err=True)
            os._exit(130)     # workers and R end when this process does; nothing waits for what they are at


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lmmbridge")
def main() -> None:
    """Do several implementations of the same linear mixed model agree, and where they do not, why?"""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")     # a terminal without σ or ĥ shows ? for it


FILE = click.Path(path_type=Path)


@main.command(epilog="Example: lmmbridge validate --out report --engines python,qtl2 --problems 'iron/loco*/*'")
@click.option("--out", required=True, type=FILE, help="Folder for the results; an unfinished run in it goes on.")
@click.option("--engines", default=None, help="Engines, separated by commas. Default: all that are here.")
@click.option("--problems", default=None, help="Families (iron, grav2, simulated) or patterns of names, separated by "
              "commas. Default: all.")
@click.option("--pheno", type=FILE, help="Your own phenotypes: CSV, ID in column one. Goes with --kinship.")
@click.option("--kinship", type=FILE, help="Your own kinship matrix: CSV, IDs in column one and row one.")
@click.option("--covar", type=FILE, help="Your own covariates: CSV, ID in column one.")
@click.option("--weights", type=FILE, help="Your own weights (1/variance): CSV, ID in column one.")
def validate(out, engines, problems, pheno, kinship, covar, weights) -> None:
    """Run engines on problems, compare their answers, and write a report.

    DIR gets results.json, cases.csv and report.html. The status is 0 when nothing is unexplained and no engine failed,
    1 otherwise, 2 for bad input.
    """
    from lmmbridge.agreement.problems import ProblemsUnavailable, own_problems, select
    from lmmbridge.agreement.run import Run, availability
    from lmmbridge.engines import ENGINES
    from lmmbridge.report import html, terminal

    console = Console(stderr=True)
    # One BLAS thread in each process: small matrices gain nothing from more, and a run can be repeated to the bit.
    threads = os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    threadpool_limits(int(threads))
    own = [value for value in (pheno, kinship, covar, weights) if value is not None]
    if own and (pheno is None or kinship is None):
        raise InputError("your own data need both --pheno and --kinship")
    if own and problems is not None:
        raise InputError("--problems chooses among the built-in problems; leave it out with --pheno and --kinship")
    names = _list(engines) if engines is not None else list(ENGINES)
    available = availability(names)
    for name, found in available.items():
        if engines is not None and found.version is None:
            raise InputError(f"--engines: {name} is not here: {found.remedy}")
    unavailable, chosen = {}, []
    if own:
        chosen = own_problems(pheno, kinship, covar, weights)
    else:
        with console.status("reading the problems"):
            for family, found in select(_list(problems) if problems is not None else ["*"]):
                if isinstance(found, ProblemsUnavailable):
                    unavailable[family] = found
                else:
                    chosen += found
    run = Run(out, available, chosen, unavailable, "lmmbridge " + shlex.join(sys.argv[1:]))
    for problem in chosen:
        for note in problem.data.notes:
            console.print(f"{problem.name}: {note}", highlight=False, markup=False, soft_wrap=True)
    terminal.print_engines(console, available)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("cases", total=len(run.cases), completed=run.finished())
        results = _in_processes(lambda pool: run.execute(
            pool, lambda name: progress.update(task, advance=1, description=name)))
    html.write(results, out / "report.html")
    terminal.print_results(Console(), results, out)
    sys.exit(results["status"])


def _list(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise InputError("an empty list was given where names separated by commas are needed")
    return list(dict.fromkeys(names))


def _in_processes(work: Callable[[ProcessPoolExecutor], dict]) -> dict:
    """Work with a process per core, each with its own R; none of them outlives this one, or Ctrl-C."""
    # After Ctrl-C the tracker of semaphores would warn of what this process left to it.
    sys.warnoptions.append("ignore:resource_tracker:UserWarning")
    pool = ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn"), initializer=_worker)
    # The workers are started while Ctrl-C is ignored, which they inherit: it is the parent's from their first moment.
    ours = signal.signal(signal.SIGINT, signal.SIG_IGN)
    for _ in range(os.cpu_count()):
        pool.submit(os.getpid)
    signal.signal(signal.SIGINT, ours)
    try:
        return work(pool)
    except BrokenProcessPool:
        raise click.ClickException("a worker process was killed (perhaps for lack of memory); what is finished is "
                                   "kept, the same command goes on from there") from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _worker() -> None:
    """In a worker: end with the parent, however it goes (the worker's R follows)."""
    parent = multiprocessing.parent_process()
    threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()


@main.command(epilog="Example: lmmbridge doctor --json")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def doctor(as_json) -> None:
    """Say what was found (Python, R, packages, BLAS on both sides) and what is missing, with the remedy."""
    from lmmbridge.engines import ENGINES
    from lmmbridge.report import terminal
    from lmmbridge.rlink import RSession, inventory

    with RSession() as r:
        found = inventory(r)
    found["engines"] = {name: {"version": state.version, "status": state.status, "remedy": state.remedy}
                        for name, state in ((name, engine.availability()) for name, engine in ENGINES.items())}
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        terminal.print_inventory(Console(), found)


@main.command(epilog="Example: lmmbridge divergences --check")
@click.option("--check", is_flag=True, help="Run each entry's case on the installed versions.")
def divergences(check) -> None:
    """List where implementations are known to depart from the mathematics; status 1 if a check finds one mended."""
    from lmmbridge.agreement.register import REGISTER
    from lmmbridge.engines import ENGINES
    from lmmbridge.report import terminal

    rows = []
    for entry in REGISTER:
        missing = [name for name in entry.engines if ENGINES[name].availability().version is None] if check else []
        rows.append((entry, None if not check or missing else entry.check(), missing))
    terminal.print_divergences(Console(), rows, check)
    sys.exit(1 if any(finding is not None and not finding.shown for _, finding, _ in rows) else 0)
