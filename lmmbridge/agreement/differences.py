"""Differences of the compared quantities, each on its own scale (tolerances.yaml says which)."""
from __future__ import annotations

import numpy as np

from lmmbridge.agreement.tolerances import tolerances
from lmmbridge.engines import Evaluation
from lmmbridge.inputs import Data

#: Digits of agreement are capped here: beyond, doubles cannot differ.
MOST_DIGITS = 15.0


def differences(one: Evaluation, other: Evaluation, data: Data) -> dict[str, np.ndarray]:
    """Differences of the quantities that both give, shape (g, m) each.

    loglik: |Δ| / (1 + |loglik|); sigmasq: |Δ| / σ²; beta: ‖Δb‖ / ‖b‖ with b the coefficients of X's columns scaled
    to length 1, or against a part of ‖y‖ where b is smaller than that.
    """
    with np.errstate(invalid="ignore", divide="ignore"):        # what is no number differs from everything
        return _differences(one, other, data)


def _differences(one: Evaluation, other: Evaluation, data: Data) -> dict[str, np.ndarray]:
    found = {"loglik": np.abs(one.loglik - other.loglik) / (1.0 + np.abs(other.loglik))}
    if one.sigmasq is not None and other.sigmasq is not None:
        found["sigmasq"] = np.abs(one.sigmasq - other.sigmasq) / np.abs(other.sigmasq)
    if one.beta is not None and other.beta is not None:
        lengths = np.linalg.norm(data.X, axis=0)[:, None]
        one_b, other_b = lengths * one.beta, lengths * other.beta
        smallest = tolerances()["beta"]["floor"] * np.linalg.norm(data.Y, axis=0)
        size = np.maximum(np.linalg.norm(one_b, axis=1), np.linalg.norm(other_b, axis=1))
        found["beta"] = np.linalg.norm(one_b - other_b, axis=1) / np.maximum(size, smallest)
    return found


def relative_error(value: float, right: float) -> float:
    """|value − right| / |right|, or |value| where right is 0: −log10 of it is known as the log relative error."""
    return abs(value - right) / abs(right) if right != 0.0 else abs(value)


def digits(difference: float) -> float:
    """Digits of agreement: −log10 of a scaled difference, between 0 and 15, rounded down to a tenth."""
    if difference <= 10.0**-MOST_DIGITS:
        return MOST_DIGITS
    return float(max(0.0, np.floor(-10.0 * np.log10(difference)) / 10.0))
