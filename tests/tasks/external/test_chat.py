from __future__ import annotations

from typing import Any

import pytest

from sirev.tasks.external.chat import completion_of, conversation_of, prompt_of

SYSTEM, USER = {"role": "system", "content": "Be short."}, {"role": "user", "content": "2 + 2?"}
SAID = {"role": "assistant", "content": "4"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("4", "4"),
        (SAID, "4"),
        ([SYSTEM, USER, SAID], "4"),
        ({"role": "assistant", "content": [{"type": "text", "text": "fo"}, {"type": "text", "text": "ur"}]}, "four"),
        ({"choices": [{"index": 0, "message": SAID}]}, "4"),
        ({"choices": [{"message": SAID}, {"message": {**SAID, "content": "5"}}]}, ["4", "5"]),
        ({"choices": [{"text": " 4", "finish_reason": "stop", "index": 0}]}, " 4"),
        ({"status_code": 200, "body": {"choices": [{"message": SAID}]}}, "4"),
        ({"status_code": 500, "body": None}, None),
        ({"role": "assistant", "content": None}, None),
        ([[USER, SAID], [USER, {**SAID, "content": "22"}]], ["4", "22"]),
        (["4", "5"], ["4", "5"]),
        ([USER], [USER]),
        ({"text": "4"}, {"text": "4"}),
    ],
)
def test_the_text_that_a_model_wrote(value: Any, text: Any) -> None:
    assert completion_of(value) == text


def test_the_question_is_what_the_user_said_last() -> None:
    shots = [USER, SAID, {"role": "user", "content": "3 + 3?"}]
    assert prompt_of([SYSTEM, *shots]) == "3 + 3?"
    assert prompt_of("2 + 2?") == "2 + 2?"


def test_a_problem_is_all_that_was_said_before_the_answer() -> None:
    assert conversation_of([SYSTEM, USER, SAID]) == conversation_of([USER]) == "2 + 2?"
    asked_twice = [USER, SAID, {"role": "user", "content": "Sure?"}]
    assert conversation_of(asked_twice) != conversation_of([{**USER, "content": "3 + 3?"}, SAID, asked_twice[-1]])
