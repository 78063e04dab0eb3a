"""Where the time goes on our side: a profile, and what the machine could do at best."""
from __future__ import annotations

import cProfile
import pstats
from collections.abc import Callable
from pathlib import Path

import numpy as np
from stopwatch import seconds_of

#: Functions that are shown, and the least share of the time that is worth a line.
MOST, LEAST = 5, 0.03
#: Where files are counted from.
PACKAGES = ("lmmbridge", "numpy", "scipy", "pandas", "xarray")


def machine_rates() -> dict[str, float]:
    """Floating point operations per second of one thread's dgemm (1000³), and bytes per second of a copy of 256 MB."""
    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(2, 1000, 1000))
    A @ B
    gemm = min(seconds_of(lambda: A @ B)[0] for _ in range(5))
    source = np.ones(2**25)
    target = np.empty_like(source)
    np.copyto(target, source)
    copy = min(seconds_of(lambda: np.copyto(target, source))[0] for _ in range(5))
    return {"flops": 2e9 / gemm, "bytes": 2.0 * source.nbytes / copy}


def profile(run: Callable[[], object]) -> dict:
    """Of one run: the `functions` with most time of their own, and the shares of the `packages`.

    Time in built-in functions counts for "built-in", whoever called them.
    """
    profiler = cProfile.Profile()
    profiler.runcall(run)
    stats = pstats.Stats(profiler)
    total = max(stats.total_tt, 1e-9)
    rows = sorted(((own, calls, where) for where, (_, calls, own, _, _) in stats.stats.items()), key=lambda row: -row[0])
    functions = [{"function": name, "where": f"{_short(file)}:{line}" if _short(file) else "", "calls": calls, "seconds": own,
                  "share": own / total} for own, calls, (file, line, name) in rows[:MOST] if own / total >= LEAST]
    packages: dict[str, float] = {}
    for own, _, (file, _, _) in rows:
        package = _short(file).partition("/")[0] or "built-in"
        packages[package] = packages.get(package, 0.0) + own / total
    return {"functions": functions, "packages": {name: share for name, share in sorted(packages.items(), key=lambda item: -item[1])
                                                 if share >= LEAST}}


def _short(file: str) -> str:
    """lmmbridge/lmm/scan.py for a file of ours, numpy/linalg/… for another's, nothing for built-in functions."""
    if file == "~":
        return ""
    if file.startswith("<__array_function__"):
        return "numpy/core"
    parts = Path(file).parts
    package = max((i for i, part in enumerate(parts) if part in PACKAGES and i + 1 < len(parts)), default=len(parts) - 1)
    return "/".join(parts[package:])
