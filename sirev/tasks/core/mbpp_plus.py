"""MBPP+ of EvalPlus (Liu et al. 2023, arXiv 2305.01210), version 0.2.0: 378 problems of sanitized MBPP with many more tests."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable
from typing import ClassVar, Literal

from sirev.errors import BadInput
from sirev.tasks.core import mbpp, mbpp_sanitized
from sirev.tasks.evalplus_tests import assertions, script_of
from sirev.tasks.mirrors import full_mbpp_row
from sirev.tasks.rows import Row, shown
from sirev.tasks.task import Asked, Problems


class MbppPlus(mbpp_sanitized.OfSanitized):
    """MBPP+ of EvalPlus: a program is right if it passes both the base tests and EvalPlus' own."""

    name: Literal["mbpp_plus"]

    title = "MBPP+"
    splits: ClassVar = {"test": "test"}
    published: ClassVar = {"test": 378}
    on_hub: ClassVar = {
        "hub": "evalplus/mbppplus",
        "config": "default",
        "revision": "9a36f31e81d5e1670b68e6de8ef23da0c4e1abb5",
    }
    templates: ClassVar = {"mbpp_plus": mbpp.PROMPT}

    @staticmethod
    def read(asked: Asked) -> Problems:
        return problems(asked.rows("data"), template=asked.wording)


TASK = MbppPlus


def problems(rows: Iterable[Row], *, template: str = mbpp.PROMPT) -> Problems:
    """Problem rows from sanitized MBPP's with EvalPlus' script in `test`, in the order of ids; the answer has all tests."""
    given = [full_mbpp_row(row) for row in rows]
    more = {f"mbpp-{mbpp.task_id(row):04d}": _more_tests(row) for row in given}
    found = mbpp_sanitized.problems(given, template=template)
    for problem in found:
        graded_by = json.loads(problem["answer"])
        graded_by["tests"] += [one for one in more[problem["id"]] if one not in graded_by["tests"]]
        problem["answer"] = json.dumps(graded_by, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return found


def _more_tests(row: Row) -> list[str]:
    script = script_of(row, MbppPlus.on_hub["hub"])
    function = _function(row, script)
    return assertions(row, script, function, function)


def _function(row: Row, script: str) -> str:
    """The function under test in EvalPlus' script: the one called in the first argument of `assertion`; BadInput if none is."""
    try:
        tree = ast.parse(script)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise BadInput(f"{row.where}: field 'test' must be Python, found {shown(script)}") from None
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="assertion"), args=[ast.Call(func=ast.Name(id=name)), *_]):
                return name
    raise BadInput(f"{row.where}: field 'test' must call assertion(FUNCTION(*inp), ...), found {shown(script)}")
