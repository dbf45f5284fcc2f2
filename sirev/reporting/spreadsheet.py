"""CSV for spreadsheets, safe against cells that would be read as formulas."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""Beginnings of a formula (OWASP, CSV injection). The wide ones count in Japanese spreadsheets."""
NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)


def as_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, neutral: bool = True) -> str:
    """Rows under a header, as CSV. With `neutral`, texts that look like formulas get an apostrophe in front; numbers do not."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(cell, neutral) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return sink.getvalue()


def _cell(text: str, neutral: bool) -> str:
    formula = neutral and text.startswith(BEGINNINGS) and not NUMBER.fullmatch(text)
    text = text.replace("\r\n", "\n").replace("\r", "\n")  # the csv module does not quote a lone \r, which would end the row
    return f"'{text}" if formula else text
