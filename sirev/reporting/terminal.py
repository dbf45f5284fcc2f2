"""Tables as the terminal shows them, drawn by rich; one that is too wide is cut into several."""

from __future__ import annotations

import itertools
from typing import Any

from sirev.reporting.narrow import fit
from sirev.reporting.tables import TextTable


def print_tables(tables: list[TextTable]) -> None:
    """Print the tables to the terminal by rich; where the output is no terminal, as wide as they need."""
    from rich.console import Console as RichConsole
    from rich.text import Text

    class Console(RichConsole):
        def on_broken_pipe(self) -> None:  # `sirev report | head`; rich would end the process with status 1
            raise BrokenPipeError

    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, emoji=False, width=400)
    fitting = [part for table in tables for part in fit(table, console.width)]
    for i, table in enumerate(fitting):
        if i:
            console.print()
        console.print(as_rich(table) if table.rows else Text(table.title, style="bold"))
        for note in table.notes:
            console.print(note, style="dim")


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
