"""The grader of the embedded task: the number after the last "####" against the gold answer."""

from __future__ import annotations

import re

from sirev.grading.equivalence import canonical
from sirev.grading.grade import Grade

FINAL_NUMBER_VERSION = 1

_FINAL = re.compile(r"####\s*(-?\d+)")


def grade_final_number(text: str, gold: str) -> Grade:
    """Grade one completion; `gold` is an integer in decimal digits."""
    found = _FINAL.findall(text)
    if not found:
        return Grade(False, "no answer found", "")
    correct = canonical(found[-1]) == canonical(gold.strip())
    return Grade(correct, "right" if correct else "wrong", found[-1])
