"""OpenBookQA (Mihaylov et al. 2018, arXiv 1809.02789): elementary science with four options, answered by letter."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal

from sirev.tasks.choices import LETTER_PROMPT, lettered
from sirev.tasks.problem_ids import problems_in_order
from sirev.tasks.rows import Row
from sirev.tasks.task import Answers, Asked, DataTask, Problems
from sirev.tasks.templates import render


class OpenBookQa(DataTask):
    """OpenBookQA (Mihaylov et al. 2018, arXiv 1809.02789), closed book: the fact that a question is about is not shown."""

    name: Literal["openbookqa"]

    title = "OpenBookQA"
    default_grader = "letter"
    guess = 0.25
    published: ClassVar = {"train": 4957, "test": 500}
    templates: ClassVar = {"openbookqa": LETTER_PROMPT}
    suite = True

    @staticmethod
    def read(asked: Asked) -> Problems:
        return problems(asked.rows("data"), template=asked.wording)

    def answers(self, grader: str) -> Answers:
        return "letters"


TASK = OpenBookQa


def problems(rows: Iterable[Row], *, template: str = LETTER_PROMPT) -> Problems:
    """Problem rows from the upstream JSONL or the Hub's shape, by id, which is the data set's own.

    The answer is the letter, the target a line "Answer: X".
    """
    questions = (lettered(row, "question_stem") for row in rows)
    return problems_in_order(q.problem(render(template, **q.fields()), f"Answer: {q.letter}") for q in questions)
