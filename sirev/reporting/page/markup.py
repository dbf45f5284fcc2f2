"""Escaping for HTML, formats of numbers, and text tables as HTML tables."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from typing import Any

from sirev.reporting.tables import TextTable


def escaped(text: object) -> str:
    """Text escaped for HTML, also inside quoted attributes. Control and bidirectional characters are shown by code point."""
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\u202a-\u202e\u2066-\u2069]", _by_number, html.escape(str(text)))


def _by_number(sign: re.Match[str]) -> str:
    return f"[U+{ord(sign.group()):04X}]"


def with_minus(words: str) -> str:
    """Text escaped for HTML, with a minus sign for a hyphen before a number."""
    return re.sub(r"(?<![\w.])-(?=\d)", "−", escaped(words))


def signed(value: float, places: int) -> str:
    """A difference with its sign, a true minus; without a sign if it rounds to zero."""
    text = f"{value:+.{places}f}".replace("-", "−")
    return text[1:] if not float(text.replace("−", "-")) else text


def value_at(data: Mapping[str, Any] | None, *path: str) -> Any:
    """The value at `path`; None if a part of the path is missing or null."""
    found: Any = data
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def definitions(rows: Iterable[tuple[str, str]]) -> str:
    """A list of (term, text) pairs as HTML; "" without any."""
    items = "".join(f"<div><dt>{escaped(term)}</dt><dd>{escaped(text)}</dd></div>" for term, text in rows)
    return f"<dl>{items}</dl>" if items else ""


def tables_as_html(tables: list[TextTable]) -> str:
    """The tables in order, with links to each above; all text is escaped.

    Runs with several rows have a line between them. Tables without rows get a line each at the end.
    """
    shown = [table for table in tables if table.rows]
    names = [f"table-{i}" for i in range(1, len(shown) + 1)]
    links = "".join(f'<li><a href="#{name}">{escaped(table.title)}</a></li>' for name, table in zip(names, shown, strict=True))
    empty = "".join(
        f"<li>{escaped(table.title)}: {escaped(' '.join(table.notes) or 'nothing')}</li>" for table in tables if not table.rows
    )
    return "\n".join(
        [
            *([f'<ol class="contents">{links}</ol>'] if len(shown) > 2 else []),
            *(_table(name, table) for name, table in zip(names, shown, strict=True)),
            *([f'<h3>Not measured</h3><ul class="notes">{empty}</ul>'] if empty else []),
        ]
    )


def _table(name: str, table: TextTable) -> str:
    title = escaped(table.title)
    runs = [row[: table.labels - 1] for row in table.rows]
    apart = len({tuple(run) for run in runs}) < len(runs)
    rows = []
    for i, row in enumerate(table.rows):
        begins = ' class="begins"' if apart and i and runs[i] != runs[i - 1] else ""
        rows.append(f"<tr{begins}>{_cells(row, table.labels)}</tr>")
    heads = "".join(f'<th scope="col"{_label(i, table.labels)}>{escaped(column)}</th>' for i, column in enumerate(table.columns))
    notes = "".join(f"<p>{escaped(note)}</p>" for note in table.notes)
    return (
        f'<div class="table" id="{name}"><h3>{title}</h3><div class="scroll" tabindex="0" role="region" aria-label="{title}">'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
        f'<div class="notes">{notes}</div></div>'
    )


def _cells(row: list[str], labels: int) -> str:
    first = f'<th scope="row" class="label">{escaped(row[0])}</th>'
    return first + "".join(f"<td{_label(i, labels)}>{escaped(cell)}</td>" for i, cell in enumerate(row[1:], 1))


def _label(i: int, labels: int) -> str:
    return ' class="label"' if i < labels else ""
