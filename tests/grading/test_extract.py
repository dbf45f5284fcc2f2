from __future__ import annotations

from collections.abc import Callable

import pytest

from sirev.grading import extract, extract_number
from sirev.grading.extract_option import option
from tests.grading.conftest import Published
from tests.grading.hostile_texts import is_linear


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"so $\boxed{\frac{1}{2}}$.", r"\frac{1}{2}"),
        (r"\boxed{1}, no: \boxed{2}", "2"),
        (r"\boxed{1}, then \boxed{2", "1"),
        (r"\fbox{3}", "3"),
        (r"\boxed {3}", "3"),
        (r"$\boxed 5$ apples", "5"),
        (r"\(\boxed 5\) apples", "5"),
        (r"\boxed 12", "12"),
        (r"\boxed\frac12$", r"\frac12"),
        (r"\boxed{\left\{1,2\right.}", r"\left\{1,2\right."),
        (r"\boxed{\begin{pmatrix} 1 \\ 2 \end{pmatrix}}", r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}"),
        (r"\boxed{a \boxed{b}}", "b"),
        (r"\boxed{}", ""),
        (r"\boxedtext{3}", None),
        (r"}} \boxed{", None),
        ("", None),
    ],
)
def test_boxed_is_the_last_box_that_closes(text: str, answer: str | None) -> None:
    assert extract.boxed(text) == answer


@pytest.mark.parametrize("read", [extract_number.strict, extract_number.flexible, extract.boxed, option])
@pytest.mark.parametrize(
    "piece", ["\\boxed{", "\\boxed ", "}", "{", "1,", "$", "-", "#### ", "Answer: (", "(: *", "9", "\\", " "]
)
def test_a_huge_text_takes_no_longer_than_its_length(read: Callable[[str], str | None], piece: str) -> None:
    assert is_linear(read, lambda length: piece * (length // len(piece)), 75_000)


def test_every_math_solution_has_a_box_and_it_is_the_answer_of_math500(published: Published) -> None:
    rows = published("math_train.jsonl.gz") + published("math_test.jsonl.gz")
    boxes = {row["unique_id"]: extract.boxed(row["solution"]) for row in rows}
    assert len(rows) == 12500
    assert None not in boxes.values()
    assert all(boxes[row["unique_id"]] == row["answer"] for row in published("math500.jsonl"))
