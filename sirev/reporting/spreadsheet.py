"""CSV for spreadsheets, whose cells hold what they show: none that comes from data is taken for a formula."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection); the wide ones where it is set to Japanese."""
NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)


def as_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, neutral: bool = True) -> str:
    """Rows under a header; `neutral`: a text that a spreadsheet would compute has an apostrophe before it. Numbers stay."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(cell, neutral) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return sink.getvalue()


def _cell(text: str, neutral: bool) -> str:
    formula = neutral and text.startswith(BEGINNINGS) and not NUMBER.fullmatch(text)
    text = text.replace("\r\n", "\n").replace("\r", "\n")  # an \r by itself the csv module does not quote: it would end the row
    return f"'{text}" if formula else text
