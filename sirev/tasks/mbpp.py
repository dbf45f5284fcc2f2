"""MBPP (Austin et al. 2021, arXiv 2108.07732): short Python tasks, each with three tests that the prompt shows."""

from __future__ import annotations

import json
from collections.abc import Iterable

from sirev.errors import BadInput
from sirev.tasks.problem_ids import plain, problems_in_order
from sirev.tasks.rows import Row, shown, text
from sirev.tasks.templates import named, render

SPLITS = {"train": range(601, 975), "test": range(11, 511), "dev": range(511, 601)}
"""task_id of each split; 1 to 10 are the paper's few-shot prompts."""


def problems(rows: Iterable[Row], split: str, *, template: str = "mbpp") -> list[dict[str, str]]:
    """Problem rows of one split from `task_id`, `text`, `code`, `test_list` and `test_setup_code`, by id.

    The answer is canonical JSON {"setup": code to run after the solution, "tests": [three asserts]}.
    """
    if split not in SPLITS:
        raise BadInput(f"MBPP has no split {split!r} (known: {', '.join(SPLITS)})")
    wording, ids = named(template), SPLITS[split]
    found = problems_in_order(_problem(row, wording) for row in rows if _task_id(row) in ids)
    if not found:
        raise BadInput(f"no row of MBPP's {split} split (task_id {ids[0]} to {ids[-1]}) among those given")
    return found


def _task_id(row: Row) -> int:
    found = row.values.get("task_id")
    if not isinstance(found, int) or isinstance(found, bool):
        raise BadInput(f"{row.where}: field 'task_id' must be a whole number, found {shown(found)}")
    return found


def _problem(row: Row, template: str) -> dict[str, str]:
    setup = text(row, "test_setup_code", empty=True) if "test_setup_code" in row.values else ""
    tests = _tests(row)
    graded_by = {"setup": _tidy(setup), "tests": tests}
    return {
        "id": f"mbpp-{_task_id(row):04d}",
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
    """Code with \\n as line break and no blanks at the end of a line: many rows have both \\r\\n and such blanks."""
    return "\n".join(line.rstrip() for line in plain(code).split("\n"))
