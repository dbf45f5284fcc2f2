"""Hollow artifacts: their files were given up on purpose, their manifests and records stay.

Later results do not need large files such as models, which can be trained again, because keys contain digests alone. A
marker tells a hollow artifact from a damaged one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sirev.store.digests import canonical_json
from sirev.store.objects import Objects
from sirev.store.shared import remove_file
from sirev.store.untrusted_files import is_regular

HOLLOW_FORMAT = 1


class Hollow:
    """The markers below `root`/hollow, one per manifest digest."""

    def __init__(self, root: Path, objects: Objects) -> None:
        self.root = root / "hollow"
        self._objects = objects

    def __contains__(self, digest: object) -> bool:
        return is_regular(self.root / f"{digest}.json")

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(path.stem for path in self.root.glob("*.json")))

    def add(self, digest: str) -> None:
        """Mark an artifact as hollow, before its files are deleted."""
        content = canonical_json({"format": HOLLOW_FORMAT, "artifact": digest})
        self._objects.write_once(content, self.root / f"{digest}.json")

    def remove(self, digest: str) -> None:
        """Remove the mark: the files are back, or the whole artifact is gone."""
        remove_file(self._objects.root, self.root / f"{digest}.json")
