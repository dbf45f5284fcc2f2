"""Hollow artifacts: their files were given up on purpose, their manifest and records stay.

Large files, such as models that somebody else can train again, need not be kept for what was made of them to stay known:
keys hold digests alone. A marker tells such an artifact from a damaged one.
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
    """The markers below `root`/hollow, one a manifest's digest."""

    def __init__(self, root: Path, objects: Objects) -> None:
        self.root = root / "hollow"
        self._objects = objects

    def __contains__(self, digest: object) -> bool:
        return is_regular(self.root / f"{digest}.json")

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(path.stem for path in self.root.glob("*.json")))

    def add(self, digest: str) -> None:
        """Mark an artifact, before its files go."""
        content = canonical_json({"format": HOLLOW_FORMAT, "artifact": digest})
        self._objects.write_once(content, self.root / f"{digest}.json")

    def remove(self, digest: str) -> None:
        """Take the mark away: the files are back, or the artifact is gone altogether."""
        remove_file(self._objects.root, self.root / f"{digest}.json")
