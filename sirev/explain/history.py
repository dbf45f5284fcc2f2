"""History of a store: the time and place of every computation, and the runs that use an artifact."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sirev.store.objects import DamagedObject
from sirev.store.records import DamagedRecord, Record
from sirev.store.runs import Run, run_address
from sirev.store.store import Store
from sirev.study.step_names import BASE_MODEL, PRETRAINED_MODEL, stage_of


@dataclass(frozen=True)
class Entry:
    """One realisation of an action.

    `when` is its beginning (UTC, sortable as text) and `seconds` its duration; either is None if not recorded. `store` is the
    id of the store that made it, None for this one. `users` are the steps that use it: (run id, step). `provenance` is the
    record's; None if the record is missing or damaged.
    """

    stage: str
    key: str
    artifact: str
    when: str | None
    seconds: float | None
    store: str | None
    users: list[tuple[str, str]]
    provenance: dict[str, Any] | None

    def to_dict(self) -> dict[str, Any]:
        """The JSON form: {"when", "seconds", "stage", "key", "artifact", "store", "steps", "packages", "hardware", "git"}.

        "store" is null for an artifact made here, "steps" a list of {"run", "step", "address"}. The last three fields come from
        the record.
        """
        noted = self.provenance or {}
        return {
            **{name: getattr(self, name) for name in ("when", "seconds", "stage", "key", "artifact", "store")},
            "steps": [{"run": run, "step": step, "address": run_address(run, step)} for run, step in self.users],
            **{name: noted.get(name) for name in ("packages", "hardware", "git")},
        }


def history_of(store: Store, run: Run) -> list[Entry]:
    """An entry per step of a run, in the order of computing; undated ones come first."""
    found = []
    for step, pin in run.pins.items():
        try:
            record = store.records.get(pin.key, pin.artifact)
        except DamagedRecord:
            record = None
        if record is None:
            stage = stage_of(step)
            found.append(Entry(stage, pin.key, pin.artifact, None, None, None, [(run.id, step)], None))
        else:
            found.append(_entry(store, record, [(run.id, step)]))
    return _in_time(found)


def whole_history(store: Store) -> tuple[list[Entry], int]:
    """An entry per record of the store, the latest last; and the number of damaged records, which are left out."""
    users: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for run in store.runs.all():
        for step, pin in run.pins.items():
            users.setdefault((pin.key, pin.artifact), []).append((run.id, step))
    found, damaged = [], 0
    for name in store.records.names():
        try:
            record = store.records.get(*name)
        except DamagedRecord:
            damaged += 1
        else:
            found += [_entry(store, record, users.get(name, []))] if record else []
    return _in_time(found), damaged


def users_of(store: Store, artifact: str) -> list[tuple[str, str]]:
    """The steps that an artifact is pinned for: (run id, step)."""
    return [(run.id, step) for run in store.runs.all() for step, pin in run.pins.items() if pin.artifact == artifact]


def keys_of(store: Store, artifact: str) -> list[str]:
    """The keys that an artifact is recorded for."""
    return [key for key, made in store.records.names() if made == artifact]


def holders(store: Store, digest: str) -> list[tuple[str, str]]:
    """The artifacts that hold a file, by its digest: (manifest digest, file name). Reads the manifest of every record."""
    found = []
    for artifact in sorted({artifact for _, artifact in store.records.names()}):
        try:
            files = store.artifact(artifact).manifest["files"]
        except DamagedObject:
            continue
        found += [(artifact, name) for name, entry in files.items() if entry["sha256"] == digest]
    return found


def base_of(store: Store, record: Record, runs: Iterable[Run]) -> tuple[Run, str] | None:
    """The run and step of the base model that an adapter was trained on; None if none of `runs` has it."""
    inputs = record.action.get("inputs", {})
    wanted = inputs.get("init_base", inputs.get("init"))
    for run in runs:
        for step in (step for step in run.pins if step in (BASE_MODEL, PRETRAINED_MODEL)):
            try:
                if store.artifact(run.pins[step].artifact).semantic == wanted:
                    return run, step
            except DamagedObject:
                continue
    return None


def _entry(store: Store, record: Record, users: list[tuple[str, str]]) -> Entry:
    noted = record.provenance
    when, seconds, made_in = noted.get("started") or noted.get("recorded"), noted.get("seconds"), noted.get("store")
    return Entry(
        stage=str(record.action.get("stage")),
        key=record.key,
        artifact=record.artifact,
        when=str(when) if when else None,
        seconds=seconds if isinstance(seconds, int | float) else None,
        store=None if made_in is None or made_in == store.known_id else str(made_in),
        users=users,
        provenance=noted,
    )


def _in_time(entries: list[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: entry.when or "")
