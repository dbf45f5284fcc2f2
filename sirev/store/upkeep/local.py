"""Verification of a store's remembered digests of the user's own files."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

from sirev.store.digests import canonical_json, is_digest, sha256, sha256_file, unsealed

_FIELDS = {"path": str, "digest": str, "stats": dict, "names": list | None}


def local_fault(name: str, raw: bytes) -> str | None:
    """The fault of `local/NAME.json`; None if it is sound. Its digest is checked only if the files are unchanged."""
    try:
        entry = unsealed(raw)
    except (ValueError, RecursionError):
        entry = {}
    if entry.keys() != _FIELDS.keys() or not all(isinstance(entry[field], kind) for field, kind in _FIELDS.items()):
        return "does not describe a file"
    if sha256(entry["path"].encode(errors="surrogatepass"))[:32] != name or not is_digest(entry["digest"]):
        return "does not describe a file by this name"
    try:
        now = _digest_now(entry)
    except OSError:
        return None  # gone or unreadable: its last digest stays valid
    return "does not have the digest of the file it describes" if now not in (None, entry["digest"]) else None


def _digest_now(entry: dict[str, Any]) -> str | None:
    """The present digest of the entry's files; None if their size, time or inode has changed since they were read."""
    path, names = Path(entry["path"]), entry["names"]
    if names is not None and not all(isinstance(name, str) for name in names):
        return ""
    files = {"": path} if names is None else {name: path / name for name in names}
    stats = {name: os.stat(file) for name, file in files.items()}
    seen = {name: [one.st_size, one.st_mtime_ns, one.st_ino] for name, one in stats.items()}
    if seen != entry["stats"] or not all(stat.S_ISREG(one.st_mode) for one in stats.values()):
        return None
    sums = {name: sha256_file(file) for name, file in files.items()}
    return sums[""] if names is None else sha256(canonical_json(sums))
