"""MATH (Hendrycks et al. 2021, arXiv 2103.03874): competition problems with solutions that box the answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal

from sirev.errors import BadInput
from sirev.tasks.problem_ids import content_id, plain, problems_in_order
from sirev.tasks.rows import Row, shown, text
from sirev.tasks.task import Asked, DataTask, Problems
from sirev.tasks.templates import render

PROMPT = "Solve the problem step by step. Put the final answer in \\boxed{}.\n\nProblem: {question}\nSolution:\n"
SUBJECTS = (
    "Algebra",
    "Counting & Probability",
    "Geometry",
    "Intermediate Algebra",
    "Number Theory",
    "Prealgebra",
    "Precalculus",
)
LEVELS = ("1", "2", "3", "4", "5", "?")  # two problems are published as "Level ?"
ALGEBRA = 1187  # of the 5,000 test problems

_BOX = re.compile(r"\\boxed(?![a-zA-Z])\s*")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_UNBRACED = re.compile(r"[^\s$]+")


class Math(DataTask):
    """MATH (Hendrycks et al. 2021, arXiv 2103.03874), or some of its subjects and levels."""

    name: Literal["math"]
    subjects: list[str] | None = None
    levels: list[str] | None = None

    title = "MATH"
    default_grader = "math"
    published: ClassVar = {"train": 7500, "test": 5000}
    templates: ClassVar = {"math": PROMPT}
    suite = True

    @staticmethod
    def read(asked: Asked) -> Problems:
        options = asked.options
        return problems(asked.rows("data"), subjects=options["subjects"], levels=options["levels"], template=asked.wording)

    @classmethod
    def size(cls, split: str, options: Mapping[str, Any]) -> int | None:
        return ALGEBRA if options.get("subjects") == ["Algebra"] and split == "test" else cls.published.get(split)

    def problem_options(self) -> dict[str, Any]:
        return {"subjects": self.subjects, "levels": self.levels}


TASK = Math


def problems(
    rows: Iterable[Row],
    *,
    subjects: Sequence[str] | None = None,
    levels: Sequence[str] | None = None,
    template: str = PROMPT,
) -> Problems:
    """Problem rows from `problem`, `solution`, `level` and `type`, in the order of ids; only of `subjects` and `levels` if given.

    The target is the unchanged solution, the answer the content of its last box: "" in two published train problems, whose
    boxes are empty. The id is a digest of problem and solution.
    """
    _known("subjects", subjects, SUBJECTS)
    _known("levels", levels, LEVELS)
    of_subjects = (row for row in rows if subjects is None or text(row, "type") in subjects)
    found = problems_in_order(_problem(row, template) for row in of_subjects)
    wanted = [problem for problem in found if levels is None or problem["level"] in levels]
    if not wanted:
        raise BadInput(f"no MATH problem is left of subjects {subjects or 'all'}, levels {levels or 'all'}")
    return wanted


def last_boxed(solution: str) -> str | None:
    """The content of the last \\boxed{...}, with balanced braces (\\{ does not count), or the word after a bare \\boxed.

    None if there is no box or the last one is never closed.
    """
    boxes = list(_BOX.finditer(solution))
    if not boxes:
        return None
    start = boxes[-1].end()
    if solution[start : start + 1] != "{":
        word = _UNBRACED.match(solution, start)
        return word[0].rstrip(".,;") or None if word else None
    depth = 0
    for brace in _BRACE.finditer(solution, start):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if depth == 0:
            return solution[start + 1 : brace.start()].strip()
    return None


def _known(name: str, given: Sequence[str] | None, allowed: Sequence[str]) -> None:
    for value in given or ():
        if value not in allowed:
            raise BadInput(f"{name}: unknown {value!r} (known: {', '.join(allowed)})")


def _problem(row: Row, template: str) -> dict[str, str]:
    problem, solution = plain(text(row, "problem")), plain(text(row, "solution"))
    answer = last_boxed(solution)
    if answer is None:
        raise BadInput(f'{row.where}: field "solution" boxes no answer, it ends in {shown(solution[-30:])}')
    return {
        "id": content_id("math", problem, solution),
        "prompt": render(template, question=problem),
        "target": solution,
        "answer": answer,
        "level": _level(row),
    }


def _level(row: Row) -> str:
    said = text(row, "level")
    level = said.removeprefix("Level ")
    if level == said or level not in LEVELS:
        raise BadInput(f'{row.where}: field "level" must be "Level 1" to "Level 5" or "Level ?", found {shown(said)}')
    return level
