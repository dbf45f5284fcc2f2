"""A grade: correct or not, the reason, and the extracted answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Reason = Literal["right", "wrong", "no answer found", "timeout", "error"]
"""Why an answer is right or wrong. For programs see `sirev.grading.mbpp.program_verdict`."""

UNANSWERED = ("no answer found", "no code found")
"""Reasons of completions without a readable answer."""
RIGHT, IN_PROCESS = "right", "right, in process"
"""IN_PROCESS: right if the program can be trusted, since some of its tests ran inside its own process."""

REASON_LIMIT = 200
"""Longest reason, in characters, of a user's own grader."""
ANSWER_LIMIT = 200
"""Characters of an answer that are kept: a completion that repeats itself must not double the size of the store."""


@dataclass(frozen=True)
class Grade:
    """Right or wrong, the reason (the same in every run), and the extracted answer ("" if none)."""

    correct: bool
    reason: str
    answer: str


def grade_because(reason: str, answer: str | None) -> Grade:
    """The grade that follows from a reason; the answer is cut to ANSWER_LIMIT characters."""
    return Grade(reason in (RIGHT, IN_PROCESS), reason, (answer or "")[:ANSWER_LIMIT])
