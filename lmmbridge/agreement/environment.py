"""What numbers are computed with."""
from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lmmbridge.rlink import RUnavailable, shared_session


def environment() -> dict[str, Any]:
    """What the numbers were computed with."""
    import scipy
    from threadpoolctl import threadpool_info

    blas = sorted({f"{info['internal_api']} {info['version']} ({info['num_threads']} thread(s))"
                   for info in threadpool_info() if info["user_api"] == "blas"})
    return _r_environment() | {"python": platform.python_version(), "numpy": np.__version__, "scipy": scipy.__version__,
            "pandas": pd.__version__, "machine": f"{platform.system()} {platform.machine()}", "blas": blas,
            "blas_threads_asked": os.environ.get("OPENBLAS_NUM_THREADS", "not set")}


def _r_environment() -> dict[str, str]:
    """R's version and BLAS, where R is there."""
    try:
        session = shared_session()
        path = Path(session.eval("extSoftVersion()[['BLAS']]").value)      # of the library; empty where R does not know
        return {"R": session.eval("R.version.string").value,
                "R BLAS": f"{path.parent.name or 'unknown'}, LAPACK {session.eval('La_version()').value}"}
    except RUnavailable:
        return {"R": "not available"}
