"""Tables as the terminal shows them, drawn by rich; one that is too wide is cut into several."""

from __future__ import annotations

import io
import itertools
import sys
from collections.abc import Callable
from typing import Any

from sirev.printing import console, visible, write
from sirev.reporting.headline import WIDTH, HeadlineLine
from sirev.reporting.narrow import fit
from sirev.reporting.tables import TextTable, printable_table

_NARROWEST = 40
"""Characters of a line for which a screen is still made."""
_STYLES = {"bold": "bold", "dim": "dim", "up": "bright_blue", "down": "orange3"}
"""Style of a piece of text -> how rich draws it. Blue for better and brown for worse, as on the page, for any eyes."""


def print_tables(tables: list[TextTable]) -> None:
    """Print the tables to the terminal by rich; where the output is no terminal, as wide as they need."""
    from rich.text import Text

    terminal = _console()
    fitting = [part for table in tables for part in fit(printable_table(table), terminal.width)]
    for i, table in enumerate(fitting):
        if i:
            terminal.print()
        terminal.print(as_rich(table) if table.rows else Text(table.title, style="bold"))
        for note in table.notes:
            terminal.print(note, style="dim")
    _written(terminal)


def print_to_width(lines: Callable[[int], list[HeadlineLine]]) -> None:
    """Print lines of styled text that are made for a width: the terminal's, from 40 to 80 characters."""
    from rich.text import Text

    terminal = _console()
    for line in lines(max(_NARROWEST, min(WIDTH, terminal.width))):
        terminal.print(Text.assemble(*((visible(text), _STYLES.get(style, "")) for text, style in line)), soft_wrap=True)
    _written(terminal)


def _console() -> Any:
    """A console on the terminal, or on what FORCE_COLOR says is one; where there is none, one that gathers what is printed."""
    found = console(force_jupyter=False)
    return found if found.is_terminal else console(force_jupyter=False, file=io.StringIO(), width=400)


def _written(terminal: Any) -> None:
    """Write what a console without a terminal has gathered, without the blanks that fill its lines."""
    if isinstance(terminal.file, io.StringIO):
        write("".join(f"{line.rstrip()}\n" for line in terminal.file.getvalue().splitlines()))
    sys.stdout.flush()


def as_rich(table: TextTable) -> Any:
    """The table as rich draws it."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    drawn = Table(title=table.title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for i, column in enumerate(table.columns):
        # On a narrow terminal titles break, and so do cells between words; a number never breaks.
        longest = max((len(word) for row in table.rows for word in row[i].split()), default=1)
        drawn.add_column(column, justify="left" if i < table.labels else "right", min_width=longest, overflow="fold")
    # A line between runs, whose rows begin with the same labels, unless every run has one row only.
    runs = [row[: table.labels - 1] for row in table.rows]
    apart = any(one == other for one, other in itertools.pairwise(runs))
    for i, row in enumerate(table.rows):
        if apart and i and runs[i] != runs[i - 1]:
            drawn.add_section()
        drawn.add_row(*row)
    return drawn
