from __future__ import annotations

import pytest

from sirev.grading.final_number import grade_final_number


@pytest.mark.parametrize(
    ("text", "correct", "reason", "answer"),
    [
        ("12 + 7 = 19 #### 19", True, "right", "19"),
        ("12 + 7 = 19 ####19", True, "right", "19"),
        ("12 + 7 = 18 #### 18", False, "wrong", "18"),
        ("12 + 7 = 19", False, "no answer found", ""),
        ("#### 18 no, #### 19", True, "right", "19"),
        ("#### 019", True, "right", "019"),
        ("#### -19", False, "wrong", "-19"),
        ("####", False, "no answer found", ""),
        ("", False, "no answer found", ""),
    ],
)
def test_the_number_after_the_last_mark_counts(text: str, correct: bool, reason: str, answer: str) -> None:
    verdict = grade_final_number(text, "19")
    assert (verdict.correct, verdict.reason, verdict.answer) == (correct, reason, answer)
