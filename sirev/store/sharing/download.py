"""Download of single files from a shared store: each is checked before use, and kept once it is complete."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from sirev.errors import BadInput
from sirev.store.digests import sha256, sha256_file
from sirev.store.records import DamagedRecord
from sirev.store.sharing.backend import Flaky, Missing, RemoteFailed, TransferProgress, at_once, patiently
from sirev.store.sharing.remote import Remote, object_path, record_path
from sirev.store.sharing.untrusted import check_file, check_manifest, check_record, parse
from sirev.store.store import Store
from sirev.store.untrusted_files import read_regular

T = TypeVar("T")

LARGEST_NOTE = 256 << 20
"""Largest size of a note in bytes; only the shared store's listing has the size of a note."""

Files = dict[str, tuple[int, set[str]]]
"""Objects to fetch: digest -> size in bytes, and the names that artifacts give it."""


class Taker:
    """Copies files from `remote` to `store`, and counts them: `files` and `bytes` copied, files that were `there`."""

    def __init__(self, store: Store, remote: Remote, jobs: int, progress: TransferProgress) -> None:
        self.store, self.remote, self.jobs, self.progress = store, remote, jobs, progress
        self.files = self.bytes = self.there = 0
        self._lock = threading.Lock()

    def record(self, key: str, artifact: str) -> tuple[bytes, dict[str, Any]]:
        """The bytes and the content of a record; the local one if there is one."""
        try:
            if self.store.records.get(key, artifact) is not None:
                raw = read_regular(self.store.records.path(key, artifact))
                self._count(here=True)
                return raw, parse(raw, "a record")
        except (DamagedRecord, OSError):  # the shared store's may be undamaged
            pass
        raw = self._named(lambda: self.remote.record(key, artifact), record_path(key, artifact))
        check_record(raw, key, artifact)
        self._count(len(raw))
        return raw, parse(raw, "a record")

    def manifest(self, digest: str) -> dict[str, Any]:
        """The content of a manifest, which is stored here if it was not."""
        raw = self._local(digest)
        if raw is None:
            raw = self._named(lambda: patiently(lambda: self._sound(digest)), object_path(digest))
        manifest: dict[str, Any] = parse(raw, f"the manifest {digest[:12]}")
        check_manifest(manifest)
        if self._local(digest) is None:
            with self.store.objects.temporary() as scratch:
                scratch.fill(raw)
                self.store.objects.adopt(scratch.path, digest)
            self._count(len(raw))
        else:
            self._count(here=True)
        return manifest

    def missing(self, files: Files) -> Files:
        """Those of `files` that the local store lacks."""
        return {digest: file for digest, file in files.items() if not self.store.objects.keep(digest, file[0])}

    def hollow_there(self, manifests: Mapping[str, dict[str, Any]], said: set[str]) -> set[str]:
        """The artifacts of `said` (marked as hollow) with files that neither the local nor the shared store has."""
        files: Files = {}
        said = said & manifests.keys()
        for digest in said:
            files_of(manifests[digest], files)
        missing = self.missing(files)
        there = self.remote.sizes(map(object_path, missing), self.jobs) if missing else {}
        lost = {digest for digest, (size, _) in missing.items() if there.get(object_path(digest)) != size}
        return {one for one in said if any(entry["sha256"] in lost for entry in manifests[one]["files"].values())}

    def objects(self, files: Files) -> None:
        """Fetch files, the largest first, several at a time; each is published after a check of its bytes and its form."""
        at_once(lambda digest: self._object(digest, *files[digest]), sorted(files, key=lambda d: (-files[d][0], d)), self.jobs)

    def notes(self, records: Mapping[tuple[str, str], dict[str, Any]]) -> Files:
        """The notes of records, with their sizes here or in the shared store; RemoteFailed if one is missing or too large."""
        named: dict[str, set[str]] = {}
        for record in records.values():
            for name, digest in record["provenance"].get("notes", {}).items():
                named.setdefault(digest, set()).add(name)
        sizes = {digest: size for digest in named if (size := self.store.objects.size(digest))}
        elsewhere = [digest for digest in named if digest not in sizes]
        if elsewhere:
            listed = self.remote.sizes(map(object_path, elsewhere), self.jobs)
            for digest in elsewhere:
                path = object_path(digest)
                if path not in listed:
                    raise _gone(self.remote, path)
                if listed[path] > LARGEST_NOTE:
                    raise RemoteFailed(f"{self.remote.url}/{path} is too large for a note: {listed[path]:,} bytes")
                sizes[digest] = listed[path]
        return {digest: (sizes[digest], names) for digest, names in named.items()}

    def _object(self, digest: str, size: int, names: set[str]) -> None:
        path = object_path(digest)
        with self.store.objects.temporary() as scratch:

            def attempt() -> None:
                come = 0

                def moved(count: int) -> None:
                    nonlocal come
                    come += count
                    self.progress.advance(0, count)

                try:
                    self.remote.backend.fetch(path, scratch.opened, size, moved)
                    if os.fstat(scratch.fd).st_size != size or sha256_file(scratch.opened) != digest:
                        raise _wrong(self.remote, path)
                except BaseException:
                    self.progress.advance(0, -come)
                    raise
                self.progress.advance(1, size - come)

            self._named(lambda: patiently(attempt), path)
            for name in sorted(names):
                check_file(name, scratch.opened)
            self.store.objects.adopt(scratch.path, digest)
        self._count(size)

    def _sound(self, digest: str) -> bytes:
        raw = self.remote.object(digest)
        if sha256(raw) != digest:
            raise _wrong(self.remote, object_path(digest))
        return raw

    def _local(self, digest: str) -> bytes | None:
        try:
            raw = read_regular(self.store.objects.path(digest))
        except OSError:
            return None
        return raw if sha256(raw) == digest else None

    def _named(self, action: Callable[[], T], path: str) -> T:
        try:
            return action()
        except Missing:
            raise _gone(self.remote, path) from None

    def _count(self, size: int = 0, here: bool = False) -> None:
        with self._lock:
            self.files += not here
            self.bytes += size
            self.there += here


def files_of(manifest: dict[str, Any], into: Files) -> None:
    """Add the files of a manifest to `into`. BadInput if two manifests give one digest two sizes."""
    for name, entry in manifest["files"].items():
        size, names = into.setdefault(entry["sha256"], (entry["size"], set()))
        if size != entry["size"]:
            raise BadInput(f"refused: two manifests give object {entry['sha256'][:12]} different sizes")
        names.add(name)


def _wrong(remote: Remote, path: str) -> Flaky:
    return Flaky(
        f"{remote.url}/{path} has other bytes than its name says; nothing was taken from it. If that persists, delete it there "
        "and have it pushed again by someone who has it"
    )


def _gone(remote: Remote, path: str) -> RemoteFailed:
    return RemoteFailed(f"{remote.url}/{path} is gone from the shared store; have the run pushed again by someone who has it")
