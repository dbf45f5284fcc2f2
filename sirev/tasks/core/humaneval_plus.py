"""HumanEval+ of EvalPlus (Liu et al. 2023, arXiv 2305.01210): HumanEval's 164 functions, with many more tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from sirev.tasks.core import humaneval
from sirev.tasks.evalplus_tests import assertions, script_of
from sirev.tasks.rows import Row
from sirev.tasks.task import Asked, DataTask, Problems


class HumanEvalPlus(DataTask):
    """HumanEval+ of EvalPlus, whose tests include the original ones."""

    name: Literal["humaneval_plus"]

    title = "HumanEval+"
    programs = True
    splits: ClassVar = {"test": "test"}
    published: ClassVar = {"test": 164}
    one_file = True
    on_hub: ClassVar = {
        "hub": "evalplus/humanevalplus",
        "config": "default",
        "revision": "084b2ab17b4c045817861dd12e8d2fc7cb6c4f85",
    }
    templates: ClassVar = {"humaneval_plus": humaneval.PROMPT}

    @staticmethod
    def read(asked: Asked) -> Problems:
        return humaneval.problems(asked.rows("data"), template=asked.wording, tests=_tests)

    @classmethod
    def problem_id(cls, given: str) -> str:
        """See `HumanEval.problem_id`."""
        return humaneval.HumanEval.problem_id(given)

    @staticmethod
    def whole_answer(problem: Mapping[str, str], completion: str) -> str:
        """See `HumanEval.whole_answer`."""
        return humaneval.HumanEval.whole_answer(problem, completion)


TASK = HumanEvalPlus


def _tests(row: Row) -> list[str]:
    return assertions(row, script_of(row, HumanEvalPlus.on_hub["hub"]), humaneval.CANDIDATE, humaneval.CANDIDATE)
