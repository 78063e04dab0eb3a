"""Tracing a breach to the register of known divergences."""
from __future__ import annotations

import numpy as np

from lmmbridge.agreement.differences import differences
from lmmbridge.agreement.ledger import LEDGER
from lmmbridge.agreement.register import OptimumOff, ValueOff, explanation
from lmmbridge.engines import ENGINES, EngineFailure, Evaluation
from lmmbridge.engines.dense import gls
from lmmbridge.inputs import Data
from lmmbridge.testing.conditioning import Conditioning
from lmmbridge.testing.laws import Breach, Translated


def known_divergence(breach: Breach) -> str | None:
    """The entries of the register that a breach of one of LMM_LAWS by one of `lmmbridge.engines.ENGINES` comes from.

    Which of the engine's answers are off is found by the dense ones; each must be reproduced by an entry's fault.

    Returns
    -------
    str, names of entries, or None where some answer is off that no entry explains, or where none is off
    """
    engine = Translated(ENGINES[breach.implementation], LEDGER[breach.implementation])
    criteria = (False, True) if breach.reml is None else (breach.reml,)
    off: list[OptimumOff | ValueOff] = []
    for place, (data, h) in enumerate(zip(breach.problems, breach.hsq)):
        if breach.quantity in ("hsq", "likelihood at hsq"):
            if breach.law != "highest" or place == 0:       # its second hsq is no optimum, but higher
                off += _optimum_off(engine, data, h, breach.reml)
            off += [one for one in _values_off(engine, data, h, breach.reml) if one.quantity == "loglik"]
        else:
            off += [one for reml in criteria for one in _values_off(engine, data, h, reml)]
    if not off and breach.law == "reported" and breach.hsq:
        off = [ValueOff(engine.name, breach.problems[0], 0, breach.reml, breach.hsq[0], breach.quantity,
                        breach.difference)]
    entries = [explanation(one) for one in off]
    if not entries or None in entries:
        return None
    return ", ".join(dict.fromkeys(entry.name for entry in entries))


def _optimum_off(engine: Translated, data: Data, h: float, reml: bool) -> list[OptimumOff]:
    best = float(ENGINES["dense"].optimum(data, reml).loglik[0])
    found = OptimumOff(engine.name, data, 0, reml, h, best)
    found = OptimumOff(engine.name, data, 0, reml, h, max(best, found.loglik(h)))
    return [] if found.is_optimal(h) else [found]


def _values_off(engine: Translated, data: Data, h: float, reml: bool) -> list[ValueOff]:
    """The engine's answers at fixed hsq that are off the dense ones beyond tolerance."""
    hsq = np.array([[h]])
    loglik, sigmasq, beta = gls(data, h, data.Y, reml)
    right = Evaluation(loglik[None], sigmasq[None], beta[None])
    try:
        given = engine.at(data, hsq, reml)
    except EngineFailure:
        return [ValueOff(engine.name, data, 0, reml, h, "loglik", np.inf)]
    allowed = float(Conditioning(data, hsq[0]).tolerance[0])
    values = [(quantity, float(np.nan_to_num(difference[0, 0], nan=np.inf)))
              for quantity, difference in differences(given, right, data).items()]
    return [ValueOff(engine.name, data, 0, reml, h, quantity, difference)
            for quantity, difference in values if difference > allowed]
