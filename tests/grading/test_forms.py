from __future__ import annotations

from fractions import Fraction

import pytest

from sirev.grading import forms
from sirev.grading.notation import notation


@pytest.mark.parametrize(
    ("text", "time"),
    [
        (r"7\text{ a.m.}", (7, (), "am")),
        ("7:15 PM", (7, (15,), "pm")),
        (r"7\!:\!15\!:\!30 \text{ p.m.}", (7, (15, 30), "pm")),
        ("07:15", (7, (15,), "")),
        ("3:5", None),
        ("7:75", None),
        ("25:00", None),
        ("7", None),
        ("7 am I", None),
    ],
)
def test_a_time_of_day_has_hours_minutes_and_a_half_of_the_day(text: str, time: tuple[int, tuple[int, ...], str] | None) -> None:
    assert forms.clock(notation(text)) == time


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("312_4", ("312", "4")),
        (r"7b2_{16}", ("7B2", "16")),
        (r"312_{\text{four}}", ("312", "4")),
        (r"312\text{ (base 4)}", ("312", "4")),
        ("312 base 4", ("312", "4")),
        ("x_4", None),
        ("312", None),
    ],
)
def test_a_number_in_a_base_is_its_digits_and_the_base(text: str, number: tuple[str, str] | None) -> None:
    assert forms.in_base(notation(text)) == number


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("4:6", (1, Fraction(3, 2))), ("2 : 3 : 4", (1, Fraction(3, 2), 2)), ("4", None), ("a:b", None), ("0:0", None)],
)
def test_a_ratio_is_in_units_of_its_first_number(text: str, numbers: tuple[Fraction, ...] | None) -> None:
    assert forms.ratio(notation(text)) == numbers


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (r"\text{Green}", "green"),
        ("Green", "green"),
        (r"\text{two circles}", "two circles"),
        ("PQRS", "pqrs"),
        ("xyz", None),
        ("wxyz", None),
        ("PQ", None),
        ("ab+c", None),
        ("4", None),
    ],
)
def test_words_are_no_products_of_letters(text: str, words: str | None) -> None:
    assert forms.in_words(notation(text)) == words
