"""Tests of programs, and the program in a completion that they are run against."""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass
from functools import cached_property, lru_cache

from sirev.errors import BadInput
from sirev.grading.extract_code import code
from sirev.grading.python_source import bound_within, parsed_source, read_by
from sirev.grading.sandbox.inside import PRELUDE

_LONGEST = 10_000_000
"""Characters of the longest test: EvalPlus's hold their inputs."""


@dataclass(frozen=True)
class Tests:
    """A gold answer: set-up code that runs after the program (MBPP's may need the program's classes), then the tests."""

    setup: str
    tests: tuple[str, ...]

    @cached_property
    def names(self) -> frozenset[str]:
        """The names that only the program can define: read by set-up or tests, bound by neither, and no built-ins.

        If all are built-ins, those that the tests call: MBPP 126 asks for a `sum`.
        """
        sources = (parsed_source(text, longest=_LONGEST) for text in (self.setup, *self.tests))
        trees = [source.tree for source in sources if source is not None]
        read, bound = ({name for tree in trees for name in of(tree)} for of in (read_by, bound_within))
        if own := read - bound - _builtins() - _prelude():
            return frozenset(own)
        calls = [one.func for tree in trees for one in ast.walk(tree) if isinstance(one, ast.Call)]
        return frozenset({one.id for one in calls if isinstance(one, ast.Name)} - bound)


def tests_of(gold: str) -> Tests:
    """The tests in a problem's answer, JSON {"tests": ["assert ...", ...], "setup": "..."}; raises BadInput for anything else."""
    try:
        parts = json.loads(gold)
        tests = Tests(str(parts.get("setup", "")), tuple(map(str, parts["tests"])))
    except (ValueError, TypeError, KeyError, AttributeError):
        raise BadInput(f'the answer to a problem must be {{"tests": [...], "setup": ...}} as JSON, found {gold[:80]!r}') from None
    if not tests.tests:
        raise BadInput(f"a problem without tests, which every program would pass: {gold[:80]!r}")
    return tests


def graded_program(text: str, gold: str) -> str | None:
    """The program in a completion that is graded where the problem's answer is `gold`; None if there is none."""
    return code(text, _names(gold))


@lru_cache(maxsize=64)
def _names(gold: str) -> frozenset[str]:
    try:
        return tests_of(gold).names
    except BadInput:  # the answers of measured files may be anything
        return frozenset()


@lru_cache(maxsize=1)
def _builtins() -> frozenset[str]:
    import builtins

    return frozenset(dir(builtins))


@lru_cache(maxsize=1)
def _prelude() -> frozenset[str]:
    import typing

    source = parsed_source(PRELUDE)
    assert source is not None
    return source.defined | frozenset(typing.__all__)
