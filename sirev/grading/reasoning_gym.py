"""Grades of answers to reasoning-gym's tasks, by its own scorers: the function of a recipe's `python` grader."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

from sirev.grading.grade import RIGHT, UNANSWERED, Grade, grade_because
from sirev.tasks.reasoning_gym import refuse_evaluating

_CUE = "Answer:"
"""What stands before a final answer."""


def full_marks(completion: str, answer: str) -> Grade:
    """Right where the scorer gives full marks to what follows the last cue; `answer` is JSON of the task's name and its entry.

    ValueError for a task whose scorer would evaluate it.
    """
    _, found, said = completion.rpartition(_CUE)
    if not found or not said.strip():
        return grade_because(UNANSWERED[0], None)
    asked = json.loads(answer)
    refuse_evaluating(asked["dataset"])
    scorer = _scorer(asked["dataset"])
    try:
        marks = float(scorer(said.strip(), asked["entry"]))
    except Exception:  # what a scorer makes of a text that is no answer of its kind
        marks = 0.0
    return grade_because(RIGHT if marks >= 1 else "wrong", said.strip())


@cache
def _scorer(dataset: str) -> Callable[[str, dict[str, Any]], float]:
    found: Callable[[str, dict[str, Any]], float] = import_module("reasoning_gym").get_score_answer_fn(dataset)
    return found
