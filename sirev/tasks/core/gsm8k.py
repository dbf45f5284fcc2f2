"""GSM8K (Cobbe et al. 2021, arXiv 2110.14168): grade-school word problems with worked solutions that end in "#### N"."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, ClassVar, Literal

from sirev.errors import BadInput
from sirev.tasks.problem_ids import content_id, plain, problems_in_order
from sirev.tasks.rows import Row, shown, text
from sirev.tasks.task import Asked, DataTask, Problems
from sirev.tasks.templates import render

PROMPT = (
    'Solve the problem step by step. End with a line "#### N", where N is the answer as a number.\n\n'
    "Problem: {question}\nSolution:\n"
)
_CALCULATION = re.compile(r"<<[^<>]*>>")
_END = re.compile(r"\n#### *(-?[\d,]*\d(?:\.\d+)?)$")


class Gsm8k(DataTask):
    """GSM8K (Cobbe et al. 2021, arXiv 2110.14168)."""

    name: Literal["gsm8k"]
    calculator: bool = False
    """Whether gold solutions keep the calculator marks <<3*4=12>>."""

    title = "GSM8K"
    default_grader = "gsm8k_strict"
    outside_grader = "gsm8k_flexible"
    published: ClassVar = {"train": 7473, "test": 1319}
    templates: ClassVar = {"gsm8k": PROMPT}
    suite = True

    @staticmethod
    def read(asked: Asked) -> Problems:
        return problems(asked.rows("data"), calculator=asked.options["calculator"], template=asked.wording)

    def problem_options(self) -> dict[str, Any]:
        return {"calculator": self.calculator}


TASK = Gsm8k


def problems(rows: Iterable[Row], *, calculator: bool = False, template: str = PROMPT) -> Problems:
    """Problem rows from `question` and `answer`, in the order of ids.

    `calculator` keeps the marks <<3*4=12>> in the target. The answer is N without thousands separators, also in the target.
    The id is a digest of the question and the solution without marks, so it is the same for mirrors that dropped the marks.
    """
    return problems_in_order(_problem(row, calculator, template) for row in rows)


def _problem(row: Row, calculator: bool, template: str) -> dict[str, str]:
    question, solution = plain(text(row, "question")), plain(text(row, "answer"))
    end = _END.search(solution)
    if end is None:
        raise BadInput(f'{row.where}: field "answer" must end in a line "#### N", found {shown(solution[-30:])}')
    answer = end[1].replace(",", "")
    working = solution[: end.start()].rstrip()
    bare = _CALCULATION.sub("", working).strip()
    if not bare:
        raise BadInput(f'{row.where}: field "answer" has no working before "#### {answer}"')
    return {
        "id": content_id("gsm8k", question, f"{bare}\n#### {answer}"),
        "prompt": render(template, question=question),
        "target": f"{working if calculator else bare}\n#### {answer}",
        "answer": answer,
        "level": "",
    }
