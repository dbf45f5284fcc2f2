"""Plain lines, wrapped between words on a terminal."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sirev.listing import count_text
from sirev.printing import console, out, out_path, visible, write

UNLIMITED = 10_000
"""The width if the output is not a terminal."""
_FEW = 2
"""The most files that are listed by name."""


@dataclass(frozen=True)
class Line:
    """A line to print, and its rich style on a terminal, such as "bold red"."""

    text: str
    style: str = ""


def print_lines(lines: Iterable[str], after: str | None = None) -> None:
    """Print lines; on a terminal wrapped between words, with continuations after `after`, else indented by two more."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in lines:
        if width is None or len(line) <= width:
            out(line)
            continue
        out(*wrapped(visible(line), width, " " * (len(line) - len(line.lstrip()) + 2) if after is None else after))


def print_text(text: str, after: str | None = "") -> None:
    """Print a text of whole lines; on a terminal broken between words, as by `print_lines`."""
    if sys.stdout.isatty():
        print_lines(text.splitlines(), after)
    else:
        write(text)


def print_written(files: Sequence[Path], folder: Path) -> None:
    """Print the paths of files that were written; of more than two the folder, which was named, and their number."""
    if len(files) > _FEW:
        out(f"{count_text(len(files), 'file')} written to {folder}")
        return
    for path in files:
        out_path(path)


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


def wrapped(line: str, width: int, after: int | str) -> list[str]:
    """A line wrapped between words. Continuations are indented by `after`, or begin with it if it is a text such as "# "."""
    if len(line) <= width:
        return [line]
    start = " " * after if isinstance(after, int) else after
    return textwrap.wrap(line, width, subsequent_indent=start, break_on_hyphens=False, break_long_words=False)
