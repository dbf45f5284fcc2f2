"""Read-through: results that this store lacks are fetched from a shared one before they are computed."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from sirev.errors import BadInput, SirevError
from sirev.store.artifacts import Artifact
from sirev.store.sharing.backend import JOBS, PATIENCE, RemoteFailed, TransferProgress
from sirev.store.sharing.download import Files, Taker, files_of
from sirev.store.sharing.remote import Remote
from sirev.store.store import Store


class ReadThrough:
    """Fetches from `remote` what `store` lacks. A failure only causes a warning: the result is then computed here.

    With `after`, it fetches nothing in the first so many seconds, for a shared store that did not answer just now.
    """

    def __init__(self, store: Store, remote: Remote, warn: Callable[[str], None], after: float = 0.0) -> None:
        self._store, self._remote, self._warn = store, remote, warn
        self._begins = time.monotonic() + after
        self._failures = 0
        self._asked = False
        self._hollow: set[str] = set()
        self._lock = threading.Lock()
        self.artifacts = self.bytes = 0
        """Number of artifacts and bytes fetched so far."""

    def check(self) -> None:
        """Raise BadInput if the URL leads to no shared store; one that does not answer now may do so later."""
        with contextlib.suppress(RemoteFailed):
            self._open()

    def fetch(self, key: str, artifact: str | None = None, files: bool = True) -> Artifact | None:
        """The artifact of a key, fetched from the shared store, checked and published here; None if it is not available.

        With `artifact` (a manifest digest), that realisation or none. Without `files`, only the manifest and the record are
        fetched: the artifact is hollow here until its files are needed. BadInput if the URL leads to no shared store, until it
        was reached once.
        """
        if self._failures >= PATIENCE or time.monotonic() < self._begins:
            return None
        try:
            with self._lock:
                self._open()
            taken = self._take(key, artifact, files)
            self._failures = 0
        except (SirevError, OSError) as error:
            if isinstance(error, BadInput) and not self._asked:
                raise
            with self._lock:
                self._failures += 1
                last = "; it is not asked again in this run" if self._failures == PATIENCE else ""
            self._warn(f"{error}{last}")
            return None
        found = self._store.lookup(key, taken) if taken else None
        return found if found is None or not files or found.complete() else None

    def _open(self) -> None:
        if not self._asked:
            self._remote.require()
            self._hollow = self._remote.hollow()
            self._asked = True

    def _take(self, key: str, artifact: str | None, with_files: bool) -> str | None:
        """Fetch a realisation; returns its digest, None where there is none."""
        taker = Taker(self._store, self._remote, JOBS, TransferProgress())
        records = {}
        for digest in self._remote.realisations(key):
            if artifact in (None, digest):
                with self._passing_over():
                    records[digest] = taker.record(key, digest)
        # The earliest, as in every lookup, so that two users of the shared store continue from the same one.
        for digest in sorted(records, key=lambda digest: (records[digest][1]["provenance"].get("recorded", ""), digest)):
            with self._passing_over():
                if self._realisation(taker, key, digest, *records[digest], with_files):
                    with self._lock:
                        self.artifacts += taker.files > 0
                        self.bytes += taker.bytes
                    return digest
        return None

    @contextlib.contextmanager
    def _passing_over(self) -> Iterator[None]:
        """Turn BadInput into a warning, so that a damaged realisation does not hide the others."""
        try:
            yield
        except BadInput as error:
            self._warn(str(error))

    def _realisation(self, taker: Taker, key: str, digest: str, raw: bytes, record: dict[str, Any], with_files: bool) -> bool:
        """Fetch one realisation; returns whether it was available."""
        store = self._store
        store.create()
        store.hold([digest])
        manifest = taker.manifest(digest)
        if with_files and taker.hollow_there({digest: manifest}, self._hollow):
            return False
        files: Files = taker.notes({(key, digest): record})
        own: Files = {}
        files_of(manifest, own)
        whole = with_files or not taker.missing(own)
        if whole:
            files |= own
        else:
            store.hollow.add(digest)
        store.hold(files)
        taker.objects(taker.missing(files))
        if whole:
            store.hollow.remove(digest)
        store.adopt_record(raw, key, digest)
        return True
