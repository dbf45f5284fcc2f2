"""ARC (Clark et al. 2018, arXiv 1803.05457): science questions of grades 3 to 9, answered by letter."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal

from sirev.tasks.choices import LETTER_PROMPT, lettered_problems
from sirev.tasks.rows import Row
from sirev.tasks.task import Answers, Asked, DataTask, Problems


class Arc(DataTask):
    """ARC-Challenge (Clark et al. 2018, arXiv 1803.05457): the questions that retrieval and word statistics answer wrongly."""

    name: Literal["arc"]

    title = "ARC-Challenge"
    default_grader = "letter"
    guess = 0.25
    published: ClassVar = {"train": 1119, "test": 1172}
    on_hub: ClassVar = {
        "hub": "allenai/ai2_arc",
        "config": "ARC-Challenge",
        "revision": "210d026faf9955653af8916fad021475a3f00453",
    }
    templates: ClassVar = {"arc": LETTER_PROMPT}
    suite = True

    @staticmethod
    def read(asked: Asked) -> Problems:
        return problems(asked.rows("data"), template=asked.wording)

    def answers(self, grader: str) -> Answers:
        return "letters"


TASK = Arc


def problems(rows: Iterable[Row], *, template: str = LETTER_PROMPT) -> Problems:
    """Problem rows from upstream JSONL or the Hub's shape; see `lettered_problems`. Nearly all have four options."""
    return lettered_problems(rows, "question", template)
