"""Assertions split into the part that runs inside the program and the part decided outside of it.

Of `assert f(1, 2) == [3]` only the call `f(1, 2)` runs inside. Its value comes out and is compared with [3] here. The program
never sees [3], so no `__eq__`, no look at the caller's frames and no patched assert can change the verdict. Tests that don't fit
(two calls in one assertion, a statement other than an assertion) run inside unchanged and are marked so.
"""

from __future__ import annotations

import ast
import copy
import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sirev.grading.sandbox import Question
from sirev.grading.sandbox.values import Wrapped

_FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{f.__name__: f for f in (set, frozenset, list, tuple, dict, sorted, len, sum, min, max, int, float, bool, round, abs)},
    "math.isclose": math.isclose,
}
"""Functions that an assertion may apply to the program's value outside: none of them runs long on a value that came out."""
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}
_SIGNS: dict[type[ast.unaryop], Callable[[Any], Any]] = {ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Not: operator.not_}
_SINGLETONS = (None, True, False, ...)


@dataclass(frozen=True)
class AssertionClaim:
    """One test: its question to the program, and the expression that decides about the value (None: decided inside)."""

    question: Question
    decides: ast.expr | None = None
    asked: ast.Call | None = None
    """The part of `decides` that the value replaces."""
    wrapping: ast.expr | None = None
    """The part that a `Wrapped` replaces: a value that the question's `wrapped` made of one that can't leave."""

    def holds(self, value: Any) -> bool:
        """Whether the test holds for the program's value. Raises whatever the assertion would raise, such as a TypeError."""
        if isinstance(value, Wrapped):
            return self.decides is None or bool(_evaluate(self.decides, self.wrapping, value.value))
        return self.decides is None or bool(_evaluate(self.decides, self.asked, value))


def claims(tests: Sequence[str]) -> list[AssertionClaim]:
    """The claims of the tests, in order."""
    return [_claim(test) for test in tests]


def _claim(test: str) -> AssertionClaim:
    inside = AssertionClaim(Question("holds", test))
    try:
        statements = ast.parse(test).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return inside
    if len(statements) != 1 or not isinstance(statement := statements[0], ast.Assert):
        return inside
    calls, builtins = list[ast.Call](), list[ast.Call]()
    if not _fits(statement.test, calls, builtins):
        return inside
    # A built-in called on literals may be the test's own, as in `set([1, 2])`, or the program's, as in a redefined `sum(1, 2)`.
    asked = calls or builtins
    if len(asked) != 1:
        return inside
    wrapping, wrapped = _wrapping(statement.test, asked[0])
    return AssertionClaim(Question("value", ast.unparse(asked[0]), wrapped), statement.test, asked[0], wrapping)


def _wrapping(test: ast.expr, asked: ast.Call) -> tuple[ast.expr | None, str]:
    """The part of a test that is computed inside if the value can't leave, and its source with `value` in place of the call.

    This is, in this order: the result of functions of the value alone around the call, such as `len`; the truth of the value,
    where the test asks nothing else; a comparison that holds for unlike values. It never names the expected value, which a
    program could read.
    """
    parents = {child: node for node in ast.walk(test) for child in ast.iter_child_nodes(node)}
    part: ast.expr = asked
    while isinstance(around := parents.get(part), ast.Call) and around.args == [part] and not around.keywords:
        part = around
    match test:
        case _ if part is not asked:
            return part, _with_value(part, asked)
        case ast.UnaryOp(op=ast.Not(), operand=operand) if operand is asked:
            return asked, "bool(value)"
        case ast.UnaryOp(op=ast.Not(), operand=ast.Compare(ops=[ast.Eq() | ast.In()])):
            return test, _with_value(test, asked)
        case ast.Compare(ops=[ast.NotEq() | ast.NotIn()]):
            return test, _with_value(test, asked)
    return (asked, "bool(value)") if test is asked else (None, "")


def _with_value(part: ast.expr, asked: ast.Call) -> str:
    """The source of a part of a test, with `value` in place of the call."""
    copies: dict[int, Any] = {}
    copied = copy.deepcopy(part, copies)
    call = copies[id(asked)]

    class Replaced(ast.NodeTransformer):
        def visit_Call(self, node: ast.Call) -> ast.AST:
            return ast.Name("value", ast.Load()) if node is call else self.generic_visit(node)

    return ast.unparse(Replaced().visit(copied))


def _fits(node: ast.expr, calls: list[ast.Call], builtins: list[ast.Call]) -> bool:
    """Whether a part of an assertion can be decided outside; collects calls that need the program, and calls of built-ins."""
    match node:
        case ast.Constant():
            return True
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
            return all(_fits(part, calls, builtins) for part in parts)
        case ast.Dict(keys=keys, values=parts):
            named = all(key is not None and _fits(key, calls, builtins) for key in keys)
            return named and all(_fits(part, calls, builtins) for part in parts)
        case ast.UnaryOp(op=sign, operand=part):
            return type(sign) in _SIGNS and _fits(part, calls, builtins)
        case ast.Compare(left=left, ops=signs, comparators=others):
            # Objects outside are not those inside, so `is` means the same only for singletons.
            same = all(
                not isinstance(sign, ast.Is | ast.IsNot) or _is_one_of_a_kind(other)
                for sign, other in zip(signs, others, strict=True)
            )
            return same and all(_fits(part, calls, builtins) for part in (left, *others))
        case ast.Call(func=function, args=parts, keywords=options):
            inner, bare = list[ast.Call](), list[ast.Call]()
            known = ast.unparse(function) in _FUNCTIONS and all(one.arg is not None for one in options)
            if known and all(_fits(part, inner, bare) for part in (*parts, *(one.value for one in options))):
                calls += inner
                builtins += bare if inner else [node]
            else:
                calls.append(node)
            return True
    return False


def _is_one_of_a_kind(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and any(node.value is one for one in _SINGLETONS)


def _evaluate(node: ast.expr, asked: ast.expr | None, value: Any) -> Any:
    if node is asked:
        return value
    match node:
        case ast.Constant(value=constant):
            return constant
        case ast.List(elts=parts):
            return [_evaluate(part, asked, value) for part in parts]
        case ast.Tuple(elts=parts):
            return tuple(_evaluate(part, asked, value) for part in parts)
        case ast.Set(elts=parts):
            return {_evaluate(part, asked, value) for part in parts}
        case ast.Dict(keys=keys, values=parts):
            return {
                _evaluate(key, asked, value): _evaluate(part, asked, value)
                for key, part in zip(keys, parts, strict=True)
                if key is not None
            }
        case ast.UnaryOp(op=minus, operand=part):
            return _SIGNS[type(minus)](_evaluate(part, asked, value))
        case ast.Compare(left=left, ops=signs, comparators=others):
            before = _evaluate(left, asked, value)
            for sign, other in zip(signs, others, strict=True):
                after = _evaluate(other, asked, value)
                if not _COMPARISONS[type(sign)](before, after):
                    return False
                before = after
            return True
        case ast.Call(func=function, args=parts, keywords=named):
            arguments = [_evaluate(part, asked, value) for part in parts]
            options = {one.arg: _evaluate(one.value, asked, value) for one in named if one.arg is not None}
            return _FUNCTIONS[ast.unparse(function)](*arguments, **options)
    raise AssertionError(ast.dump(node))  # `_fits` accepts nothing else
