"""Rows of well-known subsets and mirrors brought into the shape in which a task's own data set is published."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sirev.tasks.rows import Row


def published_form(task: str, row: Row) -> Row:
    """The row as the task reads it; one that is in its shape already, or of a shape not known here, is returned as it is."""
    return _FORMS[task](row) if task in _FORMS else row


def _math(row: Row) -> Row:
    """MATH-500 and files like it: `answer` where `solution` was dropped, `subject` for `type`, the level as a number."""
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


def _mbpp(row: Row) -> Row:
    """Sanitized MBPP, whose rows have `prompt` and `test_imports`."""
    from sirev.tasks.core.mbpp_sanitized import as_full  # a task, of which this is no part

    return as_full(row) if "text" not in row.values else row


_FORMS: dict[str, Callable[[Row], Row]] = {"math": _math, "mbpp": _mbpp}
