"""`sirev store push`, `pull`, `export`, `import`: runs on their way to others, and theirs on their way here."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from sirev.cli.store.moving import Moving
from sirev.cli.units import count_text, size_text
from sirev.errors import BadInput
from sirev.store.runs import Run
from sirev.store.sharing.moved import Moved
from sirev.store.store import Store
from sirev.study.keeping import keep_choice, models_to_drop
from sirev.study.naming import runs_named


def push(url: str, names: Sequence[str], keep_models: str | None, jobs: int, path: Path | None) -> None:
    """Send runs, without those models that are not to be kept."""
    from sirev.store.sharing.push import push as send
    from sirev.store.sharing.remote import Remote

    keep, remote, store = keep_choice(keep_models), Remote(url), _filled(path)
    runs = _finished(store, names)
    with Moving() as moving:
        moved = send(store, remote, runs, models_to_drop(store, runs, keep), jobs, moving)
    _tell(moved, f"pushed to {url}", "all of it was there")
    print(f"next, on another machine: sirev store pull {url} {' '.join(_recipes(runs))}")


def pull(url: str, names: Sequence[str], keep_models: str | None, jobs: int, path: Path | None) -> None:
    """Take runs in, without those models that are not to be kept."""
    from sirev.store.sharing.pull import LeaveOut
    from sirev.store.sharing.pull import pull as take
    from sirev.store.sharing.remote import Remote

    keep, remote, store = keep_choice(keep_models), Remote(url), Store(path)
    leave_out = LeaveOut(
        lambda store, runs: models_to_drop(store, runs, "none"), lambda store, runs: models_to_drop(store, runs, keep)
    )
    with Moving() as moving:
        moved = take(store, remote, names, leave_out if keep != "all" else None, jobs, moving)
    _tell(moved, f"pulled from {url}", "all of it was here")
    _next(store, moved.runs, path)


def export(names: Sequence[str], keep_models: str | None, path: Path | None) -> None:
    """Write runs as one file; the last of the names is the file's."""
    from sirev.store.sharing.archive import export_runs

    *wanted, file = names
    keep, store = keep_choice(keep_models), _filled(path)
    runs = _finished(store, wanted)
    size = export_runs(store, runs, Path(file), models_to_drop(store, runs, keep))
    print(f"{count_text(len(runs), 'run')} written to {file}, {size_text(size)}")
    print(f"next, on another machine: sirev store import {Path(file).name}")


def import_(file: Path, path: Path | None) -> None:
    """Take in the runs of a file."""
    from sirev.store.sharing.archive import import_file

    store = Store(path)
    taken = import_file(store, file)
    print(f"{count_text(len(taken.runs), 'run')} taken in: {count_text(taken.objects, 'new file')}, {size_text(taken.bytes)}")
    if taken.here_already:
        print(f"here already, and left as they were: {', '.join(taken.here_already)}")
    if taken.hollow:
        print(f"the files of {count_text(taken.hollow, 'model')} are not in it; what was measured of them is")
    _next(store, [*taken.runs, *taken.here_already], path)


def _filled(path: Path | None) -> Store:
    store = Store(path)
    if not store.exists:
        raise BadInput(f"the store {store.path} holds nothing yet; fill it with: sirev iterate --recipe tiny")
    return store


def _finished(store: Store, names: Sequence[str]) -> list[Run]:
    """The runs to send. One that goes on is left out where it is only one of several that a name means."""
    runs = runs_named(store, names)
    going = [run for run in runs if run.status == "running"]
    for run in going:
        if any(run.id.startswith(name) and name != run.recipe for name in names):
            raise BadInput(f"the run {run.id} is not finished: end it with `sirev iterate`, then send it")
        print(f"sirev: {run.id} is not finished, so it is left out", file=sys.stderr)
    if not (finished := [run for run in runs if run not in going]):
        raise BadInput(f"the store {store.path} has no finished run to send")
    return finished


def _tell(moved: Moved, done: str, nothing: str) -> None:
    runs = count_text(len(moved.runs), "run")
    if moved.files:
        there = f"; {count_text(moved.there, 'file')} were there already" if moved.there else ""
        print(f"{runs} {done}: {count_text(moved.files, 'file')}, {size_text(moved.bytes)}, {moved.seconds:.1f} s{there}")
    else:
        print(f"{runs} {done}: {nothing} already, {count_text(moved.there, 'file')}, {moved.seconds:.1f} s")
    for sentence in moved.said:
        print(f"sirev: {sentence}", file=sys.stderr)


def _next(store: Store, ids: Sequence[str], path: Path | None) -> None:
    runs = [run for run_id in ids if (run := store.runs.get(run_id))]
    where = f" --store {path}" if path is not None else ""
    for recipe in _recipes(runs):
        print(f"next: sirev report --recipe {recipe}{where}")


def _recipes(runs: Sequence[Run]) -> list[str]:
    return sorted({run.recipe for run in runs})
