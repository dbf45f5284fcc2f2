from __future__ import annotations

import ast
import builtins
import warnings
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sirev.metrics.programs import normal_form

SUM = """
def total(xs):
    '''The sum of twice each.'''
    result = 0  # so far
    for x in xs:
        result += x*(2)
    return result
"""


@pytest.mark.parametrize(
    "other",
    [
        "def total(xs):\n  result = 0\n  for x in xs: result += x * 2\n  return (result)",
        'def add(numbers):\n    """Other."""\n    n = 0\n    for one in numbers:\n        n += one * 0x2\n    return n\n\n\n',
        "def list(sum):\n    len = 0\n    for max in sum:\n        len += max * 2\n    return len",
    ],
    ids=["formatting", "names and docstring", "names of builtins"],
)
def test_it_is_one_up_to_formatting_comments_docstrings_and_names(other: str) -> None:
    assert normal_form(other) == normal_form(SUM)


@pytest.mark.parametrize(
    "other",
    [
        SUM.replace("result += x", "result -= x"),
        SUM.replace("(2)", "(2.0)"),
        SUM.replace("return result", "return x"),
        SUM.replace("xs:", "sorted(xs):"),
        SUM + "\nprint(total)",
    ],
)
def test_other_work_is_another_program(other: str) -> None:
    assert normal_form(other) != normal_form(SUM)


SAME: list[tuple[str, str]] = [
    ("f = lambda x, y: x - y", "g = lambda b, a: b - a"),
    ("def f(a):\n return [b for b in a if b]", "def f(b):\n return [a for a in b if a]"),
    ("def f(x):\n return [x for x in x]", "def f(x):\n return [y for y in x]"),
    ("def f(a, b=1): return a\ndef g(a): return a", "def f(c, d=1): return c\ndef h(i): return i"),
    ("n = 0\ndef f():\n global n\n n += 1", "m = 0\ndef g():\n global m\n m += 1"),
    (
        "def f():\n n = 0\n def g():\n  nonlocal n\n  n += 1\n return g",
        "def a():\n b = 0\n def c():\n  nonlocal b\n  b += 1\n return c",
    ),
    ("try: f()\nexcept ValueError as e: print(e)", "try: f()\nexcept ValueError as error: print(error)"),
    ("match f():\n case [a, *b]: print(a, b)", "match f():\n case [x, *y]: print(x, y)"),
    ("if (n := len('a')) > 1: print(n)", "if (m := len('a')) > 1: print(m)"),
    ("def f():\n 'doc'", "def f(): pass"),
    ("x = 'a' 'b'", 'y = "ab"'),
    ("with open(p) as a: a.read()", "with open(p) as b: b.read()"),
]
OTHER: list[tuple[str, str]] = [
    ("def f(x, y): return x - y", "def f(x, y): return y - x"),
    ("def f(x): return sorted(x)", "def f(x): return reversed(x)"),
    ("import math\nmath.floor(1)", "import cmath\ncmath.floor(1)"),
    ("from math import floor\nfloor(1)", "from math import ceil\nceil(1)"),
    ("def f(x): return x.upper()", "def f(x): return x.lower()"),
    ("print(1, end='')", "print(1, sep='')"),
    ("class A:\n def f(self): pass", "class A:\n def g(self): pass"),
    ("x = 1\ndef f(y): return x", "x = 1\ndef f(y): return y"),
    ("def f(x, y):\n return [x for x in x]", "def f(x, y):\n return [x for x in y]"),
    ("def f(x, y=len): return y", "def f(x, y=max): return y"),
    ("x = 1\ny = 2\ndef f(x, z=x): return z", "x = 1\ny = 2\ndef f(x, z=y): return z"),
    ("x = True", "x = 1"),
    ("x = '1'", "x = b'1'"),
    ("f(a, [b])", "f([a], b)"),
    ("class A:\n n = 1\n def f(self): return n", "n = 1\nclass A:\n n = 1\n def f(self): return n"),
    ("def f(x):\n global y\n y = x", "def f(x):\n y = x"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_names_are_one_in_each_scope(one: str, other: str) -> None:
    assert normal_form(one) == normal_form(other)
    assert normal_form(one).startswith("\0")


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_what_a_name_stands_for_matters(one: str, other: str) -> None:
    assert normal_form(one) != normal_form(other)
    assert normal_form(one).startswith("\0")


def test_no_python_is_its_own_normal_form() -> None:
    assert normal_form("  I can't do that.\n") == "I can't do that."
    assert normal_form("def f(:") != normal_form("def g(:")
    assert normal_form("") == normal_form("# nothing") == normal_form("\n")


HOSTILE: dict[str, Callable[[], str]] = {
    "null": lambda: "x = 1\0",
    "half a surrogate pair": lambda: "x = '\ud800'",
    "long decimal": lambda: "x = " + "9" * 5000,
    "long hexadecimal": lambda: "x = 0x" + "f" * 9000,
    "brackets": lambda: "(" * 50_000,
    "closed brackets": lambda: "[" * 190 + "]" * 190,
    "minus signs": lambda: "-" * 90_000 + "1",
    "long sum": lambda: "1" + "+1" * 40_000,
    "attributes": lambda: "a" + ".a" * 40_000,
    "lambdas": lambda: "lambda:" * 10_000 + "0",
    "elif": lambda: "if x: pass\n" + "elif x: pass\n" * 7000,
    "nested functions": lambda: "".join(" " * i + f"def f{i}():\n" for i in range(99)) + " " * 99 + "pass",
    "too long": lambda: "x = 1\n" * 50_000,
    "f-string": lambda: "f'" + "{" * 5000 + "'",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_raises_nothing(text: Callable[[], str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert normal_form(text()) == normal_form(text() + "\n")


def test_warnings_of_the_parser_stay_inside() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert normal_form("x = '\\d'").startswith("\0")
        assert normal_form("x is 1 and 1or 2").startswith("\0")


def test_the_caller_s_depth_changes_nothing() -> None:
    texts = ["1" + "+1" * n for n in (50, 250, 299, 310, 600, 900)]

    def called_at(depth: int) -> list[str]:
        return [normal_form(text) for text in texts] if depth == 0 else called_at(depth - 1)

    assert called_at(0) == called_at(500)
    assert {form[:1] for form in called_at(0)} == {"\0", "1"}


NAMES = ["a", "b", "c", "len", "x1"]


@settings(max_examples=50)
@given(st.permutations(NAMES), st.sampled_from(NAMES), st.sampled_from(NAMES))
def test_renaming_what_a_function_binds_changes_nothing(names: list[str], one: str, other: str) -> None:
    program = f"def f({', '.join(NAMES)}):\n    y = {one} + {other}\n    return [{one} * z for z in y if z != {other}]"
    renamed = {old: f"{new}_" for old, new in zip(NAMES, names, strict=True)} | {"y": "q", "z": "y", "f": "g"}

    class Renamer(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.Name:
            return ast.Name(renamed[node.id], node.ctx)

        def visit_arg(self, node: ast.arg) -> ast.arg:
            return ast.arg(renamed[node.arg])

    assert normal_form(ast.unparse(Renamer().visit(ast.parse(program)))) == normal_form(program)


def test_every_builtin_keeps_its_name() -> None:
    called = [name for name in dir(builtins) if name.isidentifier() and name.islower() and not name.startswith("_")]
    assert len({normal_form(f"def f(x): return {name}(x)") for name in called}) == len(called)
