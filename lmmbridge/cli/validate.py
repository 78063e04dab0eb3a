"""`lmmbridge validate`: engines on problems, compared."""
from __future__ import annotations

import multiprocessing
import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from lmmbridge import InputError
from lmmbridge.cli.blas_threads import few_blas_threads
from lmmbridge.cli.options import FILE, names_in, say
from lmmbridge.cli.results_file import read_comparable

if TYPE_CHECKING:
    from lmmbridge.agreement.ledger import Convention
    from lmmbridge.engines import Engine

#: Engines whose conventions a function of the user's may follow; those of python: every constant, σ² = Q/(n−p) under REML and
#: Q/n under ML, K as given.
CONVENTIONS = ("python", "lmmlite-cpp", "qtl2")


@click.command(epilog="Example: lmmbridge validate --out report --engines python,qtl2 --problems 'iron/loco*/*'")
@click.option("--out", required=True, type=FILE, help="Folder for the results; an unfinished run in it goes on.")
@click.option("--engines", default=None, help="Engines, separated by commas. Default: all that are here.")
@click.option("--problems", default=None, help="Families (iron, grav2, simulated) or patterns of names, separated by "
              "commas. Default: all.")
@click.option("--pheno", type=FILE, help="Your own phenotypes: CSV, ID in column one. Goes with --kinship.")
@click.option("--kinship", type=FILE, help="Your own kinship matrix: CSV with the IDs in column one and row one, "
              "or a .nc, GRM, .rel or GEMMA file.")
@click.option("--covar", type=FILE, help="Your own covariates: CSV, ID in column one.")
@click.option("--weights", type=FILE, help="Your own weights (1/variance): CSV, ID in column one.")
@click.option("--cross", type=FILE, help="Scans of your own cross: R/qtl2 control file or zip bundle.")
@click.option("--recorded", type=FILE, help="Folder that lmmbridge record wrote: its problems, and its answers for engines that "
              "are not here.")
@click.option("--engine", "functions", multiple=True, metavar="MODULE:FUNCTION", help="A Python function of yours as another "
              "engine, f(y, X, K, reml); see lmmbridge.engines.function. It is held to the laws as well.")
@click.option("--engine-r", "r_function", metavar="CODE", help="The same in R: 'function(y, X, K, reml) list(hsq = …, loglik = "
              "…, sigmasq = …, beta = …)'. What it loads or sources is not watched: name another --out after changing that.")
@click.option("--convention", type=click.Choice(list(CONVENTIONS)), default=CONVENTIONS[0], show_default=True,
              help="Whose conventions the numbers of --engine and --engine-r follow.")
@click.option("--laws", type=click.IntRange(min=1), metavar="N", help="Hold every engine that is here to the laws, each on N random "
              "problems. Default: --engine and --engine-r alone, on some.")
@click.option("--baseline", type=FILE, help="The results.json of an earlier run: what changed is printed, and the status is 1 "
              "also when agreement got worse; see lmmbridge compare.")
def validate(out, engines, problems, pheno, kinship, covar, weights, cross, recorded, functions, r_function, convention,
             laws, baseline) -> None:
    """Run engines on problems, compare their answers, and write a report.

    DIR gets report.html, results.json, cases.csv and, where there are scans, peaks.csv. The status is 0 when two engines or more
    were compared, nothing is unexplained, no engine failed and no law is broken; 1 otherwise; 2 for bad input.
    """
    from lmmbridge.agreement.change import compare_results
    from lmmbridge.agreement.problems import ProblemsUnavailable, own_problems
    from lmmbridge.agreement.run import Run
    from lmmbridge.agreement.selection import matching, select, select_scans
    from lmmbridge.cli.engine_choice import choose_engines
    from lmmbridge.kinship_files import read_kinship_file
    from lmmbridge.lint import lines, lint
    from lmmbridge.report import html, terminal
    from lmmbridge.report.change_tables import print_change
    from lmmbridge.tables import read_csv

    console = Console(stderr=True)
    click.get_current_context().with_resource(few_blas_threads())
    own = [value for value in (pheno, kinship, covar, weights) if value is not None]
    if own and (pheno is None or kinship is None):
        raise InputError("your own data need both --pheno and --kinship")
    if own and problems is not None:
        raise InputError("--problems chooses among the built-in problems; leave it out with --pheno and --kinship")
    if cross is not None and own:
        raise InputError("--cross brings its own data; leave out --pheno, --kinship, --covar and --weights")
    if recorded is not None and (own or cross is not None):
        raise InputError("--recorded brings its own problems; leave out --pheno, --kinship, --covar, --weights and --cross")
    if cross is not None and (functions or r_function is not None):
        raise InputError("--cross is of scans, which --engine and --engine-r do not do; leave one of them out")
    earlier = None if baseline is None else read_comparable(baseline)
    with console.status("looking for the engines" if recorded is None else "reading the recording, and computing its objectives "
                        "again"):
        choice = choose_engines(names_in(engines) if engines is not None else None, cross is not None, recorded, functions,
                                r_function, convention)
    judged = choice.own if laws is None else choice.live
    hold = _law_book(laws) if judged else None
    unavailable, chosen = {}, []
    if recorded is not None:
        chosen = matching(choice.recorded_problems, names_in(problems) if problems is not None else ["*"])
    elif cross is not None:
        with console.status("reading the cross"):
            chosen = select_scans(cross, names_in(problems) if problems is not None else ["*"])
    elif own:
        chosen = own_problems(pheno, kinship, covar, weights)
    else:
        with console.status("reading the problems"):
            for family, found in select(names_in(problems) if problems is not None else ["*"]):
                if isinstance(found, ProblemsUnavailable):
                    unavailable[family] = found
                else:
                    chosen += found
    run = Run(out, choice.available, chosen, unavailable, "lmmbridge " + shlex.join(sys.argv[1:]), choice.ledger,
              engines=choice.others, laws=laws,
              named=() if engines is None else names_in(engines))
    for problem in chosen:
        for note in problem.data.notes:
            console.print(f"{problem.name}: {note}", highlight=False, markup=False, soft_wrap=True)
    if own:
        # What prepare says or mends itself is in the notes above.
        found = lint(read_kinship_file(kinship), read_csv(pheno), None if covar is None else read_csv(covar))
        say(lines(finding for finding in found if finding.what not in ("ids", "eigenvalues")), "")
    terminal.print_engines(console, choice.available, choice.descriptions)
    if not console.is_terminal:
        console.print(f"{len(run.cases)} cases", highlight=False)       # a bar would not be seen there
    held = [row for engine in judged for row in hold(engine, choice.ledger[engine.name])]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("cases", total=len(run.cases), completed=run.finished())
        results = _in_processes(lambda pool: run.execute(
            pool, lambda name: progress.update(task, advance=1, description=name), held))
    html.write(results, out / "report.html")
    terminal.print_results(Console(), results, out)
    if earlier is None:
        sys.exit(results["status"])
    change = compare_results(earlier, results)
    print_change(Console(), change)
    sys.exit(1 if change.worse else results["status"])


def _law_book(examples: int | None) -> Callable[[Engine, Convention], list[dict[str, Any]]]:
    """A function that holds an engine to each law of the mixed model, and gives what came of it."""
    try:
        from lmmbridge.testing.conformance import EXAMPLES, hold_to_laws
    except ImportError as error:
        raise InputError(f"the laws need hypothesis, which is not here ({error}); install lmmbridge[testing]") from None
    from lmmbridge.testing.laws import Translated
    from lmmbridge.testing.lmm_laws import LMM_LAWS

    return lambda engine, convention: hold_to_laws(
        Translated(engine, convention, adds_intercept=engine.name == "qtl2"), LMM_LAWS, examples or EXAMPLES)


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
