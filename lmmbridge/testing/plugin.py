"""pytest fixtures that hold a mixed model of yours against other implementations, and to the laws.

With lmmbridge installed, pytest has them. A test module of yours:

    from mymodel import fit             # fit(y, X, K, reml, hsq=None): see lmmbridge.engines.function

    def test_agrees(lmmbridge_case):    # once for each problem, by REML and by ML
        lmmbridge_case.check(fit)

    def test_obeys(lmmbridge_law):      # once for each law
        lmmbridge_law.check(fit)

`pytest --lmmbridge-engines python,dense,qtl2` names the implementations, `--lmmbridge-problems 'simulated/h*,iron/overall/*'` the
problems.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from lmmbridge.agreement.problems import Problem
    from lmmbridge.engines import Engine
    from lmmbridge.testing.laws import Law



def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("lmmbridge", "a linear mixed model held against other implementations")
    group.addoption("--lmmbridge-engines", default="python,dense", metavar="NAMES",
                    help="implementations to compare with, separated by commas (default: %(default)s)")
    group.addoption("--lmmbridge-problems", default="simulated", metavar="PATTERNS",
                    help="families (simulated, iron, grav2) or patterns of names (default: %(default)s)")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "lmmbridge_case" in metafunc.fixturenames:
        cases = _cases(metafunc.config)
        metafunc.parametrize("lmmbridge_case", cases, ids=[case.name for case in cases])
    if "lmmbridge_law" in metafunc.fixturenames:
        from lmmbridge.testing.lmm_laws import LMM_LAWS

        metafunc.parametrize("lmmbridge_law", [LawCheck(law) for law in LMM_LAWS], ids=[law.name for law in LMM_LAWS])


@dataclass(frozen=True, eq=False)
class CaseCheck:
    """One problem by REML or ML, and the engines to compare with."""

    problem: Problem
    reml: bool
    engines: dict[str, Engine]

    @property
    def name(self) -> str:
        return f"{self.problem.name}/{'REML' if self.reml else 'ML'}"

    def check(self, function: Callable[..., Any], convention: str = "python") -> None:
        """Fail unless the function agrees with every engine wherever it can be compared, or where no other engine gave an answer.

        Parameters
        ----------
        function : function of (y, X, K, reml), or Engine
            See `lmmbridge.engines.function`.
        convention : str, default "python"
            The engine of this project whose conventions its numbers follow: "python" reports every constant, takes K as
            given, and has σ² = Q/(n−p) under REML and Q/n under ML.
        """
        from lmmbridge.agreement.comparison import compare
        from lmmbridge.agreement.ledger import LEDGER
        from lmmbridge.agreement.verdicts import COMPARED_OR_FAILED, FAILING
        from lmmbridge.report.summary import disagreements

        engine = _engine(function)
        if engine.name in self.engines:
            raise ValueError(f"the implementation has the name of an engine to compare with, '{engine.name}': give it another")
        if self.problem.data.weights is not None and not engine.takes_weights:
            pytest.skip(f"{engine.name} takes no weights")
        case = compare(self.problem, self.reml, {**self.engines, engine.name: engine},
                       LEDGER | {engine.name: LEDGER[convention]}, arbitrate=False)
        found = disagreements({"cases": [case]})
        wrong = [row for verdict in FAILING for row in found.get(verdict, []) if engine.name in (row["a"], row["b"])]
        made = [record for record in case["comparisons"] if engine.name in (record["a"], record["b"])
                and record["counts"].keys() & COMPARED_OR_FAILED]
        silent = [f"{name}: {told['message']}" for name, told in case["engines"].items()
                  if name != engine.name and told["status"] != "answered"]
        if len(silent) == len(self.engines):
            pytest.fail(f"no engine to compare with gave an answer ({'; '.join(silent)})", pytrace=False)
        if not made:
            pytest.skip("; ".join([f"{engine.name}: none of its answers could be compared", *silent]))
        if wrong:
            pytest.fail("\n".join(f"{row['verdict']}: {row['engines']}, {row['quantity']}: {row['size']}{row['why']}"
                                  for row in wrong), pytrace=False)


@dataclass(frozen=True, eq=False)
class LawCheck:
    """One law of the mixed model."""

    law: Law

    def check(self, function: Callable[..., Any], convention: str = "python") -> None:
        """Fail with the smallest breach that is found; skip where the law cannot be applied. Parameters as of `CaseCheck`."""
        from lmmbridge.agreement.ledger import LEDGER
        from lmmbridge.testing.conformance import EXAMPLES, examine
        from lmmbridge.testing.laws import Translated

        engine = _engine(function)
        found = examine(self.law, Translated(engine, LEDGER[convention]), EXAMPLES)
        if found.breach is not None:
            pytest.fail(f"{found.breach}\nThe law: {self.law.statement}\nThe reason: {self.law.reason}", pytrace=False)
        if not found.held:
            pytest.skip(f"law '{self.law.name}' on {engine.name}: {'; '.join(found.untold)}")


def _engine(function: Any) -> Engine:
    from lmmbridge.engines import Engine
    from lmmbridge.engines.function import FunctionEngine

    if isinstance(function, Engine):
        return function
    return FunctionEngine(function, f"{function.__module__}:{getattr(function, '__qualname__', type(function).__name__)}")


def _cases(config: pytest.Config) -> list[CaseCheck]:
    """Every problem that was asked for by every criterion, with the engines that were."""
    from lmmbridge import InputError
    from lmmbridge.agreement.problems import ProblemsUnavailable
    from lmmbridge.agreement.run import availability
    from lmmbridge.agreement.selection import select
    from lmmbridge.engines import ENGINES
    from lmmbridge.inputs import Data

    def names(option: str) -> list[str]:
        return [name.strip() for name in config.getoption(option).split(",") if name.strip()]

    if not names("--lmmbridge-engines"):
        raise pytest.UsageError("--lmmbridge-engines: name at least one engine to compare with")
    try:
        for name, found in availability(names("--lmmbridge-engines")).items():
            if found.version is None:
                raise pytest.UsageError(f"--lmmbridge-engines: {name} is not here: {found.remedy}")
        engines = {name: ENGINES[name] for name in names("--lmmbridge-engines")}
        cases = []
        for family, problems in select(names("--lmmbridge-problems")):
            if isinstance(problems, ProblemsUnavailable):
                raise pytest.UsageError(f"--lmmbridge-problems: {family}: {problems}")
            cases += [CaseCheck(problem, reml, engines) for problem in problems if isinstance(problem.data, Data)
                      for reml in (True, False)]
    except InputError as error:
        raise pytest.UsageError(f"--lmmbridge-{str(error).removeprefix('--')}") from None
    return cases
