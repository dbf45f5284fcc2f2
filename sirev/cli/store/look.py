"""`sirev store ls|show|log|du|diff|path|get`: looking into a store. Sizes are in bytes, times UTC."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sirev.cli.lines import print_lines
from sirev.cli.options import check_format
from sirev.cli.units import size_text
from sirev.errors import BadInput
from sirev.recipe import suggest
from sirev.reporting.summary import recorded_runs
from sirev.reporting.tables import ABSENT, TextTable
from sirev.reporting.terminal import print_tables
from sirev.stages.model import REFERENCE
from sirev.store.artifacts import Artifact
from sirev.store.handout import hand_out, refuse_hollow
from sirev.store.local_files import LocalFiles
from sirev.store.runs import Run, address, step_title
from sirev.store.store import Store
from sirev.store.upkeep.pins import Pins
from sirev.store.upkeep.reach import reach
from sirev.study import history, naming
from sirev.study.components import moment
from sirev.study.usage import Share, Space, run_shares, usage

SCHEMA = 1
"""Version of the JSON forms; it grows when a field changes its meaning or goes away."""
LOGGED = 1000
"""Rows that the table of `log` has at most; JSON has all."""
SPACES = {
    "of runs": "what runs use",
    "of pins": "what only pins keep",
    "of none": "what no run or pin uses",
    "records": "records",
    "other": "runs, pins, stamps, logs",
}


def ls(path: Path | None, form: str) -> None:
    """A line a run, the latest last.

    JSON: {"schema", "store", "runs": [{"run", "recipe", "method", "seed", "status", "steps", "size", "pins", "begun"}]}: `steps`
    a count, `size` bytes of all files that it reaches, each once, `pins` the names of those that keep it.
    """
    store, as_json = _opened(path, form)
    runs = recorded_runs(store)
    sizes = {share.name: share.size for share in run_shares(reach(store, runs), runs)}
    rows = [
        {
            "run": run.id,
            **{name: getattr(run, name) for name in ("recipe", "method", "seed", "status")},
            "steps": len(run.pins),
            "size": sizes[run.id],
            "pins": _pins(store, run),
            "begun": run.invocation[:32],
        }
        for run in runs
    ]
    if as_json:
        return _print_json(store, {"runs": rows})
    pinned = ["pinned"] if any(row["pins"] for row in rows) else []
    table = TextTable(
        f"Runs in {store.path}", ["run", "status", "size", "begun", *pinned], 1
    )  # its id tells recipe, method, seed
    for row in rows:
        pins = [", ".join(row["pins"]) or ABSENT] if pinned else []
        table.rows.append([row["run"], row["status"], size_text(row["size"]), moment(row["begun"]), *pins])
    return print_tables([table])


def show(name: str, path: Path | None, form: str = "json") -> None:
    """A run, an action's realisations, an artifact, or a file of one, as JSON.

    A run: its file, with `size`, `pinned` (by which pins), `hollow` (steps whose files were given up) and `missing` (in
    words). A key: its records, each with `hollow` and `steps` (who uses it). An artifact: its manifest, with `artifact`,
    `semantic`, `size`, `hollow`, `complete`, `keys` (of its records) and `steps`. A file: `object`, `size`, and the artifacts
    that have it, `in`. Who uses something is said as [{"run", "step"}].
    """
    check_format(form)
    print(json.dumps(_shown(Store(path), name), indent=2, ensure_ascii=False))


def log(name: str | None, path: Path | None, form: str) -> None:
    """What was computed when, the latest last: a run's steps, or everything recorded.

    JSON: {"schema", "store", "log": [...], "damaged"}: the entries as `sirev.study.history.Entry.to_dict` says, `damaged` the
    number of records that can't be read.
    """
    store, as_json = _opened(path, form)
    damaged = 0
    if name is None:
        entries, damaged = history.whole_history(store)
    else:
        entries = history.history_of(store, naming.run_named(store, name))
    if as_json:
        return _print_json(store, {"log": [entry.to_dict() for entry in entries], "damaged": damaged})
    for entry in entries[-LOGGED:]:  # lines, as of a log: names are long, and somebody will look for one
        steps = [step if name else f"{run}:{step}" for run, step in entry.users]
        more = f" and {len(steps) - 1} more" if len(steps) > 1 else ""
        seconds = "" if entry.seconds is None else f"{entry.seconds:,.1f} s"
        made = f"  made in {entry.store}" if entry.store else "" if entry.provenance is not None else "  its record is gone"
        when = moment(entry.when) if entry.when else ABSENT
        step = f"{steps[0]}{more}" if steps else entry.stage
        print(f"{when:16}  {entry.artifact[:12]}  {seconds:>9}  {step}{made}")
    if len(entries) > LOGGED:
        print(f"{len(entries) - LOGGED:,} earlier ones are left out; --format json lists all", file=sys.stderr)
    if damaged:
        print(f"{damaged:,} damaged records are left out; mend the store with: sirev store verify --repair", file=sys.stderr)
    return None


def du(path: Path | None, form: str) -> None:
    """What takes the space.

    JSON: {"schema", "store", "stages", "runs", "spaces", "missing", "total"} as `sirev.study.usage.Usage` says.
    """
    store, as_json = _opened(path, form)
    found = usage(store)
    if as_json:
        return _print_json(store, found.to_dict())
    stages = _shares_table("By stage", "stage", found.stages)
    stages.notes.append("A file that several artifacts have is counted once; only here: what no other stage has.")
    runs = _shares_table("By run", "run", found.runs)
    runs.notes.append("Only here: what no other run has.")
    table = TextTable(f"Files in {store.path}", ["what", "files", "size", "on disk"], 1)
    for name, space in [*((SPACES[name], space) for name, space in found.spaces.items()), ("total", found.total)]:
        table.rows.append([name, *_space(space)])
    if found.spaces["of none"].files:
        table.notes.append("Shards and comparisons stay beside their runs; what can go: sirev store gc --dry-run")
    if found.missing:
        table.notes.append(f"{len(found.missing):,} things that runs stand on are missing or damaged: sirev store verify")
    return print_tables([one for one in (stages, runs) if one.rows] + [table])


def diff(first: str, second: str, path: Path | None, form: str) -> None:
    """Where two runs part. JSON: as `sirev.study.difference.Difference.to_dict` says, with "schema" and "store"."""
    from sirev.study.difference import difference, lines

    store, as_json = _opened(path, form)
    found = difference(store, naming.run_named(store, first), naming.run_named(store, second))
    if as_json:
        return _print_json(store, found.to_dict())
    return print_lines(lines(found))


def path(run_id: str | None, step: str | None, path: Path | None) -> None:
    """The store's folder; of a run its file; of a step (RUN:t:step, or RUN and the step) its artifact's files and notes."""
    store = Store(path)
    if run_id is None:
        print(store.path.resolve())
        return
    if step is None and ":" not in run_id:
        run = naming.run_named(store, run_id)
        print((store.path / "runs" / f"{run.id}.json").resolve())
        return
    found = naming.named(store, run_id if step is None else f"{run_id}:{step}")
    refuse_hollow(store, found.artifact)
    for name in found.artifact.manifest["files"]:
        print(f"{name}\t{found.artifact.path(name).resolve()}")
    for name, digest in _notes(store, found).items():  # beside the artifact, not part of it
        print(f"{name}\t{store.objects.checked(digest).resolve()}")


def get(name: str, to: Path, path: Path | None) -> None:
    """Hand an artifact out into a folder that is new or empty; prints the files, and to stderr what they need to be of use.

    Named by a run's step, it comes with the notes beside it, in notes/.
    """
    store = Store(path)
    found = naming.named(store, name)
    for file in hand_out(store, found.artifact, to, _notes(store, found) if found.run else {}):
        print(to / file if file.isprintable() else repr(str(to / file)))
    for remark in _remarks(store, found, to):
        print(f"sirev: {remark}", file=sys.stderr)


def _opened(path: Path | None, form: str) -> tuple[Store, bool]:
    """The store, and whether it is JSON that is wanted."""
    check_format(form)
    store = Store(path)
    if not store.exists:
        raise BadInput(
            f"there is no store in {store.path}; run first: sirev iterate --recipe tiny, or name another with --store DIR"
        )
    return store, form == "json"


def _print_json(store: Store, value: dict[str, Any]) -> None:
    print(json.dumps({"schema": SCHEMA, "store": str(store.path), **value}, indent=2, ensure_ascii=False))


def _shown(store: Store, name: str) -> Any:
    if ":" in name:
        return _shown_artifact(store, naming.artifact_named(store, name))
    ids = store.runs.ids()
    digits = name.lower()
    if name not in ids and re.fullmatch(rf"[0-9a-f]{{{naming.SHORTEST},64}}", digits):
        keys, objects = naming.keys_beginning(store, digits), naming.objects_beginning(store, digits)
        if len(keys) + len(objects) > 1:
            told = [f"key {key[:12]}" for key in keys] + [f"object {digest[:12]}" for digest in objects]
            raise BadInput(f"{name!r} may mean several things in the store {store.path}: {naming.listed(told)}")
        if keys:
            return [
                {**asdict(record), "hollow": store.is_hollow(record.artifact), "steps": _steps(store, record.artifact)}
                for record in store.records.realisations(keys[0])
            ]
        if objects:
            artifact = naming.artifact_if_any(store, objects[0])
            return _shown_artifact(store, artifact) if artifact else _shown_file(store, objects[0])
    if any(name and one.startswith(name) for one in ids):
        return _shown_run(store, naming.run_named(store, name))
    raise BadInput(f"the store {store.path} has no run, key or artifact {name!r}{suggest(name, ids[-naming.LISTED :])}")


def _shown_run(store: Store, run: Run) -> dict[str, Any]:
    found = reach(store, [run])
    return {
        **asdict(run),
        "size": found.size,
        "pinned": _pins(store, run),
        "hollow": [step for step, pin in run.pins.items() if pin.artifact in found.hollow],
        "missing": found.missing,
    }


def _shown_artifact(store: Store, artifact: Artifact) -> dict[str, Any]:
    return {
        "artifact": artifact.digest,
        "semantic": artifact.semantic,
        "size": artifact.size,
        "hollow": store.is_hollow(artifact.digest),
        "complete": artifact.complete(),
        "keys": history.keys_of(store, artifact.digest),
        "steps": _steps(store, artifact.digest),
        **artifact.manifest,
    }


def _shown_file(store: Store, digest: str) -> dict[str, Any]:
    held = [{"artifact": artifact, "file": name} for artifact, name in history.holders(store, digest)]
    return {"object": digest, "size": store.objects.path(digest).stat().st_size, "in": held}


def _steps(store: Store, artifact: str) -> list[dict[str, str]]:
    return [{"run": run, "step": step} for run, step in history.users_of(store, artifact)]


def _pins(store: Store, run: Run) -> list[str]:
    return [pin.name for pin in Pins(store.path, store.objects).all() if run.id in pin.runs]


def _notes(store: Store, found: naming.Named) -> dict[str, str]:
    record = store.records.get(found.key, found.artifact.digest) if found.key else None
    return dict(record.provenance.get("notes", {})) if record else {}


def _remarks(store: Store, found: naming.Named, to: Path) -> Iterator[str]:
    """What a model that was handed out stands for, or stands on."""
    files = found.artifact.manifest["files"]
    if REFERENCE in files:
        yield f"{REFERENCE} stands for {_referred(store, found.artifact)}; its weights were never in the store"
    if "adapter_config.json" in files:
        runs = [found.run] if found.run else store.runs.all()
        keys = [found.key] if found.key else history.keys_of(store, found.artifact.digest)
        record = store.records.get(keys[0], found.artifact.digest) if keys else None
        if record and (base := history.base_of(store, record, runs)):
            run, step = base
            artifact = store.artifact(run.pins[step].artifact)
            named = _referred(store, artifact) if REFERENCE in artifact.manifest["files"] else address(run.id, step)
            yield f"an adapter; its base model is {named}"


def _referred(store: Store, artifact: Artifact) -> str:
    reference = artifact.json(REFERENCE)
    if "hub" in reference:
        return f"the Hub's {reference['hub']} at commit {reference['commit']}"
    places = LocalFiles(store.objects).where(reference["digest"])
    where = f"last seen in {places[-1]}" if places else "never seen on this machine"
    return f"the local model of digest {reference['digest'][:12]}, {where}"


def _shares_table(title: str, what: str, shares: list[Share]) -> TextTable:
    table = TextTable(title, [what, "artifacts", "size", "only here"], 1)
    table.rows = [[one.name, f"{one.artifacts:,}", size_text(one.size), size_text(one.own)] for one in shares]
    return table


def _space(space: Space) -> list[str]:
    return [f"{space.files:,}", size_text(space.size), size_text(space.disk)]
