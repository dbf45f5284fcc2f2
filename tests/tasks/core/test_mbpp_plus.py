from __future__ import annotations

import json

from sirev.tasks.core.mbpp_plus import TASK, problems
from sirev.tasks.rows import Row
from tests.tasks.conftest import assert_is_problem_set, refusal
from tests.tasks.test_evalplus_tests import HEAD, LOOP

ROW = {
    "task_id": 2,
    "prompt": "Add two numbers.",
    "code": "def add(a, b):\n    return a + b",
    "test_imports": [],
    "test_list": ["assert add(1, 2) == 3"],
    "test": f"{HEAD}inputs = [[1, 2], [0, 5]]\nresults = [3, 5]\n{LOOP}",
}


def test_base_tests_come_first_and_none_twice() -> None:
    found = problems([Row("f:1", ROW)])
    assert_is_problem_set(found)
    assert json.loads(found[0]["answer"])["tests"] == ["assert add(1, 2) == 3", "assert add(0, 5) == 5"]
    assert problems([Row("f:1", {**ROW, "task_id": "Mbpp/2"})]) == found


def test_ids_are_those_of_mbpp() -> None:
    assert [TASK.problem_id(given) for given in ("Mbpp/2", "2", "mbpp-0002")] == ["mbpp-0002"] * 3


def test_a_script_that_calls_nothing_is_refused() -> None:
    assert "must call assertion" in refusal(lambda: problems([Row("f:1", {**ROW, "test": "x = 1"})]))


def test_a_row_of_the_release_has_no_results_and_is_refused() -> None:
    released = {"task_id": "Mbpp/2", "prompt": "p", "entry_point": "add", "base_input": [[1, 2]], "plus_input": [[0, 5]]}
    assert "take the rows of the data set evalplus/mbppplus" in refusal(lambda: problems([Row("f:1", released)]))
