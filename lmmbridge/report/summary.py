"""Summaries of a result model that several renderers show."""
from __future__ import annotations

import math
import re
import statistics
from collections import Counter
from collections.abc import Iterator
from typing import Any

from lmmbridge.agreement.scan_comparison import DECISIONS
from lmmbridge.agreement.verdicts import COMPARED_OR_FAILED, ORDER, worst

#: Verdicts that a reader wants to see one by one.
OF_INTEREST = ("engine failed", "unexplained", "known divergence", "explained")
#: How tables call a quantity.
SYMBOLS = {"loglik": "log likelihood", "sigmasq": "σ²", "beta": "β", "hsq": "ĥ"}
#: Verdicts on decisions that could be held against each other and are not the same.
DIFFER = ("explained", "known divergence", "unexplained")
#: A sign for each verdict, so that colour is never the only one.
MARKS = {"agree": "✓", "explained": "◆", "known divergence": "▲", "not comparable": "○", "not available": "–",
         "engine failed": "✕", "unexplained": "✖"}
#: Marks what was not compared at every point.
PARTLY = "◔"
#: What is said of failing verdicts in the headline, the worst first.
WRONG = {"unexplained": "unexplained", "engine failed": "without an answer because an engine failed"}
#: The numbers in an engine's sentence that tell one case from another; single digits, as in hsq = 0, are words.
NUMBER = re.compile(r"\d+\.\d+(?:e[-+]\d+)?|\de[-+]\d+|\d\d+|(?<=lower by )\d")


def headline(results: dict[str, Any]) -> str:
    """The answer in a sentence."""
    verdicts = results["verdicts"]
    total = sum(count for verdict, count in verdicts.items() if verdict != "not available")
    live = [engine for engine in results["engines"] if engine["status"] not in ("not available", "failed")]
    start = f"{_things(len(live), 'engine')}, {_things(len(results['cases']), 'case')}, {_things(total, 'comparison')}: "
    if not results["status"]:
        return start + ("all agree." if verdicts.get("agree") == total else "all agree or are accounted for.")
    wrong = []
    for verdict, words in WRONG.items():
        if verdicts.get(verdict):
            where = dict.fromkeys(comparison["quantity"] for _, comparison in records(results, verdict))
            verb = "is" if verdicts[verdict] == 1 else "are"
            wrong.append(f"{verdicts[verdict]:,} {verb} {words}" + (f" ({', '.join(where)})" if where else ""))
    broken = Counter(row["engine"] for row in results["laws"] if row["state"] == "broken")
    wrong += [f"{engine} breaks {_things(number, 'law')}" for engine, number in broken.items()]
    return start + "; ".join(wrong or results["failures"]) + "."


def by_family(results: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Cases, phenotypes and verdicts per family of problems (iron, grav2, simulated, own)."""
    families: dict[str, dict[str, Any]] = {}
    for case in results["cases"]:
        family = families.setdefault(case["problem"].split("/")[0],
                                     {"cases": 0, "phenotypes": 0, "verdicts": Counter()})
        family["cases"] += 1
        family["phenotypes"] += len(case["phenotypes"])
        family["verdicts"].update(case["verdicts"])
    return families


def is_scan(case: dict[str, Any]) -> bool:
    """Whether a case is of LOD curves rather than of likelihoods."""
    return case.get("scan") is not None


def recorded_mark(engine: dict[str, Any]) -> str:
    """What follows the name or the version of an engine of the results whose answers are recorded."""
    return " (recorded)" if engine["status"] == "recorded" else ""


def version(engine: dict[str, Any]) -> str:
    """The version of an engine of the results, marked where its answers are recorded; else why there is none."""
    return (engine["version"] or engine["status"]) + recorded_mark(engine)


def recorded(results: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """When and on what answers were recorded → the engines whose answers they are."""
    found: dict[str, list[dict[str, Any]]] = {}
    for engine in results["engines"]:
        if engine["status"] == "recorded":
            found.setdefault(engine["recorded"] or "when is not on record", []).append(engine)
    return found


def recorded_sentence(results: dict[str, Any]) -> str:
    """Which engines did not run here, and when and on what their answers were recorded; "" where all ran."""
    groups = [", ".join(f"{engine['name']} {engine['version']}" for engine in engines) + f" ({when})"
              for when, engines in recorded(results).items()]
    return f"Recorded, not run here: {'; '.join(groups)}." if groups else ""


def compared(results: dict[str, Any]) -> list[dict[str, Any]]:
    """The engines of the results of which something was compared with another."""
    names = {name for case in results["cases"] for record in case["comparisons"]
             if record["b"] is not None and record["counts"].keys() & COMPARED_OR_FAILED for name in (record["a"], record["b"])}
    return [engine for engine in results["engines"] if engine["name"] in names]


def basis(results: dict[str, Any], cases: list[dict[str, Any]]) -> str:
    """What numbers of some cases are based on: n, criteria, engines with their versions, and the convention."""
    sizes = sorted({case["n"] for case in cases})
    n = f"n = {sizes[0]}" + (f" to {sizes[-1]}" if len(sizes) > 1 else "")
    criteria = " and ".join(name for name in ("REML", "ML") if any(case["criterion"] == name for case in cases))
    answered = [f"{engine['name']} {version(engine)}" for engine in results["engines"] if any(
        case["engines"].get(engine["name"], {}).get("status") == "answered" for case in cases)]
    number = f"{len(cases):,} case{'' if len(cases) == 1 else 's'}"
    scales = [scale for scale, there in (("K as given", not all(map(is_scan, cases))), (
        "twice K, as R/qtl2's, in scans", any(map(is_scan, cases)))) if there]
    return (f"{n} individuals, {number}, {criteria}; {', '.join(answered)}. Log likelihoods with every constant, σ² the total "
            f"variance, hsq under {' and under '.join(scales)}.")


def heat(results: dict[str, Any]) -> tuple[list[str], dict[str, dict[str, dict[str, Any]]]]:
    """Pairs of engines × quantities.

    Returns
    -------
    quantities : list of str
    rows : dict
        Pair ("a – b") → quantity → digits (the fewest of what agrees, or None), others (verdict other than agree → number
        of comparisons), partly (where not both could be asked everywhere, at how many points at the fewest: `extent`), words
        (the same as text), shown (what stands in a table: digits, or = where all decisions are identical, or –).
    """
    rows: dict[str, dict[str, dict[str, Any]]] = {}
    quantities: dict[str, None] = {}
    for case in results["cases"]:
        for record in case["comparisons"]:
            if record["b"] is None:
                continue
            quantities.setdefault(record["quantity"])
            cell = rows.setdefault(f"{record['a']} – {record['b']}", {}).setdefault(
                record["quantity"], {"digits": None, "others": Counter(), "partly": None})
            if record["digits"] is not None:
                cell["digits"] = record["digits"] if cell["digits"] is None else min(cell["digits"], record["digits"])
            if is_partial(record) and (cell["partly"] is None or _share(record) < _share(cell["partly"])):
                cell["partly"] = record
            cell["others"].update({verdict: count for verdict, count in record["counts"].items() if verdict != "agree"})
    for cells in rows.values():
        for quantity, cell in cells.items():
            nothing = "=" if quantity in DECISIONS and not cell["others"] else "–"
            cell["partly"] = cell["partly"] and extent(cell["partly"])
            cell["shown"] = nothing if cell["digits"] is None else f"{cell['digits']:.1f}"
            words = ["no digits" if cell["digits"] is None else f"{cell['digits']:.1f} digits"]
            words += [f"{count:,} {verdict}" for verdict, count in cell["others"].items()]
            cell["words"] = ", ".join(words + ([f"compared {cell['partly']}"] if cell["partly"] else []))
    return sorted(quantities, key=lambda name: (name in DECISIONS, name.startswith("LOD"), name == "optimum",
                                                name.startswith("reported"), name)), rows


def is_partial(record: dict[str, Any]) -> bool:
    """Whether two engines were compared at some of the points, and not at all."""
    return record.get("asked", [0])[0] > 0


def extent(record: dict[str, Any]) -> str:
    """At how many points a partial record was compared."""
    asked, of = record["asked"]
    return f"at {asked:,} of {of:,} {'given hsq' if of_scans(record['quantity']) else 'points'}"


def partly(results: dict[str, Any]) -> str:
    """What a reader must know where some comparisons were not made at every point; "" where all were."""
    records = [record for case in results["cases"] for record in case["comparisons"] if is_partial(record)]
    if not records:
        return ""
    fewest = extent(min(records, key=_share))
    return ("not both engines can be asked everywhere (recorded ones answer what they were asked, functions without hsq at their "
            f"own ĥ alone), and what is shown is of the points where both were: {fewest} where these are fewest")


def _share(record: dict[str, Any]) -> float:
    asked, of = record["asked"]
    return asked / of


def of_scans(quantity: str) -> bool:
    """Whether it is LOD curves, or decisions on them, that are compared."""
    return quantity in DECISIONS or quantity.startswith("LOD")


def disagreements(results: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Every comparison that did not simply agree, by verdict, the largest relative to its tolerance first."""
    found: dict[str, list[dict[str, Any]]] = {}
    for case in results["cases"]:
        for comparison in case["comparisons"]:
            verdict = worst(comparison["counts"])
            if verdict in OF_INTEREST:
                found.setdefault(verdict, []).append(_row(case, comparison, verdict))
    for rows in found.values():
        rows.sort(key=lambda row: row["excess"], reverse=True)
    return {verdict: found[verdict] for verdict in sorted(found, key=ORDER.__getitem__, reverse=True)}


def _row(case: dict[str, Any], comparison: dict[str, Any], verdict: str) -> dict[str, Any]:
    why = list(comparison["reasons"].get(verdict, {})) + _right(comparison)
    row = {"case": case["case"], "quantity": comparison["quantity"], "verdict": verdict,
           "count": comparison["counts"][verdict], "why": f" ({'; '.join(why)})" if why else "", "words": "; ".join(why)} | numbers(comparison)
    if comparison["b"] is None:
        return row | {"engines": comparison["a"], "size": "", "excess": float("inf")}
    difference = comparison["difference"]
    if comparison["quantity"] in DECISIONS and difference is not None:
        return row | {"engines": f"{comparison['a']} and {comparison['b']}", "excess": float("inf"),
                      "size": f"{difference:.0f} of {len(case['phenotypes'])} phenotypes differ, the first "
                              f"{comparison['phenotype']}"}
    size = "no number" if difference is None else f"off by {difference:.3g} (tolerance {comparison['tolerance']:.2g})"
    if comparison.get("hsq_difference") is not None:
        size += f", hsq by {comparison['hsq_difference']:.3g}"
    at = f"{comparison['phenotype']} at hsq = {comparison['hsq']:.6g}: " if comparison["hsq"] is not None else ""
    if comparison.get("position") is not None:
        at = f"{comparison['phenotype']} at {comparison['position']}: "
    return row | {"engines": f"{comparison['a']} and {comparison['b']}", "size": at + size,
                  "excess": float("inf") if difference is None else difference / comparison["tolerance"]}


def numbers(comparison: dict[str, Any]) -> dict[str, Any]:
    """What a reader wants to see of a record's worst phenotype: where, both values, the right one and who says so.

    Returns
    -------
    dict
        a, b, phenotype, hsq, position, difference, tolerance, a_value, b_value, right (of β lists; of optima ĥ), by; None
        for what there is not.
    """
    given = comparison.get("values") or {}
    right = comparison.get("right") or {}
    rights = list((right.get("values") or {}).values())
    found = {key: comparison.get(key) for key in ("a", "b", "phenotype", "hsq", "position", "difference", "tolerance")}
    # Each LOD score may be held against the right one at its own hsq: then there is no one right value.
    return found | {"a_value": given.get(comparison["a"]), "b_value": given.get(comparison["b"]), "by": right.get("by"),
                    "right": rights[0] if rights and all(value == rights[0] for value in rights) else None}


def _right(comparison: dict[str, Any]) -> list[str]:
    """Who is right, and to how many digits, where that was looked into."""
    if not comparison.get("right", {}).get("digits"):
        return []
    (best, most), *others = sorted(comparison["right"]["digits"].items(), key=lambda one: -one[1])
    by = {"arbiter": "by the arbiter", "dense": "by the dense value"}[comparison["right"]["by"]]
    return [f"right, {by}: " + ", ".join([f"{best} to {most:.1f} digits", *(f"{name} to {number:.1f}"
                                                                           for name, number in others)])]


def who_is_right(results: dict[str, Any]) -> dict[str, Any] | None:
    """To how many digits each engine is right, by the arbiter, in the cases that are small enough for it.

    Returns
    -------
    dict or None
        cases (their number), quantities, engines (name → quantity → (least, median)). None without such a case.
    """
    arbitrated = [case["arbiter"]["digits"] for case in results["cases"] if case.get("arbiter") is not None]
    digits: dict[str, dict[str, list[float]]] = {}
    for case in arbitrated:
        for engine, found in case.items():
            for quantity, values in found.items():
                digits.setdefault(engine, {}).setdefault(quantity, []).extend(values)
    if not any(digits.values()):
        return None
    quantities = [name for name in ("loglik", "sigmasq", "beta", "hsq")
                  if any(name in found for found in digits.values())]
    return {"cases": len(arbitrated), "quantities": quantities,
            "engines": {engine: {name: (min(values), statistics.median(values)) for name, values in found.items()}
                        for engine, found in digits.items()}}


def records(results: dict[str, Any], verdict: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Every (case, comparison) in which some phenotype got this verdict."""
    for case in results["cases"]:
        for comparison in case["comparisons"]:
            if comparison["counts"].get(verdict):
                yield case, comparison


def divergences(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Known divergences by entry of the register: how often each took part, and its examples, the largest first.

    A comparison in which both engines diverge counts for each entry. `rows`: what the run says of the entry, by engine.
    """
    entries: dict[str, dict[str, Any]] = {}
    for case, comparison in records(results, "known divergence"):
        for text, count in comparison["reasons"]["known divergence"].items():
            name, _, statement = text.removeprefix("the LOD curves differ: ").partition(": ")
            entry = entries.setdefault(name, {"entry": name, "statement": statement, "count": 0, "examples": [], "rows": [
                row for row in results["divergences"] if name.startswith(f"{row['entry']} ({row['engine']};")]})
            entry["count"] += count
            if worst(comparison["counts"]) == "known divergence":
                entry["examples"].append(_example(case, comparison))
    for entry in entries.values():
        entry["examples"].sort(key=lambda row: -(row["difference"] or 0.0))
    return sorted(entries.values(), key=lambda entry: -entry["count"])


def _example(case: dict[str, Any], comparison: dict[str, Any]) -> dict[str, Any]:
    """A record's worst phenotype in full."""
    return {"case": case["case"], "quantity": comparison["quantity"]} | numbers(comparison)


def not_comparable(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Reasons for which a comparison could not be made, the most frequent first."""
    reasons: dict[str, dict[str, Any]] = {}
    for case, comparison in records(results, "not comparable"):
        for why, count in comparison["reasons"]["not comparable"].items():
            row = reasons.setdefault(why, {"why": why, "count": 0, "cases": set(), "quantities": set()})
            row["count"] += count
            row["cases"].add(case["case"])
            row["quantities"].add(comparison["quantity"])
    return sorted(reasons.values(), key=lambda row: -row["count"])


def remarks(results: dict[str, Any]) -> list[dict[str, Any]]:
    """What the engines themselves said, by engine and kind (the sentence without its numbers), most frequent first."""
    kinds: dict[tuple[str, str], dict[str, Any]] = {}
    for case in results["cases"]:
        for engine, answer in case["engines"].items():
            for warning in answer["warnings"]:
                phenotype, _, text = warning.partition(": ")
                if phenotype not in case["phenotypes"]:
                    phenotype, text = "", warning
                kind = NUMBER.sub("…", text)
                row = kinds.setdefault((engine, kind), {"engine": engine, "kind": kind, "count": 0, "cases": set(),
                                                        "examples": []})
                row["count"] += 1
                row["cases"].add(case["case"])
                row["examples"].append({"case": case["case"], "phenotype": phenotype, "text": text})
    return sorted(kinds.values(), key=lambda row: -row["count"])


def ill_conditioned(results: dict[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """How far the engines are off the right log likelihood at ill-conditioned points.

    Returns
    -------
    by_engine : list of dict
        Engine, number of points, points without a right or an own value, median and the largest row, and the largest
        relative distances of σ² and β.
    by_case : list of dict
        Case, number of points, largest condition number, and for each engine the largest distance; the largest first.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    by_case = []
    for case in results["cases"]:
        row: dict[str, Any] = {"case": case["case"], "points": set(), "condition": 0.0, "off": {}}
        for point in case["ill_conditioned"]:
            found.setdefault(point["engine"], []).append(point | {"case": case["case"]})
            row["points"].add((point["phenotype"], point["hsq"]))
            row["condition"] = max(row["condition"], _or_infinite(point["condition"]))
            if point["off"] is not None:
                row["off"][point["engine"]] = max(point["off"], row["off"].get(point["engine"], 0.0))
        if case["ill_conditioned"]:
            by_case.append(row)
    by_engine = []
    for engine, points in found.items():
        measured = [point for point in points if point["off"] is not None]
        by_engine.append({"engine": engine, "points": len(points), "without": len(points) - len(measured),
                          "median": statistics.median(point["off"] for point in measured) if measured else None,
                          "largest": max(measured, key=lambda point: point["off"], default=None)}
                         | {quantity: max((point[quantity] for point in points if point.get(quantity) is not None),
                                          default=None) for quantity in ("sigmasq_off", "beta_off")})
    by_case.sort(key=lambda row: -max(row["off"].values(), default=0.0))
    return by_engine, by_case


def problems(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Problem, source, seed and content_hash of every problem."""
    found = {case["problem"]: {key: case[key] for key in ("problem", "source", "seed", "content_hash")}
             for case in results["cases"]}
    return list(found.values())


def timings(results: dict[str, Any]) -> dict[str, Counter]:
    """For each engine that ran here, what it was asked → seconds over all cases."""
    looked_up = {engine["name"] for engines in recorded(results).values() for engine in engines}
    found: dict[str, Counter] = {}
    for case in results["cases"]:
        for engine, answer in case["engines"].items():
            if answer["seconds"] and engine not in looked_up:
                found.setdefault(engine, Counter()).update(answer["seconds"])
    return found


def reprexes(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Every case and engine that could not be explained: folder, and R and Python scripts where they are short."""
    return [{"case": case["case"], "engine": engine} | reprex for case in results["cases"]
            for engine, reprex in case["reprex"].items()]


def scans(results: dict[str, Any]) -> list[dict[str, Any]]:
    """A row for each scan and pair of engines that scanned.

    Returns
    -------
    list of dict
        case, n, positions, phenotypes, engines (the pair), given and own (the largest |ΔLOD|; None where there is
        none), peaks (found by each of the two), decisions (quantity → verdict → phenotypes), decided (the same in words),
        verdict.
    """
    rows = []
    for case in results["cases"]:
        if not is_scan(case):
            continue
        pairs: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
        for comparison in case["comparisons"]:
            if comparison["b"] is not None:
                pairs.setdefault((comparison["a"], comparison["b"]), {})[comparison["quantity"]] = comparison
        for pair, found in pairs.items():
            lod = {name: found.get(f"LOD at {name} hsq", {}).get("difference") for name in ("given", "own")}
            decided = {name: found[name]["counts"] for name in DECISIONS if name in found}
            rows.append({"case": case["case"], "n": case["n"], "positions": case["scan"]["positions"],
                         "phenotypes": len(case["phenotypes"]), "engines": pair, **lod,
                         "peaks": [len(case["scan"]["peaks"].get(name, [])) for name in pair],
                         "decisions": decided, "decided": _decided(decided),
                         "verdict": worst(verdict for one in found.values() for verdict in one["counts"])})
    return rows


def _decided(decisions: dict[str, dict[str, int]]) -> str:
    """Which decisions differ, or could not be compared, and for how many phenotypes."""
    words = []
    for quantity, counts in decisions.items():
        differ = sum(counts.get(verdict, 0) for verdict in DIFFER)
        rest = sum(counts.values()) - differ - counts.get("agree", 0)
        words += [f"{quantity} {what} for {number:,}" for what, number in (("differ", differ), ("not compared", rest)) if number]
    return ", ".join(words) or ("identical" if decisions else "–")


def decisions(results: dict[str, Any]) -> dict[str, dict[str, Counter]]:
    """For each pair of engines, by quantity, how many decisions got which verdict."""
    found: dict[str, dict[str, Counter]] = {}
    for row in scans(results):
        for quantity, counts in row["decisions"].items():
            found.setdefault(" – ".join(row["engines"]), {}).setdefault(quantity, Counter()).update(counts)
    return found


def identical(results: dict[str, Any], scans: bool = False) -> dict[tuple[str, str], float]:
    """For each pair of engines the share of log likelihoods, or of LOD scores, that are the same to the bit."""
    totals: dict[tuple[str, str], list[int]] = {}
    for case in results["cases"]:
        if is_scan(case) != scans:
            continue
        for pair, (same, number) in case["identical"].items():
            total = totals.setdefault(tuple(pair.split(" = ")), [0, 0])
            total[0] += same
            total[1] += number
    return {pair: same / number for pair, (same, number) in totals.items() if number}


def _or_infinite(value: float | None) -> float:
    return math.inf if value is None else value


def _things(number: int, name: str) -> str:
    return f"{number:,} {name}{'' if number == 1 else 's'}"
