"""Canonical JSON and sha256, the source of all digests in a store."""

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
    """Whether `text` is a string of `digits` lower-case hexadecimal digits; 64 make a sha256."""
    return isinstance(text, str) and len(text) == digits and _DIGITS.issuperset(text)


def sha256(data: bytes) -> str:
    """Hexadecimal sha256 of bytes."""
    return hashlib.sha256(data).hexdigest()


def sealed(value: dict[str, Any]) -> bytes:
    """Canonical JSON of an object, with a field `sum` added: the sha256 of the canonical JSON without it.

    ValueError for a field that sorts after "sum", since `unsealed` checks the sum without encoding again.
    """
    if max(value) > "sum":
        raise ValueError(f"a field after sum: {max(value)}")
    return canonical_json({**value, "sum": sha256(canonical_json(value))})


def unsealed(raw: bytes) -> dict[str, Any]:
    """The object in JSON bytes, without its `sum`; ValueError for other JSON or a wrong sum.

    Older files have no sum.
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
    """Hexadecimal sha256 of a file's bytes, as `sha256sum` prints it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
