from __future__ import annotations

from sirev.metrics.statistic import Statistic, absent
from sirev.reporting.tables import (
    TextTable,
    between,
    fixed,
    markdown,
    number,
    p_equals,
    p_value,
    percent,
    points,
    with_interval,
    without_nothing,
)


def statistic(value: float, n: int) -> Statistic:
    return {"value": value, "low": None, "high": None, "n": n, "reason": None}


def test_cells_with_bars_do_not_break_markdown() -> None:
    assert r"| \|IS\| |" in markdown([TextTable("T", ["|IS|"], 0, [["3"]])])


def test_what_data_put_into_markdown_is_text_of_one_line() -> None:
    hostile = "a\x1b]52;c;aGk=\x07\nb\u2028\u202e<img src=x onerror=y>![t](http://x) <0.001"
    table = TextTable(hostile, [hostile], 0, [[hostile]], [hostile])
    shown = r"a\x1b]52;c;aGk=\x07\nb\u2028\u202e&lt;img src=x onerror=y>![t]\(http://x) <0.001"
    assert markdown([table]).split("\n") == [f"### {shown}", "", f"| {shown} |", "| ---: |", f"| {shown} |", "", shown, ""]


def test_what_is_absent_is_a_dash_and_never_a_zero() -> None:
    assert percent(absent("no draws")) == number(absent("no draws"), 2) == "–"
    assert percent(statistic(0.123, 9)) == "12.3"


def test_what_rounds_to_zero_has_no_sign() -> None:
    assert fixed(-0.04, 1) == fixed(-0.0, 1) == fixed(0.04, 1, sign=True) == "0.0"
    assert points(statistic(-0.0001, 9)) == points(statistic(0.0, 9)) == "0.0"
    assert between({**statistic(0.0, 9), "low": -0.0002, "high": 0.0}) == "[0.0, 0.0]"
    assert fixed(-0.06, 1, sign=True) == "-0.1"


def test_a_p_value_has_three_decimals_and_is_never_zero() -> None:
    assert [p_value(p) for p in (None, 0.0, 0.0009, 0.001, 0.04567, 1.0)] == ["–", "<0.001", "<0.001", "0.001", "0.046", "1.000"]
    assert [p_equals(p) for p in (0.0002, 0.0123)] == ["p<0.001", "p=0.012"]


def test_an_interval_stands_in_brackets_and_an_unknown_bound_is_left_open() -> None:
    found = {**statistic(0.5, 9), "low": 0.25, "high": 0.75}
    assert with_interval(found) == "50.0 [25.0, 75.0]"
    assert between({**found, "high": None}) == "[25.0, …]"
    assert between(statistic(0.5, 9)) == "–"
    assert points({**found, "value": -0.031}) == "-3.1"


def test_a_table_that_says_nothing_is_its_notes_alone() -> None:
    rows = [["sft", "–", "0"], ["dpo", "none", "–"]]
    assert without_nothing(TextTable("T", ["method", "x", "y"], 1, rows, ["no draws"])).rows == []
    assert without_nothing(TextTable("T", ["method", "x", "y"], 1, [*rows, ["x", "–", "1.0"]], ["no draws"])).rows
    assert without_nothing(TextTable("T", ["method", "verdict"], 2, [["sft", "progress"]], ["a note"])).rows
