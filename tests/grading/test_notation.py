from __future__ import annotations

import pytest

from sirev.grading.notation import notation


@pytest.mark.parametrize(
    "writings",
    [
        (r"\frac{3}{7}", r"\dfrac37", r"\tfrac{3}7", r"\frac 3 7", r"\cfrac{3}{7}"),
        (r"\frac{3}{4}", "¾"),
        (r"2\sqrt{5}", "2√5", "2sqrt(5)", r"2\sqrt5", r"2 \sqrt (5)"),
        ("y^{3}", "y³", "y^3", "y**3", "y^(3)"),
        ("2^{10}", "2^10", "2¹⁰"),
        ("x^{-2}", "x^-2", "x⁻²"),
        ("a_{1}", "a_1", "a₁"),
        ("75", r"75^\circ", r"75^{\circ}", "75°", "７５", "75.", "75,", r"75\,", "75~", "$75$", r"\(75\)"),
        ("20500", "20,500", "20{,}500", r"20,\!500", r"20\,500", "20 500", "20\u202f500", "20\u00a0500"),
        (r"(1, 2]", r"\left(1,2\right]", r"\bigl( 1, 2 \bigr]", "（1，2]"),
        ("-6", "\u22126", "\u20136"),
        (r"\frac{\pi}{6}", r"\frac\pi6"),
        (r"x\leq 4", "x ≤ 4", "x <= 4", r"x\le4", r"x \leqslant 4"),
        (r"\text{June 20}", r"\mbox{June 20}", r"\text{June} 20", r"\textbf{June 20}"),
        ("e^{x}", "exp(x)", r"\exp(x)"),
        (r"1, \ldots, n", "1, ..., n", r"1,\dots,n", "1, …, n"),
        (r"\pm\infty", "±∞", r"\pm infinity"),
        ("1+2", r"1\quad+\displaystyle 2"),
    ],
)
def test_writings_of_one_thing_are_the_same_tokens(writings: tuple[str, ...]) -> None:
    first, *others = writings
    for other in others:
        assert notation(other) == notation(first), other


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1 4/5", "14/5"),
        ("(100,101)", "(100101)"),
        ("1,2,3", "123"),
        ("12,34", "1234"),
        ("0.5", "05"),
        (r"\frac{12}{3}", r"\frac{1}{23}"),
        (r"\text{ab}", "ab"),
        ("x^{2}y", "x^{2y}"),
        ("2 3", "23"),
        ("1,0000", "10000"),
    ],
)
def test_things_that_differ_have_tokens_that_differ(one: str, other: str) -> None:
    assert notation(one) != notation(other)
