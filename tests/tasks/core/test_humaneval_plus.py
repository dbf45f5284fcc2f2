from __future__ import annotations

import json

from sirev.tasks.core.humaneval import problems as humaneval_problems
from sirev.tasks.core.humaneval_plus import TASK
from sirev.tasks.rows import Row
from sirev.tasks.task import Asked
from tests.tasks.test_evalplus_tests import HEAD

STUB = 'import math\n\ndef add(a, b):\n    """Add two numbers."""\n'
CHECK = """def check(candidate):
    inputs = [[1, 2], [0, 5]]
    results = [3, 5]
    for i, (inp, exp) in enumerate(zip(inputs, results)):
        assertion(candidate(*inp), exp, 0)
"""
ROW = {
    "task_id": "HumanEval/7",
    "prompt": STUB,
    "canonical_solution": "    return a + b\n",
    "entry_point": "add",
    "test": HEAD + CHECK,
}


def test_each_call_of_the_check_is_a_test() -> None:
    (one,) = TASK.read(Asked("test", "{stub}\n\nCode:\n", {}, lambda field: [Row("f:1", ROW)]))
    assert json.loads(one["answer"])["tests"] == ["assert candidate(1, 2) == 3", "assert candidate(0, 5) == 5"]
    assert one["id"] == "humaneval-007"


def test_a_body_goes_on_from_the_published_prompt() -> None:
    test = "def check(candidate):\n    assert candidate(1, 2) == 3\n"
    (one,) = humaneval_problems([Row("f:1", {**ROW, "test": test})])
    assert TASK.whole_answer(one, "    return a + b\n") == f"{STUB}    return a + b\n"
    whole = "def add(a, b):\n    return a + b"
    assert TASK.whole_answer(one, whole) == whole
    assert TASK.whole_answer(one, f"```python\n{whole}\n```") == f"```python\n{whole}\n```"
