"""Ids that name completions instead of problems."""

from __future__ import annotations

from typing import Any

import pytest

from sirev.tasks.external.ids import check_identity, numbered
from sirev.tasks.external.sampled import ImportedCompletion, Sampled
from tests.tasks.conftest import refusal


def problem(named: str, prompt: str = "", gold: str = "", draws: int = 1) -> Sampled:
    return Sampled(named, named, f"f.jsonl:{named}", prompt, gold, "", [ImportedCompletion("x", True, None)] * draws)


def checked(problems: list[Sampled], field: str = "id") -> None:
    check_identity(problems, [field], ["question"])


def test_questions_that_repeat_under_other_ids_are_refused_with_the_option_that_groups_them() -> None:
    problems = [problem(f"p{i:03d}_{draw}", f"What is {i} + {i}?") for i in range(40) for draw in range(8)]
    line = refusal(lambda: checked(problems))
    assert line.startswith("f.jsonl:p000_0: 320 ids but 40 different questions, each under 8 ids, such as 'p000_0', 'p000_1'")
    assert "group them by question: --id question" in line
    uneven = problems[:300]
    assert "38 different questions, each under 4 to 8 ids" in refusal(lambda: checked(uneven))
    known = [problem(one.named, one.prompt, gold=one.prompt[8:10]) for one in problems]
    assert "40 different questions" in refusal(lambda: checked(known))


def test_a_few_questions_that_repeat_are_what_published_sets_have() -> None:
    problems = [problem(f"p{i}", f"What is {i} + {i}?") for i in range(100)]
    problems += [problem(f"q{i}", f"What is {i} + {i}?") for i in range(20)]
    checked(problems)


def test_the_same_question_with_other_answers_is_another_problem() -> None:
    checked([problem(f"p{i}", "Sort these words:", gold=str(i)) for i in range(20)])


def test_an_instruction_that_all_rows_share_says_nothing_of_problems() -> None:
    checked([problem(f"p{i}", "You are a helpful assistant.") for i in range(20)])
    checked([problem(f"What is {i}?", "Answer.") for i in range(2)] * 2, field="question")  # an id that is the question itself


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([f"p{i:03d}_{k}" for i in range(40) for k in range(8)], {"names": 40, "each": 8, "such": ["p000_0", "p000_1"]}),
        ([f"math/{i}-{k}" for i in range(3) for k in (1, 2)], {"names": 3, "each": 2, "such": ["math/0-1", "math/0-2"]}),
        ([f"HumanEval/{i}" for i in range(164)], None),
        ([f"{name}_{k}" for name, n in (("algebra", 3), ("geometry", 4)) for k in range(n)], None),
        ([f"p{i}_{100 + i}" for i in range(9)], None),
        (["a_0", "a_1", "b_0", "b_1", "c"], None),
    ],
)
def test_ids_with_one_range_of_numbers_for_each_name_may_name_completions(ids: list[str], expected: Any) -> None:
    assert numbered([problem(one) for one in ids]) == expected


def test_numbered_ids_are_problems_where_a_question_or_several_completions_say_so() -> None:
    ids = [f"p{i}_{k}" for i in range(4) for k in range(3)]
    assert numbered([problem(one, prompt=one) for one in ids]) is None
    assert numbered([problem(one, draws=2) for one in ids]) is None
