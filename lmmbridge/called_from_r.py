"""What the R package `lmmbridge` calls, through reticulate: this project's functions on R's own numbers.

R's matrices arrive as views of R's memory, without names; `array`, `vector` and `list_of` put their names and attributes back
on, and `call` hands what `lmmbridge.qtl2.from_r` makes of them to a function. The function works in a thread of its own while the
main thread, which is R's, waits: it shows R the progress, draws R's random numbers and hears Ctrl-C. Nothing here starts a second
R, and no exception reaches R but as a sentence.
"""
from __future__ import annotations

import copy
import queue
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from lmmbridge import __version__, lmmlite, progress, qtl2
from lmmbridge.command_runner import run_command
from lmmbridge.errors import InputError
from lmmbridge.rlink import RList

#: How often (seconds) the main thread looks up.
TICK = 0.1
#: How long (seconds) work that is to end may go on, until its next step is counted.
GRACE = 2.0
#: Interrupted work, and the arguments that it was given: they are views of R's memory, which is let go in R's thread only.
ABANDONED: list[tuple[Thread, Mapping[str, Any]]] = []


def second_opinion(**arguments: Any) -> dict[str, Any]:
    """See `lmmbridge.agreement.second_opinion`, which takes a second to import."""
    from lmmbridge.agreement.second_opinion import second_opinion as opinion
    return opinion(**arguments)


def results_summary(path: str) -> dict[str, Any]:
    """Of a results.json: status, verdicts (counts), and the engines' names, versions and statuses."""
    from lmmbridge.agreement.results import read_results
    found = read_results(Path(path))
    engines = {f"{key}s" if key != "status" else "statuses": [engine[key] or "" for engine in found["engines"]]
               for key in ("name", "version", "status")}
    return {"status": found["status"], "verdicts": found["verdicts"]} | engines


#: What `call` can be asked for.
FUNCTIONS = {function.__name__: function for function in (
    qtl2.est_herit, qtl2.scan1, qtl2.scan1coef, qtl2.scan1blup, qtl2.fit1, qtl2.scan1perm, qtl2.scan1max, qtl2.calc_kinship,
    qtl2.scale_kinship, qtl2.decomp_kinship, lmmlite.eigen_rotation, lmmlite.getMLsoln, lmmlite.calcLL, lmmlite.fitLMM,
    second_opinion, results_summary, run_command)}


def version() -> str:
    """The version of this package."""
    return __version__


def array(values: np.ndarray, dimnames: list[list[str] | None], attributes: Mapping[str, Any]) -> xr.DataArray:
    """A matrix or array of R's."""
    dims = [f"dim_{i}" for i in range(values.ndim)]
    coords = {dim: (dim, np.array(names, dtype=object)) for dim, names in zip(dims, dimnames) if names is not None}
    return xr.DataArray(values, dims=dims, coords=coords, attrs=dict(attributes))


def vector(values: np.ndarray, names: list[str]) -> pd.Series:
    """A named vector of R's."""
    return pd.Series(values, pd.Index(names, dtype=object))


def vector_with(values: np.ndarray, names: list[str], attributes: Mapping[str, Any]) -> pd.Series:
    """A named vector of R's with further attributes."""
    found = vector(values, names)
    found.attrs = dict(attributes)
    return found


def list_of(elements: list[Any], names: list[str], attributes: Mapping[str, Any]) -> RList:
    """A named list of R's."""
    return RList(zip(names, elements), attributes)


def call(name: str, arguments: Mapping[str, Any], callbacks: Mapping[str, Callable[..., Any]],
         watch: Callable[[str, int, int], None] | None) -> dict[str, Any]:
    """The answer of a function, with all that it had to say.

    Parameters
    ----------
    name : str
        One of `FUNCTIONS`.
    arguments : mapping of str to object
        R's objects (of `array`, `vector`, `list_of`) become those of `lmmbridge.qtl2`; arrays and numbers stay as they are.
    callbacks : mapping of str to callable
        Further arguments: R functions, which the function may call from its thread.
    watch : callable or None
        Told what is counted, how much of it is done, and how much there is.

    Returns
    -------
    dict
        ``value`` (see `plain`), ``notes`` and ``warnings`` (sentences), ``error`` (a sentence, or None), ``interrupted``.
    """
    requests: queue.Queue = queue.Queue()
    answer: Future = Future()
    said: list[warnings.WarningMessage] = []

    def through_main_thread(callback: Callable[..., Any]) -> Callable[..., Any]:
        def asked(*values: Any) -> Any:
            given: Future = Future()
            requests.put((callback, values, given))
            return _ours(given.result())
        return asked

    def work() -> None:
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                try:
                    found = FUNCTIONS[name](**{key: _ours(value) for key, value in arguments.items()},
                                            **{key: through_main_thread(callback) for key, callback in callbacks.items()})
                finally:
                    said.extend(caught)
            answer.set_result((plain(found if _is_plain(found) else qtl2.to_r(found)), list(getattr(found, "notes", ()))))
        except BaseException as error:      # it is the main thread's to tell
            answer.set_exception(error)
        finally:
            requests.put(None)

    _forget_finished()
    outcome = {"value": None, "notes": [], "warnings": [], "error": None, "interrupted": False}
    already = list(progress.RUNNING)        # left over from what was interrupted
    progress.ON_TERMINAL = False            # R's console is R's to write to
    worker = Thread(target=work, daemon=True)
    worker.start()
    given = None
    try:
        while (request := _next(requests)) is not None:
            if request == "tick":
                if watch is not None and (counted := _counted(already)) is not None:
                    watch(counted.description, counted.done, counted.total)
                continue
            callback, values, given = request
            try:
                # A copy, since R's memory must be let go in R's thread.
                given.set_result(copy.deepcopy(callback(*values)))
            except Exception as error:
                given.set_exception(error)
        worker.join()       # R may fork next, and a thread that is still ending would hold Python's lock in the child
        outcome["value"], outcome["notes"] = answer.result()
    except BaseException as error:
        if not _is_ctrl_c(error):
            outcome["error"] = _sentence(error)
        else:
            if given is not None and not given.done():
                given.set_exception(CancelledError())
            _end(answer, already)
            ABANDONED.append((worker, arguments))
            outcome["interrupted"] = True
    finally:
        progress.ON_TERMINAL = True
    outcome["warnings"] = list(dict.fromkeys(str(warning.message) for warning in said
                                              if issubclass(warning.category, UserWarning)))
    return outcome


def _is_ctrl_c(error: BaseException) -> bool:
    """Whether it is Ctrl-C, for which reticulate has but a general word where it meets a call between the languages."""
    return isinstance(error, KeyboardInterrupt) or "Unknown exception occurred" in str(error)


def _sentence(error: BaseException) -> str:
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, MemoryError):
        return "there is not enough memory for this; free some, or give less at a time"
    # A fault of ours: R gets its name, and no traceback.
    return f"the Python side failed, which it should not ({type(error).__name__}: {error}); please report it"


def _next(requests: queue.Queue) -> Any:
    """The next request; "tick" where there is none yet, None at the end."""
    try:
        return requests.get(timeout=TICK)
    except queue.Empty:
        return "tick"


def _counted(before: list[progress.Progress]) -> progress.Progress | None:
    """What is being counted, the innermost."""
    return next((one for one in reversed(progress.RUNNING) if one not in before), None)


def _end(answer: Future, before: list[progress.Progress]) -> None:
    """Let the work end at its next step; it is not waited for longer than `GRACE`."""
    for one in progress.RUNNING:
        if one not in before:
            one.cancel()
    try:
        answer.exception(timeout=GRACE)
    except (TimeoutError, CancelledError, KeyboardInterrupt):
        pass


def _forget_finished() -> None:
    """Let the memory of R's go that interrupted work, which has ended since, was done on."""
    ABANDONED[:] = [(worker, arguments) for worker, arguments in ABANDONED if worker.is_alive()]


def _ours(value: Any) -> Any:
    """R's objects as those of `lmmbridge.qtl2`, also within a dict."""
    if isinstance(value, (xr.DataArray, pd.Series, RList)):
        return qtl2.from_r(value)
    return {name: _ours(part) for name, part in value.items()} if isinstance(value, dict) else value


def _is_plain(found: Any) -> bool:
    """Whether `plain` can have it as it is: numbers and arrays by name."""
    return isinstance(found, dict) and not any(isinstance(part, (pd.DataFrame, qtl2.DecomposedKinship))
                                               for part in found.values())


def plain(value: Any) -> Any:
    """Arrays, numbers, text, and dicts of these, from which R puts together the object that the value stands for."""
    if isinstance(value, xr.DataArray):
        names = [list(value.coords[dim].values) if dim in value.coords else None for dim in value.dims]
        return {"values": _numbers(value.values), "dimnames": None if all(one is None for one in names) else names,
                "attributes": _attributes(value)}
    if isinstance(value, pd.Series):
        return {"values": _numbers(value.to_numpy()), "names": list(value.index), "attributes": _attributes(value)}
    if isinstance(value, dict):
        return {"elements": [plain(part) for part in value.values()], "names": list(value), "attributes": _attributes(value)}
    if isinstance(value, (list, tuple)):
        return {"elements": [plain(part) for part in value], "names": None, "attributes": {}}
    if isinstance(value, np.ndarray):
        return {"values": _numbers(value), "attributes": {}}
    if isinstance(value, (np.bool_, np.number)):
        return value.item()
    return value


def _attributes(value: Any) -> dict[str, Any]:
    return {name: plain(part) for name, part in getattr(value, "attrs", {}).items()}


def _numbers(values: np.ndarray) -> np.ndarray:
    """R's integers have 32 bits."""
    return values.astype(np.int32) if values.dtype.kind in "iu" else values
