"""Canonical JSON and sha256: the only way anything in a store gets its name."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from sirev.inputs import parse_json

_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
_DIGITS = frozenset("0123456789abcdef")


def canonical_json(value: Any) -> bytes:
    """The one byte string that stands for a JSON value: sorted keys, no blanks, UTF-8.

    Integers and floats stay distinct (1 is not 1.0), floats are written as the shortest text that reads back
    equal. NaN and infinity raise ValueError: they have no JSON form and no equality.
    """
    return _CANONICAL.encode(value).encode()


def is_digest(text: object, digits: int = 64) -> bool:
    """Whether this is a sha256 as a store names things by, 64 lower-case hexadecimal digits, or such a name of so many."""
    return isinstance(text, str) and len(text) == digits and _DIGITS.issuperset(text)


def sha256(data: bytes) -> str:
    """Hexadecimal sha256 of bytes."""
    return hashlib.sha256(data).hexdigest()


def sealed(value: dict[str, Any]) -> bytes:
    """The canonical JSON of an object with a `sum` added: the sha256 of its canonical JSON without it.

    No field may sort after "sum", so that `unsealed` need not encode anything again; ValueError if one does.
    """
    if max(value) > "sum":
        raise ValueError(f"a field after sum: {max(value)}")
    return canonical_json({**value, "sum": sha256(canonical_json(value))})


def unsealed(raw: bytes) -> dict[str, Any]:
    """The object that JSON bytes hold, without its `sum`; ValueError if there is a sum that does not fit.

    Files that were written before there were sums have none.
    """
    value = parse_json(raw)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    told = value.pop("sum", None)
    if told is not None:
        seal = f',"sum":"{told}"}}'.encode()
        if not raw.endswith(seal) or sha256(raw[: -len(seal)] + b"}") != told:
            raise ValueError("its sum does not fit")
    return value


def sha256_file(path: Path) -> str:
    """Hexadecimal sha256 of a file's bytes; what `sha256sum` prints."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
