from __future__ import annotations

import pytest

from sirev.grading.algebra import equal_formulas
from sirev.grading.notation import notation

pytest.importorskip("latex2sympy2_extended", reason="parses LaTeX")

EQUAL = {
    "expressions": [
        ("(y-3)(y+3)", "y^2-9"),
        (r"\sqrt{48}", r"4\sqrt{3}"),
        (r"\sin^2 t+\cos^2 t", "1"),
        (r"\binom{6}{2}", "15"),
        (r"\log_3 81", "4"),
    ],
    "complex numbers": [
        (r"\frac{2-5i}{3}", r"\frac23-\frac53 i"),
        ("6-i", "6-1i"),
        ("i^2", "-1"),
        ("(2+i)(2-i)", "5"),
        ("3.0 + -2.0i", "3-2i"),
    ],
    "plain formulas": [
        (r"\frac{\pi}{3}", "pi/3"),
        ("e^{5}-2", "-2 + exp(5)"),
        (r"\frac{\sqrt{3}}{2}", "sqrt(3)/2"),
        ("3y^2", "3*y**2"),
    ],
    "tiny and huge": [
        (r"\left(\frac13\right)^{90}", r"3^{-90}"),
        ("2^{90}", "1237940039285380274899124224"),
        (r"\frac{80!}{78!}", "6320"),
    ],
    "relations": [
        ("y=4x-1", "4x-y=1"),
        ("2x+4y=6", "x+2y=3"),
        ("x>7", "7<x"),
        (r"3x\leq 6", r"x \leq 2"),
        (r"xy=5", r"y=\frac{5}{x}"),
    ],
    "rounded": [(r"\frac{\pi}{2}", "1.570796"), (r"\sqrt{2}", "1.41421356")],
}
DIFFERENT = {
    "expressions": [
        ("(y-3)(y+3)", "y^2+9"),
        ("2^n", "n^2"),
        (r"\sqrt{z^2}", "z"),
        ("a-b", "b-a"),
        ("6t", "6"),
        ("6h", "6"),
        ("A+b", "a+B"),
    ],
    "complex numbers": [("2+5i", "2-5i"), ("2+5i", "5+2i"), ("i^3", "i")],
    "tiny and huge": [
        (r"\frac{1}{5^{40}}", r"\frac{1}{5^{41}}"),
        (r"1-\frac{1}{3^{80}}", r"1-\frac{1}{3^{81}}"),
        (r"3\times 10^{-25}", r"4\times 10^{-25}"),
        ("3^{1500}-2", "3^{1500}-1"),
        ("10^{-40}x", "10^{-41}x"),
        (r"\frac{1}{60!}", r"\frac{1}{61!}"),
        (r"10^{10^{10}}", "4"),
    ],
    "relations": [
        ("y=4x-1", "y=4x+1"),
        ("x>7", "x<7"),
        (r"x\geq 7", "x>7"),
        ("y^2-9=7", "7"),
        ("x=x+1", "y=y+2"),
        (r"x \neq 3", "x=3"),
    ],
    "rounded": [(r"\frac{\pi}{2}", "1.5708"), (r"\sqrt{2}", "1.4142133")],
    "malformed": [(r"\frac{\pi}{2}", r"\frac{\pi}{"), (r"\pi", "}{"), (r"\pi", r"\sqrt{"), (r"\pi", r"\frac{1}{0}")],
}


@pytest.mark.parametrize("kind", EQUAL)
def test_formulas_of_one_value_are_equal(kind: str) -> None:
    for gold, answer in EQUAL[kind]:
        assert equal_formulas(notation(gold), notation(answer)), (gold, answer)


@pytest.mark.parametrize("kind", DIFFERENT)
def test_formulas_of_other_values_are_not(kind: str) -> None:
    for gold, answer in DIFFERENT[kind]:
        assert not equal_formulas(notation(gold), notation(answer)), (gold, answer)
