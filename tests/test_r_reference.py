"""The R package lmmreference passes R CMD check, its own tests included."""
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "r_reference"


def test_r_cmd_check_passes_without_errors_or_warnings(tmp_path):
    if shutil.which("R") is None:
        pytest.skip("R is not installed: install R 4.2 or newer")
    shutil.copytree(SOURCE, tmp_path / "r_reference")
    built = subprocess.run(["R", "CMD", "build", "r_reference"], cwd=tmp_path, capture_output=True, text=True,
                           timeout=300)
    assert built.returncode == 0, built.stderr
    archive = next(tmp_path.glob("lmmreference_*.tar.gz"))
    checked = subprocess.run(["R", "CMD", "check", "--no-manual", archive.name], cwd=tmp_path, capture_output=True,
                             text=True, timeout=600)
    assert checked.returncode == 0, checked.stdout
    status = next(line for line in checked.stdout.splitlines() if line.startswith("Status:"))
    assert "ERROR" not in status and "WARNING" not in status, checked.stdout
    # skipped tests inside R would pass unseen
    summary = next((tmp_path / "lmmreference.Rcheck" / "tests").glob("testthat.Rout")).read_text()
    assert "FAIL 0" in summary and "SKIP 0" in summary, summary
