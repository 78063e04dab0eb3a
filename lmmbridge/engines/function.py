"""A function of the user's as an engine: a Python callable, or an R function as code.

It is called as f(y, X, K, reml), one phenotype at a time: y has length n, X shape (n, p), the intercept in it, K shape (n, n),
reml is true or false. It gives hsq, its estimate, and loglik and sigmasq there, and beta (length p) where it has one: in Python
as a mapping or as attributes, in R as a list. Two more arguments are used where the function has them by name: `hsq`, a
number at which to evaluate in place of estimating it (without it nothing is compared at fixed hsq, and laws cannot be applied),
and `weights`, 1/variance (without it the engine takes no weights). A Python function that changes its arguments in place has
failed.
"""
from __future__ import annotations

import hashlib
import importlib
import inspect
import os
import sys
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from lmmbridge.engines.base import Availability, Engine, EngineFailure, Evaluation, Optimum
from lmmbridge.engines.r_engines import load, shared_session
from lmmbridge.errors import InputError
from lmmbridge.inputs import Data
from lmmbridge.rlink import RLinkError

#: The name of the engine that an R function is.
R_NAME = "r-function"


class FunctionEngine(Engine):
    """A function, asked for one phenotype after the other.

    Parameters
    ----------
    function : function of (y, X, K, reml)
        See the module. It gets copies of the inputs, and has failed where it changes them.
    name : str
    version : str
    build : str, optional
        What tells this function from the same name with other code.
    """

    search = "the function's own"
    linear_algebra = "the function's own"

    def __init__(self, function: Callable[..., Any], name: str, version: str = "unknown",
                 build: str | None = None) -> None:
        self.name, self._function, self._availability = name, function, Availability(version, build=build)
        self.description = f"the Python function {name}"
        try:
            parameters = inspect.signature(function).parameters
        except (TypeError, ValueError):         # compiled code may not tell
            parameters = {}
        self.takes_weights, self._takes_hsq = "weights" in parameters, "hsq" in parameters
        # Whether it gives β is known only when it is asked.
        self.computes = ("loglik", "sigmasq", "beta") if self._takes_hsq else ()

    def availability(self) -> Availability:
        return self._availability

    def answerable(self, data: Data, hsq: np.ndarray, reml: bool) -> np.ndarray:
        return np.full(hsq.shape, self._takes_hsq)

    def at_hsq(self, data: Data, hsq: np.ndarray, reml: bool) -> Evaluation:
        if not self._takes_hsq:
            return Evaluation(np.full(hsq.shape, np.nan))
        found = [[self._ask(data, j, reml, float(h)) for j, h in enumerate(row)] for row in hsq]

        beta = _table(found, "beta", data.X.shape[1])
        return Evaluation(_needed(_table(found, "loglik"), self.name, "loglik"), _table(found, "sigmasq"),
                          None if beta is None else np.moveaxis(beta, 1, 2))

    def optimum(self, data: Data, reml: bool) -> Optimum:
        found = [self._ask(data, j, reml) for j in range(data.Y.shape[1])]

        def vector(name: str) -> np.ndarray:
            values = [answer.get(name) for answer in found]
            return np.array([_needed(value, self.name, name) for value in values], dtype=float)

        beta = _table([found], "beta", data.X.shape[1])
        return Optimum(vector("hsq"), vector("loglik"), vector("sigmasq"), None if beta is None else beta[0].T)

    def _ask(self, data: Data, column: int, reml: bool, hsq: float | None = None) -> dict[str, Any]:
        inputs = {"y": data.Y[:, column], "X": data.X, "K": data.K, "weights": data.weights}
        copies = {name: value.copy() for name, value in inputs.items() if value is not None}
        more = {name: value for name, value in (("hsq", hsq), ("weights", copies.get("weights"))) if value is not None}
        try:
            answer = self._function(copies["y"], copies["X"], copies["K"], reml, **more)
        except SystemExit as error:         # which would end the run, with whatever status the function likes
            raise EngineFailure(f"{self.name} called sys.exit({error.code!r})") from None
        changed = [name for name, copy in copies.items() if not np.array_equal(copy, inputs[name], equal_nan=True)]
        if changed:
            raise EngineFailure(f"{self.name} changes its inputs in place ({', '.join(changed)}): whoever calls it again with them "
                                "asks about other data")
        return _parts(answer, data.X.shape[1], self.name)

    def __reduce__(self):
        # Another process imports the function anew; only those that `python_function` found can go there.
        return python_function, (self.name,)


class RFunctionEngine(FunctionEngine):
    """An R function, given as code.

    Parameters
    ----------
    code : str

    Raises
    ------
    InputError
        Where the code is no function.
    """

    linear_algebra = "R's BLAS"

    def __init__(self, code: str) -> None:
        self.code = code
        try:
            arguments = np.atleast_1d(shared_session().call("define_function", code).value)
        except RLinkError as error:
            raise InputError(f"--engine-r: this is not R code of a function ({error})") from None
        self.name, self.description = R_NAME, "an R function of yours"
        self._availability = Availability("unknown", build=f"code with SHA-256 {hashlib.sha256(code.encode()).hexdigest()[:16]}")
        self._takes_hsq, self.takes_weights = "hsq" in arguments, "weights" in arguments
        self.computes = ("loglik", "sigmasq", "beta") if self._takes_hsq else ()

    def _ask(self, data: Data, column: int, reml: bool, hsq: float | None = None) -> dict[str, Any]:
        try:
            load(data)
            answer = shared_session().call("ask_function", self.code, column + 1, reml, hsq).value
        except RLinkError as error:
            raise EngineFailure(str(error)) from error
        return _parts(answer, data.X.shape[1], self.name)

    def __reduce__(self):
        return RFunctionEngine, (self.code,)


def python_function(target: str) -> FunctionEngine:
    """The engine that "package.module:function" names; modules of the working folder are found, too.

    Raises
    ------
    InputError
        Where there is no such function.
    """
    module_name, _, name = target.partition(":")
    if not module_name or not name:
        raise InputError(f"--engine: '{target}' is not of the form package.module:function")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found: Any = importlib.import_module(module_name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:      # whatever the user's module raises, sys.exit among it
        raise InputError(f"--engine: {module_name} cannot be imported ({type(error).__name__}: {error})") from None
    for part in name.split("."):
        if not hasattr(found, part):
            raise InputError(f"--engine: {module_name} has no '{name}'")
        found = getattr(found, part)
    if not callable(found):
        raise InputError(f"--engine: {target} is not a function")
    package = module_name.partition(".")[0]
    return FunctionEngine(found, target, _version(package), f"code with SHA-256 {_code_hash(package)[:16]}")


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return str(getattr(sys.modules[package], "__version__", "unknown"))


def _code_hash(package: str) -> str:
    """Hash of the code behind a module: a run does not go on with answers of edited code.

    Of a package all Python files, of a module that is a single file those beside it, which may be imported only when the function
    is called; and every loaded module that lies in the folder, compiled ones, too. Code elsewhere is not looked at.
    """
    module, digest = sys.modules[package], hashlib.sha256()
    folders, pattern = [Path(folder) for folder in getattr(module, "__path__", [])], "**/*.py"
    if not folders and getattr(module, "__file__", None):
        folders, pattern = [Path(module.__file__).parent], "*.py"
    files = {path for folder in folders for path in folder.glob(pattern) if path.is_file() and os.access(path, os.R_OK)}
    for one in list(sys.modules.values()):
        file = Path(getattr(one, "__file__", None) or "")
        if file.is_file() and any(folder in file.parents for folder in folders):
            files.add(file)
    for path in sorted(files):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _parts(answer: Any, p: int, name: str) -> dict[str, Any]:
    """hsq, loglik, sigmasq and beta of what a function gave, as far as they are there."""
    found: dict[str, Any] = {}
    for part in ("hsq", "loglik", "sigmasq", "beta"):
        value = answer.get(part) if isinstance(answer, Mapping) else getattr(answer, part, None)
        if value is None:
            continue
        try:
            numbers = np.asarray(value, dtype=float).ravel()
        except (TypeError, ValueError):
            raise EngineFailure(f"{name} gave '{part}' that is not numbers: {value!r}") from None
        if len(numbers) != (p if part == "beta" else 1):
            raise EngineFailure(f"{name} gave {len(numbers)} numbers as '{part}' where {p if part == 'beta' else 1} belong")
        found[part] = numbers if part == "beta" else float(numbers[0])
    return found


def _table(answers: list[list[dict[str, Any]]], part: str, length: int | None = None) -> np.ndarray | None:
    """One part of all answers; None where none has it, NaN where only some have: leaving it out is no way to be right."""
    missing = np.nan if length is None else np.full(length, np.nan)
    if not any(part in answer for row in answers for answer in row):
        return None
    return np.array([[answer.get(part, missing) for answer in row] for row in answers], dtype=float)


def _needed(value: Any, name: str, part: str) -> Any:
    if value is None:
        raise EngineFailure(f"{name} gave no '{part}'")
    return value
