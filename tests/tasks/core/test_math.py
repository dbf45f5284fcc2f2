from __future__ import annotations

from collections import Counter

import pytest

from sirev.tasks.core.math import SUBJECTS, last_boxed, problems
from sirev.tasks.rows import Row
from tests.tasks.conftest import OnTheHub, Published, assert_is_problem_set, refusal

ROW = {"problem": "What is 1+1?\n", "solution": "Count: $\\boxed{2}$.", "level": "Level 1", "type": "Prealgebra"}


@pytest.mark.parametrize(
    ("solution", "answer"),
    [
        (r"so $\boxed{\frac{1}{2}}$.", r"\frac{1}{2}"),
        (r"\boxed{1} then \boxed{ 2 }", "2"),
        (r"$\boxed 5$.", "5"),
        (r"it is \boxed 12.", "12"),
        (r"$\boxed {7}$", "7"),
        (r"$\boxed{\left\{ x : x > 0 \right.}$", r"\left\{ x : x > 0 \right."),
        (r"$\boxed{\boxed{3}}$", "3"),
        (r"$\boxed{\text{a\\b}}$", r"\text{a\\b}"),
        (r"$\boxed{}$", ""),
        (r"$\boxed{1$", None),
        (r"\boxedness", None),
        (r"\boxed", None),
        ("no box", None),
    ],
)
def test_last_boxed(solution: str, answer: str | None) -> None:
    assert last_boxed(solution) == answer


def test_one_row() -> None:
    (found,) = problems([Row("f:1", ROW)])
    assert found["prompt"].endswith("Put the final answer in \\boxed{}.\n\nProblem: What is 1+1?\nSolution:\n")
    assert (found["target"], found["answer"], found["level"]) == (ROW["solution"], "2", "1")


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"solution": "It is 2."}, 'field "solution" boxes no answer'),
        ({"solution": "It is $\\boxed{2$."}, 'field "solution" boxes no answer'),
        ({"level": "Level 6"}, 'field "level" must be'),
        ({"level": "3"}, 'field "level" must be'),
        ({"level": 3}, "field 'level' must be a string, found 3 (int)"),
        ({"problem": None}, "field 'problem' must be a string"),
    ],
)
def test_a_broken_row_is_refused_with_its_line(changed: dict[str, object], why: str) -> None:
    assert refusal(lambda: problems([Row("f.jsonl:9", {**ROW, **changed})])).startswith(f"f.jsonl:9: {why}")


def test_unknown_filters_and_filters_that_leave_nothing_are_refused() -> None:
    rows = [Row("f:1", ROW)]
    assert "subjects: unknown 'algebra' (known: Algebra, " in refusal(lambda: problems(rows, subjects=["algebra"]))
    assert "levels: unknown '6' (known: 1, 2, 3, 4, 5, ?)" in refusal(lambda: problems(rows, levels=["6"]))
    assert "no MATH problem is left" in refusal(lambda: problems(rows, levels=["2"]))
    assert len(problems(rows, subjects=["Prealgebra"], levels=["1", "2"])) == 1


@pytest.mark.parametrize(("name", "size"), [("math_train.jsonl.gz", 7500), ("math_test.jsonl.gz", 5000)])
def test_published_splits(published: Published, name: str, size: int) -> None:
    rows = published(name)
    found = problems(rows)
    assert len(found) == size
    assert_is_problem_set(found)
    assert problems(rows[::-1]) == found
    assert sum(len(problems(rows, subjects=[subject])) for subject in SUBJECTS) == size


def test_two_train_problems_have_no_level_and_two_an_empty_box(published: Published) -> None:
    train, test = problems(published("math_train.jsonl.gz")), problems(published("math_test.jsonl.gz"))
    assert sum(p["level"] == "?" for p in train) == 2
    assert [p["target"].count("\\boxed{}") for p in train if not p["answer"]] == [1, 1]
    assert all(p["answer"] for p in test)


def test_algebra_test_problems_by_level(published: Published) -> None:
    found = problems(published("math_test.jsonl.gz"), subjects=["Algebra"])
    assert Counter(p["level"] for p in found) == {"1": 135, "2": 201, "3": 261, "4": 283, "5": 307}
    assert problems(published("math_test_algebra.jsonl")) == found


def test_boxed_answers_are_those_of_math500(published: Published) -> None:
    solutions = {row.values["unique_id"]: row.values["solution"] for row in published("math_test.jsonl.gz")}
    for row in published("math500.jsonl"):
        assert last_boxed(solutions[row.values["unique_id"]]) == row.values["answer"]


def test_splits_share_no_id(published: Published) -> None:
    train, test = problems(published("math_train.jsonl.gz")), problems(published("math_test.jsonl.gz"))
    assert not {p["id"] for p in train} & {p["id"] for p in test}


def test_hub_rows_give_the_same_problems(published: Published, on_the_hub: OnTheHub) -> None:
    rows = published("math_train.jsonl.gz")[:50]
    hub = [{key: row.values[key] for key in ("problem", "level", "type", "solution")} for row in rows]
    assert problems(on_the_hub(hub)) == problems(rows)
