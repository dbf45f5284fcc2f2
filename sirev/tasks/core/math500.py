"""MATH-500 (Lightman et al. 2023, arXiv 2305.20050): 500 of MATH's test problems, as usual for models trained on MATH."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from sirev.tasks.core import math
from sirev.tasks.mirrors import published_form
from sirev.tasks.task import Asked, DataTask, Problems


class Math500(DataTask):
    """MATH-500: the 500 of MATH's test problems that PRM800K kept for testing, or some of their subjects and levels."""

    name: Literal["math500"]
    subjects: list[str] | None = None
    levels: list[str] | None = None

    title = "MATH-500"
    default_grader = "math"
    splits: ClassVar = {"test": "test"}
    published: ClassVar = {"test": 500}
    one_file = True
    on_hub: ClassVar = {
        "hub": "HuggingFaceH4/MATH-500",
        "config": "default",
        "revision": "6e4ed1a2a79af7d8630a6b768ec859cb5af4d3be",
    }
    templates: ClassVar = {"math500": math.PROMPT}
    suite = True

    @staticmethod
    def read(asked: Asked) -> Problems:
        options = asked.options
        rows = (published_form("math", row) for row in asked.rows("data"))
        return math.problems(rows, subjects=options["subjects"], levels=options["levels"], template=asked.wording)

    def problem_options(self) -> dict[str, Any]:
        return {"subjects": self.subjects, "levels": self.levels}


TASK = Math500
