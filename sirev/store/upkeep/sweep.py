"""Deletion of what a collection has marked, in slices, so that other processes can publish or look up between two of them.

Invariant: everything deleted was marked, and has not become needed since. The gate is held exclusively for the marking and
for each slice, so within a slice only processes that ignore the gate can change anything. Between two slices, something
marked can become needed in three ways only. Each leaves a trace that the next slice looks for before it deletes anything:

- A process looked it up, published it or pulled it: then its lease names it while the process works with it. A process that
  has computed nothing yet has no lease; with the gate shared, it looks up all pins of its run once more and saves the run.
- A run or a pin refers to it now: then the file of the run or pin has changed since the marking. Leases are read before
  these files, since a process writes its run first and releases its lease afterwards.
- A process without a lease stored the same bytes: then the object's file is a new one, or was touched.

References are deleted before what they refer to (marks, runs and records before objects), across all slices. So a
collection that is killed between two of them leaves no reference to something deleted.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from sirev.store.leases import POLL_SECONDS, leased
from sirev.store.objects import DamagedObject
from sirev.store.records import DamagedRecord
from sirev.store.runs import Run
from sirev.store.shared import remove_file
from sirev.store.store import Store
from sirev.store.untrusted_files import META_BYTES
from sirev.store.upkeep.closure import Closure, add_artifact, add_record, closure_of
from sirev.store.upkeep.keeps import Keeps

SLICE_SECONDS = 1.0
"""Length of a slice of deletions; marking is not limited."""
PAUSE_SECONDS = 3 * POLL_SECONDS
"""Pause between slices; processes that wait for the gate try every `POLL_SECONDS`, and must find it free."""
Seen = dict[str, tuple[int, int]]
"""File name or digest -> time of change in ns, and inode."""


@dataclass
class Garbage:
    """The garbage of a collection: runs, records by (key, artifact), objects with sizes in bytes, and artifacts to make hollow.

    `kept_bytes` is the size of what stays. `too_large` is set if that is more than the policy allows. `warnings`
    describe what the store lacks already. `seen` is the state of the objects' files when they were marked.
    """

    runs: list[Run] = field(default_factory=list)
    records: list[tuple[str, str]] = field(default_factory=list)
    objects: dict[str, int] = field(default_factory=dict)
    hollow: list[str] = field(default_factory=list)
    hollow_files: int = 0
    hollow_bytes: int = 0
    kept_runs: int = 0
    kept_bytes: int = 0
    too_large: bool = False
    warnings: list[str] = field(default_factory=list)
    seen: Seen = field(default_factory=dict, repr=False)

    @property
    def bytes(self) -> int:
        """Size of all objects to delete, in bytes."""
        return sum(self.objects.values())


class Sweep:
    """Deletion of garbage. Construct it before marking; the gate must be held then and for every call."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._roots = self._looked()
        self._garbage = Garbage()
        self._hollow: deque[str] = deque()
        self._runs: deque[Run] = deque()
        self._records: deque[tuple[str, str]] = deque()
        self._objects: deque[str] = deque()

    def begin(self, garbage: Garbage) -> None:
        """Set the garbage to delete."""
        self._garbage = garbage
        self._hollow, self._runs = deque(garbage.hollow), deque(garbage.runs)
        self._records, self._objects = deque(garbage.records), deque(garbage.objects)
        self._store.objects.sweep_temporary()

    @property
    def done(self) -> bool:
        """Whether nothing is left to delete."""
        return not (self._hollow or self._runs or self._records or self._objects)

    def slice(self) -> None:
        """Delete for SLICE_SECONDS, at least one item."""
        until = time.monotonic() + SLICE_SECONDS
        while not self.done:
            if self._hollow:  # marked before its files go, so that a partial deletion is no damage
                self._store.hollow.add(self._hollow.popleft())
            elif self._runs:
                self._store.runs.remove(self._runs.popleft().id)
            elif self._records:
                self._record(*self._records.popleft())
            else:
                self._object(self._objects.popleft())
            if time.monotonic() >= until:
                return

    def spare(self) -> None:
        """Remove everything from the queue that has become needed, see the module. BadInput if a run or a pin can't be read."""
        live = leased(self._store.path)
        now = self._looked()
        changed = {path for path, seen in now.items() if self._roots.get(path) != seen}
        if not (live or changed):
            return
        runs = [run for run in self._store.runs.all() if f"runs/{run.id}.json" in changed]
        keeps = [keep for keep in Keeps(self._store.path, self._store.objects).all() if f"pins/{keep.name}.json" in changed]
        named = live.union(*(keep.artifacts for keep in keeps))
        staying = live.union((run.id for run in runs), *(keep.runs for keep in keeps))
        kept = {run.id for run in self._runs if run.id in staying}
        runs += [run for run in self._runs if run.id in kept]
        self._runs = deque(run for run in self._runs if run.id not in kept)
        self._garbage.runs = [run for run in self._garbage.runs if run.id not in kept]
        self._garbage.kept_runs += len(kept)
        found = closure_of(self._store, runs, set(self._garbage.hollow) - named)
        for digest in named:
            if 0 < self._store.objects.size(digest) <= META_BYTES:
                with contextlib.suppress(DamagedObject):
                    add_artifact(self._store, found, digest)
        self._hollow = deque(digest for digest in self._hollow if digest not in named)
        self._garbage.hollow = [digest for digest in self._garbage.hollow if digest not in named]
        self._spare_records(found)
        keep = {*found.objects, *found.artifacts, *named}
        for digest in [digest for digest in self._objects if digest in keep]:
            self._keep_object(digest)
        self._objects = deque(digest for digest in self._objects if digest not in keep)

    def _spare_records(self, found: Closure) -> None:
        spared = {one for one in self._records if one in found.records or one[1] in found.artifacts}
        for key, digest in spared:
            with contextlib.suppress(DamagedRecord):
                if record := self._store.records.get(key, digest):
                    add_record(self._store, found, record)
        self._records = deque(one for one in self._records if one not in spared)
        self._garbage.records = [one for one in self._garbage.records if one not in spared]

    def _keep_object(self, digest: str) -> None:
        self._garbage.kept_bytes += self._garbage.objects.pop(digest)

    def _looked(self) -> Seen:
        """The present state of the files of runs and pins."""
        found: Seen = {}
        for folder in ("runs", "pins"):
            with contextlib.suppress(FileNotFoundError), os.scandir(self._store.path / folder) as entries:
                for entry in entries:
                    if (seen := file_seen(entry.path)) is not None:
                        found[f"{folder}/{entry.name}"] = seen
        return found

    def _record(self, key: str, digest: str) -> None:
        path = self._store.records.path(key, digest)
        remove_file(self._store.path, path)
        remove_file(self._store.path, self._store.path / "adopted" / f"{key}.{digest}")
        with contextlib.suppress(OSError):  # it holds another realisation
            path.parent.rmdir()

    def _object(self, digest: str) -> None:
        path = self._store.objects.path(digest)
        if (seen := file_seen(path)) is not None and seen != self._garbage.seen.get(digest):
            self._keep_object(digest)
            return
        # The object goes last, so that the next collection finds it if this one is killed in between.
        self._store.hollow.remove(digest)  # in case it is a manifest
        remove_file(self._store.path, self._store.path / "checked" / digest[:2] / digest[2:])
        remove_file(self._store.path, path)


def file_seen(path: str | Path) -> tuple[int, int] | None:
    """Time of change in ns and inode, which show that a file was replaced or touched; None if it does not exist."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino
