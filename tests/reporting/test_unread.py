from __future__ import annotations

from typing import Any

import pytest

from sirev.reporting.sections.unread import first_lines, reading_differs


def share(value: float | None) -> dict[str, Any]:
    return {"value": value, "low": None, "high": None, "n": 100, "reason": None if value is not None else "not in the files"}


def run(*models: tuple[float | None, float], **more: Any) -> Any:
    iterations = [
        {"t": t, "pass_at_1": share(right), "greedy": {"unanswered": share(unread)}}
        for t, (unread, right) in enumerate(models, 1)
    ]
    return {"label": "mine", "seed": 0, "steps": ["base", "tuned"], "iterations": iterations, "unread": [], **more}


def test_shares_that_differ_by_more_than_the_margin_are_said_with_what_is_right_among_the_read() -> None:
    said = reading_differs(run((0.5, 0.4), (0.0, 0.8)))
    assert said == (
        "an answer was read from 50.0% of M_1 base's answers and 100.0% of M_2 tuned's; "
        "of the answers read 80.0 → 80.0% are correct"
    )


def test_like_shares_and_unknown_ones_are_not_mentioned() -> None:
    assert reading_differs(run((0.02, 0.4), (0.0, 0.8))) == ""
    assert reading_differs(run((None, 0.4), (None, 0.8))) == ""
    assert reading_differs(run((0.5, 0.4))) == ""


def test_a_report_begins_with_the_worst_that_is_recorded_and_how_many_more_there_are() -> None:
    (line,) = first_lines([run((0.5, 0.4), (0.2, 0.8), unread=["base: 50 of 100", "tuned: 20 of 100"])])
    assert line == "base: 50 of 100. 1 more step of the kind: see the notes of the run."


def test_models_that_were_asked_unlike_are_said_first() -> None:
    asked = run((0.5, 0.4), (0.0, 0.8), models=[{"chat": False}, {"chat": True}])
    first, second = first_lines([asked])
    assert first.startswith("ASKED DIFFERENTLY: M_2 tuned with a chat template and M_1 base plainly, ")
    assert second.startswith("M_1 base: no answer was read")


@pytest.mark.parametrize("chat", [[True, True], [False, False], [False, None]])
def test_models_that_were_asked_alike_or_nobody_knows_how_are_not_said(chat: list[bool | None]) -> None:
    assert first_lines([run((0.0, 0.4), (0.0, 0.8), models=[{"chat": one} for one in chat])]) == []


def test_where_nothing_is_recorded_the_share_is_said() -> None:
    (line,) = first_lines([run((0.5, 0.4), (0.05, 0.8))])
    assert line == "M_1 base: no answer was read from 50.0% of the answers."
    assert first_lines([run((0.1, 0.4), (0.05, 0.8))]) == []
