"""Tables: rows of plain values, stored as Parquet and named by their rows, not their bytes.

The digest of a table covers canonical JSON of its columns and ordered rows, so another Parquet encoder or another split
into files changes no key.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sirev.parquet import check_bytes, check_cells, read_batches
from sirev.store.digests import canonical_json

TableRow = dict[str, Any]

_TYPES = {"string": "string", "int": "int64", "bool": "bool_", "float": "float64"}
COLUMN_TYPES = tuple(_TYPES)

CELL_BYTES = 9
"""Approximate size of an Arrow cell in bytes, without its text."""


@dataclass(frozen=True)
class Table:
    """Rows with named, typed columns ("string", "int", "bool", "float") in the order of the `order_by` columns."""

    columns: dict[str, str]
    rows: Sequence[TableRow]
    order_by: tuple[str, ...]

    def ordered(self) -> list[TableRow]:
        """The rows in the table's own order."""
        return sorted(self.rows, key=lambda row: tuple(row[c] for c in self.order_by))


def rows_digest(columns: dict[str, str], ordered_rows: Iterable[TableRow]) -> str:
    """sha256 of the columns and the rows, each as one line of canonical JSON."""
    return values_digest(columns, ([row[name] for name in columns] for row in ordered_rows))


def values_digest(columns: dict[str, str], ordered_rows: Iterable[Sequence[Any]]) -> str:
    """Like `rows_digest`, for rows that are values in the order of the table's columns; that of `columns` may differ."""
    digest = hashlib.sha256(canonical_json(columns) + b"\n")
    for values in ordered_rows:
        digest.update(canonical_json(values) + b"\n")
    return digest.hexdigest()


def to_parquet(columns: dict[str, str], rows: Sequence[TableRow]) -> bytes:
    """The rows as one Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, getattr(pa, _TYPES[kind])()) for name, kind in columns.items()])
    sink = io.BytesIO()
    arrays = {name: [row[name] for row in rows] for name in columns}
    pq.write_table(pa.table(arrays, schema=schema), sink, compression="zstd")
    return sink.getvalue()


def check_readable(columns: dict[str, str], rows: Sequence[TableRow], size: int) -> None:
    """Raise TooLarge for rows that could be written as `size` bytes of Parquet but not read again."""
    cells = len(rows) * max(1, len(columns))
    check_cells(len(rows), cells, size)
    texts = [name for name, kind in columns.items() if kind == "string"]
    said = sum(len(row[name].encode()) for name in texts for row in rows if row[name])
    check_bytes(said + CELL_BYTES * cells, size)


def from_parquet(paths: Sequence[Path], order_by: Sequence[str], count: int | None = None) -> list[TableRow]:
    """The rows of one or several Parquet files, sorted by `order_by`; `count` is their expected number.

    Raises TooLarge, a ValueError, before reading files that claim more than their size allows; ValueError for another
    number of rows.
    """
    rows: list[TableRow] = []
    for columns in read_batches(paths, count):
        names = list(columns)
        rows.extend(dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=True))
    rows.sort(key=lambda row: tuple(row[c] for c in order_by))
    return rows
