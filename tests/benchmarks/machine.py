"""What the numbers were measured on and with."""
from __future__ import annotations

import datetime
import os
import platform
import re
from importlib import metadata
from pathlib import Path

import scipy.linalg  # noqa: F401  (its BLAS counts only when loaded)
from threadpoolctl import threadpool_info

from lmmbridge.engines import gemma
from lmmbridge.rlink import RLinkError, RSession, project_library

PYTHON_PACKAGES = ("lmmbridge", "numpy", "scipy", "pandas", "xarray", "rpy2")
R_PACKAGES = ("qtl2", "lmmlite", "lme4")


def facts(session: RSession, cores: int) -> list[tuple[str, str]]:
    """What, and what it is."""
    there = gemma.availability()
    return [
        ("date", datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")),
        ("CPU", f"{_cpu()}, {os.cpu_count()} cores here; {cores} used, unless a row says otherwise"),
        ("memory", f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.1f} GB"),
        ("system", f"{platform.system()} {platform.release()}, {_distribution()}"),
        ("Python", ", ".join([platform.python_version()] + [f"{name} {_version(name)}" for name in PYTHON_PACKAGES])),
        ("Python's BLAS", "; ".join(f"{Path(pool['filepath']).name} {pool.get('version')} {pool.get('architecture', '')}, "
                                    f"threads: {pool['num_threads']}" for pool in threadpool_info() if pool["user_api"] == "blas")),
        *_r(session),
        ("GEMMA", f"{there.version} ({there.build}), its own OpenBLAS with as many threads as cores are used" if there.version
         else f"not available: {there.remedy}"),
    ]


def _r(session: RSession) -> list[tuple[str, str]]:
    try:
        made_of = session.call("made_of", list(R_PACKAGES)).value
    except RLinkError as error:
        return [("R", f"not available: {error}")]
    rows = [("R", made_of["version"]),
            ("R's BLAS", f"{made_of['blas']}, LAPACK {made_of['lapack']}; OPENBLAS_NUM_THREADS={made_of['threads']}")]
    for name in R_PACKAGES:
        about = made_of["packages"].get(name)
        rows.append((name, "not available" if about is None else f"{about['Version']} (built: {about['Built']})"
                     + _compiled(name)))
    return rows


def _compiled(package: str) -> str:
    """The compiler's command, where the log of the installation is there."""
    library = project_library()
    log = None if library is None else library / f"{package}-install.log"
    if log is None or not log.exists():
        return ""
    found = re.search(r"^g\+\+ .*$", log.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    if found is None:
        return ""
    flags = [word for word in found[0].split() if re.match(r"-(std|O|m|g$|f(?!file|debug))", word)]
    return f", compiled by g++ {' '.join(flags)}"


def _cpu() -> str:
    try:
        found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        return ""


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "missing"
