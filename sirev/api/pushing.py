"""`--push`: results are copied to a shared store while a command computes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from sirev.errors import BadInput, SirevError, StageFailed
from sirev.execution.listener import Listener
from sirev.listing import LISTED, count_text
from sirev.processes.termination import Terminated, saving_seconds_left
from sirev.quoting import as_typed
from sirev.store.records import Realisation
from sirev.store.runs import Run
from sirev.store.sharing.backend import RemoteFailed
from sirev.store.store import Store, default_path

if TYPE_CHECKING:
    from sirev.store.sharing.write_through import WriteThrough


def check_push(push: bool, remote: str | None) -> None:
    """Raise BadInput for `push` without `remote`."""
    if push and remote is None:
        raise BadInput("--push: to which shared store? name it with --remote URL")


def shared_store_answers(remote: str | None, push: bool, run: Run, listener: Listener, then: str = "") -> bool:
    """Whether the shared store at `remote`, if there is one, answers. If not, the listener gets one warning.

    `then` says what the command does instead, if it is not to compute without it. Raises BadInput for `push` without `remote`,
    and for a place that refuses access.
    """
    check_push(push, remote)
    if remote is None:
        return True
    from sirev.store.sharing.answering import ANSWER_SECONDS, RETRY_SECONDS, await_answer
    from sirev.store.sharing.remote import Remote  # fsspec, only needed here

    try:
        await_answer(Remote(remote), listener.asking, ANSWER_SECONDS)
    except RemoteFailed as error:
        later = "; new results are sent at the end" if push else ""
        without = f"this command computes without it, and asks again in {RETRY_SECONDS / 60:.0f} minutes{later}"
        listener.warn(run, f"{error}; {then or without}")
        return False
    return True


@contextlib.contextmanager
def pushing(
    store: Store,
    remote: str | None,
    push: bool,
    runs: Sequence[Run],
    listener: Listener,
    found: Callable[[], Collection[Realisation]] = set,
    *,
    required: bool = False,
    answering: bool = True,
) -> Iterator[Callable[[Collection[Realisation]], None]]:
    """A context in which, with `push`, new results of a store are copied to the shared one at `remote`; at the end, `runs` too.

    `found` is called at the end for the results of unfinished runs that were here before or were pulled; those that the shared
    store lacks are sent. Yields a function that sends results at once, with the errors of `sirev.store.sharing.push.push`. A
    shared store that is not `answering`, by `shared_store_answers`, is asked again at the end if something was computed.
    Raises BadInput, with nothing begun, if the shared store can't be written. If results can't be sent in the end, that is a
    warning with the command that sends them, or StageFailed if `required`.
    """
    check_push(push, remote)
    if not push or remote is None:
        yield lambda found: None
        return
    from sirev.store.sharing.remote import Remote  # fsspec, only needed here
    from sirev.store.sharing.write_through import WriteThrough

    writer = WriteThrough(store, Remote(remote))
    if answering and not required:  # a worker's machine was checked before
        with contextlib.suppress(RemoteFailed):  # it may be reachable again by the time of the first result
            writer.open()
    try:
        with store.leasing(run.id for run in runs):
            try:
                with store.telling(writer.add):
                    yield writer.send
            except Terminated:  # a process elsewhere can only continue from the shared store
                writer.drain(saving_seconds_left())
                raise
            except SirevError:  # earlier results are not lost
                _finish(writer, store, runs, (), listener, required=False, answering=answering)
                raise
            _finish(writer, store, runs, found(), listener, required=required, answering=answering)
    finally:
        writer.stop()


def _finish(
    writer: WriteThrough,
    store: Store,
    runs: Sequence[Run],
    found: Collection[Realisation],
    listener: Listener,
    *,
    required: bool,
    answering: bool,
) -> None:
    """Send the remaining results, and report the outcome."""
    there = [saved for run in runs if (saved := store.runs.get(run.id))]
    if not answering and not writer.begun:  # it was warned of, and nobody waits twice for nothing
        listener.note(runs[0], f"nothing was sent to {writer.url}; {_remedy(writer.url, store, runs, there)}")
        return
    try:
        if not answering:
            writer.reopen(listener.asking)
        writer.finish(there, found)
    except (SirevError, OSError) as error:
        if required:
            raise StageFailed(f"its results could not be sent to {writer.url}: {error}") from error
        listener.warn(runs[0], f"not everything was sent to {writer.url} ({error}); {_remedy(writer.url, store, runs, there)}")
        return
    moved = writer.moved
    listener.note(runs[0], f"{count_text(moved.files, 'file')} pushed to {writer.url}, {moved.bytes:,} bytes")
    for sentence in moved.said:
        listener.note(runs[0], sentence)
    if writer.twice and not any(run.redo for run in there):
        steps = count_text(len(writer.twice), "result")
        listener.note(runs[0], f"{steps} computed twice, here and elsewhere at the same time; {writer.url} has both")


def _remedy(url: str, store: Store, runs: Sequence[Run], there: Sequence[Run]) -> str:
    if len(there) < len(runs) or any(run.status == "running" for run in there):
        return "the same command sends the rest"
    place = ["--store", store.path] if store.path != default_path() else []
    names = [run.id for run in there] if len(there) <= LISTED else sorted({run.recipe for run in there})
    return f"send the rest with: {as_typed('sirev', 'store', 'push', url, *names, *place)}"
