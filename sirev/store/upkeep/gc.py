"""Garbage collection: deletes what no run, pin or living process reaches.

Marking happens with the store's gate held exclusively, so that nothing becomes a root meanwhile. The deletion happens in
slices, see `sirev.store.upkeep.sweep`.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sirev.errors import BadInput
from sirev.store.artifacts import Artifact, open_artifact
from sirev.store.leases import leased, sweep_leases
from sirev.store.objects import DamagedObject
from sirev.store.records import DamagedRecord, Record
from sirev.store.runs import Run
from sirev.store.store import Store
from sirev.store.untrusted_files import META_BYTES
from sirev.store.upkeep.closure import Closure, add_artifact, add_record, closure_of
from sirev.store.upkeep.keeps import Keeps
from sirev.store.upkeep.sweep import PAUSE_SECONDS, Garbage, Sweep

SPARED_SECONDS = 24 * 3600
"""Without locks, living processes are unknown: then everything younger than this is spared."""


@dataclass(frozen=True)
class Policy:
    """Rules for giving up runs and files in addition to unreachable ones.

    Given up are: runs whose file was last written more than `older_than` seconds ago; the oldest runs, until files take
    `max_size` bytes; and the files of the artifacts (manifest digests) that `drop` returns for the remaining runs. Pinned
    runs, unfinished runs and those of living processes lose nothing. `also` returns records, by (key, artifact), to keep
    with the remaining runs although none of them pins them.
    """

    older_than: float | None = None
    max_size: int | None = None
    drop: Callable[[Store, list[Run]], Collection[str]] | None = None
    also: Callable[[Store, list[Run]], Iterable[tuple[str, str]]] | None = None


def survey(store: Store, policy: Policy | None = None) -> Garbage:
    """The garbage that `collect` would delete now; deletes nothing."""
    store.check_no_links()
    with store.gate.alone() as held:
        return _marked(store, policy or Policy(), held)


def deletable(store: Store, policy: Policy | None = None) -> Garbage:
    """Like `survey`, but without a lock, so that it writes nothing; the result may contain files being published meanwhile."""
    return _marked(store, policy or Policy(), True)


def collect(store: Store, policy: Policy | None = None) -> Garbage:
    """Delete unreachable files and those that the policy gives up; returns what was deleted.

    Raises BadInput, with nothing deleted, where a run or a pin can't be read, or a file in runs/ is not named like a run, so
    that its pins are unknown.
    """
    store.check_no_links()
    try:
        with store.gate.alone() as held:
            sweep = Sweep(store)
            found = _marked(store, policy or Policy(), held)
            sweep.begin(found)
            sweep.slice()
            sweep_leases(store.path)
        while not sweep.done:
            time.sleep(PAUSE_SECONDS)
            with store.gate.alone():
                sweep.spare()
                sweep.slice()
    except OSError as error:
        raise BadInput(f"{error.filename}: can't be deleted: {error.strerror}") from None
    return found


def _marked(store: Store, policy: Policy, locked: bool) -> Garbage:
    live = leased(store.path)
    if strangers := store.runs.strangers():
        raise BadInput(
            f"{strangers[0]} is not named as a run is, so nobody knows what it needs: move it away; nothing is deleted"
        )
    runs = store.runs.all()
    keeps = Keeps(store.path, store.objects).all()
    kept_runs = {run for keep in keeps for run in keep.runs}
    firm = {run.id for run in runs if run.status == "running" or run.id in live or run.id in kept_runs}
    garbage = Garbage()
    kept = [run for run in runs if run.id in firm or not _older(store, run, policy.older_than)]
    held = live | {digest for keep in keeps for digest in keep.artifacts}
    if policy.max_size is not None:
        kept = _fitting(store, kept, firm, held, policy)
    hollow = _to_drop(store, kept, firm, held, policy)
    reached = _reached(store, kept, held, hollow)
    for key, digest in policy.also(store, kept) if policy.also else ():
        if record := _sound(store, key, digest):
            add_record(store, reached, record)
            add_artifact(store, reached, digest, hollow)
    garbage.warnings += reached.missing
    young = None if locked else time.time() - SPARED_SECONDS
    _free_records(store, reached, garbage, live, young)
    staying = {run.id for run in kept}
    garbage.runs = [run for run in runs if run.id not in staying]
    keep = {*reached.objects, *reached.artifacts, *live}
    explained = _explained(store, garbage, hollow, reached) if reached.lost else None
    for digest, status in _stored(store):
        unknown = explained is not None and digest not in explained  # may belong to a lost artifact
        if digest in keep or unknown or (young is not None and status.st_mtime > young):
            garbage.kept_bytes += status.st_size
        else:
            garbage.objects[digest] = status.st_size
            garbage.seen[digest] = (status.st_mtime_ns, status.st_ino)
    gone = garbage.objects.keys()
    emptied = {digest: _files(reached.artifacts[digest]) & gone for digest in hollow & reached.artifacts.keys()}
    garbage.hollow = sorted(digest for digest, files in emptied.items() if files)
    files = set().union(*emptied.values())
    garbage.hollow_files = sum(digest in files for digest in garbage.objects)
    garbage.hollow_bytes = sum(size for digest, size in garbage.objects.items() if digest in files)
    garbage.too_large = policy.max_size is not None and garbage.kept_bytes > policy.max_size
    garbage.kept_runs = len(kept)
    return garbage


def _files(artifact: Artifact) -> set[str]:
    return {entry["sha256"] for entry in artifact.manifest["files"].values()}


def _explained(store: Store, garbage: Garbage, hollow: set[str], reached: Closure) -> set[str]:
    """The objects known to belong to deleted artifacts; others may belong to one whose manifest is lost but that must stay."""
    found = {digest for _, digest in garbage.records}
    opened = [artifact for digest in set(found) if (artifact := _opened(store, digest))]
    opened += [reached.artifacts[digest] for digest in hollow & reached.artifacts.keys()]
    return found.union(*map(_files, opened))


def _to_drop(store: Store, kept: list[Run], firm: set[str], held: set[str], policy: Policy) -> set[str]:
    if policy.drop is None:
        return set()
    needed = {pin.artifact for run in kept if run.id in firm for pin in run.pins.values()} | held
    return set(policy.drop(store, [run for run in kept if run.id not in firm])) - needed


def _reached(store: Store, runs: list[Run], held: Iterable[str], hollow: Collection[str]) -> Closure:
    """Everything that the roots lead to, with the inputs that it was made from."""
    found = closure_of(store, runs, hollow)
    # A held digest may be a manifest's, unless the file is too large for one.
    for digest in held:
        if digest not in found.artifacts and 0 < store.objects.size(digest) <= META_BYTES:
            with contextlib.suppress(DamagedObject):
                store.artifact(digest)
                add_artifact(store, found, digest, hollow)
    _add_origins(store, found, hollow)
    return found


def _add_origins(store: Store, found: Closure, hollow: Collection[str]) -> None:
    """Add the inputs of all kept records, since a realisation of a nondeterministic stage can't be computed again.

    A run pins all of its steps, so this adds something only for artifacts that were pinned individually. Only for those is
    the whole store read.
    """
    own = {artifact for _, artifact in found.records}  # those of runs, which pin the inputs too
    waiting = [digest for digest in found.artifacts if digest not in own]
    if not waiting:
        return
    keys: dict[str, list[str]] = {}
    for key, artifact in store.records.names():
        keys.setdefault(artifact, []).append(key)
    saying: dict[str, list[str]] | None = None
    while waiting:
        digest = waiting.pop()
        for record in (record for key in keys.get(digest, []) if (record := _sound(store, key, digest))):
            add_record(store, found, record)
            for wanted in record.action.get("inputs", {}).values():
                saying = _semantics(store, keys) if saying is None else saying
                for origin in saying.get(wanted, []):
                    if origin not in found.artifacts:
                        add_artifact(store, found, origin, hollow)
                        waiting.append(origin)


def _semantics(store: Store, digests: Iterable[str]) -> dict[str, list[str]]:
    """Semantic digest -> artifacts that have it."""
    found: dict[str, list[str]] = {}
    for digest in digests:
        with contextlib.suppress(DamagedObject):
            found.setdefault(open_artifact(store.objects, digest).semantic, []).append(digest)
    return found


def _free_records(store: Store, reached: Closure, garbage: Garbage, live: set[str], young: float | None) -> None:
    """Divide the unreached records: those whose files are kept anyway are added to `reached`, the others to `garbage`.

    So the shards of a sampling stay along with its table, and a larger N can build on them.
    """
    for key, digest in store.records.names():
        if (key, digest) in reached.records:
            continue
        artifact = _opened(store, digest)
        cheap = artifact is not None and digest not in reached.hollow
        files = artifact.manifest["files"].values() if artifact else ()
        spared = digest in live or (young is not None and _changed(store.records.path(key, digest)) > young)
        if spared or (cheap and files and all(entry["sha256"] in reached.objects for entry in files)):
            record = _sound(store, key, digest)
            if record is not None and artifact is not None:
                reached.artifacts[digest] = artifact
                add_record(store, reached, record)
                if spared:
                    reached.objects.update({entry["sha256"]: entry["size"] for entry in files})
                continue
        garbage.records.append((key, digest))


def _fitting(store: Store, kept: list[Run], firm: set[str], held: set[str], policy: Policy) -> list[Run]:
    """The runs that remain after giving up the oldest until the size fits; the files that `drop` returns do not count."""
    hollow = _to_drop(store, kept, firm, held, policy)
    reaches = {run.id: _weights(store, closure_of(store, [run], hollow)) for run in kept}
    pinned = Closure()
    for digest in held:
        if 0 < store.objects.size(digest) <= META_BYTES:
            with contextlib.suppress(DamagedObject):
                add_artifact(store, pinned, digest)
    reaches[""] = _weights(store, pinned)  # which stays in any case
    users = Counter(digest for objects in reaches.values() for digest in objects)
    total = sum({digest: size for objects in reaches.values() for digest, size in objects.items()}.values())
    assert policy.max_size is not None
    given_up: set[str] = set()
    for run in sorted(kept, key=lambda run: (_changed(store.runs.root / f"{run.id}.json"), run.id)):
        if total <= policy.max_size:
            break
        if run.id in firm:
            continue
        given_up.add(run.id)
        for digest, size in reaches[run.id].items():
            users[digest] -= 1
            total -= size if users[digest] == 0 else 0
    return [run for run in kept if run.id not in given_up]


def _weights(store: Store, found: Closure) -> dict[str, int]:
    """Size in bytes of every object of a closure, with manifests."""
    return {**found.objects, **{digest: store.objects.size(digest) for digest in found.artifacts}}


def _stored(store: Store) -> Iterator[tuple[str, os.stat_result]]:
    """Every object: digest and stat."""
    root = f"{store.path}/objects"
    with contextlib.suppress(FileNotFoundError):
        for folder in sorted(os.listdir(root)):
            if os.path.islink(f"{root}/{folder}"):
                continue
            with contextlib.suppress(NotADirectoryError), os.scandir(f"{root}/{folder}") as entries:
                for entry in entries:
                    if len(folder + entry.name) == 64 and entry.is_file(follow_symlinks=False):
                        yield folder + entry.name, entry.stat(follow_symlinks=False)


def _older(store: Store, run: Run, seconds: float | None) -> bool:
    return seconds is not None and time.time() - _changed(store.runs.root / f"{run.id}.json") > seconds


def _changed(path: Path) -> float:
    try:
        return os.lstat(path).st_mtime
    except OSError:
        return 0.0


def _opened(store: Store, digest: str) -> Artifact | None:
    try:
        return open_artifact(store.objects, digest)  # not `store.artifact`, which would keep them all in memory
    except DamagedObject:
        return None


def _sound(store: Store, key: str, digest: str) -> Record | None:
    try:
        return store.records.get(key, digest)
    except DamagedRecord:
        return None
