"""What every grader says of a completion: right or wrong, why, and what it read as the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Reason = Literal["right", "wrong", "no answer found", "timeout", "error"]

ANSWER_LIMIT = 200
"""Characters of an answer that are kept: a completion that repeats itself must not double the size of the store."""


@dataclass(frozen=True)
class Grade:
    """Right or wrong, why, and what was read as the answer ("" if nothing was)."""

    correct: bool
    reason: Reason
    answer: str


def because(reason: Reason, answer: str | None) -> Grade:
    """The grade that follows from a reason; the answer is cut to ANSWER_LIMIT characters."""
    return Grade(reason == "right", reason, (answer or "")[:ANSWER_LIMIT])
