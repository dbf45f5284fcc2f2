"""Settings and records, read for those who tell of a study: what may be missing or damaged is None or left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sirev.errors import SirevError
from sirev.store.records import Record
from sirev.store.store import Store


def at_path(node: Any, *path: str) -> Any:
    """What lies at a path of nested mappings; None where there is nothing."""
    for name in path:
        node = node.get(name) if isinstance(node, Mapping) else None
    return node


def each_once(values: Iterable[Any]) -> list[str]:
    """The values that are there, as text, each once."""
    return list(dict.fromkeys(str(value) for value in values if value))


def record_at(store: Store, key: str, artifact: str) -> Record | None:
    """The record of a realisation; None if there is none that can be read."""
    try:
        return store.records.get(key, artifact)
    except SirevError:
        return None


def commits_of(records: Iterable[Record], digits: int | None = None) -> list[str]:
    """The commits of sirev's checkout, their first `digits`, "with changes" where it was not clean; none of a package's."""
    states = [git for record in records if (git := record.provenance.get("git"))]
    return each_once(f"{str(git.get('commit'))[:digits]}{' with changes' if git.get('changed') else ''}" for git in states)
