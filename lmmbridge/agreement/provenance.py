"""Where numbers come from: the machine, the versions of everything, R's session, and the state of the source tree."""
from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_info

from lmmbridge.rlink import RUnavailable, shared_session

#: Python packages that have a part in the numbers, or in what is made of them.
PACKAGES = ("numpy", "scipy", "pandas", "mpmath", "rpy2")
#: The folder that holds this package.
SOURCE = Path(__file__).parents[2]


def provenance(r_packages: Sequence[str] = ()) -> dict[str, Any]:
    """Where numbers that are computed here come from.

    Parameters
    ----------
    r_packages : sequence of str
        R packages that are used; R's session information is given with them loaded.

    Returns
    -------
    dict
        python (version), packages (name → version), machine (system, architecture, cpus), blas (text), blas_threads
        (what OPENBLAS_NUM_THREADS says), git (commit, modified) or None, and r (version, blas, session) or None.
    """
    return {"python": platform.python_version(), "packages": {name: _version(name) for name in PACKAGES},
            "machine": {"system": f"{platform.system()} {platform.release()}", "architecture": platform.machine(),
                        "cpus": os.cpu_count()},
            "blas": _blas(), "blas_threads": os.environ.get("OPENBLAS_NUM_THREADS", "not set"), "git": _git(),
            "r": _r(r_packages)}


def _version(package: str) -> str:
    """As the package itself says: metadata of distributions may hold a placeholder."""
    return getattr(import_module(package), "__version__", None) or metadata.version(package)


def _blas() -> str:
    import scipy.linalg  # noqa: F401  (only libraries that are loaded are counted)

    # The kernels (of OpenBLAS and BLIS, "Haswell" say) are chosen by the processor, and round each in a way of their own.
    return ", ".join(sorted({" ".join([info["internal_api"], info["version"] or "of unknown version",
                                       *filter(None, [info.get("architecture")]), f"({info['num_threads']} thread(s))"])
                             for info in threadpool_info() if info["user_api"] == "blas"}))


def _git() -> dict[str, Any] | None:
    """Commit of the source tree this package runs from, and whether its files are those of the commit; None elsewhere."""
    def git(*arguments: str) -> str:
        return subprocess.run(["git", "-C", str(SOURCE), *arguments], capture_output=True, text=True, check=True).stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")) != SOURCE:
            return None
        return {"commit": git("rev-parse", "HEAD"), "modified": bool(git("status", "--porcelain", "--", "lmmbridge"))}
    except (OSError, subprocess.CalledProcessError):
        return None


def _r(packages: Sequence[str]) -> dict[str, str] | None:
    """R's version, BLAS and session information; None without R."""
    try:
        session = shared_session()
        for package in packages:
            session.call("requireNamespace", package, quietly=True)
        path = Path(session.eval("extSoftVersion()[['BLAS']]").value)      # of the library; empty where R does not know
        return {"version": session.eval("R.version.string").value,
                "blas": f"{path.parent.name or 'unknown'}, LAPACK {session.eval('La_version()').value}",
                "session": session.eval("paste(utils::capture.output(print(utils::sessionInfo())), collapse = '\\n')").value}
    except RUnavailable:
        return None
