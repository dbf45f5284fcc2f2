from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

import sirev
from sirev.reporting.narrow import drawn_width, fit
from sirev.reporting.tables import TextTable
from sirev.reporting.terminal import as_rich
from tests.conftest import Study

INTERVAL = "71.2 [68.7, 73.6]"


def drawn(table: TextTable, width: int = 80) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width, highlight=False).print(as_rich(table))
    return out.getvalue().splitlines()


def check_whole(table: TextTable, width: int = 80) -> None:
    """Each number stands unbroken on a line, with its row's other numbers, and no line is too long."""
    lines = drawn(table, width)
    assert all(len(line) <= width for line in lines)
    for row in table.rows:
        numbers = [cell for cell in row[table.labels :] if "\n" not in cell]
        assert any(_in_order(line, numbers) for line in lines), (row, lines)


def _in_order(line: str, cells: list[str]) -> bool:
    start = 0
    for cell in cells:
        start = line.find(cell, start)
        if start < 0:
            return False
        start += len(cell)
    return True


@pytest.mark.parametrize("n", [1, 2, 5])
def test_the_width_is_what_rich_takes(n: int) -> None:
    table = TextTable("T", ["c" * 4] * n, 1, [["x" * 7] * n])
    assert max(map(len, drawn(table, 200))) == drawn_width([7] * n)


def test_a_table_that_fits_is_left_alone() -> None:
    table = TextTable("T", ["method", "x"], 1, [["sft", "1.0"]])
    assert fit(table, 80) == [table]


def test_one_character_less_breaks_titles_before_it_cuts() -> None:
    table = TextTable("T", ["method", "share of right draws"], 1, [["sft", "0.512"]])
    whole = max(map(len, drawn(table, 200)))
    assert fit(table, whole) == [table]
    (narrower,) = fit(table, whole - 1)
    assert narrower.columns[1].split() == table.columns[1].split()
    assert "\n" in narrower.columns[1]
    check_whole(narrower, whole - 1)


def test_columns_are_shared_out_evenly_with_the_labels_again() -> None:
    rows = [[method, "0", str(t), *[INTERVAL] * 7] for method in ("sft", "dpo") for t in (1, 2)]
    table = TextTable("pass@N", ["method", "seed", "t", *(f"N={2**i}" for i in range(7))], 3, rows, ["A note."])
    parts = fit(table, 80)
    assert [part.title for part in parts] == ["pass@N (1 of 3)", "pass@N (2 of 3)", "pass@N (3 of 3)"]
    assert [len(part.columns) - 3 for part in parts] == [3, 3, 1]
    assert [name for part in parts for name in part.columns[3:]] == table.columns[3:]
    assert [part.notes for part in parts] == [[], [], ["A note."]]
    for part in parts:
        assert [row[:3] for row in part.rows] == [row[:3] for row in rows]
        check_whole(part)


def test_rows_become_columns_where_labels_leave_no_room() -> None:
    names = ["20260101T120000-mistral_gsm8k-sft-dpo-0-and-a-long-name-of-a-variant-of-it", "20260101T120000-mistral_gsm8k-dpo-0"]
    table = TextTable("T", ["run", "M_1 solves", "gained"], 1, [[name, INTERVAL, "12"] for name in names])
    (turned,) = fit(table, 80)
    assert [row[0].split() for row in turned.rows] == [["M_1", "solves"], ["gained"]]
    assert ["".join(title.split()) for title in turned.columns[1:]] == names
    assert [row[1:] for row in turned.rows] == [[INTERVAL, INTERVAL], ["12", "12"]]
    check_whole(turned)


def test_sentences_break_between_words_and_numbers_beside_them_do_not() -> None:
    reason = "Greedy accuracy rose by 3.1 points, more than sampling alone would give, and nothing else fell beyond its margin."
    (table,) = fit(TextTable("T", ["method", "verdict", "why", "change"], 2, [["sft", "progress", reason, INTERVAL]]), 80)
    assert table.rows[0][2].split() == reason.split()
    assert table.rows[0][3] == INTERVAL
    check_whole(table)


def test_an_empty_column_takes_the_one_character_that_it_is_drawn_with() -> None:
    for part in fit(TextTable("T", ["bc - bb", "-c", "", ""], 3, [["", "-", "", "100.0 / 98.7 / 100.0"]]), 40):
        check_whole(part, 40)


NUMBERS = st.sampled_from(["–", "1", "33.3", INTERVAL, "1,024 of 1,319", "15.3 → 11.8", "100.0 / 98.7 / 100.0"])
LABELS = st.text("abc -_", max_size=40)


@settings(deadline=None)  # a loaded machine takes as long as it takes
@given(st.data(), st.integers(0, 3), st.integers(1, 9), st.integers(0, 4), st.integers(40, 120))
def test_any_table_fits_with_all_its_numbers(data: st.DataObject, labels: int, numbers: int, rows: int, width: int) -> None:
    titles = data.draw(st.lists(LABELS, min_size=labels + numbers, max_size=labels + numbers))
    cells = [[data.draw(LABELS) for _ in range(labels)] + [data.draw(NUMBERS) for _ in range(numbers)] for _ in range(rows)]
    table = TextTable("T", titles, labels, cells)
    parts = fit(table, width)
    for part in parts:
        check_whole(part, width)
    told = sorted(cell for part in parts for row in part.rows for cell in row[part.labels :])
    assert told == sorted(cell for row in cells for cell in row[labels:])


@pytest.mark.parametrize("section", [None, "training"])
def test_no_number_of_a_report_breaks_at_80_columns(smoke: Study, section: str | None) -> None:
    for table in sirev.report(section, recipes=["tiny_smoke"], store=smoke.store).tables():
        for part in fit(table, 80):
            check_whole(part)
