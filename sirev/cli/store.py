"""`sirev store`: looking into a store."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path

from sirev.errors import BadInput
from sirev.recipe import suggest
from sirev.reporting.summary import recorded_runs, run_named
from sirev.reporting.tables import TextTable
from sirev.reporting.terminal import print_tables
from sirev.store.store import Store


def ls(path: Path | None) -> None:
    """A line a run, the latest last."""
    store = Store(path)
    runs = recorded_runs(store)
    table = TextTable(f"Runs in {store.path}", ["run", "recipe", "method", "seed", "status", "steps", "begun"], 3)
    for run in runs:
        begun = run.invocation[:16].replace("T", " ")
        table.rows.append([run.id, run.recipe, run.method, str(run.seed), run.status, str(len(run.pins)), begun])
    print_tables([table])


def show(name: str, path: Path | None) -> None:
    """A run, an action's realisations or an artifact, as JSON."""
    store = Store(path)
    if run := store.runs.get(name):
        found: object = asdict(run)
    elif records := (store.records.realisations(key) if (key := store.records.complete_key(name)) else []):
        found = [asdict(record) for record in records]
    elif re.fullmatch(r"[0-9a-f]{64}", name) and store.objects.path(name).is_file():
        found = store.artifact(name).manifest
    else:
        raise BadInput(f"the store {store.path} has no run, key or artifact {name!r}{suggest(name, store.runs.ids())}")
    print(json.dumps(found, indent=2, ensure_ascii=False))


def path(run_id: str | None, step: str | None, path: Path | None) -> None:
    """The store's folder; with a run and a step, the files of the step's artifact and what was noted beside it."""
    store = Store(path)
    if run_id is None:
        print(store.path.resolve())
        return
    run = run_named(store, run_id)
    if step is None:
        print((store.path / "runs" / f"{run.id}.json").resolve())
        return
    if step not in run.pins:
        raise BadInput(f"the run {run_id} has no step {step!r}{suggest(step, list(run.pins))}")
    artifact = store.artifact(run.pins[step].artifact)
    for name in artifact.manifest["files"]:
        print(f"{name}\t{artifact.path(name).resolve()}")
    record = store.records.get(run.pins[step].key, run.pins[step].artifact)
    for name, digest in (record.provenance.get("notes", {}) if record else {}).items():  # beside the artifact, not part of it
        print(f"{name}\t{store.objects.checked(digest).resolve()}")
