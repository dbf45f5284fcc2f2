"""Reading of untrusted Parquet: in batches, with bounds checked before anything is unpacked.

A column of one value takes a few bytes at any length, so a file of a megabyte can hold 20 million rows. Its footer gives the
number, as does an artifact's manifest.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

FREE_CELLS, CELLS_PER_BYTE = 1 << 24, 8
"""Limit of a table's cells, rows times columns: `FREE_CELLS`, plus `CELLS_PER_BYTE` for each byte of its Parquet.

No ratio alone separates honest tables from bombs. 320,000 grades that are all wrong, without an answer, are 1.6 million cells in
24 kB, 68 cells per byte, and a bomb has 64. But honest tables of such a ratio are small: they are free up to 3.3 million
rows of 5 columns, which take about a gigabyte as rows. Larger ones vary more: 13 million grades of GSM8K, 10,000 draws per
problem, have 10 cells per byte.
"""
FREE_BYTES, BYTES_PER_BYTE = 2 << 30, 200
"""The same limit for bytes: of a table's unpacked pages, and of its texts, repeats included. A model that repeats a text of 4 kB
320,000 times makes 1.3 GB of a few kilobytes."""
BATCH_ROWS, BATCH_BYTES = 1 << 14, 1 << 27
"""The most rows, and about the most bytes, that are unpacked at a time."""
LARGE_CHUNK = 1 << 30
"""Bytes of a column from which Arrow can't build its dictionary, whose offsets have 31 bits."""


class TooLarge(ValueError):
    """A table claims more than an honest file of its size can hold."""


def check_cells(rows: int, cells: int, size: int) -> None:
    """Raise TooLarge if a table of `size` bytes claims too many cells; reads nothing."""
    if cells > (most := FREE_CELLS + CELLS_PER_BYTE * size):
        raise TooLarge(f"{rows:,} rows with {cells:,} cells in {size:,} bytes of Parquet, where at most {most:,} cells are read")


def check_bytes(count: int, size: int) -> None:
    """Raise TooLarge if a table of `size` bytes has too many bytes of pages, or of texts."""
    if count > (most := FREE_BYTES + BYTES_PER_BYTE * size):
        raise TooLarge(f"{count:,} bytes or more in {size:,} bytes of Parquet, where at most {most:,} are read")


def read_batches(paths: Sequence[str | Path], rows: int | None = None) -> Iterator[dict[str, list[Any]]]:
    """Yield the files' columns, name -> values, some thousand rows at a time; equal texts are one object.

    Raises TooLarge before reading a file that is too large, ValueError if there are not `rows` rows in all, and pyarrow's
    errors for a file that is not Parquet.
    """
    import pyarrow.parquet as pq

    bounds = _Bounds(sum(os.stat(path).st_size for path in paths))
    footers = []
    for path in paths:
        footers.append(pq.read_metadata(path))
        bounds.add(footers[-1])
    if rows is not None and bounds.rows != rows:
        raise ValueError(f"{bounds.rows:,} rows where its manifest says {rows:,}")
    words: dict[Any, Any] = {}
    for path, footer in zip(paths, footers, strict=True):
        flat, nested = _text_columns(footer)
        with pq.ParquetFile(path, metadata=footer, read_dictionary=nested) as file:
            for i in range(footer.num_row_groups):
                at_once = _batch_rows(path, footer, i, flat)
                for batch in file.iter_batches(at_once, row_groups=[i], use_threads=False):  # most are small: threads don't pay
                    bounds.add_texts(sum(map(_text_bytes, batch.columns)))
                    yield {name: _values(column, words) for name, column in zip(batch.schema.names, batch.columns, strict=True)}


class _Bounds:
    """Totals of a table so far, checked against the limits of its size."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.rows = self.cells = self.unpacked = self.texts = 0

    def add(self, footer: Any) -> None:
        """Add a file's footer; pyarrow reads as many values of a column as the column claims, not as there are rows."""
        self.rows += footer.num_rows
        for i in range(footer.num_row_groups):
            group = footer.row_group(i)
            chunks = [group.column(j) for j in range(group.num_columns)]
            self.cells += sum(max(chunk.num_values, group.num_rows) for chunk in chunks)
            self.unpacked += sum(chunk.total_uncompressed_size for chunk in chunks)
        check_cells(self.rows, max(self.cells, self.rows), self.size)
        check_bytes(self.unpacked, self.size)

    def add_texts(self, count: int) -> None:
        """Add the bytes of texts, before they are unpacked."""
        self.texts += count
        check_bytes(self.texts, self.size)


def _text_columns(footer: Any) -> tuple[list[str], list[str]]:
    """Columns of texts: flat ones, and those nested in lists or structs, which are read as dictionaries.

    A row may have any number of nested texts, so small batches don't bound them.
    """
    names = set(footer.schema.to_arrow_schema().names)
    flat, nested = [], []
    for j in range(footer.num_columns):
        column = footer.schema.column(j)
        if column.physical_type != "BYTE_ARRAY":
            continue
        size = sum(footer.row_group(i).column(j).total_uncompressed_size for i in range(footer.num_row_groups))
        if column.path in names:
            flat.append(column.path)
        elif size < LARGE_CHUNK:
            nested.append(column.path)
    return flat, nested


def _batch_rows(path: str | Path, footer: Any, i: int, texts: list[str]) -> int:
    """Rows of a row group per batch, as if each row had the longest text of its column's dictionary."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    group = footer.row_group(i)
    if not texts or group.num_rows * group.total_byte_size <= BATCH_BYTES:
        return BATCH_ROWS
    with pq.ParquetFile(path, metadata=footer, read_dictionary=texts) as file:
        first = next(file.iter_batches(1, row_groups=[i], columns=texts, use_threads=False), None)
    columns = [] if first is None else [*zip(first.schema.names, first.columns, strict=True)]
    words = {name: column.dictionary for name, column in columns if pa.types.is_dictionary(column.type)}
    longest: int = sum(pc.max(pc.binary_length(dictionary)).as_py() or 0 for dictionary in words.values())
    # Some columns, such as JSON, are not read as dictionaries: there, no text is longer than the whole column.
    chunks = [group.column(j) for j in range(group.num_columns)]
    longest += sum(chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema in {*texts} - words.keys())
    return max(1, min(BATCH_ROWS, BATCH_BYTES // max(1, longest)))


def _text_bytes(array: Any) -> int:
    """Bytes of a column's texts, repeats included."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = array.type
    if pa.types.is_dictionary(kind) and not pa.types.is_nested(kind.value_type):
        lengths = pc.cast(pc.binary_length(array.dictionary), pa.int64()).take(array.indices)
        return pc.sum(lengths).as_py() or 0
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _text_bytes(array.flatten())
    if pa.types.is_struct(kind):
        return sum(map(_text_bytes, array.flatten()))
    return int(array.nbytes)


def _values(array: Any, words: dict[Any, Any]) -> list[Any]:
    """The values of a column; equal texts become one object, by way of `words`."""
    import pyarrow as pa

    kind = array.type
    if pa.types.is_dictionary(kind):
        entries = array.dictionary.to_pylist()
        return [None if i is None else entries[i] for i in array.indices.to_pylist()]
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inner = _values(array.flatten(), words)
        found, at = [], 0
        for length in array.value_lengths().to_pylist():
            found.append(None if length is None else inner[at : at + length])
            at += length or 0
        return found
    values: list[Any] = array.to_pylist()
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return [words.setdefault(value, value) for value in values]
    return values
