"""The CSV tables, read back with pandas and with the csv module."""
from __future__ import annotations

import copy
import csv
import io

import pandas as pd
import pytest

from hostile import NAMES, hostile
from lmmbridge.agreement.run import engine_status, estimates_table
from lmmbridge.agreement.verdicts import ORDER, worst
from lmmbridge.report import tidy
from small_runs import results_of

KINDS = ("right", "wrong divisor", "failure", "old")


def read(text: str) -> pd.DataFrame:
    """As columns.md says."""
    return pd.read_csv(io.StringIO(text, newline=""), keep_default_na=False, na_values=[""], float_precision="round_trip")


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def records(results) -> list[tuple[dict, dict]]:
    return [(case, record) for case in results["cases"] for record in case["comparisons"]]


@pytest.mark.parametrize("kind", KINDS)
def test_every_comparison_has_its_row_and_every_verdict_its_count(kind):
    results = results_of(kind)
    table = read(tidy.files(results)["comparisons.csv"])
    assert len(table) == len(records(results))
    for verdict, column in tidy.COUNTS.items():
        assert table[column].sum() == results["verdicts"].get(verdict, 0)
    for row, (case, record) in zip(table.itertuples(), records(results)):
        assert (row.case, row.a, row.quantity, row.verdict) == (case["case"], record["a"], record["quantity"], worst(record["counts"]))
        assert row.phenotypes == len(case["phenotypes"])


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_read_back_to_the_bit(kind):
    results = results_of(kind)
    found = tidy.files(results)
    table, coefficients = read(found["comparisons.csv"]), read(found["coefficients.csv"])
    scalars = lists = 0
    betas = iter(coefficients.itertuples())
    for row, (case, record) in zip(table.itertuples(), records(results)):
        if record["b"] is None:
            assert pd.isna(row.b) and pd.isna(row.difference)
            continue
        for column in ("difference", "tolerance", "digits", "hsq"):
            assert getattr(row, column) == record[column] or record[column] is None and pd.isna(getattr(row, column))
        if not record.get("values"):
            continue
        a, b = (record["values"][record[key]] for key in ("a", "b"))
        if isinstance(a, list):
            lists += 1
            assert pd.isna(row.value_a)
            for column, one, other in zip(case["columns"], a, b, strict=True):
                beta = next(betas)
                assert (beta.case, beta.quantity, beta.column, beta.value_a, beta.value_b) == (
                    case["case"], record["quantity"], column, one, other)
        else:
            scalars += 1
            assert (row.value_a, row.value_b) == (a, b)
    assert next(betas, None) is None
    assert (scalars > 0 and lists > 0) == (kind in ("right", "wrong divisor"))     # 1.0 did not keep the values


def test_who_is_right_is_told():
    results = results_of("wrong divisor")
    table = read(tidy.files(results)["comparisons.csv"])
    wrong = table[(table["verdict"] == "unexplained") & table["right_by"].notna()]
    assert len(wrong) > 0
    assert (wrong["digits_a"] > wrong["digits_b"]).all()        # python and dense, whose divisor is wrong


def test_estimates_peaks_problems_and_engines():
    results = results_of("old")
    found = tidy.files(results)
    scans = [case for case in results["cases"] if case["scan"] is not None]
    assert len(read(found["peaks.csv"])) == sum(len(peaks) for case in scans for peaks in case["scan"]["peaks"].values()) > 0
    assert len(read(found["estimates.csv"])) == sum(len(case["phenotypes"]) * len(case["estimates"]) for case in results["cases"])
    many = results | {"cases": results["cases"] * (1 + tidy.PART // len(results["cases"]))}
    assert len(many["cases"]) > tidy.PART
    estimates = read(tidy.files(many)["estimates.csv"])
    assert estimates.equals(read(estimates_table(many["cases"], engine_status(many)).to_csv(index=False)))
    assert set(read(found["problems.csv"])["problem"]) == {case["problem"] for case in results["cases"]}
    assert list(read(found["engines.csv"])["name"]) == [engine["name"] for engine in results["engines"]]
    assert "peaks.csv" not in tidy.files(results_of("right"))


def test_rows_say_which_engines_are_recorded_and_where_not_everything_was_asked():
    results = results_of("recorded")
    found = tidy.files(results)
    for name in ("comparisons.csv", "coefficients.csv"):
        assert {(row["a"], row["status_a"], row["b"], row["status_b"]) for row in rows(found[name])} == {
            ("python", "live", "dense", "recorded")}
    assert {(row["engine"], row["status"]) for row in rows(found["estimates.csv"])} == {("python", "live"), ("dense", "recorded")}
    asked = {(row["quantity"], row["asked"], row["asked_of"]) for row in rows(found["comparisons.csv"]) if row["asked"]}
    assert asked == {("loglik at fixed hsq", "1", "58"), ("beta at fixed hsq", "20", "58")}
    old = tidy.files(results_of("old"))
    assert {row["status"] for row in rows(old["peaks.csv"])} == {"live"} and "`status`" in old["columns.md"]


def test_hostile_names_read_back_as_they_are():
    results = hostile(results_of("right"))
    found = tidy.files(results)
    assert [row["case"] for row in rows(found["comparisons.csv"])] == [case["case"] for case, _ in records(results)]
    assert [row["phenotype"] for row in rows(found["comparisons.csv"])] == [record.get("phenotype", "") for _, record in
                                                                             records(results)]
    assert {row["problem"] for row in rows(found["problems.csv"])} == {case["problem"] for case in results["cases"]}
    engine = results["engines"][0]
    for name in (*NAMES, "carriage\rreturn", "a,b", '"'):
        engine["name"] = name
        text = tidy.files(results)["engines.csv"]
        assert rows(text)[0]["name"] == name
        frame = read(text)
        assert len(frame) == 2 and (frame["name"][0] == name or name == "" and pd.isna(frame["name"][0]))


def test_columns_are_those_that_are_described():
    found = tidy.files(results_of("right"))
    for name, columns in tidy.COLUMNS.items():
        assert list(read(found[name]).columns) == list(columns)
        assert all(f"`{column}`: {meaning}" in found["columns.md"] for column, meaning in columns.items())
    assert len(tidy.COUNTS) == len(ORDER)


def test_a_run_without_cases_has_its_headers():
    found = tidy.files(results_of("right") | {"cases": []})
    assert list(read(found["comparisons.csv"]).columns) == list(tidy.COLUMNS["comparisons.csv"])
    assert len(read(found["comparisons.csv"])) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_results_give_the_same_files_and_stay_as_they_are(kind):
    results = results_of(kind)
    before = copy.deepcopy(results)
    assert tidy.files(results) == tidy.files(before)
    assert results == before
