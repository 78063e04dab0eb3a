"""The tolerances of agreement, read from tolerances.yaml, where each stands with its reason."""
from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import yaml


@cache
def tolerances() -> dict[str, dict[str, Any]]:
    """The content of tolerances.yaml."""
    return yaml.safe_load(resources.files(__package__).joinpath("tolerances.yaml").read_text(encoding="utf-8"))


def tolerance(quantity: str, n: int, condition: np.ndarray) -> np.ndarray:
    """min(limit, rounding · ε · n · condition) of a quantity, shaped like `condition`."""
    entry = tolerances()[quantity]
    return np.minimum(entry["limit"], entry["rounding"] * np.finfo(float).eps * n * condition)


def condition_limit() -> float:
    """The condition number of V or X up to which engines must agree."""
    return float(tolerances()["condition_limit"]["value"])
