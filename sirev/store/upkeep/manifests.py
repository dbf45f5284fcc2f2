"""What a manifest says, read without trust: bytes that hash to their name can still be no manifest, or a lying one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sirev.inputs import parse_json
from sirev.store.artifacts import MANIFEST_FORMAT, Artifact
from sirev.store.digests import is_digest
from sirev.store.objects import Objects

_TABLE = {"columns": dict, "order_by": list, "parts": list, "rows": int, "rows_sha256": str}


@dataclass(frozen=True)
class Manifest:
    """`files` by name: (digest, size in bytes); `tables` as the manifest has them; `semantic` as `Artifact.semantic`.

    `fault` says why it is none; `newer` is its format, if that is newer than this sirev reads.
    """

    files: dict[str, tuple[str, int]] = field(default_factory=dict)
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    semantic: str | None = None
    fault: str | None = None
    newer: int | None = None


def manifest_of(raw: bytes, objects: Objects) -> Manifest:
    """What the bytes of a manifest say."""
    try:
        data = parse_json(raw)
    except ValueError:
        return Manifest(fault="is no manifest")
    version = data.get("format") if isinstance(data, dict) else None
    if isinstance(version, int) and version > MANIFEST_FORMAT:
        return Manifest(newer=version)
    if version != MANIFEST_FORMAT or not _files_sound(data.get("files")):
        return Manifest(fault="is no manifest")
    tables = data.get("tables")
    if not isinstance(tables, dict) or not all(_table_sound(table, data["files"]) for table in tables.values()):
        return Manifest(fault="has a manifest with odd tables")
    files = {name: (entry["sha256"], entry["size"]) for name, entry in data["files"].items()}
    return Manifest(files, tables, Artifact("", data, objects).semantic)


def _files_sound(files: Any) -> bool:
    return isinstance(files, dict) and all(
        isinstance(entry, dict)
        and is_digest(entry.get("sha256"))
        and type(entry.get("size")) is int
        and entry["size"] >= 0
        and not any(part in ("", ".", "..") for part in name.split("/"))
        for name, entry in files.items()
    )


def _table_sound(table: Any, files: dict[str, Any]) -> bool:
    return (
        isinstance(table, dict)
        and all(isinstance(table.get(name), kind) for name, kind in _TABLE.items())
        and all(isinstance(part, str) and part in files for part in table["parts"])
        and all(isinstance(column, str) and column in table["columns"] for column in table["order_by"])
        and all(isinstance(kind, str) for kind in table["columns"].values())
    )
