"""Rows as published, from local JSONL files or the Hugging Face Hub, each with its origin."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sirev import hub
from sirev.errors import BadInput
from sirev.inputs import TooDeep, most_unpacked, parse_json, refuse_wide_encoding, require_plain_file, unpacks_to_too_much

_SHOWN = 60  # characters of a bad value that a message quotes
LINE_BYTES = 1 << 28
"""The longest line: 10,000 completions of one problem, 25 kB each. A file that is not JSONL may be a single line."""
INT64 = 1 << 63
"""Bound of whole numbers in a column of a table: from -2^63 to below 2^63."""

IN_A_RECIPE = "or name local files with `path` next to `hub` (task.data.path)"
"""Advice for a recipe to do without the Hub."""


@dataclass(frozen=True)
class Row:
    """One upstream row; `where` is "FILE:LINE" or "REPOSITORY@REVISION SPLIT[INDEX]"."""

    where: str
    values: dict[str, Any]


def read_jsonl(path: Path | str) -> list[Row]:
    """The rows of a .jsonl file, gzipped if the name ends in .gz; blank lines and a byte order mark are skipped.

    Raises BadInput naming file and line if it is missing, empty, not UTF-8, not JSON, no object, or truncated.
    """
    return list(iter_jsonl(path))


def iter_jsonl(path: Path | str) -> Iterator[Row]:
    """Yield the rows of `read_jsonl` one by one."""
    empty = True
    for number, line in _lines(Path(path)):
        if line.strip():
            yield Row(f"{path}:{number}", _parsed(f"{path}:{number}", line))
            empty = False
    if empty:
        raise BadInput(f"{path}: holds no row; expected one JSON object per line")


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    import gzip  # loading a recipe imports all tasks, but reads no rows
    import zlib

    require_plain_file(path)
    number = unpacked = 0
    packed = path.suffix == ".gz"
    try:
        most = most_unpacked(path) if packed else 0
        # Read as bytes: text mode would also end a line at a lone carriage return, which JSON allows as whitespace.
        with gzip.open(path) if packed else path.open("rb") as file:
            while line := file.readline(LINE_BYTES + 1):
                number += 1
                unpacked += len(line)
                if packed and unpacked > most:
                    raise BadInput(f"{path}:{number}: {unpacks_to_too_much(path)}")
                if len(line) > LINE_BYTES:
                    raise BadInput(f"{path}:{number}: a line of more than {LINE_BYTES:,} bytes; expected one row per line")
                if number == 1:
                    refuse_wide_encoding(path, line)
                    line = line.removeprefix(codecs.BOM_UTF8)
                yield number, line
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BadInput(f"{path}:{number + 1}: the gzip data is cut off or damaged: {one_line(error)}") from None
    except OSError as error:
        raise BadInput(f"{path}: can't be read: {error.strerror or one_line(error)}") from None


def _parsed(where: str, line: bytes) -> dict[str, Any]:
    try:
        value = parse_json(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise BadInput(f"{where}: not UTF-8: byte {line[error.start]:#04x} at column {error.start + 1}") from None
    except TooDeep as error:
        raise BadInput(f"{where}: JSON {error}") from None
    except ValueError as error:
        raise BadInput(f"{where}: not JSON: {one_line(error)}") from None
    if not isinstance(value, dict):
        raise BadInput(f"{where}: not a JSON object but {shown(value)}")
    return value


def read_hub(repo: str, config: str | None, revision: str | None, split: str) -> list[Row]:
    """The rows of one split of a data set on the Hub.

    Raises BadInput with a remedy if the data set is unavailable: gated, missing, offline, no such split; and, before it is
    downloaded, if the package datasets is missing.
    """
    name = f"{repo}@{revision or 'main'} {split}"
    if find_spec("datasets") is None:
        raise BadInput(f"{name}: rows of the Hub need datasets, which is not installed: pip install datasets, {IN_A_RECIPE}")
    try:
        # Not load_dataset(repo, revision=...): offline, it would ignore the revision and take the latest one in its cache.
        folder = hub.repository_snapshot("dataset", repo, revision)
    except BadInput as error:
        raise BadInput(f"data set: {error}, {IN_A_RECIPE}") from None
    import datasets

    try:
        rows = datasets.load_dataset(str(folder), config, split=split)
        found = [Row(f"{name}[{i}]", dict(values)) for i, values in enumerate(rows)]
    except Exception as error:  # datasets and pyarrow raise various types
        raise BadInput(f"{name}: {one_line(error)}; check its hub, config and revision in the recipe, {IN_A_RECIPE}") from None
    if not found:
        raise BadInput(f"{name}: holds no row")
    return found


def text(row: Row, field: str, *, empty: bool = False) -> str:
    """The string in a field of the row; BadInput if it is missing, no string, not encodable or, unless `empty`, blank."""
    if field not in row.values:
        raise BadInput(f"{row.where}: field {field!r} is missing (there: {', '.join(map(str, row.values)) or 'none'})")
    value = row.values[field]
    if not isinstance(value, str):
        raise BadInput(f"{row.where}: field {field!r} must be a string, found {shown(value)}")
    if not empty and not value.strip():
        raise BadInput(f"{row.where}: field {field!r} is empty")
    if any("\ud800" <= c <= "\udfff" for c in value):  # JSON can encode half of a surrogate pair, which no UTF-8 file can hold
        raise BadInput(f"{row.where}: field {field!r} holds half of a surrogate pair: {shown(value)}")
    return value


def shown(value: object) -> str:
    """A value for a message: on one line, shortened, with its type unless that is obvious."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    said = ascii(value) if isinstance(value, str) else " ".join(repr(value).split())
    short = said if len(said) <= _SHOWN else said[: _SHOWN - 3] + "..."
    return short if isinstance(value, str) else f"{short} ({type(value).__name__})"


def one_line(error: BaseException) -> str:
    """An exception's message without line breaks; its type if there is no message."""
    return " ".join(str(error).split()) or type(error).__name__
