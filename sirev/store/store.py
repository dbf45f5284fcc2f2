"""The store: artifacts, the records that lead to them, and runs. Knows nothing of language models."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import Any

from sirev.errors import BadInput
from sirev.inputs import require_utf8
from sirev.shipped import checkout
from sirev.store.artifacts import Artifact, Output, open_artifact, write_artifact
from sirev.store.digests import is_digest, sealed, unsealed
from sirev.store.hollow import Hollow
from sirev.store.leases import Gate, Lease
from sirev.store.locks import key_lock
from sirev.store.objects import MEND, DamagedObject, Objects
from sirev.store.provenance import now
from sirev.store.records import Record, Records, action_key
from sirev.store.runs import Runs
from sirev.store.shared import linked, place_new
from sirev.store.untrusted_files import is_regular, read_regular

STORE_FORMAT = 1
ID_DIGITS = 16
MARKER = "sirev-store.json"
FOLDERS = ("objects", "records", "runs", "hollow", "pins", "adopted", "leases", "locks", "tmp", "checked", "local", "logs")


def marker_bytes(store_id: str) -> bytes:
    """The bytes of the marker file, which makes a folder a store with this id."""
    return sealed({"format": STORE_FORMAT, "id": store_id})


def parse_marker(raw: bytes) -> tuple[int, str]:
    """Format and id from a store's marker; the id is "" where the format is newer. ValueError if it is not a marker."""
    try:
        data = unsealed(raw)
        version = data["format"]
    except (KeyError, RecursionError) as error:
        raise ValueError("no marker") from error
    if type(version) is int and version > STORE_FORMAT:
        return version, ""
    sound = type(version) is int and version == STORE_FORMAT and data.keys() == {"format", "id"}
    if not (sound and is_digest(data["id"], ID_DIGITS)):  # an id becomes part of paths
        raise ValueError("odd values")
    return version, data["id"]


def new_id() -> str:
    """A random id for a new store."""
    return secrets.token_hex(ID_DIGITS // 2)


def default_path() -> Path:
    """The default store: $SIREV_STORE, else cache/ of the checkout that sirev is imported from, else the user's cache folder."""
    if named := os.environ.get("SIREV_STORE"):
        return Path(named)
    if (folder := checkout()) is not None:
        return folder / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sirev"


class Store:
    """A content-addressed store in a folder. Opening one reads a marker and writes nothing.

    `path` defaults to `default_path()`. Raises BadInput if it is not a folder, or if its marker is damaged, can't be read
    or has a newer format.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self.path = Path(path) if path is not None else default_path()
        require_utf8("the store", self.path, "name another with --store DIR")
        self.objects = Objects(self.path)
        self.records = Records(self.path, self.objects)
        self.runs = Runs(self.path, self.objects)
        self.hollow = Hollow(self.path, self.objects)
        self.gate = Gate(self.path)
        self._lease: Lease | None = None
        self._id = self._read_id()
        self._swept = False
        self._artifacts: dict[str, Artifact] = {}
        self._told: Callable[[str, str], None] = lambda key, artifact: None

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r})"

    @property
    def exists(self) -> bool:
        """Whether the store has been created."""
        return self._id is not None

    def lookup(self, key: str, pinned: str | None = None) -> Artifact | None:
        """The artifact to use for a key, None if it has to be computed.

        With `pinned` (a manifest digest), that realisation or none. Otherwise the earliest one made in this store, else the
        earliest from elsewhere. It may be hollow, see `is_hollow`.
        """
        if self._lease is None or pinned is not None:  # a run's pin is a root already
            return self._found(key, pinned)
        if not self._lease.begun:
            artifact = self._found(key, pinned)
            self._lease.note([artifact.digest] if artifact else [])
            return artifact
        with self.gate.shared():
            artifact = self._found(key, pinned)
            if artifact is not None:
                self._lease.hold([artifact.digest])
            return artifact

    def _found(self, key: str, pinned: str | None) -> Artifact | None:
        if pinned is not None:
            return self._complete(pinned) if self.records.get(key, pinned) else None
        records = self.records.realisations(key)
        records.sort(key=lambda r: not self._made_here(r))  # stable: earliest first within each group
        return next((artifact for r in records if (artifact := self._complete(r.artifact))), None)

    def _made_here(self, record: Record) -> bool:
        # A record from elsewhere may claim this store's id.
        return record.provenance.get("store") == self.known_id and not is_regular(self._adopted(record.key, record.artifact))

    def _adopted(self, key: str, artifact: str) -> Path:
        return self.path / "adopted" / f"{key}.{artifact}"

    def adopt_record(self, raw: bytes, key: str, artifact: str) -> bool:
        """Publish a record from another store, see `Records.adopt`; it never counts as made here, even if it claims so."""
        mark = self._adopted(key, artifact)
        if not is_regular(self.records.path(key, artifact)) and f'"store":"{self.known_id}"'.encode() in raw:
            self.objects.write(b"", mark)
        return self.records.adopt(raw, key, artifact)

    def publish(self, action: dict[str, Any], output: Output, provenance: dict[str, Any] | None = None) -> Artifact:
        """Store the output of an action: objects first, then the manifest, the record last."""
        self.create()
        with self.gate.shared():
            artifact = write_artifact(self.objects, output)
            noted = {**output.provenance, **(provenance or {}), "recorded": now(), "store": self.id}
            if output.notes:
                noted["notes"] = {name: self.objects.add(content)[0] for name, content in output.notes.items()}
            self.records.add(Record(action, artifact.digest, noted))
            self.hollow.remove(artifact.digest)  # its files are back
            if self._lease is not None:
                self._lease.hold([artifact.digest])
        self._told(action_key(action), artifact.digest)
        return artifact

    @contextlib.contextmanager
    def telling(self, published: Callable[[str, str], None]) -> Iterator[None]:
        """Within the context, call `published` with the key and digest of each published artifact."""
        before, self._told = self._told, published
        try:
            yield
        finally:
            self._told = before

    def is_hollow(self, digest: str) -> bool:
        """Whether the files of an artifact were given up on purpose and are still missing."""
        if digest not in self.hollow:
            return False
        try:
            return not self.artifact(digest).complete()
        except DamagedObject:
            return False

    def check_no_links(self) -> None:
        """Raise BadInput if a folder of the store is a symbolic link: nothing is deleted behind one."""
        for name in FOLDERS:
            if (self.path / name).is_symlink():
                raise BadInput(linked(self.path / name, "deleted"))

    @contextlib.contextmanager
    def leasing(self, runs: Iterable[str] = ()) -> Iterator[None]:
        """Within the context, collections by other processes spare everything that this one looks up, publishes or holds.

        `runs` are the ids of the runs that this process computes; they are held as soon as it computes anything.
        """
        if self._lease is not None:
            self._lease.note(runs)
            yield
            return
        self._lease = Lease(self.path)
        self._lease.note(runs)
        try:
            yield
        finally:
            self._lease.end()
            self._lease = None

    def hold(self, names: Iterable[str]) -> None:
        """Protect objects, artifacts or runs from collections, while leasing."""
        if self._lease is not None:
            with self.gate.shared():
                self._lease.hold(names)

    def artifact(self, digest: str) -> Artifact:
        """The artifact with this manifest digest; DamagedObject if the manifest is damaged or missing, BadInput for no digest."""
        if not is_digest(digest):
            raise BadInput(f"{digest!r} is not the digest of an artifact: give all 64 digits")
        if digest not in self._artifacts:
            self._artifacts[digest] = open_artifact(self.objects, digest)
        return self._artifacts[digest]

    def lock(
        self, action: dict[str, Any], on_wait: Callable[[str], None] | None = None, stop: threading.Event | None = None
    ) -> AbstractContextManager[bool]:
        """Hold the lock of an action's key while computing it; see `sirev.store.locks`."""
        self.create()
        return key_lock(self.path, action_key(action), on_wait, stop)

    @cached_property
    def id(self) -> str:
        """The random id of the store, which is created if needed. It distinguishes results made here from pulled ones."""
        self.create()
        assert self._id is not None
        return self._id

    @property
    def known_id(self) -> str | None:
        """The `id`, None if the store does not exist; creates nothing."""
        return self._id

    def create(self) -> None:
        """Create the store unless it exists; safe against another process doing the same."""
        if not self._swept:
            self._swept = True
            self.objects.sweep_temporary()
        if self._id is not None:
            return
        with self.objects.temporary() as scratch:
            scratch.fill(marker_bytes(new_id()))
            os.fchmod(scratch.fd, 0o444)  # readable for all who may enter the folder, like every file of a store
            place_new(scratch.path, self.path / MARKER)  # another process may have been first
        self._id = self._read_id()

    def _complete(self, digest: str) -> Artifact | None:
        try:
            artifact = self.artifact(digest)
        except DamagedObject:
            return None
        return artifact if artifact.complete() or digest in self.hollow else None

    def _read_id(self) -> str | None:
        """The store's id, None where there is no store; BadInput for a marker that can't be used."""
        marker = self.path / MARKER
        try:
            version, store_id = parse_marker(read_regular(marker))
        except (FileNotFoundError, NotADirectoryError):
            if self.path.exists() and not self.path.is_dir():
                raise BadInput(f"the store {self.path} is not a folder; name another with --store DIR") from None
            return None
        except OSError as error:
            if error.errno is not None and error.errno not in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
                raise BadInput(f"the store {self.path} can't be read: {error.strerror}") from None
            raise BadInput(f"{marker} is not a plain file; {MEND}") from None
        except ValueError:
            raise BadInput(f"{marker} is damaged; {MEND}") from None
        if version > STORE_FORMAT:
            raise BadInput(f"the store {self.path} has format {version}; this sirev reads up to {STORE_FORMAT}: upgrade sirev")
        return store_id
