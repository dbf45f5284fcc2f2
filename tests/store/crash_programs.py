"""Small programs over a store, which `tests.store.crashing` kills at each of their points. A program added here is tested.

Each can be run again after an interrupted run, with the same result in the end. Only the store is imported here, so that the
tests start quickly.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sirev.store.artifacts import Output, TableParts
from sirev.store.digests import canonical_json, sealed, sha256
from sirev.store.local_files import LocalFiles
from sirev.store.objects import STAMPED_FROM, DamagedObject
from sirev.store.records import Record, action_key
from sirev.store.runs import Pin, Run
from sirev.store.store import Store
from sirev.store.tables import Table, to_parquet
from sirev.store.upkeep.gc import Policy, collect
from sirev.store.upkeep.keeps import Keep, Keeps

MADE = "2026-01-01T00:00:00.000000+00:00"
TEXT = {"id": "string", "correct": "bool"}


def action(number: int) -> dict[str, object]:
    """An ordinary action."""
    return {"stage": "train", "version": 1, "parameters": {"number": number}, "inputs": {}}


def beside(store: Path) -> Path:
    """A file of the user's, outside the store."""
    return store.with_name(f"{store.name}.weights")


def nothing(store: Path) -> None:
    """Start without a store, with a file of the user's."""
    beside(store).write_bytes(b"weights" * 1000)


def prepared(store: Path) -> None:
    """As `nothing`, with the libraries for tables imported before a child is forked."""
    nothing(store)
    to_parquet(TEXT, [])


def create(store: Path) -> None:
    Store(store).create()


def publish(store: Path) -> None:
    """Publish all that an artifact may have: bytes, a file, a table, a table of existing parts, and notes."""
    opened = Store(store)
    table = Table(TEXT, [{"id": "b", "correct": True}, {"id": "a", "correct": False}], ("id",))
    opened.create()
    part = opened.objects.add(to_parquet(TEXT, table.rows))
    files = {"settings.json": b"{}", "sub/weights": beside(store)}
    tables = {"rows": table, "parts": TableParts(table, {"parts/0.parquet": part})}
    opened.publish(action(1), Output(files=files, tables=tables, provenance={"tokens": 1}, notes={"log.txt": b"a note"}))


def published(store: Path) -> None:
    """Start from a store with one artifact."""
    nothing(store)
    publish(store)


def realisation(store: Path) -> None:
    """Publish another artifact of the same action."""
    Store(store).publish(action(1), Output(files={"settings.json": b"{ }"}))


def mend(store: Path) -> None:
    """Recompute a damaged artifact, some files of which are intact."""
    publish(store)


def damaged(store: Path) -> None:
    """Start from a store with one artifact, one file of which is truncated."""
    published(store)
    path = Store(store).objects.path(sha256(beside(store).read_bytes()))
    path.chmod(0o644)
    os.truncate(path, 10)


def use_damaged(store: Path) -> None:
    """Open a damaged file, which removes it, then recompute it."""
    opened = Store(store)
    artifact = opened.lookup(action_key(action(1)))
    try:
        if artifact is not None:
            artifact.path("sub/weights")
    except DamagedObject:
        pass
    publish(store)


def flipped(store: Path) -> None:
    """Start from a store with one artifact, one file of which has the right size and a wrong byte."""
    published(store)
    path = Store(store).objects.path(sha256(beside(store).read_bytes()))
    path.chmod(0o644)
    path.write_bytes(b"W" + path.read_bytes()[1:])


def stamp(store: Path) -> None:
    """Check an object that is large enough for a stamp."""
    opened = Store(store)
    opened.create()
    digest, _ = opened.objects.add(b"x" * STAMPED_FROM)
    opened.objects.checked(digest)
    Store(store).objects.checked(digest)


def save_run(store: Path) -> None:
    """Save a run whose file is rewritten after every step."""
    opened = Store(store)
    run = Run("tiny-sft-s0-12345678", "tiny", "sft", 0, 1, {"T": 2}, f"{MADE}-abcdef")
    for number in (1, 2):
        output = Output(files={"number": str(number).encode()})
        artifact = opened.lookup(action_key(action(number))) or opened.publish(action(number), output)
        run.pins[f"train:{number}"] = Pin(action_key(action(number)), artifact.digest)
        opened.runs.save(run)
    run.status = "complete"
    opened.runs.save(run)


def local_file(store: Path) -> None:
    """Record the digest of a file of the user's."""
    opened = Store(store)
    opened.create()
    assert LocalFiles(opened.objects).digest(beside(store)) == sha256(b"weights" * 1000)


def locked(store: Path) -> None:
    """Do as every step: take the key's lock, look up, compute."""
    opened = Store(store)
    with opened.leasing(), opened.lock(action(1)) as held:
        assert held
        if opened.lookup(action_key(action(1))) is None:
            opened.publish(action(1), Output(files={"a": b"1"}))


def adopt(store: Path) -> None:
    """Do as a pull: adopt objects, then the record, then the run's file."""
    opened = Store(store)
    opened.create()
    manifest = canonical_json({"format": 1, "files": {"a": {"sha256": sha256(b"1"), "size": 1}}, "tables": {}})
    with opened.leasing():
        for content in (b"1", manifest):
            with opened.objects.temporary() as scratch:
                scratch.fill(content)
                opened.objects.adopt(scratch.path, sha256(content))
        record = Record(action(1), sha256(manifest), {"recorded": MADE, "store": "elsewhere"})
        raw = sealed({"format": 1, "action": record.action, "artifact": record.artifact, "provenance": record.provenance})
        opened.records.adopt(raw, record.key, record.artifact)
        run = {"format": 1, "id": "tiny-sft-s0-12345678", "recipe": "tiny", "method": "sft", "seed": 0, "realisation": 1}
        run |= {"settings": {}, "invocation": MADE, "status": "complete", "reason": None, "redo": [], "redone": []}
        run |= {"pins": {"train:1": {"key": record.key, "artifact": record.artifact}}}
        opened.runs.adopt(sealed(run), "tiny-sft-s0-12345678")


def hollow(store: Path) -> None:
    """Drop the files of an artifact, after marking it as hollow."""
    opened = Store(store)
    artifact = opened.lookup(action_key(action(1)))
    assert artifact is not None
    opened.hollow.add(artifact.digest)
    for entry in artifact.manifest["files"].values():
        opened.objects.path(entry["sha256"]).unlink(missing_ok=True)


def hollowed(store: Path) -> None:
    """Start from a store with one hollow artifact."""
    published(store)
    hollow(store)


def pin(store: Path) -> None:
    """Pin a run, pin it again, and remove the first pin."""
    opened = Store(store)
    save_run(store)
    pins = Keeps(store, opened.objects)
    for name, runs in (("first", ["tiny-sft-s0-12345678"]), ("second", []), ("second", ["tiny-sft-s0-12345678"])):
        pins.add(Keep(name, runs, made=MADE))
    pins.remove("first")


def littered(store: Path) -> None:
    """Start from a finished run and unreachable artifacts, one of them hollow."""
    nothing(store)
    save_run(store)
    opened = Store(store)
    for number in (3, 4):
        opened.publish(action(number), Output(files={"number": str(number).encode(), "same": b"1"}, notes={"log": b"a note"}))
    artifact = opened.lookup(action_key(action(4)))
    assert artifact is not None
    opened.hollow.add(artifact.digest)
    opened.objects.path(artifact.manifest["files"]["number"]["sha256"]).unlink()


def collect_all(store: Path) -> None:
    """Collect unreachable results."""
    collect(Store(store))


def collect_models(store: Path) -> None:
    """Collect, and also drop the files of an artifact of the finished run."""

    def of_first_step(opened: Store, runs: list[Run]) -> set[str]:
        return {run.pins["train:1"].artifact for run in runs}

    collect(Store(store), Policy(drop=of_first_step))


def collect_runs(store: Path) -> None:
    """Collect everything, including runs."""
    collect(Store(store), Policy(max_size=0))


@dataclass(frozen=True)
class Program:
    """A program `run` to be killed, on a store made by `prepare`, which is damaged from the start with `from_damage`."""

    run: Callable[[Path], None]
    prepare: Callable[[Path], None] = nothing
    from_damage: bool = False


PROGRAMS = {
    "create": Program(create),
    "publish": Program(publish, prepared),
    "another realisation": Program(realisation, published),
    "mend": Program(mend, damaged, from_damage=True),
    "use what is damaged": Program(use_damaged, flipped, from_damage=True),
    "stamp": Program(stamp),
    "save a run": Program(save_run),
    "local file": Program(local_file),
    "lock": Program(locked),
    "adopt": Program(adopt),
    "hollow": Program(hollow, published),
    "fill what is hollow": Program(publish, hollowed),
    "pin": Program(pin),
    "collect": Program(collect_all, littered),
    "collect models": Program(collect_models, littered),
    "collect runs": Program(collect_runs, littered),
}
