"""MBPP (Austin et al. 2021, arXiv 2108.07732): short Python tasks, each with three tests that the prompt shows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import ClassVar, Literal

from sirev.errors import BadInput
from sirev.tasks.problem_ids import plain, problems_in_order
from sirev.tasks.rows import Row, shown, text
from sirev.tasks.task import Asked, DataTask, Problems
from sirev.tasks.templates import render

PROMPT = (
    "Write Python code for the task so that the tests pass. Write nothing but the code.\n\n"
    "Task: {question}\nTests:\n{tests}\nCode:\n"
)
SPLITS = {"train": range(601, 975), "test": range(11, 511), "dev": range(511, 601), "all": range(1, 975)}
"""Split -> task_ids; 1 to 10 are the paper's few-shot prompts, which are only in "all"."""

_GIVEN_ID = re.compile(r"(?:mbpp[/_-])?0*(\d+)", re.IGNORECASE)


class Mbpp(DataTask):
    """MBPP (Austin et al. 2021, arXiv 2108.07732): task_id 601-974 train, 11-510 test, 511-600 dev.

    There is no default grader: running programs written by models takes an explicit choice.
    """

    name: Literal["mbpp"]

    title = "MBPP"
    programs = True
    splits: ClassVar = {"train": "train", "test": "test", "dev": "validation", "all": "prompt+test+train+validation"}
    published: ClassVar = {"train": 374, "test": 500, "dev": 90, "all": 974}
    one_file = True
    templates: ClassVar = {"mbpp": PROMPT}
    suite = True

    @staticmethod
    def read(asked: Asked) -> Problems:
        return problems(asked.rows("data"), asked.split, template=asked.wording)

    @classmethod
    def problem_id(cls, given: str) -> str:
        """The id of a problem in any spelling: 11 and EvalPlus' Mbpp/11 are mbpp-0011."""
        number = _GIVEN_ID.fullmatch(given)
        return f"mbpp-{int(number[1]):04d}" if number else given

    def unread(self) -> dict[str, str]:
        return {"dev": "MBPP has a validation split of its own; evaluation.split: dev uses it"}


TASK = Mbpp


def problems(rows: Iterable[Row], split: str, *, template: str = PROMPT) -> Problems:
    """Problem rows of one split from `task_id`, `text`, `code`, `test_list` and `test_setup_code`, in the order of ids.

    The answer is canonical JSON {"setup": code to run after the solution, "tests": [three asserts]}.
    """
    if split not in SPLITS:
        raise BadInput(f"MBPP has no split {split!r} (known: {', '.join(SPLITS)})")
    ids = SPLITS[split]
    found = problems_in_order(_problem(row, template) for row in rows if task_id(row) in ids)
    if not found:
        raise BadInput(f"no row of MBPP's {split} split (task_id {ids[0]} to {ids[-1]}) among those given")
    return found


def task_id(row: Row) -> int:
    """The number of a row's problem; BadInput if it is not a whole number."""
    found = row.values.get("task_id")
    if not isinstance(found, int) or isinstance(found, bool):
        raise BadInput(f"{row.where}: field 'task_id' must be a whole number, found {shown(found)}")
    return found


def _problem(row: Row, template: str) -> dict[str, str]:
    setup = text(row, "test_setup_code", empty=True) if "test_setup_code" in row.values else ""
    tests = _tests(row)
    graded_by = {"setup": _tidy(setup), "tests": tests}
    return {
        "id": f"mbpp-{task_id(row):04d}",
        "prompt": render(template, question=plain(text(row, "text")), tests="\n".join(tests)),
        "target": _tidy(text(row, "code")),
        "answer": json.dumps(graded_by, sort_keys=True, separators=(",", ":"), ensure_ascii=False),
        "level": "",
    }


def _tests(row: Row) -> list[str]:
    tests = row.values.get("test_list")
    if not isinstance(tests, list) or not tests:
        raise BadInput(f"{row.where}: field 'test_list' must be a list of tests, found {shown(tests)}")
    each = Row(row.where, {f"test_list[{i}]": test for i, test in enumerate(tests)})
    return [plain(text(each, field)) for field in each.values]


def _tidy(code: str) -> str:
    """Code with \\n line breaks and without trailing blanks; many rows have \\r\\n and trailing blanks."""
    return "\n".join(line.rstrip() for line in plain(code).split("\n"))
