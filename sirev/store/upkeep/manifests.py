"""Untrusted manifests: bytes that hash to their name may still be no manifest, or a false one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sirev.inputs import parse_json
from sirev.store.artifacts import MANIFEST_FORMAT, Artifact, odd_manifest
from sirev.store.objects import Objects


@dataclass(frozen=True)
class Manifest:
    """A parsed manifest: `files` (name -> digest and size in bytes), `tables` as stored, `semantic` as `Artifact.semantic`.

    `fault` is what is wrong with it, if anything; `newer` is its format, if that is newer than this sirev reads.
    """

    files: dict[str, tuple[str, int]] = field(default_factory=dict)
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    semantic: str | None = None
    fault: str | None = None
    newer: int | None = None


def manifest_of(raw: bytes, objects: Objects) -> Manifest:
    """Parse the bytes of a manifest; faults are in the result."""
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
