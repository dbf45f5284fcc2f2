from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sirev.grading.final_number import grade_final_number
from sirev.tasks.core import arithmetic


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
        ("#### 19.", True, "right", "19"),
        ("#### 19.00", True, "right", "19.00"),
        ("#### 19.5", False, "wrong", "19.5"),
        ("#### 1,900", False, "wrong", "1900"),
        ("#### 19, as said", True, "right", "19"),
        ("####", False, "no answer found", ""),
        ("", False, "no answer found", ""),
    ],
)
def test_the_number_after_the_last_mark_counts(text: str, correct: bool, reason: str, answer: str) -> None:
    verdict = grade_final_number(text, "19")
    assert (verdict.correct, verdict.reason, verdict.answer) == (correct, reason, answer)


@pytest.mark.parametrize(
    "text",
    ["19/2", "19 / 2", "19 1/2", "19½", "19 or 20", "19 x 10^2", "19:30", "19-20", "19^2", "19.5.1", "19,5", "19e3", "19*2"],
)
def test_a_number_that_is_a_part_of_something_else_is_none(text: str) -> None:
    assert grade_final_number(f"#### {text}", "19").reason == "no answer found"


def test_thousands_may_be_set_apart_in_answer_and_gold() -> None:
    assert grade_final_number("#### 1,234,567", "1234567").correct
    assert grade_final_number("#### 1234567", "1,234,567").correct
    assert grade_final_number("#### 12{,}500", "12500").correct
    assert grade_final_number("#### 12 500 pens", "12500").correct
    assert not grade_final_number("#### 12 500 pens", "12").correct


def test_signs_money_and_bold_may_stand_before_the_number() -> None:
    assert grade_final_number("#### −4", "-4").correct
    assert grade_final_number("#### -$4", "-4").correct
    assert grade_final_number("#### **4** pens", "4").correct
    assert grade_final_number(r"#### \boxed{4}", "4").correct


@given(st.lists(st.sampled_from(arithmetic.vocabulary()), max_size=12), st.integers(0, 99))
def test_of_the_embedded_tasks_words_it_says_what_its_first_version_did(words: list[str], gold: int) -> None:
    text = " ".join(["####", *words])
    found = re.findall(r"####\s*(-?\d+)", text)
    verdict = grade_final_number(text, str(gold))
    assert verdict.answer == (found[-1] if found else "")
    assert verdict.correct == bool(found and int(found[-1]) == gold)
