from __future__ import annotations

import pytest

from sirev.grading.comparison import Tokens, items_listed, same
from sirev.grading.notation import notation


def no_algebra(gold: Tokens, answer: Tokens) -> bool:
    raise AssertionError(f"{gold} and {answer} need algebra")


RIGHT = {
    "lists in any order": [
        ("4, 9, 11", "11, 4, 9"),
        (r"4\text{ or }9", "9 and 4"),
        (r"\{4, 9\}", "9, 4"),
        ("(1,2),(3,4)", "(3,4), (1,2)"),
    ],
    "both signs": [(r"\pm 8", "8, -8"), ("8, -8", r"\pm 8")],
    "tuples": [("(4,9)", r"\left(4, 9\right)"), ("(4,9)", "4, 9"), ("(a,b)=(4,9)", "(4,9)"), ("(4,9)", r"\langle 4,9\rangle")],
    "matrices": [
        (r"\begin{pmatrix}4\\9\end{pmatrix}", r"\begin{bmatrix} 4 \\ 9 \end{bmatrix}"),
        (r"\begin{pmatrix}4\\9\end{pmatrix}", "(4,9)"),
    ],
    "intervals": [
        ("(4,9]", r"4 < x \leq 9"),
        (r"[4,\infty)", r"t \ge 4"),
        (r"(-\infty,4)\cup(9,\infty)", r"x<4\text{ or }x>9"),
        (r"(-\infty,4)\cup(9,\infty)", r"(9,\infty) \cup (-\infty,4)"),
        (r"y \in [4,9]", "[4,9]"),
        ("4<x<9", "(4,9)"),
    ],
    "words": [
        (r"\text{Green}", "green"),
        (r"\text{(D)}", "D"),
        (r"\text{P, Q}", "P, Q"),
        (r"\text{three}", "3"),
        ("PQRS", r"\text{PQRS}"),
    ],
    "names": [
        ("14", r"\text{Area} = 14"),
        ("14", r"\angle PQR = 14^\circ"),
        ("n=14", "14"),
        ("14", "6 + 8 = 14"),
        ("n=14", "n=14.0"),
    ],
    "bases": [("312_4", "312_{4}"), ("312_4", "312"), ("312", r"312_{\text{four}}")],
    "times": [(r"7\text{ a.m.}", "7:00 AM"), (r"7\text{ a.m.}", "7"), ("07:30", "7:30")],
    "ratios": [("4:6", "2:3"), ("2:3", r"\frac{2}{3}")],
    "dots": [(r"5, 10, \ldots, 50", "5, 10, ..., 50")],
}
WRONG = {
    "another order of a tuple": [("(4,9)", "(9,4)"), ("(4,9)", "9,4"), (r"\begin{pmatrix}4\\9\end{pmatrix}", "(9,4)")],
    "another number of items": [("4, 9", "4"), ("4", "4, 9"), ("4, 4, 9", "4, 9"), ("4, 9", "4, 4, 9")],
    "other brackets": [("(4,9)", "[4,9]"), ("[4,9)", "(4,9]"), ("(4,9)", r"4 \leq x < 9"), (r"\{4,9\}", "(4,9)")],
    "another shape of a matrix": [(r"\begin{pmatrix}4\\9\end{pmatrix}", r"\begin{pmatrix}4&9\end{pmatrix}")],
    "words in another order": [
        ("triangle", "integral"),
        (r"\text{P, Q}", "Q, P"),
        ("PQRS", "SRQP"),
        (r"\text{May 3}", r"\text{3 May}"),
    ],
    "and for or": [(r"\text{P and Q}", r"\text{P or Q}"), (r"x<4\text{ or }x>9", r"x<4\text{ and }x>9")],
    "a number in words": [(r"\text{May 3}", "3"), ("3", r"\text{May 3}")],
    "another base": [("312_4", "312_5"), ("312_4", "54")],
    "another half of the day": [(r"7\text{ a.m.}", r"7\text{ p.m.}"), ("7:30", "7:31")],
    "another ratio": [("4:6", "6:4"), ("2:3", r"\frac{3}{2}")],
    "other numbers around dots": [
        (r"5, 10, \ldots, 50", r"5, 10, \ldots, 55"),
        (r"5, 10, \ldots", "5, 10"),
        (r"1,2,\ldots,n", r"1,3,5,\ldots,2n-1"),
    ],
    "nothing": [("4", ""), ("", "4")],
    "parts of a chain": [(r"\frac{3}{8} \approx 0.38", r"\frac{3}{8} \approx 0.39")],
}


@pytest.mark.parametrize("kind", RIGHT)
def test_answers_that_are_the_gold_answer(kind: str) -> None:
    for gold, answer in RIGHT[kind]:
        assert same(notation(gold), notation(answer), no_algebra), (gold, answer)


@pytest.mark.parametrize("kind", WRONG)
def test_answers_that_are_not(kind: str) -> None:
    for gold, answer in WRONG[kind]:
        assert not same(notation(gold), notation(answer), no_algebra), (gold, answer)


@pytest.mark.parametrize(
    ("gold", "items"),
    [("4, 9", 2), (r"3 \pm \sqrt{7}", 2), (r"4\text{ and }9", 2), ("4", 1), ("(4, 9)", 1), ("1,234", 1), ("", 1)],
)
def test_a_list_without_brackets_has_items(gold: str, items: int) -> None:
    assert items_listed(notation(gold)) == items
