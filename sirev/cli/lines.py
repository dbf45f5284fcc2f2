"""Plain lines, wrapped between words on a terminal."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sirev.printing import console, out, visible

UNLIMITED = 10_000
"""The width if the output is not a terminal."""


@dataclass(frozen=True)
class Line:
    """A line to print, and its rich style on a terminal, such as "bold red"."""

    text: str
    style: str = ""


def print_lines(lines: Iterable[str]) -> None:
    """Print lines; on a terminal wrapped between words, with continuations indented by two more than the line."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in lines:
        if width is None or len(line) <= width:
            out(line)
            continue
        out(*wrapped(visible(line), width, len(line) - len(line.lstrip()) + 2))


def print_styled(lines: Callable[[int], Iterable[Line]]) -> None:
    """Print the lines that `lines` makes for a width; with their styles on a terminal, unless NO_COLOR is set."""
    if not sys.stdout.isatty():
        for line in lines(UNLIMITED):
            out(line.text)
        return
    from rich.text import Text

    terminal = console()
    for line in lines(shutil.get_terminal_size().columns):
        terminal.print(Text(visible(line.text), line.style), soft_wrap=True)


def wrapped(line: str, width: int, indent: int) -> list[str]:
    """A line wrapped between words, with continuations indented by `indent`."""
    if len(line) <= width:
        return [line]
    return textwrap.wrap(line, width, subsequent_indent=" " * indent, break_on_hyphens=False, break_long_words=False)
