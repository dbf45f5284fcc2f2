"""Manifests read without trust: bytes that hash to their name can still be no manifest, or a lying one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sirev.inputs import parse_json
from sirev.store.artifacts import MANIFEST_FORMAT, Artifact, odd_manifest
from sirev.store.objects import Objects


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
        return Manifest(fault="is not a manifest")
    version = data.get("format") if isinstance(data, dict) else None
    if isinstance(version, int) and version > MANIFEST_FORMAT:
        return Manifest(newer=version)
    if version != MANIFEST_FORMAT:
        return Manifest(fault="is not a manifest")
    if odd := odd_manifest(data):
        return Manifest(fault=f"has no manifest that sirev wrote: {odd}")
    files = {name: (entry["sha256"], entry["size"]) for name, entry in data["files"].items()}
    return Manifest(files, data["tables"], Artifact("", data, objects).semantic)
