"""Parquet that somebody else may have written, read in batches and bounded before anything of it is unpacked.

A column of one value is a few bytes, whatever its length, so that a file of a megabyte can hold 20 million rows. Its footer says
so, as does the manifest of an artifact.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

FREE_CELLS, CELLS_PER_BYTE = 1 << 24, 8
"""How many cells, rows times columns, a table may have: so many, and so many more for each byte of its Parquet.

No ratio alone tells honest tables from bombs. 320,000 grades that are all wrong, without an answer, are 1.6 million cells in
24 kB, 68 cells a byte, and a bomb has 64. But honest ones of such a ratio are small: all of that kind is free up to 3.3 million
rows of 5 columns, which take about a gigabyte as rows. Where there are more, they don't say the same: 13 million grades of
GSM8K, 10,000 draws a problem, have 10 cells a byte.
"""
FREE_BYTES, BYTES_PER_BYTE = 2 << 30, 200
"""The same for bytes: what a table's pages unpack to, and what its texts have together when each is counted as often as it is
there. A model that says one thing of 4 kB 320,000 times makes 1.3 GB of a few kilobytes."""
BATCH_ROWS, BATCH_BYTES = 1 << 14, 1 << 27
"""What is unpacked at a time."""
LARGE_CHUNK = 1 << 30
"""Bytes of a column from which Arrow can't build a dictionary of it, whose offsets have 31 bits."""


class TooLarge(ValueError):
    """A table holds more than the bytes it lies in can honestly hold."""


def check_cells(rows: int, cells: int, size: int) -> None:
    """TooLarge unless a table of `size` bytes may have so many cells; asks for what is claimed alone, and reads nothing."""
    if cells > (most := FREE_CELLS + CELLS_PER_BYTE * size):
        raise TooLarge(f"{rows:,} rows with {cells:,} cells in {size:,} bytes of Parquet, where at most {most:,} cells are read")


def check_bytes(count: int, size: int) -> None:
    """TooLarge unless a table of `size` bytes may have so many bytes of pages, or of texts."""
    if count > (most := FREE_BYTES + BYTES_PER_BYTE * size):
        raise TooLarge(f"{count:,} bytes or more in {size:,} bytes of Parquet, where at most {most:,} are read")


def read_batches(paths: Sequence[str | Path], rows: int | None = None) -> Iterator[dict[str, list[Any]]]:
    """The columns of the files, some thousand rows at a time; equal texts are one object.

    Raises TooLarge before anything is read of a file that is too large, ValueError if there are not `rows` of them in all; else
    whatever pyarrow raises for what is no Parquet.
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
                for batch in file.iter_batches(at_once, row_groups=[i], use_threads=False):  # most are small: threads only cost
                    bounds.add_texts(sum(map(_text_bytes, batch.columns)))
                    yield {name: _values(column, words) for name, column in zip(batch.schema.names, batch.columns, strict=True)}


class _Bounds:
    """What was found of a table so far, against what its bytes allow."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.rows = self.cells = self.unpacked = self.texts = 0

    def add(self, footer: Any) -> None:
        """Count what a file's footer says; pyarrow reads of a column what its own number says, not that of the rows."""
        self.rows += footer.num_rows
        for i in range(footer.num_row_groups):
            group = footer.row_group(i)
            chunks = [group.column(j) for j in range(group.num_columns)]
            self.cells += sum(max(chunk.num_values, group.num_rows) for chunk in chunks)
            self.unpacked += sum(chunk.total_uncompressed_size for chunk in chunks)
        check_cells(self.rows, max(self.cells, self.rows), self.size)
        check_bytes(self.unpacked, self.size)

    def add_texts(self, count: int) -> None:
        """Count the bytes of texts, before they are taken apart."""
        self.texts += count
        check_bytes(self.texts, self.size)


def _text_columns(footer: Any) -> tuple[list[str], list[str]]:
    """Columns of texts: plain ones, and those inside of lists and the like that are read as dictionaries.

    A row may have any number of the latter, so that small batches don't bound them.
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
    """How many rows of a row group are unpacked at a time: each of them may have the longest text of its column's dictionary."""
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
    # Not every column is read as a dictionary, such as one of JSON: no text of it is longer than all of them together.
    chunks = [group.column(j) for j in range(group.num_columns)]
    longest += sum(chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema in {*texts} - words.keys())
    return max(1, min(BATCH_ROWS, BATCH_BYTES // max(1, longest)))


def _text_bytes(array: Any) -> int:
    """Bytes of the texts of a column when each is counted as often as it is there."""
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
    """The values of a column; texts that are in `words` are those, others are added to it."""
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
