"""Grader of the embedded task: the number after the last "####" against the gold answer."""

from __future__ import annotations

import re

from sirev.grading.equivalence import canonical
from sirev.grading.grade import Grade, grade_because

FINAL_NUMBER_VERSION = 2

# Blanks separate the words of the embedded task, so one ends the number, except before three digits or a fraction.
_FINAL = re.compile(
    r"####\s*(?:\*\*|\\?\$|\\\(|\\boxed\{)*+([-−–]?)(?:\\?\$)?"
    r"([0-9]{1,3}(?:(?:,|\{,\}|,?\\[,!]|[ \u00a0\u2009\u202f])[0-9]{3})++(?![0-9])|[0-9]++)(\.[0-9]++)?"
    r"([:^.,'eE+*–-][0-9]|\*\*[0-9]|\s?[/⁄]\s?[0-9]|\s[0-9]{1,9}[/⁄][0-9]|\s?(?:×|x|\\times|\\cdot)\s?[0-9]|\s(?:or|to)\s[0-9]"
    r"|\s?(?:\\[dt]?frac|[½⅓⅔¼¾⅛²³]))?"
)


def grade_final_number(text: str, gold: str) -> Grade:
    """Grade one completion; `gold` is an integer in decimal digits. "5/2" and "5:30" hold no number."""
    found = _FINAL.findall(text)
    if not found or found[-1][3]:
        return grade_because("no answer found", None)
    sign, digits, places, _ = found[-1]
    answer = f"{'-' if sign else ''}{re.sub('[^0-9]', '', digits)}{places}"
    return grade_because("right" if canonical(answer) == canonical(gold.strip().replace(",", "")) else "wrong", answer)
