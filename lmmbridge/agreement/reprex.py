"""Reprex folders: one wrong number with everything that shows it, for people who have neither lmmbridge nor its data.

A folder holds the data (CSV, numbers with 17 digits: the very doubles), `case.R` (the package, or the R function, alone
gives the number), `case.py` (plain numpy says what is right, by covariance matrices written out), `expected.json` and `README.txt`.
"""
from __future__ import annotations

import ast
import csv
import hashlib
import inspect
import io
import json
import os
import re
import shutil
import tempfile
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lmmbridge import __version__
from lmmbridge.agreement import direct, reprex_data
from lmmbridge.agreement.engine_calls import r_text
from lmmbridge.agreement.provenance import provenance
from lmmbridge.agreement.register import Divergence
from lmmbridge.engines import ENGINES
from lmmbridge.errors import InputError
from lmmbridge.qtl2.genoprobs import Genoprobs
from lmmbridge.qtl2.r_objects import from_r

#: Names of files and folders are cut at this length.
LONGEST_NAME = 100
WIDTH = 100


@dataclass(frozen=True, eq=False)
class Reprex:
    """One number of one engine, and what it should be.

    Attributes
    ----------
    title : str
    words : tuple of str
        Paragraphs for README.txt: what happens, what is expected and why.
    engine, version : str
    quantity : str
        What the number is.
    inputs : dict
        Name → DataFrame (a matrix with names), Series (a named vector) or Genoprobs.
    call : str or None
        R code that gets `observed` from the inputs, as R's objects of these names; None where the engine is not R's.
    direct : str
        Python code that gets `expected` from the inputs as plain arrays, with the functions of `direct`.
    observed, expected : float
        NaN where there is no number.
    noise : bool
        Whether the number observed is rounding noise, another one on every machine.
    report : str
        The draft of a report to the authors, in Markdown; none where empty.
    call_python : str
        Python code that gets `observed` from the inputs as plain arrays, where a Python function of the user's gave it.
    """

    title: str
    words: tuple[str, ...]
    engine: str
    version: str
    quantity: str
    inputs: dict[str, pd.DataFrame | pd.Series | Genoprobs]
    call: str | None
    direct: str
    observed: float
    expected: float
    noise: bool = False
    report: str = ""
    call_python: str = ""

    @property
    def package(self) -> str | None:
        """The R package behind the engine; for an engine in Python, lmmbridge; None for a function of the user's."""
        return getattr(ENGINES[self.engine], "package", "lmmbridge") if self.engine in ENGINES else None

    @property
    def who(self) -> str:
        """What gave the number, with its version where that is known."""
        return f"{self.package or self.engine} {self.version}".removesuffix(" unknown")


def of_divergence(entry: Divergence, engine: str) -> Reprex:
    """The case of an entry of the register, run on the installed version.

    Raises
    ------
    InputError
        Where the engine is not here.
    """
    available = ENGINES[engine].availability()
    if available.version is None:
        raise InputError(f"no reprex of {entry.name} for {engine}, which is not here: {available.remedy}")
    case = entry.cases[engine]
    observed, values = case.values_in_r()
    inputs = {name: from_r(value) for name, value in values.items()}
    words = (entry.happens, "Expected: " + entry.expectation, "Cause: " + entry.cause)
    return Reprex(entry.title, words, engine, available.version, entry.quantity, inputs, case.call, case.direct,
                  observed, case.right(values), entry.noise, entry.report(engine))


def write_reprex(folder: Path, reprex: Reprex, replace: bool = False) -> None:
    """Write a reprex folder, whole or not at all.

    Parameters
    ----------
    folder : Path
        Made, with its parents.
    reprex : Reprex
    replace : bool, default False
        Whether a folder of this name may be replaced.

    Raises
    ------
    InputError
        Where `folder` exists already (unless it may be replaced) or cannot be written.
    """
    if not replace and os.path.lexists(folder):
        raise InputError(f"{folder} exists already; name another folder, or remove it")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=".", suffix=".part", dir=folder.parent))
    except OSError as error:
        raise InputError(f"{folder} cannot be made ({error.strerror}); name another folder") from None
    try:
        for name, text in _files(reprex):
            (part / name).write_text(text, encoding="utf-8", newline="")
        part.chmod(0o755)
        if replace and folder.is_dir():
            shutil.rmtree(folder)
        os.rename(part, folder)
    except OSError as error:
        raise InputError(f"{folder} cannot be written ({error.strerror})") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def safe_name(text: str) -> str:
    """A name for a file or folder on any system, another one for any other text: "/" becomes "--".

    Where more than that has to change, the text's hash tells it from others.
    """
    name = text.replace("/", "--")
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip(".")[:LONGEST_NAME]
    if safe == name != "":
        return name
    return f"{safe or '_'}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _files(reprex: Reprex) -> Iterator[tuple[str, str]]:
    """Name and text of every file."""
    for name, value in reprex.inputs.items():
        yield f"{name}.csv", csv_text(value)
    if reprex.call is not None:
        yield "case.R", _case_r(reprex)
    yield "case.py", _case_py(reprex)
    yield "expected.json", _expected_json(reprex)
    yield "README.txt", _readme(reprex)
    if reprex.report:
        yield "report.md", reprex.report


# --- data -------------------------------------------------------------------------------------------------------------

def csv_text(value: pd.DataFrame | pd.Series | Genoprobs) -> str:
    """CSV with every number in 17 digits; one that is missing is NA.

    Matrices and vectors have IDs in column one, genotype probabilities a row for each position and genotype.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if isinstance(value, Genoprobs):
        writer.writerow(["chromosome", "is_x", "position", "genotype", *value.individuals])
        for chromosome, array in value.items():
            for k, position in enumerate(array.coords["position"].values):
                for j, genotype in enumerate(array.coords["genotype"].values):
                    writer.writerow([chromosome, "TRUE" if value.is_x_chr[chromosome] else "FALSE", position, genotype,
                                     *map(_digits, array.values[:, j, k])])
    else:
        frame = value.to_frame("value") if isinstance(value, pd.Series) else value
        writer.writerow(["id", *frame.columns])
        for name, row in zip(frame.index, frame.to_numpy(dtype=float)):
            writer.writerow([name, *map(_digits, row)])
    return text.getvalue()


def _digits(value: float) -> str:
    return "NA" if np.isnan(value) else f"{value:.17g}"


def _reader(value: Any) -> str:
    if isinstance(value, Genoprobs):
        return "read_genoprobs"
    return "read_vector" if isinstance(value, pd.Series) else "read_matrix"


# --- case.R, case.py, expected.json, README.txt ------------------------------------------------------------------------

def scripts(reprex: Reprex) -> dict[str, str | None]:
    """The same as two texts that need no file: "R" (None where the engine is not R's) and "python"."""
    return {"R": None if reprex.call is None else _case_r(reprex, alone=True), "python": _case_py(reprex, alone=True)}


def _case_r(reprex: Reprex, alone: bool = False) -> str:
    """The R script; `alone`: with the data in it."""
    data = resources.files(__package__)
    files = _files_in_r(reprex) if alone else data.joinpath("reprex_files.R").read_text(encoding="utf-8").strip()
    reads = "\n".join(f'{name} <- {_reader(value)}("{name}")' for name, value in reprex.inputs.items())
    needs = f"the package {reprex.package}" if reprex.package else "what the function below uses"
    check = f"""\
if (!requireNamespace("{reprex.package}", quietly = TRUE))
    stop("the R package {reprex.package} is not in ", toString(.libPaths()),
         "; if it is in another library, name that in the environment variable R_LIBS", call. = FALSE)

""" if reprex.package else ""
    version = f'cat("{reprex.package}", packageDescription("{reprex.package}")$Version, "\\n")\n' if reprex.package else ""
    return f"""\
{_comment(reprex.title)}
#
# Needs R and {needs}, nothing else.{"" if alone else " Run it with: Rscript case.R"}

{check}{files}

{data.joinpath("reprex_data.R").read_text(encoding="utf-8").strip()}

{reads}

# --- what {reprex.package or reprex.engine} gives: {reprex.quantity}

{reprex.call.strip()}

# --- what is right (case.py computes it)

expected <- {_r_number(reprex.expected)}

observed <- as.numeric(observed)[1]
{version}cat(sprintf("observed %.17g\\n", observed))
cat(sprintf("expected %.17g\\n", expected))
cat(sprintf("difference %.17g\\n", observed - expected))
"""


def _case_py(reprex: Reprex, alone: bool = False) -> str:
    """The Python script; `alone`: with the data in it."""
    reads = "\n".join(f'{name} = {_reader(value)}("{name}")' for name, value in reprex.inputs.items())
    code = f"{reads}\n{reprex.direct}"
    functions = "\n\n\n".join(_sources(code, {"open_table": _files_in_python(reprex)} if alone else {}))
    return f'''\
"""{_python_text(textwrap.fill(reprex.title, WIDTH))}

Needs Python and numpy, nothing else.{"" if alone else " Run it with: python3 case.py"}
"""
import csv{chr(10) + "import importlib.util" if reprex.call_python else ""}{chr(10) + "import io" if alone else ""}
{"" if alone else "from pathlib import Path" + chr(10)}
import numpy as np


{functions}


{reads}

# --- what is right, by covariance matrices written out

{reprex.direct.strip()}

# --- what {reprex.who} gave{" (case.R asks it again)" if reprex.call is not None else ""}

observed = {_python_number(reprex.observed)}

print("expected %.17g" % expected)
print("observed %.17g" % observed)
print("difference %.17g" % (observed - expected))
{_function_again(reprex) if reprex.call_python else ""}'''


def _function_again(reprex: Reprex) -> str:
    """Python code that asks a Python function again, where it can be imported."""
    module = reprex.engine.partition(":")[0]
    return f'''
# --- what {reprex.engine} gives now, where PYTHONPATH has its module

if importlib.util.find_spec("{module.partition(".")[0]}") is None:
    print("{module} cannot be imported here; name its folder in PYTHONPATH")
else:
{textwrap.indent(reprex.call_python.strip(), "    ")}
    print("again %.17g" % observed)
'''


def _files_in_r(reprex: Reprex) -> str:
    """R code: the data as text, and `open_table`, which opens it."""
    tables = ",\n".join(f"{name} = c(\n" + ",\n".join(map(r_text, csv_text(value)[:-1].split("\n"))) + ")"
                        for name, value in reprex.inputs.items())
    return f"tables <- list(\n{tables})\n\nopen_table <- function(name) textConnection(tables[[name]])"


def _files_in_python(reprex: Reprex) -> str:
    """Python code: the data as text, and `open_table`, which opens it."""
    tables = ",\n".join(f"    {name!r}: (\n" + "\n".join(repr(line) for line in csv_text(value).splitlines(keepends=True)) + ")"
                        for name, value in reprex.inputs.items())
    return f"tables = {{\n{tables}}}\n\n\ndef open_table(name):\n    return io.StringIO(tables[name])"


def _sources(code: str, instead: dict[str, str]) -> list[str]:
    """The source of the functions of `reprex_data` and `direct` that code calls, straight or through others.

    `instead` has other sources for some.
    """
    functions = {name: inspect.getsource(function) for module in (reprex_data, direct)
                 for name, function in vars(module).items() if inspect.isfunction(function)} | instead
    needed: set[str] = set()
    waiting = [code]
    while waiting:
        names = {node.id for node in ast.walk(ast.parse(waiting.pop())) if isinstance(node, ast.Name)}
        new = (names & functions.keys()) - needed
        needed |= new
        waiting += [functions[name] for name in new]
    return [source.strip() for name, source in functions.items() if name in needed]


def _expected_json(reprex: Reprex) -> str:
    def number(value: float) -> float | None:
        return value if np.isfinite(value) else None

    content = {"title": reprex.title, "quantity": reprex.quantity, "engine": reprex.engine, "package": reprex.package,
               "version": reprex.version, "observed": number(reprex.observed), "expected": number(reprex.expected),
               "difference": number(reprex.observed - reprex.expected), "rounding_noise": reprex.noise,
               "lmmbridge": __version__, "provenance": provenance([reprex.package] if reprex.call and reprex.package else [])}
    return json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _readme(reprex: Reprex) -> str:
    observed = "no number" if np.isnan(reprex.observed) else f"{reprex.observed:.7g}"
    noise = " This is rounding noise: it differs from machine to machine." if reprex.noise else ""
    data = ", ".join(f"{name}.csv" for name in reprex.inputs)
    who = f"{reprex.who} ({reprex.engine})" if reprex.package else reprex.who
    paragraphs = [reprex.title, "=" * min(len(reprex.title), WIDTH), *reprex.words,
                  f"The number: {reprex.quantity}. {who} gives {observed}; {reprex.expected:.7g} is "
                  f"right.{noise}"]
    if reprex.call is not None and reprex.package is None:
        paragraphs.append("case.R    what the R function gives. Needs R and what the function uses: Rscript case.R")
    elif reprex.call is not None:
        paragraphs.append(f"case.R    what {reprex.package} gives. Needs R and {reprex.package}: Rscript case.R, or R_LIBS=LIBRARY "
                          f"Rscript case.R where {reprex.package} is in a library of its own")
    elif reprex.call_python:
        paragraphs.append(f"case.py asks {reprex.engine} again, too, where PYTHONPATH names the folder of its module.")
    else:
        paragraphs.append(f"The engine {reprex.engine} is part of lmmbridge, so that there is no case.R.")
    paragraphs += ["case.py   what is right, by covariance matrices written out. Needs numpy: python3 case.py",
                   "expected.json   both numbers, and the versions of everything they came from.",
                   *(["report.md   the draft of a report to the authors, whose example needs no file."]
                     if reprex.report else []),
                   f"{data}   the data. Numbers have 17 digits, which are the numbers of the case to the last bit; "
                   "IDs are in column one."]
    return "\n\n".join(textwrap.fill(paragraph, WIDTH) for paragraph in paragraphs).replace("\n\n===", "\n===") + "\n"


def _comment(text: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent="# ", subsequent_indent="# ")


def _python_text(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"""', "'''")


def _r_number(value: float) -> str:
    return f"{value:.17g}" if np.isfinite(value) else {"nan": "NaN", "inf": "Inf", "-inf": "-Inf"}[str(float(value))]


def _python_number(value: float) -> str:
    return f"{value:.17g}" if np.isfinite(value) else f'float("{value}")'
