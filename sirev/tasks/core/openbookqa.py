"""OpenBookQA (Mihaylov et al. 2018, arXiv 1809.02789): elementary science questions with four options."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal

from sirev.tasks.choices import LETTER_PROMPT, lettered_problems
from sirev.tasks.rows import Row
from sirev.tasks.task import Answers, Asked, DataTask, Problems


class OpenBookQa(DataTask):
    """OpenBookQA (Mihaylov et al. 2018, arXiv 1809.02789), closed book: a question's underlying fact is not shown."""

    name: Literal["openbookqa"]

    title = "OpenBookQA"
    default_grader = "letter"
    guess = 0.25
    published: ClassVar = {"train": 4957, "test": 500}
    on_hub: ClassVar = {
        "hub": "allenai/openbookqa",
        "config": "main",
        "revision": "388097ea7776314e93a529163e0fea805b8a6454",
    }
    templates: ClassVar = {"openbookqa": LETTER_PROMPT}
    suite = True

    @staticmethod
    def read(asked: Asked) -> Problems:
        return problems(asked.rows("data"), template=asked.wording)

    def answers(self, grader: str) -> Answers:
        return "letters"


TASK = OpenBookQa


def problems(rows: Iterable[Row], *, template: str = LETTER_PROMPT) -> Problems:
    """Problem rows from upstream JSONL or the Hub's shape; see `lettered_problems`."""
    return lettered_problems(rows, "question_stem", template)
