"""What a report cites: keys by engine, and the entries that go with them."""
from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from jinja2 import Environment

#: File of all entries.
FILE = Path(__file__).with_name("references.bib")
_PYTHON = ("lmmbridge", "Harris2020", "Virtanen2020")
#: Engine → what to cite for it; functions of the user's own are not here.
ENGINES = {"python": _PYTHON, "dense": _PYTHON, "r-reference": ("lmmbridge", "RCoreTeam"),
           "lmmlite-r": ("lmmlite", "pylmm", "RCoreTeam"), "lmmlite-cpp": ("lmmlite", "pylmm", "RCoreTeam"),
           "qtl2": ("Broman2019", "RCoreTeam")}
#: What stands for the year of a program that gives none.
NO_YEAR = "n.d."
_CITE = re.compile(r"\\cite\{([^}]*)\}")


def cited(latex: str) -> list[str]:
    """The keys that a text cites, each once."""
    return list(dict.fromkeys(key.strip() for found in _CITE.findall(latex) for key in found.split(",")))


def entries(environment: Environment, results: dict[str, Any], keys: list[str]) -> str:
    """The BibTeX entries of some keys, in their order.

    Parameters
    ----------
    environment : Environment
        Of the templates.
    results : dict
        Whose versions and years the entries of programs have.
    keys : list of str

    Raises
    ------
    KeyError
        For a key of which there is no entry.
    """
    r = results["provenance"]["r"]
    versions = [r["version"]] if r else [engine["recorded"] for engine in results["engines"] if engine["recorded"]]
    r_year = re.search(r"R version [^(;]*\((\d{4})-", "; ".join(versions))
    text = environment.from_string(FILE.read_text(encoding="utf-8")).render(
        lmmbridge=results["lmmbridge"], year=results["date"][:4] if results["date"] else NO_YEAR, NO_YEAR=NO_YEAR,
        r_year=r_year[1] if r_year else NO_YEAR, mpmath=results["provenance"]["packages"].get("mpmath"))
    found = {re.match(r"@\w+\{([^,]*),", entry)[1]: entry.strip() for entry in re.split(r"^(?=@)", text, flags=re.MULTILINE)
             if entry.startswith("@")}
    return "\n\n".join(found[key] for key in keys) + "\n"
