"""Lenient reading of settings and records: missing or damaged values are None or left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sirev.errors import SirevError
from sirev.store.records import Record
from sirev.store.store import Store


def at_path(node: Any, *path: str) -> Any:
    """The value at a path of nested mappings; None if there is none."""
    for name in path:
        node = node.get(name) if isinstance(node, Mapping) else None
    return node


def each_once(values: Iterable[Any]) -> list[str]:
    """The values that are not empty, as text, each once."""
    return list(dict.fromkeys(str(value) for value in values if value))


def record_at(store: Store, key: str, artifact: str) -> Record | None:
    """The record of a realisation; None if it is missing or damaged."""
    try:
        return store.records.get(key, artifact)
    except SirevError:
        return None


def commits_of(records: Iterable[Record], digits: int | None = None) -> list[str]:
    """The commits of sirev's checkout, cut to `digits`, "with changes" if it was not clean; none for an installed package."""
    states = [git for record in records if (git := record.provenance.get("git"))]
    return each_once(f"{str(git.get('commit'))[:digits]}{' with changes' if git.get('changed') else ''}" for git in states)
