"""Which problems a run is made of."""
from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from lmmbridge.agreement import simulation
from lmmbridge.agreement.problems import CROSSES, Problem, ProblemsUnavailable, cross_problems
from lmmbridge.agreement.scan_problems import scan_problems
from lmmbridge.errors import InputError
from lmmbridge.qtl2.extdata import extdata


def select(patterns: list[str]) -> Iterator[tuple[str, list[Problem] | ProblemsUnavailable]]:
    """Problems by family: those whose name matches one of the patterns.

    Parameters
    ----------
    patterns : list of str
        Names of families (iron, grav2, simulated), or shell patterns of whole names such as iron/loco*/covariates or
        iron/scan*.

    Yields
    ------
    (family, problems), or (family, the reason why they cannot be had)
    """
    matched = set()
    for family in (*CROSSES, "simulated"):
        wanted = [pattern for pattern in patterns if fnmatch(family, pattern.split("/")[0])]
        if not wanted:
            continue
        try:
            if family in CROSSES:
                problems = cross_problems(family) + scan_problems(family, extdata(f"{family}.zip"))
            else:
                problems = [Problem(f"simulated/{name}", source, data, simulation.seed_of(name))
                            for name, source, data in simulation.problems()]
        except ProblemsUnavailable as unavailable:
            matched.update(wanted)
            yield family, unavailable
            continue
        chosen = []
        for problem in problems:
            hits = [pattern for pattern in wanted if pattern == family or fnmatch(problem.name, pattern)]
            matched.update(hits)
            if hits:
                chosen.append(problem)
        if chosen:
            yield family, chosen
    missed = [pattern for pattern in patterns if pattern not in matched]
    if missed:
        raise InputError(f"--problems: nothing is called '{missed[0]}'; give iron, grav2, simulated, or a pattern "
                         "such as 'iron/loco*/covariates'")


def select_scans(cross: Path, patterns: list[str]) -> list[Problem]:
    """Scans of the user's own cross: those whose name (such as cross/scan-loco/covariates) matches one of the patterns.

    Parameters
    ----------
    cross : Path
        What `read_cross2` reads; its name without ending is the first part of the problems' names.
    patterns : list of str
    """
    return matching(scan_problems(cross.stem, cross), patterns)


def matching(problems: list[Problem], patterns: list[str]) -> list[Problem]:
    """Problems whose name, or the family it starts with, matches one of the patterns; refuses a pattern without any."""
    def hits(problem: Problem, pattern: str) -> bool:
        return fnmatch(problem.name, pattern) or problem.name.split("/")[0] == pattern

    for pattern in patterns:
        if not any(hits(problem, pattern) for problem in problems):
            raise InputError(f"--problems: nothing is called '{pattern}'; there are "
                             + ", ".join(problem.name for problem in problems))
    return [problem for problem in problems if any(hits(problem, pattern) for pattern in patterns)]
