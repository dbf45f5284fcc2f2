from __future__ import annotations

import pytest

from sirev.metrics.diversity import distinct_equations, distinct_n, equations, tokens


def test_tokens_keep_numbers_whole_and_signs_apart() -> None:
    assert tokens("He pays 3.5*2 = 7.") == ["He", "pays", "3.5", "*", "2", "=", "7", "."]


def test_distinct_n_worked_by_hand() -> None:
    answers = [["a", "b", "a"], ["a", "b"]]
    assert distinct_n(answers, 1) == 2 / 5  # a b a a b
    assert distinct_n(answers, 2) == 2 / 3  # ab ba ab
    assert distinct_n(answers, 3) == 1.0
    assert distinct_n(answers, 4) is None
    assert distinct_n([], 1) is None


def test_n_grams_do_not_run_from_one_answer_into_the_next() -> None:
    assert distinct_n([["a"], ["b"]], 2) is None


def test_equations_are_read_in_order_without_blanks() -> None:
    text = "Monday : 12 + 7 = 19, then 3 * 4 = 12 and 19 + 3*4 - 5 = 26 #### 26"
    assert equations(text) == ("12+7=19", "3*4=12", "19+3*4-5=26")
    assert equations("no sums at all #### 3") == ()


def test_distinct_equations_ignore_words_and_see_order() -> None:
    same = ["so 1 + 2 = 3, 3 + 4 = 7", "first 1+2=3 then 3 + 4 = 7 !"]
    other = "3 + 4 = 7, 1 + 2 = 3"
    assert distinct_equations(same) == 0.5
    assert distinct_equations([*same, other]) == pytest.approx(2 / 3)
    assert distinct_equations([]) is None
