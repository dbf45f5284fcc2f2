"""All texts that sirev may show to a user, listed once, each with its place.

    python tests/messages.py            prints them by file
    python tests/messages.py recipe     only those of files with this word in their path

A message may be an argument of `BadInput`, a reason that a function returns, a note in a list, or a sentence in parts. So every
text of three words or more counts, except docstrings, regular expressions and data. The help of a command is a docstring that
counts.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import TypeGuard

ROOT = Path(__file__).resolve().parents[1]
DATA = {"tasks/core/arithmetic.py", "tasks/csqa_examples.py", "grading/sandbox/syscalls.py", "grading/sandbox/inside.py"}
"""Files whose texts are problems, answers and lists rather than messages."""
EXPRESSION = re.compile(r"\(\?|\\[bwdsSA]|\[\^")
FEWEST_WORDS = 3


@dataclass(frozen=True)
class Message:
    """A text, with {expression} in the place of a value, and its first place."""

    file: str
    line: int
    text: str


def texts(code: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of every message in Python code, in order."""
    tree = ast.parse(code)
    said = [node for node in ast.walk(tree) if _is_said(node)]
    left_out = {id(part) for node in ast.walk(tree) for part in _not_shown(node)} | {
        id(part) for node in said for part in node.args
    }
    helps = [(node.lineno, told) for node in ast.walk(tree) if _is_command(node) and (told := ast.get_docstring(node))]
    found = [(node.lineno, _text(node)) for node in ast.walk(tree) if _is_text(node) and id(node) not in left_out]
    found += [(node.lineno, "".join(map(_part, node.args))) for node in said]
    yield from sorted((line, text) for line, text in [*helps, *found] if _is_message(text))


@cache
def messages() -> list[Message]:
    """Every message of sirev, once, by file and line."""
    first: dict[str, Message] = {}
    for path in sorted((ROOT / "sirev").rglob("*.py")):
        file = path.relative_to(ROOT / "sirev").as_posix()
        if file not in DATA:
            for line, text in texts(path.read_text(encoding="utf-8")):
                first.setdefault(text, Message(file, line, text))
    return list(first.values())


def _is_text(node: ast.AST) -> TypeGuard[ast.expr]:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(value) for value in node.values)
    return f"{{{ast.unparse(node.value)}}}" if isinstance(node, ast.FormattedValue) else str(getattr(node, "value", ""))


def _is_said(node: ast.AST) -> TypeGuard[ast.Call]:
    """Whether a call adds a sentence in parts, as for a `Paragraph` of a paper."""
    return isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "say"


def _part(node: ast.expr) -> str:
    return _text(node) if _is_text(node) else f"{{{ast.unparse(node)}}}"


def _not_shown(node: ast.AST) -> Iterator[ast.AST]:
    """Yield docstrings and other standalone texts, regular expressions, and the constant parts of f-strings."""
    if isinstance(node, ast.Expr):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield from (value for value in node.values if isinstance(value, ast.Constant))
    elif isinstance(node, ast.Call) and ast.unparse(node.func).startswith("re."):
        yield from (part for argument in node.args for part in ast.walk(argument))


def _is_command(node: ast.AST) -> TypeGuard[ast.FunctionDef]:
    return isinstance(node, ast.FunctionDef) and any(".command(" in ast.unparse(one) for one in node.decorator_list)


def _is_message(text: str) -> bool:
    words = [word for word in re.sub(r"\{.*?\}", "", text).split() if re.search(r"[^\W\d_]{2}", word)]
    return len(words) >= FEWEST_WORDS and not EXPRESSION.search(text)


def main(word: str = "") -> None:
    """Print the messages of the files with `word` in their path."""
    for file, of_file in groupby(messages(), key=lambda message: message.file):
        if word in file:
            print(f"sirev/{file}")
            for message in of_file:
                print(f"  {message.line:>4}  {message.text}")


if __name__ == "__main__":
    main(*sys.argv[1:2])
