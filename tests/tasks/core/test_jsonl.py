from __future__ import annotations

import pytest

from sirev.tasks.core.jsonl import problems
from sirev.tasks.rows import Row
from tests.tasks.conftest import assert_is_problem_set, refusal


def test_the_answer_is_the_target_of_a_row_without_solution() -> None:
    (found,) = problems([Row("f:1", {"question": "Capital of France?", "answer": " Paris "})])
    assert found == {
        "id": found["id"],
        "prompt": "Question: Capital of France?\nAnswer:\n",
        "target": "Paris",
        "answer": "Paris",
        "level": "",
    }
    assert found["id"].startswith("row-")


def test_templates_fill_their_fields_in_and_leave_other_braces_alone() -> None:
    row = Row("f:1", {"question": "{answer} of {x}?", "answer": "4", "solution": "2+2", "level": "hard", "id": "mine"})
    (found,) = problems([row], "Use \\frac{a}{b} and {}. {question}\n", "{solution} = \\boxed{{answer}}")
    assert found == {
        "id": "mine",
        "prompt": "Use \\frac{a}{b} and {}. {answer} of {x}?\n",
        "target": "2+2 = \\boxed{4}",
        "answer": "4",
        "level": "hard",
    }


def test_rows_come_by_id_and_copies_count_once() -> None:
    rows = [Row(f"f:{i}", {"question": f"q{i % 5}", "answer": "a"}) for i in range(10)]
    found = problems(rows)
    assert len(found) == 5
    assert_is_problem_set(found)
    assert problems(rows[::-1]) == found


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"question": "q"}, "field 'answer' is missing (there: question)"),
        ({"question": "q", "answer": 4}, "field 'answer' must be a string, found 4 (int)"),
        ({"question": " ", "answer": "a"}, "field 'question' is empty"),
        ({"question": "q", "answer": "a", "level": 3}, "field 'level' must be a string, found 3 (int)"),
        ({"question": "q", "answer": "a", "id": "one"}, "id 'one' is also that of f.jsonl:1"),
    ],
)
def test_a_broken_row_is_refused_with_its_line(values: dict[str, object], why: str) -> None:
    rows = [Row("f.jsonl:1", {"question": "x", "answer": "y", "id": "one"}), Row("f.jsonl:2", values)]
    assert refusal(lambda: problems(rows)) == f"f.jsonl:2: {why}"


@pytest.mark.parametrize(
    ("template", "target", "why"),
    [
        ("Answer:\n", "{solution}", "task.prompt must contain {question}"),
        ("{question} Answer: ", "{solution}", "task.prompt must not end in a blank"),
        ("{question}\n", "done", "task.target must contain {solution} or {answer}"),
    ],
)
def test_templates_that_cannot_work_are_refused(template: str, target: str, why: str) -> None:
    assert refusal(lambda: problems([], template, target)).startswith(why)
