"""Analysis of Python sources without running them: whether they parse, the names they define and need, parts by line."""

from __future__ import annotations

import ast
import builtins
import warnings
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

LONGEST = 100_000
"""Characters of the longest source that is parsed: no answer is longer, and the parser's memory grows with it."""
_DEEPEST = 200
"""Deepest nesting of statements that is analysed; each `elif` is nested in the one before."""

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_IMPORTS = (ast.Import, ast.ImportFrom)
_ASSIGNMENTS = (ast.Assign, ast.AnnAssign, ast.AugAssign)
_BUILTINS = frozenset(dir(builtins))
_SHOWS = frozenset({"print", "pprint", "display"})
_RUNS_TESTS = ("test", "run_test", "check_", "unittest.main", "doctest.", "pytest.main")


@dataclass(frozen=True)
class PythonSource:
    """A text that parses as Python."""

    text: str
    tree: ast.Module

    @cached_property
    def defined(self) -> frozenset[str]:
        """The names bound at its top level: functions, classes, variables, imports."""
        return frozenset(name for statement in self.tree.body for name in bound_by(statement))

    @cached_property
    def defines_something(self) -> bool:
        """True if its top level defines a function, a class or a named lambda."""
        return any(
            isinstance(one, _DEFINITIONS) or (isinstance(one, ast.Assign) and isinstance(one.value, ast.Lambda))
            for one in self.tree.body
        )

    @cached_property
    def needed(self) -> frozenset[str]:
        """The names that it reads and does not define, without built-ins."""
        free = {name for statement in self.tree.body for name in free_in(statement)}
        return frozenset(free - self.defined - _BUILTINS)

    @cached_property
    def lines(self) -> list[str]:
        """Its lines, numbered from 0."""
        return self.text.split("\n")

    def lines_of(self, statement: ast.stmt) -> str:
        """The lines of a statement, including its decorators."""
        return "\n".join(self.lines[first_line_of(statement) - 1 : statement.end_lineno])


def parsed_source(text: str, longest: int = LONGEST) -> PythonSource | None:
    """The parsed text; None where it is no Python, or longer than `longest` characters."""
    try:
        return parse_source(text, longest)
    except SyntaxError:
        return None


def parse_source(text: str, longest: int = LONGEST) -> PythonSource:
    """The parsed text. Raises SyntaxError, also for other failures of Python's parser and for texts too long or too deep."""
    if len(text) > longest:
        raise SyntaxError("too long")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an invalid escape sequence warns, and under -W error raises
            tree = ast.parse(text)
    except (ValueError, OverflowError, RecursionError, MemoryError) as error:
        raise SyntaxError(str(error)) from None
    if _is_deep(tree):
        raise SyntaxError("too many statements within statements")
    return PythonSource(text, tree)


def _is_deep(tree: ast.Module) -> bool:
    """Whether statements are nested so deeply that recursive functions would exhaust the stack."""
    level: list[ast.AST] = [tree]
    for _ in range(_DEEPEST):
        nested = (ast.stmt, ast.ExceptHandler, ast.match_case)
        level = [child for one in level for child in ast.iter_child_nodes(one) if isinstance(child, nested)]
        if not level:
            return False
    return True


def _dotted(function: ast.expr) -> str:
    """The name that is called, such as "unittest.main"; "" for anything else, such as the value of another call."""
    parts = []
    while isinstance(function, ast.Attribute):
        parts.append(function.attr)
        function = function.value
    return ".".join([function.id, *reversed(parts)]) if isinstance(function, ast.Name) else ""


def bound_by(statement: ast.stmt) -> Iterator[str]:
    """The names that a top-level statement binds, including those within `if`, `try` and loops."""
    if isinstance(statement, _DEFINITIONS):
        yield statement.name
    elif isinstance(statement, _IMPORTS):
        yield from (one.asname or one.name.partition(".")[0] for one in statement.names)
    elif isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.For | ast.With | ast.If | ast.Try | ast.While):
        for child in ast.iter_child_nodes(statement):
            if isinstance(child, ast.stmt):
                yield from bound_by(child)
            elif isinstance(child, ast.ExceptHandler):
                for inner in child.body:
                    yield from bound_by(inner)
            elif not (isinstance(statement, ast.AnnAssign) and statement.value is None):
                yield from (one.id for one in ast.walk(child) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store))


def bound_within(tree: ast.AST) -> set[str]:
    """All names bound anywhere in a tree, including arguments, except those declared global."""
    found, shared = set[str](), set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, _DEFINITIONS):
            found.add(node.name)
        elif isinstance(node, _IMPORTS):
            found |= {one.asname or one.name.partition(".")[0] for one in node.names}
        elif isinstance(node, ast.ExceptHandler) and node.name:
            found.add(node.name)
        elif isinstance(node, ast.Global):
            shared.update(node.names)
    return found - shared


def read_by(node: ast.AST) -> set[str]:
    """All names read in a tree, or declared global."""
    found = set[str]()
    for one in ast.walk(node):
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load):
            found.add(one.id)
        elif isinstance(one, ast.Global):
            found.update(one.names)
    return found


def free_in(statement: ast.stmt) -> set[str]:
    """The names that a statement reads from its surroundings; a definition's arguments and variables are its own."""
    read = read_by(statement)
    return read - bound_within(statement) if isinstance(statement, _DEFINITIONS) else read


def first_line_of(statement: ast.stmt) -> int:
    """The line on which a statement begins, from 1: that of its first decorator, if it has one."""
    decorators = statement.decorator_list if isinstance(statement, _DEFINITIONS) else []
    return min([statement.lineno, *(one.lineno for one in decorators)])


def without_trials(source: PythonSource, names: Collection[str]) -> str:
    """The text without statements that only try out `names` after their definitions: assertions, prints, tests, variables.

    Statements without any effect, such as words of prose, are removed everywhere. Statements that the definitions read from stay,
    as do those that ask for input, which are no tests.
    """
    body = source.tree.body
    last = max((i for i, one in enumerate(body) if not set(names).isdisjoint(bound_by(one))), default=len(body))
    dropped = {i for i, one in enumerate(body) if _is_idle(one)}
    after = [(i, one) for i, one in enumerate(body) if i > last and i not in dropped and not _asks(one)]
    doubtful = [i for i, one in after if _tries(one, names) or _only_binds(one)]
    kept = set(range(len(body))) - dropped - set(doubtful)
    read = {name for i in kept for name in free_in(body[i])} | set(names)
    tried: set[str] = set()  # names read by removed statements alone
    for i in reversed(doubtful):
        bound = set(bound_by(body[i]))
        if read.isdisjoint(bound) and not (_only_binds(body[i]) and tried.isdisjoint(bound)):
            dropped.add(i)
            tried |= free_in(body[i])
        else:
            read |= free_in(body[i])
    if not dropped:
        return source.text
    gone = _line_numbers(body[i] for i in dropped) - _line_numbers(one for i, one in enumerate(body) if i not in dropped)
    return "\n".join(line for number, line in enumerate(source.lines, 1) if number not in gone)


def _line_numbers(statements: Iterable[ast.stmt]) -> set[int]:
    return {line for one in statements for line in range(first_line_of(one), (one.end_lineno or one.lineno) + 1)}


def _asks(statement: ast.stmt) -> bool:
    """True for a statement that reads input."""
    for one in ast.walk(statement):
        if (isinstance(one, ast.Name) and one.id == "input") or (isinstance(one, ast.Attribute) and one.attr == "stdin"):
            return not isinstance(statement, _DEFINITIONS)
    return False


def _is_idle(statement: ast.stmt) -> bool:
    """True for a statement that does nothing, or only fails with a NameError. Texts, such as docstrings, don't count."""
    if isinstance(statement, ast.AnnAssign):
        return statement.value is None
    if not isinstance(statement, ast.Expr):
        return False
    if isinstance(statement.value, ast.Constant) and isinstance(statement.value.value, str):
        return False
    effects = (ast.Call, ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)
    return not any(isinstance(one, effects) for one in ast.walk(statement))


def _tries(statement: ast.stmt, names: Collection[str]) -> bool:
    """True for a statement whose purpose is to try `names` out."""
    match statement:
        case ast.Assert():
            return True
        case ast.Expr(value=ast.Call(func=function)):
            called = _dotted(function)
            return called in _SHOWS or called in names or called.lower().startswith(_RUNS_TESTS)
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return name.lower().startswith("test") and name not in names
        case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
            return True
        case ast.If(body=body, orelse=other) | ast.For(body=body, orelse=other) | ast.While(body=body, orelse=other):
            return all(_tries(one, names) or _is_local(one, names) for one in [*body, *other])
        case ast.Try(body=body, handlers=handlers, orelse=other, finalbody=final):
            inner = [*body, *(one for handler in handlers for one in handler.body), *other, *final]
            return all(_tries(one, names) or _is_local(one, names) for one in inner)
        case ast.With(body=body):
            return all(_tries(one, names) or _is_local(one, names) for one in body)
    return False


def _is_local(statement: ast.stmt, names: Collection[str]) -> bool:
    """True for an assignment to names outside `names`, and for a statement without effect."""
    if isinstance(statement, ast.Pass | ast.Break | ast.Continue) or _is_idle(statement):
        return True
    return isinstance(statement, ast.Assign) and all(
        isinstance(one, ast.Name) and one.id not in names for one in statement.targets
    )


def _only_binds(statement: ast.stmt) -> bool:
    """True for an assignment to plain names, and for an import of names."""
    if isinstance(statement, _IMPORTS):
        return not any(one.name == "*" for one in statement.names)
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return isinstance(statement, _ASSIGNMENTS) and all(isinstance(one, ast.Name) for one in targets)
