"""A results.json that a command is given: read, and refused in one sentence where its fields do not fit each other."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from lmmbridge import InputError


def read(path: Path) -> dict[str, Any]:
    """The content of a results.json."""
    from lmmbridge.agreement.results import read_results

    with Console(stderr=True).status("reading the results"):
        return read_results(path)


def read_comparable(path: Path) -> dict[str, Any]:
    """The content of a results.json that can be held against others: it is held against itself."""
    from lmmbridge.agreement.change import compare_results

    results = read(path)
    with fitting(path):
        compare_results(results, results)
    return results


@contextmanager
def fitting(path: Path) -> Iterator[None]:
    """Whatever goes wrong in a computation on results that fit the schema is laid to their file; the cause is chained."""
    import jinja2

    try:
        yield
    except InputError:
        raise
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError, jinja2.TemplateError) as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(f"{path} is not what lmmbridge writes: its fields do not fit each other ({said}); make the run anew"
                         ) from error
