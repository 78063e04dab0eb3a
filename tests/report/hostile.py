"""Names that have done harm elsewhere, and results in which everything that users name is called so."""
from __future__ import annotations

import copy
from itertools import cycle
from typing import Any

NAMES = ("<script>document.title = 'harmed'</script>", "</script><img src=x onerror=\"document.title='harmed'\">", "%", "_",
         "\\input{/etc/passwd}", "$x^2$ & #1 ~ {y}", "a|b`c`*d*[e](https://example.org)", "x" * 5000, "وزن \u202eالفأر", "משקל",
         "two\nlines\tand a tab", "\x07bell", "体重", "🐭", "", "=cmd|' /C calc'!A0", "'quoted' \"twice\"", "]]>", "-- comment --")


def hostile(results: dict[str, Any]) -> dict[str, Any]:
    """The same results with hostile names of problems, cases, phenotypes, columns and sources, and in what engines say."""
    changed = copy.deepcopy(results)
    names = cycle(NAMES)
    for k, case in enumerate(changed["cases"]):
        name = next(names)
        new = {old: f"{next(names)}{'' if len(case['phenotypes']) == 1 else j}" for j, old in enumerate(case["phenotypes"])}
        case |= {"problem": name, "case": f"{name}/{k}/{case['criterion']}", "source": next(names),
                 "phenotypes": list(new.values()), "columns": [next(names) for _ in case["columns"]], "notes": [next(names)],
                 "unbounded": [new[old] for old in case["unbounded"]]}
        for record in case["comparisons"]:
            if record["b"] is not None:
                record["phenotype"] = new[record["phenotype"]]
            if "position" in record:
                record["position"] = next(names)
            record["reasons"] = {verdict: {f"{why} {next(names)}": count for why, count in reasons.items()}
                                 for verdict, reasons in record["reasons"].items()}
        for point in case["ill_conditioned"]:
            point["phenotype"] = new[point["phenotype"]]
        for curve in (case["curve"], (case["scan"] or {}).get("curve")):
            if curve is not None:
                curve["phenotype"] = new[curve["phenotype"]]
        for answer in case["engines"].values():
            answer |= {"warnings": [f"{next(names)}: {next(names)}"], "message": next(names)}
        if case["arbiter"] is not None:
            case["arbiter"]["phenotypes"] = [new[old] for old in case["arbiter"]["phenotypes"]]
    return changed | {"command": " ".join(NAMES), "unavailable_problems": dict.fromkeys(NAMES, "not here")}


#: Names of engines: one that a legend leaves out, markup, long ones, and what stands for nothing.
ENGINES = ("_core:plain", "c[bold]:fit", "mypackage.models.mixed_model:LinearMixedModel.fit", "a" * 150 + ":fit", "mathtext:$x^2$",
           "ESC\x1b[31m:fit")


def with_engines(results: dict[str, Any], names: tuple[str, ...] = ENGINES) -> dict[str, Any]:
    """The same results with engines of these names."""
    new = dict(zip([engine["name"] for engine in results["engines"]], names))

    def renamed(value: Any) -> Any:
        if isinstance(value, dict):
            return {" = ".join(new.get(part, part) for part in str(key).split(" = ")): renamed(one) for key, one in value.items()}
        if isinstance(value, list):
            return [renamed(one) for one in value]
        return new.get(value, value) if isinstance(value, str) else value

    return renamed(results) | {"provenance": results["provenance"]}
