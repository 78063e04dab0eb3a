"""The implementations under comparison, behind one interface; `lmmbridge.agreement.ledger` holds their conventions."""
from lmmbridge.engines.base import Availability, Engine, EngineFailure, Evaluation, Optimum, words_of
from lmmbridge.engines.dense import DenseEngine
from lmmbridge.engines.python import PythonEngine
from lmmbridge.engines.r_engines import LmmliteCppEngine, LmmliteREngine, Qtl2Engine, ReferenceEngine

ENGINES: dict[str, Engine] = {engine.name: engine for engine in (
    PythonEngine(), DenseEngine(), ReferenceEngine(), LmmliteREngine(), LmmliteCppEngine(), Qtl2Engine())}

__all__ = ["ENGINES", "Availability", "Engine", "EngineFailure", "Evaluation", "Optimum", "words_of"]
