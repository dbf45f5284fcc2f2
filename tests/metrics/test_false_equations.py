from __future__ import annotations

import pytest

from sirev.metrics.false_equations import LONGEST, checked
from tests.grading.hostile_texts import is_linear


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3 + 4 = 7", (True,)),
        ("3 + 4 = 8", (False,)),
        ("He has 12 - 5 = 7 left, so 7 x 2 = 15 in all.", (True, False)),
        ("$1,200 × 7 = $8,400", (True,)),
        (r"5 \times 3 = 15, 15 \div 2 = 7.5", (True, True)),
        ("(3 + 4) * 2 = 14", (True,)),
        ("(3 + 4 = 7)", (True,)),
        ("2 + 3 * 4 = 20", (False,)),  # products first
        ("5 - 8 = -3", (True,)),
        ("<<5*2=10>>10", (True,)),
        ("total = 3 + 4 = 7", (True,)),
        ("2 x 3 = 6 apples", (True,)),
        ("no equation, 7 apples = many", ()),
    ],
)
def test_equations_are_evaluated_in_their_order(text: str, expected: tuple[bool, ...]) -> None:
    assert checked(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10 / 3 = 3.33", True),
        ("2 / 3 = 0.66", True),  # cut off
        ("2 / 3 = 0.67", True),
        ("2 / 3 = 0.65", False),
        ("10 / 3 = 3", False),
        ("1.5 + 1.5 = 3.0", True),
        ("3 / 4 = 75%", True),
        ("25 + 50 = 75%", True),
        ("3 / 4 = 57%", False),
        ("20% * 50 = 10", True),
    ],
)
def test_a_result_may_be_rounded_where_it_has_decimals_and_stand_in_percent(text: str, expected: bool) -> None:
    assert checked(text) == (expected,)


@pytest.mark.parametrize(
    "text",
    [
        "x + 3 + 4 = 9",
        "2 + 3 = 1 * 5",
        "100 - 20 = 80 - 10 = 70",
        "2^3 + 4 = 12",
        "2 x 3 = 6x",
        "3 + 2 = 5!",
        "5 / 0 = 1",
        "50 + 10% = 55",
        "3 + 4) * (2 = 14",
        f"{'1 + ' * LONGEST}1 = {LONGEST + 1}",
        f"{'9' * 5000} + 1 = 3",
    ],
)
def test_what_can_t_be_evaluated_by_itself_is_not_counted(text: str) -> None:
    assert checked(text) == ()


def test_hostile_texts_take_linear_time() -> None:
    for part in ("1+", "((", "1 = ", "1+1=2*", "9" * 50 + "+1=", "x" * 30 + "1+1=2 "):
        checked(part * 20_000)  # no error: the times below are also those of calls that raise one
        assert is_linear(checked, lambda n, part=part: part * n, 5_000, most=12, times=3)
