"""Tests taken apart: what has to run inside the program, and what can be decided outside of it.

Of `assert f(1, 2) == [3]` only the call `f(1, 2)` runs inside. Its value comes out, and the comparison with [3], which the
program has never seen, is made here: no `__eq__`, no look at the caller's frames, no patched assert has a say in it. What
does not fit (two calls in one assertion, a statement that is no assertion) runs inside as it is and is marked so.
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
"""What an assertion may make of the program's value outside: nothing here runs long on a value that came out."""
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
    """One test: the question it puts to the program, and the expression that decides about the value (None: decided inside)."""

    question: Question
    decides: ast.expr | None = None
    asked: ast.Call | None = None
    """The part of `decides` that stands for the value."""
    wrapping: ast.expr | None = None
    """The part that stands for a `Wrapped`, what the question's `wrapped` made of a value that can't leave."""

    def holds(self, value: Any) -> bool:
        """Whether the test holds for the program's value. Raises what the assertion would raise, a TypeError say."""
        if isinstance(value, Wrapped):
            return self.decides is None or bool(_evaluate(self.decides, self.wrapping, value.value))
        return self.decides is None or bool(_evaluate(self.decides, self.asked, value))


def claims(tests: Sequence[str]) -> list[AssertionClaim]:
    """A claim for each test, in order."""
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
    # Of a built-in on literals the test itself may be the owner, as of `set([1, 2])`, or the program, as of its own `sum(1, 2)`.
    asked = calls or builtins
    if len(asked) != 1:
        return inside
    wrapping, wrapped = _wrapping(statement.test, asked[0])
    return AssertionClaim(Question("value", ast.unparse(asked[0]), wrapped), statement.test, asked[0], wrapping)


def _wrapping(test: ast.expr, asked: ast.Call) -> tuple[ast.expr | None, str]:
    """What of a test is made inside of a value that can't leave: the part, and its source with `value` in the call's place.

    It is what functions of the value alone around the call return, such as `len`; else the truth of the value, where nothing else
    is asked; else a comparison that holds of what is unlike. It never says what a value should equal: a program could read it.
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
    """Whether a part of an assertion can be decided outside; collects the calls that only the program can make, and others."""
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
            # `is` outside is about other objects than inside, but for those of which there is one alone.
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
    raise AssertionError(ast.dump(node))  # `_fits` let nothing else through
