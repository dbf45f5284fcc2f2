"""The closure of runs: the records, artifacts and files that their pins lead to."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from sirev.store.artifacts import Artifact
from sirev.store.objects import DamagedObject
from sirev.store.records import DamagedRecord, Record
from sirev.store.runs import Run, run_address
from sirev.store.store import Store


@dataclass
class Closure:
    """The result of `closure_of`.

    `records` are by (key, artifact), `artifacts` by manifest digest. `objects` are the files of artifacts and the notes of
    records: digest -> size in bytes, without manifests. `hollow` are artifacts whose files are left out. `missing`
    describes what the runs pin and the store lacks. `lost` are artifacts whose manifest is damaged or missing, so that
    their files are unknown.
    """

    runs: list[Run] = field(default_factory=list)
    records: dict[tuple[str, str], Record] = field(default_factory=dict)
    artifacts: dict[str, Artifact] = field(default_factory=dict)
    objects: dict[str, int] = field(default_factory=dict)
    hollow: set[str] = field(default_factory=set)
    missing: list[str] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)

    @property
    def size(self) -> int:
        """Bytes of all files, each counted once."""
        return sum(self.objects.values())


def closure_of(store: Store, runs: Sequence[Run], hollow: Collection[str] = ()) -> Closure:
    """Everything that the runs pin, without the files of artifacts in `hollow`, unless another artifact has them too."""
    found = Closure(list(runs))
    for run in runs:
        for step, pin in run.pins.items():
            if (pin.key, pin.artifact) not in found.records:
                add_realisation(store, found, pin.key, pin.artifact, run_address(run.id, step), hollow)
    return found


def add_artifact(store: Store, found: Closure, digest: str, hollow: Collection[str] = ()) -> None:
    """Add an artifact, by its digest, to a closure."""
    if digest in found.artifacts:
        return
    try:
        artifact = found.artifacts[digest] = store.artifact(digest)
    except DamagedObject as error:
        found.missing.append(str(error))
        found.lost.add(digest)
        return
    if digest in hollow or (not artifact.complete() and digest in store.hollow):
        found.hollow.add(digest)
        return
    for entry in artifact.manifest["files"].values():
        found.objects[entry["sha256"]] = entry["size"]


def add_record(store: Store, found: Closure, record: Record) -> None:
    """Add a record and its notes to a closure."""
    found.records[record.key, record.artifact] = record
    for note in record.provenance.get("notes", {}).values():
        found.objects[note] = store.objects.size(note)


def add_realisation(store: Store, found: Closure, key: str, digest: str, where: str, hollow: Collection[str] = ()) -> None:
    """Add a record and its artifact to a closure; `where` describes it in `missing`."""
    try:
        record = store.records.get(key, digest)
    except DamagedRecord as error:
        found.missing.append(f"{where}: {error}")
        record = None
    else:
        if record is None:
            found.missing.append(f"{where}: no record {key[:12]} of artifact {digest[:12]}")
    if record is not None:
        add_record(store, found, record)
    add_artifact(store, found, digest, hollow)
