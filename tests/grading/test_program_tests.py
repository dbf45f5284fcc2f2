from __future__ import annotations

import json

import pytest

from sirev.errors import BadInput
from sirev.grading import program_tests
from sirev.grading.program_tests import graded_program
from tests.grading.conftest import Published

F = "def f(x):\n    return x + 1\n"


@pytest.mark.parametrize(
    ("setup", "tests", "names"),
    [
        ("", ["assert f(1) == 2"], {"f"}),
        ("", ["assert set(f([1])) == set([2])", "assert math.isclose(g(1), 2)"], {"f", "g"}),
        ("", ["assert f(P(1)).x == 2"], {"f", "P"}),
        ("ONE = P(1)", ["assert f(ONE) == 2"], {"f", "P"}),
        ("candidate = f", ["assert candidate(1) == 2"], {"f"}),
        ("", ["def check(candidate):\n    assert candidate(1) == 2\ncheck(f)"], {"f"}),
        ("", ["import numpy as np\nassert np.allclose(f(1), [y for y in (2,)])"], {"f"}),
        ("", ["assert sum(1, 2) == 3"], {"sum"}),
        ("", ["assert permutations([1]) == [[1]]"], {"permutations"}),
        ("", ["assert f(1 =="], set()),
    ],
)
def test_the_names_are_what_only_the_program_can_define(setup: str, tests: list[str], names: set[str]) -> None:
    assert program_tests.Tests(setup, tuple(tests)).names == names


def test_every_mbpp_solution_defines_the_names_of_its_tests(published: Published) -> None:
    for row in published("mbpp_full.jsonl"):
        tests = program_tests.tests_of(json.dumps({"tests": row["test_list"], "setup": row["test_setup_code"]}))
        assert tests.names, row["task_id"]
        assert all(name in row["code"] for name in tests.names), row["task_id"]


def test_the_program_of_an_answer_is_the_one_that_is_graded() -> None:
    text = f"```python\n{F}```\n```python\ndef test_f():\n    assert f(1) == 3\n```"
    assert graded_program(text, json.dumps({"tests": ["assert f(1) == 2"]})) == F
    assert graded_program(text, "no tests at all") == f"{F}def test_f():\n    assert f(1) == 3\n"  # the last, with what it needs
    assert graded_program(" ", "") is None


@pytest.mark.parametrize("gold", ["", "3", "[]", '{"tests": []}', '{"setup": "x = 1"}'])
def test_a_gold_answer_without_tests_is_bad_input(gold: str) -> None:
    with pytest.raises(BadInput, match="tests"):
        program_tests.tests_of(gold)
