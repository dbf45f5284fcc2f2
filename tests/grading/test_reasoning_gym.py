from __future__ import annotations

import json
from pathlib import Path

import pytest

from sirev.grading.grade import Grade
from sirev.grading.reasoning_gym import full_marks
from sirev.tasks.reasoning_gym import ReasoningGym
from tests.tasks.test_reasoning_gym import EVALUATING


@pytest.mark.slow
@pytest.mark.parametrize("dataset", ["chain_sum", "letter_counting", "spell_backward", "mini_sudoku"])
def test_own_answers_are_right_and_others_are_not(dataset: str) -> None:
    pytest.importorskip("reasoning_gym", reason="some of its dependencies have no wheels: pip install reasoning-gym")
    for one in ReasoningGym(dataset, test=3).problems("test"):
        assert full_marks(f"Let me see. Answer: 0\n{one['target']}", one["answer"]).correct
        assert not full_marks("Answer: nothing of the kind", one["answer"]).correct


@pytest.mark.parametrize("completion", ["I do not know", "Answer: ", ""])
def test_without_an_answer_nothing_is_read(completion: str) -> None:
    assert full_marks(completion, "{}") == Grade(False, "no answer found", "")


def test_a_task_that_reasoning_gym_lacks_is_named() -> None:
    pytest.importorskip("reasoning_gym", reason="some of its dependencies have no wheels: pip install reasoning-gym")
    with pytest.raises(ValueError, match="has no task 'chain_sums'; did you mean 'chain_sum'"):
        full_marks("Answer: 1", json.dumps({"dataset": "chain_sums", "entry": {}}))


def test_an_answer_is_never_evaluated(tmp_path: Path) -> None:
    pytest.importorskip("reasoning_gym", reason="some of its dependencies have no wheels: pip install reasoning-gym")
    mark = tmp_path / "ran"
    hostile = f"Answer: __import__('pathlib').Path({str(mark)!r}).touch()"
    for dataset in EVALUATING:
        with pytest.raises(ValueError, match="runs answers as Python"):
            full_marks(hostile, json.dumps({"dataset": dataset, "entry": {"answer": hostile, "metadata": {}}}))
    assert not mark.exists()
