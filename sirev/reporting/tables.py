"""Tables of text cells, and formats of numbers, tables and Markdown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sirev.metrics.statistic import Statistic
from sirev.printing import visible

ABSENT = "–"
_TAG = re.compile(r"<(?=[A-Za-z/!?])")


@dataclass
class TextTable:
    """A titled table. The first `labels` columns name a row, the others hold values. Notes go below it."""

    title: str
    columns: list[str]
    labels: int
    rows: list[list[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def fixed(value: float, places: int, *, sign: bool = False) -> str:
    """A number with `places` decimals, and with its sign if `sign`. A number that rounds to zero has no sign."""
    text = f"{value:{'+' if sign else ''}.{places}f}"
    return text if float(text) else text.lstrip("+-")


def percent(statistic: Statistic, places: int = 1) -> str:
    """A share as a percentage. The percent sign stands in the column's title instead."""
    return ABSENT if statistic["value"] is None else fixed(100 * statistic["value"], places)


def number(statistic: Mapping[str, Any], places: int) -> str:
    """A value other than a share, with `places` decimals."""
    return ABSENT if statistic["value"] is None else fixed(statistic["value"], places)


def points(statistic: Statistic) -> str:
    """A difference of shares in percentage points, with its sign."""
    return ABSENT if statistic["value"] is None else fixed(100 * statistic["value"], 1, sign=True)


def between(statistic: Statistic) -> str:
    """The interval of a share in %, or of a difference in points, with "…" for an unknown bound."""
    low, high = ("…" if bound is None else fixed(100 * bound, 1) for bound in (statistic["low"], statistic["high"]))
    return ABSENT if statistic["value"] is None or low == high == "…" else f"[{low}, {high}]"


def with_interval(statistic: Statistic) -> str:
    """A share as a percentage, with its interval; `ABSENT` without a value."""
    return ABSENT if statistic["value"] is None else f"{percent(statistic)} {between(statistic)}"


def p_value(p: float | None) -> str:
    """A p value with three decimals, "<0.001" below that; `ABSENT` for None."""
    return ABSENT if p is None else "<0.001" if p < 0.001 else f"{p:.3f}"


def p_equals(p: float) -> str:
    """A p value in a sentence: "p=0.012", "p<0.001"."""
    return f"p{p_value(p)}" if p < 0.001 else f"p={p_value(p)}"


def without_nothing(table: TextTable) -> TextTable:
    """The table, without its rows if it has notes and every value is absent, "none" or 0: then the notes say why."""
    values = [cell for row in table.rows for cell in row[table.labels :]]
    nothing = bool(values) and all(cell in (ABSENT, "none", "0") for cell in values)
    return replace(table, rows=[]) if nothing and table.notes else table


def printable_table(table: TextTable) -> TextTable:
    """The table with control characters spelled out. A cell is one line."""
    cells = [[visible(cell) for cell in row] for row in (table.columns, table.notes, *table.rows)]
    return replace(table, title=visible(table.title), columns=cells[0], notes=cells[1], rows=cells[2:])


def markdown(tables: list[TextTable]) -> str:
    """The tables in GitHub's Markdown."""
    parts = []
    for table in tables:
        rule = ["---"] * table.labels + ["---:"] * (len(table.columns) - table.labels)
        table = printable_table(table)
        escaped = [list(map(as_markdown, cells)) for cells in (table.columns, *table.rows)]
        lines = ["| " + " | ".join(cells) + " |" for cells in (escaped[0], rule, *escaped[1:])]
        notes = [f"\n{as_markdown(note)}" for note in table.notes]
        lines = lines if table.rows else []
        parts.append("\n".join([f"### {as_markdown(table.title)}\n", *lines, *notes]))
    return "\n\n".join(parts) + "\n"


def as_markdown(text: str) -> str:
    """Text with bars, tags and links escaped for Markdown: bars would end a cell, and data may hold tags and links."""
    return _TAG.sub("&lt;", text.replace("|", "\\|")).replace("](", "]\\(")
