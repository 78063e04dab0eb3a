"""The result model: what results.json holds. `results.schema.json` beside this file says it field by field.

The version's first number changes where a reader of the old would go wrong. A released schema is not changed; `read_results`
loads older ones as well, with what they do not know left empty.
"""
from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import fastjsonschema

from lmmbridge.errors import InputError

SCHEMA_VERSION = "2.0"


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 7) of results.json."""
    return json.loads(resources.files(__package__).joinpath("results.schema.json").read_text(encoding="utf-8"))


def read_results(path: Path) -> dict[str, Any]:
    """The content of a results.json, brought to the present version.

    Parameters
    ----------
    path : Path
        With ending .gz, it is unpacked.

    Raises
    ------
    InputError
        Where it cannot be read, or is not what lmmbridge writes.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            results = json.loads(file.read())
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read ({getattr(error, 'strerror', None) or error}); name the results.json of a "
                         "finished run") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON ({error}); name the results.json of a finished run") from None
    version = results.get("schema_version") if isinstance(results, dict) else None
    if not isinstance(version, str):
        raise InputError(f"{path} has no schema_version: it is not a results.json of lmmbridge")
    if version not in UPGRADES and version != SCHEMA_VERSION:
        raise InputError(f"{path} has schema version {version}, and this lmmbridge reads {', '.join(UPGRADES)} and "
                         f"{SCHEMA_VERSION}: use a newer lmmbridge")
    try:
        while results["schema_version"] != SCHEMA_VERSION:
            results = UPGRADES[results["schema_version"]](results)
        _check()(results)
    except fastjsonschema.JsonSchemaException as error:
        raise InputError(f"{path} is not what lmmbridge writes: {error.message}") from None
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is not what lmmbridge writes (schema version {version}): "
                         f"{type(error).__name__} at {error}") from None
    return results


@cache
def _check() -> Callable[[dict[str, Any]], Any]:
    return fastjsonschema.compile(schema())


def _from_1_0(results: dict[str, Any]) -> dict[str, Any]:
    """1.0 knew neither date, seeds, builds, timings, source tree and R's session, nor the two values of a comparison."""
    old = results.pop("environment")
    r = {"version": old["R"], "blas": old["R BLAS"], "session": None} if "R BLAS" in old else None
    packages = {name: old[name] for name in ("numpy", "scipy", "pandas")}
    results["provenance"] = {"python": old["python"], "packages": packages,
                             "machine": {"system": old["machine"], "architecture": None, "cpus": None},
                             "blas": ", ".join(old["blas"]), "blas_threads": old["blas_threads_asked"], "git": None, "r": r}
    results |= {"schema_version": "2.0", "date": None, "laws": []}
    for row in results["divergences"]:
        row |= dict.fromkeys(("cause", "quantity", "observed", "right", "reprex"))
    for engine in results["engines"]:
        engine |= {"recorded": None, "build": None, "blas": None, "optimum_criterion": "ML" if engine["name"] == "qtl2" else "own"}
    for case in results["cases"]:
        for field in ("seed", "scan", "arbiter"):
            case.setdefault(field, None)
        for answer in case["engines"].values():
            answer["seconds"] = {}
        case["reprex"] = {engine: {"folder": folder, "R": None, "python": None} for engine, folder in case["reprex"].items()}
        if case["curve"] is not None:
            case["curve"]["native"] = {}
        for comparison in case["comparisons"]:
            if comparison["b"] is not None:
                comparison["values"] = None
            if "right" in comparison:
                comparison["right"]["values"] = None
    return results


#: Older version → what brings results to the next.
UPGRADES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {"1.0": _from_1_0}
