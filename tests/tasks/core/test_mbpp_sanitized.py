from __future__ import annotations

from sirev.tasks.core.mbpp_sanitized import TASK, problems
from tests.tasks.conftest import Published, assert_is_problem_set


def test_published_rows_are_all_read(published: Published) -> None:
    found = problems(published("mbpp_sanitized.jsonl"))
    assert_is_problem_set(found)
    assert len(found) == TASK.published["test"]
