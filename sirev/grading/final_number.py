"""The grader of the embedded task: the number after the last "####" against the gold answer."""

from __future__ import annotations

import re

from sirev.grading.verdict import Grade

VERSION = 1

_FINAL = re.compile(r"####\s*(-?\d+)")


def grade(text: str, gold: str) -> Grade:
    """Grade one completion; `gold` is an integer in decimal digits."""
    found = _FINAL.findall(text)
    if not found:
        return Grade(False, "no answer found", "")
    correct = _plain(found[-1]) == _plain(gold)
    return Grade(correct, "right" if correct else "wrong", found[-1])


def _plain(integer: str) -> str:
    """The integer without leading zeros; as text, since Python refuses to read very long ones."""
    digits = integer.strip().lstrip("-").lstrip("0") or "0"
    return f"-{digits}" if integer.strip().startswith("-") and digits != "0" else digits
