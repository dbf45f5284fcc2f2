"""Grader of answers to reasoning-gym's tasks, by its own scorers: a function for a recipe's `python` grader."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

from sirev.grading.grade import RIGHT, UNANSWERED, Grade, grade_because
from sirev.tasks.reasoning_gym import refuse_evaluating

_CUE = "Answer:"
"""Marks the final answer."""


def full_marks(completion: str, answer: str) -> Grade:
    """Right where the scorer gives full marks to the text after the last cue.

    `answer` is JSON of the task's name and its entry. Raises ValueError for a task whose scorer would evaluate the text as code.
    """
    _, found, said = completion.rpartition(_CUE)
    if not found or not said.strip():
        return grade_because(UNANSWERED[0], None)
    asked = json.loads(answer)
    refuse_evaluating(asked["dataset"])
    scorer = _scorer(asked["dataset"])
    try:
        marks = float(scorer(said.strip(), asked["entry"]))
    except Exception:  # scorers may raise anything on a text that is no answer to their task
        marks = 0.0
    return grade_because(RIGHT if marks >= 1 else "wrong", said.strip())


@cache
def _scorer(dataset: str) -> Callable[[str, dict[str, Any]], float]:
    found: Callable[[str, dict[str, Any]], float] = import_module("reasoning_gym").get_score_answer_fn(dataset)
    return found
