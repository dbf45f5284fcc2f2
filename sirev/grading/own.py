"""A user's own grader: a function of a completion and the gold answer, named "package.module:function" or "file.py:function".

It runs with the user's rights in processes of its own, with a time limit per answer. A function that fails, or returns something
that is no grade, is bad input and never a wrong answer.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, cast

from sirev.errors import BadInput
from sirev.grading.grade import ANSWER_LIMIT, REASON_LIMIT, RIGHT, Grade, grade_because
from sirev.own_code import load, raised
from sirev.tasks.rows import shown

WRONG = ("wrong", "no answer found", "timeout", "error")
"""Reasons that are never those of a right answer."""
Function = Callable[[str, str], Any]


@dataclass(frozen=True)
class Failure:
    """The reason why there is no grade, in one line."""

    why: str


def grade_by_function(
    pairs: Sequence[tuple[str, str]], function: str, seconds: float, *, workers: int, progress: Callable[[int], None]
) -> list[Grade]:
    """The grades of (completion, gold) pairs, in order; "timeout", and "error" where the process died, count as wrong.

    Raises BadInput in one line: no such module or function, or one that fails or returns no grade.
    """
    _named(function)  # before any process is started
    from sirev.grading.judge_pool import judge_all

    done = 0

    def judged(index: int) -> None:
        nonlocal done
        done += 1
        progress(done)

    outcomes = judge_all(
        partial(_judge, function),
        pairs,
        seconds=seconds,
        workers=workers,
        prepare=partial(_prepare, function),
        judged=judged,
    )
    for (text, gold), outcome in zip(pairs, outcomes, strict=True):
        if isinstance(outcome, Failure):
            raise BadInput(f"{function}: {outcome.why}, given {shown(text)} and the answer {shown(gold)}")
    return [outcome if isinstance(outcome, Grade) else grade_because(str(outcome), None) for outcome in outcomes]


def as_grade(given: object) -> Grade:
    """The grade that a function returned; raises ValueError, in one line, if it is none."""
    if isinstance(given, bool):
        return grade_because(RIGHT if given else "wrong", None)
    if not isinstance(given, Grade):
        raise ValueError(f"expected True, False or a sirev.Grade, got {shown(given)}")
    if not isinstance(given.correct, bool):
        raise ValueError(f"a Grade's correct must be True or False, got {shown(given.correct)}")
    for field, value in (("reason", given.reason), ("answer", given.answer)):
        if not isinstance(value, str) or any("\ud800" <= c <= "\udfff" for c in value):
            raise ValueError(f"a Grade's {field} must be a text, got {shown(value)}")
    if not given.reason.strip() or len(given.reason) > REASON_LIMIT:
        raise ValueError(f"a Grade's reason must have 1 to {REASON_LIMIT} characters, got {shown(given.reason)}")
    if given.reason in WRONG if given.correct else given.reason == RIGHT:
        raise ValueError(f"a Grade can't be {'correct' if given.correct else 'incorrect'} for the reason {given.reason!r}")
    return Grade(given.correct, str(given.reason), str(given.answer)[:ANSWER_LIMIT])


def _named(function: str) -> Function:
    module, name = load(function, "grader function")
    if not _is_function(attribute := getattr(module, name, None)):
        own = [(key, value) for key, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__]
        functions = [key for key, value in own if _is_function(value)]
        raise BadInput(
            f"{function}: {function.rpartition(':')[0]} has no function {name!r} (there: {', '.join(functions) or 'none'})"
        )
    return cast(Function, attribute)


def _is_function(value: object) -> bool:
    return callable(value) and not isinstance(value, type)


# The functions below run in the workers of `sirev.grading.judge_pool`.

_imported = cache(_named)


def _prepare(function: str) -> None:
    """Import the user's module, so that the first answer does not pay for it; `_judge` reports a failure."""
    with contextlib.suppress(Exception):
        _imported(function)


def _judge(function: str, pair: tuple[str, str]) -> Grade | Failure:
    try:
        given = _imported(function)(*pair)
    except (Exception, SystemExit) as error:  # a user's code may raise anything
        return Failure(f"failed with {raised(error)}")
    try:
        return as_grade(given)
    except ValueError as error:
        return Failure(str(error))
    except Exception as error:  # from the returned object's own code, when it is shown
        return Failure(f"returned what can't be shown: {raised(error)}")
