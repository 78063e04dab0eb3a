"""One mutant, one process: the tests on a copy of the package in which one module is mutated."""
from __future__ import annotations

import multiprocessing
import os
import re
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

#: Arrays beyond all measure end in MemoryError, not in a machine without memory.
ADDRESS_SPACE = 8 * 2**30
#: Imported once, in the process that all others are forked from: most of what a short test costs.
LIBRARIES = ["hypothesis", "mpmath", "numpy", "pandas", "pytest", "scipy.linalg", "scipy.optimize", "scipy.signal",
             "scipy.stats", "xarray", "yaml"]


class Workshop:
    """A copy of some files of a project, in which modules are mutated, tested and put back.

    Parameters
    ----------
    root : Path
        The project.
    copied : list of str
        Files and directories under root.
    """

    def __init__(self, root: Path, copied: list[str]) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="mutants-", ignore_cleanup_errors=True)
        self.path = Path(self._directory.name, "project")
        self._output = Path(self._directory.name, "output")
        for name in copied:
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if (root / name).is_dir():
                shutil.copytree(root / name, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(root / name, target)
        self._processes = multiprocessing.get_context("forkserver")
        self._processes.set_forkserver_preload(LIBRARIES)

    def __enter__(self) -> Workshop:
        return self

    def __exit__(self, *_) -> None:
        self._directory.cleanup()

    def unharmed(self, tests: list[str]) -> float:
        """Seconds that the tests take where nothing is mutated.

        Raises
        ------
        RuntimeError
            If they are not green there: mutants would die of that.
        """
        start = time.monotonic()
        result, by = self._run(tests, timeout=None)
        if result != "survived":
            raise RuntimeError(f"the tests fail without any mutation: {by}")
        return time.monotonic() - start

    def trial(self, module: Path | str, source: str, tests: list[str], timeout: float) -> tuple[str, str | None]:
        """("killed", the test), ("timed out", None) or ("survived", None) of one mutated module."""
        path = self.path / module
        unmutated = path.read_bytes()
        for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
            compiled.unlink()       # of the same second and size it could pass for the mutant's
        path.write_text(source, encoding="utf-8")
        try:
            return self._run(tests, timeout)
        finally:
            path.write_bytes(unmutated)

    def _run(self, tests: list[str], timeout: float | None) -> tuple[str, str | None]:
        process = self._processes.Process(target=_pytest, args=(self.path, self._output, tests, timeout is None))
        process.start()
        try:
            process.join(timeout)
            late = process.is_alive()
        finally:
            process.kill()
            process.join()
        if late:
            return "timed out", None
        # Of pytest's: 0 all passed, 1 some failed, 2 a test file could not be imported. Negative: ended by a signal.
        if process.exitcode == 0:
            return "survived", None
        output = self._output.read_text(encoding="utf-8", errors="replace")
        if process.exitcode in (1, 2) or process.exitcode < 0:
            failed = re.search(r"^(?:FAILED|ERROR) (\S+)", output, re.MULTILINE)
            return "killed", failed.group(1) if failed else f"status {process.exitcode}"
        raise RuntimeError(f"pytest ended with status {process.exitcode}:\n{output[-2000:]}")


def _pytest(project: Path, output: Path, tests: list[str], keep_compiled: bool) -> None:
    """In a process of its own: pytest on the copy of the project, its words to a file, its status as the process's."""
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    with output.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(project)
    sys.path[:0] = [str(project), str(Path(__file__).parent)]
    sys.dont_write_bytecode = not keep_compiled
    import pytest
    status = pytest.main(["-x", "-q", "--no-header", "--tb=line", "-p", "no:cacheprovider", "-p", "no_shrinking",
                          "--hypothesis-profile=no-shrinking", *tests])
    sys.stdout.flush()
    os._exit(int(status))
