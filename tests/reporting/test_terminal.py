from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from sirev.reporting.tables import TextTable
from sirev.reporting.terminal import as_rich, print_tables


def drawn(table: TextTable, width: int) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width, highlight=False).print(as_rich(table))
    return [line.strip() for line in out.getvalue().splitlines()]


def test_a_narrow_terminal_breaks_titles_and_never_a_number() -> None:
    columns = ["method", "seed", *(f"a rather long title {i}" for i in range(8))]
    table = TextTable("Wide", columns, 2, [["sft-dpo", "0", *["33.3"] * 8]])
    assert any(line.split() == ["sft-dpo", "0", *["33.3"] * 8] for line in drawn(table, 80))


@pytest.mark.parametrize(("repeats", "lines"), [(1, 3), (2, 3 * 2 + 2)])
def test_runs_stand_apart_only_if_they_have_several_rows(repeats: int, lines: int) -> None:
    rows = [[method, str(t), "1.0"] for method in ("sft", "dpo", "sft-dpo") for t in range(repeats)]
    body = drawn(TextTable("T", ["method", "t", "x"], 2, rows), 100)[4:]
    while not body[-1]:
        body.pop()
    assert len(body) == lines


def test_what_forces_colour_is_a_terminal_of_its_width(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["tiny_smoke-sft-s0-0123abcd", "tiny_smoke-sft-dpo-s0-0123abcd"]
    rows = [[name, "complete", "2026-11-28 22:34", "14.6 MB", "trained here"] for name in names]
    table = TextTable("Runs", ["run", "state", "begun", "size", "model"], 1, rows)
    print_tables([table])
    assert capsys.readouterr().out.count(names[0]) == 1
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("FORCE_COLOR", "1")
    print_tables([table])
    lines = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()
    assert max(map(len, lines)) <= 80
    assert sum(names[0] in line for line in lines) == 2
