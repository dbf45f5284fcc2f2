"""The rows of files of completions: JSONL, JSONL.gz, Parquet, or one JSON value. Text is data: nothing is evaluated."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path
from typing import Any

from sirev.errors import BadInput
from sirev.tasks.rows import Row, one_line, read_jsonl, shown

FORMS = (".parquet", ".json", ".jsonl")


def form_of(path: Path) -> str:
    """How a file is written, by its name: ".jsonl", ".json" or ".parquet"; a .gz at the end says nothing about it."""
    suffix = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    return suffix if suffix in FORMS else ".jsonl"


def read_rows(path: Path, form: str) -> list[Row]:
    """The rows of a file in a form of `FORMS`; BadInput naming file and place where it can't be read or holds none."""
    if form == ".parquet":
        return _parquet(path)
    return _json(path) if form == ".json" else read_jsonl(path)


def _parquet(path: Path) -> list[Row]:
    import pyarrow.parquet as pq

    rows: list[Row] = []
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches():
                rows += [Row(f"{path} row {len(rows) + i}", values) for i, values in enumerate(batch.to_pylist(), 1)]
    except OSError as error:
        raise BadInput(f"{path}: can't be read: {error.strerror or one_line(error)}") from None
    except Exception as error:  # whatever pyarrow raises
        raise BadInput(f"{path}: not Parquet: {one_line(error)}") from None
    if not rows:
        raise BadInput(f"{path}: holds no row")
    return rows


def _json(path: Path) -> list[Row]:
    """A list of objects, or the one object of EvalPlus' results."""
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        value: Any = json.loads(raw.decode("utf-8"))
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BadInput(f"{path}: the gzip data is cut off or damaged: {one_line(error)}") from None
    except OSError as error:
        raise BadInput(f"{path}: can't be read: {error.strerror or one_line(error)}") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: not UTF-8: {error.reason} at byte {error.start}") from None
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path}: not JSON: {one_line(error)} (rows, one a line, belong in a .jsonl file)") from None
    if isinstance(value, dict):
        return [Row(str(path), value)]
    if not isinstance(value, list) or not value:
        raise BadInput(f"{path}: one JSON object or a list of them is wanted, found {shown(value)}")
    for i, one in enumerate(value):
        if not isinstance(one, dict):
            raise BadInput(f"{path}[{i}]: not a JSON object but {shown(one)}")
    return [Row(f"{path}[{i}]", one) for i, one in enumerate(value)]
