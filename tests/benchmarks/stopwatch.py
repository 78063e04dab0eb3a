"""How long something takes."""
from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import Any


def seconds_of(function: Callable[[], Any], repeats: int = 1) -> tuple[float, Any]:
    """Seconds of one of several runs in a row, and the last value."""
    gc.collect()
    start = time.perf_counter()
    for _ in range(repeats):
        value = function()
    return (time.perf_counter() - start) / repeats, value
