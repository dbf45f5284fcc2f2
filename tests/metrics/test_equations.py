from __future__ import annotations

import random

import pytest

from sirev.metrics.equations import EQUATION, equations, plain
from sirev.tasks.core.arithmetic import STYLES, draw_story, solution, vocabulary


def test_equations_are_read_in_order_without_blanks() -> None:
    text = "Monday : 12 + 7 = 19, then 3 * 4 = 12 and 19 + 3*4 - 5 = 26 #### 26"
    assert equations(text) == ("12+7=19", "3*4=12", "19+3*4-5=26")
    assert equations("no sums at all #### 3") == ()
    assert equations("16 - 3 - 4 = <<16-3-4=9>>9 eggs") == ("16-3-4=9",)


def test_equations_are_one_however_signs_are_written() -> None:
    assert (
        equations("$1,200 × 7 = $8,400") == equations(r"1200 \times 7 = 8400") == equations("1200 x 7=8400") == ("1200*7=8400",)
    )
    assert equations("(3 + 4.5) * 2 = 15") == ("(3+4.5)*2=15",)
    assert equations("(that is 3 + 4 = 7) and (8 ÷ 2 = 4)") == ("3+4=7", "8/2=4")
    assert equations("5 − 6 = -1") == ("5-6=-1",)


def test_an_equation_ends_with_its_line_and_is_no_lone_number() -> None:
    assert equations("there are 5\n- 3 + 4 = 7") == ("3+4=7",)
    assert equations("5 = 5, 3 + = 4, = 7") == ()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (r"\$4 + \$9 = \$13", ("4+9=13",)),
        (r"4 + 9 = \boxed{13}", ("4+9=13",)),
        (r"$4 + 9 = \boxed{13}$.", ("4+9=13",)),
        (r"\(4 \times 9 = 36\) square units", ("4*9=36",)),
        (r"\[ 4\text{ kg} + 9\text{ kg} = 13\text{ kg} \]", ("4+9=13",)),
        ("4 kg + 9 kg = 13 kg of flour", ("4+9=13",)),
        (r"$1{,}004 - 4 = 1{,}000$", ("1004-4=1000",)),
        (r"$\dfrac{1}{4} + \frac14 = \frac{1}{2}$", (r"\frac14+\frac14=\frac12",)),
        (r"Let $n + 4 = 13$, so $n = 9$.", ("n+4=13", "n=9")),
        (r"$3n = 27 \Rightarrow n = 9$", ("3n=27", "n=9")),
        ("\\begin{align*}\nn &= 4 + 9 \\\\\n&= 13\n\\end{align*}", ("n=4+9=13",)),
        (r"$\left(2 + n\right)^2 = 9$", ("(2+n)^2=9",)),
        (r"$\sqrt{81} = 9$", (r"\sqrt81=9",)),
        ("A = 4 x 9 = 36", ("A=4*9=36",)),
        ("She had a 4 + 9 = 13", ("4+9=13",)),
        ("n = 13 and m = 4", ("n=13", "m=4")),
        ("the total = 13", ()),
        (r"$n \leq 13$", ()),
        ("The answer is \\boxed{13}.", ()),
    ],
)
def test_equations_of_latex_letters_and_units_are_read(text: str, found: tuple[str, ...]) -> None:
    assert equations(text) == found


def test_plain_answers_of_the_embedded_task_are_read_as_by_the_pattern_of_plain_numbers() -> None:
    rng = random.Random(0)
    for _ in range(300):
        text = solution(rng, draw_story(rng, rng.randint(1, 5)), rng.choice(STYLES))
        assert equations(text) == tuple(plain(found) for found in EQUATION.findall(text) if found) != ()


def test_other_texts_of_its_words_too() -> None:
    rng = random.Random(1)
    # All but the names of things, since "4 apples + 9 = 13" is now an equation.
    words = [
        word for word in vocabulary() if word.isdigit() or word in ["+-*=", ".", ",", ";", ":", "####", "and", "so", "plus", "is"]
    ]
    for _ in range(2000):
        text = " ".join(rng.choice(words if rng.random() < 0.6 else ["+", "=", "-", "3"]) for _ in range(rng.randint(3, 25)))
        if not any(f" {word} {sign}" in text for word in ("and", "so", "plus", "is") for sign in "+-*="):
            assert equations(text) == tuple(plain(found) for found in EQUATION.findall(text) if found), text
