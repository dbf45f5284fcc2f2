"""GSM8K (Cobbe et al. 2021, arXiv 2110.14168): grade-school word problems whose worked solution ends in "#### N"."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sirev.errors import BadInput
from sirev.tasks.problem_ids import content_id, plain, problems_in_order
from sirev.tasks.rows import Row, shown, text
from sirev.tasks.templates import named, render

_CALCULATION = re.compile(r"<<[^<>]*>>")
_END = re.compile(r"\n#### *(-?[\d,]*\d(?:\.\d+)?)$")


def problems(rows: Iterable[Row], *, calculator: bool = False, template: str = "gsm8k") -> list[dict[str, str]]:
    """Problem rows from `question` and `answer`, by id.

    `calculator` keeps the marks <<3*4=12>> in the target. The answer is N without thousands separators, in the target
    too. The id is a digest of the question and the solution without marks, so mirrors that dropped the marks share it.
    """
    wording = named(template)
    return problems_in_order(_problem(row, calculator, wording) for row in rows)


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
