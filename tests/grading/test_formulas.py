from __future__ import annotations

import pytest

from sirev.grading import formulas


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"\boxed{3} #### 4", "3"),
        (r"#### 4\boxed{", r"4\boxed{"),
        ("#### $\\frac{1}{2}$.\nNext problem: #", r"\frac{1}{2}"),
        (r"#### \(x+1\)", "x+1"),
        ("#### 1\n####\n 2\n3", "2"),
        ("#### $", "$"),
        (r"\boxed{} #### 4", "4"),
        (r"\boxed{}", ""),
        ("####", None),
    ],
)
def test_a_formula_is_the_last_box_else_what_follows_the_mark(text: str, answer: str | None) -> None:
    assert formulas.formula(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Final Answer: The final answer is $x+3$. I hope it is correct.", "$x+3$"),
        ("**Final Answer:** 41 meters.\nDone.", "41 meters"),
        ("Final Answer: **-8**", "-8"),
        ("So the answer is 2.5. Check: 5 / 2.", "2.5"),
        ("Answer: $7$", "$7$"),
        ("The final answer is:\n\\[\n 12\n\\]\nsince 3 * 4 is 12.", "12"),
        ("The answer is 4. No: the answer is 6.", "6"),
        ("The final answer is 4, but another answer is 6.", "4, but another answer is 6"),
        ("The answer is " + "long " * 100, None),
        ("The answer is", None),
        ("An answerable question.", None),
        ("She makes 12 dollars", None),
    ],
)
def test_without_a_box_what_is_named_the_answer_counts(text: str, answer: str | None) -> None:
    assert formulas.formula(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"<think>\boxed{4}</think><answer>5</answer>", "5"),
        (r"<think>\boxed{4}</think> It is \boxed{6}", "6"),
        (r"<think>\boxed{4}</think> Quite so.", None),
        (r"<think>It is \boxed{4}, or", None),
        ("It is \\boxed{4}.<|im_end|>\n\\boxed{5}", "4"),
        ("It is \\boxed{4}.\n\nQuestion: 2 + 3?\n\\boxed{5}", "4"),
        (r"<answer>It is $\boxed{7}$.</answer> thanks", "7"),
        (r"<answer>8", "8"),
        (r"<answer></answer>", None),
    ],
)
def test_an_answer_in_tags_comes_first_and_what_was_thought_or_comes_after_is_none(text: str, answer: str | None) -> None:
    assert formulas.formula(text) == answer


@pytest.mark.parametrize(
    ("text", "items", "answer"),
    [
        (r"$x = \boxed{2}$ or $x = \boxed{-7}$", 2, "2,-7"),
        (r"\boxed{2}, \boxed{3}, \boxed{5}", 3, "2,3,5"),
        (r"\boxed{2}, \boxed{3}, \boxed{5}", 2, "5"),
        (r"\boxed{2} and \boxed{3}", 1, "3"),
        (r"It is \boxed{9}. " + "But wait, this is not what was asked at all. " * 3 + r"\boxed{8}", 2, "8"),
        (r"\boxed{9}. No, I was wrong there \boxed{8}", 2, "8"),
        (r"\boxed{2, 3}", 2, "2, 3"),
        (r"Either \boxed{1} or \boxed{2, 3}", 2, "2, 3"),
    ],
)
def test_boxes_side_by_side_are_a_list_where_one_is_asked_for(text: str, items: int, answer: str) -> None:
    assert formulas.formula(text, items) == answer
