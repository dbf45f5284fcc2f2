from __future__ import annotations

import io

import pytest
from rich.console import Console

from sirev.cli import bars
from sirev.cli.progress import WHOLE
from sirev.cli.sweep_progress import SweepProgress
from sirev.execution.segments import Segment

ONE = Segment("one", "1:train", runs={"a", "b"}, needs_gpu=True)
TWO = Segment("two", "2:train", runs={"b"}, parents={"one"}, needs_gpu=True)


def test_each_segment_that_ends_is_a_line_that_says_how(capsys: pytest.CaptureFixture[str]) -> None:
    with SweepProgress([ONE, TWO], {"one": 1.0, "two": 1.0}) as progress:
        progress.told(ONE, "running", "node-7")
        progress.told(ONE, "failed", "out of memory")
        progress.told(TWO, "left", "out of memory")
    lines = [line.strip() for line in capsys.readouterr().err.splitlines()]
    assert lines == ["1/2  1:train of a and 1 more  failed: out of memory", "2/2  2:train of b  left out"]


def test_no_bar_is_left_above_the_lines_that_are_written_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Console(file=io.StringIO(), force_terminal=True, width=80, height=24)
    monkeypatch.setattr(bars, "console", lambda **how: terminal)
    monkeypatch.setattr(SweepProgress, "on_terminal", True)
    with SweepProgress([ONE, TWO], {"one": 1.0, "two": 1.0}) as progress:
        progress.told(ONE, "running", "")
        terminal.file.truncate(0)
        with progress.aside():
            shown = terminal.file.getvalue()
            assert shown.endswith("\x1b[2K")  # the bar's line is erased


def test_a_terminal_shows_the_grid_and_the_segments_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SweepProgress, "on_terminal", True)

    def rows(progress: SweepProgress) -> list[tuple[str, str, str]]:
        shown = progress._shown.tasks
        return [(one.description, one.fields["step"], one.fields["state"]) for one in shown if one.visible]

    with SweepProgress([ONE, TWO], {"one": 1.0, "two": 1.0}) as progress:
        progress.told(ONE, "running", "node-7")
        assert rows(progress) == [("sweep", "0 of 2 segments", "0 of 2 runs"), ("a and 1 more", "1:train", "on node-7")]
        progress.told(ONE, "done", "")
        (grid,) = rows(progress)
        assert grid[:2] == ("sweep", "1 of 2 segments")
        assert grid[2].startswith("1 of 2 runs, ")
        assert progress.has(WHOLE)
