"""Digests of the user's own files (data, base models), cached by size, time and inode.

Hashing a folder of weights takes seconds, so its digest is reused while the files are unchanged. The last digest of a path
stays known after the file is gone, so that a replay does not need it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sirev.errors import BadInput
from sirev.inputs import refuse_unless_plain, require_utf8
from sirev.store.digests import canonical_json, sealed, sha256, sha256_file, unsealed
from sirev.store.objects import Objects
from sirev.store.untrusted_files import read_regular


@dataclass(frozen=True)
class LocalFiles:
    """The digests that one store remembers: `local/`, one JSON file per path."""

    objects: Objects

    def digest(self, path: Path, names: Iterable[str] | None = None) -> str | None:
        """Digest of `path`: the sha256 of a file's bytes, or of the names and bytes of `names` in a folder.

        If the path is gone, the digest of its last read; None if it was never read. BadInput if it exists and can't be
        read, or if its name is not UTF-8.
        """
        path = Path(os.path.expanduser(path)).absolute()  # Path.expanduser raises for an unknown user
        known = self._entry(path)
        return self._present(path, names, known) or (str(known["digest"]) if known else None)

    def remembers(self, path: Path) -> bool:
        """Whether a digest of `path` is known."""
        return self._entry(Path(os.path.expanduser(path)).absolute()) is not None

    def where(self, digest: str) -> list[Path]:
        """The paths that had this digest when they were last read."""
        entries = [self._read(file) for file in sorted((self.objects.root / "local").glob("*.json"))]
        return [Path(entry["path"]) for entry in entries if entry and entry["digest"] == digest]

    def holds(self, path: Path, digest: str) -> bool:
        """Whether `path` exists and still has this digest."""
        known = self._entry(path)
        return known is not None and self._present(path, known["names"], known) == digest

    def _present(self, path: Path, names: Iterable[str] | None, known: dict[str, Any] | None) -> str | None:
        """The present digest of `path`, which is remembered; None if a file is missing. BadInput for an unreadable file."""
        files = {name: path / name for name in sorted(names)} if names is not None else {"": path}
        for file in files.values():
            require_utf8("the file", file, "rename it")
        try:
            stats = {name: _stat(file) for name, file in files.items()}
        except OSError:
            return None
        if known and known["stats"] == stats:
            return str(known["digest"])
        try:
            sums = {name: sha256_file(file) for name, file in files.items()}
        except OSError as error:
            raise BadInput(f"{error.filename or path}: can't be read: {error.strerror or error}") from None
        digest = sums[""] if names is None else sha256(canonical_json(sums))
        entry = {"path": str(path), "digest": digest, "stats": stats, "names": None if names is None else sorted(files)}
        # In a read-only store it is hashed again next time.
        with contextlib.suppress(OSError, BadInput):
            self.objects.write(sealed(entry), self._file(path))
        return digest

    def _entry(self, path: Path) -> dict[str, Any] | None:
        return self._read(self._file(path))

    def _file(self, path: Path) -> Path:
        require_utf8("the file", path, "rename it")
        return self.objects.root / "local" / f"{sha256(str(path).encode())[:32]}.json"

    @staticmethod
    def _read(file: Path) -> dict[str, Any] | None:
        try:
            entry = unsealed(read_regular(file))
        except (OSError, ValueError, RecursionError):
            return None
        kinds = {"path": str, "digest": str, "stats": dict, "names": list | None}
        whole = entry.keys() == kinds.keys() and all(isinstance(entry[name], kind) for name, kind in kinds.items())
        return entry if whole and os.path.isabs(entry["path"]) else None


def _stat(file: Path) -> list[int]:
    status = file.stat()
    refuse_unless_plain(file, status.st_mode)
    return [status.st_size, status.st_mtime_ns, status.st_ino]
