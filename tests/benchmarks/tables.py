"""Rows of the table, whether they reach their bars, and the page."""
from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import yaml

from lmmbridge.files import write_atomically

HERE = Path(__file__).parent
#: Of the agreement: what the numbers are called, and how they are written.
AGREEMENT = {"lod": ("max. ΔLOD", ".0e"), "hsq": ("max. Δhsq", ".0e"), "p_digits": ("digits of p", ".1f"),
             "lod_missing": ("LOD missing on one side only", "d"), "hsq_missing": ("hsq missing on one side only", "d"),
             "p_missing": ("p missing on one side only", "d")}


@dataclass
class Row:
    """A case beside one peer, or alone.

    Attributes
    ----------
    case, title, sizes : str
    peer : str or None
    ours_seconds, peer_seconds : float or None
        Medians.
    ours_runs, peer_runs : list of float
        Seconds of each round.
    problems : list of str
        Why there is no ratio.
    remark : str
    agreement : dict
    ours_memory, peer_memory : dict of before, peak (bytes), or str
        A text says why there is none.
    bar : dict
    cores : int
    """

    case: str
    title: str
    sizes: str
    cores: int
    peer: str | None = None
    ours_seconds: float | None = None
    peer_seconds: float | None = None
    ours_runs: list[float] = field(default_factory=list)
    peer_runs: list[float] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    remark: str = ""
    agreement: dict[str, float] = field(default_factory=dict)
    ours_memory: dict[str, float] | str = "not measured"
    peer_memory: dict[str, float] | str = "not measured"
    ours_eigen: float | None = None
    peer_eigen: float | None = None
    bar: dict[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        return None if self.ours_seconds is None or self.peer_seconds is None else self.peer_seconds / self.ours_seconds

    @property
    def reason(self) -> str:
        """Why there is no ratio; empty where there is one."""
        if self.ratio is not None:
            return ""
        return "; ".join(self.problems) or ("no peer" if self.peer is None else "not measured")

    @property
    def reached(self) -> str:
        """Whether the bars are reached: yes, no, or ? where that is not known."""
        checks = []
        if "ratio" in self.bar and self.peer is not None:
            checks.append(None if self.ratio is None else self.ratio >= self.bar["ratio"])
        if "seconds" in self.bar:
            checks.append(None if self.ours_seconds is None else self.ours_seconds <= self.bar["seconds"])
        if "gigabytes" in self.bar:
            known = isinstance(self.ours_memory, dict)
            checks.append(self.ours_memory["peak"] <= self.bar["gigabytes"] * 1e9 if known else None)
        return "no" if False in checks else "?" if None in checks or not checks else "yes"

    def asdict(self) -> dict[str, Any]:
        return {**asdict(self), "ratio": self.ratio, "reason": self.reason, "reached": self.reached}


def bars() -> dict[str, dict[str, Any]]:
    return yaml.safe_load((HERE / "bars.yaml").read_text(encoding="utf-8"))


def bar_of(every: Mapping[str, dict], case: str, peer: str | None) -> dict[str, Any]:
    return every.get(f"{case}/{peer}") or every.get(case) or every["default"]


def seconds(value: float | None) -> str:
    if value is None:
        return "—"
    return f"{value * 1e3:.3g} ms" if value < 1.0 else f"{value:.3g} s" if value < 1000.0 else f"{value:,.0f} s"


def spread(runs: list[float]) -> str:
    """The least and the most of some runs, for behind their median."""
    return f" ({seconds(min(runs))} to {seconds(max(runs))})" if len(runs) > 1 else ""


def summary(rows: list[Row]) -> str:
    """How many bars are reached, and which are not."""
    judged = [row for row in rows if row.reached != "?"]
    missed = [f"`{row.case}`" + (f" beside {row.peer} ({row.ratio:.3g}× for {row.bar['ratio']:g}×)" if row.ratio is not None else "")
              for row in judged if row.reached == "no"]
    return f"{len(judged) - len(missed)} of {len(judged)} bars are reached" + (f"; not those of {', '.join(missed)}." if missed else ".")


def bar_text(bar: Mapping[str, Any]) -> str:
    parts = [f"≥ {bar['ratio']:g}×"] if "ratio" in bar else []
    parts += [f"≤ {bar['seconds']:g} s"] if "seconds" in bar else []
    return ", ".join(parts + ([f"≤ {bar['gigabytes']:g} GB"] if "gigabytes" in bar else []))


def agreement_text(found: Mapping[str, float]) -> str:
    return ", ".join(f"{words} {format(found[name], how)}" for name, (words, how) in AGREEMENT.items() if name in found) or "—"


def memory_text(found: dict[str, float] | str) -> str:
    if isinstance(found, str):
        return found
    return f"{found['peak'] / 1e6:,.0f} MB" + (f" (before: {found['before'] / 1e6:,.0f})" if found["before"] else "")


def write(out: Path, rows: Iterable[Row], **page: Any) -> None:
    """results.json, results.csv and README.md."""
    rows = list(rows)
    dicts = [row.asdict() for row in rows]
    numbers = {name: page[name] for name in ("command", "date", "quick", "facts", "rates", "growth", "profiles", "memory_bar")}
    write_atomically(out / "results.json", json.dumps({**numbers, "rows": dicts}, indent=1, ensure_ascii=False) + "\n")
    write_atomically(out / "results.csv", pd.json_normalize(dicts, sep="_").to_csv(index=False))
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(HERE), trim_blocks=True, lstrip_blocks=True,
                                     undefined=jinja2.StrictUndefined, autoescape=False)
    environment.filters |= {"seconds": seconds, "spread": spread, "bar": bar_text, "agreement": agreement_text, "memory": memory_text}
    fits = [row for row in rows if row.case.startswith("fit-")]
    text = environment.get_template("page.md.j2").render(rows=rows, fits=fits, summary=summary(rows), **page)
    write_atomically(out / "README.md", text)
