"""Records: which artifact an action produced, with provenance. Append-only: one file a (key, artifact)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sirev.errors import BadInput
from sirev.store.digests import canonical_json, sha256
from sirev.store.objects import Objects

RECORD_FORMAT = 1


class DamagedRecord(BadInput):
    """A record that can't be read or does not say what its name promises."""


@dataclass(frozen=True)
class Record:
    """`action` hashes to the key; `artifact` is a manifest digest; `provenance` is what happened, never keyed."""

    action: dict[str, Any]
    artifact: str
    provenance: dict[str, Any]

    @property
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
        """Publish a record; one that is already there stays as it was first written."""
        target = self.path(record.key, record.artifact)
        if target.exists():
            return
        with self._objects.temporary() as scratch:
            scratch.write_bytes(
                canonical_json(
                    {
                        "format": RECORD_FORMAT,
                        "action": record.action,
                        "artifact": record.artifact,
                        "provenance": record.provenance,
                    }
                )
            )
            self._objects.publish(scratch, target)

    def get(self, key: str, artifact: str) -> Record | None:
        """The record of one realisation, None if there is none; DamagedRecord if it is not what it should be."""
        path = self.path(key, artifact)
        try:
            raw = path.read_bytes()
        except OSError:
            return None
        try:
            data = json.loads(raw)
            if data["format"] > RECORD_FORMAT:
                raise BadInput(f"{path} is of format {data['format']}, newer than this sirev reads ({RECORD_FORMAT})")
            record = Record(data["action"], data["artifact"], data["provenance"])
            sound = record.key == key and record.artifact == artifact
        except (ValueError, KeyError, TypeError):
            sound = False
        if not sound:
            raise DamagedRecord(f"damaged action record {path}; mend the store with: rm '{path}' (it is computed anew)")
        return record

    def realisations(self, key: str) -> list[Record]:
        """All records of a key, earliest first."""
        folder = self.root / key[:2] / key
        try:
            names = [p.stem for p in folder.iterdir() if p.suffix == ".json"]
        except OSError:
            return []
        records = [r for name in sorted(names) if (r := self.get(key, name))]
        return sorted(records, key=lambda r: r.provenance.get("recorded", ""))

    def complete_key(self, beginning: str) -> str:
        """The one key that begins so; `beginning` itself if there is none, or more than one."""
        if len(beginning) < 4 or not beginning.isalnum():
            return beginning
        found = [path.name for path in (self.root / beginning[:2]).glob(f"{beginning}*")]
        return found[0] if len(found) == 1 else beginning

    def all(self) -> list[Record]:
        """Every record of the store, earliest first."""
        found = (self.get(p.parent.name, p.stem) for p in self.root.glob("*/*/*.json"))
        return sorted((r for r in found if r), key=lambda r: r.provenance.get("recorded", ""))

    def path(self, key: str, artifact: str) -> Path:
        """Where the record of this realisation is or would be."""
        return Path(f"{self._folder}/{key[:2]}/{key}/{artifact}.json")
