"""Canonical JSON and sha256: the only way anything in a store gets its name."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


def canonical_json(value: Any) -> bytes:
    """The one byte string that stands for a JSON value: sorted keys, no blanks, UTF-8.

    Integers and floats stay distinct (1 is not 1.0), floats are written as the shortest text that reads back
    equal. NaN and infinity raise ValueError: they have no JSON form and no equality.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def sha256(data: bytes) -> str:
    """Hexadecimal sha256 of bytes."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Hexadecimal sha256 of a file's bytes; what `sha256sum` prints."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
