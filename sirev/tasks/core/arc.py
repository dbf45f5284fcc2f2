"""ARC (Clark et al. 2018, arXiv 1803.05457): science questions of grades 3 to 9, answered by letter."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal

from sirev.tasks.choices import LETTER_PROMPT, lettered
from sirev.tasks.problem_ids import problems_in_order
from sirev.tasks.rows import Row
from sirev.tasks.task import Answers, Asked, DataTask, Problems
from sirev.tasks.templates import render


class Arc(DataTask):
    """ARC-Challenge (Clark et al. 2018, arXiv 1803.05457): the questions that retrieval and word statistics get wrong."""

    name: Literal["arc"]

    title = "ARC-Challenge"
    default_grader = "letter"
    guess = 0.25
    published: ClassVar = {"train": 1119, "test": 1172}
    templates: ClassVar = {"arc": LETTER_PROMPT}
    suite = True

    @staticmethod
    def read(asked: Asked) -> Problems:
        return problems(asked.rows("data"), template=asked.wording)

    def answers(self, grader: str) -> Answers:
        return "letters"


TASK = Arc


def problems(rows: Iterable[Row], *, template: str = LETTER_PROMPT) -> Problems:
    """Problem rows from the upstream JSONL or the Hub's shape, by id, which is the data set's own.

    The answer is the letter, the target a line "Answer: X". Nearly all questions have four options.
    """
    questions = (lettered(row, "question") for row in rows)
    return problems_in_order(q.problem(render(template, **q.fields()), f"Answer: {q.letter}") for q in questions)
