"""A family of metrics in reports: what it says of itself is drawn, and no other file knows it."""

from __future__ import annotations

from typing import Any

import pytest

from sirev.metrics.families.shown import LARGEST_K, Column, Figure, Panel, Remark, Shown, ShownTable
from sirev.reporting.figures.accuracy import over_iterations
from sirev.reporting.figures.canvas import FigureSheet
from sirev.reporting.sections import shown_families
from tests.reporting.test_figures import comparison, lines, missing, texts, there

WORDS = Panel("words per answer", ("length", "words"), share=False)
LENGTH = Shown(
    section="accuracy",
    fields=("length",),
    tables=(
        ShownTable(
            "Length of answers",
            (
                Column("words", ("length", "words"), "number", 1),
                Column("short %", ("length", "short")),
                Column("within {} %", ("length", "within", LARGEST_K)),
            ),
            ("short: of one word.",),
            (Remark(("length", "short"), "{}% of the answers are one word."),),
        ),
    ),
    figures=(Figure("length", "Length of answers", (WORDS,), "Words per answer"),),
)


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    monkeypatch.setattr(shown_families, "SHOWN", (LENGTH,))
    found = comparison(last=2, names=("sft",))["runs"]
    for run in found:
        run |= {"label": run["method"], "null": False, "steps": None}
        for iteration in run["iterations"]:
            t = iteration["t"]
            within = {"8": there(0.5), "16": there(0.75)} if t == 1 else {"8": there(0.25)}
            iteration["length"] = {"words": there(10.0 * t, 1.5), "short": there(0.25 * (t - 1)), "within": within}
    return found


def test_its_table_has_a_row_per_model_with_remarks_before_notes(runs: list[Any]) -> None:
    (table,) = shown_families.family_tables("accuracy", runs)
    assert table.columns == ["method", "seed", "model", "words", "short %", "within 16 %"]
    assert table.rows == [["sft", "0", "M_1", "10.0", "0.0", "75.0"], ["sft", "0", "M_2", "20.0", "25.0", "–"]]
    assert table.notes == ["sft, seed 0, M_2: 25.0% of the answers are one word.", "short: of one word."]
    assert shown_families.family_tables("diversity", runs) == []


def test_a_column_of_numbers_that_no_model_has_is_left_out(runs: list[Any]) -> None:
    for run in runs:
        for iteration in run["iterations"]:
            iteration["length"]["within"] = {}
    (table,) = shown_families.family_tables("accuracy", runs)
    assert table.columns[3:] == ["words", "short %"]


def test_a_table_without_a_value_is_a_line_that_says_why(runs: list[Any]) -> None:
    for run in runs:
        for iteration in run["iterations"]:
            iteration["length"] = {"words": missing("no draws were given"), "short": missing("no draws were given"), "within": {}}
    (table,) = shown_families.family_tables("accuracy", runs)
    assert (table.rows, table.notes) == ([], ["no draws were given"])


def test_its_figure_draws_values_that_are_no_shares_as_they_are(runs: list[Any]) -> None:
    sheet = FigureSheet(names=["sft"])
    over_iterations(sheet, {"runs": runs}, [WORDS])  # type: ignore[typeddict-item]
    figure = sheet.close()
    assert list(lines(figure)["0: sft"].get_ydata()) == pytest.approx([10.0, 20.0])
    assert figure.axes[0].get_ylabel() == "words per answer"


def test_without_a_value_its_figure_says_why(runs: list[Any]) -> None:
    for iteration in runs[0]["iterations"]:
        iteration["length"]["words"] = missing("no draws were given")
    sheet = FigureSheet(names=["sft"])
    over_iterations(sheet, {"runs": runs}, [WORDS])  # type: ignore[typeddict-item]
    assert any("no draws were given" in text for text in texts(sheet.close()))
