from __future__ import annotations

import csv
import io

import pytest

from sirev.reporting.spreadsheet import as_csv

FORMULAS = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", '=HYPERLINK("http://x")']


def cells(text: str) -> list[str]:
    return list(csv.reader(io.StringIO(text, newline="")))[1]


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_formula_is_text(formula: str) -> None:
    read = formula.replace("\r", "\n")
    assert cells(as_csv(["a", "b"], [[formula, "x"]])) == [f"'{read}", "x"]
    assert cells(as_csv(["a", "b"], [[formula, "x"]], neutral=False)) == [read, "x"]


@pytest.mark.parametrize("cell", [-1, -0.5, 1e-9, "-3", "+0.5", "-1.5e-3", "", "a=b", "levels.=1"])
def test_numbers_and_other_words_stay(cell: object) -> None:
    assert cells(as_csv(["a", "b"], [[cell, None]])) == [str(cell), ""]
