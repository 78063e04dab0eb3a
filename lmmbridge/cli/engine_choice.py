"""Which engines a run has: those of this project, recorded ones, and functions of the user's."""
from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from lmmbridge import InputError
from lmmbridge.agreement.ledger import LEDGER, Convention
from lmmbridge.agreement.problems import Problem
from lmmbridge.agreement.recording import read_recording
from lmmbridge.agreement.run import availability
from lmmbridge.engines import ENGINES, Availability, Engine
from lmmbridge.engines.function import FunctionEngine, RFunctionEngine, python_function


@dataclass
class Choice:
    """Engines of a run.

    Attributes
    ----------
    available : dict of Availability
        By name, in the order of the report.
    others : dict of Engine
        Those that are recorded or the user's own.
    own : list of FunctionEngine
        The user's own.
    ledger : dict of Convention
    recorded_problems : list of Problem
    """

    available: dict[str, Availability]
    others: dict[str, Engine] = field(default_factory=dict)
    own: list[FunctionEngine] = field(default_factory=list)
    ledger: dict[str, Convention] = field(default_factory=lambda: dict(LEDGER))
    recorded_problems: list[Problem] = field(default_factory=list)

    @property
    def live(self) -> list[Engine]:
        """Those that run here."""
        return [self.others.get(name) or ENGINES[name] for name, found in self.available.items() if found.status == "live"]

    @property
    def descriptions(self) -> dict[str, str]:
        """What runs under each name."""
        return {name: (self.others.get(name) or ENGINES[name]).description for name in self.available}


def choose_engines(names: list[str] | None, scans: bool, recorded: Path | None, functions: tuple[str, ...],
                   r_function: str | None, convention: str) -> Choice:
    """The engines asked for.

    Parameters
    ----------
    names : list of str or None
        Of ENGINES; None: all that are here.
    scans : bool
        Whether engines that do not scan are left out where none is named.
    recorded : Path or None
        Recording for engines that are not here.
    functions : tuple of str
        The user's own Python functions.
    r_function : str or None
        The user's own R function.
    convention : str
        Whose conventions the user's functions follow.

    Raises
    ------
    InputError
        Where an engine that is named is not to be had.
    """
    every = [name for name, engine in ENGINES.items() if not scans or engine.scans]
    choice = Choice(availability(every if names is None else names))
    if recorded is not None:
        recording = read_recording(recorded, [name for name, found in choice.available.items() if found.version is None])
        choice.recorded_problems = recording.problems
        choice.others |= recording.engines
        choice.available |= {name: engine.availability() for name, engine in recording.engines.items()}
    for name, found in choice.available.items():
        if names is not None and found.version is None:
            raise InputError(f"--engines: {name} is not here: {found.remedy}")
    choice.own = [python_function(target) for target in functions]
    if r_function is not None:
        choice.own.append(RFunctionEngine(r_function))
    for engine in choice.own:
        choice.others[engine.name], choice.available[engine.name] = engine, engine.availability()
        choice.ledger[engine.name] = LEDGER[convention]
    return choice
