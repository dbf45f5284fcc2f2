"""`--push`: what a command computes is copied to a shared store while it goes on."""

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
    """BadInput for a push to nowhere."""
    if push and remote is None:
        raise BadInput("--push: to which shared store? name it with --remote URL")


def shared_store_answers(remote: str | None, push: bool, run: Run, listener: Listener) -> bool:
    """Whether the shared store at `remote` answers, as far as one is named; where it does not, the listener is warned, once.

    BadInput for a push to nowhere and for a place that refuses to be used.
    """
    check_push(push, remote)
    if remote is None:
        return True
    from sirev.store.sharing.answering import await_answer
    from sirev.store.sharing.remote import Remote  # fsspec; nobody else has a use for it

    try:
        await_answer(Remote(remote), listener.asking)
    except RemoteFailed as error:
        later = ", and new results are sent at the end" if push else ""
        listener.warn(run, f"{error}; this command continues without it: nothing is pulled{later}")
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
    """While it lasts, and if `push`, copy what is published in a store to the shared one at `remote`; at the end `runs` too.

    `found` says at the end what of unfinished runs was here before, or pulled; of that, what the shared store lacks is sent.
    Yields a function that sends such at once and raises what `sirev.store.sharing.push.push` does. A shared store that is not
    `answering`, as `shared_store_answers` said, is asked again at the end, if there is something to send by then.
    BadInput, with nothing begun, if the shared store can't be written. What can't be sent in the end is a warning with the
    command that sends it, or StageFailed if it is `required`.
    """
    check_push(push, remote)
    if not push or remote is None:
        yield lambda found: None
        return
    from sirev.store.sharing.remote import Remote  # fsspec; nobody else has a use for it
    from sirev.store.sharing.write_through import WriteThrough

    writer = WriteThrough(store, Remote(remote))
    if answering and not required:  # a worker's machine was tried before
        with contextlib.suppress(RemoteFailed):  # it may be back by the time that there is something to send
            writer.open()
    try:
        with store.leasing(run.id for run in runs):
            try:
                with store.telling(writer.add):
                    yield writer.send
            except Terminated:  # whoever goes on elsewhere has no other way to it
                writer.drain(saving_seconds_left())
                raise
            except SirevError:  # what was computed until then is not lost
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
    """Send what is left, and say what came of it."""
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
