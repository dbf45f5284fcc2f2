"""Ids and order of problems, which depend on the content of rows, never on their position in a file or mirror."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from sirev.errors import BadInput


def content_id(prefix: str, *parts: str) -> str:
    """PREFIX-XXXXXXXXXXXX, with the first 12 hexadecimal digits of the sha256 of the parts, joined by a zero byte."""
    return f"{prefix}-{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:12]}"


def problems_in_order(problems: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    """The problems in the order of ids. A problem that occurs several times is kept once, at its lowest level.

    Raises BadInput if two problems that differ in prompt or answer share an id.
    """
    kept: dict[str, dict[str, str]] = {}
    for problem in sorted(problems, key=lambda p: (p["id"], p["level"], p["target"])):
        first = kept.setdefault(problem["id"], problem)
        if (first["prompt"], first["answer"]) != (problem["prompt"], problem["answer"]):
            raise BadInput(f"two different problems of one split share the id {problem['id']!r}")
    return list(kept.values())


def plain(text: str) -> str:
    """The text without surrounding whitespace and with only \\n as line break: mirrors differ in both."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()
