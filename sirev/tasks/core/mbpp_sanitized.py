"""MBPP, sanitized (Austin et al. 2021, arXiv 2108.07732, section 3.2): 427 of MBPP's problems, checked by hand.

Wordings, signatures and tests differ from those of the full set; EvalPlus' MBPP+ builds on these.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal

from sirev.tasks.core import mbpp
from sirev.tasks.mirrors import full_mbpp_row
from sirev.tasks.rows import Row
from sirev.tasks.task import Asked, DataTask, Problems


class OfSanitized(DataTask):
    """Base of tasks with the problems of sanitized MBPP."""

    programs = True
    one_file = True

    @classmethod
    def problem_id(cls, given: str) -> str:
        """See `Mbpp.problem_id`."""
        return mbpp.Mbpp.problem_id(given)


class MbppSanitized(OfSanitized):
    """MBPP, sanitized, with all splits as one, since EvalPlus and papers use them all."""

    name: Literal["mbpp_sanitized"]

    title = "MBPP, sanitized"
    splits: ClassVar = {"test": "prompt+test+train+validation"}
    published: ClassVar = {"test": 427}
    on_hub: ClassVar = {
        "hub": "google-research-datasets/mbpp",
        "config": "sanitized",
        "revision": "4bb6404fdc6cacfda99d4ac4205087b89d32030c",
    }
    templates: ClassVar = {"mbpp_sanitized": mbpp.PROMPT}

    @staticmethod
    def read(asked: Asked) -> Problems:
        return problems(asked.rows("data"), template=asked.wording)


TASK = MbppSanitized


def problems(rows: Iterable[Row], *, template: str = mbpp.PROMPT) -> Problems:
    """Problem rows from `task_id`, `prompt`, `code`, `test_list` and `test_imports`, in the order of ids; answers as MBPP's."""
    return mbpp.problems([full_mbpp_row(row) for row in rows], "all", template=template)
