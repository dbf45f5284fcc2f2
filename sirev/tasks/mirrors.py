"""Rows of well-known subsets and mirrors, converted to the shape of the task's published data set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sirev.errors import BadInput
from sirev.tasks.rows import Row, shown


def published_form(task: str, row: Row) -> Row:
    """The row in the shape that the task reads; a row of an unknown shape is returned unchanged."""
    return _FORMS[task](row) if task in _FORMS else row


def _math(row: Row) -> Row:
    """A row of MATH-500 or the like: `answer` without `solution`, `subject` for `type`, the level as a number."""
    values: dict[str, Any] = dict(row.values)
    answer = values.get("answer")
    if isinstance(answer, str | int | float) and not isinstance(answer, bool) and "solution" not in values:
        values["solution"] = f"\\boxed{{{answer}}}"
    if "type" not in values and isinstance(values.get("subject"), str):
        values["type"] = values["subject"]
    level = str(values.get("level", "")).strip().removesuffix(".0")
    if level.isdecimal():
        values["level"] = f"Level {level}"
    return Row(row.where, values)


def full_mbpp_row(row: Row) -> Row:
    """A row of sanitized MBPP, or of EvalPlus' MBPP+, in the shape of the full set: `prompt` becomes `text`, `test_imports`
    become part of `test_setup_code`, which runs after the program, and Mbpp/11 becomes 11."""
    values: dict[str, Any] = dict(row.values)
    if "prompt" in values and "text" not in values:
        values["text"] = values.pop("prompt")
    named = values.get("task_id")
    if isinstance(named, str) and named.startswith("Mbpp/") and named[5:].isdecimal():
        values["task_id"] = int(named[5:])
    imports = values.pop("test_imports", None)
    imports = [] if imports is None else imports
    if not isinstance(imports, list) or not all(isinstance(one, str) for one in imports):
        raise BadInput(f"{row.where}: field 'test_imports' must be a list of imports, found {shown(imports)}")
    if imports:
        values["test_setup_code"] = "\n".join([*imports, values.get("test_setup_code") or ""]).strip()
    return Row(row.where, values)


_FORMS: dict[str, Callable[[Row], Row]] = {"math": _math, "mbpp": full_mbpp_row}
