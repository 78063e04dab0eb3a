"""Simulated problems are the same to the bit wherever they are made: a recording or a baseline of another machine fits them."""
from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lmmbridge import lmm
from lmmbridge.agreement import simulation

KEPT = Path(__file__).parents[2] / "validation_reports" / "recorded" / "recording.json"
HASHES = """
import json
from lmmbridge.agreement import simulation
print(json.dumps({name: data.content_hash for name, _, data in simulation.problems()}))
"""


@pytest.fixture(scope="module")
def problems():
    return {name: data for name, _, data in simulation.problems()}


@pytest.mark.parametrize("blas", [{"OPENBLAS_NUM_THREADS": "1"}, {"OPENBLAS_NUM_THREADS": "2"}, {"OPENBLAS_CORETYPE": "Prescott"},
                                  {"OPENBLAS_CORETYPE": "Haswell"}], ids=str)
def test_no_number_depends_on_the_blas(problems, blas):
    done = subprocess.run([sys.executable, "-c", HASHES], env={**os.environ, **blas}, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {name: data.content_hash for name, data in problems.items()}


def test_they_are_those_of_the_kept_recording(problems):
    kept = {entry["name"]: entry["content_hash"] for entry in json.loads(KEPT.read_text())["problems"]}
    assert {name: hash for name, hash in kept.items() if name.startswith("simulated/")} == {
        f"simulated/{name}": data.content_hash for name, data in problems.items()}


DESIGNS = {name: (n, kinship) for name, n, _, kinship, _, _ in simulation._DESIGNS}


@pytest.mark.parametrize("name", DESIGNS)
def test_kinship_is_what_its_root_says(name, tolerance):
    """Phenotypes are drawn with the root; K is computed apart from it."""
    n, kinship = DESIGNS[name]
    K, root = kinship(n, np.random.default_rng(1))
    assert np.array_equal(K, K.T)
    np.testing.assert_allclose(root @ root.T, K, atol=tolerance("kinship_root") * np.abs(K).max())


def test_eigenvalues_are_those_that_were_asked_for(problems, tolerance):
    values = lmm.eigen_decomposition(problems["ill-conditioned-n40-p2"].K).values
    exponents = np.log2(values)
    np.testing.assert_allclose(exponents, exponents.round(), atol=tolerance("simulated_eigenvalues"))
    assert exponents[0].round() == -30 and exponents[-1].round() == 3
