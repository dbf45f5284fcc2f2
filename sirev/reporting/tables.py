"""Tables of text cells, and the forms they are printed in."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

from sirev.metrics.statistic import Statistic

ABSENT = "–"


@dataclass
class TextTable:
    """A titled table; the first `labels` columns name a row, the others hold numbers. Notes go below it."""

    title: str
    columns: list[str]
    labels: int
    rows: list[list[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def percent(statistic: Statistic) -> str:
    """A share as a percentage with one decimal, without the sign."""
    return ABSENT if statistic["value"] is None else f"{100 * statistic['value']:.1f}"


def share(statistic: Statistic) -> str:
    """A share of 0..1 with three decimals."""
    return ABSENT if statistic["value"] is None else f"{statistic['value']:.3f}"


def markdown(tables: list[TextTable]) -> str:
    """The tables as GitHub's Markdown."""
    parts = []
    for table in tables:
        rule = ["---"] * table.labels + ["---:"] * (len(table.columns) - table.labels)
        escaped = [[cell.replace("|", "\\|") for cell in cells] for cells in (table.columns, *table.rows)]
        lines = ["| " + " | ".join(cells) + " |" for cells in (escaped[0], rule, *escaped[1:])]
        notes = [f"\n{note}" for note in table.notes]
        parts.append("\n".join([f"### {table.title}\n", *lines, *notes]))
    return "\n\n".join(parts) + "\n"


def print_tables(tables: list[TextTable]) -> None:
    """Print the tables to the terminal by rich; where the output is no terminal, as wide as they need."""
    from rich.console import Console as RichConsole

    class Console(RichConsole):
        def on_broken_pipe(self) -> None:  # `sirev report | head`; rich would end the process with status 1
            raise BrokenPipeError

    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=400)
    for i, table in enumerate(tables):
        if i:
            console.print()
        console.print(as_rich(table))
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
