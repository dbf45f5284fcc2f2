from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from sirev.grading import extract
from tests.grading.conftest import Published


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("12 + 7 = 19\n#### 19", "19"),
        ("#### 18\nno, wait\n#### 19", "19"),
        ("#### -1,234.50.", "-1234.50"),
        ("#### 19.", "19"),
        ("#### 19\n####", "19"),
        ("####19", None),
        ("#### $19", None),
        ("#### .", None),
        ("#### 1.2.3", None),
        ("the answer is 19", None),
        ("", None),
    ],
)
def test_strict_is_the_number_after_the_last_mark(text: str, answer: str | None) -> None:
    assert extract.strict(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("She has 3 and makes $18.", "18"),
        ("A: 28,800", "28800"),
        ("A: -3", "-3"),
        ("so -$3.50 is left.", "-3.50"),
        ("$-5", "-5"),
        ("half of it, .5", ".5"),
        ("25% of 8", "8"),
        ("25%", "25"),
        ("A: 72...", "72"),
        ("it is 72 ...", "72"),
        ("15-10", "10"),
        ("3-4 hours", "4"),
        ("$10$20", "20"),
        ("A: 1/5", "5"),
        ("<<2*9=18>>18 per day", "18"),
        ("1,000, 2,000, and so on", "2000"),
        ("no number at all", None),
        ("... , $", None),
        ("", None),
    ],
)
def test_flexible_is_the_last_number(text: str, answer: str | None) -> None:
    assert extract.flexible(text) == answer


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


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Birds fly. Answer: B", "B"),
        ("Answer: A\nNo.\nAnswer: (C)", "C"),
        ("answer: **D**.", "D"),
        ("Answer:\n(E) bank", "E"),
        ("Answer: B. bank", "B"),
        ("**Answer:** B", "B"),
        ("B", "B"),
        (" (B). ", "B"),
        ("Answer: bank", None),
        ("Answer: Bank", None),
        ("Answer: A's", None),
        ("Answer: b", None),
        ("Answer: F", None),
        ("Answer: B\nAnswer:", None),
        ("I think B", None),
        ("", None),
    ],
)
def test_letter_is_the_option_after_the_last_answer(text: str, answer: str | None) -> None:
    assert extract.letter(text) == answer


@pytest.mark.parametrize("read", [extract.strict, extract.flexible, extract.boxed, extract.letter])
@pytest.mark.parametrize(
    "piece", ["\\boxed{", "\\boxed ", "}", "{", "1,", "$", "-", "#### ", "Answer: (", "(: *", "9", "\\", " "]
)
def test_a_huge_text_takes_no_longer_than_its_length(read: Callable[[str], str | None], piece: str) -> None:
    began = time.process_time()
    read(piece * (300_000 // len(piece)))
    assert time.process_time() - began < 2


def test_every_gsm8k_answer_is_read_both_ways(published: Published) -> None:
    rows = published("gsm8k_train.jsonl.gz") + published("gsm8k_test.jsonl")
    assert len(rows) == 8792
    for row in rows:
        gold = extract.number_in(row["answer"].rpartition("#### ")[2])
        assert gold is not None
        assert extract.strict(row["answer"]) == extract.flexible(row["answer"]) == gold


def test_every_math_solution_has_a_box_and_it_is_the_answer_of_math500(published: Published) -> None:
    rows = published("math_train.jsonl.gz") + published("math_test.jsonl.gz")
    boxes = {row["unique_id"]: extract.boxed(row["solution"]) for row in rows}
    assert len(rows) == 12500
    assert None not in boxes.values()
    assert all(boxes[row["unique_id"]] == row["answer"] for row in published("math500.jsonl"))
