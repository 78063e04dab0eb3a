"""Time and memory of this project beside its peers: `python tests/benchmarks/run.py`, a table and a figure.

One BLAS thread on both sides, in this process and in those that it starts.
"""
import os

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):      # before numpy is there
    os.environ[variable] = "1"

import datetime  # noqa: E402
import shlex  # noqa: E402
import sys  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from contextlib import contextmanager  # noqa: E402
from pathlib import Path  # noqa: E402

import click  # noqa: E402
from cases import GROWTH_BASE, QTL2_SCAN, QUICK_GROWTH_BASE, Case, all_cases, growth_cases  # noqa: E402
from figures import draw_growth  # noqa: E402
from inputs import Inputs  # noqa: E402
from machine import facts  # noqa: E402
from measuring import LEAST, OURS, TOO_LONG, Side, agreement, inputs_of, interleave, memory, sides_of  # noqa: E402
from peers import r_session  # noqa: E402
from profiling import machine_rates, profile  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: E402
from tables import Row, bar_of, bars, seconds, write  # noqa: E402

from lmmbridge import progress as library_progress  # noqa: E402
from lmmbridge.engines import words_of  # noqa: E402
from lmmbridge.rlink import RLinkError  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
GROWTH = "growth"


class Benchmark:
    """One run: what was measured so far, and the page that is written after each case."""

    def __init__(self, out: Path, rounds: int, quick: bool, cores: int, only: list[str], progress: Progress):
        self.out, self.rounds, self.quick, self.cores, self.progress = out, rounds, quick, cores, progress
        self.cases = [case for case in all_cases(quick) if not only or case.key in only]
        self.growth_cases = growth_cases(quick) if not only or GROWTH in only else {}
        self.task = progress.add_task("", total=len(self.cases) + sum(map(len, self.growth_cases.values())))
        self.session = r_session()
        self.bars = bars()
        self.rows: list[Row] = []
        self.profiles: list[dict] = []
        self.growth: dict[str, list[dict]] = {}
        self.page = {"command": _command(sys.argv[1:]), "date": datetime.date.today().isoformat(), "quick": quick, "cores": cores,
                     "facts": facts(self.session, cores), "rates": machine_rates(),
                     "growth_base": QUICK_GROWTH_BASE if quick else GROWTH_BASE}

    def run(self) -> None:
        for case in self.cases:
            self.measure(case)
            self.write(unfinished=True)
            self.progress.advance(self.task)
        for axis, cases in self.growth_cases.items():
            self.growth[axis] = []
            for case in cases:
                self.grow(axis, case)
                self.progress.advance(self.task)
        if self.growth:
            draw_growth(self.growth, self.page["growth_base"], self.out)
        self.write(unfinished=False)

    def write(self, unfinished: bool) -> None:
        write(self.out, self.rows, growth=self.growth, profiles=self.profiles, memory_bar=self.memory_bar(),
              unfinished=unfinished, **self.page)

    def measure(self, case: Case) -> None:
        """The rows of a case: times, agreement, memory, and the profile."""
        sizes = case.sizes_of(self.quick)
        cores = case.cores or self.cores
        rows = [Row(case.key, case.title, _words(sizes), cores, peer.name if peer else None,
                    bar=bar_of(self.bars, case.key, peer.name if peer else None), remark=peer.remark if peer else "")
                for peer in case.peers or (None,)]
        self.rows += rows
        with self.timed_sides(case, cores) as (inputs, ours, peers):
            if isinstance(ours, str):
                for row in rows:
                    row.problems.append(ours)
                return
            further = case.after(inputs) if case.after and ours.problem is None else {}
            for row, peer in zip(rows, peers or [None]):
                _fill(row, ours, peer)
                row.ours_eigen = further.get("eigen_seconds")
            ours.answers = {}
            if ours.problem is None and ours.median < TOO_LONG:
                self.step(case, "profile")
                self.profiles.append(self.profile_of(case, inputs, cores, ours.median))
            measured = [OURS] * (ours.problem is None) + [peer.name for peer in peers if peer.problem is None]
        if not self.quick or case is self.cases[0]:
            self.measure_memory(case, rows, measured, cores)
        for row in rows:
            self.say(f"{row.case}: ours {seconds(row.ours_seconds)}, {row.peer or 'no peer'} {seconds(row.peer_seconds)}; "
                     + (f"ratio {row.ratio:.3g}" if row.ratio is not None else row.reason))

    @contextmanager
    def timed_sides(self, case: Case, cores: int) -> Iterator[tuple[Inputs | None, Side | str, list[Side]]]:
        """The inputs, and both sides after their runs; a text where there are no inputs."""
        self.step(case, "inputs")
        r_is_there = self.r_is_there()
        inputs = None
        try:
            inputs = inputs_of(case, self.quick, self.session if r_is_there else None)
            ours, peers = sides_of(case, inputs, self.session, cores)
        except Exception as error:      # the other cases go on
            yield None, f"not measured: {words_of(error)}", []
            return
        self.step(case, "runs")
        interleave(ours, peers, self.rounds, 0.0 if self.quick else LEAST)
        try:
            yield inputs, ours, peers
        finally:
            if inputs.folder is not None:
                inputs.folder.cleanup()

    def profile_of(self, case: Case, inputs: Inputs, cores: int, seconds: float) -> dict:
        floor = case.floor(case.sizes_of(self.quick))
        return {"case": case.key, "sizes": _words(case.sizes_of(self.quick)), "seconds": seconds, "floor": floor,
                "floor_seconds": sum(floor.values()) / (self.page["rates"]["flops"] * cores),
                **profile(lambda: case.ours(inputs, 1))}

    def measure_memory(self, case: Case, rows: list[Row], measured: list[str], cores: int) -> None:
        found = {}
        for side in measured:
            self.step(case, f"memory of {side}")
            found[side] = memory(case, side, self.quick, cores)
        for row in rows:
            row.ours_memory = found.get(OURS, row.ours_memory)
            row.peer_memory = found.get(row.peer, row.peer_memory)

    def memory_bar(self) -> dict:
        """Ours at p = 1000 beside the peer's at p = 1 and the size of the output."""
        by_case = {row.case: row for row in self.rows}
        many, one = by_case.get("scan1-p1000"), by_case.get("scan1-p1")
        if many is None or one is None or isinstance(many.ours_memory, str) or isinstance(one.peer_memory, str):
            return {"reached": "?",
                    "text": "Whether ours at p = 1000 takes no more than qtl2 at p = 1 and the output: not measured."}
        sizes = next(case for case in self.cases if case.key == "scan1-p1000").sizes_of(self.quick)
        most = one.peer_memory["peak"] + 8.0 * sizes["m"] * sizes["p"]
        reached = "yes" if many.ours_memory["peak"] <= most else "no"
        return {"reached": reached, "text": (
            f"Bar: ours at p = {sizes['p']} ({many.ours_memory['peak'] / 1e6:,.0f} MB) takes no more than qtl2 at p = 1 "
            f"and the output of 8mp bytes ({most / 1e6:,.0f} MB). Reached: {reached}.")}

    def grow(self, axis: str, case: Case) -> None:
        with self.timed_sides(case, self.cores) as (_, ours, peers):
            point = {"value": case.sizes[axis], "ours": None, QTL2_SCAN.name: None, "problems": []}
            for side in [] if isinstance(ours, str) else [ours, *peers]:
                point[side.name] = side.median
                point["problems"] += [side.problem] if side.problem else []
            self.growth[axis].append(point)

    def r_is_there(self) -> bool:
        try:
            self.session.eval("TRUE")
        except RLinkError:
            return False
        return True

    def step(self, case: Case, what: str) -> None:
        self.progress.update(self.task, description=f"{case.key}: {what}")

    def say(self, text: str) -> None:
        self.progress.console.print(text, highlight=False, markup=False, soft_wrap=True)


def _command(arguments: list[str]) -> str:
    return shlex.join([".venv/bin/python", "tests/benchmarks/run.py", *arguments]) if arguments else "make bench"


def _words(sizes: dict[str, int]) -> str:
    return ", ".join(f"{name.replace('n_perm', 'permutations')} = {value:,}" for name, value in sizes.items())


def _fill(row: Row, ours: Side, peer: Side | None) -> None:
    row.ours_seconds, row.ours_runs = ours.median, ours.seconds
    row.problems += [ours.problem] if ours.problem else []
    if peer is None:
        return
    row.peer_seconds, row.peer_runs = peer.median, peer.seconds
    row.problems += [peer.problem] if peer.problem else []
    if row.ratio is not None:
        row.agreement = agreement(ours.answers, peer.answers)
    if "eigen_seconds" in peer.answers:
        row.peer_eigen = float(peer.answers["eigen_seconds"])


@click.command(help=__doc__)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=ROOT / "validation_reports/performance",
              show_default="validation_reports/performance", help="Folder of the table and the figure.")
@click.option("--rounds", type=click.IntRange(1), show_default="5, 1 with --quick", help="Runs of what takes under 2 seconds.")
@click.option("--only", default="", metavar="CASE,...", help=f"These cases alone; '{GROWTH}' is the growth curves.")
@click.option("--quick", is_flag=True, help="Tiny sizes: whether the benchmark works.")
@click.option("--cores", type=click.IntRange(1), default=1, show_default=True, help="On both sides.")
def main(out: Path, rounds: int | None, only: str, quick: bool, cores: int) -> None:
    chosen = [key.strip() for key in only.split(",") if key.strip()]
    known = [case.key for case in all_cases(quick)] + [GROWTH]
    unknown = [key for key in chosen if key not in known]
    if unknown:
        raise click.UsageError(f"--only: there is no case {unknown[0]!r}; there are {', '.join(known)}")
    out.mkdir(parents=True, exist_ok=True)
    library_progress.ON_TERMINAL = False
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        benchmark = Benchmark(out, rounds or (1 if quick else 5), quick, cores, chosen, progress)
        benchmark.run()
    failed = [row for row in benchmark.rows if any(problem.startswith("failed") for problem in row.problems)]
    for row in benchmark.rows:
        if row.reached == "no" and not quick:
            click.echo(f"below its bar: {row.case} beside {row.peer or 'nothing'}")
    click.echo(f"written: {out / 'README.md'}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
