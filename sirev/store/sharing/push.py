"""Push: copy runs, and everything that they pin, to a shared store. Only missing files are sent.

Payloads go first, then manifests, then records, runs last, so that a shared store has whatever it names, even if a push
is killed. Nothing there is ever replaced except damaged objects.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sirev.errors import BadInput
from sirev.store.digests import canonical_json
from sirev.store.hollow import HOLLOW_FORMAT
from sirev.store.objects import MEND, DamagedObject
from sirev.store.runs import Pin, Run, run_bytes
from sirev.store.sharing.backend import Missing, RemoteFailed, TransferProgress, Upload
from sirev.store.sharing.hub_card import store_card
from sirev.store.sharing.private import shareable
from sirev.store.sharing.remote import Remote, hollow_path, object_path, record_path, run_path
from sirev.store.sharing.transfer import Moved
from sirev.store.store import Store
from sirev.store.upkeep.closure import Closure, closure_of

_TURNS = 5
"""Attempts to name a run when other machines take the name at the same moment."""


def push(
    store: Store,
    remote: Remote,
    runs: Sequence[Run],
    hollow: Collection[str] = (),
    jobs: int = 8,
    progress: TransferProgress | None = None,
) -> Moved:
    """Copy finished runs to a shared store, without the files of the artifacts in `hollow` (manifest digests).

    Raises BadInput for a run that is not finished and for a place that is no shared store, DamagedObject or BadInput where
    something here is damaged, RemoteFailed where the transfer fails. What was sent by then need not be sent again.
    """
    started, progress = time.monotonic(), progress or TransferProgress()
    if unfinished := [run.id for run in runs if run.status == "running"]:
        raise BadInput(f"the run {unfinished[0]} is not finished")
    moved = Moved()
    reached = closure_of(store, runs, hollow)
    send_closure(store, remote, reached, runs, moved, jobs, progress)
    moved.seconds = time.monotonic() - started
    return moved


def send_closure(
    store: Store,
    remote: Remote,
    reached: Closure,
    runs: Sequence[Run],
    moved: Moved,
    jobs: int,
    progress: TransferProgress,
) -> set[str]:
    """Copy a closure, then the files of `runs`, to a shared store; see `push` for errors.

    Returns the keys of the closure that had a realisation there before.
    """
    if reached.missing:
        raise BadInput(f"can't push an incomplete run: {reached.missing[0]}")
    remote.create()
    left_out = (entry["sha256"] for digest in reached.hollow for entry in reached.artifacts[digest].manifest["files"].values())
    there = remote.sizes(
        [
            *map(object_path, [*reached.objects, *reached.artifacts, *left_out]),
            *(record_path(*name) for name in reached.records),
            *map(hollow_path, reached.hollow),
            *(["runs/"] if runs else []),
        ],
        jobs,
    )
    groups = [_payloads(store, reached, there), _manifests(store, reached, there), _records(store, reached, there)]
    wanted = len(reached.objects) + len(reached.artifacts) + len(reached.records) + len(reached.hollow)
    moved.there += wanted - sum(map(len, groups))
    if runs or any(groups):
        _send(store, remote, groups, runs, {path for path in there if path.startswith("runs/")}, moved, jobs, progress)
    recorded = {path.split("/")[2] for path in there if path.startswith("records/")}
    return {key for key, _ in reached.records} & recorded


def _send(
    store: Store,
    remote: Remote,
    groups: list[list[Upload]],
    runs: Sequence[Run],
    there: set[str],
    moved: Moved,
    jobs: int,
    progress: TransferProgress,
) -> None:
    left = list(runs)
    for _ in range(_TURNS):
        placed = {run.id: _place(store, remote, run, there) for run in left}
        uploads = {run_id: upload for run_id, (upload, _) in placed.items() if upload}
        ids = {Path(path).stem for path in there} | {name for _, name in placed.values()}
        groups = [*groups, [*uploads.values(), *(store_card(remote, sorted(ids)) if ids else [])]]
        everything = [upload for group in groups for upload in group]
        progress.begin("pushing", len(everything), sum(upload.size for upload in everything))
        lost = remote.write(groups, jobs, progress)
        moved.files += sum(upload.path not in lost for upload in everything)
        moved.bytes += sum(upload.size for upload in everything if upload.path not in lost)
        moved.there += sum(upload.path in lost for upload in groups[-2]) if len(groups) > 1 else 0
        for run in left:
            upload, name = placed[run.id]
            if upload is None or upload.path not in lost:
                moved.runs.append(name)
                moved.there += upload is None
                if name != run.id:
                    moved.said.append(
                        f"{run.id}: the shared store has a run of this name with other results; yours is {name} there"
                    )
        left = [run for run in left if (upload := uploads.get(run.id)) and upload.path in lost]
        if not left:
            return
        groups, there = [], there | lost
    raise RemoteFailed(f"others took the names of runs at {remote.url} {_TURNS} times while this was pushed: push again")


def _place(store: Store, remote: Remote, run: Run, there: set[str]) -> tuple[Upload | None, str]:
    """The upload of a run's file, None if the shared store has it, and the run's name there.

    If the shared store has another run of this name, with other pins, part of this store's id is appended to the name.
    """
    own = f"{run.id}@{store.id[:8]}"
    count = 1
    name = run.id
    while run_path(name) in there:
        if pins_there(remote, name) == run.pins:
            return None, name
        name = own if count == 1 else f"{own}-{count}"
        count += 1
    raw = run_bytes(replace(shareable(run), id=name))
    return Upload(run_path(name), raw, len(raw), exclusive=True), name


def pins_there(remote: Remote, name: str) -> Mapping[str, Pin] | None:
    """The pins of a run in the shared store; None where there is no such run, or a damaged one."""
    try:
        return remote.run(name)[0].pins
    except (BadInput, Missing):  # a damaged one is not ours
        return None


def _payloads(store: Store, reached: Closure, there: dict[str, int]) -> list[Upload]:
    todo = {digest: size for digest, size in reached.objects.items() if there.get(object_path(digest)) != size}
    for digest, size in todo.items():
        if not store.objects.present(digest, size):
            raise DamagedObject(f"object {digest[:12]} of {store.path} is damaged or gone; {MEND}")
    # The largest first: the others would be done long before one that begins last.
    largest = sorted(todo, key=lambda digest: (-todo[digest], digest))
    return [Upload(object_path(digest), store.objects.path(digest), todo[digest], digest) for digest in largest]


def _manifests(store: Store, reached: Closure, there: dict[str, int]) -> list[Upload]:
    sizes = {digest: store.objects.size(digest) for digest in reached.artifacts}
    uploads = [
        Upload(object_path(digest), store.objects.path(digest), size, digest)
        for digest, size in sizes.items()
        if there.get(object_path(digest)) != size
    ]
    for digest in sorted(reached.hollow):
        files = reached.artifacts[digest].manifest["files"].values()
        if all(there.get(object_path(entry["sha256"])) == entry["size"] for entry in files):
            continue  # another user pushed them
        raw = canonical_json({"format": HOLLOW_FORMAT, "artifact": digest})
        if there.get(hollow_path(digest)) != len(raw):
            uploads.append(Upload(hollow_path(digest), raw, len(raw)))
    return uploads


def _records(store: Store, reached: Closure, there: dict[str, int]) -> list[Upload]:
    uploads = []
    for key, artifact in reached.records:
        if (path := record_path(key, artifact)) not in there:
            raw = store.records.path(key, artifact).read_bytes()
            uploads.append(Upload(path, raw, len(raw), exclusive=True))
    return uploads
