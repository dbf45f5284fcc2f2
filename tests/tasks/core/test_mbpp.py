from __future__ import annotations

import ast
import json

import pytest

from sirev.tasks.core.mbpp import problems
from sirev.tasks.rows import Row
from tests.tasks.conftest import OnTheHub, Published, assert_is_problem_set, refusal

ROW = {
    "task_id": 601,
    "text": "Write a function to double.",
    "code": "\r\ndef double(x): \r\n\treturn 2*x \r\n",
    "test_list": ["assert double(1) == 2 ", "assert double(2) == 4", "assert double(3) == 6"],
    "test_setup_code": "y = 1 \r\nz = 2",
}


def test_one_row() -> None:
    (found,) = problems([Row("f:1", ROW)], "train")
    assert found["id"] == "mbpp-0601"
    assert found["target"] == "def double(x):\n\treturn 2*x"
    tests = ["assert double(1) == 2", "assert double(2) == 4", "assert double(3) == 6"]
    assert json.loads(found["answer"]) == {"setup": "y = 1\nz = 2", "tests": tests}
    assert found["answer"].startswith('{"setup":"y = 1\\nz = 2","tests":["assert')
    shown = "\n".join(tests)
    assert found["prompt"].endswith(f"Task: Write a function to double.\nTests:\n{shown}\nCode:\n")


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"task_id": "601"}, "field 'task_id' must be a whole number, found '601'"),
        ({"task_id": None}, "field 'task_id' must be a whole number, found null"),
        ({"test_list": []}, "field 'test_list' must be a list of tests, found [] (list)"),
        ({"test_list": "assert"}, "field 'test_list' must be a list of tests, found 'assert'"),
        ({"test_list": ["assert f()", 1]}, "field 'test_list[1]' must be a string, found 1 (int)"),
        ({"code": " \r\n"}, "field 'code' is empty"),
        ({"test_setup_code": 0}, "field 'test_setup_code' must be a string, found 0 (int)"),
    ],
)
def test_a_broken_row_is_refused_with_its_line(changed: dict[str, object], why: str) -> None:
    assert refusal(lambda: problems([Row("f.jsonl:4", {**ROW, **changed})], "train")) == f"f.jsonl:4: {why}"


def test_an_unknown_split_and_rows_of_another_are_refused() -> None:
    assert "no split 'validation' (known: train, test, dev, all)" in refusal(lambda: problems([Row("f:1", ROW)], "validation"))
    assert "no row of MBPP's test split (task_id 11 to 510)" in refusal(lambda: problems([Row("f:1", ROW)], "test"))


@pytest.mark.parametrize(("split", "size"), [("train", 374), ("test", 500), ("dev", 90)])
def test_published_splits(published: Published, split: str, size: int) -> None:
    rows = published("mbpp_full.jsonl")
    found = problems(rows, split)
    assert len(found) == size
    assert_is_problem_set(found)
    assert all(len(json.loads(problem["answer"])["tests"]) == 3 for problem in found)
    assert problems(rows[::-1], split) == found


def test_tidying_leaves_every_solution_the_same_program(published: Published) -> None:
    published_code = {f"mbpp-{row.values['task_id']:04d}": row.values["code"] for row in published("mbpp_full.jsonl")}
    found = [problem for split in ("train", "test", "dev") for problem in problems(published("mbpp_full.jsonl"), split)]
    changed = [p["id"] for p in found if ast.dump(ast.parse(p["target"])) != ast.dump(ast.parse(published_code[p["id"]]))]
    assert changed == ["mbpp-0669"]  # blanks at line ends inside a pattern that matches one line alone


def test_hub_rows_give_the_same_problems(published: Published, on_the_hub: OnTheHub) -> None:
    rows = [row for row in published("mbpp_full.jsonl") if row.values["task_id"] in range(601, 975)]
    assert problems(on_the_hub([row.values for row in rows]), "train") == problems(published("mbpp_full.jsonl"), "train")
