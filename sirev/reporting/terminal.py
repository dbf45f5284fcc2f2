"""Tables on the terminal, drawn by rich. Tables that are too wide are cut into several."""

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
"""Narrowest width of a screen, in characters."""
_STYLES = {"bold": "bold", "dim": "dim", "up": "bright_blue", "down": "orange3"}
"""Style of a piece of text -> rich's style. Blue is better and orange worse: colour-blind readers can tell them apart."""


def print_tables(tables: list[TextTable]) -> None:
    """Print the tables by rich, to the terminal's width. Output that is not a terminal gets up to 400 columns."""
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
    """Print lines of styled text. `lines` makes them for a width: the terminal's, limited to 40 to 80 characters."""
    from rich.text import Text

    terminal = _console()
    for line in lines(max(_NARROWEST, min(WIDTH, terminal.width))):
        terminal.print(Text.assemble(*((visible(text), _STYLES.get(style, "")) for text, style in line)), soft_wrap=True)
    _written(terminal)


def _console() -> Any:
    """A console on the terminal (FORCE_COLOR makes any output one); without a terminal, one that buffers its output."""
    found = console(force_jupyter=False)
    return found if found.is_terminal else console(force_jupyter=False, file=io.StringIO(), width=400)


def _written(terminal: Any) -> None:
    """Write the output of a buffering console, without trailing blanks."""
    if isinstance(terminal.file, io.StringIO):
        write("".join(f"{line.rstrip()}\n" for line in terminal.file.getvalue().splitlines()))
    sys.stdout.flush()


def as_rich(table: TextTable) -> Any:
    """The table as a rich table."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    drawn = Table(title=table.title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for i, column in enumerate(table.columns):
        # On a narrow terminal, titles and cells break between words, numbers never.
        longest = max((len(word) for row in table.rows for word in row[i].split()), default=1)
        drawn.add_column(column, justify="left" if i < table.labels else "right", min_width=longest, overflow="fold")
    # Rows of a run begin with the same labels. Runs get lines between them, unless each has a single row.
    runs = [row[: table.labels - 1] for row in table.rows]
    apart = any(one == other for one, other in itertools.pairwise(runs))
    for i, row in enumerate(table.rows):
        if apart and i and runs[i] != runs[i - 1]:
            drawn.add_section()
        drawn.add_row(*row)
    return drawn
