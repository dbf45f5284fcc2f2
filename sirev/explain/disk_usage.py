"""Disk usage of a store: by stage, by run, and what no run reaches.

Sizes of what runs reach come from manifests alone; only `usage` reads the folders. Sizes are lengths of files in bytes,
unless they are "on disk": the space that the file system has allocated.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sirev.errors import BadInput
from sirev.store.artifacts import Artifact
from sirev.store.runs import Run
from sirev.store.store import Store
from sirev.store.upkeep.closure import Closure, add_artifact, closure_of
from sirev.store.upkeep.gc import Policy, deletable
from sirev.store.upkeep.keeps import Keeps
from sirev.study.comparing import joint_records
from sirev.study.step_names import stage_of

_BLOCK = 512
"""Bytes per unit of st_blocks, for any block size of the file system."""


@dataclass(frozen=True)
class StageShare:
    """The space of the artifacts of one stage or run.

    `size` is the bytes of their files, each counted once; `own` the bytes of the files that no other stage (or run) has.
    """

    name: str
    artifacts: int
    size: int
    own: int


@dataclass(frozen=True)
class Space:
    """Files of one kind: their number, their total length, and their space on disk, both in bytes."""

    files: int = 0
    size: int = 0
    disk: int = 0

    def __add__(self, other: Space) -> Space:
        return Space(self.files + other.files, self.size + other.size, self.disk + other.disk)

    def __sub__(self, other: Space) -> Space:
        return Space(self.files - other.files, self.size - other.size, self.disk - other.disk)


@dataclass(frozen=True)
class Usage:
    """The space of a store.

    `stages` are sorted largest first, `runs` as in `store.runs.all`. `spaces` has "of runs" (everything that runs reach, with
    manifests), "of pins" (what only `sirev store pin` keeps), "of none" (other objects), "records", and "other" (runs, pins,
    stamps, logs, locks). `deletable` is the part of "of none" that garbage collection would delete; the rest are shards,
    comparisons, and artifacts that a running process needs. `missing` names what runs or pins refer to and the store lacks.
    """

    stages: list[StageShare]
    runs: list[StageShare]
    spaces: dict[str, Space]
    missing: list[str]
    deletable: Space = Space()

    @property
    def total(self) -> Space:
        """All files of the store."""
        return sum(self.spaces.values(), Space())

    def to_dict(self) -> dict[str, Any]:
        """The JSON form: the fields, each `StageShare` or `Space` as an object, and "total"."""
        return {**asdict(self), "total": asdict(self.total)}


def usage(store: Store) -> Usage:
    """The space of everything in the store. Reads the records and manifests of runs, and looks at every file's size."""
    runs = store.runs.all()
    found = closure_of(store, runs)
    kept = Closure()
    for keep in Keeps(store.path, store.objects).all():
        for digest in keep.artifacts:
            add_artifact(store, kept, digest)
    of_runs = found.objects.keys() | found.artifacts.keys()
    of_pins = kept.objects.keys() | kept.artifacts.keys()
    spaces = dict.fromkeys(("of runs", "of pins", "of none", "records", "other"), Space())
    garbage, of_garbage = _garbage(store), Space()
    for folder, name, space in _files(str(store.path)):
        kind = folder if folder == "records" else "other"
        if folder == "objects":
            kind = "of runs" if name in of_runs else "of pins" if name in of_pins else "of none"
        spaces[kind] += space
        of_garbage += space if kind == "of none" and name in garbage else Space()
    missing = [*found.missing, *kept.missing]
    return Usage(_by_stage(found, runs), run_shares(found, runs), spaces, missing, of_garbage)


def _garbage(store: Store) -> Container[str]:
    try:
        return deletable(store, Policy(also=joint_records)).objects
    except BadInput:  # another user's lease is unreadable: a collection would delete nothing
        return ()


def run_shares(found: Closure, runs: Sequence[Run]) -> list[StageShare]:
    """The space per run. `found` is the closure of all of them."""
    objects = {run.id: objects_of(found, run) for run in runs}
    artifacts = {run.id: len({pin.artifact for pin in run.pins.values()} & found.artifacts.keys()) for run in runs}
    return _shares(found, objects, artifacts)


def objects_of(found: Closure, run: Run) -> set[str]:
    """The digests of the files that a run reaches: those of its artifacts and of the notes in their records."""
    digests: set[str] = set()
    for pin in run.pins.values():
        digests.update(_files_of(found, pin.artifact))
        if record := found.records.get((pin.key, pin.artifact)):
            digests.update(record.provenance.get("notes", {}).values())
    return digests & found.objects.keys()


def _by_stage(found: Closure, runs: Iterable[Run]) -> list[StageShare]:
    objects: dict[str, set[str]] = {}
    artifacts: dict[str, set[str]] = {}
    for run in runs:
        for step, pin in run.pins.items():
            record = found.records.get((pin.key, pin.artifact))
            # Where the record is missing, the name of the step gives the stage.
            stage = str(record.action.get("stage")) if record else stage_of(step)
            notes = record.provenance.get("notes", {}).values() if record else ()
            objects.setdefault(stage, set()).update(found.objects.keys() & {*_files_of(found, pin.artifact), *notes})
            artifacts.setdefault(stage, set()).update({pin.artifact} & found.artifacts.keys())
    shares = _shares(found, objects, {stage: len(digests) for stage, digests in artifacts.items()})
    return sorted(shares, key=lambda share: (-share.size, share.name))


def _shares(found: Closure, objects: dict[str, set[str]], artifacts: dict[str, int]) -> list[StageShare]:
    users = Counter(digest for digests in objects.values() for digest in digests)
    return [
        StageShare(
            name,
            artifacts[name],
            sum(found.objects[digest] for digest in digests),
            sum(found.objects[digest] for digest in digests if users[digest] == 1),
        )
        for name, digests in objects.items()
    ]


def _files_of(found: Closure, digest: str) -> Iterator[str]:
    artifact: Artifact | None = found.artifacts.get(digest)
    if artifact is not None and digest not in found.hollow:
        yield from (entry["sha256"] for entry in artifact.manifest["files"].values())


def _files(root: str) -> Iterator[tuple[str, str, Space]]:
    """Every file of a store: its top folder, its name (for objects the digest), and its space.

    Files deleted meanwhile and unreadable ones are left out.
    """
    for folder, _, names in os.walk(root):
        top, _, below = folder[len(root) :].lstrip("/").partition("/")
        for name in names:
            try:
                status = os.lstat(f"{folder}/{name}")
            except OSError:
                continue
            yield top, f"{below}{name}" if top == "objects" else name, Space(1, status.st_size, status.st_blocks * _BLOCK)
