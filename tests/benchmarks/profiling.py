"""Where the time goes on our side: a profile, and what the machine could do at best."""
from __future__ import annotations

import cProfile
import pstats
from collections.abc import Callable
from pathlib import Path

import numpy as np
from measuring import seconds_of

#: Functions that are shown, and the least share of the time that is worth a line.
MOST, LEAST = 5, 0.03


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


def profile(run: Callable[[], object]) -> list[dict]:
    """The functions with most time of their own in one run: function, where, calls, seconds, share."""
    profiler = cProfile.Profile()
    profiler.runcall(run)
    stats = pstats.Stats(profiler)
    total = max(stats.total_tt, 1e-9)
    rows = sorted(((own, calls, where) for where, (_, calls, own, _, _) in stats.stats.items()), key=lambda row: -row[0])
    return [{"function": name, "where": _short(file, line), "calls": calls, "seconds": own, "share": own / total}
            for own, calls, (file, line, name) in rows[:MOST] if own / total >= LEAST]


def _short(file: str, line: int) -> str:
    """lmmbridge/lmm/scan.py:30 for a file of ours, numpy/linalg/… for another's, nothing for built-in functions."""
    if file == "~":
        return ""
    parts = Path(file).parts
    start = next((i for i, part in enumerate(parts) if part in ("lmmbridge", "numpy", "scipy", "pandas", "xarray")
                  and i + 1 < len(parts)), len(parts) - 1)
    last = max((i for i in range(start, len(parts)) if parts[i] == "lmmbridge"), default=start)
    return f"{'/'.join(parts[last:])}:{line}"
