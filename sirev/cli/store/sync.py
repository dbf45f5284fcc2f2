"""`sirev store push`, `pull`, `export`, `import`: exchange of runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sirev.cli.lines import print_lines
from sirev.cli.positional import report_words
from sirev.cli.store.transfer_progress import Moving
from sirev.cli.units import size_text
from sirev.errors import BadInput
from sirev.explain.lookup import runs_named
from sirev.listing import count_text
from sirev.printing import out, say
from sirev.quoting import as_typed
from sirev.store.runs import Run
from sirev.store.sharing.transfer import Moved
from sirev.store.store import Store
from sirev.study.keep_models import keep_choice, models_to_drop
from sirev.study.remedies import require_store, verb_of

if TYPE_CHECKING:
    from sirev.store.sharing.remote import Remote


def push_runs(url: str, names: Sequence[str], keep_models: str | None, jobs: int, path: Path | None) -> None:
    """Send runs to a shared store, without the models that `--keep-models` excludes."""
    from sirev.store.sharing.push import push as send
    from sirev.store.sharing.remote import Remote

    keep, store = keep_choice(keep_models), _filled(path)
    _check_order("push", url, names, store)
    remote = Remote(url)
    runs = _finished(store, names)
    _await(remote)
    with Moving() as moving:
        moved = send(store, remote, runs, models_to_drop(store, runs, keep), jobs, moving)
    _tell(moved, f"pushed to {url}", "everything was there")
    out(f"next, on another machine: {as_typed('sirev', 'store', 'pull', url, *_recipes(runs))}")


def pull_runs(url: str, names: Sequence[str], keep_models: str | None, jobs: int, path: Path | None) -> None:
    """Copy runs from a shared store, without the models that `--keep-models` excludes."""
    from sirev.store.sharing.pull import LeaveOut
    from sirev.store.sharing.pull import pull as take
    from sirev.store.sharing.remote import Remote

    keep, store = keep_choice(keep_models), Store(path)
    _check_order("pull", url, names, store)
    remote = Remote(url)
    leave_out = LeaveOut(
        lambda store, runs: models_to_drop(store, runs, "none"), lambda store, runs: models_to_drop(store, runs, keep)
    )
    _await(remote)
    with Moving() as moving:
        moved = take(store, remote, names, leave_out if keep != "all" else None, jobs, moving)
    _tell(moved, f"pulled from {url}", "everything was here")
    _next(store, moved.runs, path)


def export(names: Sequence[str], keep_models: str | None, path: Path | None) -> None:
    """Write runs into an archive; the last of the names is the file's."""
    from sirev.store.sharing.archive import ENDING, export_runs

    *wanted, file = names
    if not file.endswith(ENDING):
        shown = [one for one in names if not one.endswith(ENDING)]
        archive = next((one for one in wanted if one.endswith(ENDING)), f"FILE{ENDING}")
        command = as_typed("sirev", "store", "export", *shown, archive)
        raise BadInput(f"{file}: an archive's name ends in {ENDING}, and it comes last: {command}")
    keep, store = keep_choice(keep_models), _filled(path)
    runs = _finished(store, wanted)
    size = export_runs(store, runs, Path(file), models_to_drop(store, runs, keep))
    print_lines([f"{count_text(len(runs), 'run')} written to {file}, {size_text(size)}"])
    out(f"next, on another machine: {as_typed('sirev', 'store', 'import', Path(file).name)}")


def import_(file: Path, path: Path | None) -> None:
    """Import the runs of an archive."""
    from sirev.store.sharing.archive import import_file

    store = Store(path)
    taken = import_file(store, file)
    runs = count_text(len(taken.runs), "run")
    print_lines([f"{runs} imported: {count_text(taken.objects, 'new file')}, {size_text(taken.bytes)}"])
    if taken.here_already:
        print_lines([f"already here, left unchanged: {', '.join(taken.here_already)}"])
    if taken.hollow:
        whose = "1 model's weights are" if taken.hollow == 1 else f"{taken.hollow} models' weights are"
        out(f"{whose} not included; the measurements are")
    _next(store, [*taken.runs, *taken.here_already], path)


def _await(remote: Remote) -> None:
    """Wait for the shared store's first answer; see `await_answer`."""
    from sirev.store.sharing.answering import await_answer

    await_answer(remote, lambda text: say(f"sirev: {text} ..."))


def _filled(path: Path | None) -> Store:
    store = Store(path)
    require_store(store)
    return store


def _finished(store: Store, names: Sequence[str]) -> list[Run]:
    """The finished runs among those named. BadInput for an unfinished one that is named itself, and if none is left."""
    runs = runs_named(store, names)
    going = [run for run in runs if run.status == "running"]
    for run in going:
        if any(run.id.startswith(name) and name != run.recipe for name in names):
            raise BadInput(f"the run {run.id} is not finished: finish it with `sirev {verb_of(run)}` first")
        say(f"sirev: {run.id} is not finished, and is left out")
    if not (finished := [run for run in runs if run not in going]):
        raise BadInput(f"the store {store.path} has no finished run to send")
    return finished


def _check_order(command: str, url: str, names: Sequence[str], store: Store) -> None:
    """Raise BadInput if a run is given in the place of the URL."""
    if "/" in url or Path(url).exists():
        return
    place = next((name for name in names if "/" in name or Path(name).is_dir()), None)
    is_run = any(one == url or one.startswith(f"{url}-") for one in store.runs.ids())
    if place is None and not is_run:
        return
    runs = [url, *(name for name in names if name != place)]
    raise BadInput(
        f"{url} is not a place to {command} {'to' if command == 'push' else 'from'}, which comes first: "
        f"{as_typed('sirev', 'store', command, place or 'URL', *runs)}"
    )


def _tell(moved: Moved, done: str, nothing: str) -> None:
    runs = count_text(len(moved.runs), "run")
    if moved.files:
        there = f"; {count_text(moved.there, 'file')} were there already" if moved.there else ""
        print_lines([f"{runs} {done}: {count_text(moved.files, 'file')}, {size_text(moved.bytes)}, {moved.seconds:.1f} s{there}"])
    else:
        print_lines([f"{runs} {done}: {nothing} already, {count_text(moved.there, 'file')}, {moved.seconds:.1f} s"])
    if moved.hollow:
        say(f"sirev: the weights of {count_text(moved.hollow, 'model')} were left out; the measurements are here")
    for sentence in moved.said:
        say(f"sirev: {sentence}")


def _next(store: Store, ids: Sequence[str], path: Path | None) -> None:
    runs = [run for run_id in ids if (run := store.runs.get(run_id))]
    where = ["--store", path] if path is not None else []
    for recipe in _recipes(runs):
        out(f"next: {as_typed('sirev', 'report', *report_words([recipe]), *where)}")


def _recipes(runs: Sequence[Run]) -> list[str]:
    return sorted({run.recipe for run in runs})
