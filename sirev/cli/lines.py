"""Plain lines, wrapped where a terminal would break them anywhere."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterable


def print_lines(lines: Iterable[str]) -> None:
    """Print lines; on a terminal broken between words, what follows indented by two more than the line itself."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in lines:
        if width is None or len(line) <= width:
            print(line)
            continue
        indent = " " * (len(line) - len(line.lstrip()) + 2)
        print("\n".join(textwrap.wrap(line, width, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False)))
