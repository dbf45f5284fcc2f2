"""Rows from files of completions: JSONL, JSONL.gz, Parquet, or one JSON value. Text is data: nothing is evaluated."""

from __future__ import annotations

import codecs
import glob
import gzip
import os
import re
import zlib
from pathlib import Path
from typing import Any

from sirev.errors import BadInput
from sirev.inputs import TooDeep, most_unpacked, parse_json, refuse_wide_encoding, require_plain_file, unpacks_to_too_much
from sirev.parquet import TooLarge, read_batches
from sirev.tasks.external.inspect_logs import read_eval
from sirev.tasks.rows import Row, iter_jsonl, one_line, read_jsonl, shown

FILE_FORMS = (".parquet", ".eval", ".json", ".jsonl")
NOT_READ = (
    *(".csv", ".tsv", ".xls", ".xlsx", ".ods", ".arrow", ".feather", ".pkl", ".pickle", ".pt", ".npy", ".npz"),
    *(".yaml", ".yml", ".xml", ".html", ".md", ".zip", ".tar", ".tgz", ".zst", ".xz", ".bz2"),
)
"""Endings of names of files in other forms, which are refused; any other file is read as JSONL."""


def file_form(path: Path) -> str:
    """The form of a file, by its name: ".jsonl", ".json", ".parquet" or inspect_ai's ".eval"; a final .gz is ignored.

    Raises BadInput for an ending in `NOT_READ`, such as .csv.
    """
    suffix = _suffix(path)
    if suffix in NOT_READ:
        raise BadInput(f"{path}: {suffix[1:].upper()} is not read; JSONL, JSON or Parquet")
    return suffix if suffix in FILE_FORMS else ".jsonl"


def _suffix(path: Path) -> str:
    return (Path(path.stem).suffix if path.suffix.lower() == ".gz" else path.suffix).lower()


def files_at(place: str | Path) -> list[Path]:
    """The files of a path: a file itself, those in a folder, or those that match a pattern such as "m1-*.jsonl".

    In the order of names, with numbers by value. A missing file is returned as well: if it was read before, its content may
    be known. Raises BadInput for a folder without readable files or with several forms, and for a pattern without a match.
    """
    path = Path(os.path.expanduser(place))
    if path.is_dir():
        found = [one for one in path.iterdir() if one.is_file() and not one.name.startswith(".") and _suffix(one) in FILE_FORMS]
        kinds = sorted({_suffix(one) for one in found})
        if not found:
            raise BadInput(f"{place}: the folder holds no {', '.join(FILE_FORMS[:-1])} or {FILE_FORMS[-1]} file")
        if len(kinds) > 1:
            raise BadInput(
                f"{place}: the folder holds {' and '.join(kinds)} files; choose by a pattern, such as {path / '*'}{kinds[-1]}"
            )
    elif not path.exists() and glob.has_magic(str(path)):
        found = [Path(one) for one in glob.glob(str(path), recursive=True) if Path(one).is_file()]
        if not found:
            raise BadInput(f"{place}: no file matches this pattern")
    else:
        return [path]
    return sorted(found, key=lambda one: [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in _parts(one)])


def _parts(path: Path) -> list[str]:
    return [part for part in re.split(r"(\d+)", str(path)) if part]


def read_rows(path: Path, form: str) -> list[Row]:
    """The rows of a file in one of `FILE_FORMS`; BadInput naming file and place if it can't be read or has no rows."""
    if form == ".parquet":
        return _parquet(path)
    if form == ".eval":
        require_plain_file(path)
        return read_eval(path)
    return _json(path) if form == ".json" else _lines(path)


def first_row(path: Path, form: str) -> Row:
    """The first row of a file; only JSON lines are not read to the end."""
    if form != ".jsonl" or _begins_a_list(path):
        return read_rows(path, form)[0]
    return next(iter_jsonl(path))


def _lines(path: Path) -> list[Row]:
    """The rows of JSON lines, or of a JSON list in a file of that name."""
    if _begins_a_list(path):
        try:
            return _json(path)
        except BadInput:
            pass
    return read_jsonl(path)


def _begins_a_list(path: Path) -> bool:
    require_plain_file(path)
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            return file.read(64).removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"[")
    except (OSError, EOFError, zlib.error):  # reading it will report the error
        return False


def _parquet(path: Path) -> list[Row]:
    require_plain_file(path)
    rows: list[Row] = []
    try:
        for columns in read_batches([path]):
            for values in zip(*columns.values(), strict=True):
                rows.append(Row(f"{path} row {len(rows) + 1}", dict(zip(columns, values, strict=True))))
    except MemoryError:
        raise
    except TooLarge as error:
        raise BadInput(f"{path}: {error}") from None
    except OSError as error:
        raise BadInput(f"{path}: can't be read: {error.strerror or one_line(error)}") from None
    except Exception as error:  # pyarrow raises various types
        raise BadInput(f"{path}: not Parquet: {one_line(error)}") from None
    if not rows:
        raise BadInput(f"{path}: holds no row")
    return rows


def _json(path: Path) -> list[Row]:
    """The rows of a JSON file: a list of objects, or one object, such as EvalPlus' results."""
    require_plain_file(path)
    try:
        raw = _unpacked(path) if path.suffix == ".gz" else path.read_bytes()
        refuse_wide_encoding(path, raw[:4])
        value: Any = parse_json(raw.decode("utf-8-sig"))
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BadInput(f"{path}: the gzip data is cut off or damaged: {one_line(error)}") from None
    except OSError as error:
        raise BadInput(f"{path}: can't be read: {error.strerror or one_line(error)}") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: not UTF-8: {error.reason} at byte {error.start}") from None
    except TooDeep as error:
        raise BadInput(f"{path}: JSON {error}") from None
    except ValueError as error:
        if lines := _as_lines(path):
            return lines
        raise BadInput(f"{path}: not JSON: {one_line(error)} (rows, one per line, belong in a .jsonl file)") from None
    if isinstance(value, dict):
        return [Row(str(path), value)]
    if not isinstance(value, list) or not value:
        raise BadInput(f"{path}: expected one JSON object or a list of them, found {shown(value)}")
    for i, one in enumerate(value):
        if not isinstance(one, dict):
            raise BadInput(f"{path}[{i}]: not a JSON object but {shown(one)}")
    return [Row(f"{path}[{i}]", one) for i, one in enumerate(value)]


def _as_lines(path: Path) -> list[Row]:
    """The rows of a file of JSON lines with another ending; empty if it is none."""
    try:
        return read_jsonl(path)
    except BadInput:
        return []


def _unpacked(path: Path) -> bytes:
    most = most_unpacked(path)
    with gzip.open(path) as file:
        raw = file.read(most + 1)
    if len(raw) > most:
        raise BadInput(f"{path}: {unpacks_to_too_much(path)}")
    return raw
