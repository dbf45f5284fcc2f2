"""Choice of a grader for files without verdicts where no option names one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sirev.study.external.model_files import Given, listed_places
from sirev.tasks.external.completions import field_paths, first_problem, read
from sirev.tasks.external.files import file_form, files_at
from sirev.tasks.problem_ids import plain

_TASKS = {"mbpp": "mbpp_sanitized", "humaneval": "humaneval"}
"""Prefix of the ids of programs -> the task with the tests that EvalPlus calls the base tests."""
_NUMBER = re.compile(r"[-+\u2212$]?[\d,]*\d(?:\.\d+)?%?")


@dataclass(frozen=True)
class Found:
    """The task or the grader that judges, and a note about it."""

    task: str | None
    grader: str | None
    why: str


def how_to_judge(steps: Mapping[str, Given], fields: Mapping[str, str], reader: str) -> Found | None:
    """The grading for the steps' files; None where they hold verdicts, are missing, or nothing fits.

    Only the first file of the first step is read: its first row, and all of it if that holds no verdict.
    """
    if not steps:
        return None
    step, given = next(iter(steps.items()))
    files = [file for place in listed_places(given) for file in files_at(place)]
    if not files or not Path(files[0]).is_file():
        return None
    path, form, paths = files[0], file_form(files[0]), field_paths(fields, step)
    _, judged, first = first_problem(path, form, paths, reader)
    if judged:
        return None
    if task := _TASKS.get(re.split(r"[/_-]", first.lower())[0]):
        plus = "mbpp_plus" if task == "mbpp_sanitized" else "humaneval_plus"
        why = (
            f"{path.name} does not say which programs are correct: they run in the sandbox against the tests of {task}, as "
            f"--task {task} would have it; --task {plus} also has EvalPlus's own tests"
        )
        return Found(task, None, why)
    problems = read([(path, form)], paths, graded=False, reader=reader).problems
    golds = [plain(one.gold) for one in problems]
    if not all(golds):
        return None
    grader = grader_for(golds)
    why = (
        f"{path.name} does not say which answers are correct: the grader {grader} compares them with the gold answers of the "
        "file; --grader NAME chooses another"
    )
    return Found(None, grader, why)


def grader_for(golds: Sequence[str]) -> str:
    """The grader for gold answers like these."""
    if all(re.fullmatch("[A-E]", gold) for gold in golds):
        return "letter"
    if all(_NUMBER.fullmatch(gold) for gold in golds):
        return "gsm8k_flexible"
    formulas = sum("\\" in gold or bool(_NUMBER.fullmatch(gold)) or bool(re.search(r"[=^()]|\d", gold)) for gold in golds)
    return "math" if 2 * formulas > len(golds) else "exact"
