"""What a call from R takes longer than the function in Python."""
import os
import subprocess
from pathlib import Path

import pytest
from r_side import r_libraries


@pytest.mark.alone
def test_a_scan_called_from_r_takes_hardly_longer(library, tolerance):
    done = subprocess.run(["Rscript", str(Path(__file__).with_name("overhead.R"))], capture_output=True, text=True, timeout=300,
                          env=os.environ | {"R_LIBS": r_libraries(library)})
    assert done.returncode == 0, done.stderr
    overhead, scan = map(float, done.stdout.split())
    assert 0.0 < overhead <= max(tolerance("r_overhead_share") * scan, tolerance("r_overhead_seconds")), (overhead, scan)
