from __future__ import annotations

from fractions import Fraction

import pytest

from sirev.grading.notation import notation
from sirev.grading.quantities import quantity, same_quantity


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7 2/9", Fraction(65, 9)),
        (r"-7\frac{2}{9}", Fraction(-65, 9)),
        (r"0.\overline{27}", Fraction(3, 11)),
        (r"0.58\overline{3}", Fraction(7, 12)),
        ("0.(6)", Fraction(2, 3)),
        (r"4.5\times 10^{-12}", Fraction(9, 2 * 10**12)),
        ("4.5e-12", Fraction(9, 2 * 10**12)),
        (r"\$2,\!750", Fraction(2750)),
        ("12.5 percent", Fraction(25, 2)),
        ("3 million", Fraction(3_000_000)),
        ("eleven", Fraction(11)),
        (r"\frac{-9}{-6}", Fraction(3, 2)),
        (r"26 \text{ white marbles}", Fraction(26)),
        ("3x", None),
        ("5/0", None),
        ("3 halves", None),
        ("2, 5", None),
        ("7 2", None),
        ("3e-7", None),
        ("4!", None),
    ],
)
def test_a_number_is_read_exactly_or_not_at_all(text: str, value: Fraction | None) -> None:
    read = quantity(notation(text))
    assert (read and read.value) == value


@pytest.mark.parametrize(
    ("gold", "answer", "same"),
    [
        (r"8\text{ kg}", "8", True),
        (r"8\text{ kg}", "8 kilograms", True),
        (r"8\text{ kg}", "8000 g", True),
        (r"8\text{ kg}", "8 g", False),
        (r"8\text{ cm}^2", r"8\text{ square centimeters}", True),
        (r"8\text{ cm}^2", r"8\text{ cm}", False),
        (r"8\text{ cm}^2", r"8\text{ cm}^3", False),
        (r"8\text{ marbles}", r"8\text{ white marbles}", True),
        (r"\$7", "7 dollars", True),
        (r"\$7", "7 cents", False),
        (r"2\text{ hours and }20\text{ minutes}", "140 minutes", True),
        (r"2\text{ hours and }20\text{ minutes}", "2 h 20 min", True),
        (r"2\text{ hours and }20\text{ minutes}", "2", False),
        (r"2\text{ hours and }20\text{ minutes}", "2 hours", False),
        ("2", r"2\text{ hours and }20\text{ minutes}", False),
        ("6 feet 2 inches", "74 inches", True),
        ("12.5\\%", "12.5", True),
        ("0.125", "12.5\\%", False),
        (r"\frac{2}{7}", "0.285714", True),
        (r"\frac{2}{7}", "0.2857", False),
        (r"\frac{1}{8}", "0.1250001", False),
        ("0.0000004", "0.0000005", False),
    ],
)
def test_quantities_are_compared_exactly_and_units_where_both_are_known(gold: str, answer: str, same: bool) -> None:
    read = quantity(notation(gold)), quantity(notation(answer))
    assert read[0] is not None
    assert read[1] is not None
    assert same_quantity(*read) == same


def test_a_letter_beside_a_number_is_a_unit_in_an_answer_and_a_factor_in_a_gold_answer() -> None:
    assert quantity(notation("5 m")) is not None
    assert quantity(notation("5 m"), letters=False) is None
