"""Records: the artifact of an action, with its provenance. Append-only: one file per (key, artifact)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from sirev.errors import BadInput
from sirev.store.digests import canonical_json, is_digest, sealed, sha256, unsealed
from sirev.store.forms import odd_fields
from sirev.store.objects import MEND, Objects
from sirev.store.untrusted_files import read_if_there

RECORD_FORMAT = 1
_FIELDS = {"format": int, "action": dict, "artifact": str, "provenance": dict}
_PROVENANCE = {
    "recorded": str,
    "store": str,
    "started": str,
    "seconds": int | float,
    "packages": dict,
    "hardware": dict,
    "git": dict | None,
    "environment": list,
    "notes": dict,
}


Realisation = tuple[str, str]
"""A key, and the digest of one of its artifacts."""


class DamagedRecord(BadInput):
    """A record that can't be parsed or does not belong to its key and artifact."""


@dataclass(frozen=True)
class Record:
    """An entry from a key, the hash of `action`, to `artifact`, a manifest digest. `provenance` is never part of the key."""

    action: dict[str, Any]
    artifact: str
    provenance: dict[str, Any]

    @cached_property
    def key(self) -> str:
        return action_key(self.action)


def action_key(action: dict[str, Any]) -> str:
    """The key of an action: sha256 of its canonical JSON (stage, version, parameters, input digests)."""
    return sha256(canonical_json(action))


class Records:
    """The records below `root`/records."""

    def __init__(self, root: Path, objects: Objects) -> None:
        self.root = root / "records"
        self._folder = str(self.root)  # joining strings is ten times as fast as joining paths, and a replay joins a thousand
        self._objects = objects

    def add(self, record: Record) -> None:
        """Publish a record; an existing one stays as it is."""
        content = {
            "format": RECORD_FORMAT,
            "action": record.action,
            "artifact": record.artifact,
            "provenance": record.provenance,
        }
        self._objects.write_once(sealed(content), self.path(record.key, record.artifact))

    def get(self, key: str, artifact: str) -> Record | None:
        """The record of one realisation, None if there is none; DamagedRecord if it is damaged."""
        path = self.path(key, artifact)
        raw = read_if_there(path, "the record")
        return None if raw is None else _parsed(raw, key, artifact, str(path))

    def adopt(self, raw: bytes, key: str, artifact: str) -> bool:
        """Publish a record from another store, unless it exists; returns whether it was written.

        Raises DamagedRecord unless it is the record of this key and artifact, BadInput if its format is newer.
        """
        _parsed(raw, key, artifact, f"record {key[:12]}")
        return self._objects.write_once(raw, self.path(key, artifact))

    def realisations(self, key: str) -> list[Record]:
        """All records of a key, earliest first."""
        names = [name.removesuffix(".json") for name in _names(f"{self._folder}/{key[:2]}/{key}") if name.endswith(".json")]
        records = [r for name in sorted(names) if (r := self.get(key, name))]
        return sorted(records, key=lambda r: r.provenance.get("recorded", ""))

    def names(self) -> Iterator[tuple[str, str]]:
        """Key and artifact of every record, from file names alone."""
        for folder in _folders(self._folder):
            for key in _folders(f"{self._folder}/{folder}"):
                for name in sorted(_names(f"{self._folder}/{folder}/{key}")):
                    if name.endswith(".json"):
                        yield key, name.removesuffix(".json")

    def all(self) -> list[Record]:
        """Every record of the store, earliest first."""
        found = (self.get(key, artifact) for key, artifact in self.names())
        return sorted((r for r in found if r), key=lambda r: r.provenance.get("recorded", ""))

    def path(self, key: str, artifact: str) -> Path:
        """Path of the record of this realisation, whether it exists or not."""
        return Path(f"{self._folder}/{key[:2]}/{key}/{artifact}.json")


def _parsed(raw: bytes, key: str, artifact: str, where: str) -> Record:
    try:
        data = unsealed(raw)
        if data["format"] > RECORD_FORMAT:
            raise BadInput(f"{where} is of format {data['format']}, newer than this sirev reads ({RECORD_FORMAT}): upgrade sirev")
        sound = odd_record(data, key, artifact) is None
    except (ValueError, KeyError, TypeError, RecursionError):
        sound = False
    if not sound:
        raise DamagedRecord(f"{where} is damaged; {MEND}")
    return Record(data["action"], data["artifact"], data["provenance"])


def odd_record(data: Any, key: str, artifact: str) -> str | None:
    """The first fault of a record of this key and artifact, as text; None if it is sound."""
    if odd := odd_fields(data, _FIELDS):
        return odd
    action, provenance = data["action"], data["provenance"]
    if data["artifact"] != artifact or not is_digest(artifact) or action_key(action) != key:
        return "is of another action or artifact"
    if not isinstance(action.get("stage"), str) or type(action.get("version", 1)) is not int:
        return "names no stage, or an odd version"
    if not all(isinstance(action.get(part, {}), dict) for part in ("parameters", "inputs")):
        return "has odd parameters or inputs"
    if odd := odd_fields({name: provenance[name] for name in provenance.keys() & _PROVENANCE.keys()}, {}, _PROVENANCE):
        return odd
    return next(
        (f"has a note {name!r} without a digest" for name, one in provenance.get("notes", {}).items() if not is_digest(one)), None
    )


def _folders(folder: str) -> list[str]:
    """Names of the subfolders, sorted, without symbolic links, so that no record is deleted elsewhere."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:
        return []


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
