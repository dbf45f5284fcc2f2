"""`sirev store ls|show|log|du|diff|path|get`: inspection of a store. Sizes are in bytes, times in UTC."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from sirev.cli.lines import print_lines
from sirev.cli.options import check_format
from sirev.cli.units import size_text
from sirev.errors import BadInput
from sirev.explain import history, lookup
from sirev.explain.action_diff import moment, short_value
from sirev.explain.disk_usage import Space, StageShare, Usage, usage
from sirev.listing import LISTED, listed
from sirev.printing import out, out_json, out_path, say
from sirev.reporting.summary import recorded_runs
from sirev.reporting.tables import ABSENT, TextTable
from sirev.reporting.terminal import print_tables
from sirev.stages.model import REFERENCE
from sirev.store.artifacts import Artifact
from sirev.store.checkout import hand_out, refuse_hollow
from sirev.store.local_files import LocalFiles
from sirev.store.runs import Run, run_address
from sirev.store.store import Store
from sirev.store.upkeep.closure import closure_of
from sirev.store.upkeep.keeps import Keeps
from sirev.study.remedies import OR_RECOMPUTE, require_store
from sirev.suggest import suggest

if TYPE_CHECKING:
    from sirev.explain.run_list import ListedRun

_SCHEMA = 1
"""Version of the JSON forms, raised when a field changes its meaning or is removed."""
LOG_LINES = 1000
"""The most rows of `log`; JSON has all."""
SHARD = "sample-shard"
"""The stage of samplings' parts: there are many, and they are not steps of runs."""
SET_SHOWN = 2
"""The most settings in a row of `ls`; JSON has all."""
SET_VALUE = 24
"""The most characters of a setting's value in a row of `ls`."""
SPACES = {
    "of runs": "used by runs",
    "of pins": "kept by pins only",
    "alongside": "alongside runs: shards, comparisons",
    "deletable": "unused: sirev store gc deletes it",
    "records": "records",
    "other": "runs, pins, stamps, logs",
}


def ls(path: Path | None, form: str) -> None:
    """Print one row per run, the latest last.

    JSON: {"schema", "store", "runs": [...]}, each a `sirev.explain.run_list.ListedRun` with the "status" of its file.
    """
    from sirev.explain.run_list import listed_runs  # imports recipes, to compare settings

    store, as_json = _opened(path, form)
    runs = recorded_runs(store)
    listed = listed_runs(store, runs)
    if as_json:
        rows = [{**one.to_dict(), "status": run.status} for one, run in zip(listed, runs, strict=True)]
        return _print_json(store, {"runs": rows})
    return print_tables([_runs_table(store, listed)])


def _runs_table(store: Store, listed: Sequence[ListedRun]) -> TextTable:
    """The table of runs, with states first, for narrow terminals, then their differences; empty columns are left out."""
    columns: dict[str, list[str]] = {
        "state": [one.state for one in listed],
        "T": [ABSENT if one.T is None else str(one.T) for one in listed],
        "begun (UTC)": [moment(one.begun) for one in listed],
        "size": [size_text(one.size) for one in listed],
        "model": ["" if one.model is None else PurePath(one.model).name or one.model for one in listed],
        "set": [_set_text(one.set) for one in listed],
        "pinned": [", ".join(one.pins) for one in listed],
    }
    columns = {title: [cell or ABSENT for cell in cells] for title, cells in columns.items() if any(cells)}
    rows = [list(cells) for cells in zip([one.run for one in listed], *columns.values(), strict=True)]
    notes = [f"{one.run} {one.state}: {one.reason}" for one in listed if one.reason and one.state in ("failed", "stopped")]
    if any(one.state in ("interrupted", "failed") for one in listed):
        notes.append("sirev iterate continues a run where it stopped; sirev store rm RUN removes one.")
    return TextTable(f"Runs in {store.path}", ["run", *columns], 1, rows, notes)


def _set_text(found: Mapping[str, Any]) -> str:
    """Settings for a cell, by the last two parts of their paths: "T=2, sft.epochs=3 +4"."""
    parts = [f"{'.'.join(path.split('.')[-2:])}={short_value(value)[:SET_VALUE]}" for path, value in found.items()]
    more = f" +{len(parts) - SET_SHOWN}" if len(parts) > SET_SHOWN else ""
    return f"{', '.join(parts[:SET_SHOWN])}{more}"


def show(name: str, path: Path | None, form: str = "json") -> None:
    """Print a run, an action's realisations, an artifact, or a file of one, as JSON.

    A run: its file, with `size`, `pinned` (names of pins), `hollow` (steps with dropped files) and `missing` (in words). A key:
    its records, each with `hollow` and `steps` (its users). An artifact: its manifest, with `artifact`, `semantic`, `size`,
    `hollow`, `complete`, `keys` (of its records) and `steps`. A file: `object`, `size`, and `in`, the artifacts that have it.
    Users are [{"run", "step", "address"}].
    """
    check_format(form)
    out_json(_shown(Store(path), name))


def log(name: str | None, path: Path | None, form: str, everything: bool = False) -> None:
    """Print the times of computation, the latest last, of a run's steps or of all recorded results.

    Shards of samplings are counted but not listed, unless `everything` is set. JSON always has them: {"schema", "store",
    "log": [...], "damaged"}, with entries of `sirev.explain.history.Entry.to_dict`, and `damaged`, the number of unreadable
    records.
    """
    store, as_json = _opened(path, form)
    damaged = 0
    if name is None:
        entries, damaged = history.whole_history(store)
    else:
        entries = history.history_of(store, lookup.run_named(store, name))
    if as_json:
        return _print_json(store, {"log": [entry.to_dict() for entry in entries], "damaged": damaged})
    shards = [] if everything else [entry for entry in entries if entry.stage == SHARD and not entry.users]
    shown = [entry for entry in entries if entry not in shards] if shards else entries
    out(f"{'computed (UTC)':16}  {'artifact':12}  {'seconds':>9}  step")
    for entry in shown[-LOG_LINES:]:  # lines, not a table: names are long, and should be searchable
        print_lines([_log_line(entry)])
    if len(shown) > LOG_LINES:
        say(f"{len(shown) - LOG_LINES:,} earlier steps are not shown; --format json lists all")
    if shards:
        say(f"{len(shards):,} shards of samples are not shown; --all lists them")
    if damaged:
        say(f"{damaged:,} damaged records are left out; repair the store with: sirev store verify --repair")
    return None


def _log_line(entry: history.Entry) -> str:
    steps = [run_address(run, step) for run, step in entry.users]
    seconds = "" if entry.seconds is None else f"{entry.seconds:,.1f}"
    made = f"  computed in {entry.store}" if entry.store else "" if entry.provenance is not None else "  its record is gone"
    when = moment(entry.when) if entry.when else ABSENT
    return f"{when:16}  {entry.artifact[:12]}  {seconds:>9}  {listed(steps, 1) or entry.stage}{made}"


def du(path: Path | None, form: str) -> None:
    """Print the use of disk space.

    JSON: {"schema", "store", "stages", "runs", "spaces", "missing", "total"}, see `sirev.explain.disk_usage.Usage`.
    """
    store, as_json = _opened(path, form)
    found = usage(store)
    if as_json:
        return _print_json(store, found.to_dict())
    stages = _shares_table("By stage", "stage", found.stages)
    stages.notes.append("Files shared by several artifacts are counted once; only here: files of no other stage.")
    runs = _shares_table("By run", "run", found.runs)
    runs.notes.append("Only here: files of no other run.")
    table = TextTable(f"Files in {store.path}", ["what", "files", "size", "on disk"], 1)
    for name, space in [*_spaces(found).items(), ("total", found.total)]:
        table.rows.append([SPACES.get(name, name), *_space(space)])
    if found.missing:
        table.notes.append(f"{len(found.missing):,} results that runs need are missing or damaged: sirev store verify")
    return print_tables([one for one in (stages, runs) if one.rows] + [table])


def diff(first: str, second: str, path: Path | None, form: str) -> None:
    """Print where two runs diverge. JSON: `sirev.explain.run_diff.Difference.to_dict`, with "schema" and "store"."""
    from sirev.explain.run_diff import lines, run_difference

    store, as_json = _opened(path, form)
    found = run_difference(store, lookup.run_named(store, first), lookup.run_named(store, second))
    if as_json:
        return _print_json(store, found.to_dict())
    return print_lines(lines(found))


def path(run_id: str | None, step: str | None, path: Path | None) -> None:
    """Print the store's folder, a run's file, or a step's files and notes (RUN:t:step, or RUN and the step)."""
    store = Store(path)
    if run_id is None:
        out_path(store.path.resolve())
        return
    if step is None and ":" not in run_id:
        run = lookup.run_named(store, run_id)
        out_path((store.path / "runs" / f"{run.id}.json").resolve())
        return
    found = lookup.named(store, run_id if step is None else f"{run_id}:{step}")
    refuse_hollow(store, found.artifact, OR_RECOMPUTE)
    for name in found.artifact.manifest["files"]:
        out_path(found.artifact.path(name).resolve(), name)
    for name, digest in _notes(store, found).items():  # not part of the artifact
        out_path(store.objects.checked(digest).resolve(), name)


def get(name: str, to: Path, path: Path | None) -> None:
    """Export an artifact into a new or empty folder; print the files, and remarks on their use to stderr.

    If it is named by a run's step, its notes are exported too, in notes/.
    """
    store = Store(path)
    found = lookup.named(store, name)
    refuse_hollow(store, found.artifact, OR_RECOMPUTE)
    for file in hand_out(store, found.artifact, to, _notes(store, found) if found.run else {}):
        out(to / file)
    for remark in _remarks(store, found, to):
        say(f"sirev: {remark}")


def _opened(path: Path | None, form: str) -> tuple[Store, bool]:
    """The store, and whether the form is JSON; BadInput if there is no store."""
    check_format(form)
    store = Store(path)
    require_store(store)
    return store, form == "json"


def _print_json(store: Store, value: dict[str, Any]) -> None:
    out_json({"schema": _SCHEMA, "store": str(store.path), **value})


def _shown(store: Store, name: str) -> Any:
    if ":" in name:
        return _shown_artifact(store, lookup.artifact_named(store, name))
    ids = store.runs.ids()
    digits = name.lower()
    if name not in ids and re.fullmatch(rf"[0-9a-f]{{{lookup.SHORTEST},64}}", digits):
        keys, objects = lookup.keys_beginning(store, digits), lookup.objects_beginning(store, digits)
        if len(keys) + len(objects) > 1:
            told = [f"key {key[:12]}" for key in keys] + [f"object {digest[:12]}" for digest in objects]
            raise BadInput(f"{name!r} is ambiguous in the store {store.path}: {listed(told)}")
        if keys:
            return [
                {**asdict(record), "hollow": store.is_hollow(record.artifact), "steps": _steps(store, record.artifact)}
                for record in store.records.realisations(keys[0])
            ]
        if objects:
            artifact = lookup.artifact_if_any(store, objects[0])
            return _shown_artifact(store, artifact) if artifact else _shown_file(store, objects[0])
    if any(name and one.startswith(name) for one in ids):
        return _shown_run(store, lookup.run_named(store, name))
    raise BadInput(f"the store {store.path} has no run, key or artifact {name!r}{suggest(name, ids[-LISTED:])}")


def _shown_run(store: Store, run: Run) -> dict[str, Any]:
    found = closure_of(store, [run])
    return {
        **asdict(run),
        "size": found.size,
        "pinned": _keeps(store, run),
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
    return [{"run": run, "step": step, "address": run_address(run, step)} for run, step in history.users_of(store, artifact)]


def _keeps(store: Store, run: Run) -> list[str]:
    return [keep.name for keep in Keeps(store.path, store.objects).all() if run.id in keep.runs]


def _notes(store: Store, found: lookup.Named) -> dict[str, str]:
    record = store.records.get(found.key, found.artifact.digest) if found.key else None
    return dict(record.provenance.get("notes", {})) if record else {}


def _remarks(store: Store, found: lookup.Named, to: Path) -> Iterator[str]:
    """Yield remarks about an exported model: the model that a reference stands for, or the base of an adapter."""
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
            named = _referred(store, artifact) if REFERENCE in artifact.manifest["files"] else run_address(run.id, step)
            yield f"an adapter; its base model is {named}"


def _referred(store: Store, artifact: Artifact) -> str:
    reference = artifact.json(REFERENCE)
    if "hub" in reference:
        return f"the Hub's {reference['hub']} at commit {reference['commit']}"
    places = LocalFiles(store.objects).where(reference["digest"])
    where = f"last seen in {places[-1]}" if places else "never seen on this machine"
    return f"the local model of digest {reference['digest'][:12]}, {where}"


def _shares_table(title: str, what: str, shares: list[StageShare]) -> TextTable:
    table = TextTable(title, [what, "artifacts", "size", "only here"], 1)
    table.rows = [[one.name, f"{one.artifacts:,}", size_text(one.size), size_text(one.own)] for one in shares]
    return table


def _spaces(found: Usage) -> dict[str, Space]:
    """The spaces of the table, with "of none" split by whether gc would delete it."""
    spaces: dict[str, Space] = {}
    for name, space in found.spaces.items():
        if name == "of none":
            spaces |= {"alongside": space - found.deletable, "deletable": found.deletable}
        else:
            spaces[name] = space
    return spaces


def _space(space: Space) -> list[str]:
    return [f"{space.files:,}", size_text(space.size), size_text(space.disk)]
