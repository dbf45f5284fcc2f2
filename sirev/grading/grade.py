"""A grade: correct or not, the reason, and the answer that was read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Reason = Literal["right", "wrong", "no answer found", "timeout", "error"]
"""Why an answer is right or wrong. Of programs there is more to say: see `sirev.grading.mbpp.program_verdict`."""

UNANSWERED = ("no answer found", "no code found")
"""The reasons of answers that nothing could be read from."""
RIGHT, IN_PROCESS = "right", "right, in process"
"""IN_PROCESS: right as far as the program that was judged can be trusted, since some test ran beside it."""

REASON_LIMIT = 200
"""Characters of a reason that a user's own grader gives."""
ANSWER_LIMIT = 200
"""Characters of an answer that are kept: a completion that repeats itself must not double the size of the store."""


@dataclass(frozen=True)
class Grade:
    """Right or wrong, why (the same in every run), and what was read as the answer ("" if nothing was)."""

    correct: bool
    reason: str
    answer: str


def grade_because(reason: str, answer: str | None) -> Grade:
    """The grade that follows from a reason; the answer is cut to ANSWER_LIMIT characters."""
    return Grade(reason in (RIGHT, IN_PROCESS), reason, (answer or "")[:ANSWER_LIMIT])
