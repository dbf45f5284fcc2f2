"""Tables: rows of plain values, kept as Parquet, named by their rows rather than their bytes.

The digest of a table is taken over canonical JSON of its columns and ordered rows, so another Parquet encoder
or another split into files leaves every key that depends on it alone.
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
"""What Arrow has for a cell beside its text, about."""


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
    """sha256 over the columns and the rows, one canonical JSON line each."""
    return values_digest(columns, ([row[name] for name in columns] for row in ordered_rows))


def values_digest(columns: dict[str, str], ordered_rows: Iterable[Sequence[Any]]) -> str:
    """As `rows_digest`, of rows that are values in the order of the table's columns, which `columns` need not be in."""
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
    """TooLarge for rows that could be written as `size` bytes of Parquet, and then not be read."""
    cells = len(rows) * max(1, len(columns))
    check_cells(len(rows), cells, size)
    texts = [name for name, kind in columns.items() if kind == "string"]
    said = sum(len(row[name].encode()) for name in texts for row in rows if row[name])
    check_bytes(said + CELL_BYTES * cells, size)


def from_parquet(paths: Sequence[Path], order_by: Sequence[str], count: int | None = None) -> list[TableRow]:
    """The rows of one or several Parquet files, in table order; `count` is how many there should be.

    Raises TooLarge, a ValueError, before files are read that hold more than their bytes can honestly hold; ValueError for
    another number.
    """
    rows: list[TableRow] = []
    for columns in read_batches(paths, count):
        names = list(columns)
        rows.extend(dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=True))
    rows.sort(key=lambda row: tuple(row[c] for c in order_by))
    return rows
