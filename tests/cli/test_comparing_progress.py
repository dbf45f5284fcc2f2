from __future__ import annotations

import pytest

from sirev.cli.comparing_progress import Comparing


def test_a_long_comparison_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    clock = iter([0.0, 1.0, 20.0, 21.0, 40.0])
    monkeypatch.setattr("sirev.cli.comparing_progress.time.monotonic", lambda: next(clock))
    with Comparing() as watch:
        for done in range(5):
            watch(2, done, 4)
    assert capsys.readouterr().err.splitlines() == [
        "sirev: comparing 2 runs (the store has no such comparison yet) ...",
        "sirev: 2 of 4 models compared, 20 s left",
        "sirev: 4 of 4 models compared, 0 s left",
    ]
