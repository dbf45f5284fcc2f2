from __future__ import annotations

import json
from typing import Any

import pytest

from sirev.grading.grade import IN_PROCESS, RIGHT
from sirev.grading.graders import Settings
from sirev.grading.mbpp import grade_programs
from sirev.tasks.core import mbpp
from sirev.tasks.core.humaneval import HumanEval, problems
from sirev.tasks.rows import Row
from tests.tasks.conftest import OnTheHub, Published, assert_is_problem_set, refusal

DOCSTRING = '    """ The largest.\n    >>> most([1, 2])\n    2\n    """\n'
STUB = f"from typing import List\n\n\ndef most(xs: List[int]) -> int:\n{DOCSTRING}"
CHECK = (
    "\n\nMETADATA = {'author': 'x'}\n\n\ndef check(candidate):\n    assert True, 'a word'\n"
    "    assert candidate([3, 1]) == 3, 'Error'\n    assert candidate([\n        4,\n    ]) == 4\n\n"
)
ROW = {
    "task_id": "HumanEval/7",
    "prompt": STUB,
    "canonical_solution": "    return max(xs)\n",
    "test": CHECK,
    "entry_point": "most",
}
HELPED = {
    **ROW,
    "prompt": f"def bigger(x, y):\n    return max(x, y)\n\n\n{STUB.replace('from typing import List', '')}",
    "canonical_solution": "    return bigger(*xs)\n",
    "test": "def check(candidate):\n    for x in range(3):\n        assert candidate([x, 1]) == bigger(x, 1)\n",
}


def passes(row: dict[str, Any], code: str) -> str:
    (found,) = problems([Row("f:1", row)])
    settings = Settings(5, sandbox="C")  # these programs are harmless, and the best tier of the machine is taken anyway
    ((grade,), _, _) = grade_programs([(code, found["answer"])], settings, workers=1, progress=lambda done: None)
    return grade.reason


def test_in_the_words_of_mbpp_the_docstring_and_the_signature_are_the_task() -> None:
    (found,) = problems([Row("f:1", ROW)], template=mbpp.PROMPT)
    assert found["prompt"].split("\n\n")[1] == (
        "Task: The largest.\n>>> most([1, 2])\n2\nSignature: def most(xs: List[int]) -> int:\n"
        "Tests:\nassert most([3, 1]) == 3\nCode:\n"
    )
    assert (found["id"], found["target"]) == ("humaneval-007", f"{STUB}    return max(xs)")
    assert problems([Row("f:1", ROW)])[0]["prompt"].endswith(f"\n\n{STUB.strip()}\n\nCode:\n")


def test_each_assertion_is_a_test_of_the_function_by_its_published_name() -> None:
    (found,) = problems([Row("f:1", ROW)])
    assert json.loads(found["answer"]) == {
        "setup": "from typing import List\ncandidate = most",
        "tests": ["assert candidate([3, 1]) == 3, 'Error'", "assert candidate([\n        4,\n    ]) == 4"],
    }
    assert passes(ROW, "def most(xs):\n    return max(xs)") == RIGHT
    assert passes(ROW, "def most(xs):\n    return 3") == "failed assertion: 2"
    assert passes(ROW, "def least(xs):\n    return max(xs)").startswith("exception: NameError")


def test_a_check_that_does_more_is_one_test_with_the_helpers_of_the_prompt() -> None:
    (found,) = problems([Row("f:1", HELPED)], template=mbpp.PROMPT)
    assert "\nGiven:\ndef bigger(x, y):\n    return max(x, y)\n\nSignature: def most" in found["prompt"]
    assert found["prompt"].endswith("Tests:\nassert callable(most)\nCode:\n")
    assert passes(HELPED, "def most(xs):\n    return bigger(*xs)") == IN_PROCESS
    assert passes(HELPED, "def most(xs):\n    return xs[0]") == "failed assertion: 1"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"task_id": 3}, "field 'task_id' must be a string, found 3 (int)"),
        ({"prompt": "def most(xs):\n    pass"}, "field 'prompt' must define most with a docstring, found "),
        ({"entry_point": "least"}, "field 'prompt' must define least with a docstring, found "),
        ({"prompt": "def most("}, "field 'prompt' must be Python, found def most("),
        ({"test": "assert most([1]) == 1"}, "field 'test' must define check(candidate), found assert"),
        ({"test": "def check(candidate"}, "field 'test' must be Python, found "),
    ],
)
def test_a_broken_row_is_refused_with_its_line(changed: dict[str, object], why: str) -> None:
    said = refusal(lambda: problems([Row("f.jsonl:4", {**ROW, **changed})]))
    assert said.replace("'def", "def").replace("'assert", "assert").startswith(f"f.jsonl:4: {why}")


@pytest.mark.parametrize("given", ["HumanEval/7", "7", "humaneval-007", "HumanEval_007"])
def test_ids_of_other_tools_are_known(given: str) -> None:
    assert HumanEval.problem_id(given) == "humaneval-007"


def test_every_published_solution_passes_and_none_does_without_its_body(published: Published) -> None:
    found = problems(published("humaneval.jsonl.gz"), template=mbpp.PROMPT)
    assert len(found) == 164
    assert_is_problem_set(found)
    assert problems(published("humaneval.jsonl.gz")[::-1], template=mbpp.PROMPT) == found
    bodies = {HumanEval.problem_id(row.values["task_id"]): row.values["prompt"] for row in published("humaneval.jsonl.gz")}
    pairs = [(code, p["answer"]) for p in found for code in (p["target"], f"{bodies[p['id']]}    return None\n")]
    grades, _, _ = grade_programs(pairs, Settings(17, sandbox="C"), workers=2, progress=lambda done: None)
    assert [p["id"] for p, grade in zip(found, grades[::2], strict=True) if not grade.correct] == []
    assert [p["id"] for p, grade in zip(found, grades[1::2], strict=True) if grade.correct] == []


def test_hub_rows_give_the_same_problems(published: Published, on_the_hub: OnTheHub) -> None:
    rows = published("humaneval.jsonl.gz")[:5]
    assert problems(on_the_hub([row.values for row in rows])) == problems(rows)
