"""The grader of the embedded task: the number after the last "####" against the gold answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

VERSION = 1

Reason = Literal["right", "wrong", "no answer found"]

_FINAL = re.compile(r"####\s*(-?\d+)")


@dataclass(frozen=True)
class Grade:
    """Right or wrong, why, and what was read as the answer ("" if nothing was)."""

    correct: bool
    reason: Reason
    answer: str


def grade(text: str, gold: str) -> Grade:
    """Grade one completion; `gold` is an integer in decimal digits."""
    found = _FINAL.findall(text)
    if not found:
        return Grade(False, "no answer found", "")
    correct = int(found[-1]) == int(gold)
    return Grade(correct, "right" if correct else "wrong", found[-1])
