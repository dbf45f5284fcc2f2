from __future__ import annotations

from typing import Any

import pytest

from sirev.tasks.core import arc, openbookqa
from sirev.tasks.core.csqa import CSQA_TEMPLATES
from sirev.tasks.rows import Row
from tests.tasks.conftest import OnTheHub, refusal

OPTIONS = ["sand", "ice ", "wood", "air"]
STEM = "Which of these floats on water? "


def row(labels: str = "ABCD", key: str = "B", stem: str = "question", options: list[str] = OPTIONS) -> dict[str, Any]:
    return {"id": "q1", stem: STEM, "choices": {"label": list(labels), "text": options[: len(labels)]}, "answerKey": key}


def upstream(values: dict[str, Any], stem: str = "question") -> dict[str, Any]:
    choices = [{"label": label, "text": option} for label, option in zip(*values["choices"].values(), strict=True)]
    return {"id": values["id"], "question": {"stem": values[stem], "choices": choices}, "answerKey": values["answerKey"]}


def test_a_question_in_the_words_of_commonsenseqa() -> None:
    (found,) = arc.problems([Row("f:1", row())], template=CSQA_TEMPLATES["csqa_rationale"])
    shown = "Question: Which of these floats on water?\nA. sand\nB. ice\nC. wood\nD. air\nReasoning:\n"
    assert found["prompt"].split("\n\n")[1] == shown
    assert (found["id"], found["answer"], found["target"], found["level"]) == ("q1", "B", "Answer: B", "")


@pytest.mark.parametrize("changed", [row("1234", "2"), row("DCBA", "B", options=OPTIONS[::-1])])
def test_options_named_by_numbers_or_in_another_order_are_the_same(changed: dict[str, Any]) -> None:
    assert arc.problems([Row("f:1", changed)]) == arc.problems([Row("f:1", row())])


@pytest.mark.parametrize("labels", ["ABC", "123", "ABCDE"])
def test_three_to_five_options_are_taken(labels: str) -> None:
    (found,) = arc.problems([Row("f:1", row(labels, labels[0], options=[*OPTIONS, "oil"]))])
    assert found["answer"] == "A"
    assert found["prompt"].count("\n") == len(labels) + 4


def test_the_upstream_shape_gives_the_same_problems() -> None:
    assert arc.problems([Row("f:1", upstream(row()))]) == arc.problems([Row("f:1", row())])
    flat = row(stem="question_stem")
    assert openbookqa.problems([Row("f:1", upstream(flat, "question_stem"))]) == openbookqa.problems([Row("f:1", flat)])


def test_hub_rows_give_the_same_problems(on_the_hub: OnTheHub) -> None:
    flat = row(stem="question_stem")
    assert openbookqa.problems(on_the_hub([flat])) == openbookqa.problems([Row("f:1", flat)])


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (row(key="E"), "field 'answerKey' must be one of A, B, C, D, found 'E'"),
        (row("1234", "B"), "field 'answerKey' must be one of 1, 2, 3, 4, found 'B'"),
        (row("AB", "A"), "field 'choices' must hold 3 to 5 options"),
        (row("A2C4", "A"), "field 'choices' must hold 3 to 5 options"),
        (row("AABC", "A"), "field 'choices' must hold 3 to 5 options"),
        ({**row(), "question": 5}, "field 'question' must be a string, found 5 (int)"),
        ({**row(), "choices": None}, "field 'choices' must hold 3 to 5 options"),
    ],
)
def test_a_broken_row_is_refused_with_its_line(values: dict[str, Any], why: str) -> None:
    assert refusal(lambda: arc.problems([Row("f.jsonl:8", values)])).startswith(f"f.jsonl:8: {why}")
