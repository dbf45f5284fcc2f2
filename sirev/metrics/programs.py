"""Equality of programs up to formatting, comments, docstrings and names. Nothing is run."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

_LONGEST = 100_000
"""Characters. A longer text is its own normal form: no answer is longer, and the parser's memory grows with it."""

_DEEPEST = 300
"""Deepest nesting of the syntax tree. Python's own limit is far higher, but depends on the depth of the caller's stack; with
this limit a text always has the same normal form."""

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_DOCUMENTED = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_IDLE_FIELDS = frozenset({"ctx", "kind", "type_comment", "type_ignores"})
_NAMES = dict.fromkeys(("FunctionDef", "AsyncFunctionDef", "ClassDef", "ExceptHandler", "MatchAs", "MatchStar"), "name")
_NAMES |= dict.fromkeys(("TypeVar", "ParamSpec", "TypeVarTuple"), "name")
_NAMES |= {"Name": "id", "arg": "arg", "MatchMapping": "rest", "Global": "names", "Nonlocal": "names"}
"""Type of node -> its field with names of variables."""


class _TooDeep(Exception):
    pass


def normal_form(code: str) -> str:
    """A text equal for exactly those programs that differ only in formatting, comments, docstrings and names.

    Names that the program binds itself (variables, parameters, functions, classes) become numbers in order of appearance,
    separately per scope. Built-ins, imported names, attributes including names of methods, and keywords stay. A text that is no
    Python, or that Python's parser fails on, is its own normal form, without surrounding blanks.
    """
    plain = code.strip()
    if len(plain) > _LONGEST:
        return plain
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an invalid escape sequence warns, and under -W error raises
            tree = ast.parse(plain)
        return "\0" + " ".join(_written(tree))  # no Python has a null, so no text equals a tree
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError, _TooDeep):
        return plain  # ValueError: a null, half a surrogate pair, or an integer too long to be written in digits


@dataclass(eq=False)
class _Scope:
    """A scope of names: a module, class, function or comprehension."""

    kind: str
    around: _Scope | None
    bound: set[str] = field(default_factory=set)
    imported: set[str] = field(default_factory=set)
    declared: dict[str, str] = field(default_factory=dict)
    """Name -> "Global" or "Nonlocal"."""
    first: ast.comprehension | None = None
    """The first loop of a comprehension, whose iterable is evaluated in the scope around it."""

    def home(self, name: str) -> _Scope | None:
        """The scope that binds a name used here; None for a built-in."""
        declared = self.declared.get(name)
        scope: _Scope | None = self if declared is None else self.around
        while scope is not None:
            is_module = scope.kind == "module"
            visible = scope is self or scope.kind != "class"
            if name in scope.bound and name not in scope.declared and visible and (declared != "Global" or is_module):
                return scope
            scope = scope.around
        return None


def _written(tree: ast.Module) -> Iterator[str]:
    """The tree as words, node by node from the root."""
    numbers: dict[tuple[_Scope, str], int] = {}

    def name(found: str, scope: _Scope) -> str:
        home = scope.home(found)
        if home is None or home.kind == "class" or found in home.imported:
            return found
        return str(numbers.setdefault((home, found), len(numbers)))

    module = _scope("module", None, tree.body, ())
    stack: list[tuple[Any, _Scope, int]] = [(tree, module, 0)]
    while stack:
        item, scope, depth = stack.pop()
        if depth > _DEEPEST:
            raise _TooDeep
        if isinstance(item, list):
            yield f"[{len(item)}"
            stack.extend((one, scope, depth) for one in reversed(item))
        elif not isinstance(item, ast.AST):
            yield f"{type(item).__name__}:{item!r}"
        else:
            kind = type(item).__name__
            yield kind
            inside = _scope_of(item, scope)
            parts = []
            for part, value in ast.iter_fields(item):
                if part in _IDLE_FIELDS:
                    continue
                if part == _NAMES.get(kind) and value is not None:
                    yield " ".join(name(one, scope) for one in ([value] if isinstance(value, str) else value))
                else:
                    parts.append((_without_docstring(item, part, value), _where(item, part, scope, inside), depth + 1))
            stack.extend(reversed(parts))


def _without_docstring(node: ast.AST, part: str, value: Any) -> Any:
    if part == "body" and isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
        return value[1:] or [ast.Pass()]
    return value


def _where(node: ast.AST, part: str, scope: _Scope, inside: _Scope) -> _Scope:
    """The scope in which a part of a node is evaluated: outside for defaults, annotations, decorators and bases."""
    if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        return inside if part in ("body", "args") else scope
    outside = (
        (isinstance(node, ast.arguments) and part in ("defaults", "kw_defaults"))
        or (isinstance(node, ast.arg) and part == "annotation")
        or (node is scope.first and part == "iter")
    )
    return scope.around if outside and scope.around is not None else inside


def _scope_of(node: ast.AST, scope: _Scope) -> _Scope:
    """The scope that a node opens, else the one around it."""
    if isinstance(node, _FUNCTIONS):
        every = node.args
        named = [*every.posonlyargs, *every.args, every.vararg, *every.kwonlyargs, every.kwarg]
        body = node.body if isinstance(node.body, list) else [node.body]
        return _scope("function", scope, body, [one.arg for one in named if one is not None])
    if isinstance(node, ast.ClassDef):
        return _scope("class", scope, node.body, ())
    if isinstance(node, _COMPREHENSIONS):
        targets = [one for part in node.generators for one in ast.walk(part.target) if isinstance(one, ast.Name)]
        return _Scope("comprehension", scope, {one.id for one in targets}, first=node.generators[0])
    return scope


def _scope(kind: str, around: _Scope | None, body: list[Any], parameters: Iterable[str]) -> _Scope:
    """A scope with the names that its body binds, without those of inner scopes."""
    scope = _Scope(kind, around, set(parameters))
    root = _root(scope)
    stack = [(node, False) for node in body]
    while stack:
        node, comprehended = stack.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {one.asname or one.name.partition(".")[0] for one in node.names}
            scope.bound |= names
            scope.imported |= names
        elif isinstance(node, ast.Global | ast.Nonlocal):
            if scope is not root:
                scope.declared |= dict.fromkeys(node.names, type(node).__name__)
            if isinstance(node, ast.Global):
                root.bound.update(node.names)
        elif isinstance(node, ast.NamedExpr):  # inside a comprehension it binds in the function around it
            scope.bound.add(node.target.id)
        elif (bound := _bound_by(node)) and not comprehended:
            scope.bound.update(bound)
        stack += [(child, comprehended or isinstance(node, _COMPREHENSIONS)) for child in _within(node)]
    return scope


def _bound_by(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Name):
        return [] if isinstance(node.ctx, ast.Load) else [node.id]
    found = getattr(node, _NAMES.get(type(node).__name__, ""), None)
    return [found] if isinstance(found, str) else []


def _within(node: ast.AST) -> Iterator[ast.AST]:
    """The children in the same scope as the node, including those of comprehensions."""
    for part, value in ast.iter_fields(node):
        if isinstance(node, (*_FUNCTIONS, ast.ClassDef)) and part in ("body", "args"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield child


def _root(scope: _Scope) -> _Scope:
    while scope.around is not None:
        scope = scope.around
    return scope
