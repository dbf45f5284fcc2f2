"""Pull: copy runs, and everything that they pin, from a shared store. Nothing is visible or parsed before it is checked.

Payloads come first, then records, runs last. Nothing local is replaced. Files that came before an interruption are not
fetched again.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sirev.errors import BadInput, SirevError
from sirev.quoting import as_typed
from sirev.store.naming import runs_meant
from sirev.store.runs import Run
from sirev.store.sharing.backend import Missing, TransferProgress, at_once
from sirev.store.sharing.download import Files, Taker, files_of
from sirev.store.sharing.remote import Remote
from sirev.store.sharing.transfer import Moved
from sirev.store.store import Store
from sirev.suggest import suggest_of

Artifacts = Callable[[Store, Sequence[Run]], set[str]]


@dataclass(frozen=True)
class LeaveOut:
    """Functions for the artifacts to pull without files: `perhaps` needs the runs' pins alone, `decided` all other files."""

    perhaps: Artifacts
    decided: Artifacts


def pull(
    store: Store,
    remote: Remote,
    names: Sequence[str] = (),
    leave_out: LeaveOut | None = None,
    jobs: int = 8,
    progress: TransferProgress | None = None,
) -> Moved:
    """Copy the runs of `names` (ids, their beginnings, or recipes; without any, every run) from a shared store.

    Raises BadInput for names without a run there and for a place that is no shared store, BadInput or RemoteFailed for
    files that are damaged, refused or can't be fetched.
    """
    started = time.monotonic()
    remote.require()
    moved = Moved()
    found = _runs(remote, names, jobs)
    store.create()
    try:
        with store.leasing():
            taker = Taker(store, remote, jobs, progress or TransferProgress())
            _take(taker, _wanted(store, found, moved), leave_out, moved)
    except OSError as error:
        raise SirevError(
            f"the store {store.path} can't be written: {error.strerror or error}; mend that and pull again"
        ) from error
    moved.files += taker.files
    moved.bytes += taker.bytes
    moved.there += taker.there
    moved.seconds = time.monotonic() - started
    return moved


def _take(taker: Taker, runs: dict[str, tuple[Run, bytes]], leave_out: LeaveOut | None, moved: Moved) -> None:
    store = taker.store
    pins = sorted({(pin.key, pin.artifact) for run, _ in runs.values() for pin in run.pins.values()})
    digests = sorted({artifact for _, artifact in pins})
    store.hold([*runs, *digests])
    raw: dict[tuple[str, str], bytes] = {}
    records: dict[tuple[str, str], dict[str, Any]] = {}
    manifests: dict[str, dict[str, Any]] = {}

    def record(pin: tuple[str, str]) -> None:
        raw[pin], records[pin] = taker.record(*pin)
        taker.progress.advance(1, 0)

    def manifest(digest: str) -> None:
        manifests[digest] = taker.manifest(digest)
        taker.progress.advance(1, 0)

    taker.progress.begin("reading what the runs need", len(pins) + len(digests), 0)
    at_once(record, pins, taker.jobs)
    at_once(manifest, digests, taker.jobs)
    asked = [run for run, _ in runs.values()]
    hollow = taker.hollow_there(manifests, taker.remote.hollow())
    perhaps = leave_out.perhaps(store, asked) - hollow if leave_out else set()
    _fetch(taker, [m for digest, m in manifests.items() if digest not in perhaps | hollow], taker.notes(records))
    if leave_out:
        left_out = leave_out.decided(store, asked) & perhaps
        _fetch(taker, [manifests[digest] for digest in sorted(perhaps - left_out)], {})
        hollow |= left_out
    for digest in manifests:
        whole = store.artifact(digest).complete()
        if digest in hollow and not whole:
            store.hollow.add(digest)
        elif whole and digest in store.hollow:
            store.hollow.remove(digest)
    at_once(lambda pin: _adopt(store, pin, raw[pin]), pins, taker.jobs)
    for run_id, (_, run_raw) in runs.items():
        taker.files += store.runs.adopt(run_raw, run_id)
        moved.runs.append(run_id)
    moved.hollow = sum(digest in store.hollow for digest in manifests)


def _adopt(store: Store, pin: tuple[str, str], raw: bytes) -> None:
    store.adopt_record(raw, *pin)


def _fetch(taker: Taker, manifests: Sequence[dict[str, Any]], notes: Files) -> None:
    files: Files = dict(notes)
    for manifest in manifests:
        files_of(manifest, files)
    taker.store.hold(files)
    missing = taker.missing(files)
    taker.there += len(files) - len(missing)
    taker.progress.begin("pulling", len(missing), sum(size for size, _ in missing.values()))
    taker.objects(missing)


def _wanted(store: Store, found: dict[str, tuple[Run, bytes]], moved: Moved) -> dict[str, tuple[Run, bytes]]:
    """The runs to copy: without unfinished ones, and without those that are here with other results."""
    wanted: dict[str, tuple[Run, bytes]] = {}
    for run_id, (run, raw) in found.items():
        here = store.runs.get(run_id)
        original, _, whose = run_id.partition("@")
        own = store.runs.get(original) if whose.startswith(store.id[:8]) else None
        if run.status == "running":
            moved.said.append(f"{run_id} is not finished there, so it is not pulled")
        elif here is not None and here.pins != run.pins:
            moved.said.append(f"{run_id} is here with other results, which stay; the shared store's is not pulled")
        elif own is not None and own.pins == run.pins:
            moved.said.append(f"{run_id} is this store's own {original}")
        else:
            wanted[run_id] = (run, raw)
    return wanted


def _runs(remote: Remote, names: Sequence[str], jobs: int) -> dict[str, tuple[Run, bytes]]:
    """The runs of the names, by id; see `pull`."""
    ids = remote.run_ids()
    if not ids:
        raise BadInput(f"{remote.url} has no runs yet; fill it with: {as_typed('sirev', 'store', 'push', remote.url)}")
    read: dict[str, tuple[Run, bytes]] = {}

    def look(run_id: str) -> None:
        with contextlib.suppress(Missing):  # deleted since it was listed
            read[run_id] = remote.run(run_id)

    # A recipe's runs begin with its name; no other file is read, so that a damaged one does no harm.
    likely = [one for one in ids if not names or any(name and one.startswith(name) for name in names)]
    at_once(look, likely, jobs)
    if not names:
        return {run_id: read[run_id] for run_id in ids if run_id in read}
    meant: dict[str, tuple[Run, bytes]] = {}
    for name in names:
        of_name = runs_meant(name, list(read), lambda run_id: read[run_id][0].recipe, f"of {remote.url} ")
        if not of_name:
            raise BadInput(f"{remote.url} has no run or recipe {name!r}{suggest_of(name, ids)}")
        meant |= {run_id: read[run_id] for run_id in of_name}
    return meant
