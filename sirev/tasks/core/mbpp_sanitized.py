"""MBPP, sanitized (Austin et al. 2021, arXiv 2108.07732, section 3.2): 427 of its problems, checked by hand.

Wordings, signatures and tests differ from those of the full set; EvalPlus' MBPP+ builds upon these.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal

from sirev.tasks.core import mbpp
from sirev.tasks.mirrors import full_mbpp_row
from sirev.tasks.rows import Row
from sirev.tasks.task import Asked, DataTask, Problems


class OfSanitized(DataTask):
    """What tasks on the problems of sanitized MBPP share."""

    programs = True
    one_file = True

    @classmethod
    def problem_id(cls, given: str) -> str:
        """As MBPP's: the 11 of one file and the Mbpp/11 of EvalPlus are mbpp-0011."""
        return mbpp.Mbpp.problem_id(given)


class MbppSanitized(OfSanitized):
    """MBPP, sanitized: the problems of all its splits as one, since EvalPlus and papers ask them all."""

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
    """Problem rows from `task_id`, `prompt`, `code`, `test_list` and `test_imports`, by id; the answer as MBPP's."""
    return mbpp.problems([full_mbpp_row(row) for row in rows], "all", template=template)
