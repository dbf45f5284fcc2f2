"""`sirev store gc`, `rm`, `pin`, `unpin`: deletion, and protection from it."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from sirev.cli.options import check_format
from sirev.cli.units import age_of, size_of, size_text
from sirev.errors import BadInput
from sirev.explain.action_diff import moment
from sirev.explain.lookup import artifact_named, run_named
from sirev.explain.run_states import States
from sirev.listing import count_text
from sirev.printing import out, out_json, say
from sirev.quoting import as_typed
from sirev.reporting.tables import TextTable
from sirev.reporting.terminal import print_tables
from sirev.store.store import Store
from sirev.store.upkeep.gc import Policy, collect, survey
from sirev.store.upkeep.keeps import Keep, Keeps
from sirev.store.upkeep.sweep import Garbage
from sirev.study.comparing import joint_records
from sirev.study.keep_models import keep_choice, models_to_drop
from sirev.study.remedies import require_store
from sirev.suggest import suggest, suggest_of

_SCHEMA = 1
"""Version of the JSON forms."""


def gc(
    path: Path | None, older_than: str | None, max_size: str | None, keep_models: str | None, yes: bool, dry_run: bool, form: str
) -> None:
    """Show what can be deleted, and delete it after confirmation."""
    check_format(form)
    keep = keep_choice(keep_models)
    policy = Policy(
        age_of("--older-than", older_than),
        size_of("--max-size", max_size),
        (lambda store, runs: models_to_drop(store, runs, keep)) if keep != "all" else None,
        joint_records,
    )
    store = Store(path)
    require_store(store)
    found = survey(store, policy)
    nothing = not (found.objects or found.records or found.runs or found.hollow)
    if form == "table" and not nothing:
        print_tables([_table(store, found)])
    if nothing:
        say("sirev: nothing to delete")
    deleted = not nothing and not dry_run and (yes or _agreed(found, form))
    if deleted:
        found = collect(store, policy)
        say(f"sirev: {size_text(found.bytes)} freed")
    if form == "json":
        out_json({"schema": _SCHEMA, "store": str(store.path), **_plain(found, deleted)})


def pin(name: str | None, tag: str | None, path: Path | None, form: str) -> None:
    """Pin a run or an artifact; without `name`, list the pins."""
    check_format(form)
    store = Store(path)
    keeps = Keeps(store.path, store.objects)
    if name is None:
        return _list(keeps.all(), form, store)
    store.create()
    with store.gate.shared():  # nothing is collected between the lookup and the pin
        made = _add(store, keeps, name, tag)
    say(f"sirev: pinned as {made.name}")
    return None


def rm(names: Sequence[str], path: Path | None) -> None:
    """Remove runs, by their full ids; a later gc frees the space. BadInput for a pinned run or one that is being computed."""
    store = Store(path)
    ids = store.runs.ids()
    keeps = Keeps(store.path, store.objects).all()
    states = States(store)
    for name in names:
        if name not in ids:
            near = [one for one in ids if one.startswith(name)] or ids
            raise BadInput(f"the store {store.path} has no run {name!r}; give the whole id{suggest_of(name, near)}")
        if kept := [keep.name for keep in keeps if name in keep.runs]:
            raise BadInput(f"{name} is pinned; first run: {as_typed('sirev', 'store', 'unpin', kept[0])}")
        run = run_named(store, name)
        if states.of(run) == "running" and not states.certain:
            raise BadInput(
                f"can't tell whether {name} is being computed: a lease in {store.path / 'leases'} can't be read, "
                "or there are no file locks; try again when no other sirev command uses this store"
            )
        if states.of(run) == "running":
            raise BadInput(f"{name} is being computed; stop that first")
    for name in dict.fromkeys(names):
        try:
            store.runs.remove(name)
        except OSError as error:
            raise BadInput(f"the run {name} in {store.path} can't be removed: {error.strerror}") from None
        say(f"sirev: {name} removed")
    say("sirev: its results stay for other runs and for a rerun; to free the space: sirev store gc")


def _add(store: Store, keeps: Keeps, name: str, tag: str | None) -> Keep:
    if re.fullmatch(r"[0-9a-f]{6,64}", name) or ":" in name:
        digest = artifact_named(store, name).digest
        made = Keep(digest[:16] if tag is None else tag, artifacts=[digest])
    else:
        run = run_named(store, name)
        made = Keep(run.id if tag is None else tag, runs=[run.id])
    there = {one.name: one for one in keeps.all()}.get(made.name)
    if there is not None:  # a tag may name several
        runs, artifacts = ([*dict.fromkeys(pair)] for pair in (there.runs + made.runs, there.artifacts + made.artifacts))
        made = Keep(made.name, runs, artifacts)
    keeps.add(made)
    return made


def unpin(name: str, path: Path | None) -> None:
    """Remove a pin."""
    store = Store(path)
    keeps = Keeps(store.path, store.objects)
    names = [one.name for one in keeps.all()]
    if name not in names or not keeps.remove(name):  # only by its full name, since its content may be lost for good
        raise BadInput(f"the store {store.path} has no pin {name!r}{suggest(name, names)}; sirev store pin lists them")
    say(f"sirev: unpinned {name}")


def _agreed(found: Garbage, form: str) -> bool:
    if not sys.stdin.isatty() or form == "json":
        say("sirev: nothing was deleted; to delete it, add --yes")
        return False
    try:
        answer = input(f"Delete {size_text(found.bytes)}? [y/N] ")
    except EOFError:
        out("")
        return False
    return answer.strip().lower() in ("y", "yes")


def _table(store: Store, found: Garbage) -> TextTable:
    table = TextTable(f"What can be deleted from {store.path}", ["what", "how many", "bytes"], 1)
    table.rows.append(["runs", str(len(found.runs)), ""])
    table.rows.append(["records", f"{len(found.records):,}", ""])
    rest = found.bytes - found.hollow_bytes
    models = f"{len(found.hollow):,}"
    table.rows.append(["models of remaining runs", models, size_text(found.hollow_bytes)])
    table.rows.append(["other files and manifests", f"{len(found.objects) - found.hollow_files:,}", size_text(rest)])
    table.rows.append(["total to delete", "", size_text(found.bytes)])
    table.rows.append(["total to keep", count_text(found.kept_runs, "run"), size_text(found.kept_bytes)])
    table.notes += [f"deleted: {run.id}" for run in found.runs]
    if found.hollow:
        table.notes.append("Measurements of those models stay; a model that is needed again is retrained or pulled.")
    if found.too_large:
        table.notes.append("This is still more than --max-size: the rest is pinned, unfinished or in use.")
    table.notes += found.warnings[:10]
    return table


def _plain(found: Garbage, deleted: bool) -> dict[str, object]:
    return {
        "deleted": deleted,
        "runs": [run.id for run in found.runs],
        "records": [list(one) for one in found.records],
        "objects": found.objects,
        "models": found.hollow,
        "bytes": found.bytes,
        "model_bytes": found.hollow_bytes,
        "kept_runs": found.kept_runs,
        "kept_bytes": found.kept_bytes,
        "too_large": found.too_large,
        "warnings": found.warnings,
    }


def _list(keeps: list[Keep], form: str, store: Store) -> None:
    if form == "json":
        told = {"schema": _SCHEMA, "store": str(store.path), "pins": [asdict(one) for one in keeps]}
        out_json(told)
        return
    table = TextTable(f"Pins in {store.path}", ["pin", "keeps", "made"], 3)
    for one in keeps:
        kept = [*one.runs, *(f"artifact {digest[:12]}" for digest in one.artifacts)]
        table.rows.append([one.name, ", ".join(kept), moment(one.made)])
    if not keeps:
        table.notes.append("none; to keep a run: sirev store pin RUN")
    print_tables([table])
