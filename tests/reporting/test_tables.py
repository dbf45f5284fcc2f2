from __future__ import annotations

from sirev.metrics.statistic import absent, statistic
from sirev.reporting.tables import TextTable, between, markdown, percent, points, share, with_interval, without_nothing


def test_cells_with_bars_do_not_break_markdown() -> None:
    assert r"| \|IS\| |" in markdown([TextTable("T", ["|IS|"], 0, [["3"]])])


def test_what_is_absent_is_a_dash_and_never_a_zero() -> None:
    assert percent(absent("no draws")) == share(absent("no draws")) == "–"
    assert percent(statistic(0.123, 9)) == "12.3"
    assert share(statistic(0.123, 9)) == "0.123"


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
