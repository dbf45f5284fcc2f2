from __future__ import annotations

from sirev.tasks.problem_ids import content_id, plain, problems_in_order
from tests.tasks.conftest import refusal


def problem(id_: str, **changed: str) -> dict[str, str]:
    return {"id": id_, "prompt": "p", "target": "t", "answer": "a", "level": "", **changed}


def test_parts_cannot_run_into_each_other() -> None:
    assert content_id("x", "ab", "c") != content_id("x", "a", "bc")
    assert content_id("math", "1+1", "2").startswith("math-")
    assert len(content_id("math", "1+1", "2")) == len("math-") + 12


def test_copies_count_once_at_their_lowest_level_whatever_the_order() -> None:
    rows = [problem("b"), problem("a", level="5"), problem("a", level="3"), problem("b")]
    assert problems_in_order(rows) == problems_in_order(rows[::-1]) == [problem("a", level="3"), problem("b")]


def test_two_problems_with_one_id_are_refused() -> None:
    assert "share the id 'a'" in refusal(lambda: problems_in_order([problem("a"), problem("a", prompt="other")]))


def test_plain_evens_out_line_breaks_and_outer_blanks() -> None:
    assert plain(" a \r\n b\rc\n") == "a \n b\nc"
